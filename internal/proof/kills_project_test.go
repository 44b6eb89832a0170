package proof

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/world"
)

// killWorld is the retailer behind the killed pipelines: small, with every dialect of two stores and three platforms.
var killWorld = world.Options{Seed: 7, Days: 4, Stores: 2, SKUs: 20, Customers: 30, LinesPerDay: 10}

// pipeline is one way to use the program on a prepared project. Killed anywhere, repeating it must end like the calm run.
type pipeline struct {
	name  string
	args  []string                        // the command that is killed
	again [][]string                      // what the operator runs after a kill; empty: args
	exit  int                             // of the calm run
	heavy bool                            // a run takes seconds: PR-sized proofs kill it at fewer points
	dear  bool                            // a run takes half a second: PR-sized proofs kill it at every other point
	quick bool                            // killed in the fast slice too
	make  func(k *killer, dir string)     // completes the project in dir, a copy of the base
	check func(k *killer, project string) // compares the calm end with what is known from elsewhere

	content func(k *killer, dir string) map[string]string                      // what ends are compared by; nil: contentOf
	drive   func(k *killer, dir string, command *exec.Cmd, said func() string) // talks to a service, and ends it
	between func(k *killer, dir string)                                        // what happens between a kill and the repetition
	only    string                                                             // kill at points of this name's start only: the others come at any time
	damaged bool                                                               // its files are damaged on purpose, or its releases come at any time: readers do not look
	ready   *prepared
}

// pipelines lists the ways to use the program that are killed.
func pipelines() []*pipeline {
	run := []string{"run", "-q"}
	return []*pipeline{
		{name: "corrections", dear: true, args: run, quick: true, make: deliverCorrections},
		{name: "checkpoint", args: run, dear: true, make: fillCheckpoint},
		{name: "replay", dear: true, quick: true, args: []string{"quarantine", "replay", "-q"}, again: [][]string{{"quarantine", "replay", "-q"}, run}, make: mendProfile},
		{name: "blocked", args: run, exit: 4, make: addFailingCheck},
		{name: "joint-meeting", args: []string{"report", "joint-meeting", "-q"}, quick: true},
		{name: "quarterly", args: []string{"report", "quarterly", "-q"}},
		{name: "export", args: []string{"export", "-q"}, quick: true},
		{name: "s3", args: run, dear: true, make: moveToS3},
		{name: "world", args: run, heavy: true, make: deliverDays, check: equalsTruth},
		{name: "first", args: run, heavy: true, make: forgetLake},
		{name: "rebuild", args: []string{"rebuild", "-q"}, heavy: true, make: damageTables, damaged: true},
		{name: "repair", args: []string{"repair", "-q"}, make: damageEverything, damaged: true},
		{name: "job", args: []string{"schedule", "run", "-q"}, make: makeJobDue, content: jobContent, between: lapse},
		{name: "pull", args: []string{"run", "-q", "--no-release"}, make: openShop, content: shopContent, check: equalsShop},
		{name: "backfill", args: []string{"run", "-q", "--no-release", "--source", "shop", "--from", "2026-01-01", "--to", "2026-03-31"}, make: openShop, content: shopContent, check: equalsShop},
		{name: "webhooks", args: []string{"serve", "--webhooks", "--listen", "127.0.0.1:0"}, make: listenOnly, content: shopContent, check: equalsSent, drive: sendWebhooks, only: "webhook.", damaged: true},
		alerting(),
	}
}

// releasedDays is how many days the base project has taken in.
const releasedDays = 2

// makeBase writes the project that all pipelines start from: the demo's, with the first days of the world released.
func (k *killer) makeBase(dir string) {
	k.t.Helper()
	k.must(os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "cmd", "omoflow", "project", "demo"))))
	k.edit(filepath.Join(dir, "omoflow.yaml"), "profile: ./profiles/feedback.yaml, settle: 0s", "profile: ./profiles/feedback.yaml, settle: 0s, refuse_over: 60%")
	_, err := world.Write(k.t.Context(), filepath.Join(dir, "inbox"), killWorld, 0, releasedDays)
	k.must(err)
	k.calm(dir, []string{"run", "-q"}, 0)
}

// deliverCorrections makes a delivery with a correction, known bytes under a new name, a record that is refused and a first file
// of a feed.
func deliverCorrections(k *killer, dir string) {
	inbox := filepath.Join(dir, "inbox")
	feedback := k.read(filepath.Join(inbox, "care", "feedback-2026-01-02.csv"))
	lines := strings.SplitAfter(feedback, "\n")
	k.deliver(filepath.Join(inbox, "care", "feedback-2026-01-02.csv"), strings.Replace(feedback, ",nps,", ",review,", 1))
	k.deliver(filepath.Join(inbox, "care", "feedback-2026-01-03.csv"), lines[0]+
		"FB-9-1,nps,online,WEB,,9,10,service,quick,2026-01-03 08:00:00,\n"+
		"FB-9-2,nps,online,WEB,,many,10,service,odd,2026-01-03 09:00:00,\n")
	promotions := filepath.Join(inbox, "erp", "promotions-2026-01-01.csv")
	k.deliver(filepath.Join(inbox, "erp", "promotions-2026-01-02.csv"), k.read(promotions))
	targets := filepath.Join(inbox, "erp", "targets-2026-01-01.csv")
	rows := strings.SplitAfter(k.read(targets), "\n")
	k.deliver(targets, strings.Join(rows[:len(rows)-2], ""))
}

