package shopify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
	"github.com/omoflow/omoflow/pipelines/source/webhook"
)

// currentVersion is the API version that the queries were written for.
const currentVersion = "2026-04"

func declaration() source.Declaration {
	return source.Declaration{
		Name:  Name,
		About: "a Shopify shop with its tills, read over the GraphQL Admin API",
		Fields: slices.Concat(httpapi.Fields(), webhook.Fields(), []source.Field{
			{Name: "access_token", Type: "secret", Secret: true, Help: "Admin API token of a custom app, by reference: env:SHOPIFY_TOKEN"},
			{Name: "client_id", Type: "secret", Secret: true, Help: "client id of an app of the developer dashboard, by reference; instead of access_token"},
			{Name: "client_secret", Type: "secret", Secret: true, Help: "its secret, by reference: tokens are fetched and renewed with it"},
			{Name: "api_version", Type: "text", Default: currentVersion, Help: "version of the Admin API, a quarter; `omoflow check` warns before it ends"},
			{Name: "streams", Type: "list", Default: "orders, refunds, returns, customers, products, stock, locations", Help: "what to read"},
			{Name: "zone", Type: "zone", Help: "IANA zone by which the shop's days are counted; default: the company's"},
			{Name: "location_id", Type: "text", Help: "location of online orders; default: the name of the source"},
			{Name: "locations", Type: "map", Help: "Shopify's location numbers and the ids they have elsewhere, as {487838322: S01}"},
			{Name: "pos_orders", Type: "text", Default: "count", Help: "count: this source owns the orders of Shopify's tills; leave: another source delivers those receipts, here they are left out"},
			{Name: "staff", Type: "bool", Default: "false", Help: "true: read who sold (needs the scope read_users)"},
			{Name: "page_size", Type: "number", Default: "50", Least: "1", Most: "250", Help: "records per page; a page that costs too much says so"},
			{Name: "overlap", Type: "duration", Default: "5m", Least: "1m", Help: "how much of what was read is read again: an order is marked before its refund exists"},
			{Name: "lag", Type: "duration", Default: "10s", Least: "0s", Help: "how long before the shop's now a reading ends"},
			{Name: "reconcile_every", Type: "duration", Default: "24h", Least: "0s", Help: "how often ids are compared with the shop's lists"},
			{Name: "stock_every", Type: "duration", Default: "4h", Least: "0s", Help: "how often a snapshot of all stock levels is taken"},
			{Name: "locations_every", Type: "duration", Default: "24h", Least: "0s", Help: "how often the locations are read"},
			{Name: "shop_domain", Type: "text", Help: "name.myshopify.com as webhooks call the shop; default: the host of url"},
			{Name: "bulk_hosts", Type: "list", Default: "storage.googleapis.com", Help: "hosts that results of bulk operations may be fetched from"},
		}),
		Streams: []source.Stream{
			{Name: "orders", About: "orders of the shop and its tills with lines and payments", Fills: []string{"order", "order_line", "payment"}, Permission: "read_orders, read_all_orders for more than 60 days"},
			{Name: "refunds", About: "refunds with their items and shipping", Fills: []string{"refund", "refund_line"}, Permission: "read_orders"},
			{Name: "returns", About: "returns that were asked for or refused and have no refund", Fills: []string{"refund", "refund_line"}, Permission: "read_returns"},
			{Name: "customers", About: "customers, merged ones marked as gone", Fills: []string{"customer"}, Permission: "read_customers"},
			{Name: "products", About: "variants with their product", Fills: []string{"product"}, Permission: "read_products"},
			{Name: "stock", About: "stock levels by location", Fills: []string{"inventory_level"}, Permission: "read_inventory, read_products"},
			{Name: "locations", About: "stores and warehouses", Fills: []string{"location"}, Permission: "read_locations"},
		},
		Guide: source.Guide{
			Credentials: `1. In the Shopify admin open Settings > Apps and sales channels > Develop apps, or the developer dashboard, and make an app.
2. Give it the Admin API scopes of the table below; nothing that writes. Ask Shopify for ` + "`read_all_orders`" + ` when more than the last
   60 days are wanted, and for access to customer data.
3. Install the app. Put its token where ` + "`access_token`" + ` points, or client id and secret where ` + "`client_id` and `client_secret`" + ` point.
4. ` + "`url`" + ` is the shop's own address, https://name.myshopify.com. Run ` + "`omoflow check`" + `.

For webhooks run ` + "`omoflow serve --webhooks`" + ` behind a web server that speaks https, let ` + "`webhook_secret`" + ` point to the app's client secret (of
webhooks made in the admin: to the secret shown there), and subscribe the app to ` + "`https://your-host/hooks/<name of the source>`" + ` for the
topics orders/create, orders/updated, orders/cancelled, orders/delete, refunds/create, returns/request, returns/close,
customers/create, customers/update, customers/delete, customers/merge, products/create, products/update and
inventory_levels/update. While the secret changes, ` + "`webhook_secret_before`" + ` points to the old one. Requests about personal data
(customers/data_request, customers/redact, shop/redact) are answered and not acted on: they are a person's task.`,
			Missing: `- Orders older than 60 days without ` + "`read_all_orders`" + `: a range that needs them is refused, and the day from which orders are
  seen is kept with the cursor and told by ` + "`omoflow check`" + `. Nothing is taken for zero.
- Stock movements: snapshots of levels and order lines explain changes.
- Into whom a customer was merged: the old record is marked as gone, and orders that changed hands are read again.
- Items of refunds in bulk operations: orders that have refunds are then read one page at a time.`,
			Completeness: `Records are asked for by updated_at in a window whose end stays where it is, in the order of change, with an overlap; a page is
kept only with everything that it holds, nested lists read to their ends. However many records share a second, the walk goes on
behind the last one. An interrupted window goes on at its page; when the page's token has ended the window is read again. The past is
read by bulk operations: the file's size and counts must be what Shopify states, the units of each order must be those of its lines,
and an operation that failed, expired or left a part is an error. Every ` + "`reconcile_every`" + ` ids are compared: what was deleted becomes
a tombstone. A filter that Shopify only warns about is an error. Orders of Shopify's tills have the channel store and the till's
location; with ` + "`pos_orders: leave`" + ` another source owns them and none of them is counted here. Test orders are marked and never sales. A webhook
is a hint: it is kept in the lake before it is answered, then its record is asked for by id and taken in like one of a pull; a
restart asks for what was kept and not read. Lost, late, repeated and reordered ones therefore change nothing but the time of arrival.`,
		},
	}
}

