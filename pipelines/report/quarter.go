package report

import (
	"context"
	"maps"
	"slices"
)

// quarterParts are the sections Q1 to Q12 of the quarterly assessment.
func quarterParts(deliveries []map[string]string) []part {
	return []part{
		{id: "Q1", title: "q1_title", needs: []string{"order"}, make: (*reader).asVerdicts},
		{id: "Q2", title: "q2_title", needs: []string{"inventory_level", "inventory_movement"}, make: func(r *reader, ctx context.Context) (section, error) {
			return r.decisions(ctx, deliveries)
		}},
		{id: "Q3", title: "q3_title", needs: []string{"policy_event"}},
		{id: "Q4", title: "q4_title", needs: []string{"order", "order_line"}, make: (*reader).asSales},
		{id: "Q5", title: "q5_title", needs: []string{"customer", "order"}, make: (*reader).asCohorts},
		{id: "Q6", title: "q6_title", needs: []string{"inventory_level", "inventory_movement", "stocktake_line"}, make: (*reader).asInventory},
		{id: "Q7", title: "q7_title", needs: []string{"promotion", "coupon_event"}},
		{id: "Q8", title: "q8_title", needs: []string{"market_index"}},
		{id: "Q9", title: "q9_title", needs: []string{"policy_event"}, make: func(r *reader, _ context.Context) (section, error) {
			s := r.deliverySection(deliveries)
			if len(s.Blocks) > 0 {
				s.Lead = append(s.Lead, say("q9_lead"))
			}
			return s, nil
		}},
		{id: "Q10", title: "q10_title", needs: []string{"target", "org_unit", "policy_event"}},
		{id: "Q11", title: "q11_title", needs: []string{"order"}, make: (*reader).asFaults},
		{id: "Q12", title: "q12_title", needs: []string{"order"}, make: (*reader).asAppendix},
	}
}

// asVerdicts judges the four goals and the collaboration, each by the KPIs that stand for it.
func (r *reader) asVerdicts(_ context.Context) (section, error) {
	s := section{}
	goals := []struct {
		name string
		kpis []string
	}{
		{"goal_experience", []string{"repeat_rate", "return_rate_acc", "cancel_rate"}},
		{"goal_conversion", []string{"conv_online", "conv_store", "upt"}},
		{"goal_inventory", []string{"oos", "inv_turn", "ira"}},
		{"goal_response", []string{"boris", "bopis_share", "sfs_share"}},
		{"goal_together", []string{"xch_cust", "match_rate", "net_sales"}},
	}
	t := &table{Name: "t_goals", Columns: []cell{key("c_goal"), key("c_kpi"), key("c_value"), key("cmp_target"), key("cmp_last_year"), key("cmp_previous"), key("c_verdict"), key("c_sample")}}
	var tiles []tile
	for _, g := range goals {
		for i, k := range g.kpis {
			row := r.company(k)
			if row == nil {
				continue
			}
			one := r.tileOf(k)
			if i == 0 || len(tiles) < 3 {
				tiles = append(tiles, one)
			}
			t.Rows = append(t.Rows, []cell{key(g.name), one.Name, strong(ofUnit(row["value"], row["unit"])), ofUnit(row["target_value"], row["unit"]), ofUnit(row["last_year_value"], row["unit"]),
				ofUnit(row["previous_value"], row["unit"]), say("marked", txt(one.Verdict.mark()), key(string(one.Verdict))), num(count, parse(row["sample_qty"]))})
		}
	}
	if len(t.Rows) == 0 {
		return s, nil
	}
	s.Lead = append(s.Lead, say("q1_lead"))
	s.Lead = append(s.Lead, r.parts...)
	s.Blocks = append(s.Blocks, block{Tiles: tiles[:min(6, len(tiles))]}, block{Table: t})
	return s, nil
}

