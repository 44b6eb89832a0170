package proof

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/transforms"
)

// Public failures of other tools, each with the rule that keeps it out of here. Those of features that are not built yet get
// their test together with the feature:
//
//	Airbyte #13824, #28926, #31202, #39336, #7577    waits for: sources with cursors (conformance suite of pipelines/source)
//	Lightdash #17966, #14767 mail without its CSV     waits for: delivery
//	Lightdash #16182, #7961, #8520, #6156, #4958, #4572   waits for: delivery
//	dbt #11423 a retry used today's date              waits for: schedules (builds read no clock: TestProofTables)
//	Dagster #28998, #15241, #16304, #34023, #15551, #13219, #21151   waits for: schedules, backfill
//	Dagu #1180, Duckle #296, Windmill PR#10917        waits for: schedules
//
// Named elsewhere: R4 races and R16 limits have proofs of their own in this package.

// tillProfile reads receipts with their customer; one without a time has no date.
const tillProfile = `
profile: till
format: csv
columns: {id: id, at: at, store: store, amount: amount, customer: customer, phone: {from: phone, optional: true}}
dates: {order: ymd, zone: Asia/Shanghai}
numbers: {decimal: "."}
constants: {channel: store, platform: till, currency_code: CNY, tax_included: "true"}
streams:
  order:
    columns: {order_id: id, ordered_at: at, location_id: store, total_amount: amount, net_amount: amount, gross_amount: amount, source_customer_id: customer, contact_phone: phone}
`

// till is a shop with one feed of receipts.
type till struct {
	*shop
	feed ingest.Feed
}

func newTill(t *testing.T, targets ...string) *till {
	t.Helper()
	t.Parallel()
	s := newBench(t, 1, "1GiB", targets...).newShop(t)
	s.feeds = []benchFeed{{source: "till", name: "all", expect: [][]string{{"till", "all", "S1", "day", "2026-01-01", ""}}}}
	x := &till{shop: s}
	x.feed = s.feedOf(t, "till", tillProfile)
	return x
}

// receipts makes a file of rows "id,at,amount,customer".
func receipts(name string, rows ...string) delivery {
	text := "id,at,store,amount,customer\n"
	for _, row := range rows {
		cells := strings.Split(row, ",")
		text += fmt.Sprintf("%s,%s,S1,%s,%s\n", cells[0], cells[1], cells[2], cells[3])
	}
	return delivery{"till/" + name, []byte(text), day("2026-03-01").Add(time.Duration(len(text)) * time.Second)}
}

func (x *till) ingest(lk *lake.Lake) (ingest.Result, error) {
	options := x.ingestOptions()
	options.Lake = lk
	return ingest.Run(context.Background(), options, []ingest.Feed{x.feed})
}

func (x *till) deliver(files ...delivery) ingest.Result {
	x.t.Helper()
	x.arrive(files...)
	result, err := x.ingest(x.lake)
	fatal(x.t, err)
	return result
}

func (x *till) orders(r release.Release) string {
	x.t.Helper()
	var all []string
	for _, row := range x.query(r, "SELECT order_id FROM stg_order ORDER BY order_id") {
		all = append(all, row[0])
	}
	return strings.Join(all, " ")
}

// A rebuild applies no interval: it gives what is there, and lost input fails instead of giving a smaller table.
func TestRegression_Bruin2181FullRefreshEmptiesTable(t *testing.T) {
	x := newTill(t, "stg_order")
	x.deliver(receipts("a.csv", "A,2026-01-05 10:00,1.00,", "B,2026-02-05 10:00,1.00,"))
	r := x.publishIn()
	report, err := transforms.Rebuild(context.Background(), x.buildOptions())
	fatal(t, err)
	if report.Partitions < 2 || x.orders(r) != "A B" {
		t.Fatalf("rebuilt %+v, orders %s", report, x.orders(r))
	}
	x.deliver(receipts("b.csv", "C,2026-01-06 10:00,1.00,"))
	batches, err := x.lake.Batches(context.Background())
	fatal(t, err)
	fatal(t, x.lake.Bucket.Delete(context.Background(), batches[0].Staged[0].Object.Key))
	if _, err := transforms.Build(context.Background(), x.buildOptions()); err == nil {
		t.Fatal("a build without one of its inputs succeeded")
	}
}

