package report

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
)

func month() Request { return Request{Kind: Supervision, Period: "2026-03", Version: 1} }

// madeMonth is a release with six stores, a warehouse and a web shop: S02 missed its count, S03 a delivery, S04 has a till day that
// does not tie, S05 lacks evidence, W01 too.
func madeMonth() *fixture {
	f := made("joint_meeting", "month", []string{"2025-03-01", "2026-01-01", "2026-02-01", "2026-03-01"}, "2026-03-31")
	clauses := []struct{ id, zh, en, gate, binds string }{
		{"delivered", "数据齐全", "Data delivered", "false", "store warehouse online"}, {"on_time", "数据按时", "Data on time", "false", "store warehouse online"},
		{"till", "日结对账", "Tills closed and tied", "false", "store"}, {"visitors", "客流完整", "Visitors counted", "false", "store"}, {"stocktake", "按期盘点", "Stock counted in time", "true", "store warehouse"},
	}
	for i, c := range clauses {
		f.add("assessment.clause", "clause_id", c.id, "name_zh", c.zh, "name_en", c.en, "about_zh", "说明", "about_en", "what has to be so", "evidence", "assessment.completeness", "position", fmt.Sprint(9-i), "is_gate", c.gate)
	}
	for _, l := range []struct{ id, kind string }{{"S01", "store"}, {"S02", "store"}, {"S03", "store"}, {"S04", "store"}, {"S05", "store"}, {"S06", "store"}, {"W01", "warehouse"}, {"WEB", "online"}} {
		evidence, met, gates, bound := 0, 0, 0, 0
		for _, c := range clauses {
			if !strings.Contains(c.binds, l.kind) {
				continue
			}
			bound++
			state, due, passed, first := "met", "31", "31", ""
			switch l.id + " " + c.id {
			case "S02 stocktake":
				state, due, passed, first = "not_met", "1", "0", "2026-03-12"
				gates++
			case "S03 delivered":
				state, passed, first = "not_met", "29", "2026-03-04"
			case "S04 till":
				state, passed, first = "not_met", "30", "2026-03-09"
			case "S05 till", "S05 visitors", "W01 delivered", "W01 on_time", "WEB delivered", "WEB on_time":
				state, due, passed = "no_evidence", "0", "0"
			}
			if state != "no_evidence" {
				evidence++
			}
			if state == "met" {
				met++
			}
			f.add("assessment.compliance", "period_type", "month", "period_start", "2026-03-01", "location_id", l.id, "location_kind", l.kind, "clause_id", c.id, "state", state, "due_qty", due, "met_qty", passed, "is_gate", c.gate, "first_breach_date", first)
		}
		rated, share := "false", ""
		if evidence*100 >= bound*80 {
			rated, share = "true", whole(int64(met)).over(whole(int64(evidence))).round(6).text()
		}
		f.add("supervision.location", "period_type", "month", "period_start", "2026-03-01", "location_id", l.id, "location_kind", l.kind, "clause_qty", fmt.Sprint(bound), "evidence_qty", fmt.Sprint(evidence), "met_qty", fmt.Sprint(met),
			"check_due_qty", "125", "check_met_qty", "123", "gate_qty", fmt.Sprint(gates), "share", share, "previous_share", "0.800000", "ranked_qty", "4", "is_rated", rated)
		if l.kind != "online" {
			overdue, days, state := "0", "", "2026-05-01"
			if l.id == "S02" {
				overdue, days, state = "1", "20", "2026-03-11"
			}
			f.add("supervision.stock_count", "period_type", "month", "period_start", "2026-03-01", "location_id", l.id, "count_qty", "1", "counted_qty", "150", "exact_qty", "140", "stocked_qty", "320", "covered_qty", "290", "surplus_amount", "12.5000", "shortage_amount", "210.0000",
				"part_qty", "1", "overdue_qty", overdue, "overdue_days", days, "last_count_date", "2026-01-30", "next_due_date", state)
		}
	}
	f.add("supervision.till", "period_type", "month", "period_start", "2026-03-01", "location_id", "S04", "currency_code", "CNY", "day_qty", "31", "reported_qty", "31", "tied_qty", "30", "beyond_qty", "1", "net_difference_amount", "-88.5000", "gross_difference_amount", "88.5000", "first_open_date", "2026-03-09")
	f.add("system.refusal", "source", "tills", "feed", "receipts", "location_id", "S03", "code", "bad_number", "column", "=Gross", "record_qty", "43", "file_qty", "4", "file", "receipts-S03-2026-03-02.csv")
	f.add("system.refusal", "source", "tills", "feed", "receipts", "location_id", "", "code", "something_new", "column", "", "record_qty", "1", "file_qty", "1", "file", "<b>.csv")
	return f
}

