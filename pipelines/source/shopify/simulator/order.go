package simulator

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Line is an item of an order; money in cents.
type Line struct {
	ID, Quantity, Current int64
	SKU                   string
	Cents, Discount, Tax  int64
	Name                  string // "" is made of the SKU
}

// Refund is money back on an order.
type Refund struct {
	ID, Cents int64
	At        time.Time
	Lines     []Line
	Booked    bool // elsewhere: the goods are not restocked by the refund
	Note      string
}

// Order is an order of the simulated shop.
type Order struct {
	ID, Customer, Location      int64
	Created, Processed, Updated time.Time
	Status, Source, Rate        string // Rate: buyer's currency, "" as the shop's
	Test, Cancelled             bool
	Units                       int64 // stated; 0: those of the lines
	Lines                       []Line
	Refunds                     []Refund
	Returns                     []any

	Currency           string // of the shop; "" is CNY
	Email, Phone, Name string // "" is made of the customer; Name is also whom it is shipped to
	Country            string // "" is CN
	Shipping           int64
	From               int64 // location that ships; 0 is 1
}

// Customer is somebody the simulated shop knows.
type Customer struct {
	ID               int64
	Created, Updated time.Time
	Given, Family    string
	Email, Phone     string
	Subscribed       bool
}

// Put writes the customer into a shop.
func (c Customer) Put(s *Shop) {
	n := map[string]any{"id": Gid("Customer", c.ID), "createdAt": at(c.Created), "updatedAt": at(c.Updated), "firstName": c.Given, "lastName": c.Family, "locale": "en", "defaultEmailAddress": nil, "defaultPhoneNumber": nil, "defaultAddress": nil}
	if c.Email != "" {
		n["defaultEmailAddress"] = map[string]any{"emailAddress": c.Email, "marketingState": map[bool]string{true: "SUBSCRIBED", false: "NOT_SUBSCRIBED"}[c.Subscribed]}
	}
	if c.Phone != "" {
		n["defaultPhoneNumber"] = map[string]any{"phoneNumber": c.Phone}
	}
	s.Put("customers", Record{ID: c.ID, Created: c.Created, Updated: c.Updated, Node: n})
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// Gid writes an id as Shopify does.
func Gid(kind string, id int64) string { return fmt.Sprintf("gid://shopify/%s/%d", kind, id) }

// Money writes cents.
func Money(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}

func (o *Order) bag(cents int64) map[string]any {
	ours := or(o.Currency, "CNY")
	code, theirs := ours, cents
	if o.Rate != "" {
		code, theirs = o.Rate, cents/7
	}
	return map[string]any{"shopMoney": map[string]any{"amount": Money(cents), "currencyCode": ours}, "presentmentMoney": map[string]any{"amount": Money(theirs), "currencyCode": code}}
}

// Draw makes an order by chance.
func Draw(r *rand.Rand, id int64, at time.Time) *Order {
	o := &Order{ID: id, Customer: 1 + int64(r.IntN(5)), Created: at, Processed: at, Updated: at, Status: "PAID", Source: "web"}
	for i := range 1 + r.IntN(4) {
		o.Lines = append(o.Lines, DrawLine(r, id*100+int64(i)))
	}
	return o
}

// DrawLine makes a line by chance.
func DrawLine(r *rand.Rand, id int64) Line {
	q := 1 + int64(r.IntN(3))
	return Line{ID: id, Quantity: q, Current: q, SKU: fmt.Sprintf("SKU-%d", r.IntN(9)), Cents: q * int64(100+r.IntN(5000))}
}

// Cents is what the buyer owes.
func (o *Order) Cents() int64 {
	all := o.Shipping
	for _, l := range o.Lines {
		all += l.Cents - l.Discount + l.Tax
	}
	return all
}

func at(t time.Time) string { return t.UTC().Format(stamp) }

// Put writes the order into a shop.
func (o *Order) Put(s *Shop) {
	units, refunded := int64(0), int64(0)
	lines, refunds, returns := []any{}, []any{}, []any{}
	for _, l := range o.Lines {
		units += l.Current
		lines = append(lines, map[string]any{"id": Gid("LineItem", l.ID), "name": or(l.Name, "Thing "+l.SKU), "title": or(l.Name, "Thing"), "quantity": l.Quantity, "currentQuantity": l.Current, "sku": l.SKU, "isGiftCard": false,
			"variant": map[string]any{"id": Gid("ProductVariant", 70)}, "originalUnitPriceSet": o.bag(l.Cents / l.Quantity), "originalTotalSet": o.bag(l.Cents),
			"discountAllocations": []any{map[string]any{"allocatedAmountSet": o.bag(l.Discount)}}, "taxLines": []any{map[string]any{"title": "tax", "rate": 0.13, "priceSet": o.bag(l.Tax)}}})
	}
	if o.Units != 0 {
		units = o.Units
	}
	for _, f := range o.Refunds {
		refunded += f.Cents
		items, restock := []any{}, "RETURN"
		if f.Booked {
			restock = "NO_RESTOCK"
		}
		for _, l := range f.Lines {
			items = append(items, map[string]any{"id": Gid("RefundLineItem", f.ID*100+l.ID%100), "quantity": l.Quantity, "restockType": restock, "lineItem": map[string]any{"id": Gid("LineItem", l.ID), "sku": l.SKU, "name": or(l.Name, "Thing "+l.SKU)},
				"subtotalSet": o.bag(l.Cents), "totalTaxSet": o.bag(l.Tax)})
		}
		refunds = append(refunds, map[string]any{"id": Gid("Refund", f.ID), "createdAt": at(f.At), "updatedAt": at(f.At), "note": f.Note, "totalRefundedSet": o.bag(f.Cents), "refundLineItems": items, "refundShippingLines": []any{}})
	}
	returns = append(returns, o.Returns...)
	status := "NO_RETURN"
	if len(returns) > 0 {
		status = "RETURN_REQUESTED"
	}
	n := map[string]any{"id": Gid("Order", o.ID), "name": fmt.Sprintf("#%d", o.ID), "createdAt": at(o.Created), "updatedAt": at(o.Updated), "processedAt": at(o.Processed), "cancelledAt": nil, "test": o.Test, "sourceName": o.Source,
		"currencyCode": or(o.Currency, "CNY"), "taxesIncluded": false, "displayFinancialStatus": o.Status, "displayFulfillmentStatus": "FULFILLED", "returnStatus": status, "email": or(o.Email, fmt.Sprintf("c%d@example.com", o.Customer)), "currentSubtotalLineItemsQuantity": units,
		"customer": map[string]any{"id": Gid("Customer", o.Customer)}, "retailLocation": nil, "shippingAddress": map[string]any{"name": or(o.Name, "Somebody"), "countryCodeV2": or(o.Country, "CN")},
		"totalPriceSet": o.bag(o.Cents()), "totalTaxSet": o.bag(0), "totalShippingPriceSet": o.bag(o.Shipping), "totalRefundedSet": o.bag(refunded), "lineItems": lines, "refunds": refunds, "returns": returns,
		"transactions": []any{
			map[string]any{"id": Gid("OrderTransaction", o.ID*10), "kind": "AUTHORIZATION", "status": "SUCCESS", "test": o.Test, "gateway": "card", "processedAt": at(o.Processed), "amountSet": o.bag(o.Cents())},
			map[string]any{"id": Gid("OrderTransaction", o.ID*10+1), "kind": "CAPTURE", "status": "SUCCESS", "test": o.Test, "gateway": "card", "processedAt": at(o.Processed), "amountSet": o.bag(o.Cents())},
			map[string]any{"id": Gid("OrderTransaction", o.ID*10+2), "kind": "SALE", "status": "FAILURE", "test": o.Test, "gateway": "card", "processedAt": at(o.Processed), "amountSet": o.bag(o.Cents())},
		},
		"fulfillments": []any{map[string]any{"id": Gid("Fulfillment", o.ID), "status": "SUCCESS", "createdAt": at(o.Processed), "location": map[string]any{"id": Gid("Location", max(1, o.From))}}}}
	if o.Phone != "" {
		n["phone"] = o.Phone
	}
	if o.Cancelled {
		n["cancelledAt"] = at(o.Updated)
	}
	if o.Location != 0 {
		n["retailLocation"], n["shippingAddress"] = map[string]any{"id": Gid("Location", o.Location), "name": "Store"}, nil
	}
	s.Put("orders", Record{ID: o.ID, Created: o.Created, Updated: o.Updated, Node: n})
}
