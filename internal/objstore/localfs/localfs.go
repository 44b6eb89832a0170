// Package localfs is a Bucket in a local directory: one file per object, readable in place.
//
// A write goes to a temporary file under <dir>/.omoflow, is fsynced, and gets its name by link(2), which
// fails when the name is taken; then the directory is fsynced. Readers therefore see whole objects only, and
// what a crash leaves behind has no key. PutIfMatch holds an flock on <dir>/.omoflow/lock while it compares
// and renames: that excludes all processes that use this package on a file system with working flock
// (all local ones; over NFS it needs NFSv4), and nothing else.
package localfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// leftoverAge is how old a temporary file must be to count as left by a crash.
const leftoverAge = 48 * time.Hour

// Bucket is a directory of objects. See New.
type Bucket struct {
	dir  string
	sync func(*os.File) error // brings a file or directory to the disk
}

// New gives the bucket of dir, which is made by the first write. Temporary files that a crash left there
// more than two days ago are removed.
func New(dir string) (*Bucket, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fault.New(fault.Usage, "lake_not_directory", abs, "name a directory", "not a directory")
	}
	b := &Bucket{dir: abs, sync: (*os.File).Sync}
	b.sweep()
	return b, nil
}

// sweep removes old temporary files. It is best effort: a leftover costs space, never correctness.
func (b *Bucket) sweep() {
	entries, err := os.ReadDir(b.tempDir())
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > leftoverAge {
			_ = os.Remove(filepath.Join(b.tempDir(), e.Name()))
		}
	}
}

func (b *Bucket) tempDir() string { return filepath.Join(b.dir, objstore.Reserved, "tmp") }

// URL implements objstore.Bucket.
func (b *Bucket) URL() string { return "file://" + filepath.ToSlash(b.dir) }

// LocalPath implements objstore.LocalPather.
func (b *Bucket) LocalPath(key string) (string, bool) {
	if objstore.CheckKey(key) != nil {
		return "", false
	}
	return b.path(key), true
}

func (b *Bucket) path(key string) string { return filepath.Join(b.dir, filepath.FromSlash(key)) }

// Get implements objstore.Bucket.
func (b *Bucket) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := objstore.CheckGet(key, offset); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(b.path(key))
	if err != nil {
		return nil, classify(key, "read", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		if err != nil {
			return nil, classify(key, "read", err)
		}
		return nil, fmt.Errorf("%s: %w", key, objstore.ErrNotFound)
	}
	if length < 0 {
		length = 1<<63 - 1 - offset
	}
	return &reader{ctx: ctx, section: io.NewSectionReader(f, offset, length), file: f}, nil
}

// reader stops when its context does.
type reader struct {
	ctx     context.Context //nolint:containedctx // the stream lives as long as the request
	section *io.SectionReader
	file    *os.File
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.section.Read(p)
}

func (r *reader) Close() error { return r.file.Close() }

// Head implements objstore.Bucket.
func (b *Bucket) Head(ctx context.Context, key string) (objstore.Info, error) {
	if err := objstore.CheckKey(key); err != nil {
		return objstore.Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return objstore.Info{}, err
	}
	info, err := os.Stat(b.path(key))
	if err != nil {
		return objstore.Info{}, classify(key, "read", err)
	}
	if !info.Mode().IsRegular() {
		return objstore.Info{}, fmt.Errorf("%s: %w", key, objstore.ErrNotFound)
	}
	return describe(key, info), nil
}

// Delete implements objstore.Bucket. Directories that become empty are removed.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := objstore.CheckKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if info, err := os.Lstat(b.path(key)); err == nil && info.IsDir() {
		return nil
	}
	if err := os.Remove(b.path(key)); err != nil {
		err = classify(key, "delete", err)
		if errors.Is(err, objstore.ErrNotFound) {
			return nil
		}
		return err
	}
	parent := filepath.Dir(b.path(key))
	for parent != b.dir && strings.HasPrefix(parent, b.dir) && os.Remove(parent) == nil {
		parent = filepath.Dir(parent)
	}
	return b.syncDir(parent)
}

// List implements objstore.Bucket.
func (b *Bucket) List(ctx context.Context, prefix, startAfter string, fn func(objstore.Info) error) error {
	folder := ""
	if cut := strings.LastIndexByte(prefix, '/'); cut >= 0 {
		folder = prefix[:cut+1]
		if objstore.CheckKey(prefix[:cut]) != nil {
			return ctx.Err() // no key can begin so
		}
	}
	return b.walk(ctx, folder, prefix, startAfter, fn)
}

// walk lists folder ("" or ending in a slash). Directories sort as if their name ended in a slash, which
// makes the walk come out in the byte order of whole keys.
func (b *Bucket) walk(ctx context.Context, folder, prefix, startAfter string, fn func(objstore.Info) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(b.path(folder))
	if err != nil {
		err = classify(folder, "list", err)
		if errors.Is(err, objstore.ErrNotFound) {
			return nil
		}
		return err
	}
	for _, key := range sortedKeys(folder, entries) {
		if key == objstore.Reserved+"/" {
			continue
		}
		if strings.HasSuffix(key, "/") {
			if inside := strings.HasPrefix(key, prefix) || strings.HasPrefix(prefix, key); !inside || below(key, startAfter) {
				continue
			}
			if err := b.walk(ctx, key, prefix, startAfter, fn); err != nil {
				return err
			}
			continue
		}
		if !strings.HasPrefix(key, prefix) || key <= startAfter {
			continue
		}
		if err := b.visit(ctx, key, fn); err != nil {
			return err
		}
	}
	return nil
}

// below tells that every key under folder is at or before startAfter.
func below(folder, startAfter string) bool {
	return folder < startAfter && !strings.HasPrefix(startAfter, folder)
}

func (b *Bucket) visit(ctx context.Context, key string, fn func(objstore.Info) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := os.Lstat(b.path(key))
	if errors.Is(err, fs.ErrNotExist) || (err == nil && !info.Mode().IsRegular()) {
		return nil // deleted meanwhile, or nothing of ours
	}
	if err != nil {
		return classify(key, "list", err)
	}
	return fn(describe(key, info))
}
