package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/world"
)

// killSeed replays a failing run of TestKilledRunsEndAsUndisturbedOnes.
const killSeed = 20260101

// TestKilledRunsEndAsUndisturbedOnes kills the real process at 20 random moments of a run, runs it again, and compares the
// release with the one of a project that was never disturbed: the same tables, files and conservation.
func TestKilledRunsEndAsUndisturbedOnes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts 40 processes")
	}
	world := smallWorld(t, 4)
	calm := projectOver(t, world)
	began := time.Now()
	runOmoflow(t, calm)
	whole := time.Since(began)
	want := contentOf(t, calm)
	random := rand.New(rand.NewPCG(killSeed, 0))
	killed := 0
	for attempt := range 20 {
		dir := projectOver(t, world)
		after := time.Duration(random.Int64N(int64(whole)))
		command := exec.Command("omoflow", "run", "-q", "-C", dir)
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(after, func() { _ = command.Process.Kill() }) // it may be done already
		if command.Wait() != nil {
			killed++
		}
		timer.Stop()
		runOmoflow(t, dir)
		got := contentOf(t, dir)
		for _, subject := range sortedKeys(want) {
			if got[subject] != want[subject] {
				t.Errorf("seed %d, attempt %d, killed after %s: %s differs: got %s, want %s", uint64(killSeed), attempt, after, subject, got[subject], want[subject])
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of 20 runs were killed before their end, each then ended as the undisturbed one", killed)
	if killed < 10 {
		t.Errorf("only %d of 20 runs were killed in time: the test proves little", killed)
	}
}

// smallWorld writes a few days of a small retailer and gives its inbox.
func smallWorld(t *testing.T, days int) string {
	t.Helper()
	dir := t.TempDir()
	options := world.Options{Seed: 7, Days: days, Stores: 12, SKUs: 60, Customers: 150, LinesPerDay: 200}
	if _, err := world.Write(t.Context(), dir, options, 0, days); err != nil {
		t.Fatal(err)
	}
	return dir
}

// projectOver makes a demo project whose inbox is a link to the given one.
func projectOver(t *testing.T, inbox string) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := writeProject("demo", dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(inbox, filepath.Join(dir, "inbox")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func runOmoflow(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if len(args) == 0 {
		args = []string{"run", "-q"}
	}
	output, err := exec.Command("omoflow", append(args, "-C", dir)...).CombinedOutput()
	if err != nil {
		t.Fatalf("omoflow %v: %v\n%s", args, err, output)
	}
	return string(output)
}

// contentOf is what a release says, by subject, without when and by whom it was made.
func contentOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	bucket, err := localfs.New(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	lk, err := lake.Open(context.Background(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	rel, ok, err := release.Latest(context.Background(), lk)
	if err != nil || !ok {
		t.Fatalf("no release: %v", err)
	}
	content := map[string]string{}
	for name, table := range rel.Tables {
		content["table "+name] = fmt.Sprint(table)
	}
	for _, c := range rel.Conservation {
		content["conservation "+c.Subject] = fmt.Sprint(c)
	}
	for _, m := range rel.Money {
		content["money "+m.Subject+m.Currency] = fmt.Sprint(m)
	}
	return content
}
