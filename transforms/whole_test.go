package transforms

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/omoflow/omoflow/internal/lake"
)

// part is one row of an order that is delivered whole: a line, or with hash "" a tombstone in the month of a day.
type part struct {
	order, line, quantity, day, version, hash string
	file                                      int
}

// deliverWhole appends a batch of lines of which each order holds all.
func (s *shop) deliverWhole(feed, id string, parts []part, supersedes ...lake.FileRef) {
	s.t.Helper()
	var rows []map[string]string
	for _, p := range parts {
		rows = append(rows, map[string]string{"source_record_id": p.order + "/" + p.line, "source_version": p.version, "file_no": fmt.Sprint(p.file), "business_date": p.day,
			"order_id": p.order, "line_key": p.line, "quantity": p.quantity, "delivered": p.hash})
	}
	s.deliverRows(feed, id, lake.Staged{Stream: "order_line", Whole: "order_id"}, rows, supersedes...)
}

const wholeColumns = "\ncolumns:\n  order_id: {type: VARCHAR, about: order}\n  line_key: {type: VARCHAR, about: line}\n  business_date: {type: DATE, about: day}\n  quantity: {type: \"DECIMAL(18,3)\", about: units}\n  copy_qty: {type: BIGINT, about: rows that say so}\n  batch_name: {type: VARCHAR, about: batch of the rows}"

const wholeSQL = `WITH line AS (SELECT * FROM {{ref "staged.order_line"}})
SELECT order_id, line_key, business_date, quantity, count(*) AS copy_qty, min(batch) AS batch_name
FROM line
GROUP BY order_id, line_key, business_date, quantity
ORDER BY order_id NULLS LAST, line_key NULLS LAST, business_date NULLS LAST, quantity NULLS LAST`

// newWholeShop shows the lines that count month by month and all at once.
func newWholeShop(t *testing.T) *shop {
	grain := "\ngrain: [order_id, line_key, business_date, quantity]"
	s := withModels(t, fstest.MapFS{
		"marts/sales/line_all.sql":   table("kind: full"+grain+"\ninputs: {staged.order_line: all}"+wholeColumns, wholeSQL),
		"marts/sales/line_month.sql": table("kind: partition"+grain+"\npartition: month(business_date)\ninputs: {staged.order_line: same}"+wholeColumns, wholeSQL),
	})
	s.deliver("a", "orders", january())
	return s
}

// lines are the lines that count: order, line, day, units, rows. A month alone must tell the same as all at once.
func (s *shop) lines() []string {
	s.t.Helper()
	r, _ := s.publish()
	all := s.rows(r, "SELECT order_id, line_key, business_date, CAST(quantity AS INTEGER), copy_qty FROM sales.line_all ORDER BY ALL")
	if months := s.rows(r, "SELECT order_id, line_key, business_date, CAST(quantity AS INTEGER), copy_qty FROM sales.line_month ORDER BY ALL"); !slices.Equal(all, months) {
		s.t.Errorf("all at once: %v, month by month: %v", all, months)
	}
	return all
}

