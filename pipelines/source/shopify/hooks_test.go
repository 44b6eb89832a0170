package shopify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/shopify"
	"github.com/omoflow/omoflow/pipelines/source/shopify/simulator"
	"github.com/omoflow/omoflow/pipelines/source/webhook"
	"github.com/omoflow/omoflow/pipelines/source/webhook/webhooktest"
)

const domain = "name.myshopify.com"

func (s *site) hooked(t *testing.T, streams ...any) source.API {
	t.Helper()
	values := map[string]any{"webhook_secret": "env:SECRET", "shop_domain": domain}
	if len(streams) > 0 {
		values["streams"] = streams
	}
	api, err := s.Open(shopify.Platform(), values, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api
}

func TestWebhooks(t *testing.T) {
	webhooktest.Run(t, func(t *testing.T) webhooktest.Platform {
		return webhooktest.Platform{
			API: newSite(t).hooked(t).(webhook.Hooked), Secret: password, Topic: "orders/updated", Unheld: "themes/publish", Canary: "canary@example.com",
			Body: func(version int) []byte {
				return fmt.Appendf(nil, `{"id":820982911946154508,"email":"canary@example.com","updated_at":"2026-06-01T16:00:0%d+08:00","refunds":[]}`, version)
			},
			Labels: func(h http.Header, topic, delivery string, triggered time.Time) {
				h.Set("X-Shopify-Topic", topic)
				h.Set("X-Shopify-Webhook-Id", delivery)
				h.Set("X-Shopify-Shop-Domain", domain)
				h.Set("X-Shopify-Api-Version", "2026-04")
				h.Set("X-Shopify-Triggered-At", triggered.Format(time.RFC3339Nano))
			},
			Strange: func(h http.Header) { h.Set("X-Shopify-Shop-Domain", "other.myshopify.com") },
		}
	})
}

func event(topic, body string) webhook.Event {
	return webhook.Event{Topic: topic, ID: "d", Body: []byte(body), Header: http.Header{"X-Shopify-Shop-Domain": {domain}}}
}

// Each topic hints at the streams that pull the record, and nothing is taken from its body but ids.
func TestEventsHintAtTheStreamsThatPullThem(t *testing.T) {
	s := newSite(t)
	hooked := s.hooked(t).(webhook.Hooked)
	for _, c := range []struct{ topic, body, want string }{
		{"orders/create", `{"id":1}`, "orders:1"},
		{"orders/updated", `{"id":1,"refunds":[{"id":5}]}`, "orders:1 refunds:1"},
		{"orders/cancelled", `{"id":1}`, "orders:1"},
		{"orders/edited", `{"order_edit":{"id":9,"order_id":1}}`, "orders:1"},
		{"orders/delete", `{"id":1}`, "orders:1-"},
		{"order_transactions/create", `{"id":9,"order_id":1}`, "orders:1"},
		{"fulfillments/update", `{"id":9,"order_id":1}`, "orders:1"},
		{"refunds/create", `{"id":9,"order_id":1}`, "orders:1 refunds:1"},
		{"returns/request", `{"id":9,"order":{"id":1}}`, "orders:1 returns:1 refunds:1"},
		{"customers/update", `{"id":4}`, "customers:4"},
		{"customers/delete", `{"id":4}`, "customers:4-"},
		{"customers/merge", `{"admin_graphql_api_customer_kept_id":"gid://shopify/Customer/4","admin_graphql_api_customer_deleted_id":"gid://shopify/Customer/5"}`, "customers:4 customers:5-"},
		{"customers_marketing_consent/update", `{"customer_id":4}`, "customers:4"},
		{"products/update", `{"id":7}`, "products:7"},
		{"products/delete", `{"id":7}`, ""},
		{"inventory_levels/update", `{"inventory_item_id":70,"location_id":1,"available":3}`, "stock:70"},
		{"inventory_items/update", `{"id":70}`, "stock:70"},
		{"locations/update", `{"id":1}`, "locations:1"},
		{"customers/redact", `{"shop_id":1,"customer":{"id":4}}`, ""},
		{"app/uninstalled", `{"id":1}`, ""},
		{"refunds/create", `{"id":9}`, "error"},
		{"orders/create", `{"id":-1}`, "error"},
		{"orders/create", `{"id":1.5}`, "error"},
		{"inventory_levels/update", `{"location_id":1}`, "error"},
		{"customers/merge", `{}`, "error"},
	} {
		arrivals, err := hooked.Arrivals(event(c.topic, c.body))
		var got []string
		for _, a := range arrivals {
			hint := a.Stream + ":" + a.Delivery.Hint.ID
			if a.Delivery.Hint.Gone {
				hint += "-"
			}
			got = append(got, hint)
		}
		if err != nil {
			got = []string{"error"}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %s: %v (%v), want %q", c.topic, c.body, got, err, c.want)
		}
	}
	if only, err := s.hooked(t, "orders").(webhook.Hooked).Arrivals(event("products/update", `{"id":7}`)); len(only) != 0 || err != nil {
		t.Errorf("a stream that is not read took %v %v", only, err)
	}
}

// read gives the records that a feed emits.
func read(t *testing.T, from func(emit func(source.Delivery) error) error) []string {
	t.Helper()
	var all []string
	err := from(func(d source.Delivery) error {
		path, err := d.Fetch(context.Background(), t.TempDir())
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var rows []json.RawMessage
		if err := json.Unmarshal(text, &rows); err != nil {
			return err
		}
		for _, r := range rows {
			all = append(all, string(r))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// What a hint brings is byte for byte what the pull brings, with all nested pages.
func TestAnswersAreWhatThePullGives(t *testing.T) {
	s := newSite(t)
	s.add(9, false)
	var hints []source.Hint
	for id, o := range s.orders {
		o.Refunds = append(o.Refunds, simulator.Refund{ID: 9000 + id, Cents: 100, At: s.Now, Lines: o.Lines})
		o.Put(s.sim)
		hints = append(hints, source.Hint{ID: fmt.Sprint(id)})
	}
	s.Now = s.Now.Add(time.Hour)
	for _, f := range s.hooked(t, "orders", "refunds").Feeds() {
		pulled := read(t, func(emit func(source.Delivery) error) error {
			_, err := f.Source.Pull(context.Background(), nil, emit)
			return err
		})
		asked := read(t, func(emit func(source.Delivery) error) error { return f.Ask(context.Background(), hints, emit) })
		if len(asked) != 9 || !slices.Equal(pulled, asked) {
			t.Errorf("%s: %d pulled, %d asked for, or they differ", f.Stream, len(pulled), len(asked))
		}
	}
}

// What the shop does not have any more is a tombstone when it was said to be deleted, and left to the comparison otherwise.
func TestAnswersOfWhatIsGone(t *testing.T) {
	s := newSite(t)
	s.add(1, false)
	there := fmt.Sprint(s.oldest().ID)
	for _, f := range s.hooked(t, "orders", "refunds", "products").Feeds() {
		got := strings.Join(read(t, func(emit func(source.Delivery) error) error {
			return f.Ask(context.Background(), []source.Hint{{ID: "5"}, {ID: "6", Gone: true}, {ID: there, Gone: true}}, emit)
		}), "\n")
		tombstone := `{"deleted":true,"id":"6","updatedAt":"` + s.Now.Format(time.RFC3339) + `"}`
		if isOrder := f.Stream == "orders"; strings.Contains(got, tombstone) != isOrder || strings.Contains(got, `"5"`) || strings.Contains(got, "Order/"+there) != isOrder {
			t.Errorf("%s: %s", f.Stream, got)
		}
	}
}

// check names webhooks that the app made, and those of another version.
func TestCheckNamesWebhooks(t *testing.T) {
	s := newSite(t)
	check := func() string {
		var lines []string
		for _, p := range s.hooked(t, "orders").Check(context.Background()) {
			lines = append(lines, fmt.Sprintf("%s: %s %v", p.What, p.Note, p.Err))
		}
		return strings.Join(lines, "\n")
	}
	if got := check(); !strings.Contains(got, "made no webhook whose address ends in /hooks/shop") {
		t.Error(got)
	}
	hook := func(id int64, topic, uri, version string) {
		s.sim.Put("webhookSubscriptions", simulator.Record{ID: id, Node: map[string]any{"id": simulator.Gid("WebhookSubscription", id), "topic": topic, "uri": uri, "apiVersion": map[string]any{"handle": version}}})
	}
	hook(1, "ORDERS_CREATE", "https://flow.example/hooks/shop", "2026-04")
	hook(2, "ORDERS_UPDATED", "https://flow.example/hooks/other", "2025-01")
	if got := check(); !strings.Contains(got, "webhooks: the app's own: ORDERS_CREATE <nil>") {
		t.Error(got)
	}
	hook(3, "REFUNDS_CREATE", "https://flow.example/hooks/shop", "2025-01")
	if got := check(); !strings.Contains(got, "REFUNDS_CREATE 2025-01") {
		t.Error(got)
	}
}
