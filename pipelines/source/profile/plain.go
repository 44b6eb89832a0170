package profile

import (
	"bytes"
	"context"
	"errors"
	"sync"
)

// Plain is a CSV file that was proven to need no normalising: every cell that is used is already written the way
// Convert would write it, so that the SQL engine may read the file itself, or a copy of it in UTF-8, and get the same values.
type Plain struct {
	Outcome Outcome
	Columns []SlotColumn // of the file, in order
	Select  []string     // the slots and the attributes over Columns
	CRLF    bool
	Copy    string // path of the copy in UTF-8; "" when the file is in UTF-8
}

// ProvePlain reads a file once and gives the proof, or nil when the file or the profile needs Convert. Whatever is
// wrong with a file is for Convert to tell.
func (p *Plan) ProvePlain(ctx context.Context, f File) (*Plain, error) {
	if !p.mayBePlain() {
		return nil, nil
	}
	src, layout, at, err := p.open(f, p.Profile.Encoding)
	var refused *RefusedFile
	var invalid *invalidBytes
	if errors.As(err, &refused) || errors.As(err, &invalid) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := src.Close(); err != nil {
		return nil, err
	}
	if layout.Format != "csv" || layout.Encoding != encUTF8 && f.Scratch == "" || layout.HeaderLine != 1 || len(layout.Header) < 2 {
		return nil, nil
	}
	proof := &proof{binding: p.bind(layout.Header, at, true, f.Captures, decision{decimal: '.'}), delimiter: layout.Delimiter[0], encoding: layout.Encoding}
	if !proof.plan() {
		return nil, nil
	}
	ok, err := proof.readOrCopy(ctx, f)
	if err == nil && ok {
		d, why := p.decide(proof.evidence)
		ok = why == nil && d.decimal == '.'
	}
	if !ok || err != nil {
		return nil, errors.Join(err, proof.drop())
	}
	outcome := Outcome{Layout: layout, Read: proof.records, Accepted: proof.records, Evidence: proof.evidence}
	columns, list := proof.sql()
	return &Plain{Outcome: outcome, Columns: columns, Select: list, CRLF: proof.crlf, Copy: proof.copied}, nil
}

// mayBePlain tells whether the profile leaves anything to prove.
func (p *Plan) mayBePlain() bool {
	o := p.Profile
	if o.Format != "auto" && o.Format != "csv" || o.Numbers.Decimal == "," || o.Whole || len(o.Detail) > 0 || o.Dates.ZoneIn != "" || len(o.Refuse)+len(o.Nulls)+len(o.Fill.Columns)+len(o.Header.Names) > 0 {
		return false
	}
	for _, s := range p.slots {
		if s.kind == hashSlot || len(s.columns) != 1 || s.columns[0] == "$part" {
			return false
		}
	}
	return true
}

// demand is what one cell must be for one purpose.
type demand struct {
	kind          slotKind
	digits, scale int
	required      bool
}

// proof checks the cells of a file.
type proof struct {
	*binding
	delimiter byte
	encoding  string
	copied    string     // see Plain.Copy
	demands   [][]demand // by cell
	attribute []bool     // by cell
	crlf      bool
	lanes     []lane     // by cell
	class     [256]uint8 // of a byte

	mu       sync.Mutex
	records  int64
	evidence Evidence
	gaps     []bool // by cell: an attribute that is empty somewhere
}

// plan lists what each cell must be; false when a slot cannot be proven.
func (p *proof) plan() bool {
	p.demands = make([][]demand, len(p.header))
	p.attribute, p.gaps = make([]bool, len(p.header)), make([]bool, len(p.header))
	p.narrow()
	for _, s := range p.slots {
		if s.isFixed {
			if (s.kind != textSlot && s.kind != idSlot) || plainText(s.fixed[0], s.kind) != nil || len(s.fixed[0]) == 0 {
				return false
			}
			continue
		}
		at := s.at[0]
		if at < 0 {
			if s.required != "" {
				return false
			}
			continue
		}
		d := demand{kind: s.kind, digits: s.digits, scale: s.scale, required: s.required != ""}
		if s.kind == intSlot {
			d.digits = 18
			if s.typ == "INTEGER" {
				d.digits = 9
			}
		}
		p.demands[at] = append(p.demands[at], d)
	}
	for _, a := range p.attrs {
		p.attribute[a.at] = true
	}
	p.lay()
	return true
}

// narrow gives the numbers of expressions a type of the same scale that the engine computes in 64 bits, an order of magnitude
// faster. A file with a larger number is not proven; a sum that leaves the type fails, and the copy with it.
func (p *proof) narrow() {
	for i := range p.slots {
		if p.slots[i].typ == "DECIMAL(38,6)" {
			p.slots[i].typ, p.slots[i].digits = "DECIMAL(18,6)", 11
		}
	}
}

