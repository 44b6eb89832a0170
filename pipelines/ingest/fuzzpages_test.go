package ingest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/pinduoduo"
	"github.com/omoflow/omoflow/pipelines/source/profile"
	"github.com/omoflow/omoflow/pipelines/source/shopify"
	"github.com/omoflow/omoflow/pipelines/source/taobao"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce"
)

// inboxes are those of every feed of every platform, on one lake.
func inboxes(f *testing.F) (all []*ingest.Inbox) {
	f.Helper()
	s := newShop(f, wholeProfile)
	s.opt.Zone, s.opt.Now = "UTC", func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }
	for _, one := range []struct {
		platform source.Platform
		values   map[string]any
	}{
		{woocommerce.Platform(), map[string]any{"url": "https://shop.example", "key": "env:A", "secret": "env:B"}},
		{shopify.Platform(), map[string]any{"url": "https://shop.myshopify.com", "access_token": "env:A"}},
		{taobao.Platform(), map[string]any{"app_key": "env:A", "app_secret": "env:B", "session": "env:C"}},
		{pinduoduo.Platform(), map[string]any{"client_id": "env:A", "client_secret": "env:B", "access_token": "env:C"}},
	} {
		name := one.platform.Declaration.Name
		settings, err := one.platform.Declaration.Parse("sources."+name, one.values)
		if err != nil {
			f.Fatal(err)
		}
		settings.Name, settings.Zone = name, "Asia/Shanghai"
		settings.Secrets = secret.Resolver{LookupEnv: func(string) (string, bool) { return "canary", true }}
		api, err := one.platform.Open(f.Context(), settings)
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(api.Close)
		for _, feed := range api.Feeds() {
			mapping, err := profile.Parse(feed.Stream, feed.Profile)
			if err != nil {
				f.Fatal(err)
			}
			box, err := ingest.NewInbox(s.opt, ingest.Feed{Source: name, Name: feed.Stream, API: &feed, Profile: mapping, RefuseOver: 1_000_000})
			if err != nil {
				f.Fatal(err)
			}
			all = append(all, box)
		}
	}
	return all
}

// FuzzPages: whatever a platform answers, its page becomes records that are all accounted for, or ends with a clear error.
func FuzzPages(f *testing.F) {
	boxes := inboxes(f)
	for _, page := range []string{
		`[{"id":1,"status":"completed","currency":"CNY","date_created_gmt":"2026-05-01T10:00:00","date_modified_gmt":"2026-05-01T10:00:00","total":"10.00","line_items":[{"id":2,"sku":"A","quantity":1,"total":"10.00"}]}]`,
		`{"data":{"orders":{"nodes":[{"id":"gid://shopify/Order/1","updatedAt":"2026-05-01T10:00:00Z","lineItems":{"nodes":[]}}]}}}`,
		`{"trades_sold_increment_get_response":{"trades":{"trade":[{"tid":"1","payment":"9.90","orders":{"order":[{"oid":"1","num":1}]}}]}}}`,
		`{"order_sn_list_get_response":{"order_sn_list":[{"order_sn":"1","pay_amount":9.9,"item_list":[{"goods_count":1}]}]}}`,
		`{"id":1}`, `[]`, `{}`, `[{"id":null,"total":{}}]`, `[[[[`, "\x00\xff", `<html>502</html>`, `[{"id":1e400}]`, `[{"id":1},{"id":1}]`,
	} {
		for feed := range boxes {
			f.Add(uint8(feed), []byte(page))
		}
	}
	n := 0
	f.Fuzz(func(t *testing.T, feed uint8, body []byte) {
		n++
		page := source.Page(fmt.Sprint("page-", n), body, time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC), nil, map[string]string{"order": "1"})
		r, err := boxes[int(feed)%len(boxes)].Take(t.Context(), []source.Delivery{page})
		if err != nil {
			if kind := fault.KindOf(err); kind == fault.Internal || kind == fault.Unknown {
				t.Fatalf("%v error of %q: %v", kind, body, err)
			}
			return
		}
		var sum lake.Counts
		for _, b := range r.Batches {
			sum = sum.Add(b.Counts)
			if !b.Counts.Balanced() {
				t.Fatalf("%q: %+v", body, b.Counts)
			}
		}
		if sum != r.Counts {
			t.Fatalf("%q: batches hold %+v, the result says %+v", body, sum, r.Counts)
		}
	})
}