// A delivery that could not be stored leaves no entry: the cursor stays, and the next run takes all of it.
func TestRegression_Airbyte85372SliceDroppedCursorAdvanced(t *testing.T) {
	x := newTill(t, "stg_order")
	x.arrive(receipts("a.csv", "A,2026-01-05 10:00,1.00,", "B,2026-01-05 11:00,1.00,"), receipts("b.csv", "C,2026-01-06 10:00,1.00,"))
	for writes := range 3 {
		lk := *x.lake
		lk.Bucket = &failing{Bucket: x.lake.Bucket, left: writes}
		if result, err := x.ingest(&lk); err == nil {
			t.Fatalf("after %d writes the store was gone, and the run says %+v", writes, result)
		}
	}
	if result := x.deliver(); result.Counts.Accepted != 3 || x.orders(x.publishIn()) != "A B C" {
		t.Fatalf("taken %+v", result)
	}
}

// Rows are counted in the finished file, not while they are sent.
func TestRegression_Sling588ReportedRowsNotInFile(t *testing.T) {
	x := newTill(t, "stg_order")
	x.deliver(receipts("a.csv", "A,2026-01-05 10:00,1.00,", "B,2026-01-05 11:00,1.00,"), receipts("b.csv", "C,2026-01-06 10:00,x,"))
	r := x.publishIn()
	count := func(o lake.Object) {
		name, err := x.cache.Path(context.Background(), o.Key, o.SHA256, o.Bytes)
		fatal(t, err)
		n, err := x.db.Count(context.Background(), "SELECT count(*) FROM "+warehouse.ReadParquet(name))
		fatal(t, err)
		if n != o.Rows {
			t.Errorf("%s holds %d rows, stated are %d", o.Key, n, o.Rows)
		}
	}
	batches, err := x.lake.Batches(context.Background())
	fatal(t, err)
	for _, b := range batches {
		for _, s := range b.Staged {
			count(s.Object)
		}
	}
	x.eachFile(r, func(_, _ string, _ release.Manifest, f lake.Object) { count(f) })
}

// A quiet day is a success.
func TestRegression_Sling793NoNewFilesIsFailure(t *testing.T) {
	x := newTill(t, "stg_order")
	if result := x.deliver(); result.Files != 0 {
		t.Fatalf("%+v", result)
	}
	x.deliver(receipts("a.csv", "A,2026-01-05 10:00,1.00,"))
	r := x.publishIn()
	if result := x.deliver(); result.Files != 0 || x.publishIn().Seq != r.Seq {
		t.Fatalf("%+v", result)
	}
}

// A record without the value that windows go by is loaded or quarantined, never filtered.
func TestRegression_Sling380NullCursorRowsNeverLoad(t *testing.T) {
	x := newTill(t, "stg_order", "stg_order_undated")
	result := x.deliver(receipts("a.csv", "A,2026-01-05 10:00,1.00,", "B,,1.00,", "C,,1.00,"))
	r := x.publishIn()
	undated := x.query(r, "SELECT count(*) FROM stg_order_undated")
	if got := fmt.Sprint(result.Counts.Accepted, " ", result.Counts.Quarantined, " ", undated[0][0]); got != "3 0 2" && got != "1 2 0" {
		t.Fatalf("accepted, quarantined, undated: %s", got)
	}
}

// Data and state are one entry: data that landed without it does not count, and the retry does not double it.
func TestRegression_Dlt4052DataLandedStateDidNot(t *testing.T) {
	x := newTill(t, "stg_order")
	x.arrive(receipts("a.csv", "A,2026-01-05 10:00,1.00,"))
	lk := *x.lake
	lk.Bucket = &failing{Bucket: x.lake.Bucket, left: 2} // raw and staged land, the entry does not
	if _, err := x.ingest(&lk); err == nil {
		t.Fatal("the entry could not be written")
	}
	for range 3 {
		x.deliver()
	}
	batches, err := x.lake.Batches(context.Background())
	fatal(t, err)
	if len(batches) != 1 || x.orders(x.publishIn()) != "A" {
		t.Fatalf("%d batches", len(batches))
	}
}

