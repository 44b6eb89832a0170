package schedules

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// job compiles one job from the lines of its YAML.
func job(t testing.TB, zone string, lines ...string) *Job {
	t.Helper()
	text := "version: 1\ndefaults: false\nzone: " + zone + "\njobs:\n  - name: a\n    do: run\n    " + strings.Join(lines, "\n    ") + "\n"
	jobs, err := Load("schedules.yaml", []byte(text), Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return jobs[0]
}

func at(t testing.TB, zone, text string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	when, err := time.ParseInLocation("2006-01-02 15:04", text, loc)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// TestTicks lists, for each rule, the ticks after an instant as the wall clock of the zone shows them with their offset to UTC.
func TestTicks(t *testing.T) {
	for _, c := range []struct {
		name, zone, rule, after string
		want                    []string
	}{
		{"daily through a gap, on the first instant after it", "America/New_York", `cron: "30 2 * * *"`, "2026-03-07 00:00",
			[]string{"03-07 02:30 -0500", "03-08 03:00 -0400", "03-09 02:30 -0400"}},
		{"daily through a repeated hour, once", "America/New_York", `cron: "30 1 * * *"`, "2026-10-31 00:00",
			[]string{"10-31 01:30 -0400", "11-01 01:30 -0400", "11-02 01:30 -0500"}},
		{"hourly through a gap", "Europe/London", `cron: "0 * * * *"`, "2026-03-28 23:30",
			[]string{"03-29 00:00 +0000", "03-29 02:00 +0100", "03-29 03:00 +0100"}},
		{"hourly through a repeated hour", "Europe/London", `cron: "0 * * * *"`, "2026-10-25 00:30",
			[]string{"10-25 01:00 +0100", "10-25 01:00 +0000", "10-25 02:00 +0000"}},
		{"a shift of half an hour ahead", "Australia/Lord_Howe", `cron: "*/15 * * * *"`, "2026-10-04 01:40",
			[]string{"10-04 01:45 +1030", "10-04 02:30 +1100", "10-04 02:45 +1100"}},
		{"a shift of half an hour back", "Australia/Lord_Howe", `cron: "*/15 * * * *"`, "2026-04-05 01:20",
			[]string{"04-05 01:30 +1100", "04-05 01:45 +1100", "04-05 01:30 +1030", "04-05 01:45 +1030", "04-05 02:00 +1030"}},
		{"a day the calendar skipped", "Pacific/Apia", `cron: "0 9 * * *"`, "2011-12-29 08:00",
			[]string{"12-29 09:00 -1000", "12-31 00:00 +1400", "12-31 09:00 +1400"}},
		{"working days of China", "Asia/Shanghai", "cron: \"0 9 * * *\"\n    calendar: CN\n    days: working", "2026-02-13 10:00",
			[]string{"02-14 09:00 +0800", "02-24 09:00 +0800", "02-25 09:00 +0800"}},
		{"days off of China", "Asia/Shanghai", "cron: \"0 9 * * *\"\n    calendar: CN\n    days: off", "2026-02-21 10:00",
			[]string{"02-22 09:00 +0800", "02-23 09:00 +0800", "03-01 09:00 +0800"}},
		{"Mondays, rolled over a long break once", "Asia/Shanghai", "cron: \"0 8 * * 1\"\n    calendar: CN\n    roll: next", "2026-02-09 09:00",
			[]string{"02-24 08:00 +0800", "03-02 08:00 +0800"}},
		{"Mondays, rolled back", "Asia/Shanghai", "cron: \"0 8 * * 1\"\n    calendar: CN\n    roll: previous", "2026-02-09 09:00",
			[]string{"02-14 08:00 +0800", "03-02 08:00 +0800"}},
		{"fifth working day after the quarter", "Asia/Shanghai", "calendar: CN\n    nth: {workday: 5, of: quarter, at: \"09:00\"}", "2026-01-01 00:00",
			[]string{"01-08 09:00 +0800", "04-08 09:00 +0800", "07-07 09:00 +0800", "10-13 09:00 +0800"}},
		{"last working day of the month", "Europe/London", "nth: {workday: -1, of: month, at: \"17:30\"}", "2026-01-01 00:00",
			[]string{"01-30 17:30 +0000", "02-27 17:30 +0000", "03-31 17:30 +0100"}},
		{"leap days", "UTC", `cron: "0 0 29 2 *"`, "2024-03-01 00:00", []string{"02-29 00:00 +0000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, when := job(t, c.zone, c.rule), at(t, c.zone, c.after)
			for _, want := range c.want {
				before := when
				when = j.Next(when)
				if got := when.In(j.loc).Format("01-02 15:04 -0700"); got != want {
					t.Fatalf("after %s: %s, want %s", before.In(j.loc), got, want)
				}
				if last := j.Last(when); !last.Equal(when) {
					t.Errorf("the last tick at %s is %s", when, last)
				}
			}
		})
	}
}

// TestEveryTickOnce walks two years minute by minute and compares with a slow oracle that reads the wall clock.
func TestEveryTickOnce(t *testing.T) {
	for _, zone := range []string{"Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Lord_Howe"} {
		daily, hourly := job(t, zone, `cron: "45 1 * * *"`), job(t, zone, `cron: "20 * * * *"`)
		from := at(t, zone, "2025-01-01 00:00")
		var wantDaily, wantHourly []time.Time
		seen := map[string]bool{}
		for when := from.Add(time.Minute); when.Before(from.AddDate(2, 0, 0)); when = when.Add(time.Minute) {
			local := when.In(daily.loc)
			if local.Minute() == 20 {
				wantHourly = append(wantHourly, when)
			}
			if day := local.Format(time.DateOnly); !seen[day] && local.Hour()*60+local.Minute() >= 105 {
				seen[day] = true // the first instant at which the wall shows 01:45 or, when left out, later
				wantDaily = append(wantDaily, when)
			}
		}
		for name, c := range map[string]struct {
			job  *Job
			want []time.Time
		}{"daily": {daily, wantDaily}, "hourly": {hourly, wantHourly}} {
			when := from
			for i, want := range c.want {
				if when = c.job.Next(when); !when.Equal(want) {
					t.Fatalf("%s %s: tick %d is %s, want %s", zone, name, i, when.In(c.job.loc), want.In(c.job.loc))
				}
			}
		}
	}
}

func TestArguments(t *testing.T) {
	j := job(t, "Asia/Shanghai", `cron: "0 8 * * 1"`)
	j.Do = "x {day} --period={week} {month} {quarter} {year} {part/30} {final}"
	for tick, want := range map[string]string{
		"2026-01-05 08:00": "x 2026-01-04 --period=2026-W01 2025-12 2025-Q4 2025 29/30 --final",
		"2027-01-04 00:30": "x 2027-01-03 --period=2026-W53 2026-12 2026-Q4 2026 3/30 --final",
	} {
		got, err := j.Arguments(at(t, "Asia/Shanghai", tick), false)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, %v, want %q", tick, got, err, want)
		}
	}
	if got, _ := j.Arguments(at(t, "UTC", "2026-01-05 08:00"), true); strings.Join(got, " ") == "" || got[len(got)-1] == "--final" {
		t.Errorf("a provisional run is final: %q", got)
	}
}

func TestJitterAndPausesRepeat(t *testing.T) {
	j := job(t, "UTC", `cron: "0 8 * * *"`, "jitter: 10m", "retries: {max: 9, backoff: 1m, max_backoff: 8m}")
	tick, starts := at(t, "UTC", "2026-01-05 08:00"), map[time.Time]bool{}
	for range 50 {
		start := j.Start(tick)
		if start.Before(tick) || !start.Before(tick.Add(10*time.Minute)) || !start.Equal(j.Start(tick)) {
			t.Fatalf("tick %s starts at %s, then at %s", tick, start, j.Start(tick))
		}
		starts[start.Add(-tick.Sub(time.Time{}))] = true
		tick = tick.Add(24 * time.Hour)
	}
	if len(starts) < 40 {
		t.Errorf("50 ticks start at %d different delays", len(starts))
	}
	for attempt, want := range map[int]time.Duration{1: time.Minute, 2: 2 * time.Minute, 4: 8 * time.Minute, 50: 8 * time.Minute} {
		if got := j.Pause(tick, attempt); got < want || got > want+want/10+time.Millisecond {
			t.Errorf("pause %d is %s, want %s and up to a tenth", attempt, got, want)
		}
	}
}

func TestBadSchedules(t *testing.T) {
	for rule, want := range map[string]string{
		`cron: "0 0 30 2 *"`:                                                          "never fires",
		`cron: "0 25 * * *"`:                                                          "no cron expression",
		`cron: "0 6 * *"`:                                                             "no cron expression",
		`cron: "@every 5m"`:                                                           "counts from whenever",
		`cron: "CRON_TZ=UTC 0 6 * * *"`:                                               "names a zone",
		"cron: \"0 6 * * *\"\n    zone: Asia/Shangai":                                 "Asia/Shangai",
		"cron: \"0 6 * * *\"\n    zone: Local":                                        "not a time zone",
		"cron: \"0 6 * * *\"\n    overlap: skipp":                                     "not known",
		"cron: \"0 6 * * *\"\n    catch_up: last":                                     "not known",
		"cron: \"0 6 * * *\"\n    calendar: UK":                                       "not a calendar",
		"cron: \"0 6 * * *\"\n    timeout: 5":                                         "not a duration",
		"cron: \"0 6 * * *\"\n    timeout: -5m":                                       "out of range",
		"cron: \"0 6 * * *\"\n    cap: -1":                                            "out of range",
		"cron: \"0 6 * * *\"\n    after: [b]":                                         "no job \"b\"",
		"cron: \"0 6 * * *\"\n    after: [a]":                                         "wait for each other: a after a",
		"cron: \"0 6 * * *\"\n    grace: 1h":                                          "waits for nothing",
		"cron: \"0 6 * * *\"\n    timeot: 1h":                                         "unknown key",
		"cron: \"0 * * * *\"\n    roll: next":                                         "every hour",
		"cron: \"0 6 * * *\"\n    nth: {workday: 1, of: month, at: \"09:00\"}":        "either cron or nth",
		`nth: {workday: 0, of: month, at: "09:00"}`:                                   "no working day 0",
		`nth: {workday: 40, of: month, at: "09:00"}`:                                  "never fires",
		`nth: {workday: 1, of: fortnight, at: "09:00"}`:                               "not a period",
		`nth: {workday: 1, of: month, at: "9"}`:                                       "not a time of day",
		`about: nothing`:                                                              "is missing",
		"cron: \"0 6 * * *\"\n  - name: a\n    do: run\n    cron: \"0 7 * * *\"":      "two jobs",
		"cron: \"0 6 * * *\"\n  - name: B\n    do: run\n    cron: \"0 7 * * *\"":      "not a job name",
		"cron: \"0 6 * * *\"\n  - name: b\n    cron: \"0 7 * * *\"":                   "does nothing",
		"cron: \"0 6 * * *\"\n  - name: b\n    do: x {weak}\n    cron: \"0 7 * * *\"": "not a placeholder",
		"cron: \"0 6 * * *\"\n    after: [b]\n  - {name: b, do: run, cron: \"0 7 * * *\", after: [c]}\n  - {name: c, do: run, cron: \"0 7 * * *\", after: [a]}": "a after b after c after a",
	} {
		text := "version: 1\ndefaults: false\njobs:\n  - name: a\n    do: run\n    " + rule + "\n"
		_, err := Load("schedules.yaml", []byte(text), Options{})
		if err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%s\n  gave %v (hint %q), want %q", rule, err, fault.HintOf(err), want)
		}
	}
	_, err := Load("s.yaml", []byte("version: 1\ncalendars: [uk.yaml]\n"), Options{Read: func(string) ([]byte, error) { return nil, errors.New("gone") }})
	if err == nil || !strings.Contains(err.Error(), "uk.yaml") {
		t.Errorf("a calendar that cannot be read gave %v", err)
	}
	wrong := []byte("calendar: UK\nyears: [{year: 2027, holidays: [{name: Christmas, from: 2026-12-25}]}]")
	_, err = Load("s.yaml", []byte("version: 1\ncalendars: [uk.yaml]\n"), Options{Read: func(string) ([]byte, error) { return wrong, nil }})
	if err == nil || !strings.Contains(err.Error(), "2026-12-25 is not in 2027") {
		t.Errorf("a holiday file of the wrong year gave %v", err)
	}
}

