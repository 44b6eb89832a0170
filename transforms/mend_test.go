package transforms

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/faultstore"
)

// A table file with other bytes is set aside and made again; a store that refuses a step of it says so.
func TestRebuildMendsAlteredTables(t *testing.T) {
	s := newShop(t, 2)
	s.deliver("a", "b1", january())
	r, _ := s.publish()
	m, err := r.Manifest(t.Context(), s.lake, "sales.day")
	if err != nil {
		t.Fatal(err)
	}
	key := m.Partitions[0].Files[0].Key
	path := filepath.Join(s.dir, "lake", filepath.FromSlash(key))
	spoil := func() {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	spoil()
	plain := s.opt
	for _, op := range []faultstore.Op{faultstore.Put, faultstore.Delete} {
		store := faultstore.New(s.lake.Bucket)
		lk, err := lake.Open(t.Context(), store)
		if err != nil {
			t.Fatal(err)
		}
		s.opt.Lake, s.opt.Cache = lk, objstore.NewCache(store, t.TempDir(), 0)
		store.Script(faultstore.Fault{Kind: faultstore.Denied, Op: op, Nth: 1})
		if report, err := Rebuild(t.Context(), s.opt); fault.KindOf(err) != fault.Denied || len(report.Mended) > 0 {
			t.Errorf("%s refused: %+v %v", op, report, err)
		}
	}
	s.opt = plain
	if report, err := Rebuild(t.Context(), s.opt); err != nil || !slices.Equal(report.Mended, []string{key}) {
		t.Errorf("%+v %v", report, err)
	}
	if report, err := Rebuild(t.Context(), s.opt); err != nil || len(report.Damaged) > 0 {
		t.Errorf("again: %+v %v", report, err)
	}
}

// A log that is shorter than the release before was built from, and a stream that nobody knows, stop the build.
func TestBatchesThatCannotBe(t *testing.T) {
	s := newShop(t, 1)
	s.deliver("a", "b1", january())
	s.deliver("a", "b2", nil)
	s.publish()
	if err := s.lake.Bucket.Delete(t.Context(), journal.EntryKey(s.lake.StreamLog("till", "a").Name(), 2)); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(t.Context(), s.opt); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a log that lost its end: %v", err)
	}
	s = newShop(t, 1)
	s.deliver("a", "b1", january())
	batches, err := s.lake.Batches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	strange := batches[0].Batch
	strange.ID, strange.Staged = "b2", slices.Clone(strange.Staged)
	strange.Staged[0].Stream = "weather"
	if _, err := s.lake.StreamLog("till", "b").Append(t.Context(), 1, lake.KindBatch, strange); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(t.Context(), s.opt); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "weather") {
		t.Errorf("an unknown stream: %v", err)
	}
}

// A model by key reads a staged stream directly; an input that is declared and not read is refused at the build too.
func TestKeyedStagedInput(t *testing.T) {
	s := withModels(t, fstest.MapFS{"marts/sales/keyed.sql": table("kind: key\ngrain: [order_id]\npartition: bucket(order_id, 1)\ninputs: {staged.order: key(order_id)}",
		`WITH staged AS (SELECT * FROM {{ref "staged.order"}})
SELECT order_id, count(*) AS version_qty FROM staged GROUP BY order_id ORDER BY order_id NULLS LAST`)})
	s.opt.splitRows = 2
	var traced atomic.Int64
	s.opt.Trace = func(Statement) { traced.Add(1) }
	for _, deliver := range deliveries(s) {
		deliver()
	}
	r, _ := s.publish()
	if got := s.rows(r, "SELECT sum(version_qty) FROM sales.keyed"); !slices.Equal(got, []string{"8"}) || traced.Load() == 0 {
		t.Errorf("got %v, %d statements traced", got, traced.Load())
	}
	if report, err := Rebuild(t.Context(), s.opt); err != nil || len(report.Different) > 0 {
		t.Errorf("%+v %v", report, err)
	}
	s = withModels(t, fstest.MapFS{"marts/sales/idle.sql": table("kind: full\ngrain: [a]\ninputs: {stg_order: all}", "SELECT 1 AS a ORDER BY a NULLS LAST")})
	if _, err := Build(t.Context(), s.opt); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "declared but not read") {
		t.Errorf("got %v", err)
	}
}
