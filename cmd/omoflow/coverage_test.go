package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/pipelines/source/shopify/simulator"
)

// What a token without read_all_orders hides is told by status, and by every document of a release that consumed it.
func TestWhatAPlatformHidesIsTold(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	sim := simulator.New(func() time.Time { return now })
	sim.Scopes = []string{"read_orders"}
	for id, days := range []int{-100, -59, -1} {
		at := now.AddDate(0, 0, days)
		(&simulator.Order{ID: int64(id), Customer: 1, Created: at, Processed: at, Updated: at, Status: "PAID", Lines: []simulator.Line{{ID: int64(id), Quantity: 1, Current: 1, SKU: "A", Cents: 100}}}).Put(sim)
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	writeText(t, filepath.Join(dir, "token"), sim.Token)
	writeText(t, filepath.Join(dir, configName), fmt.Sprintf("version: 1\ncompany: {name: Shop, home_currency: CNY, zone: UTC}\nsources:\n  shop: {kind: shopify, url: %q, access_token: file:./token, allow_plain_http: true, allow_private: true, streams: [orders]}\n", server.URL))
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // read below
	a := &app{project: dir, quiet: true, stdout: out, stderr: out}
	if _, err := a.ingestAndRelease(t.Context(), nil, false, past{}); err != nil {
		t.Fatal(err)
	}
	const want = "shop.orders: can only be read from 2026-04-03 on"
	if err := a.status(t.Context(), 14, "", now); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(out.Name()); err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%v\n%s", err, text)
	}
	p, err := a.openProject(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	tail, _, err := p.lake.StreamLog("shop", "orders").Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seq, want := range map[int64]string{tail.Seq: "[{shop.orders 2026-04-03 []}]", 0: "[]"} {
		if all, err := p.coverage(t.Context(), release.Release{Streams: map[string]int64{tail.Log: seq}}); err != nil || fmt.Sprint(all) != want {
			t.Errorf("a release of entry %d: %v, %v, want %s", seq, all, err, want)
		}
	}
}

// A range of the past that was read on request moves the beginning back when it touches it.
func TestReadingThePastMovesTheBeginning(t *testing.T) {
	entry := func(seq int64, cursor string, past *lake.Backfill) lake.BatchEntry {
		return lake.BatchEntry{Batch: lake.Batch{Source: "s", Feed: "f", CursorAfter: json.RawMessage(cursor), Backfill: past}, Log: "l", Seq: seq}
	}
	window := func(from, to string, done bool) *lake.Backfill {
		a, _ := time.Parse(time.DateOnly, from)
		b, _ := time.Parse(time.DateOnly, to)
		return &lake.Backfill{From: a, To: b, Done: done}
	}
	const cursor = `{"since":"2026-03-01T08:00:00","gaps":[{"from":"2026-05-01T00:00:00","to":"2026-05-02T00:00:00"}]}`
	batches := []lake.BatchEntry{
		entry(1, cursor, nil), entry(2, cursor, window("2026-01-01", "2026-02-01", true)), entry(3, cursor, window("2026-02-01", "2026-03-02", false)), entry(4, cursor, window("2026-02-01", "2026-03-02", true)),
	}
	for end, want := range map[int64]string{0: "", 1: "2026-03-02", 3: "2026-03-02", 4: "2026-01-01"} {
		if got := coverages(batches, map[string]int64{"l": end})[[2]string{"s", "f"}]; got.From != want || len(got.Gaps) != int(min(end, 1)) {
			t.Errorf("up to entry %d: %+v, want %s", end, got, want)
		}
	}
}
