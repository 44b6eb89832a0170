package simulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// Order is an order of the seeded shop. Amounts are in cents.
type Order struct {
	ID                int64
	Status            string
	Currency          string
	Created, Modified time.Time
	Customer          int64 // 0 is a guest
	Items             []Item
	Shipping          int64
	Fee               int64
	Refunds           []int64
	Buyer             Person            // empty: made from the number of the customer
	Paid              time.Time         // zero: when it was placed, if its status says that it is paid
	Method, Tender    string            // of shipping and of payment; empty: flat_rate, wechat_pay
	Meta              map[string]string // what plugins keep
}

// Person is who orders.
type Person struct{ First, Last, Email, Phone string }

// Item is a line.
type Item struct {
	ID       int64
	Product  int64
	SKU      string
	Quantity int64
	Subtotal int64 // before discount, without tax
	Total    int64
	Tax      int64
	Name     string // empty: made from the code
	Meta     map[string]string
}

// Cents is what the customer owes.
func (o *Order) Cents() int64 {
	sum := o.Shipping + o.Fee
	for _, i := range o.Items {
		sum += i.Total + i.Tax
	}
	return sum
}

// Money writes cents as the API does.
func Money(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}

// Draw makes an order from a source of chance.
func Draw(r *rand.Rand, id int64, at time.Time) *Order {
	o := &Order{ID: id, Status: []string{"processing", "completed", "completed", "on-hold", "pending"}[r.IntN(5)], Currency: "CNY", Created: at, Modified: at, Customer: int64(r.IntN(40)), Shipping: int64(r.IntN(3)) * 500}
	if r.IntN(8) == 0 {
		o.Fee = int64(r.IntN(700)) - 200
	}
	for n := range 1 + r.IntN(4) {
		o.Items = append(o.Items, DrawItem(r, id*100+int64(n)))
	}
	return o
}

// DrawItem makes a line.
func DrawItem(r *rand.Rand, id int64) Item {
	product := int64(10 + r.IntN(60))
	i := Item{ID: id, Product: product, SKU: fmt.Sprintf("SKU-%04d", product), Quantity: int64(1 + r.IntN(3))}
	i.Subtotal = i.Quantity * int64(100+r.IntN(20000))
	i.Total = i.Subtotal - i.Subtotal*int64(r.IntN(3))/10
	i.Tax = i.Total * 13 / 100
	return i
}

// Put shows the order as it is now.
func (o *Order) Put(s *Shop) {
	s.Put("orders", o.Record(s))
}

// Record is the order as a record of the shop.
func (o *Order) Record(s *Shop) Record {
	return Record{ID: o.ID, Status: o.Status, Created: o.Created, Modified: o.Modified, Raw: o.JSON(s.Zone)}
}

// meta writes what plugins keep as the API shows it.
func meta(kept map[string]string) []any {
	all := []any{}
	for n, key := range slices.Sorted(maps.Keys(kept)) {
		all = append(all, map[string]any{"id": n + 1, "key": key, "value": kept[key]})
	}
	return all
}

func (i *Item) name() string { return cmp.Or(i.Name, "Simulated "+i.SKU) }

func (o *Order) buyer() Person {
	if o.Buyer != (Person{}) {
		return o.Buyer
	}
	return Person{fmt.Sprintf("Person %d", o.Customer), "Simulated", fmt.Sprintf("p%d@example.com", o.Customer), fmt.Sprintf("154000%05d", o.Customer)}
}

// PutRefund adds a refund of an amount to the shop and to its order. Lines may be nil: an amount without goods.
func (o *Order) PutRefund(s *Shop, id int64, at time.Time, cents int64, items []Item) {
	o.Refunds = append(o.Refunds, id)
	s.Put("refunds", o.Refund(s, id, at, cents, items, Refund{Reason: "simulated"}))
	o.Put(s)
}

// Refund is what a refund of an order says besides its amount.
type Refund struct {
	Reason string
	Meta   map[string]string
}

// Refund makes the record of a refund of the order.
func (o *Order) Refund(s *Shop, id int64, at time.Time, cents int64, items []Item, said Refund) Record {
	lines := make([]map[string]any, 0, len(items))
	for n, i := range items {
		lines = append(lines, map[string]any{"id": id*100 + int64(n), "name": i.name(), "product_id": i.Product, "variation_id": 0, "quantity": -i.Quantity, "subtotal": Money(-i.Total), "total": Money(-i.Total), "total_tax": Money(-i.Tax),
			"sku": i.SKU, "price": float64(i.Total) / float64(i.Quantity) / 100, "meta_data": []any{map[string]any{"id": 1, "key": "_refunded_item_id", "value": fmt.Sprint(i.ID)}}})
	}
	raw, _ := json.Marshal(map[string]any{"id": id, "parent_id": o.ID, "date_created": at.In(s.Zone).Format(stamp), "date_created_gmt": at.UTC().Format(stamp), "amount": Money(cents), "reason": said.Reason, "refunded_by": 1,
		"refunded_payment": false, "meta_data": meta(said.Meta), "line_items": lines, "shipping_lines": []any{}, "tax_lines": []any{}, "fee_lines": []any{}}) // plain values
	return Record{ID: id, Parent: o.ID, Created: at, Modified: at, Raw: raw}
}

