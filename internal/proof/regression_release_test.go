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
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/transforms"
)

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
