package journal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/faultstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// seeds gives the seeds of a proof: the one that OMOFLOW_SEED names, or as many as the size of the run asks for.
func seeds(t *testing.T, fast, pr int) []uint64 {
	t.Helper()
	if text := os.Getenv("OMOFLOW_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return []uint64{seed}
	}
	n := fast
	switch os.Getenv("OMOFLOW_PROOF") {
	case "pr":
		n = pr
	case "long":
		n = pr
		if asked, err := strconv.Atoi(os.Getenv("OMOFLOW_PROOF_SEEDS")); err == nil {
			n = max(pr, asked)
		}
	}
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(i) + 1
	}
	return all
}

// fact is the body of the entries appended here; ID is unique.
type fact struct {
	ID string `json:"id"`
}

func idOf(e journal.Entry) string {
	var n fact
	_ = json.Unmarshal(e.Body, &n) // "" is no id
	return n.ID
}

// R5: whatever becomes of a put and its answer, Append tells the truth about it. One writer appends through a store that loses
// answers, refuses the writer's own entry, times out with and without effect or lets a rival win.
func TestProofUnknownOutcomesAreSettled(t *testing.T) {
	injected, wrong := 0, 0
	kinds := []faultstore.Kind{faultstore.Lost, faultstore.OwnRefused, faultstore.Timeout, faultstore.Reset, faultstore.OtherWon, faultstore.ServerError, faultstore.Busy}
	for _, seed := range seeds(t, 50, 1000) {
		synctest.Test(t, func(t *testing.T) {
			draw := rand.New(rand.NewPCG(seed, 5))
			store := mem.New()
			rival := journal.Open(store, "log", journal.Options{Writer: "rival"})
			faulty := faultstore.New(store)
			faulty.Other = func(ctx context.Context, _ objstore.Bucket, _ string, _ objstore.Body) error {
				tail, _, err := rival.Tail(ctx)
				if err == nil {
					_, err = rival.Append(ctx, tail.Seq+1, "note", fact{fmt.Sprint("rival ", tail.Seq+1)})
				}
				return err
			}
			log := journal.Open(faulty, "log", journal.Options{Writer: "us"})
			told := map[string]bool{} // id -> told that it was stored
			next := int64(1)
			for i := range 20 {
				var script []faultstore.Fault
				for range 1 + draw.IntN(3) { // one to three in a row: the retry may fail as well
					script = append(script, faultstore.Fault{Kind: kinds[draw.IntN(len(kinds))], Op: faultstore.Put, Nth: len(script) + 1})
				}
				faulty.Script(script...)
				id := fmt.Sprint("us ", i)
				_, err := log.Append(t.Context(), next, "note", fact{id})
				injected += len(faulty.Injected())
				faulty.Script()
				told[id] = err == nil
				if err != nil && fault.KindOf(err) != fault.Conflict {
					t.Errorf("seed %d: append %d through %v: %v", seed, i, script, err)
					wrong++
				}
				tail, _, err := rival.Tail(t.Context())
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				next = tail.Seq + 1
			}
			stored := map[string]int{}
			if err := rival.Read(t.Context(), 1, func(e journal.Entry) error { stored[idOf(e)]++; return nil }); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for id, yes := range told {
				if stored[id] != map[bool]int{true: 1}[yes] {
					t.Errorf("seed %d: %s: told stored %v, it is there %d times", seed, id, yes, stored[id])
					wrong++
				}
			}
		})
	}
	fmt.Printf("proof: R5 unknown outcomes are settled: %d injections, %d wrong verdicts\n", injected, wrong)
}

// paced lets every call take its time, and now and then much longer than any lease would live: a stopped process.
type paced struct {
	objstore.Bucket
	mu   sync.Mutex
	draw *rand.Rand
}

func (p *paced) pause() {
	p.mu.Lock()
	wait := time.Duration(1+p.draw.IntN(1_000_000)) * time.Microsecond
	if p.draw.IntN(50) == 0 {
		wait += time.Hour
	}
	p.mu.Unlock()
	time.Sleep(wait)
}

func (p *paced) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	p.pause()
	defer p.pause()
	return p.Bucket.PutIfAbsent(ctx, key, body, opt)
}

func (p *paced) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	p.pause()
	return p.Bucket.Get(ctx, key, offset, length)
}

func (p *paced) List(ctx context.Context, prefix, after string, fn func(objstore.Info) error) error {
	p.pause()
	return p.Bucket.List(ctx, prefix, after, fn)
}

