package warehouse

import (
	"context"
	"database/sql/driver"
	"fmt"
	"iter"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// loadRows is the number of rows one INSERT of LoadText carries.
const loadRows = 500

// LoadText makes (or replaces) a table and fills it with text cells cast to its column types; an empty cell is null.
// It is meant for small tables.
func LoadText(ctx context.Context, s Session, table string, columns []Column, rows [][]string) error {
	definition := make([]string, len(columns))
	for i, c := range columns {
		definition[i] = Identifier(c.Name) + " " + c.Type
	}
	if err := s.Exec(ctx, "CREATE OR REPLACE TABLE "+table+" ("+strings.Join(definition, ", ")+")"); err != nil {
		return err
	}
	for len(rows) > 0 {
		n := min(loadRows, len(rows))
		lines := make([]string, n)
		for i, row := range rows[:n] {
			cells := make([]string, len(columns))
			for j := range columns {
				cells[j] = "NULL"
				if row[j] != "" {
					cells[j] = "CAST(" + Literal(row[j]) + " AS " + columns[j].Type + ")"
				}
			}
			lines[i] = "(" + strings.Join(cells, ", ") + ")"
		}
		if err := s.Exec(ctx, "INSERT INTO "+table+" VALUES "+strings.Join(lines, ", ")); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
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
