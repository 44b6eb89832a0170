package ingest

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/internal/warehouse"

	"github.com/omoflow/omoflow/internal/lake"
)

// earlier is a staged object of whole records in the feed's log.
type earlier struct {
	lake.Staged
	batch string
	seq   int64
}

// earlier lists the objects of a stream.
func (f *feed) earlier(stream string) []earlier {
	var all []earlier
	for _, o := range f.state.whole {
		if o.Stream == stream {
			all = append(all, o)
		}
	}
	return all
}

// indexedRows is how many earlier rows are worth an index.
const indexedRows = 5000

// earlierOf is a FROM item with the rows that the earlier batches of the records of this one staged; "" when there are
// none. A first pull knows none of its records, and an ordinary one few batches: an index of the keys of each batch, made
// once in a run, spares reading all that was ever staged for every batch.
func (b *batch) earlierOf(ctx context.Context, conn *warehouse.Conn, stream retail.Stream) (string, error) {
	all := b.earlier(stream.Name)
	rows := int64(0)
	for _, o := range all {
		rows += o.Object.Rows
	}
	if rows < indexedRows {
		return b.earlierRows(ctx, all)
	}
	index, err := b.indexEarlier(ctx, stream, all)
	if err != nil {
		return "", err
	}
	found, err := conn.Text(ctx, "SELECT DISTINCT seq FROM "+index+" WHERE key IN (SELECT hash(id) FROM whole_record)")
	if err != nil {
		return "", err
	}
	touched := map[string]bool{}
	for _, row := range found {
		touched[row[0]] = true
	}
	var some []earlier
	for _, o := range all {
		if touched[strconv.FormatInt(o.seq, 10)] {
			some = append(some, o)
		}
	}
	return b.earlierRows(ctx, some)
}

// indexEarlier brings the index of a stream up to date and gives its name.
func (f *feed) indexEarlier(ctx context.Context, stream retail.Stream, all []earlier) (string, error) {
	index := f.indexName(stream.Name)
	if f.indexed[stream.Name] == nil {
		if err := f.opt.DB.Exec(ctx, "CREATE OR REPLACE TABLE "+index+" (seq BIGINT, key UBIGINT)"); err != nil {
			return "", err
		}
		f.indexed[stream.Name] = map[int64]bool{}
	}
	var fresh []earlier
	for _, o := range all {
		if !f.indexed[stream.Name][o.seq] {
			fresh = append(fresh, o)
		}
	}
	rows, err := f.earlierRows(ctx, fresh)
	if err != nil || rows == "" {
		return index, err
	}
	if err := f.opt.DB.Exec(ctx, fmt.Sprintf("INSERT INTO %s SELECT DISTINCT seq, hash(CAST(%s AS VARCHAR)) FROM %s", index, warehouse.Identifier(stream.Key[0]), rows)); err != nil {
		return "", err
	}
	for _, o := range fresh {
		f.indexed[stream.Name][o.seq] = true
	}
	return index, nil
}

// indexName is a table's name that no other feed at work has: webhooks and a pull of one stream may run side by side.
func (f *feed) indexName(stream string) string {
	return warehouse.Identifier(fmt.Sprintf("keys of %s at %p", stream, f))
}

// dropIndexes forgets the keys of earlier batches.
func (f *feed) dropIndexes(ctx context.Context) error {
	for stream := range f.indexed {
		if err := f.opt.DB.Exec(ctx, "DROP TABLE IF EXISTS "+f.indexName(stream)); err != nil {
			return err
		}
		delete(f.indexed, stream)
	}
	return nil
}

// earlierRows is a FROM item with all rows of staged objects of one stream; "" when there are none.
func (f *feed) earlierRows(ctx context.Context, objects []earlier) (string, error) {
	if len(objects) == 0 {
		return "", nil
	}
	if f.cache == nil {
		f.cache = objstore.NewCache(f.opt.Lake.Bucket, filepath.Join(f.opt.TempDir, "earlier"), 0)
	}
	var paths, facts []string
	for _, o := range objects {
		path, err := f.cache.Path(ctx, o.Object.Key, o.Object.SHA256, o.Object.Bytes)
		if err != nil {
			return "", err
		}
		paths = append(paths, path)
		facts = append(facts, fmt.Sprintf("(%s, CAST(%d AS BIGINT))", warehouse.Literal(o.batch), o.seq))
	}
	out := ""
	for ref := range f.state.replaced {
		out += fmt.Sprintf(" AND NOT (staged.batch = %s AND staged.file_no = %d)", warehouse.Literal(ref.Batch), ref.FileNo)
	}
	return fmt.Sprintf("(SELECT staged.*, fact.seq FROM %s AS staged INNER JOIN (VALUES %s) AS fact (fact_batch, seq) ON staged.batch = fact.fact_batch WHERE true%s)",
		warehouse.ReadParquet(paths...), strings.Join(facts, ", "), out), nil
}
