// Package alert tells people when something is wrong: rules look at facts, a problem begins and ends, and routes say who is told
// what, when, and how often.
//
// Facts are handed in: nothing here asks the engine, the clock or the disk. What fires and what is still to be told is kept in the
// lake's journal, log "alert"; that each recipient is told once is the delivery log's matter (internal/delivery).
package alert

import (
	"time"
)

// The kinds of rules. Each looks at one part of the Facts.
const (
	Freshness  = "freshness"  // a feed has been silent
	Missing    = "missing"    // a delivery that was due did not come
	Volume     = "volume"     // a day has far more or fewer records than its weekday usually has
	Quarantine = "quarantine" // many records or whole files were refused
	Release    = "release"    // what arrived waits to be released
	Checks     = "checks"     // a check of the release found something
	Jobs       = "jobs"       // a scheduled job failed
	Disk       = "disk"       // a disk fills up
	Deliveries = "deliveries" // a message could not be delivered
	Stocktake  = "stocktake"  // goods are due to be counted
)

// Kinds lists the kinds of rules.
func Kinds() []string {
	return []string{Freshness, Missing, Volume, Quarantine, Release, Checks, Jobs, Disk, Deliveries, Stocktake}
}

// Facts are what the rules look at.
type Facts struct {
	At      time.Time // of the evaluation
	Today   string    // the company's business date, which is not over yet
	Batches []Batch   // oldest first
	Waiting Waiting
	Days    []Day
	Checks  []Check
	Jobs    []Job
	Disks   []Space
	Counts  []Count
	Failed  []Undelivered     // filled by Run
	Unknown map[string]string // kind of rule -> why its facts could not be had; its alerts stay as they are
}

// Batch is one thing that arrived.
type Batch struct {
	Source, Feed string
	At           time.Time
	Read         int64
	Quarantined  int64
	Refused      int // files
}

// Waiting is what arrived and is not in the release.
type Waiting struct {
	Batches int64
	Since   time.Time // of the oldest
}

// Day is what came of a feed for a location on a business day.
type Day struct {
	Source, Feed, Location string
	Date                   string // YYYY-MM-DD
	State                  string // received, late, missing, awaited or unexpected
	Records                int64
}

// Check is one that failed.
type Check struct {
	Name, Model string
	Block       bool // it keeps the release back
	Rows        int64
}

// Job is the last outcome of a scheduled job.
type Job struct {
	Name    string
	Outcome string // done, failed, or another that says neither
	Tick    time.Time
	Attempt int
	Why     string
}

// Space is a disk.
type Space struct {
	Name        string // lake or temp
	Free, Total uint64 // bytes
}

// Count is a count of stock that is due soon, due or overdue.
type Count struct {
	Location, Part string // Part is a category with a rule of its own; empty is everything else
	Last           string // day of the count before, YYYY-MM-DD; empty when there was none
	Since          string // first day with stock, of goods never counted
	Due            string // last day on which the count is in time
	Overdue        int64  // days since then; negative before
}

// Undelivered is a message that did not reach its recipient, or may not have.
type Undelivered struct {
	Channel, Status string
	At              time.Time
}
