package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// period is a reporting period by its name, type and first and last business date.
type period struct {
	Name, Type string
	Start, End time.Time
}

func (p period) start() string { return p.Start.Format(time.DateOnly) }
func (p period) end() string   { return p.End.Format(time.DateOnly) }

// parsePeriod reads 2026-W05 (ISO week), 2026-01 or 2026-Q1.
func parsePeriod(name string) (period, error) {
	bad := func() (period, error) {
		return period{}, fault.New(fault.Usage, "bad_period", name, "write a week as 2026-W05, a month as 2026-01, a quarter as 2026-Q1", "the period cannot be read")
	}
	year, rest, ok := strings.Cut(name, "-")
	y, err := strconv.Atoi(year)
	if !ok || err != nil || len(year) != 4 || len(rest) < 2 {
		return bad()
	}
	digits := strings.TrimLeft(rest, "WQ")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 {
		return bad()
	}
	p := period{Name: name}
	switch {
	case rest[0] == 'W' && len(rest) == 3:
		p.Type, p.Start = "week", isoWeek(y, n)
		if yy, ww := p.Start.ISOWeek(); yy != y || ww != n {
			return bad()
		}
		p.End = p.Start.AddDate(0, 0, 6)
	case rest[0] == 'Q' && len(rest) == 2 && n <= 4:
		p.Type, p.Start = "quarter", time.Date(y, time.Month(3*n-2), 1, 0, 0, 0, 0, time.UTC)
		p.End = p.Start.AddDate(0, 3, -1)
	case len(rest) == 2 && digits == rest && n <= 12:
		p.Type, p.Start = "month", time.Date(y, time.Month(n), 1, 0, 0, 0, 0, time.UTC)
		p.End = p.Start.AddDate(0, 1, -1)
	default:
		return bad()
	}
	return p, nil
}

// isoWeek gives the Monday of a week; 4 January is always in week 1.
func isoWeek(year, week int) time.Time {
	fourth := time.Date(year, time.January, 4, 0, 0, 0, 0, time.UTC)
	back := (int(fourth.Weekday()) + 6) % 7
	return fourth.AddDate(0, 0, 7*(week-1)-back)
}

// periodName names the period that starts on a date.
func periodName(kind, start string) string {
	d, err := time.Parse(time.DateOnly, start)
	if err != nil {
		return start
	}
	switch kind {
	case "week":
		y, w := d.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", y, w)
	case "quarter":
		return fmt.Sprintf("%04d-Q%d", d.Year(), (int(d.Month())+2)/3)
	default:
		return d.Format("2006-01")
	}
}

// check refuses a period that the kind of document is not made for.
func (k Kind) check(p period) error {
	switch {
	case k != JointMeeting && k != Quarterly && k != Supervision:
		return fault.New(fault.Usage, "unknown_report", string(k), "the reports are joint-meeting, quarterly and supervision", "there is no such report")
	case k == Supervision && p.Type != "month":
		return fault.New(fault.Usage, "bad_period", p.Name, "write a month as 2026-01", "the supervision report covers a month")
	case k == Quarterly && p.Type != "quarter":
		return fault.New(fault.Usage, "bad_period", p.Name, "write a quarter as 2026-Q1", "the quarterly assessment covers a quarter")
	case k == JointMeeting && p.Type == "quarter":
		return fault.New(fault.Usage, "bad_period", p.Name, "write a week as 2026-W05 or a month as 2026-01", "the joint-meeting pack covers a week or a month")
	}
	return nil
}
