package journal

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// FuzzCheckpoint: whatever stands in place of a checkpoint, reading the log gives the entries that were appended, because the
// entries themselves are still there; a checkpoint may only save requests.
func FuzzCheckpoint(f *testing.F) {
	const entries = foldSize + 3
	f.Add([]byte(nil), uint32(0), uint8(0))
	f.Add([]byte("{}\n"), uint32(0), uint8(0))
	f.Add([]byte(nil), uint32(1000), uint8(1))
	f.Add([]byte(nil), uint32(70000), uint8(255))
	b := mem.New()
	log := Open(b, "stream/tills/receipts", Options{Writer: "w"})
	for i := range int64(entries) {
		if _, err := log.Append(f.Context(), i+1, "note", map[string]int64{"n": i}); err != nil {
			f.Fatal(err)
		}
	}
	if err := log.Checkpoint(f.Context()); err != nil {
		f.Fatal(err)
	}
	key := log.checkpointKey(foldSize)
	sound, err := objstore.ReadAll(f.Context(), b, key, 0)
	if err != nil {
		f.Fatal(err)
	}
	var want []string
	if err := log.Read(f.Context(), 1, func(e Entry) error { want = append(want, e.Hash); return nil }); err != nil || len(want) != entries {
		f.Fatal(err, len(want))
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint32, bits uint8) {
		if len(data) == 0 {
			data = bytes.Clone(sound)
			data[int(at)%len(data)] ^= bits
		}
		if err := b.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if _, err := b.PutIfAbsent(t.Context(), key, objstore.Bytes(data), objstore.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, from := range []int64{1, 2, foldSize, foldSize + 1} {
			seq := from
			err := log.Read(t.Context(), from, func(e Entry) error {
				if e.Seq != seq || e.Hash != want[seq-1] {
					return fmt.Errorf("entry %d is %d %s", seq, e.Seq, e.Hash)
				}
				seq++
				return nil
			})
			if err != nil && fault.KindOf(err) != fault.Usage || err == nil && seq != entries+1 {
				t.Fatalf("from %d to %d: %v", from, seq, err)
			}
		}
	})
}
