package proof

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/faultstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// faultsStep is one pipeline over the shop, and the state before it.
type faultsStep struct {
	name    string
	inbox   map[string]string // delivered before it
	run     func(*faultsDesk, context.Context, *faultsShop) error
	before  *mem.Bucket
	calls   []faultstore.Call // of an undisturbed run
	want    string            // content after it
	wantNow string            // the same without the way to it
	again   bool              // like an earlier one; only nights put faults into it
}

func faultsSteps() []*faultsStep {
	a := faultsHeader + "R1,2026-01-05 10:00:00,A,2,28.16,c1\nR1,2026-01-05 10:00:00,B,1,5,c1\nR2,2026-01-06 02:30:00,A,1,149.00,c2\nR3,2026-02-10 12:00:00,C,1,7.00,c1\n"
	b := faultsHeader + "R4,2026-01-07 10:00:00,A,1,28.16,c3\nR5,2026-01-07 11:00:00,A,many,28.16,c3\n"
	first := map[string]string{"till-S1-a.csv": a, "till-S2-a.csv": b, "till-S1-again.csv": a}
	second := map[string]string{
		"till-S1-a.csv": strings.Replace(a, "149.00", "139.00", 1), "till-S2-b.csv": b,
		"till-S3-a.csv": faultsHeader + "R6,2026-02-11 10:00:00,A,3,28.16,c2\n",
	}
	both := maps.Clone(first)
	maps.Copy(both, second)
	return []*faultsStep{
		{name: "ingest", inbox: first, run: (*faultsDesk).ingest},
		{name: "release", inbox: first, run: (*faultsDesk).build},
		{name: "corrections", inbox: both, run: (*faultsDesk).ingest},
		{name: "release again", inbox: both, run: (*faultsDesk).build},
		{name: "quarantine replay", inbox: both, run: (*faultsDesk).replay},
		{name: "release after replay", inbox: both, run: (*faultsDesk).build, again: true},
		{name: "rebuild", inbox: both, run: (*faultsDesk).rebuild},
		{name: "report", inbox: both, run: (*faultsDesk).report},
		{name: "export", inbox: both, run: (*faultsDesk).export},
	}
}

// faultsBench runs steps through faults and judges what they leave.
type faultsBench struct {
	desk, rival *faultsDesk
	scratch     string
	steps       []*faultsStep
	shops       *atomic.Int64
}

// newFaultsBench walks the shop's way once, undisturbed.
func newFaultsBench(t *testing.T) *faultsBench {
	t.Helper()
	scratch := fastDir(t)
	b := &faultsBench{desk: newFaultsDesk(t, scratch), rival: newFaultsDesk(t, scratch), scratch: scratch, steps: faultsSteps(), shops: new(atomic.Int64)}
	store := mem.New()
	for _, step := range b.steps {
		step.before = copyOf(t, store)
		watched := faultstore.New(store)
		shop := b.shop(step, watched)
		if err := step.run(b.desk, t.Context(), shop); err != nil {
			t.Fatalf("%s: %v (%s)", step.name, err, fault.HintOf(err))
		}
		step.calls = watched.Calls()
		shop.bucket = store
		var err error
		if step.want, err = shop.content(t.Context(), everything); err != nil {
			t.Fatal(err)
		}
		if step.wantNow, err = shop.content(t.Context(), currentState); err != nil {
			t.Fatal(err)
		}
		shop.remove()
	}
	return b
}

func (b *faultsBench) shop(step *faultsStep, bucket objstore.Bucket) *faultsShop {
	dir := filepath.Join(b.scratch, fmt.Sprint("shop-", b.shops.Add(1)))
	_ = os.MkdirAll(dir, 0o755) // a missing one fails what follows
	return &faultsShop{bucket: bucket, inbox: step.inbox, dir: dir}
}

func (s *faultsShop) remove() { _ = os.RemoveAll(s.dir) }

// faultsCase is a step with the faults that meet it.
type faultsCase struct {
	step   *faultsStep
	faults []faultstore.Fault
}

