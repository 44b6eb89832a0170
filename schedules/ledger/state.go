package ledger

import (
	"slices"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/schedules"
)

// What became of a tick in the end. Each tick has exactly one outcome.
const (
	Done     = "done"
	Failed   = "failed"   // every attempt failed
	Skipped  = "skipped"  // an earlier tick was running, and the job's overlap says skip
	Replaced = "replaced" // a later tick took its place, and the job's overlap says replace
	Missed   = "missed"   // nobody was there in time, and the job's catch_up or cap does not ask for it
	Paused   = "paused"   // its time was in a pause

	Cancelled = "cancelled" // a person ended it
)

// Ended accounts for a run of consecutive ticks with the same outcome.
type Ended struct {
	Outcome     string    `json:"outcome"`
	From        time.Time `json:"from"` // first of the ticks
	To          time.Time `json:"to"`   // last of them
	Count       int       `json:"count"`
	Attempt     int       `json:"attempt,omitempty"` // of a tick that ran
	Provisional bool      `json:"provisional,omitempty"`
	Why         string    `json:"why,omitempty"`
}

// Tick is a logical time of a job that is not done with.
type Tick struct {
	At          time.Time `json:"at"`
	Attempt     int       `json:"attempt,omitempty"` // attempts begun
	Lost        int       `json:"lost,omitempty"`    // of these, how many ended with their worker
	NotBefore   time.Time `json:"not_before,omitzero"`
	Worker      string    `json:"worker,omitempty"` // who runs it
	Until       time.Time `json:"until,omitzero"`   // when the worker is taken for dead unless it says otherwise
	Provisional bool      `json:"provisional,omitempty"`
	Why         string    `json:"why,omitempty"` // what the last attempt failed with
}

// State is all that there is to know about a job: which ticks are accounted for, and which are open. Every entry of the job's log
// repeats it, so that the last entry suffices.
type State struct {
	Since    time.Time `json:"since"` // when the job was first seen; earlier ticks are nobody's
	Upto     time.Time `json:"upto"`  // every tick from Since to this has an outcome or is open
	LastDone time.Time `json:"last_done,omitzero"`
	Open     []Tick    `json:"open,omitempty"` // oldest first
	Last     *Ended    `json:"last,omitempty"`
}

// span is a pause; a zero end means that it lasts.
type span struct{ from, to time.Time }

func (s span) holds(at time.Time) bool {
	return !at.Before(s.from) && (s.to.IsZero() || at.Before(s.to))
}

func held(pauses []span, at time.Time) bool {
	return slices.ContainsFunc(pauses, func(s span) bool { return s.holds(at) })
}

// mostYears is how far behind a ledger may be: a clock that says more is wrong.
const mostYears = 20

// mostLost bounds how often a tick may take its worker with it before it counts as failed.
const mostLost = 10

// plan accounts for every tick up to now by the job's policies. It is a pure function: what is due follows from the specification,
// the ledger, the pauses and the time, so it does not matter who asks, how often, or after how long.
func plan(j *schedules.Job, s State, pauses []span, now time.Time) (State, []Ended, error) {
	s.Open = slices.Clone(s.Open)
	var ended []Ended
	if now.After(s.Upto.AddDate(mostYears, 0, 0)) {
		return s, nil, fault.New(fault.Usage, "clock_implausible", j.Name, "set the clock of this machine",
			"the clock says %s, the job was last looked at in %d", now.UTC().Format(time.DateOnly), s.Upto.Year())
	}
	s.Open, ended = bury(s.Open, now)
	fresh, past := arrivals(j, &s, pauses, now)
	if len(fresh) > 0 {
		admit(j, &s, &past, fresh, now)
	}
	ended = append(ended, past.ended...)
	for i := range ended {
		s.Last = &ended[i]
	}
	return s, ended, nil
}

// bury frees the ticks of workers that have not been heard of, and gives those up that took too many with them.
func bury(open []Tick, now time.Time) ([]Tick, []Ended) {
	var ended []Ended
	kept := open[:0]
	for _, t := range open {
		if t.Worker != "" && t.Until.Before(now) {
			t.Worker, t.Until, t.Lost, t.Why = "", time.Time{}, t.Lost+1, "its worker "+t.Worker+" was lost"
			if t.Lost > mostLost {
				ended = append(ended, end(t, Failed))
				continue
			}
		}
		kept = append(kept, t)
	}
	return kept, ended
}

