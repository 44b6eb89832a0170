package report

import (
	"context"
	"slices"
)

// supervisionParts are the sections S1 to S10 of the supervision report, what is to be done first.
func supervisionParts(deliveries []map[string]string) []part {
	return []part{
		{id: "S1", title: "s1_title", needs: []string{"order"}, make: func(r *reader, ctx context.Context) (section, error) {
			return r.supervisionDecisions(ctx, deliveries)
		}},
		{id: "S2", title: "s2_title", needs: []string{"order", "location"}, make: (*reader).asCompliance},
		{id: "S3", title: "s3_title", needs: []string{"order", "location"}, make: (*reader).asClauses},
		{id: "S4", title: "s4_title", needs: []string{"inventory_level", "stocktake_line"}, make: (*reader).asGates},
		{id: "S5", title: "s5_title", needs: []string{"order"}, make: func(r *reader, ctx context.Context) (section, error) {
			return r.asDuty(ctx, deliveries)
		}},
		{id: "S6", title: "s6_title", needs: []string{"till_total"}, make: (*reader).asTills},
		{id: "S7", title: "s7_title", needs: []string{"inventory_level", "inventory_movement", "stocktake_line"}, make: (*reader).asCounts},
		{id: "S8", title: "s8_title", needs: []string{"order"}, make: (*reader).asRefusals},
		{id: "S9", title: "s9_title", needs: []string{"order"}, make: (*reader).asResults},
		{id: "S10", title: "s10_title", needs: []string{"order"}, make: (*reader).asBasis},
	}
}

// standing is what a location's compliance comes to, best told first by what is wrong.
func standing(l map[string]string) cell {
	switch {
	case parse(l["gate_qty"]).sign() > 0:
		return say("marked", txt(isWorse.mark()), key("stand_gate"))
	case l["is_rated"] != "true":
		return say("marked", txt(cannotSay.mark()), key("stand_unrated"))
	}
	base := l["last_year_share"]
	if base == "" {
		base = l["previous_share"]
	}
	v := judge(l["share"], base, "percent", "up")
	if v == cannotSay {
		return say("marked", txt(v.mark()), key("stand_first"))
	}
	return say("marked", txt(v.mark()), key(string(v)))
}

// asCompliance lists the locations, those with a broken gate and those that cannot be rated first, then by share.
func (r *reader) asCompliance(ctx context.Context) (section, error) {
	s := section{}
	rows, err := r.rows(ctx, "supervision.location", r.now())
	if err != nil || len(rows) == 0 {
		return s, err
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b map[string]string) int {
		for _, d := range []int{
			kindPlace(a["location_kind"]) - kindPlace(b["location_kind"]), parseOrZero(b["gate_qty"]).sign() - parseOrZero(a["gate_qty"]).sign(),
			compareText(a["is_rated"], b["is_rated"]), parseOrZero(a["share"]).cmp(parseOrZero(b["share"])),
		} {
			if d != 0 {
				return d
			}
		}
		return compareText(a["location_id"], b["location_id"])
	})
	t := &table{Name: "t_compliance", Long: true, Columns: []cell{key("c_location"), key("c_kind"), key("c_clauses_met"), key("c_clauses_seen"), key("c_checks"), key("c_compliance"), key("cmp_previous"), key("cmp_last_year"), key("c_place"), key("c_verdict")}}
	rated := 0
	for _, l := range rows {
		place := txt("–")
		if l["rank"] != "" {
			place = say("of", num(count, parse(l["rank"])), num(count, parse(l["ranked_qty"])))
		}
		if l["is_rated"] == "true" {
			rated++
		}
		t.Rows = append(t.Rows, []cell{txt(l["location_id"]), kindName(l["location_kind"]), say("of", num(count, parse(l["met_qty"])), num(count, parse(l["evidence_qty"]))), say("of", num(count, parse(l["evidence_qty"])), num(count, parse(l["clause_qty"]))),
			num(percent, parse(l["check_met_qty"]).over(parse(l["check_due_qty"]))), strong(num(percent, parse(l["share"]))), num(percent, parse(l["previous_share"])), num(percent, parse(l["last_year_share"])), place, standing(l)})
	}
	note := key("n_compliance")
	t.Note = &note
	s.Lead = append(s.Lead, say("s2_lead", num(count, whole(int64(rated))), num(count, whole(int64(len(rows))))), key("s2_not_scored"))
	s.Blocks = append(s.Blocks, block{Table: t})
	return s, nil
}

