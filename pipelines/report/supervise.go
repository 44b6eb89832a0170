package report

import (
	"context"
	"slices"
)

// supervisionDecisions lists what the supervision asks to be done: broken gates, what is missing, what does not agree, and what
// cannot be judged.
func (r *reader) supervisionDecisions(ctx context.Context, deliveries []map[string]string) (section, error) {
	s := section{}
	compliance, err := r.rows(ctx, "assessment.compliance", r.now())
	if err != nil {
		return s, err
	}
	counts, err := r.countsBy(ctx)
	if err != nil {
		return s, err
	}
	tills, err := r.rows(ctx, "supervision.till", r.now())
	if err != nil {
		return s, err
	}
	locations, err := r.rows(ctx, "supervision.location", r.now())
	if err != nil {
		return s, err
	}
	refused, err := r.quarantined(ctx)
	if err != nil {
		return s, err
	}
	clauses, err := r.clauses(ctx)
	if err != nil {
		return s, err
	}
	var list []finding
	for _, one := range []*finding{
		gateFinding(compliance, counts), missingDeliveries(deliveries), tillFinding(tills, r.facts.HomeCurrency), counterFinding(compliance), lateFinding(deliveries), unratedFinding(locations, compliance, clauses), refused,
	} {
		if one != nil {
			list = append(list, *one)
		}
	}
	switch {
	case len(list) > 0:
		s.Lead = append(s.Lead, say("s1_lead", num(count, whole(int64(len(list))))))
		s.Blocks = append(s.Blocks, block{Findings: list})
	case len(compliance) > 0:
		s.Lead = append(s.Lead, key("nothing_to_decide"))
	}
	return s, nil
}

// gateFinding asks for the counts that were missed, naming the one overdue the longest.
func gateFinding(compliance []map[string]string, counts map[string]map[string]string) *finding {
	missed, worst, days := 0, map[string]string{}, whole(-1)
	for _, row := range compliance {
		if row["is_gate"] != "true" || row["state"] != "not_met" {
			continue
		}
		missed++
		if d := parseOrZero(counts[row["location_id"]]["overdue_days"]); d.cmp(days) > 0 {
			worst, days = row, d
		}
	}
	if missed == 0 {
		return nil
	}
	c := counts[worst["location_id"]]
	return &finding{
		Text:     say("do_gate", num(count, whole(int64(missed)))),
		Evidence: say("eg_gate", txt(worst["location_id"]), txt(dash(c["last_count_date"])), txt(dash(worst["first_breach_date"])), countState(c)),
		Owner:    key("owner_stores"), Value: num(money, number{}),
	}
}

// tillFinding asks to explain till days that do not agree with the receipts or have no report. Money at stake is told in the home
// currency only: amounts of several currencies do not add.
func tillFinding(tills []map[string]string, home string) *finding {
	open, stake := whole(0), whole(0)
	worst, most := map[string]string{}, whole(0)
	for _, row := range tills {
		n := parseOrZero(row["day_qty"]).minus(parseOrZero(row["tied_qty"]))
		open = open.plus(n)
		if n.cmp(most) > 0 {
			worst, most = row, n
		}
		if row["currency_code"] == home {
			stake = stake.plus(parseOrZero(row["gross_difference_amount"]))
		}
	}
	if open.sign() == 0 {
		return nil
	}
	return &finding{
		Text: say("do_till", num(count, open)),
		Evidence: say("eg_till", txt(worst["location_id"]), num(count, parse(worst["beyond_qty"])),
			num(count, parseOrZero(worst["day_qty"]).minus(parseOrZero(worst["reported_qty"]))), txt(dash(worst["first_open_date"]))),
		Owner: key("owner_finance"), Value: cell{Kind: compactMoney, Value: stake.text(), Currency: home},
	}
}

// counterFinding asks to mend door counters that lost days.
func counterFinding(compliance []map[string]string) *finding {
	lost := whole(0)
	worst, most := map[string]string{}, whole(0)
	for _, row := range compliance {
		if row["clause_id"] != "visitors" || row["state"] != "not_met" {
			continue
		}
		n := parse(row["due_qty"]).minus(parse(row["met_qty"]))
		lost = lost.plus(n)
		if n.cmp(most) > 0 {
			worst, most = row, n
		}
	}
	if lost.sign() == 0 {
		return nil
	}
	return &finding{
		Text:     say("do_counter", num(count, lost)),
		Evidence: say("eg_counter", txt(worst["location_id"]), num(count, most), num(count, parse(worst["due_qty"])), txt(dash(worst["first_breach_date"]))),
		Owner:    key("owner_support"), Value: num(money, number{}),
	}
}

