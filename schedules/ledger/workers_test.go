package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/queue"
	"github.com/omoflow/omoflow/internal/queue/queuetest"
	"github.com/omoflow/omoflow/schedules"
)

// fleet is worker processes that share a lake and a queue; every now and then one is killed and another takes its place.
type fleet struct {
	Dir, URL string
	Workers  int
	Lease    time.Duration // of a claim
	Every    time.Duration // pause between kills
	For      time.Duration // how long they go on
	Jobs     int
	Ticks    int           // of each job, due at the start
	Takes    time.Duration // each of them
	Name     string        // of one process
}

// fleetVariable makes the test binary a worker.
const fleetVariable = "OMOFLOW_LEDGER_FLEET"

func TestMain(m *testing.M) {
	text := os.Getenv(fleetVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	var f fleet
	err := json.Unmarshal([]byte(text), &f)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err = f.work(ctx)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, f.Name, err)
		os.Exit(1)
	}
}

func (f fleet) bucket() (objstore.Bucket, error) { return localfs.New(filepath.Join(f.Dir, "lake")) }

func (f fleet) jobs() ([]*schedules.Job, error) {
	text := "version: 1\ndefaults: false\njobs:\n"
	for n := range f.Jobs {
		text += fmt.Sprintf("  - {name: job%d, do: run, cron: \"0 * * * *\", catch_up: all, cap: 1000, retries: {max: 100, backoff: 1s}}\n", n)
	}
	return schedules.Load("s.yaml", []byte(text), schedules.Options{})
}

// work is one process: as omoflow serve, with a job that has its effect in the lake.
func (f fleet) work(ctx context.Context) error {
	bucket, err := f.bucket()
	if err != nil {
		return err
	}
	jobs, err := f.jobs()
	if err != nil {
		return err
	}
	r := &Runner{Ledger: Open(bucket, f.Name, time.Now), Jobs: jobs, Lease: f.Lease, Poll: f.Lease * 20 / 45, Parallel: 2}
	r.Do = func(ctx context.Context, run Run) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(f.Takes):
		}
		return effect(ctx, bucket, run)
	}
	q, err := queue.Open(ctx, queue.Options{
		URL: f.URL, Password: queuetest.Password, Path: filepath.Join(f.Dir, "queue.db"), Name: "fleet", Worker: f.Name, Parallel: 2, Patient: f.Lease / 3,
		Work: func(ctx context.Context, t queue.Task) { _ = r.Take(ctx, t.Job, t.Tick, t.Attempt) }, // what fails is offered again
	})
	if err != nil {
		return err
	}
	r.Offer = func(ctx context.Context, job string, tick time.Time, attempt int) error {
		return q.Offer(ctx, queue.Task{Job: job, Tick: tick, Attempt: attempt})
	}
	if err := q.Start(ctx); err != nil {
		return err
	}
	if err := r.Serve(ctx); err != nil {
		return err
	}
	return q.Stop(context.WithoutCancel(ctx))
}

// effect is what a run does to the lake: data and cursor in one entry, as every job of omoflow. A run whose tick is in the log already
// changes nothing.
func effect(ctx context.Context, b objstore.Bucket, run Run) error {
	log := journal.Open(b, "effect/"+run.Job.Name, journal.Options{Writer: fmt.Sprint(os.Getpid())})
	var seen []time.Time
	last := int64(0)
	err := log.Read(ctx, 1, func(e journal.Entry) error {
		var at time.Time
		last, seen = e.Seq, append(seen, at)
		return json.Unmarshal(e.Body, &seen[len(seen)-1])
	})
	if err != nil || slices.ContainsFunc(seen, run.Tick.Equal) {
		return err
	}
	_, err = log.Append(ctx, last+1, "effect", run.Tick)
	return err
}

// member is a process of the fleet.
type member struct {
	name    string
	command *exec.Cmd
}

func (f fleet) start(t *testing.T, n int) member {
	t.Helper()
	f.Name = fmt.Sprint("worker-", n)
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), fleetVariable+"="+string(text))
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may be over
		_ = command.Wait()
	})
	return member{f.Name, command}
}

// orphan is a tick whose worker was killed.
type orphan struct {
	job    string
	tick   time.Time
	killed time.Time
}

// run lets the fleet work and kills its members in turn; it gives the ticks that they left behind.
func (f fleet) run(t *testing.T) (orphans []orphan, kills int) {
	bucket, err := f.bucket()
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := f.jobs()
	if err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Duration(f.Ticks) * time.Hour)
	if err := (&Runner{Ledger: Open(bucket, "before", func() time.Time { return past }), Jobs: jobs}).Due(t.Context()); err != nil {
		t.Fatal(err)
	}
	var members []member
	for n := range f.Workers {
		members = append(members, f.start(t, n))
	}
	watcher := Open(bucket, "watcher", time.Now)
	for began := time.Now(); time.Since(began) < f.For; kills++ {
		time.Sleep(f.Every)
		held := map[string][]orphan{} // by worker
		i := kills % len(members)
		for try := 0; try < 100 && len(held[members[i].name]) == 0; try++ { // the end of an idle one tries nothing
			if try > 0 {
				time.Sleep(20 * time.Millisecond)
			}
			held = f.held(t, watcher, jobs)
			for n := range members {
				if busy := (kills + n) % len(members); len(held[members[busy].name]) > 0 {
					i = busy
					break
				}
			}
		}
		orphans = append(orphans, held[members[i].name]...)
		_ = members[i].command.Process.Kill() // it was alive
		_ = members[i].command.Wait()         // it was killed
		members[i] = f.start(t, f.Workers+kills)
	}
	f.await(t, watcher, jobs)
	time.Sleep(2 * time.Second) // the last one that was started can be asked to end only when it listens for that
	for _, m := range members {
		_ = m.command.Process.Signal(syscall.SIGTERM) // it is alive
	}
	for _, m := range members {
		if err := m.command.Wait(); err != nil {
			t.Errorf("%s did not end well: %v", m.name, err)
		}
	}
	return orphans, kills
}

