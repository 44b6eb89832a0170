package ledger

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
	"github.com/omoflow/omoflow/schedules"
)

var zones = []string{"Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Lord_Howe"}

// simulated are the jobs of every zone. The oracle of each says, from the wall clock alone, whether a tick is at an instant.
var simulated = []struct {
	yaml   string
	oracle func(wall, before time.Time) bool // what the wall shows now, and the latest that it showed before
}{
	{`name: all, cron: "45 1 * * *", catch_up: all, retries: {max: 3}`, daily(105)},
	{`name: gap, cron: "15 2 * * *", catch_up: all, cap: 3, jitter: 30m, retries: {max: 1}`, daily(135)},
	{`name: latest, cron: "30 1 * * *", timeout: 2h, retries: {max: 2, backoff: 10m}`, daily(90)},
	{`name: none, cron: "0 12 * * *", catch_up: none, start_within: 1h`, daily(720)},
	{`name: skip, cron: "0 */6 * * *", overlap: skip, timeout: 9h`, daily(0, 360, 720, 1080)},
	{`name: replace, cron: "0 */8 * * *", overlap: replace, catch_up: all, timeout: 20h`, daily(0, 480, 960)},
	{`name: hourly, cron: "30 * 1-2,25-31 * *", overlap: skip`, func(wall, _ time.Time) bool { return wall.Minute() == 30 && (wall.Day() <= 2 || wall.Day() >= 25) }},
	{`name: after, cron: "0 6 * * *", catch_up: all, after: [all, latest]`, daily(360)},
	{`name: grace, cron: "0 3 * * *", catch_up: all, after: [gap, skip], grace: 2h`, daily(180)},
	{`name: working, cron: "0 9 * * *", calendar: CN, days: working, catch_up: all`, func(wall, before time.Time) bool {
		return daily(540)(wall, before) && !slices.Contains([]time.Weekday{0, 6}, wall.Weekday()) // years that the calendar does not know
	}},
}

// daily tells whether the wall first shows one of the minutes of its day, or leaves it out.
func daily(minutes ...int) func(wall, before time.Time) bool {
	return func(wall, before time.Time) bool {
		for _, m := range minutes {
			due := time.Date(wall.Year(), wall.Month(), wall.Day(), 0, m, 0, 0, time.UTC)
			if !wall.Before(due) && before.Before(due) {
				return true
			}
		}
		return false
	}
}

// mortal is the store as a process sees it: after a number of calls the process is dead, in the midst of one.
type mortal struct {
	objstore.Bucket
	left atomic.Int64 // calls until it dies; negative for never
	die  func()
}

var errDead = errors.New("the process is dead")

// call counts one; done tells whether the last call takes effect although nobody hears of it.
func (m *mortal) call(ctx context.Context, odd bool) (alive, done bool) {
	switch left := m.left.Load(); {
	case left < 0:
		return ctx.Err() == nil, true
	case left == 0:
		return false, false
	case m.left.Add(-1) == 0:
		m.die()
		return false, odd
	}
	return true, true
}

func (m *mortal) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	alive, done := m.call(ctx, strings.HasSuffix(key, "1.json") || strings.HasSuffix(key, "4.json"))
	if !done {
		return objstore.Info{}, errDead
	}
	info, err := m.Bucket.PutIfAbsent(ctx, key, body, opt)
	if !alive {
		return objstore.Info{}, errDead
	}
	return info, err
}

func (m *mortal) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if alive, _ := m.call(ctx, false); !alive {
		return nil, errDead
	}
	return m.Bucket.Get(ctx, key, offset, length)
}

// process is one simulated scheduler.
type process struct {
	store  *mortal
	cancel context.CancelFunc
	ended  chan struct{}
	offset atomic.Int64 // how wrong its clock is
	runner *Runner
}

type simulation struct {
	t      *testing.T
	zone   string
	seed   uint64
	random *rand.Rand
	store  objstore.Bucket
	jobs   []*schedules.Job
	begun  time.Time

	mu                                   sync.Mutex
	effects                              map[string]map[time.Time]int // job -> tick -> attempts that had their effect
	called                               map[string]map[time.Time]bool
	processes                            []*process
	kills, stops, jumps, outages, paused int
	next                                 int
	workers                              []*process // all that ever were; of mu
	tasks                                sync.WaitGroup
}

func (s *simulation) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s, OMOFLOW_SEED=%d: %s", s.zone, s.seed, fmt.Sprintf(format, args...))
}

// draw makes a choice that depends on the attempt only, so that it does not matter who runs it.
func draw(parts ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, parts...)
	return rand.New(rand.NewPCG(h.Sum64(), 1)).Uint64()
}

// do is the work: it takes its time, fails now and then, and has its effect when it ends well.
func (s *simulation) do(p *process) func(ctx context.Context, r Run) error {
	return func(ctx context.Context, r Run) error {
		s.mu.Lock()
		s.called[r.Job.Name][r.Tick] = true
		s.mu.Unlock()
		if !r.From.Equal(r.Job.Last(r.Tick.Add(-time.Nanosecond))) || !r.Job.Next(r.From).Equal(r.Tick) {
			s.t.Errorf("%s seed %d: %s runs tick %s with the window from %s", s.zone, s.seed, r.Job.Name, r.Tick, r.From)
		}
		fate := draw(s.seed, r.Job.Name, r.Tick, r.Attempt)
		took := time.Duration(fate%600) * time.Second
		if fate%17 == 0 {
			took = time.Duration(fate%11) * time.Hour
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(took):
		}
		if fate>>32%5 == 0 {
			return fault.New(fault.Unavailable, "simulated", r.Job.Name, "", "the source does not answer")
		}
		s.mu.Lock()
		s.effects[r.Job.Name][r.Tick]++
		s.mu.Unlock()
		return nil
	}
}

