package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore/faultstore"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source"
)

// countdown is a context that is cancelled the n-th time somebody looks at it: an interruption at a chosen step of the work.
type countdown struct {
	context.Context
	left   atomic.Int64
	cancel context.CancelFunc
}

func interruptAt(n int64) *countdown {
	c := &countdown{}
	c.Context, c.cancel = context.WithCancel(context.Background())
	c.left.Store(n)
	return c
}

func (c *countdown) look() {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
}

func (c *countdown) Done() <-chan struct{} { c.look(); return c.Context.Done() }
func (c *countdown) Err() error            { c.look(); return c.Context.Err() }

// pages is an API that hands out texts as pages; its cursor is the number of those read. What is listed as lost is
// emitted again by the reconciliation.
type pages struct {
	texts []string
	again []string
	asked [][]source.Known
}

func (p *pages) Declare() source.Declaration { return source.Declaration{Name: "pages"} }

func (p *pages) page(name, text string, cursor int) source.Delivery {
	return source.Page(name, []byte(text), time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), json.RawMessage(fmt.Sprint(cursor)), nil)
}

func (p *pages) Pull(_ context.Context, cursor json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	at := 0
	if cursor != nil && string(cursor) != "{}" { // which a backfill leaves for the beginning
		if err := json.Unmarshal(cursor, &at); err != nil {
			return nil, err
		}
	}
	for ; at < len(p.texts); at++ {
		if err := emit(p.page(fmt.Sprintf("%d.page", at), p.texts[at], at+1)); err != nil {
			return nil, err
		}
	}
	return json.RawMessage(fmt.Sprint(at)), nil
}

func (p *pages) Reconcile(ctx context.Context, cursor json.RawMessage, held source.Held, emit func(source.Delivery) error) (json.RawMessage, error) {
	known, err := held(ctx)
	if err != nil {
		return nil, err
	}
	p.asked = append(p.asked, known)
	for i, text := range p.again {
		if err := emit(p.page(fmt.Sprintf("again-%d.page", i), text, len(p.texts))); err != nil {
			return nil, err
		}
	}
	return cursor, nil
}

func (s *shop) api(p *pages) {
	s.feed.API = &source.Feed{Stream: "orders", Source: p, Reconcile: p, Facts: []string{"total_amount"}}
	s.feed.RefuseOver = 1_000_000
}

