package profile

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/retail"
)

// accessors turn cell text into a value; see Mapping.
var accessors = map[string]bool{"txt": true, "num": true, "int": true, "day": true, "ts": true, "bool": true}

// slotKind is how a cell is read.
type slotKind uint8

const (
	textSlot slotKind = iota
	idSlot            // text that a spreadsheet must not have turned into a number
	numberSlot
	intSlot
	daySlot
	timeSlot
	boolSlot
	hashSlot // line_key: auto
)

// slot is one value of a record as the SQL engine receives it.
type slot struct {
	kind     slotKind
	columns  []string // declared names, or $captures
	typ      string   // SQL type
	digits   int      // numberSlot: digits allowed before the decimal mark
	required string   // canonical column that may not be empty
	nullBad  bool     // a bad value becomes null
}

// slots collects the distinct slots of a plan.
type slots struct {
	all   []slot
	index map[string]int
	each  map[string]string // words of the stream that is compiled, see EachPlan
}

func (s *slots) add(n slot) string {
	key := strings.Join(append([]string{string(rune('a' + n.kind)), n.typ, n.required}, n.columns...), "\x00")
	if n.nullBad {
		key += "\x00null"
	}
	i, ok := s.index[key]
	if !ok {
		i = len(s.all)
		s.all = append(s.all, n)
		s.index[key] = i
	}
	return slotName(i)
}

var accessorSlots = map[string]slot{
	"txt":  {kind: idSlot, typ: "VARCHAR"},
	"num":  {kind: numberSlot, typ: "DECIMAL(38,6)", digits: 26},
	"int":  {kind: intSlot, typ: "BIGINT"},
	"day":  {kind: daySlot, typ: "DATE"},
	"ts":   {kind: timeSlot, typ: "TIMESTAMP"},
	"bool": {kind: boolSlot, typ: "BOOLEAN"},
}

// slotFor gives the way to read a cell that fills a canonical column directly.
func slotFor(c retail.Column) slot {
	switch {
	case c.Type == "BIGINT" || c.Type == "INTEGER":
		return slot{kind: intSlot, typ: c.Type}
	case c.Type == "BOOLEAN":
		return slot{kind: boolSlot, typ: c.Type}
	case c.Type == "DATE":
		return slot{kind: daySlot, typ: c.Type}
	case c.Type == "TIMESTAMP":
		return slot{kind: timeSlot, typ: c.Type}
	case c.Type == "DECIMAL(18,3)":
		return slot{kind: numberSlot, typ: c.Type, digits: 15}
	case c.Type == "DECIMAL(18,4)":
		return slot{kind: numberSlot, typ: c.Type, digits: 14}
	case c.Type == "DECIMAL(18,8)":
		return slot{kind: numberSlot, typ: c.Type, digits: 10}
	case idLike(c.Name):
		return slot{kind: idSlot, typ: "VARCHAR"}
	}
	return slot{kind: textSlot, typ: "VARCHAR"}
}

