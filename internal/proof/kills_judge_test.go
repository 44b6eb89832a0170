package proof

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/inspect"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/internal/world"
)

// contentOf is what a project holds, by subject, without when and by whom it was made: every entry of every log, the tables of the
// release down to their files' hashes, conservation, the archive of documents and the written files.
func (k *killer) contentOf(dir string) map[string]string {
	content := map[string]string{}
	bad := func(err error) map[string]string {
		content["error"] = err.Error()
		return content
	}
	ctx := context.Background()
	lk, err := lakeOf(dir)
	if err != nil {
		return bad(err)
	}
	logs, err := journal.Logs(ctx, lk.Bucket, "")
	if err != nil {
		return bad(err)
	}
	for _, name := range logs {
		if strings.HasPrefix(name, "run/") {
			continue // what ran is another thing after a crash; a killed run leaves no record
		}
		err := journal.Open(lk.Bucket, name, journal.Options{}).Read(ctx, 1, func(e journal.Entry) error {
			body := string(e.Body)
			if e.Kind == release.KindRelease {
				body = "" // below
			}
			content[fmt.Sprintf("entry %s %d", name, e.Seq)] = e.Kind + " " + body
			return nil
		})
		if err != nil {
			return bad(err)
		}
	}
	rel, _, err := release.Latest(ctx, lk)
	if err != nil {
		return bad(err)
	}
	describeRelease(content, "release", rel)
	if candidate, ok, err := release.Candidate(ctx, lk); err != nil {
		return bad(err)
	} else if ok {
		describeRelease(content, "candidate", candidate)
	}
	report, err := inspect.Run(ctx, lk.Bucket, inspect.Options{Data: true})
	if err != nil {
		return bad(err)
	}
	for _, f := range report.Findings {
		content["damage "+f.Key] = f.Err.Error()
	}
	if err := describeFiles(ctx, content, lk, dir); err != nil {
		return bad(err)
	}
	return content
}

func describeRelease(content map[string]string, what string, rel release.Release) {
	content[what] = fmt.Sprint(rel.Seq, rel.Parent, rel.Streams, rel.Engine)
	for name, table := range rel.Tables {
		content[what+" table "+name] = fmt.Sprint(table)
	}
	for _, c := range rel.Checks {
		content[what+" check "+c.Name+" of "+c.Model] = fmt.Sprint(c)
	}
	for _, c := range rel.Conservation {
		content[what+" conservation "+c.Subject] = fmt.Sprint(c)
		if !c.Balanced {
			content["unbalanced "+c.Subject] = fmt.Sprint(c)
		}
	}
	for _, m := range rel.Money {
		content[what+" money "+m.Subject+m.Currency] = fmt.Sprint(m)
	}
}

