package localfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// objectMode makes objects read-only: nothing ever writes into one.
const objectMode = 0o444

// PutIfAbsent implements objstore.Bucket.
func (b *Bucket) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	if err := objstore.CheckKey(key); err != nil {
		return objstore.Info{}, err
	}
	// A look before the copy saves writing what would be refused anyway; link decides.
	if _, err := os.Lstat(b.path(key)); err == nil {
		return objstore.Info{}, b.taken(key)
	}
	temp, digest, err := b.writeTemp(ctx, key, body, opt)
	if err != nil {
		return objstore.Info{}, err
	}
	defer os.Remove(temp) //nolint:errcheck // a leftover is swept later
	failpoint.Hit("localfs.temp_written")
	return b.publish(key, temp, digest)
}

// AdoptIfAbsent implements objstore.Adopter. The bytes are read once when opt names their hash.
func (b *Bucket) AdoptIfAbsent(ctx context.Context, key, path string, opt objstore.PutOptions) (objstore.Info, error) {
	if err := objstore.CheckKey(key); err != nil {
		return objstore.Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return objstore.Info{}, err
	}
	if _, err := os.Lstat(b.path(key)); err == nil {
		return objstore.Info{}, b.taken(key)
	}
	if err := b.settle(ctx, key, path, opt); err != nil {
		return objstore.Info{}, err
	}
	failpoint.Hit("localfs.adopt_settled")
	info, err := b.publish(key, path, strings.ToLower(opt.SHA256))
	if errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EMLINK) || errors.Is(err, syscall.ENOTSUP) {
		return b.PutIfAbsent(ctx, key, objstore.File(path), opt)
	}
	return info, err
}

// settle checks a file that is to become an object, makes it read-only and brings it to the disk.
func (b *Bucket) settle(ctx context.Context, key, path string, opt objstore.PutOptions) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("adopt %s as %s: %w", path, key, err)
	}
	defer f.Close() //nolint:errcheck // only read
	if opt.SHA256 != "" {
		hash := sha256.New()
		if _, err := io.Copy(hash, contextReader{ctx, f}); err != nil {
			return fmt.Errorf("adopt %s as %s: %w", path, key, err)
		}
		if !strings.EqualFold(hex.EncodeToString(hash.Sum(nil)), opt.SHA256) {
			return fmt.Errorf("%s: %w", key, objstore.ErrChecksum)
		}
	}
	if err := b.sync(f); err != nil {
		return classify(key, "write", err)
	}
	return classify(key, "write", os.Chmod(path, objectMode))
}

// publish gives the finished file its key, which decides who wins.
func (b *Bucket) publish(key, file, digest string) (objstore.Info, error) {
	for attempt := 0; ; attempt++ {
		if err := b.makeDir(filepath.Dir(b.path(key))); err != nil {
			return objstore.Info{}, classify(key, "write", err)
		}
		info, err := os.Lstat(file) // the same file as the object, which may be gone again at once
		if err != nil {
			return objstore.Info{}, fmt.Errorf("put %s: %w", key, err)
		}
		err = os.Link(file, b.path(key))
		if errors.Is(err, fs.ErrNotExist) && attempt < 100 {
			continue // a concurrent delete removed the directory it had emptied
		}
		if errors.Is(err, fs.ErrExist) {
			return objstore.Info{}, b.taken(key)
		}
		if err != nil {
			return objstore.Info{}, classify(key, "write", err)
		}
		failpoint.Hit("localfs.linked")
		return b.sealed(key, info, digest)
	}
}

// sealed brings the new name to the disk and describes the object.
func (b *Bucket) sealed(key string, info fs.FileInfo, digest string) (objstore.Info, error) {
	if err := b.syncDir(filepath.Dir(b.path(key))); err != nil {
		return objstore.Info{}, fmt.Errorf("%s: %w: %w", key, objstore.ErrUnknownOutcome, err)
	}
	stored := describe(key, info)
	stored.SHA256 = digest
	return stored, nil
}

// taken explains why a name is not free.
func (b *Bucket) taken(key string) error {
	if info, err := os.Lstat(b.path(key)); err == nil && info.IsDir() {
		return nestedKey(key)
	}
	return fmt.Errorf("%s: %w", key, objstore.ErrExists)
}

func nestedKey(key string) error {
	return fault.New(fault.Usage, "nested_key", key, "give the object another name", "a local directory cannot hold both an object and objects below its key")
}

// PutIfMatch implements objstore.Bucket. See the package comment for whom its lock excludes.
func (b *Bucket) PutIfMatch(ctx context.Context, key, etag string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	current, err := b.Head(ctx, key)
	if errors.Is(err, objstore.ErrNotFound) || (err == nil && current.ETag != etag) {
		return objstore.Info{}, fmt.Errorf("%s: %w", key, objstore.ErrChanged)
	}
	if err != nil {
		return objstore.Info{}, err
	}
	temp, digest, err := b.writeTemp(ctx, key, body, opt)
	if err != nil {
		return objstore.Info{}, err
	}
	defer os.Remove(temp) //nolint:errcheck // a leftover is swept later
	unlock, err := b.lock()
	if err != nil {
		return objstore.Info{}, classify(key, "lock", err)
	}
	defer unlock()
	current, err = b.Head(ctx, key)
	if errors.Is(err, objstore.ErrNotFound) || (err == nil && current.ETag != etag) {
		return objstore.Info{}, fmt.Errorf("%s: %w", key, objstore.ErrChanged)
	}
	if err != nil {
		return objstore.Info{}, err
	}
	// A strictly later time keeps the ETag from coming back when the inode number does.
	stamp := time.Now()
	if !stamp.After(current.Modified) {
		stamp = current.Modified.Add(time.Microsecond)
	}
	if err := os.Chtimes(temp, stamp, stamp); err != nil {
		return objstore.Info{}, classify(key, "write", err)
	}
	info, err := os.Lstat(temp)
	if err != nil {
		return objstore.Info{}, classify(key, "write", err)
	}
	if err := os.Rename(temp, b.path(key)); err != nil {
		return objstore.Info{}, classify(key, "write", err)
	}
	return b.sealed(key, info, digest)
}

