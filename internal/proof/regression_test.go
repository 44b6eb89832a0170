package proof

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
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

// Two builds at once: one publishes, the other starts anew, nothing is doubled and no reader sees a hole.
func TestRegression_SQLMesh3866TwoPlansDoubleRows(t *testing.T) {
	x := newTill(t, "stg_order")
	x.deliver(receipts("a.csv", "A,2026-01-05 10:00,1.00,", "B,2026-01-05 10:00,1.00,"))
	first, err := transforms.Build(context.Background(), x.buildOptions())
	fatal(t, err)
	second, err := transforms.Build(context.Background(), x.buildOptions())
	fatal(t, err)
	r, err := first.Publish(context.Background())
	fatal(t, err)
	if _, err := second.Publish(context.Background()); fault.KindOf(err) != fault.Conflict {
		t.Fatalf("the second publish says %v", err)
	}
	if x.orders(r) != "A B" || x.publishIn().Seq != r.Seq {
		t.Fatal("the second build changed something")
	}
}

// A correction replaces a partition in one step: readers see the rows before or after it, never none.
func TestRegression_SQLMesh5843HoleBetweenDeleteAndInsert(t *testing.T) {
	x := newTill(t, "stg_order")
	x.deliver(receipts("a.csv", "A,2026-01-05 10:00,1.00,", "B,2026-01-05 10:00,1.00,"))
	x.publishIn()
	done := make(chan struct{})
	var reading sync.WaitGroup
	var torn error
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			r, ok, err := release.Latest(context.Background(), x.lake)
			if err == nil && ok && r.Tables["stg_order"].Rows != 2 {
				err = fmt.Errorf("release %d shows %d rows", r.Seq, r.Tables["stg_order"].Rows)
			}
			torn = errors.Join(torn, err)
		}
	})
	for i := range 5 {
		x.deliver(receipts("a.csv", fmt.Sprintf("A,2026-01-05 10:00,%d.00,", i+2), "B,2026-01-05 10:00,1.00,"))
		x.publishIn()
	}
	close(done)
	reading.Wait()
	fatal(t, torn)
}

// What is missing is what was expected less what is there, wherever the gap is; filling it closes it.
func TestRegression_Dbt15518GapsNeverFilled(t *testing.T) {
	x := newTill(t, "assessment.completeness")
	x.deliver(receipts("1.csv", "A,2026-01-01 10:00,1.00,"), receipts("3.csv", "C,2026-01-03 10:00,1.00,"))
	state := func(r release.Release) string {
		var all []string
		for _, row := range x.query(r, "SELECT business_date, state FROM assessment.completeness ORDER BY business_date") {
			all = append(all, row[0][8:]+" "+row[1])
		}
		return strings.Join(all, ", ")
	}
	if got := state(x.publishIn()); got != "01 received, 02 missing, 03 received" {
		t.Fatal(got)
	}
	x.deliver(receipts("2.csv", "B,2026-01-02 10:00,1.00,"))
	if got := state(x.publishIn()); got != "01 received, 02 late, 03 received" {
		t.Fatal(got)
	}
}

// New or repeat is worked out from all purchases of the customers that a delivery touches.
func TestRegression_FivetranShopify95NewVersusRepeat(t *testing.T) {
	x := newTill(t, "assessment.kpi_fact")
	fresh := func(r release.Release) string {
		var all []string
		for _, row := range x.query(r, "SELECT period_start, value FROM assessment.kpi_fact WHERE kpi_id = 'new_cust' AND period_type = 'month' AND scope_type = 'company' ORDER BY period_start") {
			all = append(all, row[0][:7]+" "+row[1][:1])
		}
		return strings.Join(all, ", ")
	}
	x.deliver(receipts("2.csv", "B,2026-02-05 10:00,1.00,M1", "C,2026-03-05 10:00,1.00,M1"))
	if got := fresh(x.publishIn()); got != "2026-02 1, 2026-03 0" {
		t.Fatal(got)
	}
	x.deliver(receipts("1.csv", "A,2026-01-05 10:00,1.00,M1"))
	if got := fresh(x.publishIn()); got != "2026-01 1, 2026-02 0, 2026-03 0" {
		t.Fatal(got)
	}
	_, err := transforms.Rebuild(context.Background(), x.buildOptions())
	fatal(t, err)
}

// A masked value is no key: two customers who show the same mask stay two.
func TestRegression_FivetranMaskedKeyMergesCustomers(t *testing.T) {
	x := newTill(t, "customer.customer_link")
	text := "id,at,store,amount,customer,phone\nA,2026-01-05 10:00,S1,1.00,M1,138****1234\nB,2026-01-05 11:00,S1,1.00,M2,138****1234\n"
	x.deliver(delivery{"till/a.csv", []byte(text), day("2026-02-01")})
	if rows := x.query(x.publishIn(), "SELECT count(DISTINCT customer_id) FROM customer.customer_link"); rows[0][0] != "2" {
		t.Fatalf("%s customers", rows[0][0])
	}
}

// One bad record costs itself, not its batch.
func TestRegression_Redpanda4400WholeBatchForOneBadRow(t *testing.T) {
	x := newTill(t, "stg_order")
	result := x.deliver(receipts("a.csv", "A,2026-01-05 10:00,1.00,", "B,2026-01-05 10:00,twelve,", "C,2026-01-05 10:00,1.00,"))
	if c := result.Counts; c.Accepted != 2 || c.Quarantined != 1 || x.orders(x.publishIn()) != "A C" {
		t.Fatalf("%+v", c)
	}
}

