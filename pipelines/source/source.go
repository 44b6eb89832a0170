// Package source is the contract of what records come from: a cursor goes in, deliveries and the next cursor come out.
// A source knows HTTP or a place of files; storage and SQL are ingest's.
package source

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// Field is one configuration value of a source, declared once for parsing, checks and the manual.
type Field struct {
	Name     string
	Type     string // text, url, zone, number, duration, share, path, bool, list, map, secret
	Default  string
	Least    string // of a number or a duration, written as its value is; "": no bound
	Most     string
	Help     string
	Required bool
	Secret   bool // the value is a reference (env:, file:, command:), never the secret; never printed or logged
}

// Stream is one feed of an API source: it has a log, a cursor and a profile of its own.
type Stream struct {
	Name       string
	About      string
	Fills      []string // canonical streams
	Permission string   // what the credentials must allow
}

// Declaration describes a source.
type Declaration struct {
	Name    string
	About   string
	Fields  []Field
	Streams []Stream // of an API; none for files
	Guide   Guide
}

// Guide is what the manual says beyond the fields, as Markdown.
type Guide struct {
	Credentials  string // what to click
	Missing      string // what this API does not give
	Completeness string // what is promised, and how
}

// Delivery is a file, or a page of an API written as one, that waits to be taken in.
type Delivery struct {
	Name     string            // relative name, slashes; data, never a path to write to
	Size     int64             // in bytes
	Modified time.Time         // UTC
	Captures map[string]string // of the name
	// Cursor is where to go on when this delivery and all before it are in; nil: here is no place to go on from, the
	// delivery counts only together with those up to the next that has one. Files have none.
	Cursor json.RawMessage
	// Fetch gives a local path with the whole content. dir is a private folder for a copy; a source whose content is
	// local already gives that path and writes nothing. An error of the place is fault.Unavailable.
	Fetch func(ctx context.Context, dir string) (path string, err error)
	// Hint is set when nothing was delivered but word of a record; Name then is that of the event, and Fetch is nil.
	Hint *Hint
}

// Hint names a record that a platform says has changed and that must be asked for; see Feed.Ask.
type Hint struct {
	ID   string `json:"id"`
	Gone bool   `json:"gone,omitempty"` // the platform says that it was deleted
}

// Source hands over what has arrived.
type Source interface {
	Declare() Declaration
	// Pull calls emit for every delivery that the cursor does not cover, in an order that depends on the content
	// alone, and gives the cursor behind them. A nil cursor means from the beginning. An error of emit ends the pull
	// and is returned as it is; next is then not to be used.
	Pull(ctx context.Context, cursor json.RawMessage, emit func(Delivery) error) (next json.RawMessage, err error)
}

// Feed is one stream of an opened API: where it comes from and how its pages are mapped.
type Feed struct {
	Stream   string
	Source   Source
	Profile  []byte   // YAML
	Captures []string // names that every delivery's Captures hold
	Facts    []string // columns of the profile's head stream that Reconcile wants to know
	// Reconcile, when set, is asked after each pull; see Reconciler.
	Reconcile Reconciler
	// Backfill, when set, reads a range of the past; see Backfiller.
	Backfill Backfiller
	// Ask, when set, reads the records of hints and emits them as Pull does, and tombstones of those that are gone. What
	// cannot be found and was not said to be gone is left to Reconcile.
	Ask func(ctx context.Context, hints []Hint, emit func(Delivery) error) error
}

// Reconciler finds records that vanished or changed without any cursor showing it.
type Reconciler interface {
	// Reconcile compares what the lake holds (asking for it is not cheap) with what the API lists and emits what differs: records again, and
	// tombstones of those that are gone. It does nothing when it is not due by the cursor of the last pull.
	Reconcile(ctx context.Context, cursor json.RawMessage, held Held, emit func(Delivery) error) (next json.RawMessage, err error)
}

// Held gives the records of the stream that the lake holds.
type Held func(ctx context.Context) ([]Known, error)

// Known is a record of the stream that the lake holds.
type Known struct {
	ID      string
	Version string // source_version of the newest delivery
	Gone    bool   // the newest delivery is a tombstone
	Facts   map[string]string
}

// Backfiller reads records of the past by their date, in windows, without touching the forward cursor.
type Backfiller interface {
	// Plan tells the windows of a range and how many calls each will take.
	Plan(ctx context.Context, from, to time.Time) ([]Window, error)
	// PullWindow emits the deliveries of a window. cursor is where an interrupted run of the same window stopped.
	PullWindow(ctx context.Context, w Window, cursor json.RawMessage, emit func(Delivery) error) error
}

// Window is a half-open range of time, UTC.
type Window struct {
	From, To time.Time
	Records  int64 // as the API states them; -1: it does not say
	Calls    int64
}

// API is an opened platform.
type API interface {
	Feeds() []Feed
	// Check asks the API whether everything that the feeds need is allowed, and changes nothing.
	Check(ctx context.Context) []Probe
	Close()
}

// Probe is one answer of API.Check.
type Probe struct {
	What string
	Note string
	Err  error // nil: fine; of kind fault.Findings: works, but someone should know
}

// Page makes the delivery of an answer of an API: its bytes exactly as received.
func Page(name string, body []byte, received time.Time, cursor json.RawMessage, captures map[string]string) Delivery {
	return Delivery{Name: name, Size: int64(len(body)), Modified: received.UTC(), Captures: captures, Cursor: cursor, Fetch: func(_ context.Context, dir string) (string, error) {
		path := filepath.Join(dir, "page")
		return path, fault.Wrap(os.WriteFile(path, body, 0o600), fault.Exhausted, "temp_write", dir, "free space, or set engine.temp_dir to another folder", "scratch files cannot be written")
	}}
}
