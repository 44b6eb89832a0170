package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// directBytes is the size from which a file is worth the proof that the engine may read it itself.
const directBytes = 4 << 20

// directMemory bounds the engine while it reads a delivered file: the process then stays below a gibibyte however large the
// file is.
const directMemory = "640MiB"

// large tells whether a file of this size makes a batch of its own that may be staged directly.
func (f *feed) large(size int64) bool {
	return size >= f.opt.directBytes && f.plain() && f.orderless()
}

// prove gives the proof of a large file, nil when it has none. dir is for a copy in UTF-8 of a file in another encoding.
func (f *feed) prove(ctx context.Context, path, dir string, size int64, captures map[string]string) *profile.Plain {
	if !f.large(size) {
		return nil
	}
	plain, err := f.plan.ProvePlain(ctx, profile.File{Path: path, Scratch: dir, Captures: captures, Limits: f.opt.Limits})
	if err != nil {
		return nil // whatever is wrong with the file meets whoever reads it next, and is told there
	}
	return plain
}

// direct stages a batch of one large, plain file without normalising it: the engine reads the delivered bytes, or the
// same in UTF-8. It
// gives false, leaving nothing behind, when the file or the profile needs more than that.
func (b *batch) direct(ctx context.Context) (bool, error) {
	t := b.single()
	if t == nil || b.Profile.WholeReceipts || t.Captures["location_id"] != "" && len(b.named()) > 0 {
		return false, nil
	}
	if !t.tried {
		t.plain = b.prove(ctx, t.path, b.dir, t.Bytes, t.Captures)
	}
	proven := t.plain
	if proven == nil {
		return false, nil
	}
	t.outcome = proven.Outcome
	t.Format, t.Encoding, t.Delimiter = t.outcome.Layout.Format, t.outcome.Layout.Encoding, t.outcome.Layout.Delimiter
	t.HeaderLine, t.Header = t.outcome.Layout.HeaderLine, t.outcome.Layout.Header
	b.count(t)
	b.strict = true
	stage := func() error { return b.stageDirect(ctx, t, proven) }
	lowered, err := b.opt.DB.Within(ctx, directMemory, stage)
	if lowered && fault.KindOf(err) == fault.Exhausted && ctx.Err() == nil {
		err = stage() // very wide records
	}
	b.strict = false
	if err == nil {
		return true, nil
	}
	b.body.Staged = nil
	t.outcome, t.Counts = profile.Outcome{}, lake.Counts{}
	if k := fault.KindOf(err); k == fault.Exhausted || k == fault.Interrupted || ctx.Err() != nil {
		return false, err
	}
	return false, nil // whatever the engine objects to, the ordinary way says where it stands
}

// single gives the only new file of the batch.
func (b *batch) single() *taken {
	var only *taken
	for _, t := range b.files {
		if t.DuplicateOf != nil {
			continue
		}
		if only != nil {
			return nil
		}
		only = t
	}
	return only
}

// orderless tells whether no expression can depend on a row's number: the direct way knows it only after writing.
func (f *feed) orderless() bool {
	for _, s := range f.plan.Streams {
		if s.Each != nil {
			return false
		}
		list := append([]profile.ColumnPlan{}, s.Columns...)
		if s.Event != nil {
			list = append(list, *s.Event)
		}
		if s.BusinessDate != nil {
			list = append(list, *s.BusinessDate)
		}
		texts := []string{s.Version}
		for _, c := range list {
			if c.Auto {
				return false
			}
			texts = append(texts, c.SQL)
		}
		for _, text := range texts {
			text = strings.ToLower(text)
			for _, word := range []string{"over", "select", "_r", "_f", "_a", "random", "uuid"} {
				if strings.Contains(text, word) {
					return false
				}
			}
		}
	}
	return true
}

