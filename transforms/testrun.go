package transforms

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// TestResult is the outcome of one test of a .test file.
type TestResult struct {
	File, Name string
	Line       int
	Err        error // nil when it passed
}

// testConfig is what {{config}} gives in tests that do not say otherwise.
func testConfig() map[string]string {
	return map[string]string{"home_currency": "CNY", "zone": "Asia/Shanghai", "calendar": "gregorian", "company": "Demo", "name": "Demo"}
}

// RunTests runs every .test file of the tree against the model of the same path. The error tells why tests could not be
// run at all; what a test finds is in its result.
func RunTests(ctx context.Context, db *warehouse.DB, project *Project, tests fs.FS) ([]TestResult, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()                                     //nolint:errcheck // it goes back to the pool
	schemas, _ := project.schemas(ctx, conn, testConfig()) // a model that does not bind fails its own tests
	var results []TestResult
	err = fs.WalkDir(tests, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".test") {
			return err
		}
		text, err := fs.ReadFile(tests, file)
		if err != nil {
			return err
		}
		cases, err := parseTests(file, string(text))
		if err != nil {
			results = append(results, TestResult{File: file, Err: err})
			return nil
		}
		m, ok := project.Model(modelName(strings.TrimSuffix(file, ".test") + ".sql"))
		for _, t := range cases {
			result := TestResult{File: file, Name: t.name, Line: t.line}
			if ok {
				result.Err = runTest(ctx, conn, project, m, schemas, t)
			} else {
				result.Err = fault.New(fault.Usage, "no_model", file, "put the test beside its model, under the same name", "there is no model of this name")
			}
			results = append(results, result)
		}
		return ctx.Err()
	})
	return results, err
}

// runTest shows the given rows to the model as the engine would, and compares what it makes of them.
func runTest(ctx context.Context, w *warehouse.Conn, project *Project, m *Model, schemas map[string][]release.Column, t testCase) error {
	for _, g := range t.given {
		if !slices.ContainsFunc(m.Inputs, func(i Input) bool { return i.Name == g.name }) {
			return fmt.Errorf("line %d: %s is no input of %s", g.line, g.name, m.Name)
		}
	}
	for _, input := range m.Inputs {
		columns := schemas[input.Name]
		if input.Name == m.Name {
			columns = m.declared()
		}
		if err := giveInput(ctx, w, project, m, input, columns, t); err != nil {
			return err
		}
	}
	config := testConfig()
	maps.Copy(config, t.config)
	query, _, err := m.render(config, t.period)
	if err != nil {
		return err
	}
	for _, want := range t.expect {
		got := query
		switch {
		case want.name != "":
			got, err = selectCTE(ctx, w, m, query, want.name)
		case m.Builder == "identity":
			got, err = (&build{}).identity(ctx, w, m, query)
		case t.period != "":
			got, err = m.narrowed(query, t.period)
		}
		if err != nil {
			return err
		}
		if err := compare(ctx, w, got, want); err != nil {
			return fmt.Errorf("line %d: %w", want.line, err)
		}
	}
	return nil
}

// giveInput makes the view of one input from the rows the test gives; columns it does not list are null.
func giveInput(ctx context.Context, w *warehouse.Conn, project *Project, m *Model, input Input, columns []release.Column, t testCase) error {
	types := map[string]string{}
	for _, c := range columns {
		types[c.Name] = c.Type
	}
	from := emptyRelation(columns)
	for _, g := range t.given {
		if g.name != input.Name {
			continue
		}
		var lines []string
		for _, row := range g.rows {
			cells := make([]string, len(row))
			for i, c := range row {
				cells[i] = "NULL"
				if !c.null {
					cells[i] = warehouse.Literal(c.text)
				}
				cells[i] = "CAST(" + cells[i] + " AS " + types[g.columns[i]] + ") AS " + warehouse.Identifier(g.columns[i])
			}
			lines = append(lines, " UNION ALL BY NAME SELECT "+strings.Join(cells, ", "))
		}
		for _, name := range g.columns {
			if types[name] == "" {
				return fmt.Errorf("line %d: %s has no column %s", g.line, g.name, name)
			}
		}
		from = "(SELECT * FROM " + from + strings.Join(lines, "") + ")"
	}
	where := ""
	if t.period != "" || input.Kind == Undated {
		condition, err := visibleInTest(project, m, input, t.period)
		if err != nil {
			return err
		}
		if condition != "" {
			where = " WHERE " + condition
		}
	}
	if err := w.Exec(ctx, `CREATE OR REPLACE TEMP TABLE "given `+strings.ReplaceAll(input.Name, `"`, "")+`" AS SELECT * FROM `+from); err != nil {
		return err
	}
	return w.Exec(ctx, "CREATE OR REPLACE TEMP VIEW "+relation(input.Name)+` AS SELECT * FROM "given `+input.Name+`"`+where)
}

