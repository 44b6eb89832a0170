package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/inspect"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/report"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/profile"
	"github.com/omoflow/omoflow/transforms"
)

func objectOf(key string, content []byte) lake.Object {
	sum := sha256.Sum256(content)
	return lake.Object{Key: key, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(content))}
}

// deliveries heals what came from outside: delivered bytes, and the rules they were taken with.
func (r *repair) deliveries(ctx context.Context) error {
	if err := r.withFeeds(ctx, inspect.Raw, r.raws); err != nil {
		return err
	}
	return r.withFeeds(ctx, inspect.Rules, r.rules)
}

// withFeeds opens the project's feeds for what may be healed from them.
func (r *repair) withFeeds(ctx context.Context, what inspect.Class, heal func(context.Context, []inspect.Finding, []ingest.Feed) error) error {
	found := r.found(what)
	if len(found) == 0 {
		return nil
	}
	feeds, closing, err := r.ingestFeeds(ctx, nil, "")
	defer closing()
	if err != nil {
		return r.because(err, found...)
	}
	return heal(ctx, found, feeds)
}

// raws looks for lost deliveries in their sources' folders: a file of any name with the same bytes heals them.
func (r *repair) raws(ctx context.Context, found []inspect.Finding, feeds []ingest.Feed) error {
	for _, f := range found {
		batch, delivered, ok := r.delivery(f.Key)
		if !ok {
			continue
		}
		i := slices.IndexFunc(feeds, func(feed ingest.Feed) bool { return feed.Source == batch.Source && feed.Name == batch.Feed })
		if i < 0 || feeds[i].API != nil { // an API never gives the same bytes again
			continue
		}
		if err := r.because(r.raw(ctx, feeds[i].Place, delivered), f); err != nil {
			return err
		}
	}
	return nil
}

// delivery gives the file whose bytes a raw object holds.
func (r *repair) delivery(key string) (lake.BatchEntry, lake.File, bool) {
	for _, b := range r.report.Batches {
		for _, f := range b.Files {
			if f.Raw.Key == key {
				return b, f, true
			}
		}
	}
	return lake.BatchEntry{}, lake.File{}, false
}

// raw stores a delivery again when the source's place holds a file with its bytes.
func (r *repair) raw(ctx context.Context, place file.Place, f lake.File) error {
	dir, clean, err := r.scratch()
	if err != nil {
		return err
	}
	defer clean()
	var same []file.Entry
	if err := place.List(ctx, func(e file.Entry) error {
		if e.Size == f.Bytes || f.Archive != nil && e.Size == f.Archive.Bytes {
			same = append(same, e)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, e := range same {
		path, err := place.Fetch(ctx, e.Name, dir)
		if err != nil {
			return err
		}
		paths := []string{path}
		if f.Archive != nil {
			members, err := profile.Unpack(path, dir, profile.Limits{}, true)
			if err != nil {
				continue // not the archive that was taken
			}
			for _, m := range members {
				paths = append(paths, m.Path)
			}
		}
		for _, path := range paths {
			made, err := ingest.Repack(ctx, dir, f, path, func(o lake.Object, packed string) error { return r.put(ctx, o, objstore.File(packed)) })
			if err != nil || made {
				return err
			}
		}
	}
	return nil
}

// rules stores the lost rules of batches again where the feed still has them.
func (r *repair) rules(ctx context.Context, found []inspect.Finding, feeds []ingest.Feed) error {
	for _, b := range r.report.Batches {
		if b.Rules == nil || !slices.ContainsFunc(found, func(f inspect.Finding) bool { return f.Key == b.Rules.Key && !r.mended[f.Key] }) {
			continue
		}
		for _, content := range ingest.PresentRules(r.ingestOptions(r.app, nil), feeds, b) {
			if objectOf(b.Rules.Key, content) == *b.Rules {
				if err := r.put(ctx, *b.Rules, objstore.Bytes(content)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// rows makes staged and quarantined rows again, batch by batch.
func (r *repair) rows(ctx context.Context) error {
	found := r.found(inspect.Staged, inspect.Quarantine)
	if len(found) == 0 {
		return nil
	}
	feeds, closing, _ := r.ingestFeeds(ctx, nil, "") // only needed where a batch's own rules are lost
	defer closing()
	db, err := warehouse.Open(ctx, r.engine())
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // in memory
	for _, b := range r.report.Batches {
		var mine []inspect.Finding
		for _, f := range found {
			if ofBatch(b.Batch, f.Key) && !r.mended[f.Key] {
				mine = append(mine, f)
			}
		}
		if len(mine) == 0 {
			continue
		}
		options := r.ingestOptions(r.app, db)
		err := ingest.Restage(ctx, options, feeds, b, func(o lake.Object, path string) error { return r.put(ctx, o, objstore.File(path)) })
		if err := r.because(err, mine...); err != nil {
			return err
		}
	}
	return nil
}

// ofBatch tells whether a batch names an object as staged or quarantined rows.
func ofBatch(b lake.Batch, key string) bool {
	return b.Quarantine != nil && b.Quarantine.Key == key || slices.ContainsFunc(b.Staged, func(s lake.Staged) bool { return s.Object.Key == key })
}

// tables makes table files and manifests again, release by release from the first that needs one.
func (r *repair) tables(ctx context.Context) error {
	for _, rel := range r.report.Releases {
		var mine []inspect.Finding
		lost := map[string]bool{}
		for _, f := range r.found(inspect.Table, inspect.Manifest) {
			lost[f.Key] = true
			if f.Release == rel.Seq {
				mine = append(mine, f)
			}
		}
		if len(mine) == 0 {
			continue
		}
		if err := r.because(r.tablesOf(ctx, rel.Seq, lost), mine...); err != nil {
			return err
		}
	}
	return nil
}

func (r *repair) tablesOf(ctx context.Context, seq int64, lost map[string]bool) error {
	db, err := warehouse.Open(ctx, r.engine())
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // in memory
	options, err := r.buildOptions(r.app, db)
	if err != nil {
		return err
	}
	defer r.app.progressDone()
	return transforms.Restore(ctx, options, seq, lost, func(o lake.Object, body objstore.Body) error { return r.put(ctx, o, body) })
}

// documents renders lost documents again from their releases.
func (r *repair) documents(ctx context.Context) error {
	for _, d := range r.report.Documents {
		objects := append([]lake.Object{d.Manifest}, d.Files...)
		var mine []inspect.Finding
		for _, f := range r.found(inspect.Document) {
			if slices.ContainsFunc(objects, func(o lake.Object) bool { return o.Key == f.Key }) {
				mine = append(mine, f)
			}
		}
		if len(mine) == 0 {
			continue
		}
		if err := r.because(r.document(ctx, d, objects), mine...); err != nil {
			return err
		}
	}
	return nil
}

func (r *repair) document(ctx context.Context, d lake.Document, objects []lake.Object) error {
	rel, err := release.At(ctx, r.lake, d.Release)
	if err != nil {
		return err
	}
	src, err := r.source(ctx, rel)
	if err != nil {
		return err
	}
	defer src.close()
	made, err := report.Again(ctx, src, d)
	if err != nil {
		return err
	}
	for _, o := range objects {
		content, ok := made[o.Key]
		if !ok || objectOf(o.Key, content).SHA256 != o.SHA256 {
			return fault.New(fault.Damaged, "other_bytes", o.Key, "restore the object from a backup, or run `omoflow repair` with the omoflow and the configuration that rendered it", "release %d renders other bytes", d.Release)
		}
		if err := r.put(ctx, o, objstore.Bytes(content)); err != nil {
			return err
		}
	}
	return nil
}