// asSales shows the bridge, the origin by fulfilment matrix, channels and categories.
func (r *reader) asSales(ctx context.Context) (section, error) {
	s, err := r.asBridge(ctx)
	if err != nil {
		return s, err
	}
	if values, names := r.course("net_sales", 8); len(values) > 1 {
		f := &figure{Kind: lines, Title: r.name("net_sales"), Desc: say("course_desc"), Series: []figureSeries{{Name: r.name("net_sales"), Values: compacted(values)}}}
		for _, n := range names {
			f.Labels = append(f.Labels, txt(n))
		}
		s.Blocks = append(s.Blocks, block{Figure: f})
	}
	rows, err := r.scoped(ctx, "channel")
	if err != nil {
		return s, err
	}
	if t := r.scopeTable("t_channels", rows, []string{"net_sales", "atv", "upt", "gm_pct", "return_rate_acc"}); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	matrix, err := r.matrix(ctx)
	if err != nil {
		return s, err
	}
	categories, err := r.categories(ctx)
	if err != nil {
		return s, err
	}
	s.Blocks = append(s.Blocks, append(matrix, categories...)...)
	return s, nil
}

func compacted(list []cell) []cell {
	out := slices.Clone(list)
	for i := range out {
		if out[i].Kind == money {
			out[i].Kind = compactMoney
		}
	}
	return out
}

// matrix crosses where orders were placed with how they were fulfilled.
func (r *reader) matrix(ctx context.Context) ([]block, error) {
	rows, err := r.rows(ctx, "quarterly.fulfilment_matrix", r.now())
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	total := whole(0)
	for _, row := range rows {
		total = total.plus(parse(row["home_net_amount"]))
	}
	t := &table{Name: "t_matrix", Columns: []cell{key("c_ordered_in"), key("c_fulfilment"), key("c_orders"), key("c_units"), key("c_net"), key("c_share")}}
	for _, row := range rows {
		net := parse(row["home_net_amount"])
		t.Rows = append(t.Rows, []cell{scopeName(row["channel"]), scopeName(row["fulfilment"]), num(count, parse(row["order_qty"])), num(quantity, parse(row["unit_qty"])), cash(net, ""), num(percent, net.over(total))})
	}
	note := say("n_before_refunds")
	t.Note = &note
	return []block{{Table: t}}, nil
}

// categories ranks categories by margin, and shows how much of their sales has a known cost.
func (r *reader) categories(ctx context.Context) ([]block, error) {
	rows, err := r.rows(ctx, "quarterly.category", r.now())
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	type sum struct{ net, covered, margin, online number }
	sums := map[string]sum{}
	for _, row := range rows {
		t, ok := sums[row["category"]]
		if !ok {
			t = sum{whole(0), whole(0), whole(0), whole(0)}
		}
		net := parse(row["home_net_amount"])
		t.net, t.covered, t.margin = t.net.plus(net), t.covered.plus(parse(row["home_covered_net_amount"])), t.margin.plus(parse(row["home_margin_amount"]))
		if row["channel"] == "online" {
			t.online = t.online.plus(net)
		}
		sums[row["category"]] = t
	}
	names := slices.Sorted(maps.Keys(sums))
	slices.SortStableFunc(names, func(a, b string) int { return sums[b].margin.cmp(sums[a].margin) })
	t := &table{Name: "t_categories", Long: true, Columns: []cell{key("c_category"), key("c_net"), key("c_online_share"), key("c_margin"), key("c_margin_rate"), key("c_cost_coverage")}}
	fig := &figure{Kind: bars, Title: say("t_categories_chart"), Desc: say("categories_desc"), Series: []figureSeries{{Name: key("c_margin")}}}
	for i, name := range names {
		v := sums[name]
		t.Rows = append(t.Rows, []cell{scopeName(name), cash(v.net, ""), num(percent, v.online.over(v.net)), cash(v.margin, ""), num(percent, v.margin.over(v.covered)), num(percent, v.covered.over(v.net))})
		if i < 10 {
			fig.Labels = append(fig.Labels, scopeName(name))
			fig.Series[0].Values = append(fig.Series[0].Values, num(compactMoney, v.margin))
		}
	}
	return []block{{Figure: fig}, {Table: t}}, nil
}

