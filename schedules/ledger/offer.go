package ledger

import (
	"context"
	"time"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/schedules"
)

// offer hands a tick to the queue. A queue that does not answer keeps no job waiting that has a free place here.
func (r *Runner) offer(ctx context.Context, j *schedules.Job, t Tick, free bool) (started bool, err error) {
	if err = r.Offer(ctx, j.Name, t.At, t.Attempt); err == nil || ctx.Err() != nil {
		return false, ctx.Err()
	}
	r.report(Event{Job: j.Name, Tick: t.At, What: "error", Why: message(err)})
	if !free {
		return false, nil
	}
	claimed, err := r.take(ctx, j, t.At, t.Attempt)
	if err != nil || claimed == nil {
		return false, err
	}
	r.start(j, *claimed)
	return true, nil
}

// Take runs a tick that was offered and returns when the attempt is over. It does nothing when the tick is not to be run any more,
// or is somebody else's: whoever offers looks at the ledger again.
func (r *Runner) Take(ctx context.Context, job string, tick time.Time, attempt int) error {
	for _, j := range r.Jobs {
		if j.Name != job {
			continue
		}
		claimed, err := r.take(ctx, j, tick, attempt)
		if err != nil || claimed == nil {
			return err
		}
		<-r.start(j, *claimed)
		return nil
	}
	return nil // of another configuration than this process has
}

// take claims an offered tick; nil when it cannot be had.
func (r *Runner) take(ctx context.Context, j *schedules.Job, tick time.Time, attempt int) (*Tick, error) {
	r.mu.Lock()
	busy := r.closed || r.work == nil || r.running[j.Name] != nil
	r.mu.Unlock()
	if busy {
		return nil, nil
	}
	pauses, err := r.Ledger.paused(ctx, j.Name)
	if err != nil {
		return nil, err
	}
	var claimed *Tick
	_, err = r.Ledger.update(ctx, j.Name, func(s State, seen bool) (change, error) {
		claimed = nil
		now := r.Ledger.now().UTC()
		s.Open = append([]Tick(nil), s.Open...)
		t, err := r.open(ctx, j, &s, pauses, now)
		if err != nil || t == nil || !t.At.Equal(tick) || t.Attempt+1 != attempt {
			return change{}, err
		}
		claimed = r.claim(t, now)
		return change{"claim", Record{Tick: t.At, State: s}}, nil
	})
	if err != nil {
		return nil, err
	}
	if claimed != nil {
		failpoint.Hit("schedule.claimed")
	}
	return claimed, nil
}
