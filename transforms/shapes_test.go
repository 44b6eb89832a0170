package transforms

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
)

// table writes a model with a header of its own.
func table(header, sql string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("/*\nabout: A test.\n" + header + "\nchecks: [unique_grain]\n*/\n" + sql + "\n")}
}

const dayHeader = "kind: partition\ngrain: [business_date]\npartition: month(business_date)\ninputs: {stg_order: same}"

// withModels is a shop with models besides those of testdata.
func withModels(t *testing.T, models fstest.MapFS) *shop {
	t.Helper()
	return newShop(t, 2, os.DirFS("testdata/shop"), fs.FS(models))
}

// A model that sees all its own months before adds them up, and a late row reaches every month after it.
func TestAModelThatSeesAllItsPast(t *testing.T) {
	s := withModels(t, fstest.MapFS{"marts/sales/past.sql": table("kind: partition\ngrain: [month]\npartition: month(month)\ninputs: {sales.day: same, sales.past: previous(all)}\ncolumns:\n  month: {type: DATE, about: day}\n  total_amount: {type: \"DECIMAL(38,4)\", about: sum}\n  month_qty: {type: BIGINT, about: months before}",
		`WITH day AS (SELECT * FROM {{ref "sales.day"}}),
past AS (SELECT * FROM {{ref "sales.past"}}),
summed AS (SELECT {{trunc_date "month" "business_date"}} AS month, sum(total_amount) AS total_amount FROM day GROUP BY {{trunc_date "month" "business_date"}}),
before AS (SELECT count(*) AS month_qty FROM past)
SELECT summed.month, CAST(summed.total_amount AS DECIMAL(38,4)) AS total_amount, before.month_qty
FROM summed
CROSS JOIN before
ORDER BY month NULLS LAST`)})
	s.deliver("a", "b1", january())
	s.publish()
	s.deliver("a", "b2", []order{{"o7", "S3", "c4", "4.00", "2026-03-01", 0}})
	r, done := s.publish()
	if got := s.rows(r, "SELECT month, month_qty FROM sales.past ORDER BY 1"); !slices.Equal(got, []string{"2026-01-01 0", "2026-02-01 1", "2026-03-01 2", "2026-04-01 3"}) {
		t.Errorf("got %v", got)
	}
	if p := done["sales.past"]; p.Reused != 2 || p.Built != 2 {
		t.Errorf("a new month between: %+v", p)
	}
	if report, err := Rebuild(t.Context(), s.opt); err != nil || len(report.Different) > 0 {
		t.Errorf("%+v %v", report, err)
	}
}

// Rows that no partition may hold stop the build and name the model.
func TestStrayRowsAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ header, sql, want string }{
		"a day of another month": {dayHeader, `WITH staged AS (SELECT * FROM {{ref "stg_order"}}),
moved AS (SELECT DISTINCT {{add_days "business_date" "400"}} AS business_date FROM staged)
SELECT business_date FROM moved ORDER BY business_date NULLS LAST`, "outside"},
		"no day": {strings.Replace(dayHeader, "same", "all", 1), `WITH staged AS (SELECT * FROM {{ref "stg_order"}}),
moved AS (SELECT DISTINCT CASE WHEN location_id = 'S1' THEN business_date END AS business_date FROM staged)
SELECT business_date FROM moved ORDER BY business_date NULLS LAST`, "null"},
	} {
		s := withModels(t, fstest.MapFS{"marts/sales/stray.sql": table(c.header, c.sql)})
		s.deliver("a", "b1", january())
		if _, err := Build(t.Context(), s.opt); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "marts/sales/stray.sql") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A model that the engine can only refuse while it runs is named, in whatever way it is built.