// kindPlace orders kinds of locations.
func kindPlace(kind string) int {
	return slices.Index([]string{"store", "online", "warehouse"}, kind) & 3
}

func kindName(kind string) cell {
	switch kind {
	case "store", "online", "warehouse":
		return key("kind_" + kind)
	}
	return key("name_unknown")
}

// clauses gives the clauses in their order.
func (r *reader) clauses(ctx context.Context) ([]map[string]string, error) {
	rows, err := r.rows(ctx, "assessment.clause", nil)
	if err != nil {
		return nil, err
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b map[string]string) int { return parseOrZero(a["position"]).cmp(parseOrZero(b["position"])) })
	return rows, nil
}

func clauseName(c map[string]string) cell { return both(c["name_zh"], c["name_en"]) }

// asClauses sets locations in rows and clauses in columns, each with its checks passed of those due.
func (r *reader) asClauses(ctx context.Context) (section, error) {
	s := section{}
	clauses, err := r.clauses(ctx)
	if err != nil {
		return s, err
	}
	rows, err := r.rows(ctx, "assessment.compliance", r.now())
	if err != nil || len(rows) == 0 {
		return s, err
	}
	t := &table{Name: "t_clauses", Long: true, Columns: []cell{key("c_location")}}
	for _, c := range clauses {
		t.Columns = append(t.Columns, clauseName(c))
	}
	var order []string
	cells := map[string]map[string]cell{}
	for _, row := range rows {
		id := row["location_id"]
		if cells[id] == nil {
			cells[id] = map[string]cell{}
			order = append(order, id)
		}
		cells[id][row["clause_id"]] = clauseCell(row)
	}
	for _, id := range order {
		line := []cell{txt(id)}
		for _, c := range clauses {
			one, bound := cells[id][c["clause_id"]]
			if !bound {
				one = txt("–")
			}
			line = append(line, one)
		}
		t.Rows = append(t.Rows, line)
	}
	note := key("n_clauses")
	t.Note = &note
	s.Blocks = append(s.Blocks, block{Table: t})
	return s, nil
}

func clauseCell(row map[string]string) cell {
	met, due := num(count, parse(row["met_qty"])), num(count, parse(row["due_qty"]))
	switch row["state"] {
	case "met":
		return say("marked", txt(isBetter.mark()), say("of", met, due))
	case "not_met":
		return say("marked", txt(isWorse.mark()), say("of", met, due))
	}
	return say("marked", txt(cannotSay.mark()), key("no_evidence"))
}

// asGates lists broken gates with their evidence.
func (r *reader) asGates(ctx context.Context) (section, error) {
	s := section{}
	rows, err := r.rows(ctx, "assessment.compliance", r.now())
	if err != nil || len(rows) == 0 {
		return s, err
	}
	counts, err := r.countsBy(ctx)
	if err != nil {
		return s, err
	}
	clauses, err := r.clauses(ctx)
	if err != nil {
		return s, err
	}
	names := map[string]cell{}
	for _, c := range clauses {
		names[c["clause_id"]] = clauseName(c)
	}
	t := &table{Name: "t_gates", Columns: []cell{key("c_location"), key("c_clause"), key("c_first_breach"), key("c_last_count"), key("c_next_due"), key("c_state")}}
	unseen := 0
	for _, row := range rows {
		if row["is_gate"] != "true" {
			continue
		}
		if row["state"] == "no_evidence" {
			unseen++
		}
		if row["state"] == "not_met" {
			c := counts[row["location_id"]]
			t.Rows = append(t.Rows, []cell{txt(row["location_id"]), names[row["clause_id"]], txt(dash(row["first_breach_date"])), txt(dash(c["last_count_date"])), txt(dash(c["next_due_date"])), countState(c)})
		}
	}
	switch {
	case len(t.Rows) > 0:
		s.Lead = append(s.Lead, say("s4_lead", num(count, whole(int64(len(t.Rows))))))
		s.Blocks = append(s.Blocks, block{Table: t})
	case unseen == 0:
		s.Lead = append(s.Lead, key("s4_none"))
	}
	if unseen > 0 {
		s.Lead = append(s.Lead, say("s4_unseen", num(count, whole(int64(unseen)))))
	}
	return s, nil
}

