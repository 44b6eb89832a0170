package alert

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// What a notice says of an alert.
const (
	Fires    = "fires"
	Still    = "still"
	Recovers = "recovers"
)

// Alert is a problem that was seen: it fires, or it is over and somebody has still to be told so.
type Alert struct {
	Finding
	Seen     time.Time       `json:"seen"`              // when it began to fire here
	Resolved time.Time       `json:"resolved,omitzero"` // zero: it fires
	Told     map[string]Told `json:"told,omitempty"`    // by route
}

// Told is when a route was told of an alert.
type Told struct {
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Notice string    `json:"notice"` // the last one
}

// Item is an alert in a notice, as it was then.
type Item struct {
	Finding
	Event    string    `json:"event"` // fires, still or recovers
	Resolved time.Time `json:"resolved,omitzero"`
}

// Notice is one message that a route is to be given. It is kept until every delivery of it has its outcome.
type Notice struct {
	ID    string    `json:"id"`
	Route string    `json:"route"`
	At    time.Time `json:"at"`
	From  int64     `json:"from"` // entries of the delivery log from here on may tell of it
	Items []Item    `json:"items"`
}

// State is the body of every entry of the log: the last one says all.
type State struct {
	Alerts  []Alert              `json:"alerts,omitempty"`
	Notices []Notice             `json:"notices,omitempty"`
	Last    map[string]time.Time `json:"last,omitempty"` // of each route's last notice
}

// step is what leads from a state to the next.
type step struct {
	now  time.Time
	seq  int64 // of the entry that will hold the state
	from int64 // of the delivery log, for new notices
}

// next gives the state after a verdict, and whether it says anything new. It is a pure function: any process that sees the same
// decides the same.
func (p *Plan) next(old State, v verdict, s step) (State, bool) {
	state := State{Last: map[string]time.Time{}, Notices: slices.Clone(old.Notices)}
	for route, at := range old.Last {
		state.Last[route] = at
	}
	changed := false
	state.Alerts, changed = p.follow(old.Alerts, v, s.now)
	for _, r := range p.routes {
		if n, ok := r.notice(&state, s); ok {
			state.Notices = append(state.Notices, n)
			state.Last[r.Name] = s.now
			changed = true
		}
	}
	state.Alerts = slices.DeleteFunc(state.Alerts, func(a Alert) bool {
		over := !a.Resolved.IsZero() && !p.awaitsRecovery(a)
		changed = changed || over
		return over
	})
	return state, changed
}

// follow lets alerts begin and end as the findings say. What is unsure stays as it is.
func (p *Plan) follow(old []Alert, v verdict, now time.Time) ([]Alert, bool) {
	found := map[string]Finding{}
	for _, f := range v.found {
		found[f.id()] = f
	}
	changed := false
	var alerts []Alert
	for _, a := range old {
		a.Told = clone(a.Told)
		f, fires := found[a.id()]
		switch {
		case fires:
			delete(found, a.id())
			if f.Since.IsZero() {
				f.Since = a.Since
			}
			if a.Finding = f; !a.Resolved.IsZero() { // nobody was told that it was over: it goes on
				a.Resolved, changed = time.Time{}, true
			}
		case a.Resolved.IsZero() && v.knows(a):
			a.Resolved, changed = now, true
		}
		alerts = append(alerts, a)
	}
	for _, f := range found {
		if f.Since.IsZero() {
			f.Since = now
		}
		alerts, changed = append(alerts, Alert{Finding: f, Seen: now, Told: map[string]Told{}}), true
	}
	slices.SortFunc(alerts, func(a, b Alert) int {
		return cmp.Or(-cmp.Compare(weight(a.Severity), weight(b.Severity)), cmp.Compare(a.id(), b.id()))
	})
	return alerts, changed
}

func clone(m map[string]Told) map[string]Told {
	out := map[string]Told{}
	for key, value := range m {
		out[key] = value
	}
	return out
}

// awaitsRecovery tells whether a route has still to be told that an alert is over.
func (p *Plan) awaitsRecovery(a Alert) bool {
	return slices.ContainsFunc(p.routes, func(r route) bool {
		_, told := a.Told[r.Name]
		return told && r.onRecover
	})
}

// notice gathers what a route is to be told now into one message, and notes that it was.
func (r route) notice(state *State, s step) (Notice, bool) {
	if last, ok := state.Last[r.Name]; ok && s.now.Sub(last) < r.group && !s.now.Before(last) {
		return Notice{}, false
	}
	n := Notice{ID: fmt.Sprintf("%012d/%s", s.seq, r.Name), Route: r.Name, At: s.now, From: s.from}
	for i := range state.Alerts {
		a := &state.Alerts[i]
		event := r.event(*a, s.now)
		if event == "" || r.quiet.silences(s.now, a.Severity) {
			continue
		}
		n.Items = append(n.Items, Item{a.Finding, event, a.Resolved})
		switch told := a.Told[r.Name]; event {
		case Recovers:
			delete(a.Told, r.Name)
		case Fires:
			a.Told[r.Name] = Told{s.now, s.now, n.ID}
		default:
			a.Told[r.Name] = Told{told.First, s.now, n.ID}
		}
	}
	return n, len(n.Items) > 0
}

// event says what a route has to be told of an alert; "" is nothing.
func (r route) event(a Alert, now time.Time) string {
	told, was := a.Told[r.Name]
	switch {
	case !a.Resolved.IsZero() && was && r.onRecover:
		return Recovers
	case !a.Resolved.IsZero() || !r.takes(a):
		return ""
	case !was && r.onFail:
		return Fires
	case was && !a.Once && r.renotify > 0 && now.Sub(told.Last) >= r.renotify:
		return Still
	}
	return ""
}
