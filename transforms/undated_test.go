package transforms

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// stripped turns a test of a model partitioned by time into one of the model over rows without a date: the rows of the period
// lose their date and must give what they gave before, without it; rows that keep one, as a second source here, are not seen.
func stripped(t testCase, dateColumn string) testCase {
	out := testCase{name: t.name, line: t.line, config: t.config}
	for _, g := range t.given {
		at, source := slices.Index(g.columns, dateColumn), slices.Index(g.columns, "source")
		rows := make([][]cell, 0, 2*len(g.rows))
		for _, row := range g.rows {
			dated := slices.Clone(row)
			dated[source] = cell{text: "dated " + row[source].text}
			rows = append(rows, dated)
			if bare := slices.Clone(row); strings.HasPrefix(row[at].text, t.period) {
				bare[at] = cell{null: true}
				rows = append(rows, bare)
			}
		}
		g.rows = rows
		out.given = append(out.given, g)
	}
	for _, g := range t.expect {
		g.columns = append(slices.Clone(g.columns), dateColumn)
		rows := make([][]cell, len(g.rows))
		for i, row := range g.rows {
			rows[i] = append(slices.Clone(row), cell{null: true})
		}
		g.rows = rows
		out.expect = append(out.expect, g)
	}
	return out
}

// Every stream whose rows carry a date has a table of those that do not, and it keeps of them what the dated table keeps.
func TestRowsWithoutADateAreKeptLikeTheOthers(t *testing.T) {
	project, err := Load(Shipped())
	if err != nil {
		t.Fatal(err)
	}
	db, err := warehouse.Open(t.Context(), warehouse.Options{Threads: 2, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test
	schemas, faults := project.schemas(t.Context(), conn, testConfig())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, name := range retail.StreamNames() {
		if stream, _ := retail.StreamNamed(name); !stream.Dated {
			continue
		}
		base, _ := project.Model("stg_" + name)
		m, ok := project.Model("stg_" + name + "_undated")
		if !ok || !project.repeats(m) {
			t.Errorf("rows of %s that carry no date are in no table of their own", name)
			continue
		}
		text, err := os.ReadFile("../sql/" + strings.TrimSuffix(base.File, ".sql") + ".test")
		if err != nil {
			t.Fatal(err)
		}
		cases, err := parseTests(base.File, string(text))
		if err != nil {
			t.Fatal(err)
		}
		kept := 0
		for _, c := range cases {
			c = stripped(c, base.Part.Column)
			if err := runTest(t.Context(), conn, project, m, schemas, c); err != nil {
				t.Errorf("%s: %s: %v", m.where(), c.name, err)
			}
			for _, g := range c.expect {
				kept += len(g.rows)
			}
		}
		if kept == 0 {
			t.Errorf("no test of %s has a row", base.File)
		}
	}
}

// orders is a small model of the orders by month; header goes below its kind.
func orders(header, from string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("/*\nabout: Orders.\nowner: test\nkind: partition\npartition: month(business_date)\n" + header + "grain: [order_id]\ninputs: {staged.order: same}\nchecks: [unique_grain]\n*/\n" +
		"WITH staged AS (SELECT * FROM " + from + ")\nSELECT\n  order_id,\n  business_date\nFROM staged\nORDER BY order_id NULLS LAST\n")}
}

const stagedOrder = `{{ref "staged.order"}}`

func TestUndatedMakesASecondModel(t *testing.T) {
	s := newShop(t, 2, fstest.MapFS{"staging/x/sale.sql": orders("undated: true\n", stagedOrder)})
	m, ok := s.opt.Project.Model("sale_undated")
	if !ok || m.About != "Orders, of rows that carry no date." || m.Owner != "test" || m.Part.Kind() != "full" || !slices.Equal(m.Grain, []string{"order_id"}) || !slices.Equal(m.Checks, []string{"unique_grain"}) ||
		!slices.Equal(m.Inputs, []Input{{Name: "staged.order", Kind: Undated}}) {
		t.Fatalf("%+v", m)
	}
	s.deliver("a", "b1", january())
	r, _ := s.publish()
	if got := s.rows(r, "SELECT order_id FROM sale_undated"); !slices.Equal(got, []string{"o6"}) {
		t.Errorf("rows without a date: %v", got)
	}
	if got := s.rows(r, "SELECT order_id FROM sale ORDER BY 1"); !slices.Equal(got, []string{"o1", "o2", "o3", "o4", "o5"}) {
		t.Errorf("rows with one: %v", got)
	}
	s.deliver("a", "b2", []order{{"o7", "S1", "c2", "9.00", "", 0}})
	r, done := s.publish()
	if got := s.rows(r, "SELECT order_id FROM sale_undated ORDER BY 1"); !slices.Equal(got, []string{"o6", "o7"}) || done["sale"].Built != 0 || done["sale_undated"].Built != 1 {
		t.Errorf("one more without a date: %v, %+v", got, done)
	}
	changed, err := Load(fstest.MapFS{"staging/x/sale.sql": orders("undated: true\n", "(SELECT * FROM "+stagedOrder+" WHERE order_id <> 'o6')")})
	if err != nil {
		t.Fatal(err)
	}
	s.opt.Project = changed
	r, done = s.publish()
	if got := s.rows(r, "SELECT order_id FROM sale_undated"); !slices.Equal(got, []string{"o7"}) || done["sale"].Reused != 0 || done["sale_undated"].Reused != 0 {
		t.Errorf("other SQL: %v, %+v", got, done)
	}
}

// The second model is replaced like a file beside the first: together with it, or on its own by a file of its name.
func TestATreeReplacesTheSecondModel(t *testing.T) {
	shipped := fstest.MapFS{"staging/x/sale.sql": orders("undated: true\n", stagedOrder)}
	other := "(SELECT * FROM " + stagedOrder + " WHERE order_id <> 'x')"
	own := &fstest.MapFile{Data: []byte("/*\nabout: My own.\nkind: full\ngrain: [order_id]\ninputs: {staged.order: undated}\n*/\nSELECT order_id FROM " + stagedOrder + " ORDER BY order_id NULLS LAST\n")}
	for name, c := range map[string]struct {
		tree          fstest.MapFS
		about         string
		base, repeats bool // whether the first model and the second hold what the project wrote; whether the second follows the first
	}{
		"with its base":       {fstest.MapFS{"staging/x/sale.sql": orders("undated: true\n", other)}, "Orders, of rows that carry no date.", true, true},
		"by its own file":     {fstest.MapFS{"staging/x/sale_undated.sql": own}, "My own.", false, false},
		"not, when not asked": {fstest.MapFS{"staging/x/sale.sql": orders("", other)}, "Orders, of rows that carry no date.", true, false},
	} {
		p, err := Load(shipped, c.tree)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		base, _ := p.Model("sale")
		m, ok := p.Model("sale_undated")
		if !ok || m.About != c.about || p.repeats(m) != c.repeats || strings.Contains(base.body, "'x'") != c.base || c.repeats && m.body != base.body {
			t.Errorf("%s: %+v", name, m)
		}
	}
	_, err := Load(fstest.MapFS{"staging/x/sale.sql": orders("undated: true\n", other), "staging/x/sale_undated.sql": own})
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "staging/x/sale_undated.sql: undated: true in the header of staging/x/sale.sql makes sale_undated too") || fault.HintOf(err) == "" {
		t.Errorf("twice in one tree: %v", err)
	}
	_, err = Load(shipped, fstest.MapFS{"staging/y/sale_undated.sql": own})
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "staging/x/sale.sql (as sale_undated) also defines sale_undated") {
		t.Errorf("another file of the name: %v", err)
	}
}

