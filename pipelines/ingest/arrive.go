package ingest

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// arrival is a delivery whose content identity is known.
type arrival struct {
	source.Delivery
	path    string
	sha     string
	size    int64
	plain   *profile.Plain // the proof, when the file has one
	archive *lake.Archive  // it came in
}

// fetch brings deliveries here and hashes them; an archive becomes the files that it holds. One that changes meanwhile is left
// for the next run.
func (f *feed) fetch(ctx context.Context, dir string, group []source.Delivery) ([]arrival, []Finding, error) {
	all := make([][]arrival, len(group))
	notes := make([][]Finding, len(group))
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(2)
	for i, d := range group {
		eg.Go(func() error {
			failpoint.Hit("fetch.page.before")
			own := filepath.Join(dir, "from-"+strconv.Itoa(i)) // pages all have one name, and must not meet
			if err := os.Mkdir(own, 0o700); err != nil {
				return tempFault(err, dir)
			}
			path, err := d.Fetch(ctx, own)
			if errors.Is(err, file.ErrChanging) || errors.Is(err, os.ErrNotExist) {
				return nil // the next run meets it finished, or not at all
			}
			if err != nil {
				return err
			}
			all[i], notes[i], err = f.unpacked(ctx, d, path, filepath.Join(dir, "archive-"+strconv.Itoa(i)))
			failpoint.Hit("fetch.page.after")
			return err
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, nil, err
	}
	return slices.Concat(all...), slices.Concat(notes...), nil
}

// unpacked gives the arrivals that a delivery makes: itself, or the files of an archive. An archive that must not be unpacked
// arrives as it is, and is refused as it is.
func (f *feed) unpacked(ctx context.Context, d source.Delivery, path, dir string) ([]arrival, []Finding, error) {
	var members []profile.Member
	if f.API == nil {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, nil, tempFault(err, dir)
		}
		var err error
		var refused *profile.RefusedFile
		members, err = profile.Unpack(path, dir, f.opt.Limits, f.pattern.Chooses())
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil, nil, nil
		case err != nil && !errors.As(err, &refused):
			return nil, nil, tempFault(err, dir)
		}
	}
	if members == nil {
		a, err := f.arrive(ctx, d, path, dir)
		if err != nil || a.sha == "" || a.size != a.Size {
			return nil, nil, err
		}
		return []arrival{a}, nil, nil
	}
	sha, size, err := hashFile(path)
	if err != nil || size != d.Size {
		return nil, nil, fault.Wrap(err, fault.Unavailable, "unreadable_file", d.Name, "give this user read permission", "the delivered file cannot be read")
	}
	var all []arrival
	for _, m := range members {
		captures, ok := f.pattern.Within(d.Name, m.Name)
		if !ok {
			continue
		}
		own := source.Delivery{Name: d.Name + "/" + m.Name, Size: m.Size, Modified: d.Modified, Captures: captures}
		a, err := f.arrive(ctx, own, m.Path, dir)
		if err != nil {
			return nil, nil, err
		}
		a.archive = &lake.Archive{Name: d.Name, SHA256: sha, Bytes: size}
		all = append(all, a)
	}
	if len(all) == 0 {
		return nil, []Finding{{f.Source, f.Name, d.Name, "no_member", "no file of the archive matches " + f.Match + "; correct match, or the archive", 0}}, nil
	}
	return all, nil, nil
}

// arrive hashes a file. One that the engine may be able to read itself is proven meanwhile: only a file that is delivered
// again under another name is proven in vain.
func (f *feed) arrive(ctx context.Context, d source.Delivery, path, dir string) (arrival, error) {
	a := arrival{Delivery: d, path: path}
	proven := make(chan *profile.Plain, 1)
	go func() { proven <- f.prove(ctx, path, dir, d.Size, d.Captures) }()
	var err error
	a.sha, a.size, err = hashFile(path)
	a.plain = <-proven
	if errors.Is(err, os.ErrNotExist) {
		return arrival{}, nil
	}
	return a, fault.Wrap(err, fault.Unavailable, "unreadable_file", d.Name, "give this user read permission", "the delivered file cannot be read")
}

// vanished are the live files of archives that are delivered again without them, and what an archive's name held before
// it held several files.
func (s *state) vanished(arrivals []arrival) []lake.FileRef {
	archives, present := map[string]bool{}, map[string]bool{}
	for _, a := range arrivals {
		present[a.Name] = true
		if a.archive != nil {
			archives[a.archive.Name] = true
		}
	}
	var gone []lake.FileRef
	for name, ref := range s.names {
		of := name
		for !archives[of] && strings.Contains(of, "/") {
			of = of[:strings.LastIndexByte(of, '/')]
		}
		if archives[of] && !present[name] {
			gone = append(gone, ref)
		}
	}
	slices.SortFunc(gone, func(a, b lake.FileRef) int {
		return cmp.Or(strings.Compare(a.Batch, b.Batch), cmp.Compare(a.FileNo, b.FileNo))
	})
	return gone
}
