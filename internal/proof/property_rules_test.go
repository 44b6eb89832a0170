package proof

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source/profile"
	"github.com/omoflow/omoflow/transforms"
	"github.com/omoflow/omoflow/transforms/identity"
)

// TestProofIdentity: whoever shares a key is one customer, also through others (I26); order of records is nothing; a record
// that has nothing to do with a group changes no id in it (I25); an id is the record id of a member, so that it is never
// given to somebody else (I30).
func TestProofIdentity(t *testing.T) {
	t.Parallel()
	n := check(t, cases(t, 60, 1650), func(rt *rapid.T) {
		edges := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) identity.Edge {
			e := identity.Edge{Record: fmt.Sprintf("r%02d", rapid.IntRange(0, 30).Draw(rt, "record")), KeyType: rapid.SampledFrom([]string{"phone", "email", "member_no", ""}).Draw(rt, "kind")}
			e.Registered = fmt.Sprintf("2026-01-%02d", 1+len(e.Record)*7%3+int(e.Record[2]-'0'))
			if e.KeyType != "" {
				e.KeyValue = fmt.Sprint(rapid.IntRange(0, 25).Draw(rt, "value"))
			}
			return e
		}), 1, 60).Draw(rt, "edges")
		want := closure(edges)
		got := map[string]string{}
		for _, link := range identity.Group(edges) {
			got[link.Record] = link.Customer
		}
		if !maps.Equal(want, got) {
			rt.Fatalf("closure of %v is %v, grouped %v", edges, want, got)
		}
		for _, link := range identity.Group(rapid.Permutation(edges).Draw(rt, "order")) {
			if got[link.Record] != link.Customer {
				rt.Fatalf("in another order %s belongs to %s instead of %s", link.Record, link.Customer, got[link.Record])
			}
		}
		stranger := identity.Edge{Record: "a stranger", Registered: "1999-01-01", KeyType: "phone", KeyValue: "nobody's"}
		for _, link := range identity.Group(append(slices.Clone(edges), stranger)) {
			if link.Record != stranger.Record && got[link.Record] != link.Customer {
				rt.Fatalf("a stranger moved %s from %s to %s", link.Record, got[link.Record], link.Customer)
			}
		}
	})
	fmt.Printf("proof: customers are the closure of shared keys, whatever the order, and stable (I25, I26, I30): %d cases, 0 differ\n", n)
}

// closure joins groups until nothing changes, and names each after its earliest member.
func closure(edges []identity.Edge) map[string]string {
	registered, group := map[string]string{}, map[string]string{}
	for _, e := range edges {
		if was, ok := registered[e.Record]; !ok || e.Registered < was {
			registered[e.Record] = e.Registered
		}
		group[e.Record] = e.Record
	}
	for changed := true; changed; {
		changed = false
		for _, a := range edges {
			for _, b := range edges {
				if a.KeyType == "" || a.KeyType != b.KeyType || a.KeyValue != b.KeyValue || group[a.Record] == group[b.Record] {
					continue
				}
				changed = true
				from, to := group[a.Record], group[b.Record]
				for record, g := range group {
					if g == from {
						group[record] = to
					}
				}
			}
		}
	}
	names := map[string]string{}
	for record, g := range group {
		if best, ok := names[g]; !ok || cmp.Or(strings.Compare(registered[record], registered[best]), strings.Compare(record, best)) < 0 {
			names[g] = record
		}
	}
	for record, g := range group {
		group[record] = names[g]
	}
	return group
}

// runModel gives rows to one model and says what it must make of them.
func (b *bench) runModel(t rapid.TB, file, text string) {
	t.Helper()
	results, err := transforms.RunTests(context.Background(), b.db, b.models, fstest.MapFS{file: &fstest.MapFile{Data: []byte(text)}})
	fatal(t, err)
	for _, r := range results {
		if r.Err != nil {
			t.Fatalf("%s: %v\n%s", r.Name, r.Err, text)
		}
	}
}

