package report

import "strings"

// cellKind says how the text of a cell is to be read and printed.
type cellKind uint8

const (
	plain    cellKind = iota // as it is: names and codes from the data
	term                     // a key of the catalogue
	terms                    // several keys, joined by " × "
	count                    // whole things
	quantity                 // things that may be weighed: up to three places, trailing zeros cut
	money                    // printed without fractions; the workbook keeps them
	compactMoney
	percent // a share, printed times 100 with one place
	points  // a difference of two shares, in percentage points
	change  // a relative change, signed percent
	ratio   // two places
	decimal // one place
	date
	message // a key of the catalogue with cells filled in
	named   // text in both languages, separated by a unit separator
)

// cell is one printable value, free of any language. An empty Value of a numeric kind prints as n/a.
type cell struct {
	Kind     cellKind
	Value    string
	Currency string
	Args     []cell
	Strong   bool
}

func txt(s string) cell                { return cell{Kind: plain, Value: s} }
func key(s string) cell                { return cell{Kind: term, Value: s} }
func num(kind cellKind, n number) cell { return cell{Kind: kind, Value: n.text()} }
func cash(n number, currency string) cell {
	return cell{Kind: money, Value: n.text(), Currency: currency}
}
func say(k string, args ...cell) cell { return cell{Kind: message, Value: k, Args: args} }

// both makes a cell of two given texts, as the KPI registry holds them.
func both(zh, en string) cell { return cell{Kind: named, Value: zh + "\x1f" + en} }

// numeric tells whether the cell holds a number, which is set to the right and typed in the workbook.
func (c cell) numeric() bool {
	switch c.Kind {
	case count, quantity, money, compactMoney, percent, points, change, ratio, decimal:
		return true
	}
	return false
}

// print gives the cell in a language.
func (c cell) print(l Language) string {
	if c.numeric() {
		n := parse(c.Value)
		if !n.ok {
			return phrase(l, "na")
		}
		return c.printNumber(n, l)
	}
	switch c.Kind {
	case term:
		return phrase(l, c.Value)
	case terms:
		parts := strings.Split(c.Value, " ")
		for i, p := range parts {
			parts[i] = phrase(l, p)
		}
		return strings.Join(parts, " × ")
	case message:
		text := phrase(l, c.Value)
		for i, a := range c.Args {
			text = strings.ReplaceAll(text, "{"+string(rune('0'+i))+"}", a.print(l))
		}
		return text
	case named:
		zh, en, _ := strings.Cut(c.Value, "\x1f")
		if l == Chinese && zh != "" || en == "" {
			return zh
		}
		return en
	}
	return c.Value
}

func (c cell) printNumber(n number, l Language) string {
	hundred := whole(100)
	switch c.Kind {
	case count:
		return grouped(n, 0)
	case quantity:
		text := grouped(n, 3)
		return strings.TrimRight(strings.TrimRight(text, "0"), ".")
	case money:
		return withCurrency(grouped(n, 0), c.Currency)
	case compactMoney:
		return withCurrency(compact(n, l), c.Currency)
	case percent:
		return grouped(n.times(hundred), 1) + "%"
	case points:
		return signed(n, grouped(n.times(hundred), 1)) + " " + phrase(l, "pp")
	case change:
		return signed(n, grouped(n.times(hundred), 1)) + "%"
	case ratio:
		return grouped(n, 2)
	default:
		return grouped(n, 1)
	}
}

func withCurrency(text, currency string) string {
	if currency == "" {
		return text
	}
	return currency + " " + text
}

func signed(n number, text string) string {
	if n.sign() > 0 {
		return "+" + text
	}
	return text
}

// ofUnit makes a cell of a KPI value by the unit of the registry.
func ofUnit(value, unit string) cell {
	n := parse(value)
	switch unit {
	case "money":
		return cash(n, "")
	case "percent":
		return num(percent, n)
	case "count":
		return num(count, n)
	case "ratio":
		return num(ratio, n)
	default:
		return num(decimal, n)
	}
}
