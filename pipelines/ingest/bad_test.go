package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source/file"
)

const receiptProfile = `
profile: receipts
columns: {receipt: Receipt, at: Date, qty: Qty, price: Price}
dates: {zone: America/New_York}
streams:
  order:
    one_per: [order_id]
    columns:
      order_id: KEY
      ordered_at: at
      gross_amount: {expr: = num(qty) * num(price), agg: sum}
`

func TestACounterThatStartedAgainIsKeptApartByTheDayOrReported(t *testing.T) {
	text := "Receipt,Date,Qty,Price\n1,2026-01-05 10:00:00,1,5\n1,2026-01-05 10:00:00,2,5\n1,2026-02-05 10:00:00,1,7\n"
	s := newShop(t, strings.Replace(receiptProfile, "KEY", "receipt", 1))
	s.put("a.csv", text)
	result := s.run()
	if len(result.Findings) != 1 || result.Findings[0].Code != "key_on_several_days" {
		t.Errorf("not reported: %+v", result.Findings)
	}
	s = newShop(t, strings.Replace(receiptProfile, "KEY", `"= txt(receipt) || '/' || CAST(day(at) AS VARCHAR)"`, 1))
	s.put("a.csv", text)
	if result := s.run(); len(result.Findings) != 0 {
		t.Errorf("reported although kept apart: %+v", result.Findings)
	}
	s.want("order", "order_id, gross_amount", "1/2026-01-05|15.0000", "1/2026-02-05|7.0000")
}

func TestLocalTimesBecomeInstants(t *testing.T) {
	s := newShop(t, "\nprofile: x\ncolumns: {receipt: Receipt, at: Date}\ndates: {zone: America/New_York}\nstreams: {order: {columns: {order_id: receipt, ordered_at: at, location_id: $store}}}\n")
	s.feed.Match = "{store}.csv"
	s.opt.Locations = map[string]ingest.Location{"SH": {Zone: "Asia/Shanghai", Cutover: "04:00"}}
	s.put("NY.csv", "Receipt,Date\na,2026-03-08 01:59:00\nb,2026-03-08 02:30:00\nc,2026-03-08 03:00:00\nd,2026-11-01 01:30:00\ne,2026-11-01 02:00:00\nf,2026-07-01T23:30:00Z\n")
	s.put("SH.csv", "Receipt,Date\ng,2026-03-08 01:59:00\n")
	s.run()
	s.want("order", "order_id, ordered_at, business_date",
		"a|2026-03-08 06:59:00|2026-03-08", "b|2026-03-08 07:30:00|2026-03-08", "c|2026-03-08 07:00:00|2026-03-08",
		"d|2026-11-01 05:30:00|2026-11-01", "e|2026-11-01 07:00:00|2026-11-01", "f|2026-07-01 23:30:00|2026-07-01", "g|2026-03-07 17:59:00|2026-03-07")
}

func TestUnreadableFilesAreRefusedAndKept(t *testing.T) {
	s := tills(t)
	for name, text := range map[string]string{"till-S1-empty.csv": "", "till-S1-gz.csv.gz": "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x01", "till-S1-enc.csv": header + "R1,2026-01-05,\x81,1,1,\n",
		"till-S1-amb.csv": header + "R1,05/06/2026,A,1,1,\n", "till-S1-half.csv": header + "R1,2026-01-05,A,1,1,\nR2,2026-01-05,A", "till-S1-none.csv": header} {
		s.put(name, text)
	}
	s.put("till-S1-ok.csv", header+"R7,2026-01-05,A,1,1,\n")
	result := s.run()
	codes := map[string]string{}
	for _, f := range result.Batches[0].Files {
		code, _, _ := strings.Cut(f.Reason, ":")
		codes[f.Name] = code
		if f.Raw.Key == "" {
			t.Errorf("%s: its bytes are not kept", f.Name)
		}
	}
	for name, want := range map[string]string{"till-S1-empty.csv": "empty_file", "till-S1-gz.csv.gz": "truncated", "till-S1-enc.csv": "invalid_encoding", "till-S1-amb.csv": "ambiguous_dates", "till-S1-half.csv": "too_many_refused", "till-S1-none.csv": "", "till-S1-ok.csv": ""} {
		if codes[name] != want {
			t.Errorf("%s: got %q, want %q", name, codes[name], want)
		}
	}
	s.want("order", "order_id", "R7")
	if again := s.run(); len(again.Batches) != 0 {
		t.Errorf("refused files were taken again: %+v", again)
	}
}

func TestAWrongExpressionNamesTheProfile(t *testing.T) {
	s := newShop(t, strings.Replace(strings.Replace(receiptProfile, "KEY", "receipt", 1), "num(qty) * num(price)", "no_such_function(num(qty))", 1))
	s.put("a.csv", "Receipt,Date,Qty,Price\n1,2026-01-05 10:00:00,1,5\n")
	_, err := ingest.Run(context.Background(), s.opt, []ingest.Feed{s.feed})
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "profile receipts") {
		t.Errorf("got %v", err)
	}
	batches, err := s.opt.Lake.Batches(context.Background())
	if err != nil || len(batches) != 0 {
		t.Errorf("something was committed: %v %v", batches, err)
	}
}

// failing is a bucket whose nth write fails: what a crash or a full disk leaves behind.
type failing struct {
	objstore.Bucket
	left int
}

var errCut = errors.New("the power is out")

func (f *failing) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	if f.left--; f.left < 0 {
		return objstore.Info{}, errCut
	}
	return f.Bucket.PutIfAbsent(ctx, key, body, opt)
}

func TestACrashAtAnyWriteAndARerunGiveTheSameContent(t *testing.T) {
	fill := func(s *shop) {
		for i := range 3 {
			s.put(fmt.Sprintf("till-S%d-a.csv", i), header+fmt.Sprintf("R%d,2026-01-05,A,1,5,\nR%db,2026-01-05,A,1,5,\n", i, i))
		}
	}
	s := tills(t)
	fill(s)
	s.run()
	want := s.rows("order_line", "source_record_id, batch, gross_amount, unit_price")
	for cut := 0; ; cut++ {
		s := tills(t)
		fill(s)
		if err := os.RemoveAll(s.inbox); err != nil {
			t.Fatal(err)
		}
		whole := s.opt.Lake
		s.inbox = filepath.Join(t.TempDir(), "inbox")
		if err := os.Mkdir(s.inbox, 0o755); err != nil {
			t.Fatal(err)
		}
		s.feed.Place = file.Dir(s.inbox)
		fill(s)
		broken := *whole
		broken.Bucket = &failing{whole.Bucket, cut}
		s.opt.Lake = &broken
		_, err := ingest.Run(context.Background(), s.opt, []ingest.Feed{s.feed})
		s.opt.Lake = whole
		if err == nil {
			if cut < 5 {
				t.Errorf("only %d writes were cut", cut)
			}
			return
		}
		s.run()
		if got := s.rows("order_line", "source_record_id, batch, gross_amount, unit_price"); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("cut at write %d: got %q, want %q", cut, got, want)
		}
		if again := s.run(); again.Counts != (lake.Counts{}) {
			t.Fatalf("cut at write %d: a third run took %+v", cut, again.Counts)
		}
	}
}
