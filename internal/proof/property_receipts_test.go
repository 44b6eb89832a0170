package proof

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/omoflow/omoflow/transforms"
)

// wholeReceipts reads receipts that every file holds whole; cash is a tender that a version may lack.
const wholeReceipts = `
profile: whole
format: csv
whole_receipts: true
columns: {id: id, at: at, sku: sku, quantity: quantity, cash: cash}
dates: {order: ymd, zone: Asia/Shanghai}
constants: {channel: store, currency_code: CNY, location_id: S1}
streams:
  order:
    one_per: [order_id]
    columns: {order_id: id, ordered_at: at}
  order_line:
    columns: {order_id: id, line_key: auto, sku: sku, quantity: quantity}
  payment:
    where: num(cash) > 0
    one_per: [order_id, payment_id]
    columns: {order_id: id, payment_id: "= 'cash'", tender: "= 'cash'", amount: {expr: cash, agg: max}}
`

// deliveredReceipts is the model of what files say: by name what it holds in force, oldest delivery first.
type deliveredReceipts struct {
	names    []string
	texts    map[string]string
	receipts map[string]map[string][]string // file -> receipt -> rows
}

// deliver takes a file as the rules of files say: bytes that are known add nothing, other bytes under a known name replace it.
func (d *deliveredReceipts) deliver(name, text string, receipts map[string][]string) {
	known := slices.ContainsFunc(d.names, func(n string) bool { return d.texts[n] == text })
	if known && d.texts[name] == text {
		return
	}
	d.names = slices.DeleteFunc(d.names, func(n string) bool { return n == name })
	delete(d.texts, name)
	if !known {
		d.names, d.texts[name], d.receipts[name] = append(d.names, name), text, receipts
	}
}

// say gives the rows in force: of each receipt those of the last file that names it.
func (d *deliveredReceipts) say() []string {
	last := map[string][]string{}
	for _, name := range d.names {
		maps.Copy(last, d.receipts[name])
	}
	all := slices.Concat(slices.Collect(maps.Values(last))...)
	slices.Sort(all)
	return all
}

// TestProofReceipts: however receipts are cut into files, overlap, change and are taken back, the last delivery of each counts and
// nothing else; a rebuild gives the same bytes (I1, I2).
func TestProofReceipts(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1, "1GiB", "stg_order", "stg_order_line", "stg_payment")
	files := 0
	n := check(t, cases(t, 3, 15), func(rt *rapid.T) {
		x := &till{shop: b.newShop(rt)}
		defer x.remove()
		x.feed = x.feedOf(rt, "till", wholeReceipts)
		model := &deliveredReceipts{texts: map[string]string{}, receipts: map[string]map[string][]string{}}
		for step := range rapid.IntRange(2, 6).Draw(rt, "deliveries") {
			receipts := map[string][]string{}
			text := "id,at,sku,quantity,cash\n"
			for _, id := range rapid.SliceOfNDistinct(rapid.IntRange(1, 4), 1, 4, rapid.ID[int]).Draw(rt, "receipts") {
				cash := rapid.IntRange(0, 2).Draw(rt, "cash")
				key := fmt.Sprintf("R%d", id)
				for range rapid.IntRange(1, 3).Draw(rt, "lines") {
					sku, quantity := rapid.IntRange(1, 2).Draw(rt, "sku"), rapid.IntRange(1, 2).Draw(rt, "quantity")
					text += fmt.Sprintf("%s,2026-01-%02d 10:00,A%d,%d,%d\n", key, id, sku, quantity, cash)
					receipts[key] = append(receipts[key], fmt.Sprintf("%s line A%d %d.000", key, sku, quantity))
				}
				if cash > 0 {
					receipts[key] = append(receipts[key], fmt.Sprintf("%s paid %d.0000", key, cash))
				}
				receipts[key] = append(receipts[key], key+" order")
			}
			name := fmt.Sprintf("%c.csv", 'a'+rapid.IntRange(0, 3).Draw(rt, "file"))
			x.deliver(delivery{"till/" + name, []byte(text), day("2026-02-01").Add(time.Duration(step) * time.Hour)})
			model.deliver(name, text, receipts)
			files++
			if step > 0 && !rapid.Bool().Draw(rt, "release") {
				continue
			}
			x.wantReceipts(rt, model)
		}
		x.wantReceipts(rt, model)
		if _, err := transforms.Rebuild(context.Background(), x.buildOptions()); err != nil {
			rt.Fatalf("a rebuild gives other bytes: %v", err)
		}
	})
	fmt.Printf("proof: R12 of receipts that come whole the last delivery counts and nothing else (I1, I2): %d shops, %d files, 0 rows more or less\n", n, files)
}

// wantReceipts releases and compares.
func (x *till) wantReceipts(rt *rapid.T, model *deliveredReceipts) {
	r := x.publishIn()
	var got []string
	for _, row := range x.query(r, `SELECT order_id || ' line ' || sku || ' ' || CAST(quantity AS VARCHAR) FROM stg_order_line UNION ALL SELECT order_id || ' paid ' || CAST(amount AS VARCHAR) FROM stg_payment UNION ALL SELECT order_id || ' order' FROM stg_order`) {
		got = append(got, row[0])
	}
	slices.Sort(got)
	if want := model.say(); !slices.Equal(got, want) {
		rt.Fatalf("released\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
