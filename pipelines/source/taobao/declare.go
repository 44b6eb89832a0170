package taobao

import (
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/router"
)

func declaration() source.Declaration {
	return source.Declaration{
		Name:  Name,
		About: "a shop on Taobao or Tmall, read over the open platform TOP",
		Fields: append(router.Fields("https://eco.taobao.com"),
			source.Field{Name: "app_key", Type: "secret", Required: true, Secret: true, Help: "key of the application, by reference: env:TOP_KEY"},
			source.Field{Name: "app_secret", Type: "secret", Required: true, Secret: true, Help: "secret of the application, by reference: env:TOP_SECRET"},
			source.Field{Name: "session", Type: "secret", Required: true, Secret: true, Help: "the seller's consent, by reference: file:/run/top-session; read again when the platform does not take it any more"},
			source.Field{Name: "sign_method", Type: "text", Default: "hmac", Help: "md5, or hmac for HMAC-MD5"},
			source.Field{Name: "streams", Type: "list", Default: "orders, refunds, items", Help: "what to read"},
			source.Field{Name: "types", Type: "list", Help: "types of trades to ask for besides the documented ones: the platform is silent about types that are not named"},
			source.Field{Name: "location_id", Type: "text", Help: "location that sells online and holds the stock; default: the name of the source"},
			source.Field{Name: "stores", Type: "map", Help: "stores as the platform names them in O2O trades, as {shop_code: location_id}; others keep their code"},
			source.Field{Name: "o2o_receipts", Type: "text", Default: "here", Help: "who owns a trade that names a receipt of a till: here, or pos when the till's files are loaded too; it is counted once, at its owner"},
			source.Field{Name: "details", Type: "bool", Default: "true", Help: "read every trade alone too, for lists leave fields out; false: one call per page instead of one per trade"},
			source.Field{Name: "page_size", Type: "number", Default: "50", Least: "1", Most: "100", Help: "rows per page; 40 to 50 is advised"},
			source.Field{Name: "window", Type: "duration", Default: "30m", Least: "1m", Most: "24h", Help: "range of one question; half an hour is advised"},
			source.Field{Name: "widest", Type: "duration", Default: "24h", Least: "0s", Most: "24h", Help: "range that a question may grow to while the answers are a page or less: quiet times take fewer calls"},
			source.Field{Name: "lag", Type: "duration", Default: "1m", Least: "0s", Help: "how long before the platform's now a reading ends; 10m in campaigns, when lists come late"},
			source.Field{Name: "overlap", Type: "duration", Default: "15m", Least: "0s", Help: "how much of what was read is read again: longer than a record may come late"},
			source.Field{Name: "history", Type: "duration", Default: "2136h", Least: "1h", Help: "how far back the platform answers: three months, less a day"},
			source.Field{Name: "stock_every", Type: "duration", Default: "4h", Least: "0s", Help: "how often a snapshot of items and stock is taken"},
		),
		Streams: []source.Stream{
			{Name: "orders", About: "trades of every type with their lines and payment", Fills: []string{"order", "order_line", "payment"}, Permission: "trades (taobao.trades.sold.increment.get, trades.sold.get, trade.fullinfo.get)"},
			{Name: "refunds", About: "refunds of every type", Fills: []string{"refund", "refund_line"}, Permission: "refunds (taobao.refunds.receive.get)"},
			{Name: "items", About: "items with their SKUs and stock", Fills: []string{"product", "inventory_level"}, Permission: "items (taobao.items.onsale.get, items.inventory.get, item.skus.get)"},
		},
		Guide: guide(),
	}
}

func guide() source.Guide {
	return source.Guide{
		Credentials: `1. In the console of the open platform (open.taobao.com) create an application of the kind for your own shop and ask for the
   permission packages of trades, refunds and items.
2. Put App Key and App Secret where their references point.
3. Let the seller's main account consent to the application and put the session that it gives where its reference points. It ends
   after the time that the consent names; when it is renewed at the same place, omoflow finds it without a restart.
4. Run ` + "`omoflow check`" + `: it asks one question of every permission.

Requests are signed with the platform's own time, so the clock of your machine need not be right. Trades can be read only from
addresses that the console allows; for many shops that is a machine inside of the platform's cloud.`,
		Missing: `- The past beyond three months: ` + "`omoflow run --from`" + ` refuses an older day instead of giving a part. The cursor of each stream keeps
  ` + "`since`" + `, the second before which nothing is known, and ` + "`gaps`" + `, what a longer standstill made unreadable. Older trades come
  from the export files of the seller's console.
- Names, phones and addresses: the platform masks or encrypts them. Masked ones are kept as weak evidence and are never keys of a
  person; encrypted ones are left out. ` + "`buyer_open_uid`" + ` is the buyer within this application.
- Movements of stock: there are levels only, in snapshots.
- Deposits that were paid as vouchers in stores: ` + "`o2o_voucher_price`" + ` (fen) is kept with the trade and added to nothing.
- When money of a refund moved: ` + "`refunded_at`" + ` is the time of its last change.
- Money that the platform adds to a buyer's payment: it is in the settlement, not in the trade.`,
		Completeness: `Trades and refunds are asked for by their time of change in closed windows that share a second, up to ` + "`lag`" + ` before the platform's own
now. Each window is counted first and read from its last page to its first, so that an edit between two pages hides nothing; it is
read again when its pages show less than it counts. The last ` + "`overlap`" + ` has a window of its own and is read again by the next run.
All types are named in every question. A trade delivered again replaces the earlier one with all its lines.

A trade counts as sold by its status: not before it is paid, not while a presale has its deposit only, not while a group forms. A
trade that was closed after it was paid is a sale and its refund; one that was closed before is none. A forfeited deposit is income
that is no goods. Amounts that are not written in their field's unit (yuan or fen) and unknown statuses wait in quarantine.`,
	}
}