func (c faultsCase) String() string {
	parts := []string{c.step.name}
	for _, f := range c.faults {
		parts = append(parts, fmt.Sprintf("%v at %v %q no. %d, %d times", f.Kind, f.Op, f.Prefix, f.Nth, f.Times))
	}
	return strings.Join(parts, "; ")
}

// directed puts every kind of fault at the first, a middle and the last call of every class that the steps make: an operation on a
// folder of the lake.
func (b *faultsBench) directed() []faultsCase {
	var all []faultsCase
	for _, step := range b.steps {
		if step.again && os.Getenv("OMOFLOW_PROOF") != "long" {
			continue
		}
		type class struct {
			op     faultstore.Op
			prefix string
		}
		count := map[class]int{}
		var order []class
		for _, call := range step.calls {
			c := class{call.Op, folderOf(call.Key)}
			if count[c] == 0 {
				order = append(order, c)
			}
			count[c]++
		}
		for _, c := range order {
			n := count[c]
			hits := slices.Compact([]int{1, (n + 1) / 2, n})
			if c.prefix == "heads/" {
				hits = hits[:1] // nothing is decided by them
			}
			for _, kind := range faultstore.Kinds(c.op) {
				for _, hit := range hits {
					f := faultstore.Fault{Kind: kind, Op: c.op, Prefix: c.prefix, Nth: hit}
					switch kind {
					case faultstore.SlowDown:
						f.Times = 3
					case faultstore.Denied:
						f.Op, f.Prefix, f.Times = 0, "", -1 // credentials expire for all calls from here on
						f.Nth = nthOfAll(step.calls, c.op, c.prefix, hit)
					}
					all = append(all, faultsCase{step, []faultstore.Fault{f}})
				}
			}
		}
	}
	return all
}

// folderOf gives the part of a key that says what kind of object it is.
func folderOf(key string) string {
	parts := strings.SplitAfterN(key, "/", 3)
	if parts[0] == "journal/" && len(parts) > 1 {
		return parts[0] + strings.TrimSuffix(parts[1], "/")
	}
	return parts[0]
}

func nthOfAll(calls []faultstore.Call, op faultstore.Op, prefix string, hit int) int {
	for i, call := range calls {
		if call.Op == op && strings.HasPrefix(call.Key, prefix) {
			if hit--; hit == 0 {
				return i + 1
			}
		}
	}
	return len(calls)
}

// verdict is what a case came to.
type verdict struct {
	injected int
	failed   bool   // the disturbed run ended with an error
	wrong    string // "" when the promise held
}

// try runs a step through faults, then once more undisturbed, and compares with the shop that met no fault.
func (b *faultsBench) try(ctx context.Context, t testing.TB, c faultsCase) (v verdict) {
	store := copyOf(t, c.step.before)
	faulty := faultstore.New(store, c.faults...)
	faulty.Pace = time.Minute
	shop := b.shop(c.step, faulty)
	defer shop.remove()
	faulty.Other = func(ctx context.Context, raw objstore.Bucket, key string, body objstore.Body) error {
		if !strings.HasPrefix(key, "journal/") {
			_, err := objstore.PutOrSame(ctx, raw, key, body, objstore.PutOptions{})
			return err
		}
		other := b.shop(c.step, raw) // another process does the whole step just before this one commits
		defer other.remove()
		return c.step.run(b.rival, ctx, other)
	}
	disturbed, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	faulty.Slow = func() { time.AfterFunc(20*time.Millisecond, cancel) } // somebody's patience ends
	err := c.step.run(b.desk, disturbed, shop)
	v.injected, v.failed = len(faulty.Injected()), err != nil
	if err != nil && !clear(err) {
		v.wrong = fmt.Sprintf("the error is not clear: %v", err)
		return v
	}
	// What a stale listing hides is taken in by the next run, as if this one had been earlier; a release of less may lie between.
	stale := c.has(faultstore.Stale)
	mode, want := everything, c.step.want
	if stale {
		mode, want = currentState, c.step.wantNow
	}
	shop.bucket = store
	if err == nil && !stale {
		if v.wrong = shop.differs(ctx, mode, want); v.wrong != "" {
			v.wrong = "said to have succeeded: " + v.wrong
			return v
		}
	}
	if err := c.step.run(b.desk, ctx, shop); err != nil {
		v.wrong = fmt.Sprintf("the next run fails: %v", err)
		return v
	}
	v.wrong = shop.differs(ctx, mode, want)
	return v
}

