package woocommerce_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/webhook"
	"github.com/omoflow/omoflow/pipelines/source/webhook/webhooktest"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

func hookedSite(t *testing.T, s *site, streams string) source.API {
	t.Helper()
	var list []any
	for _, one := range strings.Split(streams, " ") {
		list = append(list, one)
	}
	api, err := s.Open(woocommerce.Platform(), map[string]any{"webhook_secret": "env:HOOK", "allow_plain_http": true, "streams": list}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api
}

// Each topic goes to the streams that pull the same record, and nowhere else.
func TestEventsGoToTheStreamsThatPullThem(t *testing.T) {
	s := newSite(t, false)
	hooked := hookedSite(t, s, "orders refunds products customers stock").(webhook.Hooked)
	product := `{"id":7,"date_modified_gmt":"2026-06-01T07:00:00","manage_stock":true,"stock_quantity":3}`
	for _, c := range []struct{ topic, body, want string }{
		{"order.created", `{"id":1,"refunds":[]}`, "orders"},
		{"order.updated", `{"id":1,"refunds":[{"id":5}]}`, "orders refunds?"},
		{"order.deleted", `{"id":1}`, "orders"},
		{"customer.updated", `{"id":1}`, "customers"},
		{"product.updated", product, "products stock"},
		{"product.updated", strings.Replace(product, "true", `"parent"`, 1), "products"},
		{"product.deleted", `{"id":7}`, ""},
		{"coupon.updated", `{"id":1}`, ""},
		{"action.anything", `{}`, ""},
		{"", ``, ""},
		{"order.updated", `[]`, "error"},
		{"order.updated", `{"id":"x"}`, "error"},
		{"order.updated", `{"no":"id"}`, "error"},
	} {
		arrivals, err := hooked.Arrivals(webhook.Event{Topic: c.topic, ID: "d", Body: []byte(c.body), Received: s.Now})
		var got []string
		for _, a := range arrivals {
			if a.Delivery.Hint != nil {
				a.Stream += "?"
			}
			got = append(got, a.Stream)
		}
		if err != nil {
			got = []string{"error"}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %s: %v (%v), want %q", c.topic, c.body, got, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "no\":") {
			t.Errorf("the error repeats the body: %v", err)
		}
	}
	if only, err := hookedSite(t, s, "orders").(webhook.Hooked).Arrivals(webhook.Event{Topic: "product.updated", Body: []byte(product)}); len(only) != 0 || err != nil {
		t.Errorf("a stream that is not read took %v %v", only, err)
	}
}

// Two recorded deliveries of one second share their number, so bodies count; a number is needed only where all bodies are alike.
func TestNamesTellRepetitionsFromNews(t *testing.T) {
	s := newSite(t, false)
	hooked := hookedSite(t, s, "orders").(webhook.Hooked)
	name := func(topic, id, body string) string {
		arrivals, err := hooked.Arrivals(webhook.Event{Topic: topic, ID: id, Body: []byte(body), Received: s.Now})
		if err != nil || len(arrivals) != 1 {
			t.Fatalf("%v %v", arrivals, err)
		}
		return arrivals[0].Delivery.Name
	}
	if name("order.updated", "n", `{"id":1,"a":1}`) == name("order.updated", "n", `{"id":1,"a":2}`) {
		t.Error("two bodies with one number are taken for one")
	}
	if name("order.updated", "n", `{"id":1,"a":1}`) != name("order.updated", "m", `{"id":1,"a":1}`) {
		t.Error("one body with two numbers is taken for two")
	}
	if name("order.deleted", "n", `{"id":1}`) == name("order.deleted", "m", `{"id":1}`) {
		t.Error("the second delete is taken for the first")
	}
}

// A hook that the shop has switched off is named by check; the others are counted.
func TestTrapHookSwitchedOff(t *testing.T) {
	s := newSite(t, false)
	check := func() string {
		var lines []string
		for _, p := range hookedSite(t, s, "orders").Check(context.Background()) {
			lines = append(lines, fmt.Sprintf("%s: %s %v", p.What, p.Note, p.Err))
		}
		return strings.Join(lines, "\n")
	}
	if got := check(); !strings.Contains(got, "no webhook of the shop") {
		t.Error(got)
	}
	hook := func(id int64, topic, status, address string) {
		raw := fmt.Sprintf(`{"id":%d,"status":%q,"topic":%q,"delivery_url":%q}`, id, status, topic, address)
		s.sim.Put("webhooks", simulator.Record{ID: id, Raw: []byte(raw)})
	}
	hook(1, "order.created", "active", "https://flow.example/hooks/shop")
	hook(2, "order.deleted", "disabled", "https://elsewhere.example/x")
	if got := check(); !strings.Contains(got, "webhooks: 1 active <nil>") {
		t.Error(got)
	}
	hook(3, "order.updated", "disabled", "https://flow.example/hooks/shop")
	if got := check(); !strings.Contains(got, "sends no order.updated (disabled) any more") {
		t.Error(got)
	}
}

func TestWebhooks(t *testing.T) {
	webhooktest.Run(t, func(t *testing.T) webhooktest.Platform {
		return webhooktest.Platform{
			API: hookedSite(t, newSite(t, false), "orders refunds products customers stock").(webhook.Hooked), Secret: "canary-hook", Topic: "order.updated", Unheld: "coupon.updated", Canary: "canary@example.com",
			Body: func(version int) []byte {
				return fmt.Appendf(nil, `{"id":27,"billing":{"email":"canary@example.com"},"date_modified_gmt":"2026-06-01T08:00:0%d","refunds":[{"id":5}]}`, version)
			},
			Labels: func(h http.Header, topic, delivery string, _ time.Time) {
				h.Set("X-WC-Webhook-Topic", topic)
				h.Set("X-WC-Webhook-Delivery-ID", delivery)
			},
		}
	})
}