// lateFinding asks to find out why deliveries came late, naming the location with most of them.
func lateFinding(deliveries []map[string]string) *finding {
	late := whole(0)
	worst, most := map[string]string{}, whole(0)
	for _, d := range deliveries {
		n := parseOrZero(d["late_qty"])
		late = late.plus(n)
		if n.cmp(most) > 0 {
			worst, most = d, n
		}
	}
	if late.sign() == 0 {
		return nil
	}
	return &finding{
		Text:     say("do_late", num(count, late)),
		Evidence: say("eg_late", txt(dash(worst["location_id"])), txt(worst["source"]+"/"+worst["feed"]), num(count, most), num(count, parse(worst["due_qty"]))),
		Owner:    key("owner_support"), Value: num(money, number{}),
	}
}

// unratedFinding asks for the evidence that keeps locations from being rated, naming the clause that most of them lack.
func unratedFinding(locations, compliance, clauses []map[string]string) *finding {
	unrated := map[string]bool{}
	for _, l := range locations {
		if l["is_rated"] != "true" {
			unrated[l["location_id"]] = true
		}
	}
	if len(unrated) == 0 {
		return nil
	}
	lacking := map[string]int64{}
	for _, row := range compliance {
		if row["state"] == "no_evidence" && unrated[row["location_id"]] {
			lacking[row["clause_id"]]++
		}
	}
	name, most := txt("–"), int64(0)
	for _, c := range clauses { // in their order, so that ties are settled
		if n := lacking[c["clause_id"]]; n > most {
			name, most = clauseName(c), n
		}
	}
	return &finding{
		Text:     say("do_unrated", num(count, whole(int64(len(unrated))))),
		Evidence: say("eg_unrated", name, num(count, whole(most))),
		Owner:    key("owner_support"), Value: num(money, number{}),
	}
}

// asResults shows results beside the compliance; they are no part of it.
func (r *reader) asResults(ctx context.Context) (section, error) {
	s := section{}
	rows, err := r.scoped(ctx, "location")
	if err != nil {
		return s, err
	}
	var tiles []tile
	for _, kpi := range []string{"net_sales", "gm_pct", "conv_store", "return_rate_acc"} {
		if r.company(kpi) != nil {
			tiles = append(tiles, r.tileOf(kpi))
		}
		if t := r.resultTable(kpi, rows); t != nil {
			s.Blocks = append(s.Blocks, block{Table: t})
		}
	}
	if len(s.Blocks) == 0 {
		return s, nil
	}
	if len(tiles) > 0 {
		s.Blocks = append([]block{{Tiles: tiles}}, s.Blocks...)
	}
	s.Lead = append([]cell{key("s9_lead")}, r.parts...)
	return s, nil
}

// resultTable sets one KPI of every location beside its comparators, the worse ones first.
func (r *reader) resultTable(kpi string, rows []map[string]string) *table {
	t := &table{Name: "t_results_" + kpi, Long: true, Columns: []cell{key("c_location"), key("c_value"), key("cmp_previous"), key("cmp_last_year"), key("c_delta"), key("c_verdict")}}
	type line struct {
		verdict verdict
		cells   []cell
	}
	var lines []line
	for _, row := range rows {
		if row["kpi_id"] != kpi || row["value"] == "" {
			continue
		}
		base := row["last_year_value"]
		if base == "" {
			base = row["previous_value"]
		}
		v := judge(row["value"], base, row["unit"], row["direction"])
		lines = append(lines, line{v, []cell{scopeName(row["scope_id"]), strong(ofUnit(row["value"], row["unit"])), ofUnit(row["previous_value"], row["unit"]), ofUnit(row["last_year_value"], row["unit"]),
			distance(row["value"], base, row["unit"]), say("marked", txt(v.mark()), key(string(v)))}})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return worstFirst(a.verdict) - worstFirst(b.verdict) })
	for _, l := range lines {
		t.Rows = append(t.Rows, l.cells)
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}

func worstFirst(v verdict) int {
	if v == isWorse {
		return 0
	}
	return 1
}
