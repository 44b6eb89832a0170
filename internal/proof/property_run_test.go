package proof

import (
	"flag"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// cases gives how many cases a property runs: a few inside go test, the stated number for a pull request, and for nights as
// many times more as OMOFLOW_PROOF_SEEDS is larger than 2,000.
func cases(t testing.TB, fast, pr int) int {
	t.Helper()
	switch os.Getenv("OMOFLOW_PROOF") {
	case "":
		return fast
	case "pr":
		return pr
	}
	seeds, err := strconv.Atoi(os.Getenv("OMOFLOW_PROOF_SEEDS"))
	if err != nil {
		t.Fatalf("OMOFLOW_PROOF_SEEDS: %v", err)
	}
	return max(1, pr*seeds/2000)
}

// rapidFlags guards the flags of the property engine, which are of the process; a check reads them when it starts.
var rapidFlags sync.Mutex

// check runs n cases of a property and gives how many ran. The cases are the same on every run, except for nights; the seed
// that the engine prints for a failed case runs it again as OMOFLOW_SEED.
func check(t *testing.T, n int, property func(*rapid.T)) int {
	t.Helper()
	seed := "20260101"
	if os.Getenv("OMOFLOW_PROOF") == "long" {
		seed = "0"
	}
	if one := os.Getenv("OMOFLOW_SEED"); one != "" {
		seed, n = one, 1
	}
	rapidFlags.Lock()
	for name, value := range map[string]string{"rapid.seed": seed, "rapid.checks": strconv.Itoa(n), "rapid.nofailfile": "true", "rapid.shrinktime": "1ms"} {
		if err := flag.Set(name, value); err != nil {
			rapidFlags.Unlock()
			t.Fatal(err)
		}
	}
	var started sync.Once
	defer started.Do(rapidFlags.Unlock)
	var ran atomic.Int64
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the case that failed runs alone with OMOFLOW_SEED=<the number after -rapid.seed above> go test ./internal/proof -run '^%s$'", t.Name())
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		started.Do(rapidFlags.Unlock)
		ran.Add(1)
		property(rt)
	})
	return int(ran.Load())
}
