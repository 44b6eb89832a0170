package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/inspect"
	"github.com/omoflow/omoflow/internal/journal"
)

// rot is a proof at work: what was done to the lake and what was not found.
type rot struct {
	t      *testing.T
	lake   *rotting
	report inspect.Report // of the sound lake
	named  map[string]inspect.Named
	seed   uint64

	lock                                       sync.Mutex
	flips, cuts, swaps, rollbacks, parts, lost int
	missed                                     []string
}

// TestProofRot alters a real lake in every way that a disk or a careless copy can and wants each found and named: every byte of
// every object, cuts, losses, exchanged objects, and logs that lost their end.
func TestProofRot(t *testing.T) {
	r := &rot{t: t, lake: rotLake(t), named: map[string]inspect.Named{}, seed: 20260101}
	if given, err := strconv.ParseUint(os.Getenv("OMOFLOW_SEED"), 10, 64); err == nil {
		r.seed = given
	}
	var err error
	if r.report, err = inspect.Run(t.Context(), r.lake, inspect.Options{Data: true}); err != nil || len(r.report.Findings)+len(r.report.Behind) > 0 {
		t.Fatalf("the sound lake: %v %v %v", err, r.report.Findings, r.report.Behind)
	}
	size := 0
	for _, content := range r.lake.objects {
		size += len(content)
	}
	if size < 200<<10 || r.report.Orphans > 0 {
		t.Fatalf("the lake has %d bytes, %d orphans", size, r.report.Orphans)
	}
	for _, n := range r.report.Named {
		r.named[n.Key] = n
	}
	r.eachObject()
	r.wholeLake(cases(t, 10, 400))
	r.swapAny(cases(t, 10, 400))
	r.rollBack()
	r.partsCover(cases(t, 3, 60))
	if len(r.missed) > 0 {
		t.Errorf("seed %d: %d not found, among them:\n%s", r.seed, len(r.missed), strings.Join(r.missed[:min(20, len(r.missed))], "\n"))
	}
	all := r.flips + r.cuts + r.swaps + r.rollbacks + r.lost
	fmt.Printf("proof: R10 bit rot is detected: %d flips, %d cuts, %d losses, %d swaps, %d rollbacks in a lake of %d objects and %d bytes, %d of %d found and named; %d flips found by exactly one of n/t parts\n",
		r.flips, r.cuts, r.lost, r.swaps, r.rollbacks, len(r.lake.keys), size, all-len(r.missed), all, r.parts)
}

// eachObject flips bytes of every object, cuts and loses it: all bytes in a proof, some in the fast slice.
func (r *rot) eachObject() {
	group, ctx := errgroup.WithContext(r.t.Context())
	group.SetLimit(2)
	for i, key := range r.lake.keys {
		group.Go(func() error {
			random := rand.New(rand.NewPCG(r.seed, uint64(i)))
			content := r.lake.objects[key]
			if os.Getenv("OMOFLOW_PROOF") == "" && strings.HasPrefix(key, "journal/decision/") && i%50 > 0 {
				return nil
			}
			view := r.lake
			if _, ok := r.named[key]; !ok {
				view = r.lake.among(witnesses(key, false))
			}
			for _, at := range positions(key, len(content), random) {
				bad := slices.Clone(content)
				bad[at] ^= byte(1 + random.IntN(255))
				r.look(ctx, view, key, bad, &r.flips, fmt.Sprintf("byte %d of %s", at, key))
			}
			lengths := []int{0, 1, len(content) / 2, len(content) - 1}
			if os.Getenv("OMOFLOW_PROOF") == "" {
				lengths = lengths[3:]
			}
			for _, length := range lengths {
				r.look(ctx, view, key, content[:length:length], &r.cuts, fmt.Sprintf("%s cut to %d", key, length))
			}
			if !strings.HasPrefix(key, "heads/") && !strings.Contains(key, "/checkpoint-") && key != "candidate.json" { // whose loss loses nothing
				if view != r.lake {
					view = r.lake.among(witnesses(key, true))
				}
				r.look(ctx, view, key, nil, &r.lost, key+" lost")
			}
			return nil
		})
	}
	_ = group.Wait() // nothing fails: what is not found is collected
}