func (s *simulation) start() *process {
	s.next++
	p := &process{ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.store = &mortal{Bucket: s.store, die: cancel}
	p.store.left.Store(-1)
	now := func() time.Time { return time.Now().Add(time.Duration(p.offset.Load())) }
	runner := &Runner{
		Ledger: Open(p.store, fmt.Sprintf("worker-%d", s.next), now), Jobs: s.jobs, Do: s.do(p), Parallel: 1 + s.next%4, Poll: 10 * time.Minute, Lease: 3 * time.Hour,
	}
	if s.next%2 == 0 {
		runner.Offer = s.queue
	}
	p.runner = runner
	s.mu.Lock()
	s.workers = append(s.workers, p)
	s.mu.Unlock()
	go func() {
		defer close(p.ended)
		if err := runner.Serve(ctx); err != nil {
			s.t.Errorf("serve: %v", err)
		}
	}()
	return p
}

// queue is as bad as one may be: it refuses tasks, loses them, and gives them late, twice, or to workers that are gone.
func (s *simulation) queue(_ context.Context, job string, tick time.Time, attempt int) error {
	fate := draw(s.seed, "queue", job, tick, attempt, time.Now().Unix())
	if fate%9 == 0 {
		return fault.New(fault.Unavailable, "simulated", job, "", "the queue does not answer")
	}
	s.mu.Lock()
	last := s.workers[max(0, len(s.workers)-3):]
	s.mu.Unlock()
	for i := range fate >> 8 % 3 {
		s.tasks.Go(func() {
			time.Sleep(time.Duration(fate>>(16+i)%40) * time.Minute)
			_ = last[int(fate>>(24+i))%len(last)].runner.Take(context.Background(), job, tick, attempt) // a dead one fails
		})
	}
	return nil
}

// disturb does something to the processes.
func (s *simulation) disturb() {
	i := s.random.IntN(len(s.processes))
	p := s.processes[i]
	switch s.random.IntN(8) {
	case 0, 1, 2: // killed, a few calls to the store from now
		s.kills++
		p.store.left.Store(1 + s.random.Int64N(12))
		select {
		case <-p.ended:
		case <-time.After(7 * 24 * time.Hour):
			p.cancel()
			<-p.ended
		}
		s.processes[i] = s.start()
	case 3:
		s.stops++
		p.cancel()
		<-p.ended
		s.processes[i] = s.start()
	case 4: // everything is off for days
		s.outages++
		for _, p := range s.processes {
			p.cancel()
			<-p.ended
		}
		time.Sleep(time.Duration(s.random.Int64N(int64(5 * 24 * time.Hour))))
		for i := range s.processes {
			s.processes[i] = s.start()
		}
	case 5, 6:
		s.jumps++
		p.offset.Store(s.random.Int64N(int64(2*time.Hour)) - int64(time.Hour))
	case 7:
		job := s.jobs[s.random.IntN(len(s.jobs))].Name
		s.paused++
		hand := Open(s.store, "hand", time.Now)
		for _, action := range []string{"pause", "resume"} {
			if changed, err := hand.Decide(context.Background(), Decision{Job: job, Action: action}); err != nil || !changed {
				s.fail("%s of %s: %v, %v", action, job, changed, err)
			}
			time.Sleep(time.Duration(s.random.Int64N(int64(3 * 24 * time.Hour))))
		}
	}
}

func simulate(t *testing.T, zone string, seed uint64, days int, sum *totals) {
	s := &simulation{
		t: t, zone: zone, seed: seed, random: rand.New(rand.NewPCG(seed, 11)), store: mem.New(),
		effects: map[string]map[time.Time]int{}, called: map[string]map[time.Time]bool{},
	}
	text := "version: 1\ndefaults: false\nzone: " + zone + "\njobs:\n"
	for _, job := range simulated {
		text += "  - {do: run, " + job.yaml + "}\n"
	}
	var err error
	if s.jobs, err = schedules.Load("s.yaml", []byte(text), schedules.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, j := range s.jobs {
		s.effects[j.Name], s.called[j.Name] = map[time.Time]int{}, map[time.Time]bool{}
	}
	time.Sleep(time.Duration(s.random.Int64N(int64(300 * 24 * time.Hour)))) // begin anywhere in the year
	s.begun = time.Now()
	until := s.begun.Add(time.Duration(days) * 24 * time.Hour)
	s.processes = []*process{s.start(), s.start()}
	for time.Now().Before(until) {
		time.Sleep(time.Duration(s.random.Int64N(int64(40 * time.Hour))))
		s.disturb()
	}
	for _, p := range s.processes { // a quiet end with right clocks, so that what is open is done
		p.cancel()
		<-p.ended
	}
	last := s.start()
	time.Sleep(4 * 24 * time.Hour)
	last.cancel()
	<-last.ended
	s.tasks.Wait() // what the queue gives late
	for i, j := range s.jobs {
		s.judge(j, simulated[i].oracle, sum)
	}
	sum.jobDays += int(time.Since(s.begun).Hours()/24) * len(s.jobs)
	sum.kills, sum.stops, sum.jumps, sum.outages, sum.pauses = sum.kills+s.kills, sum.stops+s.stops, sum.jumps+s.jumps, sum.outages+s.outages, sum.pauses+s.paused
}
