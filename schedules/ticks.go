package schedules

import (
	"hash/fnv"
	"time"
)

// Next gives the first tick after an instant, in UTC; the zero time when there is none within five years.
//
// A job of every hour ("*" in the hour field) follows elapsed time: an hour that the clock repeats has its ticks twice, one that it
// leaves out has none. Every other job ticks once per time of the civil clock: in a repeated hour at the first of the two
// instants; ticks of a time that the clock leaves out fall together on the first instant after it.
func (j *Job) Next(after time.Time) time.Time {
	if j.hourly {
		return j.nextElapsed(after)
	}
	local := naive(after, j.loc)
	cursor, limit := local, local.AddDate(6, 0, 0)
	if j.Roll == "next" {
		cursor = cursor.AddDate(0, 0, -longestBreak)
	}
	for range mostSteps {
		cursor = j.next(cursor)
		if cursor.IsZero() || cursor.After(limit) {
			return time.Time{}
		}
		tick, ok := j.place(cursor)
		if !ok {
			continue
		}
		if at := instant(tick, j.loc); at.After(after) {
			return at
		}
	}
	return time.Time{}
}

const (
	longestBreak = 45      // days, more than the longest holiday with its weekends
	mostSteps    = 500_000 // of a search for the next tick, so that no expression can hang it
)

// nextElapsed searches the times of one offset to UTC after the other.
func (j *Job) nextElapsed(after time.Time) time.Time {
	limit := after.AddDate(6, 0, 0)
	for range mostSteps {
		_, offset := after.In(j.loc).Zone()
		shift := time.Duration(offset) * time.Second
		_, end := after.In(j.loc).ZoneBounds()
		wall := j.next(after.UTC().Add(shift))
		at := wall.Add(-shift)
		switch {
		case !end.IsZero() && (wall.IsZero() || !at.Before(end)):
			if next := firstOf(j, end); !next.IsZero() {
				return next
			}
			after = end
		case wall.IsZero():
			return time.Time{}
		default:
			if _, ok := j.place(wall); ok {
				return at
			}
			after = at
		}
		if after.After(limit) {
			return time.Time{}
		}
	}
	return time.Time{}
}

// firstOf gives the instant itself when a tick is exactly there, by the offset that begins with it.
func firstOf(j *Job, at time.Time) time.Time {
	_, offset := at.In(j.loc).Zone()
	wall := at.UTC().Add(time.Duration(offset) * time.Second)
	if !j.next(wall.Add(-time.Nanosecond)).Equal(wall) {
		return time.Time{}
	}
	if _, ok := j.place(wall); !ok {
		return time.Time{}
	}
	return at.UTC()
}

// place applies days and roll to a time of the civil clock.
func (j *Job) place(tick time.Time) (time.Time, bool) {
	if step := map[string]int{"next": 1, "previous": -1}[j.Roll]; step != 0 {
		for range longestBreak {
			if j.calendar.Working(tick) {
				break
			}
			tick = tick.AddDate(0, 0, step)
		}
	}
	switch j.Days {
	case "working":
		return tick, j.calendar.Working(tick)
	case "off":
		return tick, !j.calendar.Working(tick)
	}
	return tick, true
}

// naive gives what the clock on the wall shows, written as if it were UTC.
func naive(at time.Time, loc *time.Location) time.Time {
	_, offset := at.In(loc).Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}

// instant gives when the clock on the wall first shows a time, or the first instant after it when the clock leaves it out.
func instant(wall time.Time, loc *time.Location) time.Time {
	at := wall.Add(-26 * time.Hour).In(loc) // before the wall shows it, whatever the zone
	for {
		_, offset := at.Zone()
		start, end := at.ZoneBounds()
		found := wall.Add(-time.Duration(offset) * time.Second)
		if end.IsZero() || found.Before(end) {
			if found.Before(start) {
				found = start
			}
			return found.UTC()
		}
		at = end
	}
}

// Last gives the last tick at or before an instant; the zero time when there is none within five years.
func (j *Job) Last(at time.Time) time.Time {
	for _, back := range []time.Duration{2 * time.Hour, 50 * time.Hour, 9 * day, 70 * day, 400 * day, 5 * 366 * day} {
		last := time.Time{}
		for tick := j.Next(at.Add(-back)); !tick.IsZero() && !tick.After(at); tick = j.Next(tick) {
			last = tick
		}
		if !last.IsZero() {
			return last
		}
	}
	return time.Time{}
}

const day = 24 * time.Hour

// Start gives the earliest time at which a tick may start: the tick and its jitter, which is always the same for the same tick.
func (j *Job) Start(tick time.Time) time.Time {
	if j.dur.jitter == 0 {
		return tick
	}
	return tick.Add(spread(j.Name, tick, 0, j.dur.jitter))
}

// spread draws from job, tick and attempt a duration below limit, in whole milliseconds.
func spread(job string, tick time.Time, attempt int, limit time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(job + "\x00" + tick.UTC().Format(time.RFC3339) + "\x00" + string(rune('0'+attempt)))) // a hash does not fail
	sum := h.Sum64()
	sum ^= sum >> 33
	sum *= 0xff51afd7ed558ccd
	sum ^= sum >> 33
	milliseconds := max(1, limit.Milliseconds())
	return time.Duration(sum%uint64(milliseconds)) * time.Millisecond
}

// Pause gives how long to wait after the given failed attempt (1 is the first): it doubles, within bounds, and differs between
// jobs by up to a tenth so that they do not all come back at once.
func (j *Job) Pause(tick time.Time, attempt int) time.Duration {
	pause := j.dur.backoff
	for i := 1; i < attempt && pause < j.dur.maxBackoff; i++ {
		pause *= 2
	}
	pause = min(pause, j.dur.maxBackoff)
	return pause + spread(j.Name, tick, attempt, pause/10+time.Millisecond)
}

func periodStart(at time.Time, of string) time.Time {
	y, m, d := at.Date()
	switch of {
	case "week":
		return time.Date(y, m, d-(int(at.Weekday())+6)%7, 0, 0, 0, 0, time.UTC)
	case "month":
		return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	case "quarter":
		return time.Date(y, (m-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
}

func periodNext(start time.Time, of string) time.Time {
	switch of {
	case "week":
		return start.AddDate(0, 0, 7)
	case "month":
		return start.AddDate(0, 1, 0)
	case "quarter":
		return start.AddDate(0, 3, 0)
	}
	return start.AddDate(1, 0, 0)
}

// Late tells whether a tick that is looked at now was missed.
func (j *Job) Late(tick, now time.Time) bool { return now.Sub(j.Start(tick)) > j.dur.startWithin }

// GraceEnd gives when the job stops waiting for others; has is false when it waits for ever.
func (j *Job) GraceEnd(tick time.Time) (at time.Time, has bool) {
	return tick.Add(j.dur.grace), j.Grace != ""
}

// Limit is how long one attempt may take.
func (j *Job) Limit() time.Duration { return j.dur.timeout }

// Uncertain tells that a tick may move: it depends on a calendar whose days of that year are not final.
func (j *Job) Uncertain(tick time.Time) bool {
	asks := j.Nth != nil || j.Days != "any" || j.Roll != "none"
	return asks && !j.calendar.Known(tick.In(j.loc).Year())
}

// Local gives an instant on the job's own clock, for people.
func (j *Job) Local(at time.Time) time.Time { return at.In(j.loc) }
