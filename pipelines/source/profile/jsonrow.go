package profile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/jsonscan"
)

// jsonParser makes rows of values. What it gives is good until it is asked again.
type jsonParser struct {
	*jsonSource
	fields map[string]*jsonField
	shapes map[string]*jsonShape // by part
	path   []byte
	leaves []jsonLeaf
	shared []jsonLeaf // of the record itself that fill cells, in the order of their names
	lists  [][]byte   // the exploded arrays of the record
	cells  [][]byte
	attrs  []byte
	out    []row
}

// jsonField is a path of leaves.
type jsonField struct {
	name  string
	cells []int
	key   []byte // "name": as attributes hold it; nil: it is no attribute
}

type jsonLeaf struct {
	field *jsonField
	value []byte
}

// jsonShape is the order by name of leaves that come in the order of fields: records of one API look alike.
type jsonShape struct {
	fields []*jsonField
	order  []int
}

func (s *jsonSource) parser() *jsonParser {
	return &jsonParser{jsonSource: s, fields: map[string]*jsonField{}, shapes: map[string]*jsonShape{}, lists: make([][]byte, len(s.profile.Explode))}
}

// parse gives the records of one value: one, or one per element of the exploded arrays. In a whole profile the value
// itself is the first record and its parts follow.
func (p *jsonParser) parse(d document) []row {
	p.out, p.cells, p.attrs, p.leaves, p.shared = p.out[:0], p.cells[:0], p.attrs[:0], p.leaves[:0], p.shared[:0]
	one := func(why *reason) []row { return append(p.out, row{line: d.line, raw: d.raw, bad: why}) }
	if !p.whole {
		if start, end, err := jsonscan.Value(d.raw, 0); err != nil || start != 0 || end != len(d.raw) {
			return one(&reason{"bad_json", "is not one JSON value"})
		}
	}
	if len(d.raw) == 0 || d.raw[0] != '{' {
		return one(&reason{"bad_json", "is not a JSON object"})
	}
	sum := ""
	if p.hash {
		h := sha256.Sum256(d.raw)
		sum = hex.EncodeToString(h[:12])
	}
	clear(p.lists)
	p.flatten("", d.raw, true)
	order := p.shape("", p.leaves)
	head := len(p.leaves)
	for _, i := range order {
		if len(p.leaves[i].field.cells) > 0 {
			p.shared = append(p.shared, p.leaves[i])
		}
	}
	if p.hash {
		p.row(order, p.leaves, nil, "", sum, d)
	}
	for i, name := range p.profile.Explode {
		if list := p.lists[i]; len(list) > 0 && list[0] == '[' {
			jsonscan.Items(list, func(item []byte) { p.part(name, item, head, sum, d) })
		}
	}
	if len(p.out) == 0 {
		p.row(order, p.leaves[:head], nil, "", sum, d)
	}
	return p.out
}

// part makes the record of an element of an exploded array. In a whole profile it holds its own attributes only, else
// also those of the value, which go before its own of the same name.
func (p *jsonParser) part(name string, item []byte, head int, sum string, d document) {
	p.leaves = p.leaves[:head]
	p.flatten(name, item, false)
	if p.hash {
		own := p.leaves[head:]
		p.row(p.shape(name, own), own, p.shared, name, sum, d)
		return
	}
	p.leaves = append(p.leaves, p.leaves[:head]...)
	all := p.leaves[head:]
	p.row(p.shape(name, all), all, nil, name, sum, d)
}

// shape sorts leaves by name. Of equal names the last counts.
func (p *jsonParser) shape(part string, leaves []jsonLeaf) []int {
	known := p.shapes[part]
	if known != nil && slices.EqualFunc(leaves, known.fields, func(l jsonLeaf, f *jsonField) bool { return l.field == f }) {
		return known.order
	}
	s := &jsonShape{fields: make([]*jsonField, len(leaves))}
	order := make([]int, len(leaves))
	for i, l := range leaves {
		s.fields[i], order[i] = l.field, i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(leaves[a].field.name, leaves[b].field.name) })
	for i, at := range order {
		if i+1 == len(order) || s.fields[order[i+1]] != s.fields[at] {
			s.order = append(s.order, at)
		}
	}
	p.shapes[part] = s
	return s.order
}

// row places leaves into cells; what the profile does not name becomes attributes. more is placed too and goes first: its
// rest belongs to another record.
func (p *jsonParser) row(order []int, leaves, more []jsonLeaf, part, sum string, d document) {
	from := len(p.cells)
	p.cells = slices.Grow(p.cells, p.width)[:from+p.width]
	cells := p.cells[from:len(p.cells):len(p.cells)]
	clear(cells)
	cells[p.width-2], cells[p.width-1] = []byte(part), []byte(sum)
	place := func(l jsonLeaf) {
		for _, i := range l.field.cells {
			if len(cells[i]) == 0 {
				cells[i] = trim(l.value)
			}
		}
	}
	for _, l := range more {
		place(l)
	}
	start := len(p.attrs)
	for _, i := range order {
		l := leaves[i]
		place(l)
		if l.field.key == nil || len(l.value) == 0 {
			continue
		}
		p.attrs = append(p.attrs, byte('{'-('{'-',')*boolInt(len(p.attrs) > start)))
		p.attrs = appendJSON(append(p.attrs, l.field.key...), l.value)
	}
	r := row{cells: cells, line: d.line, raw: d.raw}
	if len(p.attrs) > start {
		p.attrs = append(p.attrs, '}')
		r.attrs = p.attrs[start:len(p.attrs):len(p.attrs)]
	}
	p.out = append(p.out, r)
}

// flatten lists the leaves of a value under dotted paths; arrays stay JSON text. Of the record itself the exploded arrays
// are set apart.
func (p *jsonParser) flatten(path string, value []byte, whole bool) {
	p.path = append(p.path[:0], path...)
	p.walk(value, whole)
}

func (p *jsonParser) walk(value []byte, whole bool) {
	if len(p.path) > 0 && whole {
		for i, name := range p.profile.Explode {
			if string(p.path) == name {
				p.lists[i] = value
				return
			}
		}
	}
	if value[0] != '{' {
		p.leaf(value)
		return
	}
	end := len(p.path)
	jsonscan.Fields(value, func(name, inner []byte) bool {
		p.path = p.path[:end]
		if end > 0 {
			p.path = append(p.path, '.')
		}
		p.path = append(p.path, name...)
		p.walk(inner, whole)
		return true
	})
	p.path = p.path[:end]
}

func (p *jsonParser) leaf(value []byte) {
	var text []byte
	switch value[0] {
	case '"':
		text = jsonscan.Text(value)
	case '[':
		if text = jsonscan.AppendSorted(nil, value); len(text) == len("[]") {
			return
		}
	case 'n':
	case 't', 'f':
		text = value
	default:
		if text = value; bytes.ContainsAny(value, "eE") {
			text = []byte(decimal15(string(value))) // without an exponent, and without losing a digit
		}
	}
	f, ok := p.fields[string(p.path)]
	if !ok {
		f = p.field(string(p.path))
	}
	p.leaves = append(p.leaves, jsonLeaf{f, text})
}

func (p *jsonParser) field(name string) *jsonField {
	f := &jsonField{name: name, cells: p.plan[name]}
	if mode := p.profile.Attributes; mode != "none" && !(mode == "unmapped" && f.cells != nil) {
		f.key = append(appendJSON(nil, []byte(name)), ':')
	}
	p.fields[name] = f
	return f
}
