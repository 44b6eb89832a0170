package journal_test

import (
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore/faultstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

const secondFold = "journal/test/log/checkpoint-000000001000.jsonl"

// twin is a log of the same name and length with other entries, to be mixed into filled's.
func twin(t *testing.T, n int) *mem.Bucket {
	t.Helper()
	b := mem.New()
	log := open(b)
	for i := 1; i <= n; i++ {
		if _, err := log.Append(t.Context(), int64(i), "note", note{-i}); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// An entry of another chain has a sound sum and the right number; only the chain tells.
func TestAForeignEntryIsOffTheChain(t *testing.T) {
	ctx := t.Context()
	b, other := filled(t, 502), twin(t, 1002)
	key := journal.EntryKey("test/log", 100)
	replace(t, b, key, stored(t, other, key))
	if _, err := readAll(ctx, open(b), 1); fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error(), "does not follow") {
		t.Errorf("read: %v", err)
	}
	if err := open(b).Checkpoint(ctx); fault.KindOf(err) != fault.Damaged {
		t.Errorf("checkpoint: %v", err)
	}
	if problems, err := open(b).Check(ctx); err != nil || len(problems) != 2 {
		t.Errorf("check: %v %v", problems, err)
	}
	whole := filled(t, 1002)
	if err := open(whole).Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	if err := open(other).Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	replace(t, whole, secondFold, stored(t, other, secondFold))
	if n, err := readAll(ctx, open(whole), 1); err != nil || n != 1002 {
		t.Errorf("with another log's second checkpoint: %d entries, %v", n, err)
	}
	if n, err := readAll(ctx, open(whole), 501); err != nil || n != 502 {
		t.Errorf("from 501: %d entries, %v", n, err)
	}
	mixed := strings.SplitAfter(string(stored(t, whole, firstFold)), "\n")
	foreign := strings.SplitAfter(string(stored(t, other, firstFold)), "\n")
	mixed[41] = foreign[41]
	replace(t, whole, firstFold, []byte(strings.Join(mixed, "")))
	if n, err := readAll(ctx, open(whole), 1); err != nil || n != 1002 {
		t.Errorf("with a foreign line in a checkpoint: %d entries, %v", n, err)
	}
}

// A log ends before its first gap for nobody: not for a reader, not for the next append.
func TestATailNeedsEveryEntry(t *testing.T) {
	b := filled(t, 3)
	if err := b.Delete(t.Context(), journal.EntryKey("test/log", 2)); err != nil {
		t.Fatal(err)
	}
	if tail, ok, err := open(b).Tail(t.Context()); fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error(), journal.EntryKey("test/log", 2)) {
		t.Errorf("the log ends at %d, %v: %v", tail.Seq, ok, err)
	}
}

// What a reading stands on must be there: the entry before the first one asked for, with a checkpoint or without.
func TestReadingNeedsTheEntryBefore(t *testing.T) {
	ctx := t.Context()
	b := filled(t, 1002)
	for _, from := range []int64{40, 501} {
		bare := clone(t, b)
		if err := bare.Delete(ctx, journal.EntryKey("test/log", from-1)); err != nil {
			t.Fatal(err)
		}
		log := open(bare)
		hide := &watched{Bucket: b} // the tail is found in the whole log, then the entry goes
		log = open(hide)
		if _, _, err := log.Tail(ctx); err != nil {
			t.Fatal(err)
		}
		hide.Bucket = bare
		if _, err := readAll(ctx, log, from); fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error(), "missing") {
			t.Errorf("from %d: %v", from, err)
		}
	}
	folded := clone(t, b)
	if err := open(folded).Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	if err := folded.Delete(ctx, journal.EntryKey("test/log", 500)); err != nil {
		t.Fatal(err)
	}
	replace(t, folded, secondFold, []byte("x"))
	if _, err := readAll(ctx, open(folded), 501); fault.KindOf(err) != fault.Damaged {
		t.Errorf("with a damaged checkpoint and no entry 500: %v", err)
	}
	if problems, err := open(folded).Check(ctx); err != nil || len(problems) != 2 {
		t.Errorf("check: %v %v", problems, err)
	}
}

// A folder holds entries and checkpoints, nothing else.
func TestForeignObjectsAreDamage(t *testing.T) {
	ctx := t.Context()
	for _, name := range []string{"notes.txt", "12.json", "000000000004.txt", "checkpoint-000000000007.jsonl"} {
		b := filled(t, 3)
		replace(t, b, "journal/test/log/"+name, []byte("x"))
		problems, err := open(b).Check(ctx)
		if err != nil || len(problems) != 1 || !strings.Contains(problems[0].Error(), name) {
			t.Errorf("%s: check found %v %v", name, problems, err)
		}
		if _, _, err := open(b).Tail(ctx); !strings.HasPrefix(name, "checkpoint") && fault.KindOf(err) != fault.Damaged {
			t.Errorf("%s: tail: %v", name, err)
		}
	}
	store := faultstore.New(filled(t, 3), faultstore.Fault{Kind: faultstore.Repeated, Prefix: "journal/test/log/00", Nth: 1, Times: -1})
	store.Script(faultstore.Fault{Kind: faultstore.Repeated, Op: faultstore.List, Nth: 1, Times: -1})
	if _, _, err := open(store).Tail(ctx); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a listing that repeats itself: %v", err)
	}
}
