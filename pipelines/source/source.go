// Package source is the contract of what records come from: a cursor goes in, deliveries and the next cursor come out.
// A source knows HTTP or a place of files; storage and SQL are ingest's.
package source

import (
	"context"
	"encoding/json"
	"time"
)

// Field is one configuration value of a source, declared once for parsing, checks and the manual.
type Field struct {
	Name    string
	Type    string // text, duration, share, path
	Default string
	Help    string
	Secret  bool // never printed or logged
}

// Declaration describes a source.
type Declaration struct {
	Name   string
	About  string
	Fields []Field
}

// Delivery is a file, or a page of an API written as one, that waits to be taken in.
type Delivery struct {
	Name     string            // relative name, slashes; data, never a path to write to
	Size     int64             // in bytes
	Modified time.Time         // UTC
	Captures map[string]string // of the name
	// Fetch gives a local path with the whole content. dir is a private folder for a copy; a source whose content is
	// local already gives that path and writes nothing. An error of the place is fault.Unavailable.
	Fetch func(ctx context.Context, dir string) (path string, err error)
}

// Source hands over what has arrived.
type Source interface {
	Declare() Declaration
	// Pull calls emit for every delivery that the cursor does not cover, in an order that depends on the content
	// alone, and gives the cursor behind them. A nil cursor means from the beginning. An error of emit ends the pull
	// and is returned as it is; next is then not to be used.
	Pull(ctx context.Context, cursor json.RawMessage, emit func(Delivery) error) (next json.RawMessage, err error)
}
