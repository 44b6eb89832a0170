package profile

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

func (s *boundSlot) cell(i int, cells [][]byte) ([]byte, bool) {
	if s.fixed[i] != nil {
		return s.fixed[i], true
	}
	if at := s.at[i]; at >= 0 && at < len(cells) {
		return cells[at], true
	}
	return nil, false
}

func (w *worker) isNull(cell []byte) bool {
	if len(cell) == 0 {
		return true
	}
	for _, n := range w.nulls {
		if string(cell) == n {
			return true
		}
	}
	return false
}

// value appends one slot's canonical text.
func (w *worker) value(s *boundSlot, cells [][]byte) *reason {
	p := w.part
	cell, _ := s.cell(0, cells)
	empty := w.isNull(cell)
	var why *reason
	switch {
	case empty:
		if s.kind == timeSlot {
			p.out = append(p.out, '\t')
		}
	case s.kind == textSlot || s.kind == idSlot:
		if len(cell) > 1 && cell[0] == '\'' && (cell[1] >= '0' && cell[1] <= '9' || bytes.IndexByte([]byte("=+-@"), cell[1]) >= 0) {
			cell = cell[1:]
		}
		if s.kind == idSlot && looksScientific(cell) {
			if w.plan.Profile.Columns[s.columns[0]].Expand {
				p.out = p.appendText(p.out, []byte(decimal15(string(cell))))
				return nil
			}
			return &reason{"scientific_id", "is a code that a spreadsheet turned into a number: its digits are lost"}
		}
		if bytes.IndexByte(cell, 0) >= 0 {
			return &reason{"control_character", "holds a NUL character"}
		}
		p.out = p.appendText(p.out, cell)
	case s.kind == numberSlot || s.kind == intSlot:
		scale := s.scale
		digits := s.digits
		if s.kind == intSlot {
			scale, digits = 6, 18
		}
		before := len(p.out)
		p.out, empty, why = number(p.out, cell, w.decision.decimal, digits, scale, &p.evidence)
		if why == nil && s.kind == intSlot && !empty {
			if i := bytes.IndexByte(p.out[before:], '.'); i >= 0 {
				if len(bytes.Trim(p.out[before+i+1:], "0")) > 0 {
					why = &reason{"bad_integer", "is not a whole number"}
				}
				p.out = p.out[:before+i]
			}
		}
		if why != nil {
			p.out = p.out[:before]
		}
	case s.kind == boolSlot:
		var text string
		text, empty, why = boolean(cell)
		p.out = append(p.out, text...)
	case isNothing(cell):
		empty = true
		if s.kind == timeSlot {
			p.out = append(p.out, '\t')
		}
	default:
		why = w.moment(s, cell, cells)
	}
	if why == nil && empty && s.required != "" {
		return &reason{"missing_value", s.required + " is empty"}
	}
	return why
}

func (w *worker) moment(s *boundSlot, cell []byte, cells [][]byte) *reason {
	p := w.part
	m, why := w.dates.parse(cell, &p.evidence)
	if why != nil {
		return why
	}
	if s.kind == daySlot {
		p.out = m.appendDay(p.out)
		return nil
	}
	if second, ok := s.cell(1, cells); ok && !w.isNull(second) {
		if !w.timeOfDay(second, &m) {
			return errTime
		}
	}
	if s.utc && !m.zoned {
		m.zoned, p.evidence.Offset = true, true
	}
	if w.zoneIn >= 0 && !m.zoned && w.zoneIn < len(cells) && !w.isNull(cells[w.zoneIn]) {
		zone := w.zoneOf(cells[w.zoneIn])
		if zone == nil {
			return errZone
		}
		m.placed(zone)
		p.evidence.Offset = true
	}
	if !m.zoned {
		p.out = append(m.appendTime(p.out), '\t')
		return nil
	}
	utc := m.utc()
	local := time.Date(utc.year, time.Month(utc.month), utc.day, utc.hour, utc.minute, utc.second, utc.micro*1000, time.UTC).In(w.zone)
	l := moment{local.Year(), int(local.Month()), local.Day(), local.Hour(), local.Minute(), local.Second(), local.Nanosecond() / 1000, true, 0, false}
	p.out = append(l.appendTime(p.out), '\t')
	p.out = utc.appendTime(p.out)
	return nil
}

