package faultstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/faultstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
	"github.com/omoflow/omoflow/internal/objstore/objstoretest"
)

func TestWithoutFaultsItIsTheBucketBelow(t *testing.T) {
	objstoretest.Run(t, func(*testing.T) objstore.Bucket { return faultstore.New(mem.New()) })
}

func put(b objstore.Bucket, key, text string) error {
	_, err := b.PutIfAbsent(context.Background(), key, objstore.Bytes([]byte(text)), objstore.PutOptions{})
	return err
}

// content gives what the store holds under a key, "" when nothing.
func content(b objstore.Bucket, key string) string {
	data, _ := objstore.ReadAll(context.Background(), b, key, 0)
	return string(data)
}

func TestWritesFailAsTheCatalogueSays(t *testing.T) {
	for _, c := range []struct {
		kind    faultstore.Kind
		is      error      // that the writer is told
		of      fault.Kind // of it
		applied bool
	}{
		{faultstore.ServerError, nil, fault.Unavailable, false},
		{faultstore.SlowDown, nil, fault.Unavailable, false},
		{faultstore.Reset, objstore.ErrUnknownOutcome, fault.Unavailable, false},
		{faultstore.Lost, objstore.ErrUnknownOutcome, fault.Unavailable, true},
		{faultstore.OwnRefused, objstore.ErrExists, fault.Internal, true},
		{faultstore.OtherWon, objstore.ErrExists, fault.Internal, true}, // by the twin
		{faultstore.Busy, nil, fault.Unavailable, false},
		{faultstore.Abandoned, nil, fault.Unavailable, false},
		{faultstore.Denied, nil, fault.Denied, false},
	} {
		store := mem.New()
		b := faultstore.New(store, faultstore.Fault{Kind: c.kind, Op: faultstore.Put, Prefix: "a/", Nth: 2})
		if err := errors.Join(put(b, "a/1", "x"), put(b, "b/1", "x")); err != nil {
			t.Errorf("%v struck too early: %v", c.kind, err)
		}
		err := put(b, "a/2", "x")
		if err == nil || c.is != nil && !errors.Is(err, c.is) || fault.KindOf(err) != c.of {
			t.Errorf("%v: got %v of kind %v", c.kind, err, fault.KindOf(err))
		}
		if got := content(store, "a/2"); (got == "x") != c.applied {
			t.Errorf("%v: the store holds %q", c.kind, got)
		}
		if err := put(b, "a/3", "x"); err != nil {
			t.Errorf("%v struck twice: %v", c.kind, err)
		}
		if got := b.Injected(); !slices.Equal(got, []faultstore.Call{{Op: faultstore.Put, Key: "a/2"}}) {
			t.Errorf("%v: noted %v", c.kind, got)
		}
	}
}

func TestReadsAndListingsFailAsTheCatalogueSays(t *testing.T) {
	store := mem.New()
	for i := range 3 {
		if err := put(store, fmt.Sprint("k", i), strings.Repeat("0123456789", 10)); err != nil {
			t.Fatal(err)
		}
	}
	b := faultstore.New(store)
	names := func() string {
		var all []string
		if err := b.List(t.Context(), "k", "", func(i objstore.Info) error { all = append(all, i.Key); return nil }); err != nil {
			return err.Error()
		}
		return strings.Join(all, " ")
	}
	whole := content(store, "k0")
	b.Script(faultstore.Fault{Kind: faultstore.Truncated, Nth: 1}, faultstore.Fault{Kind: faultstore.Flipped, Nth: 2})
	if got := content(b, "k0"); len(got) >= len(whole) || !strings.HasPrefix(whole, got) {
		t.Errorf("truncated: %q", got)
	}
	differ := 0
	for i, c := range []byte(content(b, "k0")) {
		for x := c ^ whole[i]; x > 0; x &= x - 1 {
			differ++
		}
	}
	if differ != 1 {
		t.Errorf("flipped: %d bits differ", differ)
	}
	b.Script(faultstore.Fault{Kind: faultstore.Stale, Nth: 1}, faultstore.Fault{Kind: faultstore.Repeated, Nth: 2})
	if got := names(); got != "k0 k1" {
		t.Errorf("stale: %q", got)
	}
	if got := names(); got != "k0 k1 k2 k0 k1 k2" {
		t.Errorf("repeated: %q", got)
	}
	if got := names(); got != "k0 k1 k2" {
		t.Errorf("mended: %q", got)
	}
	synctest.Test(t, func(t *testing.T) {
		b.Script(faultstore.Fault{Kind: faultstore.SlowBody, Nth: 1, Times: -1})
		began := time.Now()
		if got := content(b, "k0"); got != whole || time.Since(began) < 100*time.Second {
			t.Errorf("slow: %d bytes in %v", len(got), time.Since(began))
		}
		b.Script()
	})
}

// A mix depends on its seed alone, strikes about as often as asked, and strikes in every way there is.
func TestAMixIsReplayable(t *testing.T) {
	play := func(seed uint64) (string, int) {
		b := faultstore.New(mem.New())
		b.Pace = time.Nanosecond
		b.Mix(seed, 100)
		var said strings.Builder
		for i := range 400 {
			key := fmt.Sprint("k", i%40)
			fmt.Fprintln(&said, put(b, key, "x") == nil, content(b, key), b.Delete(t.Context(), key) == nil)
		}
		return said.String(), len(b.Injected())
	}
	first, n := play(1)
	if again, m := play(1); again != first || m != n {
		t.Error("the same seed gives another mix")
	}
	if other, _ := play(2); other == first {
		t.Error("the seed does not matter")
	}
	if n < 60 || n > 180 {
		t.Errorf("%d of 1200 calls failed, a tenth was asked for", n)
	}
}

// S16: a store that ignores conditions is found out before anybody relies on it.
func TestProofIgnoredConditionsAreRefused(t *testing.T) {
	refused := 0
	scripts := []faultstore.Fault{
		{Kind: faultstore.Ignored, Op: faultstore.Put, Nth: 1, Times: -1}, // of creation only
		{Kind: faultstore.Ignored, Op: faultstore.Swap, Nth: 1, Times: -1},
		{Kind: faultstore.Ignored, Nth: 1, Times: -1},
		{Kind: faultstore.Ignored, Op: faultstore.Put, Prefix: "", Nth: 200, Times: -1}, // once it is busy
		{Kind: faultstore.Stale, Nth: 1, Times: -1},
		{Kind: faultstore.Repeated, Nth: 1, Times: -1},
		{Kind: faultstore.OwnRefused, Op: faultstore.Put, Nth: 2, Times: -1},
	}
	for _, script := range scripts {
		probes, err := objstore.Verify(t.Context(), faultstore.New(mem.New(), script), "", nil)
		if err == nil && objstore.Usable(probes) {
			t.Errorf("%v at %v from call %d: several writers would be let in", script.Kind, script.Op, script.Nth)
			continue
		}
		refused++
	}
	if probes, err := objstore.Verify(t.Context(), faultstore.New(mem.New()), "", nil); err != nil || !objstore.Usable(probes) {
		t.Errorf("a good store is refused: %v", err)
	}
	fmt.Printf("proof: R4 stores that do not exclude a second writer are refused: %d of %d bad stores refused by store verify, the good one passed\n", refused, len(scripts))
}
