package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omoflow/omoflow/internal/delivery"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// ear is a channel that counts what it hears and answers as told.
type ear struct {
	idempotent bool
	limit      notify.Limit
	answer     func(nth int, key string) error // nil: takes everything

	mu    sync.Mutex
	sends int
	heard map[string]int // messages that were taken, whatever was answered
	times []time.Time
}

func (e *ear) Recipients() []string { return []string{"wang@shop.example"} }
func (e *ear) Idempotent() bool     { return e.idempotent }
func (e *ear) Limit() notify.Limit  { return e.limit }

func (e *ear) Send(_ context.Context, _ string, m notify.Message) (notify.Receipt, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sends++
	e.times = append(e.times, time.Now())
	if e.heard == nil {
		e.heard = map[string]int{}
	}
	var err error
	if e.answer != nil {
		err = e.answer(e.sends, m.Key)
	}
	if outcome, _ := notify.OutcomeOf(err); err == nil || outcome == notify.Unknown {
		e.heard[m.Key]++
	}
	return notify.Receipt{Note: "taken"}, err
}

func no(o notify.Outcome, wait time.Duration) error {
	return &notify.Error{Outcome: o, Wait: wait, Err: fault.New(fault.Unavailable, "x", "", "", "no")}
}

func task(e *ear, what string) delivery.Task {
	return delivery.Task{Key: delivery.Key(what, "ops", "wang@shop.example"), Subject: what, Channel: "ops", Via: e, Recipient: "wang@shop.example", Message: notify.Message{Title: what}}
}

func book(b objstore.Bucket) *delivery.Book { return delivery.Open(b, "test", 1, time.Now) }

func deliver(t *testing.T, b *delivery.Book, k delivery.Task, want string) delivery.Record {
	t.Helper()
	r, err := b.Deliver(t.Context(), k)
	if err != nil || r.Status != want {
		t.Fatalf("%s %q, %v; want %s", r.Status, r.Note, err, want)
	}
	return r
}

func TestAMessageIsToldOnce(t *testing.T) {
	bucket, e := mem.New(), &ear{}
	first := deliver(t, book(bucket), task(e, "a"), delivery.Sent)
	if first.Recipient != "w…@shop.example" || first.Note != "taken" {
		t.Errorf("%+v", first)
	}
	deliver(t, book(bucket), task(e, "a"), delivery.Sent) // a later process
	deliver(t, book(bucket), task(e, "b"), delivery.Sent)
	if e.sends != 2 {
		t.Errorf("%d messages", e.sends)
	}
}

func TestAttemptsFollowTheirOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := mem.New()
		e := &ear{answer: func(nth int, _ string) error {
			if nth == 1 {
				return no(notify.Again, 10*time.Minute)
			}
			return nil
		}}
		deliver(t, book(bucket), task(e, "later"), delivery.Again)
		time.Sleep(9 * time.Minute)
		deliver(t, book(bucket), task(e, "later"), delivery.Again)
		if e.sends != 1 {
			t.Errorf("it was tried before the time it was asked for")
		}
		time.Sleep(2 * time.Minute)
		if r := deliver(t, book(bucket), task(e, "later"), delivery.Sent); r.Attempt != 2 {
			t.Errorf("%+v", r)
		}
		never := &ear{answer: func(int, string) error { return no(notify.Never, 0) }}
		deliver(t, book(bucket), task(never, "never"), delivery.Failed)
		time.Sleep(24 * time.Hour)
		deliver(t, book(bucket), task(never, "never"), delivery.Failed)
		doubt := &ear{answer: func(int, string) error { return no(notify.Unknown, 0) }}
		deliver(t, book(bucket), task(doubt, "doubt"), delivery.Unknown)
		time.Sleep(24 * time.Hour)
		deliver(t, book(bucket), task(doubt, "doubt"), delivery.Unknown)
		if never.sends != 1 || doubt.sends != 1 {
			t.Errorf("refused for good: %d, in doubt: %d attempts", never.sends, doubt.sends)
		}
		same := &ear{idempotent: true, answer: func(nth int, _ string) error {
			if nth < 3 {
				return no(notify.Unknown, 0)
			}
			return nil
		}}
		deliver(t, book(bucket), task(same, "same"), delivery.Unknown)
		deliver(t, book(bucket), task(same, "same"), delivery.Unknown) // not at once
		time.Sleep(time.Hour)
		deliver(t, book(bucket), task(same, "same"), delivery.Unknown)
		time.Sleep(time.Hour)
		deliver(t, book(bucket), task(same, "same"), delivery.Sent)
		if same.sends != 3 || len(same.heard) != 1 {
			t.Errorf("%d attempts with %d keys", same.sends, len(same.heard))
		}
	})
}

func TestItIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket, e := mem.New(), &ear{answer: func(int, string) error { return no(notify.Again, 0) }}
		for range 9 {
			deliver(t, book(bucket), task(e, "x"), delivery.Again)
			time.Sleep(2 * time.Hour)
		}
		deliver(t, book(bucket), task(e, "x"), delivery.Again)
		time.Sleep(2 * time.Hour)
		deliver(t, book(bucket), task(e, "x"), delivery.Failed)
		if e.sends != 10 {
			t.Errorf("%d attempts", e.sends)
		}
		old := task(e, "old")
		old.Expires = time.Now().Add(-time.Minute)
		deliver(t, book(bucket), old, delivery.Failed)
		if e.sends != 10 {
			t.Error("an old message was sent")
		}
	})
}