// fillCheckpoint delivers a file whose entry is the one that fills a checkpoint.
func fillCheckpoint(k *killer, dir string) {
	k.fillLog(dir, "erp", "targets")
	targets := filepath.Join(dir, "inbox", "erp", "targets-2026-01-01.csv")
	rows := strings.SplitAfter(k.read(targets), "\n")
	k.deliver(targets, strings.Join(rows[:len(rows)-2], ""))
}

// mendProfile lets a refused score through, as a missing value, so that a replay takes its file again.
func mendProfile(k *killer, dir string) {
	deliverCorrections(k, dir)
	k.calm(dir, []string{"run", "-q"}, 0)
	k.edit(filepath.Join(dir, "profiles", "feedback.yaml"), "score: score,", "score: {from: score, bad: null},")
}

// addFailingCheck gives the project a check that holds the release back, so that a candidate is stored.
func addFailingCheck(k *killer, dir string) {
	k.edit(filepath.Join(dir, "omoflow.yaml"), "lake: ./lake", "lake: ./lake\nmodels: ./models")
	folder := filepath.Join(dir, "models", "checks", "sales")
	k.must(os.MkdirAll(folder, 0o755))
	k.must(os.WriteFile(filepath.Join(folder, "held_back.sql"), []byte(`/*
about: "Nobody has agreed to the release yet."
owner: data
severity: block
inputs:
  sales.day: all
*/
WITH sales_day AS (SELECT * FROM {{ref "sales.day"}})
SELECT
  count(*) AS row_qty,
  'not agreed' AS reason
FROM sales_day
`), 0o644))
}

// deliverDays lets the rest of the world arrive: late, corrected, repeated and dirty files among it.
func deliverDays(k *killer, dir string) {
	_, err := world.Write(k.t.Context(), filepath.Join(dir, "inbox"), killWorld, releasedDays, killWorld.Days)
	k.must(err)
}

// forgetLake leaves the inbox only.
func forgetLake(k *killer, dir string) { k.must(os.RemoveAll(filepath.Join(dir, "lake"))) }

// damageTables takes away a table's file and spoils two others; a rebuild writes them again.
func damageTables(k *killer, dir string) {
	for i, table := range []string{"sales.order", "sales.payment", "customer.customer"} {
		folder := filepath.Join(dir, "lake", "tables", table)
		file := ""
		k.must(filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				file = path
			}
			return err
		}))
		k.must(os.Remove(file)) // a link; the base keeps its file
		if i > 0 {
			k.must(os.WriteFile(file, []byte("spoilt"), 0o644))
		}
	}
}

// fillLog adds entries to a stream log until the next one fills a checkpoint.
func (k *killer) fillLog(dir, source, feed string) {
	ctx := context.Background()
	bucket, err := localfs.New(filepath.Join(dir, "lake"))
	k.must(err)
	lk, err := lake.Open(ctx, bucket)
	k.must(err)
	log := lk.StreamLog(source, feed)
	for {
		e, err := log.Claim(ctx)
		k.must(err)
		if e.Seq%checkpointSize == checkpointSize-1 {
			return
		}
	}
}

// deliver puts a file in place in one step. A hard link elsewhere keeps the old bytes.
func (k *killer) deliver(path, text string) {
	k.t.Helper()
	k.must(os.WriteFile(path+".part", []byte(text), 0o644))
	k.must(os.Rename(path+".part", path))
}

func (k *killer) read(path string) string {
	k.t.Helper()
	text, err := os.ReadFile(path)
	k.must(err)
	return string(text)
}

func (k *killer) edit(path, from, to string) {
	k.t.Helper()
	text := k.read(path)
	if !strings.Contains(text, from) {
		k.t.Fatalf("%s does not hold %q", path, from)
	}
	k.deliver(path, strings.Replace(text, from, to, 1))
}

func (k *killer) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

// linkTree copies a folder by hard links, which is quick and safe where files are never written into.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == from {
			return nil // nothing to copy
		}
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		return os.Link(path, target)
	})
}

// scratchRoot is a folder on a memory disk where there is one: a killed process does not need the disk's promises.
func scratchRoot(t *testing.T) string {
	t.Helper()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		if dir, err := os.MkdirTemp("/dev/shm", "omoflow-kills-"); err == nil {
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			return dir
		}
	}
	return t.TempDir()
}
