package transforms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
)

// Report tells what a rebuild found.
type Report struct {
	Release    int64    // that was rebuilt
	Partitions int      // compared
	Different  []string // "table/partition: why", empty when everything is as published
	Damaged    []string // keys of stored files that are missing or have other bytes than the release says
	Mended     []string // those of Damaged that were stored anew
}

// Rebuild computes every partition of the current release anew, without looking at what is stored, and compares the bytes.
// It reads every stored table file too and, when opt.Mend is set, stores damaged or lost ones again; otherwise it writes
// nothing to the lake. Differences and damage that remains are a fault of kind Damaged, together with the report.
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
	failpoint.Hit("rebuild.built")
	report := Report{Release: b.parent.Seq}
	for _, table := range slices.Sorted(maps.Keys(b.parent.Tables)) {
		old := b.before[table]
		report.Partitions += len(old.Partitions)
		report.Different = append(report.Different, differences(table, old, b.manifests[table])...)
		if err := b.inspect(ctx, old, &report); err != nil {
			return report, err
		}
	}
	if len(report.Different) > 0 {
		return report, fault.New(fault.Damaged, "rebuild_differs", fmt.Sprintf("release %d", report.Release), "if models or engine changed, omoflow run makes a new release; else report it",
			"%d of %d partitions come out differently, the first: %s", len(report.Different), report.Partitions, report.Different[0])
	}
	if n := len(report.Damaged) - len(report.Mended); n > 0 {
		return report, fault.New(fault.Damaged, "object_damaged", report.Damaged[0], "run `omoflow repair`", "%d stored files are damaged or missing and could not be made again", n)
	}
	return report, nil
}

// inspect reads the stored files of a table and mends those that are not what the manifest says, from the bytes made anew.
func (b *build) inspect(ctx context.Context, m release.Manifest, report *Report) error {
	for _, p := range m.Partitions {
		for _, f := range p.Files {
			sum, err := b.stored(ctx, f)
			if err == nil && sum != "" && sum != f.SHA256 {
				sum, err = b.stored(ctx, f) // what went wrong on the way is not what is stored
			}
			if err != nil {
				return err
			}
			if sum == f.SHA256 {
				continue
			}
			report.Damaged = append(report.Damaged, f.Key)
			path, made := b.local.Load(f.SHA256)
			if !made {
				continue
			}
			failpoint.Hit("rebuild.mend.before")
			if sum != "" {
				if err := lake.SetAside(ctx, b.Lake.Bucket, f.Key, sum); err != nil {
					return err
				}
			}
			if err := b.Lake.Bucket.Delete(ctx, f.Key); err != nil {
				return err
			}
			failpoint.Hit("rebuild.mend.deleted")
			if err := b.put(ctx, f, path.(string)); err != nil {
				return err
			}
			failpoint.Hit("rebuild.mend.after")
			report.Mended = append(report.Mended, f.Key)
		}
	}
	return nil
}

// stored gives the sha256 of an object's bytes as they are, "" when it is missing.
func (b *build) stored(ctx context.Context, o lake.Object) (string, error) {
	body, err := b.Lake.Bucket.Get(ctx, o.Key, 0, -1)
	if errors.Is(err, objstore.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer body.Close() //nolint:errcheck // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, body); err != nil {
		return "", fmt.Errorf("read %s: %w", o.Key, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
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
		case !ok && len(p.Files) > 0:
			list = append(list, table+"/"+p.Name+": not made again")
		case !slices.Equal(p.Files, q.Files):
			list = append(list, fmt.Sprintf("%s/%s: other bytes", table, p.Name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(anew)) {
		if len(anew[name].Files) == 0 {
			continue
		}
		list = append(list, table+"/"+name+": not in the release")
	}
	return list
}
