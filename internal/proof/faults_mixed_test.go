package proof

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/objstore/faultstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// mixedTries bounds how often a step is tried through a mix of faults; by then nearly every call has met its own.
const mixedTries = 100

// The shop's whole way through a store that fails a few of a thousand calls in any way, drawn from a seed: each step is run until it
// succeeds, as a scheduler would, and the end is the one of a shop that met no fault.
func TestProofFaultsMixed(t *testing.T) {
	b := newFaultsBench(t)
	end := b.steps[5] // the last step that changes tables
	ran, injected, tries, wrong := 0, 0, 0, 0
	for seed := range uint64(cases(t, 1, 30)) {
		if only := os.Getenv("OMOFLOW_SEED"); only != "" && only != fmt.Sprint(seed) {
			continue
		}
		ran++
		store := mem.New()
		faulty := faultstore.New(store)
		faulty.Pace = time.Nanosecond
		faulty.Mix(seed, 60)
		shop := b.shop(b.steps[0], faulty)
		for _, step := range b.steps[:6] {
			shop.inbox = step.inbox
			for try := 1; ; try++ {
				tries++
				err := step.run(b.desk, t.Context(), shop)
				if err == nil {
					break
				}
				if !clear(err) || try == mixedTries {
					wrong++
					t.Errorf("OMOFLOW_SEED=%d: %s, try %d: %v", seed, step.name, try, err)
					break
				}
			}
		}
		injected += len(faulty.Injected())
		shop.bucket = store
		// What stale listings hid is taken in by the next run.
		for _, step := range []*faultsStep{b.steps[2], b.steps[4], b.steps[5]} {
			if err := step.run(b.desk, t.Context(), shop); err != nil {
				wrong++
				t.Errorf("OMOFLOW_SEED=%d: %s on a mended store: %v", seed, step.name, err)
			}
		}
		if difference := shop.differs(t.Context(), currentState, end.wantNow); difference != "" {
			wrong++
			t.Errorf("OMOFLOW_SEED=%d:\n%s", seed, difference)
		}
		shop.remove()
	}
	fmt.Printf("proof: R2 mixed store faults lose and double nothing: %d ways from files to releases, %d faults in %d runs, %d wrong\n", ran, injected, tries, wrong)
}
