package transforms

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
)

// restoring is what a build that makes a past release again needs to know.
type restoring struct {
	lost    map[string]bool // keys of objects whose bytes are not to be used
	earlier release.Release // whose manifests serve where the release's own are lost
	lock    sync.Mutex
	short   map[string]bool // tables of which lost partitions are left out
}

// spoiled tells whether partitions of a table are left out, so that those that are left do not tell what it has.
func (r *restoring) spoiled(table string) bool {
	if r == nil {
		return false
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.short[table]
}

// Restore makes lost or damaged table files and manifests of a past release again, from the staged rows that it consumed, and
// hands each to put. Partitions whose files are sound are taken over; the others are computed again, and only what has the
// recorded sha256 is handed on. Tables that come out differently are a fault of kind Damaged that says why: this program's
// models, engine or configuration are not those of the release.
func Restore(ctx context.Context, opt Options, seq int64, lost map[string]bool, put func(o lake.Object, body objstore.Body) error) error {
	r, err := release.At(ctx, opt.Lake, seq)
	if err != nil {
		return err
	}
	opt.Config = maps.Clone(opt.Config)
	if opt.Config == nil {
		opt.Config = map[string]string{}
	}
	maps.Copy(opt.Config, r.Config)
	b, err := newBuild(ctx, opt)
	if err != nil {
		return err
	}
	b.parent, b.upload = r, false
	b.restoring = &restoring{lost: lost, short: map[string]bool{}}
	if r.Parent > 0 {
		if b.restoring.earlier, err = release.At(ctx, opt.Lake, r.Parent); err != nil {
			return err
		}
	}
	if err := b.atRelease(); err != nil {
		return err
	}
	defer b.close(ctx)
	if err := b.start(ctx); err != nil {
		return err
	}
	if err := b.all(ctx); err != nil {
		return err
	}
	return b.handOn(r, put)
}

// manifestBefore gives the manifest that a table's partitions are compared with. When a release is made again, a lost one is
// replaced by the one before it, and partitions with lost files are left out.
func (b *build) manifestBefore(ctx context.Context, table string) (release.Manifest, error) {
	m, err := b.parent.Manifest(ctx, b.Lake, table)
	if b.restoring == nil || err != nil && fault.KindOf(err) != fault.Damaged {
		return m, err
	}
	if _, had := b.restoring.earlier.Tables[table]; err != nil && had {
		m, err = b.restoring.earlier.Manifest(ctx, b.Lake, table)
	}
	if err != nil {
		return release.Manifest{}, nil //nolint:nilerr // nothing of it can be taken over
	}
	all := len(m.Partitions)
	m.Partitions = slices.DeleteFunc(m.Partitions, func(p release.Partition) bool {
		return slices.ContainsFunc(p.Files, func(f lake.Object) bool { return b.restoring.lost[f.Key] })
	})
	if len(m.Partitions) < all {
		b.restoring.lock.Lock()
		defer b.restoring.lock.Unlock()
		b.restoring.short[table] = true
	}
	return m, nil
}

// handOn gives the files and the manifest of every table that came out as it was released.
func (b *build) handOn(r release.Release, put func(o lake.Object, body objstore.Body) error) error {
	var faults []error
	for _, table := range slices.Sorted(maps.Keys(r.Tables)) {
		m, ok := b.manifests[table]
		data, sha, err := m.Encode()
		if err != nil {
			return err
		}
		if !ok || sha != r.Tables[table].Manifest {
			faults = append(faults, fault.New(fault.Damaged, "other_table", table, b.sayWhy(r, table), "release %d comes out differently", r.Seq))
			continue
		}
		for _, p := range m.Partitions {
			for _, f := range p.Files {
				path, made := b.local.Load(f.SHA256)
				if !made {
					continue
				}
				if err := put(f, objstore.File(path.(string))); err != nil {
					return err
				}
			}
		}
		manifest := lake.Object{Key: lake.ManifestKey(table, sha), SHA256: sha, Bytes: int64(len(data))}
		if err := put(manifest, objstore.Bytes(data)); err != nil {
			return err
		}
	}
	return errors.Join(faults...)
}

// sayWhy names what differs between this program and the one that made a release.
func (b *build) sayWhy(r release.Release, table string) string {
	made := "run `omoflow repair` with the omoflow that made it"
	if r.Code != "" {
		made += ", version " + r.Code
	}
	switch {
	case r.Engine != b.engine:
		return fmt.Sprintf("the release was made by engine %s, this is %s: %s", r.Engine, b.engine, made)
	case r.Models["system.expectation"] != b.models["system.expectation"]:
		return "what the feeds' expect: says in omoflow.yaml changed since: run `omoflow repair` with that configuration"
	case r.Models["system.count_policy"] != "" && r.Models["system.count_policy"] != b.models["system.count_policy"]:
		return "what stocktake: says in omoflow.yaml changed since: run `omoflow repair` with that configuration"
	}
	for _, name := range slices.Sorted(maps.Keys(b.models)) {
		if was := r.Models[name]; was != "" && was != b.models[name] {
			return fmt.Sprintf("the model %s changed since: %s", name, made)
		}
	}
	return made
}