// asCohorts shows customers, segments and how cohorts come back.
func (r *reader) asCohorts(ctx context.Context) (section, error) {
	s, err := r.asCustomers(ctx)
	if err != nil {
		return s, err
	}
	rows, err := r.rows(ctx, "quarterly.cohort", nil)
	if err != nil {
		return s, err
	}
	fig := &figure{Kind: heat, Title: say("t_cohorts"), Desc: say("cohort_desc")}
	t := &table{Name: "t_cohorts", Long: true, Columns: []cell{key("c_cohort"), key("c_quarter_no"), key("c_customers"), key("c_active"), key("c_share"), key("c_cross"), key("c_net")}}
	width := 0
	for _, row := range rows {
		if row["period_start"] > r.period.start() {
			continue
		}
		name := periodName("quarter", row["cohort_start"])
		share := parse(row["active_qty"]).over(parse(row["cohort_qty"]))
		t.Rows = append(t.Rows, []cell{txt(name), num(count, parse(row["quarter_no"])), num(count, parse(row["cohort_qty"])), num(count, parse(row["active_qty"])), num(percent, share), num(count, parse(row["cross_channel_qty"])), cash(parse(row["home_net_amount"]), "")})
		if n := len(fig.Series); n == 0 || fig.Series[n-1].Name.Value != name {
			fig.Series = append(fig.Series, figureSeries{Name: txt(name)})
		}
		last := &fig.Series[len(fig.Series)-1]
		at, _ := parse(row["quarter_no"]).d.Int64()
		for int64(len(last.Values)) < at && at < 16 {
			last.Values = append(last.Values, num(percent, number{}))
		}
		last.Values = append(last.Values, num(percent, share.round(6)))
		width = max(width, len(last.Values))
	}
	if len(t.Rows) == 0 {
		return s, nil
	}
	fig.Series = fig.Series[max(0, len(fig.Series)-8):]
	for i := range min(width, 12) {
		fig.Labels = append(fig.Labels, num(count, whole(int64(i))))
	}
	s.Blocks = append(s.Blocks, block{Figure: fig}, block{Table: t})
	return s, nil
}

// asInventory shows the stock KPIs, the counts and the state of each location.
func (r *reader) asInventory(ctx context.Context) (section, error) {
	s := section{}
	if t := r.kpiTable("t_inventory", []string{"gmroi", "inv_turn", "doh", "sell_through", "active_sku", "oos", "no_sale_stock", "ira", "shrink", "count_cov"}); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	counts, err := r.rows(ctx, "quarterly.stock_count", r.now())
	if err != nil {
		return s, err
	}
	if len(counts) > 0 {
		t := &table{Name: "t_counts", Columns: []cell{key("c_location"), key("c_counted"), key("c_exact"), key("c_exact_share"), key("c_late"), key("c_surplus"), key("c_shortage")}}
		for _, c := range counts {
			t.Rows = append(t.Rows, []cell{txt(c["location_id"]), num(count, parse(c["counted_qty"])), num(count, parse(c["exact_qty"])), num(percent, parse(c["exact_qty"]).over(parse(c["counted_qty"]))),
				num(count, parse(c["late_qty"])), cash(parse(c["surplus_amount"]), ""), cash(parse(c["shortage_amount"]), "")})
		}
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	t, err := r.stockLocations(ctx)
	if err != nil {
		return s, err
	}
	if t != nil {
		note := say("n_as_of_release")
		t.Note = &note
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	return s, nil
}

// asFaults lists what is known to be wrong with the data behind the quarter.
func (r *reader) asFaults(_ context.Context) (section, error) {
	s := section{}
	if t := r.checks(); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	if t := r.conservation(); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	if len(s.Blocks) > 0 {
		s.Lead = append(s.Lead, say("q11_lead"))
	}
	return s, nil
}