func TestUndatedRefuses(t *testing.T) {
	text := func(old, new string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(strings.Replace(string(orders("undated: true\n", stagedOrder).Data), old, new, 1))}
	}
	for name, c := range map[string]struct {
		file       *fstest.MapFile
		want, hint string
	}{
		"no partition":         {text("kind: partition\npartition: month(business_date)", "kind: full"), "a model partitioned by time", "staging/x/sale_undated.sql"},
		"buckets":              {text("kind: partition\npartition: month(business_date)", "kind: key\npartition: bucket(order_id, 1)"), "a model partitioned by time", "kind: full"},
		"a window":             {text("staged.order: same", "staged.order: window(1)"), "seen as same", "kind: full"},
		"two inputs":           {text("staged.order: same", "staged.order: same, staged.payment: same"), "whose only input", "kind: full"},
		"a table":              {text("staged.order: same", "stg_order: same"), "a staged stream", "kind: full"},
		"a date that must be":  {text("unique_grain", "unique_grain, not_null( business_date )"), "not_null(business_date) contradict", "remove the check"},
		"no yes and no no":     {text("undated: true", "undated: perhaps"), "staging/x/sale.sql:6", ""},
		"a stream without one": {text("staged.order: same", "staged.product: same"), "do not lie inside", "all"},
	} {
		_, err := Load(fstest.MapFS{"staging/x/sale.sql": c.file})
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "staging/x/sale.sql") || !strings.Contains(err.Error(), c.want) || !strings.Contains(fault.HintOf(err), c.hint) || strings.Contains(err.Error(), "faults") {
			t.Errorf("%s: got %v, hint %q", name, err, fault.HintOf(err))
		}
	}
	_, err := Load(fstest.MapFS{"staging/x/sale.sql": orders("", stagedOrder), "marts/x/one.sql": model("sale_undated: all", `SELECT order_id AS a FROM {{ref "sale_undated"}} ORDER BY a NULLS LAST`)})
	if fault.KindOf(err) != fault.Usage || fault.HintOf(err) != "write undated: true in the header of staging/x/sale.sql, or a model of this name" {
		t.Errorf("a model that nothing makes: %v, %q", err, fault.HintOf(err))
	}
}

// What is wrong with the text of a model is said once, where it is written; what only the second model meets names both.
func TestFaultsOfTheSecondModel(t *testing.T) {
	s := newShop(t, 1)
	conn, err := s.opt.DB.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test
	for name, from := range map[string]string{"lint": "some_table", "syntax": "FROM", "template": `{{ref "staged.payment"}}`, "binding": "(SELECT no_column FROM " + stagedOrder + ")"} {
		project, err := Load(fstest.MapFS{"staging/x/sale.sql": orders("undated: true\n", from)})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = project.Check(t.Context(), conn, testConfig())
		if err == nil || !strings.Contains(err.Error(), "staging/x/sale.sql") || strings.Contains(err.Error(), "sale_undated") {
			t.Errorf("%s: %v", name, err)
		}
	}
	failing := "(SELECT order_id, CAST(location_id AS INTEGER) AS shop_no, business_date FROM " + stagedOrder + ") WHERE shop_no > 0"
	s = newShop(t, 1, fstest.MapFS{"staging/x/sale.sql": orders("undated: true\n", failing)})
	s.deliver("a", "b1", []order{{"o1", "S1", "c1", "10.00", "", 0}})
	if _, err := Build(t.Context(), s.opt); err == nil || !strings.Contains(err.Error(), "staging/x/sale.sql (as sale_undated)") {
		t.Errorf("a value that only a row without a date has: %v", err)
	}
}
