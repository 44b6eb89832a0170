package transforms

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/omoflow/omoflow/internal/warehouse"
)

// Models are written in the part of SQL that means the same on every engine omoflow names, plus macros. These rules look
// at what the author wrote: macros are expanded to calls of functions that do not exist, so that their bodies are not held
// against a model.

// core functions have one name and one meaning on DuckDB and Trino.
var core = setOf([]string{
	"sum", "count", "count_star", "min", "max", "bool_and", "bool_or", "array_agg",
	"row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value", "nth_value", "ntile", "percent_rank", "cume_dist",
	"coalesce", "nullif", "abs", "sign", "round", "floor", "ceil", "upper", "lower", "trim", "ltrim", "rtrim", "substr", "substring", "length", "replace", "strpos", "starts_with",
	"split", "lpad", "rpad", "reverse", "date_part", "year", "quarter", "month", "day", "hour", "minute", "second",
	"+", "-", "*", "%", "||", "~~", "!~~", "like_escape", "not_like_escape", "contains", "unnest",
})

// instead names what to write for a function that means something else, or is missing, on another engine.
var instead = map[string]string{
	"//": "{{int_div}}", "greatest": "{{greatest2}}", "least": "{{least2}}", "concat": "|| with coalesce", "string_agg": "{{join_text}}", "group_concat": "{{join_text}}", "listagg": "{{join_text}}",
	"array_to_string": "{{join_text}}", "regexp_replace": "{{re_replace}}", "regexp_extract": "{{re_extract}}", "regexp_matches": "{{re_like}}", "regexp_full_match": "{{re_like}}",
	"~": "{{re_like}}", "~~*": "lower() and LIKE", "!~~*": "lower() and NOT LIKE", "date_diff": "{{days_between}}", "datediff": "{{days_between}}", "date_sub": "{{days_between}}",
	"date_trunc": "{{trunc_date}}", "datetrunc": "{{trunc_date}}", "date_add": "{{add_days}}", "to_days": "{{add_days}}", "last_day": "{{month_end}}", "dayofweek": "{{iso_dow}}", "isodow": "{{iso_dow}}",
	"weekday": "{{iso_dow}}", "weekofyear": "{{iso_dow}} and {{add_days}}", "list": "array_agg with ORDER BY", "list_extract": "{{at}}", "array_extract": "{{at}}", "element_at": "{{at}}",
	"median": "{{median_exact}}", "sha256": "{{sha256_hex}}", "md5": "{{md5_hex}}", "strftime": "a column made at ingest or in the report", "epoch": "a column made at ingest", "len": "length()",
	"->>": "a column made at ingest", "->": "a column made at ingest", "json_extract": "a column made at ingest", "json_extract_string": "a column made at ingest", "mod": "%", "ifnull": "coalesce()",
	"list_value": "rows of a CTE", "struct_pack": "columns", "if": "CASE WHEN",
}

var coreTypes = setOf([]string{"VARCHAR", "BIGINT", "INTEGER", "SMALLINT", "DECIMAL", "DATE", "TIMESTAMP", "BOOLEAN", "INTERVAL"})

// standIns gives each macro as a call of a function named after it. The orders written in macros stay to be looked at.
func standIns() template.FuncMap {
	all := macros()
	for name := range all {
		all[name] = func(args ...any) string {
			texts := make([]string, len(args))
			for i, a := range args {
				texts[i] = fmt.Sprint(a)
				if name == "trunc_date" && i == 0 || strings.HasPrefix(name, "re_") && i > 0 {
					texts[i] = quoted(texts[i])
				}
			}
			return "macro_" + name + "(" + strings.Join(texts, ", ") + ")"
		}
	}
	all["join_text"] = func(x, separator, order string) string {
		return fmt.Sprintf("macro_join_text(array_agg(%s ORDER BY %s), %s)", x, order, quoted(separator))
	}
	all["latest"] = func(rel, key, order string) string {
		return fmt.Sprintf("(SELECT *, row_number() OVER (PARTITION BY %s ORDER BY %s) AS latest_rank FROM %s)", key, order, rel)
	}
	return all
}