func (s *shop) wantLines(what string, want ...string) {
	s.t.Helper()
	if got := s.lines(); !slices.Equal(got, want) {
		s.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

const (
	jan, feb = "2026-01-05", "2026-02-03"
	copied   = " 1"
)

func TestNewestDeliveryCountsAlone(t *testing.T) {
	s := newWholeShop(t)
	s.deliverWhole("till", "b1", []part{{"1", "x", "2", jan, "", "h1", 0}, {"1", "y", "3", jan, "", "h1", 0}, {"2", "x", "7", jan, "", "k1", 0}})
	s.wantLines("first", "1 x 2026-01-05 2"+copied, "1 y 2026-01-05 3"+copied, "2 x 2026-01-05 7"+copied)
	s.deliverWhole("till", "b2", []part{{"1", "x", "1", jan, "", "h2", 0}})
	s.wantLines("a line less", "1 x 2026-01-05 1"+copied, "2 x 2026-01-05 7"+copied)
	// A version that the source states says more than the order of arrival.
	s.deliverWhole("till", "b3", []part{{"2", "x", "9", jan, "2", "k2", 0}})
	s.deliverWhole("till", "b4", []part{{"2", "x", "8", jan, "1", "k3", 0}})
	s.wantLines("an older version later", "1 x 2026-01-05 1"+copied, "2 x 2026-01-05 9"+copied)
	// Two files of one batch: the later one is the newer.
	s.deliverWhole("till", "b5", []part{{"1", "x", "4", jan, "", "h4", 0}, {"1", "x", "5", jan, "", "h5", 1}})
	s.wantLines("two files", "1 x 2026-01-05 5"+copied, "2 x 2026-01-05 9"+copied)
	// Rows that are not whole stand beside them.
	s.deliverRows("web", "b6", lake.Staged{Stream: "order_line"}, []map[string]string{{"source_record_id": "3/x", "source_version": "", "file_no": "0", "business_date": feb, "order_id": "3", "line_key": "x", "quantity": "6"}})
	s.wantLines("plain rows", "1 x 2026-01-05 5"+copied, "2 x 2026-01-05 9"+copied, "3 x 2026-02-03 6"+copied)
}

func TestTombstonesEmptyOtherMonths(t *testing.T) {
	s := newWholeShop(t)
	s.deliverWhole("till", "b1", []part{{"1", "x", "2", jan, "", "h1", 0}, {"1", "y", "3", feb, "", "h1", 0}, {"2", "x", "7", feb, "", "k1", 0}})
	s.wantLines("two months", "1 x 2026-01-05 2"+copied, "1 y 2026-02-03 3"+copied, "2 x 2026-02-03 7"+copied)
	// The order moved to February: January holds its tombstone.
	s.deliverWhole("till", "b2", []part{{"1", "x", "2", feb, "", "h2", 0}, {order: "1", day: jan}})
	s.wantLines("moved", "1 x 2026-02-03 2"+copied, "2 x 2026-02-03 7"+copied)
	// And back, and the other order is gone.
	s.deliverWhole("till", "b3", []part{{"1", "x", "2", jan, "", "h3", 0}, {order: "1", day: feb}, {order: "2", day: feb}})
	s.wantLines("back", "1 x 2026-01-05 2"+copied)
	s.deliverWhole("till", "b4", []part{{"2", "x", "7", feb, "", "k1", 0}})
	s.wantLines("delivered again after it was gone", "1 x 2026-01-05 2"+copied, "2 x 2026-02-03 7"+copied)
}

// An export repeated changes nothing: not a row, and not the bytes of a table that keeps which batch a row is of.
func TestEqualDeliveriesCountOnce(t *testing.T) {
	s := newWholeShop(t)
	same := []part{{"1", "x", "2", jan, "", "h1", 0}, {"1", "x", "2", jan, "", "h1", 0}, {"1", "y", "3", jan, "", "h1", 0}}
	s.deliverWhole("till", "b1", same)
	want := []string{"1 x 2026-01-05 2 2", "1 y 2026-01-05 3 1"} // two lines alike on one receipt are two
	s.wantLines("once", want...)
	before, _ := s.publish()
	s.deliverWhole("till", "b2", same)
	s.deliverWhole("other", "b3", same)
	s.wantLines("three times", want...)
	after, _ := s.publish()
	was, is := s.content(before), s.content(after)
	for _, table := range []string{"sales.line_all/all", "sales.line_month/2026-01"} {
		if was[table] == "" || was[table] != is[table] {
			t.Errorf("an export repeated changed %s", table)
		}
	}
	// Changed and changed back: the newest says what the first said, and its rows count once.
	s.deliverWhole("till", "b4", []part{{"1", "x", "9", jan, "", "h9", 0}})
	s.wantLines("changed", "1 x 2026-01-05 9"+copied)
	s.deliverWhole("till", "b5", same)
	s.wantLines("changed back", want...)
}

// A file that no longer counts takes its deliveries with it, and what they had replaced counts again.
func TestSupersededDeliveriesComeBack(t *testing.T) {
	s := newWholeShop(t)
	s.deliverWhole("till", "b1", []part{{"1", "x", "2", jan, "", "h1", 0}})
	s.deliverWhole("till", "b2", []part{{"1", "x", "5", feb, "", "h2", 0}, {order: "1", day: jan}, {"2", "x", "7", feb, "", "k1", 1}})
	s.wantLines("replaced", "1 x 2026-02-03 5"+copied, "2 x 2026-02-03 7"+copied)
	s.deliverWhole("till", "b3", nil, lake.FileRef{Batch: "b2", FileNo: 0})
	s.wantLines("the newer file no longer counts", "1 x 2026-01-05 2"+copied, "2 x 2026-02-03 7"+copied)
	s.deliverWhole("till", "b4", []part{{"1", "x", "6", jan, "", "h4", 0}}, lake.FileRef{Batch: "b1", FileNo: 0})
	s.wantLines("corrected", "1 x 2026-01-05 6"+copied, "2 x 2026-02-03 7"+copied)
	if report, err := Rebuild(t.Context(), s.opt); err != nil || len(report.Different) > 0 {
		t.Errorf("rebuild: %+v, %v", report, err)
	}
}
