package shopify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/shopify"
	"github.com/omoflow/omoflow/pipelines/source/shopify/simulator"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
)

// orders1 opens the stream of orders.
func (s *site) orders1(t *testing.T, values map[string]any) (source.Feed, source.API) {
	t.Helper()
	api, err := s.Open(shopify.Platform(), values, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api.Feeds()[0], api
}

// collect takes the ids of deliveries.
func collect(t *testing.T, into *[]string) func(source.Delivery) error {
	return func(d source.Delivery) error {
		path, err := d.Fetch(context.Background(), t.TempDir())
		if err != nil {
			return err
		}
		body, err := os.ReadFile(path)
		*into = append(*into, ids(body)...)
		return err
	}
}

func TestTrap04FiveThousandOrdersOfOneSecond(t *testing.T) {
	s := newSite(t)
	for id := range int64(5000) {
		(&simulator.Order{ID: id + 1, Created: s.Now, Processed: s.Now, Updated: s.Now, Status: "PAID"}).Put(s.sim)
	}
	s.Now = s.Now.Add(time.Minute)
	feed, _ := s.orders1(t, map[string]any{"page_size": 250})
	var got []string
	if _, err := feed.Source.Pull(context.Background(), nil, collect(t, &got)); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != 5000 || s.sim.Calls() > 25 {
		t.Errorf("%d of 5000 in %d calls", n, s.sim.Calls())
	}
}

func TestTrap11FilterIgnoredOrOnlyWarnedAbout(t *testing.T) {
	s := newSite(t)
	s.add(5, false)
	feed, api := s.orders1(t, nil)
	s.sim.IgnoreSearch = true
	var got []string
	_, err := feed.Source.Pull(context.Background(), json.RawMessage(`{"through":"2026-06-01T09:00:00Z"}`), collect(t, &got))
	if codeOf(err) != "filter_ignored" || len(got) > 0 {
		t.Errorf("%v, %v", err, got)
	}
	found := false
	for _, p := range api.Check(context.Background()) {
		found = found || codeOf(p.Err) == "filter_ignored"
	}
	if !found {
		t.Error("the check does not see that the filter is ignored")
	}
	s.sim.IgnoreSearch = false
	s.Each = nil
	s.sim.Rename = "updated_at"
	if _, err := feed.Source.Pull(context.Background(), nil, collect(t, &got)); codeOf(err) != "search_warning" || len(got) > 0 {
		t.Errorf("a warning is no error: %v, %v", err, got)
	}
}

func TestTrap13SixtyDaysAreToldAndNeverTakenForDeletes(t *testing.T) {
	s := newSite(t)
	old := simulator.Draw(s.r, 1, s.Now.AddDate(0, 0, -100))
	old.Put(s.sim)
	simulator.Draw(s.r, 2, s.Now.Add(-time.Hour)).Put(s.sim)
	s.sim.Scopes = []string{"read_orders"}
	feed, api := s.orders1(t, nil)
	_, err := feed.Backfill.Plan(context.Background(), s.Now.AddDate(-2, 0, 0), s.Now)
	if codeOf(err) != "history_short" || !strings.Contains(fault.HintOf(err), "2026-04-03") {
		t.Errorf("%v %s", err, fault.HintOf(err))
	}
	told := false
	for _, p := range api.Check(context.Background()) {
		told = told || codeOf(p.Err) == "history_short" && fault.KindOf(p.Err) == fault.Findings
	}
	var got []string
	next, err := feed.Source.Pull(context.Background(), nil, collect(t, &got))
	if err != nil || !told || !strings.Contains(string(next), `"coverage":"2026-04-03"`) || fmt.Sprint(got) != "[2]" {
		t.Errorf("told %t, cursor %s, %v, %v", told, next, got, err)
	}
	held := func(context.Context) ([]source.Known, error) {
		return []source.Known{{ID: "1", Version: old.Updated.Format(time.RFC3339), Facts: map[string]string{"ordered_at": "2026-02-21 08:00:00"}}}, nil
	}
	got = nil
	if _, err := feed.Reconcile.Reconcile(context.Background(), next, held, collect(t, &got)); err != nil || slices.Contains(got, "1") {
		t.Errorf("an order that grew old was taken for deleted: %v, %v", got, err)
	}
}

func TestTrap14BulkChildrenFirstCountsAndFailures(t *testing.T) {
	s := newSite(t)
	o := simulator.Draw(s.r, 1, s.Now.Add(-time.Hour))
	o.Lines = nil
	for n := range int64(101) {
		o.Lines = append(o.Lines, simulator.Line{ID: 1000 + n, Quantity: 1, Current: 1, SKU: "A", Cents: 100})
	}
	o.Put(s.sim)
	feed, _ := s.orders1(t, nil)
	window := source.Window{From: s.Now.AddDate(0, 0, -10), To: s.Now}
	read := func() (string, error) {
		text := ""
		err := feed.Backfill.PullWindow(context.Background(), window, nil, func(d source.Delivery) error {
			path, err := d.Fetch(context.Background(), t.TempDir())
			if err != nil {
				return err
			}
			body, err := os.ReadFile(path)
			text += string(body)
			return err
		})
		return text, err
	}
	lines := func(text string) int { return strings.Count(text, "gid://shopify/LineItem/") }
	if text, err := read(); err != nil || lines(text) != 101 {
		t.Errorf("children first: %d lines, %v", lines(text), err)
	}
	cut := func(b *simulator.Bulk) { b.Lines = b.Lines[1:]; b.Objects-- }
	s.sim.OnBulk = cut
	if text, err := read(); err != nil || lines(text) != 101 {
		t.Errorf("cut at 100 per parent, read again by pages: %d lines, %v", lines(text), err)
	}
	o.Lines = o.Lines[:100]
	o.Units = 101 // the pages are cut too
	o.Put(s.sim)
	if text, err := read(); codeOf(err) != "children_missing" || text != "" {
		t.Errorf("101 units in 100 lines: %v, %d bytes", err, len(text))
	}
	for name, c := range map[string]struct {
		change func(*simulator.Bulk)
		code   string
	}{
		"a line is missing":  {func(b *simulator.Bulk) { b.Lines = b.Lines[1:] }, "bulk_incomplete"},
		"parent is missing":  {func(b *simulator.Bulk) { b.Lines = b.Lines[:len(b.Lines)-1]; b.Objects--; b.Roots-- }, "bulk_incomplete"},
		"failed with a part": {func(b *simulator.Bulk) { b.Status, b.Partial = "FAILED", "https://storage.example/part" }, "bulk_failed"},
		"expired":            {func(b *simulator.Bulk) { b.Status = "EXPIRED" }, "bulk_failed"},
		"no file":            {func(b *simulator.Bulk) { b.Lines = nil }, "bulk_incomplete"},
	} {
		s.sim.OnBulk = c.change
		if text, err := read(); codeOf(err) != c.code || text != "" || fault.HintOf(err) == "" {
			t.Errorf("%s: %v, %d bytes", name, err, len(text))
		}
	}
	s.sim.Remove("orders", 1)
	s.sim.OnBulk = nil
	if text, err := read(); err != nil || text != "" {
		t.Errorf("an empty result has no address: %v %q", err, text)
	}
}

func TestTrap15EndedPageTokenStartsTheWindowAgain(t *testing.T) {
	s := newSite(t)
	s.add(20, false)
	feed, _ := s.orders1(t, nil)
	var got []string
	var mark json.RawMessage
	_, err := feed.Source.Pull(context.Background(), nil, func(d source.Delivery) error {
		if mark != nil {
			return context.Canceled
		}
		mark = d.Cursor
		return collect(t, &got)(d)
	})
	if err == nil || mark == nil {
		t.Fatal(err)
	}
	s.Now = s.Now.Add(25 * time.Hour)
	s.Each = func() { s.sim.Ended = len(s.sim.Queries) > 0 && s.sim.Calls() < 5 }
	if _, err := feed.Source.Pull(context.Background(), mark, collect(t, &got)); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != 20 {
		t.Errorf("%d of 20", n)
	}
}

func TestTrap16ThrottledWaitIsExact(t *testing.T) {
	s := newSite(t)
	s.add(2, false)
	feed, _ := s.orders1(t, nil)
	s.Fail(sourcetest.BodyThrottle, 1)
	var got []string
	if _, err := feed.Source.Pull(context.Background(), nil, collect(t, &got)); err != nil || len(s.Slept) != 1 || s.Slept[0] != 3*time.Second {
		t.Errorf("waited %v: %v", s.Slept, err)
	}
}

func TestTrap20VersionThatEnds(t *testing.T) {
	s := newSite(t)
	_, api := s.orders1(t, map[string]any{"streams": []any{"orders"}})
	codes := func() string {
		all := ""
		for _, p := range api.Check(context.Background()) {
			all += " " + codeOf(p.Err)
		}
		return all
	}
	if got := codes(); strings.Contains(got, "version") {
		t.Error(got)
	}
	s.Now = time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	if got := codes(); !strings.Contains(got, "version_ends") {
		t.Error(got)
	}
	s.Now, s.sim.Version = time.Date(2027, 4, 2, 0, 0, 0, 0, time.UTC), "2026-07"
	if got := codes(); !strings.Contains(got, "version_ended") {
		t.Error(got)
	}
}

func TestUserErrorsAreErrors(t *testing.T) {
	s := newSite(t)
	feed, _ := s.orders1(t, nil)
	s.sim.UserError = "INVALID_QUERY"
	err := feed.Backfill.PullWindow(context.Background(), source.Window{From: s.Now.AddDate(0, 0, -10), To: s.Now}, nil, func(source.Delivery) error { return nil })
	if codeOf(err) != "user_errors" {
		t.Error(err)
	}
}

// A comparison done while the shop's clock was ahead does not put off the next one.
func TestComparedInTheFuture(t *testing.T) {
	s := newSite(t)
	s.add(2, false)
	feed, _ := s.orders1(t, nil)
	asked := func(cursor string) int {
		before := s.sim.Calls()
		var got []string
		if _, err := feed.Reconcile.Reconcile(context.Background(), []byte(cursor), func(context.Context) ([]source.Known, error) { return nil, nil }, collect(t, &got)); err != nil {
			t.Fatal(err)
		}
		return s.sim.Calls() - before
	}
	for ahead, due := range map[time.Duration]bool{-time.Hour: false, time.Minute: false, 20 * time.Hour: true, -25 * time.Hour: true} {
		at := s.Now.Add(ahead).Format(time.RFC3339)
		if n := asked(`{"reconciled":"` + at + `"}`); (n > 1) != due {
			t.Errorf("compared %s from now: %d questions, due %v", ahead, n, due)
		}
	}
}
