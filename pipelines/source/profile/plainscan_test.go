package profile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const scanProfile = `
profile: scan
columns: {store: store, receipt: receipt, line: line, at: at, day: day, qty: {from: qty, optional: true}, price: price}
dates: {zone: Asia/Shanghai}
constants: {currency_code: CNY, channel: store}
streams:
  order_line:
    event: at
    columns:
      order_id: receipt
      line_key: line
      line_no: line
      location_id: store
      sku: "= txt(store) || CAST(day(day) AS VARCHAR)"
      quantity: qty
      unit_price: price
      gross_amount: = num(qty) * num(price)
`

// TestTheQuickProofNeverSaysMoreThanTheSlowOne draws lines around the border of what is plain.
func TestTheQuickProofNeverSaysMoreThanTheSlowOne(t *testing.T) {
	p, err := Parse("scan", []byte(scanProfile))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := p.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	header := []string{"store", "receipt", "line", "at", "day", "qty", "price", "note"}
	at := map[string]int{}
	for i, name := range header[:7] {
		at[name] = i
	}
	kinds := []*rapid.Generator[string]{
		rapid.SampledFrom([]string{"S1", "S0086", "", "Total", "total:", "合计", " S1", "门店", "'1"}),
		rapid.SampledFrom([]string{"R1", "6.9E+12", "1e5", "R e", "", "'007", "x ", "汉", "\u3000x", "a\\b"}),
		rapid.StringMatching(`-?[0-9]{0,20}(\.[0-9]{0,3})?`),
		rapid.SampledFrom([]string{"2026-01-05", "2026-01-05 10:00:00", "2026-01-05T23:59:59", "2026-01-05 24:00:00", "2026-02-30", "2026-01-05 10:00", "2026-1-5", "", "1776-01-05", "2026-01-05x", "2026-01-05 10:00:00Z"}),
		rapid.SampledFrom([]string{"2026-01-05", "2027-12-31", "2026-01-05 10:00:00", "", "x"}),
		rapid.StringMatching(`[-+]?[0-9]{0,19}(\.[0-9]{0,9})?`),
		rapid.OneOf(rapid.StringMatching(`-?[0-9]{1,15}(\.[0-9]{1,7})?`), rapid.SampledFrom([]string{"1", "0.5", ".5", "5.", "-", "", "1,5", "N/A", "１"})),
		rapid.SampledFrom([]string{"", "n", "a b", " n", "n ", `a\b`, "汉字", "e", "a\u00a0"}),
	}
	good := []string{"S1", "R1", "1", "2026-01-05 10:00:00", "2026-01-05", "1", "2.50", "n"}
	quick := 0
	rapid.Check(t, func(t *rapid.T) {
		crlf := rapid.Bool().Draw(t, "crlf")
		cells := slices.Clone(good)
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			i := rapid.IntRange(0, len(cells)-1).Draw(t, "cell")
			cells[i] = kinds[i].Draw(t, header[i])
		}
		end := rapid.SampledFrom([]string{"", "\n", "\r\n", ",\n", "\n\n"}).Draw(t, "end")
		data := []byte(strings.Join(cells, ",") + end)
		fresh := func() *proof {
			pr := &proof{binding: plan.bind(header, at, true, nil, decision{decimal: '.'}), delimiter: ',', crlf: crlf}
			if !pr.plan() {
				t.Fatal("not proven")
			}
			return pr
		}
		var seen, known Evidence
		gaps, missing := make([]bool, len(header)), make([]bool, len(header))
		s := scan{proof: fresh(), data: data, gaps: gaps, evidence: &seen}
		if !s.next() {
			return
		}
		quick++
		slow := fresh()
		line, next, ok := slow.line(data, 0)
		if !ok || next != s.at || !slow.record(&worker{binding: slow.binding}, line, missing, &known) {
			t.Fatalf("%q is proven by the quick way only: ends at %d, %d", data, s.at, next)
		}
		if got, want := fmt.Sprint(seen, gaps), fmt.Sprint(known, missing); got != want {
			t.Fatalf("%q: %s, not %s", data, got, want)
		}
	})
	if quick == 0 {
		t.Error("the quick way proved nothing")
	}
}
