package ingest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// shop is an inbox, a lake and an engine.
type shop struct {
	t     testing.TB
	inbox string
	opt   ingest.Options
	feed  ingest.Feed
}

func newShop(t testing.TB, yaml string) *shop {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	bucket, err := localfs.New(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	lk, err := lake.Create(ctx, bucket)
	if err != nil {
		t.Fatal(err)
	}
	db, err := warehouse.Open(ctx, warehouse.Options{MemoryLimit: "1GiB", Threads: 2, TempDir: filepath.Join(dir, "spill")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := &shop{t: t, inbox: filepath.Join(dir, "inbox"), opt: ingest.Options{Lake: lk, DB: db, TempDir: dir}}
	if err := os.Mkdir(s.inbox, 0o755); err != nil {
		t.Fatal(err)
	}
	s.feed = ingest.Feed{Source: "tills", Name: "receipts", Place: file.Dir(s.inbox), Match: "*", RefuseOver: 20_000, Profile: s.profile(yaml)}
	return s
}

func (s *shop) profile(yaml string) *profile.Profile {
	s.t.Helper()
	p, err := profile.Shipped(yaml)
	if strings.Contains(yaml, "\n") {
		p, err = profile.Parse("test.yaml", []byte(yaml))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *shop) put(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.inbox, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	// Every delivery has a time of its own, however coarse the file system's clock.
	at := time.Date(2026, 1, 1, 0, 0, len(text)%60, int(time.Now().UnixNano()%1e9), time.UTC)
	if err := os.Chtimes(path, at, at); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) run() ingest.Result {
	s.t.Helper()
	result, err := ingest.Run(context.Background(), s.opt, []ingest.Feed{s.feed})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, b := range result.Batches {
		if !b.Counts.Balanced() {
			s.t.Errorf("batch is out of balance: %+v", b.Counts)
		}
	}
	return result
}

// rows gives columns of all live rows of a stream, as models see them.
func (s *shop) rows(stream, columns string) []string {
	s.t.Helper()
	ctx := context.Background()
	batches, err := s.opt.Lake.Batches(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	gone := map[string]bool{}
	for _, b := range batches {
		for _, ref := range b.Supersedes {
			gone[fmt.Sprint(ref)] = true
		}
	}
	var out []string
	for _, b := range batches {
		for _, staged := range b.Staged {
			if staged.Stream != stream {
				continue
			}
			path, _ := s.opt.Lake.Bucket.(interface{ LocalPath(string) (string, bool) }).LocalPath(staged.Object.Key)
			rows, err := s.opt.DB.Text(ctx, "SELECT file_no, "+columns+" FROM read_parquet("+warehouse.Literal(path)+") ORDER BY file_no, source_row")
			if err != nil {
				s.t.Fatal(err)
			}
			for _, r := range rows {
				if !gone[fmt.Sprintf("{%s %s}", b.ID, r[0])] {
					out = append(out, strings.Join(r[1:], "|"))
				}
			}
		}
	}
	sort.Strings(out)
	return out
}

func (s *shop) want(stream, columns string, want ...string) {
	s.t.Helper()
	sort.Strings(want)
	if got := s.rows(stream, columns); strings.Join(got, "\n") != strings.Join(want, "\n") {
		s.t.Errorf("%s (%s)\n got %q\nwant %q", stream, columns, got, want)
	}
}

const tillProfile = `
profile: till
columns:
  receipt: Receipt
  at: Date
  sku: SKU
  qty: Qty
  price: {from: Price, bad: null}
  kind: {from: Kind, optional: true}
dates: {zone: Asia/Shanghai, cutover: "04:00"}
constants: {currency_code: CNY, channel: store}
streams:
  order:
    where: coalesce(txt(kind), 'sale') = 'sale'
    one_per: [order_id]
    columns:
      order_id: receipt
      location_id: $store
      ordered_at: at
      gross_amount: {expr: = num(qty) * num(price), agg: sum}
  order_line:
    where: coalesce(txt(kind), 'sale') = 'sale'
    columns:
      order_id: receipt
      location_id: $store
      line_key: auto
      line_no: auto
      source_sku: sku
      quantity: qty
      unit_price: price
`

func tills(t testing.TB) *shop {
	s := newShop(t, tillProfile)
	s.feed.Match = "till-{store}-*.csv*"
	return s
}

const header = "Receipt,Date,SKU,Qty,Price,Note\n"

func TestRecordsBecomeTypedRows(t *testing.T) {
	s := tills(t)
	s.put("till-S1-a.csv", header+
		"R1,2026-01-05 10:00:00,05007,2,28.16,gift\n"+
		"R1,2026-01-05 10:00:00,05007,2,28.16,gift\n"+
		"R2,2026-01-06 02:30:00,A,1,\"1,149.00\",\n")
	result := s.run()
	if result.Counts != (lake.Counts{Read: 3, Accepted: 3}) {
		t.Errorf("counts %+v", result.Counts)
	}
	s.want("order", "order_id, location_id, ordered_at, business_date, gross_amount, currency_code, channel",
		"R1|S1|2026-01-05 02:00:00|2026-01-05|112.6400|CNY|store", "R2|S1|2026-01-05 18:30:00|2026-01-05|1149.0000|CNY|store")
	s.want("order_line", "order_id, line_no, source_sku, quantity, unit_price, event_at, attributes",
		`R1|1|05007|2.000|28.1600|2026-01-05 02:00:00|{"Note":"gift"}`, `R1|2|05007|2.000|28.1600|2026-01-05 02:00:00|{"Note":"gift"}`, "R2|1|A|1.000|1149.0000|2026-01-05 18:30:00|")
	keys := s.rows("order_line", "line_key")
	if keys[0] == keys[1] || keys[1] == keys[2] {
		t.Errorf("line keys are not distinct: %q", keys)
	}
	if again := s.run(); len(again.Batches) != 0 {
		t.Errorf("a second run committed %d batches", len(again.Batches))
	}
}

func TestTheSameBytesAreTakenOnceAndNewBytesReplace(t *testing.T) {
	s := tills(t)
	text := header + "R1,2026-01-05,A,1,5,\n"
	s.put("till-S1-a.csv", text)
	s.put("till-S1-b.csv", text)
	result := s.run()
	if result.Same != 1 || result.Counts != (lake.Counts{Read: 2, Accepted: 1, Duplicate: 1}) {
		t.Errorf("twice in one run: %+v", result)
	}
	s.put("till-S1-c.csv", text)
	if result = s.run(); result.Same != 1 || result.Counts != (lake.Counts{Read: 1, Duplicate: 1}) {
		t.Errorf("again later: %+v", result)
	}
	s.want("order", "order_id, gross_amount", "R1|5.0000")
	s.put("till-S1-a.csv", header+"R1,2026-01-05,A,1,6,\nR9,2026-01-05,A,1,1,\n")
	if result = s.run(); result.Replaced != 1 {
		t.Errorf("a correction: %+v", result)
	}
	s.want("order", "order_id, gross_amount", "R1|6.0000", "R9|1.0000")
	s.put("till-S1-a.csv", text)
	s.run()
	s.want("order", "order_id, gross_amount", "R1|5.0000")
	s.put("till-S1-a.csv", "id,name\n1,other table\n")
	if result = s.run(); result.Refused != 1 || !strings.Contains(result.Findings[0].Message, `"name"`) {
		t.Errorf("another table under this name: %+v", result)
	}
	s.want("order", "order_id, gross_amount", "R1|5.0000")
}

func TestEveryRepetitionOfKnownBytesIsADeliveryOfItsOwn(t *testing.T) {
	s := tills(t)
	path := filepath.Join(s.inbox, "till-S1-a.csv")
	batches := map[string]bool{}
	s.put("till-S1-a.csv", header+"R1,2026-01-05 10:00:00,A,1,2.50,\n")
	for day := range 4 {
		at := time.Date(2026, 2, 1+day, 0, 0, 0, 0, time.UTC)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		for _, b := range s.run().Batches {
			batches[b.ID] = true
		}
	}
	if len(batches) != 4 {
		t.Errorf("4 deliveries of the same bytes make %d batches", len(batches))
	}
}

func TestRefusedRecordsWaitInQuarantine(t *testing.T) {
	s := tills(t)
	var b strings.Builder
	b.WriteString(header)
	for i := range 200 {
		fmt.Fprintf(&b, "R%d,2026-01-05,A,1,1,\n", i)
	}
	b.WriteString("R200,2026-13-05,A,1,1,\nR201,2026-01-05,A,1,284.36a,\n,2026-01-05,A,1,1,\n")
	s.put("till-S1-a.csv", b.String())
	result := s.run()
	if result.Counts != (lake.Counts{Read: 203, Accepted: 201, Quarantined: 2}) {
		t.Errorf("counts %+v", result.Counts)
	}
	records, err := ingest.Quarantined(context.Background(), s.opt, ingest.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		got = append(got, fmt.Sprintf("%s %d %s %s %s", r.Kind, r.Line, r.Column, r.Code, r.Raw))
	}
	want := "row 202 Date bad_date R200,2026-13-05,A,1,1,|value 203 Price bad_number 284.36a|row 204 order.order_id missing_value ,2026-01-05,A,1,1,"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	where, err := ingest.Locate(context.Background(), s.opt.Lake, result.Batches[0].ID, 0, 202)
	if err != nil || where.File != "till-S1-a.csv" || where.Line != 203 || where.Text != "R201,2026-01-05,A,1,284.36a," {
		t.Errorf("locate: %+v %v", where, err)
	}
}

func TestTooManyRefusedRecordsRefuseTheFile(t *testing.T) {
	s := tills(t)
	s.put("till-S1-a.csv", header+"R1,2026-01-05,A,x,1,\nR2,2026-01-05,A,1,1,\n")
	s.put("till-S1-b.csv", header+"R3,2026-01-05,A,1,1,\n")
	result := s.run()
	if result.Refused != 1 || result.Counts != (lake.Counts{Read: 3, Accepted: 1, Quarantined: 2}) || result.Batches[0].Files[0].Raw.Key == "" {
		t.Errorf("%+v", result)
	}
	s.want("order", "order_id", "R3")
	// With a profile that reads it, replay makes the content as if it had never been refused.
	s.feed.Profile = s.profile(strings.Replace(tillProfile, "qty: Qty", "qty: {from: Qty, bad: null}", 1) + "      line_kind: = 'product'\n")
	s.feed.RefuseOver = 1_000_000
	replayed, err := ingest.Replay(context.Background(), s.opt, []ingest.Feed{s.feed}, ingest.Filter{})
	if err != nil || len(replayed.Batches) != 1 {
		t.Fatalf("%v %+v", err, replayed)
	}
	s.want("order", "order_id", "R2", "R3")
	again, err := ingest.Replay(context.Background(), s.opt, []ingest.Feed{s.feed}, ingest.Filter{})
	if err != nil || len(again.Batches) != 0 {
		t.Errorf("replay again: %v %+v", err, again)
	}
}
