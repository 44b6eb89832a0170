// Package calendar tells working days from days off, by data: weekends, holidays, and days off that are worked instead.
package calendar

import (
	_ "embed"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/strictyaml"
)

//go:embed cn.yaml
var cn []byte

// Weekdays is the name of the calendar that knows no holidays: Monday to Friday are working days in every year.
const Weekdays = "weekdays"

// Calendar tells which dates are worked. A date is a day of the civil calendar; its time and zone are not looked at.
type Calendar struct {
	Name    string
	weekend [7]bool
	days    map[date]bool // dates that differ from the week's rule -> whether they are worked
	years   map[int]bool  // years with data -> whether the data are final
	always  bool          // the week's rule is all there is to know
}

// date is a day without time and zone, so that it can be a key.
type date struct {
	year  int
	month time.Month
	day   int
}

type fileYear struct {
	Year        int           `yaml:"year"`
	Source      string        `yaml:"source"`
	Provisional bool          `yaml:"provisional"`
	Holidays    []fileHoliday `yaml:"holidays"`
	Working     []string      `yaml:"working"`
}

type fileHoliday struct {
	Name string `yaml:"name"`
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

type file struct {
	Calendar string     `yaml:"calendar"`
	About    string     `yaml:"about"`
	Weekend  []string   `yaml:"weekend"`
	Years    []fileYear `yaml:"years"`
}

// Shipped gives the calendars that come with the program, by name: CN and Weekdays.
func Shipped() (map[string]*Calendar, error) {
	china, err := Parse("calendar/cn.yaml", cn)
	plain := &Calendar{Name: Weekdays, always: true}
	plain.weekend[time.Saturday], plain.weekend[time.Sunday] = true, true
	return map[string]*Calendar{"CN": china, Weekdays: plain}, err
}

// Parse reads a calendar from YAML; name is the file for messages. Every error is a fault of kind Usage. A date of a year other
// than the one it is listed under is refused: a file copied from the year before would silently move every report.
func Parse(name string, data []byte) (*Calendar, error) {
	var f file
	if err := strictyaml.Decode(name, 1, data, &f); err != nil {
		return nil, err
	}
	c := &Calendar{Name: f.Calendar, days: map[date]bool{}, years: map[int]bool{}}
	if strings.TrimSpace(f.Calendar) == "" {
		return nil, bad(name, "calendar", "write a name such as `calendar: UK`", "the calendar has no name")
	}
	if err := c.setWeekend(name, f.Weekend); err != nil {
		return nil, err
	}
	if len(f.Years) == 0 {
		return nil, bad(name, "years", "list at least one year with its holidays", "the calendar knows no year")
	}
	for i, year := range f.Years {
		if err := c.addYear(name, fmt.Sprintf("years[%d]", i), year); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func bad(name, key, hint, format string, args ...any) error {
	return fault.New(fault.Usage, "invalid_calendar", name+": "+key, hint, format, args...)
}

func (c *Calendar) setWeekend(name string, days []string) error {
	if days == nil {
		days = []string{"saturday", "sunday"}
	}
	var known []string
	for day := time.Sunday; day <= time.Saturday; day++ {
		known = append(known, strings.ToLower(day.String()))
	}
next:
	for _, text := range days {
		for i, day := range known {
			if strings.EqualFold(text, day) {
				c.weekend[i] = true
				continue next
			}
		}
		hint := "the days are " + strings.Join(known, ", ")
		if near := fault.Nearest(strings.ToLower(text), known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return bad(name, "weekend", hint, "%q is not a day of the week", text)
	}
	if c.weekend == [7]bool{true, true, true, true, true, true, true} {
		return bad(name, "weekend", "leave at least one day to work", "every day is a day off")
	}
	return nil
}

// longestHoliday bounds a span of days off; a longer one is a typing error in a date.
const longestHoliday = 40

func (c *Calendar) addYear(name, key string, year fileYear) error {
	if year.Year < 1900 || year.Year > 2200 {
		return bad(name, key+".year", "write the year of its dates, such as 2026", "%d is not a year of a calendar", year.Year)
	}
	if _, twice := c.years[year.Year]; twice {
		return bad(name, key+".year", "merge the two entries", "%d is listed twice", year.Year)
	}
	c.years[year.Year] = !year.Provisional
	for i, holiday := range year.Holidays {
		key := fmt.Sprintf("%s.holidays[%d]", key, i)
		if holiday.To == "" {
			holiday.To = holiday.From
		}
		from, err := parseDay(name, key+".from", holiday.From, year.Year)
		if err != nil {
			return err
		}
		to, err := parseDay(name, key+".to", holiday.To, year.Year)
		if err != nil {
			return err
		}
		if days := int(to.Sub(from).Hours() / 24); days < 0 || days >= longestHoliday {
			return bad(name, key, fmt.Sprintf("correct the dates; a holiday has 1 to %d days", longestHoliday), "from %s to %s are no days of a holiday", holiday.From, holiday.To)
		}
		for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
			c.days[dateOf(day)] = false
		}
	}
	for i, text := range year.Working {
		key := fmt.Sprintf("%s.working[%d]", key, i)
		day, err := parseDay(name, key, text, year.Year)
		if err != nil {
			return err
		}
		if _, holiday := c.days[dateOf(day)]; holiday {
			return bad(name, key, "list the day once", "%s is listed before as a holiday or as worked", text)
		}
		if !c.weekend[day.Weekday()] {
			return bad(name, key, "list only days of the weekend that are worked", "%s is a working day anyway: it is a %s", text, day.Weekday())
		}
		c.days[dateOf(day)] = true
	}
	return nil
}

func parseDay(name, key, text string, year int) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return day, bad(name, key, "write YYYY-MM-DD", "%q is not a date", text)
	}
	if day.Year() != year {
		return day, bad(name, key, fmt.Sprintf("move it under `year: %d`, or correct the date", day.Year()), "%s is not in %d, the year it is listed under", text, year)
	}
	return day, nil
}

func dateOf(day time.Time) date {
	y, m, d := day.Date()
	return date{y, m, d}
}

// Working tells whether the date is worked. Years without data follow the week.
func (c *Calendar) Working(day time.Time) bool {
	if worked, listed := c.days[dateOf(day)]; listed {
		return worked
	}
	return !c.weekend[day.Weekday()]
}

// Known tells whether the calendar's data for a year are there and final.
func (c *Calendar) Known(year int) bool { return c.always || c.years[year] }

// Years gives the years with data, in order; none for a calendar that needs no data.
func (c *Calendar) Years() []int {
	years := make([]int, 0, len(c.years))
	for year := range c.years {
		years = append(years, year)
	}
	sort.Ints(years)
	return years
}
