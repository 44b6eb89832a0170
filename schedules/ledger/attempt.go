package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/schedules"
)

// start runs a claimed tick beside the caller; over is closed when the attempt is.
func (r *Runner) start(j *schedules.Job, t Tick) (over <-chan struct{}) {
	running, cancel := context.WithCancelCause(r.work)
	a := &attempt{tick: t.At, number: t.Attempt, cancel: cancel, started: r.Ledger.now()}
	r.mu.Lock()
	r.running[j.Name] = a
	left := func() {}
	if r.closed { // it was claimed while the loop ended: it is handed back at once, and only the caller waits for that
		cancel(nil)
	} else {
		r.wait.Add(1)
		left = r.wait.Done
	}
	r.mu.Unlock()
	r.report(Event{Job: j.Name, Tick: t.At, What: "started", Attempt: t.Attempt, Provisional: t.Provisional})
	done := make(chan struct{})
	go func() {
		defer left()
		defer close(done)
		defer cancel(nil)
		event := r.execute(running, j, t, a)
		r.report(event)
		r.mu.Lock()
		delete(r.running, j.Name)
		r.over = append(r.over, j.Name)
		r.mu.Unlock()
		select {
		case r.ended <- struct{}{}:
		default: // the loop knows already that something ended
		}
	}()
	return done
}

// execute runs an attempt with its time limit and its signs of life, and writes down how it ended.
func (r *Runner) execute(running context.Context, j *schedules.Job, t Tick, a *attempt) Event {
	beating, stopBeating := context.WithCancel(running)
	var beats sync.WaitGroup
	beats.Go(func() { r.beat(beating, j, a) })
	limited, stop := context.WithTimeout(running, j.Limit())
	err := r.attempt(limited, Run{Job: j, Tick: t.At, From: j.Last(t.At.Add(-time.Second)), Attempt: t.Attempt, Provisional: t.Provisional})
	if err != nil && errors.Is(limited.Err(), context.DeadlineExceeded) && running.Err() == nil {
		err = fault.Wrap(err, fault.Exhausted, "timeout", j.Name, "raise the job's timeout", fmt.Sprintf("the attempt took longer than %s", j.Limit()))
	}
	stop()
	stopBeating()
	beats.Wait()
	event := r.finish(running, j, t, err)
	event.Took = r.Ledger.now().Sub(a.started)
	return event
}

// attempt calls Do and makes an error of a panic: one bad job must not end the scheduler.
func (r *Runner) attempt(ctx context.Context, run Run) (err error) {
	defer func() {
		if fell := recover(); fell != nil {
			err = fault.New(fault.Internal, "panic", run.Job.Name, "report this as a defect", "the job fell over: %v", fell)
		}
	}()
	return r.Do(ctx, run)
}

// looksPerLease is how often in a lease a worker looks whether it still has its claim: every two seconds by default, so that a job
// that was cancelled or replaced elsewhere ends soon. Every seventh look is a sign of life.
const looksPerLease, looksPerBeat = 21, 7

// beat keeps the claim alive, and stops the attempt when it is gone.
func (r *Runner) beat(ctx context.Context, j *schedules.Job, a *attempt) {
	ticker := time.NewTicker(r.Lease / looksPerLease)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		var err error
		if n%looksPerBeat > 0 {
			err = r.watch(ctx, j, a)
		} else {
			err = r.prolong(ctx, j, a)
		}
		if errors.Is(err, errLost) {
			a.cancel(errLost)
			return
		} // any other error: the store may answer the next time
	}
}

// watch gives errLost when the claim is gone.
func (r *Runner) watch(ctx context.Context, j *schedules.Job, a *attempt) error {
	s, _, err := r.Ledger.State(ctx, j.Name)
	if err == nil && s.own(a.tick, a.number, r.Ledger.worker) < 0 {
		return errLost
	}
	return err
}

// prolong makes the claim last for another lease.
func (r *Runner) prolong(ctx context.Context, j *schedules.Job, a *attempt) error {
	_, err := r.Ledger.update(ctx, j.Name, func(s State, _ bool) (change, error) {
		i := s.own(a.tick, a.number, r.Ledger.worker)
		if i < 0 {
			return change{}, errLost
		}
		s.Open[i].Until = r.Ledger.now().UTC().Add(r.Lease)
		return change{"beat", Record{Tick: a.tick, State: s}}, nil
	})
	return err
}

// finishWithin bounds how long a stopping process tries to hand its work back.
const finishWithin = 15 * time.Second

// finish writes down how an attempt ended. An attempt whose claim is gone leaves no trace.
func (r *Runner) finish(running context.Context, j *schedules.Job, t Tick, failed error) Event {
	event := Event{Job: j.Name, Tick: t.At, Attempt: t.Attempt, Provisional: t.Provisional}
	stopped := running.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(running), finishWithin)
	defer cancel()
	failpoint.Hit("schedule.ended")
	_, err := r.Ledger.update(ctx, j.Name, func(s State, _ bool) (change, error) {
		i := s.own(t.At, t.Attempt, r.Ledger.worker)
		if i < 0 {
			if last := s.Last; last != nil && last.Outcome == Cancelled && last.From.Equal(t.At) {
				event.What, event.Why = Cancelled, last.Why
			}
			return change{}, errLost
		}
		open := &s.Open[i]
		record := Record{Tick: t.At}
		switch retry := !isFinal(failed) && t.Attempt-t.Lost <= j.Retries.Max; {
		case failed == nil:
			event.What = Done
			open.Why = ""
			if t.At.After(s.LastDone) {
				s.LastDone = t.At
			}
		case stopped: // handed back: the attempt does not count
			event.What = "released"
			open.Worker, open.Until, open.Attempt = "", time.Time{}, open.Attempt-1
		case retry:
			event.What = "retry"
			open.Worker, open.Until, open.Why = "", time.Time{}, message(failed)
			open.NotBefore = r.Ledger.now().UTC().Add(j.Pause(t.At, t.Attempt))
		default:
			event.What = Failed
			open.Why = message(failed)
		}
		event.Why = open.Why
		if event.What == Done || event.What == Failed {
			record.Ended = []Ended{end(*open, event.What)}
			s.Last = &record.Ended[0]
			s.Open = append(s.Open[:i:i], s.Open[i+1:]...)
		}
		record.State = s
		return change{event.What, record}, nil
	})
	failpoint.Hit("schedule.noted")
	switch {
	case errors.Is(err, errLost) && event.What == Cancelled:
	case errors.Is(err, errLost):
		event.What, event.Why = "lost", errLost.Error()
	case err != nil: // the claim lapses, and the tick is run again
		event.What, event.Why = "lost", message(err)
	}
	return event
}

// isFinal tells whether another attempt would fail the same way.
func isFinal(err error) bool {
	switch fault.KindOf(err) {
	case fault.Usage, fault.Denied, fault.Damaged:
		return true
	}
	return false
}
