package transforms

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/omoflow/omoflow/internal/fault"
)

func TestOrderedBy(t *testing.T) {
	grain := []string{"a", "b"}
	for order, want := range map[string]bool{
		"ORDER BY a, b": true, "ORDER BY\n  b NULLS LAST,\n  a DESC, c": true, `ORDER BY "a", b -- all`: true,
		"ORDER BY a": false, "ORDER BY a, c, b": false, "ORDER BY a, lower(b)": false, "ORDER BY a, t.b": false, "ORDER BY a, a": false, "": false,
	} {
		if got := orderedBy("SELECT a, b, c FROM t "+order, grain); got != want {
			t.Errorf("%q: %v", order, got)
		}
	}
}

// TestRepeatedGrainIsFound plants rows of the same grain where the check may not see them: in one file, in an order that does
// not put them side by side, in two partitions of one build, and in a partition that was there before. The built-in check and
// one of SQL that is asked about repeated rows alone find the same.
func TestRepeatedGrainIsFound(t *testing.T) {
	const model = "/*\nabout: Takings.\nkind: partition\npartition: month(business_date)\ngrain: [GRAIN]\ninputs: {staged.order: same}\nchecks: [unique_grain]\n*/\n" +
		"SELECT location_id, total_amount, order_id, business_date FROM {{ref \"staged.order\"}} ORDER BY ORDERED"
	const twice = "/*\nabout: Twice.\nseverity: block\ninputs: {plain: repeated}\n*/\n" +
		"SELECT GRAIN, count(*) AS row_qty FROM {{ref \"plain\"}} GROUP BY GRAIN HAVING count(*) > 1 ORDER BY GRAIN"
	one := func(id, store, day string) order { return order{id, store, "c", "1.00", day, 0} }
	for name, c := range map[string]struct {
		grain, ordered string
		days           [][]order
	}{
		"side by side":          {"location_id", "location_id, order_id", [][]order{{one("o1", "S1", "2026-01-05"), one("o2", "S1", "2026-01-06")}}},
		"far apart":             {"location_id", "order_id, location_id", [][]order{{one("o1", "S1", "2026-01-05"), one("o2", "S2", "2026-01-06"), one("o3", "S1", "2026-01-07")}}},
		"two partitions":        {"location_id", "location_id, order_id", [][]order{{one("o1", "S1", "2026-01-05"), one("o2", "S1", "2026-02-06")}}},
		"an earlier build":      {"location_id", "location_id, order_id", [][]order{{one("o1", "S1", "2026-01-05")}, {one("o2", "S2", "2026-02-01"), one("o3", "S1", "2026-03-07")}}},
		"with the partition's":  {"location_id, business_date", "business_date, location_id, order_id", [][]order{{one("o1", "S1", "2026-01-05")}, {one("o2", "S2", "2026-02-01"), one("o3", "S2", "2026-02-01")}}},
		"nothing is repeated":   {"location_id, business_date", "business_date, location_id, order_id", [][]order{{one("o1", "S1", "2026-01-05")}, {one("o2", "S1", "2026-02-01"), one("o3", "S2", "2026-02-01")}}},
		"nothing, out of order": {"order_id", "business_date, location_id, order_id", [][]order{{one("o1", "S1", "2026-01-05"), one("o2", "S1", "2026-02-05")}, {one("o3", "S1", "2026-02-01"), one("o4", "S2", "2026-02-01")}}},
	} {
		for _, check := range []string{"unique_grain", "twice"} {
			t.Run(name+" "+check, func(t *testing.T) {
				tree := fstest.MapFS{
					"staging/x/plain.sql": {Data: []byte(strings.NewReplacer("GRAIN", c.grain, "ORDERED", c.ordered, "unique_grain", check).Replace(model))},
					"checks/x/twice.sql":  {Data: []byte(strings.ReplaceAll(twice, "GRAIN", c.grain))},
				}
				if check != "twice" {
					delete(tree, "checks/x/twice.sql")
				}
				s := newShop(t, 2, []fs.FS{tree}...)
				for i, rows := range c.days {
					s.deliver("a", "b"+string(rune('1'+i)), rows)
					if i < len(c.days)-1 {
						s.publish()
					}
				}
				candidate, err := Build(t.Context(), s.opt)
				if strings.HasPrefix(name, "nothing") {
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				if fault.KindOf(err) != fault.Findings || candidate.Release.Checks[0].Status != failed || !strings.Contains(err.Error(), "of plain found") {
					t.Fatalf("got %v", err)
				}
				if !slices.ContainsFunc([]string{"location_id=S1", "location_id=S2"}, func(s string) bool { return strings.Contains(err.Error(), s) }) {
					t.Errorf("the rows are not shown: %v", err)
				}
			})
		}
	}
}
