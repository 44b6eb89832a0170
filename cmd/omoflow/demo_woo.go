package main

import (
	"time"

	"github.com/omoflow/omoflow/internal/world"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// demoWoo is the platform of the demo's own shop.
func demoWoo() demoKind {
	return demoKind{source: "woo", title: "WooCommerce", secrets: map[string]string{"woo-key": demoKey, "woo-secret": demoSecret},
		config: `  # The own shop is asked over HTTP: "omoflow demo" plays WooCommerce on this machine while it runs, at an address that it
  # writes here. A real shop has https://shop.example, keys of its own, and no allow_ lines. Its prices hold 13 % VAT that
  # WooCommerce does not calculate; stores, member numbers and promotions are what plugins keep in meta_data. Parcels that
  # come back are booked by the warehouse (erp), goods handed over in a store go back to its stock.
  woo:
    kind: woocommerce
    url: http://127.0.0.1:0
    key: file:./woo-key
    secret: file:./woo-secret
    allow_plain_http: true
    allow_private: true
    streams: [orders, refunds, products, customers, stock]
    location_id: WOO
    stock_location_id: W01
    constants: {tax_rate: "0.13", is_restocked: "false"}
    meta: {fulfil_location_id: _ships_from, location_id: _returned_to, member_no: _member_no, promotion_id: _promotion}
    attempts: 3
`,
		open: func(shop world.Shop, _ string) demoPlatform {
			p := &wooDemo{world: shop, orders: map[int64]int{}}
			p.Shop = simulator.New(time.FixedZone("Asia/Shanghai", 8*60*60), func() time.Time { return p.now })
			p.Key, p.Secret, p.OrderTable = demoKey, demoSecret, true
			return p
		}}
}

// Keys of the demo's project; they open nothing but the simulator.
const (
	demoKey    = "ck_demo_of_the_simulator"
	demoSecret = "cs_demo_of_the_simulator"
)

type wooDemo struct {
	*simulator.Shop
	world  world.Shop
	now    time.Time
	shown  time.Time          // everything before it has been shown
	orders map[int64]int      // number -> place in rows
	rows   []simulator.Record // orders
	backs  []simulator.Record // refunds
	people []simulator.Record
}

// show adds what is new; records that stay as they are keep their bytes.
func (d *wooDemo) show(days int, end time.Time) {
	d.now = end.Add(-30 * time.Second) // the evening's stock is that of the last business day
	for _, o := range d.world.Orders {
		d.order(o, end)
	}
	for _, c := range d.world.Customers {
		if c.Shown.Before(end) && !c.Shown.Before(d.shown) {
			one := simulator.Customer{ID: c.ID, Created: c.Registered, Person: simulator.Person{First: c.Name, Email: c.Email, Phone: c.Phone}, Meta: noted("_member_no", c.Member)}
			d.people = append(d.people, one.Record(d.Shop))
		}
	}
	goods := make([]simulator.Record, len(d.world.Products))
	for i, p := range d.world.Products {
		one := simulator.Product{ID: int64(i) + 1, Created: d.world.Opened, SKU: p.Code, Name: p.Name, Category: p.Category, GlobalID: p.Barcode, Price: p.Price, Stock: d.world.Levels[days-1][i]}
		goods[i] = one.Record(d.Shop)
	}
	d.Fill("orders", d.rows)
	d.Fill("refunds", d.backs)
	d.Fill("customers", d.people)
	d.Fill("products", goods)
	d.shown = end
}

// order shows an order that is new, or whose refunds are.
func (d *wooDemo) order(o world.ShopOrder, end time.Time) {
	news := !o.At.Before(d.shown)
	for _, f := range o.Refunds {
		news = news || f.At.Before(end) && !f.At.Before(d.shown)
	}
	if !news || !o.At.Before(end) {
		return
	}
	made := wooOrder(o)
	for _, f := range o.Refunds {
		if !f.At.Before(end) {
			continue
		}
		id := 50_000_000 + f.Number
		made.Refunds = append(made.Refunds, id)
		if !f.At.Before(d.shown) {
			back := made.Items[f.Line]
			d.backs = append(d.backs, made.Refund(d.Shop, id, f.At, back.Total, []simulator.Item{back}, simulator.Refund{Reason: "7天无理由", Meta: noted("_returned_to", f.Store)}))
		}
	}
	if at, ok := d.orders[o.Number]; ok {
		d.rows[at] = made.Record(d.Shop)
		return
	}
	d.orders[o.Number] = len(d.rows)
	d.rows = append(d.rows, made.Record(d.Shop))
}

func wooOrder(o world.ShopOrder) *simulator.Order {
	made := &simulator.Order{ID: 100 + o.Number, Status: "completed", Currency: "CNY", Created: o.At, Modified: o.At, Paid: o.Paid, Customer: o.Customer, Shipping: o.Shipping, Tender: "alipay",
		Buyer: simulator.Person{First: o.Name, Email: o.Email, Phone: o.Phone}, Meta: noted("_ships_from", o.Store, "_member_no", o.Member)}
	switch {
	case o.Cancelled:
		made.Status = "cancelled"
	case o.Paid.IsZero():
		made.Status = "pending"
	}
	if o.Pickup {
		made.Method = "local_pickup"
	}
	for _, l := range o.Lines {
		made.Items = append(made.Items, simulator.Item{ID: l.ID, SKU: l.Code, Name: l.Name, Quantity: l.Quantity, Subtotal: l.Gross, Total: l.Gross - l.Discount, Meta: noted("_promotion", l.Promotion)})
	}
	return made
}

// noted are the keys that have a value.
func noted(pairs ...string) map[string]string {
	all := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			all[pairs[i]] = pairs[i+1]
		}
	}
	return all
}
