package alert_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/pipelines/alert"
)

var noon = time.Date(2026, 3, 4, 4, 0, 0, 0, time.UTC) // 12:00 in Shanghai, a Wednesday

func shanghai(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func plan(t *testing.T, c alert.Config) *alert.Plan {
	t.Helper()
	p, err := alert.Compile(c, alert.Options{Path: "omoflow.yaml", Zone: shanghai(t)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// see gives what fires, each as "rule where".
func see(p *alert.Plan, f alert.Facts) string {
	var all []string
	for _, one := range p.Evaluate(f) {
		all = append(all, one.Rule+" "+one.Where)
	}
	return strings.Join(all, ", ")
}

func TestASilentFeed(t *testing.T) {
	p := plan(t, alert.Config{})
	daily := func(feed string, days int, every time.Duration, last time.Duration) (all []alert.Batch) {
		for i := days - 1; i >= 0; i-- {
			all = append(all, alert.Batch{Source: "tills", Feed: feed, At: noon.Add(-last - time.Duration(i)*every)})
		}
		return all
	}
	day := 24 * time.Hour
	for _, c := range []struct {
		name    string
		batches []alert.Batch
		want    string
	}{
		{"nothing ever", nil, ""},
		{"on time", daily("receipts", 20, day, 20*time.Hour), ""},
		{"two days and an hour late", daily("receipts", 20, day, 49*time.Hour), "silent tills/receipts"},
		{"weekly, six days ago", daily("masters", 10, 7*day, 6*day), ""},
		{"weekly, fifteen days ago", daily("masters", 10, 7*day, 15*day), "silent tills/masters"},
		{"a single import long ago", daily("masters", 1, day, 100*day), ""},
		{"an import of many batches at once", daily("masters", 50, time.Second, 30*day), ""},
		{"every quarter of an hour, a day ago", daily("api", 1000, 15*time.Minute, 25*time.Hour), ""},
		{"every quarter of an hour, longer ago", daily("api", 1000, 15*time.Minute, 27*time.Hour), "silent tills/api"},
	} {
		if got := see(p, alert.Facts{At: noon, Batches: c.batches}); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	own := plan(t, alert.Config{Rules: []alert.Rule{{Name: "silent", After: "3h"}}})
	if got := see(own, alert.Facts{At: noon, Batches: daily("api", 1, time.Hour, 4*time.Hour)}); got != "silent tills/api" {
		t.Errorf("with after: 3h: %q", got)
	}
}

func TestMissingFilesAreOneAlertPerStore(t *testing.T) {
	p := plan(t, alert.Config{})
	var days []alert.Day
	for i := range 10 {
		date := time.Date(2026, 2, 20+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		for s := 1; s <= 3; s++ {
			d := alert.Day{Source: "tills", Feed: "receipts", Location: fmt.Sprintf("S%02d", s), Date: date, State: "received", Records: 100}
			if s == 2 && (i < 2 || i > 7) || s == 3 && i == 1 {
				d.State, d.Records = "missing", 0
			}
			if s == 1 && i == 9 {
				d.State, d.Records = "awaited", 0
			}
			days = append(days, d)
		}
	}
	found := p.Evaluate(alert.Facts{At: noon, Today: "2026-03-04", Days: days})
	if len(found) != 1 || found[0].Where != "tills/receipts@S02" || !found[0].Since.Equal(time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC)) {
		t.Fatalf("%+v", found)
	}
	if !strings.Contains(found[0].What.ZH, "缺 2 天的文件：2026-02-28, 2026-03-01") || !strings.Contains(found[0].What.EN, "2026-02-28, 2026-03-01 (days: 2)") || found[0].Next.ZH == "" || found[0].Next.EN == "" {
		t.Errorf("%+v", found[0])
	}
}

// weeks makes days of a store up to and with the last; draw gives the records of a weekday.
func weeks(store string, n int, last time.Time, draw func(d time.Time) int64) (days []alert.Day) {
	for i := n*7 - 1; i >= 0; i-- {
		d := last.AddDate(0, 0, -i)
		days = append(days, alert.Day{Source: "tills", Feed: "receipts", Location: store, Date: d.Format(time.DateOnly), State: "received", Records: draw(d)})
	}
	return days
}

func TestVolume(t *testing.T) {
	p := plan(t, alert.Config{})
	last := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(1, 2))
	usual := func(d time.Time) int64 {
		mean := 400.0
		if d.Weekday() == time.Saturday || d.Weekday() == time.Sunday {
			mean = 900
		}
		return int64(mean + 40*random.NormFloat64())
	}
	on := func(date string, records int64) func(time.Time) int64 {
		return func(d time.Time) int64 {
			if d.Format(time.DateOnly) == date {
				return records
			}
			return usual(d)
		}
	}
	for _, c := range []struct {
		name string
		days []alert.Day
		want string
	}{
		{"as usual", weeks("S01", 13, last, usual), ""},
		{"a tenth", weeks("S01", 13, last, on("2026-03-03", 40)), "volume tills/receipts@S01"},
		{"threefold", weeks("S01", 13, last, on("2026-03-02", 1200)), "volume tills/receipts@S01"},
		{"a Saturday's number on a Tuesday", weeks("S01", 13, last, on("2026-03-03", 900)), "volume tills/receipts@S01"},
		{"a third more", weeks("S01", 13, last, on("2026-03-03", 540)), ""},
		{"one outlier in the past", weeks("S01", 13, last, on("2026-02-17", 9000)), ""},
		{"too long ago", weeks("S01", 13, last, on("2026-02-26", 40)), ""},
		{"too little past", weeks("S01", 5, last, on("2026-03-03", 1)), ""},
		{"a quiet store", weeks("S01", 13, last, func(d time.Time) int64 { return int64(d.YearDay() % 3) }), ""},
		{"a day that is not over", weeks("S01", 13, last.AddDate(0, 0, 1), on("2026-03-04", 3)), ""},
		{"nothing at all", weeks("S01", 13, last, func(time.Time) int64 { return 0 }), ""},
	} {
		if got := see(p, alert.Facts{At: noon, Today: "2026-03-04", Days: c.days}); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Where nothing is wrong the rule is quiet, and it sees nine of ten days that lost most of their records.
func TestVolumeIsQuietAndSees(t *testing.T) {
	p := plan(t, alert.Config{Rules: []alert.Rule{{Name: "volume", Days: 1}}})
	random := rand.New(rand.NewPCG(5, 6))
	judged, alarms, planted, seen := 0, 0, 0, 0
	for store := range 60 {
		mean := 20 + 15*float64(store)
		last := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, store%7)
		draw := func(d time.Time) int64 {
			m := mean
			if d.Weekday() == time.Saturday {
				m *= 2
			}
			return int64(max(m*(1+0.12*random.NormFloat64()), 0)) // more than a count's own noise
		}
		days := weeks("S", 14, last, draw)
		for back := range 14 {
			at := len(days) - back
			window := days[:at]
			judged++
			if see(p, alert.Facts{At: noon, Today: "2027-01-01", Days: window}) != "" {
				alarms++
			}
			bad := append(append([]alert.Day{}, window[:at-1]...), window[at-1])
			bad[at-1].Records /= 10
			planted++
			if see(p, alert.Facts{At: noon, Today: "2027-01-01", Days: bad}) != "" {
				seen++
			}
		}
	}
	if alarms*200 > judged || seen*10 < planted*9 {
		t.Errorf("%d false alarms of %d days, %d of %d lost days seen", alarms, judged, seen, planted)
	}
	t.Logf("%d false alarms of %d days, %d of %d lost days seen", alarms, judged, seen, planted)
}

func TestTheOtherRules(t *testing.T) {
	p := plan(t, alert.Config{})
	at := func(ago time.Duration) time.Time { return noon.Add(-ago) }
	for _, c := range []struct {
		name  string
		facts alert.Facts
		want  string
	}{
		{"few refused", alert.Facts{Batches: []alert.Batch{{Source: "a", Feed: "b", At: at(0), Read: 1000, Quarantined: 19}}}, ""},
		{"many refused", alert.Facts{Batches: []alert.Batch{{Source: "a", Feed: "b", At: at(0), Read: 1000, Quarantined: 21}}}, "quarantine a/b"},
		{"many, long ago", alert.Facts{Batches: []alert.Batch{{Source: "a", Feed: "b", At: at(49 * time.Hour), Read: 1000, Quarantined: 21}}}, ""},
		{"a small share", alert.Facts{Batches: []alert.Batch{{Source: "a", Feed: "b", At: at(0), Read: 100000, Quarantined: 21}}}, ""},
		{"a refused file", alert.Facts{Batches: []alert.Batch{{Source: "a", Feed: "b", At: at(0), Refused: 1}}}, "quarantine a/b"},
		{"waits an hour", alert.Facts{Waiting: alert.Waiting{Batches: 3, Since: at(time.Hour)}}, ""},
		{"waits two days", alert.Facts{Waiting: alert.Waiting{Batches: 3, Since: at(48 * time.Hour)}}, "unreleased release"},
		{"checks", alert.Facts{Checks: []alert.Check{{Name: "unique_grain", Model: "sales.day", Rows: 3}, {Name: "stock", Block: true}}}, "checks sales.day/unique_grain, checks stock"},
		{"jobs", alert.Facts{Jobs: []alert.Job{{Name: "release", Outcome: "failed", Tick: noon}, {Name: "collect", Outcome: "done"}, {Name: "x", Outcome: "skipped"}}}, "jobs release"},
		{"disks", alert.Facts{Disks: []alert.Space{{Name: "lake", Free: 9, Total: 100}, {Name: "temp", Free: 10, Total: 100}, {Name: "none"}}}, "disk lake"},
		{"deliveries", alert.Facts{Failed: []alert.Undelivered{{Channel: "ops", Status: "unknown", At: noon}, {Channel: "ops", Status: "failed", At: noon}, {Channel: "old", At: at(25 * time.Hour)}}}, "deliveries ops"},
		{"nothing is known", alert.Facts{Disks: []alert.Space{{Name: "lake", Total: 100}}, Unknown: map[string]string{alert.Disk: "no disk"}}, ""},
	} {
		c.facts.At = noon
		if got := see(p, c.facts); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		for _, f := range p.Evaluate(c.facts) {
			for _, text := range []string{f.What.ZH, f.What.EN, f.Next.ZH, f.Next.EN} {
				if text == "" || strings.Contains(text, "%!") {
					t.Errorf("%s: %+v", c.name, f)
				}
			}
		}
	}
	found := p.Evaluate(alert.Facts{At: noon, Checks: []alert.Check{{Name: "stock", Block: true}}})
	if found[0].Severity != notify.Critical {
		t.Errorf("a check that keeps the release back is %s", found[0].Severity)
	}
}

func TestPatternsNarrowARule(t *testing.T) {
	p := plan(t, alert.Config{Rules: []alert.Rule{{Name: "disk", Only: []string{"te*"}}, {Name: "checks", Except: []string{"sales.day/*"}}, {Name: "jobs", Disabled: true}}})
	f := alert.Facts{At: noon, Disks: []alert.Space{{Name: "lake", Total: 9}, {Name: "temp", Total: 9}}, Checks: []alert.Check{{Name: "a", Model: "sales.day"}, {Name: "b", Model: "x"}}, Jobs: []alert.Job{{Name: "j", Outcome: "failed"}}}
	if got := see(p, f); got != "checks x/b, disk temp" {
		t.Errorf("%q", got)
	}
}

func TestACountIsTakenForDueOnceAndForMissedOnce(t *testing.T) {
	p := plan(t, alert.Config{})
	soon := alert.Count{Location: "S01", Last: "2025-12-10", Due: "2026-03-10", Overdue: -6}
	missed := alert.Count{Location: "S02", Since: "2025-12-01", Due: "2026-03-03", Overdue: 1}
	shoes := alert.Count{Location: "S02", Part: "Shoes", Last: "2026-02-02", Due: "2026-03-03", Overdue: 1}
	today := alert.Count{Location: "W01", Last: "2025-12-04", Due: "2026-03-04"}
	found := p.Evaluate(alert.Facts{At: noon, Counts: []alert.Count{soon, missed, shoes, today}})
	var got []string
	for _, f := range found {
		got = append(got, f.Severity+" "+f.Where+" "+f.What.EN)
		if !f.Once || f.What.ZH == "" || f.Next.ZH == "" {
			t.Errorf("%+v", f)
		}
	}
	want := []string{
		"info S01/2026-03-10 S01 has to count its stock by 2026-03-10: all goods (last counted on 2025-12-10)",
		"info S02/2026-03-03 S02 has to count its stock by 2026-03-03: Shoes (last counted on 2026-02-02); all goods (never counted, in stock since 2025-12-01)",
		"warning S02/2026-03-03/overdue S02 has not counted its stock, which was due by 2026-03-03: Shoes (last counted on 2026-02-02); all goods (never counted, in stock since 2025-12-01)",
		"info W01/2026-03-04 W01 has to count its stock by 2026-03-04: all goods (last counted on 2025-12-04)",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	own := plan(t, alert.Config{Rules: []alert.Rule{{Name: "stocktake", Except: []string{"S02/*", "S02/*/*"}, Severity: "critical"}}})
	if got := see(own, alert.Facts{At: noon, Counts: []alert.Count{soon, missed}}); got != "stocktake S01/2026-03-10" {
		t.Error(got)
	}
}
