package profile

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Refusal is a record, or one value of it, that is not used; or a whole file.
type Refusal struct {
	Kind    string // row, value or file
	Row     int64  // record of the file, from 1; 0 for a file
	Line    int64  // physical line, from 1
	Column  string // as the file names it
	Code    string
	Message string
	Raw     string // the record's text as delivered (decoded); the cell's for a value
}

// maxRaw bounds the text kept of one refused record.
const maxRaw = 8 << 10

// decision is how a file writes days and numbers.
type decision struct {
	order   dateOrder
	decimal byte
}

// row is a record as a reader cut it.
type row struct {
	cells  [][]byte
	padded []padded // CSV: cells whose quoted text is longer than the trimmed cell
	attrs  []byte   // JSON readers fill it themselves
	raw    []byte
	line   int64
	bad    *reason
}

// binding is a plan bound to one file's header and name.
type binding struct {
	plan     *Plan
	decision decision
	header   []string
	exact    bool // every record must have as many cells as the header
	slots    []boundSlot
	hash     bool
	hashed   []int
	hashAll  bool // no cell is mapped: the whole record is its content
	attrs    []attribute
	rules    [2][]boundRule // ignore, stop
	fill     filling
	nulls    []string
	zone     *time.Location
	zoneIn   int // cell that names the zone of a record's times, -1: none
	dates    dates
}

type boundSlot struct {
	slot
	scale   int
	at      [2]int    // cell indices, -1 is absent
	fixed   [2][]byte // values of captures
	isFixed bool
	utc     bool   // times without an offset are UTC
	name    string // of the column, for messages
}

type attribute struct {
	prefix []byte // "name":
	at     int
}

type boundRule struct {
	at      int
	pattern *regexp.Regexp
	empty   []int
}

// bind resolves columns to cells.
func (p *Plan) bind(header []string, at map[string]int, exact bool, captures map[string]string, d decision) *binding {
	b := &binding{plan: p, decision: d, header: header, exact: exact, nulls: p.Profile.Nulls}
	b.exact = exact && len(p.Profile.Detail) == 0
	b.zone, _ = time.LoadLocation(p.Profile.Dates.Zone) // checked when the profile was parsed
	b.dates = dates{order: d.order, formats: p.Profile.Dates.Formats}
	b.zoneIn = -1
	if i, ok := at[p.Profile.Dates.ZoneIn]; ok {
		b.zoneIn = i
	}
	used := p.used()
	for _, s := range p.slots {
		if s.kind == hashSlot {
			b.hash = true
			continue
		}
		bound := boundSlot{slot: s, at: [2]int{-1, -1}, name: strings.Join(s.columns, ", ")}
		if i := strings.IndexByte(s.typ, ','); s.kind == numberSlot && i > 0 {
			bound.scale, _ = strconv.Atoi(strings.TrimSuffix(s.typ[i+1:], ")"))
		}
		for i, c := range s.columns {
			if capture, ok := strings.CutPrefix(c, "$"); ok && capture != "part" && capture != "hash" {
				bound.fixed[i], bound.isFixed = []byte(captures[capture]), true
				continue
			}
			bound.utc = bound.utc || p.Profile.Columns[c].UTC
			if j, ok := at[c]; ok {
				bound.at[i] = j
				if j >= 0 && j < len(header) && i == 0 {
					bound.name = header[j]
				}
			}
		}
		b.slots = append(b.slots, bound)
	}
	taken := map[int]bool{}
	for name, i := range at {
		taken[i] = taken[i] || used[name]
		if i >= 0 && used[name] && !slices.Contains(b.hashed, i) {
			b.hashed = append(b.hashed, i)
		}
	}
	b.hashAll = len(b.hashed) == 0
	if b.hashAll {
		for i := range header {
			b.hashed = append(b.hashed, i)
		}
	}
	slices.Sort(b.hashed)
	names := unique(header)
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int { return strings.Compare(names[x], names[y]) })
	for _, i := range order {
		if mode := p.Profile.Attributes; mode == "none" || mode == "unmapped" && taken[i] || names[i] == "" {
			continue
		}
		b.attrs = append(b.attrs, attribute{append(appendJSON(nil, []byte(names[i])), ':'), i})
	}
	for i, rules := range [][]Rule{p.Profile.Ignore, p.Profile.StopAt} {
		for _, r := range rules {
			n, err := strconv.Atoi(r.Column)
			if n--; err != nil {
				n = at[r.Column]
			}
			rule := boundRule{at: n, pattern: r.pattern}
			for _, name := range r.Empty {
				rule.empty = append(rule.empty, at[name])
			}
			b.rules[i] = append(b.rules[i], rule)
		}
	}
	b.fill = p.Profile.Fill.bind(at)
	return b
}

var totalWords = regexp.MustCompile(`(?i)^(合\s*计|总\s*计|小\s*计|本页合计|grand total|sub-?total|total|totals|summe|gesamt|gesamtsumme|summary)\s*[:：]?$`)

// worker converts the records of one chunk.
type worker struct {
	*binding
	part     *part
	cutter   cutter
	json     []byte
	cells    [][]byte
	previous [][]byte // fill: the record above, copied
	lost     bool     // fill: the first record of the group is refused
	zones    map[string]*time.Location
	section  section
}

