package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/file"
)

// past is an API that can be read by date as well: each window has two pages.
type past struct {
	pages
	windows []string // texts, two pages each
	asked   []string
	fail    func(window, page int) error
	plan    error
}

func (p *past) Plan(_ context.Context, from, _ time.Time) ([]source.Window, error) {
	var all []source.Window
	for i := range len(p.windows) / 2 {
		all = append(all, source.Window{From: from.AddDate(0, i, 0), To: from.AddDate(0, i+1, 0), Records: -1, Calls: 2})
	}
	return all, p.plan
}

func (p *past) PullWindow(_ context.Context, w source.Window, cursor json.RawMessage, emit func(source.Delivery) error) error {
	i, at := int(w.From.Month())-1, 0
	if cursor != nil {
		if err := json.Unmarshal(cursor, &at); err != nil {
			return err
		}
	}
	p.asked = append(p.asked, fmt.Sprintf("%d.%d", i, at))
	for ; at < 2; at++ {
		if p.fail != nil {
			if err := p.fail(i, at); err != nil {
				return err
			}
		}
		if err := emit(p.page(fmt.Sprintf("%d-%d.page", i, at), p.windows[2*i+at], at+1)); err != nil {
			return err
		}
	}
	return nil
}

// A range of the past is read window by window; one that failed goes on at the page where it stopped, one that is done is not read
// again, and what is new goes on being read from where it was.
func TestThePastIsReadOnceHoweverOftenItIsInterrupted(t *testing.T) {
	s := newShop(t, wholeProfile)
	of := func(id, day string) string {
		return pageOf(change{ID: id, At: "2026-" + day + "T10:00:00", Rev: "1", Total: id, Status: "paid"})
	}
	p := &past{windows: []string{of("1", "01-05"), of("2", "01-06"), of("3", "02-05"), of("4", "02-06")}}
	p.texts = []string{of("5", "03-05")}
	s.feed.API = &source.Feed{Stream: "orders", Source: p, Backfill: p}
	s.feed.RefuseOver = 1_000_000
	january := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s.opt.Backfill = &ingest.Range{From: january, To: january.AddDate(0, 2, 0)}
	var said []string
	s.opt.Progress = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }

	p.plan = errors.New("no plan")
	if err := runFeed(t.Context(), s); !errors.Is(err, p.plan) || len(s.batches()) > 0 {
		t.Errorf("without a plan: %v, %d batches", err, len(s.batches()))
	}
	p.plan = nil
	p.fail = func(window, page int) error {
		if window == 1 && page == 1 {
			return fault.New(fault.Unavailable, "down", "", "", "the shop is down")
		}
		return nil
	}
	if err := runFeed(t.Context(), s); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "window 2026-02-01 to 2026-03-01") {
		t.Errorf("a failing window: %v", err)
	}
	s.same("order", "1||1.0000", "2||2.0000", "3||3.0000")
	p.fail = nil
	s.run()
	s.same("order", "1||1.0000", "2||2.0000", "3||3.0000", "4||4.0000")
	if got := strings.Join(p.asked, " "); got != "0.0 1.0 1.1" {
		t.Errorf("windows and pages asked for: %s", got)
	}
	if !strings.Contains(strings.Join(said, "\n"), "2 of 2 windows") {
		t.Errorf("progress: %q", said)
	}
	s.opt.Backfill = nil
	s.run()
	s.same("order", "1||1.0000", "2||2.0000", "3||3.0000", "4||4.0000", "5||5.0000")
	if again := s.run(); len(again.Batches) > 0 {
		t.Errorf("nothing was new: %+v", again.Counts)
	}

	s.feed.API.Backfill, s.opt.Backfill, said = nil, &ingest.Range{From: january, To: january.AddDate(0, 2, 0)}, nil
	if result := s.run(); len(result.Batches) > 0 || !strings.Contains(strings.Join(said, ""), "no past") {
		t.Errorf("an API without a past: %+v %q", result, said)
	}
}

// A backfill that is interrupted, at any step, says so; done again it gives what an undisturbed one gives.
func TestAnInterruptedBackfillGoesOn(t *testing.T) {
	s := newShop(t, wholeProfile)
	text := func(id string) string {
		return pageOf(change{ID: id, At: "2026-01-05T10:00:00", Rev: "1", Total: id, Status: "paid"})
	}
	p := &past{windows: []string{text("1"), text("2")}}
	s.feed.API, s.feed.RefuseOver = &source.Feed{Stream: "orders", Source: p, Backfill: p}, 1_000_000
	january := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s.opt.Backfill = &ingest.Range{From: january, To: january.AddDate(0, 1, 0)}
	for at := int64(1); at < 40*stride(); at += 2 * stride() {
		if err := runFeed(interruptAt(at), s); err != nil && fault.KindOf(err) != fault.Interrupted && !errors.Is(err, context.Canceled) {
			t.Errorf("step %d: %v", at, err)
		}
	}
	s.run()
	s.same("order", "1||1.0000", "2||2.0000")
}

