package world

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Encodings of a delivery.
const (
	utf8Plain = iota
	utf8BOM
	gb18030
	utf16LE
	windows1252
	gzipped
)

// delivery is one version of one file that arrives on a day.
type delivery struct {
	path, feed  string
	day         int // of arrival
	modified    time.Time
	encoding    int
	records     int    // rows that a right reader accepts
	quarantined int    // rows that it must refuse
	ignored     int    // total rows after the header
	repeated    int    // of records: rows that an earlier file has already brought, byte for byte
	copyOf      string // the path whose bytes these are
	corrects    bool   // replaces the earlier version of its path
	asked       bool   // no file: its source is asked
	render      func(t *text)
	facts       func(t *tally) // what the business learns from it; nil when nothing
}

// bytes renders and encodes the file.
func (d *delivery) bytes() ([]byte, error) {
	t := &text{sep: ','}
	d.render(t)
	switch d.encoding {
	case utf8BOM:
		return append([]byte("\xef\xbb\xbf"), t.b...), nil
	case gb18030:
		return simplifiedchinese.GB18030.NewEncoder().Bytes(t.b)
	case utf16LE:
		out := make([]byte, 0, 2*len(t.b)+2)
		out = append(out, 0xff, 0xfe)
		for _, r := range string(t.b) {
			for _, u := range utf16.AppendRune(nil, r) {
				out = append(out, byte(u), byte(u>>8))
			}
		}
		return out, nil
	case windows1252:
		out := make([]byte, 0, len(t.b))
		for _, r := range string(t.b) {
			if r > 0xff {
				return nil, fmt.Errorf("%q is not in windows-1252", r)
			}
			out = append(out, byte(r))
		}
		return out, nil
	case gzipped:
		var out bytes.Buffer
		z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // the level is valid, so there is no error
		if _, err := z.Write(t.b); err != nil {
			return nil, err
		}
		err := z.Close()
		return out.Bytes(), err
	}
	return t.b, nil
}

// text builds a delimited file.
type text struct {
	b      []byte
	sep    byte
	inside bool // a cell of this row is written
	crlf   bool
}

// row writes cells and ends the row.
func (t *text) row(cells ...string) {
	for _, c := range cells {
		t.cell(c)
	}
	t.end()
}

func (t *text) cell(c string) {
	if t.inside {
		t.b = append(t.b, t.sep)
	}
	t.inside = true
	if strings.IndexByte(c, t.sep) < 0 && !strings.ContainsAny(c, "\"\r\n") {
		t.b = append(t.b, c...)
		return
	}
	t.b = append(t.b, '"')
	t.b = append(t.b, strings.ReplaceAll(c, `"`, `""`)...)
	t.b = append(t.b, '"')
}

func (t *text) end() {
	if t.crlf {
		t.b = append(t.b, '\r')
	}
	t.b = append(t.b, '\n')
	t.inside = false
}

// money spells minor units: 1230 is 12.30.
func money(v int64) string {
	var b [24]byte
	return string(appendMoney(b[:0], v, '.', 0))
}

// moneyGerman spells minor units as 1.234,56.
func moneyGerman(v int64) string {
	var b [28]byte
	return string(appendMoney(b[:0], v, ',', '.'))
}

func appendMoney(b []byte, v int64, mark, group byte) []byte {
	if v < 0 {
		b, v = append(b, '-'), -v
	}
	whole := strconv.FormatInt(v/100, 10)
	for i := range len(whole) {
		if group != 0 && i > 0 && (len(whole)-i)%3 == 0 {
			b = append(b, group)
		}
		b = append(b, whole[i])
	}
	return append(b, mark, byte('0'+v/10%10), byte('0'+v%10))
}

// clock spells a second of the day as HH:MM:SS.
func clock(sec int) string {
	h, m, s := sec/3600, sec/60%60, sec%60
	return string([]byte{byte('0' + h/10), byte('0' + h%10), ':', byte('0' + m/10), byte('0' + m%10), ':', byte('0' + s/10), byte('0' + s%10)})
}

// iso spells a day as 2026-01-31.
func (s *sim) iso(day int) string { return s.date(day).Format(time.DateOnly) }

// stamp spells a local time as 2026-01-31 09:30:00.
func (s *sim) stamp(day, sec int) string { return s.iso(day) + " " + clock(sec) }

// jsonRow writes one flat object: pairs of key and value; a value that starts with # is written bare.
func (t *text) jsonRow(pairs ...string) {
	t.b = append(t.b, '{')
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			t.b = append(t.b, ',')
		}
		t.b = appendJSON(t.b, pairs[i])
		t.b = append(t.b, ':')
		if bare, ok := strings.CutPrefix(pairs[i+1], "#"); ok {
			t.b = append(t.b, bare...)
		} else {
			t.b = appendJSON(t.b, pairs[i+1])
		}
	}
	t.b = append(t.b, '}', '\n')
}

// appendJSON quotes text without control characters, which this package never makes.
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}
