package journal

import (
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// A writer that ignores a claim could only continue by hand; its entry is damage to every reader.
func TestAFallingEpochIsDamage(t *testing.T) {
	ctx := t.Context()
	b := mem.New()
	log := Open(b, "test/log", Options{Writer: "w"})
	if _, err := log.Append(ctx, 1, "note", 1); err != nil {
		t.Fatal(err)
	}
	claim, err := log.Claim(ctx)
	if err != nil || claim.Epoch != 1 {
		t.Fatal(claim, err)
	}
	raw, err := encode(Entry{Format: Format, Log: "test/log", Seq: 3, Prev: claim.Hash, Writer: "late", Epoch: 0, At: time.Unix(0, 0).UTC(), Kind: "note", Body: []byte("1")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutIfAbsent(ctx, EntryKey("test/log", 3), objstore.Bytes(raw), objstore.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	err = Open(b, "test/log", Options{}).Read(ctx, 1, func(Entry) error { return nil })
	if fault.KindOf(err) != fault.Damaged {
		t.Errorf("read: %v", err)
	}
	if problems, err := Open(b, "test/log", Options{}).Check(ctx); err != nil || len(problems) != 1 {
		t.Errorf("check: %v %v", problems, err)
	}
}
