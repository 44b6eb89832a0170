package profile

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// serialDate turns a spreadsheet's day number into text: a time alone below 1, a day alone when it is whole.
func serialDate(text string, epoch04 bool) (string, bool) {
	days, err := strconv.ParseFloat(text, 64)
	if err != nil || days < 0 || days > 2958466 {
		return "", false
	}
	seconds := int64(math.Round(days * 86400))
	if days < 1 && !epoch04 {
		return time.Unix(seconds, 0).UTC().Format("15:04:05"), true
	}
	base := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case epoch04:
		base = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case days < 60: // the format counts a 29 February 1900 that never was
		base = time.Date(1899, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	t := base.AddDate(0, 0, int(seconds/86400)).Add(time.Duration(seconds%86400) * time.Second)
	if seconds%86400 == 0 {
		return t.Format(time.DateOnly), true
	}
	return t.Format(time.DateTime), true
}

// storedNumber writes a number of a cell. Of one with more than 15 digits before the point a spreadsheet has lost the last
// ones: it stays in powers of ten, which no code and no amount is read from.
func storedNumber(text string) string {
	plain := decimal15(text)
	whole, _, _ := strings.Cut(strings.TrimPrefix(plain, "-"), ".")
	if len(whole) <= 15 || strings.Trim(whole, "0123456789") != "" {
		return plain
	}
	digits := strings.TrimRight(whole[:15], "0")
	if len(digits) < 2 {
		digits += "0"
	}
	sign := strings.TrimSuffix(plain[:1], whole[:1])
	return sign + digits[:1] + "." + digits[1:] + "E+" + strconv.Itoa(len(whole)-1)
}

// decimal15 writes a stored binary number as its author saw it: 15 significant digits, no exponent. The work is done
// on the digits.
func decimal15(text string) string {
	mantissa, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		n, err := strconv.Atoi(text[i+1:])
		if err != nil || n > 40 || n < -40 {
			return text
		}
		mantissa, exponent = text[:i], n
	}
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if strings.Trim(digits, "0123456789") != "" || digits == "" {
		return text
	}
	point := len(whole) + exponent
	lead := len(digits) - len(strings.TrimLeft(digits, "0"))
	digits, point = digits[lead:], point-lead
	if len(digits) > 15 {
		up := digits[15] >= '5'
		kept := []byte("0" + digits[:15])
		for i := len(kept) - 1; up; i-- {
			if kept[i]++; kept[i] > '9' {
				kept[i] = '0'
			} else {
				up = false
			}
		}
		digits, point = string(kept), point+1
	}
	for ; point < 0; point++ {
		digits = "0" + digits
	}
	for len(digits) < point {
		digits += "0"
	}
	whole, fraction = strings.TrimLeft(digits[:point], "0"), strings.TrimRight(digits[point:], "0")
	if whole == "" {
		whole = "0"
	}
	if whole == "0" && fraction == "" {
		return "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return sign + whole
}