// lintPortable refuses what is not portable, and what would make a model harder to read than it must be.
func (p *Project) lintPortable(ctx context.Context, s warehouse.Session, m *Model, config map[string]string) error {
	query, _, err := m.expand(config, "", standIns())
	if err != nil {
		return nil // said when the model itself was expanded
	}
	l := &linter{model: m, inputs: p.inputRelations(m), ctes: map[string]bool{}, portable: true}
	tree, err := syntaxTree(ctx, s, m, query)
	if err != nil {
		return nil // said when the model itself was parsed
	}
	l.dialect(tree)
	l.query(tree, l.inputs)
	l.imports(tree)
	if !m.IsCheck() {
		l.finalStar(tree)
		if m.Builder == "" && !slices.Contains(m.Checks, "unique_grain") {
			l.add("grain_checked", node{}, "add unique_grain to checks: in the header", "nothing proves that the grain identifies a row")
		}
	}
	l.tokens(query)
	return l.report(query)
}

// dialect looks at every object of the tree.
func (l *linter) dialect(tree node) {
	visit(tree, func(n node) {
		if n.text("null_order") == "ORDER_DEFAULT" {
			l.add("null_order", n.child("expression"), "write NULLS LAST after it", "ORDER BY does not say where NULL goes, and engines differ")
		}
		for _, by := range append(slices.Clone(n.list("group_expressions")), n.orders()...) {
			if expression := by.child("expression"); expression != nil {
				by = expression
			}
			if by.text("type") == "VALUE_CONSTANT" {
				l.add("ordinal", by, "name the column", "a column is named by its position, which moves")
			}
		}
		switch kind := n.text("type"); {
		case kind == "FUNCTION" || strings.HasPrefix(kind, "WINDOW_"):
			l.portableFunction(n, kind)
		case kind == "OPERATOR_CAST" && !n.child("child").constant():
			if id := n.child("cast_type").text("id"); !coreTypes[id] && id != "DOUBLE" && id != "FLOAT" {
				l.add("type", n, "use VARCHAR, BIGINT, INTEGER, DECIMAL, DATE, TIMESTAMP or BOOLEAN", "%s is not a type on every engine", id)
			}
		case kind == "ARRAY_EXTRACT" || kind == "ARRAY_SLICE":
			l.add("function", n, "use {{at}}", "subscripts past the end are NULL here and an error elsewhere")
		case kind == "LAMBDA" || kind == "PIVOT" || kind == "POSITIONAL_REFERENCE":
			l.add("dialect", n, "write it in plain SQL", "%s is not SQL on every engine", kind)
		case kind == "STAR":
			if len(n.list("exclude_list"))+len(n.list("qualified_exclude_list"))+len(n.list("replace_list"))+len(n.list("rename_list")) > 0 || hasNames(n["exclude_list"]) || n["columns"] == true {
				l.add("dialect", n, "name the columns", "EXCLUDE, REPLACE, RENAME and COLUMNS are not SQL on every engine")
			}
		case kind == "JOIN" && n.text("ref_type") != "REGULAR" && n.text("ref_type") != "CROSS":
			l.add("dialect", n, "write JOIN ... ON", "a %s join is not SQL on every engine", strings.ToLower(n.text("ref_type")))
		case kind == "SELECT_NODE":
			if n["qualify"] != nil {
				l.add("dialect", n, "filter the rank in the next CTE", "QUALIFY is not SQL on every engine")
			}
			if n.text("aggregate_handling") == "FORCE_AGGREGATES" {
				l.add("dialect", n, "name the columns", "GROUP BY ALL is not SQL on every engine")
			}
		}
	})
}

// hasNames tells whether a list of the tree that may hold texts or objects holds any.
func hasNames(v any) bool {
	list, _ := v.([]any)
	return len(list) > 0
}

func (l *linter) portableFunction(n node, kind string) {
	name := strings.ToLower(n.text("function_name"))
	if kind != "FUNCTION" {
		from, to := n.text("start"), n.text("end")
		if strings.Contains(from+to, "_RANGE") && strings.Contains(from+to, "EXPR_") || strings.Contains(from+to, "_GROUPS") || n["ignore_nulls"] == true || n.text("exclude_clause") != "NO_OTHER" {
			l.add("dialect", n, "use a ROWS frame without IGNORE NULLS and EXCLUDE", "the frame of %s is not SQL on every engine", name)
		}
	}
	if core[name] || strings.HasPrefix(name, "macro_") || forbidden[name].name != "" || interval(n) {
		return // forbidden ones are refused by determinism
	}
	if other, ok := instead[name]; ok {
		l.add("function", n, "use "+other, "%s is not the same on every engine", name)
		return
	}
	l.add("function", n, "add a macro with a body per engine to transforms/macros.go, or compute it at ingest", "%s is not among the functions known to be the same on every engine", name)
}

