package woocommerce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/webhook"
)

// Webhook is how WooCommerce signs.
func (s *shop) Webhook() webhook.Dialect { return webhook.WooCommerce() }

// hooked is what of a webhook's body says where it belongs.
type hooked struct {
	ID       json.Number `json:"id"`
	Modified *string     `json:"date_modified_gmt"`
	Managed  any         `json:"manage_stock"`
	Refunds  []any       `json:"refunds"`
}

// Arrivals gives the record that an event carries to the stream that pulls it, and of a product also its stock. What is
// deleted comes as a bare id: an order or a customer becomes a tombstone until the next comparison sees whether it only
// went to the trash; of a product, whose rows go by its SKU, only the comparison can tell.
func (s *shop) Arrivals(e webhook.Event) ([]webhook.Arrival, error) {
	resource, event, _ := strings.Cut(e.Topic, ".")
	var streams []string
	switch resource {
	case "order":
		streams = []string{"orders"}
	case "customer":
		streams = []string{"customers"}
	case "product":
		streams = []string{"products", "stock"}
	}
	wanted := s.settings.List("streams")
	streams = slices.DeleteFunc(streams, func(name string) bool { return !slices.Contains(wanted, name) })
	if len(streams) == 0 || resource == "product" && event == "deleted" {
		return nil, nil
	}
	var one hooked
	if err := json.Unmarshal(e.Body, &one); err != nil || one.ID == "" {
		// The decoder's words may repeat what a customer wrote.
		return nil, fault.New(fault.Findings, "unexpected_event", e.Topic, "look at the shop's webhooks and plugins; the next pull reads what changed", "the signed body is no record with an id")
	}
	sum := sha256.Sum256(e.Body)
	name := fmt.Sprintf("webhook/%s/%s-%s.json", e.Topic, one.ID, hex.EncodeToString(sum[:12]))
	body := e.Body
	if event == "deleted" {
		// Every delete of an id has the same bytes; only the number of the delivery tells a second one from a repetition.
		id := sha256.Sum256([]byte(e.ID))
		name = fmt.Sprintf("webhook/%s/%s-%s.json", e.Topic, one.ID, hex.EncodeToString(id[:12]))
		body = source.Encode([]any{map[string]any{"id": one.ID, "deleted": true, "answer": e.Topic, "asked_at": e.Received.Format(stamp)}})
	}
	var arrivals []webhook.Arrival
	for _, stream := range streams {
		var captures map[string]string
		if stream == "stock" {
			if one.Modified == nil || one.Managed != true {
				continue // a level without its moment could hide a later one
			}
			captures = map[string]string{"as_of": strings.TrimSuffix(*one.Modified, "Z") + "Z"}
		}
		arrivals = append(arrivals, webhook.Arrival{Stream: stream, Delivery: source.Page(name, body, e.Received, nil, captures)})
	}
	if resource == "order" && len(one.Refunds) > 0 && slices.Contains(wanted, "refunds") {
		// The order only counts its refunds: their lines must be asked for.
		arrivals = append(arrivals, webhook.Arrival{Stream: "refunds", Delivery: source.Delivery{Name: name, Modified: e.Received, Hint: &source.Hint{ID: one.ID.String()}}})
	}
	return arrivals, nil
}

// checkHooks asks the shop for the state of its webhooks: it switches off, without a word, what failed five times.
func (s *shop) checkHooks(ctx context.Context) source.Probe {
	probe := source.Probe{What: "webhooks"}
	a, err := s.list(ctx, "webhooks", url.Values{"per_page": {"100"}})
	if err != nil {
		probe.Err = err
		return probe
	}
	var active, off []string
	for _, row := range a.rows {
		var one struct {
			Topic  string `json:"topic"`
			Status string `json:"status"`
			URL    string `json:"delivery_url"`
		}
		if json.Unmarshal(row, &one) != nil || !strings.HasSuffix(one.URL, "/hooks/"+s.settings.Name) {
			continue
		}
		if one.Status == "active" {
			active = append(active, one.Topic)
		} else {
			off = append(off, one.Topic+" ("+one.Status+")")
		}
	}
	probe.Note = fmt.Sprintf("%d active", len(active))
	switch {
	case len(off) > 0:
		probe.Err = fault.New(fault.Findings, "webhook_off", "", "", "the shop sends no %s any more: activate it under WooCommerce > Settings > Advanced > Webhooks", strings.Join(off, ", "))
	case len(active) == 0:
		probe.Err = fault.New(fault.Findings, "no_webhook", "", "", "webhook_secret is set, but no webhook of the shop has an address that ends in /hooks/%s", s.settings.Name)
	}
	return probe
}
