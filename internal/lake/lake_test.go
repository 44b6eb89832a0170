package lake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

func TestCreateIsIdempotentAndOpenFindsIt(t *testing.T) {
	ctx := context.Background()
	b := mem.New()
	if _, err := lake.Open(ctx, b); fault.KindOf(err) != fault.Usage || !errors.Is(err, objstore.ErrNotFound) {
		t.Fatalf("opening nothing: %v", err)
	}
	first, err := lake.Create(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	second, err := lake.Create(ctx, b)
	if err != nil || second.ID != first.ID || len(first.ID) != 32 {
		t.Fatalf("created again: %v %v, was %v", second, err, first)
	}
}

func TestOpenRefusesWhatItCannotRead(t *testing.T) {
	for content, want := range map[string]fault.Kind{
		`{"format":2,"id":"x"}`: fault.Usage,
		`{"format":0,"id":"x"}`: fault.Damaged,
		`{"format":1}`:          fault.Damaged,
		`nonsense`:              fault.Damaged,
		``:                      fault.Damaged,
	} {
		b := mem.New()
		if _, err := b.PutIfAbsent(context.Background(), "lake.json", objstore.Bytes([]byte(content)), objstore.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err := lake.Open(context.Background(), b)
		if err == nil || fault.KindOf(err) != want || fault.HintOf(err) == "" {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestBatchesComeByLogThenSequence(t *testing.T) {
	ctx := context.Background()
	b, err := localfs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	lk, err := lake.Create(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, feed := range []string{"a", "b/../c", "收据"} {
		log := lk.StreamLog("tills", feed)
		for seq := int64(1); seq <= 3; seq++ {
			id := fmt.Sprintf("%s-%d", feed, seq)
			if _, err := log.Append(ctx, seq, lake.KindBatch, lake.Batch{ID: id, Source: "tills", Feed: feed, CursorAfter: json.RawMessage(`{"x":1}`)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Encoded feeds sort by their first byte: "%E6..." before "a" before "b%2F...".
	for _, feed := range []string{"收据", "a", "b/../c"} {
		for seq := 1; seq <= 3; seq++ {
			want = append(want, fmt.Sprintf("%s-%d", feed, seq))
		}
	}
	got, err := lk.Batches(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range got {
		ids = append(ids, e.ID)
	}
	if !reflect.DeepEqual(ids, want) {
		t.Errorf("got %q, want %q", ids, want)
	}
	if got[0].Hash == "" || got[0].Seq != 1 || string(got[0].CursorAfter) != `{"x":1}` {
		t.Errorf("place or cursor is lost: %+v", got[0])
	}
}

func TestBatchesAreManyAndFast(t *testing.T) {
	ctx, b := context.Background(), mem.New()
	lk, err := lake.Create(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	const logs, each = 5, 600
	for i := range logs {
		log := lk.StreamLog("tills", fmt.Sprint("feed", i))
		for seq := int64(1); seq <= each; seq++ {
			if _, err := log.Append(ctx, seq, lake.KindBatch, lake.Batch{ID: fmt.Sprint(i, seq), Source: "tills"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
	}
	all, err := lk.Batches(ctx)
	if err != nil || len(all) != logs*each {
		t.Errorf("%d batches, %v", len(all), err)
	}
}

func TestDamagedBatchIsNamed(t *testing.T) {
	ctx := context.Background()
	lk, err := lake.Create(ctx, mem.New())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lk.StreamLog("a", "b").Append(ctx, 1, lake.KindBatch, []int{1}); err != nil {
		t.Fatal(err)
	}
	_, err = lk.Batches(ctx)
	if fault.KindOf(err) != fault.Damaged || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}
