package proof

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/export"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/report"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/profile"
	"github.com/omoflow/omoflow/transforms"
)

// A small shop whose whole way from files to documents takes some hundred milliseconds, so that hundreds of faults can be
// put into it.
const (
	faultsProfile = `
profile: receipts
columns:
  receipt: Receipt
  at: Date
  sku: SKU
  qty: Qty
  price: Price
  who: Customer
dates: {zone: Asia/Shanghai, cutover: "04:00"}
constants: {currency_code: CNY, channel: store}
streams:
  order:
    one_per: [order_id]
    columns:
      order_id: receipt
      location_id: $store
      ordered_at: at
      source_customer_id: who
      total_amount: {expr: = num(qty) * num(price), agg: sum}
  order_line:
    columns:
      order_id: receipt
      location_id: $store
      line_key: auto
      line_no: auto
      source_sku: sku
      quantity: qty
      unit_price: price
`
	faultsHeader = "Receipt,Date,SKU,Qty,Price,Customer\n"
)

func faultsModels(t testing.TB) *transforms.Project {
	t.Helper()
	model := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	project, err := transforms.Load(fstest.MapFS{
		"staging/stream/stg_order.sql": model(`/*
about: Newest version of each order.
owner: proof
kind: partition
grain: [order_id]
partition: month(business_date)
inputs:
  staged.order: same
checks: [unique_grain]
*/
WITH ranked AS (
  SELECT order_id, location_id, source_customer_id, total_amount, business_date,
    row_number() OVER (PARTITION BY order_id ORDER BY batch_seq DESC, file_no DESC, source_row DESC, batch) AS version_rank
  FROM {{ref "staged.order"}}
)
SELECT order_id, location_id, source_customer_id, total_amount, business_date FROM ranked WHERE version_rank = 1 ORDER BY order_id`),
		"marts/sales/day.sql": model(`/*
about: Sales per store and day.
owner: proof
kind: partition
grain: [business_date, location_id]
partition: month(business_date)
inputs:
  stg_order: same
checks: [unique_grain, positive]
*/
SELECT location_id, count(*) AS order_qty, CAST(sum(total_amount) AS DECIMAL(38,4)) AS total_amount, business_date
FROM {{ref "stg_order"}} GROUP BY location_id, business_date ORDER BY business_date, location_id`),
		"marts/customer/spend.sql": model(`/*
about: What every customer spent.
owner: proof
kind: key
grain: [source_customer_id]
partition: bucket(source_customer_id, 1)
inputs:
  stg_order: key(source_customer_id)
*/
SELECT source_customer_id, CAST(sum(total_amount) AS DECIMAL(38,4)) AS total_amount
FROM {{ref "stg_order"}} GROUP BY source_customer_id ORDER BY source_customer_id`),
		"marts/finance/finance_kpi.sql": model(`/*
about: Monthly sales as a finance figure.
owner: proof
kind: full
grain: [period_id]
inputs:
  sales.day: all
*/
SELECT strftime(business_date, '%Y-%m') AS period_id, 'SALES' AS kpi_id, 1 AS kpi_version, CAST(sum(total_amount) AS DECIMAL(38,4)) AS value
FROM {{ref "sales.day"}} GROUP BY strftime(business_date, '%Y-%m') ORDER BY period_id`),
		"reports/joint_meeting/intake.sql": model(`/*
about: What became of the delivered records.
owner: proof
kind: full
grain: [source, feed]
inputs:
  system.file: all
*/
SELECT source, feed, CAST(sum(read_qty) AS BIGINT) AS read_qty, CAST(sum(quarantined_qty) AS BIGINT) AS quarantined_qty, count(*) FILTER (WHERE is_refused) AS refused_file_qty
FROM {{ref "system.file"}} WHERE NOT is_superseded GROUP BY source, feed ORDER BY source, feed`),
		"checks/sales/positive.sql": model(`/*
about: No day sells a negative amount.
severity: block
inputs:
  sales.day: all
*/
SELECT business_date, location_id, total_amount FROM {{ref "sales.day"}} WHERE total_amount < 0`),
	})
	if err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
	return project
}

