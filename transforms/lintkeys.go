package transforms

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// A rank is only as determined as its order: two rows that tie are numbered as the threads find them. These types follow
// unique keys from the inputs' grains through CTEs, joins and groups, so that the lint can tell a total order from a lucky
// one. What cannot be followed has no key, and the lint says so.

// key is a set of columns no two rows agree in, sorted. The empty key says: at most one row.
type key []string

// shape is what is known of a FROM item or a query's result.
type shape struct {
	columns []string // in order; nil when not known
	keys    []key
}

// scope is the row that a SELECT's expressions see. Its keys are over attributes: "alias.column", or the text of an
// expression that is grouped by.
type scope struct {
	items []scopeItem
	keys  []key
	same  map[string]string // attribute -> another one with the same value
	fixed map[string]bool   // attributes with one value in all rows
}

type scopeItem struct {
	alias string
	shape
}

// maxKeys bounds the keys that are followed, shortest first: joins multiply them.
const maxKeys = 16

func newKey(columns ...string) key {
	slices.Sort(columns)
	return slices.Compact(columns)
}

// within tells whether all of k is in set.
func (k key) within(set map[string]bool) bool {
	return !slices.ContainsFunc(k, func(column string) bool { return !set[column] })
}

// shortest drops repeated keys and keys that contain another one, and all but the shortest.
func shortest(keys []key) []key {
	slices.SortFunc(keys, func(a, b key) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return slices.Compare(a, b)
	})
	var kept []key
	for _, k := range keys {
		set := setOf(k)
		if !slices.ContainsFunc(kept, func(shorter key) bool { return shorter.within(set) }) && len(kept) < maxKeys {
			kept = append(kept, k)
		}
	}
	return kept
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// root gives the attribute that stands for all those equal to a.
func (s *scope) root(a string) string {
	for s.same[a] != "" {
		a = s.same[a]
	}
	return a
}

// equate notes that two attributes have the same value; the first one of the FROM clause stands for both.
func (s *scope) equate(a, b string) {
	if a, b = s.root(a), s.root(b); a != b {
		s.same[b] = a
	}
}

// attribute names the value of an expression: of a column by its place, of a literal "", of all else by its text.
func (s *scope) attribute(n node) string {
	if n.constant() {
		return ""
	}
	if table, name, ok := n.column(); ok {
		return s.root(s.resolve(table, name))
	}
	return s.root("= " + s.spelled(n))
}

// resolve finds the FROM item of a column.
func (s *scope) resolve(table, name string) string {
	if table != "" {
		return table + "." + name
	}
	unknown := ""
	for _, item := range s.items {
		if slices.Contains(item.columns, name) || len(s.items) == 1 {
			return item.alias + "." + name
		}
		if item.columns == nil {
			unknown = item.alias
		}
	}
	return unknown + "." + name
}

// spelled writes an expression so that the same expression is written the same wherever it stands.
func (s *scope) spelled(n node) string {
	var plain func(v any) any
	plain = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			if table, name, ok := node(v).column(); ok {
				return s.root(s.resolve(table, name))
			}
			cleaned := maps.Clone(v)
			delete(cleaned, "query_location")
			delete(cleaned, "alias")
			for key, child := range cleaned {
				cleaned[key] = plain(child)
			}
			return cleaned
		case []any:
			list := make([]any, len(v))
			for i, child := range v {
				list[i] = plain(child)
			}
			return list
		}
		return v
	}
	text, _ := json.Marshal(plain(map[string]any(n))) // made of what was decoded
	return string(text)
}

// reads lists the attributes of the columns that an expression reads, and of the expression itself.
func (s *scope) reads(n node) []string {
	var list []string
	visit(n, func(o node) {
		if table, name, ok := o.column(); ok {
			list = append(list, s.root(s.resolve(table, name)))
		}
	})
	return list
}

// settle rewrites all keys to the attributes that stand for equal ones, without those that never vary.
func (s *scope) settle() {
	for i, k := range s.keys {
		var settled []string
		for _, a := range k {
			if a = s.root(a); !s.fixed[a] {
				settled = append(settled, a)
			}
		}
		s.keys[i] = newKey(settled...)
	}
	s.keys = shortest(s.keys)
}

