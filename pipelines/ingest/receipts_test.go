package ingest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/pipelines/ingest"
)

const wholeYAML = `
profile: whole
whole_receipts: true
columns: {no: Receipt, sku: Item, qty: Qty, at: Time, cash: Cash, state: State}
dates: {zone: UTC}
constants: {currency_code: CNY, channel: store}
streams:
  order:
    one_per: [order_id]
    columns: {order_id: no, ordered_at: at, status: state}
  order_line:
    columns: {order_id: no, line_key: auto, sku: sku, quantity: qty}
  payment:
    where: num(cash) > 0
    one_per: [order_id, payment_id]
    columns: {order_id: no, payment_id: "= 'cash'", tender: "= 'cash'", amount: {expr: cash, agg: sum}}
`

func till(lines ...string) string {
	return "Receipt,Item,Qty,Time,Cash,State\n" + strings.Join(lines, "\n") + "\n"
}

// delivered gives the staged rows of a stream with the hash of their receipt cut to whether it is a tombstone.
func (s *shop) delivered(stream, columns string) []string {
	return s.rows(stream, columns+", CASE WHEN delivered = '' THEN 'gone' ELSE '' END")
}

func TestReceiptsAreStagedWhole(t *testing.T) {
	s := newShop(t, wholeYAML)
	s.put("0105.csv", till("1,A,1,2026-01-05 09:00,5,completed", "1,A,1,2026-01-05 09:00,5,completed", "2,B,1,2026-01-05 09:10,7,completed"))
	s.run()
	s.put("0106.csv", till("2,B,1,2026-01-05 09:10,7,completed", "1,A,1,2026-01-05 09:00,0,completed"))
	s.run()
	want := []string{"1|A|1.000|", "1|A|1.000|", "1|A|1.000|", "2|B|1.000|", "2|B|1.000|"}
	if got := s.delivered("order_line", "order_id, sku, quantity"); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("lines %q, want %q", got, want)
	}
	want = []string{"1|10.0000|", "1|||gone", "2|7.0000|", "2|7.0000|"}
	if got := s.rows("payment", "order_id, CAST(amount AS VARCHAR), CASE WHEN delivered = '' THEN '|gone' ELSE '' END"); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("payments %q, want %q", got, want)
	}
	hashes := s.rows("order", "order_id, delivered")
	if len(hashes) != 4 || hashes[2] != hashes[3] || hashes[0] == hashes[1] {
		t.Errorf("only receipt 2 says the same twice: %q", hashes)
	}
	batches, err := s.opt.Lake.Batches(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := ingest.Restage(context.Background(), s.opt, nil, b, func(lake.Object, string) error { return nil }); err != nil {
			t.Errorf("made again: %v", err)
		}
		for _, staged := range b.Staged {
			if staged.Whole != "order_id" {
				t.Errorf("%s is not marked whole", staged.Stream)
			}
		}
	}
}

// Two stores' files under each other's names are refused, both; the same file under its own name is taken.
func TestSwappedFilesOfTwoStoresAreRefused(t *testing.T) {
	s := newShop(t, strings.Replace(strings.Replace(wholeYAML, "{no: Receipt,", "{no: Receipt, store: Store,", 1), "columns: {order_id: no, ordered_at", "columns: {location_id: store, order_id: no, ordered_at", 1))
	s.feed.Match = "r-{location_id}.csv"
	of := func(store, receipt string) string {
		return "Receipt,Store,Item,Qty,Time,Cash,State\n" + receipt + "," + store + ",A,1,2026-01-05 09:00,5,completed\n"
	}
	s.put("r-S01.csv", of("S02", "1"))
	s.put("r-S02.csv", of("S01", "22"))
	s.put("r-S03.csv", of("S03", "333"))
	r := s.run()
	if r.Refused != 2 || r.Counts.Accepted != 1 || len(r.Findings) != 2 || !strings.Contains(r.Findings[0].Message, "other_store: the name says store S01, all 1 records say otherwise, such as S02") {
		t.Fatalf("took %+v", r)
	}
	s.put("r-S02.csv", of("S02", "1"))
	if r := s.run(); r.Refused != 0 || r.Counts.Accepted != 1 {
		t.Fatalf("under its own name: %+v", r)
	}
	s.want("order", "location_id, order_id", "S02|1", "S03|333")
}
