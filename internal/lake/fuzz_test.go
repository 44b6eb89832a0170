package lake_test

import (
	"encoding/json"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// FuzzBatchEntry: the body of a batch entry is refused as damaged, naming the entry, or gives the batch that was stored.
func FuzzBatchEntry(f *testing.F) {
	for _, b := range []lake.Batch{{}, {ID: "b1", Source: "tills", Feed: "receipts", Counts: lake.Counts{Read: 2, Accepted: 1, Ignored: 1}, Files: []lake.File{{Name: "a.csv", SHA256: "00"}}}} {
		data, err := json.Marshal(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"id":1}`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return // the journal refuses to store it
		}
		lk, err := lake.Create(t.Context(), mem.New())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lk.StreamLog("tills", "receipts").Append(t.Context(), 1, "batch", json.RawMessage(data)); err != nil {
			t.Fatal(err)
		}
		all, err := lk.Batches(t.Context())
		if err != nil {
			if fault.KindOf(err) != fault.Damaged || fault.HintOf(err) == "" {
				t.Fatalf("%v, hint %q", err, fault.HintOf(err))
			}
			return
		}
		for _, b := range all {
			if b.ID == "" || b.Log != "stream/tills/receipts" || b.Seq != 1 {
				t.Fatalf("accepted %+v", b)
			}
			again, err := json.Marshal(b.Batch)
			if err != nil {
				t.Fatal(err)
			}
			var back lake.Batch
			if err := json.Unmarshal(again, &back); err != nil || back.Counts != b.Counts || len(back.Files) != len(b.Files) {
				t.Fatalf("%s became %+v: %v", data, back, err)
			}
		}
	})
}

// FuzzRoot: lake.json is refused as damaged or as newer, or names a lake.
func FuzzRoot(f *testing.F) {
	for _, seed := range []string{`{"format":1,"id":"00"}`, `{"format":2,"id":"00"}`, `{"format":1}`, `{`, ``, `{"format":1e9,"id":""}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b := mem.New()
		if _, err := b.PutIfAbsent(t.Context(), "lake.json", objstore.Bytes(data), objstore.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		lk, err := lake.Open(t.Context(), b)
		if err == nil && (lk.ID == "" || lk.Format < 1 || lk.Format > lake.Format) {
			t.Fatalf("opened %+v", lk)
		}
		if err != nil && (fault.KindOf(err) != fault.Damaged && fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "") && len(data) <= 1<<16 {
			t.Fatalf("%v, hint %q", err, fault.HintOf(err))
		}
	})
}
