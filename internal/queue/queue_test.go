package queue_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/queue"
	"github.com/omoflow/omoflow/internal/queue/queuetest"
)

var tick = time.Date(2026, 3, 1, 6, 30, 0, 0, time.UTC)

// done collects the tasks that were worked on.
type done struct {
	mu  sync.Mutex
	all map[string]int
}

func (d *done) work(_ context.Context, t queue.Task) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[string]int{}
	}
	d.all[fmt.Sprint(t.Job, " ", t.Tick.Format(time.RFC3339), " ", t.Attempt)]++
}

func (d *done) wait(t *testing.T, n int) string {
	t.Helper()
	text := ""
	for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
		d.mu.Lock()
		text = fmt.Sprint(d.all)
		got := len(d.all)
		d.mu.Unlock()
		if got >= n {
			return text
		}
	}
	t.Fatalf("%d tasks are not done after half a minute: %s", n, text)
	return ""
}

// both runs a test on SQLite and on PostgreSQL.
func both(t *testing.T, test func(t *testing.T, o queue.Options)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, queue.Options{Path: filepath.Join(t.TempDir(), "a folder?", "queue.db"), Name: "Lake-1"})
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, queue.Options{URL: queuetest.Postgres(t), Password: queuetest.Password, Name: "Lake-1"})
	})
}

func open(t *testing.T, o queue.Options) *queue.Queue {
	t.Helper()
	q, err := queue.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// Every task that is offered is worked on once, by the workers of its own lake, also when it was offered before they came.
func TestTasksReachAWorkerOnce(t *testing.T) {
	both(t, func(t *testing.T, o queue.Options) {
		var mine, others done
		offering := open(t, o)
		for range 3 {
			for attempt := 1; attempt <= 2; attempt++ {
				if err := offering.Offer(t.Context(), queue.Task{Job: "collect", Tick: tick, Attempt: attempt}); err != nil {
					t.Fatal(err)
				}
			}
		}
		offering.Close()
		foreign := o
		foreign.Name, foreign.Worker, foreign.Work = "lake-2", "other", others.work
		o.Worker, o.Work, o.Parallel = "mine", mine.work, 2
		away, here := open(t, foreign), open(t, o)
		for _, q := range []*queue.Queue{away, here} {
			if err := q.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := here.Offer(t.Context(), queue.Task{Job: "release", Tick: tick.In(time.FixedZone("", 3600)), Attempt: 1}); err != nil {
			t.Fatal(err)
		}
		const want = "map[collect 2026-03-01T06:30:00Z 1:1 collect 2026-03-01T06:30:00Z 2:1 release 2026-03-01T06:30:00Z 1:1]"
		if got := mine.wait(t, 3); got != want {
			t.Errorf("done %s", got)
		}
		for _, q := range []*queue.Queue{away, here} {
			if err := q.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if len(others.all) > 0 {
			t.Errorf("another lake's worker did %v", others.all)
		}
	})
}

// A task whose worker died after it fetched it does not stand in the way: it is offered anew, and once only.
func TestTaskOfADeadWorkerIsOfferedAnew(t *testing.T) {
	both(t, func(t *testing.T, o queue.Options) {
		o.Patient = 500 * time.Millisecond
		began, release := make(chan struct{}, 9), make(chan struct{})
		stuck := o
		stuck.Worker, stuck.Work = "stuck", func(context.Context, queue.Task) { began <- struct{}{}; <-release }
		dead := open(t, stuck)
		if err := dead.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		task := queue.Task{Job: "collect", Tick: tick, Attempt: 1}
		if err := dead.Offer(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		<-began
		var d done
		o.Worker, o.Work = "alive", d.work
		alive := open(t, o)
		if err := alive.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 6 {
			if err := alive.Offer(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
		}
		if got := d.wait(t, 1); !strings.HasPrefix(got, "map[collect 2026-03-01T06:30:00Z 1:") {
			t.Errorf("done %s", got)
		}
		close(release)
		for _, q := range []*queue.Queue{dead, alive} {
			if err := q.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// A damaged file is made anew, since the ledger knows all that it knew.
func TestDamagedFileIsMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	for _, content := range []string{strings.Repeat("this is no database ", 1000), "", "SQLite format 3\x00" + strings.Repeat("\xff", 9000)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		q := open(t, queue.Options{Path: path, Name: "x"})
		if err := q.Offer(t.Context(), queue.Task{Job: "a", Tick: tick, Attempt: 1}); err != nil {
			t.Error(err)
		}
		q.Close()
	}
}

// A database that is not there, or does not let us in, is named without its password.
func TestQueueThatCannotBeReached(t *testing.T) {
	for url, want := range map[string]fault.Kind{
		"postgres://u@127.0.0.1:1/db?connect_timeout=1": fault.Unavailable, "postgres://u:canary@host:port:1/db": fault.Usage,
	} {
		_, err := queue.Open(t.Context(), queue.Options{URL: url, Password: "canary", Name: "x"})
		if fault.KindOf(err) != want || strings.Contains(fmt.Sprintf("%v %+v %s", err, err, fault.HintOf(err)), "canary") {
			t.Errorf("%s: %v", url, err)
		}
	}
	_, err := queue.Open(t.Context(), queue.Options{URL: queuetest.Postgres(t), Password: "canary wrong", Name: "x"})
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("wrong password: %v", err)
	}
}
