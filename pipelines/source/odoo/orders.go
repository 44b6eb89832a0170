package odoo

import (
	"context"
	"encoding/json"
	"regexp"
	"strconv"
)

var (
	orderFields = []string{"name", "pos_reference", "session_id", "config_id", "date_order", "state", "amount_tax", "amount_total", "amount_paid", "amount_return", "tip_amount", "partner_id", "user_id", "employee_id",
		"currency_id", "refunded_order_ids", "to_invoice", "note", "general_note", "create_date", "write_date", "lines", "payment_ids", "company_id"}
	lineFields    = []string{"order_id", "product_id", "full_product_name", "qty", "price_unit", "discount", "price_subtotal", "price_subtotal_incl", "customer_note", "combo_parent_id", "margin", "total_cost"}
	paymentFields = []string{"pos_order_id", "payment_method_id", "amount", "payment_date", "is_change", "transaction_id", "card_type"}
	productFields = []string{"default_code", "barcode", "name", "list_price", "lst_price", "standard_price", "categ_id", "type", "active", "write_date"}
	partnerFields = []string{"name", "phone", "mobile", "email", "barcode", "street", "city", "zip", "country_id", "active", "create_date", "write_date"}
)

// orders puts each order of a page together: its lines with their articles, its payments, its customer and its shop.
func (s *shop) orders(ctx context.Context, rows []record) (any, error) {
	ids, partners, shops, originals := []int64{}, map[int64]bool{}, map[int64]bool{}, map[int64]bool{}
	for _, row := range rows {
		ids = append(ids, row.id())
		partners[row.reference("partner_id")], shops[row.reference("config_id")] = true, true
		for _, original := range row.list("refunded_order_ids") {
			originals[original] = true
		}
	}
	lines, err := s.search(ctx, "pos.order.line", lineFields, []any{leaf("order_id", "in", ids)}, "id asc", 0)
	if err != nil {
		return nil, err
	}
	articles := map[int64]bool{}
	for _, line := range lines {
		articles[line.reference("product_id")] = true
	}
	// Payments stand in the order in which Odoo shows and exports them.
	payments, err := s.search(ctx, "pos.payment", paymentFields, []any{leaf("pos_order_id", "in", ids)}, "id desc", 0)
	if err != nil {
		return nil, err
	}
	named := map[string]map[int64]record{}
	for model, of := range map[string]struct {
		ids    map[int64]bool
		fields []string
	}{
		"product.product": {articles, []string{"default_code", "barcode"}},
		"res.partner":     {partners, []string{"name", "phone", "mobile", "email"}},
		"pos.config":      {shops, []string{"name"}},
		"pos.order":       {originals, []string{"pos_reference"}},
	} {
		if named[model], err = s.byID(ctx, model, of.ids, of.fields); err != nil {
			return nil, err
		}
	}
	of := map[int64]map[string][]record{}
	for _, line := range lines {
		if article := named["product.product"][line.reference("product_id")]; article != nil {
			line["product"] = encoded(article)
		}
		add(of, line.reference("order_id"), "lines", line)
	}
	for _, payment := range payments {
		add(of, payment.reference("pos_order_id"), "payments", payment)
	}
	for _, row := range rows {
		s.complete(row, of[row.id()], named)
	}
	return rows, nil
}

func add(of map[int64]map[string][]record, order int64, part string, row record) {
	if of[order] == nil {
		of[order] = map[string][]record{}
	}
	of[order][part] = append(of[order][part], row)
}

// complete adds to an order what other models say of it.
func (s *shop) complete(row record, parts map[string][]record, named map[string]map[int64]record) {
	delete(row, "payment_ids")
	row["lines"], row["payments"] = encoded(parts["lines"]), encoded(parts["payments"])
	if partner := named["res.partner"][row.reference("partner_id")]; partner != nil {
		row["partner"] = encoded(partner)
	}
	config := row.reference("config_id")
	place := s.settings.Map("locations")[strconv.FormatInt(config, 10)]
	if place == "" { // its name, but not the one that lists show: that has the user's behind it while the shop is open
		place = named["pos.config"][config].text("name")
	}
	if place != "" {
		row["location"] = encoded(place)
	}
	if originals := row.list("refunded_order_ids"); len(originals) == 1 {
		row["original"] = encoded(named["pos.order"][originals[0]].text("pos_reference"))
	}
}

// byID reads rows of a model by their numbers.
func (s *shop) byID(ctx context.Context, model string, wanted map[int64]bool, fields []string) (map[int64]record, error) {
	delete(wanted, 0)
	found := map[int64]record{}
	if len(wanted) == 0 {
		return found, nil
	}
	ids := sortedIDs(wanted)
	rows, err := s.search(ctx, model, fields, []any{leaf("id", "in", ids)}, "id asc", 0)
	for _, row := range rows {
		found[row.id()] = row
	}
	return found, err
}

// list gives the numbers of a field that names several rows.
func (r record) list(field string) []int64 {
	var ids []int64
	_ = json.Unmarshal(r[field], &ids) // what is no list is empty
	return ids
}

func encoded(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		return nil // plain values
	}
	return text
}

var receiptPattern = regexp.MustCompile(`[0-9]+-[0-9]+-[0-9]+`)

// receiptNumber is the key of an order: its receipt without the word in front, which changes with the till's language.
func receiptNumber(reference string) string {
	if number := receiptPattern.FindString(reference); number != "" {
		return number
	}
	return reference
}
