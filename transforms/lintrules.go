package transforms

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const clockFix = "the release is the clock; take a date column"

// rule says why something is forbidden and what to write instead.
type rule struct{ name, fix string }

// forbidden functions change their answer between runs, engines or numbers of threads.
var forbidden = map[string]rule{
	"now": {"clock", clockFix}, "current_timestamp": {"clock", clockFix}, "get_current_timestamp": {"clock", clockFix}, "transaction_timestamp": {"clock", clockFix},
	"current_date": {"clock", clockFix}, "today": {"clock", clockFix}, "current_time": {"clock", clockFix}, "get_current_time": {"clock", clockFix}, "current_localtimestamp": {"clock", clockFix},
	"current_localtime": {"clock", clockFix}, "age": {"clock", clockFix},
	"random": {"random", "derive the value from a key with {{sha256_hex}}"}, "setseed": {"random", "derive the value from a key with {{sha256_hex}}"},
	"uuid": {"random", "derive the key with {{sha256_hex}}"}, "gen_random_uuid": {"random", "derive the key with {{sha256_hex}}"},
	"uuidv4": {"random", "derive the key with {{sha256_hex}}"}, "uuidv7": {"random", "derive the key with {{sha256_hex}}"},
	"hash": {"unstable", "use {{sha256_hex}}; hash() changes between versions"}, "nextval": {"unstable", "use row_number with a total order"}, "currval": {"unstable", "use row_number with a total order"},
	"current_setting": {"unstable", "pass it as {{config}}"}, "version": {"unstable", "the release names the engine"}, "txid_current": {"unstable", "use a column of the inputs"},
	"any_value": {"arbitrary_row", "use min(), or row_number with a total order"}, "arbitrary": {"arbitrary_row", "use min(), or row_number with a total order"},
	"first": {"arbitrary_row", "use min(), or row_number with a total order"}, "last": {"arbitrary_row", "use max(), or row_number with a total order"},
	"arg_max": {"arbitrary_row", "use row_number with a total order; ties are arbitrary"}, "arg_min": {"arbitrary_row", "use row_number with a total order; ties are arbitrary"},
	"max_by": {"arbitrary_row", "use row_number with a total order; ties are arbitrary"}, "min_by": {"arbitrary_row", "use row_number with a total order; ties are arbitrary"},
	"argmax": {"arbitrary_row", "use row_number with a total order; ties are arbitrary"}, "argmin": {"arbitrary_row", "use row_number with a total order; ties are arbitrary"},
	"mode":                  {"arbitrary_row", "count, then row_number with a total order; ties are arbitrary"},
	"approx_count_distinct": {"approximate", "use count(DISTINCT)"}, "approx_quantile": {"approximate", "use {{median_exact}}"}, "reservoir_quantile": {"approximate", "use {{median_exact}}"},
	"approx_top_k": {"approximate", "use count(*) and row_number"},
	"avg":          {"double", "use {{ratio}}; avg is a double"}, "mean": {"double", "use {{ratio}}; avg is a double"}, "median": {"double", "use {{median_exact}}"},
	"quantile_cont": {"double", "use {{median_exact}}"}, "stddev": {"double", "sums of doubles depend on the order of rows"}, "stddev_samp": {"double", "sums of doubles depend on the order of rows"},
	"stddev_pop": {"double", "sums of doubles depend on the order of rows"}, "var_samp": {"double", "sums of doubles depend on the order of rows"}, "var_pop": {"double", "sums of doubles depend on the order of rows"},
	"variance": {"double", "sums of doubles depend on the order of rows"}, "corr": {"double", "sums of doubles depend on the order of rows"}, "fsum": {"double", "use sum() of a DECIMAL"},
	"sqrt": {"double", "compute with DECIMAL"}, "pow": {"double", "multiply with {{mul}}"}, "power": {"double", "multiply with {{mul}}"}, "^": {"double", "multiply with {{mul}}"},
	"**": {"double", "multiply with {{mul}}"}, "exp": {"double", "compute with DECIMAL"}, "ln": {"double", "compute with DECIMAL"}, "log": {"double", "compute with DECIMAL"},
	"/": {"double", "use {{ratio}} or {{int_div}}; / is a double"},
}

// clocks are written like columns.
var clocks = setOf([]string{"current_date", "current_timestamp", "current_time", "localtimestamp", "localtime"})

// orderedAggregates depend on the order of rows unless told one.
var orderedAggregates = setOf([]string{"list", "array_agg", "string_agg", "group_concat", "listagg"})

// provable rules err on the safe side: the header may allow what they cannot follow, with the reason.
var provable = setOf([]string{"tie_break", "limit_order", "grain_checked"})

