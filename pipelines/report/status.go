package report

import (
	"context"
	"fmt"
	"slices"
)

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
	return s
}

// intake is the ledger of what became of the records of each feed; nil when the release does not hold it.
func (r *reader) intake(ctx context.Context) (*table, error) {
	rows, err := r.rows(ctx, "joint_meeting.intake", nil)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	columns := []string{"file_qty", "refused_file_qty", "superseded_file_qty", "read_qty", "accepted_qty", "duplicate_qty", "quarantined_qty", "ignored_qty"}
	slices.SortStableFunc(rows, func(a, b map[string]string) int {
		return parseOrZero(b["quarantined_qty"]).cmp(parseOrZero(a["quarantined_qty"]))
	})
	t := &table{Name: "t_intake", Long: true, Columns: []cell{key("c_feed"), key("c_files"), key("c_refused"), key("c_corrected"), key("c_read"), key("c_accepted"), key("c_duplicate"), key("c_quarantined"), key("c_ignored")}}
	for _, row := range rows {
		line := []cell{txt(row["source"] + "/" + row["feed"])}
		for _, c := range columns {
			line = append(line, num(count, parse(row[c])))
		}
		t.Rows = append(t.Rows, line)
	}
	note := say("n_release_wide")
	t.Note = &note
	return t, nil
}

// conservation shows where every delivered row went. Streams that brought nothing are left out; those of which
// not every row went straight in come first.
func (r *reader) conservation() *table {
	if len(r.facts.Conservation) == 0 {
		return nil
	}
	list := slices.DeleteFunc(slices.Clone(r.facts.Conservation), func(c Conservation) bool { return c.Read == 0 && c.InTable == 0 && c.Balanced })
	slices.SortStableFunc(list, func(a, b Conservation) int { return notice(a) - notice(b) })
	t := &table{Name: "t_conservation", Long: true, Columns: []cell{key("c_subject"), key("c_read"), key("c_accepted"), key("c_duplicate"), key("c_superseded"), key("c_quarantined"), key("c_ignored"), key("c_in_table"), key("c_balanced")}}
	for _, c := range list {
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

// notice ranks what a reader should see first: rows out of balance, then refused ones, then others not taken in.
func notice(c Conservation) int {
	switch {
	case !c.Balanced:
		return 0
	case c.Quarantined > 0:
		return 1
	case c.Duplicate+c.Superseded+c.Ignored > 0:
		return 2
	}
	return 3
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
