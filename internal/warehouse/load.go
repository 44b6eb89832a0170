package warehouse

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// LoadText makes (or replaces) a table and fills it with text cells cast to its column types; an empty cell is null.
func LoadText(ctx context.Context, db *DB, table string, columns []Column, rows [][]string) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	texts, cells := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		texts[i] = Identifier(c.Name) + " VARCHAR"
		cells[i] = "CAST(nullif(" + Identifier(c.Name) + ", '') AS " + c.Type + ") AS " + Identifier(c.Name)
	}
	if err := conn.Exec(ctx, "CREATE OR REPLACE TEMP TABLE loaded_text ("+strings.Join(texts, ", ")+")"); err != nil {
		return err
	}
	if err := conn.AppendText(ctx, "loaded_text", slices.Values(rows)); err != nil {
		return err
	}
	return conn.Exec(ctx, "CREATE OR REPLACE TABLE "+table+" AS SELECT "+strings.Join(cells, ", ")+" FROM temp.loaded_text; DROP TABLE temp.loaded_text")
}

// AppendText fills an existing temporary table of the connection, whose columns are all VARCHAR, with rows; it is the
// fast way for many of them.
func (c *Conn) AppendText(ctx context.Context, table string, rows iter.Seq[[]string]) error {
	return c.conn.Raw(func(raw any) error {
		connection, ok := raw.(driver.Conn)
		if !ok {
			return fmt.Errorf("append to %s: unexpected connection %T", table, raw)
		}
		appender, err := duckdb.NewAppender(connection, "temp", "main", table)
		if err != nil {
			return classify(ctx, err, "append to "+table)
		}
		cells := []driver.Value{}
		for row := range rows {
			cells = cells[:0]
			for _, cell := range row {
				cells = append(cells, cell)
			}
			if err := appender.AppendRow(cells...); err != nil {
				_ = appender.Close() // the row's error is the one to tell
				return classify(ctx, err, "append to "+table)
			}
		}
		return classify(ctx, appender.Close(), "append to "+table)
	})
}
