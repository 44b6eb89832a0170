package release

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
)

// Execer runs a statement; a warehouse database or connection is one.
type Execer interface {
	Exec(ctx context.Context, sql string, args ...any) error
}

// Mount makes one view per named table, all when none is named, over the release's files. A table
// "sales.order" becomes view "order" of schema "sales", one without a dot a view of schema main. Views of the same name are
// replaced. Every file is verified before it is used.
func Mount(ctx context.Context, q Execer, lk *lake.Lake, cache *objstore.Cache, r Release, tables ...string) error {
	if len(tables) == 0 {
		tables = tableNames(r)
	}
	for _, table := range tables {
		m, err := r.Manifest(ctx, lk, table)
		if err != nil {
			return err
		}
		if err := MountManifest(ctx, q, cache, m); err != nil {
			return err
		}
	}
	return nil
}

func tableNames(r Release) []string { return slices.Sorted(maps.Keys(r.Tables)) }

// MountManifest makes the view of one table version.
func MountManifest(ctx context.Context, q Execer, cache *objstore.Cache, m Manifest) error {
	var paths []string
	for _, p := range m.Partitions {
		for _, f := range p.Files {
			if f.Rows == 0 {
				continue
			}
			path, err := cache.Path(ctx, f.Key, f.SHA256, f.Bytes)
			if err != nil {
				return fmt.Errorf("mount %s: %w", m.Table, err)
			}
			paths = append(paths, path)
		}
	}
	schema, view := SchemaAndView(m.Table)
	if schema != "main" {
		if err := q.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+identifier(schema)); err != nil {
			return fmt.Errorf("mount %s: %w", m.Table, err)
		}
	}
	sql := "CREATE OR REPLACE VIEW " + identifier(schema) + "." + identifier(view) + " AS " + selection(m, paths)
	if err := q.Exec(ctx, sql); err != nil {
		return fmt.Errorf("mount %s: %w", m.Table, err)
	}
	return nil
}

// SchemaAndView splits a table's name at its first dot; the schema of a name without one is main.
func SchemaAndView(table string) (schema, view string) {
	if schema, view, ok := strings.Cut(table, "."); ok {
		return schema, view
	}
	return "main", table
}

// selection reads the files, or gives no rows with the declared types when there is none.
func selection(m Manifest, paths []string) string {
	columns := make([]string, len(m.Columns))
	for i, c := range m.Columns {
		if len(paths) == 0 {
			columns[i] = "CAST(NULL AS " + c.Type + ") AS " + identifier(c.Name)
		} else {
			columns[i] = identifier(c.Name)
		}
	}
	list := strings.Join(columns, ", ")
	if len(paths) == 0 {
		if list == "" {
			list = "NULL AS nothing"
		}
		return "SELECT " + list + " WHERE false"
	}
	if list == "" {
		list = "*"
	}
	return "SELECT " + list + " FROM " + ReadParquet(paths)
}

// ReadParquet gives the table function that reads exactly these files, whatever characters their paths have.
func ReadParquet(paths []string) string {
	// In brackets, the characters that would make a path a pattern stand for themselves.
	plain := strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]")
	quoted := make([]string, len(paths))
	for i, path := range paths {
		quoted[i] = literal(plain.Replace(path))
	}
	return "read_parquet([" + strings.Join(quoted, ", ") + "], hive_partitioning = false)"
}

func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
func literal(s string) string    { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
