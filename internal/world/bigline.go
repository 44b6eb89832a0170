package world

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// bigHeader is the benchmark's 12-column order-line file.
const bigHeader = "store,receipt_no,line_no,sold_at,sku,quantity,unit_price,discount,tax,amount,customer_id,cashier\n"

// BigLines writes n clean order lines of one month as a 12-column CSV for benchmarks, fast: no simulation
// stands behind them. Amounts tie: amount = quantity x unit_price - discount, tax is the 13 % inside it.
func BigLines(w io.Writer, n int, seed uint64) error { return bigLines(w, n, seed, 31) }

// BigLinesTwoYears is BigLines spread evenly over 730 days, in order of time.
func BigLinesTwoYears(w io.Writer, n int, seed uint64) error { return bigLines(w, n, seed, 730) }

func bigLines(w io.Writer, n int, seed uint64, days int) error {
	if n < 0 {
		return fmt.Errorf("world: %d lines are no number of lines", n)
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if days > 31 {
		start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	date := make([]string, days)
	for d := range date {
		date[d] = start.AddDate(0, 0, d).Format(time.DateOnly)
	}
	b := make([]byte, 0, 1<<20+256)
	b = append(b, bigHeader...)
	x := seed*0x9e3779b97f4a7c15 + 1
	r := bigReceipt{number: 100_000_000}
	for i := range n {
		x ^= x << 13 // xorshift64: one draw a line, cut into fields
		x ^= x >> 7
		x ^= x << 17
		if r.left == 0 {
			r.begin(x, uint64(i)*uint64(days)*43_000/uint64(n))
		}
		b = r.line(b, x, date)
		if len(b) >= 1<<20 {
			if _, err := w.Write(b); err != nil {
				return fmt.Errorf("world: %w", err)
			}
			b = b[:0]
		}
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("world: %w", err)
	}
	return nil
}

// bigReceipt is what the lines of a receipt share.
type bigReceipt struct {
	number, store, day, second, customer, cashier uint64
	lines, left                                   byte
}

// begin draws the next receipt; at counts seconds of shop time, 43,000 a day from 10:00.
func (r *bigReceipt) begin(x, at uint64) {
	r.number++
	r.lines, r.left = 0, 1+byte(x>>60&3)
	r.store, r.customer, r.cashier = x>>50%200, x>>20%5_000_000, x>>10%16
	r.day, r.second = at/43_000, 36_000+at%43_000
}

// line appends the receipt's next line.
func (r *bigReceipt) line(b []byte, x uint64, date []string) []byte {
	r.left--
	r.lines++
	b = append(b, 'S')
	b = padded(b, r.store, 4)
	b = append(b, ',', 'R')
	b = padded(b, r.number, 9)
	b = append(b, ',', '0'+r.lines, ',')
	b = append(b, date[r.day]...)
	b = append(b, 'T')
	b = padded(b, r.second/3600, 2)
	b = append(b, ':')
	b = padded(b, r.second/60%60, 2)
	b = append(b, ':')
	b = padded(b, r.second%60, 2)
	b = append(b, ',', 'P')
	b = padded(b, x>>33%20_000, 6)
	qty, price, discount := 1+x>>5%3, 990+x>>40%90_000, uint64(0)
	if x>>3&7 == 0 {
		discount = qty * price / 10
	}
	amount := qty*price - discount
	b = append(b, ',', byte('0'+qty), ',')
	b = append(appendFen(b, price), ',')
	b = append(appendFen(b, discount), ',')
	b = append(appendFen(b, (2*amount*taxPercent+100+taxPercent)/(2*(100+taxPercent))), ',')
	b = append(appendFen(b, amount), ',', 'C')
	b = padded(b, r.customer, 7)
	b = append(b, ',', 'K')
	b = padded(b, r.cashier, 2)
	return append(b, '\n')
}

// padded appends v with leading zeros, cut to width digits.
func padded(b []byte, v uint64, width int) []byte {
	at := len(b) + width
	for range width {
		b = append(b, '0')
	}
	for i := at - 1; i >= at-width; i-- {
		b[i] = byte('0' + v%10)
		v /= 10
	}
	return b
}

func appendFen(b []byte, v uint64) []byte {
	b = strconv.AppendUint(b, v/100, 10)
	return append(b, '.', byte('0'+v/10%10), byte('0'+v%10))
}