func pageOf(changes ...change) string {
	text, err := json.Marshal(changes)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// disturbed is work that can be done again, and what it leaves in the end.
type disturbed struct {
	name    string
	begin   func(t *testing.T) *shop
	work    func(ctx context.Context, s *shop) error
	content func(s *shop) []string
}

func runFeed(ctx context.Context, s *shop) error {
	_, err := ingest.Run(ctx, s.opt, []ingest.Feed{s.feed})
	return err
}

const orderLines = "order_id, line_key, quantity, unit_price, source_row, attributes"

// disturbances are ingests of every kind, each of one batch, so that everything of it is still to do after an interruption.
func disturbances() []disturbed {
	lines := func(s *shop) []string { return s.rows("order_line", orderLines) }
	plain := func(direct int64, text string) func(t *testing.T) *shop {
		return func(t *testing.T) *shop {
			s := newShop(t, plainProfile)
			s.opt.SetDirect(direct)
			s.api(&pages{texts: []string{text}})
			return s
		}
	}
	odd := plainHeader + plainRows(40) + "S9,R9,1,2026-01-05,A,1,2,n,x,y\nS1,R9,1,2026-01-05,A,999999999999,99999999999999,n,x,y\n"
	first := pageOf(change{ID: "1", At: "2026-01-05T10:00:00", Rev: "1", Total: "3", Status: "paid", Lines: []line{{"a", 1}, {"b", 2}}},
		change{ID: "2", At: "2026-01-05T10:00:00", Rev: "1", Total: "4", Status: "paid", Lines: []line{{"a", 1}}})
	second := pageOf(change{ID: "1", At: "2026-02-05T10:00:00", Rev: "2", Total: "5", Status: "paid", Lines: []line{{"a", 3}}},
		change{ID: "2", At: "2026-01-05T10:00:00", Rev: "1", Total: "4", Status: "paid", Lines: []line{{"a", 1}}},
		change{ID: "3", At: "2026-01-05T10:00:00", Rev: "1", Total: "4", Status: "odd", Lines: []line{{"a", 1}}},
		change{ID: "4", At: "2026-01-05T10:00:00", Rev: "1", Total: "6", Status: "paid", Lines: []line{{"a", 9}}})
	whole := func(texts ...string) func(t *testing.T) *shop {
		return func(t *testing.T) *shop {
			s := newShop(t, wholeProfile)
			p := &pages{texts: []string{first}}
			s.api(p)
			s.run()
			p.texts, p.again = append(p.texts, texts...), []string{pageOf(change{ID: "2", Gone: true})}
			return s
		}
	}
	return []disturbed{
		{"rows refused by SQL", plain(1<<40, odd), runFeed, lines},
		{"a file read directly", plain(1, plainHeader+plainRows(40)), runFeed, lines},
		{"a direct file that turns out not to be plain", plain(1, odd), runFeed, lines},
		{"whole records over earlier ones", whole(second), runFeed, func(s *shop) []string { return append(s.live("order"), s.live("order_line")...) }},
		{"a reconciliation", whole(), runFeed, func(s *shop) []string { return s.live("order") }},
		{"records of one key", func(t *testing.T) *shop {
			s := newShop(t, strings.Replace(receiptProfile, "KEY", "receipt", 1))
			s.api(&pages{texts: []string{"Receipt,Date,Qty,Price\n1,2026-01-05 10:00:00,1,5\n1,2026-01-05 10:00:00,2,5\n1,2026-02-05 10:00:00,1,7\n"}})
			return s
		}, runFeed, func(s *shop) []string { return s.rows("order", "order_id, gross_amount") }},
		{"a replay", replayable, replayAll, func(s *shop) []string { return s.rows("order", "order_id, gross_amount") }},
	}
}

func replayable(t *testing.T) *shop {
	s := tills(t)
	s.put("till-S1-a.csv", header+"R1,2026-01-05,A,x,1,\nR2,2026-01-05,A,1,1,\n")
	s.run()
	s.feed.Profile = s.profile(strings.Replace(tillProfile, "qty: Qty", "qty: {from: Qty, bad: null}", 1) + "      line_kind: = 'product'\n")
	s.feed.RefuseOver = 1_000_000
	return s
}

func replayAll(ctx context.Context, s *shop) error {
	_, err := ingest.Replay(ctx, s.opt, []ingest.Feed{s.feed}, ingest.Filter{})
	return err
}

func (s *shop) scratchLeft() []string {
	left, _ := filepath.Glob(filepath.Join(s.opt.TempDir, "ingest-*"))
	return left
}

// stride is the distance of the steps that are tried: a statement has several.
func stride() int64 {
	if os.Getenv("OMOFLOW_PROOF") != "" {
		return 1
	}
	return 4
}

// Work that is interrupted, at any step and again and again, says so, commits nothing half and leaves no scratch; done again it gives
// what undisturbed work gives.
func TestInterruptedAtAnyStep(t *testing.T) {
	for _, d := range disturbances() {
		t.Run(d.name, func(t *testing.T) {
			sound := d.begin(t)
			const endless = int64(1) << 40
			ctx := interruptAt(endless)
			if err := d.work(ctx, sound); err != nil {
				t.Fatal(err)
			}
			length, want := endless-ctx.left.Load(), d.content(sound)
			s := d.begin(t)
			before := len(s.batches())
			told := int64(0)
			for at := int64(1); at < 2*length; at += stride() {
				err := d.work(interruptAt(at), s)
				if left := s.scratchLeft(); len(left) > 0 {
					t.Errorf("step %d of %d: scratch remains: %v", at, length, left)
				}
				if len(s.batches()) > before {
					break // it got so far that the batch counts
				}
				if told++; fault.KindOf(err) != fault.Interrupted && !errors.Is(err, context.Canceled) {
					t.Errorf("step %d of %d: %s %v", at, length, fault.KindOf(err), err)
				}
			}
			if told < 5 {
				t.Errorf("only %d of %d steps were interrupted", told, length)
			}
			if err := d.work(context.Background(), s); err != nil {
				t.Fatal(err)
			}
			if got := d.content(s); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("got %q\nwant %q", got, want)
			}
			t.Logf("%d of %d steps", told, length)
		})
	}
}

func (s *shop) batches() []lake.BatchEntry {
	s.t.Helper()
	all, err := s.opt.Lake.Batches(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// A store that refuses one request, whichever, stops the work with that reason, and nothing of it counts; done again it gives what
// undisturbed work gives.
func TestARefusedRequestStopsTheWork(t *testing.T) {
	all := append(disturbances(), disturbed{"files of several kinds", func(t *testing.T) *shop {
		s := tills(t)
		s.put("till-S1-a.csv", header+"R1,2026-01-05,A,1,1,\n")
		s.put("till-S1-b.csv", header+"R1,2026-01-05,A,1,1,\n")
		s.put("till-S1-c.csv", "id,name\n1,other table\n")
		return s
	}, runFeed, func(s *shop) []string { return s.rows("order", "order_id, gross_amount") }})
	for _, d := range all {
		t.Run(d.name, func(t *testing.T) {
			sound := d.begin(t)
			if err := d.work(context.Background(), sound); err != nil {
				t.Fatal(err)
			}
			want, told := d.content(sound), 0
			for _, op := range []faultstore.Op{faultstore.Get, faultstore.Head, faultstore.List, faultstore.Put} {
				s := d.begin(t)
				lk, before := s.opt.Lake, len(s.batches())
				for nth := 1; ; nth++ {
					store := faultstore.New(lk.Bucket)
					var err error
					if s.opt.Lake, err = lake.Open(t.Context(), store); err != nil {
						t.Fatal(err)
					}
					store.Script(faultstore.Fault{Kind: faultstore.Denied, Op: op, Nth: nth})
					err = d.work(t.Context(), s)
					s.opt.Lake = lk
					if len(store.Injected()) == 0 || len(s.batches()) > before {
						break
					}
					if told++; fault.KindOf(err) != fault.Denied {
						t.Errorf("%s %d refused: %s %v", op, nth, fault.KindOf(err), err)
					}
				}
				if err := d.work(context.Background(), s); err != nil {
					t.Fatal(err)
				}
				if got := d.content(s); strings.Join(got, "\n") != strings.Join(want, "\n") {
					t.Errorf("after %s was refused: got %q\nwant %q", op, got, want)
				}
			}
			if told < 2 {
				t.Errorf("only %d requests were refused", told)
			}
		})
	}
}
