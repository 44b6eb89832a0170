package profile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/retail"
)

// checkDefine refuses names that mean something already.
func (p *Profile) checkDefine() error {
	for _, name := range slices.Sorted(maps.Keys(p.Define)) {
		if _, taken := p.Columns[name]; taken || !identifier.MatchString(name) || accessors[name] || name == "auto" || name == "position" || name == "lookup" {
			return p.bad("invalid_name", "use a name of lower-case letters, digits and _ that no column has", []string{"define", name}, "%q cannot be defined", name)
		}
	}
	return nil
}

// defined writes what a name of define stands for. A name may use others, but not itself.
func (p *Profile) defined(name, expr string, s *slots, path []string) (string, error) {
	mark := "define " + name
	if slices.Contains(path, mark) {
		return "", p.bad("invalid_expression", "write it without itself", []string{"define", name}, "%q is defined by itself", name)
	}
	sql, _, err := p.translate(strings.TrimPrefix(strings.TrimSpace(expr), "="), s, append(slices.Clone(path), mark))
	return "(" + sql + ")", err
}

var slotWord = regexp.MustCompile(`\bs[0-9]+\b`)

// lookup writes lookup(key, expression, column): the text of column on the records of the same file whose key has the
// expression's value; null when there is none or they do not agree. It reads tokens from the opening parenthesis.
func (p *Profile) lookup(tokens []token, i int, s *slots, path []string) (sql string, end int, err error) {
	bad := func() (string, int, error) {
		return "", 0, p.bad("invalid_expression", "write lookup(column, expression, column)", path, "lookup() takes a column, an expression and a column")
	}
	var arguments []string
	depth, text := 0, ""
	for ; i < len(tokens); i++ {
		t := tokens[i].text
		switch {
		case t == "(" && depth == 0:
			depth = 1
			continue
		case t == "(":
			depth++
		case t == ")":
			depth--
		case t == "," && depth == 1:
			arguments, text = append(arguments, strings.TrimSpace(text)), ""
			continue
		}
		if depth == 0 {
			if t == ")" {
				break
			}
			continue
		}
		text += t
	}
	if arguments = append(arguments, strings.TrimSpace(text)); len(arguments) != 3 || i == len(tokens) {
		return bad()
	}
	var names [2]string
	for n, column := range []string{arguments[0], arguments[2]} {
		if err := p.declared(column, path); err != nil {
			return "", 0, err
		}
		names[n] = s.add(slot{kind: idSlot, typ: "VARCHAR", columns: []string{column}, nullBad: p.Columns[column].Bad == "null"})
	}
	value, _, err := p.translate(arguments[1], s, path)
	if err != nil {
		return "", 0, err
	}
	value = slotWord.ReplaceAllString(value, "record.$0")
	return fmt.Sprintf("(SELECT CASE WHEN min(other.%[2]s) = max(other.%[2]s) THEN min(other.%[2]s) END FROM record AS other WHERE other._f = record._f AND other.%[1]s = (%[3]s))", names[0], names[1], value), i, nil
}

// compileEach gives the words each and each_amount a meaning for the expressions of one stream.
func (p *Profile) compileEach(columns map[string]string, s *slots, path []string) (*EachPlan, error) {
	if len(columns) == 0 {
		return nil, nil
	}
	plan := &EachPlan{Words: slices.Sorted(maps.Keys(columns))}
	var arms strings.Builder
	for i, word := range plan.Words {
		column := columns[word]
		if err := p.declared(column, append(path, "each")); err != nil {
			return nil, err
		}
		n := accessorSlots["num"]
		n.columns, n.nullBad = []string{column}, p.Columns[column].Bad == "null"
		fmt.Fprintf(&arms, " WHEN %d THEN %s", i, s.add(n))
	}
	plan.Amount = "CASE part.part_no" + arms.String() + " END"
	s.each = map[string]string{"each": "part.each_name", "each_amount": "(" + plan.Amount + ")"}
	return plan, nil
}

// otherwise lets the feed speak where a file does not: an optional column that is empty takes the capture or the constant
// that the feed gives under the canonical name.
func (p *Profile) otherwise(expr string, c retail.Column, bind *Bind) string {
	if column, ok := p.Columns[expr]; !ok || !column.Optional || c.Type != "VARCHAR" || bind == nil {
		return expr
	}
	if slices.Contains(bind.Captures, c.Name) {
		return "= coalesce(txt(" + expr + "), $" + c.Name + ")"
	}
	if value, ok := bind.Constants[c.Name]; ok {
		return "= coalesce(txt(" + expr + "), '" + strings.ReplaceAll(value, "'", "''") + "')"
	}
	return expr
}
