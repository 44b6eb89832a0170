package report

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// reader reads the tables of one document once and remembers which were not there.
type reader struct {
	source Source
	prefix string // joint_meeting or quarterly: where the tables that documents share come from
	period period
	facts  Facts
	kpis   map[string]map[string]string
	board  []map[string]string // scoreboard of all periods of the type, company scope
	parts  []cell              // comparison periods that hold fewer or more days than the reported one
	dates  map[string]string   // the row of the period table, empty when the period has no figures
}

func newReader(ctx context.Context, src Source, k Kind, p period) (*reader, error) {
	r := &reader{source: src, prefix: k.tables(), period: p, kpis: map[string]map[string]string{}, dates: map[string]string{}}
	var err error
	if r.facts, err = src.Facts(ctx); err != nil {
		return nil, fmt.Errorf("read the release's facts: %w", err)
	}
	names, err := r.rows(ctx, "assessment.kpi", nil)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		r.kpis[n["kpi_id"]] = n
	}
	found, err := r.rows(ctx, r.prefix+".period", r.now())
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		r.dates = found[0]
	}
	if err := r.compareDays(ctx); err != nil {
		return nil, err
	}
	r.board, err = r.rows(ctx, r.prefix+".scoreboard", map[string]string{"period_type": p.Type, "scope_type": "company"})
	return r, err
}

// tables is the folder of the models that a document shares with others: those of the joint meeting know months too.
func (k Kind) tables() string {
	if k == Quarterly {
		return "quarterly"
	}
	return "joint_meeting"
}

// compareDays notes comparison periods that do not hold as many days with figures as the reported one.
func (r *reader) compareDays(ctx context.Context) error {
	days := parse(r.dates["day_qty"])
	for _, c := range []struct{ column, name string }{{"previous_start", "cmp_previous"}, {"last_year_start", "cmp_last_year"}} {
		start := r.dates[c.column]
		if start == "" {
			continue
		}
		found, err := r.rows(ctx, r.prefix+".period", r.at(start))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			continue // no comparator at all; the figures say n/a
		}
		other := parse(found[0]["day_qty"])
		gap := days.minus(other).abs()
		// Months and quarters differ by a few days by nature.
		if allowed := map[string]int64{"month": 3, "quarter": 3}[r.period.Type]; gap.ok && gap.cmp(whole(allowed)) > 0 {
			r.parts = append(r.parts, say("part_note", key(c.name), num(count, other), num(count, days)))
		}
	}
	return nil
}

// rows reads a table; one that is not released gives no rows.
func (r *reader) rows(ctx context.Context, name string, equal map[string]string) ([]map[string]string, error) {
	list, err := r.source.Rows(ctx, name, equal)
	if errors.Is(err, ErrNotReleased) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return list, nil
}

// now is the filter for rows of the reported period.
func (r *reader) now() map[string]string { return r.at(r.period.start()) }

func (r *reader) at(start string) map[string]string {
	return map[string]string{"period_type": r.period.Type, "period_start": start}
}

// scoped reads the scoreboard of the reported period for a kind of scope, default basis only.
func (r *reader) scoped(ctx context.Context, scope string) ([]map[string]string, error) {
	equal := r.now()
	equal["scope_type"] = scope
	list, err := r.rows(ctx, r.prefix+".scoreboard", equal)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(row map[string]string) bool { return row["is_default_basis"] == "false" }), nil
}

// company gives the company's row of a KPI in the reported period, or nil.
func (r *reader) company(kpi string) map[string]string {
	for _, row := range r.board {
		if row["kpi_id"] == kpi && row["period_start"] == r.period.start() && row["is_default_basis"] != "false" {
			return row
		}
	}
	return nil
}

// course gives the company's values of a KPI over the last n periods up to the reported one, oldest first.
func (r *reader) course(kpi string, n int) (values []cell, names []string) {
	byStart := map[string]map[string]string{}
	for _, row := range r.board {
		if row["kpi_id"] == kpi && row["is_default_basis"] != "false" && row["period_start"] <= r.period.start() {
			byStart[row["period_start"]] = row
		}
	}
	starts := slices.Sorted(maps.Keys(byStart))
	starts = starts[max(0, len(starts)-n):]
	for _, s := range starts {
		values = append(values, ofUnit(byStart[s]["value"], byStart[s]["unit"]))
		names = append(names, periodName(r.period.Type, s))
	}
	return values, names
}

// name gives a KPI's name in both languages, or its id when the registry does not hold it.
func (r *reader) name(kpi string) cell {
	row := r.kpis[kpi]
	if row["name_zh"] == "" && row["name_en"] == "" {
		return txt(kpi)
	}
	return both(row["name_zh"], row["name_en"])
}

// judge compares a value with a comparator of the same unit, by the KPI's direction. Differences under one
// percent are steady; for shares it is half a point or two percent of the share, whichever is less.
func judge(value, comparator, unit, direction string) verdict {
	v, c := parse(value), parse(comparator)
	if !v.ok || !c.ok {
		return cannotSay
	}
	delta, limit := v.minus(c), c.abs().times(parse("0.01"))
	if unit == "percent" {
		limit = c.abs().times(parse("0.02"))
		if half := parse("0.005"); limit.cmp(half) > 0 {
			limit = half
		}
	}
	if delta.abs().cmp(limit) < 0 || delta.sign() == 0 {
		return isSteady
	}
	switch up := delta.sign() > 0; {
	case direction != "up" && direction != "down":
		if up {
			return isHigher
		}
		return isLower
	case up == (direction == "up"):
		return isBetter
	default:
		return isWorse
	}
}

// distance gives how far a value is from a comparator: points for shares, else a relative change.
func distance(value, comparator, unit string) cell {
	v, c := parse(value), parse(comparator)
	if unit == "percent" {
		return num(points, v.minus(c))
	}
	if c.sign() <= 0 {
		return num(change, number{})
	}
	return num(change, v.minus(c).over(c))
}

// tileOf makes the tile of a company KPI.
func (r *reader) tileOf(kpi string) tile {
	t := tile{Name: r.name(kpi), About: kpi, Verdict: cannotSay}
	row := r.company(kpi)
	if row == nil {
		t.Value = num(decimal, number{})
		return t
	}
	t.Value = ofUnit(row["value"], row["unit"])
	if t.Value.Kind == money {
		t.Value.Kind, t.Value.Currency = compactMoney, row["currency_code"]
	}
	direction := row["direction"]
	for _, c := range []struct{ name, column string }{{"cmp_target", "target_value"}, {"cmp_last_year", "last_year_value"}, {"cmp_previous", "previous_value"}} {
		other := row[c.column]
		if other == "" && c.name == "cmp_target" {
			continue
		}
		shown := ofUnit(other, row["unit"])
		if shown.Kind == money {
			shown.Kind = compactMoney
		}
		t.Comparisons = append(t.Comparisons, comparison{Name: c.name, Value: shown, Delta: distance(row["value"], other, row["unit"])})
		if t.Verdict == cannotSay && other != "" {
			t.Against = c.name
			t.Verdict = judge(row["value"], other, row["unit"], direction)
		}
	}
	t.Course, t.Periods = r.course(kpi, 8)
	return t
}
