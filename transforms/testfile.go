package transforms

import (
	"fmt"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
)

// testCase is one test of a .test file.
type testCase struct {
	name   string
	line   int
	given  []grid
	config map[string]string
	period string
	expect []grid
}

// grid is a small table written with bars: a heading line and rows.
type grid struct {
	name    string // of given: the input; of expect: a CTE, or "" for the result
	line    int
	columns []string
	rows    [][]cell
}

// cell is one value; blank and null are null, a pair of apostrophes is the empty text.
type cell struct {
	text string
	null bool
}

// parseTests reads a .test file. Faults are of kind Usage and name file and line.
func parseTests(file, text string) ([]testCase, error) {
	var tests []testCase
	var open *grid
	for i, line := range strings.Split(text, "\n") {
		wrong := func(hint, format string, args ...any) error {
			return fault.New(fault.Usage, "bad_test", fmt.Sprintf("%s:%d", file, i+1), hint, format, args...)
		}
		trimmed := strings.TrimSpace(line)
		indented := line != strings.TrimLeft(line, " \t")
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		if indented {
			if open == nil {
				return nil, wrong("write given <input> or expect above it", "a row belongs to no table")
			}
			if err := open.add(trimmed); err != nil {
				return nil, wrong("one cell for each column, separated by |", "%v", err)
			}
			continue
		}
		directive, _, _ := strings.Cut(trimmed, " #")
		word, rest, _ := strings.Cut(strings.TrimSpace(directive), " ")
		rest = strings.TrimSpace(rest)
		if word == "test" {
			tests = append(tests, testCase{name: strings.TrimSpace(strings.TrimPrefix(trimmed, "test")), line: i + 1, config: map[string]string{}})
			open = nil
			continue
		}
		if len(tests) == 0 {
			return nil, wrong("begin with: test <what it shows>", "%q stands before the first test", word)
		}
		t := &tests[len(tests)-1]
		switch word {
		case "given":
			t.given = append(t.given, grid{name: rest, line: i + 1})
			open = &t.given[len(t.given)-1]
		case "expect":
			t.expect = append(t.expect, grid{name: strings.TrimSpace(strings.TrimPrefix(rest, "cte")), line: i + 1})
			open = &t.expect[len(t.expect)-1]
		case "period":
			t.period, open = rest, nil
		case "config":
			name, value, _ := strings.Cut(rest, " ")
			t.config[name], open = strings.TrimSpace(value), nil
		default:
			hint := "lines begin with test, given, config, period or expect; rows are indented"
			if near := fault.Nearest(word, []string{"test", "given", "config", "period", "expect"}); near != "" {
				hint = "did you mean " + near + "?"
			}
			return nil, wrong(hint, "%q is not understood", word)
		}
	}
	return tests, nil
}

// add takes a heading or a row.
func (g *grid) add(line string) error {
	parts := strings.Split(line, "|")
	if g.columns == nil {
		for _, part := range parts {
			g.columns = append(g.columns, strings.TrimSpace(part))
		}
		return nil
	}
	if len(parts) != len(g.columns) {
		return fmt.Errorf("%d cells under %d columns", len(parts), len(g.columns))
	}
	row := make([]cell, len(parts))
	for i, part := range parts {
		text := strings.TrimSpace(part)
		switch {
		case text == "" || text == "null" || text == "NULL":
			row[i] = cell{null: true}
		case len(text) >= 2 && text[0] == '\'' && text[len(text)-1] == '\'':
			row[i] = cell{text: text[1 : len(text)-1]}
		default:
			row[i] = cell{text: text}
		}
	}
	g.rows = append(g.rows, row)
	return nil
}
