package report

import (
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// arithmetic is wide enough that no figure of a report is rounded before it is printed. RoundHalfUp of apd
// rounds half away from zero.
func arithmetic() *apd.Context {
	return &apd.Context{Precision: 60, MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: apd.RoundHalfUp}
}

// number is a decimal or nothing; nothing is never zero.
type number struct {
	d  *apd.Decimal
	ok bool
}

// parse reads a decimal text; an empty or unreadable text is nothing.
func parse(text string) number {
	if text == "" {
		return number{}
	}
	d, _, err := apd.NewFromString(text)
	if err != nil || d.Form != apd.Finite {
		return number{}
	}
	return number{d: d, ok: true}
}

// parseOrZero is for ranking and counting only, where nothing and zero weigh the same.
func parseOrZero(text string) number {
	if n := parse(text); n.ok {
		return n
	}
	return whole(0)
}

func whole(n int64) number { return number{d: apd.New(n, 0), ok: true} }

func (a number) apply(b number, op func(c *apd.Context, into *apd.Decimal) error) number {
	if !a.ok || !b.ok {
		return number{}
	}
	into := new(apd.Decimal)
	if err := op(arithmetic(), into); err != nil {
		return number{}
	}
	return number{d: into, ok: true}
}

func (a number) plus(b number) number {
	return a.apply(b, func(c *apd.Context, into *apd.Decimal) error { _, err := c.Add(into, a.d, b.d); return err })
}

func (a number) minus(b number) number {
	return a.apply(b, func(c *apd.Context, into *apd.Decimal) error { _, err := c.Sub(into, a.d, b.d); return err })
}

func (a number) times(b number) number {
	return a.apply(b, func(c *apd.Context, into *apd.Decimal) error { _, err := c.Mul(into, a.d, b.d); return err })
}

// over divides; by zero it gives nothing.
func (a number) over(b number) number {
	if b.ok && b.d.IsZero() {
		return number{}
	}
	return a.apply(b, func(c *apd.Context, into *apd.Decimal) error { _, err := c.Quo(into, a.d, b.d); return err })
}

// ln gives the natural logarithm of a positive number, else nothing.
func (a number) ln() number {
	if !a.ok || a.d.Sign() <= 0 {
		return number{}
	}
	return a.apply(a, func(c *apd.Context, into *apd.Decimal) error { _, err := c.Ln(into, a.d); return err })
}

// round gives the number with exactly so many places, half away from zero.
func (a number) round(places int32) number {
	return a.apply(a, func(c *apd.Context, into *apd.Decimal) error { _, err := c.Quantize(into, a.d, -places); return err })
}

func (a number) abs() number {
	if a.ok && a.d.Sign() < 0 {
		return whole(0).minus(a)
	}
	return a
}

func (a number) sign() int {
	if !a.ok {
		return 0
	}
	return a.d.Sign()
}

// cmp compares two numbers that are both something.
func (a number) cmp(b number) int { return a.d.Cmp(b.d) }

// text gives the plain decimal text, or "" for nothing.
func (a number) text() string {
	if !a.ok {
		return ""
	}
	if a.d.IsZero() {
		return strings.TrimPrefix(a.d.Text('f'), "-")
	}
	return a.d.Text('f')
}

// scaled gives integers in proportion to the numbers, small enough for drawing.
func scaled(list []number) []int64 {
	const limit = 1_000_000_000
	high := whole(0)
	for _, n := range list {
		if n.ok && n.abs().cmp(high) > 0 {
			high = n.abs()
		}
	}
	out := make([]int64, len(list))
	for i, n := range list {
		if v := n.times(whole(limit)).over(high).round(0); v.ok {
			out[i], _ = v.d.Int64()
		}
	}
	return out
}

// grouped writes a rounded number with thousands separators, which both languages share.
func grouped(n number, places int32) string {
	text := n.round(places).text()
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "−", text[1:]
	}
	head, tail, _ := strings.Cut(text, ".")
	var b strings.Builder
	for i, r := range head {
		if i > 0 && (len(head)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if tail != "" {
		tail = "." + tail
	}
	return sign + b.String() + tail
}

// compact writes a large number short: 万 and 亿 in Chinese, k, M and B in English.
func compact(n number, lang Language) string {
	type step struct {
		from   int64
		suffix string
	}
	steps := []step{{1_000_000_000, "B"}, {1_000_000, "M"}, {10_000, "k"}}
	divide := map[string]int64{"B": 1_000_000_000, "M": 1_000_000, "k": 1_000, "亿": 100_000_000, "万": 10_000}
	if lang == Chinese {
		steps = []step{{100_000_000, "亿"}, {10_000, "万"}}
	}
	for _, s := range steps {
		if n.abs().cmp(whole(s.from)) < 0 {
			continue
		}
		short := n.over(whole(divide[s.suffix]))
		places := int32(2)
		if short.abs().cmp(whole(100)) >= 0 {
			places = 1
		}
		return grouped(short, places) + s.suffix
	}
	return grouped(n, 0)
}