func end(t Tick, outcome string) Ended {
	return Ended{Outcome: outcome, From: t.At, To: t.At, Count: 1, Attempt: t.Attempt, Provisional: t.Provisional, Why: t.Why}
}

// arrival is a tick that came due, with its number among those that did.
type arrival struct {
	at time.Time
	n  int
}

// account sums up consecutive ticks of one outcome.
type account struct {
	ended []Ended
	last  int // number of the last arrival that was added
}

func (a *account) add(t arrival, outcome, why string) {
	if n := len(a.ended); n > 0 && a.ended[n-1].Outcome == outcome && a.ended[n-1].Why == why && t.n == a.last+1 {
		a.ended[n-1].To = t.at
		a.ended[n-1].Count++
	} else {
		a.ended = append(a.ended, Ended{Outcome: outcome, From: t.at, To: t.at, Count: 1, Why: why})
	}
	a.last = t.n
}

// arrivals takes the ticks that came due since, in order, applies pauses and the catch-up policy, and moves the mark.
func arrivals(j *schedules.Job, s *State, pauses []span, now time.Time) (fresh []arrival, past account) {
	keep := j.Cap
	if j.CatchUp == schedules.Latest {
		keep = 1
	}
	n := 0
	for tick := j.Next(s.Upto); !tick.IsZero() && !j.Start(tick).After(now); tick = j.Next(tick) {
		s.Upto, n = tick, n+1
		came := arrival{tick, n}
		switch {
		case held(pauses, tick):
			past.add(came, Paused, "")
			continue
		case j.CatchUp == schedules.None && j.Late(tick, now):
			past.add(came, Missed, "later than start_within")
			continue
		}
		if fresh = append(fresh, came); len(fresh) > keep {
			past.add(fresh[0], Missed, "catch_up "+j.CatchUp)
			fresh = fresh[1:]
		}
	}
	return fresh, past
}

// admit opens the ticks that came due, by the overlap policy.
func admit(j *schedules.Job, s *State, past *account, fresh []arrival, now time.Time) {
	busy := slices.ContainsFunc(s.Open, func(t Tick) bool { return t.Worker != "" || t.Attempt > 0 && t.NotBefore.After(now) })
	switch {
	case j.Overlap == schedules.Skip && busy:
		for _, t := range fresh {
			past.add(t, Skipped, "an earlier tick was running")
		}
		return
	case j.Overlap == schedules.Replace:
		for _, t := range s.Open {
			t.Why = "a later tick came due"
			past.ended = append(past.ended, end(t, Replaced))
			past.last = -1 // no arrival follows it
		}
		s.Open = nil
		for _, t := range fresh[:len(fresh)-1] {
			past.add(t, Replaced, "a later tick came due")
		}
		fresh = fresh[len(fresh)-1:]
	}
	for _, t := range fresh {
		s.Open = append(s.Open, Tick{At: t.at})
	}
	for i := 0; len(s.Open) > j.Cap && i < len(s.Open); {
		if s.Open[i].Worker != "" {
			i++
			continue
		}
		s.Open[i].Why = "more ticks wait than cap allows"
		past.ended = append(past.ended, end(s.Open[i], Missed))
		past.last = -1 // no arrival follows it
		s.Open = slices.Delete(s.Open, i, i+1)
	}
}

// head gives the tick that may be run now: the oldest, unless somebody runs it or it waits for its next attempt. A job's ticks
// are never run beside each other.
func (s State) head(now time.Time) (int, bool) {
	if len(s.Open) == 0 || s.Open[0].Worker != "" || s.Open[0].NotBefore.After(now) {
		return 0, false
	}
	return 0, !slices.ContainsFunc(s.Open, func(t Tick) bool { return t.Worker != "" })
}

// wake gives when the job next needs looking at, the zero time for never.
func (s State) wake(j *schedules.Job, now time.Time) time.Time {
	var at time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if next := j.Next(s.Upto); !next.IsZero() {
		sooner(j.Start(next))
	}
	for _, t := range s.Open {
		switch {
		case t.Worker != "":
			sooner(t.Until.Add(time.Second))
		case t.NotBefore.After(now):
			sooner(t.NotBefore)
		default:
			sooner(now)
		}
	}
	return at
}

// own finds the tick that a worker holds in the given attempt; -1 when it was taken over, replaced or ended.
func (s State) own(at time.Time, attempt int, worker string) int {
	return slices.IndexFunc(s.Open, func(t Tick) bool { return t.At.Equal(at) && t.Attempt == attempt && t.Worker == worker })
}
