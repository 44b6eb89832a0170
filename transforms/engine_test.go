package transforms

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// shop is a lake on a local directory with what is needed to build it.
type shop struct {
	t    *testing.T
	dir  string
	lake *lake.Lake
	opt  Options
}

func newShop(t *testing.T, threads int, trees ...fs.FS) *shop {
	t.Helper()
	dir := t.TempDir()
	bucket, err := localfs.New(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	lk, err := lake.Create(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	db, err := warehouse.Open(t.Context(), warehouse.Options{Threads: threads, MemoryLimit: "1GiB", TempDir: filepath.Join(dir, "spill")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if len(trees) == 0 {
		trees = []fs.FS{os.DirFS("testdata/shop")}
	}
	project, err := Load(trees...)
	if err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
	return &shop{t: t, dir: dir, lake: lk, opt: Options{
		Lake: lk, DB: db, Cache: objstore.NewCache(bucket, filepath.Join(dir, "cache"), 0), Project: project, Dir: filepath.Join(dir, "scratch"),
		Config: map[string]string{"home_currency": "CNY"}, Code: "test",
	}}
}

// publish builds and publishes, and gives what was done per table.
func (s *shop) publish() (release.Release, map[string]Progress) {
	s.t.Helper()
	candidate, err := Build(s.t.Context(), s.opt)
	if err != nil {
		s.t.Fatal(err, fault.HintOf(err))
	}
	r, err := candidate.Publish(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	done := map[string]Progress{}
	for _, p := range candidate.Tables {
		done[p.Table] = p
	}
	return r, done
}

// content gives the files of every partition of a release.
func (s *shop) content(r release.Release) map[string]string {
	s.t.Helper()
	all := map[string]string{}
	for table := range r.Tables {
		m, err := r.Manifest(s.t.Context(), s.lake, table)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, p := range m.Partitions {
			for _, f := range p.Files {
				all[table+"/"+p.Name] += f.SHA256
			}
		}
	}
	return all
}

func (s *shop) keys() []string {
	s.t.Helper()
	var keys []string
	if err := s.lake.Bucket.List(s.t.Context(), "", "", func(i objstore.Info) error { keys = append(keys, i.Key); return nil }); err != nil {
		s.t.Fatal(err)
	}
	return keys
}

// rows reads a table of a release.
func (s *shop) rows(r release.Release, query string) []string {
	s.t.Helper()
	if err := release.Mount(s.t.Context(), s.opt.DB, s.lake, s.opt.Cache, r); err != nil {
		s.t.Fatal(err)
	}
	rows, err := s.opt.DB.Text(s.t.Context(), query)
	if err != nil {
		s.t.Fatal(err)
	}
	var lines []string
	for _, row := range rows {
		lines = append(lines, strings.Join(row, " "))
	}
	return lines
}

func january() []order {
	return []order{
		{"o1", "S1", "c1", "10.00", "2026-01-05", 0}, {"o2", "S1", "c2", "5.50", "2026-01-31", 0}, {"o3", "S2", "c1", "7.00", "2026-02-01", 0},
		{"o4", "S2", "c3", "1.00", "2026-04-02", 1}, {"o5", "S1", "", "2.00", "2026-04-03", 1}, {"o6", "S1", "c2", "9.00", "", 1},
	}
}

// deliveries is a history with a new month, late rows, a correction of a file, a new version of an order and a quiet day.
func deliveries(s *shop) []func() {
	return []func(){
		func() { s.deliver("a", "b1", january()) },
		func() { s.deliver("a", "b2", []order{{"o7", "S3", "c4", "4.00", "2026-05-01", 0}}) },
		func() { s.deliver("b", "b3", []order{{"o8", "S1", "c1", "3.00", "2026-01-06", 0}}) },
		func() { s.deliver("a", "b4", nil) },
		func() {
			s.deliver("a", "b5", []order{{"o4", "S2", "c3", "1.50", "2026-04-02", 0}, {"o9", "S2", "c9", "8.00", "2026-04-02", 0}}, lake.FileRef{Batch: "b1", FileNo: 1})
		},
		func() { s.deliver("a", "b6", []order{{"o1", "S1", "c1", "11.00", "2026-01-05", 0}}) },
	}
}

func TestIncrementalEqualsFull(t *testing.T) {
	step := newShop(t, 2)
	var last release.Release
	for _, deliver := range deliveries(step) {
		deliver()
		last, _ = step.publish()
	}
	want := step.content(last)
	if len(want) < 25 {
		t.Fatalf("only %d partitions: %v", len(want), want)
	}
	if got := step.rows(last, "SELECT location_id, total_amount, month FROM sales.balance ORDER BY month, location_id"); !slices.Contains(got, "S1 19.5000 2026-03-01") || !slices.Contains(got, "S2 16.5000 2026-04-01") {
		t.Errorf("balance: %v", got)
	}
	if got := step.rows(last, "SELECT week_end, total_amount FROM sales.week ORDER BY 1"); !slices.Equal(got, []string{"2026-01-11 14.0000", "2026-02-01 12.5000", "2026-04-05 9.5000", "2026-05-03 4.0000"}) {
		t.Errorf("week: %v", got)
	}
	for _, line := range last.Conservation {
		if !line.Balanced || line.Subject == "staged.order" && (line.Read != 11 || line.Superseded != 3 || line.Duplicate != 1 || line.InTable != 7) {
			t.Errorf("conservation: %+v", line)
		}
	}
	if report, err := Rebuild(t.Context(), step.opt); err != nil || len(report.Different) > 0 {
		t.Errorf("rebuild: %+v, %v", report, err)
	}
	for _, threads := range []int{1, 2, 8} {
		for _, splitRows := range []int64{1, 0} {
			full := newShop(t, threads)
			full.opt.splitRows, full.opt.Workers = splitRows, threads%3+1
			for _, deliver := range deliveries(full) {
				deliver()
			}
			r, _ := full.publish()
			if got := full.content(r); !maps.Equal(got, want) {
				t.Errorf("%d threads, split from %d rows: a full build differs\n%v\n%v", threads, splitRows, got, want)
			}
		}
	}
}

func TestOnlyWhatChangedIsBuilt(t *testing.T) {
	s := newShop(t, 2)
	s.deliver("a", "b1", january())
	first, _ := s.publish()
	before := s.keys()
	again, done := s.publish()
	if again.Seq != first.Seq || len(done) > 0 || !slices.Equal(before, s.keys()) {
		t.Errorf("nothing new, yet release %d after %d and %d keys after %d", again.Seq, first.Seq, len(s.keys()), len(before))
	}
	s.deliver("a", "b2", []order{{"o7", "S3", "c4", "4.00", "2026-05-01", 0}})
	_, done = s.publish()
	for table, want := range map[string][2]int{"stg_order": {1, 3}, "sales.day": {1, 3}, "sales.recent": {1, 3}, "sales.balance": {1, 4}, "customer.spend": {1, 15}, "stg_order_undated": {0, 1}} {
		if p := done[table]; p.Built != want[0] || p.Reused != want[1] {
			t.Errorf("a new day: %s built %d, reused %d, want %v", table, p.Built, p.Reused, want)
		}
	}
	// The same order again: staging comes out with the bytes it had, and what reads it is left alone.
	s.deliver("a", "b3", []order{{"o3", "S2", "c1", "7.00", "2026-02-01", 0}})
	_, done = s.publish()
	if p := done["stg_order"]; p.Built != 0 || p.Same != 1 {
		t.Errorf("stg_order was not cut off: %+v", p)
	}
	for _, table := range []string{"sales.day", "sales.balance", "sales.week", "sales.quarter", "customer.spend", "customer.customer_link"} {
		if p := done[table]; p.Built != 0 {
			t.Errorf("%s was built although its input kept its bytes: %+v", table, p)
		}
	}
	// Prose is not part of a fingerprint; a value that the SQL uses is.
	s.opt.Config = map[string]string{"home_currency": "EUR"}
	_, done = s.publish()
	if done["sales.quarter"].Built == 0 || done["sales.day"].Built != 0 {
		t.Errorf("a changed value: %+v", done)
	}
}

func TestBlockingCheckKeepsTheReleaseBefore(t *testing.T) {
	s := newShop(t, 2)
	s.deliver("a", "b1", january())
	first, _ := s.publish()
	s.deliver("a", "b2", []order{{"bad", "S3", "c4", "-4.00", "2026-05-01", 0}, {"none", "", "c4", "5.00", "2026-06-01", 0}})
	candidate, err := Build(t.Context(), s.opt)
	if fault.KindOf(err) != fault.Findings || !strings.Contains(err.Error(), "positive") || !strings.Contains(err.Error(), "not_null(location_id)") || !strings.Contains(err.Error(), "total_amount=-4.0000") {
		t.Fatalf("got %v", err)
	}
	if _, err := candidate.Publish(t.Context()); fault.KindOf(err) != fault.Findings {
		t.Errorf("it was published: %v", err)
	}
	if now, _, err := release.Latest(t.Context(), s.lake); err != nil || now.Seq != first.Seq {
		t.Errorf("the release moved to %d: %v", now.Seq, err)
	}
	stored, ok, err := release.Candidate(t.Context(), s.lake)
	if err != nil || !ok {
		t.Fatalf("no candidate: %v", err)
	}
	if got := s.rows(stored, "SELECT total_amount FROM sales.day WHERE total_amount < 0"); !slices.Equal(got, []string{"-4.0000"}) {
		t.Errorf("the candidate cannot be inspected: %v", got)
	}
}

func TestDamagedObjectIsNamed(t *testing.T) {
	s := newShop(t, 2)
	s.deliver("a", "b1", january())
	path := filepath.Join(s.dir, "lake", filepath.FromSlash(lake.StagedKey("till", "a", "b1", "order")))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Build(t.Context(), s.opt)
	if fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error(), "staged/till/a/b1/order.parquet") || fault.HintOf(err) == "" {
		t.Errorf("got %v, hint %q", err, fault.HintOf(err))
	}
}

func TestRebuildMendsDamagedTables(t *testing.T) {
	s := newShop(t, 2)
	s.deliver("a", "b1", january())
	r, _ := s.publish()
	m, err := r.Manifest(t.Context(), s.lake, "sales.day")
	if err != nil {
		t.Fatal(err)
	}
	key := m.Partitions[0].Files[0].Key
	if err := s.lake.Bucket.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	s.opt.Cache = objstore.NewCache(s.lake.Bucket, filepath.Join(s.dir, "cache"), 0)
	if report, err := Rebuild(t.Context(), s.opt); err != nil || !slices.Equal(report.Damaged, []string{key}) || !slices.Equal(report.Mended, []string{key}) {
		t.Errorf("%+v, %v", report, err)
	}
	if got := s.rows(r, "SELECT count(*) FROM sales.day"); !slices.Equal(got, []string{"5"}) {
		t.Errorf("got %v", got)
	}
}

func TestCancelledBuildLeavesNothingBehind(t *testing.T) {
	s := newShop(t, 2)
	s.deliver("a", "b1", january())
	ctx, cancel := context.WithCancel(t.Context())
	s.opt.Progress = func(Progress) { cancel() }
	if _, err := Build(ctx, s.opt); fault.KindOf(err) != fault.Interrupted {
		t.Errorf("got %v", err)
	}
	s.opt.Progress = nil
	if left, _ := filepath.Glob(filepath.Join(s.dir, "scratch", "build-*")); len(left) > 0 {
		t.Errorf("scratch remains: %v", left)
	}
	if r, _ := s.publish(); r.Seq != 1 {
		t.Errorf("got release %d", r.Seq)
	}
}

func TestRunnerRunsTestFiles(t *testing.T) {
	s := newShop(t, 2)
	results, err := RunTests(t.Context(), s.opt.DB, s.opt.Project, os.DirFS("testdata/shop"))
	if err != nil || len(results) != 2 {
		t.Fatalf("%v, %v", results, err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Name, r.Err)
		}
	}
	wrong := fstest.MapFS{"staging/stream/stg_order.test": {Data: []byte("test it finds a difference\ngiven staged.order\n  order_id | total_amount\n  o1 | 1\nexpect\n  order_id | total_amount\n  o1 | 2\n")}}
	results, err = RunTests(t.Context(), s.opt.DB, s.opt.Project, wrong)
	if err != nil || len(results) != 1 || results[0].Err == nil || !strings.Contains(results[0].Err.Error(), "want o1 | 2") {
		t.Errorf("%v, %v", results, err)
	}
}