// stageDirect writes every stream straight from the delivered file.
func (b *batch) stageDirect(ctx context.Context, t *taken, proven *profile.Plain) error {
	conn, err := b.opt.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // only gives the connection back
	columns := make([]string, 0, len(proven.Columns))
	for _, c := range proven.Columns {
		columns = append(columns, warehouse.Literal(c.Name)+": "+warehouse.Literal(c.Type))
	}
	path := t.path
	if proven.Copy != "" {
		path = proven.Copy
	}
	newLine, strict := `\n`, true
	if proven.CRLF {
		newLine, strict = `\r\n`, false // strict finds no record behind \r\n when quotes are off
	}
	view := fmt.Sprintf(`CREATE OR REPLACE TEMP VIEW record AS SELECT CAST(%d AS INTEGER) AS _f, CAST(0 AS BIGINT) AS _r, %s
FROM read_csv(%s, delim = %s, quote = '', escape = '', comment = '', header = true, auto_detect = false, nullstr = '', new_line = '%s', strict_mode = %t, columns = {%s})`,
		t.No, strings.Join(proven.Select, ", "), warehouse.Literal(path), warehouse.Literal(t.Delimiter), newLine, strict, strings.Join(columns, ", "))
	if err := conn.Exec(ctx, view); err != nil {
		return err
	}
	defer func() {
		_ = conn.Exec(context.WithoutCancel(ctx), "DROP VIEW IF EXISTS record") // temporary
	}()
	b.body.Staged = nil
	for _, s := range b.plan.Streams {
		if err := b.stageStreamDirect(ctx, conn, s, t.outcome.Accepted); err != nil {
			return err
		}
	}
	return nil
}

// errDirect says that the direct way did not give what the proof promised.
var errDirect = errors.New("direct copy differs from its proof")

// stageStreamDirect writes one stream. The engine would number rows on one core only, so it writes a constant and the
// numbers are put into the finished file: it writes rows in the order of the file.
func (b *batch) stageStreamDirect(ctx context.Context, conn *warehouse.Conn, s profile.StreamPlan, want int64) error {
	query, err := b.query(s)
	if err != nil {
		return err
	}
	failpoint.Hit("stage.start")
	path := filepath.Join(b.dir, s.Stream.Name+".parquet")
	model := filepath.Join(b.dir, s.Stream.Name+"-model.parquet")
	if err := copyDirect(ctx, conn, "SELECT * FROM (\n"+query+"\n) LIMIT 1", model, s); err != nil {
		return err
	}
	c, list, err := b.complete(ctx, conn, model, s)
	if err != nil {
		return err
	}
	if err := copyDirect(ctx, conn, "SELECT "+strings.Join(list, ", ")+" FROM (\n"+query+"\n)", path, s, list...); err != nil {
		return err
	}
	done, err := numberRows(path, "source_row", c)
	if err != nil {
		return err
	}
	failpoint.Hit("stage.copy_done")
	if done.rows != want {
		return fmt.Errorf("%w: %d records, %d rows", errDirect, want, done.rows)
	}
	staged := lake.Staged{Stream: s.Stream.Name, Object: lake.Object{Bytes: done.bytes, Rows: done.rows}}
	eg, both := errgroup.WithContext(ctx)
	eg.Go(func() (err error) {
		staged.Object.SHA256, _, err = hashFile(path)
		return err
	})
	eg.Go(func() error { return inspectDirect(both, conn, path, s, want, &staged) })
	if err := eg.Wait(); err != nil {
		return err
	}
	staged.Object.Key = lake.StagedKey(b.Source, b.Name, b.body.ID, s.Stream.Name+"-"+staged.Object.SHA256[:12])
	if err := b.put(ctx, staged.Object.Key, path, staged.Object.SHA256); err != nil {
		return err
	}
	b.body.Staged = append(b.body.Staged, staged)
	return nil
}

