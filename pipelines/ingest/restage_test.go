package ingest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/pipelines/ingest"
)

// restaged makes the objects of a batch again and gives what came out, by key.
func restaged(ctx context.Context, s *shop, feeds []ingest.Feed, e lake.BatchEntry) (map[string]string, error) {
	made := map[string]string{}
	err := ingest.Restage(ctx, s.opt, feeds, e, func(o lake.Object, path string) error {
		data, err := os.ReadFile(path)
		made[o.Key] = string(data)
		return err
	})
	return made, err
}

func (s *shop) stored(key string) string {
	s.t.Helper()
	data, err := objstore.ReadAll(context.Background(), s.opt.Lake.Bucket, key, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// objects are the keys that a batch's rows are stored under.
func objects(e lake.BatchEntry) (keys []string) {
	for _, staged := range e.Staged {
		keys = append(keys, staged.Object.Key)
	}
	if e.Quarantine != nil {
		keys = append(keys, e.Quarantine.Key)
	}
	return keys
}

// Every batch of every kind comes out of its raw bytes and rules again, byte for byte, whatever the profile says by now; an
// interruption at any step is told, and nothing that is not as recorded is handed on.
func TestRowsAreMadeAgainByteForByte(t *testing.T) {
	for _, d := range disturbances() {
		t.Run(d.name, func(t *testing.T) {
			s := d.begin(t)
			if err := d.work(context.Background(), s); err != nil {
				t.Fatal(err)
			}
			for _, e := range s.batches() {
				made, err := restaged(context.Background(), s, nil, e)
				if err != nil {
					t.Fatal(err)
				}
				if want := objects(e); len(made) != len(want) {
					t.Errorf("%d objects were made again of %q", len(made), want)
				}
				for key, data := range made {
					if data != s.stored(key) {
						t.Errorf("%s comes out differently", key)
					}
				}
			}
			last := s.batches()[len(s.batches())-1]
			for at := int64(1); ; at += 5 * stride() {
				made, err := restaged(interruptAt(at), s, nil, last)
				if err == nil {
					break
				}
				if k := fault.KindOf(err); len(made) > 0 || k != fault.Interrupted && !errors.Is(err, context.Canceled) {
					t.Errorf("step %d: %d objects, %s %v", at, len(made), k, err)
				}
			}
			if left := s.scratchLeft(); len(left) > 0 {
				t.Errorf("scratch remains: %v", left)
			}
		})
	}
}

// replace puts other bytes under a key; none removes it.
func (s *shop) replace(key, data string) {
	s.t.Helper()
	if err := s.opt.Lake.Bucket.Delete(context.Background(), key); err != nil {
		s.t.Fatal(err)
	}
	if data != "" {
		if _, err := s.opt.Lake.Bucket.PutIfAbsent(context.Background(), key, objstore.Bytes([]byte(data)), objstore.PutOptions{}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// What rows cannot be made of is named, and nothing is handed on.
func TestWhatRowsCannotBeMadeOf(t *testing.T) {
	begin := func(t *testing.T) (*shop, lake.BatchEntry) {
		s := tills(t)
		s.put("till-S1-a.csv", header+strings.Repeat("R1,2026-01-05,A,1,1,\n", 60)+"R2,2026-13-05,A,1,1,\n")
		s.run()
		return s, s.batches()[0]
	}
	for name, c := range map[string]struct {
		spoil func(s *shop, e *lake.BatchEntry)
		code  string
	}{
		"no rules are named":          {func(_ *shop, e *lake.BatchEntry) { e.Rules = nil }, "rules_unknown"},
		"the rules are lost":          {func(s *shop, e *lake.BatchEntry) { s.replace(e.Rules.Key, "") }, "object_missing"},
		"the rules are damaged":       {func(s *shop, e *lake.BatchEntry) { s.replace(e.Rules.Key, strings.Repeat("x", int(e.Rules.Bytes))) }, "object_damaged"},
		"the rules are none":          {func(s *shop, e *lake.BatchEntry) { s.reword(e, func(string) string { return "[]" }) }, "object_damaged"},
		"the rules are of the future": {func(s *shop, e *lake.BatchEntry) { s.reword(e, swap(`"format": 1`, `"format": 9`)) }, "newer_format"},
		"the profile is none":         {func(s *shop, e *lake.BatchEntry) { s.reword(e, swap("columns:", "kolumns:")) }, ""},
		"the rules say another thing": {func(s *shop, e *lake.BatchEntry) { s.reword(e, swap(`"zone": "UTC"`, `"zone": "Asia/Tokyo"`)) }, "other_rules"},
		"the bytes are gone":          {func(s *shop, e *lake.BatchEntry) { s.replace(e.Files[0].Raw.Key, "") }, "raw_missing"},
		"the bytes are damaged":       {func(s *shop, e *lake.BatchEntry) { s.replace(e.Files[0].Raw.Key, "no zstd at all") }, "raw_damaged"},
		"the bytes are others":        {func(_ *shop, e *lake.BatchEntry) { e.Files[0].SHA256 = strings.Repeat("0", 64) }, "raw_damaged"},
		"no scratch can be written":   {func(s *shop, _ *lake.BatchEntry) { s.opt.TempDir = filepath.Join(s.opt.TempDir, "none") }, "temp_unwritable"},
	} {
		t.Run(name, func(t *testing.T) {
			s, e := begin(t)
			c.spoil(s, &e)
			made, err := restaged(t.Context(), s, nil, e)
			var told *fault.Error
			if !errors.As(err, &told) || c.code != "" && told.Code != c.code || len(made) > 0 {
				t.Errorf("%d objects, %v", len(made), err)
			}
		})
	}
	// Lost rules do no harm while a feed has the same; one that changed has others.
	s, e := begin(t)
	s.replace(e.Rules.Key, "")
	other, broken, changed := s.feed, s.feed, s.feed
	other.Name, broken.Match, changed.Match = "other", "{", "till-{store}.csv"
	if made, err := restaged(t.Context(), s, []ingest.Feed{other, broken, changed}, e); err == nil || len(made) > 0 {
		t.Errorf("rules of another feed were used: %d objects, %v", len(made), err)
	}
	if made, err := restaged(t.Context(), s, []ingest.Feed{other, s.feed}, e); err != nil || len(made) != len(objects(e)) {
		t.Errorf("with a feed of the same rules: %d objects, %v", len(made), err)
	}
	present := ingest.PresentRules(s.opt, []ingest.Feed{other, broken, s.feed}, e)
	if len(present) != 1 || int64(len(present[0])) != e.Rules.Bytes {
		t.Errorf("%d rules are offered for those that were lost", len(present))
	}
	// An object that comes out differently is named, the others are handed on; a refusal to keep one is told.
	e.Staged = slices.Clone(e.Staged)
	e.Staged[0].Object.SHA256 = strings.Repeat("0", 64)
	made, err := restaged(t.Context(), s, []ingest.Feed{s.feed}, e)
	if fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error(), e.Staged[0].Object.Key) || len(made) != len(objects(e))-1 {
		t.Errorf("%d objects, %v", len(made), err)
	}
	full := errors.New("full")
	if err := ingest.Restage(t.Context(), s.opt, []ingest.Feed{s.feed}, s.batches()[0], func(lake.Object, string) error { return full }); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

func swap(from, to string) func(string) string {
	return func(text string) string { return strings.Replace(text, from, to, 1) }
}

// reword stores the rules of a batch in other words and lets the entry name them.
func (s *shop) reword(e *lake.BatchEntry, change func(string) string) {
	s.t.Helper()
	text := change(s.stored(e.Rules.Key))
	o := objectOf("rules/other.json", text)
	s.replace(o.Key, text)
	e.Rules = &o
}

// A delivery packs into the object that the lake lost, or it is left alone.
func TestADeliveryGivesLostRawBytesBack(t *testing.T) {
	s := tills(t)
	text := header + "R1,2026-01-05,A,1,1,\n"
	s.put("till-S1-a.csv", text)
	file := s.run().Batches[0].Files[0]
	packed := s.stored(file.Raw.Key)
	path := filepath.Join(s.inbox, "till-S1-a.csv")
	var got string
	put := func(_ lake.Object, path string) error {
		data, err := os.ReadFile(path)
		got = string(data)
		return err
	}
	if made, err := ingest.Repack(t.Context(), t.TempDir(), file, path, put); !made || err != nil || got != packed {
		t.Errorf("%v %v, %d bytes", made, err, len(got))
	}
	other := file
	other.Raw.SHA256 = strings.Repeat("0", 64)
	if made, err := ingest.Repack(t.Context(), t.TempDir(), other, path, put); made || fault.KindOf(err) != fault.Damaged {
		t.Errorf("packed differently: %v %v", made, err)
	}
	other = file
	other.SHA256 = strings.Repeat("0", 64)
	if made, err := ingest.Repack(t.Context(), t.TempDir(), other, path, put); made || err != nil {
		t.Errorf("another content: %v %v", made, err)
	}
	if made, err := ingest.Repack(t.Context(), filepath.Join(s.inbox, "none"), file, path, put); made || fault.KindOf(err) != fault.Exhausted {
		t.Errorf("no scratch: %v %v", made, err)
	}
	if made, err := ingest.Repack(interruptAt(1), t.TempDir(), file, path, put); made || !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v %v", made, err)
	}
	full := errors.New("full")
	if made, err := ingest.Repack(t.Context(), t.TempDir(), file, path, func(lake.Object, string) error { return full }); made || !errors.Is(err, full) {
		t.Errorf("not kept: %v %v", made, err)
	}
	// Delivered again under another name, the bytes come back by themselves.
	s.replace(file.Raw.Key, "")
	s.put("till-S1-b.csv", text)
	if again := s.run(); again.Same != 1 || s.stored(file.Raw.Key) != packed {
		t.Errorf("%+v", again)
	}
	// A record that was packed by another version stays for the check to name.
	s.replace(file.Raw.Key, "")
	s.put("till-S1-c.csv", text)
	s.run()
	if s.stored(file.Raw.Key) != packed {
		t.Error("the raw bytes did not come back")
	}
}

// What is stored under a file's raw key must be the file's bytes.
func TestDamagedRawBytesAreNotTakenForADelivery(t *testing.T) {
	for name, found := range map[string]string{"no zstd": "nothing that can be unpacked", "another content": ""} {
		t.Run(name, func(t *testing.T) {
			text := header + "R1,2026-01-05,A,1,1,\n"
			s := tills(t)
			s.put("till-S1-a.csv", text)
			raw := s.run().Batches[0].Files[0].Raw
			if found == "" {
				other := tills(t)
				other.put("till-S1-a.csv", text+"R2,2026-01-05,A,1,1,\n")
				found = other.stored(other.run().Batches[0].Files[0].Raw.Key)
			}
			fresh := tills(t)
			fresh.replace(raw.Key, found)
			fresh.put("till-S1-a.csv", text)
			_, err := ingest.Run(t.Context(), fresh.opt, []ingest.Feed{fresh.feed})
			var told *fault.Error
			if !errors.As(err, &told) || told.Code != "raw_damaged" || len(fresh.batches()) > 0 {
				t.Errorf("%d batches, %v", len(fresh.batches()), err)
			}
			fresh.replace(raw.Key, "")
			fresh.run()
			fresh.want("order", "order_id", "R1")
		})
	}
}

// A place that cannot be read back is named.
func TestWhatCannotBeLocated(t *testing.T) {
	s := tills(t)
	s.put("till-S1-a.csv", header+"R1,2026-01-05,A,1,1,\n")
	e := s.run().Batches[0]
	locate := func(batch string, file int, row int64) string {
		_, err := ingest.Locate(t.Context(), s.opt.Lake, batch, file, row)
		var told *fault.Error
		if errors.As(err, &told) {
			return told.Code
		}
		return "none"
	}
	if got := []string{locate("b", 0, 1), locate(e.ID, 7, 1), locate(e.ID, 0, 7), locate(e.ID, 0, 1)}; !slices.Equal(got, []string{"unknown_batch", "unknown_batch", "unknown_row", "none"}) {
		t.Errorf("%q", got)
	}
	if _, err := ingest.Locate(interruptAt(1), s.opt.Lake, e.ID, 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	s.replace(e.Files[0].Raw.Key, "")
	if got := locate(e.ID, 0, 1); got != "raw_missing" {
		t.Errorf("without its bytes: %q", got)
	}
}

// Lists of what waits in quarantine, chosen and bounded; what cannot be listed is told.
func TestQuarantineIsListedAsAsked(t *testing.T) {
	s := tills(t)
	s.put("till-S1-a.csv", header+"R1,2026-01-05,A,x,1,\nR2,2026-01-05,A,y,1,\n")
	s.put("till-S1-b.csv", header+"R3,2026-01-05,A,z,1,\n")
	s.feed.RefuseOver = 1_000_000
	s.run()
	list := func(f ingest.Filter) int {
		all, err := ingest.Quarantined(t.Context(), s.opt, f)
		if err != nil {
			t.Error(err)
		}
		return len(all)
	}
	if got := []int{list(ingest.Filter{}), list(ingest.Filter{Limit: 2}), list(ingest.Filter{File: "till-S1-b.csv"}), list(ingest.Filter{Source: "other"}), list(ingest.Filter{Feed: "receipts", Batch: "none"})}; !slices.Equal(got, []int{3, 2, 1, 0, 0}) {
		t.Errorf("%v", got)
	}
	for at := int64(1); ; at += stride() {
		all, err := ingest.Quarantined(interruptAt(at), s.opt, ingest.Filter{})
		if err == nil && len(all) == 3 {
			break
		}
		if !errors.Is(err, context.Canceled) && fault.KindOf(err) != fault.Interrupted {
			t.Fatalf("step %d: %d records, %v", at, len(all), err)
		}
	}
	spoiled := s.opt
	spoiled.TempDir = filepath.Join(s.inbox, "none")
	if _, err := ingest.Quarantined(t.Context(), spoiled, ingest.Filter{}); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("no scratch: %v", err)
	}
	s.replace(s.batches()[0].Quarantine.Key, "")
	if _, err := ingest.Quarantined(t.Context(), s.opt, ingest.Filter{}); !errors.Is(err, objstore.ErrNotFound) {
		t.Errorf("lost: %v", err)
	}
}

// An entry that cannot be read stops everything that reads the log: what it says would else be taken in twice.
func TestAnEntryThatCannotBeReadStopsEverything(t *testing.T) {
	s := tills(t)
	if _, err := s.opt.Lake.StreamLog("tills", "receipts").Append(t.Context(), 1, lake.KindBatch, json.RawMessage(`{"id": 7}`)); err != nil {
		t.Fatal(err)
	}
	s.put("till-S1-a.csv", header+"R1,2026-01-05,A,1,1,\n")
	for name, work := range map[string]func() error{
		"run":        func() error { return runFeed(t.Context(), s) },
		"replay":     func() error { return replayAll(t.Context(), s) },
		"quarantine": func() error { _, err := ingest.Quarantined(t.Context(), s.opt, ingest.Filter{}); return err },
		"locate":     func() error { _, err := ingest.Locate(t.Context(), s.opt.Lake, "b", 0, 1); return err },
	} {
		if err := work(); err == nil || !strings.Contains(err.Error(), "stream/tills/receipts") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func objectOf(key, text string) lake.Object {
	sum := sha256.Sum256([]byte(text))
	return lake.Object{Key: key, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(text))}
}