// idLike tells columns whose text is a code: a spreadsheet's 6.9E+12 in one is a destroyed code, not a value.
func idLike(name string) bool {
	for _, suffix := range []string{"_id", "_no", "_key", "_ref", "sku", "barcode", "barcodes", "phone", "phones", "postal_code", "coupon_code", "open_ids", "ref"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// token is a piece of an SQL expression.
type token struct {
	text string
	kind byte // w word, $ capture, s string or quoted name, n number, p punctuation, ' ' space
}

// lex cuts an SQL expression; ok is false on an unterminated quote or a forbidden character.
func lex(expr string) (tokens []token, ok bool) {
	r := []rune(expr)
	for i := 0; i < len(r); {
		start, c := i, r[i]
		kind := byte('p')
		switch {
		case unicode.IsSpace(c):
			for i < len(r) && unicode.IsSpace(r[i]) {
				i++
			}
			kind = ' '
		case c == '\'' || c == '"':
			for i++; ; i++ {
				if i >= len(r) {
					return nil, false
				}
				if r[i] == c {
					if i+1 < len(r) && r[i+1] == c {
						i++
						continue
					}
					break
				}
			}
			i++
			kind = 's'
		case c == '$' || c == '_' || unicode.IsLetter(c):
			for i++; i < len(r) && (r[i] == '_' || unicode.IsLetter(r[i]) || unicode.IsDigit(r[i])); i++ {
			}
			kind = 'w'
			if c == '$' {
				kind = '$'
			}
		case unicode.IsDigit(c):
			for i++; i < len(r) && (r[i] == '.' || unicode.IsDigit(r[i])); i++ {
			}
			kind = 'n'
		case c == ';':
			return nil, false
		default:
			i++
		}
		tokens = append(tokens, token{text: string(r[start:i]), kind: kind})
	}
	return tokens, true
}

// translate rewrites an expression: accessor calls and bare column names become slot names. The result is SQL over
// the slots. single is the slot's name when the expression is exactly one accessor call or column.
func (p *Profile) translate(expr string, s *slots, path []string) (sql, single string, err error) {
	tokens, ok := lex(strings.TrimSpace(expr))
	if !ok {
		return "", "", p.bad("invalid_expression", "close the quote and leave out ;", path, "the expression cannot be read: %s", expr)
	}
	var out strings.Builder
	count, other := 0, false
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		next := peek(tokens, i+1)
		switch {
		case t.kind == 'w' && next == "(" && accessors[strings.ToLower(t.text)]:
			arguments, end, ok := callArguments(tokens, i+1)
			n := accessorSlots[strings.ToLower(t.text)]
			if !ok || len(arguments) > 2 || len(arguments) == 2 && n.kind != timeSlot {
				return "", "", p.bad("invalid_expression", "accessors take column names: num(qty), ts(date, time)", path, "%s() takes one column", t.text)
			}
			nullBad := true
			for _, a := range arguments {
				if !strings.HasPrefix(a, "$") {
					if err := p.declared(a, path); err != nil {
						return "", "", err
					}
				}
				nullBad = nullBad && p.Columns[a].Bad == "null"
			}
			n.columns, n.nullBad = arguments, nullBad
			single = s.add(n)
			out.WriteString(single)
			count++
			i = end
			continue
		case t.kind == '$':
			single = s.add(slot{kind: idSlot, typ: "VARCHAR", columns: []string{t.text}})
			out.WriteString(single)
			count++
			continue
		case t.kind == 'w' && next == "(" && strings.EqualFold(t.text, "lookup"):
			found, end, err := p.lookup(tokens, i+1, s, path)
			if err != nil {
				return "", "", err
			}
			out.WriteString(found)
			other, i = true, end
			continue
		case t.kind == 'w' && next != "(":
			if sql := s.each[t.text]; sql != "" {
				out.WriteString(sql)
				other = true
				continue
			}
			if defined := p.Define[t.text]; defined != "" {
				inner, err := p.defined(t.text, defined, s, path)
				if err != nil {
					return "", "", err
				}
				out.WriteString(inner)
				other = true
				continue
			}
			if c, ok := p.Columns[t.text]; ok {
				single = s.add(slot{kind: idSlot, typ: "VARCHAR", columns: []string{t.text}, nullBad: c.Bad == "null"})
				out.WriteString(single)
				count++
				continue
			}
		}
		other = other || t.kind != ' '
		out.WriteString(t.text)
	}
	if other || count != 1 {
		single = ""
	}
	return out.String(), single, nil
}

func peek(tokens []token, i int) string {
	for ; i < len(tokens); i++ {
		if tokens[i].kind != ' ' {
			return tokens[i].text
		}
	}
	return ""
}

// callArguments reads "(a, b)" from position i: bare names or captures only.
func callArguments(tokens []token, i int) (arguments []string, end int, ok bool) {
	depth := 0
	for ; i < len(tokens); i++ {
		switch t := tokens[i]; {
		case t.kind == ' ' || t.text == ",":
		case t.text == "(":
			if depth++; depth > 1 {
				return nil, 0, false
			}
		case t.text == ")":
			return arguments, i, len(arguments) > 0
		case t.kind == 'w' || t.kind == '$':
			arguments = append(arguments, t.text)
		default:
			return nil, 0, false
		}
	}
	return nil, 0, false
}

// checkStreams validates every stream's mapping by compiling it.
func (p *Profile) checkStreams() error {
	names := retail.StreamNames()
	for _, name := range slices.Sorted(maps.Keys(p.Streams)) {
		if _, ok := retail.StreamNamed(name); !ok {
			return p.bad("unknown_stream", nearest(name, names, "canonical streams: "+strings.Join(names, ", ")), []string{"streams", name}, "there is no stream %q", name)
		}
	}
	_, err := p.Compile(nil)
	if err != nil && fault.KindOf(err) != fault.Usage {
		return err
	}
	return err
}
