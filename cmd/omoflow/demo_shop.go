package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/world"
	"github.com/omoflow/omoflow/pipelines/source/shopify/simulator"
)

// demoShop is the platform of the demo's international shop: a simulator on this machine that is asked over HTTP like the
// real one. It ends with the demo.
type demoShop struct {
	sim    *simulator.Shop
	world  world.Shop
	start  time.Time // first business day
	url    string
	server *http.Server
	now    time.Time
}

// demoToken is what the demo's project has in its file shopify-token; it opens nothing but the simulator.
const demoToken = "demo-token-of-the-simulator"

// demoShopConfig stands in the demo's omoflow.yaml in the place of the shop's files.
const demoShopConfig = `  # The international shop is asked over HTTP: "omoflow demo" plays Shopify on this machine while it runs, at an address
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

`

// shopAddress is the line of omoflow.yaml that says where the simulator listens.
var shopAddress = regexp.MustCompile(`(?m)^    url: http://127\.0\.0\.1:[0-9]+$`)

// writeDemo writes the demo's project and tells whether its shop is asked over HTTP: a project that was written before and
// reads the shop's files goes on reading them.
func writeDemo(dir string) (asked bool, err error) {
	written, err := writeProject("demo", dir)
	if err != nil {
		return false, err
	}
	path := filepath.Join(dir, configName)
	text, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	if len(written) == 0 || !strings.Contains(strings.Join(written, " "), configName) {
		return shopAddress.Match(text), nil
	}
	before, rest, ok := strings.Cut(string(text), "  shopify:\n")
	_, after, found := strings.Cut(rest, "  tmall:\n")
	if !ok || !found {
		return false, fault.New(fault.Damaged, "demo_project", path, "report this with the version of omoflow", "the demo's project has no shop to replace")
	}
	if err := os.WriteFile(filepath.Join(dir, "shopify-token"), []byte(demoToken+"\n"), 0o600); err != nil {
		return false, err
	}
	return true, os.WriteFile(path, []byte(before+demoShopConfig+"  tmall:\n"+after), 0o644)
}

// openDemoShop starts the simulator and writes its address into the project.
func openDemoShop(dir string, options world.Options) (*demoShop, error) {
	shop, err := world.ShopOf(options)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "cannot_listen", "127.0.0.1", "allow local connections", "the simulated platform cannot be started")
	}
	d := &demoShop{world: shop, start: options.Start, url: "http://" + listener.Addr().String()}
	if d.start.IsZero() {
		d.start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	d.sim = simulator.New(func() time.Time { return d.now })
	d.sim.Token, d.sim.URL, d.sim.Nested = demoToken, d.url, 50
	d.server = &http.Server{Handler: d.sim, ReadHeaderTimeout: headTime}
	go func() { _ = d.server.Serve(listener) }() // it ends with close
	path := filepath.Join(dir, configName)
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, shopAddress.ReplaceAll(text, []byte("    url: "+d.url)), 0o644)
	}
	if err != nil {
		return nil, errors.Join(fault.Wrap(err, fault.Denied, "not_writable", path, "choose a folder that you may write to", "the project cannot be written"), d.server.Close())
	}
	return d, nil
}

// startDemoShop starts the shop when the project asks it; nil when it reads files. begin is the least number of days that
// the shop must know of.
func (a *app) startDemoShop(ctx context.Context, options world.Options) (d *demoShop, begin int, err error) {
	if !options.ShopAPI {
		return nil, 0, nil
	}
	before, err := a.askedBefore(ctx)
	if err != nil {
		return nil, 0, err
	}
	if before {
		begin = options.Days
	}
	d, err = openDemoShop(a.project, options)
	return d, begin, err
}

// close ends the simulator; what it was doing nobody waits for.
func (d *demoShop) close() {
	if d != nil {
		_ = d.server.Close() // only its listener could have failed
	}
}

// calls counts the questions that were answered.
func (d *demoShop) calls() int {
	if d == nil {
		return 0
	}
	return d.sim.Calls()
}

// until lets the shop know what happened before the end of a business day, and sets its clock behind it.
func (d *demoShop) until(days int) {
	if d == nil {
		return
	}
	end := d.start.AddDate(0, 0, days).Add(-8 * time.Hour) // Shanghai's midnight
	d.now = end.Add(time.Hour)
	for _, c := range d.world.Customers {
		if c.Shown.Before(end) {
			simulator.Customer{ID: c.ID, Created: c.Registered, Updated: c.Shown, Given: c.Given, Family: c.Family, Email: c.Email, Phone: c.Phone, Subscribed: c.Subscribed}.Put(d.sim)
		}
	}
	for _, o := range d.world.Orders {
		if !o.At.Before(end) {
			continue
		}
		order := d.order(o, end)
		order.Put(d.sim)
	}
}

func (d *demoShop) order(o world.ShopOrder, end time.Time) *simulator.Order {
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

// askedBefore tells whether an earlier run has asked the shop: its clock must not go back then.
func (a *app) askedBefore(ctx context.Context) (bool, error) {
	p, err := a.openProject(ctx, true)
	if err != nil {
		return false, err
	}
	defer p.close()
	_, ok, err := p.lake.StreamLog("shopify", "orders").Tail(ctx)
	return ok, err
}
