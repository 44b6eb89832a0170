package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// FuzzManifest: stored bytes are refused as damaged, naming the object, or are a manifest that survives being stored again.
func FuzzManifest(f *testing.F) {
	for _, m := range []Manifest{{Format: 1, Table: "sales.order"}, {Format: 1, Table: "sales.order", Kind: "partition", Grain: []string{"a"}, PartitionBy: "month(d)", Columns: []Column{{Name: "a", Type: "BIGINT", FieldID: 3}},
		Partitions: []Partition{{Name: "2026-01", Fingerprint: "f", Files: []lake.Object{{Key: "tables/a", SHA256: "00", Bytes: 1, Rows: 2}}}}}} {
		data, err := encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"format":2,"table":"sales.order"}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		lk, err := lake.Create(t.Context(), mem.New())
		if err != nil {
			t.Fatal(err)
		}
		sha := hex.EncodeToString(func() []byte { s := sha256.Sum256(data); return s[:] }())
		key := lake.ManifestKey("sales.order", sha)
		if _, err := lk.Bucket.PutIfAbsent(t.Context(), key, objstore.Bytes(data), objstore.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		m, err := ReadManifest(t.Context(), lk, "sales.order", sha)
		if err != nil {
			if kind := fault.KindOf(err); kind != fault.Damaged && kind != fault.Usage || fault.HintOf(err) == "" {
				t.Fatalf("%v, hint %q", err, fault.HintOf(err))
			}
			return
		}
		if m.Table != "sales.order" || m.Format != manifestFormat {
			t.Fatalf("accepted %+v", m)
		}
		again, err := PutManifest(t.Context(), lk, m)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ReadManifest(t.Context(), lk, m.Table, again); err != nil || !same(t, back, m) {
			t.Fatalf("%+v became %+v: %v", m, back, err)
		}
	})
}

// FuzzRelease: the body of an entry is refused as damaged or is a release that survives being published again.
func FuzzRelease(f *testing.F) {
	for _, r := range []Release{{}, {Parent: 3, Streams: map[string]int64{"stream/a/b": 4}, Tables: map[string]TableRef{"sales.order": {Manifest: "00", Rows: 1, Partitions: 1}}, Checks: []Check{{Name: "unique_grain", Status: "passed"}}}} {
		data, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"streams":null,"tables":{"":{}},"seq":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decode(journal.Entry{Log: "release", Seq: 7, Hash: "h", Body: data})
		if err != nil {
			if fault.KindOf(err) != fault.Damaged {
				t.Fatal(err)
			}
			return
		}
		if r.Seq != 7 || r.Hash != "h" {
			t.Fatalf("number and hash come from the body: %+v", r)
		}
		lk, err := lake.Create(t.Context(), mem.New())
		if err != nil {
			t.Fatal(err)
		}
		published, err := Publish(t.Context(), lk, 0, r)
		if err != nil {
			t.Fatal(err)
		}
		latest, ok, err := Latest(t.Context(), lk)
		if err != nil || !ok || !same(t, latest, published) {
			t.Fatalf("%+v became %+v: %v", published, latest, err)
		}
	})
}

// same compares as stored: an absent list and an empty one are one.
func same(t *testing.T, a, b any) bool {
	t.Helper()
	x, err := encode(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := encode(b)
	if err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}
