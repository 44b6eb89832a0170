package profile

import (
	"strings"
	"time"
)

// dateOrder is how a file writes days whose year is not first.
type dateOrder uint8

const (
	orderUnknown dateOrder = iota // only unmistakable dates are read
	orderMDY
	orderDMY
	orderYMD // two-digit years first
)

// moment is a date, maybe with a time of day and an offset from UTC.
type moment struct {
	year, month, day     int
	hour, minute, second int
	micro                int
	timed                bool
	offset               int // seconds
	zoned                bool
}

// valid checks the calendar; the year must be one that a shop's file can mean.
func (m moment) valid() bool {
	if m.year < 1900 || m.year > 2200 || m.month < 1 || m.month > 12 || m.day < 1 || m.day > daysIn(m.year, m.month) {
		return false
	}
	return m.hour < 24 && m.minute < 60 && m.second < 60
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

var (
	errDate      = &reason{"bad_date", "is not a date"}
	errTime      = &reason{"bad_time", "is not a time of day"}
	errAmbiguous = &reason{"ambiguous_date", "may be day or month first"}
)

// plainDate reads YYYY-MM-DD and YYYY-MM-DD[ T]HH:MM:SS, the forms that need no work.
func plainDate(b []byte) (m moment, ok bool) {
	if len(b) != 10 && len(b) != 19 || b[4] != '-' || b[7] != '-' {
		return m, false
	}
	var bad byte
	two := func(i int) int {
		x, y := b[i]-'0', b[i+1]-'0'
		if x > 9 || y > 9 {
			bad = 1
		}
		return int(x)*10 + int(y)
	}
	m = moment{year: two(0)*100 + two(2), month: two(5), day: two(8)}
	if len(b) == 19 {
		if b[10] != ' ' && b[10] != 'T' || b[13] != ':' || b[16] != ':' {
			return m, false
		}
		m.hour, m.minute, m.second, m.timed = two(11), two(14), two(17), true
	}
	return m, bad == 0 && m.valid()
}

// dates reads the days and times of one file.
type dates struct {
	order   dateOrder
	formats []string
}

// parse reads a date, with a time when there is one.
func (d dates) parse(text []byte, e *Evidence) (moment, *reason) {
	if m, ok := plainDate(text); ok {
		e.year(m.year)
		return m, nil
	}
	s := strings.TrimSpace(fold(string(text)))
	for _, format := range d.formats {
		if m, ok := strptime(s, format); ok && m.valid() {
			e.year(m.year)
			return m, nil
		}
	}
	if len(s) > 64 {
		return moment{}, errDate
	}
	head, tail := cutDate(s)
	m, why := d.day(head, e)
	if why != nil {
		return m, why
	}
	if tail != "" {
		if !clock(tail, &m, e) {
			return m, errDate
		}
	}
	if !m.valid() {
		return m, errDate
	}
	e.year(m.year)
	return m, nil
}

// cutDate separates the day from the time of day.
func cutDate(s string) (head, tail string) {
	if i := strings.IndexByte(s, ':'); i >= 0 {
		j := i
		for j > 0 && s[j-1] >= '0' && s[j-1] <= '9' {
			j--
		}
		for _, word := range []string{"上午", "下午"} {
			j -= len(word) * boolInt(strings.HasSuffix(strings.TrimRight(s[:j], " "), word))
		}
		j = max(j, 0)
		return strings.TrimRight(s[:j], " T,"), strings.TrimSpace(s[j:])
	}
	return s, ""
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// day reads the calendar day under the order in force.
func (d dates) day(s string, e *Evidence) (moment, *reason) {
	if n := strings.NewReplacer("年", "-", "月", "-", "日", "").Replace(s); n != s {
		s = strings.TrimSuffix(n, "-")
	}
	parts, widths, named := splitDay(s)
	if len(parts) == 1 && widths[0] == 8 {
		return moment{year: parts[0] / 10000, month: parts[0] / 100 % 100, day: parts[0] % 100}, nil
	}
	if len(parts) != 3 {
		return moment{}, errDate
	}
	a, b, c := parts[0], parts[1], parts[2]
	switch {
	case widths[0] == 4 && widths[1] <= 2 && widths[2] <= 2:
		return moment{year: a, month: b, day: c}, nil
	case named == 0: // Jan 5, 2026
		return moment{month: a, day: b, year: century(c, widths[2])}, nil
	case named == 1: // 5 Jan 2026
		return moment{day: a, month: b, year: century(c, widths[2])}, nil
	case widths[0] > 2 || widths[1] > 2 || widths[2] != 2 && widths[2] != 4:
		return moment{}, errDate
	}
	if d.order == orderYMD && widths[2] == 2 {
		return moment{year: century(a, 2), month: b, day: c}, nil
	}
	e.Partial = true
	e.FirstOver12 = e.FirstOver12 || a > 12
	e.SecondOver12 = e.SecondOver12 || b > 12
	e.Differ = e.Differ || a != b
	m := moment{year: century(c, widths[2]), month: a, day: b}
	if d.order == orderDMY {
		m.month, m.day = b, a
	}
	if d.order == orderUnknown || d.order == orderYMD {
		e.Broken++
		return m, errAmbiguous
	}
	if !m.valid() {
		e.Broken++
		return m, &reason{"bad_date", "is no date in the order that the file's other dates have"}
	}
	return m, nil
}

func century(y, width int) int {
	if width > 2 {
		return y
	}
	if y >= 70 {
		return 1900 + y
	}
	return 2000 + y
}

var months = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// splitDay cuts a day into up to three numbers; named is the place of a month written as a word, else -1.
func splitDay(s string) (parts, widths []int, named int) {
	named = -1
	for i := 0; i < len(s); {
		start := i
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			n := 0
			for i < len(s) && s[i] >= '0' && s[i] <= '9' && i-start < 9 {
				n = n*10 + int(s[i]-'0')
				i++
			}
			parts, widths = append(parts, n), append(widths, i-start)
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			for i < len(s) && s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z' {
				i++
			}
			month := monthNamed(s[start:i])
			if month == 0 && !weekday(s[start:i]) || month > 0 && named >= 0 {
				return nil, nil, -1
			}
			if month > 0 {
				named = len(parts)
				parts, widths = append(parts, month), append(widths, 0)
			}
		case strings.IndexByte("-/. ,", c) >= 0:
			i++
		default:
			return nil, nil, -1
		}
		if len(parts) > 3 {
			return nil, nil, -1
		}
	}
	return parts, widths, named
}