// held gives the ticks that are being done, by worker.
func (f fleet) held(t *testing.T, l *Ledger, jobs []*schedules.Job) map[string][]orphan {
	t.Helper()
	held := map[string][]orphan{}
	for _, j := range jobs {
		s, _, err := l.State(t.Context(), j.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, tick := range s.Open {
			held[tick.Worker] = append(held[tick.Worker], orphan{j.Name, tick.At, time.Now()})
		}
	}
	return held
}

// await waits until nothing is open any more.
func (f fleet) await(t *testing.T, l *Ledger, jobs []*schedules.Job) {
	t.Helper()
	limit := 3*f.Lease + time.Duration(f.Ticks)*(f.Takes+5*time.Second)
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		open := 0
		for _, j := range jobs {
			s, _, err := l.State(t.Context(), j.Name)
			if err != nil {
				t.Fatal(err)
			}
			open += len(s.Open)
			if s.Upto.Before(s.Since.Add(time.Hour)) {
				open++
			}
		}
		switch {
		case open == 0:
			return
		case time.Since(began) > limit:
			t.Fatalf("%d ticks are open %s after the last kill", open, limit)
		}
	}
}

// judge holds the ledger against the effects and gives the number of ticks and how long the longest takeover took.
func (f fleet) judge(t *testing.T, orphans []orphan) (ticks, taken int, longest time.Duration) {
	bucket, err := f.bucket()
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := f.jobs()
	if err != nil {
		t.Fatal(err)
	}
	l := Open(bucket, "judge", time.Now)
	for _, j := range jobs {
		outcomes, effects := map[int64]int{}, map[int64]int{}
		after := map[orphan]time.Time{}
		err := l.History(t.Context(), j.Name, func(kind string, at time.Time, r Record) error {
			for _, e := range r.Ended {
				outcomes[e.From.Unix()] += e.Count
				if e.Outcome != Done || e.Count != 1 {
					t.Errorf("%s %s: %+v", j.Name, e.From, e)
				}
			}
			for _, o := range orphans {
				if kind == "claim" && o.job == j.Name && r.Tick.Equal(o.tick) && at.After(o.killed) && after[o].IsZero() {
					after[o] = at
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		err = journal.Open(bucket, "effect/"+j.Name, journal.Options{}).Read(t.Context(), 1, func(e journal.Entry) error {
			var at time.Time
			err := json.Unmarshal(e.Body, &at)
			effects[at.Unix()]++
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := l.State(t.Context(), j.Name)
		if err != nil {
			t.Fatal(err)
		}
		for tick := j.Next(s.Since); !tick.After(s.Upto); tick = j.Next(tick) {
			ticks++
			if outcomes[tick.Unix()] != 1 || effects[tick.Unix()] != 1 {
				t.Errorf("%s %s: %d outcomes and %d effects", j.Name, tick, outcomes[tick.Unix()], effects[tick.Unix()])
			}
		}
		for o, at := range after {
			taken++
			longest = max(longest, at.Sub(o.killed))
			// a minute at the lease of omoflow serve; starting a process takes its time whatever the lease
			if bound := f.Lease + 15*time.Second; at.Sub(o.killed) > bound {
				t.Errorf("%s %s was taken over after %s, not within %s", o.job, o.tick, at.Sub(o.killed), bound)
			}
		}
	}
	return ticks, taken, longest
}

// TestProofWorkers lets processes do jobs from one queue while they are killed one after another, with the leases of omoflow serve in long
// runs and with shorter ones else. Every tick is done, none has its effect twice, and nothing waits long for a dead worker.
func TestProofWorkers(t *testing.T) {
	f := fleet{Lease: 9 * time.Second, Every: 3 * time.Second, For: 12 * time.Second, Jobs: 4, Ticks: 15, Takes: 600 * time.Millisecond}
	switch os.Getenv("OMOFLOW_PROOF") {
	case "pr":
		f.For, f.Ticks = 30*time.Second, 30
	case "long":
		f.Lease, f.Every, f.For, f.Ticks, f.Takes = 45*time.Second, 10*time.Second, 2*time.Minute, 30, 3*time.Second
	}
	for _, c := range []struct {
		name     string
		workers  int
		postgres bool
	}{{"SQLite with restarts", 1, false}, {"2 workers on PostgreSQL", 2, true}, {"4 workers on PostgreSQL", 4, true}} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			f := f
			f.Workers, f.Dir = c.workers, t.TempDir()
			if c.postgres {
				f.URL = queuetest.Postgres(t)
			}
			orphans, kills := f.run(t)
			ticks, taken, longest := f.judge(t, orphans)
			if t.Failed() {
				return
			}
			if ticks < f.Jobs*f.Ticks || kills == 0 || taken == 0 {
				t.Fatalf("%d ticks, %d kills, %d takeovers: nothing was tried", ticks, kills, taken)
			}
			fmt.Printf("proof: R11 jobs outlive their workers: %s, %d kills: %d ticks done, none twice in effect, %d taken over, the longest %.1f s after the kill (lease %s)\n",
				c.name, kills, ticks, taken, longest.Seconds(), f.Lease)
		})
	}
}