// inspectDirect reads a finished file back: each number must be the row's place, and nothing that is required may miss.
func inspectDirect(ctx context.Context, conn *warehouse.Conn, path string, s profile.StreamPlan, want int64, staged *lake.Staged) error {
	found, err := conn.Text(ctx, "SELECT count(*), count(*) FILTER (source_row IS DISTINCT FROM file_row_number + 1) FROM read_parquet("+warehouse.Literal(path)+", file_row_number = true)")
	if err != nil {
		return err
	}
	if found[0][0] != fmt.Sprint(want) || found[0][1] != "0" {
		return fmt.Errorf("%w: %d rows, read back %v", errDirect, want, found)
	}
	if err := findMissing(ctx, conn, path, s); err != nil {
		return err
	}
	return describeStaged(ctx, conn, path, s.Stream, staged)
}

// copyDirect writes the named columns of a stream, all when none is named.
func copyDirect(ctx context.Context, conn *warehouse.Conn, query, path string, s profile.StreamPlan, list ...string) error {
	var ids []string
	for i, c := range s.Stream.All() {
		if len(list) == 0 || slices.Contains(list, warehouse.Identifier(c.Name)) {
			ids = append(ids, fmt.Sprintf("%s: %d", warehouse.Literal(c.Name), i+1))
		}
	}
	return conn.Exec(ctx, fmt.Sprintf("COPY (\n%s\n) TO %s (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2, ROW_GROUP_SIZE %d, DICTIONARY_SIZE_LIMIT %d, FIELD_IDS {%s})",
		query, warehouse.Literal(path), warehouse.DefaultRowGroupSize, dictionarySize, strings.Join(ids, ", ")))
}

// complete finds the columns that have one value, and lists the others.
func (b *batch) complete(ctx context.Context, conn *warehouse.Conn, model string, s profile.StreamPlan) (*completer, []string, error) {
	file, err := os.Open(model)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	c := &completer{constants: map[string]constant{}}
	if c.template, _, err = readFooter(file); err != nil {
		return nil, nil, err
	}
	var list []string
	for _, column := range s.Stream.All() {
		own, filled := s.Column(column.Name)
		_, ofStream := ownColumn(s.Stream, column.Name)
		switch {
		case column.Name == "source" || column.Name == "batch" || column.Name == "source_version" && s.Version == "",
			filled && own.Exact && own.Slot == "" && !own.Auto && column.Type == "VARCHAR":
			rows, err := conn.Query(ctx, "SELECT "+warehouse.Identifier(column.Name)+" FROM read_parquet("+warehouse.Literal(model)+")")
			if err != nil {
				return nil, nil, err
			}
			if !rows.Next() || rows.Null(0) {
				return nil, nil, errors.Join(errDirect, rows.Close())
			}
			c.constants[column.Name] = constant{value: []byte(rows.Text()[0]), text: true}
			if err := rows.Close(); err != nil {
				return nil, nil, err
			}
		case ofStream && !filled:
			c.constants[column.Name] = constant{null: true}
		default:
			list = append(list, warehouse.Identifier(column.Name))
		}
	}
	return c, list, nil
}

// ownColumn finds a column that is the stream's own.
func ownColumn(s retail.Stream, name string) (retail.Column, bool) {
	for _, c := range s.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return retail.Column{}, false
}

// findMissing looks into the footer for required values that an expression left empty.
func findMissing(ctx context.Context, conn *warehouse.Conn, path string, s profile.StreamPlan) error {
	var names []string
	for _, c := range s.Columns {
		if c.Column.Required && !c.Exact {
			names = append(names, warehouse.Literal(c.Column.Name))
		}
	}
	if len(names) == 0 {
		return nil
	}
	n, err := conn.Count(ctx, "SELECT count(*) FROM parquet_metadata("+warehouse.Literal(path)+") WHERE path_in_schema IN ("+strings.Join(names, ", ")+") AND coalesce(stats_null_count, 1) > 0")
	if err == nil && n > 0 {
		return fmt.Errorf("%w: required values are missing", errDirect)
	}
	return err
}

// dictionarySize is the number of distinct values of a row group up to which a column gets a dictionary: building a
// larger one costs more than it saves.
const dictionarySize = 2000
