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

// node is one object of the engine's syntax tree.
type node map[string]any

func (n node) text(key string) string { s, _ := n[key].(string); return s }

func (n node) child(key string) node { c, _ := n[key].(map[string]any); return c }

func (n node) list(key string) []node {
	values, _ := n[key].([]any)
	nodes := make([]node, 0, len(values))
	for _, v := range values {
		if o, ok := v.(map[string]any); ok {
			nodes = append(nodes, o)
		}
	}
	return nodes
}

// at gives the node's character in the statement, -1 when the parser does not tell.
func (n node) at() int {
	place, _ := n["query_location"].(json.Number)
	at, err := place.Int64()
	if err != nil { // the parser writes the largest number for "nowhere", which does not fit
		return -1
	}
	return int(at)
}

// column gives the last and the second last part of a column reference in lower case; ok is false for anything else.
func (n node) column() (table, name string, ok bool) {
	if n.text("type") != "COLUMN_REF" {
		return "", "", false
	}
	names, _ := n["column_names"].([]any)
	for _, part := range names {
		table, name = name, strings.ToLower(fmt.Sprint(part))
	}
	return table, name, name != ""
}

// constant tells whether the node is a literal value, with or without a cast.
func (n node) constant() bool {
	if n.text("type") == "OPERATOR_CAST" {
		return n.child("child").constant()
	}
	return n.text("type") == "VALUE_CONSTANT"
}

// conjuncts splits a condition at its ANDs.
func conjuncts(n node) []node {
	if n == nil {
		return nil
	}
	if n.text("type") != "CONJUNCTION_AND" {
		return []node{n}
	}
	var all []node
	for _, child := range n.list("children") {
		all = append(all, conjuncts(child)...)
	}
	return all
}

// orders gives the ORDER BY items of a query node.
func (n node) orders() []node {
	for _, modifier := range n.list("modifiers") {
		if modifier.text("type") == "ORDER_MODIFIER" {
			return modifier.list("orders")
		}
	}
	return nil
}

// has tells whether a query node carries a modifier.
func (n node) has(modifier string) bool {
	return slices.ContainsFunc(n.list("modifiers"), func(m node) bool { return m.text("type") == modifier })
}

// ctes lists the common table expressions of a query node in their order.
func (n node) ctes() []node { return n.child("cte_map").list("map") }

// visit calls fn for every object of a tree, parents first and keys in order.
func visit(tree any, fn func(node)) {
	switch n := tree.(type) {
	case node:
		visit(map[string]any(n), fn)
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

// syntaxTree parses a statement with the engine's parser; it must be one SELECT.
func syntaxTree(ctx context.Context, s warehouse.Session, m *Model, query string) (node, error) {
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
	return node(tree.Statements[0]).child("node"), nil
}

// place turns a character of the expanded SQL into file:line:column.
func (m *Model) place(query string, at int) string {
	lead := len(m.body) - len(strings.TrimLeft(m.body, " \t\r\n"))
	line := m.bodyLine + strings.Count(m.body[:lead], "\n")
	if at < 0 || at > len(query) {
		return m.named(fmt.Sprintf("%s:%d", m.File, line))
	}
	before := query[:at]
	return m.named(fmt.Sprintf("%s:%d:%d", m.File, line+strings.Count(before, "\n"), at-strings.LastIndex(before, "\n")))
}
