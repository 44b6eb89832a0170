// Package world simulates a retailer from a seed: stores, warehouses, platforms, customers and stock.
//
// It writes the files that such shops export, day by day, with the faults such files have, and keeps the
// truth beside them. The truth is added up from the simulated events in integer minor units; nothing in this
// package reads a written file, and the pipeline never reads the truth. The same options give the same bytes
// on every machine: every draw comes from a stream named by its entity, and no float takes part.
package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Options say which world. The zero value is the demo: 90 days, 12 stores, 2,000 articles, 20,000 people.
type Options struct {
	Seed  uint64
	Start time.Time // first business day; zero is 2026-01-01
	Days  int       // horizon of Truth; zero is 90
	Scale int       // multiplies order lines and people; zero is 1, 500 gives 100 million lines in 90 days

	Stores      int // zero is 12
	SKUs        int // zero is 2,000
	Customers   int // people; zero is 20,000 x Scale
	LinesPerDay int // over all channels; zero is 2,200 x Scale

	// Asked names the sources, of shopify and woo, that are asked for what they know (see ShopsOf) instead of exporting files.
	// The international shop, shopify, then keeps one currency.
	Asked []string

	// The shops and their systems rest on days ClosedFrom to ClosedTo-1: a small world may span years. ClosedTo is a multiple of 7.
	ClosedFrom, ClosedTo int
}

// Summary says what Write has written.
type Summary struct {
	Files   int   // versions written, corrections included
	Bytes   int64 // of all of them
	Records int64 // data rows in them, refusable rows included, totals excluded
}

func (o Options) withDefaults() (Options, error) {
	o.Scale = orDefault(o.Scale, 1)
	o.Days = orDefault(o.Days, 90)
	o.Stores = orDefault(o.Stores, 12)
	o.SKUs = orDefault(o.SKUs, 2_000)
	o.Customers = orDefault(o.Customers, 20_000*o.Scale)
	o.LinesPerDay = orDefault(o.LinesPerDay, 2_200*o.Scale)
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	o.Start = o.Start.UTC().Truncate(24 * time.Hour)
	for name, v := range map[string]int{"Days": o.Days, "Scale": o.Scale} {
		if v < 1 {
			return o, fmt.Errorf("world: %s is %d, at least 1 is needed", name, v)
		}
	}
	for _, source := range o.Asked {
		if source != sourceNames[sourceShopify] && source != sourceNames[sourceWoo] {
			return o, fmt.Errorf("world: %q cannot be asked", source)
		}
	}
	switch {
	case o.Stores < 1 || o.Stores > 99:
		return o, fmt.Errorf("world: Stores is %d, 1 to 99 are possible", o.Stores)
	case o.SKUs < 20 || o.SKUs > 99_999:
		return o, fmt.Errorf("world: SKUs is %d, 20 to 99,999 are possible", o.SKUs)
	case o.Customers < 20 || o.Customers > 90_000_000:
		return o, fmt.Errorf("world: Customers is %d, 20 to 90,000,000 are possible", o.Customers)
	case o.ClosedFrom < 0 || o.ClosedTo < o.ClosedFrom || o.ClosedTo > 0 && (o.ClosedFrom == 0 || o.ClosedTo%7 != 0):
		return o, fmt.Errorf("world: days %d to %d cannot be closed: the first day is open, and reopening is on a multiple of 7", o.ClosedFrom, o.ClosedTo)
	case o.LinesPerDay < o.Stores+3:
		return o, fmt.Errorf("world: LinesPerDay is %d, at least one for each store and platform is needed", o.LinesPerDay)
	}
	return o, nil
}

func orDefault(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

// Write simulates and drops the files that arrive on days fromDay to toDay-1 (day 0 is Options.Start) below
// dir, one folder per source. The days before fromDay are simulated without writing, so that calling it for
// [0,90) and then [90,91) gives the same files as [0,91). A later file may replace an earlier one of the
// same name: that is a correction. Files appear whole, by rename.
func Write(ctx context.Context, dir string, opts Options, fromDay, toDay int) (Summary, error) {
	var total Summary
	if fromDay < 0 || toDay < fromDay {
		return total, fmt.Errorf("world: days %d to %d are no range", fromDay, toDay)
	}
	s, err := newSim(opts)
	if err != nil {
		return total, err
	}
	for _, source := range sourceNames {
		if err := os.MkdirAll(filepath.Join(dir, source), 0o777); err != nil {
			return total, fmt.Errorf("world: %w", err)
		}
	}
	for day := range toDay {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		due := slices.DeleteFunc(s.step(day), func(d *delivery) bool { return d.asked })
		if day < fromDay {
			continue
		}
		written, err := writeAll(dir, due)
		if err != nil {
			return total, err
		}
		total.Files += written.Files
		total.Bytes += written.Bytes
		total.Records += written.Records
	}
	return total, nil
}

// writeAll renders one day's files on every core; a day is small, so memory stays bounded.
func writeAll(dir string, due []*delivery) (Summary, error) {
	var (
		mu    sync.Mutex
		total Summary
		errs  []error
		wait  sync.WaitGroup
		next  = make(chan *delivery)
	)
	for range min(runtime.GOMAXPROCS(0), len(due)) {
		wait.Go(func() {
			for d := range next {
				data, err := d.bytes()
				if err == nil {
					err = writeFile(filepath.Join(dir, filepath.FromSlash(d.path)), data, d.modified)
				}
				mu.Lock()
				if err != nil {
					errs = append(errs, fmt.Errorf("world: %s: %w", d.path, err))
				}
				total.Files++
				total.Bytes += int64(len(data))
				total.Records += int64(d.records + d.quarantined)
				mu.Unlock()
			}
		})
	}
	for _, d := range due {
		next <- d
	}
	close(next)
	wait.Wait()
	return total, errors.Join(errs...)
}

// writeFile makes the file visible in one step, with the simulated time as its modification time.
func writeFile(path string, data []byte, modified time.Time) error {
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
	if err := os.WriteFile(temporary, data, 0o666); err != nil {
		return err
	}
	if err := os.Chtimes(temporary, modified, modified); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// Plan lists the files that exist at the end of day (from 0), sorted, relative to the folder given to Write.
func Plan(opts Options, day int) ([]string, error) {
	s, err := newSim(opts)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var paths []string
	for d := range day + 1 {
		for _, f := range s.step(d) {
			if !seen[f.path] && !f.asked {
				seen[f.path] = true
				paths = append(paths, f.path)
			}
		}
	}
	slices.Sort(paths)
	return paths, nil
}
