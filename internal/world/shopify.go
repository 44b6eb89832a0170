package world

import (
	"fmt"
	"slices"
	"strconv"
)

// shopifyHeader is the 79-column orders export.
var shopifyHeader = []string{"Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Fulfilled at", "Accepts Marketing", "Currency", "Subtotal", "Shipping", "Taxes", "Total",
	"Discount Code", "Discount Amount", "Shipping Method", "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem compare at price", "Lineitem sku",
	"Lineitem requires shipping", "Lineitem taxable", "Lineitem fulfillment status",
	"Billing Name", "Billing Street", "Billing Address1", "Billing Address2", "Billing Company", "Billing City", "Billing Zip", "Billing Province", "Billing Country", "Billing Phone",
	"Shipping Name", "Shipping Street", "Shipping Address1", "Shipping Address2", "Shipping Company", "Shipping City", "Shipping Zip", "Shipping Province", "Shipping Country", "Shipping Phone",
	"Notes", "Note Attributes", "Cancelled at", "Payment Method", "Payment Reference", "Refunded Amount", "Vendor", "Outstanding Balance", "Employee", "Location", "Device ID", "Id", "Tags", "Risk Level", "Source",
	"Lineitem discount", "Tax 1 Name", "Tax 1 Value", "Tax 2 Name", "Tax 2 Value", "Tax 3 Name", "Tax 3 Value", "Tax 4 Name", "Tax 4 Value", "Tax 5 Name", "Tax 5 Value",
	"Phone", "Receipt Number", "Duties", "Billing Province Name", "Shipping Province Name", "Payment ID", "Payment Terms Name", "Next Payment Due At", "Payment References"}

var shopifyCountries = [...]struct{ country, city, zip string }{cny: {}, usd: {"US", "Portland", "'97205"}, eur: {"DE", "Köln", "'50667"}, hkd: {"HK", "Hong Kong", ""}}

// renderShopify writes one row per line; the order's own cells are on its first row only.
func (s *sim) renderShopify(t *text, orders []order) {
	t.row(shopifyHeader...)
	at := func(name string) int { return slices.Index(shopifyHeader, name) }
	name, quantity, item, price, sku, discount := at("Name"), at("Lineitem quantity"), at("Lineitem name"), at("Lineitem price"), at("Lineitem sku"), at("Lineitem discount")
	created, status, vendor := at("Created at"), at("Lineitem fulfillment status"), at("Vendor")
	first := make([]int, len(shopifyOrderCells))
	for i, h := range shopifyOrderCells {
		first[i] = at(h)
	}
	cells := make([]string, len(shopifyHeader))
	for i := range orders {
		o := &orders[i]
		for k, l := range o.lines {
			clear(cells)
			if k == 0 {
				for j, v := range s.shopifyOrder(o) {
					cells[first[j]] = v
				}
			}
			cells[name], cells[created] = shopifyName(o.number), s.stamp(o.day, o.sec)+" +0800"
			cells[quantity], cells[item], cells[price] = strconv.Itoa(l.qty), nameLatin(s.products[l.sku], l.sku), money(l.price)
			cells[sku], cells[discount], cells[status], cells[vendor] = shopifyCode(l.sku), money(l.disc), "fulfilled", "Demo"
			t.row(cells...)
		}
	}
}

func shopifyName(number int) string { return "#" + strconv.Itoa(1000+number) }

// shopifyOrderCells are the cells of the first row, in the order of shopifyOrder.
var shopifyOrderCells = []string{"Email", "Financial Status", "Paid at", "Fulfillment Status", "Currency", "Subtotal", "Shipping", "Taxes", "Total", "Discount Amount", "Shipping Method",
	"Billing Name", "Billing City", "Billing Zip", "Billing Country", "Billing Phone", "Cancelled at", "Payment Method", "Refunded Amount", "Id", "Source", "Phone", "Shipping Name", "Shipping Country", "Note Attributes"}

func (s *sim) shopifyOrder(o *order) []string {
	gross, disc, _ := o.total()
	c := s.people.records[sourceShopify][o.buyer]
	_, family, given := nameOf(c.person)
	full := given + " " + family
	state, cancelledAt, paidAt, sent := "paid", "", s.stamp(o.day, o.sec)+" +0800", "fulfilled"
	if o.status == cancelled {
		state, cancelledAt, sent = "refunded", s.stamp(o.day, min(o.sec+1800, 86_399))+" +0800", "unfulfilled"
	}
	where := shopifyCountries[o.currency]
	return []string{c.email(sourceShopify), state, paidAt, sent, currencyCodes[o.currency], money(gross - disc), money(o.shipping), "0.00", money(gross - disc + o.shipping), money(disc), "Standard",
		full, where.city, where.zip, where.country, c.phone(), cancelledAt, "Shopify Payments", "0.00", strconv.Itoa(5_000_000_000_000 + o.number), "web", c.phone(), full, where.country,
		"customer_id: " + s.people.id(sourceShopify, o.buyer)}
}

func (s *sim) renderShopifyRefunds(t *text, refunds []refund) {
	t.row("Refund ID", "Order", "Created at", "Location", "SKU", "Quantity", "Currency", "Amount", "Restocked", "Reason")
	for _, f := range refunds {
		t.row(fmt.Sprintf("RF%07d", f.number), shopifyName(f.order.number), s.stamp(f.day, f.sec)+" +0800", s.places[f.place], shopifyCode(f.line.sku), strconv.Itoa(f.line.qty),
			currencyCodes[f.order.currency], money(f.line.paid()), "false", "Customer changed their mind")
	}
}
