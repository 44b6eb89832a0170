package profile

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// reason is why a cell cannot be read: a stable code and a sentence.
type reason struct{ code, message string }

// Evidence is what the values of a file say about its number format and date order. Evidence of parts merges with or.
type Evidence struct {
	DotDecimal, CommaDecimal bool  // a mark that can only be a decimal mark
	FirstOver12              bool  // a/b/y with a > 12: day first
	SecondOver12             bool  // a/b/y with b > 12: month first
	Differ                   bool  // a/b/y with a != b: the order matters
	Partial                  bool  // any a/b/y
	Offset                   bool  // a time carried its own offset
	MinYear, MaxYear         int   // of times read; 0 is none
	Broken                   int64 // a/b/y values refused under the order in force
}

func (e *Evidence) merge(o Evidence) {
	e.DotDecimal = e.DotDecimal || o.DotDecimal
	e.CommaDecimal = e.CommaDecimal || o.CommaDecimal
	e.FirstOver12 = e.FirstOver12 || o.FirstOver12
	e.SecondOver12 = e.SecondOver12 || o.SecondOver12
	e.Differ = e.Differ || o.Differ
	e.Partial = e.Partial || o.Partial
	e.Offset = e.Offset || o.Offset
	e.Broken += o.Broken
	e.year(o.MinYear)
	e.year(o.MaxYear)
}

func (e *Evidence) year(y int) {
	if y == 0 {
		return
	}
	if e.MinYear == 0 || y < e.MinYear {
		e.MinYear = y
	}
	if y > e.MaxYear {
		e.MaxYear = y
	}
}

// currencies are the signs and words that may stand beside an amount.
var currencies = []string{"rmb", "cny", "usd", "eur", "gbp", "jpy", "hkd", "twd", "krw", "sgd", "aud", "cad", "chf", "inr", "brl", "mxn", "sek", "nok", "dkk", "pln", "thb", "myr", "vnd", "rub", "r$", "us$", "hk$", "nt$", "元", "圆", "円", "¥", "￥", "$", "€", "£", "₩", "₹", "฿", "kr", "zł"}

const maxNumber = 64

// plainNumber recognises -?digits[.digits] within the bounds, the form that needs no work.
func plainNumber(b []byte, digits, scale int) bool {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > maxNumber {
		return false
	}
	dot := -1
	for i, c := range b {
		if c == '.' && dot < 0 {
			dot = i
		} else if c < '0' || c > '9' {
			return false
		}
	}
	if dot < 0 {
		return len(b) <= digits
	}
	return dot > 0 && dot <= digits && len(b)-dot-1 <= scale && dot < len(b)-1
}

// number appends the exact decimal of text to dst. decimal is '.' or ','. empty is true for words that mean nothing.
func number(dst, text []byte, decimal byte, digits, scale int, e *Evidence) (out []byte, empty bool, why *reason) {
	if plainNumber(text, digits, scale) && decimal == '.' {
		if i := bytes.IndexByte(text, '.'); i >= 0 && len(text)-i-1 != 3 {
			e.DotDecimal = true
		}
		return append(dst, text...), false, nil
	}
	if isNothing(text) {
		return dst, true, nil
	}
	if len(text) > maxNumber {
		return dst, false, &reason{"bad_number", "is not a number"}
	}
	power := looksScientific(text)
	if power {
		gather(string(text[:bytes.IndexAny(text, "eE")]), e)
		plain, ok := plainPower(string(text), decimal)
		if !ok {
			return dst, false, &reason{"scientific_number", "is written in powers of ten: digits are lost"}
		}
		text, decimal = []byte(plain), '.'
	}
	s, negative, percent, ok := bareNumber(string(text))
	if !ok {
		return dst, false, &reason{"bad_number", "is not a number"}
	}
	if !power {
		gather(s, e)
	}
	whole, fraction, ok := splitNumber(s, decimal)
	if !ok {
		return dst, false, &reason{"bad_number", "is not a number with decimal mark " + string(decimal)}
	}
	if percent {
		whole = strings.Repeat("0", max(0, 3-len(whole))) + whole
		whole, fraction = whole[:len(whole)-2], whole[len(whole)-2:]+fraction
	}
	whole = strings.TrimLeft(whole, "0")
	whole, fraction = roundAt(whole, fraction, scale)
	if len(whole) > digits {
		return dst, false, &reason{"number_too_large", "has too many digits"}
	}
	if whole == "" {
		whole = "0"
	}
	if negative && strings.Trim(whole+fraction, "0") != "" {
		dst = append(dst, '-')
	}
	dst = append(dst, whole...)
	if fraction != "" {
		dst = append(append(dst, '.'), fraction...)
	}
	return dst, false, nil
}

