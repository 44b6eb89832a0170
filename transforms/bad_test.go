package transforms

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/omoflow/omoflow/internal/fault"
)

// model writes a small full model.
func model(inputs, sql string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("/*\nabout: A test.\nkind: full\ngrain: [a]\ninputs: {" + inputs + "}\n*/\n" + sql + "\n")}
}

func TestLoadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		files      fstest.MapFS
		want, hint string
	}{
		"a cycle": {fstest.MapFS{
			"marts/x/one.sql": model("x.two: all", `SELECT a FROM {{ref "x.two"}} ORDER BY a`),
			"marts/x/two.sql": model("x.one: all", `SELECT a FROM {{ref "x.one"}} ORDER BY a`),
		}, "x.one -> x.two -> x.one", "break the cycle"},
		"an unknown input": {fstest.MapFS{"marts/x/one.sql": model("staged.ordr: all", `SELECT 1 AS a`)}, `marts/x/one.sql: there is no input "staged.ordr"`, "did you mean staged.order?"},
		"an unknown key": {fstest.MapFS{"marts/x/one.sql": {Data: []byte("/*\nabout: A test.\nkind: full\ngrian: [a]\n*/\nSELECT 1 AS a ORDER BY a")}},
			`marts/x/one.sql:4:1: unknown key "grian"`, `did you mean "grain"?`},
		"no header":      {fstest.MapFS{"marts/x/one.sql": {Data: []byte("SELECT 1")}}, "marts/x/one.sql:1: the model has no header", "about"},
		"a strange kind": {fstest.MapFS{"marts/x/one.sql": model("staged.order: some", "SELECT 1 AS a")}, `"some" is no kind of input`, "same"},
		"a partition that does not fit": {fstest.MapFS{"marts/x/one.sql": {Data: []byte("/*\nabout: A test.\nkind: partition\ngrain: [a]\npartition: month(a)\ninputs: {staged.product: same}\n*/\nSELECT 1 AS a ORDER BY a")}},
			"do not lie inside", "all"},
		"an unknown check": {fstest.MapFS{"marts/x/one.sql": {Data: []byte("/*\nabout: A test.\nkind: full\ngrain: [a]\nchecks: [uniq_grain]\n*/\nSELECT 1 AS a ORDER BY a")}}, `there is no check "uniq_grain"`, "unique_grain"},
	} {
		_, err := Load(c.files)
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), c.want) || !strings.Contains(fault.HintOf(err), c.hint) {
			t.Errorf("%s: got %v, hint %q", name, err, fault.HintOf(err))
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	s := newShop(t, 1)
	conn, err := s.opt.DB.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test
	for name, c := range map[string]struct{ inputs, sql, want, hint string }{
		"an undeclared input":         {"", `SELECT a FROM {{ref "staged.order"}} ORDER BY a`, `reads "staged.order", which the header does not declare`, "add"},
		"a table behind ref's back":   {"", "SELECT a\nFROM some_table\nORDER BY a", "marts/x/one.sql:8:6: undeclared_input: reads some_table, which is not a declared input", "ref"},
		"a file":                      {"", "SELECT a FROM read_csv('x.csv') ORDER BY a", "table function read_csv", "declared inputs"},
		"a declared, unread input":    {"staged.order: all", "SELECT 1 AS a ORDER BY a", `input "staged.order" is declared but not read`, "remove"},
		"a clock":                     {"", "SELECT now() AS a ORDER BY a", "now is not deterministic", "date column"},
		"a clock like a column":       {"", "SELECT current_date AS a ORDER BY a", "current_date is not deterministic", "date column"},
		"a random value":              {"", "SELECT random() AS a ORDER BY a", "random is not deterministic", "sha256_hex"},
		"any_value":                   {"staged.order: all", `SELECT any_value(order_id) AS a FROM {{ref "staged.order"}} ORDER BY a`, "any_value is not deterministic", "min()"},
		"an unordered aggregate":      {"staged.order: all", `SELECT string_agg(order_id, ',') AS a FROM {{ref "staged.order"}} ORDER BY a`, "string_agg without ORDER BY", "ORDER BY"},
		"LIMIT without order":         {"staged.order: all", `SELECT a FROM (SELECT order_id AS a FROM {{ref "staged.order"}} LIMIT 3) ORDER BY a`, "LIMIT without ORDER BY", "unique key"},
		"no final order":              {"staged.order: all", `SELECT order_id AS a FROM {{ref "staged.order"}}`, "does not cover the grain (missing: a)", "ORDER BY a"},
		"a double":                    {"staged.order: all", `SELECT CAST(order_id AS DOUBLE) AS a FROM {{ref "staged.order"}} ORDER BY a`, "DOUBLE", "DECIMAL"},
		"a double column":             {"", `SELECT CAST(1 AS DOUBLE) AS a ORDER BY a`, "column a is DOUBLE", "DECIMAL"},
		"a division":                  {"", "SELECT 1 / 3 AS a ORDER BY a", "/ is not deterministic here or goes through a double", "ratio"},
		"an unordered rank":           {"staged.order: all", `SELECT row_number() OVER (PARTITION BY source) AS a FROM {{ref "staged.order"}} ORDER BY a`, "row_number without ORDER BY", "unique key"},
		"a syntax error":              {"", "SELECT 1 AS a\nFORM x", "marts/x/one.sql:8", "SELECT"},
		"an unknown column":           {"staged.order: all", `SELECT ordre_id AS a FROM {{ref "staged.order"}} ORDER BY a`, "ordre_id", "correct the SQL"},
		"a value nobody configured":   {"", `SELECT '{{config "nothing"}}' AS a ORDER BY a`, `no configured value "nothing"`, "omoflow.yaml"},
		"a macro that does not exist": {"", `SELECT {{ratoi "1" "2" 6}} AS a ORDER BY a`, "ratoi", "macros"},
	} {
		project, err := Load(fstest.MapFS{"marts/x/one.sql": model(c.inputs, c.sql)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		err = project.Check(t.Context(), conn, testConfig())
		if err == nil {
			t.Errorf("%s was accepted", name)
			continue
		}
		if text := err.Error() + fault.HintOf(err); fault.KindOf(err) != fault.Usage || !strings.Contains(text, c.want) || !strings.Contains(text, c.hint) {
			t.Errorf("%s: got %v, hint %q", name, err, fault.HintOf(err))
		}
	}
	if err := s.opt.Project.Check(t.Context(), conn, testConfig()); err != nil {
		t.Errorf("the sound project is refused: %v", err)
	}
}

func TestOwnModelsReplaceShippedOnes(t *testing.T) {
	own := fstest.MapFS{"marts/sales/quarter.sql": model("", "SELECT 1 AS a ORDER BY a"), "marts/sales/extra.sql": model("sales.quarter: all", `SELECT a FROM {{ref "sales.quarter"}} ORDER BY a`)}
	project, err := Load(os.DirFS("testdata/shop"), own)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := project.Model("sales.quarter"); !ok || m.Part.Unit != "" {
		t.Error("the shipped model was kept")
	}
	if _, ok := project.Model("sales.extra"); !ok {
		t.Error("the new model is missing")
	}
}

func TestPartitionNames(t *testing.T) {
	for text, want := range map[string]string{"day(d)": "2026-02-28", "month(d)": "2026-02", "quarter(d)": "2026-Q1", "year(d)": "2026"} {
		p, err := parsePartitioning("partition", text, 0)
		if err != nil {
			t.Fatal(err)
		}
		from, _, err := Partitioning{Unit: "day"}.bounds("2026-02-28")
		if err != nil || p.at(from) != want || p.shift(p.shift(want, -7), 7) != want {
			t.Errorf("%s: %s, %v", text, p.at(from), err)
		}
		if _, _, err := p.bounds(want); err != nil {
			t.Error(err)
		}
	}
	if p, err := parsePartitioning("key", "bucket(a, 2)", 0); err != nil || len(p.buckets()) != 256 {
		t.Errorf("%v, %v", p, err)
	}
}
