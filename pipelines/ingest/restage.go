package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
)

// Restage makes the staged and quarantine objects of a committed batch again, from its raw bytes and by the rules it was
// taken with, and hands each to put, which decides what to do with it. feeds are used when the batch's own rules are lost
// and one of them has the same. Only objects with exactly the recorded bytes are handed on; when others come out the error
// is of kind Damaged.
func Restage(ctx context.Context, opt Options, feeds []Feed, e lake.BatchEntry, put func(o lake.Object, path string) error) (err error) {
	opt.fill()
	f, err := feedOf(ctx, opt, e)
	if err != nil {
		if f = sameRules(opt, feeds, e); f == nil {
			return err
		}
	}
	if f.mapping != e.Mapping {
		return fault.New(fault.Damaged, "other_rules", e.ID, "run the omoflow version that took the batch in", "this omoflow reads the rules of the batch differently")
	}
	dir, clean, err := f.scratch()
	if err != nil {
		return err
	}
	defer clean()
	b := &batch{feed: f, dir: dir, path: filepath.Join(dir, "records.tsv"), made: map[string]string{}}
	b.body = lake.Batch{ID: e.ID, Source: e.Source, Feed: e.Feed, Profile: e.Profile, Mapping: e.Mapping, Supersedes: e.Supersedes}
	for _, file := range e.Files {
		t := &taken{path: filepath.Join(dir, "delivered-"+strconv.Itoa(file.No)), File: lake.File{
			No: file.No, Name: file.Name, SHA256: file.SHA256, Bytes: file.Bytes, Modified: file.Modified, Captures: file.Captures, DuplicateOf: file.DuplicateOf, Raw: file.Raw,
		}}
		if t.DuplicateOf == nil {
			if err := unpack(ctx, opt.Lake, file, t.path); err != nil {
				return err
			}
		}
		b.files = append(b.files, t)
	}
	if f.Profile.Whole {
		defer func() { err = errors.Join(err, f.dropIndexes(context.WithoutCancel(ctx))) }()
		b.replay = len(e.Supersedes) > 0
		if err := f.loadBefore(ctx, e.Seq); err != nil {
			return err
		}
	}
	if err := b.makeRows(ctx); err != nil {
		return err
	}
	return b.handOn(e, put)
}

// sameRules finds a feed that maps as the batch was mapped.
func sameRules(opt Options, feeds []Feed, e lake.BatchEntry) *feed {
	for _, candidate := range feeds {
		if candidate.Source != e.Source || candidate.Name != e.Feed {
			continue
		}
		if f, err := prepare(opt, candidate); err == nil && f.mapping == e.Mapping {
			return f
		}
	}
	return nil
}

// handOn gives away what came out as recorded.
func (b *batch) handOn(e lake.BatchEntry, put func(o lake.Object, path string) error) error {
	made := map[lake.Object]bool{}
	for _, s := range b.body.Staged {
		made[s.Object] = true
	}
	if b.body.Quarantine != nil {
		made[*b.body.Quarantine] = true
	}
	var want []lake.Object
	for _, s := range e.Staged {
		want = append(want, s.Object)
	}
	if e.Quarantine != nil {
		want = append(want, *e.Quarantine)
	}
	var faults []error
	for _, o := range want {
		if !made[o] {
			faults = append(faults, fault.New(fault.Damaged, "other_bytes", o.Key, "run the omoflow version that took the batch in, or restore the object from a backup",
				"the raw bytes give other rows or other bytes than were recorded"))
			continue
		}
		if err := put(o, b.made[o.Key]); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// Repack makes the raw object of a delivered file again from the delivery at path, and hands it to put. A delivery with
// other content is not taken, and made is false.
func Repack(ctx context.Context, dir string, f lake.File, path string, put func(o lake.Object, path string) error) (made bool, err error) {
	sha, size, err := hashFile(path)
	if err != nil || sha != f.SHA256 || size != f.Bytes {
		return false, err
	}
	scratch, err := os.MkdirTemp(dir, "repack-")
	if err != nil {
		return false, tempFault(err, dir)
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // a leftover is harmless
	packed := filepath.Join(scratch, "raw.zst")
	if sha, size, err = newPacker().pack(ctx, path, packed); err != nil {
		return false, tempFault(err, dir)
	}
	if sha != f.Raw.SHA256 || size != f.Raw.Bytes {
		return false, fault.New(fault.Damaged, "other_bytes", f.Raw.Key, "run the omoflow version that took the file in, or restore the object from a backup", "the file %q is there, but this omoflow packs it differently", f.Name)
	}
	if err := put(f.Raw, packed); err != nil {
		return false, fmt.Errorf("store %s: %w", f.Raw.Key, err)
	}
	return true, nil
}

// healRaw stores the bytes of a repeated delivery again when the lake lost those of the first.
func (b *batch) healRaw(ctx context.Context, t *taken) error {
	raw, ok := b.state.raws[t.SHA256]
	if !ok || raw.Raw.Key == "" {
		return nil
	}
	if _, err := b.opt.Lake.Bucket.Head(ctx, raw.Raw.Key); !errors.Is(err, objstore.ErrNotFound) {
		return err
	}
	_, err := Repack(ctx, b.dir, raw, t.path, func(o lake.Object, path string) error {
		_, err := lake.Mend(ctx, b.opt.Lake.Bucket, o, objstore.File(path))
		return err
	})
	if fault.KindOf(err) == fault.Damaged {
		return nil // packed by another version; a check goes on naming the lost object
	}
	return err
}
