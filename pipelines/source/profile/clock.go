package profile

import "strings"

// clock reads HH:MM[:SS[.ffffff]] [AM|PM] [Z|offset|UTC] into m.
func clock(s string, m *moment, e *Evidence) bool {
	half := ""
	for _, word := range []string{"上午", "下午"} {
		if rest, ok := strings.CutPrefix(s, word); ok {
			s, half = strings.TrimSpace(rest), word
		}
	}
	digits := 0
	field := func() (n int, ok bool) {
		digits = 0
		for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
			n = n*10 + int(s[digits]-'0')
			if digits++; digits > 6 {
				return 0, false
			}
		}
		s = s[digits:]
		return n, digits > 0
	}
	var ok bool
	if m.hour, ok = field(); !ok || digits > 2 || !strings.HasPrefix(s, ":") {
		return false
	}
	s = s[1:]
	if m.minute, ok = field(); !ok || digits != 2 {
		return false
	}
	if strings.HasPrefix(s, ":") {
		s = s[1:]
		if m.second, ok = field(); !ok || digits != 2 {
			return false
		}
		if strings.HasPrefix(s, ".") || strings.HasPrefix(s, ",") {
			s = s[1:]
			fraction := 0
			for scale := 100000; len(s) > 0 && s[0] >= '0' && s[0] <= '9'; s = s[1:] {
				fraction += int(s[0]-'0') * scale
				scale /= 10
			}
			m.micro = fraction
		}
	}
	m.timed = true
	if m.hour > 23 || m.minute > 59 || m.second > 59 {
		return false
	}
	return clockTail(strings.TrimSpace(s), half, m, e)
}

func clockTail(s, half string, m *moment, e *Evidence) bool {
	upper := strings.ToUpper(s)
	for _, word := range []string{"AM", "PM", "A.M.", "P.M."} {
		if rest, ok := strings.CutPrefix(upper, word); ok && half == "" {
			upper, half = strings.TrimSpace(rest), word[:1]
			break
		}
	}
	if half != "" {
		if m.hour < 1 || m.hour > 12 {
			return half == "上午" || half == "下午"
		}
		afternoon := half == "P" || half == "下午"
		m.hour = m.hour%12 + 12*boolInt(afternoon)
	}
	if upper == "" {
		return true
	}
	e.Offset = true
	m.zoned = true
	if upper == "Z" || upper == "UTC" || upper == "GMT" || upper == "+00" {
		return true
	}
	upper = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(upper, "UTC"), "GMT"))
	sign := 1
	switch {
	case strings.HasPrefix(upper, "+"):
	case strings.HasPrefix(upper, "-"):
		sign = -1
	default:
		return false
	}
	digits := strings.ReplaceAll(upper[1:], ":", "")
	if len(digits) != 2 && len(digits) != 4 || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	n := 0
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	if len(digits) == 2 {
		n *= 100
	}
	m.offset = sign * (n/100*3600 + n%100*60)
	return n/100 <= 15 && n%100 < 60
}

// strptime reads s by a pattern of %Y %y %m %d %H %I %M %S %p %b %f.
func strptime(s, format string) (m moment, ok bool) {
	number := func(width int) int {
		n, i := 0, 0
		for i < len(s) && i < width && s[i] >= '0' && s[i] <= '9' {
			n = n*10 + int(s[i]-'0')
			i++
		}
		ok = ok && i > 0
		s = s[i:]
		return n
	}
	ok = true
	afternoon, halves := false, false
	for i := 0; i < len(format) && ok; i++ {
		if format[i] != '%' || i+1 == len(format) {
			ok = s != "" && s[0] == format[i]
			s = strings.TrimPrefix(s, format[i:i+1])
			continue
		}
		i++
		switch format[i] {
		case 'Y':
			m.year = number(4)
		case 'y':
			m.year = century(number(2), 2)
		case 'm':
			m.month = number(2)
		case 'd':
			m.day = number(2)
		case 'H', 'I':
			m.hour, m.timed = number(2), true
		case 'M':
			m.minute = number(2)
		case 'S':
			m.second = number(2)
		case 'f':
			before := len(s)
			m.micro = number(6)
			for n := before - len(s); n < 6; n++ {
				m.micro *= 10
			}
		case 'p':
			halves = len(s) >= 2
			ok = ok && halves
			if ok {
				afternoon = s[0]|0x20 == 'p'
				s = s[2:]
			}
		case 'b':
			ok = ok && len(s) >= 3
			if ok {
				m.month = monthNamed(s[:3])
				s = s[3:]
			}
		default:
			return m, false
		}
	}
	if halves {
		m.hour = m.hour%12 + 12*boolInt(afternoon)
	}
	return m, ok && s == ""
}
