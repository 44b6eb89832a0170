package transforms

import (
	"context"
	"fmt"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// Options says what to build from and with. Lake, DB, Cache, Project and Dir are mandatory.
type Options struct {
	Lake    *lake.Lake
	DB      *warehouse.DB
	Cache   *objstore.Cache
	Project *Project
	Dir     string              // scratch folder; on the lake's own file system files are linked instead of copied
	Config  map[string]string   // values for {{config "name"}}
	System  map[string]Relation // rows of system.expectation and system.count_policy, in the order of their columns; system.file is made from the batches
	Code    string              // version of this program, recorded in the release
	Workers int                 // partitions of one model built at a time; 0 means 2

	// Only, when set, tells which stream logs may bring news: of all others the build takes what the release before has taken.
	// A release says how far it has read each log, so one of some logs is as whole as one of all.
	Only func(log string) bool

	// Progress is told about every table that was built; nil is fine.
	Progress func(Progress)

	// Trace is told about every statement that made rows, after it ran, for a benchmark that repeats them without the engine
	// around them. Several goroutines call it; nil is fine.
	Trace func(Statement)

	splitRows int64 // staged objects of several months are split once from this many rows on; 0 means defaultSplitRows
}

// Progress tells how far a build is.
type Progress struct {
	Table               string
	Done, Of            int // tables
	Built, Reused, Same int // partitions of this table: built with new bytes, reused unseen, built but with the bytes they had
	Rows                int64
}

// Statement is SQL that made a file of a table, or, with no Query, cut an input for several partitions.
type Statement struct {
	Table, Partition string
	Before           []string // statements that show the inputs, or the cut
	Query            string   // the rows, in order
	Path             string   // scratch file or folder written; later statements read it there
}

// Relation is a small table. An empty cell is null. The columns of one given in Options are known and may be left out.
type Relation struct {
	Columns []release.Column // Name and Type
	Rows    [][]string
}

const (
	defaultWorkers   = 2
	defaultSplitRows = 100_000
	// engineVersion changes when the Go side of the engine computes rows or files differently.
	engineVersion = "omoflow transforms 2"
)

// configured names the system inputs whose rows come from the configuration.
func configured() []string { return []string{"system.expectation", "system.count_policy"} }

// systemColumns gives the columns of a system input.
func systemColumns(name string) ([]release.Column, bool) {
	columns := func(pairs ...string) []release.Column {
		var list []release.Column
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, release.Column{Name: pairs[i], Type: pairs[i+1]})
		}
		return list
	}
	switch name {
	case "system.file":
		return columns("source", "VARCHAR", "feed", "VARCHAR", "batch", "VARCHAR", "batch_seq", "BIGINT", "file_no", "INTEGER", "name", "VARCHAR",
			"sha256", "VARCHAR", "modified_at", "TIMESTAMP", "read_qty", "BIGINT", "accepted_qty", "BIGINT", "duplicate_qty", "BIGINT",
			"quarantined_qty", "BIGINT", "ignored_qty", "BIGINT", "is_refused", "BOOLEAN", "is_superseded", "BOOLEAN"), true
	case "system.expectation":
		return columns("source", "VARCHAR", "feed", "VARCHAR", "location_id", "VARCHAR", "every", "VARCHAR", "from_date", "DATE", "to_date", "DATE"), true
	case "system.count_policy":
		return columns("location_id", "VARCHAR", "category", "VARCHAR", "every_days", "BIGINT"), true
	}
	return nil, false
}

// systemFiles makes the rows of system.file.
func systemFiles(batches []lake.BatchEntry, gone map[lake.FileRef]bool) Relation {
	columns, _ := systemColumns("system.file")
	relation := Relation{Columns: columns}
	for _, b := range batches {
		for _, f := range b.Files {
			modified := ""
			if !f.Modified.IsZero() {
				modified = f.Modified.UTC().Format("2006-01-02 15:04:05.999999")
			}
			relation.Rows = append(relation.Rows, []string{
				b.Source, b.Feed, b.ID, fmt.Sprint(b.Seq), fmt.Sprint(f.No), f.Name, f.SHA256, modified, fmt.Sprint(f.Counts.Read), fmt.Sprint(f.Counts.Accepted),
				fmt.Sprint(f.Counts.Duplicate), fmt.Sprint(f.Counts.Quarantined), fmt.Sprint(f.Counts.Ignored), fmt.Sprint(f.Refused), fmt.Sprint(gone[lake.FileRef{Batch: b.ID, FileNo: f.No}]),
			})
		}
	}
	return relation
}

// digestOf hashes a relation.
func (r Relation) digestOf() string {
	parts := []string{"relation"}
	for _, c := range r.Columns {
		parts = append(parts, c.Name, c.Type)
	}
	for _, row := range r.Rows {
		parts = append(parts, digest(row...))
	}
	return digest(parts...)
}

// store makes a table of the relation, once per build.
func (r Relation) store(ctx context.Context, db *warehouse.DB, table string) error {
	return warehouse.LoadText(ctx, db, table, r.definition(), r.Rows)
}

func (r Relation) definition() []warehouse.Column {
	columns := make([]warehouse.Column, len(r.Columns))
	for i, c := range r.Columns {
		columns[i] = warehouse.Column{Name: c.Name, Type: c.Type}
	}
	return columns
}
