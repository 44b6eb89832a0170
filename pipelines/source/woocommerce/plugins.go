package woocommerce

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
)

// WooCommerce itself knows no stores, no member numbers and no promotions of a line: plugins keep them in meta_data. And a
// shop whose prices hold a tax that WooCommerce does not calculate states none.

// kept says in which record the meta_data of a canonical column stands.
func kept() map[string]string {
	return map[string]string{
		"associate_id":       "an order",
		"fulfil_location_id": "an order",
		"location_id":        "a refund",
		"member_no":          "an order or a customer",
		"promotion_id":       "a line",
	}
}

// checkMeta refuses columns that are not read from meta_data.
func checkMeta(s source.Settings) error {
	known := slices.Sorted(maps.Keys(kept()))
	for _, column := range slices.Sorted(maps.Keys(s.Map("meta"))) {
		if !slices.Contains(known, column) {
			return fault.New(fault.Usage, "invalid_config", "meta."+column, "write "+strings.Join(known, ", "), "%q is not read from meta_data", column)
		}
	}
	return nil
}

// metaValue is the SQL of what a plugin keeps under the key of a canonical column; "" when none is configured.
func (s *shop) metaValue(column string) string {
	key := s.settings.Map("meta")[column]
	if key == "" {
		return ""
	}
	from := "meta"
	if column == "promotion_id" {
		from = "line_meta"
	}
	list := "CASE WHEN json_valid(txt(" + from + ")) THEN txt(" + from + ") END"
	return `nullif(trim(list_extract([one."value" FOR one IN from_json(` + list + `, '[{"key":"VARCHAR","value":"VARCHAR"}]') IF one."key" = ` + source.Quote(key) + `], 1)), '')`
}

// constant is the SQL of a configured constant; NULL without one.
func (s *shop) constant(column string) string {
	if value, ok := s.settings.Map("constants")[column]; ok {
		return source.Quote(value)
	}
	return "NULL"
}

func mapped(column, sql string) string { return "      " + column + ": " + strconv.Quote("= "+sql) }

// metaLine maps a column to what a plugin keeps, else to its constant; without a plugin the constant stands by itself.
func (s *shop) metaLine(column string) string {
	value := s.metaValue(column)
	if value == "" {
		return ""
	}
	return mapped(column, "coalesce("+value+", "+s.constant(column)+")")
}

// plugins are the places of a mapping for what plugins keep.
func (s *shop) plugins() []string {
	meta := s.settings.Map("meta")
	declare := func(name, from string, columns ...string) string {
		if slices.ContainsFunc(columns, func(column string) bool { return meta[column] != "" }) {
			return "  " + name + ": {from: " + from + ", optional: true}"
		}
		return ""
	}
	store, from := "", ""
	place, home := s.metaValue("fulfil_location_id"), s.constant("fulfil_location_id")
	if stock := s.settings.Text("stock_location_id"); home == "NULL" && stock != "" {
		home = source.Quote(stock)
	}
	switch {
	case place != "":
		from = mapped("fulfil_location_id", "coalesce("+place+", "+home+")")
		store = strings.Trim(strconv.Quote("WHEN "+place+" <> coalesce("+home+", "+source.Quote(s.settings.Location())+") THEN 'ship_from_store' "), `"`)
	case home != "NULL":
		from = mapped("fulfil_location_id", home)
	}
	back, line := s.returned()
	return []string{
		"{{order_meta}}", declare("meta", "meta_data", "associate_id", "fulfil_location_id", "member_no"), "{{line_meta}}", declare("line_meta", "line_items.meta_data", "promotion_id"),
		"{{customer_meta}}", declare("meta", "meta_data", "member_no"), "{{refund_meta}}", declare("meta", "meta_data", "location_id"),
		"{{associate}}", s.metaLine("associate_id"), "{{member}}", s.metaLine("member_no"), "{{promotion}}", s.metaLine("promotion_id"),
		"{{fulfil}}", from, "{{from_store}}", store, "{{returned}}", back, "{{returned_line}}", line,
	}
}

// returned maps where a refund was handled, in its head and in its lines: one that names a place was handled in that store,
// and its goods are in that store's stock.
func (s *shop) returned() (head, line string) {
	place := s.metaValue("location_id")
	if place == "" {
		return "", ""
	}
	head = mapped("location_id", "coalesce("+place+", "+source.Quote(s.settings.Location())+")") + "\n" +
		mapped("channel", "CASE WHEN "+place+" IS NOT NULL THEN 'store' ELSE 'online' END")
	return head, head + "\n" + mapped("is_restocked", "CASE WHEN "+place+" IS NOT NULL AND num(line_qty) <> 0 THEN true ELSE CAST("+s.constant("is_restocked")+" AS BOOLEAN) END")
}

// taxes are the places of a mapping for taxes. A constant tax_rate says that WooCommerce does not calculate the tax that
// prices hold: where no tax is stated none is known, instead of none being due.
func (s *shop) taxes() []string {
	tax, net, included := "CASE WHEN $part = 'fee_lines' THEN num(fee_tax) ELSE num(line_tax) END", "CASE WHEN $part = 'fee_lines' THEN num(fee_total) ELSE num(line_total) END", ""
	order, back, backIncluded := "total_tax", "num(line_tax)", "false"
	if s.settings.Map("constants")["tax_rate"] != "" {
		holds := func(tax string) string {
			return "CASE WHEN " + tax + " <> 0 THEN false ELSE CAST(coalesce(" + s.constant("tax_included") + ", 'true') AS BOOLEAN) END"
		}
		net = "CASE WHEN (" + tax + ") <> 0 THEN " + net + " END"
		included = mapped("tax_included", holds("("+tax+")"))
		order, back, backIncluded = strconv.Quote("= nullif(num(total_tax), 0)"), "nullif(num(line_tax), 0)", holds("num(line_tax)")
		tax = "nullif(" + tax + ", 0)"
	}
	return []string{"{{order_tax}}", order, "{{line_tax}}", tax, "{{line_net}}", net, "{{line_included}}", included, "{{back_tax}}", back, "{{back_included}}", backIncluded}
}
