package transforms

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// forbidden functions change their answer between runs, engines or numbers of threads.
var forbidden = map[string]string{
	"now": "the release is the clock; take a date column", "current_timestamp": "the release is the clock; take a date column",
	"get_current_timestamp": "the release is the clock; take a date column", "transaction_timestamp": "the release is the clock; take a date column",
	"current_date": "the release is the clock; take a date column", "today": "the release is the clock; take a date column",
	"current_time": "the release is the clock; take a date column", "current_localtimestamp": "the release is the clock; take a date column",
	"random": "derive the value from a key with sha256_hex", "setseed": "derive the value from a key with sha256_hex",
	"uuid": "derive the key with sha256_hex", "gen_random_uuid": "derive the key with sha256_hex", "uuidv4": "derive the key with sha256_hex", "uuidv7": "derive the key with sha256_hex",
	"hash": "use sha256_hex; hash() changes between versions", "nextval": "use row_number with a total order", "current_setting": "pass it as {{config}}",
	"any_value": "use min(), or row_number with a total order", "arbitrary": "use min(), or row_number with a total order",
	"first": "use min(), or row_number with a total order", "last": "use max(), or row_number with a total order",
	"arg_max": "use row_number with a total order; ties are arbitrary", "arg_min": "use row_number with a total order; ties are arbitrary",
	"max_by": "use row_number with a total order; ties are arbitrary", "min_by": "use row_number with a total order; ties are arbitrary",
	"approx_count_distinct": "use count(DISTINCT)", "approx_quantile": "use median_exact", "reservoir_quantile": "use median_exact", "approx_top_k": "use count(*) and row_number",
	"avg": "use {{ratio}}; avg is a double", "mean": "use {{ratio}}; avg is a double", "stddev": "doubles depend on the order of rows", "stddev_samp": "doubles depend on the order of rows",
	"var_samp": "doubles depend on the order of rows", "/": "use {{ratio}} or {{int_div}}; / is a double",
}

// clocks are written like columns.
var clocks = map[string]string{
	"current_date": "the release is the clock; take a date column", "current_timestamp": "the release is the clock; take a date column",
	"current_time": "the release is the clock; take a date column", "localtimestamp": "the release is the clock; take a date column", "localtime": "the release is the clock; take a date column",
}

// ordered aggregates depend on the order of rows unless told one.
var ordered = map[string]bool{"list": true, "array_agg": true, "string_agg": true, "group_concat": true, "listagg": true}

// finding is one complaint about a statement, at a character of it.
type finding struct {
	at   int
	what string
	fix  string
}

// lint refuses what would make a model's output depend on anything but its inputs. query is the expanded SQL; all findings
// are returned together.
func lint(ctx context.Context, s warehouse.Session, m *Model, query string) error {
	node, err := syntaxTree(ctx, s, m, query)
	if err != nil {
		return err
	}
	l := &linter{model: m, ctes: map[string]bool{}}
	l.collectNames(node)
	l.walk(node)
	if !m.IsCheck() && m.Builder == "" {
		l.finalOrder(node)
	}
	var faults []error
	seen := map[string]bool{}
	for _, f := range l.findings {
		e := fault.New(fault.Usage, "model_lint", m.place(query, f.at), f.fix, "%s", f.what)
		if !seen[e.Error()] {
			seen[e.Error()] = true
			faults = append(faults, e)
		}
	}
	return joinFaults(faults)
}

// joinFaults gives one fault unchanged and several as one Usage fault, so that the kind survives.
func joinFaults(faults []error) error {
	switch len(faults) {
	case 0:
		return nil
	case 1:
		return faults[0]
	}
	lines := make([]string, len(faults))
	for i, err := range faults {
		lines[i] = err.Error()
		if hint := fault.HintOf(err); hint != "" {
			lines[i] += " (" + hint + ")"
		}
	}
	return fault.New(fault.Usage, "models_wrong", "", "correct each of them", "%d faults:\n  %s", len(faults), strings.Join(lines, "\n  "))
}

