package portal

import (
	"context"
	"time"
)

// Source is where the portal's figures come from.
type Source interface {
	// Snapshot says how everything stands. It is called at most once in Options.Every, however many look.
	Snapshot(ctx context.Context) (Snapshot, error)
	// Content gives the bytes of a document's file as they were archived. Both are of the latest Snapshot, never of a request.
	Content(ctx context.Context, d Document, f File) ([]byte, error)
}

// Sections of a Snapshot that may be absent because they could not be read.
const (
	Matrix    = "matrix"
	Jobs      = "jobs"
	Documents = "documents"
)

// Snapshot is how everything stands at a time.
type Snapshot struct {
	Company    string
	Zone       *time.Location // of all times shown; nil means UTC
	Release    int64          // 0: nothing is released yet
	ReleasedAt time.Time
	Pending    int64 // batches that no release has
	Feeds      []Feed
	Cells      []Cell
	Checks     []Check // those that did not pass
	Jobs       []Job
	Documents  []Document // newest first
	Absent     []string   // sections that could not be read
}

// Feed is one kind of delivery of a source.
type Feed struct {
	Source, Feed                           string
	Files, Refused                         int64
	Read, Accepted, Duplicate, Quarantined int64
	LastDate                               string // last business date with data, YYYY-MM-DD
	LastArrival                            time.Time
}

// Cell is what became of the delivery of a feed by a location for a business day.
type Cell struct {
	Source, Feed, Location, Date string
	State                        string // received, late, missing, awaited or unexpected
	Records                      string
}

// Check is a check of the release that did not pass.
type Check struct {
	Name, Model, Severity string
	Rows                  int64
}

// Job is a scheduled job.
type Job struct {
	Name, About, Does string
	Status            string // idle, due, running, waiting, retry or paused
	Since             time.Time
	Last              time.Time // the due time that was accounted for last
	Outcome           string    // what became of it: done, failed, skipped, replaced, missed or paused
	Why               string
	Next              time.Time
}

// Document is an archived version of a report.
type Document struct {
	ID      string // names it in addresses
	Report  string
	Period  string
	Version int
	Status  string // provisional or final; "" when it is not known
	Release int64
	At      time.Time
	Files   []File
}

// File is one file of a document.
type File struct {
	Name   string
	Bytes  int64
	SHA256 string
}