// countsBy gives the state of the counts of each location.
func (r *reader) countsBy(ctx context.Context) (map[string]map[string]string, error) {
	rows, err := r.rows(ctx, "supervision.stock_count", r.now())
	if err != nil {
		return nil, err
	}
	by := map[string]map[string]string{}
	for _, row := range rows {
		by[row["location_id"]] = row
	}
	return by, nil
}

func countState(c map[string]string) cell {
	switch {
	case parse(c["overdue_qty"]).sign() > 0:
		return say("marked", txt(isWorse.mark()), say("count_overdue", num(count, parse(c["overdue_days"]))))
	case parse(c["part_qty"]).sign() > 0:
		return say("marked", txt(isBetter.mark()), key("count_in_time"))
	}
	return say("marked", txt(cannotSay.mark()), key("count_no_duty"))
}

// asDuty shows what each location had to deliver, and what of it came, late or not at all.
func (r *reader) asDuty(ctx context.Context, deliveries []map[string]string) (section, error) {
	s := r.deliverySection(deliveries)
	rows, err := r.rows(ctx, "assessment.compliance", r.now())
	if err != nil {
		return s, err
	}
	onTime := map[string]map[string]string{}
	var due []map[string]string
	for _, row := range rows {
		switch {
		case row["clause_id"] == "on_time":
			onTime[row["location_id"]] = row
		case row["clause_id"] == "delivered" && row["state"] != "no_evidence":
			due = append(due, row)
		}
	}
	late := func(id string) number {
		return parseOrZero(onTime[id]["due_qty"]).minus(parseOrZero(onTime[id]["met_qty"]))
	}
	missing := func(row map[string]string) number { return parse(row["due_qty"]).minus(parse(row["met_qty"])) }
	slices.SortStableFunc(due, func(a, b map[string]string) int {
		if d := missing(b).cmp(missing(a)); d != 0 {
			return d
		}
		return late(b["location_id"]).cmp(late(a["location_id"]))
	})
	t := &table{Name: "t_duty", Long: true, Columns: []cell{key("c_location"), key("c_due"), key("c_received"), key("c_share"), key("c_late"), key("c_missing"), key("c_first_missing")}}
	for _, row := range due {
		t.Rows = append(t.Rows, []cell{txt(row["location_id"]), num(count, parse(row["due_qty"])), num(count, parse(row["met_qty"])), num(percent, parse(row["met_qty"]).over(parse(row["due_qty"]))),
			num(count, late(row["location_id"])), num(count, missing(row)), txt(dash(row["first_breach_date"]))})
	}
	if len(t.Rows) > 0 {
		s.Blocks = append([]block{{Table: t}}, s.Blocks...)
	}
	return s, nil
}

// asTills shows the days of the tills of each store.
func (r *reader) asTills(ctx context.Context) (section, error) {
	s := section{}
	rows, err := r.rows(ctx, "supervision.till", r.now())
	if err != nil || len(rows) == 0 {
		return s, err
	}
	t := &table{Name: "t_tills", Long: true, Columns: []cell{key("c_location"), key("c_days"), key("c_reported"), key("c_tied"), key("c_beyond"), key("c_net_difference"), key("c_gross_difference"), key("c_first_open")}}
	for _, row := range rows {
		t.Rows = append(t.Rows, []cell{txt(row["location_id"]), num(count, parse(row["day_qty"])), num(count, parse(row["reported_qty"])), num(count, parse(row["tied_qty"])), num(count, parse(row["beyond_qty"])),
			cash(parse(row["net_difference_amount"]), row["currency_code"]), cash(parse(row["gross_difference_amount"]), row["currency_code"]), txt(dash(row["first_open_date"]))})
	}
	s.Blocks = append(s.Blocks, block{Table: t})
	return s, nil
}

