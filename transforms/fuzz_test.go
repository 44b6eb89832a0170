package transforms

import (
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
)

// FuzzModels: a model file is refused with its place and a next step, or its declaration holds together.
func FuzzModels(f *testing.F) {
	for _, seed := range []string{
		"/*\nabout: A test.\nkind: full\ngrain: [a]\n*/\nSELECT 1 AS a ORDER BY a",
		"/*\nabout: A test.\nkind: partition\ngrain: [a]\npartition: month(a)\ninputs: {x.y: window(3), x.z: previous(all)}\nallow: {tie_break: why}\n*/\nSELECT '{{config \"x\"}}'",
		"/*\nabout: {\n*/", "/**/", "", "/*\nabout: x\nkind: key\npartition: bucket(a, 9)\n*/", "/*\nabout: x\ngrain: [\"\"]\ninputs: {staged.order: key()}\n*/\n{{ref}}",
	} {
		f.Add("marts/x/one.sql", seed)
		f.Add("checks/x/one.sql", seed)
	}
	f.Fuzz(func(t *testing.T, file, text string) {
		m, err := parseModel(file, text)
		if err != nil {
			if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), file) || fault.HintOf(err) == "" {
				t.Fatalf("%v, hint %q", err, fault.HintOf(err))
			}
			return
		}
		if m.About == "" || !m.IsCheck() && len(m.Grain) == 0 || !strings.Contains(text, m.body) {
			t.Fatalf("accepted %+v", m)
		}
		if query, _, err := m.render(map[string]string{"home_currency": "CNY"}, ""); err == nil {
			if once := normalise(query); normalise(once) != once {
				t.Fatalf("normalised %q, again %q", once, normalise(once))
			}
		} else if fault.KindOf(err) != fault.Usage {
			t.Fatal(err)
		}
	})
}

// FuzzPartitionNames: a partition's name is refused, or the dates it spans name it again and touch its neighbours.
func FuzzPartitionNames(f *testing.F) {
	for _, seed := range []string{"2026-01", "2026-Q4", "2026", "2026-02-28", "0000", "9999-12", "a", "2026-13", "2026-W01"} {
		for _, unit := range []string{"day(d)", "month(d)", "quarter(d)", "year(d)", "bucket(d, 1)", "week(d)"} {
			f.Add(unit, seed)
		}
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		p, err := parsePartitioning("partition", text, 0)
		if err != nil || !p.timed() {
			return
		}
		from, to, err := p.bounds(name)
		if err != nil {
			return
		}
		if p.at(from) != name || !from.Before(to) || p.at(to.AddDate(0, 0, -1)) != name {
			t.Fatalf("%s %q is %s to %s, which is %q to %q", text, name, from, to, p.at(from), p.at(to.AddDate(0, 0, -1)))
		}
		if from.Year() > 1 && from.Year() < 9998 && p.shift(p.shift(name, 1), -1) != name {
			t.Fatalf("%s %q: after it comes %q, before that %q", text, name, p.shift(name, 1), p.shift(p.shift(name, 1), -1))
		}
	})
}

// FuzzTests: a .test file is refused with file and line, or its tables are rectangular.
func FuzzTests(f *testing.F) {
	f.Add("test a\ngiven x\n  a | b\n  1 | null\nperiod 2026-01\nexpect cte y\n  a\n  ''\nexpect\n  a\n")
	f.Add("  1 | 2\n")
	f.Add("test\ntest x\nexpect\n  a | a\n")
	f.Fuzz(func(t *testing.T, text string) {
		tests, err := parseTests("x.test", text)
		if err != nil {
			if fault.KindOf(err) != fault.Usage || !strings.HasPrefix(err.Error(), "x.test:") {
				t.Fatal(err)
			}
			return
		}
		for _, c := range tests {
			for _, g := range append(c.given, c.expect...) {
				for _, row := range g.rows {
					if len(row) != len(g.columns) {
						t.Fatalf("%q has a row of %d cells", g.columns, len(row))
					}
				}
			}
		}
	})
}

// FuzzTokens: tokens cover a text without gap, so that the lint sees all of it and ends.
func FuzzTokens(f *testing.F) {
	f.Add("SELECT a::INT -- c\n/* x */ 'it''s' \"q\" == FROM")
	f.Add("'")
	f.Add("/*")
	f.Fuzz(func(t *testing.T, text string) {
		for rest := text; rest != ""; {
			n, _ := token(rest)
			if n < 1 || n > len(rest) {
				t.Fatalf("%q: a token of %d bytes at %q", text, n, rest)
			}
			rest = rest[n:]
		}
	})
}
