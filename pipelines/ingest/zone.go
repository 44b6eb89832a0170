package ingest

import (
	"fmt"
	"sort"
	"strings"
	"time"
	_ "time/tzdata" // zones must not depend on the machine

	"github.com/omoflow/omoflow/internal/warehouse"
)

// change is where a zone's offset changes. Local times before local, and instants before utc, have the offset before.
type change struct {
	utc, local    time.Time
	before, after int // seconds east
}

// changes lists a zone's changes of offset in a range of years, and the offset in force before the first.
//
// A local time that occurs twice is its first occurrence; one that never occurs moves forward by the gap. Both follow
// from one rule: the offset before a change holds until the later of the change's two local readings.
func changes(zone *time.Location, fromYear, toYear int) (list []change, initial int) {
	t := time.Date(fromYear, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -2).In(zone)
	end := time.Date(toYear+1, 1, 3, 0, 0, 0, 0, time.UTC)
	_, initial = t.Zone()
	for {
		_, next := t.ZoneBounds()
		if next.IsZero() || next.After(end) {
			return list, initial
		}
		_, before := t.Zone()
		_, after := next.In(zone).Zone()
		if before != after {
			list = append(list, change{next.UTC(), next.UTC().Add(time.Duration(max(before, after)) * time.Second), before, after})
		}
		t = next.In(zone)
	}
}

// clock writes SQL that converts between local time and UTC, by location where locations differ.
type clock struct {
	zone      string
	cutover   string
	locations map[string]Location
	from, to  int // years
}

func literal(t time.Time) string { return "TIMESTAMP '" + t.Format("2006-01-02 15:04:05") + "'" }

func shift(expr string, seconds int) string {
	if seconds == 0 {
		return expr
	}
	return fmt.Sprintf("(%s + to_seconds(%d))", expr, seconds)
}

// convert writes the conversion of one zone; sign is -1 to UTC and +1 from it.
func (c clock) convert(expr, zoneName string, sign int) (string, error) {
	zone, err := time.LoadLocation(zoneName)
	if err != nil {
		return "", err
	}
	list, initial := changes(zone, c.from, c.to)
	if len(list) == 0 {
		return shift(expr, sign*initial), nil
	}
	var b strings.Builder
	b.WriteString("CASE")
	for _, ch := range list {
		at := ch.utc
		if sign < 0 {
			at = ch.local
		}
		fmt.Fprintf(&b, " WHEN %s < %s THEN %s", expr, literal(at), shift(expr, sign*ch.before))
	}
	fmt.Fprintf(&b, " ELSE %s END", shift(expr, sign*list[len(list)-1].after))
	return b.String(), nil
}

// byLocation writes make's result for each location whose setting differs from the common one.
func (c clock) byLocation(location, common string, pick func(Location) string, make func(string) (string, error)) (string, error) {
	otherwise, err := make(common)
	if err != nil || location == "" {
		return otherwise, err
	}
	groups := map[string][]string{}
	for id, l := range c.locations {
		if v := pick(l); v != "" && v != common {
			groups[v] = append(groups[v], warehouse.Literal(id))
		}
	}
	if len(groups) == 0 {
		return otherwise, nil
	}
	values := sortedNames(groups)
	var b strings.Builder
	b.WriteString("CASE")
	for _, v := range values {
		sql, err := make(v)
		if err != nil {
			return "", err
		}
		sort.Strings(groups[v])
		fmt.Fprintf(&b, " WHEN %s IN (%s) THEN %s", location, strings.Join(groups[v], ", "), sql)
	}
	fmt.Fprintf(&b, " ELSE %s END", otherwise)
	return b.String(), nil
}

func sortedNames(groups map[string][]string) []string {
	values := make([]string, 0, len(groups))
	for v := range groups {
		values = append(values, v)
	}
	sort.Strings(values)
	return values
}

func zoneOf(l Location) string    { return l.Zone }
func cutoverOf(l Location) string { return l.Cutover }

// toUTC writes the instant of a local time.
func (c clock) toUTC(local, location string) (string, error) {
	return c.byLocation(location, c.zone, zoneOf, func(zone string) (string, error) { return c.convert(local, zone, -1) })
}

// toLocal writes the local time of an instant.
func (c clock) toLocal(instant, location string) (string, error) {
	return c.byLocation(location, c.zone, zoneOf, func(zone string) (string, error) { return c.convert(instant, zone, 1) })
}

// businessDate writes the business day of a local time: the day changes at the cut-over, not at midnight.
func (c clock) businessDate(local, location string) (string, error) {
	sql, err := c.byLocation(location, c.cutover, cutoverOf, func(cutover string) (string, error) {
		t, err := time.Parse("15:04", cutover)
		return shift(local, -(t.Hour()*3600 + t.Minute()*60)), err
	})
	return "CAST(" + sql + " AS DATE)", err
}
