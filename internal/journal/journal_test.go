package journal_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

type note struct {
	N int `json:"n"`
}

func open(b objstore.Bucket) *journal.Log { return journal.Open(b, "test/log", journal.Options{}) }

// filled gives a bucket whose log has n entries.
func filled(t *testing.T, n int) *mem.Bucket {
	t.Helper()
	b := mem.New()
	log := open(b)
	for i := 1; i <= n; i++ {
		if _, err := log.Append(t.Context(), int64(i), "note", note{i}); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func seqs(t *testing.T, log *journal.Log, from int64) []int64 {
	t.Helper()
	var got []int64
	err := log.Read(t.Context(), from, func(e journal.Entry) error {
		var n note
		if err := json.Unmarshal(e.Body, &n); err != nil || int64(n.N) != e.Seq {
			t.Errorf("entry %d holds %s", e.Seq, e.Body)
		}
		got = append(got, e.Seq)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEmptyLog(t *testing.T) {
	log := open(mem.New())
	if _, ok, err := log.Tail(t.Context()); ok || err != nil {
		t.Errorf("tail of nothing: %v %v", ok, err)
	}
	if got := seqs(t, log, 1); got != nil {
		t.Errorf("read %v", got)
	}
	if err := log.Checkpoint(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAppendChainsAndReadsBack(t *testing.T) {
	b := mem.New()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("x", 3600))
	log := journal.Open(b, "stream/till/receipts", journal.Options{Writer: "w", Now: func() time.Time { return at }})
	first, err := log.Append(t.Context(), 1, "note", note{1})
	if err != nil {
		t.Fatal(err)
	}
	second, err := log.Append(t.Context(), 2, "note", json.RawMessage(`{ "n": 2, "html": "<&>" }`))
	if err != nil {
		t.Fatal(err)
	}
	if first.Prev != "" || second.Prev != first.Hash || second.Seq != 2 || second.Format != journal.Format || !strings.HasPrefix(second.Writer, "w#") || !second.At.Equal(at) || second.At.Location() != time.UTC {
		t.Errorf("%+v\n%+v", first, second)
	}
	again := journal.Open(b, "stream/till/receipts", journal.Options{})
	tail, ok, err := again.Tail(t.Context())
	if err != nil || !ok || !reflect.DeepEqual(tail, second) {
		t.Errorf("tail %+v %v %v\nwant %+v", tail, ok, err, second)
	}
	got, err := again.Get(t.Context(), 1)
	if err != nil || !reflect.DeepEqual(got, first) {
		t.Errorf("got %+v %v", got, err)
	}
	if string(tail.Body) != `{"n":2,"html":"<&>"}` {
		t.Errorf("body %s", tail.Body)
	}
}

func TestAppendRefusesWhatIsNotNext(t *testing.T) {
	b := filled(t, 3)
	for seq, want := range map[int64]fault.Kind{-1: fault.Usage, 0: fault.Usage, 1: fault.Conflict, 3: fault.Conflict, 5: fault.Conflict, 9: fault.Conflict} {
		if _, err := open(b).Append(t.Context(), seq, "note", note{}); fault.KindOf(err) != want {
			t.Errorf("append %d: %v", seq, err)
		}
	}
	if got := seqs(t, open(b), 1); len(got) != 3 {
		t.Errorf("log has %v", got)
	}
}

// Two writers with the same name, clock and body must not take each other's entry for their own.
func TestIdenticalWritersStillHaveOneWinner(t *testing.T) {
	b := mem.New()
	now := func() time.Time { return time.Unix(0, 0) }
	one := journal.Open(b, "l", journal.Options{Writer: "w", Now: now})
	two := journal.Open(b, "l", journal.Options{Writer: "w", Now: now})
	_, first := one.Append(t.Context(), 1, "note", note{1})
	_, second := two.Append(t.Context(), 1, "note", note{1})
	_, third := one.Append(t.Context(), 1, "note", note{1})
	if first != nil || fault.KindOf(second) != fault.Conflict || fault.KindOf(third) != fault.Conflict {
		t.Errorf("%v, %v, %v", first, second, third)
	}
}

func TestConcurrentAppendsLeaveNoGapAndLoseNothing(t *testing.T) {
	dir, err := localfs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]objstore.Bucket{"mem": mem.New(), "localfs": dir} {
		t.Run(name, func(t *testing.T) { concurrentAppends(t, b) })
	}
}

func concurrentAppends(t *testing.T, b objstore.Bucket) {
	const writers, each = 8, 50
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			log := journal.Open(b, "l", journal.Options{Writer: fmt.Sprint("w", w)})
			for i := range each {
				for {
					tail, _, err := log.Tail(t.Context())
					if err == nil {
						_, err = log.Append(t.Context(), tail.Seq+1, "note", map[string]int{"w": w, "i": i})
					}
					if err == nil {
						break
					}
					if fault.KindOf(err) != fault.Conflict {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	next, seen := map[int]int{}, int64(0)
	err := journal.Open(b, "l", journal.Options{}).Read(t.Context(), 1, func(e journal.Entry) error {
		seen++
		var body map[string]int
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return err
		}
		if e.Seq != seen || body["i"] != next[body["w"]] {
			t.Errorf("entry %d: %s, expected step %d", e.Seq, e.Body, next[body["w"]])
		}
		next[body["w"]]++
		return nil
	})
	if err != nil || seen != writers*each {
		t.Errorf("%d entries, %v", seen, err)
	}
}

func TestUnknownOutcomesAreSettled(t *testing.T) {
	for _, script := range [][]string{{"lost"}, {"dropped"}, {"dropped", "lost"}, {"dropped", "dropped", "ok"}} {
		b := &flaky{Bucket: mem.New(), script: script}
		log := open(b)
		e, err := log.Append(t.Context(), 1, "note", note{1})
		if err != nil {
			t.Errorf("%v: %v", script, err)
			continue
		}
		tail, ok, err := open(b).Tail(t.Context())
		if err != nil || !ok || tail.Hash != e.Hash {
			t.Errorf("%v: tail %+v %v", script, tail, err)
		}
	}
}

func TestUnknownOutcomeAndAnotherWriterIsAConflict(t *testing.T) {
	b := &flaky{Bucket: filled(t, 1), script: []string{"dropped"}}
	if _, err := open(b).Append(t.Context(), 1, "note", note{7}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v", err)
	}
}

func TestUnreachableStoreLeavesUnknown(t *testing.T) {
	b := &flaky{Bucket: mem.New(), script: []string{"lost", "lost"}, dead: true}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := open(b).Append(ctx, 1, "note", note{1})
	if fault.KindOf(err) != fault.Unknown || !errors.Is(err, objstore.ErrUnknownOutcome) {
		t.Fatalf("got %v", err)
	}
	b.dead = false
	if _, ok, err := open(b).Tail(t.Context()); !ok || err != nil {
		t.Errorf("the next start does not find the entry: %v %v", ok, err)
	}
}

func TestDamageIsNamed(t *testing.T) {
	ctx := context.Background()
	key := func(seq int64) string { return journal.EntryKey("test/log", seq) }
	swap := func(t *testing.T, b *mem.Bucket, at, from int64) {
		raw, err := objstore.ReadAll(ctx, b, key(from), 0)
		if err != nil {
			t.Fatal(err)
		}
		replace(t, b, key(at), raw)
	}
	for name, c := range map[string]struct {
		do    func(*testing.T, *mem.Bucket)
		named string
	}{
		"missing":        {func(t *testing.T, b *mem.Bucket) { _ = b.Delete(ctx, key(3)) }, key(3)},
		"first missing":  {func(t *testing.T, b *mem.Bucket) { _ = b.Delete(ctx, key(1)) }, key(1)},
		"empty":          {func(t *testing.T, b *mem.Bucket) { replace(t, b, key(3), nil) }, key(3)},
		"nonsense":       {func(t *testing.T, b *mem.Bucket) { replace(t, b, key(3), []byte("{")) }, key(3)},
		"other's entry":  {func(t *testing.T, b *mem.Bucket) { swap(t, b, 3, 4) }, key(3)},
		"foreign object": {func(t *testing.T, b *mem.Bucket) { replace(t, b, "journal/test/log/x.txt", nil) }, "journal/test/log/x.txt"},
		"body altered": {func(t *testing.T, b *mem.Bucket) {
			raw, _ := objstore.ReadAll(ctx, b, key(3), 0)
			replace(t, b, key(3), []byte(strings.Replace(string(raw), `"n":3`, `"n":4`, 1)))
		}, key(3)},
		"body altered with its sum": {func(t *testing.T, b *mem.Bucket) {
			raw, _ := objstore.ReadAll(ctx, b, key(3), 0)
			bare, _, _ := strings.Cut(strings.Replace(string(raw), `"n":3`, `"n":4`, 1), `,"sum":`)
			bare += "}"
			replace(t, b, key(3), fmt.Appendf(nil, `%s,"sum":"%x"}`, strings.TrimSuffix(bare, "}"), sha256.Sum256([]byte(bare))))
		}, key(4)},
	} {
		t.Run(name, func(t *testing.T) {
			b := filled(t, 6)
			c.do(t, b)
			err := open(b).Read(ctx, 1, func(journal.Entry) error { return nil })
			if fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error(), c.named) || fault.HintOf(err) == "" {
				t.Errorf("got %v, should name %s", err, c.named)
			}
		})
	}
}

func replace(t *testing.T, b objstore.Bucket, key string, data []byte) {
	t.Helper()
	ctx := context.Background()
	if err := b.Delete(ctx, key); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutIfAbsent(ctx, key, objstore.Bytes(data), objstore.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// Every single flipped byte of a log is found, in its last entry too.
func TestEveryFlippedByteIsFound(t *testing.T) {
	b := filled(t, 3)
	for seq := int64(1); seq <= 3; seq++ {
		key := journal.EntryKey("test/log", seq)
		raw, err := objstore.ReadAll(t.Context(), b, key, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			raw[i] ^= 1
			replace(t, b, key, raw)
			if err := open(b).Read(t.Context(), 1, func(journal.Entry) error { return nil }); err == nil {
				t.Errorf("entry %d: byte %d of %s was flipped unseen", seq, i, raw)
			}
			raw[i] ^= 1
		}
		replace(t, b, key, raw)
	}
}

func TestNewerFormatAsksForANewerProgram(t *testing.T) {
	b := filled(t, 1)
	replace(t, b, journal.EntryKey("test/log", 2), []byte(`{"format":3,"anything":true}`))
	err := open(b).Read(t.Context(), 1, func(journal.Entry) error { return nil })
	if fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "newer") {
		t.Errorf("got %v", err)
	}
}

func TestFnsErrorStopsTheReading(t *testing.T) {
	stop, seen := errors.New("enough"), 0
	err := open(filled(t, 5)).Read(t.Context(), 2, func(journal.Entry) error {
		if seen++; seen == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || seen != 2 {
		t.Errorf("%d %v", seen, err)
	}
}

func TestEpochsFenceEarlierWriters(t *testing.T) {
	b := mem.New()
	old, young := open(b), open(b)
	if _, err := old.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Append(t.Context(), 2, "note", note{2}); err != nil {
		t.Fatal(err)
	}
	claimed, err := young.Claim(t.Context())
	if err != nil || claimed.Epoch != 2 || claimed.Kind != journal.KindEpoch {
		t.Fatalf("%+v %v", claimed, err)
	}
	for seq := int64(3); seq <= 4; seq++ {
		if _, err := old.Append(t.Context(), seq, "note", note{}); fault.KindOf(err) != fault.Conflict {
			t.Errorf("a fenced writer appended %d: %v", seq, err)
		}
	}
	if _, err := young.Append(t.Context(), 4, "note", note{4}); err != nil {
		t.Error(err)
	}
}

func TestLogsAreFoundWithOneListingEach(t *testing.T) {
	b := mem.New()
	names := []string{"audit", "release", "stream/a/x", "stream/a/y", "stream/a-b/x", "stream/b%2F/x"}
	for _, name := range names {
		log := journal.Open(b, name, journal.Options{})
		for i := int64(1); i <= 3; i++ {
			if _, err := log.Append(t.Context(), i, "note", note{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	counted := &flaky{Bucket: b}
	got, err := journal.Logs(t.Context(), counted, "stream/")
	want := []string{"stream/a-b/x", "stream/a/x", "stream/a/y", "stream/b%2F/x"}
	if err != nil || !reflect.DeepEqual(got, want) || counted.lists > len(want)+1 {
		t.Errorf("got %q after %d listings, %v", got, counted.lists, err)
	}
	if got, err := journal.Logs(t.Context(), b, ""); err != nil || len(got) != len(names) {
		t.Errorf("got %q %v", got, err)
	}
}
