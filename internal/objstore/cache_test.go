package objstore_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// counted counts downloads.
type counted struct {
	objstore.Bucket
	gets atomic.Int64
}

func (c *counted) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	c.gets.Add(1)
	return c.Bucket.Get(ctx, key, offset, length)
}

func store(t *testing.T, b objstore.Bucket, key, content string) {
	t.Helper()
	if _, err := b.PutIfAbsent(t.Context(), key, objstore.Bytes([]byte(content)), objstore.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestCacheFetchesOnceAndAcrossProcesses(t *testing.T) {
	b, dir := &counted{Bucket: mem.New()}, t.TempDir()
	store(t, b, "k", "content")
	first := objstore.NewCache(b, dir, 0)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			path, err := first.Path(t.Context(), "k", digest("content"), 7)
			if err != nil {
				t.Error(err)
				return
			}
			if data, err := os.ReadFile(path); err != nil || string(data) != "content" {
				t.Errorf("%q %v", data, err)
			}
		})
	}
	group.Wait()
	if _, err := objstore.NewCache(b, dir, 0).Path(t.Context(), "k", digest("content"), 7); err != nil {
		t.Error(err)
	}
	if n := b.gets.Load(); n != 1 {
		t.Errorf("%d downloads", n)
	}
}

func TestCacheReadsALocalLakeInPlace(t *testing.T) {
	b, err := localfs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	store(t, b, "a/k", "content")
	dir := filepath.Join(t.TempDir(), "never made")
	path, err := objstore.NewCache(b, dir, 0).Path(t.Context(), "a/k", digest("content"), 7)
	want, _ := b.LocalPath("a/k")
	if err != nil || path != want {
		t.Errorf("%s %v", path, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("a cache directory was made")
	}
}

func TestCacheNamesDamage(t *testing.T) {
	local, err := localfs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]objstore.Bucket{"mem": mem.New(), "localfs": local} {
		t.Run(name, func(t *testing.T) {
			store(t, b, "good", "content")
			store(t, b, "flipped", "contenT")
			store(t, b, "short", "conten")
			store(t, b, "long", "content!")
			store(t, b, "empty", "")
			cache := objstore.NewCache(b, t.TempDir(), 0)
			for _, key := range []string{"flipped", "short", "long", "empty", "none"} {
				_, err := cache.Path(t.Context(), key, digest("content"), 7)
				if fault.KindOf(err) != fault.Damaged || !strings.Contains(err.Error(), key) || !strings.Contains(fault.HintOf(err), "omoflow repair") {
					t.Errorf("%s: %v, hint %q", key, err, fault.HintOf(err))
				}
			}
			if _, err := cache.Path(t.Context(), "good", "../../etc/passwd", 7); fault.KindOf(err) != fault.Damaged {
				t.Errorf("a path as a hash: %v", err)
			}
			if _, err := cache.Path(t.Context(), "good", digest("content"), 7); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDamagedCacheFileIsFetchedAgain(t *testing.T) {
	b, dir := mem.New(), t.TempDir()
	store(t, b, "k", "content")
	path, err := objstore.NewCache(b, dir, 0).Path(t.Context(), "k", digest("content"), 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("contenT"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := objstore.NewCache(b, dir, 0).Path(t.Context(), "k", digest("content"), 7)
	if data, _ := os.ReadFile(again); err != nil || string(data) != "content" {
		t.Errorf("%q %v", data, err)
	}
}

func TestCacheStaysWithinItsLimit(t *testing.T) {
	b, dir := mem.New(), t.TempDir()
	var paths []string
	for i := range 10 {
		content := strings.Repeat(fmt.Sprint(i), 1000)
		store(t, b, fmt.Sprint(i), content)
		path, err := objstore.NewCache(b, dir, 0).Path(t.Context(), fmt.Sprint(i), digest(content), 1000)
		if err != nil {
			t.Fatal(err)
		}
		used := time.Now().Add(-time.Duration(20-i) * time.Hour)
		if err := os.Chtimes(path, used, used); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	store(t, b, "new", strings.Repeat("n", 1000))
	cache := objstore.NewCache(b, dir, 4000)
	if _, err := cache.Path(t.Context(), "0", digest(strings.Repeat("0", 1000)), 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Path(t.Context(), "new", digest(strings.Repeat("n", 1000)), 1000); err != nil {
		t.Fatal(err)
	}
	for i, path := range paths {
		_, err := os.Stat(path)
		if kept, want := err == nil, i == 0 || i >= 8; kept != want {
			t.Errorf("file %d kept: %v", i, kept)
		}
	}
}

func TestCacheWaiterMayGiveUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := mem.New()
	store(t, b, "k", "content")
	if _, err := objstore.NewCache(b, t.TempDir(), 0).Path(ctx, "k", digest("content"), 7); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
