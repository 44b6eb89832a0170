package release_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/objstore/mem"
	"github.com/omoflow/omoflow/internal/release"
)

func TestCandidateIsReplacedAndNeverCurrent(t *testing.T) {
	ctx, lk := t.Context(), newLake(t)
	if _, ok, err := release.Candidate(ctx, lk); ok || err != nil {
		t.Fatalf("a new lake has a candidate: %v", err)
	}
	for _, code := range []string{"first", "second"} {
		r := release.Release{Code: code, Checks: []release.Check{{Name: "unique_grain", Model: "sales.order", Severity: "block", Status: "failed", Rows: 3}}}
		if err := release.PutCandidate(ctx, lk, r); err != nil {
			t.Fatal(err)
		}
	}
	got, ok, err := release.Candidate(ctx, lk)
	if err != nil || !ok || got.Code != "second" || got.Seq != 0 || got.Checks[0].Rows != 3 {
		t.Errorf("%+v %v", got, err)
	}
	if _, ok, err := release.Latest(ctx, lk); ok || err != nil {
		t.Errorf("a candidate was published: %v", err)
	}
}

func TestOneOfManyPublishersWins(t *testing.T) {
	lk := newLake(t)
	var wins, losses atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			switch _, err := release.Publish(t.Context(), lk, 0, release.Release{Code: "c"}); {
			case err == nil:
				wins.Add(1)
			case fault.KindOf(err) == fault.Conflict:
				losses.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if wins.Load() != 1 || losses.Load() != 7 {
		t.Errorf("%d won, %d lost", wins.Load(), losses.Load())
	}
}

func TestOtherEntriesOfTheLogAreNoReleases(t *testing.T) {
	ctx, lk := t.Context(), newLake(t)
	if _, err := lk.ReleaseLog().Claim(ctx); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := release.Latest(ctx, lk); ok || err != nil {
		t.Fatalf("a claim is a release: %v", err)
	}
	r, err := release.Publish(ctx, lk, 0, release.Release{Code: "c"})
	if err != nil || r.Seq != 2 {
		t.Fatalf("%+v %v", r, err)
	}
	if _, err := lk.ReleaseLog().Append(ctx, 3, "pin", map[string]int64{"release": 2}); err != nil {
		t.Fatal(err)
	}
	latest, ok, err := release.Latest(ctx, lk)
	if err != nil || !ok || latest.Seq != 2 {
		t.Errorf("%+v %v", latest, err)
	}
	if _, err := release.At(ctx, lk, 1); fault.KindOf(err) != fault.Usage {
		t.Errorf("got %v", err)
	}
	next, err := release.Publish(ctx, lk, 2, release.Release{Code: "d"})
	if err != nil || next.Seq != 4 || next.Parent != 2 {
		t.Errorf("%+v %v", next, err)
	}
	if all, err := release.List(ctx, lk); err != nil || len(all) != 2 {
		t.Errorf("%v %v", all, err)
	}
}

func TestDamagedManifestIsNamed(t *testing.T) {
	ctx, lk := t.Context(), newLake(t)
	sha, err := release.PutManifest(ctx, lk, release.Manifest{Table: "t"})
	if err != nil {
		t.Fatal(err)
	}
	key := lake.ManifestKey("t", sha)
	r := release.Release{Seq: 1, Tables: map[string]release.TableRef{"t": {Manifest: sha}}}
	_ = lk.Bucket.Delete(ctx, key)
	if _, err := r.Manifest(ctx, lk, "t"); fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error(), key) || fault.HintOf(err) == "" {
		t.Errorf("missing: %v", err)
	}
	if _, err := lk.Bucket.PutIfAbsent(ctx, key, objstore.Bytes([]byte(`{"format":1,"table":"t"}`)), objstore.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Manifest(ctx, lk, "t"); fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error(), key) {
		t.Errorf("altered: %v", err)
	}
}

func TestDamagedReleaseIsNamed(t *testing.T) {
	ctx, lk := t.Context(), newLake(t)
	if _, err := lk.ReleaseLog().Append(ctx, 1, release.KindRelease, []int{1}); err != nil {
		t.Fatal(err)
	}
	_, _, err := release.Latest(ctx, lk)
	if fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error(), journal.EntryKey("release", 1)) {
		t.Errorf("got %v", err)
	}
}

func TestMountReadsVerifiedFilesInPlace(t *testing.T) {
	ctx := context.Background()
	b, err := localfs.New(filepath.Join(t.TempDir(), "la[k]e*'?"))
	if err != nil {
		t.Fatal(err)
	}
	lk, err := lake.Create(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	file := func(partition, content string) lake.Object {
		sum := sha256.Sum256([]byte(content))
		sha := hex.EncodeToString(sum[:])
		key := lake.TableKey("t", partition, sha)
		if _, err := b.PutIfAbsent(ctx, key, objstore.Bytes([]byte(content)), objstore.PutOptions{SHA256: sha}); err != nil {
			t.Fatal(err)
		}
		return lake.Object{Key: key, SHA256: sha, Bytes: int64(len(content)), Rows: 1}
	}
	good, empty := file("2026-01", "one"), file("2026-02", "none")
	empty.Rows = 0
	m := release.Manifest{Table: "t", Columns: []release.Column{{Name: "id", Type: "BIGINT"}}, Partitions: []release.Partition{
		{Name: "2026-01", Files: []lake.Object{good}}, {Name: "2026-02", Files: []lake.Object{empty}},
	}}
	sha, err := release.PutManifest(ctx, lk, m)
	if err != nil {
		t.Fatal(err)
	}
	r := release.Release{Tables: map[string]release.TableRef{"t": m.Ref(sha)}}
	if ref := r.Tables["t"]; ref.Rows != 1 || ref.Partitions != 2 {
		t.Errorf("%+v", ref)
	}
	var q recorder
	if err := release.Mount(ctx, &q, lk, objstore.NewCache(b, "", 0), r); err != nil {
		t.Fatal(err)
	}
	want := `/la[[]k]e[*]''[?]/` + good.Key + `'], hive_partitioning = false)`
	if len(q.statements) != 1 || !strings.HasPrefix(q.statements[0], `CREATE OR REPLACE VIEW "main"."t" AS SELECT "id" FROM read_parquet(['`) || !strings.HasSuffix(q.statements[0], want) {
		t.Errorf("got %q", q.statements)
	}
	if err := b.Delete(ctx, good.Key); err != nil {
		t.Fatal(err)
	}
	err = release.Mount(ctx, &q, lk, objstore.NewCache(b, "", 0), r, "t")
	if fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error(), good.Key) {
		t.Errorf("a lost file: %v", err)
	}
	if err := release.Mount(ctx, &q, lk, objstore.NewCache(b, "", 0), r, "u"); fault.KindOf(err) != fault.Usage {
		t.Errorf("an unknown table: %v", err)
	}
}

type failingExec struct{}

func (failingExec) Exec(context.Context, string, ...any) error { return errExec }

var errExec = errors.New("no such function")

func TestMountPassesTheEnginesErrorOn(t *testing.T) {
	err := release.MountManifest(t.Context(), failingExec{}, objstore.NewCache(mem.New(), "", 0), release.Manifest{Table: "a.b"})
	if !errors.Is(err, errExec) || !strings.Contains(err.Error(), "a.b") {
		t.Errorf("got %v", err)
	}
}