// filter learns from a condition that holds in every row.
func (s *scope) filter(condition node) {
	for _, part := range conjuncts(condition) {
		switch part.text("type") {
		case "COMPARE_EQUAL":
			left, right := s.attribute(part.child("left")), s.attribute(part.child("right"))
			switch {
			case left == "" && right != "":
				s.fixed[right] = true
			case right == "" && left != "":
				s.fixed[left] = true
			case left != "" && right != "":
				s.equate(left, right)
			}
		case "OPERATOR_IS_NULL":
			if children := part.list("children"); len(children) == 1 {
				s.fixed[s.attribute(children[0])] = true
			}
		}
	}
	fixed := map[string]bool{}
	for a := range s.fixed {
		fixed[s.root(a)] = true
	}
	s.fixed = fixed
	s.settle()
}

// join combines two scopes. A side whose key is given by the other one adds no rows to it.
func join(left, right *scope, kind string, condition node, using []string) *scope {
	both := &scope{items: append(slices.Clone(left.items), right.items...), same: map[string]string{}, fixed: map[string]bool{}}
	maps.Copy(both.same, left.same)
	maps.Copy(both.same, right.same)
	if kind == "INNER" || kind == "LEFT" {
		maps.Copy(both.fixed, left.fixed)
	}
	if kind == "INNER" || kind == "RIGHT" {
		maps.Copy(both.fixed, right.fixed)
	}
	if kind == "SEMI" || kind == "ANTI" {
		both.items, both.keys = left.items, left.keys
		return both
	}
	givenLeft, givenRight := maps.Clone(left.fixed), maps.Clone(right.fixed) // attributes that the other side determines
	given := func(a, b node) {
		l, r := left.attribute(a), right.attribute(b)
		givenLeft[l], givenRight[r] = true, true
		_, _, plainLeft := a.column()
		if _, _, plainRight := b.column(); plainLeft && plainRight && (kind == "INNER" || kind == "LEFT") {
			both.equate(l, r)
		} else if plainLeft && plainRight && kind == "RIGHT" {
			both.equate(r, l)
		}
	}
	for _, column := range using {
		named := node{"type": "COLUMN_REF", "column_names": []any{column}}
		given(named, named)
	}
	for _, part := range conjuncts(condition) {
		if kind := part.text("type"); kind != "COMPARE_EQUAL" && kind != "COMPARE_NOT_DISTINCT_FROM" {
			continue
		}
		for _, sides := range [][2]node{{part.child("left"), part.child("right")}, {part.child("right"), part.child("left")}} {
			a, b := sides[0], sides[1]
			switch {
			case left.owns(both, a) && right.owns(both, b):
				given(a, b)
			case a.constant() && right.owns(both, b):
				givenRight[right.attribute(b)] = true
			case b.constant() && left.owns(both, a):
				givenLeft[left.attribute(a)] = true
			}
		}
	}
	both.keys = joinedKeys(left.keys, right.keys, givenLeft, givenRight, kind)
	both.settle()
	return both
}

// joinedKeys finds the keys of a join from those of its sides.
func joinedKeys(left, right []key, givenLeft, givenRight map[string]bool, kind string) []key {
	var keys []key
	if kind != "FULL" && kind != "OUTER" {
		if slices.ContainsFunc(right, func(k key) bool { return k.within(givenRight) }) && kind != "RIGHT" {
			keys = append(keys, left...)
		}
		if slices.ContainsFunc(left, func(k key) bool { return k.within(givenLeft) }) && kind != "LEFT" {
			keys = append(keys, right...)
		}
	}
	for _, l := range left {
		for _, r := range right {
			keys = append(keys, newKey(append(slices.Clone(l), r...)...))
		}
	}
	return keys
}

// owns tells whether an expression reads columns of this side only, and at least one.
func (s *scope) owns(both *scope, n node) bool {
	found, foreign := false, false
	visit(n, func(o node) {
		table, name, ok := o.column()
		if !ok {
			return
		}
		alias, _, _ := strings.Cut(both.resolve(table, name), ".")
		mine := slices.ContainsFunc(s.items, func(item scopeItem) bool { return item.alias == alias })
		found, foreign = found || mine, foreign || !mine
	})
	return found && !foreign
}
