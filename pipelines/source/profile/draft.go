package profile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// role is what a column of an unknown export may be.
type role struct {
	name  string
	words []string // of headers, folded; best first
	kinds string   // kinds of Facts that may play it, "" is any
}

// roles are asked in this order; a column plays one.
var roles = []role{
	{"receipt", []string{"receipt number", "receipt no", "receipt", "小票号", "流水号", "单号", "收据编号", "交易号", "销售单号", "receipt id", "sale id", "sale no", "transaction id", "transaction", "bill number", "invoice number", "invoice no", "invoice", "order number", "order id", "订单编号", "订单号", "ticket", "bill no", "check number", "bon", "belegnummer"}, ""},
	{"line", []string{"序号", "line item", "line no", "line", "行号", "position"}, "integer"},
	{"date", []string{"日期", "销售日期", "交易日期", "营业日期", "date", "sale date", "交易时间", "下单时间", "销售时间", "datum", "created at", "timestamp", "date/time", "datetime"}, "date"},
	{"time", []string{"时间", "time", "销售时间", "uhrzeit"}, "time"},
	{"sku", []string{"sku", "商品码", "商品编码", "商品编号", "货号", "编码", "item code", "product code", "article", "artikelnummer", "内部参考号", "internal reference", "product number", "product id", "stock code", "item id", "plu"}, ""},
	{"barcode", []string{"条形码", "商品条码", "条码", "barcode", "ean", "upc", "gtin"}, ""},
	{"item", []string{"商品名称", "品名", "商品", "名称", "item", "item name", "product name", "product", "description", "artikel"}, ""},
	{"category", []string{"类别", "品类", "分类", "category", "department", "warengruppe"}, ""},
	{"counted", []string{"实盘数量", "盘点数量", "实盘", "counted", "counted qty", "count"}, "number"},
	{"book", []string{"账面数量", "账面", "系统数量", "book", "book qty", "expected"}, "number"},
	{"on_hand", []string{"现有库存", "库存数量", "库存", "结存数量", "on hand", "stock", "stock level", "in stock", "quantity on hand", "bestand"}, "number"},
	{"visitors", []string{"访客数", "进店人数", "客流", "visitors", "footfall", "traffic in", "ins", "active users", "enters"}, "number"},
	{"sessions", []string{"会话数", "sessions", "visits"}, "number"},
	{"quantity", []string{"数量", "销售数量", "qty", "quantity", "units", "menge", "anzahl"}, "number"},
	{"price", []string{"单价", "售价", "unit price", "price", "原价", "einzelpreis"}, "number"},
	{"gross", []string{"售价金额", "原价金额", "gross sales", "gross", "brutto"}, "number"},
	{"discount", []string{"折扣金额", "优惠金额", "优惠", "折扣", "discounts", "discount", "rabatt"}, "number"},
	{"paid", []string{"销售金额", "实收金额", "实付金额", "成交金额", "金额", "销售额", "net sales", "total collected", "net total", "total due", "amount", "total", "umsatz", "betrag"}, "number"},
	{"tax", []string{"税额", "税", "tax", "taxes", "vat", "mwst"}, "number"},
	{"cost", []string{"进价", "成本", "cost", "cost of goods", "unit cost"}, "number"},
	{"tender", []string{"支付方式", "付款方式", "payment type", "payment method", "tender", "zahlungsart"}, ""},
	{"store", []string{"门店", "店铺", "分店", "店号", "门店编号", "门店名称", "仓库", "store", "store code", "location", "branch", "shop", "filiale", "warehouse"}, ""},
	{"till", []string{"款台", "收银台", "机号", "pos", "register", "terminal", "device name", "kasse"}, ""},
	{"cashier", []string{"收银员", "cashier name", "cashier", "staff", "employee", "clerk", "kassierer"}, ""},
	{"customer", []string{"会员号", "会员卡号", "顾客编号", "customer id", "member no", "customer no"}, ""},
	{"type", []string{"类型", "交易类型", "销售模式", "receipt type", "event type", "operation type", "type", "typ"}, "text"},
}