// asCounts shows the counts of stock of each location.
func (r *reader) asCounts(ctx context.Context) (section, error) {
	s := section{}
	rows, err := r.rows(ctx, "supervision.stock_count", r.now())
	if err != nil {
		return s, err
	}
	t := &table{Name: "t_counts", Long: true, Columns: []cell{key("c_location"), key("c_stocktakes"), key("c_counted"), key("c_exact_share"), key("c_coverage"), key("c_surplus"), key("c_shortage"), key("c_last_count"), key("c_next_due"), key("c_state")}}
	for _, c := range rows {
		if parse(c["stocked_qty"]).sign() <= 0 && parse(c["part_qty"]).sign() <= 0 && parse(c["counted_qty"]).sign() <= 0 {
			continue // it has no stock that anybody could count
		}
		t.Rows = append(t.Rows, []cell{txt(c["location_id"]), num(count, parse(c["count_qty"])), num(count, parse(c["counted_qty"])), num(percent, parse(c["exact_qty"]).over(parse(c["counted_qty"]))),
			num(percent, parse(c["covered_qty"]).over(parse(c["stocked_qty"]))), cash(parse(c["surplus_amount"]), ""), cash(parse(c["shortage_amount"]), ""), txt(dash(c["last_count_date"])), txt(dash(c["next_due_date"])), countState(c)})
	}
	if len(t.Rows) == 0 {
		return s, nil
	}
	note := key("n_coverage")
	t.Note = &note
	if k := r.kpiTable("t_count_kpis", []string{"ira", "shrink"}); k != nil {
		s.Blocks = append(s.Blocks, block{Table: k})
	}
	s.Blocks = append(s.Blocks, block{Table: t})
	return s, nil
}

// asRefusals lists refused records that nothing has replaced, by cause and location.
func (r *reader) asRefusals(ctx context.Context) (section, error) {
	s := section{}
	rows, err := r.rows(ctx, "system.refusal", nil)
	if err != nil {
		return s, err
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b map[string]string) int {
		return parseOrZero(b["record_qty"]).cmp(parseOrZero(a["record_qty"]))
	})
	t := &table{Name: "t_refusals", Long: true, Columns: []cell{key("c_location"), key("c_feed"), key("c_reason"), key("c_column"), key("c_records"), key("c_files"), key("c_example")}}
	for _, row := range rows {
		t.Rows = append(t.Rows, []cell{scopeName(row["location_id"]), txt(row["source"] + "/" + row["feed"]), key("cause_" + row["code"]), txt(dash(row["column"])), num(count, parse(row["record_qty"])), num(count, parse(row["file_qty"])), txt(row["file"])})
	}
	if len(t.Rows) == 0 {
		intake, err := r.rows(ctx, "joint_meeting.intake", nil)
		if err == nil && len(intake) > 0 {
			s.Lead = append(s.Lead, key("s8_none"))
		}
		return s, err
	}
	note := key("n_refusals")
	t.Note = &note
	s.Blocks = append(s.Blocks, block{Table: t})
	return s, nil
}

// asBasis says what the clauses mean, what this report is not, and what is known to be wrong with the data.
func (r *reader) asBasis(ctx context.Context) (section, error) {
	s := section{}
	clauses, err := r.clauses(ctx)
	if err != nil || len(clauses) == 0 {
		return s, err
	}
	t := &table{Name: "t_basis", Columns: []cell{key("c_clause"), key("c_id"), key("c_about"), key("c_evidence"), key("c_gate")}}
	for _, c := range clauses {
		gate := "no"
		if c["is_gate"] == "true" {
			gate = "yes"
		}
		t.Rows = append(t.Rows, []cell{clauseName(c), txt(c["clause_id"]), both(c["about_zh"], c["about_en"]), txt(c["evidence"]), key(gate)})
	}
	s.Lead = append(s.Lead, key("s10_lead"))
	s.Blocks = append(s.Blocks, block{Table: t})
	if t := r.checks(); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	if t := r.conservation(); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	return s, nil
}
