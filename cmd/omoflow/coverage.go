package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/pipelines/report"
	"github.com/omoflow/omoflow/pipelines/source"
)

// coverage is what of a feed's past its platform does not let anybody read.
type coverage struct {
	From string       `json:"covered_from,omitempty"`
	Gaps []source.Gap `json:"gaps,omitempty"`
}

// take notes what a later batch says; batches of files say nothing.
func (c *coverage) take(b lake.Batch) {
	if b.CursorAfter != nil {
		said := source.CoverageOf(b.CursorAfter)
		c.From, c.Gaps = said.From, said.Gaps
	}
}

// lines are what a person should know of it.
func (c coverage) lines() (lines []string) {
	if c.From != "" {
		lines = append(lines, fmt.Sprintf("can only be read from %s on; what is older is missing, not zero, until it is read with --to %s", c.From, c.From))
	}
	for _, gap := range c.Gaps {
		lines = append(lines, fmt.Sprintf("something between %s and %s could not be read; read it with --from and --to if the platform still has it", gap.From, gap.To))
	}
	return lines
}

// reach moves the beginning back over ranges of the past that were read on request and touch what is covered.
func (c *coverage) reach(read []lake.Backfill) {
	slices.SortFunc(read, func(a, b lake.Backfill) int { return b.To.Compare(a.To) })
	for _, w := range read {
		from, err := time.Parse(time.DateOnly, c.From)
		if err == nil && w.Done && !w.To.Before(from) && w.From.Before(from) {
			c.From = w.From.Format(time.DateOnly)
		}
	}
}

// coverages gives the coverage of every feed that batches up to the given places of the logs tell of, by source and feed.
func coverages(batches []lake.BatchEntry, streams map[string]int64) map[[2]string]coverage {
	all, past := map[[2]string]coverage{}, map[[2]string][]lake.Backfill{}
	for _, b := range batches {
		feed := [2]string{b.Source, b.Feed}
		if b.Seq > streams[b.Log] {
			continue
		}
		c := all[feed]
		c.take(b.Batch)
		all[feed] = c
		if b.Backfill != nil {
			past[feed] = append(past[feed], *b.Backfill)
		}
	}
	for feed, c := range all {
		c.reach(past[feed])
		all[feed] = c
	}
	return all
}

// coverage gives what a release could not know of the configured platforms.
func (p *project) coverage(ctx context.Context, rel release.Release) ([]report.Coverage, error) {
	limited, err := p.limited(ctx, rel)
	if err != nil || !limited {
		return nil, err
	}
	batches, err := p.lake.Batches(ctx)
	if err != nil {
		return nil, err
	}
	var all []report.Coverage
	found := coverages(batches, rel.Streams)
	for feed, c := range found {
		if c.From == "" && len(c.Gaps) == 0 {
			continue
		}
		one := report.Coverage{Stream: feed[0] + "." + feed[1], From: c.From}
		for _, gap := range c.Gaps {
			one.Gaps = append(one.Gaps, [2]string{gap.From, gap.To})
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b report.Coverage) int { return strings.Compare(a.Stream, b.Stream) })
	return all, nil
}

// limited tells whether the last batch of a platform's stream speaks of limits: most do not, and one entry of each tells.
func (p *project) limited(ctx context.Context, rel release.Release) (bool, error) {
	for _, name := range sortedKeys(p.config.Sources) {
		kind, _ := platform(p.config.Sources[name].Kind) // files have no streams
		for _, stream := range kind.Declaration.Streams {
			log := p.lake.StreamLog(name, stream.Name)
			if rel.Streams[log.Name()] == 0 {
				continue
			}
			entry, err := log.Get(ctx, rel.Streams[log.Name()])
			if errors.Is(err, objstore.ErrNotFound) || err == nil && entry.Kind != lake.KindBatch {
				continue // check and repair speak of it
			}
			if err != nil {
				return false, err
			}
			b, err := lake.DecodeBatch(entry)
			if err != nil {
				return false, err
			}
			var c coverage
			if c.take(b.Batch); c.From != "" || len(c.Gaps) > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}
