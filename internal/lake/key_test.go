package lake_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
)

func TestEncode(t *testing.T) {
	for name, want := range map[string]string{
		"": "%", ".": "%2E", "..": "%2E.", "plain-Name_1.csv": "plain-Name_1.csv", "a/b": "a%2Fb", "../etc": "%2E.%2Fetc",
		"a b": "a%20b", "收": "%E6%94%B6", "%": "%25", "~": "%7E", "a\x00\n\\": "a%00%0A%5C", ".omoflow": "%2Eomoflow",
	} {
		if got := lake.Encode(name); got != want {
			t.Errorf("Encode(%q) = %q, want %q", name, got, want)
		}
	}
	long := lake.Encode(strings.Repeat("x", 300))
	if len(long) > 96 || !strings.Contains(long, "~") || long == lake.Encode(strings.Repeat("x", 301)) {
		t.Errorf("long name: %q", long)
	}
}

func TestKeys(t *testing.T) {
	day := time.Date(2026, 3, 1, 1, 0, 0, 0, time.FixedZone("x", 8*3600))
	for got, want := range map[string]string{
		lake.RawKey("tills", "a/b", day, "00ff"):                "raw/tills/a%2Fb/2026/02/28/00ff.zst",
		lake.StagedKey("tills", "receipts", "b1", "order"):      "staged/tills/receipts/b1/order.parquet",
		lake.QuarantineKey("tills", "receipts", "b1"):           "quarantine/tills/receipts/b1.parquet",
		lake.TableKey("sales.order", "2026-01", "00ff"):         "tables/sales.order/2026-01/00ff.parquet",
		lake.ManifestKey("sales.order", "00ff"):                 "manifests/sales.order/00ff.json",
		lake.ReportKey("meeting", "2026-W05", 2, "pack 1.html"): "reports/meeting/2026-W05/v2/pack%201.html",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzKeys: no outside name leaves its folder, makes a key that a store refuses, or meets another's.
func FuzzKeys(f *testing.F) {
	f.Add("tills", "receipts")
	f.Add("../..", "/etc/passwd")
	f.Add("", "\x00\xff~%")
	f.Add(strings.Repeat("长", 200), strings.Repeat("%", 500))
	plain := regexp.MustCompile(`^[A-Za-z0-9._%~-]+$`)
	f.Fuzz(func(t *testing.T, a, b string) {
		keys := map[string]int{
			lake.RawKey(a, b, time.Unix(0, 0), b): 7, lake.StagedKey(a, b, a, b): 5, lake.QuarantineKey(a, b, a): 4,
			lake.TableKey(a, b, a): 4, lake.ManifestKey(a, b): 3, lake.ReportKey(a, b, 1, a): 5,
		}
		for key, parts := range keys {
			if err := objstore.CheckKey(key); err != nil {
				t.Errorf("%q: %v", key, err)
			}
			if got := strings.Split(key, "/"); len(got) != parts {
				t.Errorf("%q has %d parts, want %d", key, len(got), parts)
			}
		}
		if x := lake.Encode(a); !plain.MatchString(x) || (a != b) != (x != lake.Encode(b)) {
			t.Errorf("%q and %q become %q and %q", a, b, x, lake.Encode(b))
		}
	})
}

func TestBatchIDDependsOnEveryPart(t *testing.T) {
	base := lake.BatchID("s", "f", "m", []string{"1", "2"})
	for _, other := range []string{
		lake.BatchID("sf", "", "m", []string{"1", "2"}), lake.BatchID("s", "f", "m", []string{"12"}), lake.BatchID("s", "f", "m1", []string{"2"}),
		lake.BatchID("s", "f", "n", []string{"1", "2"}), lake.BatchID("s", "f", "m", []string{"2", "1"}), lake.BatchID("s", "f", "m", nil),
	} {
		if other == base {
			t.Error("two batches share an id")
		}
	}
	if base != lake.BatchID("s", "f", "m", []string{"1", "2"}) || len(base) != 32 {
		t.Errorf("id %q is not stable", base)
	}
}

func TestCounts(t *testing.T) {
	c := lake.Counts{Read: 10, Accepted: 5, Duplicate: 2, Quarantined: 2, Ignored: 1}
	if !c.Balanced() || c.Add(c).Read != 20 || !c.Add(c).Balanced() || (lake.Counts{Read: 1}).Balanced() {
		t.Error("counts do not add up")
	}
}