// The rate holds over all processes together.
func TestARateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket, e := mem.New(), &ear{limit: notify.Limit{Messages: 20, Per: time.Minute}}
		for i := range 45 {
			deliver(t, book(bucket), task(e, fmt.Sprint(i)), delivery.Sent)
		}
		for i := 20; i < len(e.times); i++ {
			if gap := e.times[i].Sub(e.times[i-20]); gap < time.Minute {
				t.Errorf("messages %d to %d within %s", i-20, i, gap)
			}
		}
		if took := e.times[44].Sub(e.times[0]); took > 3*time.Minute {
			t.Errorf("45 messages took %s", took)
		}
	})
}

// lossy is a bucket that fails from the nth append on, until it is healed: what a crash between two steps leaves behind.
type lossy struct {
	objstore.Bucket
	left int // appends that still work; negative: all
}

func (l *lossy) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	if l.left == 0 {
		return objstore.Info{}, errors.New("the store is gone")
	}
	l.left--
	return l.Bucket.PutIfAbsent(ctx, key, body, opt)
}

func TestACrashBetweenSendingAndNotingIsResolved(t *testing.T) {
	for _, idempotent := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			bucket, e := mem.New(), &ear{idempotent: idempotent}
			if _, err := book(&lossy{bucket, 1}).Deliver(t.Context(), task(e, "x")); fault.KindOf(err) != fault.Unknown || e.sends != 1 {
				t.Fatalf("%v after %d", err, e.sends)
			}
			deliver(t, book(bucket), task(e, "x"), delivery.Sending) // its sender may still live
			time.Sleep(11 * time.Minute)
			want := map[bool]string{false: delivery.Unknown, true: delivery.Sent}[idempotent]
			deliver(t, book(bucket), task(e, "x"), want)
			deliver(t, book(bucket), task(e, "x"), want)
			if sends := map[bool]int{false: 1, true: 2}[idempotent]; e.sends != sends || len(e.heard) != 1 {
				t.Errorf("idempotent %v: %d sends, keys %v", idempotent, e.sends, e.heard)
			}
		})
	}
}

// A store that is gone before the announcement keeps the message, and nobody is told.
func TestNothingIsSentThatWasNotAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the journal tries for a while
		bucket, e := mem.New(), &ear{}
		if _, err := book(&lossy{bucket, 0}).Deliver(t.Context(), task(e, "x")); err == nil || e.sends != 0 {
			t.Fatalf("%v after %d", err, e.sends)
		}
		deliver(t, book(bucket), task(e, "x"), delivery.Sent)
	})
}

// TestProofToldOnce lets processes race for the same messages while they crash and answers get lost.
func TestProofToldOnce(t *testing.T) {
	seeds, first := 20, 0
	if os.Getenv("OMOFLOW_PROOF") != "" {
		seeds = 100
	}
	if n, err := strconv.Atoi(os.Getenv("OMOFLOW_PROOF_SEEDS")); err == nil {
		seeds = n
	}
	if k, err := strconv.Atoi(os.Getenv("OMOFLOW_SEED")); err == nil {
		first, seeds = k, 1
	}
	messages, crashes, doubts := 0, 0, 0
	for seed := first; seed < first+seeds; seed++ {
		synctest.Test(t, func(t *testing.T) {
			m, c, d := race(t, uint64(seed))
			messages, crashes, doubts = messages+m, crashes+c, doubts+d
		})
		if t.Failed() {
			t.Fatalf("replay with OMOFLOW_SEED=%d", seed)
		}
	}
	fmt.Printf("proof: a recipient is told once: %d messages by 4 racing processes, %d crashes, %d answers lost, 0 told twice, 0 forgotten\n", messages, crashes, doubts)
}

func race(t *testing.T, seed uint64) (messages, crashes, doubts int) {
	random := rand.New(rand.NewPCG(seed, 7))
	bucket := mem.New()
	var mu sync.Mutex
	roll := func() float64 { mu.Lock(); defer mu.Unlock(); return random.Float64() }
	e := &ear{}
	e.answer = func(int, string) error {
		switch p := roll(); {
		case p < 0.15:
			return no(notify.Again, 0)
		case p < 0.25:
			doubts++
			return no(notify.Unknown, 0)
		}
		return nil
	}
	const count = 12
	for round := range 12 {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				var b objstore.Bucket = bucket
				if round < 10 && roll() < 0.5 {
					mu.Lock()
					crashes++
					b = &lossy{bucket, random.IntN(6)}
					mu.Unlock()
				}
				mine := book(b)
				for i := range count {
					if _, err := mine.Deliver(t.Context(), task(e, fmt.Sprint(i))); err != nil && b == objstore.Bucket(bucket) && fault.KindOf(err) != fault.Conflict {
						t.Errorf("seed %d: %v", seed, err)
					}
				}
			})
		}
		all.Wait()
		time.Sleep(90 * time.Minute)
	}
	states, err := book(bucket).Records(t.Context())
	if err != nil {
		t.Error(err)
	}
	for i := range count {
		k := task(e, fmt.Sprint(i)).Key
		switch s := states[k].Status; {
		case e.heard[k] > 1:
			t.Errorf("seed %d: message %d was told %d times", seed, i, e.heard[k])
		case s == delivery.Sent && e.heard[k] != 1, s == "", s == delivery.Again, s == delivery.Sending:
			t.Errorf("seed %d: message %d is %q and was told %d times", seed, i, s, e.heard[k])
		}
	}
	return count, crashes, doubts
}