// An object that is missing is an error that names it.
func TestRegression_Redpanda4474MissingObjectAcknowledged(t *testing.T) {
	x := newTill(t, "stg_order")
	x.deliver(receipts("a.csv", "A,2026-01-05 10:00,1.00,"))
	batches, err := x.lake.Batches(context.Background())
	fatal(t, err)
	key := batches[0].Staged[0].Object.Key
	fatal(t, x.lake.Bucket.Delete(context.Background(), key))
	if _, err := transforms.Build(context.Background(), x.buildOptions()); err == nil || !strings.Contains(err.Error(), filepath.Base(key)) {
		t.Fatalf("the build says %v", err)
	}
}

// What is refused is kept with file, line, column and reason, and comes back through the way that it would have come.
func TestRegression_Dlt1980BadRowsOnlyDiscarded(t *testing.T) {
	x := newTill(t, "stg_order")
	x.deliver(receipts("a.csv", "A,2026-01-05 10:00,1.00,", "B,2026-01-05 10:00,\"1;00\","))
	held, err := ingest.Quarantined(context.Background(), x.ingestOptions(), ingest.Filter{})
	fatal(t, err)
	if len(held) != 1 || held[0].File != "a.csv" || held[0].Line != 3 || held[0].Code == "" || !strings.Contains(held[0].Raw, "1;00") {
		t.Fatalf("%+v", held)
	}
	x.feed = x.feedOf(t, "till", strings.Replace(tillProfile, "total_amount: amount, net_amount: amount, gross_amount: amount", `total_amount: "= CAST(replace(txt(amount), ';', '.') AS DECIMAL(18,4))"`, 1))
	_, err = ingest.Replay(context.Background(), x.ingestOptions(), []ingest.Feed{x.feed}, ingest.Filter{})
	fatal(t, err)
	if got := x.orders(x.publishIn()); got != "A B" {
		t.Fatal(got)
	}
}

// Little memory gives a clear error or the right tables, and never takes the process with it.
func TestRegression_Rill7447OutOfMemory(t *testing.T) {
	x := newTill(t, "sales.order")
	var rows []string
	for i := range 3_000 {
		rows = append(rows, fmt.Sprintf("R%d,2026-01-05 10:00,1.00,M%d", i, i))
	}
	x.deliver(receipts("a.csv", rows...))
	want := x.files(x.publishIn())
	for _, memory := range []string{"8MiB", "24MiB", "64MiB"} {
		small := *x.bench
		small.db = openEngine(t, x.dir, 1, memory)
		with := *x.shop
		with.bench = &small
		if _, err := transforms.Rebuild(context.Background(), with.buildOptions()); err != nil && fault.KindOf(err) != fault.Exhausted {
			t.Errorf("with %s: %v", memory, err)
		}
	}
	same(t, "afterwards", want, x.files(x.publishIn()))
}

// An engine that met an error, or was interrupted, goes on.
func TestRegression_Rill9813EngineUnusableAfterError(t *testing.T) {
	x := newTill(t, "stg_order")
	for range 3 {
		if err := x.db.Exec(context.Background(), "SELECT error('stop')"); err == nil {
			t.Fatal("no error")
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		if _, err := x.db.Count(ctx, "SELECT sum(a.range * b.range) FROM range(100000) a, range(100000) b"); err == nil {
			t.Fatal("not interrupted")
		}
		cancel()
	}
	x.deliver(receipts("a.csv", "A,2026-01-05 10:00,1.00,"))
	if x.orders(x.publishIn()) != "A" {
		t.Fatal("wrong")
	}
}

// Readers open published files, never a file that is written: they work while a build holds its engine.
func TestRegression_DuckdbEngine436LockedByWriter(t *testing.T) {
	x := newTill(t, "stg_order")
	x.deliver(receipts("a.csv", "A,2026-01-05 10:00,1.00,"))
	r := x.publishIn()
	conn, err := x.db.Conn(context.Background())
	fatal(t, err)
	defer conn.Close() //nolint:errcheck // it goes back to the pool
	fatal(t, conn.Exec(context.Background(), "BEGIN; CREATE TEMP TABLE busy AS SELECT 1"))
	if got := x.orders(r); got != "A" { // through an engine of its own
		t.Fatal(got)
	}
}

// lostAnswer is a bucket that stores an entry and then says that it does not know.
type lostAnswer struct {
	objstore.Bucket
	left int
}

func (b *lostAnswer) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	info, err := b.Bucket.PutIfAbsent(ctx, key, body, opt)
	if b.left--; b.left >= 0 && err == nil {
		return objstore.Info{}, fmt.Errorf("put %s: %w", key, objstore.ErrUnknownOutcome)
	}
	return info, err
}

// A write is acknowledged when it is known to be there, and one whose answer was lost is neither lost nor doubled.
func TestRegression_JepsenBufstreamAcknowledgedWritesLost(t *testing.T) {
	inner := mem.New()
	log := journal.Open(&lostAnswer{Bucket: inner, left: 3}, "stream/a/b", journal.Options{Writer: "w"})
	for seq := range int64(5) {
		if _, err := log.Append(context.Background(), seq+1, "batch", map[string]int64{"n": seq}); err != nil {
			t.Fatalf("append %d: %v", seq+1, err)
		}
	}
	var read []int64
	fatal(t, journal.Open(inner, "stream/a/b", journal.Options{}).Read(context.Background(), 1, func(e journal.Entry) error {
		read = append(read, e.Seq)
		return nil
	}))
	if !slices.Equal(read, []int64{1, 2, 3, 4, 5}) {
		t.Fatalf("the log holds %v", read)
	}
}
