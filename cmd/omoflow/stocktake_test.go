package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/world"
	"github.com/omoflow/omoflow/pipelines/report"
)

// shift moves a date by days.
func shift(t *testing.T, date string, days int) string {
	t.Helper()
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		t.Fatal(err)
	}
	return day.AddDate(0, 0, days).Format(time.DateOnly)
}

// TestCountsFallDueAsTheTruthSays lets a simulated retailer count its stores every thirty days, keeps one count and one till file back,
// and compares what is due on every day, and what the compliance of each month says, with what the simulation knows. A missed count
// is overdue the next day.
func TestCountsFallDueAsTheTruthSays(t *testing.T) {
	ctx := t.Context()
	a := &app{stdout: os.Stdout, stderr: os.Stderr, quiet: true, project: t.TempDir()}
	if _, err := writeProject("demo", a.project); err != nil {
		t.Fatal(err)
	}
	appendTo(t, filepath.Join(a.project, configName), "stocktake: {every: 30d, remind: 7d, locations: {W02: {every: never}}}\n")
	options := world.Options{Seed: 23, Days: 70, SKUs: 60, Customers: 100, LinesPerDay: 120}
	stores := []string{"S01", "S02", "S03", "S04", "S05", "S06", "S07", "S08", "S09", "S10", "S11", "S12"}
	if _, err := world.Write(ctx, filepath.Join(a.project, "inbox"), options, 0, options.Days); err != nil {
		t.Fatal(err)
	}
	truth, err := world.TruthOf(options)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string][]string{} // location -> days, without the one kept back
	kept := ""
	for _, take := range truth.Stocktakes {
		if take.Location == "S02" && kept == "" {
			kept = take.Date
			if err := os.Remove(filepath.Join(a.project, "inbox", "erp", "stocktake-S02-"+kept+".csv")); err != nil {
				t.Fatal(err)
			}
			continue
		}
		counts[take.Location] = append(counts[take.Location], take.Date)
	}
	lost, err := filepath.Glob(filepath.Join(a.project, "inbox", "pos", "receipts-by-item-S01-2026-02-10*"))
	if err != nil || len(lost) != 1 {
		t.Fatalf("%v, %v", lost, err)
	}
	if err := os.Remove(lost[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := a.ingestAndRelease(ctx, nil, true, past{}); err != nil {
		t.Fatal(err)
	}
	p, err := a.openProject(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	rel, _, err := release.Latest(ctx, p.lake)
	if err != nil {
		t.Fatal(err)
	}
	overdue := 0
	for n := range options.Days {
		asOf := shift(t, truth.Start, n)
		var want, got []string
		for _, location := range append(slices.Clone(stores), "W01") {
			last := truth.Start
			for _, day := range counts[location] {
				if day <= asOf {
					last = max(last, day)
				}
			}
			due := shift(t, last, 30)
			if shift(t, due, -7) > asOf {
				continue
			}
			state := "soon"
			switch {
			case asOf > due:
				state = "overdue"
				overdue++
			case asOf == due:
				state = "due"
			}
			want = append(want, fmt.Sprint(location, " ", due, " ", state))
		}
		list, err := p.countsDue(ctx, rel, asOf, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			got = append(got, fmt.Sprint(c.Location, " ", c.Due, " ", c.State))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", asOf, got, want)
		}
	}
	if overdue == 0 {
		t.Error("nothing was ever overdue: the test shows nothing")
	}
	missed := shift(t, truth.Start, 31)
	facts, err := p.countFacts(ctx, rel, missed)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	for _, c := range facts {
		found[c.Location] = c.Overdue
	}
	if found["S02"] != 1 {
		t.Errorf("the count of S02 was due the day before %s: %v", missed, found)
	}
	complianceIsTrue(t, p, rel, truth, stores, counts)
}

// complianceIsTrue compares the clauses of every month with the truth, and reads the supervision report of the month with the gaps.
func complianceIsTrue(t *testing.T, p *project, rel release.Release, truth world.Truth, stores []string, counts map[string][]string) {
	t.Helper()
	db, err := p.mounted(t.Context(), rel)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Text(t.Context(), `SELECT strftime(period_start, '%Y-%m'), location_id, clause_id, state, coalesce(CAST(first_breach_date AS VARCHAR), '')
		FROM assessment.compliance WHERE clause_id IN ('stocktake', 'delivered', 'till') AND location_id LIKE 'S%' ORDER BY ALL`)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, row := range rows {
		got = append(got, strings.Join(row, " "))
	}
	breach := map[string]string{"2026-02 S01 delivered": "2026-02-10"} // month, location and clause -> first day
	for _, location := range stores {
		for n := range truth.Days {
			day, last := shift(t, truth.Start, n), truth.Start
			for _, counted := range counts[location] {
				if counted <= day {
					last = max(last, counted)
				}
			}
			if key := day[:7] + " " + location + " stocktake"; day > shift(t, last, 30) && breach[key] == "" {
				breach[key] = day
			}
		}
		for _, month := range []string{"2026-01", "2026-02", "2026-03"} {
			for _, clause := range []string{"delivered", "stocktake"} {
				key := month + " " + location + " " + clause
				state := "met"
				if breach[key] != "" {
					state = "not_met"
				}
				want = append(want, key+" "+state+" "+breach[key])
			}
			want = append(want, month+" "+location+" till no_evidence ") // no till reports its day
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("compliance:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	made, err := p.render(t.Context(), report.Supervision, documentFlags{period: "2026-02", dir: "reports", langs: []string{"en"}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(made.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"most at S01, pos/receipts: 1 missing since 2026-02-10", "✗ gate broken", "Have 2 locations hold the stocktake that they missed", "longest: W01, last counted –"} {
		if !strings.Contains(string(page), part) {
			t.Errorf("the report lacks %q", part)
		}
	}
	if again, err := p.render(t.Context(), report.Supervision, documentFlags{period: "2026-02", dir: "reports", langs: []string{"en"}}); err != nil || again.New || again.Hash != made.Hash {
		t.Errorf("the same once more: %+v, %v", again, err)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(before, []byte(text)...), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestStocktakePoliciesAreRead(t *testing.T) {
	head := "version: 1\ncompany: {name: x, home_currency: CNY, zone: Asia/Shanghai}\n"
	for _, c := range []struct{ text, want string }{
		{"", "[[  90]]"},
		{"stocktake: {every: never}", "[[  ]]"},
		{"stocktake: {every: 60d, categories: {Shoes: 30d, \"Shoes > Care\": never}, locations: {S01: {every: 10d}, S02: {categories: {Hats: 5d}}}}",
			"[[  60] [ Shoes 30] [ Shoes > Care ] [S01  10] [S02 Hats 5]]"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, configName), []byte(head+c.text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		config, err := loadConfig(dir)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := fmt.Sprint(config.countPolicy().Rows); got != c.want {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
	for text, part := range map[string]string{
		"{every: 90}":                       "stocktake.every",
		"{every: 0d}":                       "stocktake.every",
		"{every: quarterly}":                "stocktake.every",
		"{remind: soon}":                    "stocktake.remind",
		"{remind: -1d}":                     "stocktake.remind",
		"{categories: {\" Shoes\": 3d}}":    "stocktake.categories",
		"{categories: {Shoes: x}}":          "stocktake.categories.Shoes",
		"{locations: {S01: {}}}":            "stocktake.locations.S01",
		"{locations: {S01: {every: 99}}}":   "stocktake.locations.S01.every",
		"{locations: {S01: {evry: 90d}}}":   "evry",
		"{every: 99999999999999999999999d}": "stocktake.every",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, configName), []byte(head+"stocktake: "+text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := loadConfig(dir); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