// TestProofAllocation: the discount that only the order states is shared by largest remainder, and its parts sum to it (I13).
func TestProofAllocation(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1, "1GiB", "int_line_allocation")
	n := check(t, cases(t, 8, 120), func(rt *rapid.T) {
		var heads, lines, want strings.Builder
		units := map[string]int64{"CNY": 100, "JPY": 1, "KWD": 1000}
		for o := range rapid.IntRange(1, 6).Draw(rt, "orders") {
			currency := rapid.SampledFrom([]string{"CNY", "JPY", "KWD"}).Draw(rt, "currency")
			gross := rapid.SliceOfN(rapid.Int64Range(0, 5_000), 1, 7).Draw(rt, "gross")
			var sum int64
			for _, g := range gross {
				sum += g
			}
			if sum == 0 {
				gross[0], sum = 7, 7
			}
			discount := rapid.Int64Range(1, sum).Draw(rt, "discount")
			fmt.Fprintf(&heads, "  s/%d | s | %d | %s | %s | %s | 2026-01-05\n", o, o, decimal(sum, units[currency]), decimal(discount, units[currency]), currency)
			for i, share := range largestRemainder(discount, gross) {
				fmt.Fprintf(&lines, "  s | %d | L%d | 1 | %s | 2026-01-05\n", o, i, decimal(gross[i], units[currency]))
				fmt.Fprintf(&want, "  s/%d | L%d | %s\n", o, i, decimal(share, units[currency]))
			}
		}
		b.runModel(rt, "intermediate/sales/int_line_allocation.test", "test parts sum to the whole\ngiven int_order_head\n  order_key | source | order_id | gross_amount | discount_amount | currency_code | business_date\n"+heads.String()+
			"given stg_order_line\n  source | order_id | line_key | quantity | gross_amount | business_date\n"+lines.String()+
			"given int_currency\n  currency_code | minor_unit\n  CNY | 2\n  JPY | 0\n  KWD | 3\nperiod 2026-01\nexpect\n  order_key | line_key | discount_amount\n"+want.String())
	})
	fmt.Printf("proof: order discounts are shared over lines to the minor unit and sum exactly (I13): %d cases, 0 differ\n", n)
}

// decimal spells an amount in minor units with four places.
func decimal(v, unit int64) string { return big.NewRat(v, unit).FloatString(4) }

// largestRemainder shares whole over weights: floors first, then one more to the largest remainders, the first line of equals.
func largestRemainder(whole int64, weights []int64) []int64 {
	var sum, given int64
	for _, w := range weights {
		sum += w
	}
	shares, order := make([]int64, len(weights)), make([]int, len(weights))
	for i, w := range weights {
		shares[i], order[i] = whole*w/sum, i
		given += shares[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(whole*weights[b]%sum, whole*weights[a]%sum) })
	for _, i := range order[:whole-given] {
		shares[i]++
	}
	return shares
}

// clockProfile reads local times of receipts.
const clockProfile = `
profile: clock
format: csv
columns: {id: id, at: at, store: store, amount: amount}
dates: {order: ymd, zone: %s}
numbers: {decimal: "."}
constants: {channel: store, currency_code: CNY}
streams:
  order:
    columns: {order_id: id, ordered_at: at, location_id: store, total_amount: amount}
`

// zones whose clocks change: by an hour, by half an hour, in the other half of the year, not at all, or at midnight.
var zones = []string{"Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu", "Africa/Casablanca"}