// positions chooses the bytes to flip: every one, but for the large objects and the many alike entries of the decision log.
func positions(key string, size int, random *rand.Rand) []int {
	most := 1 << 20
	switch {
	case os.Getenv("OMOFLOW_PROOF") == "":
		most = 10
		if strings.Contains(key, "journal/decision/") {
			most = 1
		}
	case strings.Contains(key, "/checkpoint-"):
		most = 500
	case strings.HasPrefix(key, "journal/decision/") && !strings.HasSuffix(key, "1.json"):
		most = 40
	case os.Getenv("OMOFLOW_PROOF") == "pr":
		most = 1 << 9 // each look reads the whole object
	case key == "candidate.json":
		most = 4000
	case !strings.HasPrefix(key, "journal/") && size > 24<<10:
		most = 24 << 10
	}
	var all []int
	if size <= most {
		for at := range size {
			all = append(all, at)
		}
		return all
	}
	for range most {
		all = append(all, random.IntN(size))
	}
	return all
}

// look inspects one altered object, together with those that vouch for it, and wants it named.
func (r *rot) look(ctx context.Context, view *rotting, key string, content []byte, count *int, what string) {
	altered := map[string][]byte{key: content}
	found := false
	if n, ok := r.named[key]; ok {
		finding, err := inspect.Object(ctx, view.with(altered), n, true)
		found = err == nil && finding != nil && good(*finding, key)
	} else {
		report, err := inspect.Run(ctx, view.with(altered), inspect.Options{})
		found = err == nil && slices.ContainsFunc(report.Findings, func(f inspect.Finding) bool { return good(f, key) })
	}
	r.note(count, found, what)
}

// good tells whether a finding says what a person needs.
func good(f inspect.Finding, key string) bool {
	return f.Key == key && fault.KindOf(f.Err) == fault.Damaged && fault.HintOf(f.Err) != "" && f.Class != ""
}

func (r *rot) note(count *int, found bool, what string) {
	r.lock.Lock()
	defer r.lock.Unlock()
	*count++
	if !found {
		r.missed = append(r.missed, what)
	}
}

// witnesses limits a lake to what can tell of an object: its log for checkpoints and heads, and for lost entries.
func witnesses(key string, lost bool) func(string) bool {
	log := strings.TrimPrefix(strings.TrimSuffix(key, ".json"), "heads/")
	if strings.HasPrefix(key, "journal/") {
		log = strings.TrimPrefix(key[:strings.LastIndexByte(key, '/')], "journal/")
		if !lost && !strings.Contains(key, "/checkpoint-") {
			return func(k string) bool { return k == key }
		}
	}
	if key == "lake.json" || key == "candidate.json" {
		return func(k string) bool { return k == key || lost && strings.HasPrefix(k, "journal/stream/") }
	}
	return func(k string) bool { return strings.HasPrefix(k, "journal/"+log+"/") || k == journal.HeadKey(log) }
}

// inspectAltered inspects the whole lake with some objects altered and tells which of the keys are named.
func (r *rot) inspectAltered(altered map[string][]byte, opt inspect.Options) (named map[string]bool, behind []string) {
	report, err := inspect.Run(r.t.Context(), r.lake.with(altered), opt)
	if err != nil {
		r.t.Fatal(err)
	}
	named = map[string]bool{}
	for _, f := range report.Findings {
		named[f.Key] = good(f, f.Key)
	}
	return named, report.Behind
}

