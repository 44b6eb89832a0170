package journal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/faultstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// clone copies every object.
func clone(t *testing.T, from objstore.Bucket) *mem.Bucket {
	t.Helper()
	to := mem.New()
	err := from.List(t.Context(), "", "", func(info objstore.Info) error {
		raw, err := objstore.ReadAll(t.Context(), from, info.Key, 0)
		if err == nil {
			_, err = to.PutIfAbsent(t.Context(), info.Key, objstore.Bytes(raw), objstore.PutOptions{})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// Every request of every operation is refused once, the n-th of each kind: the operation says so or does without, and does
// the same as ever once the store is well.
func TestEveryRefusedRequestIsToldOrNotNeeded(t *testing.T) {
	base := filled(t, 502)
	folded := clone(t, base)
	if err := open(folded).Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	// what an operation gives, as text; each opens the log anew
	operations := map[string]func(ctx context.Context, b objstore.Bucket) (string, error){
		"append": func(ctx context.Context, b objstore.Bucket) (string, error) {
			e, err := open(b).Append(ctx, 503, "note", note{503})
			return fmt.Sprint(e.Seq, e.Prev), err
		},
		"claim": func(ctx context.Context, b objstore.Bucket) (string, error) {
			e, err := open(b).Claim(ctx)
			return fmt.Sprint(e.Seq, e.Epoch), err
		},
		"tail": func(ctx context.Context, b objstore.Bucket) (string, error) {
			e, ok, err := open(b).Tail(ctx)
			return fmt.Sprint(e.Seq, e.Hash, ok), err
		},
		"read": func(ctx context.Context, b objstore.Bucket) (string, error) {
			last := ""
			err := open(b).Read(ctx, 1, func(e journal.Entry) error { last += e.Hash[:4]; return nil })
			return last, err
		},
		"read from 501": func(ctx context.Context, b objstore.Bucket) (string, error) {
			last := ""
			err := open(b).Read(ctx, 501, func(e journal.Entry) error { last += e.Hash; return nil })
			return last, err
		},
		"checkpoint": func(ctx context.Context, b objstore.Bucket) (string, error) { return "", open(b).Checkpoint(ctx) },
		"check": func(ctx context.Context, b objstore.Bucket) (string, error) {
			problems, err := open(b).Check(ctx)
			return fmt.Sprint(problems), err
		},
		"logs": func(ctx context.Context, b objstore.Bucket) (string, error) {
			logs, err := journal.Logs(ctx, b, "")
			return fmt.Sprint(logs), err
		},
		"heads": func(ctx context.Context, b objstore.Bucket) (string, error) {
			heads, problems, err := journal.Heads(ctx, b)
			return fmt.Sprint(heads, problems), err
		},
	}
	ops := []faultstore.Op{faultstore.Put, faultstore.Swap, faultstore.Get, faultstore.Head, faultstore.List}
	told, needless := 0, 0
	for name, operation := range operations {
		from := folded
		if name == "checkpoint" {
			from = base
		}
		clean := faultstore.New(clone(t, from))
		clean.Script()
		want, err := operation(t.Context(), clean)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, op := range ops {
			calls := 0
			for _, call := range clean.Calls() {
				if call.Op == op {
					calls++
				}
			}
			for _, nth := range slices.Compact([]int{1, 2, 3, calls / 2, calls - 1, calls}) {
				if nth < 1 || nth > calls {
					continue
				}
				inner := clone(t, from)
				bucket := faultstore.New(inner, faultstore.Fault{Kind: faultstore.Denied, Op: op, Nth: nth})
				got, err := operation(t.Context(), bucket)
				switch {
				case err == nil && got != want:
					t.Errorf("%s, %s %d refused: gave %q without a word, want %q", name, op, nth, got, want)
				case err == nil && (name == "append" || name == "claim"):
					if tail, _, err := open(inner).Tail(t.Context()); err != nil || tail.Seq != 503 {
						t.Errorf("%s, %s %d refused: said to be done, the log ends at %d: %v", name, op, nth, tail.Seq, err)
					}
					needless++
				case err == nil:
					needless++
				case fault.KindOf(err) != fault.Denied:
					t.Errorf("%s, %s %d refused: %s %v", name, op, nth, fault.KindOf(err), err)
				default:
					told++
				}
				if problems, err := open(inner).Check(t.Context()); err != nil || len(problems) > 0 {
					t.Errorf("%s, %s %d refused: the log is left with %v %v", name, op, nth, problems, err)
				}
				if err == nil {
					continue
				}
				if again, err := operation(t.Context(), inner); err != nil || again != want {
					t.Errorf("%s, after %s %d was refused: %q %v, want %q", name, op, nth, again, err, want)
				}
			}
		}
	}
	if told < 15 || needless < 1 {
		t.Errorf("only %d refusals were told, %d were not needed", told, needless)
	}
}

// watched is a bucket that lets a test act between two requests.
type watched struct {
	objstore.Bucket
	before func(op, key string) error
}

func (w *watched) act(op, key string) error {
	if w.before == nil {
		return nil
	}
	return w.before(op, key)
}

func (w *watched) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	if err := w.act("put", key); err != nil {
		return objstore.Info{}, err
	}
	return w.Bucket.PutIfAbsent(ctx, key, body, opt)
}

func (w *watched) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := w.act("get", key); err != nil {
		return nil, err
	}
	return w.Bucket.Get(ctx, key, offset, length)
}

func (w *watched) Head(ctx context.Context, key string) (objstore.Info, error) {
	if err := w.act("head", key); err != nil {
		return objstore.Info{}, err
	}
	return w.Bucket.Head(ctx, key)
}

func stored(t *testing.T, b objstore.Bucket, key string) []byte {
	t.Helper()
	raw, err := objstore.ReadAll(t.Context(), b, key, 0)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func readAll(ctx context.Context, log *journal.Log, from int64) (n int, err error) {
	err = log.Read(ctx, from, func(journal.Entry) error { n++; return nil })
	return n, err
}

// Things that happen beside a reader: a checkpoint or an entry goes, a twin folds first, the last entry is replaced.
func TestWhatHappensBesideAReader(t *testing.T) {
	ctx := t.Context()
	b := filled(t, 502)
	if err := open(b).Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	gone := &watched{Bucket: clone(t, b)}
	gone.before = func(op, key string) error {
		if op == "get" && key == firstFold {
			return gone.Delete(ctx, key)
		}
		return nil
	}
	if n, err := readAll(ctx, open(gone), 1); err != nil || n != 502 {
		t.Errorf("a checkpoint that goes: %d entries, %v", n, err)
	}
	gone.Bucket = clone(t, b)
	if problems, err := open(gone).Check(ctx); err != nil || len(problems) != 0 {
		t.Errorf("a checkpoint that goes: %v %v", problems, err)
	}
	first := stored(t, b, firstFold)
	race := &watched{Bucket: filled(t, 0)}
	race.Bucket = clone(t, b)
	if err := race.Delete(ctx, firstFold); err != nil {
		t.Fatal(err)
	}
	race.before = func(op, key string) error {
		if op != "put" || key != firstFold {
			return nil
		}
		_, err := race.Bucket.PutIfAbsent(ctx, key, objstore.Bytes(first), objstore.PutOptions{})
		return err
	}
	if err := open(race).Checkpoint(ctx); err != nil || string(stored(t, race, firstFold)) != string(first) {
		t.Errorf("a checkpoint that another writer folds first: %v", err)
	}
	other := twin(t, 502)
	swapped := &watched{Bucket: clone(t, b)}
	log := open(swapped)
	if _, _, err := log.Tail(ctx); err != nil {
		t.Fatal(err)
	}
	for _, seq := range []int64{501, 502} {
		replace(t, swapped.Bucket, journal.EntryKey("test/log", seq), stored(t, other, journal.EntryKey("test/log", seq)))
	}
	if _, err := readAll(ctx, log, 502); fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error(), "changed while it was read") {
		t.Errorf("a last entry that is replaced: %v", err)
	}
}

// What cannot be written readably is refused before anything is stored.
func TestUnwritableEntriesAreNotStored(t *testing.T) {
	ctx := t.Context()
	b := mem.New()
	late := func() time.Time { return time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }
	for name, attempt := range map[string]func() error{
		"a body that is no JSON": func() error { _, err := open(b).Append(ctx, 1, "note", make(chan int)); return err },
		"a year JSON has not": func() error {
			_, err := journal.Open(b, "test/log", journal.Options{Now: late}).Append(ctx, 1, "note", note{1})
			return err
		},
		"a log without name": func() error {
			_, err := journal.Open(b, "", journal.Options{}).Append(ctx, 1, "note", note{1})
			return err
		},
		"an entry too large": func() error { _, err := open(b).Append(ctx, 1, "note", strings.Repeat("x", 64<<20)); return err },
	} {
		if err := attempt(); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if err := b.List(ctx, "", "", func(info objstore.Info) error { return errors.New(info.Key + " is there") }); err != nil {
		t.Error(err)
	}
}

// A caller that gives up learns what became of its entry: nothing, when the store never got it.
func TestGivingUpIsNoUnknownOutcome(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	store := &watched{Bucket: mem.New()}
	store.before = func(op, _ string) error {
		if op != "put" {
			return nil
		}
		cancel()
		return fault.New(fault.Unavailable, "store", "", "", "not sent")
	}
	if _, err := open(store).Append(ctx, 1, "note", note{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	store.before = nil
	if _, ok, err := open(store).Tail(t.Context()); ok || err != nil {
		t.Errorf("the log has an entry: %v %v", ok, err)
	}
}

// The head follows appends, forwards only, and a damaged or vanishing one stands in nobody's way.
func TestHeadsFollowAndNeverHinder(t *testing.T) {
	ctx := t.Context()
	b := mem.New()
	log := open(b)
	for i := int64(1); i <= 3; i++ {
		if _, err := log.Append(ctx, i, "note", note{int(i)}); err != nil {
			t.Fatal(err)
		}
	}
	heads, problems, err := journal.Heads(ctx, b)
	if err != nil || len(problems) > 0 || heads["test/log"].Seq != 3 {
		t.Fatalf("%+v %v %v", heads, problems, err)
	}
	key := journal.HeadKey("test/log")
	for _, bad := range []string{"x", "{}", strings.Replace(string(stored(t, b, key)), `"seq":3`, `"seq":9`, 1)} {
		replace(t, b, key, []byte(bad))
		heads, problems, err := journal.Heads(ctx, b)
		if err != nil || len(problems) != 1 || fault.KindOf(problems[0]) != fault.Damaged || heads["test/log"].Seq != 0 {
			t.Errorf("%q: %+v %v %v", bad, heads, problems, err)
		}
	}
	if _, err := open(b).Append(ctx, 4, "note", note{4}); err != nil {
		t.Errorf("a damaged head hinders an append: %v", err)
	}
	vanishing := &watched{Bucket: b}
	vanishing.before = func(op, at string) error {
		if op == "head" && at == key {
			return b.Delete(ctx, key)
		}
		return nil
	}
	if _, err := open(vanishing).Append(ctx, 5, "note", note{5}); err != nil {
		t.Fatal(err)
	}
	if heads, problems, err := journal.Heads(ctx, b); err != nil || len(problems) > 0 || heads["test/log"].Seq != 5 {
		t.Errorf("after the head vanished: %+v %v %v", heads, problems, err)
	}
}
