package transforms

import (
	"fmt"
	"maps"
	"testing"
	"testing/fstest"
)

// TestDaysOfAStagedStream cuts a staged stream by day: a delivery touches its own days alone, days without rows make no file, and
// the result is that of one build.
func TestDaysOfAStagedStream(t *testing.T) {
	tree := fstest.MapFS{"staging/x/plain.sql": {Data: []byte("/*\nabout: Takings.\nkind: partition\npartition: day(business_date)\ngrain: [business_date, order_id]\ninputs: {staged.order: same}\nchecks: [unique_grain]\n*/\n" +
		"SELECT order_id, location_id, total_amount, business_date FROM {{ref \"staged.order\"}} ORDER BY business_date NULLS LAST, order_id NULLS LAST")}}
	one := func(id, day string) order { return order{id, "S1", "c", "1.00", day, 0} }
	steps := [][]order{
		{one("o1", "2026-01-30"), one("o2", "2026-02-02"), one("o3", "2026-02-02")},
		{one("o4", "2026-02-03")},
		{one("o5", "2026-01-31"), one("o6", "")},
	}
	built := []int{4, 1, 1} // of the first, two days lie between and have no rows
	s := newShop(t, 2, tree)
	all := newShop(t, 1, tree)
	for i, orders := range steps {
		s.deliver("a", fmt.Sprint("b", i), orders)
		all.deliver("a", fmt.Sprint("b", i), orders)
		_, done := s.publish()
		if p := done["plain"]; p.Built != built[i] {
			t.Errorf("delivery %d: built %d days and kept %d, want %d built", i, p.Built+p.Same, p.Reused, built[i])
		}
	}
	last, _ := s.publish()
	whole, _ := all.publish()
	if got, want := s.content(last), all.content(whole); !maps.Equal(got, want) || len(got) != 4 {
		t.Errorf("day by day %v, at once %v", got, want)
	}
	if report, err := Rebuild(t.Context(), s.opt); err != nil || len(report.Different) > 0 {
		t.Errorf("rebuild: %+v, %v", report, err)
	}
}
