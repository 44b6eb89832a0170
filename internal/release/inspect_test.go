package release_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
)

// small gives a lake with one batch and one release, and the keys of all its objects.
func small(t *testing.T) (*lake.Lake, []string) {
	t.Helper()
	lk := newLake(t)
	put := func(key, content string) lake.Object {
		sum := sha256.Sum256([]byte(content))
		if _, err := lk.Bucket.PutIfAbsent(t.Context(), key, objstore.Bytes([]byte(content)), objstore.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		return lake.Object{Key: key, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(content)), Rows: 1}
	}
	quarantine := put(lake.QuarantineKey("s", "f", "b"), "quarantined")
	batch := lake.Batch{ID: "b", Files: []lake.File{{Raw: put("raw/s/f/x.zst", "raw bytes")}}, Staged: []lake.Staged{{Stream: "order", Object: put(lake.StagedKey("s", "f", "b", "order"), "staged rows")}}, Quarantine: &quarantine}
	if _, err := lk.StreamLog("s", "f").Append(t.Context(), 1, lake.KindBatch, batch); err != nil {
		t.Fatal(err)
	}
	m := release.Manifest{Table: "t", Partitions: []release.Partition{{Name: "all", Files: []lake.Object{put("tables/t/all/x.parquet", "table rows")}}}}
	sha, err := release.PutManifest(t.Context(), lk, m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := release.Publish(t.Context(), lk, 0, release.Release{Tables: map[string]release.TableRef{"t": m.Ref(sha)}}); err != nil {
		t.Fatal(err)
	}
	var keys []string
	err = lk.Bucket.List(t.Context(), "", "", func(i objstore.Info) error {
		if i.Key != "lake.json" {
			keys = append(keys, i.Key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lk, keys
}

func TestInspectFindsNothingInASoundLake(t *testing.T) {
	lk, _ := small(t)
	calls := 0
	problems, err := release.Inspect(t.Context(), lk, true, func(int, int) { calls++ })
	if err != nil || len(problems) != 0 || calls != 4 {
		t.Errorf("%v %v, %d objects", problems, err, calls)
	}
}

// Any object may be lost or have a byte flipped: it is named, or, for the last entry of a log, its absence is
// an earlier state, which only another log can tell.
func TestInspectNamesEveryLostAndEveryAlteredObject(t *testing.T) {
	_, keys := small(t)
	if len(keys) != 7 {
		t.Fatalf("the lake has %q", keys)
	}
	for _, key := range keys {
		for _, lost := range []bool{true, false} {
			lk, _ := small(t)
			if strings.HasPrefix(key, "journal/") {
				if lost {
					continue
				}
			}
			spoilObject(t, lk, key, lost)
			problems, err := release.Inspect(t.Context(), lk, true, nil)
			if err != nil {
				t.Errorf("%s: %v", key, err)
			}
			found := false
			for _, p := range problems {
				found = found || p.Key == key && fault.KindOf(p.Err) == fault.Damaged && fault.HintOf(p.Err) != ""
			}
			if !found {
				t.Errorf("%s lost: %v, found %v", key, lost, problems)
			}
		}
	}
}

func spoilObject(t *testing.T, lk *lake.Lake, key string, lost bool) {
	t.Helper()
	raw, err := objstore.ReadAll(t.Context(), lk.Bucket, key, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := lk.Bucket.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if lost {
		return
	}
	raw[0] ^= 1
	if _, err := lk.Bucket.PutIfAbsent(t.Context(), key, objstore.Bytes(raw), objstore.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestDiscardRemovesOnlyWhatARebuildMakes(t *testing.T) {
	lk, keys := small(t)
	for _, key := range keys {
		if !strings.HasPrefix(key, "journal/") {
			spoilObject(t, lk, key, false)
		}
	}
	problems, err := release.Inspect(t.Context(), lk, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	removed, err := release.Discard(t.Context(), lk, problems)
	if err != nil || removed != 1 { // the altered manifest hides the table's file
		t.Errorf("removed %d of %v, %v", removed, problems, err)
	}
	if _, err := lk.Bucket.Head(t.Context(), "raw/s/f/x.zst"); err != nil {
		t.Errorf("a delivered file was removed: %v", err)
	}
}