// A feed under whose name files were taken in cannot go on as an API: where it would begin is not known.
func TestAnAPINeedsACursorOfItsOwn(t *testing.T) {
	s := newShop(t, receiptProfileOf("receipt"))
	s.put("a.csv", "Receipt,Date,Qty,Price\n1,2026-01-05 10:00:00,1,5\n")
	s.run()
	s.api(&pages{})
	err := runFeed(t.Context(), s)
	var told *fault.Error
	if !errors.As(err, &told) || told.Code != "cursor_missing" {
		t.Errorf("%v", err)
	}
}

func receiptProfileOf(key string) string { return strings.Replace(receiptProfile, "KEY", key, 1) }

// Pages make batches that stay within the bounds, and each ends where the API can be read on from.
func TestPagesMakeBoundedBatches(t *testing.T) {
	s := newShop(t, wholeProfile)
	p := &pages{}
	for i := range 5 {
		p.texts = append(p.texts, pageOf(change{ID: fmt.Sprint(i), At: "2026-01-05T10:00:00", Rev: "1", Total: "1", Status: "paid"}))
	}
	s.api(p)
	s.opt.BatchFiles = 2
	result := s.run()
	var cursors []string
	for _, b := range result.Batches {
		cursors = append(cursors, string(b.CursorBefore)+">"+string(b.CursorAfter))
	}
	if got := strings.Join(cursors, " "); got != ">2 2>4 4>5" {
		t.Errorf("cursors %s", got)
	}
	if len(p.asked) != 1 || len(p.asked[0]) != 5 || p.asked[0][3].ID != "3" || p.asked[0][3].Facts["total_amount"] != "1.0000" {
		t.Errorf("the reconciliation was told %+v", p.asked)
	}
}

// Feeds fail each for itself: the others are done, and the reasons are told together.
func TestFeedsFailEachForItself(t *testing.T) {
	s := tills(t)
	s.put("till-S1-a.csv", header+"R1,2026-01-05,A,1,1,\n")
	pattern, other := s.feed, s.feed
	pattern.Name, pattern.Match = "pattern", "{"
	other.Name = "other"
	down := fault.New(fault.Exhausted, "disk", "", "free space", "the disk is full")
	exhausted := other
	exhausted.Name, exhausted.Place = "exhausted", refusing{down}
	gone := other
	gone.Name, gone.Place = "gone", refusing{fault.New(fault.Unavailable, "down", "", "", "the place is down")}
	for _, c := range []struct {
		feeds []ingest.Feed
		kind  fault.Kind
		done  int
		say   string
	}{
		{[]ingest.Feed{pattern}, fault.Usage, 0, "tills.pattern"},
		{[]ingest.Feed{gone, other}, fault.Partial, 1, "1 of 2 feeds failed"},
		{[]ingest.Feed{exhausted, s.feed}, fault.Exhausted, 1, "1 of 2 feeds failed"},
		{[]ingest.Feed{pattern, gone}, fault.Usage, 0, "tills.gone"},
	} {
		result, err := ingest.Run(t.Context(), s.opt, c.feeds)
		if fault.KindOf(err) != c.kind || len(result.Batches) != c.done || !strings.Contains(fmt.Sprint(err), c.say) {
			t.Errorf("%s: %s %v, %d batches", c.say, fault.KindOf(err), err, len(result.Batches))
		}
	}
	if _, err := ingest.Replay(t.Context(), s.opt, []ingest.Feed{pattern}, ingest.Filter{}); fault.KindOf(err) != fault.Usage {
		t.Errorf("replay: %v", err)
	}
	s.opt.TempDir += "/none"
	if err := runFeed(t.Context(), s); err != nil {
		t.Errorf("nothing is new, nothing needs scratch: %v", err)
	}
	s.put("till-S1-b.csv", header+"R2,2026-01-05,A,1,1,\n")
	if err := runFeed(t.Context(), s); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("no scratch: %v", err)
	}
}

// refusing is a place that cannot be listed.
type refusing struct{ err error }

func (r refusing) List(context.Context, func(file.Entry) error) error    { return r.err }
func (r refusing) Fetch(context.Context, string, string) (string, error) { return "", r.err }
func (r refusing) String() string                                        { return "nowhere" }
