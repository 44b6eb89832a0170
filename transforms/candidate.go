package transforms

import (
	"context"
	"fmt"
	"maps"
	"slices"

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
	if err := b.all(ctx); err != nil {
		return nil, err
	}
	r := release.Release{
		Parent: b.parent.Seq, Streams: b.positions(), Tables: b.refs, Models: b.models, Config: b.asked, Engine: b.engine, Code: opt.Code,
	}
	if r.Checks, err = b.check(ctx); err != nil {
		return nil, err
	}
	if r.Conservation, r.Money, err = b.conserve(ctx); err != nil {
		return nil, err
	}
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
	return release.Publish(ctx, c.lake, c.Parent.Seq, c.Release)
}

// positions gives the last entry of every stream log.
func (b *build) positions() map[string]int64 {
	at := map[string]int64{}
	for _, batch := range b.batches {
		at[batch.Log] = max(at[batch.Log], batch.Seq)
	}
	return at
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

// Report tells what a rebuild found.
type Report struct {
	Release    int64    // that was rebuilt
	Partitions int      // compared
	Different  []string // "table/partition: why", empty when everything is as published
}

// Rebuild computes every partition of the current release anew, without looking at what is stored, and compares the bytes.
// It writes nothing to the lake. Differences are a fault of kind Damaged, together with the report.
func Rebuild(ctx context.Context, opt Options) (Report, error) {
	b, err := newBuild(ctx, opt)
	if err != nil {
		return Report{}, err
	}
	if b.parent.Seq == 0 {
		return Report{}, fault.New(fault.Usage, "no_release", "release", "run omoflow run first", "there is no release to rebuild")
	}
	b.reuse, b.upload = false, false
	if err := b.atRelease(); err != nil {
		return Report{}, err
	}
	defer b.close(ctx)
	if err := b.start(ctx); err != nil {
		return Report{}, err
	}
	if err := b.all(ctx); err != nil {
		return Report{}, err
	}
	report := Report{Release: b.parent.Seq}
	for _, table := range slices.Sorted(maps.Keys(b.parent.Tables)) {
		old := b.before[table]
		report.Partitions += len(old.Partitions)
		report.Different = append(report.Different, differences(table, old, b.manifests[table])...)
	}
	if len(report.Different) > 0 {
		return report, fault.New(fault.Damaged, "rebuild_differs", fmt.Sprintf("release %d", report.Release), "if models or engine changed, omoflow run makes a new release; else report it",
			"%d of %d partitions come out differently, the first: %s", len(report.Different), report.Partitions, report.Different[0])
	}
	return report, nil
}

// atRelease forgets batches that came after the release, so that a rebuild sees what it saw.
func (b *build) atRelease() error {
	b.batches = slices.DeleteFunc(b.batches, func(e lake.BatchEntry) bool { return e.Seq > b.parent.Streams[e.Log] })
	var err error
	if b.streams, err = streams(b.batches); err != nil {
		return err
	}
	b.system["system.file"] = systemFiles(b.batches, gone(b.batches))
	return nil
}

// differences lists the partitions of a table whose files are not the same.
func differences(table string, old, made release.Manifest) []string {
	var list []string
	anew := map[string]release.Partition{}
	for _, p := range made.Partitions {
		anew[p.Name] = p
	}
	for _, p := range old.Partitions {
		q, ok := anew[p.Name]
		delete(anew, p.Name)
		switch {
		case !ok:
			list = append(list, table+"/"+p.Name+": not made again")
		case !slices.Equal(p.Files, q.Files):
			list = append(list, fmt.Sprintf("%s/%s: other bytes", table, p.Name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(anew)) {
		list = append(list, table+"/"+name+": not in the release")
	}
	return list
}
