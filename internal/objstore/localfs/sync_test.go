package localfs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// An object is on the disk before it has its name, and its name is on the disk before the writer hears of it: a power cut
// between any two steps leaves a whole object or none.
func TestBytesThenNameReachTheDisk(t *testing.T) {
	for _, way := range []string{"put", "adopt"} {
		b, err := New(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		object := filepath.Join(b.dir, "journal", "a", "1.json")
		var synced []string
		b.sync = func(f *os.File) error {
			info, err := f.Stat()
			if err != nil {
				return err
			}
			_, named := os.Lstat(object)
			what := "name"
			switch {
			case !info.IsDir() && info.Size() == 5 && named != nil:
				what = "bytes"
			case named != nil:
				what = "folder"
			case f.Name() != filepath.Dir(object):
				what = "other " + f.Name()
			}
			synced = append(synced, what)
			return f.Sync()
		}
		if err := store(t, b, way); err != nil {
			t.Fatal(err)
		}
		order := slices.Compact(slices.DeleteFunc(slices.Clone(synced), func(what string) bool { return what == "folder" }))
		if strings.Join(order, ", ") != "bytes, name" {
			t.Errorf("%s: synced %q, want bytes before the name exists and the name after", way, synced)
		}
	}
}

// A disk that refuses to sync bytes has no object; one that refuses to sync the name may have it, and the writer is told so.
func TestADiskThatDoesNotSync(t *testing.T) {
	for _, way := range []string{"put", "adopt"} {
		b, err := New(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		b.sync = func(f *os.File) error {
			if info, err := f.Stat(); err != nil || !info.IsDir() {
				return syscall.ENOSPC
			}
			return f.Sync()
		}
		if err := store(t, b, way); fault.KindOf(err) != fault.Exhausted {
			t.Errorf("%s: bytes that do not reach the disk: %v", way, err)
		}
		if _, err := b.Head(t.Context(), "journal/a/1.json"); !errors.Is(err, objstore.ErrNotFound) {
			t.Errorf("%s: the object is there: %v", way, err)
		}
		if err := b.makeDir(filepath.Join(b.dir, "journal", "a")); err != nil {
			t.Fatal(err)
		}
		b.sync = func(f *os.File) error {
			if info, err := f.Stat(); err == nil && info.IsDir() {
				return syscall.EIO
			}
			return f.Sync()
		}
		if err := store(t, b, way); !errors.Is(err, objstore.ErrUnknownOutcome) {
			t.Errorf("%s: a name that does not reach the disk: %v", way, err)
		}
	}
}

func store(t *testing.T, b *Bucket, way string) error {
	t.Helper()
	if way == "put" {
		_, err := b.PutIfAbsent(t.Context(), "journal/a/1.json", objstore.Bytes([]byte("hello")), objstore.PutOptions{})
		return err
	}
	path := filepath.Join(t.TempDir(), "made")
	if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := b.AdoptIfAbsent(t.Context(), "journal/a/1.json", path, objstore.PutOptions{})
	return err
}
