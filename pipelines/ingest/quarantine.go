package ingest

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// quarantineColumns are the columns of a quarantine file, in order.
var quarantineColumns = []struct{ name, typ string }{
	{"source", "VARCHAR"}, {"feed", "VARCHAR"}, {"batch", "VARCHAR"}, {"file_no", "INTEGER"}, {"file", "VARCHAR"}, {"kind", "VARCHAR"},
	{"row", "BIGINT"}, {"line", "BIGINT"}, {"column", "VARCHAR"}, {"code", "VARCHAR"}, {"message", "VARCHAR"}, {"raw", "VARCHAR"},
}

// quarantine writes what was refused.
func (b *batch) quarantine(ctx context.Context, conn *warehouse.Conn) error {
	text := filepath.Join(b.dir, "quarantine.csv")
	rows, err := b.writeRefusals(text)
	if err != nil {
		return tempFault(err, b.dir)
	}
	if rows == 0 {
		return nil
	}
	var columns []string
	ids := map[string]int{}
	for i, c := range quarantineColumns {
		columns = append(columns, warehouse.Literal(c.name)+": "+warehouse.Literal(c.typ))
		ids[c.name] = i + 1
	}
	path := filepath.Join(b.dir, "quarantine.parquet")
	query := "SELECT * FROM read_csv(" + warehouse.Literal(text) + `, delim = ',', quote = '"', escape = '"', header = false, auto_detect = false, nullstr = '', parallel = false, columns = {` + strings.Join(columns, ", ") + "})"
	done, err := conn.CopyParquet(ctx, query, path, warehouse.CopyOptions{FieldIDs: ids})
	if err != nil {
		return err
	}
	failpoint.Hit("quarantine.copy_done")
	key := lake.QuarantineKey(b.Source, b.Name, b.body.ID)
	if err := b.put(ctx, key, path, done.SHA256); err != nil {
		return err
	}
	b.body.Quarantine = &lake.Object{Key: key, SHA256: done.SHA256, Bytes: done.Bytes, Rows: done.Rows}
	return nil
}

func (b *batch) writeRefusals(path string) (rows int, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriter(file)
	defer func() { err = errors.Join(err, out.Flush(), file.Close()) }()
	for _, t := range b.files {
		for _, r := range t.refusals {
			row, line := "", ""
			if r.Row > 0 {
				row = strconv.FormatInt(r.Row, 10)
			}
			if r.Line > 0 {
				line = strconv.FormatInt(r.Line, 10)
			}
			for i, cell := range []string{b.Source, b.Name, b.body.ID, strconv.Itoa(t.No), t.Name, r.Kind, row, line, r.Column, r.Code, r.Message, r.Raw} {
				if i > 0 {
					_ = out.WriteByte(',') // a bufio.Writer keeps its first error for Flush
				}
				if cell != "" {
					_, _ = out.WriteString(`"` + strings.ReplaceAll(strings.ReplaceAll(cell, "\x00", "?"), `"`, `""`) + `"`)
				}
			}
			_ = out.WriteByte('\n')
			rows++
		}
	}
	return rows, nil
}

func sortedRows(set map[int64]bool) []int64 {
	rows := make([]int64, 0, len(set))
	for r := range set {
		rows = append(rows, r)
	}
	slices.Sort(rows)
	return rows
}
