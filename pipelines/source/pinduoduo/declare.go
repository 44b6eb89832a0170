package pinduoduo

import (
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/router"
)

func declaration() source.Declaration {
	return source.Declaration{
		Name:  Name,
		About: "a shop on Pinduoduo, read over its open platform",
		Fields: append(router.Fields("https://gw-api.pinduoduo.com"),
			source.Field{Name: "client_id", Type: "secret", Required: true, Secret: true, Help: "the application, by reference: env:PDD_ID"},
			source.Field{Name: "client_secret", Type: "secret", Required: true, Secret: true, Help: "secret of the application, by reference: env:PDD_SECRET"},
			source.Field{Name: "access_token", Type: "secret", Required: true, Secret: true, Help: "the seller's consent, by reference: file:/run/pdd-token; read again when the platform does not take it any more"},
			source.Field{Name: "streams", Type: "list", Default: "orders, refunds", Help: "what to read"},
			source.Field{Name: "location_id", Type: "text", Help: "location that sells; default: the name of the source"},
			source.Field{Name: "page_size", Type: "number", Default: "100", Least: "1", Most: "100", Help: "rows per page"},
			source.Field{Name: "window", Type: "duration", Default: "30m", Least: "1m", Most: "30m", Help: "longest range of one question: the platform refuses more"},
			source.Field{Name: "lag", Type: "duration", Default: "3m", Least: "3m", Help: "how long before the platform's now a reading ends: later lists are not complete"},
			source.Field{Name: "overlap", Type: "duration", Default: "15m", Least: "0s", Help: "how much of what was read is read again: longer than a record may come late"},
			source.Field{Name: "history", Type: "duration", Default: "2136h", Least: "1h", Help: "how far back the platform answers: three months, less a day"},
		),
		Streams: []source.Stream{
			{Name: "orders", About: "orders with their items and payment", Fills: []string{"order", "order_line", "payment"}, Permission: "orders (pdd.order.number.list.increment.get, pdd.order.list.get)"},
			{Name: "refunds", About: "after-sales cases", Fills: []string{"refund", "refund_line"}, Permission: "after-sales (pdd.refund.list.increment.get)"},
		},
		Guide: source.Guide{
			Credentials: `1. In the console of the open platform (open.pinduoduo.com) create an application for your own shop, ask for the permissions of orders
   and after-sales, and allow the address of the machine that omoflow runs on. There is no sandbox.
2. Put client_id and client_secret where their references point.
3. Let the seller consent to the application and put the access token where its reference points.
4. Run ` + "`omoflow check`" + `: it asks one question of every permission.`,
			Missing: `- The past beyond three months: ` + "`omoflow run --from`" + ` refuses an older day instead of giving a part; the cursor keeps what was
  never known (` + "`since`" + `) and what a longer standstill made unreadable (` + "`gaps`" + `). The past is read by time of confirmation.
- Names, phones and addresses: encrypted or masked. Masked ones are weak evidence and never keys of a person; the rest is left out.
- Articles and stock.
- Discounts that the platform pays come back with the settlement; here they lower the order like the shop's own.
- Codes of errors and of the filter "all after-sales states" follow public clients, not a document of the platform.`,
			Completeness: `Orders and after-sales cases are asked for by their time of change in closed windows of at most half an hour that share a second, up to
` + "`lag`" + ` before the platform's own now. Each window is counted first and read from its last page to its first, and read again when its
pages show less than it counts. The last ` + "`overlap`" + ` is read again by the next run.

An order counts as sold when its group is complete and it is confirmed: not while a group forms or has failed, while it is under
review, while a presale has its deposit only, and not in a lottery. Money comes back when an after-sales case says refunded (10);
withdrawn, expired and refused cases move none. Unknown states wait in quarantine. Amounts of orders and refunds are yuan.`,
		},
	}
}
