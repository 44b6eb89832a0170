package proof

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/world"
)

// kpiRows reads the fact table of a release as text.
func (s *shop) kpiRows(r release.Release) [][]string {
	s.t.Helper()
	return s.query(r, `SELECT kpi_id, period_type, period_start, scope_type, scope_id, numerator, denominator, value, status FROM assessment.kpi_fact`)
}

// query runs SQL over a release.
func (s *shop) query(r release.Release, sql string) [][]string {
	s.t.Helper()
	ctx := context.Background()
	db := openEngine(s.top, s.dir, 1, "1GiB")
	defer db.Close() //nolint:errcheck // in memory
	fatal(s.t, release.Mount(ctx, db, s.lake, s.cache, r))
	rows, err := db.Text(ctx, sql)
	fatal(s.t, err)
	return rows
}

// drawWorld draws a retailer of a few days. Some rest for some weeks and go on until the days of stocktakes, late files and
// repeated files; with years, all rest for a year, so that there is one to compare with.
func drawWorld(rt *rapid.T, years bool) (world.Options, []int) {
	o := tiny(rapid.Uint64Range(1, 1<<40).Draw(rt, "seed"), rapid.IntRange(1, 6).Draw(rt, "days"))
	o.Stores = rapid.IntRange(1, 3).Draw(rt, "stores")
	o.SKUs = rapid.IntRange(20, 30).Draw(rt, "articles")
	o.Customers = rapid.IntRange(20, 40).Draw(rt, "people")
	o.LinesPerDay = rapid.IntRange(12, 40).Draw(rt, "lines a day")
	o.Start = day(rapid.SampledFrom([]string{"2026-01-01", "2025-12-29", "2026-03-30", "2024-02-26", "2026-05-30"}).Draw(rt, "start"))
	var open []int
	switch {
	case years:
		o.ClosedFrom, o.ClosedTo = min(o.Days, 3), 364
		o.Days = 364 + rapid.IntRange(1, 4).Draw(rt, "days after")
	case rapid.IntRange(0, 2).Draw(rt, "rest") == 0:
		o.ClosedFrom, o.ClosedTo = min(o.Days, 2), 21
		o.Days = rapid.IntRange(25, 30).Draw(rt, "days in all")
	}
	for d := range o.Days {
		if d < o.ClosedFrom || d >= o.ClosedTo {
			open = append(open, d)
		}
	}
	return o, open
}

// TestProofKPI compares every KPI of random worlds, for all periods and scopes, with the slow computation.
func TestProofKPI(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1, "1GiB", "assessment.kpi_fact")
	facts := 0
	compare := func(years bool) func(*rapid.T) {
		return func(rt *rapid.T) {
			options, open := drawWorld(rt, years)
			events, err := world.EventsOf(options)
			fatal(rt, err)
			s := b.newShop(rt)
			defer s.remove()
			s.take(slices.Concat(b.deliveriesOn(t, options, open)...)...)
			rows := s.kpiRows(s.publishIn())
			facts += len(rows)
			if found := differences(slowKPIs(events), rows); len(found) > 0 {
				t.Logf("seed %d: %s", options.Seed, found[0])
				rt.Fatalf("seed %d, %s to %s: %d of %d facts differ, first:\n%s", options.Seed, events.First, events.Last, len(found), len(rows), join(found, 12))
			}
		}
	}
	n := check(t, cases(t, 1, 3), compare(false))
	if os.Getenv("OMOFLOW_PROOF") != "" {
		n += check(t, cases(t, 0, 1), compare(true)) // a year of empty months takes as long as ten of the others
	}
	fmt.Printf("proof: every KPI equals a slow computation from the simulated events: %d worlds, %d facts, 0 differ\n", n, facts)
}

func join(list []string, most int) string {
	return strings.Join(list[:min(most, len(list))], "\n")
}
