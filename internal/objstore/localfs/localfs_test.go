package localfs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/objstore/objstoretest"
)

func open(t *testing.T, dir string) *localfs.Bucket {
	t.Helper()
	b, err := localfs.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(b objstore.Bucket, key, content string) error {
	_, err := b.PutIfAbsent(context.Background(), key, objstore.Bytes([]byte(content)), objstore.PutOptions{})
	return err
}

func TestContract(t *testing.T) {
	objstoretest.Run(t, func(t *testing.T) objstore.Bucket { return open(t, filepath.Join(t.TempDir(), "lake")) })
}

func TestLeftoversOfACrashAreInvisibleAndSwept(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	if err := put(b, "a", "x"); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, objstore.Reserved, "tmp", "put-old")
	young := filepath.Join(dir, objstore.Reserved, "tmp", "put-young")
	for _, path := range []string{old, young} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-72 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir)
	var keys []string
	if err := b.List(context.Background(), "", "", func(i objstore.Info) error { keys = append(keys, i.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	if strings.Join(keys, " ") != "a" {
		t.Errorf("listed %q", keys)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Error("an old leftover was not swept")
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("a temporary file that may be in use was removed")
	}
}

func TestNoTemporaryFilesRemain(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	ctx := context.Background()
	info, err := b.PutIfAbsent(ctx, "a", objstore.Bytes([]byte("x")), objstore.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutIfMatch(ctx, "a", info.ETag, objstore.Bytes([]byte("y")), objstore.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	_ = put(b, "a", "z")
	_, _ = b.PutIfAbsent(ctx, "b", objstore.Bytes([]byte("x")), objstore.PutOptions{SHA256: strings.Repeat("0", 64)})
	left, err := os.ReadDir(filepath.Join(dir, objstore.Reserved, "tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("%d temporary files remain, %v", len(left), err)
	}
}

func TestAnObjectAndObjectsBelowItCannotCoexist(t *testing.T) {
	b := open(t, t.TempDir())
	if err := errors.Join(put(b, "a/b", "x"), put(b, "c", "x")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "c/d"} {
		if err := put(b, key, "x"); fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestAFileIsNoLake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := localfs.New(path); fault.KindOf(err) != fault.Usage {
		t.Errorf("got %v", err)
	}
}

func TestObjectsAreReadOnlyFilesReadInPlace(t *testing.T) {
	b := open(t, t.TempDir())
	if err := put(b, "a/b", "content"); err != nil {
		t.Fatal(err)
	}
	path, ok := b.LocalPath("a/b")
	if !ok {
		t.Fatal("no path")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o222 != 0 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if _, ok := b.LocalPath("../x"); ok {
		t.Error("a path outside of the lake")
	}
}

// Permissions do not stop root; the kernel's own directory does.
func TestReadOnlyLakeIsDenied(t *testing.T) {
	dir := "/sys/omoflow-test"
	if os.Geteuid() != 0 {
		dir = t.TempDir()
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
	} else if _, err := os.Stat("/sys/kernel"); err != nil {
		t.Skip("no directory here that stops root")
	}
	err := put(open(t, dir), "a", "x")
	if fault.KindOf(err) != fault.Denied || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestFullDiskIsExhausted(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	_, err := b.PutIfAbsent(context.Background(), "a", fullDisk{}, objstore.PutOptions{})
	if fault.KindOf(err) != fault.Exhausted || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	if _, err := b.Head(context.Background(), "a"); !errors.Is(err, objstore.ErrNotFound) {
		t.Errorf("half an object: %v", err)
	}
}

func TestADirectoryThatCannotBeMadeIsNamed(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("no /proc here")
	}
	err := put(open(t, "/proc/omoflow-test"), "a", "x")
	if fault.KindOf(err) != fault.Usage && fault.KindOf(err) != fault.Denied || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}