func TestSupervisionShowsEverySection(t *testing.T) {
	a := mustRender(t, madeMonth(), month())
	page := string(a.HTML)
	for _, want := range []string{
		"督导报告", "Supervision report", "2026-03 (2026-03-01 – 2026-03-31)", "Have 1 locations hold the stocktake that they missed", "longest: S02, last counted 2026-01-30, overdue since 2026-03-12; as the month ends: ✗ overdue for 20 days",
		"Explain 1 till days that are not tied out", "most at S04: 1 days beyond the tolerance, 0 without a report, since 2026-03-09", "Bring the evidence: 3 locations cannot be rated", "Correct 43 records in quarantine", "补做 1 个地点错过的盘点",
		"5 of 8 locations can be rated", "✗ gate broken", "? not rated", "✗ 29 of 31", "? no evidence", "? 无依据", "不是数字", "bad number", "something_new", "&lt;b&gt;.csv", "Margin rate by location", "for information", "Weights, scores, appeals",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, missingPhrase) {
		t.Error("a phrase is not translated")
	}
	if i, j := strings.Index(page, "en-S1\""), strings.Index(page, "en-S2\""); i < 0 || i > j {
		t.Error("what is to be done does not come first")
	}
	if len(a.NotFed) != 0 {
		t.Errorf("not fed: %v", a.NotFed)
	}
	if a.Status != "provisional" { // S03 lacks deliveries in the period
		t.Errorf("status %s", a.Status)
	}
}

// TestSupervisionWithoutEvidenceIsNotGreen renders a release that knows locations and nothing of their duties.
func TestSupervisionWithoutEvidenceIsNotGreen(t *testing.T) {
	f := madeMonth()
	for _, table := range []string{"assessment.compliance", "supervision.location"} {
		for _, row := range f.tables[table] {
			row["state"], row["is_rated"], row["due_qty"], row["met_qty"], row["gate_qty"] = "no_evidence", "false", "0", "0", "0"
			delete(row, "share")
		}
	}
	for _, table := range []string{"supervision.till", "supervision.stock_count", "system.refusal", "joint_meeting.intake", "joint_meeting.completeness"} {
		delete(f.tables, table)
	}
	a := mustRender(t, f, month())
	page := string(a.HTML)
	for _, want := range []string{"0 of 8 locations can be rated", "Bring the evidence: 8 locations cannot be rated", "For 7 locations the data shows neither a stocktake nor a duty to hold one"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"No location broke a gate", "✓ 0 of 0", "No refused record waits"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page says %q", bad)
		}
	}
	if got := strings.Join(a.NotFed, " "); got != "S5 S6 S7 S8" {
		t.Errorf("not fed: %s", got)
	}
	if a.Status != "provisional" {
		t.Errorf("status %s", a.Status)
	}
}

func TestSupervisionIsOfAMonth(t *testing.T) {
	for _, name := range []string{"2026-W12", "2026-Q1"} {
		if _, err := Render(context.Background(), madeMonth(), Request{Kind: Supervision, Period: name}); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}