func (c faultsCase) has(kind faultstore.Kind) bool {
	return slices.ContainsFunc(c.faults, func(f faultstore.Fault) bool { return f.Kind == kind })
}

// clear tells whether an error has a kind and says what to do next.
func clear(err error) bool {
	return fault.KindOf(err) != fault.Internal && fault.HintOf(err) != "" || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// differs gives the first line in which the shop is not as wanted.
func (s *faultsShop) differs(ctx context.Context, mode contentMode, want string) string {
	got, err := s.content(ctx, mode)
	if err != nil {
		return err.Error()
	}
	if got == want {
		return ""
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		x, y := "", ""
		if i < len(g) {
			x = g[i]
		}
		if i < len(w) {
			y = w[i]
		}
		if x != y {
			return fmt.Sprintf("got  %s\nwant %s", x, y)
		}
	}
	return "the content differs"
}

// tryAll runs the cases on several desks at once and gives the counts of a proof line.
func (b *faultsBench) tryAll(t *testing.T, cases []faultsCase) (ran, failed, wrong int) {
	t.Helper()
	const desks = 4 // most of a case's time is waiting
	var mu sync.Mutex
	var group sync.WaitGroup
	next := make(chan int)
	for range desks {
		own := *b
		own.desk, own.rival = newFaultsDesk(t, b.scratch), newFaultsDesk(t, b.scratch)
		group.Go(func() {
			for i := range next {
				v := own.try(t.Context(), t, cases[i])
				if v.injected == 0 && v.wrong == "" {
					v.wrong = "the fault was never met"
				}
				mu.Lock()
				ran++
				if v.failed {
					failed++
				}
				if v.wrong != "" {
					wrong++
					t.Errorf("OMOFLOW_SEED=%d: %v:\n%s", i, cases[i], v.wrong)
				}
				mu.Unlock()
			}
		})
	}
	for i := range cases {
		if seed := os.Getenv("OMOFLOW_SEED"); seed == "" || seed == fmt.Sprint(i) {
			next <- i
		}
	}
	close(next)
	group.Wait()
	return ran, failed, wrong
}

// sample takes every n-th case, so that some twenty remain in the fast slice and half of them for a pull request.
func sample(cases []faultsCase) []faultsCase {
	if os.Getenv("OMOFLOW_PROOF") == "long" || os.Getenv("OMOFLOW_SEED") != "" {
		return cases
	}
	step := 2
	if os.Getenv("OMOFLOW_PROOF") == "" {
		step = len(cases)/25 + 1
	}
	var some []faultsCase
	for i := 0; i < len(cases); i += step {
		some = append(some, cases[i])
	}
	return some
}

// R1, R2: every store fault at the first, a middle and the last call of every class, in every pipeline: the run succeeds rightly
// or ends with a clear error, and the next run gives what an undisturbed one would have given.
func TestProofFaultsDirected(t *testing.T) {
	b := newFaultsBench(t)
	ran, failed, wrong := b.tryAll(t, sample(b.directed()))
	fmt.Printf("proof: R1 store faults lose and double nothing: %d directed faults in %d pipelines, %d ended with a clear error, %d wrong\n", ran, len(b.steps), failed, wrong)
}

// The same with two faults in one run.
func TestProofFaultsInPairs(t *testing.T) {
	b := newFaultsBench(t)
	singles := b.directed()
	draw := rand.New(rand.NewPCG(7, 7))
	var pairs []faultsCase
	for len(pairs) < cases(t, 10, 100) {
		x, y := singles[draw.IntN(len(singles))], singles[draw.IntN(len(singles))]
		if x.step == y.step {
			pairs = append(pairs, faultsCase{x.step, append(slices.Clone(x.faults), y.faults...)})
		}
	}
	ran, failed, wrong := b.tryAll(t, sample(pairs))
	fmt.Printf("proof: R1 pairs of store faults lose and double nothing: %d pairs, %d ended with a clear error, %d wrong\n", ran, failed, wrong)
}
