package ledger

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/schedules"
)

// Run is one attempt at a tick. Tick, not the clock, is the time of the data: the window is (From, Tick], whatever the hour.
type Run struct {
	Job         *schedules.Job
	Tick        time.Time
	From        time.Time // the tick before; zero when there is none
	Attempt     int       // from 1
	Provisional bool      // the job's grace ended before what it waits for was done
}

// Event tells what the runner did.
type Event struct {
	Job         string        `json:"job"`
	Tick        time.Time     `json:"tick,omitzero"`
	What        string        `json:"what"` // started, done, retry, failed, released, lost, or an outcome without a run
	Attempt     int           `json:"attempt,omitempty"`
	Count       int           `json:"count,omitempty"`
	Provisional bool          `json:"provisional,omitempty"`
	Why         string        `json:"why,omitempty"`
	Took        time.Duration `json:"took,omitempty"`
}

// Runner runs what is due. Do executes an attempt and returns when ctx ends; doing one twice must change nothing.
type Runner struct {
	Ledger   *Ledger
	Jobs     []*schedules.Job
	Do       func(ctx context.Context, r Run) error
	Report   func(Event)   // may be nil; called by one goroutine at a time
	Only     string        // look at this job only; the others are known for what waits for them
	Parallel int           // most attempts at once, default 1
	Poll     time.Duration // longest time without looking, default 20s, so that a clock that was set is noticed
	Lease    time.Duration // a worker silent for this long is taken over, default 45s

	// Offer hands a tick that may be run, and the number of the attempt, to a queue whose workers call Take; nil runs it here. The same
	// one is offered again while nobody claims it. When it fails the tick is run here.
	Offer func(ctx context.Context, job string, tick time.Time, attempt int) error

	StopWithin time.Duration // how long Serve lets attempts go on after its ctx ended; default not at all

	mu      sync.Mutex
	work    context.Context // of the attempts: outlives that of the loop by StopWithin
	closed  bool            // nothing more is begun
	running map[string]*attempt
	over    []string             // jobs whose attempt ended and that were not looked at since
	wakes   map[string]time.Time // of the loop only
	ended   chan struct{}
	wait    sync.WaitGroup
}

type attempt struct {
	tick    time.Time
	number  int
	cancel  context.CancelCauseFunc
	started time.Time
}

// errLost is why an attempt is stopped whose claim another process or a later tick has.
var errLost = errors.New("the tick was taken over")

func (r *Runner) setUp(work context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.work = work
	if r.running == nil {
		r.running, r.wakes, r.ended = map[string]*attempt{}, map[string]time.Time{}, make(chan struct{}, 1)
	}
	r.Parallel = max(1, r.Parallel)
	if r.Poll <= 0 {
		r.Poll = 20 * time.Second
	}
	if r.Lease <= 0 {
		r.Lease = 45 * time.Second
	}
}

func (r *Runner) report(e Event) {
	if r.Report != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.Report(e)
	}
}

// Due runs everything that is due, and what comes due meanwhile, and returns when nothing is. What waits for a later attempt or for
// another job is left to the next call.
func (r *Runner) Due(ctx context.Context) error {
	r.setUp(ctx)
	defer r.wait.Wait()
	for {
		started, _, err := r.pass(ctx)
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if !started && r.busy() == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-r.ended:
		case <-time.After(r.Poll):
		}
	}
}

// Serve runs what is due until ctx ends, lets what runs finish within StopWithin, then stops it and hands it back. A store that does
// not answer is tried again.
func (r *Runner) Serve(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.setUp(work)
	defer r.finishUp(stop)
	for ctx.Err() == nil {
		_, wake, err := r.pass(ctx)
		pause := r.Poll
		switch now := r.Ledger.now(); {
		case err != nil && ctx.Err() == nil:
			r.report(Event{What: "error", Why: message(err)})
		case !wake.IsZero() && wake.Sub(now) < pause:
			pause = max(wake.Sub(now), leastPause)
		}
		select {
		case <-ctx.Done():
		case <-r.ended:
		case <-time.After(pause):
		}
	}
	return nil
}

// finishUp waits for what runs, and stops it when that takes too long.
func (r *Runner) finishUp(stop context.CancelFunc) {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	late := time.AfterFunc(r.StopWithin, stop)
	r.wait.Wait()
	late.Stop()
	stop()
}

// leastPause keeps a job that waits for another from being asked without end.
const leastPause = 500 * time.Millisecond

func (r *Runner) busy() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.running)
}

// pass looks at every job once. wake is when the next one needs looking at. A job that cannot be looked at does not keep the others.
func (r *Runner) pass(ctx context.Context) (started bool, wake time.Time, failed error) {
	r.rouse()
	for _, j := range r.Jobs {
		if r.Only != "" && r.Only != j.Name {
			continue
		}
		now := r.Ledger.now()
		at, known := r.wakes[j.Name]
		if !known || !at.IsZero() && !at.After(now) || at.After(now.Add(400*24*time.Hour)) {
			began, err := r.look(ctx, j)
			if ctx.Err() != nil {
				return started, wake, ctx.Err()
			}
			failed = errors.Join(failed, err)
			started = started || began
			if at, known = r.wakes[j.Name]; !known {
				continue // it waits for a free place, or for the store
			}
		}
		if !at.IsZero() && (wake.IsZero() || at.Before(wake)) {
			wake = at
		}
	}
	return started, wake, failed
}