// describeFiles hashes documents, exports and checkpoints, and names what a crash left in the way.
func describeFiles(ctx context.Context, content map[string]string, lk *lake.Lake, dir string) error {
	for _, prefix := range []string{"reports/", "journal/"} {
		err := lk.Bucket.List(ctx, prefix, "", func(info objstore.Info) error {
			if prefix == "journal/" && (!strings.Contains(info.Key, "checkpoint") || strings.HasPrefix(info.Key, "journal/run/")) {
				return nil
			}
			data, err := objstore.ReadAll(ctx, lk.Bucket, info.Key, 0)
			content["object "+info.Key] = shortHash(data)
			if prefix == "journal/" {
				content["object "+info.Key] = "" // entries hold the time they were made at
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, folder := range []string{"reports", "exports"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && entry.IsDir() {
				return nil
			}
			if err != nil {
				return err
			}
			data, err := os.ReadFile(path)
			content["file "+strings.TrimPrefix(path, dir)] = shortHash(data)
			return err
		})
		if err != nil {
			return err
		}
	}
	scratch, err := filepath.Glob(filepath.Join(dir, "lake", objstore.Reserved, "work", "*"))
	for _, path := range scratch {
		content["left behind "+strings.TrimPrefix(path, dir)] = ""
	}
	return err
}

func shortHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// judge compares the end of an attempt with the calm one.
func (k *killer) judge(p *pipeline, a attempt, r *prepared, dir string) bool {
	got := k.content(p, dir)
	k.countBatches(r.end, got)
	var differences []string
	for _, subject := range slices.Sorted(maps.Keys(r.end)) {
		if text, ok := got[subject]; !ok {
			differences = append(differences, subject+" is missing")
		} else if text != r.end[subject] {
			differences = append(differences, fmt.Sprintf("%s: got %.300s, want %.300s", subject, text, r.end[subject]))
		}
	}
	for _, subject := range slices.Sorted(maps.Keys(got)) {
		if _, ok := r.end[subject]; !ok {
			differences = append(differences, fmt.Sprintf("%s is new: %.300s", subject, got[subject]))
		}
	}
	if len(differences) > 0 {
		k.complain(p, a, strings.Join(differences[:min(len(differences), 8)], "\n    ")+"\n  project "+dir)
	}
	return len(differences) == 0
}

// countBatches counts the batches that the calm journal has and this one has not, and those it has twice.
func (k *killer) countBatches(want, got map[string]string) {
	ids := func(content map[string]string) map[string]int {
		counted := map[string]int{}
		for subject, text := range content {
			body, ok := strings.CutPrefix(text, lake.KindBatch+" ")
			var batch lake.Batch
			if strings.HasPrefix(subject, "entry ") && ok && json.Unmarshal([]byte(body), &batch) == nil {
				counted[batch.ID]++
			}
		}
		return counted
	}
	calm, now := ids(want), ids(got)
	for id, n := range calm {
		k.lost.Add(int64(max(0, n-now[id])))
	}
	for id, n := range now {
		k.doubled.Add(int64(max(0, n-calm[id])))
	}
}

// releaseOf digests the tables of a project's latest release; "" when there is none.
func (k *killer) releaseOf(dir string) string {
	lk, err := lakeOf(dir)
	if errors.Is(err, objstore.ErrNotFound) {
		return ""
	}
	k.must(err)
	rel, ok, err := release.Latest(context.Background(), lk)
	k.must(err)
	if !ok {
		return ""
	}
	return tablesOf(rel)
}

func tablesOf(rel release.Release) string {
	return shortHash(fmt.Append(nil, rel.Tables, rel.Streams, rel.Conservation))
}

// watcher is a reader that looks at the lake all the while.
type watcher struct {
	end  chan struct{}
	done chan struct{}
}

func (w *watcher) stop() {
	close(w.end)
	<-w.done
}

// watch reads the latest release over and over: it must be the one before or the one after, with every manifest and file that it names.
func (k *killer) watch(dir string, r *prepared) *watcher {
	w := &watcher{end: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		if r.unread {
			return
		}
		var lk *lake.Lake
		seen, pause := "", 100*time.Millisecond
		if strings.HasSuffix(r.dir, "s3") {
			pause = 250 * time.Millisecond // each look is a handful of requests
		}
		for last := false; !last; {
			select {
			case <-w.end:
				last = true
			case <-time.After(pause):
			}
			var err error
			if lk == nil {
				if lk, err = lakeOf(dir); err != nil {
					continue // not made yet
				}
			}
			if seen, err = k.look(lk, r, seen); err != nil {
				k.torn.Add(1)
				k.complain(&pipeline{name: filepath.Base(r.dir)}, attempt{}, "a reader saw a torn release: "+err.Error())
				return
			}
		}
	}()
	return w
}

// look reads the latest release once; one that was found whole is not read again in full.
func (k *killer) look(lk *lake.Lake, r *prepared, seen string) (string, error) {
	ctx := context.Background()
	rel, ok, err := release.Latest(ctx, lk)
	if err != nil {
		return seen, err
	}
	k.reads.Add(1)
	if !ok || rel.Hash == seen {
		return seen, nil
	}
	if now := tablesOf(rel); now != r.before && now != r.after && r.after != "" {
		return seen, fmt.Errorf("release %d is neither the one before nor the one after", rel.Seq)
	}
	for table := range rel.Tables {
		m, err := rel.Manifest(ctx, lk, table)
		if err != nil {
			return seen, err
		}
		for _, part := range m.Partitions {
			for _, f := range part.Files {
				info, err := lk.Bucket.Head(ctx, f.Key)
				if err != nil {
					return seen, err
				}
				if info.Size != f.Bytes {
					return seen, fmt.Errorf("%s has %d bytes instead of %d", f.Key, info.Size, f.Bytes)
				}
			}
		}
	}
	return rel.Hash, nil
}

// equalsTruth holds the release against what the simulation knows.
func equalsTruth(k *killer, dir string) {
	k.t.Helper()
	ctx := k.t.Context()
	lk, err := lakeOf(dir)
	k.must(err)
	rel, _, err := release.Latest(ctx, lk)
	k.must(err)
	db, err := warehouse.Open(ctx, warehouse.Options{Threads: 2})
	k.must(err)
	defer db.Close()
	k.must(release.Mount(ctx, db, lk, objstore.NewCache(lk.Bucket, filepath.Join(k.root, "cache-truth"), 1<<30), rel))
	truth, err := world.TruthOf(killWorld)
	k.must(err)
	differences, err := truth.Compare(ctx, func(ctx context.Context, sql string) ([][]string, error) { return db.Text(ctx, sql) })
	k.must(err)
	for _, difference := range differences[:min(len(differences), 10)] {
		k.t.Errorf("the calm run of the world differs from the truth: %v", difference)
	}
}
