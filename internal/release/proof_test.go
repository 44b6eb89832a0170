package release_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore/faultstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
	"github.com/omoflow/omoflow/internal/release"
)

// publishOne builds on the latest release and publishes one whose tables all say who made it. A conflict is fine.
func publishOne(ctx context.Context, lk *lake.Lake, mark string) (bool, error) {
	parent, _, err := release.Latest(ctx, lk)
	if err != nil {
		return false, err
	}
	r := release.Release{Tables: map[string]release.TableRef{}, Code: mark}
	for _, table := range []string{"a", "b.c", "d"} {
		m := release.Manifest{Table: table, About: mark}
		sha, err := release.PutManifest(ctx, lk, m)
		if err != nil {
			return false, err
		}
		r.Tables[table] = m.Ref(sha)
	}
	_, err = release.Publish(ctx, lk, parent.Seq, r)
	if fault.KindOf(err) == fault.Conflict {
		return false, nil
	}
	return err == nil, err
}

// readOne opens the latest release and tells whether all of its tables are of it. The second result is its number.
func readOne(ctx context.Context, lk *lake.Lake) (whole bool, seq int64, err error) {
	r, ok, err := release.Latest(ctx, lk)
	if err != nil || !ok {
		return true, 0, err
	}
	for table := range r.Tables {
		m, err := r.Manifest(ctx, lk, table)
		if err != nil {
			return true, r.Seq, err
		}
		if m.About != r.Code {
			return false, r.Seq, nil
		}
	}
	return len(r.Tables) == 3, r.Seq, nil
}

// R3: readers under constant publishing by several writers see whole releases only, never an older one after a newer one.
func TestProofReadersSeeWholeReleases(t *testing.T) {
	reads := int64(2_000)
	switch os.Getenv("OMOFLOW_PROOF") {
	case "pr":
		reads = 100_000
	case "long":
		n, _ := strconv.ParseInt(os.Getenv("OMOFLOW_PROOF_SEEDS"), 10, 64)
		reads = max(100_000, 1000*n)
	}
	ctx := t.Context()
	var done, torn, back, published atomic.Int64
	lk, faulty := newFaultyLake(t)
	var writers, readers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for i := 0; done.Load() < reads; i++ {
				if published.Load()*(reads/100) > done.Load() { // spread over all the reads, or the log would only grow
					runtime.Gosched()
					continue
				}
				ok, err := publishOne(ctx, lk, fmt.Sprintf("%d.%d", w, i))
				if err != nil {
					t.Error(err)
					return
				}
				if ok {
					published.Add(1)
				}
			}
		})
	}
	for range 3 {
		readers.Go(func() {
			last := int64(0)
			for done.Add(1) <= reads {
				whole, seq, err := readOne(ctx, lk)
				if err != nil {
					t.Error(err)
					return
				}
				if !whole {
					torn.Add(1)
				}
				if seq < last {
					back.Add(1)
				}
				last = seq
			}
		})
	}
	readers.Wait()
	writers.Wait()
	badReads, refused := int64(0), 0
	for _, kind := range []faultstore.Kind{faultstore.Flipped, faultstore.Truncated, faultstore.Stale, faultstore.Repeated, faultstore.ServerError, faultstore.Denied} {
		for nth := range 30 {
			faulty.Script(faultstore.Fault{Kind: kind, Nth: nth%5 + 1, Times: 1 + nth/5})
			whole, _, err := readOne(ctx, &lake.Lake{Bucket: faulty, ID: lk.ID, Format: lk.Format})
			var typed *fault.Error
			switch {
			case err == nil && !whole:
				badReads++
			case err != nil && !errors.As(err, &typed):
				t.Errorf("%v at call %d: no typed error: %v", kind, nth, err)
			case err != nil:
				refused++
			}
		}
	}
	if torn.Load()+back.Load()+badReads > 0 {
		t.Errorf("%d torn, %d older after newer, %d wrong through a faulty store", torn.Load(), back.Load(), badReads)
	}
	if list, err := release.List(ctx, lk); err != nil || int64(len(list)) != published.Load() {
		t.Errorf("%d releases, %d were acknowledged: %v", len(list), published.Load(), err)
	} else if !slices.IsSortedFunc(list, func(a, b release.Release) int { return int(a.Seq - b.Seq) }) {
		t.Error("the releases are out of order")
	}
	fmt.Printf("proof: R3 readers see whole releases: %d reads during %d publishes by 3 writers, %d torn; 180 reads through store faults, %d refused, %d wrong\n",
		reads, published.Load(), torn.Load()+back.Load(), refused, badReads)
}

func newFaultyLake(t *testing.T) (*lake.Lake, *faultstore.Bucket) {
	t.Helper()
	store := mem.New()
	lk, err := lake.Create(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	return lk, faultstore.New(store)
}
