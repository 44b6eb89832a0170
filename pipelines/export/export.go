// Package export writes the finance KPI table of a period to files that a ledger can take in, with a manifest
// that proves them: rows, control sums, hashes, tie-outs and what became of the period before.
package export

import (
	"context"
	"errors"

	"github.com/omoflow/omoflow/internal/fault"
)

// ErrNotReleased is what a Source returns for a table that the release does not hold.
var ErrNotReleased = errors.New("the release does not hold this table")

// Source is one mounted release, read-only.
type Source interface {
	// Rows gives the rows of a table whose columns equal the given texts, in the order of the table's grain.
	// Values are exact texts; a null column is absent. ErrNotReleased when the release has no such table.
	Rows(ctx context.Context, table string, equal map[string]string) ([]map[string]string, error)
	// Release tells which release it is.
	Release(ctx context.Context) (Release, error)
}

// Release names what the figures were read from.
type Release struct {
	Company      string
	HomeCurrency string
	Seq          int64
	Hash         string
	DataAsOf     string // UTC, such as "2026-02-01 02:15"
}

// Format is a file format of the export.
type Format string

// The formats there are.
const (
	CSV     Format = "csv"
	XLSX    Format = "xlsx"
	Parquet Format = "parquet"
)

// Request asks for one export.
type Request struct {
	Period  string   // month, such as 2026-01
	Dir     string   // directory the files go to; made when missing
	Formats []Format // none means CSV and XLSX, and Parquet when WriteParquet is set
	BOM     bool     // begin the CSV with a byte order mark, for spreadsheet programs
	Final   bool     // refuse unless every tie-out ties
	// Previous is the manifest that was exported for the period before, or nil; its sums are compared with what
	// the release says of that period now.
	Previous *Manifest
	// WriteParquet writes the rows of a query to a Parquet file at path and returns their number. Needed for the
	// format Parquet only.
	WriteParquet func(ctx context.Context, query, path string) (int64, error)
}

// Status of an export.
const (
	StatusFinal       = "final"
	StatusProvisional = "provisional"
)

// Write reads the period's figures and writes the files and, last, manifest.json. With Final set a tie-out that
// fails or is absent is fault.Findings and nothing is written. A directory that holds a final export of the
// period with other figures is fault.Conflict: closed figures do not move.
func Write(ctx context.Context, src Source, req Request) (Manifest, error) {
	if err := req.check(); err != nil {
		return Manifest{}, err
	}
	set, err := load(ctx, src, req)
	if err != nil {
		return Manifest{}, err
	}
	m := set.manifest(req)
	if req.Final {
		if err := m.mayBeFinal(); err != nil {
			return m, err
		}
	}
	if err := keepFinal(req.Dir, m); err != nil {
		return m, err
	}
	return set.write(ctx, req, m)
}

// check refuses a request that cannot be carried out and fills in the formats.
func (r *Request) check() error {
	if _, _, err := month(r.Period); err != nil {
		return err
	}
	if r.Dir == "" {
		return fault.New(fault.Usage, "missing_directory", r.Period, "name a directory for the files", "there is no directory to write to")
	}
	if len(r.Formats) == 0 {
		r.Formats = []Format{CSV, XLSX}
		if r.WriteParquet != nil {
			r.Formats = append(r.Formats, Parquet)
		}
	}
	for _, f := range r.Formats {
		switch {
		case f != CSV && f != XLSX && f != Parquet:
			return fault.New(fault.Usage, "unknown_format", string(f), "the formats are csv, xlsx and parquet", "there is no such format")
		case f == Parquet && r.WriteParquet == nil:
			return fault.New(fault.Usage, "no_parquet_writer", string(f), "leave the format out", "Parquet cannot be written here")
		}
	}
	return nil
}