func monthNamed(word string) int {
	word = strings.ToLower(word)
	if len(word) < 3 || len(word) > 9 {
		return 0
	}
	for i, m := range months {
		full := strings.ToLower(time.Month(i + 1).String())
		if word == m || word == full || word == "sept" && m == "sep" {
			return i + 1
		}
	}
	return 0
}

func weekday(word string) bool {
	for d := time.Sunday; d <= time.Saturday; d++ {
		full := d.String()
		if strings.EqualFold(word, full) || strings.EqualFold(word, full[:3]) {
			return true
		}
	}
	return false
}

func pad(dst []byte, n, width int) []byte {
	var digits [6]byte
	for i := width - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, digits[:width]...)
}

// appendDay writes YYYY-MM-DD.
func (m moment) appendDay(dst []byte) []byte {
	dst = append(pad(dst, m.year, 4), '-')
	dst = append(pad(dst, m.month, 2), '-')
	return pad(dst, m.day, 2)
}

// appendTime writes YYYY-MM-DD HH:MM:SS[.ffffff].
func (m moment) appendTime(dst []byte) []byte {
	dst = append(m.appendDay(dst), ' ')
	dst = append(pad(dst, m.hour, 2), ':')
	dst = append(pad(dst, m.minute, 2), ':')
	dst = pad(dst, m.second, 2)
	if m.micro != 0 {
		dst = pad(append(dst, '.'), m.micro, 6)
	}
	return dst
}

// utc removes the offset.
func (m moment) utc() moment {
	t := time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, m.micro*1000, time.UTC).Add(-time.Duration(m.offset) * time.Second)
	return moment{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond() / 1000, true, 0, true}
}
