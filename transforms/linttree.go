package transforms

import (
	"maps"
	"slices"
	"strings"
)

// aggregates fold a group to one row; without GROUP BY their SELECT has at most one.
var aggregates = setOf([]string{"sum", "count", "count_star", "min", "max", "bool_and", "bool_or", "array_agg", "string_agg", "list", "avg", "any_value", "first", "last", "arg_max", "arg_min"})

// query follows a query node to what is known of its result and looks at every order on the way that must be total.
func (l *linter) query(n node, known map[string]shape) shape {
	inner := maps.Clone(known)
	for _, cte := range n.ctes() {
		name, before := strings.ToLower(cte.text("key")), l.cte
		l.cte = name
		inner[name] = l.query(cte.child("value").child("query").child("node"), inner)
		l.cte = before
	}
	switch n.text("type") {
	case "SELECT_NODE":
		return l.selectRow(n, inner)
	case "SET_OPERATION_NODE":
		return l.setOperation(n, inner)
	}
	return shape{} // a recursive query
}

// setOperation joins the branches of a UNION: of UNION ALL a key is known when a literal tells the branches apart.
func (l *linter) setOperation(n node, known map[string]shape) shape {
	all, _ := n["setop_all"].(bool)
	branches := []node{n.child("left"), n.child("right")}
	for all && branches[0].text("setop_type") == "UNION" && branches[0]["setop_all"] == true && len(branches[0].list("modifiers"))+len(branches[0].ctes()) == 0 {
		branches = append([]node{branches[0].child("left"), branches[0].child("right")}, branches[1:]...)
	}
	results := make([]shape, len(branches))
	for i, branch := range branches {
		results[i] = l.query(branch, known)
	}
	out := shape{columns: results[0].columns}
	if n.text("setop_type") != "UNION" {
		out.keys = results[0].keys // EXCEPT and INTERSECT keep rows of the first
	}
	if !all && out.columns != nil {
		out.keys = shortest(append(out.keys, newKey(slices.Clone(out.columns)...)))
	}
	if all && n.text("setop_type") == "UNION" {
		out.keys = toldApart(branches, results)
	}
	l.limited(n, out)
	return out
}

// toldApart gives the key of a UNION ALL whose branches each have a key and differ in a literal.
func toldApart(branches []node, results []shape) []key {
	first := results[0].columns
	for at := range first {
		seen := map[string]bool{}
		union := []string{first[at]}
		for i, branch := range branches {
			value, result := literalAt(branch, at), results[i]
			if value == "" || seen[value] || len(result.keys) == 0 || len(result.columns) != len(first) {
				union = nil
				break
			}
			seen[value] = true
			for j, column := range result.columns {
				if slices.Contains(result.keys[0], column) {
					union = append(union, first[j])
				}
			}
		}
		if union != nil {
			return []key{newKey(union...)}
		}
	}
	return nil
}

// literalAt gives the literal in a column of a SELECT, "" when something else stands there. Nested unions have none.
func literalAt(n node, at int) string {
	if items := n.list("select_list"); at < len(items) && items[at].constant() {
		return (&scope{}).spelled(items[at])
	}
	return ""
}

// from follows a FROM item.
func (l *linter) from(n node, known map[string]shape) *scope {
	alias := strings.ToLower(n.text("alias"))
	var found shape
	switch n.text("type") {
	case "JOIN":
		var using []string
		names, _ := n["using_columns"].([]any)
		for _, name := range names {
			text, _ := name.(string)
			using = append(using, text)
		}
		return join(l.from(n.child("left"), known), l.from(n.child("right"), known), n.text("join_type"), n.child("condition"), using)
	case "BASE_TABLE":
		name := strings.ToLower(n.text("table_name"))
		if alias == "" {
			alias = name
		}
		found = known[name]
	case "SUBQUERY":
		found = l.query(n.child("subquery").child("node"), known)
	case "TABLE_FUNCTION":
		if function := n.child("function").text("function_name"); function == "generate_series" || function == "range" {
			if names, _ := n["column_name_alias"].([]any); len(names) == 1 {
				name, _ := names[0].(string)
				found = shape{columns: []string{strings.ToLower(name)}, keys: []key{{strings.ToLower(name)}}}
			}
		}
	case "EMPTY":
		return &scope{keys: []key{{}}, same: map[string]string{}, fixed: map[string]bool{}}
	}
	if renamed, _ := n["column_name_alias"].([]any); len(renamed) > 0 && n.text("type") != "TABLE_FUNCTION" {
		found = shape{} // rare: not worth following
	}
	s := &scope{items: []scopeItem{{alias, found}}, same: map[string]string{}, fixed: map[string]bool{}}
	for _, k := range found.keys {
		own := make([]string, len(k))
		for i, column := range k {
			own[i] = alias + "." + column
		}
		s.keys = append(s.keys, newKey(own...))
	}
	return s
}

