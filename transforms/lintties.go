package transforms

import (
	"slices"
	"strings"
)

// ties looks at every window and ordered aggregate of a SELECT: its order must be total, or what ties must be the same row.
func (l *linter) ties(n node, s *scope) {
	items := n.list("select_list")
	visit([]any{n["select_list"], n["qualify"]}, func(o node) {
		if o.text("class") == "WINDOW" && dependsOnTies(o) {
			l.window(o, s, items)
		}
		if o.text("type") == "FUNCTION" && orderedAggregates[strings.ToLower(o.text("function_name"))] {
			l.aggregate(o, s)
		}
	})
}

// dependsOnTies tells whether a window's value depends on the order of rows that its ORDER BY does not tell apart.
func dependsOnTies(o node) bool {
	switch o.text("type") {
	case "WINDOW_RANK", "WINDOW_RANK_DENSE", "WINDOW_CUME_DIST", "WINDOW_PERCENT_RANK":
		return false
	case "WINDOW_AGGREGATE":
		from, to := o.text("start"), o.text("end")
		rows := strings.HasSuffix(from, "_ROWS") || strings.HasSuffix(to, "_ROWS")
		return rows && (from != "UNBOUNDED_PRECEDING" || to != "UNBOUNDED_FOLLOWING")
	}
	return true
}

// window refuses a window whose ORDER BY leaves ties between different rows.
func (l *linter) window(o node, s *scope, items []node) {
	name := strings.ToLower(strings.TrimPrefix(o.text("type"), "WINDOW_"))
	if name == "aggregate" {
		name = o.text("function_name") + " over rows"
	}
	orders := o.list("orders")
	if len(orders) == 0 {
		l.add("tie_break", o, "add ORDER BY ending in a unique key", "%s without ORDER BY depends on the order of rows", name)
		return
	}
	told := s.told(o.list("partitions"), orders)
	if slices.ContainsFunc(s.keys, func(k key) bool { return k.within(told) }) || s.keeps(items, told) {
		return
	}
	l.add("tie_break", o, "end its ORDER BY with a unique key of the rows"+s.keysHint()+"; if the order is total for a reason the lint cannot see, list tie_break with it under allow: in the header",
		"%s: rows can tie in its PARTITION BY and ORDER BY, and ties come in any order", name)
}

// aggregate refuses an aggregate in order whose ORDER BY leaves ties between different values.
func (l *linter) aggregate(o node, s *scope) {
	orders := o.child("order_bys").list("orders")
	children := o.list("children")
	if len(orders) == 0 || len(children) == 0 {
		return // refused already
	}
	told := s.told(nil, orders)
	if told[s.attribute(children[0])] || s.determined(children[0], told) || slices.ContainsFunc(s.keys, func(k key) bool { return k.within(told) }) {
		return
	}
	l.add("tie_break", o, "end its ORDER BY with the value itself", "%s: values can tie in its ORDER BY, and ties come in any order", strings.ToLower(o.text("function_name")))
}

// told gives the attributes that rows must share to tie, with those that never vary.
func (s *scope) told(partitions, orders []node) map[string]bool {
	told := map[string]bool{}
	for a := range s.fixed {
		told[a] = true
	}
	for _, p := range partitions {
		told[s.attribute(p)] = true
	}
	for _, order := range orders {
		told[s.attribute(order.child("expression"))] = true
	}
	return told
}

// keeps tells whether rows that tie are the same in everything the SELECT keeps, so that their order does not matter.
func (s *scope) keeps(items []node, told map[string]bool) bool {
	for _, item := range items {
		if item.text("class") == "WINDOW" {
			continue
		}
		if item.text("type") != "STAR" {
			if !s.determined(item, told) {
				return false
			}
			continue
		}
		for _, from := range s.items {
			if from.columns == nil {
				return false
			}
			for _, column := range from.columns {
				if !told[s.root(from.alias+"."+column)] {
					return false
				}
			}
		}
	}
	return true
}

// determined tells whether an expression is the same in all rows that share the told attributes.
func (s *scope) determined(n node, told map[string]bool) bool {
	if n.constant() || told[s.attribute(n)] {
		return true
	}
	reads := s.reads(n)
	if len(reads) == 0 || n.folds() {
		return false
	}
	return !slices.ContainsFunc(reads, func(a string) bool { return !told[a] })
}

// keysHint names the shortest keys of the rows, when any are known.
func (s *scope) keysHint() string {
	var list []string
	for _, k := range s.keys[:min(len(s.keys), 3)] {
		if len(k) > 0 && !strings.HasPrefix(k[0], "= ") {
			list = append(list, strings.Join(k, ", "))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return " (" + strings.Join(list, "; or ") + ")"
}

// limited refuses LIMIT whose order does not say which rows stay.
func (l *linter) limited(n node, out shape) {
	if l.portable || !n.has("LIMIT_MODIFIER") && !n.has("LIMIT_PERCENT_MODIFIER") {
		return
	}
	told := map[string]bool{}
	for _, order := range n.orders() {
		if _, name, ok := order.child("expression").column(); ok {
			told[name] = true
		}
	}
	if len(told) == 0 {
		l.add("limit_order", n, "add ORDER BY ending in a unique key", "LIMIT without ORDER BY keeps arbitrary rows")
		return
	}
	total := slices.ContainsFunc(out.keys, func(k key) bool { return k.within(told) })
	if !total && (out.columns == nil || !newKey(slices.Clone(out.columns)...).within(told)) {
		l.add("limit_order", n, "end its ORDER BY with a unique key, or list limit_order with the reason under allow: in the header", "rows can tie in the ORDER BY of a LIMIT, so that any of them stays")
	}
}