// place turns a character of the expanded SQL into file:line:column.
func (m *Model) place(query string, at int) string {
	lead := len(m.body) - len(strings.TrimLeft(m.body, " \t\r\n"))
	line := m.bodyLine + strings.Count(m.body[:lead], "\n")
	if at < 0 || at > len(query) {
		return fmt.Sprintf("%s:%d", m.File, line)
	}
	before := query[:at]
	return fmt.Sprintf("%s:%d:%d", m.File, line+strings.Count(before, "\n"), at-strings.LastIndex(before, "\n"))
}

// syntaxTree parses a statement with the engine's parser; it must be one SELECT.
func syntaxTree(ctx context.Context, s warehouse.Session, m *Model, query string) (map[string]any, error) {
	rows, err := s.Text(ctx, "SELECT CAST(json_serialize_sql("+warehouse.Literal(query)+") AS VARCHAR)")
	if err != nil {
		return nil, err
	}
	var tree struct {
		Error      bool             `json:"error"`
		Message    string           `json:"error_message"`
		Position   json.Number      `json:"position"`
		Statements []map[string]any `json:"statements"`
	}
	decoder := json.NewDecoder(strings.NewReader(rows[0][0]))
	decoder.UseNumber() // places and values go back to the engine as they came
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("read syntax tree of %s: %w", m.Name, err)
	}
	if tree.Error || len(tree.Statements) != 1 {
		at := -1
		if p, err := tree.Position.Int64(); err == nil {
			at = int(p)
		}
		message := tree.Message
		if !tree.Error {
			message = fmt.Sprintf("%d statements", len(tree.Statements))
		}
		return nil, fault.New(fault.Usage, "model_syntax", m.place(query, at), "a model is one SELECT", "%s", message)
	}
	node, _ := tree.Statements[0]["node"].(map[string]any)
	return node, nil
}

type linter struct {
	model    *Model
	ctes     map[string]bool
	findings []finding
}

func (l *linter) add(node map[string]any, fix, format string, args ...any) {
	at := -1
	if place, ok := node["query_location"].(json.Number); ok {
		if n, err := place.Int64(); err == nil { // the parser writes the largest number for "nowhere", which does not fit
			at = int(n)
		}
	}
	l.findings = append(l.findings, finding{at: at, what: fmt.Sprintf(format, args...), fix: fix})
}

// collectNames gathers what may stand in FROM: CTEs of the statement and the declared inputs.
func (l *linter) collectNames(node any) {
	for _, input := range l.model.Inputs {
		l.ctes[strings.Trim(relation(input.Name), `"`)] = true
	}
	visit(node, func(object map[string]any) {
		ctes, _ := object["cte_map"].(map[string]any)
		entries, _ := ctes["map"].([]any)
		for _, entry := range entries {
			fields, _ := entry.(map[string]any)
			name, _ := fields["key"].(string)
			l.ctes[strings.ToLower(name)] = true
		}
	})
}

func (l *linter) walk(node any) {
	visit(node, func(object map[string]any) {
		kind, _ := object["type"].(string)
		name, _ := object["function_name"].(string)
		switch {
		case kind == "BASE_TABLE":
			table, _ := object["table_name"].(string)
			schema, _ := object["schema_name"].(string)
			if schema != "" || !l.ctes[strings.ToLower(table)] && !l.ctes[table] {
				l.add(object, `declare it under inputs: and read it as {{ref "`+strings.TrimPrefix(schema+"."+table, ".")+`"}}`, "reads %s, which is not a declared input", strings.TrimPrefix(schema+"."+table, "."))
			}
		case kind == "TABLE_FUNCTION":
			function, _ := object["function"].(map[string]any)
			if name, _ := function["function_name"].(string); name != "unnest" && name != "range" && name != "generate_series" {
				l.add(object, "read declared inputs only", "table function %s", name)
			}
		case kind == "COLUMN_REF":
			if names, _ := object["column_names"].([]any); len(names) == 1 {
				if fix, ok := clocks[strings.ToLower(fmt.Sprint(names[0]))]; ok {
					l.add(object, fix, "%s is not deterministic", names[0])
				}
			}
		case kind == "FUNCTION" || strings.HasPrefix(kind, "WINDOW"):
			l.function(object, kind, strings.ToLower(name))
		case kind == "OPERATOR_CAST":
			target, _ := object["cast_type"].(map[string]any)
			child, _ := object["child"].(map[string]any)
			constant := child["type"] == "VALUE_CONSTANT" // the parser itself writes INTERVAL 1 DAY that way
			if id, _ := target["id"].(string); !constant && (id == "DOUBLE" || id == "FLOAT") {
				l.add(object, "use DECIMAL", "%s: sums of it depend on the order of rows", id)
			}
		}
		if object["select_list"] != nil || object["setop_type"] != nil {
			l.selectNode(object)
		}
	})
}

