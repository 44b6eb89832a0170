// Package mem is a Bucket in memory, for tests.
package mem

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/objstore"
)

// Bucket holds its objects in a map. The zero value is not usable; see New.
type Bucket struct {
	mu      sync.RWMutex
	objects map[string]object
	version int64
}

type object struct {
	data []byte
	info objstore.Info
}

// New gives an empty bucket.
func New() *Bucket { return &Bucket{objects: map[string]object{}} }

// PutIfAbsent implements objstore.Bucket.
func (b *Bucket) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	return b.put(ctx, key, body, opt, func(_ object, found bool) error {
		if found {
			return fmt.Errorf("%s: %w", key, objstore.ErrExists)
		}
		return nil
	})
}

// PutIfMatch implements objstore.Bucket.
func (b *Bucket) PutIfMatch(ctx context.Context, key, etag string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	return b.put(ctx, key, body, opt, func(current object, found bool) error {
		if !found || current.info.ETag != etag {
			return fmt.Errorf("%s: %w", key, objstore.ErrChanged)
		}
		return nil
	})
}

// put reads the body outside of the lock and stores it when allow agrees.
func (b *Bucket) put(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions, allow func(object, bool) error) (objstore.Info, error) {
	if err := objstore.CheckKey(key); err != nil {
		return objstore.Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return objstore.Info{}, err
	}
	data, err := readBody(body)
	if err != nil {
		return objstore.Info{}, fmt.Errorf("put %s: %w", key, err)
	}
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	if opt.SHA256 != "" && !strings.EqualFold(opt.SHA256, digest) {
		return objstore.Info{}, fmt.Errorf("%s: %w", key, objstore.ErrChecksum)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	current, found := b.objects[key]
	if err := allow(current, found); err != nil {
		return objstore.Info{}, err
	}
	b.version++
	info := objstore.Info{Key: key, Size: int64(len(data)), ETag: strconv.FormatInt(b.version, 10), SHA256: digest, Modified: time.Now().UTC()}
	b.objects[key] = object{data: data, info: info}
	return info, nil
}

func readBody(body objstore.Body) ([]byte, error) {
	r, err := body.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read
	return io.ReadAll(r)
}

// Get implements objstore.Bucket.
func (b *Bucket) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := objstore.CheckGet(key, offset); err != nil {
		return nil, err
	}
	o, err := b.find(ctx, key)
	if err != nil {
		return nil, err
	}
	data := o.data[min(offset, int64(len(o.data))):]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Head implements objstore.Bucket.
func (b *Bucket) Head(ctx context.Context, key string) (objstore.Info, error) {
	if err := objstore.CheckKey(key); err != nil {
		return objstore.Info{}, err
	}
	o, err := b.find(ctx, key)
	return o.info, err
}

func (b *Bucket) find(ctx context.Context, key string) (object, error) {
	if err := ctx.Err(); err != nil {
		return object{}, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	o, found := b.objects[key]
	if !found {
		return object{}, fmt.Errorf("%s: %w", key, objstore.ErrNotFound)
	}
	return o, nil
}

// List implements objstore.Bucket. fn may call the bucket.
func (b *Bucket) List(ctx context.Context, prefix, startAfter string, fn func(objstore.Info) error) error {
	b.mu.RLock()
	var found []objstore.Info
	for key, o := range b.objects {
		if strings.HasPrefix(key, prefix) && key > startAfter {
			found = append(found, o.info)
		}
	}
	b.mu.RUnlock()
	slices.SortFunc(found, func(x, y objstore.Info) int { return strings.Compare(x.Key, y.Key) })
	for _, info := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(info); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Delete implements objstore.Bucket.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := objstore.CheckKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.objects, key)
	return nil
}

// URL implements objstore.Bucket.
func (b *Bucket) URL() string { return "mem:" }