// plays tells whether a column's kind suits a role.
func (r role) plays(kind string) bool {
	switch r.kinds {
	case "number":
		return kind == "number" || kind == "integer" || kind == "empty"
	case "date":
		return strings.HasPrefix(kind, "date")
	case "time":
		return kind == "time"
	}
	return r.kinds == "" && !strings.HasPrefix(kind, "date") || r.kinds == kind
}

// cast gives each role the column that plays it.
func (d *Detection) cast() map[string]Facts {
	played, taken := map[string]Facts{}, map[string]bool{}
	try := func(suits func(word, header string) bool) {
		for _, r := range roles {
			for _, word := range r.words {
				i := slices.IndexFunc(d.Columns, func(f Facts) bool {
					return !taken[f.Name] && r.plays(f.Kind) && suits(word, strings.ReplaceAll(foldName(f.Name), "_", " "))
				})
				if _, done := played[r.name]; i >= 0 && !done {
					played[r.name], taken[d.Columns[i].Name] = d.Columns[i], true
				}
			}
		}
	}
	try(func(word, header string) bool { return word == header })
	// Part of a longer name, at its beginning or end; a rate or a margin of something is another thing.
	try(func(word, header string) bool {
		return len(word) > 3 && !derived.MatchString(header) && (strings.HasPrefix(header, word+" ") || strings.HasSuffix(header, " "+word) || word[0] >= 0x80 && strings.Contains(header, word))
	})
	if _, ok := played["date"]; !ok { // whatever holds dates
		if i := slices.IndexFunc(d.Columns, func(f Facts) bool { return strings.HasPrefix(f.Kind, "date") && !taken[f.Name] }); i >= 0 {
			played["date"] = d.Columns[i]
		}
	}
	return played
}

var derived = regexp.MustCompile(`%|percent|margin|rate|average|率|均|占比`)

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// Draft writes a profile for the file: it compiles, and what it does not understand stays in attributes. name is how the
// profile is called.
func (d *Detection) Draft(name string) string {
	if name = strings.Trim(notName.ReplaceAllString(strings.ToLower(name), "-"), "-"); name == "" {
		name = "draft"
	}
	cast := d.cast()
	streams := d.draftStreams(cast)
	var b strings.Builder
	fmt.Fprintf(&b, "profile: %s\nabout: drafted from a file; look at every line before you trust it\n", name)
	if d.Layout.Format == "jsonl" {
		b.WriteString("format: jsonl\n")
		if d.Layout.Delimiter != "" {
			fmt.Fprintf(&b, "records: %s\n", strconv.Quote(strings.Split(d.Layout.Delimiter, ";")[0]))
		}
	}
	if d.Layout.HeaderLine == 0 && d.Layout.Format != "jsonl" {
		var all []string
		for _, one := range d.Layout.Header {
			all = append(all, strconv.Quote(one))
		}
		fmt.Fprintf(&b, "header: {names: [%s]}\n", strings.Join(all, ", "))
	}
	b.WriteString("columns:\n")
	for _, r := range roles {
		if f, ok := cast[r.name]; ok {
			fmt.Fprintf(&b, "  %s: %s # %s\n", r.name, strconv.Quote(f.Name), f.Kind)
		}
	}
	if len(cast) == 0 && len(d.Columns) > 0 {
		fmt.Fprintf(&b, "  first: %s\n", strconv.Quote(d.Columns[0].Name))
	}
	order := d.Dates.Value
	if order != "mdy" && order != "dmy" {
		order = "auto"
	}
	fmt.Fprintf(&b, "# %s; write the zone of the tills: {zone: Asia/Shanghai}\ndates: {order: %s}\n", oneLine(d.Dates.Evidence), order)
	fmt.Fprintf(&b, "# %s\nnumbers: {decimal: %s}\n", oneLine(d.Decimal.Evidence), map[bool]string{true: `","`, false: "auto"}[d.Decimal.Value == ","])
	if len(d.Currencies) > 0 {
		fmt.Fprintf(&b, "# amounts carry %s: write the ISO code under constants: {currency_code: CNY}\n", strings.Join(d.Currencies, ", "))
	}
	for _, sign := range d.Signs {
		fmt.Fprintf(&b, "# %s\n", oneLine(sign))
	}
	b.WriteString(streams)
	return b.String()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// draftStreams picks the canonical streams that the roles can fill.
func (d *Detection) draftStreams(cast map[string]Facts) string {
	has := func(all ...string) bool {
		return !slices.ContainsFunc(all, func(one string) bool { _, ok := cast[one]; return !ok })
	}
	switch {
	case has("counted") && (has("sku") || has("barcode")):
		return d.draftStocktake(has)
	case has("on_hand") && (has("sku") || has("barcode")) && !has("receipt"):
		return d.draftLevel(has)
	case has("date") && (has("visitors") || has("sessions")) && !has("receipt"):
		return d.draftTraffic(has)
	case has("receipt") && (has("paid") || has("gross") || has("price") || has("quantity") && (has("sku") || has("barcode"))):
		return d.draftReceipts(cast, has)
	case (has("sku") || has("barcode")) && (has("price") || has("cost")) && !has("quantity") && !has("date"):
		return "streams:\n  product:\n    columns:\n" + mapped(has, "sku", article(has), "name", "item", "barcodes", "barcode", "category_path", "category", "tag_price", "price", "cost", "cost")
	}
	return "# Nothing of it is a receipt, a stock or a count: the rows are kept as they are.\nstreams:\n  reference_row:\n    columns:\n      kind: = 'draft'\n      row_key: auto\n"
}

// mapped writes the columns of a stream that the file can fill.
func mapped(has func(...string) bool, pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		column, from := pairs[i], pairs[i+1]
		if from == "auto" || strings.HasPrefix(from, "=") || strings.HasPrefix(from, "{") || has(from) {
			if strings.HasPrefix(from, "=") {
				from = strconv.Quote(from)
			}
			fmt.Fprintf(&b, "      %s: %s\n", column, from)
		}
	}
	return b.String()
}

