package transforms

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// splitUses is the number of partitions that must need the same rows before they are cut once for all of them.
const splitUses = 3

// splitGain is how many times its own size an object would be read by its partitions before cutting it is cheaper:
// cutting reads everything once and writes it once. With splitRows 1, as tests set it, every object is cut.
const splitGain = 4

// stagedPaths gives the local files with an object's rows of the span: the object itself, or, when several partitions need
// it, the files of those months, split in one pass.
func (b *build) stagedPaths(ctx context.Context, w warehouse.Session, o *stagedObject, sp span) ([]string, error) {
	path, err := b.path(ctx, o.Object)
	if err != nil {
		return nil, err
	}
	if sp.months == nil || len(o.Months) < 2 || o.uses < splitUses || o.Object.Rows < b.splitRows {
		return []string{path}, nil
	}
	o.splitter.Lock()
	defer o.splitter.Unlock()
	if !o.weighed {
		if err := b.weigh(ctx, w, o, path); err != nil {
			return nil, err
		}
	}
	if o.months == nil {
		return []string{path}, nil
	}
	var paths []string
	for _, month := range slices.Sorted(maps.Keys(sp.months)) {
		if part, ok := o.months[month]; ok {
			paths = append(paths, part)
		}
	}
	return paths, nil
}

// weigh splits an object unless its row groups are so well ordered by date that every month reads little more than its own.
func (b *build) weigh(ctx context.Context, w warehouse.Session, o *stagedObject, path string) error {
	o.weighed = true
	read, err := w.Count(ctx, fmt.Sprintf(`SELECT CAST(coalesce(sum(row_group_num_rows * (1 + date_diff('month', CAST(stats_min_value AS DATE), CAST(stats_max_value AS DATE)))), 0) AS BIGINT)
		FROM parquet_metadata(%s) WHERE path_in_schema = 'business_date'`, warehouse.Literal(path)))
	if err != nil {
		return err
	}
	if read < splitGain*o.Object.Rows && b.splitRows > 1 {
		return nil
	}
	return b.split(ctx, w, o, path)
}

// split writes one scratch file per month and compares each with the count the batch entry states.
func (b *build) split(ctx context.Context, w warehouse.Session, o *stagedObject, path string) error {
	dir := filepath.Join(b.dir, "split-"+o.Object.SHA256[:24])
	if err := b.cut(ctx, w, "coalesce(strftime(business_date, '%Y-%m'), 'undated')", warehouse.ReadParquet(path), dir); err != nil {
		return err
	}
	months := map[string]string{}
	for month, rows := range o.Months {
		if month == "" || rows == 0 {
			continue
		}
		glob := cutFiles(dir, month)
		found, err := w.Count(ctx, "SELECT CAST(sum(num_rows) AS BIGINT) FROM parquet_file_metadata("+warehouse.Literal(glob)+")")
		if err != nil {
			return err
		}
		if found != rows {
			return fault.New(fault.Damaged, "split_rows", o.Object.Key, "run `omoflow repair`", "the object has %d rows in %s, its batch entry says %d", found, month, rows)
		}
		months[month] = glob
	}
	o.months = months
	return nil
}

// cut writes the rows of a FROM item into one scratch folder per value of an expression.
func (b *build) cut(ctx context.Context, w warehouse.Session, by, from, dir string) error {
	statement := fmt.Sprintf("COPY (SELECT *, %s AS cut_by FROM %s) TO %s (FORMAT parquet, COMPRESSION snappy, PARTITION_BY (cut_by), OVERWRITE_OR_IGNORE)", by, from, warehouse.Literal(dir))
	if err := w.Exec(ctx, statement); err != nil {
		return err
	}
	b.trace(Statement{Before: []string{statement}, Path: dir})
	return nil
}

// cutFiles names the files of one value.
func cutFiles(dir, value string) string { return filepath.Join(dir, "cut_by="+value, "*.parquet") }

// keySplit gives a bucket's rows of a key(col) input from a cut made once for all buckets, rows counted.
func (b *build) keySplit(ctx context.Context, w warehouse.Session, m *Model, part string, input Input, from func(context.Context, warehouse.Session) (string, error)) (string, error) {
	b.keyLock.Lock()
	defer b.keyLock.Unlock()
	dir := filepath.Join(b.dir, "key-"+digest(m.Name, input.Name, input.Col)[:24])
	if !b.keyed[dir] {
		all, err := from(ctx, w)
		if err != nil {
			return "", err
		}
		if err := b.cut(ctx, w, bucketOf(warehouse.Identifier(input.Col), m.Part.Depth), all, dir); err != nil {
			return "", err
		}
		want, err := w.Count(ctx, "SELECT count(*) FROM "+all)
		if err != nil {
			return "", err
		}
		var found int64
		if want > 0 {
			if found, err = w.Count(ctx, "SELECT CAST(sum(num_rows) AS BIGINT) FROM parquet_file_metadata("+warehouse.Literal(cutFiles(dir, "*"))+")"); err != nil {
				return "", err
			}
		}
		if found != want {
			return "", fault.New(fault.Damaged, "split_rows", m.Name, "run it again; if it repeats, look at the disk", "cutting %s wrote %d of %d rows", input.Name, found, want)
		}
		b.keyed[dir] = true
	}
	if _, err := os.Stat(filepath.Dir(cutFiles(dir, part))); err != nil {
		return emptyRelation(b.columnsOf(input.Name)), nil // no row has this bucket; the count above holds
	}
	return "read_parquet(" + warehouse.Literal(cutFiles(dir, part)) + ", hive_partitioning = false)", nil
}
