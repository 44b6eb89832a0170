package proof

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// randomSeeds is the number from which seeds stand for kills at random instants; smaller ones number the directed kills.
const randomSeeds = 1_000_000

// failureSeeds is the number from which seeds stand for errors at points.
const failureSeeds = 900_000

// killSize is how much a proof of kills does.
type killSize struct {
	directed, random int  // random: kills, not tries
	heavy            bool // pipelines of seconds too
}

func sizeOfKills(t *testing.T) killSize {
	t.Helper()
	seeds, err := strconv.Atoi(os.Getenv("OMOFLOW_PROOF_SEEDS"))
	given := err == nil && seeds > 0
	switch os.Getenv("OMOFLOW_PROOF") {
	case "pr":
		if !given {
			seeds = 40
		}
		return killSize{directed: 448, random: seeds, heavy: true}
	case "long":
		if !given {
			seeds = 400
		}
		return killSize{directed: 1 << 30, random: seeds, heavy: true}
	}
	return killSize{directed: 20, random: 5}
}

// TestProofKills kills the shipped program at named points and at random instants of several pipelines, repeats the command and
// compares everything the project then holds with the undisturbed one.
func TestProofKills(t *testing.T) {
	if testing.Short() {
		t.Skip("starts dozens of processes")
	}
	size := sizeOfKills(t)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // of the driver
	k := newKiller(t)
	list := pipelines()
	if !size.heavy {
		list = slices.DeleteFunc(list, func(p *pipeline) bool { return !p.quick })
	}
	var group errgroup.Group
	group.SetLimit(2)
	for _, p := range list {
		group.Go(func() error { k.prepare(p); return nil })
	}
	_ = group.Wait() // a failure is the test's
	if t.Failed() {
		t.FailNow()
	}
	for _, p := range list {
		names := slices.Compact(slices.Sorted(slices.Values(p.ready.hits)))
		t.Logf("%s: %d hits of %d points, the calm run took %s", p.name, len(p.ready.hits), len(names), p.ready.took)
	}
	if size.heavy {
		everyPointIsReached(t, list)
	}
	if seed, err := strconv.ParseInt(os.Getenv("OMOFLOW_SEED"), 10, 64); err == nil {
		k.replay(list, seed)
		return
	}
	k.logTimes("prepared")
	k.kill(directedKills(list, size.directed))
	k.logTimes("directed")
	refused := failures(list)
	k.kill(refused)
	directed := k.killed.Load()
	k.killAtRandom(list, size.random)
	k.logTimes("all")
	fmt.Printf("proof: R1 no committed batch is lost: %d directed and %d random kills and %d failed steps of %d pipelines, %d batches lost, %d ends differ\n",
		directed, k.killed.Load()-directed, len(refused), len(list), k.lost.Load(), k.differing.Load())
	fmt.Printf("proof: R2 nothing is counted twice: %d kills, %d batches twice\n", k.killed.Load(), k.doubled.Load())
	fmt.Printf("proof: R3 readers beside the kills see whole releases: %d reads, %d torn\n", k.reads.Load(), k.torn.Load())
	if directed < int64(size.directed) || size.heavy && directed < 480 { // some attempts kill twice
		t.Errorf("only %d directed kills", directed)
	}
}

// logTimes tells the processor time so far of this process and of the killed ones.
func (k *killer) logTimes(what string) {
	var own, children syscall.Rusage
	if errors.Join(syscall.Getrusage(syscall.RUSAGE_SELF, &own), syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children)) == nil {
		seconds := func(r syscall.Rusage) float64 { return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds() }
		for _, name := range slices.Sorted(maps.Keys(k.spent)) {
			k.t.Logf("  %s: %.1f s", name, k.spent[name].Seconds())
		}
		k.t.Logf("%s: %d attempts, %.0f s of processor time in the program, %.0f s in the driver", what, k.number.Load(), seconds(children), seconds(own))
	}
}

// directed is one directed kill.
type directed struct {
	pipeline *pipeline
	attempt
}

