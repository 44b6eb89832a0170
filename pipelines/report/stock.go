package report

import "context"

func (r *reader) asStock(ctx context.Context) (section, error) {
	s := section{}
	alerts, err := r.rows(ctx, "joint_meeting.stock_alert", nil)
	if err != nil {
		return s, err
	}
	for _, kind := range []string{"transfer", "out_of_stock", "overstock", "no_sale", "negative", "phantom"} {
		if t := alertTable(kind, alerts); t != nil {
			s.Blocks = append(s.Blocks, block{Table: t})
		}
	}
	t, err := r.stockLocations(ctx)
	if err != nil {
		return s, err
	}
	if t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	if len(s.Blocks) > 0 {
		s.Lead = append(s.Lead, say("n_as_of_release"))
	}
	return s, nil
}

func alertTable(kind string, alerts []map[string]string) *table {
	t := &table{Name: "t_" + kind, Long: true, Columns: []cell{key("c_rank"), key("c_location"), key("c_sku"), key("c_available"), key("c_weekly"), key("c_weeks"), key("c_stake")}}
	if kind == "transfer" {
		t.Columns = []cell{key("c_rank"), key("c_to"), key("c_sku"), key("c_from"), key("c_move"), key("c_weekly"), key("c_stake")}
	}
	for _, a := range alerts {
		if a["kind"] != kind {
			continue
		}
		row := []cell{num(count, parse(a["rank"])), txt(a["location_id"]), txt(a["sku"])}
		if kind == "transfer" {
			row = append(row, txt(dash(a["counterpart_id"])), num(quantity, parse(a["suggested_qty"])), num(decimal, parse(a["weekly_sale_qty"])))
		} else {
			row = append(row, num(quantity, parse(a["available_qty"])), num(decimal, parse(a["weekly_sale_qty"])), num(decimal, parse(a["weeks_of_supply"])))
		}
		t.Rows = append(t.Rows, append(row, cash(parse(a["value_amount"]), "")))
		note := say("n_alert_total", num(count, parse(a["kind_qty"])), cash(parse(a["kind_value_amount"]), a["currency_code"]))
		t.Note = &note
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}

func (r *reader) stockLocations(ctx context.Context) (*table, error) {
	rows, err := r.rows(ctx, "joint_meeting.stock_location", nil)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	t := &table{Name: "t_stock_locations", Columns: []cell{key("c_location"), key("c_skus"), key("c_out"), key("c_out_share"), key("c_negative"), key("c_on_hand"), key("c_cost"), key("c_age_hours")}}
	for _, row := range rows {
		out := parse(row["out_qty"])
		t.Rows = append(t.Rows, []cell{txt(row["location_id"]), num(count, parse(row["sku_qty"])), num(count, out), num(percent, out.over(parse(row["sku_qty"]))), num(count, parse(row["negative_qty"])),
			num(quantity, parse(row["on_hand_qty"])), cash(parse(row["cost_amount"]), ""), num(decimal, parse(row["evidence_age_hours"]))})
	}
	return t, nil
}
