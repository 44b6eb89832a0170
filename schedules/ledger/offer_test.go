package ledger

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// A job that a person cancels ends within five seconds wherever it runs, is not repeated, and the reason is kept.
func TestCancelStopsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		jobs := load(t, `name: a, cron: "0 * * * *", retries: {max: 5}`)
		began, ended := make(chan struct{}, 9), make(chan time.Time, 9)
		var last atomic.Value
		r := &Runner{Ledger: Open(store, "w", time.Now), Jobs: jobs, Do: func(ctx context.Context, _ Run) error {
			began <- struct{}{}
			<-ctx.Done()
			ended <- time.Now()
			return ctx.Err()
		}, Report: func(e Event) { last.Store(e.What) }}
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- r.Serve(ctx) }()
		hand := Open(store, "hand", time.Now)
		if _, ok, err := hand.Cancel(ctx, Decision{Job: "a", By: "ann"}); ok || err != nil {
			t.Errorf("nothing runs: %v %v", ok, err)
		}
		<-began
		at := time.Now()
		if _, ok, err := hand.Cancel(ctx, Decision{Job: "a", By: "ann", Reason: "wrong files"}); !ok || err != nil {
			t.Fatalf("%v %v", ok, err)
		}
		if took := (<-ended).Sub(at); took > 5*time.Second {
			t.Errorf("it ran on for %s", took)
		}
		time.Sleep(30 * time.Minute)
		s, _, err := hand.State(ctx, "a")
		if err != nil || len(s.Open) > 0 || s.Last.Outcome != Cancelled || s.Last.Why != "cancelled by ann: wrong files" || len(began) > 0 || last.Load() != Cancelled {
			t.Errorf("%+v %v, begun again %d times, last told %v", s, err, len(began), last.Load())
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// What runs when the process is asked to stop may finish; what takes longer is handed back and counts as no attempt.
func TestStopWithinLetsAttemptsFinish(t *testing.T) {
	for takes, want := range map[time.Duration]string{20 * time.Second: Done, time.Hour: "released"} {
		synctest.Test(t, func(t *testing.T) {
			store := mem.New()
			began := make(chan struct{})
			var last atomic.Value
			r := &Runner{
				Ledger: Open(store, "w", time.Now), Jobs: load(t, `name: a, cron: "0 * * * *"`), StopWithin: 30 * time.Second,
				Report: func(e Event) { last.Store(e.What) },
				Do: func(ctx context.Context, _ Run) error {
					close(began)
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(takes):
						return nil
					}
				},
			}
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- r.Serve(ctx) }()
			<-began
			cancel()
			at := time.Now()
			if err := <-served; err != nil {
				t.Error(err)
			}
			if took := time.Since(at); last.Load() != want || took > 35*time.Second {
				t.Errorf("%v after %s, want %s", last.Load(), took, want)
			}
		})
	}
}

// A queue that does not answer keeps no job waiting; one that does gets every task, and taking one twice runs it once.
func TestOffer(t *testing.T) {
	for _, broken := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var ran atomic.Int64
			offers := make(chan Tick, 100)
			var complaints atomic.Int64
			r := &Runner{Ledger: Open(mem.New(), "w", time.Now), Jobs: load(t, `name: a, cron: "0 * * * *"`), Do: func(context.Context, Run) error {
				ran.Add(1)
				time.Sleep(time.Minute)
				return nil
			}}
			r.Report = func(e Event) {
				if strings.Contains(e.Why, "no queue") {
					complaints.Add(1)
				}
			}
			r.Offer = func(_ context.Context, job string, tick time.Time, attempt int) error {
				if broken {
					return errors.New("no queue")
				}
				offers <- Tick{At: tick, Attempt: attempt}
				return nil
			}
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- r.Serve(ctx) }()
			time.Sleep(time.Hour + 5*time.Minute)
			if broken {
				if ran.Load() != 1 || complaints.Load() != 1 {
					t.Errorf("ran %d times, %d complaints", ran.Load(), complaints.Load())
				}
			} else {
				if ran.Load() != 0 || len(offers) < 5 {
					t.Errorf("ran %d times, offered %d times while nobody claimed", ran.Load(), len(offers))
				}
				offer := <-offers
				for range 3 {
					go func() { _ = r.Take(ctx, "a", offer.At, offer.Attempt) }() // those who come late find nothing
				}
				time.Sleep(5 * time.Minute)
				_ = r.Take(ctx, "a", offer.At, offer.Attempt) // so does this one
				if ran.Load() != 1 {
					t.Errorf("ran %d times", ran.Load())
				}
			}
			cancel()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}