// directedKills lists the first, the middle and the last hit of every point of every pipeline, at most n of them, evenly chosen
// within what is heavy. The same code gives the same list, so that a seed names a kill whatever n is.
func directedKills(list []*pipeline, n int) []directed {
	var light, dear, heavy []directed
	seed := int64(0)
	for _, p := range list {
		counts := map[string]int{}
		var names []string
		for _, name := range p.ready.hits {
			if !strings.HasPrefix(name, p.only) {
				continue
			}
			if counts[name]++; counts[name] == 1 {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			hits := slices.Compact([]int{1, (counts[name] + 1) / 2, counts[name]})
			for _, hit := range hits {
				point := fmt.Sprintf("%s@%d", name, hit)
				one := directed{p, attempt{seed: seed, what: "killed at " + point, point: point}}
				if seed%7 == 3 {
					second := 1 + rand.New(rand.NewPCG(uint64(seed), 1)).IntN(len(p.ready.hits))
					one.again = fmt.Sprintf("*=kill@%d", second)
					one.what += fmt.Sprintf(" and again at hit %d", second)
				}
				seed++
				switch {
				case p.heavy:
					heavy = append(heavy, one)
				case p.dear:
					dear = append(dear, one)
				default:
					light = append(light, one)
				}
			}
		}
	}
	few := min(n/49, len(heavy)) // they take seconds each
	some := min(max(n/8, n-few-len(light)), len(dear))
	light = spread(light, n-few-some)
	return slices.Concat(light, spread(dear, some), spread(heavy, max(few, n-len(light)-some)))
}

// spread chooses n elements at even distances.
func spread(all []directed, n int) []directed {
	if n >= len(all) {
		return all
	}
	chosen := make([]directed, 0, n)
	for i := range n {
		chosen = append(chosen, all[i*len(all)/n])
	}
	return chosen
}

// failures lists one attempt per light pipeline and point of a release that can give an error: the program ends by itself and tidies
// up. An error in ingest is another case: it holds back its feed only, and the others are released without it.
func failures(list []*pipeline) []directed {
	var all []directed
	for number, p := range list {
		for i, name := range []string{"release.before_publish", "commit.release.before_put"} {
			if slices.Contains(p.ready.hits, name) && !p.heavy {
				all = append(all, directed{p, attempt{seed: failureSeeds + int64(10*number+i), what: "an error at " + name, point: name + "@1", fails: true}})
			}
		}
	}
	return all
}

func (k *killer) kill(list []directed) {
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for _, one := range list {
		group.Go(func() error { k.runAttempt(one.pipeline, one.attempt); return nil })
	}
	_ = group.Wait() // attempts complain themselves
}

// killAtRandom kills until there were n kills in time; heavy pipelines get one in forty.
func (k *killer) killAtRandom(list []*pipeline, n int) {
	for next := int64(0); n > 0; {
		killed := make([]bool, n)
		var group errgroup.Group
		group.SetLimit(runtime.NumCPU())
		for i := range killed {
			p, a := randomKill(list, randomSeeds+next+int64(i))
			group.Go(func() error { killed[i] = k.runAttempt(p, a); return nil })
		}
		_ = group.Wait() // attempts complain themselves
		next += int64(len(killed))
		for _, ok := range killed {
			if ok {
				n--
			}
		}
	}
}

// randomKill draws a pipeline and an instant.
func randomKill(list []*pipeline, seed int64) (*pipeline, attempt) {
	random := rand.New(rand.NewPCG(uint64(seed), 2))
	var light, heavy []*pipeline
	for _, p := range list {
		if p.heavy {
			heavy = append(heavy, p)
		} else {
			light = append(light, p)
		}
	}
	from := light
	if len(heavy) > 0 && random.IntN(40) == 0 {
		from = heavy
	}
	p := from[random.IntN(len(from))]
	after := time.Duration(random.Int64N(int64(p.ready.took)))
	return p, attempt{seed: seed, what: "killed after " + after.String(), after: after}
}

// replay runs the one attempt of a seed.
func (k *killer) replay(list []*pipeline, seed int64) {
	if seed >= randomSeeds {
		p, a := randomKill(list, seed)
		k.t.Logf("%s, %s: killed %v", p.name, a.what, k.runAttempt(p, a))
		return
	}
	for _, one := range append(directedKills(list, 1<<30), failures(list)...) {
		if one.seed == seed {
			k.t.Logf("%s, %s: killed %v", one.pipeline.name, one.what, k.runAttempt(one.pipeline, one.attempt))
		}
	}
}

// points are the names that code passes, models' steps without the model.
var points = strings.Fields(`
	project.opened lake.create.before lake.create.after run.ingested
	feed.loaded fetch.page.before fetch.page.after dedupe.begin dedupe.end convert.file
	raw.put.before raw.put.after stage.start stage.copy_done staged.put.before staged.put.after
	quarantine.copy_done quarantine.put.before quarantine.put.after
	cursor.before cursor.after commit.stream.before_put commit.stream.after_put_before_ack checkpoint.before_put head.put.before head.put.after
	replay.begin replay.unpack replay.file_done
	copy.written copy.synced localfs.temp_made localfs.temp_written localfs.adopt_settled localfs.linked localfs.dir_made
	s3.put.before s3.put.after
	build.start transform.start transform.copy_done transform.verified transform.uploaded manifest.put.before manifest.put.after
	check.begin conserve.begin conserve.end candidate.put.before candidate.put.after
	release.before_publish commit.release.before_put commit.release.after_put_before_ack release.after_publish
	fetch.committed fetch.compare fetch.window_closed webhook.take.before webhook.take.after
	repair.put.before repair.put.after schedule.claimed schedule.ended schedule.noted
	commit.schedule.before_put commit.schedule.after_put_before_ack
	rebuild.built rebuild.mend.before rebuild.mend.deleted rebuild.mend.after
	report.render report.upload report.manifest commit.run.before_put commit.run.after_put_before_ack commit.document.before_put commit.document.after_put_before_ack report.archived report.copy
	alert.decided alert.noted delivery.announced delivery.sent delivery.noted
	export.begin export.temp_written export.file_written export.manifest`)

// everyPointIsReached compares the points with what the pipelines passed.
func everyPointIsReached(t *testing.T, list []*pipeline) {
	t.Helper()
	reached := map[string]bool{}
	for _, p := range list {
		for _, name := range p.ready.hits {
			if rest, ok := strings.CutPrefix(name, "transform."); ok {
				name = "transform." + rest[strings.LastIndexByte(rest, '.')+1:]
			}
			if !reached[name] && !slices.Contains(points, name) {
				t.Errorf("point %s is not in the list of points", name)
			}
			reached[name] = true
		}
	}
	for _, name := range points {
		if !reached[name] {
			t.Errorf("no pipeline reaches point %s", name)
		}
	}
}