// selectRow follows one SELECT.
func (l *linter) selectRow(n node, known map[string]shape) shape {
	s := l.from(n.child("from_table"), known)
	l.subqueries(n, known)
	s.filter(n.child("where_clause"))
	l.group(n, s)
	if l.portable {
		l.aliases(n, s)
	} else {
		l.ties(n, s)
	}
	out := s.project(n.list("select_list"))
	if n.has("DISTINCT_MODIFIER") && out.columns != nil {
		out.keys = shortest(append(out.keys, newKey(slices.Clone(out.columns)...)))
	}
	l.limited(n, out)
	return out
}

// subqueries follows the queries inside expressions, for the orders in them.
func (l *linter) subqueries(n node, known map[string]shape) {
	for _, part := range []string{"select_list", "where_clause", "having"} {
		visit(n[part], func(o node) {
			if o.text("class") == "SUBQUERY" {
				l.query(o.child("subquery").child("node"), known)
			}
		})
	}
}

// group gives the keys of the groups of a SELECT.
func (l *linter) group(n node, s *scope) {
	groups := n.list("group_expressions")
	if sets, _ := n["group_sets"].([]any); len(sets) > 1 {
		s.keys = nil
		return
	}
	if len(groups) == 0 {
		folds := n.child("having") != nil
		for _, item := range n.list("select_list") {
			folds = folds || item.folds()
		}
		if folds {
			s.keys = []key{{}}
		}
		return
	}
	var by []string
	for _, expression := range groups {
		if a := s.attribute(expression); a != "" {
			by = append(by, a)
		}
	}
	set := setOf(by)
	kept := []key{newKey(by...)}
	for _, k := range s.keys {
		if k.within(set) {
			kept = append(kept, k)
		}
	}
	s.keys = kept
	s.settle()
}

// folds tells whether an expression aggregates rows, outside of windows and subqueries.
func (n node) folds() bool {
	if class := n.text("class"); class == "WINDOW" || class == "SUBQUERY" {
		return false
	}
	if n.text("type") == "FUNCTION" && aggregates[strings.ToLower(n.text("function_name"))] {
		return true
	}
	for _, value := range n {
		if o, ok := value.(map[string]any); ok && node(o).folds() {
			return true
		}
		list, _ := value.([]any)
		for _, v := range list {
			if o, ok := v.(map[string]any); ok && node(o).folds() {
				return true
			}
		}
	}
	return false
}

// project carries the keys of a scope to the columns of its SELECT.
func (s *scope) project(items []node) shape {
	names := map[string]string{} // attribute -> column of the result
	whole := map[string]bool{}   // aliases of which every column is selected and not all are known
	var columns []string
	ranked := map[string]node{}
	give := func(a, column string) {
		columns = append(columns, column)
		if _, taken := names[a]; !taken {
			names[a] = column
		}
	}
	for _, item := range items {
		if item.text("type") == "STAR" {
			for _, from := range s.items {
				if of := strings.ToLower(item.text("relation_name")); of != "" && of != from.alias {
					continue
				}
				whole[from.alias] = from.columns == nil
				for _, column := range from.columns {
					give(s.root(from.alias+"."+column), column)
				}
			}
			continue
		}
		column := outputName(item)
		if item.text("type") == "WINDOW_ROW_NUMBER" {
			ranked[column] = item
		}
		give(s.attribute(item), column)
	}
	out := shape{columns: columns}
	for _, k := range s.keys {
		if mapped, ok := s.mapped(k, names, whole); ok {
			out.keys = append(out.keys, mapped)
		}
	}
	for column, window := range ranked {
		var by []string
		for _, p := range window.list("partitions") {
			if a := s.attribute(p); a != "" && !s.fixed[a] {
				by = append(by, a)
			}
		}
		if mapped, ok := s.mapped(by, names, whole); ok {
			out.keys = append(out.keys, newKey(append(slices.Clone(mapped), column)...))
		}
	}
	for _, unknown := range whole {
		if unknown {
			out.columns = nil
		}
	}
	out.keys = shortest(out.keys)
	return out
}

// mapped names the columns of the result that carry the attributes.
func (s *scope) mapped(attributes []string, names map[string]string, whole map[string]bool) (key, bool) {
	var columns []string
	for _, a := range attributes {
		column, ok := names[s.root(a)]
		if alias, name, plain := strings.Cut(a, "."); !ok && plain && whole[alias] {
			column, ok = name, true
		}
		if !ok {
			return nil, false
		}
		columns = append(columns, column)
	}
	return newKey(columns...), true
}

// outputName gives the column name of a SELECT item.
func outputName(item node) string {
	if alias := item.text("alias"); alias != "" {
		return strings.ToLower(alias)
	}
	_, name, _ := item.column()
	return name
}
