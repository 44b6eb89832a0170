package taobao_test

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/router/routertest"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
	"github.com/omoflow/omoflow/pipelines/source/taobao"
)

// feed opens the source and gives one of its feeds.
func (s *site) feed(t *testing.T, stream string, values map[string]any, slept func(time.Duration), skew time.Duration) source.Feed {
	t.Helper()
	api, err := s.Open(taobao.Platform(), values, slept, skew)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	for _, f := range api.Feeds() {
		if f.Stream == stream {
			return f
		}
	}
	t.Fatalf("no stream %s", stream)
	return source.Feed{}
}

// pull gives the keys that a pull delivers, the bytes, and the cursor behind it.
func (s *site) pull(t *testing.T, f source.Feed, cursor json.RawMessage) (keys []string, text string, next json.RawMessage) {
	t.Helper()
	dir := t.TempDir()
	next, err := f.Source.Pull(context.Background(), cursor, func(d source.Delivery) error {
		path, err := d.Fetch(context.Background(), dir)
		if err != nil {
			return err
		}
		body, err := os.ReadFile(path)
		keys, text = append(keys, ids(body)...), text+string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys, text, next
}

func TestTrap06PagesAreReadLastToFirst(t *testing.T) {
	s := newSite(t, 1)
	s.add(11, false)
	f := s.feed(t, "orders", map[string]any{"details": false, "window": "24h", "overlap": "10s"}, nil, 0)
	inserted := false
	s.Each = func() {
		if asked := s.sim.Calls(); !inserted && slices.Contains(asked, "taobao.trades.sold.increment.get 3") {
			inserted = true
			s.edit() // the oldest row leaves the window between page 3 and page 2
		}
	}
	keys, _, next := s.pull(t, f, nil)
	s.Each = nil
	var pages []string
	for _, call := range s.sim.Calls() {
		if page, ok := strings.CutPrefix(call, "taobao.trades.sold.increment.get "); ok {
			pages = append(pages, page)
		}
	}
	if got := strings.Join(pages[:4], " "); got != "1 3 2 1" { // counted, then read backwards
		t.Errorf("pages were asked for in the order %s", got)
	}
	more, _, _ := s.pull(t, f, next)
	for id := int64(1001); id <= 1011; id++ {
		if !slices.Contains(append(keys, more...), text(id)) {
			t.Errorf("trade %d is lost", id)
		}
	}
}

func text(id int64) string { raw, _ := json.Marshal(id); return string(raw) } // a number

func TestTrap07WindowsTouchAfterAnOutageOfThreeDays(t *testing.T) {
	s := newSite(t, 1)
	s.add(2, false)
	f := s.feed(t, "orders", map[string]any{"history": "240h", "details": false, "widest": "30m"}, nil, 0)
	_, _, cursor := s.pull(t, f, nil)
	for range 36 {
		s.Now = s.Now.Add(2 * time.Hour)
		s.trade(s.Now)
	}
	s.Now = s.Now.Add(time.Minute)
	var windows [][2]string
	before := s.sim.Before
	s.sim.Before = watch(before, func(form url.Values) {
		if form.Get("start_modified") != "" {
			windows = append(windows, [2]string{form.Get("start_modified"), form.Get("end_modified")})
		}
	})
	keys, _, _ := s.pull(t, f, cursor)
	if len(keys) < 36 {
		t.Errorf("%d of 36 trades", len(keys))
	}
	for i, w := range windows {
		from, _ := time.Parse(time.DateTime, w[0]) // our own form
		to, _ := time.Parse(time.DateTime, w[1])
		if to.Sub(from) > 30*time.Minute || i > 0 && w[0] > windows[i-1][1] {
			t.Errorf("window %v behind %v", w, windows[max(i-1, 0)])
		}
	}
	if len(windows) < 3*48 {
		t.Errorf("%d windows for three days", len(windows))
	}
}

func TestTrap08OurClockMovesNoWindow(t *testing.T) {
	s := newSite(t, 1)
	s.add(3, false)
	ends := map[string]bool{}
	s.sim.Before = watch(s.sim.Before, func(form url.Values) {
		if end := form.Get("end_modified"); end != "" && form.Get("start_modified") > "2026-06-01 15:45" {
			ends[end] = true
		}
	})
	for _, skew := range []time.Duration{0, 5 * time.Minute, -5 * time.Minute, 100 * time.Hour} {
		s.pull(t, s.feed(t, "orders", nil, nil, skew), nil)
	}
	if len(ends) != 1 {
		t.Errorf("the last window ends at %v", ends)
	}
}

func TestTrap12EveryTypeIsAskedFor(t *testing.T) {
	s := newSite(t, 1)
	kinds := []string{"fixed", "auction", "fenxiao", "eticket", "o2o_offlinetrade", "nopaid", "tmall_i18n", "lazada", "cod", "step", "pre_auth_type"}
	for _, kind := range append(kinds, "brand_new_type") {
		o := s.trade(s.Now)
		o.Type = kind
		o.Put(s.sim)
	}
	s.Now = s.Now.Add(time.Minute)
	if keys, _, _ := s.pull(t, s.feed(t, "orders", nil, nil, 0), nil); len(keys) != len(kinds) {
		t.Errorf("%d of %d documented types", len(keys), len(kinds))
	}
	if keys, _, _ := s.pull(t, s.feed(t, "orders", map[string]any{"types": []any{"brand_new_type"}}, nil, 0), nil); len(keys) != len(kinds)+1 {
		t.Errorf("%d trades with a type from the configuration", len(keys))
	}
}

func TestTrap13ShortHistoryIsSaid(t *testing.T) {
	s := newSite(t, 1)
	s.add(3, false)
	f := s.feed(t, "orders", map[string]any{"history": "2136h", "window": "24h"}, nil, 0)
	_, err := f.Backfill.Plan(context.Background(), s.Now.AddDate(-2, 0, 0), s.Now)
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "last 89 days only") || !strings.Contains(fault.HintOf(err), "--from 2026-03-05") {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
	_, _, cursor := s.pull(t, f, nil)
	if !strings.Contains(string(cursor), `"since":"2026-03-04T`) {
		t.Errorf("the cursor does not say where the record begins: %s", cursor)
	}
	s.Now = s.Now.AddDate(0, 0, 100) // a standstill longer than the platform remembers
	if _, _, cursor = s.pull(t, f, cursor); !strings.Contains(string(cursor), `"gaps":[{"from":"2026-06-01T08:00:21","to":"2026-06-12T`) {
		t.Errorf("the gap is not kept: %s", cursor)
	}
	windows, err := f.Backfill.Plan(context.Background(), s.Now.AddDate(0, 0, -3), s.Now)
	if err != nil || len(windows) != 3 {
		t.Errorf("%v, %v", windows, err)
	}
}

func TestTrap16ThrottlesInsideOf200AreKeptExactly(t *testing.T) {
	s := newSite(t, 1)
	s.add(3, false)
	var waits []time.Duration
	f := s.feed(t, "orders", nil, func(d time.Duration) { waits = append(waits, d) }, 0)
	s.Fail(sourcetest.BodyThrottle, 2)
	if keys, _, _ := s.pull(t, f, nil); len(keys) != 3 || !slices.Equal(waits, []time.Duration{3 * time.Second, 3 * time.Second}) {
		t.Errorf("%v, waited %v", keys, waits)
	}
}

func TestTrap19DetailsHoldWhatListsLeaveOut(t *testing.T) {
	s := newSite(t, 1)
	s.add(3, false)
	if _, body, _ := s.pull(t, s.feed(t, "orders", nil, nil, 0), nil); strings.Count(body, "trade_fullinfo_get_response") != 3 || !strings.Contains(body, "divide_order_fee") {
		t.Error(body)
	}
}

func TestRenewedSessionIsFoundWithoutARestart(t *testing.T) {
	s := newSite(t, 1)
	s.add(3, false)
	f := s.feed(t, "orders", nil, nil, 0)
	_, _, cursor := s.pull(t, f, nil)
	s.sim.Session = "session_renewed_0001"
	if _, err := f.Source.Pull(context.Background(), cursor, func(source.Delivery) error { return nil }); fault.KindOf(err) != fault.Denied || strings.Contains(err.Error(), routertest.Session) {
		t.Errorf("an ended session: %v", err)
	}
	s.Env["SESSION"] = "session_renewed_0001"
	s.Now = s.Now.Add(time.Hour)
	s.add(1, false)
	if keys, _, _ := s.pull(t, f, cursor); !slices.Contains(keys, "1004") {
		t.Errorf("behind the renewal: %v", keys)
	}
}

func TestPastIsReadByCreationAndResumes(t *testing.T) {
	s := newSite(t, 1)
	s.add(11, false)
	s.oldest().Modified = s.Now.Add(-time.Hour) // its change lies elsewhere
	f := s.feed(t, "orders", map[string]any{"details": false, "window": "24h", "history": "48h"}, nil, 0)
	windows, err := f.Backfill.Plan(context.Background(), s.Now.Add(-24*time.Hour), s.Now)
	if err != nil || len(windows) != 1 || windows[0].Records != 11 || windows[0].Calls != 4 {
		t.Fatalf("%+v, %v", windows, err)
	}
	for stop := range 3 {
		var keys []string
		var cursor json.RawMessage
		n := 0
		take := func(limit int) error {
			return f.Backfill.PullWindow(context.Background(), windows[0], cursor, func(d source.Delivery) error {
				if n == limit {
					return context.Canceled
				}
				n++
				path, err := d.Fetch(context.Background(), t.TempDir())
				if err != nil {
					return err
				}
				body, err := os.ReadFile(path)
				keys, cursor = append(keys, ids(body)...), d.Cursor
				return err
			})
		}
		if err := take(stop); err == nil {
			t.Error("was not stopped")
		}
		if err := take(-1); err != nil {
			t.Fatal(err)
		}
		slices.Sort(keys)
		if got := slices.Compact(keys); len(got) != 11 {
			t.Errorf("stopped behind %d pages: %v", stop, got)
		}
	}
}