// visibleInTest gives the condition on an input's rows that the engine would have applied by choosing files.
func visibleInTest(project *Project, m *Model, input Input, period string) (string, error) {
	if input.Kind == Undated {
		return "business_date IS NULL", nil
	}
	from, _ := project.partitioning(input.Name)
	switch {
	case m.Part.Unit == "bucket" && input.Kind == Key:
		return bucketOf(warehouse.Identifier(input.Col), m.Part.Depth) + " = " + warehouse.Literal(period), nil
	case !m.Part.timed() || from.Column == "":
		return "", nil
	}
	at := from
	at.Unit = m.Part.Unit
	column := warehouse.Identifier(from.Column)
	first, _, err := m.Part.bounds(m.Part.shift(period, -input.N))
	if err != nil {
		return "", fmt.Errorf("period %s is no partition of %s", period, m.Part)
	}
	switch input.Kind {
	case Same:
		return at.condition(period)
	case Window:
		_, end, err := m.Part.bounds(period)
		return fmt.Sprintf("%s >= DATE '%s' AND %s < DATE '%s'", column, first.Format("2006-01-02"), column, end.Format("2006-01-02")), err
	case Previous:
		return at.condition(m.Part.shift(period, -1))
	case PreviousAll:
		return fmt.Sprintf("%s < DATE '%s'", column, first.Format("2006-01-02")), nil
	}
	return "", nil
}

// selectCTE turns a model into one that gives the rows of one of its CTEs.
func selectCTE(ctx context.Context, w warehouse.Session, m *Model, query, name string) (string, error) {
	node, err := syntaxTree(ctx, w, m, query)
	if err != nil {
		return "", err
	}
	plain, err := syntaxTree(ctx, w, m, "SELECT * FROM "+warehouse.Identifier(name))
	if err != nil {
		return "", err
	}
	plain["cte_map"] = node["cte_map"]
	tree, err := json.Marshal(map[string]any{"error": false, "statements": []any{map[string]any{"node": plain, "named_param_map": []any{}}}})
	if err != nil {
		return "", err
	}
	rows, err := w.Text(ctx, "SELECT json_deserialize_sql("+warehouse.Literal(string(tree))+")")
	if err != nil {
		return "", err
	}
	return rows[0][0] + " ORDER BY ALL", nil
}

// compare runs a query and looks at the columns that the test lists, row by row.
func compare(ctx context.Context, w warehouse.Session, query string, want grid) error {
	rows, err := w.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells what matters
	at := make([]int, len(want.columns))
	for i, name := range want.columns {
		at[i] = slices.IndexFunc(rows.Columns(), func(c warehouse.Column) bool { return c.Name == name })
		if at[i] < 0 {
			return fmt.Errorf("the result has no column %s", name)
		}
	}
	var got []string
	for rows.Next() {
		cells := rows.Text()
		line := make([]string, len(at))
		for i, j := range at {
			line[i] = comparable(cells[j], rows.Null(j), rows.Columns()[j].Type)
		}
		got = append(got, strings.Join(line, " | "))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var expected []string
	for _, row := range want.rows {
		line := make([]string, len(at))
		for i, j := range at {
			line[i] = comparable(row[i].text, row[i].null, rows.Columns()[j].Type)
		}
		expected = append(expected, strings.Join(line, " | "))
	}
	if want.name != "" { // a CTE has no order
		slices.Sort(got)
		slices.Sort(expected)
	}
	if slices.Equal(got, expected) {
		return nil
	}
	return fmt.Errorf("rows differ (%s)\n    want %s\n    got  %s", strings.Join(want.columns, " | "), strings.Join(expected, "\n         "), strings.Join(got, "\n         "))
}

// comparable spells a value so that equal values are equal texts: 10 and 10.0000 are one number.
func comparable(text string, null bool, columnType string) string {
	switch {
	case null:
		return "null"
	case strings.HasPrefix(columnType, "DECIMAL") && strings.Contains(text, "."):
		return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	case columnType == "TIMESTAMP":
		text = strings.Replace(text, "T", " ", 1)
		if len(text) == len("2006-01-02") {
			text += " 00:00:00"
		} else if len(text) == len("2006-01-02 15:04") {
			text += ":00"
		}
	case columnType == "VARCHAR" && text == "":
		return "''"
	}
	return text
}