// interval tells whether a call is what the parser makes of INTERVAL '1' DAY.
func interval(n node) bool {
	children := n.list("children")
	name := n.text("function_name")
	if name == "trunc" {
		return n.at() < 0
	}
	return strings.HasPrefix(name, "to_") && len(children) == 1 && children[0].text("type") == "OPERATOR_CAST" && children[0].at() < 0
}

// finalStar refuses a final SELECT that does not name its columns: a new input column would change the table.
func (l *linter) finalStar(n node) {
	if n.text("type") == "SET_OPERATION_NODE" {
		l.finalStar(n.child("left"))
		l.finalStar(n.child("right"))
		return
	}
	for _, item := range n.list("select_list") {
		if item.text("type") == "STAR" {
			l.add("final_star", item, "name the columns", "SELECT * at the end lets a new input column change the table")
		}
	}
}

// imports refuses an input that is read anywhere but in a CTE of its own, so that what a model reads stands on its first lines.
func (l *linter) imports(tree node) {
	own := map[string]bool{}
	for _, cte := range tree.ctes() {
		if from := cte.child("value").child("query").child("node").child("from_table"); from.text("type") == "BASE_TABLE" {
			own[fmt.Sprint(from.at())] = true
		}
	}
	visit(tree, func(n node) {
		if _, input := l.inputs[strings.ToLower(n.text("table_name"))]; input && n.text("type") == "BASE_TABLE" && !own[fmt.Sprint(n.at())] {
			l.add("import_cte", n, "read it in a CTE of its own at the top: name AS (SELECT * FROM {{ref ...}})", "an input is read in the middle of the SQL")
		}
	})
}

// aliases refuses a name of the SELECT list that is used again in the same SELECT, which only some engines resolve.
func (l *linter) aliases(n node, s *scope) {
	if slices.ContainsFunc(s.items, func(item scopeItem) bool { return item.columns == nil }) {
		return // a column of that name may exist
	}
	named := map[string]bool{}
	for _, item := range n.list("select_list") {
		if alias := item.text("alias"); alias != "" {
			named[strings.ToLower(alias)] = true
		}
	}
	var look func(v any, what string)
	look = func(v any, what string) {
		switch v := v.(type) {
		case []any:
			for _, child := range v {
				look(child, what)
			}
		case map[string]any:
			if node(v).text("class") == "SUBQUERY" {
				return
			}
			if table, name, ok := node(v).column(); ok && table == "" && named[name] && !slices.ContainsFunc(s.items, func(item scopeItem) bool { return slices.Contains(item.columns, name) }) {
				l.add("alias", v, "repeat the expression, or name it in a CTE before", "%s is named in the same SELECT, and %s cannot see that everywhere", name, what)
			}
			for _, child := range v {
				look(child, what)
			}
		}
	}
	look(n["select_list"], "another column")
	look(n["where_clause"], "WHERE")
	look(n["group_expressions"], "GROUP BY")
	look(n["having"], "HAVING")
}

// tokens looks for spellings that the syntax tree no longer shows.
func (l *linter) tokens(query string) {
	before := ""
	for at := 0; at < len(query); {
		length, word := token(query[at:])
		text := strings.ToUpper(query[at : at+length])
		place := node{"query_location": jsonNumber(at)}
		switch {
		case text == "::":
			l.add("dialect", place, "write CAST(x AS TYPE)", ":: is not SQL on every engine")
		case before == "INTERVAL" && text[0] >= '0' && text[0] <= '9':
			l.add("dialect", place, "write INTERVAL '1' DAY", "INTERVAL with a bare number is not SQL on every engine")
		case text == "==":
			l.add("dialect", place, "write =", "== is not SQL on every engine")
		case text == "FROM" && (before == "" || before == "("):
			l.add("dialect", place, "begin with SELECT", "a query that begins with FROM is not SQL on every engine")
		}
		if word {
			before = text
		}
		at += length
	}
}