// TestProofBusinessDate: a local time is one instant and one business day of its store, also when the clocks change and with a
// cut-over in the night (I34).
func TestProofBusinessDate(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1, "1GiB", "stg_order")
	n := check(t, cases(t, 8, 60), func(rt *rapid.T) {
		places := map[string]ingest.Location{}
		var text strings.Builder
		text.WriteString("id,at,store,amount\n")
		type expected struct{ event, day string }
		want := map[string]expected{}
		for i := range rapid.IntRange(1, 3).Draw(rt, "stores") {
			hour := rapid.IntRange(0, 6).Draw(rt, "cut-over")
			places[fmt.Sprintf("S%d", i)] = ingest.Location{Zone: rapid.SampledFrom(zones).Draw(rt, "zone"), Cutover: fmt.Sprintf("%02d:%02d", hour, 30*(hour%2))}
		}
		for i := range rapid.IntRange(1, 40).Draw(rt, "receipts") {
			store := rapid.SampledFrom(slices.Sorted(maps.Keys(places))).Draw(rt, "store")
			zone, err := time.LoadLocation(places[store].Zone)
			fatal(rt, err)
			local := drawLocal(rt, zone)
			cutover, err := time.Parse("15:04", places[store].Cutover)
			fatal(rt, err)
			back := time.Duration(cutover.Hour())*time.Hour + time.Duration(cutover.Minute())*time.Minute
			id := fmt.Sprintf("R%03d", i)
			fmt.Fprintf(&text, "%s,%s,%s,1.00\n", id, local.Format("2006-01-02 15:04:05"), store)
			want[id] = expected{instant(local, zone).Format("2006-01-02 15:04:05"), local.Add(-back).Format(isoDay)}
		}
		s := b.newShop(rt)
		defer s.remove()
		feed := s.feedOf(rt, "clock", fmt.Sprintf(clockProfile, "Asia/Shanghai"))
		s.arrive(delivery{"clock/a.csv", []byte(text.String()), day("2026-02-01")})
		options := s.ingestOptions()
		options.Locations = places
		result, err := ingest.Run(context.Background(), options, []ingest.Feed{feed})
		fatal(rt, err)
		for _, row := range s.query(s.publishIn(), "SELECT order_id, ordered_at, business_date, location_id FROM stg_order") {
			if got := (expected{row[1], row[2]}); got != want[row[0]] {
				rt.Fatalf("%s in %v: %v instead of %v\n%s", row[0], places[row[3]], got, want[row[0]], text.String())
			}
			delete(want, row[0])
		}
		if len(want) > 0 {
			rt.Fatalf("%d receipts are missing: %+v", len(want), result.Counts)
		}
	})
	fmt.Printf("proof: every local time is one instant and one business day, across changes of the clock and cut-overs (I34): %d cases, 0 differ\n", n)
}

// drawLocal draws a wall clock time, half of them within two hours of a change of the clock.
func drawLocal(rt *rapid.T, zone *time.Location) time.Time {
	at := time.Date(rapid.IntRange(2019, 2030).Draw(rt, "year"), 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 365*24*3600-1).Draw(rt, "second")) * time.Second)
	if _, next := at.In(zone).ZoneBounds(); !next.IsZero() && rapid.Bool().Draw(rt, "near a change") {
		at = next.UTC().Add(time.Duration(rapid.IntRange(-7200, 7200).Draw(rt, "seconds off")) * time.Second)
	}
	_, offset := at.In(zone).Zone()
	local := at.Add(time.Duration(offset) * time.Second)
	if rapid.IntRange(0, 3).Draw(rt, "in a gap, perhaps") == 0 {
		local = local.Add(time.Duration(rapid.IntRange(-3600, 3600).Draw(rt, "moved")) * time.Second)
	}
	return local.Truncate(time.Second)
}

