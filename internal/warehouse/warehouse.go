// Package warehouse is the only door to DuckDB and Arrow: it opens bounded in-memory databases, runs SQL,
// writes verified Parquet files and turns results into text, CSV, JSON and Arrow.
//
// Nothing here is durable truth: a database can be thrown away at any time, the Parquet files of the lake stay.
// Errors of the engine come back as *fault.Error: out of memory, disk or time is Exhausted, a cancelled context
// is Interrupted, wrong SQL is Usage, an unreadable Parquet file is Damaged.
package warehouse

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// Options bounds one database. A zero field leaves the engine's default.
type Options struct {
	MemoryLimit string // such as "8GiB"; default 80 % of the machine
	Threads     int    // default: all cores
	TempDir     string // where large operations spill; default ".tmp" in the working directory
	TempLimit   string // cap of the spill directory, such as "50GiB"
}

// DB is an in-memory database with its limits set. It is safe for concurrent use; temporary tables belong to
// one Conn.
type DB struct {
	session
	pool   *sql.DB
	memory string // as configured, "" is the engine's default
}

// Conn is one pinned connection of a DB: temporary tables and settings made on it are seen by it alone.
type Conn struct {
	session
	conn *sql.Conn
}

// Session is what DB and Conn have in common; take it where either will do.
type Session interface {
	Exec(ctx context.Context, sql string, args ...any) error
	Query(ctx context.Context, sql string, args ...any) (*Rows, error)
	Text(ctx context.Context, sql string, args ...any) ([][]string, error)
	Count(ctx context.Context, sql string, args ...any) (int64, error)
	CopyParquet(ctx context.Context, query, path string, opt CopyOptions) (CopyResult, error)
}

// Open starts an in-memory database with opt's limits, the session zone UTC and extension downloads off.
func Open(ctx context.Context, opt Options) (*DB, error) {
	connector, err := duckdb.NewConnector("", func(conn driver.ExecerContext) error {
		_, err := conn.ExecContext(context.Background(), "SET TimeZone = 'UTC'", nil)
		return err
	})
	if err != nil {
		return nil, classify(ctx, err, "open database")
	}
	pool := sql.OpenDB(connector)
	db := &DB{session: session{via: pool}, pool: pool, memory: opt.MemoryLimit}
	for _, setting := range opt.settings() {
		if err := db.Exec(ctx, setting); err != nil {
			_ = pool.Close() // the setting's error is the one to tell
			return nil, fmt.Errorf("open database: %w", err)
		}
	}
	return db, nil
}

// settings lists the statements that bound a fresh database.
func (o Options) settings() []string {
	list := []string{
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET allow_community_extensions = false",
		"SET preserve_insertion_order = true",
		"SET default_null_order = 'NULLS_LAST'",
	}
	if o.MemoryLimit != "" {
		list = append(list, "SET memory_limit = "+Literal(o.MemoryLimit))
	}
	if o.Threads > 0 {
		list = append(list, fmt.Sprintf("SET threads = %d", o.Threads))
	}
	if o.TempDir != "" {
		list = append(list, "SET temp_directory = "+Literal(o.TempDir))
	}
	if o.TempLimit != "" {
		list = append(list, "SET max_temp_directory_size = "+Literal(o.TempLimit))
	}
	return list
}

// Within runs fn with a memory limit lower than the configured one, such as "640MiB", and tells whether it was lowered: one
// below a gibibyte stays. The engine keeps what it read of a text file until memory is short; a limit makes that soon. It
// holds for the whole database until fn returns.
func (d *DB) Within(ctx context.Context, limit string, fn func() error) (lowered bool, err error) {
	now, err := d.Text(ctx, "SELECT current_setting('memory_limit')")
	if err != nil {
		return false, err
	}
	if !strings.HasSuffix(now[0][0], "GiB") && !strings.HasSuffix(now[0][0], "TiB") {
		return false, fn()
	}
	if err := d.Exec(ctx, "SET memory_limit = "+Literal(limit)); err != nil {
		return false, err
	}
	back := "RESET memory_limit"
	if d.memory != "" {
		back = "SET memory_limit = " + Literal(d.memory)
	}
	defer func() {
		err = errors.Join(err, d.Exec(context.WithoutCancel(ctx), back))
	}()
	return true, fn()
}

// Close frees the database and everything in it.
func (d *DB) Close() error { return d.pool.Close() }

// Conn pins a connection, for temporary tables. Close it to give it back.
func (d *DB) Conn(ctx context.Context) (*Conn, error) {
	conn, err := d.pool.Conn(ctx)
	if err != nil {
		return nil, classify(ctx, err, "open connection")
	}
	return &Conn{session: session{via: conn}, conn: conn}, nil
}

// Close gives the connection back; its temporary tables remain until the connection is used for another purpose,
// so drop them first when they are large.
func (c *Conn) Close() error { return c.conn.Close() }

// Engine names the engine and its version, as releases record it: "duckdb v1.5.6".
func Engine(ctx context.Context, s Session) (string, error) {
	rows, err := s.Text(ctx, "SELECT 'duckdb ' || version()")
	if err != nil {
		return "", err
	}
	return rows[0][0], nil
}

// Literal quotes s as an SQL text literal.
func Literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Identifier quotes s as one SQL identifier.
func Identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// Table quotes a dotted name: "sales.order" becomes "sales"."order".
func Table(name string) string {
	parts := strings.Split(name, ".")
	for i := range parts {
		parts[i] = Identifier(parts[i])
	}
	return strings.Join(parts, ".")
}

// ReadParquet gives the FROM item that reads exactly the named files, in that order.
func ReadParquet(paths ...string) string {
	quoted := make([]string, len(paths))
	for i, path := range paths {
		quoted[i] = Literal(path)
	}
	return "read_parquet([" + strings.Join(quoted, ", ") + "], union_by_name = true, hive_partitioning = false)"
}