// faultsDesk is what works on a lake: engine, models, profiles and folders.
type faultsDesk struct {
	db      *warehouse.DB
	models  *transforms.Project
	first   *profile.Profile // quantities must be numbers
	mended  *profile.Profile // a quantity that is none becomes null
	scratch string
}

func newFaultsDesk(t testing.TB, scratch string) *faultsDesk {
	t.Helper()
	db, err := warehouse.Open(context.Background(), warehouse.Options{Threads: 1, MemoryLimit: "512MiB", TempDir: filepath.Join(scratch, "spill")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	parse := func(text string) *profile.Profile {
		p, err := profile.Parse("faults.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	return &faultsDesk{
		db: db, models: faultsModels(t), scratch: scratch,
		first: parse(faultsProfile), mended: parse(strings.Replace(faultsProfile, "qty: Qty", "qty: {from: Qty, bad: null}", 1)),
	}
}

// faultsShop is one state of the shop: its lake and the folders outside of it.
type faultsShop struct {
	bucket objstore.Bucket
	inbox  map[string]string // name -> text
	dir    string            // holds inbox, cache and export; its own
}

func (d *faultsDesk) feed(s *faultsShop, p *profile.Profile) (ingest.Feed, error) {
	inbox := filepath.Join(s.dir, "inbox")
	if err := os.MkdirAll(inbox, 0o755); err != nil {
		return ingest.Feed{}, err
	}
	for name, text := range s.inbox {
		path := filepath.Join(inbox, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return ingest.Feed{}, err
		}
		at := time.Date(2026, 3, 1, 0, 0, 0, len(text)*1000, time.UTC)
		if err := os.Chtimes(path, at, at); err != nil {
			return ingest.Feed{}, err
		}
	}
	return ingest.Feed{Source: "tills", Name: "receipts", Place: file.Dir(inbox), Match: "till-{store}-*.csv", Profile: p, RefuseOver: 900_000}, nil
}

func (d *faultsDesk) ingest(ctx context.Context, s *faultsShop) error {
	lk, err := lake.Create(ctx, s.bucket)
	if err != nil {
		return err
	}
	feed, err := d.feed(s, d.first)
	if err != nil {
		return err
	}
	_, err = ingest.Run(ctx, ingest.Options{Lake: lk, DB: d.db, TempDir: s.dir}, []ingest.Feed{feed})
	return err
}

func (d *faultsDesk) replay(ctx context.Context, s *faultsShop) error {
	lk, err := lake.Open(ctx, s.bucket)
	if err != nil {
		return err
	}
	feed, err := d.feed(s, d.mended)
	if err != nil {
		return err
	}
	opt := ingest.Options{Lake: lk, DB: d.db, TempDir: s.dir}
	if _, err := ingest.Quarantined(ctx, opt, ingest.Filter{}); err != nil {
		return err
	}
	_, err = ingest.Replay(ctx, opt, []ingest.Feed{feed}, ingest.Filter{})
	return err
}

func (d *faultsDesk) build(ctx context.Context, s *faultsShop) error {
	lk, err := lake.Open(ctx, s.bucket)
	if err != nil {
		return err
	}
	candidate, err := transforms.Build(ctx, transforms.Options{
		Lake: lk, DB: d.db, Cache: objstore.NewCache(s.bucket, filepath.Join(s.dir, "cache"), 0), Project: d.models, Dir: filepath.Join(s.dir, "build"),
		Config: map[string]string{"home_currency": "CNY"}, Code: "proof", Workers: 1,
	})
	if err != nil {
		return err
	}
	_, err = candidate.Publish(ctx)
	return err
}

func (d *faultsDesk) rebuild(ctx context.Context, s *faultsShop) error {
	lk, err := lake.Open(ctx, s.bucket)
	if err != nil {
		return err
	}
	_, err = transforms.Rebuild(ctx, transforms.Options{
		Lake: lk, DB: d.db, Cache: objstore.NewCache(s.bucket, filepath.Join(s.dir, "cache"), 0), Project: d.models, Dir: filepath.Join(s.dir, "build"),
		Config: map[string]string{"home_currency": "CNY"}, Code: "proof", Workers: 1,
	})
	return err
}

// mounted gives the latest release to documents.
func (d *faultsDesk) mounted(ctx context.Context, s *faultsShop) (*faultsSource, error) {
	lk, err := lake.Open(ctx, s.bucket)
	if err != nil {
		return nil, err
	}
	r, ok, err := release.Latest(ctx, lk)
	if err == nil && !ok {
		err = fault.New(fault.Usage, "no_release", "", "run omoflow run", "there is no release")
	}
	if err != nil {
		return nil, err
	}
	return &faultsSource{db: d.db, rel: r}, release.Mount(ctx, d.db, lk, objstore.NewCache(s.bucket, filepath.Join(s.dir, "cache"), 0), r)
}

func (d *faultsDesk) report(ctx context.Context, s *faultsShop) error {
	src, err := d.mounted(ctx, s)
	if err != nil {
		return err
	}
	kept, err := report.Archive(ctx, s.bucket, src, report.Request{Kind: report.JointMeeting, Period: "2026-W02", Languages: []report.Language{report.English}})
	for _, part := range kept.Manifest.Files {
		if err == nil {
			_, err = report.Read(ctx, s.bucket, part)
		}
	}
	return err
}

func (d *faultsDesk) export(ctx context.Context, s *faultsShop) error {
	src, err := d.mounted(ctx, s)
	if err != nil {
		return err
	}
	_, err = export.Write(ctx, src, export.Request{Period: "2026-01", Dir: filepath.Join(s.dir, "export"), Formats: []export.Format{export.CSV}})
	return err
}

// faultsSource reads a mounted release for documents and exports.
type faultsSource struct {
	db  *warehouse.DB
	rel release.Release
}

func (s *faultsSource) Rows(ctx context.Context, table string, equal map[string]string) ([]map[string]string, error) {
	if _, ok := s.rel.Tables[table]; !ok {
		return nil, errors.Join(report.ErrNotReleased, export.ErrNotReleased)
	}
	query := "SELECT * FROM " + warehouse.Table(table) + " WHERE true"
	for _, column := range slices.Sorted(maps.Keys(equal)) {
		query += " AND CAST(" + warehouse.Identifier(column) + " AS VARCHAR) = " + warehouse.Literal(equal[column])
	}
	rows, err := s.db.Query(ctx, query+" ORDER BY ALL")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // only read
	var all []map[string]string
	for rows.Next() {
		row := map[string]string{}
		for i, cell := range rows.Text() {
			row[rows.Columns()[i].Name] = cell
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

func (s *faultsSource) Facts(context.Context) (report.Facts, error) {
	return report.Facts{Company: "Proof", HomeCurrency: "CNY", Zone: "Asia/Shanghai", Calendar: "gregorian", DataAsOf: "2026-03-01 00:00", LastBusinessDate: "2026-02-11", Release: s.rel.Seq, ReleaseHash: s.rel.Hash}, nil
}

func (s *faultsSource) Release(context.Context) (export.Release, error) {
	return export.Release{Company: "Proof", HomeCurrency: "CNY", Seq: s.rel.Seq, Hash: s.rel.Hash, DataAsOf: "2026-03-01 00:00"}, nil
}

// copyOf gives a bucket with the same objects.
func copyOf(t testing.TB, b objstore.Bucket) *mem.Bucket {
	t.Helper()
	ctx := context.Background()
	twin := mem.New()
	err := b.List(ctx, "", "", func(i objstore.Info) error {
		data, err := objstore.ReadAll(ctx, b, i.Key, 0)
		if err == nil {
			_, err = twin.PutIfAbsent(ctx, i.Key, objstore.Bytes(data), objstore.PutOptions{})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return twin
}
