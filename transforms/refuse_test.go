package transforms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
)

// checked is a project with one table and one check over it.
func checked(check string) fstest.MapFS {
	return fstest.MapFS{
		"staging/x/plain.sql": {Data: []byte("/*\nabout: Takings.\nkind: partition\npartition: month(business_date)\ngrain: [order_id]\ninputs: {staged.order: same}\nchecks: [odd]\n" +
			"columns:\n  order_id: {type: VARCHAR, about: key}\n  location_id: {type: VARCHAR, about: shop}\n  buyer: {type: VARCHAR, about: who, pii: true}\n  total_amount: {type: \"DECIMAL(18,4)\", about: taken}\n  business_date: {type: DATE, about: day}\n*/\n" +
			"SELECT order_id, location_id, source_customer_id AS buyer, total_amount, business_date FROM {{ref \"staged.order\"}} ORDER BY order_id")},
		"checks/x/odd.sql": {Data: []byte("/*\nabout: Nothing is odd.\nseverity: warn\nkind: full\ninputs: {plain: all}\n*/\n" + check)},
	}
}

// A check's sample masks what is personal and shows what is empty as empty; one that fails names itself.
func TestASampleShowsEmptyAndHidesPersons(t *testing.T) {
	s := newShop(t, 1, checked("SELECT order_id, buyer, CAST(NULL AS VARCHAR) AS reason FROM {{ref \"plain\"}}"))
	s.deliver("a", "b1", []order{{"o1", "S1", "Zhang", "1.00", "2026-01-05", 0}})
	r, _ := s.publish()
	if len(r.Checks) != 1 || r.Checks[0].Sample != "order_id=o1, buyer=***, reason=null" {
		t.Errorf("%+v", r.Checks)
	}
	s = newShop(t, 1, checked("SELECT CAST(location_id AS INTEGER) AS n FROM {{ref \"plain\"}}"))
	s.deliver("a", "b1", []order{{"o1", "S1", "c", "1.00", "2026-01-05", 0}})
	if _, err := Build(t.Context(), s.opt); err == nil || !strings.Contains(err.Error(), "checks/x/odd.sql") {
		t.Errorf("a check that cannot be computed: %v", err)
	}
	if keys := s.keys(); len(keys) == 0 {
		t.Error("the delivery is gone")
	}
}

// An object with other rows per month than its entry says is refused when it is split; nothing is released.
func TestAnEntryThatMiscountsMonthsIsRefused(t *testing.T) {
	s := newShop(t, 1)
	s.opt.splitRows = 1
	s.deliver("a", "b1", january())
	batches, err := s.lake.Batches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e := batches[0]
	for month := range e.Staged[0].Months {
		e.Staged[0].Months[month]++
	}
	e.ID = "b2"
	if _, err := s.lake.StreamLog("till", "a").Append(t.Context(), 2, lake.KindBatch, e.Batch); err != nil {
		t.Fatal(err)
	}
	_, err = Build(t.Context(), s.opt)
	var told *fault.Error
	if !errors.As(err, &told) || told.Kind != fault.Damaged || told.Code != "split_rows" {
		t.Errorf("%v", err)
	}
}

// What differs between a release and its rebuild is told partition by partition: gone, new or changed; empty partitions are nothing.
func TestDifferencesAreToldByPartition(t *testing.T) {
	s := newShop(t, 1)
	s.deliver("a", "b1", january())
	r, _ := s.publish()
	m, err := r.Manifest(t.Context(), s.lake, "sales.day")
	if err != nil {
		t.Fatal(err)
	}
	first := m.Partitions[0]
	if list := differences("t", m, m); len(list) > 0 {
		t.Errorf("the same: %q", list)
	}
	less, other, more := m, m, m
	less.Partitions = m.Partitions[1:]
	changed := first
	changed.Files = nil
	other.Partitions = append([]release.Partition{changed}, m.Partitions[1:]...)
	empty, late := first, first
	empty.Name, empty.Files, late.Name = "2031-01", nil, "2031-02"
	more.Partitions = append(append([]release.Partition{}, m.Partitions...), empty, late)
	got := strings.Join(append(append(differences("t", m, less), differences("t", m, other)...), differences("t", m, more)...), "; ")
	if want := fmt.Sprintf("t/%[1]s: not made again; t/%[1]s: other bytes; t/2031-02: not in the release", first.Name); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Every table and manifest of a release comes out again byte for byte; what changed since is named instead of handed on; an
// interruption at any step is told.
func TestARestoreGivesTheBytesOfTheRelease(t *testing.T) {
	s := newShop(t, 2)
	var seqs []int64
	for _, deliver := range deliveries(s) {
		deliver()
		r, _ := s.publish()
		seqs = append(seqs, r.Seq)
	}
	restore := func(ctx context.Context, opt Options, seq int64, lost map[string]bool) (map[string]string, error) {
		made := map[string]string{}
		err := Restore(ctx, opt, seq, lost, func(o lake.Object, body objstore.Body) error {
			data, err := readBody(body)
			made[o.Key] = data
			return err
		})
		return made, err
	}
	for _, seq := range seqs {
		lost := map[string]bool{}
		for _, key := range s.keys() {
			if strings.HasPrefix(key, "tables/") || strings.HasPrefix(key, "manifests/") {
				lost[key] = true
			}
		}
		made, err := restore(t.Context(), s.opt, seq, lost)
		if err != nil {
			t.Fatalf("release %d: %v", seq, err)
		}
		if len(made) < 4 {
			t.Errorf("release %d: only %d objects were made again", seq, len(made))
		}
		for key, data := range made {
			stored, err := objstore.ReadAll(t.Context(), s.lake.Bucket, key, 0)
			if err != nil || string(stored) != data {
				t.Errorf("release %d: %s comes out differently: %v", seq, key, err)
			}
		}
	}
	last := seqs[len(seqs)-1]
	for at := int64(1); at < 200; at += 20 {
		if made, err := restore(interruptAt(t.Context(), at), s.opt, last, map[string]bool{}); err != nil && (len(made) > 0 || fault.KindOf(err) != fault.Interrupted && !errors.Is(err, context.Canceled)) {
			t.Errorf("step %d: %d objects, %v", at, len(made), err)
		}
	}
	if _, err := restore(t.Context(), s.opt, last+7, nil); err == nil {
		t.Error("a release that does not exist was restored")
	}
	full := errors.New("full")
	if err := Restore(t.Context(), s.opt, last, map[string]bool{}, func(lake.Object, objstore.Body) error { return full }); !errors.Is(err, full) {
		t.Errorf("what cannot be kept: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "models")
	if err := os.CopyFS(dir, os.DirFS("testdata/shop")); err != nil {
		t.Fatal(err)
	}
	own := fstest.MapFS{"marts/sales/quarter.sql": model("", "SELECT 1 AS a ORDER BY a")}
	project, err := Load(os.DirFS(dir), own)
	if err != nil {
		t.Fatal(err)
	}
	changed := s.opt
	changed.Project, changed.Config = project, maps.Clone(s.opt.Config)
	made, err := restore(t.Context(), changed, last, map[string]bool{})
	if fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error()+fault.HintOf(err), "sales.quarter") {
		t.Errorf("a changed model: %d objects, %v, %q", len(made), err, fault.HintOf(err))
	}
}

func readBody(body objstore.Body) (string, error) {
	r, err := body.Open()
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(r)
	return string(data), errors.Join(err, r.Close())
}