// zoneOf finds the zone that a cell names; a file has few.
func (w *worker) zoneOf(cell []byte) *time.Location {
	zone, known := w.zones[string(cell)]
	if !known {
		zone = zoneNamed(string(cell))
		if w.zones == nil || len(w.zones) > 100 {
			w.zones = map[string]*time.Location{}
		}
		w.zones[string(cell)] = zone
	}
	return zone
}

// timeOfDay reads HH:MM[:SS], HHMM, HHMMSS, or takes the time of a full date and time.
func (w *worker) timeOfDay(text []byte, m *moment) bool {
	s := strings.TrimSpace(fold(string(text)))
	if len(s) == 4 || len(s) == 6 {
		if strings.Trim(s, "0123456789") == "" {
			n, _ := strconv.Atoi((s + "00")[:6])
			m.hour, m.minute, m.second, m.timed = n/10000, n/100%100, n%100, true
			return m.valid()
		}
	}
	if clock(s, m, &w.part.evidence) {
		return true
	}
	if full, ok := plainDate([]byte(s)); ok && full.timed {
		m.hour, m.minute, m.second, m.timed = full.hour, full.minute, full.second, true
		return true
	}
	return false
}

// Quote surrounds cells of the normalised records that hold a tab, a line break or a quote, which then is doubled. It is a
// character that hardly any text holds, so that attributes, which are full of quotation marks, stay as they are.
const Quote = "\x1f"

// appendText writes text as a cell of the normalised records.
func (p *part) appendText(dst, text []byte) []byte {
	plain := true
	for _, c := range text {
		if c == Quote[0] || c == '\t' || c == '\n' || c == '\r' {
			plain = false
			break
		}
	}
	if plain {
		return append(dst, text...)
	}
	dst = append(dst, Quote...)
	for _, c := range text {
		if c == Quote[0] {
			dst = append(dst, Quote...)
		}
		p.breaks = p.breaks || c == '\n' || c == '\r'
		dst = append(dst, c)
	}
	return append(dst, Quote...)
}

// attributes appends the JSON object of the cells that the profile maps to nothing.
func (w *worker) attributes(r row) {
	p := w.part
	if len(r.attrs) > 0 {
		p.out = p.appendText(p.out, r.attrs)
		return
	}
	w.json = w.json[:0]
	for _, a := range w.attrs {
		if a.at >= len(r.cells) {
			continue
		}
		if text := whole(r.padded, a.at, r.cells[a.at]); len(text) > 0 {
			if len(w.json) == 0 {
				w.json = append(w.json, '{')
			} else {
				w.json = append(w.json, ',')
			}
			w.json = appendJSON(append(w.json, a.prefix...), text)
		}
	}
	if len(w.json) > 0 {
		w.json = append(w.json, '}')
		p.out = p.appendText(p.out, w.json)
	}
}

const hexDigits = "0123456789abcdef"

// appendJSON writes a JSON string; the same text gives the same bytes.
func appendJSON(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// hashOf is the content of the mapped cells: twins in one file are told apart by their occurrence.
func (w *worker) hashOf(r row) uint64 {
	h := uint64(14695981039346656037)
	for _, i := range w.hashed {
		if i < len(r.cells) {
			for _, c := range r.cells[i] {
				h = (h ^ uint64(c)) * 1099511628211
			}
		}
		h = (h ^ 0x1f) * 1099511628211
	}
	if w.hashAll {
		for _, c := range r.attrs {
			h = (h ^ uint64(c)) * 1099511628211
		}
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}