func (d *Detection) place(has func(...string) bool, column string) string {
	if has("store") {
		return "      " + column + ": store\n"
	}
	return "      # no column names the store: write {store} into the feed's match and `" + column + ": $store`, or constants: {" + column + ": S01} at the feed\n      " + column + ": = 'unknown'\n"
}

func article(has func(...string) bool) string {
	if has("sku") {
		return "sku"
	}
	return "barcode"
}

// instantOf writes the moment of a record.
func instantOf(has func(...string) bool) string {
	if has("time") {
		return "= ts(date, time)"
	}
	return "= ts(date)"
}

func (d *Detection) draftStocktake(has func(...string) bool) string {
	id := "= 'count'"
	if has("date") {
		id = "= 'count-' || CAST(day(date) AS VARCHAR)"
	}
	text := "streams:\n  stocktake_line:\n    columns:\n" + mapped(has, "stocktake_id", id, "source_sku", article(has), "counted", "counted", "book", "book") + d.place(has, "location_id")
	if has("date") {
		text += mapped(has, "counted_at", instantOf(has))
	}
	return text
}

func (d *Detection) draftLevel(has func(...string) bool) string {
	text := "streams:\n  inventory_level:\n    columns:\n" + mapped(has, "source_sku", article(has), "on_hand", "on_hand", "unit_cost", "cost") + d.place(has, "location_id")
	if has("date") {
		return text + mapped(has, "as_of", instantOf(has))
	}
	return text + "      # no column says of when it is: write {date} into the feed's match and `as_of: = CAST($date AS TIMESTAMP)`\n"
}

func (d *Detection) draftTraffic(has func(...string) bool) string {
	return "streams:\n  traffic:\n    columns:\n" + mapped(has, "channel", "= 'store'", "slot_start", instantOf(has), "visitors", "visitors", "sessions", "sessions") + d.place(has, "location_id")
}

