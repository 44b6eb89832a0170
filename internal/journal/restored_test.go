package journal_test

import (
	"errors"
	"testing"

	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
)

// What a log holds twice is made again from its other copy, byte for byte: an entry from its checkpoint, a checkpoint from its
// entries, a head from the last entry.
func TestRestoreMakesLostCopiesAgain(t *testing.T) {
	ctx := t.Context()
	whole := filled(t, 502)
	if err := open(whole).Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	for _, lost := range []string{journal.EntryKey("test/log", 100), firstFold, journal.HeadKey("test/log")} {
		b := clone(t, whole)
		if err := b.Delete(ctx, lost); err != nil {
			t.Fatal(err)
		}
		if lost == firstFold { // a lost one is folded by the next checkpoint; a damaged one stands in its way
			replace(t, b, lost, []byte("x"))
		}
		var made []string
		err := open(b).Restore(ctx, func(key string, content []byte) error {
			made = append(made, key)
			replace(t, b, key, content)
			return nil
		})
		if err != nil || len(made) != 1 || made[0] != lost || string(stored(t, b, lost)) != string(stored(t, whole, lost)) {
			t.Errorf("%s: made %q: %v", lost, made, err)
		}
		if err := open(b).Restore(ctx, func(key string, _ []byte) error { return errors.New(key + " was made twice") }); err != nil {
			t.Error(err)
		}
	}
	full := errors.New("no space")
	b := clone(t, whole)
	if err := b.Delete(ctx, journal.EntryKey("test/log", 7)); err != nil {
		t.Fatal(err)
	}
	if err := open(b).Restore(ctx, func(string, []byte) error { return full }); !errors.Is(err, full) {
		t.Errorf("a store that is full: %v", err)
	}
	var empty objstore.Bucket = filled(t, 0)
	if err := open(empty).Restore(ctx, func(key string, _ []byte) error { return errors.New(key) }); err != nil {
		t.Errorf("an empty log: %v", err)
	}
}
