package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/schedules"
)

// pauses are what the decision log says of schedules, as far as it was read.
type pauses struct {
	read  int64
	begun bool // all that was there at the start is read: new entries are asked for one by one
	spans map[string][]span
}

// KindSchedule is the kind of the entries of the decision log that pause and resume jobs.
const KindSchedule = "schedule"

// Decision is the body of such an entry.
type Decision struct {
	Job    string    `json:"job"`
	Action string    `json:"action"` // pause, resume or cancel
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
}

// paused gives the pauses of a job. The decision log is read on from where it was read before.
func (l *Ledger) paused(ctx context.Context, job string) ([]span, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.pauses
	log := journal.Open(l.bucket, "decision", journal.Options{})
	if !p.begun {
		if err := log.Read(ctx, p.read+1, p.add); err != nil {
			return nil, err
		}
		p.begun = true
		return slices.Clone(p.spans[job]), nil
	}
	for {
		entry, err := log.Get(ctx, p.read+1)
		if errors.Is(err, objstore.ErrNotFound) {
			return slices.Clone(p.spans[job]), nil
		}
		if err == nil {
			err = p.add(entry)
		}
		if err != nil {
			return nil, err
		}
	}
}

// add takes one entry of the decision log.
func (p *pauses) add(e journal.Entry) error {
	if e.Kind != KindSchedule {
		p.read = e.Seq
		return nil
	}
	var d Decision
	if err := json.Unmarshal(e.Body, &d); err != nil {
		return fault.Wrap(err, fault.Damaged, "decision_damaged", journal.EntryKey(e.Log, e.Seq), "restore this object from a backup", "the entry holds no decision")
	}
	p.read = e.Seq
	spans := p.spans[d.Job]
	open := len(spans) > 0 && spans[len(spans)-1].to.IsZero()
	switch {
	case d.Action == "pause" && !open:
		p.spans[d.Job] = append(spans, span{from: d.At})
	case d.Action == "resume" && open:
		spans[len(spans)-1].to = d.At
	}
	return nil
}

// PausedSince tells whether a job is paused now, and since when.
func (l *Ledger) PausedSince(ctx context.Context, job string) (since time.Time, paused bool, err error) {
	spans, err := l.paused(ctx, job)
	if n := len(spans); n > 0 && spans[n-1].to.IsZero() {
		return spans[n-1].from, true, err
	}
	return since, false, err
}

// Decide pauses or resumes a job from now on, as an entry of the decision log. changed is false when the job is so already.
func (l *Ledger) Decide(ctx context.Context, d Decision) (changed bool, err error) {
	return l.write(ctx, d, func() (bool, error) {
		_, paused, err := l.PausedSince(ctx, d.Job)
		return paused != (d.Action == "pause"), err
	})
}

// write appends a decision unless it is not wanted any more.
func (l *Ledger) write(ctx context.Context, d Decision, wanted func() (bool, error)) (written bool, err error) {
	log := journal.Open(l.bucket, "decision", journal.Options{Writer: l.worker, Now: l.now})
	for range mostTries {
		if _, err := l.paused(ctx, d.Job); err != nil { // reads to the end
			return false, err
		}
		if ok, err := wanted(); err != nil || !ok {
			return false, err
		}
		l.mu.Lock()
		next := l.pauses.read + 1
		l.mu.Unlock()
		d.At = l.now().UTC()
		_, err = log.Append(ctx, next, KindSchedule, d)
		if err == nil || fault.KindOf(err) != fault.Conflict {
			return err == nil, err
		}
	}
	return false, fault.New(fault.Conflict, "decision_busy", d.Job, "run the command again", "others wrote decisions %d times in a row", mostTries)
}

// Cancel ends the tick of a job that is running, or else the oldest that waits: it gets the outcome cancelled and is not made up for.
// Whoever runs it notices within seconds. ok is false when nothing is open. The decision is kept before it takes effect.
func (l *Ledger) Cancel(ctx context.Context, d Decision) (tick time.Time, ok bool, err error) {
	d.Action = "cancel"
	var found Tick
	written, err := l.write(ctx, d, func() (bool, error) {
		s, _, err := l.State(ctx, d.Job)
		found, ok = s.cancellable()
		return ok, err
	})
	if err != nil || !written {
		return tick, false, err
	}
	ok = false
	_, err = l.update(ctx, d.Job, func(s State, _ bool) (change, error) {
		i := slices.IndexFunc(s.Open, func(t Tick) bool { return t.At.Equal(found.At) })
		if ok = i >= 0; !ok {
			return change{}, nil // it ended by itself
		}
		t := s.Open[i]
		t.Why = "cancelled by " + d.By
		if d.Reason != "" {
			t.Why += ": " + d.Reason
		}
		ended := end(t, Cancelled)
		s.Open, s.Last = slices.Delete(s.Open, i, i+1), &ended
		return change{Cancelled, Record{Tick: t.At, Ended: []Ended{ended}, State: s}}, nil
	})
	return found.At, ok && err == nil, err
}

// cancellable gives the tick that is running, or else the oldest that waits.
func (s State) cancellable() (Tick, bool) {
	for _, t := range s.Open {
		if t.Worker != "" {
			return t, true
		}
	}
	if len(s.Open) > 0 {
		return s.Open[0], true
	}
	return Tick{}, false
}

// Again opens a tick once more that has its outcome already, for a person who mended what it failed at. Its window is the tick's own.
func (l *Ledger) Again(ctx context.Context, j *schedules.Job, tick time.Time) error {
	if !j.Next(tick.Add(-time.Second)).Equal(tick) {
		return fault.New(fault.Usage, "no_tick", j.Name, "see `omoflow schedule next "+j.Name+"` for its ticks", "%s is no tick of the job", tick.Format(time.RFC3339))
	}
	_, err := l.update(ctx, j.Name, func(s State, seen bool) (change, error) {
		if !seen || tick.After(s.Upto) {
			return change{}, fault.New(fault.Usage, "no_tick", j.Name, "it runs by itself when it is due", "%s is still to come", tick.Format(time.RFC3339))
		}
		at := 0
		for ; at < len(s.Open) && s.Open[at].At.Before(tick); at++ {
		}
		if at < len(s.Open) && s.Open[at].At.Equal(tick) {
			return change{}, nil
		}
		s.Open = append(s.Open[:at:at], append([]Tick{{At: tick.UTC()}}, s.Open[at:]...)...)
		return change{"again", Record{Tick: tick, State: s}}, nil
	})
	return err
}
