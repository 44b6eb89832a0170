package window

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// Whatever the ends and the cut are, windows reach from one end to the other, share a second, and are never too wide.
func TestWindowsTouch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		from, width := noon.Add(time.Duration(r.IntN(100))*time.Second), time.Duration(r.IntN(200))*time.Second
		to, cut := from.Add(time.Duration(r.IntN(1000))*time.Second), noon.Add(time.Duration(r.IntN(1200)-50)*time.Second)
		var ends []time.Time
		for at := from; ; {
			end := until(at, to, cut, width)
			if end.Sub(at) > max(width, 2*time.Second) || end.After(to) || end.Before(at) || at.Before(cut.Add(-time.Second)) && end.After(cut) {
				t.Fatalf("%s to %s, cut %s, width %s: a window from %s to %s", from, to, cut, width, at, end)
			}
			ends = append(ends, end)
			if !end.Before(to) {
				break
			}
			if next := end.Add(-time.Second); !next.After(at) {
				t.Fatalf("%s to %s, cut %s, width %s: stands still at %s", from, to, cut, width, at)
			} else {
				at = next
			}
		}
		if !ends[len(ends)-1].Equal(to) {
			t.Fatalf("ends at %s instead of %s", ends[len(ends)-1], to)
		}
	}
}

// rowsOf is a reader over rows that a test holds, in the order it holds them.
func rowsOf(rows *[]string, size int, asked func(page int)) *Reader {
	return &Reader{What: "list", Width: time.Hour, Size: size,
		Ask: func(_ context.Context, _, _ time.Time, page int) (Page, error) {
			if asked != nil {
				asked(page)
			}
			p := Page{Total: int64(len(*rows))}
			for _, one := range (*rows)[min((page-1)*size, len(*rows)):min(page*size, len(*rows))] {
				p.Rows = append(p.Rows, json.RawMessage(one))
			}
			return p, nil
		},
		Row: func(row json.RawMessage) (string, time.Time, error) {
			var one struct {
				ID string
				At int
			}
			err := json.Unmarshal(row, &one)
			return one.ID, noon.Add(time.Duration(one.At) * time.Second), err
		},
	}
}

func row(id string, at int) string { return fmt.Sprintf(`{"ID":%q,"At":%d}`, id, at) }

func collect(t *testing.T, r *Reader) (ids []string, through []time.Time) {
	t.Helper()
	if _, err := r.Read(context.Background(), noon, noon.Add(time.Hour), func(_ context.Context, p Page, at time.Time) error {
		for _, one := range p.Rows {
			id, _, _ := r.Row(one) // read before
			ids = append(ids, id)
		}
		through = append(through, at)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return ids, through
}

func TestPlacesToGoOnFromStandBehindWholeSeconds(t *testing.T) {
	rows := []string{row("f", 5), row("e", 3), row("d", 3), row("c", 3), row("b", 2), row("a", 1)}
	ids, through := collect(t, rowsOf(&rows, 2, nil))
	if strings.Join(ids, "") != "badcfe" {
		t.Error(ids)
	}
	if want := []time.Time{noon.Add(time.Second), noon.Add(2 * time.Second), noon.Add(5 * time.Second)}; !slices.Equal(through, want) {
		t.Errorf("%v instead of %v", through, want)
	}
}

// A platform that lists oldest first loses nothing either, but no page says how far the reading is.
func TestOtherOrdersAreReadWithoutPlaces(t *testing.T) {
	rows := []string{row("a", 1), row("b", 2), row("c", 3), row("d", 4), row("e", 5)}
	ids, through := collect(t, rowsOf(&rows, 2, nil))
	if len(ids) != 5 || !through[1].IsZero() || !through[2].Equal(noon.Add(5*time.Second)) {
		t.Errorf("%v, %v", ids, through)
	}
}

// A record that comes late hides another: the window is read again until its pages show what it counts.
func TestWindowThatGrowsIsReadAgain(t *testing.T) {
	rows := []string{row("d", 4), row("c", 3), row("b", 2), row("a", 1)}
	calls := 0
	r := rowsOf(&rows, 2, func(int) {
		if calls++; calls == 3 { // between the last page and the first
			rows = append([]string{row("late", 5)}, rows...)
		}
	})
	if ids, _ := collect(t, r); !slices.Contains(ids, "late") || !slices.Contains(ids, "c") {
		t.Error(ids)
	}
}

func TestRowsFromElsewhereAreRefused(t *testing.T) {
	rows := []string{row("a", -100)}
	_, err := rowsOf(&rows, 2, nil).Read(context.Background(), noon, noon.Add(time.Hour), func(context.Context, Page, time.Time) error { return nil })
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "asked for records from") {
		t.Error(err)
	}
}

func TestQuietTimesTakeFewerQuestions(t *testing.T) {
	r := &Reader{Width: 30 * time.Minute, Widest: 24 * time.Hour, Size: 50}
	width, calls := r.Width, 0
	for at := time.Duration(0); at < 89*24*time.Hour; at += width {
		width = r.wider(width, 0)
		calls++
	}
	if calls > 100 || r.wider(width, 51) != r.Width || (&Reader{Width: time.Hour, Size: 50}).wider(time.Hour, 0) != time.Hour {
		t.Errorf("%d questions for 89 quiet days, width %s", calls, width)
	}
}
