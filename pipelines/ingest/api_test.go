package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source"
)

const wholeProfile = `
profile: whole-orders
format: jsonl
whole: true
gone: bool(gone)
explode: [lines]
refuse:
  - {when: "txt(status) NOT IN ('paid', 'open')", column: status, code: unknown_status, message: "is a status that the mapping does not know"}
columns:
  id: id
  at: {from: at, zone: UTC}
  rev: rev
  total: {from: total, optional: true}
  status: {from: status, optional: true}
  gone: {from: gone, optional: true}
  line: {from: lines.id, optional: true}
  qty: {from: lines.qty, optional: true}
dates: {order: ymd, zone: Asia/Shanghai}
numbers: {decimal: "."}
streams:
  order:
    where: $part IS NULL
    version: txt(rev)
    columns: {order_id: id, ordered_at: at, total_amount: total, status: status}
  order_line:
    where: $part = 'lines'
    version: txt(rev)
    columns: {order_id: id, line_key: line, quantity: qty}
`

// change is one state of an order, in the order of changes.
type change struct {
	ID     string `json:"id"`
	At     string `json:"at,omitempty"`
	Rev    string `json:"rev"`
	Total  string `json:"total,omitempty"`
	Status string `json:"status,omitempty"`
	Gone   bool   `json:"gone,omitempty"`
	Lines  []line `json:"lines"`
}

type line struct {
	ID  string `json:"id"`
	Qty int    `json:"qty"`
}

// changelog is an API that hands out changes in pages; its cursor is a position.
type changelog struct {
	changes []change
	size    int
	overlap int
	fail    func(page int) error
}

func (c *changelog) Declare() source.Declaration { return source.Declaration{Name: "changelog"} }

func (c *changelog) Pull(_ context.Context, cursor json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	at := 0
	if cursor != nil {
		if err := json.Unmarshal(cursor, &at); err != nil {
			return nil, err
		}
	}
	page := 0
	for from := max(at-c.overlap, 0); from < len(c.changes); from += c.size {
		to := min(from+c.size, len(c.changes))
		body, err := json.Marshal(c.changes[from:to])
		if err != nil {
			return nil, err
		}
		if c.fail != nil {
			if err := c.fail(page); err != nil {
				return nil, err
			}
		}
		page++
		if err := emit(source.Page(fmt.Sprintf("%06d.json", from), body, time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), json.RawMessage(fmt.Sprint(max(at, to))), nil)); err != nil {
			return nil, err
		}
	}
	return json.RawMessage(fmt.Sprint(max(at, len(c.changes)))), nil
}

func (s *shop) changes(api source.Source) {
	s.feed.API = &source.Feed{Stream: "orders", Source: api, Facts: []string{"total_amount"}}
	s.feed.RefuseOver = 1_000_000
}