func newWorker(b *binding) *worker {
	return &worker{binding: b, cutter: cutter{keep: b.plan.Profile.Padding == "keep"}}
}

// part is the outcome of one chunk.
type part struct {
	out      []byte // accepted records, without file and row number
	marks    []mark
	hashes   []uint64
	records  int64
	ignored  int64
	stop     int64 // record at which records end, 0: none
	refusals []Refusal
	evidence Evidence
	breaks   bool // a text holds a line break
	err      error
}

// mark is the end of an accepted record in out.
type mark struct {
	end    int
	record int64
}

func (w *worker) matches(rules []boundRule, cells [][]byte) bool {
	for _, r := range rules {
		if r.at >= 0 && r.at < len(cells) && r.pattern.Match(cells[r.at]) && !slices.ContainsFunc(r.empty, func(i int) bool { return i >= 0 && i < len(cells) && len(cells[i]) > 0 }) {
			return true
		}
	}
	return false
}

// record converts one record; a blank one is none.
func (w *worker) record(r row) {
	if blank(r.cells) && r.bad == nil && len(r.attrs) == 0 {
		return
	}
	p := w.part
	p.records++
	if p.stop > 0 || w.matches(w.rules[1], r.cells) {
		if p.stop == 0 {
			p.stop = p.records
		}
		p.ignored++
		return
	}
	if w.matches(w.rules[0], r.cells) {
		p.ignored++
		return
	}
	if len(w.plan.Profile.Detail) > 0 {
		var skip bool
		if r.cells, skip = w.within(r); skip {
			p.ignored++
			return
		}
	}
	if why := w.shape(r); why != nil {
		w.lost = w.lost || w.fill.begins(r.cells)
		w.refuse("row", r, "", r.raw, why)
		return
	}
	begins := w.fill.begins(r.cells)
	if w.lost = w.lost && !begins; w.lost {
		w.refuse("row", r, "", r.raw, &reason{"part_refused", "belongs to a record of which another part is refused"})
		return
	}
	if len(w.fill.columns) > 0 {
		w.fillDown(r.cells)
	}
	start, values := len(p.out), len(p.refusals)
	for i := range w.slots {
		s := &w.slots[i]
		if why := w.value(s, r.cells); why != nil {
			if !s.nullBad {
				p.out, p.refusals = p.out[:start], p.refusals[:values]
				w.lost = w.lost || begins
				w.refuse("row", r, s.name, r.raw, why)
				return
			}
			cell, _ := s.cell(0, r.cells)
			w.refuse("value", r, s.name, cell, why)
			if s.kind == timeSlot {
				p.out = append(p.out, '\t')
			}
		}
		p.out = append(p.out, '\t')
	}
	w.attributes(r)
	if w.hash {
		p.hashes = append(p.hashes, w.hashOf(r))
	}
	p.marks = append(p.marks, mark{len(p.out), p.records})
}

// shape refuses records that are cut, shifted or totals.
func (w *worker) shape(r row) *reason {
	if r.bad != nil {
		return r.bad
	}
	for _, c := range r.cells {
		if len(c) > 0 {
			if len(c) <= 32 && mayBeTotal(c) && totalWords.Match(c) && !blankAfter(r.cells) {
				return &reason{"total_row", "looks like a total; list it under ignore in the profile when it is one"}
			}
			break
		}
	}
	if !w.exact {
		return nil
	}
	if n := len(w.header); len(r.cells) < n {
		for _, d := range delimiters {
			if len(r.cells) == 1 && n > 1 && bytes.Count(r.raw, []byte{d}) >= n-1 {
				return &reason{"other_delimiter", fmt.Sprintf("is cut by %q, the header by another mark", string(d))}
			}
		}
		return &reason{"short_row", fmt.Sprintf("has %d cells, the header %d", len(r.cells), n)}
	} else if !blank(r.cells[n:]) {
		return &reason{"extra_cells", fmt.Sprintf("has %d cells, the header %d", len(r.cells), n)}
	}
	return nil
}

// mayBeTotal spares most records the pattern: it looks at the first bytes of totalWords' words.
func mayBeTotal(c []byte) bool {
	if len(c) < 5 {
		return false
	}
	second := c[1] | 0x20
	switch c[0] | 0x20 {
	case 'g':
		return second == 'r' || second == 'e'
	case 's':
		return second == 'u'
	case 't':
		return second == 'o'
	}
	return c[0] >= 0xE0
}

// blankAfter tells a record of one word only: a heading, which other checks refuse by what it lacks.
func blankAfter(cells [][]byte) bool {
	n := 0
	for _, c := range cells {
		n += boolInt(len(c) > 0)
	}
	return n < 2
}

func (w *worker) refuse(kind string, r row, column string, raw []byte, why *reason) {
	if n := len(w.part.refusals); kind == "value" && n > 0 {
		if last := w.part.refusals[n-1]; last.Kind == kind && last.Row == w.part.records && last.Column == column {
			return // one cell read in two ways
		}
	}
	if len(raw) > maxRaw {
		raw = raw[:maxRaw]
	}
	w.part.refusals = append(w.part.refusals, Refusal{
		Kind: kind, Row: w.part.records, Line: r.line, Column: column, Code: why.code, Message: why.message,
		Raw: strings.ToValidUTF8(strings.TrimRight(string(raw), "\r\n"), "?"),
	})
}