func TestAFailingStatementNamesItsModel(t *testing.T) {
	failing := `CAST(CASE WHEN total_amount > 6 THEN 'no number' ELSE '1' END AS BIGINT)`
	for name, header := range map[string]string{
		"full":       "kind: full\ngrain: [order_id]\ninputs: {stg_order: all}",
		"by month":   "kind: partition\ngrain: [order_id]\npartition: month(business_date)\ninputs: {stg_order: same}",
		"cut at end": "kind: partition\ngrain: [order_id]\npartition: month(business_date)\ninputs: {stg_order: all}",
	} {
		s := withModels(t, fstest.MapFS{"marts/sales/failing.sql": table(header, `WITH staged AS (SELECT * FROM {{ref "stg_order"}})
SELECT order_id, `+failing+` AS n, business_date FROM staged ORDER BY order_id NULLS LAST`)})
		s.deliver("a", "b1", january())
		if _, err := Build(t.Context(), s.opt); err == nil || !strings.Contains(err.Error(), "marts/sales/failing.sql") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A rebuild with other models tells each way in which a partition can differ.
func TestARebuildTellsWhatDiffers(t *testing.T) {
	model := func(amount, where string) fstest.MapFS {
		return fstest.MapFS{"marts/sales/few.sql": table(dayHeader, `WITH staged AS (SELECT * FROM {{ref "stg_order"}})
SELECT CAST(sum(total_amount) AS DECIMAL(38,4)) AS total_amount, business_date FROM staged WHERE `+where+` GROUP BY business_date ORDER BY business_date NULLS LAST`)}
	}
	s := withModels(t, model("total_amount", "business_date < DATE '2026-03-01'"))
	s.deliver("a", "b1", january())
	s.publish()
	project, err := Load(os.DirFS("testdata/shop"), model("total_amount", "business_date > DATE '2026-01-10'"))
	if err != nil {
		t.Fatal(err)
	}
	s.opt.Project = project
	report, err := Rebuild(t.Context(), s.opt)
	if fault.KindOf(err) != fault.Damaged || len(report.Different) != 2 || !strings.Contains(strings.Join(report.Different, "; "), "sales.few/2026-01: other bytes") || !strings.Contains(strings.Join(report.Different, "; "), "sales.few/2026-04") {
		t.Errorf("%+v %v", report, err)
	}
	made := func(names ...string) (m release.Manifest) {
		for _, name := range names {
			file := lake.Object{Key: name, Rows: 1}
			m.Partitions = append(m.Partitions, release.Partition{Name: strings.TrimSuffix(name, "!"), Files: []lake.Object{file}})
		}
		return m
	}
	got := differences("t", made("a", "b", "c"), made("b!", "c", "d"))
	if !slices.Equal(got, []string{"t/a: not made again", "t/b: other bytes", "t/d: not in the release"}) {
		t.Errorf("got %q", got)
	}
}

// A batch entry that states other months than its rows have is found out when the rows are cut by month.
func TestACutThatLosesRowsIsDamage(t *testing.T) {
	s := newShop(t, 1)
	s.opt.splitRows = 1
	s.deliver("a", "b1", january())
	batches, err := s.lake.Batches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lying := batches[0].Batch
	lying.ID = "b2"
	lying.Staged = slices.Clone(lying.Staged)
	lying.Staged[0].Months = map[string]int64{"2026-01": 3, "2026-02": 1, "2026-04": 1, "": 1}
	log := s.lake.StreamLog("till", "lying")
	if _, err := log.Append(t.Context(), 1, lake.KindBatch, lying); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(t.Context(), s.opt); fault.KindOf(err) != fault.Damaged {
		t.Errorf("got %v", err)
	}
}

// Comments and layout are no part of a fingerprint, quoted text is; the final ORDER BY is found behind any of them.
func TestNormaliseAndSplitOrder(t *testing.T) {
	for _, same := range [][2]string{{"SELECT  1 -- one\n", "SELECT 1"}, {"SELECT /* a\n b */ 1", "SELECT 1"}, {"SELECT 1 /* open", "SELECT 1"}, {"SELECT 1 -- open", "SELECT 1"}} {
		if normalise(same[0]) != normalise(same[1]) {
			t.Errorf("%q is %q, %q is %q", same[0], normalise(same[0]), same[1], normalise(same[1]))
		}
	}
	for _, other := range [][2]string{{"SELECT 'a  b'", "SELECT 'a b'"}, {`SELECT "a  b"`, `SELECT "a b"`}, {"SELECT '-- a'", "SELECT '-- b'"}} {
		if normalise(other[0]) == normalise(other[1]) {
			t.Errorf("%q and %q are one", other[0], other[1])
		}
	}
	for query, want := range map[string][2]string{
		"SELECT 1":                 {"SELECT 1", ""},
		"SELECT 1 ORDER BY 1":      {"SELECT 1 ", "ORDER BY 1"},
		"SELECT ' ORDER BY ' AS a": {"SELECT ' ORDER BY ' AS a", ""},
	} {
		if body, order := splitOrder(query); strings.TrimSpace(body) != strings.TrimSpace(want[0]) || strings.TrimSpace(order) != want[1] {
			t.Errorf("%q: %q, %q", query, body, order)
		}
	}
}

// The scratch folder of a build may lie anywhere that can be written.
func TestScratchFolderIsMade(t *testing.T) {
	s := newShop(t, 1)
	s.opt.Dir = filepath.Join(t.TempDir(), "deep", "folder")
	s.deliver("a", "b1", january())
	if r, _ := s.publish(); r.Seq != 1 {
		t.Errorf("release %d", r.Seq)
	}
}