// Batches are bounded, and those that were committed stay when a later one fails.
func TestRegression_Dlt215NoCheckpointInALongRun(t *testing.T) {
	x := newTill(t, "stg_order")
	for i := range 5 {
		x.arrive(receipts(fmt.Sprintf("%d.csv", i), fmt.Sprintf("R%d,2026-01-05 10:00,1.00,", i)))
	}
	lk := *x.lake
	lk.Bucket = &failing{Bucket: x.lake.Bucket, left: 7} // two files a batch: 2 raw, 1 staged, 1 entry
	options := x.ingestOptions()
	options.Lake, options.BatchFiles = &lk, 2
	if _, err := ingest.Run(context.Background(), options, []ingest.Feed{x.feed}); err == nil {
		t.Fatal("the store was gone in the second batch")
	}
	batches, err := x.lake.Batches(context.Background())
	fatal(t, err)
	if len(batches) != 1 || len(batches[0].Files) != 2 {
		t.Fatalf("%d batches", len(batches))
	}
	if x.deliver(); x.orders(x.publishIn()) != "R0 R1 R2 R3 R4" {
		t.Fatal("the rest is missing")
	}
}

// Missing state never means to begin again: a log that lost an entry is refused, by ingest and by builds.
func TestRegression_Rocky1179LostStateAppendsEverything(t *testing.T) {
	x := newTill(t, "stg_order")
	for i := range 3 {
		x.deliver(receipts(fmt.Sprintf("%d.csv", i), fmt.Sprintf("R%d,2026-01-05 10:00,1.00,", i)))
	}
	x.publishIn()
	fatal(t, x.lake.Bucket.Delete(context.Background(), journal.EntryKey(x.lake.StreamLog("till", "all").Name(), 2)))
	x.arrive(receipts("new.csv", "N,2026-01-06 10:00,1.00,"))
	if result, err := x.ingest(x.lake); err == nil {
		t.Fatalf("ingest went on without an entry: %+v", result)
	}
	if _, err := transforms.Build(context.Background(), x.buildOptions()); err == nil {
		t.Fatal("a build went on without an entry")
	}
}

// The same files again and again are the same rows.
func TestRegression_Rocky1990InsertsAgainEachRun(t *testing.T) {
	x := newTill(t, "stg_order")
	a := receipts("a.csv", "A,2026-01-05 10:00,1.00,")
	x.deliver(a)
	r := x.publishIn()
	want := x.files(r)
	for i := range 3 {
		a.modified = a.modified.Add(time.Hour)
		if i == 2 {
			a.path = "till/another name.csv"
		}
		x.deliver(a)
		same(t, "delivered again", want, x.files(x.publishIn()))
	}
}

// There is no release without the result of every check, and none at all when one fails.
func TestRegression_Rocky1726PublishedWithoutChecks(t *testing.T) {
	x := newTill(t, "sales.order")
	x.deliver(receipts("a.csv", "A,2026-01-05 10:00,1.00,"))
	r := x.publishIn()
	ran := map[string]bool{}
	for _, c := range r.Checks {
		ran[c.Model+" "+c.Name] = true
		if c.Status != "passed" && c.Severity == "block" {
			t.Errorf("released although %s is %s", c.Name, c.Status)
		}
	}
	for _, m := range x.models.Models {
		for _, check := range m.Checks {
			if !slices.ContainsFunc(r.Checks, func(c release.Check) bool { return strings.Contains(c.Name, check) }) {
				t.Errorf("%s of %s has no result", check, m.Name)
			}
		}
	}
	x.feed = x.feedOf(t, "till", strings.Replace(tillProfile, "currency_code: CNY", "currency_code: USD", 1)) // no rate is known
	x.deliver(receipts("b.csv", "B,2026-01-06 10:00,1.00,"))
	candidate, err := transforms.Build(context.Background(), x.buildOptions())
	if fault.KindOf(err) != fault.Findings {
		t.Fatalf("a blocking check failed, the build says %v", err)
	}
	if _, err := candidate.Publish(context.Background()); err == nil {
		t.Fatal("a candidate with a failed check was published")
	}
	if latest, _, err := release.Latest(context.Background(), x.lake); err != nil || latest.Seq != r.Seq {
		t.Fatalf("release %d is current, %v", latest.Seq, err)
	}
}