// draftReceipts maps receipts with their lines; records that the file marks as returns become refunds.
func (d *Detection) draftReceipts(cast map[string]Facts, has func(...string) bool) string {
	key := "txt(receipt)"
	for _, part := range []string{"till", "store"} { // counters are unique per device, and start again
		if has(part) {
			key = "coalesce(txt(" + part + ") || '/', '') || " + key
		}
	}
	if has("date") {
		key += " || '/' || CAST(day(date) AS VARCHAR)"
	}
	back := d.backCondition(cast, has)
	var b strings.Builder
	fmt.Fprintf(&b, "define:\n  number: %s\n", strconv.Quote(key))
	where, whereBack := "", ""
	if back != "" {
		fmt.Fprintf(&b, "  back: %s # money or goods coming back\n", strconv.Quote(back))
		where, whereBack = "    where: NOT coalesce(back, false)\n", "    where: coalesce(back, false)\n"
	}
	amount, total := "paid", "{expr: paid, agg: sum}"
	switch {
	case has("paid"):
	case has("gross"):
		amount, total = "gross", "{expr: gross, agg: sum}"
	case has("quantity", "price"):
		amount, total = "= num(quantity) * num(price)", `{expr: "= num(quantity) * num(price)", agg: sum}`
	default: // articles of a receipt without any price: the catalogue has it
		amount, total = "none", "none"
	}
	event := ""
	if has("date") {
		event = "    event: " + strconv.Quote(instantOf(has)) + "\n"
	}
	b.WriteString("constants: {channel: store}\nstreams:\n  order:\n" + where + "    one_per: [order_id]\n" + event + "    columns:\n")
	at := []string{"order_id", "= number", "location_id", "store", "total_amount", total, "source_customer_id", "customer", "cashier_id", "cashier"}
	if has("date") {
		at = append(at, "ordered_at", instantOf(has))
	}
	b.WriteString(mapped(has, at...))
	quantity := "quantity"
	if !has("quantity") {
		quantity = "= 1"
	}
	lines := []string{"line_key", "auto", "location_id", "store", "source_sku", "sku", "product_name", "item"}
	b.WriteString("  order_line:\n" + where + event + "    columns:\n" + mapped(has, append([]string{"order_id", "= number", "quantity", quantity, "unit_price", "price", "barcode", "barcode", "category", "category", "gross_amount", "gross", "discount_amount", "discount", "tax_amount", "tax"}, lines...)...))
	if !has("gross") && !has("price") {
		b.WriteString(mapped(has, "gross_amount", amount))
	}
	if has("tender") && amount != "none" {
		b.WriteString("  payment:\n" + where + event + "    one_per: [order_id, payment_id]\n    columns:\n" + mapped(has, "order_id", "= number", "payment_id", "= txt(tender)", "tender", "tender", "amount", total))
	}
	if back != "" {
		out := "= abs(num(" + amount + "))"
		switch {
		case amount == "none":
			out = "= CAST(NULL AS DECIMAL(18,4))"
		case strings.HasPrefix(amount, "="):
			out = "= abs(num(quantity) * num(price))"
		}
		sum := `{expr: "` + out + `", agg: sum}`
		b.WriteString("  refund:\n" + whereBack + "    one_per: [refund_id]\n" + event + "    columns:\n" + mapped(has, "refund_id", "= number", "location_id", "store", "amount", sum))
		b.WriteString("  refund_line:\n" + whereBack + event + "    columns:\n" + mapped(has, append([]string{"refund_id", "= number", "amount", out}, lines...)...))
		if has("quantity") {
			b.WriteString(mapped(has, "quantity", "= abs(num(quantity))"))
		}
	}
	return b.String()
}

var backWords = regexp.MustCompile(`(?i)refund|return|退|storno|void|gutschrift`)

// backCondition tells which records are returns: by a word of the type column, else by a negative quantity or amount.
func (d *Detection) backCondition(cast map[string]Facts, has func(...string) bool) string {
	if has("type") {
		var words []string
		for _, word := range cast["type"].Words {
			if backWords.MatchString(word) {
				words = append(words, "'"+strings.ReplaceAll(strings.ToLower(word), "'", "''")+"'")
			}
		}
		if len(words) > 0 {
			return "lower(txt(type)) IN (" + strings.Join(words, ", ") + ")"
		}
	}
	for _, name := range []string{"quantity", "paid", "gross"} {
		if f, ok := cast[name]; ok && f.Negative > 0 {
			return "num(" + name + ") < 0"
		}
	}
	return ""
}
