package objstore

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
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// recentUse is how long a cached file is kept after its last use, whatever the limit: another process may
// be reading it.
const recentUse = time.Hour

// Cache gives objects as local files, verified. It is keyed by content, so that it never goes stale, and may
// be shared by processes. Deleting its directory is always safe while nothing runs.
type Cache struct {
	bucket Bucket
	dir    string
	limit  int64

	mu       sync.Mutex
	verified map[string]string // sha256 -> path, for this process
	busy     map[string]chan struct{}
}

// NewCache gives a cache of b in dir, made when first needed. limitBytes bounds the files not used within
// the last hour nor by this process; 0 means no bound.
func NewCache(b Bucket, dir string, limitBytes int64) *Cache {
	return &Cache{bucket: b, dir: dir, limit: limitBytes, verified: map[string]string{}, busy: map[string]chan struct{}{}}
}

// Path gives a local file with the object's content. Its size and hash are checked once per process; bytes
// that differ are fault.Damaged. The file stays until the process ends.
func (c *Cache) Path(ctx context.Context, key, sha256Hex string, bytes int64) (string, error) {
	if !isDigest(sha256Hex) {
		return "", fault.New(fault.Damaged, "bad_digest", key, "run `omoflow repair`; it makes the object again", "%q is not a sha256", sha256Hex)
	}
	for {
		c.mu.Lock()
		if path, ok := c.verified[sha256Hex]; ok {
			c.mu.Unlock()
			return path, nil
		}
		wait, taken := c.busy[sha256Hex]
		if !taken {
			c.busy[sha256Hex] = make(chan struct{})
			c.mu.Unlock()
			break
		}
		c.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	path, err := c.provide(ctx, key, sha256Hex, bytes)
	c.mu.Lock()
	close(c.busy[sha256Hex])
	delete(c.busy, sha256Hex)
	if err == nil {
		c.verified[sha256Hex] = path
	}
	c.mu.Unlock()
	return path, err
}

func isDigest(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size && s == strings.ToLower(s)
}

// provide verifies the file in place, or the cached one, or fetches it.
func (c *Cache) provide(ctx context.Context, key, want string, bytes int64) (string, error) {
	if local, ok := c.bucket.(LocalPather); ok {
		if path, ok := local.LocalPath(key); ok {
			return path, verifyFile(ctx, key, path, want, bytes)
		}
	}
	path := filepath.Join(c.dir, want[:2], want)
	if err := verifyFile(ctx, key, path, want, bytes); err == nil {
		now := time.Now()
		_ = os.Chtimes(path, now, now) // the order of eviction, nothing else
		return path, nil
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	err := c.fetch(ctx, key, path, want, bytes)
	if fault.KindOf(err) == fault.Damaged && !errors.Is(err, ErrNotFound) {
		err = c.fetch(ctx, key, path, want, bytes) // what went wrong on the way is not what is stored
	}
	if err != nil {
		return "", err
	}
	return path, c.evict(ctx)
}

// verifyFile compares a file with what the journal says of the object.
func verifyFile(ctx context.Context, key, path, want string, bytes int64) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return missing(key)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	defer f.Close() //nolint:errcheck // only read
	if info, err := f.Stat(); err == nil && info.Size() != bytes {
		return damaged(key, fmt.Sprintf("it has %d bytes, its entry says %d", info.Size(), bytes))
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, stopReader{ctx, f}); err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return damaged(key, "its sha256 is "+got+", its entry says "+want)
	}
	return nil
}

func missing(key string) error {
	return fault.Wrap(ErrNotFound, fault.Damaged, "object_missing", key, "run `omoflow repair`; it makes the object again", "the lake lost an object that an entry names")
}

func damaged(key, how string) error {
	return fault.New(fault.Damaged, "object_damaged", key, "run `omoflow repair`; it makes the object again", "the object is damaged: %s", how)
}

// fetch downloads to a temporary file of the cache and renames it when it proved right.
func (c *Cache) fetch(ctx context.Context, key, path, want string, bytes int64) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return cacheFault(err, c.dir)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".get-*")
	if err != nil {
		return cacheFault(err, c.dir)
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // renamed, or of no use
	defer temp.Close()           //nolint:errcheck // closed again below on the way that counts
	r, err := c.bucket.Get(ctx, key, 0, -1)
	if errors.Is(err, ErrNotFound) {
		return missing(key)
	}
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	if _, err := io.Copy(temp, io.LimitReader(r, bytes+1)); err != nil {
		return cacheFault(fmt.Errorf("fetch %s: %w", key, err), c.dir)
	}
	if err := temp.Close(); err != nil {
		return cacheFault(err, c.dir)
	}
	if err := verifyFile(ctx, key, temp.Name(), want, bytes); err != nil {
		return err
	}
	return cacheFault(os.Rename(temp.Name(), path), c.dir)
}

// cached is one file of the cache directory.
type cached struct {
	path string
	size int64
	used time.Time
}

// evict removes the least recently used files until the rest fits the limit.
func (c *Cache) evict(ctx context.Context) error {
	if c.limit <= 0 {
		return nil
	}
	files, total, err := c.files()
	if err != nil || total <= c.limit {
		return err
	}
	slices.SortFunc(files, func(a, b cached) int { return a.used.Compare(b.used) })
	for _, f := range files {
		if total <= c.limit || ctx.Err() != nil {
			break
		}
		if c.inUse(f) {
			continue
		}
		if err := os.Remove(f.path); err == nil {
			total -= f.size
		}
	}
	return nil
}

func (c *Cache) inUse(f cached) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := filepath.Base(f.path)
	_, verified := c.verified[name]
	_, busy := c.busy[name]
	return verified || busy || time.Since(f.used) < recentUse
}

func (c *Cache) files() (files []cached, total int64, err error) {
	err = filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		files, total = append(files, cached{path, info.Size(), info.ModTime()}), total+info.Size()
		return nil
	})
	return files, total, cacheFault(err, c.dir)
}

// stopReader ends a copy when its context ends.
type stopReader struct {
	ctx context.Context //nolint:containedctx // lives for one copy
	io.Reader
}

func (r stopReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
