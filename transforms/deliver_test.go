package transforms

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// order is one staged row: order, store, customer, amount and day (empty: none), of a file.
type order struct {
	id, store, customer, amount, day string
	file                             int
}

// deliver appends a batch of orders.
func (s *shop) deliver(feed, id string, orders []order, supersedes ...lake.FileRef) {
	s.t.Helper()
	var rows []map[string]string
	for _, o := range orders {
		rows = append(rows, map[string]string{"source_record_id": o.id, "source_version": "", "file_no": fmt.Sprint(o.file), "business_date": o.day,
			"order_id": o.id, "location_id": o.store, "source_customer_id": o.customer, "total_amount": o.amount, "channel": "store"})
	}
	s.deliverRows(feed, id, lake.Staged{Stream: "order"}, rows, supersedes...)
}

// deliverRows appends a batch of rows, given by column, of a stream.
func (s *shop) deliverRows(feed, id string, staged lake.Staged, given []map[string]string, supersedes ...lake.FileRef) {
	s.t.Helper()
	ctx := s.t.Context()
	stream, _ := retail.StreamNamed(staged.Stream)
	var columns []warehouse.Column
	for _, c := range stream.All() {
		columns = append(columns, warehouse.Column{Name: c.Name, Type: c.Type})
	}
	blank := "coalesce(source_version, '') AS source_version"
	if staged.Whole != "" {
		columns = append(columns, warehouse.Column{Name: "delivered", Type: "VARCHAR"})
		blank += ", coalesce(delivered, '') AS delivered"
	}
	staged.Months = map[string]int64{}
	batch := lake.Batch{ID: id, Source: "till", Feed: feed, Supersedes: supersedes}
	var rows [][]string
	for i, values := range given {
		values["source"], values["batch"], values["source_row"] = "till", id, fmt.Sprint(i+1)
		row := make([]string, len(columns))
		for j, c := range columns {
			row[j] = values[c.Name]
		}
		rows = append(rows, row)
		day := values["business_date"]
		staged.Months[day[:min(7, len(day))]]++
		if day != "" && (staged.MinDate == "" || day < staged.MinDate) {
			staged.MinDate = day
		}
		staged.MaxDate = max(staged.MaxDate, day)
		file, err := strconv.Atoi(values["file_no"])
		if err != nil {
			s.t.Fatal(err)
		}
		for len(batch.Files) <= file {
			batch.Files = append(batch.Files, lake.File{No: len(batch.Files), Name: fmt.Sprintf("%s-%d.csv", id, len(batch.Files))})
		}
		batch.Files[file].Counts.Read++
		batch.Files[file].Counts.Accepted++
	}
	n := int64(len(given))
	batch.Counts = lake.Counts{Read: n, Accepted: n}
	if n > 0 {
		if err := warehouse.LoadText(ctx, s.opt.DB, "delivered", columns, rows); err != nil {
			s.t.Fatal(err)
		}
		path := filepath.Join(s.t.TempDir(), "staged.parquet")
		made, err := s.opt.DB.CopyParquet(ctx, "SELECT * REPLACE ("+blank+") FROM delivered ORDER BY source_row", path, warehouse.CopyOptions{})
		if err != nil {
			s.t.Fatal(err)
		}
		staged.Object = lake.Object{Key: lake.StagedKey("till", feed, id, staged.Stream), SHA256: made.SHA256, Bytes: made.Bytes, Rows: made.Rows}
		if _, err := objstore.PutOrSame(ctx, s.lake.Bucket, staged.Object.Key, objstore.File(path), objstore.PutOptions{SHA256: made.SHA256}); err != nil {
			s.t.Fatal(err)
		}
		batch.Staged = []lake.Staged{staged}
	}
	log := s.lake.StreamLog("till", feed)
	tail, _, err := log.Tail(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := log.Append(ctx, tail.Seq+1, lake.KindBatch, batch); err != nil {
		s.t.Fatal(err)
	}
}
