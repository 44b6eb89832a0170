// Package faultstore is a Bucket that fails as told: the faults of real stores and networks, injected at a chosen call
// or drawn from a seed, over any other Bucket. It is for tests and proofs.
//
// The optional interfaces of a Bucket are left out on purpose, so that every byte passes the wrapper: nothing is read in
// place, adopted or linked around the faults.
package faultstore

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/objstore"
)

// Fault says which calls fail, and how.
type Fault struct {
	Kind   Kind
	Op     Op     // 0: every operation that the kind applies to
	Prefix string // of the key, for a listing of its prefix
	Nth    int    // the first failing call among those that match, from 1
	Times  int    // how many calls fail from there on; 0 means 1, below 0 all
}

// Call is a call that a Bucket saw.
type Call struct {
	Op  Op
	Key string // of a listing its prefix
}

// Bucket passes calls on to another bucket and spoils the ones that its script or seed names.
type Bucket struct {
	objstore.Bucket
	// Other acts as the writer that comes first when a write meets OtherWon; by default it writes the same bytes, as a
	// twin would. Set it before the first call.
	Other func(ctx context.Context, b objstore.Bucket, key string, body objstore.Body) error
	// Pace is the time that SlowBody takes for each byte; 0 means a second. Slow is told when such a body is opened; nil is fine.
	// Set them before the first call.
	Pace time.Duration
	Slow func()

	mu       sync.Mutex
	script   []rule
	calls    []Call
	injected []Call
	seed     uint64
	share    int // of a thousand calls, how many fail by the seed
	seen     map[Call]uint64
}

type rule struct {
	Fault
	met int
}

// New wraps a bucket. Without faults it changes nothing.
func New(b objstore.Bucket, faults ...Fault) *Bucket {
	f := &Bucket{Bucket: b}
	f.Script(faults...)
	return f
}

// Script replaces the faults to come, ends a mix and forgets all calls. Without faults the store is mended.
func (b *Bucket) Script(faults ...Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.script, b.calls, b.injected, b.share, b.seen = nil, nil, nil, 0, map[Call]uint64{}
	for _, f := range faults {
		b.script = append(b.script, rule{Fault: f})
	}
}

// Mix lets that many of a thousand calls fail, each in a way its operation can. What happens to the n-th call of an
// operation on a key depends on nothing but the seed, whatever runs beside it.
func (b *Bucket) Mix(seed uint64, perThousand int) {
	b.Script()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seed, b.share = seed, perThousand
}

// Calls lists the calls since the last script, in their order.
func (b *Bucket) Calls() []Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Call(nil), b.calls...)
}

// Injected lists the calls that were spoiled since the last script.
func (b *Bucket) Injected() []Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Call(nil), b.injected...)
}

// next notes a call and gives its fault, and a number that is the call's own for details of the fault.
func (b *Bucket) next(op Op, key string) (Kind, uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	call := Call{op, key}
	b.calls = append(b.calls, call)
	b.seen[call]++
	draw := rand.New(rand.NewPCG(b.seed, hashOf(op, key)+b.seen[call])) //nolint:gosec // replayable on purpose
	kind := Kind(0)
	for i := range b.script {
		r := &b.script[i]
		if !r.Kind.Applies(op) || r.Op != 0 && r.Op != op || !strings.HasPrefix(key, r.Prefix) {
			continue
		}
		r.met++
		last := r.Nth + max(r.Times, 1) - 1
		if kind == 0 && r.met >= r.Nth && (r.Times < 0 || r.met <= last) {
			kind = r.Kind
		}
	}
	if kind == 0 && b.share > 0 && draw.IntN(1000) < b.share {
		kinds := Kinds(op)
		kind = kinds[draw.IntN(len(kinds))]
	}
	if kind != 0 {
		b.injected = append(b.injected, call)
	}
	return kind, draw.Uint64()
}

func hashOf(op Op, key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(append([]byte{byte(op)}, key...)) // never fails
	return h.Sum64()
}
