package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	shopify "github.com/omoflow/omoflow/pipelines/source/shopify/simulator"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// order puts an order of 11.30 that was last changed at a time.
func (s *cliShop) order(id int64, at time.Time) {
	o := &simulator.Order{ID: id, Status: "completed", Currency: "CNY", Created: at, Modified: at, Items: []simulator.Item{{ID: id * 10, Product: 7, SKU: "SKU-7", Quantity: 1, Subtotal: 1000, Total: 1000, Tax: 130}}}
	o.Put(s.sim)
}

// batches are the batches of the lake, none when there is no lake yet.
func (s *cliShop) batches() []lake.BatchEntry {
	s.t.Helper()
	bucket, err := localfs.New(filepath.Join(s.dir, "lake"))
	if err != nil {
		s.t.Fatal(err)
	}
	lk, err := lake.Open(context.Background(), bucket)
	if err != nil {
		s.t.Fatal(err)
	}
	all, err := lk.Batches(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// holds releases what the lake has and looks for orders 1 to n, each once, with their money.
func (s *cliShop) holds(n int) {
	s.t.Helper()
	s.says(0, nil, "run", "-q")
	row := ask(s.t, s.dir, `SELECT count(*), count(DISTINCT order_id), min(CAST(order_id AS INTEGER)), max(CAST(order_id AS INTEGER)) FROM sales."order"`)[0]
	if got, want := strings.Join(row, " "), fmt.Sprintf("%d %d 1 %d", n, n, n); got != want {
		s.t.Errorf("orders, different ones, first and last: %s, want %s", got, want)
	}
	equal(s.t, "money", ask(s.t, s.dir, `SELECT sum(total_amount) FROM sales."order"`)[0][0], fmt.Sprintf("%d.%02d", n*1130/100, n*1130%100))
}

// TestEndlessPagesEnd reads a shop whose cache gives every page alike: the run ends and names it, and once the cache is
// off every order is there once.
func TestEndlessPagesEnd(t *testing.T) {
	s := newCLIShop(t)
	s.configure("allow_plain_http: true, page_size: 2, ")
	at := time.Date(2026, 1, 10, 9, 0, 1, 0, time.UTC)
	for id := int64(1); id <= 5; id++ {
		s.order(id, at) // one second, so that it is read page by page
	}
	before := s.sim.Calls()
	s.sim.Before = func(_ http.ResponseWriter, r *http.Request) bool {
		if q := r.URL.Query(); q.Get("page") != "" {
			q.Set("page", "1")
			r.URL.RawQuery = q.Encode()
		}
		return false
	}
	s.sim.Key = "" // the signature is of the page that was asked for
	s.says(8, []string{"the shop gives the same page again and again", "switch it off for /wp-json"}, "run", "-q", "--no-release")
	if calls := s.sim.Calls() - before; calls > 50 {
		t.Errorf("%d questions to a shop without an end", calls)
	}
	s.sim.Before, s.sim.Key = nil, cliKey
	s.holds(5)
}

// TestClocksThatDiffer reads shops whose clock is wrong by more than a day: the check says so, and what changes between
// two runs by the shop's clock is read although by ours it lies elsewhere.
func TestClocksThatDiffer(t *testing.T) {
	for _, skew := range []time.Duration{-30*time.Hour - 30*time.Minute, 30*time.Hour + 30*time.Minute} {
		t.Run(skew.String(), func(t *testing.T) {
			s := newCLIShop(t)
			passed := time.Duration(0)
			now := func() time.Time { return time.Now().UTC().Add(skew + passed) }
			s.sim.Now = now
			s.says(0, []string{"the shop's clock is 30h", "away from ours; cursors follow the shop's"}, "check")
			s.order(6, now().Add(-30*time.Minute))
			s.says(0, []string{"12 records read = 12 accepted"}, "run", "--no-release")
			passed = time.Hour
			s.order(7, now().Add(-50*time.Minute))
			s.says(0, []string{"= 2 accepted"}, "run", "--no-release")
			s.holds(7)
		})
	}
}

// TestCursorFromTheFutureIsRefused reads a shop whose clock was days ahead and was put right: the position saved meanwhile
// lies in the future. Nothing is read on such a position, nothing is written, and nothing is lost when it is the past again.
func TestCursorFromTheFutureIsRefused(t *testing.T) {
	s := newCLIShop(t)
	ahead := 60 * time.Hour
	s.sim.Now = func() time.Time { return time.Now().UTC().Add(ahead) }
	s.order(6, s.sim.Now().Add(-30*time.Minute))
	s.says(0, []string{"12 records read = 12 accepted"}, "run", "--no-release")
	held := len(s.batches())
	ahead = 0
	s.order(7, s.sim.Now().Add(-time.Minute))
	s.says(2, []string{"everything up to", "the shop's clock says", "check the clock of the shop's server"}, "run", "-q", "--no-release")
	if got := len(s.batches()); got != held {
		t.Errorf("%d batches, %d before the refused run", got, held)
	}
	ahead = 40 * time.Hour // near enough to go on, and what changed before it is found by its id
	s.order(8, s.sim.Now().Add(-20*time.Minute))
	s.holds(8)
}

// TestRoutesThatEnded reads a shop that does not speak wc/v3 any more, and again when it does.
func TestRoutesThatEnded(t *testing.T) {
	s := newCLIShop(t)
	s.says(0, nil, "run", "-q", "--no-release")
	held := len(s.batches())
	s.order(6, time.Now().UTC().Add(-time.Hour))
	s.answer(404, "application/json", `{"code":"rest_no_route","message":"No route was found matching the URL and request method.","data":{"status":404}}`)
	s.says(8, []string{"No route was found", "/wp-json/wc/v3/orders"}, "run", "-q", "--no-release")
	if got := len(s.batches()); got != held {
		t.Errorf("%d batches, %d before the refused run", got, held)
	}
	s.sim.Before = nil
	s.holds(6)
}

// TestAPIVersionThatEnded reads a Shopify whose API version has ended. Shopify then answers with the oldest it serves:
// the check names it, a filter that this one does not know stops the run before anything is staged, and with the filter
// back everything is read.
func TestAPIVersionThatEnded(t *testing.T) {
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	sim := shopify.New(func() time.Time { return now })
	sim.Token = "shpat_canary_3c0ffee"
	at := now.Add(-time.Hour)
	for id := int64(1); id <= 3; id++ {
		o := shopify.Order{ID: id, Status: "PAID", Created: at, Processed: at, Updated: at.Add(time.Duration(id) * time.Second), Lines: []shopify.Line{{ID: id * 10, SKU: "SKU-7", Quantity: 1, Current: 1, Cents: 1000, Tax: 130}}}
		o.Put(sim)
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	sim.URL = server.URL
	s := &cliShop{t: t, dir: t.TempDir()}
	writeText(t, filepath.Join(s.dir, "token.txt"), sim.Token)
	writeText(t, filepath.Join(s.dir, configName), fmt.Sprintf(`version: 1
company: {name: Shop, home_currency: CNY, zone: Asia/Shanghai}
sources:
  shop: {kind: shopify, url: %s, access_token: "file:token.txt", allow_plain_http: true, allow_private: true, attempts: 1, streams: [orders], api_version: 2026-04}
`, server.URL))
	now, sim.Version = time.Date(2027, 4, 2, 0, 0, 0, 0, time.UTC), "2026-07"
	s.says(0, []string{"version 2026-04 has ended (2027-04-01)", `answers with "2026-07"`, "write api_version: with a version that is served"}, "check")
	sim.Rename = "updated_at"
	s.says(8, []string{"the filter was not understood", "set api_version to one that this source was written for"}, "check")
	s.says(8, []string{"the filter was not understood", "set api_version to one that this source was written for"}, "run", "-q", "--no-release")
	if got := len(s.batches()); got != 0 {
		t.Errorf("%d batches of a version that does not know the filter", got)
	}
	sim.Rename = ""
	s.says(0, []string{"15 records read = 9 accepted + 0 duplicate + 0 quarantined + 6 ignored"}, "run", "--no-release")
}
