package transforms

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
)

// Candidate is a release that was built and checked but not published.
type Candidate struct {
	Release release.Release
	Parent  release.Release // zero for the first
	Changed bool            // false: the parent says all of this already
	Tables  []Progress      // what was done per table, in build order; empty when nothing changed
	lake    *lake.Lake
}

// Build brings every table up to date with the batches of the lake and runs all checks. Files and manifests are stored by
// content, so that nothing is visible to readers before Publish. When a blocking check fails the error is of kind Findings
// and the candidate, stored for inspection, comes with it.
func Build(ctx context.Context, opt Options) (*Candidate, error) {
	b, err := newBuild(ctx, opt)
	if err != nil {
		return nil, err
	}
	candidate := &Candidate{Parent: b.parent, lake: opt.Lake}
	if b.nothingNew() {
		candidate.Release = b.parent
		return candidate, nil
	}
	defer b.close(ctx)
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	failpoint.Hit("build.start")
	if err := b.all(ctx); err != nil {
		return nil, err
	}
	r := release.Release{
		Parent: b.parent.Seq, Streams: b.positions(), Tables: b.refs, Models: b.models, Config: b.asked, Engine: b.engine, Code: opt.Code,
		Heads: b.heads(),
	}
	if err := b.share(ctx, 1); err != nil {
		return nil, err
	}
	failpoint.Hit("check.begin")
	if r.Checks, err = b.check(ctx); err != nil {
		return nil, err
	}
	failpoint.Hit("conserve.begin")
	if r.Conservation, r.Money, err = b.conserve(ctx); err != nil {
		return nil, err
	}
	failpoint.Hit("conserve.end")
	for _, m := range b.project.Models {
		p := b.stats[m.Name]
		p.Table, p.Rows = m.Name, b.manifests[m.Name].Rows()
		candidate.Tables = append(candidate.Tables, p)
	}
	candidate.Release, candidate.Changed = r, true
	if err := verdict(r); err != nil {
		if saving := release.PutCandidate(ctx, opt.Lake, r); saving != nil {
			return candidate, fmt.Errorf("%w (the candidate could not be stored: %v)", err, saving)
		}
		return candidate, err
	}
	return candidate, nil
}

// Publish makes the candidate the current release in one step. It gives the parent, and writes nothing, when nothing
// changed. When another release was published meanwhile the error is of kind Conflict: build again.
func (c *Candidate) Publish(ctx context.Context) (release.Release, error) {
	if !c.Changed {
		return c.Parent, nil
	}
	if err := verdict(c.Release); err != nil {
		return release.Release{}, err
	}
	if err := failpoint.Fail("release.before_publish"); err != nil {
		return release.Release{}, err
	}
	done, err := release.Publish(ctx, c.lake, c.Parent.Seq, c.Release)
	failpoint.Hit("release.after_publish")
	return done, err
}

// positions gives the last entry of every stream log.
func (b *build) positions() map[string]int64 {
	at := map[string]int64{}
	for _, batch := range b.batches {
		at[batch.Log] = max(at[batch.Log], batch.Seq)
	}
	return at
}

// notBehind refuses to build from less than the release before was built from. Logs only grow, so the store did not show all
// of one: a stale or incomplete listing must not take published rows back.
func (b *build) notBehind() error {
	at := b.positions()
	for _, log := range slices.Sorted(maps.Keys(b.parent.Streams)) {
		if at[log] < b.parent.Streams[log] {
			return fault.New(fault.Unavailable, "log_behind", log, "run again; if it stays so, omoflow check lists what is lost, and omoflow store verify tests the store",
				"the store shows this log up to entry %d, release %d was built from %d", at[log], b.parent.Seq, b.parent.Streams[log])
		}
	}
	return nil
}

// heads gives the hash of each of those entries, so that a log which lost its end, or grew another one, is found out.
func (b *build) heads() map[string]string {
	at, heads := b.positions(), map[string]string{}
	for _, batch := range b.batches {
		if batch.Seq == at[batch.Log] {
			heads[batch.Log] = batch.Hash
		}
	}
	return heads
}

// nothingNew tells whether the parent was built from the same batches, models, values and engine.
func (b *build) nothingNew() bool {
	models := maps.Clone(b.models)
	for _, m := range append(slices.Clone(b.project.Models), b.project.Checks...) {
		models["described "+m.Name] = m.described()
	}
	b.models = models
	return b.parent.Seq > 0 && b.parent.Engine == b.engine && maps.Equal(b.parent.Streams, b.positions()) &&
		maps.Equal(b.parent.Models, b.models) && maps.Equal(b.parent.Config, b.asked)
}
