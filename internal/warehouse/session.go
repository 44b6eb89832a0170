package warehouse

import (
	"context"
	"database/sql"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// session runs statements on a pool or on one connection.
type session struct {
	via interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
}

// Exec runs one or more statements without a result.
func (s session) Exec(ctx context.Context, query string, args ...any) error {
	_, err := s.via.ExecContext(ctx, query, args...)
	return classify(ctx, err, query)
}

// Query runs one statement. Results are held in memory by the engine: use CopyParquet for large ones.
func (s session) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	rows, err := s.via.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, classify(ctx, err, query)
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		_ = rows.Close() // the first error is the one to tell
		return nil, classify(ctx, err, query)
	}
	r := &Rows{ctx: ctx, query: query, rows: rows, values: make([]any, len(types)), into: make([]any, len(types))}
	for i, t := range types {
		r.columns = append(r.columns, Column{Name: t.Name(), Type: t.DatabaseTypeName()})
		r.into[i] = &r.values[i]
	}
	return r, nil
}

// Text runs a query with a small result and gives it as text, null as "".
func (s session) Text(ctx context.Context, query string, args ...any) ([][]string, error) {
	rows, err := s.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all [][]string
	for rows.Next() {
		all = append(all, rows.Text())
	}
	return all, rows.Err()
}

// Count runs a query whose result is one whole number; null counts as 0.
func (s session) Count(ctx context.Context, query string, args ...any) (int64, error) {
	rows, err := s.Text(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return 0, fmt.Errorf("count: %d rows instead of one number", len(rows))
	}
	if rows[0][0] == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(rows[0][0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("count: %w", err)
	}
	return n, nil
}

// Column is one column of a result.
type Column struct {
	Name string
	Type string // the engine's name: VARCHAR, BIGINT, DECIMAL(18,4), DATE, TIMESTAMP, BIGINT[] ...
}

// Rows walks a result. Close it, and look at Err after the last Next.
type Rows struct {
	ctx     context.Context
	query   string
	rows    *sql.Rows
	columns []Column
	values  []any
	into    []any
	err     error
}

// Number is the exact decimal text of a DECIMAL or HUGEINT value.
type Number string

// Columns describes the result.
func (r *Rows) Columns() []Column { return r.columns }

// Next moves to the next row; false at the end or on an error.
func (r *Rows) Next() bool {
	if r.err != nil || !r.rows.Next() {
		return false
	}
	for i := range r.values {
		r.values[i] = nil
	}
	r.err = r.rows.Scan(r.into...)
	return r.err == nil
}

// Err tells why Next ended early, nil at the end of the result.
func (r *Rows) Err() error {
	if r.err != nil {
		return classify(r.ctx, r.err, r.query)
	}
	return classify(r.ctx, r.rows.Err(), r.query)
}

// Close frees the result; it may be called twice.
func (r *Rows) Close() error { return r.rows.Close() }

// Null tells whether column i of the current row is null.
func (r *Rows) Null(i int) bool { return r.values[i] == nil }

// Values gives the current row in a new slice: nil, bool, the Go integer and float types, string, []byte, time.Time
// (UTC), Number for DECIMAL and HUGEINT, []any and map[string]any for nested types.
func (r *Rows) Values() []any {
	out := make([]any, len(r.values))
	for i, v := range r.values {
		out[i] = plain(v)
	}
	return out
}

// Text gives the current row as text in a new slice: decimals with their scale, dates as 2006-01-02, timestamps as
// "2006-01-02 15:04:05[.ffffff]", booleans as true and false, null as "" (see Null).
func (r *Rows) Text() []string {
	out := make([]string, len(r.values))
	for i, v := range r.values {
		out[i] = text(v, r.columns[i].Type)
	}
	return out
}

// plain replaces the driver's own types by ones that are ours or Go's.
func plain(v any) any {
	switch v := v.(type) {
	case duckdb.Decimal:
		return Number(decimalText(v.Value, int(v.Scale)))
	case *big.Int:
		return Number(v.String())
	case time.Time:
		return v.UTC()
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = plain(v[k])
		}
		return out
	case duckdb.Map, duckdb.Interval, duckdb.Union, duckdb.OrderedMap:
		return fmt.Sprint(v)
	}
	return v
}

// text renders one value of a column of the given type.
func text(v any, columnType string) string {
	switch v := plain(v).(type) {
	case nil:
		return ""
	case string:
		return v
	case Number:
		return string(v)
	case []byte:
		if columnType == "UUID" && len(v) == 16 {
			return fmt.Sprintf("%x-%x-%x-%x-%x", v[0:4], v[4:6], v[6:8], v[8:10], v[10:16])
		}
		return string(v)
	case time.Time:
		return timeText(v, columnType)
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// timeText renders an instant as far as its type carries it; the fraction is written only when there is one.
func timeText(t time.Time, columnType string) string {
	switch columnType {
	case "DATE":
		return t.Format("2006-01-02")
	case "TIME":
		return t.Format("15:04:05.999999")
	default:
		return t.Format("2006-01-02 15:04:05.999999")
	}
}

// decimalText writes unscaled / 10^scale with exactly scale digits after the point: 1.10, not 1.1.
func decimalText(unscaled *big.Int, scale int) string {
	if unscaled == nil {
		return ""
	}
	digits := new(big.Int).Abs(unscaled).String()
	sign := ""
	if unscaled.Sign() < 0 {
		sign = "-"
	}
	if scale == 0 {
		return sign + digits
	}
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale-len(digits)+1) + digits
	}
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}