// wholeLake flips random bytes and looks at everything, as omoflow check does.
func (r *rot) wholeLake(n int) {
	random := rand.New(rand.NewPCG(r.seed, 1<<32))
	for range n {
		key := r.lake.keys[random.IntN(len(r.lake.keys))]
		bad := slices.Clone(r.lake.objects[key])
		at := random.IntN(len(bad))
		bad[at] ^= byte(1 + random.IntN(255))
		named, _ := r.inspectAltered(map[string][]byte{key: bad}, inspect.Options{Data: true})
		r.note(&r.flips, named[key], fmt.Sprintf("whole lake, byte %d of %s", at, key))
	}
}

// swapAny lets two objects change places.
func (r *rot) swapAny(n int) {
	random := rand.New(rand.NewPCG(r.seed, 2<<32))
	for range n {
		a, b := r.lake.keys[random.IntN(len(r.lake.keys))], r.lake.keys[random.IntN(len(r.lake.keys))]
		if string(r.lake.objects[a]) == string(r.lake.objects[b]) {
			continue
		}
		named, _ := r.inspectAltered(map[string][]byte{a: r.lake.objects[b], b: r.lake.objects[a]}, inspect.Options{Data: true})
		for _, pair := range [][2]string{{a, b}, {b, a}} {
			if found, hidden := pair[0], pair[1]; named[found] && !named[hidden] {
				// Only the object that was found names the other, which is found when that one is restored.
				again, _ := r.inspectAltered(map[string][]byte{hidden: r.lake.objects[found]}, inspect.Options{Data: true})
				named[hidden] = again[hidden]
				break
			}
		}
		r.note(&r.swaps, named[a] && named[b], "swap of "+a+" and "+b)
	}
}

// rollBack takes the last entries from each log, with and without its head, and heads back to an earlier entry.
func (r *rot) rollBack() {
	tails := map[string]int64{}
	for _, b := range r.report.Batches {
		tails[b.Log] = max(tails[b.Log], b.Seq)
	}
	for _, rel := range r.report.Releases {
		tails["release"] = rel.Seq
	}
	tails["document"], tails["decision"] = 1, journal.FoldSize+3
	for log, tail := range tails {
		for back := int64(1); back <= min(tail, 3); back++ {
			altered := map[string][]byte{}
			for seq := tail - back + 1; seq <= tail; seq++ {
				altered[journal.EntryKey(log, seq)] = nil
			}
			named, _ := r.inspectAltered(altered, inspect.Options{})
			r.note(&r.rollbacks, named[journal.EntryKey(log, tail)], fmt.Sprintf("%s taken back by %d", log, back))
			if log == "document" || log == "decision" {
				continue // nothing but their head tells of their end
			}
			altered[journal.HeadKey(log)] = nil
			named, _ = r.inspectAltered(altered, inspect.Options{})
			r.note(&r.rollbacks, named[journal.EntryKey(log, tail)], fmt.Sprintf("%s taken back by %d with its head", log, back))
		}
		_, behind := r.inspectAltered(map[string][]byte{journal.HeadKey(log): nil}, inspect.Options{})
		r.note(&r.rollbacks, slices.Contains(behind, log), "head of "+log+" lost")
	}
}

// partsCover looks at flips in parts: exactly one part of t finds the object.
func (r *rot) partsCover(n int) {
	random := rand.New(rand.NewPCG(r.seed, 3<<32))
	for range n {
		named := r.report.Named[random.IntN(len(r.report.Named))]
		bad := slices.Clone(r.lake.objects[named.Key])
		bad[random.IntN(len(bad))] ^= byte(1 + random.IntN(255))
		found, of := 0, 2+random.IntN(5)
		for part := 1; part <= of; part++ {
			if names, _ := r.inspectAltered(map[string][]byte{named.Key: bad}, inspect.Options{Data: true, Part: part, Of: of}); names[named.Key] {
				found++
			}
		}
		want := 1
		if named.Class == inspect.Manifest {
			want = of // they are always read
		}
		if found != want {
			r.missed = append(r.missed, fmt.Sprintf("%s found by %d of %d parts", named.Key, found, of))
		}
		r.parts++
	}
}
