package history_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/history"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

var day = time.Date(2026, 3, 30, 6, 30, 0, 0, time.UTC)

func put(t *testing.T, h *history.History, began time.Time, outcome, said string) history.Run {
	t.Helper()
	r := history.Run{ID: history.NewID(began), Command: "run", By: "ann", Began: began, Outcome: outcome, Rows: &history.Rows{Read: 7, Accepted: 7}}
	if _, err := h.Put(t.Context(), r, []byte(said)); err != nil {
		t.Fatal(err)
	}
	return r
}

func every(history.Run) bool { return true }

// Runs are listed newest first over months; a run that was begun and ended is one run, as it stands at last.
func TestRunsAreListedAsTheyStand(t *testing.T) {
	h := history.Open(mem.New(), "w", time.Now)
	killed := put(t, h, day, history.Running, "")
	first := put(t, h, day.Add(time.Hour), history.Running, "")
	late := put(t, h, day.Add(48*time.Hour), history.Failed, "it said why")
	first.Outcome = history.Done
	if _, err := h.Put(t.Context(), first, nil); err != nil {
		t.Fatal(err)
	}
	runs, err := h.List(t.Context(), 10, every)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range runs {
		got = append(got, r.ID+" "+r.Outcome)
	}
	want := []string{late.ID + " failed", first.ID + " done", killed.ID + " running"}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	if two, err := h.List(t.Context(), 2, every); err != nil || len(two) != 2 {
		t.Errorf("%d of at most 2, %v", len(two), err)
	}
	for id, want := range map[string]string{"last": late.ID, late.ID: late.ID, first.ID[:20]: first.ID, killed.ID[17:]: killed.ID} {
		if r, err := h.Find(t.Context(), id); err != nil || r.ID != want {
			t.Errorf("%s: %s %v", id, r.ID, err)
		}
	}
	for _, id := range []string{"2026", "nothing"} {
		if _, err := h.Find(t.Context(), id); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v", id, err)
		}
	}
	r, err := h.Find(t.Context(), "last")
	if err != nil {
		t.Fatal(err)
	}
	if said, err := h.Log(t.Context(), r); err != nil || string(said) != "it said why" {
		t.Errorf("it said %q, %v", said, err)
	}
}

// Writers do not lose each other's runs.
func TestManyWriters(t *testing.T) {
	b := mem.New()
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			h := history.Open(b, fmt.Sprint(i), time.Now)
			for range 10 {
				put(t, h, day, history.Done, "")
			}
		})
	}
	wait.Wait()
	if runs, err := history.Open(b, "", time.Now).List(t.Context(), 100, every); err != nil || len(runs) != 40 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}

// Whole months go when their last day is old enough, with what was said; nothing is left of them, and nothing else is touched.
func TestPrune(t *testing.T) {
	b := mem.New()
	h := history.Open(b, "w", time.Now)
	put(t, h, day, history.Done, "old")
	put(t, h, day.AddDate(0, 0, 3), history.Done, "new")
	if removed, err := h.Prune(t.Context(), time.Date(2026, 3, 31, 23, 0, 0, 0, time.UTC)); err != nil || len(removed) > 0 {
		t.Errorf("removed %v, %v", removed, err)
	}
	if removed, err := h.Prune(t.Context(), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)); err != nil || !slices.Equal(removed, []string{"2026-03"}) {
		t.Errorf("removed %v, %v", removed, err)
	}
	err := b.List(t.Context(), "", "", func(info objstore.Info) error {
		if strings.Contains(info.Key, "2026-03") {
			t.Errorf("%s is left", info.Key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if runs, err := h.List(t.Context(), 10, every); err != nil || len(runs) != 1 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
	heads, problems, err := journal.Heads(t.Context(), b)
	if err != nil || len(problems) > 0 || len(heads) != 1 {
		t.Errorf("heads %v %v %v", heads, problems, err)
	}
}