func (l *linter) function(object map[string]any, kind, name string) {
	if fix, ok := forbidden[name]; ok && (name != "first" && name != "last" || kind == "FUNCTION") {
		l.add(object, fix, "%s is not deterministic here or goes through a double", name)
	}
	if ordered[name] && kind == "FUNCTION" {
		order, _ := object["order_bys"].(map[string]any)
		if orders, _ := order["orders"].([]any); len(orders) == 0 {
			l.add(object, "write "+name+"(x ORDER BY ...)", "%s without ORDER BY depends on the order of rows", name)
		}
	}
	if kind == "WINDOW_ROW_NUMBER" || kind == "WINDOW_LAG" || kind == "WINDOW_LEAD" || kind == "WINDOW_FIRST_VALUE" || kind == "WINDOW_LAST_VALUE" {
		if orders, _ := object["orders"].([]any); len(orders) == 0 {
			l.add(object, "add ORDER BY ending in a unique key", "%s without ORDER BY depends on the order of rows", strings.ToLower(strings.TrimPrefix(kind, "WINDOW_")))
		}
	}
}

// selectNode looks at LIMIT and sampling of one SELECT.
func (l *linter) selectNode(object map[string]any) {
	limit, order := false, false
	modifiers, _ := object["modifiers"].([]any)
	for _, modifier := range modifiers {
		fields, _ := modifier.(map[string]any)
		switch fields["type"] {
		case "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER":
			limit = true
		case "ORDER_MODIFIER":
			order = true
		case "DISTINCT_MODIFIER":
			if targets, _ := fields["distinct_on_targets"].([]any); len(targets) > 0 {
				l.add(object, "use {{latest}} or row_number with a total order", "DISTINCT ON is not portable and keeps an arbitrary row")
			}
		}
	}
	if limit && !order {
		l.add(object, "add ORDER BY ending in a unique key", "LIMIT without ORDER BY keeps arbitrary rows")
	}
	if object["sample"] != nil {
		l.add(object, "choose rows by a key", "a sample is random")
	}
}

// finalOrder refuses a statement that does not end in ORDER BY over the grain.
func (l *linter) finalOrder(node map[string]any) {
	missing := map[string]bool{}
	for _, column := range l.model.Grain {
		missing[strings.ToLower(column)] = true
	}
	modifiers, _ := node["modifiers"].([]any)
	for _, modifier := range modifiers {
		fields, _ := modifier.(map[string]any)
		orders, _ := fields["orders"].([]any)
		for _, order := range orders {
			entry, _ := order.(map[string]any)
			expression, _ := entry["expression"].(map[string]any)
			names, _ := expression["column_names"].([]any)
			if len(names) > 0 {
				last, _ := names[len(names)-1].(string)
				delete(missing, strings.ToLower(last))
			}
		}
	}
	if len(missing) > 0 {
		l.add(map[string]any{}, "end the model with ORDER BY "+strings.Join(l.model.Grain, ", "),
			"the final ORDER BY does not cover the grain (missing: %s), so the file's bytes would vary", strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
}

// visit calls fn for every object of a JSON tree.
func visit(node any, fn func(map[string]any)) {
	switch n := node.(type) {
	case map[string]any:
		fn(n)
		for _, key := range slices.Sorted(maps.Keys(n)) {
			visit(n[key], fn)
		}
	case []any:
		for _, child := range n {
			visit(child, fn)
		}
	}
}
