package odoo

import (
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

func declaration() source.Declaration {
	return source.Declaration{
		Name:  Name,
		About: "the point of sale of an Odoo, read over its external API (JSON-RPC)",
		Fields: append(httpapi.Fields(),
			source.Field{Name: "database", Type: "text", Required: true, Help: "name of the database"},
			source.Field{Name: "login", Type: "text", Required: true, Help: "login of a user who may read the point of sale"},
			source.Field{Name: "password", Type: "secret", Required: true, Secret: true, Help: "password or API key of the user, by reference: env:ODOO_KEY"},
			source.Field{Name: "streams", Type: "list", Default: "orders, customers, products, stock", Help: "what to read"},
			source.Field{Name: "locations", Type: "map", Help: "location of each point of sale by its number in Odoo, as {1: S01}; default: its name"},
			source.Field{Name: "page_size", Type: "number", Default: "200", Least: "1", Most: "2000", Help: "orders per page"},
			source.Field{Name: "overlap", Type: "duration", Default: "15m", Least: "1s", Help: "how much of what was read is read again: longer than the longest transaction, for records carry the time at which theirs began"},
			source.Field{Name: "stock_every", Type: "duration", Default: "1h", Least: "0s", Help: "how often products and stock are read; there are levels only, no movements"},
		),
		Streams: []source.Stream{
			{Name: "orders", About: "receipts with lines and payments; a receipt of negative total is a refund", Fills: []string{"order", "order_line", "payment", "refund", "refund_line"}, Permission: "Point of Sale / User"},
			{Name: "customers", About: "contacts that are customers", Fills: []string{"customer"}, Permission: "contacts (any internal user)"},
			{Name: "products", About: "articles that the tills sell", Fills: []string{"product"}, Permission: "Point of Sale / User"},
			{Name: "stock", About: "levels by warehouse", Fills: []string{"inventory_level"}, Permission: "Inventory / User"},
		},
		Guide: source.Guide{
			Credentials: `1. In Odoo, make a user of its own for omoflow with the rights Point of Sale / User and Inventory / User (Settings > Users).
2. As that user, open Preferences > Account Security and make an API key; put it where the password's reference points. Where API keys are
   not offered, the user's password stands there.
3. Name the database as the page /web/database/selector shows it.
4. Run ` + "`omoflow check`" + `: it signs in and asks for one row of everything that is read.`,
			Missing: `- Stock movements: levels are read. With Odoo's default setting stock is booked when a session is closed, so what open sessions have sold is still in
  the level.
- Prices of the past: a line keeps the price it was sold at, a product shows today's.
- Which currency a line is in: amounts are those of the shop; write ` + "`constants: {currency_code: CNY}`" + ` when it is not the company's home currency.`,
			Completeness: `Orders are asked for by write_date in windows that are closed before they are read, and taken in the order of their numbers, so that an order
written meanwhile is the next window's and no page can shift. write_date is when a transaction began and is shown in whole seconds: the last
` + "`overlap`" + ` is read again, and what is known is a duplicate. Orders that a till sends days late, closings that turn paid orders into done ones and late
invoices all carry a new write_date. Once a day the list of orders is compared with the lake: a draft that was deleted leaves the figures.

The key of an order is the number of its receipt, the same as in Odoo's exports: files and this source may be mixed under one name. The shop is
known by its number, never by the first word of an order's name, which stays when a shop is renamed. Unknown states wait in quarantine.`,
		},
	}
}
