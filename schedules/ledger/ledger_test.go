package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore/mem"
	"github.com/omoflow/omoflow/schedules"
)

func load(t *testing.T, jobs ...string) []*schedules.Job {
	t.Helper()
	loaded, err := schedules.Load("s.yaml", []byte("version: 1\ndefaults: false\njobs:\n  - {do: run, "+strings.Join(jobs, "}\n  - {do: run, ")+"}\n"), schedules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

var midnight = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// TestPlan holds each policy against what it says: five hourly ticks came due since midnight, while the first tick is as given.
func TestPlan(t *testing.T) {
	running := Tick{At: midnight, Attempt: 1, Worker: "w", Until: midnight.Add(99 * time.Hour)}
	lost := Tick{At: midnight, Attempt: 1, Worker: "w", Until: midnight.Add(time.Minute)}
	hopeless := lost
	hopeless.Lost = mostLost
	failed := Tick{At: midnight, Attempt: 1, NotBefore: midnight.Add(99 * time.Hour)}
	for _, c := range []struct {
		policy string
		open   []Tick
		pauses []span
		want   string // open hours; then what ended, with the first hour and the count
	}{
		{"catch_up: latest", nil, nil, "5; missed 1x4"},
		{"catch_up: all", nil, nil, "1 2 3 4 5;"},
		{"catch_up: all, cap: 2", nil, nil, "4 5; missed 1x3"},
		{"catch_up: none, start_within: 90m", nil, nil, "4 5; missed 1x3"},
		{"catch_up: all, overlap: queue", []Tick{running}, nil, "0 1 2 3 4 5;"},
		{"catch_up: all, overlap: queue, cap: 3", []Tick{running}, nil, "0 4 5; missed 1x2 missed 3x1"},
		{"catch_up: all, overlap: skip", []Tick{running}, nil, "0; skipped 1x5"},
		{"catch_up: all, overlap: skip", []Tick{failed}, nil, "0; skipped 1x5"},
		{"catch_up: all, overlap: skip", []Tick{lost}, nil, "0 1 2 3 4 5;"},
		{"catch_up: all, overlap: replace", []Tick{running}, nil, "5; replaced 0x1 replaced 1x4"},
		{"catch_up: latest, overlap: skip", []Tick{lost}, nil, "0 5; missed 1x4"},
		{"catch_up: all", []Tick{hopeless}, nil, "1 2 3 4 5; failed 0x1"},
		{"catch_up: all", nil, []span{{midnight.Add(2 * time.Hour), midnight.Add(4 * time.Hour)}}, "1 4 5; paused 2x2"},
		{"catch_up: latest", nil, []span{{midnight.Add(2 * time.Hour), midnight.Add(3 * time.Hour)}}, "5; paused 2x1 missed 1x1 missed 3x2"},
		{"catch_up: all", nil, []span{{from: midnight.Add(3 * time.Hour)}}, "1 2; paused 3x3"},
	} {
		j := load(t, `name: a, cron: "0 * * * *", `+c.policy)[0]
		now := midnight.Add(5*time.Hour + time.Minute)
		before := State{Since: midnight.Add(-time.Hour), Upto: midnight, Open: c.open}
		after, ended, err := plan(j, before, c.pauses, now)
		if err != nil {
			t.Fatal(err)
		}
		var open, done []string
		for _, tick := range after.Open {
			open = append(open, fmt.Sprint(tick.At.Hour()))
		}
		for _, e := range ended {
			done = append(done, fmt.Sprintf("%s %dx%d", e.Outcome, e.From.Hour(), e.Count))
		}
		if got := strings.TrimSpace(strings.Join(open, " ") + "; " + strings.Join(done, " ")); got != c.want {
			t.Errorf("%s with %+v: %s, want %s", c.policy, c.open, got, c.want)
		}
		if again, more, _ := plan(j, after, c.pauses, now); len(more) > 0 || len(again.Open) != len(after.Open) {
			t.Errorf("%s: asking again gives %+v, %+v", c.policy, again, more)
		}
		if back, more, _ := plan(j, after, c.pauses, now.Add(-time.Hour)); len(more) > 0 || !back.Upto.Equal(after.Upto) {
			t.Errorf("%s: a clock an hour back gives %+v, %+v", c.policy, back, more)
		}
	}
	j := load(t, `name: a, cron: "0 * * * *"`)[0]
	if _, _, err := plan(j, State{Upto: midnight}, nil, midnight.AddDate(30, 0, 0)); fault.KindOf(err) != fault.Usage {
		t.Errorf("a clock of thirty years later gave %v", err)
	}
}

// recorder notes the ticks that ran.
type recorder struct {
	mu  sync.Mutex
	ran []string
}

func (r *recorder) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ran = append(r.ran, fmt.Sprintf(format, args...))
}

// TestOrderGraceRetryAndTimeout lets jobs wait, fail and hang, and looks at when they run and with which logical time.
func TestOrderGraceRetryAndTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		begun := time.Now() // midnight, 2000-01-01 UTC
		jobs := load(t,
			`name: slow, cron: "0 1 * * *", retries: {max: 2, backoff: 10m}`,
			`name: waits, cron: "0 1 * * *", after: [slow]`,
			`name: sends, cron: "30 0 * * *", after: [never], grace: 1h`,
			`name: never, cron: "15 0 * * *", timeout: 5h`,
			`name: refuses, cron: "0 2 * * *", retries: {max: 9}`)
		runner := &Runner{Ledger: Open(mem.New(), "w", time.Now), Jobs: jobs, Parallel: 9, Poll: time.Minute, Do: func(ctx context.Context, run Run) error {
			r.note("%s %s at %s provisional %v", run.Job.Name, run.Tick.Format("15:04"), time.Since(begun).Round(time.Minute), run.Provisional)
			switch {
			case run.Job.Name == "slow" && run.Attempt < 3:
				time.Sleep(5 * time.Minute)
				return fault.New(fault.Unavailable, "x", "", "", "not yet")
			case run.Job.Name == "never":
				<-ctx.Done()
				return ctx.Err()
			case run.Job.Name == "refuses":
				return fault.New(fault.Usage, "x", "", "", "wrong for good")
			}
			return nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
		defer cancel()
		if err := runner.Serve(ctx); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"never 00:15 at 15m0s provisional false",
			"slow 01:00 at 1h0m0s provisional false",
			"slow 01:00 at 1h16m0s provisional false",
			"sends 00:30 at 1h30m0s provisional true",
			"slow 01:00 at 1h42m0s provisional false",
			"waits 01:00 at 1h42m0s provisional false",
			"refuses 02:00 at 2h0m0s provisional false",
		}
		if !slices.Equal(r.ran, want) {
			t.Errorf("ran\n  %s\nwant\n  %s", strings.Join(r.ran, "\n  "), strings.Join(want, "\n  "))
		}
		state, _, err := runner.Ledger.State(t.Context(), "never")
		if err != nil || state.Last == nil || state.Last.Outcome != Failed || !strings.Contains(state.Last.Why, "longer than 5h") {
			t.Errorf("the job that hangs ended as %+v, %v", state.Last, err)
		}
	})
}

