// Package report renders the joint-meeting pack, the quarterly assessment and the supervision report from one released
// warehouse and keeps what was rendered.
//
// A document reads finished tables only; it defines no figure. The same release content gives the same bytes.
// Sections whose data is not there are named in the document with the stream they need.
package report

import (
	"context"
	"errors"
)

// ErrNotReleased is what a Source returns for a table that the release does not hold.
var ErrNotReleased = errors.New("the release does not hold this table")

// Source is one mounted release, read-only.
type Source interface {
	// Rows gives the rows of a table whose columns equal the given texts, in the order of the table's grain.
	// Values are exact texts: decimals by their scale, dates as 2006-01-02, booleans true or false; a null
	// column is absent from the row. ErrNotReleased when the release has no such table. The table system.refusal gives the
	// refused records that nothing in the release has replaced: source, feed, location_id, code, column, record_qty, file_qty, file.
	Rows(ctx context.Context, table string, equal map[string]string) ([]map[string]string, error)
	// Facts tells what a document's header says of the release.
	Facts(ctx context.Context) (Facts, error)
}

// Facts are what a header tells about the release a document was rendered from.
type Facts struct {
	Company          string
	HomeCurrency     string
	Zone             string // report zone, such as Asia/Shanghai
	Calendar         string // such as gregorian
	BusinessDateRule string // such as "04:00", the cut-over of the business day; empty is midnight
	DataAsOf         string // until when deliveries were taken in, UTC, such as "2026-04-01 02:15"
	LastBusinessDate string // last business date with data, 2006-01-02
	Release          int64
	ReleaseHash      string
	Checks           []Check
	Conservation     []Conservation
	Coverage         []Coverage
}

// Coverage tells what a platform does not let anybody read of a stream: it is missing, not zero.
type Coverage struct {
	Stream string      // source.stream
	From   string      // first day of which everything could be read, 2006-01-02; empty when nothing limits it
	Gaps   [][2]string // first and last day of ranges that could not be read
}

// Check is the outcome of one check of the release.
type Check struct {
	Name, Model, Severity, Status string // Status is ok or failed
	Rows                          int64
}

// Conservation accounts for the rows of one stream from the files to the table.
type Conservation struct {
	Subject                                                              string
	Read, Accepted, Duplicate, Superseded, Quarantined, Ignored, InTable int64
	Balanced                                                             bool
}

// Kind names a document.
type Kind string

// The documents there are.
const (
	JointMeeting Kind = "joint-meeting"
	Quarterly    Kind = "quarterly"
	Supervision  Kind = "supervision"
)

// Language names a language of the catalogue.
type Language string

// The languages of the catalogue.
const (
	Chinese Language = "zh-CN"
	English Language = "en"
)

// Request asks for one document.
type Request struct {
	Kind      Kind
	Period    string     // 2026-W05 or 2026-01 for the joint meeting, 2026-Q1 for the quarter, 2026-01 for the supervision
	Languages []Language // none means Chinese and English; the first is shown first
	Version   int        // printed in the header; 0 is a draft that is not archived
}

// Artifacts are the rendered files of one document.
type Artifacts struct {
	Kind        Kind
	Period      string
	Version     int
	Status      string // final or provisional
	ContentHash string // sha256 over figures and texts; version, release number and release hash are left out
	HTML        []byte
	XLSX        []byte
	Facts       []byte // the figures as sorted JSON lines
	NotFed      []string
}
