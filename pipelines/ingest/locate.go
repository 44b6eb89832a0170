package ingest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// Place is where a staged row was delivered.
type Place struct {
	Source, Feed string
	File         string
	Line         int64  // physical line, from 1
	Text         string // the record as delivered, decoded
}

// Locate finds the delivered record of a staged row by reading the stored bytes again.
func Locate(ctx context.Context, lk *lake.Lake, batchID string, fileNo int, sourceRow int64) (Place, error) {
	batches, err := lk.Batches(ctx)
	if err != nil {
		return Place{}, err
	}
	for _, b := range batches {
		if b.ID != batchID {
			continue
		}
		for _, f := range b.Files {
			if f.No == fileNo {
				return locateIn(ctx, lk, b.Batch, f, sourceRow)
			}
		}
	}
	return Place{}, fault.New(fault.Usage, "unknown_batch", batchID, "take batch and file_no from a staged row", "the lake has no such batch and file")
}

func locateIn(ctx context.Context, lk *lake.Lake, b lake.Batch, f lake.File, sourceRow int64) (place Place, err error) {
	dir, err := os.MkdirTemp("", "omoflow-locate-")
	if err != nil {
		return Place{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "raw")
	if err := unpack(ctx, lk, f, path); err != nil {
		return Place{}, err
	}
	found, err := profile.Find(ctx, path, layoutOf(f), profile.Limits{}, map[int64]bool{sourceRow: true})
	if err != nil {
		return Place{}, err
	}
	record, ok := found[sourceRow]
	if !ok {
		return Place{}, fault.New(fault.Usage, "unknown_row", f.Name, "take source_row from a staged row", "the file has no record %d", sourceRow)
	}
	return Place{b.Source, b.Feed, f.Name, record.Line, record.Text}, nil
}

func layoutOf(f lake.File) profile.Layout {
	return profile.Layout{Format: f.Format, Encoding: f.Encoding, Delimiter: f.Delimiter, HeaderLine: f.HeaderLine, Header: f.Header}
}

// unpack writes a delivered file's bytes to path and checks that they are the ones received.
func unpack(ctx context.Context, lk *lake.Lake, f lake.File, path string) (err error) {
	body, err := lk.Bucket.Get(ctx, f.Raw.Key, 0, -1)
	if errors.Is(err, objstore.ErrNotFound) {
		return fault.Wrap(err, fault.Damaged, "raw_missing", f.Raw.Key, "run `omoflow repair`, after delivering the file again with the same bytes or restoring the object from a backup", "the delivered bytes are gone")
	}
	if err != nil {
		return err // a store that refuses or does not answer loses nothing
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	z, err := zstd.NewReader(body)
	if err != nil {
		return err
	}
	defer z.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return tempFault(err, filepath.Dir(path))
	}
	_, err = io.Copy(out, z)
	err = errors.Join(err, out.Close())
	var disk *os.PathError
	switch {
	case errors.As(err, &disk) && disk.Path == path:
		return tempFault(err, filepath.Dir(path))
	case err != nil && fault.KindOf(err) != fault.Internal:
		return err // of the store
	case err != nil:
		return fault.Wrap(err, fault.Damaged, "raw_damaged", f.Raw.Key, "run `omoflow repair`, after delivering the file again with the same bytes or restoring the object from a backup", "the delivered bytes cannot be unpacked")
	}
	sha, _, err := hashFile(path)
	if err == nil && sha != f.SHA256 {
		return fault.New(fault.Damaged, "raw_damaged", f.Raw.Key, "run `omoflow repair`, after delivering the file again with the same bytes or restoring the object from a backup", "the stored bytes are not those received")
	}
	return err
}
