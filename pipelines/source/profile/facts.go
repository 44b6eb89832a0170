package profile

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Facts are what the cells of one column are.
type Facts struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"` // number, integer, date, time, text, code, empty
	Filled   int64    `json:"filled"`
	Negative int64    `json:"negative,omitempty"`
	Lost     int64    `json:"lost_codes,omitempty"` // codes that a spreadsheet turned into powers of ten
	Example  string   `json:"example"`
	Words    []string `json:"words,omitempty"` // all different texts, when they are few

	numbers, integers, days, times, zeros, timed int64
	words                                        map[string]int64
	minus                                        map[string]int64 // by word: records with something negative
}

// seen gathers facts over the records of a file.
type seen struct {
	columns    []Facts
	evidence   Evidence
	order      [2]string // where a date can only be day first, only month first
	mark       [2]string // where a number can only have a point, only a comma
	currencies map[string]int64
}

// fewWords is up to how many different texts a column tells which word stands for a return.
const fewWords = 12

func newFacts(header []string) *seen {
	s := &seen{currencies: map[string]int64{}}
	for _, name := range header {
		s.columns = append(s.columns, Facts{Name: name, words: map[string]int64{}, minus: map[string]int64{}})
	}
	return s
}

// see adds a record.
func (s *seen) see(r row) {
	negative := false
	for i, cell := range r.cells {
		if i >= len(s.columns) || isNothing(cell) {
			continue
		}
		negative = s.columns[i].add(cell, s, r.line) || negative
	}
	for i, cell := range r.cells {
		if i < len(s.columns) && s.columns[i].words != nil && len(cell) > 0 && negative {
			s.columns[i].minus[string(cell)]++
		}
	}
}

// add looks at a cell; true: it is a negative number.
func (f *Facts) add(cell []byte, s *seen, line int64) (negative bool) {
	f.Filled++
	text := string(cell)
	if f.Example == "" {
		f.Example = text[:min(len(text), 40)]
	}
	if f.words != nil {
		if f.words[text]++; len(f.words) > fewWords || len(text) > 40 {
			f.words = nil
		}
	}
	bare := strings.TrimPrefix(text, "'")
	switch {
	case looksScientific(cell):
		f.Lost++
	case len(bare) > 1 && bare[0] == '0' && strings.Trim(bare, "0123456789") == "", len(bare) > 15 && strings.Trim(bare, "0123456789") == "", bare != text:
		f.zeros++
		return false
	}
	var own Evidence
	out, _, why := number(nil, cell, '.', 20, 6, &own)
	if why != nil {
		out, _, why = number(nil, cell, ',', 20, 6, &own)
	}
	if why == nil && len(bare) != 8 || why == nil && !strings.HasPrefix(bare, "20") {
		f.numbers++
		if bytes.IndexByte(out, '.') < 0 || len(bytes.Trim(out[bytes.IndexByte(out, '.')+1:], "0")) == 0 {
			f.integers++
		}
		s.currency(text)
		note(&s.mark, own.DotDecimal, own.CommaDecimal, f.Name, text, line)
		if negative = len(out) > 0 && out[0] == '-'; negative {
			f.Negative++
		}
		s.evidence.merge(own)
		return negative
	}
	own = Evidence{}
	if m, why := (dates{order: orderMDY}).parse(cell, &own); why == nil || own.FirstOver12 {
		f.days++
		if m.timed || strings.ContainsRune(text, ':') {
			f.timed++
		}
		note(&s.order, own.FirstOver12, own.SecondOver12, f.Name, text, line)
		s.evidence.merge(own)
		return false
	}
	var m moment
	if clock(strings.TrimSpace(fold(text)), &m, &own) {
		f.times++
	}
	return false
}

// note keeps the first cell that can only be read in one way.
func note(at *[2]string, first, second bool, name, text string, line int64) {
	for i, proves := range []bool{first, second} {
		if proves && at[i] == "" {
			at[i] = fmt.Sprintf("line %d, column %s: %s", line, name, text)
		}
	}
}

func (s *seen) currency(text string) {
	folded := strings.ToLower(fold(text))
	for _, word := range currencies {
		if strings.Contains(folded, word) {
			s.currencies[word]++
			return
		}
	}
}

// kind settles what a column is from its cells: one in fifty may be something else.
func (f *Facts) kind() string {
	most := f.Filled - f.Filled/50
	switch {
	case f.Filled == 0:
		return "empty"
	case f.zeros > 0 && f.zeros+f.numbers+f.Lost >= most, f.Lost > 0 && f.Lost+f.integers >= most:
		return "code"
	case f.integers >= most:
		return "integer"
	case f.numbers >= most:
		return "number"
	case f.days >= most && f.timed > 0:
		return "date and time"
	case f.days >= most:
		return "date"
	case f.times >= most:
		return "time"
	}
	return "text"
}

// tell writes the findings.
func (s *seen) tell(d *Detection) {
	for i := range s.columns {
		f := &s.columns[i]
		f.Kind = f.kind()
		for word := range f.words {
			f.Words = append(f.Words, word)
		}
		slices.Sort(f.Words)
		if f.Kind != "text" {
			f.Words = nil
		}
		if f.Lost > 0 {
			d.Notes = append(d.Notes, fmt.Sprintf("column %s holds %d codes in powers of ten, such as %s: a spreadsheet lost their digits; export them as text", f.Name, f.Lost, f.Example))
		}
	}
	d.Columns = slices.DeleteFunc(s.columns, func(f Facts) bool { return f.Name == "$part" || f.Name == "$hash" })
	d.Dates = s.dateOrder()
	d.Decimal = Reading{".", "no number has a mark that could be read otherwise"}
	switch {
	case s.mark[0] != "" && s.mark[1] != "":
		d.Decimal = Reading{"mixed", s.mark[0] + "; but " + s.mark[1]}
	case s.mark[1] != "":
		d.Decimal = Reading{",", s.mark[1]}
	case s.mark[0] != "":
		d.Decimal = Reading{".", s.mark[0]}
	}
	for _, word := range slices.Sorted(maps.Keys(s.currencies)) {
		d.Currencies = append(d.Currencies, word)
	}
	s.signs(d)
}

func (s *seen) dateOrder() Reading {
	switch {
	case s.order[0] != "" && s.order[1] != "":
		return Reading{"mixed", s.order[0] + "; but " + s.order[1] + ": deliver one order per file"}
	case s.order[0] != "":
		return Reading{"dmy", s.order[0]}
	case s.order[1] != "":
		return Reading{"mdy", s.order[1]}
	case s.evidence.Partial && s.evidence.Differ:
		return Reading{"unknown", "no date shows whether the day or the month is first: write dates.order"}
	case s.evidence.Partial:
		return Reading{"any", "day and month are the same in every date"}
	}
	return Reading{"ymd", "the year is first, or the month is a word"}
}

// signs tells what is negative, and a word that stands on negative records only.
func (s *seen) signs(d *Detection) {
	for _, f := range s.columns {
		if f.Negative > 0 {
			d.Signs = append(d.Signs, fmt.Sprintf("%s is negative in %d of %d records", f.Name, f.Negative, f.Filled))
		}
	}
	if len(d.Signs) == 0 {
		return
	}
	for _, f := range s.columns {
		if f.Kind != "text" || len(f.words) < 2 {
			continue
		}
		for _, word := range slices.Sorted(maps.Keys(f.words)) {
			if n := f.words[word]; n == f.minus[word] && n > 0 {
				d.Signs = append(d.Signs, fmt.Sprintf("every record with %s = %s has something negative (%d)", f.Name, word, n))
			}
		}
	}
}
