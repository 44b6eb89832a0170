package release_test

import (
	"context"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
	"github.com/omoflow/omoflow/internal/release"
)

func newLake(t *testing.T) *lake.Lake {
	t.Helper()
	lk, err := lake.Create(context.Background(), mem.New())
	if err != nil {
		t.Fatal(err)
	}
	return lk
}

func TestPublishIsAtomicAndKeepsThePast(t *testing.T) {
	ctx, lk := context.Background(), newLake(t)
	if _, ok, err := release.Latest(ctx, lk); ok || err != nil {
		t.Fatalf("a new lake has a release: %v", err)
	}
	m := release.Manifest{Table: "sales.order", Columns: []release.Column{{Name: "id", Type: "BIGINT"}}}
	sha, err := release.PutManifest(ctx, lk, m)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := release.PutManifest(ctx, lk, m); err != nil || again != sha {
		t.Fatalf("the same manifest is another object: %s %v", again, err)
	}
	r := release.Release{Streams: map[string]int64{"stream/a/b": 3}, Tables: map[string]release.TableRef{"sales.order": m.Ref(sha)}, Engine: "e", Code: "c"}
	first, err := release.Publish(ctx, lk, 0, r)
	if err != nil || first.Seq != 1 || first.Hash == "" || first.At.IsZero() {
		t.Fatalf("first: %+v %v", first, err)
	}
	if _, err := release.Publish(ctx, lk, 0, r); fault.KindOf(err) != fault.Conflict {
		t.Fatalf("publishing beside the tail: %v", err)
	}
	second, err := release.Publish(ctx, lk, first.Seq, first)
	if err != nil || second.Seq != 2 || second.Parent != 1 {
		t.Fatalf("second: %+v %v", second, err)
	}
	latest, ok, err := release.Latest(ctx, lk)
	if err != nil || !ok || latest.Hash != second.Hash {
		t.Fatalf("latest: %+v %v", latest, err)
	}
	past, err := release.At(ctx, lk, 1)
	if err != nil || past.Hash != first.Hash {
		t.Fatalf("past: %+v %v", past, err)
	}
	for _, seq := range []int64{-1, 0, 3} {
		if _, err := release.At(ctx, lk, seq); fault.KindOf(err) != fault.Usage {
			t.Errorf("release %d: %v", seq, err)
		}
	}
	all, err := release.List(ctx, lk)
	if err != nil || len(all) != 2 || all[0].Seq != 1 {
		t.Errorf("list: %v %v", all, err)
	}
	got, err := latest.Manifest(ctx, lk, "sales.order")
	if err != nil || got.Table != "sales.order" {
		t.Errorf("manifest: %+v %v", got, err)
	}
	if _, err := latest.Manifest(ctx, lk, "sales.ordr"); fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "sales.order") {
		t.Errorf("misspelt table: %v, hint %q", err, fault.HintOf(err))
	}
}

type recorder struct{ statements []string }

func (r *recorder) Exec(_ context.Context, sql string, _ ...any) error {
	r.statements = append(r.statements, sql)
	return nil
}

func TestMountOfAnEmptyTableKeepsItsTypes(t *testing.T) {
	var q recorder
	m := release.Manifest{Table: "sales.order", Columns: []release.Column{{Name: "id", Type: "BIGINT"}, {Name: `a"b`, Type: "DECIMAL(18,4)"}}}
	if err := release.MountManifest(context.Background(), &q, objstore.NewCache(mem.New(), t.TempDir(), 0), m); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`CREATE SCHEMA IF NOT EXISTS "sales"`,
		`CREATE OR REPLACE VIEW "sales"."order" AS SELECT CAST(NULL AS BIGINT) AS "id", CAST(NULL AS DECIMAL(18,4)) AS "a""b" WHERE false`,
	}
	if strings.Join(q.statements, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(q.statements, "\n"))
	}
}