// TestOneOfManyProcesses: of many processes that see the same ticks due, exactly one runs each.
func TestOneOfManyProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		store, jobs := mem.New(), load(t, `name: a, cron: "*/10 * * * *"`, `name: b, cron: "*/10 * * * *"`)
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour+time.Minute)
		defer cancel()
		var all sync.WaitGroup
		for i := range 8 {
			runner := &Runner{Ledger: Open(store, fmt.Sprint("w", i), time.Now), Jobs: jobs, Do: func(ctx context.Context, run Run) error {
				r.note("%s %s", run.Job.Name, run.Tick)
				time.Sleep(time.Minute)
				return nil
			}}
			all.Go(func() {
				if err := runner.Serve(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		slices.Sort(r.ran)
		if n := len(slices.Compact(slices.Clone(r.ran))); n != len(r.ran) || n != 2*144 {
			t.Errorf("%d runs of %d ticks, want 288 of 288", len(r.ran), n)
		}
	})
}

// TestAgain: a tick that failed is done once more with its own window, long after.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs, broken := load(t, `name: a, cron: "0 6 * * *"`), true
		var r recorder
		runner := &Runner{Ledger: Open(mem.New(), "w", time.Now), Jobs: jobs, Do: func(_ context.Context, run Run) error {
			r.note("%s to %s", run.From.Format(time.DateOnly), run.Tick.Format(time.DateOnly))
			if broken {
				return errors.New("broken")
			}
			return nil
		}}
		for range 4 {
			if err := runner.Due(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(24 * time.Hour)
		}
		broken = false
		tick := time.Date(2000, 1, 2, 6, 0, 0, 0, time.UTC)
		if err := runner.Ledger.Again(t.Context(), jobs[0], tick); err != nil {
			t.Fatal(err)
		}
		if err := (&Runner{Ledger: runner.Ledger, Jobs: jobs, Do: runner.Do}).Due(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(r.ran[3:], "2000-01-01 to 2000-01-02") {
			t.Errorf("ran %q", r.ran)
		}
		for _, bad := range []time.Time{tick.Add(time.Minute), tick.AddDate(1, 0, 0)} {
			if err := runner.Ledger.Again(t.Context(), jobs[0], bad); fault.KindOf(err) != fault.Usage {
				t.Errorf("%s again: %v", bad, err)
			}
		}
	})
}