func TestShippedAndOwnJobs(t *testing.T) {
	jobs, err := Load("schedules.yaml", nil, Options{Zone: "Asia/Shanghai"})
	if err != nil || len(jobs) < 5 {
		t.Fatalf("%d shipped jobs, %v", len(jobs), err)
	}
	own := "version: 1\ncalendar: UK\ncalendars: [uk.yaml]\njobs:\n  - {name: collect, do: run, cron: \"0 * * * *\", zone: Europe/London}\n  - {name: release.noon, disabled: true}\n  - {name: mine, do: check, nth: {workday: 1, of: month, at: \"08:00\"}}\n"
	uk := "calendar: UK\nyears: [{year: 2026, holidays: [{name: New Year, from: 2026-01-01}]}]"
	changed, err := Load("schedules.yaml", []byte(own), Options{Zone: "Asia/Shanghai", Read: func(string) ([]byte, error) { return []byte(uk), nil }})
	if err != nil || len(changed) != len(jobs) {
		t.Fatalf("%d jobs, %v", len(changed), err)
	}
	if changed[0].Cron != "0 * * * *" || changed[0].Zone != "Europe/London" {
		t.Errorf("the project's job does not replace the shipped one: %+v", changed[0].Spec)
	}
	mine := changed[len(changed)-1]
	if got := mine.Next(at(t, "Asia/Shanghai", "2025-12-31 23:00")); !got.Equal(at(t, "Asia/Shanghai", "2026-01-02 08:00")) {
		t.Errorf("the file's zone and calendar are not used: %s", got)
	}
}

