package journal_test

import (
	"context"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
)

const firstFold = "journal/test/log/checkpoint-000000000500.jsonl"

func TestCheckpointsMakeReadingCheap(t *testing.T) {
	b := filled(t, 1503)
	if err := open(b).Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	counted := &flaky{Bucket: b}
	got := seqs(t, open(counted), 1)
	if len(got) != 1503 || got[0] != 1 || got[1502] != 1503 {
		t.Errorf("read %d entries", len(got))
	}
	// Three checkpoints, the three entries after them and the tail.
	if counted.gets > 8 || counted.lists > 4 {
		t.Errorf("%d reads and %d listings", counted.gets, counted.lists)
	}
}

func TestReadingStartsAnywhere(t *testing.T) {
	b := filled(t, 1100)
	plain := open(b)
	for _, from := range []int64{-5, 0, 1, 2, 499, 500, 501, 502, 999, 1000, 1001, 1002, 1100, 1101, 9999} {
		want := max(0, 1100-max(from, 1)+1)
		if got := seqs(t, plain, from); int64(len(got)) != want {
			t.Errorf("without checkpoints from %d: %d entries, want %d", from, len(got), want)
		}
	}
	if err := plain.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, from := range []int64{-5, 0, 1, 2, 499, 500, 501, 502, 999, 1000, 1001, 1002, 1100, 1101, 9999} {
		want := max(0, 1100-max(from, 1)+1)
		if got := seqs(t, open(b), from); int64(len(got)) != want {
			t.Errorf("with checkpoints from %d: %d entries, want %d", from, len(got), want)
		}
	}
}

func TestCheckpointIsRepeatableAndTheSameFromAnyWriter(t *testing.T) {
	b := filled(t, 700)
	for range 3 {
		if err := open(b).Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first, err := objstore.ReadAll(t.Context(), b, firstFold, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), firstFold); err != nil {
		t.Fatal(err)
	}
	if err := open(b).Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := objstore.ReadAll(t.Context(), b, firstFold, 0)
	if err != nil || string(again) != string(first) || strings.Count(string(first), "\n") != 500 {
		t.Errorf("the checkpoint differs or has %d lines: %v", strings.Count(string(first), "\n"), err)
	}
}

func TestDamagedCheckpointIsReadAround(t *testing.T) {
	for name, spoil := range map[string]func(string) string{
		"empty":     func(string) string { return "" },
		"truncated": func(s string) string { return s[:len(s)/2] },
		"altered":   func(s string) string { return strings.Replace(s, `"n":77}`, `"n":78}`, 1) },
		"reordered": func(s string) string {
			lines := strings.SplitAfter(s, "\n")
			lines[10], lines[11] = lines[11], lines[10]
			return strings.Join(lines, "")
		},
		"newline lost": func(s string) string { return strings.Replace(s, "\n", "", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			b := filled(t, 600)
			if err := open(b).Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			raw, err := objstore.ReadAll(t.Context(), b, firstFold, 0)
			if err != nil {
				t.Fatal(err)
			}
			replace(t, b, firstFold, []byte(spoil(string(raw))))
			if got := seqs(t, open(b), 1); len(got) != 600 {
				t.Errorf("read %d entries", len(got))
			}
			if got := seqs(t, open(b), 250); len(got) != 351 {
				t.Errorf("read %d entries from 250", len(got))
			}
			problems, err := open(b).Check(t.Context())
			if err != nil || len(problems) != 1 || !strings.Contains(problems[0].Error(), firstFold) {
				t.Errorf("check found %v, %v", problems, err)
			}
		})
	}
}

func TestCheckpointRefusesADamagedLog(t *testing.T) {
	b := filled(t, 600)
	if err := b.Delete(t.Context(), journal.EntryKey("test/log", 100)); err != nil {
		t.Fatal(err)
	}
	if err := open(b).Checkpoint(t.Context()); fault.KindOf(err) != fault.Damaged {
		t.Errorf("got %v", err)
	}
}

func TestCheckFindsWhatACheckpointHides(t *testing.T) {
	ctx := context.Background()
	b := filled(t, 600)
	if err := open(b).Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	if problems, err := open(b).Check(ctx); err != nil || len(problems) != 0 {
		t.Fatalf("a sound log: %v %v", problems, err)
	}
	_ = b.Delete(ctx, journal.EntryKey("test/log", 100))
	replace(t, b, journal.EntryKey("test/log", 300), []byte("x"))
	if got := seqs(t, open(b), 1); len(got) != 600 {
		t.Errorf("read %d entries", len(got))
	}
	problems, err := open(b).Check(ctx)
	if err != nil || len(problems) != 2 {
		t.Errorf("check found %v, %v", problems, err)
	}
}
