package proof

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/pipelines/report"
)

// contentMode says how much of a shop is compared.
type contentMode int

const (
	everything   contentMode = iota
	currentState             // not the numbers of the releases nor the earlier ones, nor which release a document names
)

// content says everything that counts in a lake and beside it, in an order of its own: batches, releases with the bytes of all
// their tables, documents and exported files. What differs between honest runs (times, writers, hashes of entries) is left out.
func (s *faultsShop) content(ctx context.Context, mode contentMode) (string, error) {
	var b strings.Builder
	lk, err := lake.Open(ctx, s.bucket)
	if errors.Is(err, objstore.ErrNotFound) {
		return "no lake", nil
	}
	if err != nil {
		return "", err
	}
	batches, err := lk.Batches(ctx)
	if err != nil {
		return "", err
	}
	for _, batch := range batches {
		fmt.Fprintf(&b, "batch %s %d %s %+v supersedes %v quarantine %v\n", batch.Log, batch.Seq, batch.ID, batch.Counts, batch.Supersedes, batch.Quarantine != nil)
		for _, f := range batch.Files {
			fmt.Fprintf(&b, "  file %d %s %s %+v refused %v duplicate %v\n", f.No, f.Name, f.SHA256, f.Counts, f.Refused, f.DuplicateOf)
		}
		for _, staged := range batch.Staged {
			fmt.Fprintf(&b, "  staged %+v\n", staged)
		}
	}
	releases, err := release.List(ctx, lk)
	if err != nil {
		return "", err
	}
	cache := objstore.NewCache(s.bucket, filepath.Join(s.dir, "compare"), 0)
	if mode == currentState {
		for i := range releases {
			releases[i].Seq, releases[i].Parent = 0, 0
		}
		releases = releases[max(0, len(releases)-1):]
	}
	for _, r := range releases {
		fmt.Fprintf(&b, "release %d on %d of %v, checks %v, conservation %v\n", r.Seq, r.Parent, r.Streams, r.Checks, r.Conservation)
		for _, table := range slices.Sorted(maps.Keys(r.Tables)) {
			m, err := r.Manifest(ctx, lk, table)
			if err != nil {
				return "", err
			}
			for _, p := range m.Partitions {
				for _, f := range p.Files {
					if _, err := cache.Path(ctx, f.Key, f.SHA256, f.Bytes); err != nil {
						return "", err
					}
				}
				fmt.Fprintf(&b, "  %s %s %v\n", table, p.Name, p.Files)
			}
		}
	}
	if mode == currentState {
		return b.String(), nil
	}
	err = s.documents(ctx, &b)
	return b.String(), err
}

func (s *faultsShop) documents(ctx context.Context, b *strings.Builder) error {
	versions, err := report.Versions(ctx, s.bucket, report.JointMeeting, "2026-W02")
	if err != nil {
		return err
	}
	for _, v := range versions {
		fmt.Fprintf(b, "report v%d %s %v\n", v.Version, v.ContentHash, v.Files)
		for _, f := range v.Files {
			if _, err := report.Read(ctx, s.bucket, f); err != nil {
				return err
			}
		}
	}
	names, _ := filepath.Glob(filepath.Join(s.dir, "export", "*"))
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "export %s %s\n", filepath.Base(name), text)
	}
	return nil
}
