package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/transforms"
)

// Expectation says which deliveries are due, so that a missing one is seen.
type Expectation struct {
	Each      string           `yaml:"each"` // location or feed
	DueOn     `yaml:",inline"` // of every location; stores may differ
	Locations []string         `yaml:"locations"`
	Stores    map[string]DueOn `yaml:"stores"`     // what differs for one location
	LateAfter string           `yaml:"late_after"` // days such as 2d that status waits for a delivery before it calls a day missing; default 0d
}

// DueOn is a calendar of deliveries.
type DueOn struct {
	Every  string   `yaml:"every"`  // day, workday, week, or a weekday such as monday
	From   string   `yaml:"from"`   // first business day
	To     string   `yaml:"to"`     // last business day
	Due    string   `yaml:"due"`    // "+1d 06:00": the day after at six by the location's clock; empty: by the order of arrival
	Closed []string `yaml:"closed"` // days without a delivery
}

var dueEvery = []string{"day", "workday", "week", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

var duePattern = regexp.MustCompile(`^\+([0-9]{1,2})d ([01][0-9]|2[0-3]):([0-5][0-9])$`)

type refusal func(key, hint, format string, args ...any) error

func (e *Expectation) validate(key string, bad refusal) error {
	if !slices.Contains([]string{"location", "feed"}, e.Each) {
		return bad(key+".each", "write location or feed", "%q is not known", e.Each)
	}
	if err := e.DueOn.validate(key, bad, true); err != nil {
		return err
	}
	if _, err := e.patience(); err != nil {
		return bad(key+".late_after", "write a number of days such as 2d", "%q is not a number of days from 0d to 366d", e.LateAfter)
	}
	if e.Each == "location" && len(e.Locations) == 0 {
		return bad(key+".locations", "list the locations that deliver", "is empty")
	}
	for _, store := range sortedKeys(e.Stores) {
		if !slices.Contains(e.Locations, store) {
			return bad(key+".stores."+store, "add it to locations, or correct its name", "%q is not among the locations", store)
		}
		if err := e.Stores[store].validate(key+".stores."+store, bad, false); err != nil {
			return err
		}
	}
	return nil
}

func (d DueOn) validate(key string, bad refusal, whole bool) error {
	if !slices.Contains(dueEvery, d.Every) && (whole || d.Every != "") {
		return bad(key+".every", "write "+strings.Join(dueEvery, ", "), "%q is not known", d.Every)
	}
	dates := map[string]string{"from": d.From, "to": d.To}
	for _, day := range d.Closed {
		dates["closed"] = day
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			break
		}
	}
	for _, name := range sortedKeys(dates) {
		if _, err := time.Parse(time.DateOnly, dates[name]); err != nil && (dates[name] != "" || name == "closed") {
			return bad(key+"."+name, "write YYYY-MM-DD", "%q is not a date", dates[name])
		}
	}
	if d.Due != "" && !duePattern.MatchString(d.Due) {
		return bad(key+".due", `write "+1d 06:00": days after the business day, and the time by the location's clock`, "%q is no due time", d.Due)
	}
	return nil
}

// patience is how many days a delivery may take.
func (e *Expectation) patience() (int, error) {
	if e.LateAfter == "" {
		return 0, nil
	}
	days, err := strconv.Atoi(strings.TrimSuffix(e.LateAfter, "d"))
	if err == nil && (days < 0 || days > 366) {
		err = strconv.ErrRange
	}
	return days, err
}

// of gives the calendar of one location, "" for a feed that is not by location.
func (e *Expectation) of(location string) DueOn {
	own := e.Stores[location]
	for _, one := range []struct {
		mine   *string
		common string
	}{{&own.Every, e.Every}, {&own.From, e.From}, {&own.To, e.To}, {&own.Due, e.Due}} {
		if *one.mine == "" {
			*one.mine = one.common
		}
	}
	own.Closed = slices.Concat(own.Closed, e.Closed)
	slices.Sort(own.Closed)
	return own
}

// ranges cuts the calendar at its closed days; an open end is "".
func (d DueOn) ranges() (all [][2]string) {
	from := d.From
	for _, day := range slices.Compact(slices.Clone(d.Closed)) {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil || from != "" && day < from || d.To != "" && day > d.To {
			continue
		}
		if before := at.AddDate(0, 0, -1).Format(time.DateOnly); from == "" || before >= from {
			all = append(all, [2]string{from, before})
		}
		from = at.AddDate(0, 0, 1).Format(time.DateOnly)
	}
	if d.To == "" || from == "" || from <= d.To {
		all = append(all, [2]string{from, d.To})
	}
	return all
}

// moment is when the delivery of a business day is due; ok is false without a due time. A weekly one is due after its Sunday.
func (d DueOn) moment(date string, zone *time.Location) (at time.Time, ok bool) {
	part := duePattern.FindStringSubmatch(d.Due)
	day, err := time.ParseInLocation(time.DateOnly, date, zone)
	if part == nil || err != nil {
		return at, false
	}
	if d.Every == "week" {
		day = day.AddDate(0, 0, 6)
	}
	days, _ := strconv.Atoi(part[1]) // all three are digits
	hour, _ := strconv.Atoi(part[2])
	minute, _ := strconv.Atoi(part[3])
	return time.Date(day.Year(), day.Month(), day.Day()+days, hour, minute, 0, 0, zone), true
}

// expectations turns the feeds' expect blocks into the rows of system.expectation.
func (c *Config) expectations() transforms.Relation {
	relation := transforms.Relation{Columns: []release.Column{
		{Name: "source", Type: "VARCHAR"}, {Name: "feed", Type: "VARCHAR"}, {Name: "location_id", Type: "VARCHAR"},
		{Name: "every", Type: "VARCHAR"}, {Name: "from_date", Type: "DATE"}, {Name: "to_date", Type: "DATE"},
	}}
	for _, source := range sortedKeys(c.Sources) {
		for _, name := range sortedKeys(c.Sources[source].Feeds) {
			expect := c.Sources[source].Feeds[name].Expect
			if expect == nil {
				continue
			}
			locations := expect.Locations
			if expect.Each == "feed" {
				locations = []string{""}
			}
			for _, location := range locations {
				due := expect.of(location)
				for _, r := range due.ranges() {
					relation.Rows = append(relation.Rows, []string{source, name, location, due.Every, r[0], r[1]})
				}
			}
		}
	}
	return relation
}

// zone is the clock of a location.
func (c *Config) zone(location string) *time.Location {
	name := c.Company.Zone
	if own := c.Locations[location].Zone; own != "" {
		name = own
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC // validated
	}
	return zone
}