// rouse lets the jobs whose attempt ended, and those that wait for them, be looked at again.
func (r *Runner) rouse() {
	r.mu.Lock()
	over := r.over
	r.over = nil
	r.mu.Unlock()
	for _, name := range over {
		delete(r.wakes, name)
		for _, j := range r.Jobs {
			if slices.Contains(j.After, name) {
				delete(r.wakes, j.Name)
			}
		}
	}
}

// look brings one job up to date, and starts its next tick when there is a free place.
func (r *Runner) look(ctx context.Context, j *schedules.Job) (started bool, err error) {
	r.mu.Lock()
	mine, free := r.running[j.Name], len(r.running) < r.Parallel
	r.mu.Unlock()
	delete(r.wakes, j.Name)
	if mine == nil && !free && r.Offer == nil {
		return false, nil // another process may take it; this one does when a place is free
	}
	pauses, err := r.Ledger.paused(ctx, j.Name)
	if err != nil {
		return false, err
	}
	var claimed *Tick
	var offered Tick
	var ended []Ended
	state, err := r.Ledger.update(ctx, j.Name, func(s State, seen bool) (change, error) {
		now := r.Ledger.now().UTC()
		claimed, offered, ended = nil, Tick{}, nil
		if !seen {
			return change{"begin", Record{State: State{Since: now, Upto: now}}}, nil
		}
		before := s
		s, ended, err = plan(j, s, pauses, now)
		if err != nil {
			return change{}, err
		}
		kind, record := "", Record{Ended: ended}
		if len(ended) > 0 || !s.Upto.Equal(before.Upto) || !slices.Equal(s.Open, before.Open) {
			kind = "plan"
		}
		t, err := r.open(ctx, j, &s, pauses, now)
		if err != nil {
			return change{}, err
		}
		switch {
		case t == nil || mine != nil:
		case r.Offer != nil:
			offered = *t
			offered.Attempt++
		default:
			kind, record.Tick = "claim", t.At
			claimed = r.claim(t, now)
		}
		record.State = s
		return change{kind, record}, nil
	})
	if err != nil {
		return false, err
	}
	r.settle(j, state, mine, ended)
	if claimed != nil {
		failpoint.Hit("schedule.claimed")
		r.start(j, *claimed)
	}
	if !offered.At.IsZero() {
		return r.offer(ctx, j, offered, free)
	}
	return claimed != nil, nil
}

// open gives the tick that may be run now, nil when there is none.
func (r *Runner) open(ctx context.Context, j *schedules.Job, s *State, pauses []span, now time.Time) (*Tick, error) {
	i, ok := s.head(now)
	if !ok || held(pauses, now) {
		return nil, nil
	}
	ready, err := r.ready(ctx, j, &s.Open[i], now)
	if err != nil || !ready {
		return nil, err
	}
	return &s.Open[i], nil
}

// claim makes the tick this worker's, and gives a copy.
func (r *Runner) claim(t *Tick, now time.Time) *Tick {
	t.Worker, t.Until, t.Attempt, t.NotBefore = r.Ledger.worker, now.Add(r.Lease), t.Attempt+1, time.Time{}
	copied := *t
	return &copied
}

// settle tells what was accounted for, stops the attempt that lost its tick and notes when to look again.
func (r *Runner) settle(j *schedules.Job, s State, mine *attempt, ended []Ended) {
	for _, e := range ended {
		r.report(Event{Job: j.Name, Tick: e.To, What: e.Outcome, Count: e.Count, Attempt: e.Attempt, Why: e.Why})
	}
	if mine != nil && s.own(mine.tick, mine.number, r.Ledger.worker) < 0 {
		mine.cancel(errLost)
	}
	now := r.Ledger.now()
	wake := s.wake(j, now)
	if !wake.After(now) && !wake.IsZero() { // it waits for another job, a pause's end or a free place
		wake = now.Add(r.Poll)
	}
	if wake.IsZero() {
		wake = now.Add(24 * time.Hour)
	}
	r.wakes[j.Name] = wake
}

// ready tells whether everything that the tick waits for is done, or its grace is over.
func (r *Runner) ready(ctx context.Context, j *schedules.Job, t *Tick, now time.Time) (bool, error) {
	t.Provisional = false
	for _, name := range j.After {
		waiting, err := r.waitsFor(ctx, name, t.At)
		if err != nil {
			return false, err
		}
		if !waiting {
			continue
		}
		if grace, has := j.GraceEnd(t.At); has && !now.Before(grace) {
			t.Provisional = true
			continue
		}
		return false, nil
	}
	return true, nil
}

// waitsFor tells whether the last tick of a job at or before an instant, or any later one, is still to be done.
func (r *Runner) waitsFor(ctx context.Context, name string, at time.Time) (bool, error) {
	for _, other := range r.Jobs {
		if other.Name != name {
			continue
		}
		last := other.Last(at)
		s, seen, err := r.Ledger.State(ctx, name)
		if err != nil || last.IsZero() {
			return false, err
		}
		return !seen || last.After(s.Since) && s.LastDone.Before(last), nil
	}
	return false, fault.New(fault.Internal, "unknown_job", name, "", "a job waits for one that is not there")
}
