package woocommerce

import (
	"slices"

	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
	"github.com/omoflow/omoflow/pipelines/source/webhook"
)

func declaration() source.Declaration {
	return source.Declaration{
		Name:  Name,
		About: "a WooCommerce shop, read over its REST API wc/v3",
		Fields: slices.Concat(httpapi.Fields(), webhook.Fields(), []source.Field{
			{Name: "key", Type: "secret", Required: true, Secret: true, Help: "consumer key, by reference: env:WOO_KEY"},
			{Name: "secret", Type: "secret", Required: true, Secret: true, Help: "consumer secret, by reference: env:WOO_SECRET"},
			{Name: "streams", Type: "list", Default: "orders, refunds, products, customers, stock", Help: "what to read"},
			{Name: "zone", Type: "zone", Help: "IANA zone by which the shop's days are counted; default: the company's"},
			{Name: "location_id", Type: "text", Help: "location that sells and holds the stock; default: the name of the source"},
			{Name: "stock_location_id", Type: "text", Help: "warehouse whose stock the shop shows and that ships its orders; default: location_id"},
			{Name: "statuses", Type: "map", Help: "order statuses that plugins add, as {await-pickup: paid}; an unknown one waits in quarantine"},
			{Name: "meta", Type: "map", Help: "canonical columns that plugins keep in meta_data, with the key, as {fulfil_location_id: _store}: associate_id, fulfil_location_id and member_no of orders, promotion_id of lines, location_id of refunds (the store that took the goods), member_no of customers"},
			{Name: "page_size", Type: "number", Default: "100", Least: "1", Most: "100", Help: "rows per page"},
			{Name: "overlap", Type: "duration", Default: "5m", Least: "0s", Help: "how much of what was read is read again, for commits that come late"},
			{Name: "lag", Type: "duration", Default: "10s", Least: "0s", Help: "how long before the shop's now a reading ends"},
			{Name: "reconcile_every", Type: "duration", Default: "24h", Least: "0s", Help: "how often ids, totals and dates are compared with the shop's lists"},
			{Name: "customers_every", Type: "duration", Default: "6h", Least: "0s", Help: "how often all customers are read: the API cannot give the changed ones"},
			{Name: "stock_every", Type: "duration", Default: "4h", Least: "0s", Help: "how often a snapshot of all stock levels is taken"},
			{Name: "probe_ids", Type: "number", Default: "500", Least: "0", Help: "how many ids that no list shows are asked for at each comparison"},
		}),
		Streams: []source.Stream{
			{Name: "orders", About: "orders with their lines, fees and payment", Fills: []string{"order", "order_line", "payment"}, Permission: "read"},
			{Name: "refunds", About: "refunds with their items", Fills: []string{"refund", "refund_line"}, Permission: "read"},
			{Name: "products", About: "products and variations", Fills: []string{"product"}, Permission: "read"},
			{Name: "customers", About: "registered customers of every role", Fills: []string{"customer"}, Permission: "read, of a user who may list users"},
			{Name: "stock", About: "stock levels of products and variations that are managed", Fills: []string{"inventory_level"}, Permission: "read"},
		},
		Guide: source.Guide{
			Credentials: `1. In WordPress open WooCommerce > Settings > Advanced > REST API and press "Add key".
2. Choose a user who is a shop manager or an administrator and the permission **Read**. omoflow never writes.
3. Put the consumer key and the consumer secret where their references point, such as the environment of the service.
4. Run ` + "`omoflow check`" + `: it reads one record of everything the streams need and names what is missing.

The address must be https. WordPress takes the key over plain http only as OAuth 1.0a signatures; omoflow then signs, and wants
` + "`allow_plain_http: true`" + ` because orders would travel unencrypted. Behind a proxy WordPress itself must know that it is https
(HTTPS set by the web server; X-Forwarded-Proto alone is not enough), or every request is anonymous to it.

A shop that does not calculate taxes states none. When its prices hold one, write it as ` + "`constants: {tax_rate: \"0.13\"}`" + `;
amounts are then taken to hold it, and the net is worked out. A line whose tax WooCommerce states keeps that.

For webhooks run ` + "`omoflow serve --webhooks`" + ` behind a web server that speaks https on port 443, put a long random secret where
` + "`webhook_secret`" + ` points, and under WooCommerce > Settings > Advanced > Webhooks add one each for the topics order created, updated,
deleted and restored, customer created, updated and deleted, and product created, updated and restored, with the delivery URL
` + "`https://your-host/hooks/<name of the source>`" + `, that secret and API version 3. To change the secret let ` + "`webhook_secret_before`" + ` point to the
old one until every hook has the new one. WooCommerce switches a hook off after five deliveries in a row that fail.`,
			Missing: `- Stock movements: the API has levels only. Snapshots and order lines explain changes; the rest is shown as unexplained.
- The cause and the day of a permanent delete: it is seen at the next comparison.
- Changed customers: all are read every ` + "`customers_every`" + `.
- Costs, and anything a plugin keeps in tables of its own.
- With order tables (HPOS), orders whose status no plugin registers any more are in no list. They are found by asking for the
  ids between the others, ` + "`probe_ids`" + ` at each comparison.`,
			Completeness: `Orders and refunds are asked for by their time of change in GMT, each question starting behind the last row seen, with an overlap
and an end before the shop's now. Orders that share a second are read by id within that second until the second holds still. Once
every ` + "`reconcile_every`" + ` all ids, dates, totals and numbers of lines are compared: what was trashed is marked, what was deleted
becomes a tombstone, what changed without a new date is read again. A record delivered again replaces the earlier one with all
its lines. Unknown statuses wait in quarantine. The bytes of every answer that held something new are kept.

Webhooks only make this younger. An event is answered when it is committed; one that comes twice, late or out of order changes
nothing newer. WooCommerce dates changes by whole seconds: of two events of one second the one that arrives last stands until the
next comparison. An order that is put in the trash is gone until the comparison shows it as cancelled. An order event
that shows refunds has them pulled at once. ` + "`omoflow check`" + ` names hooks that the shop has switched off.`,
		},
	}
}