var errNotPlain = errors.New("not plain")

// plainText tells whether a text is kept as it is.
func plainText(cell []byte, kind slotKind) error {
	if len(trim(cell)) != len(cell) || cell[0] == '\'' || kind == idSlot && looksScientific(cell) {
		return errNotPlain
	}
	return nil
}

// check tells whether a cell is what a purpose demands.
func (d demand) check(cell []byte, e *Evidence) bool {
	if len(cell) == 0 {
		return !d.required
	}
	switch d.kind {
	case textSlot, idSlot:
		return plainText(cell, d.kind) == nil
	case numberSlot:
		return plainNumber(cell, d.digits, d.scale)
	case intSlot:
		return len(cell) <= d.digits && plainNumber(cell, d.digits, 0) // a point leaves no digit behind it
	case daySlot, timeSlot:
		m, ok := plainDate(cell)
		e.year(m.year)
		return ok && (d.kind == timeSlot || len(cell) == 10)
	case boolSlot:
		return string(cell) == "true" || string(cell) == "false"
	}
	return false
}

// chunk checks the records of whole lines.
func (p *proof) chunk(w *worker, data []byte) error {
	if invalidAt(data, p.encoding) >= 0 || bytes.IndexByte(data, '"') >= 0 || bytes.IndexByte(data, 0) >= 0 ||
		p.delimiter != '\t' && bytes.IndexByte(data, '\t') >= 0 || !p.crlf && bytes.IndexByte(data, '\r') >= 0 {
		return errNotPlain
	}
	var evidence Evidence
	gaps := make([]bool, len(p.header))
	records := int64(0)
	ruled := len(p.rules[0])+len(p.rules[1]) > 0
	for s := (scan{proof: p, data: data, gaps: gaps, evidence: &evidence}); s.at < len(data); records++ {
		if !ruled && s.next() {
			continue
		}
		line, next, ok := p.line(data, s.at)
		if !ok || !p.record(w, line, gaps, &evidence) {
			return errNotPlain
		}
		s.at = next
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records += records
	p.evidence.merge(evidence)
	for i, gap := range gaps {
		p.gaps[i] = p.gaps[i] || gap
	}
	return nil
}

// line cuts the line at a place; false when its end is none.
func (p *proof) line(data []byte, at int) (line []byte, next int, ok bool) {
	line, next = data[at:], len(data)
	i := bytes.IndexByte(line, '\n')
	if i >= 0 {
		line, next = line[:i], at+i+1
	}
	if p.crlf {
		n := len(line) - 1
		if n >= 0 && line[n] == '\r' {
			line = line[:n]
		} else if i >= 0 {
			return nil, 0, false
		}
		if bytes.IndexByte(line, '\r') >= 0 {
			return nil, 0, false
		}
	}
	return line, next, true
}

// record checks one line.
func (p *proof) record(w *worker, line []byte, gaps []bool, e *Evidence) bool {
	cells := w.cells[:0]
	for {
		i := bytes.IndexByte(line, p.delimiter)
		if i < 0 {
			cells = append(cells, line)
			break
		}
		cells = append(cells, line[:i])
		line = line[i+1:]
	}
	w.cells = cells
	if len(cells) != len(p.header) || len(cells[0]) == 0 && blank(cells) {
		return false
	}
	for i, cell := range cells {
		if !p.cell(i, cell, gaps, e) {
			return false
		}
	}
	if len(p.rules[0])+len(p.rules[1]) > 0 {
		for i := range cells {
			cells[i] = trim(cells[i])
		}
		if w.matches(p.rules[0], cells) || w.matches(p.rules[1], cells) {
			return false
		}
	}
	return !looksTotal(cells)
}

// cell checks one cell for all its purposes.
func (p *proof) cell(i int, cell []byte, gaps []bool, e *Evidence) bool {
	for j := range p.demands[i] {
		if !p.demands[i][j].check(cell, e) {
			return false
		}
	}
	if !p.attribute[i] {
		return true
	}
	if len(cell) == 0 {
		gaps[i] = true
		return true
	}
	return len(trim(cell)) == len(cell) && !escaped(cell)
}

// escaped tells a text that JSON writes differently.
func escaped(cell []byte) bool {
	for _, c := range cell {
		if c < ' ' || c == '"' || c == '\\' {
			return true
		}
	}
	return false
}

// looksTotal tells a line whose first text is the word for a total, trimmed or not.
func looksTotal(cells [][]byte) bool {
	for _, c := range cells {
		if c = trim(c); len(c) > 0 {
			return len(c) <= 32 && mayBeTotal(c) && totalWords.Match(c)
		}
	}
	return true // cells of white space only
}
