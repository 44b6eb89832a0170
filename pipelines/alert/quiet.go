package alert

import (
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/notify"
)

// hours are quiet hours that were checked. They are read off the clock on the wall, so that they follow it when it is put
// forward or back: of a repeated hour both are quiet, of one left out none.
type hours struct {
	from, to int // minutes of the day
	zone     *time.Location
	days     []time.Weekday
	except   string
}

var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func compileQuiet(q Quiet, zone *time.Location, in place) (*hours, error) {
	h := &hours{zone: zone, except: first(q.Except, notify.Critical)}
	if q.Zone != "" {
		var err error
		if h.zone, err = time.LoadLocation(q.Zone); err != nil {
			return nil, in.bad("zone", "write an IANA zone such as Asia/Shanghai", "%q is not a time zone", q.Zone)
		}
	}
	for key, at := range map[string]struct {
		text string
		into *int
	}{"from": {q.From, &h.from}, "to": {q.To, &h.to}} {
		clock, err := time.Parse("15:04", at.text)
		if err != nil {
			return nil, in.bad(key, `write a time of day such as "22:00"`, "%q is not a time of day", at.text)
		}
		*at.into = clock.Hour()*60 + clock.Minute()
	}
	for _, day := range q.Days {
		if err := in.oneOf("days", strings.ToLower(day), weekdays[:]); err != nil {
			return nil, err
		}
		h.days = append(h.days, time.Weekday(slices.Index(weekdays[:], strings.ToLower(day))))
	}
	return h, in.oneOf("except", h.except, append(severities[:], "never"))
}

// silences tells whether a problem of a severity is kept back at an instant.
func (h *hours) silences(at time.Time, severity string) bool {
	if h == nil || h.except != "never" && weight(severity) >= weight(h.except) {
		return false
	}
	local := at.In(h.zone)
	minute, day := local.Hour()*60+local.Minute(), local.Weekday()
	switch {
	case h.from < h.to && (minute < h.from || minute >= h.to):
		return false
	case h.from > h.to && minute >= h.to && minute < h.from:
		return false
	case h.from > h.to && minute < h.to:
		day = (day + 6) % 7 // it began the evening before
	}
	return len(h.days) == 0 || slices.Contains(h.days, day)
}
