package proof

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/omoflow/omoflow/internal/release"
)

// figuresOfTheDay are KPIs to which an order adds on its own day and on no other.
var figuresOfTheDay = []string{"net_sales", "gross_demand", "discount_rate", "atv", "upt", "asp", "match_rate", "cancel_rate"}

// TestProofRestatement: a late file restates the periods that hold its day; stock and customers may change from that day on, never
// before it (I36, I22).
func TestProofRestatement(t *testing.T) {
	n := cases(t, 0, 2)
	if n == 0 {
		t.Skip("two builds a case: make proof runs it")
	}
	t.Parallel()
	b := newBench(t, 1, "1GiB", "assessment.kpi_fact")
	restated := 0
	n = check(t, n, func(rt *rapid.T) {
		options, open := drawWorld(rt, false)
		days := b.deliveriesOn(t, options, open)
		at := rapid.IntRange(0, len(days)-1).Draw(rt, "day of the late file")
		late := slices.IndexFunc(days[at], func(f delivery) bool {
			return strings.HasPrefix(f.path, "pos/") && !strings.Contains(f.path, "members")
		})
		if late < 0 {
			return // everything of that day is late anyway
		}
		s := b.newShop(rt)
		defer s.remove()
		held := days[at][late]
		s.take(slices.Delete(slices.Concat(days...), lateIndex(days, at, late), lateIndex(days, at, late)+1)...)
		before := s.publishIn()
		s.take(held)
		after := s.publishIn()
		date := day(options.Start.Format(isoDay)).AddDate(0, 0, open[at]).Format(isoDay)

		facts := func(r release.Release) map[string]string {
			all := map[string]string{}
			for _, row := range s.query(r, "SELECT kpi_id, period_type, period_start, period_end, scope_type, scope_id, numerator, denominator FROM assessment.kpi_fact") {
				all[strings.Join(row[:6], " ")] = row[6] + " / " + row[7]
			}
			return all
		}
		was, is := facts(before), facts(after)
		for key := range maps.Keys(both(was, is)) {
			if was[key] == is[key] {
				continue
			}
			restated++
			words := strings.Split(key, " ")
			from, to := words[2], words[3]
			if to < date || slices.Contains(figuresOfTheDay, words[0]) && from > date {
				rt.Fatalf("I36: a late file of %s changed %s from %s to %s", date, key, was[key], is[key])
			}
		}
		stock := func(r release.Release) [][]string {
			return s.query(r, "SELECT * FROM inventory.daily WHERE business_date < DATE '"+date+"' ORDER BY business_date, location_id, sku")
		}
		if earlier, now := stock(before), stock(after); fmt.Sprint(earlier) != fmt.Sprint(now) {
			rt.Fatalf("I22: a late file of %s changed the stock of earlier days", date)
		}
	})
	fmt.Printf("proof: R12 a late file restates the periods of its day and no earlier one (I22, I36): %d worlds, %d figures restated, 0 elsewhere\n", n, restated)
}

func lateIndex(days [][]delivery, at, late int) int { return len(slices.Concat(days[:at]...)) + late }

func both(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// TestProofUnusedColumn: a column that nobody maps changes no table, but for the attributes that keep it (I39).
func TestProofUnusedColumn(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1, "1GiB", "stg_order", "int_order_record")
	n := check(t, cases(t, 3, 40), func(rt *rapid.T) {
		var plain, wide strings.Builder
		plain.WriteString("id,at,store,amount,customer\n")
		wide.WriteString("id,note,at,store,amount,customer\n")
		for i := range rapid.IntRange(1, 20).Draw(rt, "records") {
			row := fmt.Sprintf("2026-01-%02d 10:00,S1,%d.50,M%d", 1+i%28, i, rapid.IntRange(1, 5).Draw(rt, "customer"))
			fmt.Fprintf(&plain, "R%d,%s\n", i, row)
			fmt.Fprintf(&wide, "R%d,%s,%s\n", i, rapid.StringMatching(`[a-z0-9 ]{0,8}`).Draw(rt, "note"), row)
		}
		var made []map[string]string
		for _, text := range []string{plain.String(), wide.String()} {
			x := &till{shop: b.newShop(rt)}
			defer x.remove()
			x.feed = x.feedOf(rt, "till", tillProfile)
			x.deliver(delivery{"till/a.csv", []byte(text), day("2026-02-01")})
			r := x.publishIn()
			rows := x.table(r, "stg_order", "order_id", "event_at", "business_date", "total_amount", "source_customer_id", "location_id")
			content := x.contents(r)
			maps.DeleteFunc(content, func(name, _ string) bool { return strings.HasPrefix(name, "stg_order/") })
			content["stg_order"] = fmt.Sprint(rows)
			made = append(made, content)
		}
		same(rt, "with a column more", made[0], made[1])
	})
	fmt.Printf("proof: a column that nobody maps changes no table but its attributes (I39): %d cases, 0 differ\n", n)
}

// agree compares what reports and the finance export read with the facts themselves (I41).
func (s *shop) agree(r release.Release) {
	s.t.Helper()
	type row struct{ num, den, value string }
	facts := map[string]row{}
	months := sums{}
	for _, f := range s.table(r, "assessment.kpi_fact", "kpi_id", "period_type", "period_start", "scope_type", "scope_id", "numerator", "denominator", "value") {
		facts[strings.Join([]string{f["kpi_id"], f["period_type"], f["period_start"], f["scope_type"], f["scope_id"]}, " ")] = row{f["numerator"], f["denominator"], f["value"]}
		if f["period_type"] == "month" && f["scope_type"] == "company" && slices.Contains([]string{"net_sales", "gm", "gross_demand"}, f["kpi_id"]) {
			months.add(f["kpi_id"]+" "+f["period_start"][:7], number(f["numerator"]))
		}
	}
	for _, name := range []string{"joint_meeting.scoreboard", "quarterly.scoreboard"} {
		if _, ok := r.Tables[name]; !ok {
			continue
		}
		for _, f := range s.table(r, name, "kpi_id", "period_type", "period_start", "scope_type", "scope_id", "numerator", "denominator", "value") {
			key := strings.Join([]string{f["kpi_id"], f["period_type"], f["period_start"], f["scope_type"], f["scope_id"]}, " ")
			if got := (row{f["numerator"], f["denominator"], f["value"]}); got != facts[key] {
				s.t.Fatalf("I41 %s says %v of %s, the fact is %v", name, got, key, facts[key])
			}
		}
	}
	if _, ok := r.Tables["finance.finance_kpi"]; !ok {
		return
	}
	booked := sums{}
	for _, f := range s.table(r, "finance.finance_kpi", "kpi_id", "period_id", "numerator") {
		if slices.Contains([]string{"net_sales", "gm", "gross_demand"}, f["kpi_id"]) {
			booked.add(f["kpi_id"]+" "+f["period_id"], number(f["numerator"]))
		}
	}
	months.equal(s.t, "I41 finance and facts", booked)
}
