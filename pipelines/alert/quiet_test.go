package alert

import (
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/notify"
)

func quiet(t *testing.T, q Quiet) *hours {
	t.Helper()
	h, err := compileQuiet(q, time.UTC, "x")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestQuietHours(t *testing.T) {
	night := quiet(t, Quiet{From: "22:00", To: "07:00", Zone: "Asia/Shanghai"})
	noon := quiet(t, Quiet{From: "12:00", To: "14:00"})
	weekend := quiet(t, Quiet{From: "20:00", To: "08:00", Days: []string{"sat", "Sun"}})
	holiday := quiet(t, Quiet{From: "00:00", To: "00:00", Days: []string{"sun"}, Except: "never"})
	for _, c := range []struct {
		h    *hours
		at   string
		want bool
	}{
		{night, "2026-03-04T13:59:59Z", false}, {night, "2026-03-04T14:00:00Z", true}, {night, "2026-03-04T22:59:59Z", true}, {night, "2026-03-04T23:00:00Z", false},
		{night, "2026-03-04T16:00:00Z", true}, // midnight in Shanghai
		{noon, "2026-03-04T11:59:00Z", false}, {noon, "2026-03-04T12:00:00Z", true}, {noon, "2026-03-04T14:00:00Z", false},
		{weekend, "2026-03-06T23:00:00Z", false}, {weekend, "2026-03-07T07:00:00Z", false}, {weekend, "2026-03-07T20:00:00Z", true}, {weekend, "2026-03-08T07:59:00Z", true},
		{weekend, "2026-03-09T07:59:00Z", true}, {weekend, "2026-03-09T20:00:00Z", false},
		{holiday, "2026-03-08T00:00:00Z", true}, {holiday, "2026-03-08T23:59:00Z", true}, {holiday, "2026-03-09T00:00:00Z", false},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.h.silences(at, notify.Warning); got != c.want {
			t.Errorf("%s: %v", c.at, got)
		}
	}
	late := time.Date(2026, 3, 4, 16, 0, 0, 0, time.UTC)
	if night.silences(late, notify.Critical) {
		t.Error("what is critical does not break through")
	}
	if !holiday.silences(time.Date(2026, 3, 8, 9, 0, 0, 0, time.UTC), notify.Critical) {
		t.Error("except: never lets something through")
	}
}

// Across the days the clock is put forward or back, quiet hours are quiet for as long as the wall shows them.
func TestQuietHoursFollowTheClockOnTheWall(t *testing.T) {
	for _, c := range []struct {
		zone, day string
		minutes   int // of 24 hours from local noon to noon; the clock moves in the night
	}{
		{"Europe/London", "2026-06-01", 9 * 60}, {"Europe/London", "2026-03-28", 8 * 60}, {"Europe/London", "2026-10-24", 10 * 60},
		{"America/New_York", "2026-03-07", 8 * 60}, {"America/New_York", "2026-10-31", 10 * 60},
		{"Australia/Lord_Howe", "2026-10-03", 8*60 + 30}, {"Australia/Lord_Howe", "2026-04-04", 9*60 + 30}, {"Asia/Shanghai", "2026-03-28", 9 * 60},
	} {
		h := quiet(t, Quiet{From: "22:00", To: "07:00", Zone: c.zone})
		begin, err := time.ParseInLocation("2006-01-02 15:04", c.day+" 12:00", h.zone)
		if err != nil {
			t.Fatal(err)
		}
		end := time.Date(begin.Year(), begin.Month(), begin.Day()+1, 12, 0, 0, 0, h.zone)
		minutes := 0
		for at := begin; at.Before(end); at = at.Add(time.Minute) {
			if h.silences(at, notify.Info) {
				minutes++
			}
		}
		if minutes != c.minutes {
			t.Errorf("%s %s: quiet for %d minutes, want %d", c.zone, c.day, minutes, c.minutes)
		}
	}
}
