package ingest_test

import (
	"context"
	"crypto/x509"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/shopify"
	"github.com/omoflow/omoflow/pipelines/source/shopify/simulator"
)

// shopifyShop is a simulated Shopify behind TLS, its source, and a lake.
type shopifyShop struct {
	*wooShop // for its lake and its views only
	sim      *simulator.Shop
	server   *httptest.Server
	now      time.Time
	api      source.API // opened last
}

func newShopify(t testing.TB) *shopifyShop {
	t.Helper()
	s := &shopifyShop{wooShop: &wooShop{shop: newShop(t, wholeProfile)}, now: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)}
	s.sim = simulator.New(func() time.Time { return s.now })
	s.sim.Token = "shpat_canary_5d1f"
	s.server = httptest.NewTLSServer(s.sim)
	s.sim.URL = s.server.URL
	t.Cleanup(s.server.Close)
	s.opt.Zone, s.opt.Now = "Asia/Shanghai", func() time.Time { return s.now }
	return s
}

func (s *shopifyShop) feeds(values map[string]any) []ingest.Feed {
	s.t.Helper()
	all := map[string]any{"url": s.server.URL, "access_token": "env:TOKEN", "allow_private": true, "page_size": 4}
	for name, value := range values {
		all[name] = value
	}
	p := shopify.Platform()
	settings, err := p.Declaration.Parse("sources.shop", all)
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.server.Certificate())
	settings.Name, settings.Zone, settings.RootCAs, settings.Now = "shop", "Asia/Shanghai", roots, s.sim.Now
	settings.Secrets = secret.Resolver{LookupEnv: func(string) (string, bool) { return s.sim.Token, true }}
	settings.Sleep = func(context.Context, time.Duration) error { return nil }
	api, err := p.Open(context.Background(), settings)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(api.Close)
	s.api = api
	return s.feedsOf(api)
}

func (s *shopifyShop) step(values map[string]any) {
	s.t.Helper()
	result, err := ingest.Run(context.Background(), s.opt, s.feeds(values))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range result.Findings {
		s.t.Logf("%+v", f)
	}
	for _, stream := range []string{"order", "order_line", "payment", "refund", "refund_line", "customer", "product", "inventory_level", "location"} {
		s.view(stream)
	}
}

func (s *shopifyShop) expect(query, want string) {
	s.t.Helper()
	if got := s.text(query); got != want {
		s.t.Errorf("%s: got %q, want %q", query, got, want)
	}
}

// order adds an order of one line of 100.00 and 13.00 tax.
func (s *shopifyShop) order(id int64, before time.Duration) *simulator.Order {
	at := s.now.Add(-before)
	o := &simulator.Order{ID: id, Customer: 1, Created: at, Processed: at, Updated: at, Status: "PAID", Source: "web", Lines: []simulator.Line{{ID: id * 100, Quantity: 2, Current: 2, SKU: "SKU-7", Cents: 10000, Tax: 1300}}}
	o.Put(s.sim)
	return o
}

const shopifyCount = "SELECT count(*), CAST(sum(total_amount) AS DECIMAL(18,2)) FROM v_order"
