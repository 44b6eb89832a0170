package world

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"
)

// small is a world of some seconds' reading: every dialect, every platform, every fault up to day 59.
func small() Options {
	return Options{Seed: 7, Days: 60, Stores: 5, SKUs: 120, Customers: 400, LinesPerDay: 400}
}

func digest(t *testing.T, dir string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		sums[filepath.ToSlash(name)] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

func write(t *testing.T, o Options, ranges ...[2]int) map[string]string {
	t.Helper()
	dir := t.TempDir()
	for _, r := range ranges {
		if _, err := Write(context.Background(), dir, o, r[0], r[1]); err != nil {
			t.Fatal(err)
		}
	}
	return digest(t, dir)
}

func TestSameSeedSameBytes(t *testing.T) {
	o := Options{Seed: 3, Stores: 5, SKUs: 100, Customers: 300, LinesPerDay: 150}
	whole := write(t, o, [2]int{0, 30})
	if again := write(t, o, [2]int{0, 30}); !equal(whole, again) {
		t.Error("the same options gave other bytes")
	}
	if steps := write(t, o, [2]int{0, 20}, [2]int{20, 29}, [2]int{29, 30}); !equal(whole, steps) {
		t.Error("day by day gave other bytes than all at once")
	}
	o.Seed = 4
	other, same := write(t, o, [2]int{0, 30}), 0
	for name, sum := range other {
		if whole[name] == sum {
			same++
		}
	}
	if same > 3 { // locations and promotions do not depend on the seed
		t.Errorf("%d of %d files are equal under another seed", same, len(other))
	}
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

func TestDemoIsTheSizeThatIsPromised(t *testing.T) {
	truth, err := TruthOf(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var orders, lines int64
	for _, c := range truth.Sales {
		orders, lines = orders+c.Orders, lines+c.Lines
	}
	for what, ok := range map[string]bool{
		"60,000 to 90,000 orders": orders >= 60_000 && orders <= 90_000,
		"about 200,000 lines":     lines >= 180_000 && lines <= 220_000,
		"less than 2,500 files":   len(truth.Files) > 1_000 && len(truth.Files) < 2_500,
		"cross-channel customers": truth.Customers.CrossLinked > 500 && truth.Customers.CrossPeople > truth.Customers.CrossLinked,
		"36 stocktakes":           len(truth.Stocktakes) == 36,
		"nothing on the way":      len(truth.Pending) == 0,
		"a phone of many":         truth.Customers.SharedShopPhone > 12,
	} {
		if !ok {
			t.Errorf("not %s: %d orders, %d lines, %d files, %+v, %d stocktakes, pending %v", what, orders, lines, len(truth.Files), truth.Customers, len(truth.Stocktakes), truth.Pending)
		}
	}
}

func TestFaultsHappenOnSchedule(t *testing.T) {
	truth, err := TruthOf(small())
	if err != nil {
		t.Fatal(err)
	}
	var late, corrected, copies, spoiled, repeated, closed int
	for _, f := range truth.Files {
		stamp := f.Path[len(f.Path)-len(filepath.Ext(f.Path))-10:]
		if date, err := time.Parse(time.DateOnly, strings.TrimSuffix(stamp, filepath.Ext(f.Path))); err == nil && f.CopyOf == "" && !f.Corrects {
			if arrived := time.Date(2026, 1, 1+f.Day, 0, 0, 0, 0, time.UTC); arrived.Sub(date) == lateBy*24*time.Hour {
				late++
			}
		}
		corrected += count1(f.Corrects)
		copies += count1(f.CopyOf != "")
		spoiled += f.Quarantined
		repeated += f.Repeated
	}
	for _, d := range truth.StoreDays {
		closed += count1(!d.Healthy)
	}
	if late == 0 || corrected == 0 || copies == 0 || spoiled == 0 || repeated == 0 || closed == 0 {
		t.Errorf("late %d, corrected %d, copies %d, spoiled %d, repeated %d, blind counters %d: each must occur", late, corrected, copies, spoiled, repeated, closed)
	}
}

func count1(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestPlanListsWhatIsWritten(t *testing.T) {
	o := Options{Stores: 3, SKUs: 50, Customers: 100, LinesPerDay: 60}
	names := []string{}
	for name := range write(t, o, [2]int{0, 28}) {
		names = append(names, name)
	}
	slices.Sort(names)
	planned, err := Plan(o, 27)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(names, planned) {
		t.Errorf("planned %d files, %d are there", len(planned), len(names))
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	for _, o := range []Options{{Days: -1}, {Stores: 100}, {SKUs: 5}, {Customers: 3}, {LinesPerDay: 4}, {Scale: -2}} {
		if _, err := TruthOf(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	if _, err := Write(context.Background(), t.TempDir(), Options{}, 5, 2); err == nil {
		t.Error("days 5 to 2 were accepted")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Write(ctx, t.TempDir(), Options{}, 0, 2); err == nil {
		t.Error("a cancelled context was ignored")
	}
}

func TestNetRoundsTheTaxHalfAwayFromZero(t *testing.T) {
	for _, c := range []struct{ paid, net int64 }{{0, 0}, {113, 100}, {1, 1}, {9990, 8841}, {-9990, -8841}, {100000, 88496}} {
		if got := netOf(cny, c.paid); got != c.net {
			t.Errorf("net of %d is %d, not %d", c.paid, got, c.net)
		}
	}
	if netOf(usd, 999) != 999 {
		t.Error("sales abroad carry no tax")
	}
}

func TestSpellings(t *testing.T) {
	if got := moneyGerman(-123456789); got != "-1.234.567,89" {
		t.Error(got)
	}
	if got := money(-5); got != "-0.05" {
		t.Error(got)
	}
	if got := clock(86399); got != "23:59:59" {
		t.Error(got)
	}
	tx := &text{sep: ','}
	tx.row(`say "hi"`, "a,b", "")
	if got := string(tx.b); got != "\"say \"\"hi\"\"\",\"a,b\",\n" {
		t.Errorf("%q", got)
	}
	d := delivery{encoding: windows1252, render: func(t *text) { t.row("中") }}
	if _, err := d.bytes(); err == nil {
		t.Error("a character outside windows-1252 was written")
	}
}

func TestPhonesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for i := range int32(50_000) {
		p := phoneOf(i)
		if len(p) != 11 || seen[p] {
			t.Fatalf("phone %q of %d", p, i)
		}
		seen[p] = true
	}
}

func TestWorkbookOpens(t *testing.T) {
	dir := t.TempDir()
	if _, err := Write(context.Background(), dir, small(), 0, 2); err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenFile(filepath.Join(dir, "pos", "orders-S05-2026-01-02.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows("Orders")
	if err != nil || len(rows) < 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if rows[0][0] != "Receipts of S05" || !slices.Equal(rows[1], workbookHeader) || !strings.HasPrefix(rows[2][1], "2026-01-02 1") {
		t.Errorf("%q", rows[:3])
	}
}

// TestSmallWorldsConserve: in any world, what the files bring adds up to what happened.
func TestSmallWorldsConserve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Seed: rapid.Uint64().Draw(t, "seed"), Days: rapid.IntRange(1, 50).Draw(t, "days"), Stores: rapid.IntRange(1, 6).Draw(t, "stores"),
			SKUs: rapid.IntRange(20, 60).Draw(t, "skus"), Customers: rapid.IntRange(20, 300).Draw(t, "people"), LinesPerDay: rapid.IntRange(20, 120).Draw(t, "lines")}
		s, err := newSim(o)
		if err != nil {
			t.Fatal(err)
		}
		tally := newTally(s)
		for day := range s.o.Days {
			for _, d := range s.step(day) {
				tally.arrive(d)
				data, err := d.bytes()
				if err != nil || len(data) == 0 {
					t.Fatalf("%s: %d bytes, %v", d.path, len(data), err)
				}
			}
		}
		truth := tally.truth()
		held := map[int]int{} // units that an unpaid order still reserves
		for _, orders := range s.unsettled {
			for i := range orders {
				for _, l := range orders[i].lines {
					held[orders[i].fulfil*100_000+l.sku] += l.qty
				}
			}
		}
		if len(truth.Pending) > 0 {
			return // a late file's sales are not known yet
		}
		for place := range s.places {
			for sku, physical := range s.onHand[place] {
				if known := tally.stock[place][sku] - held[place*100_000+sku]; known != physical {
					t.Fatalf("%s %s: the books say %d, the shelf %d", s.places[place], s.products[sku].sku, known, physical)
				}
				if physical < 0 {
					t.Fatalf("%s %s: %d on the shelf", s.places[place], s.products[sku].sku, physical)
				}
			}
		}
		for _, c := range truth.Sales {
			if c.Unpaid < 0 || c.Net > c.Gross-c.Discount || c.Orders > c.Lines || c.Lines > c.Units || c.HomeNet < 0 {
				t.Fatalf("%+v", c)
			}
		}
		if k := truth.Customers; k.Clusters < k.People || k.CrossLinked > k.CrossPeople || k.Records < k.Clusters {
			t.Fatalf("%+v", k)
		}
	})
}

func TestBigLines(t *testing.T) {
	for days, f := range map[int]func(*bytes.Buffer) error{
		31:  func(b *bytes.Buffer) error { return BigLines(b, 40_000, 5) },
		730: func(b *bytes.Buffer) error { return BigLinesTwoYears(b, 40_000, 5) },
	} {
		var b, again bytes.Buffer
		if err := f(&b); err != nil {
			t.Fatal(err)
		}
		_ = f(&again)
		if !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Error("two runs differ")
		}
		rows := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(rows) != 40_001 || rows[0]+"\n" != bigHeader {
			t.Fatalf("%d rows", len(rows))
		}
		seen, last, keys := map[string]bool{}, "", map[string]bool{}
		for _, row := range rows[1:] {
			c := strings.Split(row, ",")
			if len(c) != 12 || c[3] < last || keys[c[1]+"/"+c[2]] {
				t.Fatalf("%s after %s", row, last)
			}
			last, seen[c[3][:10]], keys[c[1]+"/"+c[2]] = c[3], true, true
			qty, price, discount, tax, amount := fen(t, c[5]+".00")/100, fen(t, c[6]), fen(t, c[7]), fen(t, c[8]), fen(t, c[9])
			if qty*price-discount != amount || taxOf(cny, amount) != tax {
				t.Fatalf("%s does not tie", row)
			}
		}
		if len(seen) != days {
			t.Errorf("%d days, not %d", len(seen), days)
		}
	}
}
