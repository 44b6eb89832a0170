package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// period is a calendar period of business dates, both ends included.
type period struct {
	Kind  string // day, week, month or quarter
	Start time.Time
	End   time.Time
}

var (
	weekPattern    = regexp.MustCompile(`^(\d{4})-W(\d{2})$`)
	quarterPattern = regexp.MustCompile(`^(\d{4})-?Q([1-4])$`)
)

// parsePeriod reads 2026-02-14, 2026-W07 (ISO week), 2026-02 or 2026-Q1.
func parsePeriod(text string) (period, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return period{"day", day, day}, nil
	}
	if month, err := time.Parse("2006-01", text); err == nil {
		return period{"month", month, month.AddDate(0, 1, -1)}, nil
	}
	if m := quarterPattern.FindStringSubmatch(text); m != nil {
		year, _ := strconv.Atoi(m[1])    // the pattern holds digits only
		quarter, _ := strconv.Atoi(m[2]) // likewise
		start := time.Date(year, time.Month(3*quarter-2), 1, 0, 0, 0, 0, time.UTC)
		return period{"quarter", start, start.AddDate(0, 3, -1)}, nil
	}
	if m := weekPattern.FindStringSubmatch(text); m != nil {
		year, _ := strconv.Atoi(m[1])                         // the pattern holds digits only
		week, _ := strconv.Atoi(m[2])                         // likewise
		fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC) // week 1 holds 4 January
		monday := fourth.AddDate(0, 0, -(int(fourth.Weekday())+6)%7+7*(week-1))
		if y, w := monday.ISOWeek(); y == year && w == week {
			return period{"week", monday, monday.AddDate(0, 0, 6)}, nil
		}
	}
	return period{}, fault.New(fault.Usage, "bad_period", text, "write 2026-02-14, 2026-W07, 2026-02 or 2026-Q1", "is not a period")
}

// String writes the period as parsePeriod reads it.
func (p period) String() string {
	switch p.Kind {
	case "week":
		year, week := p.Start.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	case "month":
		return p.Start.Format("2006-01")
	case "quarter":
		return fmt.Sprintf("%04d-Q%d", p.Start.Year(), (int(p.Start.Month())+2)/3)
	}
	return p.Start.Format(time.DateOnly)
}