// instant is the first instant at which the zone's clocks show a local time; one that they jump over counts from before the jump.
// It tries every offset that the zone has around that day.
func instant(local time.Time, zone *time.Location) time.Time {
	var offsets []time.Duration
	for h := -30; h <= 30; h++ {
		_, seconds := local.Add(time.Duration(h) * time.Hour).In(zone).Zone()
		offsets = append(offsets, time.Duration(seconds)*time.Second)
	}
	var first time.Time
	for _, offset := range offsets {
		at := local.Add(-offset)
		if _, now := at.In(zone).Zone(); time.Duration(now)*time.Second == offset && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	for at := local.Add(-48 * time.Hour); first.IsZero(); { // nobody's clock shows it: the offset before the jump counts
		_, seconds := at.In(zone).Zone()
		_, at = at.In(zone).ZoneBounds()
		jump := at.UTC().Add(time.Duration(seconds) * time.Second)
		if !local.Before(jump) && local.Before(jump.Add(12*time.Hour)) {
			first = local.Add(-time.Duration(seconds) * time.Second)
		}
	}
	return first.UTC()
}

// feedOf is a feed of one folder with a profile of its own.
func (s *shop) feedOf(t rapid.TB, name, text string) ingest.Feed {
	t.Helper()
	p, err := profile.Parse(name+".yaml", []byte(text))
	fatal(t, err)
	return ingest.Feed{Source: name, Name: "all", Place: s.place(name), Match: "*.csv", Profile: p, RefuseOver: 1_000_000}
}

// TestProofAccounting: every record read is accepted, a duplicate, quarantined or ignored, whatever the file holds (I37); once the
// rule is corrected, a replay gives what would have been had it never been refused (I38).
func TestProofAccounting(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1, "1GiB", "stg_order")
	n := check(t, cases(t, 6, 100), func(rt *rapid.T) {
		var text strings.Builder
		text.WriteString("id,at,store,amount\n")
		records := rapid.IntRange(1, 30).Draw(rt, "records")
		good := map[string]string{}
		for i := range records {
			id := fmt.Sprintf("R%d", i)
			amount := rapid.SampledFrom([]string{"1.00", "12,50", "x", "", "1e3", "-3.20", "12.345", "(4.00)", "1.2.3"}).Draw(rt, "amount")
			at := rapid.SampledFrom([]string{"2026-01-05 10:00:00", "2026-02-30 10:00:00", "yesterday", "2026-01-06T11:00:00", ""}).Draw(rt, "time")
			if rapid.IntRange(0, 9).Draw(rt, "no id") == 0 {
				id = ""
			}
			fmt.Fprintf(&text, "%s,%s,S1,%q\n", id, at, amount)
			good[id] = amount
		}
		s := b.newShop(rt)
		defer s.remove()
		feed := s.feedOf(rt, "clock", fmt.Sprintf(clockProfile, "Asia/Shanghai"))
		files := []delivery{{"clock/a.csv", []byte(text.String()), day("2026-02-01")}, {"clock/a (1).csv", []byte(text.String()), day("2026-02-02")}}
		s.arrive(files...)
		result, err := ingest.Run(context.Background(), s.ingestOptions(), []ingest.Feed{feed})
		fatal(rt, err)
		c := result.Counts
		if !c.Balanced() || c.Read != int64(2*records) || c.Duplicate != int64(records) {
			rt.Fatalf("%d records twice, counted %+v:\n%s", records, c, text.String())
		}
		held, err := ingest.Quarantined(context.Background(), s.ingestOptions(), ingest.Filter{})
		fatal(rt, err)
		rows := map[int64]bool{}
		for _, r := range held {
			if r.Kind == "row" {
				rows[r.Row] = true
			}
		}
		if int64(len(rows)) != c.Quarantined {
			rt.Fatalf("%d records quarantined, %d found there: %v\n%s", c.Quarantined, len(rows), held, text.String())
		}
		// The rule is corrected: amounts and times are kept as text from now on.
		mended := strings.Replace(fmt.Sprintf(clockProfile, "Asia/Shanghai"), "ordered_at: at, location_id: store, total_amount: amount", "location_id: store, source_status: at, business_date: \"= DATE '2026-01-05'\"", 1)
		corrected := s.feedOf(rt, "clock", mended)
		_, err = ingest.Replay(context.Background(), s.ingestOptions(), []ingest.Feed{corrected}, ingest.Filter{})
		fatal(rt, err)
		fresh := b.newShop(rt)
		defer fresh.remove()
		feed = fresh.feedOf(rt, "clock", mended)
		fresh.arrive(files...)
		_, err = ingest.Run(context.Background(), fresh.ingestOptions(), []ingest.Feed{feed})
		fatal(rt, err)
		if c.Quarantined > 0 { // else there was nothing to replay
			same(rt, "replayed", fresh.contents(fresh.publishIn()), s.contents(s.publishIn()))
		}
	})
	fmt.Printf("proof: records read = accepted + duplicate + quarantined + ignored, and a replay equals never refused (I37, I38): %d cases, 0 lost\n", n)
}
