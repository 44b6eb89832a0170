package calendar

import (
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

func day(t *testing.T, text string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The State Council balances moved days, so the length of each break and the working days around it are a check of the data.
func TestChina(t *testing.T) {
	all, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	china := all["CN"]
	for text, worked := range map[string]bool{
		"2024-02-09": true, "2024-02-10": false, "2024-02-17": false, "2024-02-18": true, "2024-02-04": true, "2024-10-12": true,
		"2025-01-26": true, "2025-01-27": true, "2025-01-28": false, "2025-02-05": true, "2025-10-08": false, "2025-10-09": true,
		"2026-01-02": false, "2026-01-04": true, "2026-02-14": true, "2026-02-16": false, "2026-02-23": false, "2026-02-24": true,
		"2026-05-09": true, "2026-09-20": true, "2026-10-07": false, "2026-10-08": true, "2026-10-10": true, "2026-10-11": false,
		"2027-02-08": false, "2027-02-13": false, "2030-01-01": true, "2030-01-05": false,
	} {
		if got := china.Working(day(t, text)); got != worked {
			t.Errorf("%s: worked %v, want %v", text, got, worked)
		}
	}
	// Statutory days off: 11 until 2024, 13 since 2025; each day off beyond those and the weekends is made up for by a worked one.
	for year, statutory := range map[int]int{2024: 11, 2025: 13, 2026: 13} {
		off, weekendDays := 0, 0
		for d := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() == year; d = d.AddDate(0, 0, 1) {
			if !china.Working(d) {
				off++
			}
			if d.Weekday() == time.Saturday || d.Weekday() == time.Sunday {
				weekendDays++
			}
		}
		// A statutory day on a weekend is given on a weekday, so the balance is exact, but for a year's first day whose eve belongs
		// to the year before.
		if off-weekendDays != statutory {
			t.Errorf("%d: %d days off beside %d of weekends, want %d", year, off-weekendDays, weekendDays, statutory)
		}
		if !china.Known(year) {
			t.Errorf("%d is final, the calendar says it is not", year)
		}
	}
	if china.Known(2027) || china.Known(2023) {
		t.Error("a year that is provisional or missing counts as known")
	}
	if !all[Weekdays].Known(2050) || !all[Weekdays].Working(day(t, "2026-10-01")) {
		t.Error("the calendar of weekdays knows holidays or ends")
	}
}

func TestBadCalendars(t *testing.T) {
	for text, want := range map[string]string{
		"calendar: X\nyears: [{year: 2026, holidays: [{name: a, from: 2025-01-01}]}]":                                   "2025-01-01 is not in 2026",
		"calendar: X\nyears: [{year: 2026, working: [2025-01-04]}]":                                                     "2025-01-04 is not in 2026",
		"calendar: X\nyears: [{year: 2026, working: [2026-01-05]}]":                                                     "is a working day anyway",
		"calendar: X\nyears: [{year: 2026, holidays: [{name: a, from: 2026-01-03}], working: [2026-01-03]}]":            "is listed before",
		"calendar: X\nyears: [{year: 2026}, {year: 2026}]":                                                              "listed twice",
		"calendar: X\nyears: [{year: 2026, holidays: [{name: a, from: 2026-05-09, to: 2026-05-01}]}]":                   "no days of a holiday",
		"calendar: X\nyears: [{year: 2026, holidays: [{name: a, from: 2026-02-30}]}]":                                   "not a date",
		"calendar: X\nweekend: [sunnday]\nyears: [{year: 2026}]":                                                        "not a day of the week",
		"calendar: X\nweekend: [sunday, monday, tuesday, wednesday, thursday, friday, saturday]\nyears: [{year: 2026}]": "every day is a day off",
		"calendar: X":           "knows no year",
		"years: [{year: 2026}]": "no name",
		"calendar: X\nyears: [{year: 2026, holiday: []}]": "unknown key",
		"calendar: X\nyears: [{year: 26}]":                "not a year",
	} {
		_, err := Parse("x.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%s\n  gave %v (hint %q), want %q", text, err, fault.HintOf(err), want)
		}
	}
}

// FuzzCalendar: a calendar file is refused with a next step, or answers for every day.
func FuzzCalendar(f *testing.F) {
	f.Add(cn)
	f.Add([]byte("calendar: X\nyears: [{year: 2026, holidays: [{name: a, from: 2026-05-01, to: 2026-05-05}], working: [2026-05-09]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("x.yaml", data)
		if err != nil {
			if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
				t.Fatalf("%v without a next step", err)
			}
			return
		}
		for _, year := range c.Years() {
			worked := 0
			for d := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() == year; d = d.AddDate(0, 0, 1) {
				if c.Working(d) {
					worked++
				}
			}
			_ = worked // every answer is allowed; none may fail
		}
	})
}
