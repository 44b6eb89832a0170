package main

import (
	"time"

	"github.com/omoflow/omoflow/internal/world"
	"github.com/omoflow/omoflow/pipelines/source/shopify/simulator"
)

// demoShopify is the platform of the demo's international shop.
func demoShopify() demoKind {
	return demoKind{source: "shopify", title: "Shopify", secrets: map[string]string{"shopify-token": demoToken},
		config: `  # The international shop is asked over HTTP: "omoflow demo" plays Shopify on this machine while it runs, at an address
  # that it writes here. A real shop has https://name.myshopify.com, a token of its own, and no allow_ lines.
  shopify:
    kind: shopify
    url: http://127.0.0.1:0
    access_token: file:./shopify-token
    allow_plain_http: true
    allow_private: true
    streams: [orders, refunds, customers]
    location_id: WEB
    locations: {"2": W02}
    page_size: 250
    attempts: 3
`,
		open: func(shop world.Shop, url string) demoPlatform {
			p := &shopifyDemo{world: shop}
			p.Shop = simulator.New(func() time.Time { return p.now })
			p.Token, p.URL, p.Nested = demoToken, url, 50
			return p
		}}
}

// demoToken is what the demo's project has in its file shopify-token; it opens nothing but the simulator.
const demoToken = "demo-token-of-the-simulator"

type shopifyDemo struct {
	*simulator.Shop
	world world.Shop
	now   time.Time
}

func (d *shopifyDemo) show(_ int, end time.Time) {
	d.now = end.Add(time.Hour)
	for _, c := range d.world.Customers {
		if c.Shown.Before(end) {
			simulator.Customer{ID: c.ID, Created: c.Registered, Updated: c.Shown, Given: c.Given, Family: c.Family, Email: c.Email, Phone: c.Phone, Subscribed: c.Subscribed}.Put(d.Shop)
		}
	}
	for _, o := range d.world.Orders {
		if !o.At.Before(end) {
			continue
		}
		order := d.order(o, end)
		order.Put(d.Shop)
	}
}

func (d *shopifyDemo) order(o world.ShopOrder, end time.Time) *simulator.Order {
	const first = 5_000_000_000_000
	made := &simulator.Order{ID: first + o.Number, Customer: o.Customer, Created: o.At, Processed: o.At, Updated: o.At, Status: "PAID", Source: "web", Cancelled: o.Cancelled,
		Currency: d.world.Currency, Email: o.Email, Phone: o.Phone, Name: o.Name, Country: o.Land, Shipping: o.Shipping, From: 2}
	for _, l := range o.Lines {
		made.Lines = append(made.Lines, simulator.Line{ID: l.ID, Quantity: l.Quantity, Current: l.Quantity, SKU: l.Code, Name: l.Name, Cents: l.Gross, Discount: l.Discount})
	}
	if o.Cancelled {
		made.Status = "VOIDED"
	}
	for _, f := range o.Refunds {
		if !f.At.Before(end) {
			continue
		}
		back := made.Lines[f.Line]
		back.Cents -= back.Discount
		made.Refunds = append(made.Refunds, simulator.Refund{ID: f.Number, Cents: back.Cents, At: f.At, Lines: []simulator.Line{back}, Booked: true, Note: "Customer changed their mind"})
		made.Status, made.Updated = "PARTIALLY_REFUNDED", f.At
	}
	return made
}