// lock takes the directory's write lock; the kernel releases it when the process dies.
func (b *Bucket) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(b.dir, objstore.Reserved, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// writeTemp copies body to a synced temporary file and checks its size and hash.
func (b *Bucket) writeTemp(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (path, digest string, err error) {
	if err := ctx.Err(); err != nil {
		return "", "", err
	}
	if err := b.makeDir(b.tempDir()); err != nil {
		return "", "", classify(key, "write", err)
	}
	in, err := body.Open()
	if err != nil {
		return "", "", fmt.Errorf("put %s: %w", key, err)
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.CreateTemp(b.tempDir(), "put-*")
	if err != nil {
		return "", "", classify(key, "write", err)
	}
	defer func() {
		if err != nil {
			_ = out.Close()
			_ = os.Remove(out.Name())
		}
	}()
	hash := sha256.New()
	failpoint.Hit("localfs.temp_made")
	n, err := io.Copy(io.MultiWriter(out, hash), contextReader{ctx, in})
	if err != nil {
		return "", "", classify(key, "write", err)
	}
	digest = hex.EncodeToString(hash.Sum(nil))
	if opt.SHA256 != "" && !strings.EqualFold(opt.SHA256, digest) {
		return "", "", fmt.Errorf("%s: %w", key, objstore.ErrChecksum)
	}
	if n != body.Size() {
		return "", "", fmt.Errorf("put %s: the body has %d bytes, %d were announced: %w", key, n, body.Size(), objstore.ErrChecksum)
	}
	for _, step := range []func() error{
		func() error { return out.Chmod(objectMode) },
		func() error { return b.sync(out) },
		out.Close,
		func() error { now := time.Now(); return os.Chtimes(out.Name(), now, now) },
	} {
		if err := step(); err != nil {
			return "", "", classify(key, "write", err)
		}
	}
	return out.Name(), digest, nil
}

// contextReader ends a copy when the context ends.
type contextReader struct {
	ctx context.Context //nolint:containedctx // lives for one copy
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// makeDir makes dir and its parents, each new name synced in its parent.
func (b *Bucket) makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return syscall.ENOTDIR
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent == dir {
		return fs.ErrNotExist
	}
	if err := b.makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a concurrent delete; the caller's link fails and tries again
		}
		return err
	}
	failpoint.Hit("localfs.dir_made")
	return b.syncDir(parent)
}

func (b *Bucket) syncDir(dir string) error {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only synced
	return b.sync(f)
}

// describe makes an Info. The ETag changes with every overwrite: a new inode, or else a later time.
func describe(key string, info fs.FileInfo) objstore.Info {
	var inode uint64
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = s.Ino
	}
	return objstore.Info{
		Key: key, Size: info.Size(), Modified: info.ModTime().UTC(),
		ETag: fmt.Sprintf("%x-%x-%x", inode, info.Size(), info.ModTime().UnixNano()),
	}
}

// sortedKeys gives the folder's entries as keys in byte order, directories with a slash at the end.
func sortedKeys(folder string, entries []fs.DirEntry) []string {
	keys := make([]string, 0, len(entries))
	for _, e := range entries {
		name := folder + e.Name()
		if e.IsDir() {
			name += "/"
		}
		keys = append(keys, name)
	}
	slices.Sort(keys)
	return keys
}

// classify gives an operating system error its kind and next step.
func classify(key, verb string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist) && verb == "write":
		return fault.Wrap(err, fault.Usage, "lake_directory", key, "check lake: in omoflow.yaml; its directory cannot be made or was removed", "the object cannot be written")
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", key, objstore.ErrNotFound)
	case errors.Is(err, syscall.ENOTDIR) && verb == "write":
		return nestedKey(key)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return fmt.Errorf("%s: %w", key, objstore.ErrNotFound)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Wrap(err, fault.Exhausted, "disk_full", key, "free space on the lake's disk and run again; nothing was left half written", "the object cannot be written")
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM):
		return fault.Wrap(err, fault.Exhausted, "out_of_files", key, "raise the limit of open files (ulimit -n)", "cannot "+verb+" the object")
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fault.Wrap(err, fault.Denied, "lake_permission", key, "give this user write access to the lake directory, or name another one in omoflow.yaml", "cannot "+verb+" the object")
	case errors.Is(err, syscall.EIO):
		return fault.Wrap(err, fault.Unavailable, "disk_error", key, "check the disk and its log", "cannot "+verb+" the object")
	}
	return fmt.Errorf("%s %s: %w", verb, key, err)
}