// bareNumber strips sign, currency, parentheses and percent, and folds wide digits. What is left holds digits,
// marks and group separators only, or ok is false.
func bareNumber(text string) (s string, negative, percent, ok bool) {
	s = strings.TrimSpace(fold(text))
	signs := 0
	for again := true; again; {
		again = false
		trimmed := strings.TrimSpace(s)
		if strings.HasPrefix(trimmed, "(") && strings.HasSuffix(trimmed, ")") && len(trimmed) > 2 {
			trimmed, signs, negative, again = trimmed[1:len(trimmed)-1], signs+1, true, true
		}
		for _, sign := range []string{"-", "+"} {
			if rest, found := strings.CutPrefix(trimmed, sign); found {
				trimmed, signs, negative, again = rest, signs+1, sign == "-", true
			} else if rest, found := strings.CutSuffix(trimmed, sign); found {
				trimmed, signs, negative, again = rest, signs+1, sign == "-", true
			}
		}
		if rest, found := strings.CutSuffix(trimmed, "%"); found && !percent {
			trimmed, percent, again = rest, true, true
		}
		for _, word := range currencies {
			if n := len(word); len(trimmed) > n && strings.EqualFold(trimmed[:n], word) {
				trimmed, again = trimmed[n:], true
			} else if len(trimmed) > n && strings.EqualFold(trimmed[len(trimmed)-n:], word) {
				trimmed, again = trimmed[:len(trimmed)-n], true
			}
		}
		s = strings.TrimSpace(trimmed)
	}
	if s == "" || signs > 1 {
		return "", false, false, false
	}
	digit := false
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			digit = true
		case c != '.' && c != ',' && c != ' ' && c != '\'':
			return "", false, false, false
		}
	}
	return s, negative, percent, digit
}

// fold maps full-width forms and the many spaces and minus signs to ASCII.
func fold(s string) string {
	ascii := true
	for i := 0; i < len(s); i++ {
		ascii = ascii && s[i] < utf8.RuneSelf
	}
	if ascii {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0xFF01 && r <= 0xFF5E:
			return r - 0xFEE0
		case r == 0x3000 || r == 0x00A0 || r == 0x2009 || r == 0x202F || r == 0x2007:
			return ' '
		case r == 0x2212 || r == 0x2013:
			return '-'
		case r == 0x2019:
			return '\''
		case r == 0xFEFF || r == 0x200B || r == 0x200E:
			return -1
		}
		return r
	}, s)
}

// gather notes what the marks prove. Three digits after a single mark prove nothing.
func gather(s string, e *Evidence) {
	dot, comma := strings.LastIndexByte(s, '.'), strings.LastIndexByte(s, ',')
	switch {
	case dot >= 0 && comma >= 0:
		e.DotDecimal = e.DotDecimal || dot > comma
		e.CommaDecimal = e.CommaDecimal || comma > dot
	case dot >= 0 && strings.Count(s, ".") == 1 && len(s)-dot-1 != 3:
		e.DotDecimal = true
	case comma >= 0 && strings.Count(s, ",") == 1 && len(s)-comma-1 != 3:
		e.CommaDecimal = true
	}
}