// The operations of a history, and what the log looks like in between: how long it is and what its last entry says.
type (
	appended struct {
		seq int64
		id  string
	}
	tailRead struct{}
	outcome  struct {
		kind fault.Kind // of an append: 0 is stored
		ok   bool
		seq  int64
		id   string
	}
	logState struct {
		seq int64
		id  string
	}
)

// logModel is what a log is: an append takes the next slot or none, a read gives the last entry.
func logModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return logState{} },
		Step: func(state, input, output any) (bool, any) {
			now, out := state.(logState), output.(outcome)
			in, isAppend := input.(appended)
			switch {
			case !isAppend:
				return !out.ok || now == logState{out.seq, out.id}, now
			case out.ok:
				return now.seq == in.seq-1, logState{in.seq, in.id}
			case out.kind == fault.Conflict:
				return now.seq >= in.seq, now
			}
			return true, now // refused before it could be stored; stored ones are known, see history
		},
	}
}

// history runs writers against one log and gives what they saw.
func history(t *testing.T, seed uint64, writers, commits int) (ops []porcupine.Operation, log *journal.Log, told map[string]bool) {
	store := mem.New()
	var (
		clock atomic.Int64
		mu    sync.Mutex
		group sync.WaitGroup
	)
	told = map[string]bool{}
	for w := range writers {
		draw := rand.New(rand.NewPCG(seed, uint64(w)))
		faulty := faultstore.New(&paced{Bucket: store, draw: rand.New(rand.NewPCG(seed, uint64(1000+w)))})
		if seed%2 == 0 {
			faulty.Mix(seed*100+uint64(w), 60)
		}
		faulty.Pace = time.Millisecond
		skew := time.Duration(draw.IntN(1200)-600) * time.Second // the clocks are up to ten minutes off
		writer := journal.Open(faulty, "log", journal.Options{Writer: fmt.Sprint("w", w), Now: func() time.Time { return time.Now().Add(skew) }})
		group.Go(func() {
			for done, tries := 0, 0; done < commits && tries < 40*commits; tries++ {
				call := clock.Add(1)
				tail, _, err := writer.Tail(t.Context())
				read := porcupine.Operation{ClientId: w, Input: tailRead{}, Call: call, Output: outcome{ok: err == nil && seed%2 == 1, seq: tail.Seq, id: idOf(tail)}, Return: clock.Add(1)}
				id := fmt.Sprintf("%d.%d", w, tries)
				call = clock.Add(1)
				if err == nil {
					_, err = writer.Append(t.Context(), tail.Seq+1, "note", fact{id})
				}
				write := porcupine.Operation{ClientId: w, Input: appended{tail.Seq + 1, id}, Call: call, Output: outcome{ok: err == nil, kind: fault.KindOf(err)}, Return: clock.Add(1)}
				mu.Lock()
				ops = append(ops, read, write)
				told[id] = err == nil
				if k := fault.KindOf(err); err != nil && k != fault.Conflict && k != fault.Unavailable && k != fault.Denied && k != fault.Damaged {
					t.Errorf("seed %d: %s: kind %v: %v", seed, id, k, err)
				}
				mu.Unlock()
				if err == nil {
					done++
				}
			}
		})
	}
	group.Wait()
	return ops, journal.Open(store, "log", journal.Options{}), told
}

// R4: of several writers, with clocks that differ and pauses longer than any lease, exactly one takes each slot, and what a writer was
// told is what every reader sees, in an order that respects real time. Every other history has store faults in it.
func TestProofWritersExcludeEachOther(t *testing.T) {
	all := seeds(t, 100, 5000)
	commits, wrong := 0, 0
	for _, seed := range all {
		synctest.Test(t, func(t *testing.T) {
			ops, log, told := history(t, seed, 8, 2)
			if !porcupine.CheckOperations(logModel(), ops) {
				t.Errorf("seed %d: no order of the operations explains what the writers saw", seed)
				wrong++
			}
			stored := map[string]int{}
			if err := log.Read(t.Context(), 1, func(e journal.Entry) error { stored[idOf(e)]++; return nil }); err != nil {
				t.Errorf("seed %d: %v", seed, err)
				wrong++
			}
			for id, yes := range told {
				if stored[id] != map[bool]int{true: 1}[yes] {
					t.Errorf("seed %d: %s: told stored %v, it is there %d times", seed, id, yes, stored[id])
					wrong++
				}
			}
			commits += len(stored)
		})
	}
	fmt.Printf("proof: R4 two writers never both commit: %d histories of 8 writers, %d commits, %d wrong\n", len(all), commits, wrong)
}