// FuzzSchedule: a schedules file is refused with a next step, or every job in it has ticks that move on.
func FuzzSchedule(f *testing.F) {
	f.Add(`0 6 * * 1-5`, "Asia/Shanghai", "", "", 0)
	f.Add(`*/15 * * * *`, "Australia/Lord_Howe", "working", "", 0)
	f.Add(`30 2 29 2 1`, "America/New_York", "", "next", 5)
	f.Add(`@hourly`, "Europe/London", "off", "", -1)
	f.Add("TZ=", "UTC", "", "", 366)
	f.Fuzz(func(t *testing.T, rule, zone, days, roll string, nth int) {
		text := fmt.Sprintf("version: 1\ndefaults: false\njobs:\n  - {name: a, do: run, zone: %q, days: %q, roll: %q, cron: %q", zone, days, roll, rule)
		if nth != 0 {
			text += fmt.Sprintf(", nth: {workday: %d, of: quarter, at: %q}", nth, rule)
		}
		jobs, err := Load("s.yaml", []byte(text+"}\n"), Options{})
		if err != nil {
			if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
				t.Fatalf("%v without a next step", err)
			}
			return
		}
		when := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		for range 5 {
			next := jobs[0].Next(when)
			if next.IsZero() {
				return
			}
			if !next.After(when) {
				t.Fatalf("%s: after %s comes %s", rule, when, next)
			}
			when = next
		}
	})
}