// collectNames gathers what may stand in FROM: CTEs of the statement and the declared inputs.
func (l *linter) collectNames(tree node) {
	for _, input := range l.model.Inputs {
		l.ctes[relationName(input.Name)] = true
	}
	visit(tree, func(n node) {
		for _, cte := range n.ctes() {
			l.ctes[strings.ToLower(cte.text("key"))] = true
		}
	})
}

// walk looks at every object of the tree for what is forbidden wherever it stands.
func (l *linter) walk(tree node) {
	visit(tree, func(n node) {
		switch kind := n.text("type"); {
		case kind == "BASE_TABLE":
			if table, schema := n.text("table_name"), n.text("schema_name"); schema != "" || !l.ctes[strings.ToLower(table)] {
				name := strings.TrimPrefix(schema+"."+table, ".")
				l.add("undeclared_input", n, `declare it under inputs: and read it as {{ref "`+name+`"}}`, "reads %s, which is not a declared input", name)
			}
		case kind == "TABLE_FUNCTION":
			if name := n.child("function").text("function_name"); name != "unnest" && name != "range" && name != "generate_series" {
				l.add("undeclared_input", n, "read declared inputs only", "table function %s", name)
			}
		case kind == "COLUMN_REF":
			if table, name, _ := n.column(); table == "" && clocks[name] {
				l.add("clock", n, clockFix, "%s is not deterministic", name)
			}
		case kind == "FUNCTION" || strings.HasPrefix(kind, "WINDOW"):
			l.function(n, kind, strings.ToLower(n.text("function_name")))
		case kind == "OPERATOR_CAST":
			id := n.child("cast_type").text("id")
			if !n.child("child").constant() && (id == "DOUBLE" || id == "FLOAT") { // the parser itself writes INTERVAL 1 DAY that way
				l.add("double", n, "use DECIMAL", "%s: sums of it depend on the order of rows", id)
			}
		case kind == "VALUE_CONSTANT":
			if id := n.child("value").child("type").text("id"); id == "DOUBLE" || id == "FLOAT" {
				l.add("double", n, "write it out as a decimal", "a number with an exponent is a %s", id)
			}
		}
		if n["sample"] != nil {
			l.add("random", n, "choose rows by a key", "a sample is random")
		}
		for _, modifier := range n.list("modifiers") {
			if len(modifier.list("distinct_on_targets")) > 0 {
				l.add("arbitrary_row", n, "use {{latest}} or row_number with a total order", "DISTINCT ON is not portable and keeps an arbitrary row")
			}
		}
	})
}

func (l *linter) function(n node, kind, name string) {
	if r, ok := forbidden[name]; ok && (name != "first" && name != "last" || kind == "FUNCTION") {
		l.add(r.name, n, r.fix, "%s is not deterministic here or goes through a double", name)
	}
	if orderedAggregates[name] && kind == "FUNCTION" && len(n.child("order_bys").list("orders")) == 0 {
		l.add("unordered_aggregate", n, "write "+name+"(x ORDER BY x NULLS LAST)", "%s without ORDER BY depends on the order of rows", name)
	}
	if children := n.list("children"); (name == "//" || name == "%" || name == "mod" || name == "divide") && len(children) == 2 && !guarded(children[1]) {
		l.add("divisor", n, "write nullif(..., 0) around the divisor, or use {{int_div}} or {{ratio}}", "the divisor of %s may be zero, which is NULL here and an error elsewhere", name)
	}
}

// guarded tells whether a divisor cannot be zero: a literal, nullif(x, 0), or a product or cast of such.
func guarded(n node) bool {
	children := n.list("children")
	name := strings.ToLower(n.text("function_name"))
	switch kind := n.text("type"); {
	case kind == "VALUE_CONSTANT":
		return fmt.Sprint(n.child("value")["value"]) != "0"
	case kind == "OPERATOR_CAST":
		return guarded(n.child("child"))
	case kind == "OPERATOR_NULLIF" || name == "nullif":
		return len(children) == 2 && children[1].constant() && !guarded(children[1])
	case name == "*":
		return !slices.ContainsFunc(children, func(c node) bool { return !guarded(c) })
	case name == "abs" || name == "-":
		return len(children) == 1 && guarded(children[0])
	}
	return false
}

// finalOrder refuses a statement that does not end in ORDER BY over the grain.
func (l *linter) finalOrder(tree node) {
	missing := map[string]bool{}
	for _, column := range l.model.Grain {
		missing[strings.ToLower(column)] = true
	}
	for _, order := range tree.orders() {
		if _, name, ok := order.child("expression").column(); ok {
			delete(missing, name)
		}
	}
	if len(missing) > 0 {
		l.add("final_order", node{}, "end the model with ORDER BY "+strings.Join(l.model.Grain, ", "),
			"the final ORDER BY does not cover the grain (missing: %s), so the file's bytes would vary", strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
}
