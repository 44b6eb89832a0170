package woocommerce

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

// Check asks for one row of everything the streams read, compares the zone, and tries what the walk depends on.
func (s *shop) Check(ctx context.Context) []source.Probe {
	probes := []source.Probe{s.checkSite(ctx)}
	needs := map[string][]string{"orders": {"orders"}, "refunds": {"orders"}, "products": {"products"}, "customers": {"customers"}, "stock": {"products"}}
	asked := map[string]bool{}
	for _, stream := range s.settings.List("streams") {
		for _, path := range needs[stream] {
			if asked[path] {
				continue
			}
			asked[path] = true
			a, err := s.list(ctx, path, url.Values{"per_page": {"1"}})
			probes = append(probes, source.Probe{What: "read " + path, Note: fmt.Sprintf("%d records", a.total), Err: explain(err)})
			if err != nil && fault.KindOf(err) != fault.Unavailable {
				return probes // the next question would be refused alike
			}
		}
	}
	if asked["orders"] {
		probes = append(probes, s.checkCursor(ctx), s.checkStatuses(ctx))
	}
	if s.settings.Text("webhook_secret") != "" {
		probes = append(probes, s.checkHooks(ctx))
	}
	return probes
}

// explain turns the refusals that WooCommerce gives for different reasons into what a person can do.
func explain(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	hint := ""
	switch {
	case strings.Contains(text, "Consumer secret is invalid"):
		hint = "the key exists but the secret is another: make a new key under WooCommerce > Settings > Advanced > REST API"
	case strings.Contains(text, "Consumer key is invalid"):
		hint = "the key does not exist in this shop: look under WooCommerce > Settings > Advanced > REST API"
	case strings.Contains(text, "woocommerce_rest_cannot_view"):
		hint = "the shop took the request as anonymous or without rights: the address must be https for the shop itself (behind a proxy WordPress must set HTTPS), and the key's user must be a shop manager"
	case strings.Contains(text, "does not have read permissions"):
		hint = "give the key read permission"
	}
	if hint == "" {
		return err
	}
	return fault.Wrap(err, fault.KindOf(err), "no_access", "", hint, "the shop does not let us read")
}

// checkSite reads the address that tells the site's name and zone.
func (s *shop) checkSite(ctx context.Context) source.Probe {
	probe := source.Probe{What: "site"}
	got, err := s.client.Do(ctx, httpapi.Request{Path: "/wp-json/", Query: url.Values{"_fields": {"name,url,gmt_offset,timezone_string"}}})
	if err != nil {
		probe.Err = err
		return probe
	}
	var site struct {
		Name string `json:"name"`
		Zone string `json:"timezone_string"`
	}
	if err := json.Unmarshal(got.Body, &site); err != nil {
		probe.Err = fault.Wrap(err, fault.Unavailable, "unexpected_answer", "/wp-json/", "check that the REST API is switched on", "the site does not describe itself")
		return probe
	}
	probe.Note = fmt.Sprintf("%s, zone %s", site.Name, site.Zone)
	skew := s.now().UTC().Sub(s.serverTime(got))
	switch {
	case site.Zone != "" && site.Zone != s.settings.LocalZone():
		probe.Err = fault.New(fault.Findings, "zone_differs", "zone", "", "the shop keeps %s, its days are counted by %s; write zone: to change that", site.Zone, s.settings.LocalZone())
	case skew.Abs() > maxSkew:
		probe.Err = fault.New(fault.Findings, "clock_skew", "", "", "the shop's clock is %s away from ours; cursors follow the shop's", skew.Abs().Round(time.Second))
	}
	return probe
}

// checkCursor asks for orders modified in the future: rows mean that the filter does not reach the shop.
func (s *shop) checkCursor(ctx context.Context) source.Probe {
	probe := source.Probe{What: "cursor filter", Note: "orders modified in the future: none"}
	a, err := s.list(ctx, "orders", url.Values{"per_page": {"1"}, "_fields": {"id"}, "status": {"any"}, "dates_are_gmt": {"true"}, "modified_after": {s.now().UTC().AddDate(5, 0, 0).Format(stamp)}})
	if probe.Err = err; err == nil && len(a.rows) > 0 {
		probe.Err = fault.New(fault.Unavailable, "filter_ignored", "orders", "a plugin or a proxy drops modified_after from the address; without it no cursor works", "the shop gives orders modified five years from now")
	}
	return probe
}

// checkStatuses names statuses of the shop that no rule maps.
func (s *shop) checkStatuses(ctx context.Context) source.Probe {
	probe := source.Probe{What: "order statuses"}
	a, err := s.list(ctx, "reports/orders/totals", nil)
	if err != nil {
		probe.Err = err
		return probe
	}
	known := map[string]bool{}
	for _, one := range s.statuses() {
		known[one[0]] = true
	}
	var unknown []string
	for _, row := range a.rows {
		var one struct {
			Slug  string      `json:"slug"`
			Total json.Number `json:"total"`
		}
		if json.Unmarshal(row, &one) == nil && !known[one.Slug] {
			unknown = append(unknown, one.Slug+" ("+one.Total.String()+" orders)")
		}
	}
	if probe.Note = "all are mapped"; len(unknown) > 0 {
		probe.Err = fault.New(fault.Findings, "unknown_status", "statuses", "", "no rule maps %s: such orders wait in quarantine; name them under statuses", strings.Join(unknown, ", "))
	}
	return probe
}
