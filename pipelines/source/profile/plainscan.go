package profile

// Most cells of a plain file can be proven in the same pass that finds their end. What a lane is not sure of is left to
// record, which decides: a lane may only ever say yes.

type laneKind uint8

const (
	textLane laneKind = iota
	numberLane
	timeLane
)

// lane proves one column's cells.
type lane struct {
	kind          laneKind
	required      bool
	day           bool  // timeLane: without a time of day
	digits, scale int   // numberLane
	length        int   // numberLane: of the whole text, 0 is any
	attribute     bool  // textLane
	doubt         uint8 // textLane: classes of bytes that need a look at the cell
}

// Classes of bytes.
const (
	stopByte  uint8 = 1 << iota // ends a cell
	jsonByte                    // written differently in JSON
	powerByte                   // stands in a number in powers of ten
	anyByte
)

func (p *proof) classes() {
	for c := range p.class {
		p.class[c] = anyByte
		if c < ' ' || c == '"' || c == '\\' {
			p.class[c] |= jsonByte
		}
	}
	p.class['e'] |= powerByte
	p.class['E'] |= powerByte
	for _, c := range []byte{p.delimiter, '\n', '\r'} {
		p.class[c] |= stopByte
	}
}

// lay makes the lanes of what the cells must be.
func (p *proof) lay() {
	p.classes()
	p.lanes = make([]lane, len(p.header))
	for i := range p.lanes {
		p.lanes[i] = laneOf(p.demands[i], p.attribute[i])
	}
}

func laneOf(demands []demand, attribute bool) lane {
	l := lane{attribute: attribute}
	unsure := false
	numbers, times := 0, 0
	for _, d := range demands {
		l.required = l.required || d.required
		switch d.kind {
		case numberSlot, intSlot:
			if numbers == 0 {
				l.digits, l.scale = d.digits, d.scale
			}
			numbers++
			l.digits, l.scale = min(l.digits, d.digits), min(l.scale, d.scale)
			if d.kind == intSlot {
				l.scale = 0
				if l.length == 0 || d.digits < l.length {
					l.length = d.digits
				}
			}
		case daySlot, timeSlot:
			times++
			l.day = l.day || d.kind == daySlot
		case idSlot:
			l.doubt |= powerByte
		case textSlot:
		default:
			unsure = true
		}
	}
	if attribute {
		l.doubt |= jsonByte
	}
	switch { // a proven number or time is a proven text as well
	case unsure || numbers > 0 && times > 0 || attribute && numbers+times > 0:
		l.doubt = anyByte
	case numbers > 0:
		l.kind = numberLane
	case times > 0:
		l.kind = timeLane
	}
	return l
}

// scan walks the records of one chunk.
type scan struct {
	*proof
	data     []byte
	at       int
	gaps     []bool
	evidence *Evidence
	day      [10]byte // proven last
}

// next proves the record at s.at and moves behind it; false leaves it to record.
func (s *scan) next() bool {
	at := s.at
	for i := range s.lanes {
		l := &s.lanes[i]
		start, ok := at, false
		switch l.kind {
		case numberLane:
			at, ok = l.number(s.data, at)
		case timeLane:
			at, ok = s.time(l, at)
		default:
			at, ok = s.text(i, l, at)
		}
		if !ok || i == 0 && (at == start || s.data[start] >= 0x80 || mayBeTotal(s.data[start:at])) {
			return false
		}
		if i < len(s.lanes)-1 {
			if at == len(s.data) || s.data[at] != s.delimiter {
				return false
			}
			at++
		}
	}
	switch rest := s.data[at:]; {
	case len(rest) == 0:
	case rest[0] == '\n' && !s.crlf:
		at++
	case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n' && s.crlf:
		at += 2
	default:
		return false
	}
	s.at = at
	return true
}

// number proves -?digits[.digits], or nothing where it may be missing.
func (l *lane) number(data []byte, at int) (end int, ok bool) {
	start := at
	if at < len(data) && data[at] == '-' {
		at++
	}
	first := at
	for at < len(data) && data[at]-'0' <= 9 {
		at++
	}
	whole := at - first
	if whole == 0 {
		return at, at == start && !l.required
	}
	if at < len(data) && data[at] == '.' {
		at++
		point := at
		for at < len(data) && data[at]-'0' <= 9 {
			at++
		}
		if at == point || at-point > l.scale {
			return at, false
		}
	}
	return at, whole <= l.digits && at-first <= maxNumber && (l.length == 0 || at-start <= l.length)
}

// time proves what plainDate reads; days come in runs.
func (s *scan) time(l *lane, at int) (end int, ok bool) {
	data := s.data[at:]
	if len(data) == 0 || s.class[data[0]]&stopByte != 0 {
		return at, !l.required
	}
	if len(data) < 10 {
		return at, false
	}
	if string(data[:10]) != string(s.day[:]) {
		m, ok := plainDate(data[:10])
		if !ok {
			return at, false
		}
		s.evidence.year(m.year)
		copy(s.day[:], data)
	}
	if len(data) == 10 || data[10] != ' ' && data[10] != 'T' {
		return at + 10, true
	}
	if l.day || len(data) < 19 || data[13] != ':' || data[16] != ':' {
		return at, false
	}
	two := func(i int) byte {
		x, y := data[i]-'0', data[i+1]-'0'
		if x > 9 || y > 9 {
			return 99
		}
		return x*10 + y
	}
	return at + 19, two(11) < 24 && two(14) < 60 && two(17) < 60
}

// text proves a text that is kept as it is.
func (s *scan) text(i int, l *lane, at int) (end int, ok bool) {
	seen := uint8(0)
	for end = at; end < len(s.data); end++ {
		c := s.class[s.data[end]]
		if c&stopByte != 0 {
			break
		}
		seen |= c
	}
	if end == at {
		s.gaps[i] = s.gaps[i] || l.attribute
		return end, !l.required
	}
	first, last := s.data[at], s.data[end-1]
	if seen&l.doubt == 0 && first > ' ' && first < 0x80 && first != '\'' && last > ' ' && last < 0x80 {
		return end, true
	}
	return end, s.cell(i, s.data[at:end], s.gaps, s.evidence)
}
