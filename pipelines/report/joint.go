package report

import (
	"context"
	"fmt"
)

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

// decisions lists what the stock findings, the deliveries and the checks ask to be decided, by value.
func (r *reader) decisions(ctx context.Context, deliveries []map[string]string) (section, error) {
	alerts, err := r.rows(ctx, "joint_meeting.stock_alert", nil)
	if err != nil {
		return section{}, err
	}
	var list []finding
	for _, kind := range []string{"out_of_stock", "transfer", "phantom", "negative", "overstock", "no_sale"} {
		for _, a := range alerts {
			if a["kind"] == kind && a["rank"] == "1" {
				list = append(list, stockFinding(a))
			}
		}
	}
	if missing := missingDeliveries(deliveries); missing != nil {
		list = append(list, *missing)
	}
	s := section{}
	if len(list) == 0 {
		s.Lead = append(s.Lead, say("nothing_to_decide"))
		return s, nil
	}
	s.Lead = append(s.Lead, say("j3_lead", num(count, whole(int64(len(list))))))
	s.Blocks = append(s.Blocks, block{Findings: list})
	return s, nil
}

func stockFinding(a map[string]string) finding {
	owner := map[string]string{"overstock": "owner_both", "no_sale": "owner_marketing", "negative": "owner_stores", "phantom": "owner_stores"}[a["kind"]]
	if owner == "" {
		owner = "owner_supply"
	}
	example := say("eg_"+a["kind"], txt(a["sku"]), txt(a["location_id"]), num(quantity, parse(a["available_qty"])),
		num(decimal, parse(a["weekly_sale_qty"])), num(quantity, parse(a["suggested_qty"])), txt(dash(a["counterpart_id"])), num(decimal, parse(a["weeks_of_supply"])))
	return finding{
		Text:     say("do_"+a["kind"], num(count, parse(a["kind_qty"]))),
		Evidence: example,
		Owner:    key(owner),
		Value:    cell{Kind: compactMoney, Value: a["kind_value_amount"], Currency: a["currency_code"]},
	}
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func missingDeliveries(deliveries []map[string]string) *finding {
	missing := whole(0)
	worst := map[string]string{}
	for _, d := range deliveries {
		n := parse(d["missing_qty"])
		if n.sign() <= 0 {
			continue
		}
		missing = missing.plus(n)
		if worst == nil || parse(worst["missing_qty"]).ok == false || n.cmp(parse(worst["missing_qty"])) > 0 {
			worst = d
		}
	}
	if missing.sign() == 0 {
		return nil
	}
	return &finding{
		Text: say("do_missing", num(count, missing)),
		Evidence: say("eg_missing", txt(dash(worst["location_id"])), txt(worst["source"]+"/"+worst["feed"]),
			num(count, parse(worst["missing_qty"])), txt(dash(worst["first_missing_date"]))),
		Owner: key("owner_support"),
		Value: num(money, number{}),
	}
}

// deliverySection shows what was due and what came.
func (r *reader) deliverySection(deliveries []map[string]string) section {
	s := section{}
	type sum struct{ due, received, late, missing, records number }
	var order []string
	sums := map[string]*sum{}
	for _, d := range deliveries {
		feed := d["source"] + "/" + d["feed"]
		if sums[feed] == nil {
			sums[feed] = &sum{whole(0), whole(0), whole(0), whole(0), whole(0)}
			order = append(order, feed)
		}
		t := sums[feed]
		t.due, t.received = t.due.plus(parse(d["due_qty"])), t.received.plus(parse(d["received_qty"]))
		t.late, t.missing = t.late.plus(parse(d["late_qty"])), t.missing.plus(parse(d["missing_qty"]))
		t.records = t.records.plus(parse(d["record_qty"]))
	}
	if len(order) > 0 {
		tb := &table{Name: "t_deliveries", Columns: []cell{key("c_feed"), key("c_due"), key("c_received"), key("c_share"), key("c_late"), key("c_missing"), key("c_records")}}
		for _, feed := range order {
			t := sums[feed]
			tb.Rows = append(tb.Rows, []cell{txt(feed), num(count, t.due), num(count, t.received), num(percent, t.received.over(t.due)), num(count, t.late), num(count, t.missing), num(count, t.records)})
		}
		s.Blocks = append(s.Blocks, block{Table: tb})
	}
	gaps := &table{Name: "t_missing", Long: true, Columns: []cell{key("c_location"), key("c_feed"), key("c_due"), key("c_missing"), key("c_first_missing")}}
	for _, d := range deliveries {
		if parse(d["missing_qty"]).sign() > 0 {
			gaps.Rows = append(gaps.Rows, []cell{txt(dash(d["location_id"])), txt(d["source"] + "/" + d["feed"]), num(count, parse(d["due_qty"])), num(count, parse(d["missing_qty"])), txt(dash(d["first_missing_date"]))})
		}
	}
	if len(gaps.Rows) > 0 {
		s.Blocks = append(s.Blocks, block{Table: gaps})
	}
	if rows := r.conservation(); rows != nil {
		s.Blocks = append(s.Blocks, block{Table: rows})
	}
	return s
}

// conservation shows where every delivered row went.
func (r *reader) conservation() *table {
	if len(r.facts.Conservation) == 0 {
		return nil
	}
	t := &table{Name: "t_conservation", Columns: []cell{key("c_subject"), key("c_read"), key("c_accepted"), key("c_duplicate"), key("c_superseded"), key("c_quarantined"), key("c_ignored"), key("c_in_table"), key("c_balanced")}}
	for _, c := range r.facts.Conservation {
		state := "yes"
		if !c.Balanced {
			state = "no"
		}
		row := []cell{txt(c.Subject)}
		for _, n := range []int64{c.Read, c.Accepted, c.Duplicate, c.Superseded, c.Quarantined, c.Ignored, c.InTable} {
			row = append(row, num(count, whole(n)))
		}
		t.Rows = append(t.Rows, append(row, key(state)))
	}
	note := say("n_release_wide")
	t.Note = &note
	return t
}

func (r *reader) asScoreboard(ctx context.Context) (section, error) {
	return r.scoreboard(ctx, jointTiles())
}

// scoreboard shows tiles for the company and a table by channel.
func (r *reader) scoreboard(ctx context.Context, kpis []string) (section, error) {
	s := section{}
	var tiles []tile
	seen := false
	for _, k := range kpis {
		seen = seen || r.company(k) != nil
		tiles = append(tiles, r.tileOf(k))
	}
	if !seen {
		return s, nil
	}
	if h := r.dates["holiday_id"]; h != "" {
		s.Lead = append(s.Lead, say("holiday_note", txt(h)))
	}
	s.Blocks = append(s.Blocks, block{Tiles: tiles})
	rows, err := r.scoped(ctx, "channel")
	if err != nil {
		return s, err
	}
	if t := r.scopeTable("t_channels", rows, []string{"net_sales", "atv", "upt", "asp", "gm_pct", "return_rate_acc", "cancel_rate"}); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	return s, nil
}

// scopeTable sets scopes in rows and KPIs in columns, net sales with their change against the period before.
func (r *reader) scopeTable(name string, rows []map[string]string, kpis []string) *table {
	byScope := map[string]map[string]map[string]string{}
	var scopes []string
	present := map[string]bool{}
	for _, row := range rows {
		id := row["scope_id"]
		if byScope[id] == nil {
			byScope[id] = map[string]map[string]string{}
			scopes = append(scopes, id)
		}
		byScope[id][row["kpi_id"]] = row
		present[row["kpi_id"]] = true
	}
	t := &table{Name: name, Columns: []cell{key("c_scope")}}
	for _, k := range kpis {
		if !present[k] {
			continue
		}
		t.Columns = append(t.Columns, r.name(k))
		if k == "net_sales" {
			t.Columns = append(t.Columns, key("c_vs_previous"), key("c_vs_last_year"))
		}
	}
	for _, id := range scopes {
		line := []cell{scopeName(id)}
		for _, k := range kpis {
			if !present[k] {
				continue
			}
			row := byScope[id][k]
			line = append(line, ofUnit(row["value"], r.unit(k)))
			if k == "net_sales" {
				line = append(line, distance(row["value"], row["previous_value"], "money"), distance(row["value"], row["last_year_value"], "money"))
			}
		}
		t.Rows = append(t.Rows, line)
	}
	if len(t.Rows) == 0 || len(t.Columns) < 2 {
		return nil
	}
	return t
}

func (r *reader) unit(kpi string) string {
	if u := r.kpis[kpi]["unit"]; u != "" {
		return u
	}
	for _, row := range r.board {
		if row["kpi_id"] == kpi {
			return row["unit"]
		}
	}
	return ""
}

// scopeName translates the names that omoflow itself gives and leaves those of the data alone.
func scopeName(id string) cell {
	switch id {
	case "online", "store", "both", "ship", "pickup", "carry_out", "ship_from_store", "unknown":
		return key("name_" + id)
	case "":
		return key("name_none")
	}
	return txt(id)
}

func (r *reader) asBridge(ctx context.Context) (section, error) {
	s := section{}
	for _, c := range []struct{ column, title, since string }{
		{"previous_start", "t_bridge_previous", "cmp_previous"}, {"last_year_start", "t_bridge_last_year", "cmp_last_year"}} {
		start := r.dates[c.column]
		if start == "" {
			continue
		}
		blocks, err := r.bridgeBlocks(ctx, start, c.title, c.since)
		if err != nil {
			return s, err
		}
		s.Blocks = append(s.Blocks, blocks...)
	}
	if len(s.Blocks) > 0 {
		s.Lead = append(s.Lead, say("bridge_note"))
	}
	return s, nil
}

// bridgeBlocks tells why net sales differ from those of the period that starts at start.
func (r *reader) bridgeBlocks(ctx context.Context, start, title, since string) ([]block, error) {
	name := r.prefix + ".bridge"
	now, err := r.rows(ctx, name, r.now())
	if err != nil {
		return nil, err
	}
	before, err := r.rows(ctx, name, r.at(start))
	if err != nil || len(before) == 0 || len(now) == 0 {
		return nil, err
	}
	was, total, totalBefore := map[string]map[string]string{}, whole(0), whole(0)
	for _, b := range before {
		was[b["channel"]] = b
		totalBefore = totalBefore.plus(parse(b["home_net_amount"]))
	}
	currency := now[0]["currency_code"]
	t := &table{Name: title, Columns: []cell{key("c_scope"), key("c_factor"), key("c_effect")}}
	fig := &figure{Kind: waterfall, Title: say(title), Series: []figureSeries{{Name: key("c_effect")}}}
	add := func(label, value cell, isTotal bool) {
		fig.Labels = append(fig.Labels, label)
		fig.Series[0].Values = append(fig.Series[0].Values, value)
		fig.Totals = append(fig.Totals, isTotal)
	}
	wide := func(n number) cell { return num(compactMoney, n) }
	add(key(since), wide(totalBefore), true)
	for _, row := range now {
		total = total.plus(parse(row["home_net_amount"]))
		steps := bridge(zeroed(was[row["channel"]]), readFactors(row))
		for _, e := range steps {
			scope := scopeName(row["channel"])
			t.Rows = append(t.Rows, []cell{scope, {Kind: terms, Value: e.Terms}, num(money, e.Amount)})
			add(say("pair", scope, cell{Kind: terms, Value: e.Terms}), wide(e.Amount), false)
		}
		delete(was, row["channel"])
	}
	for _, b := range before { // channels that sold nothing this time
		if gone, ok := was[b["channel"]]; ok {
			lost := whole(0).minus(parse(gone["home_net_amount"])).round(2)
			t.Rows = append(t.Rows, []cell{scopeName(b["channel"]), key("factor_sales"), num(money, lost)})
			add(say("pair", scopeName(b["channel"]), key("factor_sales")), wide(lost), false)
		}
	}
	add(key("cmp_now"), wide(total), true)
	t.Rows = append(t.Rows, []cell{strong(key("total")), txt(""), strong(num(money, total.minus(totalBefore).round(2)))})
	fig.Desc = say("bridge_desc", num(money, totalBefore), num(money, total), txt(currency))
	return []block{{Figure: fig}, {Table: t}}, nil
}

// zeroed reads the factors of a channel; one that did not exist before sold nothing.
func zeroed(row map[string]string) factors {
	if row == nil {
		return factors{sale: whole(0), refund: whole(0)}
	}
	return readFactors(row)
}

func strong(c cell) cell {
	c.Strong = true
	return c
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

// kpiTable sets company KPIs in rows with their comparators and verdict; nil when none of them is there.
func (r *reader) kpiTable(name string, kpis []string) *table {
	t := &table{Name: name, Columns: []cell{key("c_kpi"), key("c_value"), key("cmp_previous"), key("cmp_last_year"), key("c_delta"), key("c_verdict")}}
	for _, k := range kpis {
		row := r.company(k)
		if row == nil {
			continue
		}
		base := row["last_year_value"]
		if base == "" {
			base = row["previous_value"]
		}
		v := judge(row["value"], base, row["unit"], row["direction"])
		t.Rows = append(t.Rows, []cell{r.name(k), strong(ofUnit(row["value"], row["unit"])), ofUnit(row["previous_value"], row["unit"]), ofUnit(row["last_year_value"], row["unit"]),
			distance(row["value"], base, row["unit"]), say("marked", txt(v.mark()), key(string(v)))})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}

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
	if t := r.checks(); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	if t := r.definitions(); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	return s, nil
}

// checks lists the checks that found rows.
func (r *reader) checks() *table {
	list := r.failedChecks()
	if len(list) == 0 {
		return nil
	}
	t := &table{Name: "t_checks", Columns: []cell{key("c_check"), key("c_table"), key("c_severity"), key("c_rows")}}
	for _, c := range list {
		t.Rows = append(t.Rows, []cell{txt(c.Name), txt(c.Model), key("severity_" + c.Severity), num(count, whole(c.Rows))})
	}
	return t
}

// definitions lists the registry entries of the KPIs that the release holds.
func (r *reader) definitions() *table {
	t := &table{Name: "t_definitions", Long: true, Columns: []cell{key("c_kpi"), key("c_id"), key("c_version"), key("c_basis"), key("c_about")}}
	seen := map[string]bool{}
	for _, row := range r.board {
		id := row["kpi_id"]
		if seen[id] || row["period_start"] != r.period.start() {
			continue
		}
		seen[id] = true
		t.Rows = append(t.Rows, []cell{r.name(id), txt(id), txt(row["kpi_version"]), txt(fmt.Sprint(r.kpis[id]["basis"])), txt(r.kpis[id]["about"])})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}