// maxSkew is how far two clocks may be apart before it matters.
const maxSkew = 5 * time.Minute

// Check asks for one record of everything the streams read and compares permissions, zone, clock and API version.
func (s *shop) Check(ctx context.Context) []source.Probe {
	a, err := s.about(ctx)
	probes := []source.Probe{{What: "shop", Note: fmt.Sprintf("%s, zone %s", a.name, a.zone), Err: err}}
	if err != nil {
		return probes
	}
	note := func(what, code, format string, args ...any) {
		probes = append(probes, source.Probe{What: what, Err: fault.New(fault.Findings, code, what, "", format, args...)})
	}
	if a.zone != "" && a.zone != s.settings.LocalZone() {
		note("zone", "zone_differs", "the shop keeps %s, its days are counted by %s; write zone: to change that", a.zone, s.settings.LocalZone())
	}
	if skew := s.now().UTC().Sub(a.now); skew.Abs() > maxSkew {
		note("clock", "clock_skew", "the shop's clock is %s away from ours; cursors follow the shop's", skew.Abs().Round(time.Second))
	}
	asked := s.settings.Text("api_version")
	if began, err := time.Parse("2006-01", asked); err == nil {
		ends := began.AddDate(1, 0, 0)
		switch {
		case a.served != "" && a.served != asked || !a.now.Before(ends):
			note("api_version", "version_ended", "version %s has ended (%s), the shop answers with %q; write api_version: with a version that is served", asked, ends.Format(time.DateOnly), a.served)
		case a.now.AddDate(0, 3, 0).After(ends):
			note("api_version", "version_ends", "version %s ends on %s; write api_version: with a later one", asked, ends.Format(time.DateOnly))
		}
	}
	if !a.history {
		note("history", "history_short", "without the scope read_all_orders only orders from %s on are seen: what is older is missing, not zero", a.coverage().Format(time.DateOnly))
	}
	roots := map[string]string{"orders": "orders", "refunds": "orders", "returns": "orders", "customers": "customers", "products": "products", "stock": "inventoryItems", "locations": "locations"}
	for _, stream := range s.settings.List("streams") {
		_, _, err := s.page(ctx, "probe_"+stream, roots[stream], "id", "", "", "", 1)
		probes = append(probes, source.Probe{What: "read " + stream, Note: "allowed", Err: err})
	}
	future := a.now.AddDate(5, 0, 0).Format(stamp)
	got, _, err := s.page(ctx, "probe_cursor", "orders", "id", "", "updated_at:>='"+future+"'", "", 1)
	if err == nil && len(got.Nodes) > 0 {
		err = fault.New(fault.Unavailable, "filter_ignored", "orders", "report this with the API version; without the filter no cursor works", "the shop gives orders changed five years from now")
	}
	if s.settings.Text("webhook_secret") != "" {
		probes = append(probes, s.checkHooks(ctx))
	}
	return append(probes, source.Probe{What: "cursor filter", Note: "orders changed in the future: none", Err: err})
}
