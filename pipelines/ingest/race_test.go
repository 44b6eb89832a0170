package ingest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source/file"
)

// meddled is a place where something happens before a file is fetched.
type meddled struct {
	file.Place
	before func(name string)
}

func (m meddled) Fetch(ctx context.Context, name, dir string) (string, error) {
	m.before(name)
	return m.Place.Fetch(ctx, name, dir)
}

// Of two writers that take the same files in, one loses, looks again at what is left, and takes nothing twice.
func TestTheWriterThatLostTakesNothingTwice(t *testing.T) {
	s := tills(t)
	s.put("till-S1-a.csv", header+"R1,2026-01-05,A,1,1,\n")
	other, plain := s.feed, s.feed.Place
	s.feed.Place = meddled{plain, func(string) {
		if len(s.batches()) > 0 {
			return
		}
		if result, err := ingest.Run(t.Context(), s.opt, []ingest.Feed{other}); err != nil || len(result.Batches) != 1 {
			t.Errorf("the other writer: %+v %v", result, err)
		}
	}}
	if result := s.run(); len(result.Batches) != 0 || len(s.batches()) != 1 {
		t.Errorf("both took the file: %+v, %d batches", result, len(s.batches()))
	}
	s.want("order", "order_id", "R1")
}

// A file that is taken away or grows while it is fetched is left for the next run.
func TestAFileThatChangesWhileItIsFetchedWaits(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"taken away": os.Remove,
		"grown": func(path string) error {
			return os.WriteFile(path, []byte(header+"R1,2026-01-05,A,1,1,\nR2,2026-01-05,A,1,1,\n"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := tills(t)
			s.put("till-S1-a.csv", header+"R1,2026-01-05,A,1,1,\n")
			plain := s.feed.Place
			s.feed.Place = meddled{plain, func(name string) {
				if err := change(filepath.Join(s.inbox, name)); err != nil {
					t.Error(err)
				}
			}}
			if _, err := ingest.Run(t.Context(), s.opt, []ingest.Feed{s.feed}); err != nil || len(s.batches()) > 0 {
				t.Errorf("%d batches, %v", len(s.batches()), err)
			}
			s.feed.Place = plain
			s.put("till-S1-a.csv", header+"R1,2026-01-05,A,1,1,\nR2,2026-01-05,A,1,1,\n")
			s.run()
			s.want("order", "order_id", "R1", "R2")
		})
	}
}

// What has not settled yet waits and is named; the clock is asked, not the run.
func TestAFreshFileWaits(t *testing.T) {
	s := tills(t)
	s.put("till-S1-a.csv", header+"R1,2026-01-05,A,1,1,\n")
	s.feed.Settle = time.Hour
	at := time.Date(2026, 1, 1, 0, 30, 0, 0, time.UTC)
	s.opt.Now = func() time.Time { return at }
	if result := s.run(); len(result.Waiting) != 1 || result.Waiting[0] != "till-S1-a.csv" || len(result.Batches) != 0 {
		t.Errorf("%+v", result)
	}
	at = at.Add(time.Hour)
	if result := s.run(); len(result.Waiting) != 0 || len(result.Batches) != 1 {
		t.Errorf("%+v", result)
	}
}

// Refused bytes under another name are known; a name under which a known file comes again gives up what it held; and a replay does
// not bring back what its name no longer holds.
func TestNamesHoldWhatWasDeliveredLast(t *testing.T) {
	s := tills(t)
	one, two := header+"R1,2026-01-05,A,1,1,\n", header+"R2,2026-01-05,A,1,1,\n"
	s.put("till-S1-a.csv", one)
	s.put("till-S1-b.csv", two)
	s.run()
	s.put("till-S1-b.csv", one)
	if result := s.run(); result.Same != 1 || result.Replaced != 1 {
		t.Errorf("a known file under a used name: %+v", result)
	}
	s.want("order", "order_id", "R1")

	bad := "id,name\n1,other table\n"
	s.put("till-S1-c.csv", bad)
	if result := s.run(); result.Refused != 1 {
		t.Errorf("another table: %+v", result)
	}
	s.put("till-S1-d.csv", bad)
	if result := s.run(); result.Refused != 0 || result.Same != 1 {
		t.Errorf("the same refused bytes again: %+v", result)
	}
	s.put("till-S1-c.csv", header+"R3,2026-01-05,A,1,1,\n")
	s.run()
	s.feed.Profile = s.profile(strings.Replace(tillProfile, "receipt: Receipt", "receipt: [Receipt, id]", 1))
	for _, filter := range []ingest.Filter{{Source: "other"}, {Feed: "other"}, {File: "till-S1-c.csv"}} {
		result, err := ingest.Replay(t.Context(), s.opt, []ingest.Feed{s.feed}, filter)
		if err != nil || len(result.Batches) != 0 {
			t.Errorf("%+v: %+v %v", filter, result, err)
		}
	}
	s.want("order", "order_id", "R1", "R3")
}

const visitProfile = `
profile: visits
columns: {receipt: Receipt, at: Date, day: Day, rev: Rev, qty: Qty}
dates: {zone: Asia/Shanghai}
streams:
  order:
    one_per: [order_id, ordered_at]
    version: txt(rev)
    columns:
      business_date: = day(day)
      order_id: receipt
      ordered_at: at
      gross_amount: {expr: = num(qty), agg: sum}
`

// Records of one key and moment make one row, which keeps the version and the business date that the file states; moments with an
// offset of their own are taken at their word.
func TestOneRowPerKeyAndMoment(t *testing.T) {
	s := newShop(t, visitProfile)
	s.put("a.csv", "Receipt,Date,Day,Rev,Qty\n1,2026-01-05T10:00:00Z,2026-01-04,7,1\n1,2026-01-05T10:00:00Z,2026-01-04,7,2\n1,2026-01-06T10:00:00+08:00,2026-01-06,8,4\n")
	if result := s.run(); result.Counts != (lake.Counts{Read: 3, Accepted: 3}) {
		t.Errorf("%+v %+v", result.Counts, result.Findings)
	}
	s.want("order", "order_id, ordered_at, event_at, business_date, source_version, gross_amount",
		"1|2026-01-05 10:00:00|2026-01-05 10:00:00|2026-01-04|7|3.0000", "1|2026-01-06 02:00:00|2026-01-06 02:00:00|2026-01-06|8|4.0000")
}