// splitNumber cuts at the decimal mark and checks that the groups before it have three digits (the first may be
// shorter; Indian grouping has pairs before the last three).
func splitNumber(s string, decimal byte) (whole, fraction string, ok bool) {
	group := byte(',')
	if decimal == ',' {
		group = '.'
	}
	if i := strings.IndexByte(s, decimal); i >= 0 {
		s, fraction = s[:i], s[i+1:]
		if fraction == "" || strings.Trim(fraction, "0123456789") != "" {
			return "", "", false
		}
	}
	separator := byte(0)
	for _, c := range []byte(s) {
		if c >= '0' && c <= '9' {
			continue
		}
		if c != group && c != ' ' && c != '\'' || separator != 0 && c != separator {
			return "", "", false
		}
		separator = c
	}
	if separator == 0 {
		return s, fraction, s != "" || fraction != ""
	}
	groups := strings.Split(s, string(separator))
	for i, g := range groups {
		last := i == len(groups)-1
		if last && len(g) != 3 || i == 0 && (len(g) < 1 || len(g) > 3) || !last && i > 0 && len(g) != 3 && len(g) != 2 {
			return "", "", false
		}
	}
	return strings.Join(groups, ""), fraction, true
}

// roundAt shortens the fraction to scale digits, half away from zero.
func roundAt(whole, fraction string, scale int) (string, string) {
	if len(fraction) <= scale {
		return whole, fraction
	}
	up := fraction[scale] >= '5'
	digits := []byte("0" + whole + fraction[:scale])
	for i := len(digits) - 1; up && i >= 0; i-- {
		if digits[i]++; digits[i] > '9' {
			digits[i] = '0'
		} else {
			up = false
		}
	}
	split := len(digits) - scale
	return strings.TrimLeft(string(digits[:split]), "0"), string(digits[split:])
}

// isNothing tells the words that exports write for an absent number or date.
func isNothing(text []byte) bool {
	if len(text) > 4 {
		return false
	}
	switch strings.ToUpper(string(text)) {
	case "", "-", "--", "NA", "N/A", "NAN", "NULL", `\N`, "/", "NONE", "无":
		return true
	}
	return false
}

// looksScientific recognises 6.9E+12.
func looksScientific(b []byte) bool {
	if len(b) < 4 || len(b) > 32 || b[0] > '9' && b[0] < 0x80 {
		return false
	}
	i := bytes.IndexByte(b, 'E')
	if i < 0 {
		i = bytes.IndexByte(b, 'e')
	}
	if i < 1 || i > len(b)-2 {
		return false
	}
	mantissa, exponent := b[:i], b[i+1:]
	if exponent[0] != '+' && exponent[0] != '-' {
		return false
	}
	exponent = exponent[1:]
	if mantissa[0] == '-' || mantissa[0] == '\'' {
		mantissa = mantissa[1:]
	}
	return len(exponent) > 0 && len(bytes.Trim(exponent, "0123456789")) == 0 &&
		len(mantissa) > 0 && len(bytes.Trim(mantissa, "0123456789.,")) == 0
}

// plainPower writes a number in powers of ten as plain digits. It refuses one whose whole part was cut, as spreadsheets
// do: 6.9E+12 may have been any of a hundred thousand million numbers, 4.44e-16 and 1.25E+2 are what they say.
func plainPower(text string, decimal byte) (string, bool) {
	i := strings.IndexAny(text, "eE")
	exponent, err := strconv.Atoi(text[i+1:])
	if err != nil || exponent < -400 {
		return "", false
	}
	mantissa, negative := strings.CutPrefix(strings.TrimPrefix(text[:i], "'"), "-")
	whole, fraction, _ := strings.Cut(mantissa, string(decimal))
	if whole == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return "", false
	}
	digits, point := whole+fraction, len(whole)+exponent
	if strings.Trim(digits, "0") == "" {
		digits, point = "0", 1
	}
	if point > len(digits) {
		return "", false
	}
	if point < 1 {
		digits, point = strings.Repeat("0", 1-point)+digits, 1
	}
	plain := digits[:point]
	if point < len(digits) {
		plain += "." + digits[point:]
	}
	if negative {
		plain = "-" + plain
	}
	return plain, true
}