// JSON is the order as the API shows it.
func (o *Order) JSON(zone *time.Location) []byte {
	items := make([]map[string]any, 0, len(o.Items))
	var discount, tax int64
	for _, i := range o.Items {
		discount += i.Subtotal - i.Total
		tax += i.Tax
		items = append(items, map[string]any{"id": i.ID, "name": i.name(), "product_id": i.Product, "variation_id": 0, "quantity": i.Quantity, "tax_class": "", "subtotal": Money(i.Subtotal), "subtotal_tax": Money(i.Tax), "total": Money(i.Total),
			"total_tax": Money(i.Tax), "taxes": []any{map[string]any{"id": 1, "total": Money(i.Tax), "subtotal": Money(i.Tax)}}, "meta_data": meta(i.Meta), "sku": i.SKU, "global_unique_id": "", "price": float64(i.Subtotal) / float64(i.Quantity) / 100,
			"image": map[string]any{"id": "", "src": ""}, "parent_name": nil})
	}
	fees := []any{}
	if o.Fee != 0 {
		fees = append(fees, map[string]any{"id": o.ID*100 + 90, "name": "Fee", "tax_class": "", "tax_status": "none", "amount": "", "total": Money(o.Fee), "total_tax": "0.00", "taxes": []any{}, "meta_data": []any{}})
	}
	refunds := make([]any, 0, len(o.Refunds))
	for _, id := range o.Refunds {
		refunds = append(refunds, map[string]any{"id": id, "reason": "simulated", "total": "-0.01"})
	}
	shipping := []any{map[string]any{"id": o.ID*100 + 91, "method_title": "Post", "method_id": cmp.Or(o.Method, "flat_rate"), "instance_id": "1", "total": Money(o.Shipping), "total_tax": "0.00", "taxes": []any{}, "meta_data": []any{}}}
	buyer := o.buyer()
	person := map[string]any{"first_name": buyer.First, "last_name": buyer.Last, "company": "", "address_1": "Example street 1", "address_2": "", "city": "Example", "state": "", "postcode": "100000", "country": "CN",
		"email": buyer.Email, "phone": buyer.Phone}
	var paid, paidLocal any
	at := o.Paid
	if at.IsZero() && (o.Status == "processing" || o.Status == "completed" || o.Status == "refunded") {
		at = o.Created
	}
	if !at.IsZero() {
		paid, paidLocal = at.UTC().Format(stamp), at.In(zone).Format(stamp)
	}
	raw, _ := json.Marshal(map[string]any{ // plain values
		"id": o.ID, "parent_id": 0, "status": o.Status, "currency": o.Currency, "version": "11.0.1", "prices_include_tax": false,
		"date_created": o.Created.In(zone).Format(stamp), "date_modified": o.Modified.In(zone).Format(stamp), "date_created_gmt": o.Created.UTC().Format(stamp), "date_modified_gmt": o.Modified.UTC().Format(stamp),
		"discount_total": Money(discount), "discount_tax": "0.00", "shipping_total": Money(o.Shipping), "shipping_tax": "0.00", "cart_tax": Money(tax), "total": Money(o.Cents()), "total_tax": Money(tax), "customer_id": o.Customer,
		"order_key": fmt.Sprintf("wc_order_%d", o.ID), "billing": person, "shipping": person, "payment_method": cmp.Or(o.Tender, "wechat_pay"), "payment_method_title": "WeChat", "transaction_id": fmt.Sprintf("TX%d", o.ID), "customer_ip_address": "",
		"customer_user_agent": "", "created_via": "checkout", "customer_note": "", "date_completed": nil, "date_completed_gmt": nil, "date_paid": paidLocal, "date_paid_gmt": paid, "cart_hash": "", "number": fmt.Sprint(o.ID), "meta_data": meta(o.Meta),
		"line_items": items, "tax_lines": []any{}, "shipping_lines": shipping, "fee_lines": fees, "coupon_lines": []any{}, "refunds": refunds, "payment_url": "https://shop.example/checkout/", "is_editable": false, "needs_payment": false,
		"needs_processing": true, "currency_symbol": "¥", "_links": map[string]any{},
	})
	return raw
}
