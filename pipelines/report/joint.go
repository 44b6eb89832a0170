package report

import "context"

// jointParts are the sections J1 to J12 of the joint-meeting pack, decisions first.
func jointParts(deliveries []map[string]string) []part {
	return []part{
		{id: "J3", title: "j3_title", needs: []string{"inventory_level", "inventory_movement"}, make: func(r *reader, ctx context.Context) (section, error) {
			return r.decisions(ctx, deliveries)
		}},
		{id: "J1", title: "j1_title", needs: []string{"order"}, make: func(r *reader, _ context.Context) (section, error) {
			return r.deliverySection(deliveries), nil
		}},
		{id: "J2", title: "j2_title", needs: []string{"policy_event"}},
		{id: "J4", title: "j4_title", needs: []string{"order", "traffic", "inventory_level"}, make: (*reader).asScoreboard},
		{id: "J5", title: "j5_title", needs: []string{"order", "traffic"}, make: (*reader).asBridge},
		{id: "J6", title: "j6_title", needs: []string{"order", "order_line", "inventory_level"}, make: (*reader).asOnlineToStore},
		{id: "J7", title: "j7_title", needs: []string{"feedback"}},
		{id: "J8", title: "j8_title", needs: []string{"inventory_level", "inventory_movement"}, make: (*reader).asStock},
		{id: "J9", title: "j9_title", needs: []string{"promotion", "coupon_event"}},
		{id: "J10", title: "j10_title", needs: []string{"customer", "order"}, make: (*reader).asCustomers},
		{id: "J11", title: "j11_title", needs: []string{"feedback"}},
		{id: "J12", title: "j12_title", needs: []string{"order"}, make: (*reader).asAppendix},
	}
}

// jointTiles are the nine figures of the scoreboard.
func jointTiles() []string {
	return []string{"net_sales", "yoy", "gm_pct", "conv_online", "conv_store", "oos", "doh", "xch_cust", "return_rate_acc"}
}

func (r *reader) asOnlineToStore(ctx context.Context) (section, error) {
	s := section{}
	hits, err := r.rows(ctx, "joint_meeting.online_hit", r.now())
	if err != nil {
		return s, err
	}
	if len(hits) > 0 {
		t := &table{Name: "t_online_hits", Long: true, Columns: []cell{key("c_rank"), key("c_sku"), key("c_product"), key("c_online_units"), key("c_online_net"), key("c_store_units"), key("c_available_at")}}
		for _, h := range hits {
			where := say("of", num(count, parse(h["available_location_qty"])), num(count, parse(h["stocked_location_qty"])))
			t.Rows = append(t.Rows, []cell{num(count, parse(h["rank"])), txt(h["sku"]), txt(h["product_name"]), num(quantity, parse(h["online_unit_qty"])), cash(parse(h["online_net_amount"]), ""), num(quantity, parse(h["store_unit_qty"])), where})
		}
		note := say("n_as_of_release")
		t.Note = &note
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	reasons, err := r.rows(ctx, "joint_meeting.return_reason", r.now())
	if err != nil {
		return s, err
	}
	if len(reasons) > 0 {
		t := &table{Name: "t_returns", Long: true, Columns: []cell{key("c_ordered_in"), key("c_handled_in"), key("c_reason"), key("c_refunds"), key("c_units"), key("c_refunded")}}
		for _, q := range reasons {
			t.Rows = append(t.Rows, []cell{scopeName(q["order_channel"]), scopeName(q["channel"]), scopeName(q["reason"]), num(count, parse(q["refund_qty"])), num(quantity, parse(q["unit_qty"])), cash(parse(q["home_net_amount"]), "")})
		}
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	if tb := r.kpiTable("t_crossing", []string{"bopis_share", "sfs_share", "boris", "addon", "xch_cust", "match_rate"}); tb != nil {
		s.Blocks = append(s.Blocks, block{Table: tb})
	}
	return s, nil
}

func (r *reader) asCustomers(ctx context.Context) (section, error) {
	s := section{}
	if t := r.kpiTable("t_customers", []string{"active_cust", "new_cust", "react_cust", "repeat_rate", "xch_cust", "match_rate", "arpu", "consent_cov"}); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	rows, err := r.rows(ctx, "joint_meeting.customer_segment", nil)
	if err != nil {
		return s, err
	}
	if len(rows) > 0 {
		t := &table{Name: "t_segments", Columns: []cell{key("c_lifecycle"), key("c_mix"), key("c_customers"), key("c_high_value"), key("c_net"), key("c_per_customer")}}
		risk := whole(0)
		for _, row := range rows {
			n := parse(row["customer_qty"])
			if row["lifecycle"] == "at_risk" {
				risk = risk.plus(parse(row["high_value_qty"]))
			}
			t.Rows = append(t.Rows, []cell{key("life_" + row["lifecycle"]), scopeName(row["channel_mix"]), num(count, n), num(count, parse(row["high_value_qty"])), cash(parse(row["monetary_amount"]), ""), cash(parse(row["monetary_amount"]).over(n).round(2), "")})
		}
		note := say("n_segment_date", txt(dash(rows[0]["as_of_date"])))
		t.Note = &note
		s.Lead = append(s.Lead, say("at_risk_lead", num(count, risk)))
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	return s, nil
}

func (r *reader) asAppendix(ctx context.Context) (section, error) {
	s := section{}
	rows, err := r.scoped(ctx, "location")
	if err != nil {
		return s, err
	}
	if t := r.scopeTable("t_locations", rows, []string{"net_sales", "atv", "upt", "conv_store", "gm_pct", "return_rate_acc"}); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	ledger, err := r.intake(ctx)
	if err != nil {
		return s, err
	}
	if ledger != nil {
		s.Blocks = append(s.Blocks, block{Table: ledger})
	}
	if t := r.conservation(); t != nil && r.prefix == "joint_meeting" { // the assessment has it in Q11
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	if t := r.checks(); t != nil && r.prefix == "joint_meeting" {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	if t := r.definitions(); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	return s, nil
}