// live gives the rows that count, month by month, as the engine of models sees them.
func (s *shop) live(stream string) []string {
	s.t.Helper()
	batches, err := s.opt.Lake.Batches(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	var parts []string
	months := map[string]bool{}
	for _, b := range batches {
		for _, staged := range b.Staged {
			if staged.Stream == stream {
				path := s.local(staged.Object)
				parts = append(parts, fmt.Sprintf("SELECT *, CAST(%d AS BIGINT) AS seq FROM %s", b.Seq, warehouse.ReadParquet(path)))
				for m := range staged.Months {
					months[m] = true
				}
			}
		}
	}
	var out []string
	for m := range months {
		columns := "order_id, '', CAST(total_amount AS VARCHAR)"
		if stream == "order_line" {
			columns = "order_id, line_key, CAST(CAST(quantity AS BIGINT) AS VARCHAR)"
		}
		rows, err := s.opt.DB.Text(context.Background(), "SELECT "+columns+" FROM (SELECT *, rank() OVER (PARTITION BY order_id ORDER BY source_version DESC, seq DESC, file_no DESC) AS n FROM ("+
			strings.Join(parts, " UNION ALL BY NAME ")+") WHERE coalesce(strftime(business_date, '%Y-%m'), '') = '"+m+"') WHERE n = 1 AND delivered <> ''")
		if err != nil {
			s.t.Fatal(err)
		}
		for _, r := range rows {
			out = append(out, strings.Join(r, "|"))
		}
	}
	sort.Strings(out)
	return out
}

func (s *shop) local(o lake.Object) string {
	s.t.Helper()
	path, ok := s.opt.Lake.Bucket.(interface {
		LocalPath(string) (string, bool)
	}).LocalPath(o.Key)
	if !ok {
		s.t.Fatal("no local path")
	}
	return path
}

func (s *shop) same(stream string, want ...string) {
	s.t.Helper()
	sort.Strings(want)
	if got := s.live(stream); strings.Join(got, " ") != strings.Join(want, " ") {
		s.t.Errorf("%s: got %q, want %q", stream, got, want)
	}
}

func TestANewVersionReplacesTheWholeOrder(t *testing.T) {
	s := newShop(t, wholeProfile)
	api := &changelog{size: 10}
	s.changes(api)
	api.changes = []change{{ID: "1", At: "2026-01-31T15:59:59", Rev: "1", Total: "3", Status: "paid", Lines: []line{{"a", 1}, {"b", 2}}}}
	s.run()
	s.same("order_line", "1|a|1", "1|b|2")
	// The line b is taken off; the order then moves to the next month by one second of Shanghai's clock; then it loses all lines.
	api.changes = append(api.changes, change{ID: "1", At: "2026-01-31T15:59:59", Rev: "2", Total: "1", Status: "paid", Lines: []line{{"a", 1}}})
	s.run()
	s.same("order_line", "1|a|1")
	api.changes = append(api.changes, change{ID: "1", At: "2026-01-31T16:00:00", Rev: "3", Total: "1", Status: "paid", Lines: []line{{"a", 1}}})
	s.run()
	s.same("order_line", "1|a|1")
	s.same("order", "1||1.0000")
	api.changes = append(api.changes, change{ID: "1", At: "2026-01-31T16:00:00", Rev: "4", Total: "0", Status: "open"})
	s.run()
	s.same("order_line")
	s.same("order", "1||0.0000")
	api.changes = append(api.changes, change{ID: "1", Rev: "", Gone: true})
	s.run()
	s.same("order")
	api.changes = append(api.changes, change{ID: "1", At: "2026-01-31T16:00:00", Rev: "4", Total: "0", Status: "open"})
	s.run()
	s.same("order", "1||0.0000")
}

func TestOnePartRefusedRefusesTheOrder(t *testing.T) {
	s := newShop(t, wholeProfile)
	api := &changelog{size: 10, changes: []change{
		{ID: "1", At: "2026-01-05T10:00:00", Rev: "1", Total: "3", Status: "wc-foo", Lines: []line{{"a", 1}}},
		{ID: "2", At: "2026-01-05T10:00:00", Rev: "1", Total: "x", Status: "paid", Lines: []line{{"a", 1}}},
		{ID: "3", At: "2026-01-05T10:00:00", Rev: "1", Total: "4", Status: "paid", Lines: []line{{"a", 1}, {"", 2}}},
		{ID: "4", At: "2026-01-05T10:00:00", Rev: "1", Total: "5", Status: "paid", Lines: []line{{"a", 1}}},
	}}
	s.changes(api)
	result := s.run()
	if result.Counts.Read != 9 || result.Counts.Accepted != 2 || result.Counts.Quarantined != 7 {
		t.Errorf("%+v", result.Counts)
	}
	s.same("order", "4||5.0000")
	records, err := ingest.Quarantined(context.Background(), s.opt, ingest.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]int{}
	for _, r := range records {
		codes[r.Code]++
	}
	if codes["unknown_status"] != 2 || codes["bad_number"] != 2 || codes["missing_value"] != 1 || codes["part_refused"] != 2 {
		t.Errorf("%v", codes)
	}
}

func TestWhatIsKnownIsNotStagedAgain(t *testing.T) {
	s := newShop(t, wholeProfile)
	api := &changelog{size: 1, overlap: 2, changes: []change{
		{ID: "1", At: "2026-01-05T10:00:00", Rev: "1", Total: "3", Status: "paid"},
		{ID: "2", At: "2026-01-05T10:00:00", Rev: "1", Total: "4", Status: "odd"},
	}}
	s.changes(api)
	if n := len(s.run().Batches); n != 1 {
		t.Errorf("%d batches", n)
	}
	if again := s.run(); len(again.Batches) != 0 {
		t.Errorf("nothing was new, and yet: %+v", again.Counts)
	}
	api.changes = append(api.changes, change{ID: "1", At: "2026-01-05T10:00:00", Rev: "0", Total: "9", Status: "paid"})
	if late := s.run(); late.Counts.Duplicate != 3 || late.Counts.Accepted != 0 {
		t.Errorf("an older version counts: %+v", late.Counts)
	}
	s.same("order", "1||3.0000")
}

// Random changes, page sizes, overlaps and crashes: what counts is the newest state of every order, once.
func TestRandomChangesLoseAndRepeatNothing(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := newShop(t, wholeProfile)
		api := &changelog{size: 1 + r.IntN(4), overlap: r.IntN(6)}
		s.changes(api)
		truth := map[string]change{}
		for round := range 6 {
			for range 1 + r.IntN(8) {
				id := fmt.Sprint(r.IntN(6))
				c := change{ID: id, At: fmt.Sprintf("2026-0%d-1%dT10:00:00", 1+r.IntN(3), r.IntN(9)), Rev: fmt.Sprintf("%06d", len(api.changes)), Total: fmt.Sprint(r.IntN(100)), Status: "paid", Gone: r.IntN(5) == 0}
				for l := range r.IntN(4) {
					c.Lines = append(c.Lines, line{fmt.Sprint(l), 1 + r.IntN(9)})
				}
				if c.Gone {
					c = change{ID: id, Gone: true}
				}
				api.changes = append(api.changes, c)
				truth[id] = c
			}
			crash := errors.New("killed")
			api.fail = func(page int) error {
				if r.IntN(3) == 0 {
					return crash
				}
				return nil
			}
			_, _ = ingest.Run(context.Background(), s.opt, []ingest.Feed{s.feed})
			api.fail = nil
			s.run()
			var orders, lines []string
			for id, c := range truth {
				if c.Gone {
					continue
				}
				orders = append(orders, id+"||"+c.Total+".0000")
				for _, l := range c.Lines {
					lines = append(lines, fmt.Sprintf("%s|%s|%d", id, l.ID, l.Qty))
				}
			}
			s.same("order", orders...)
			s.same("order_line", lines...)
			if t.Failed() {
				t.Fatalf("seed %d, round %d", seed, round)
			}
		}
	}
}
