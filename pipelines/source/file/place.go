package file

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

// Entry is a file of a place.
type Entry struct {
	Name     string // relative, with slashes
	Size     int64
	Modified time.Time
}

// ErrChanging says that a file changed while it was fetched: it is left for the next run.
var ErrChanging = errors.New("the file is still changing")

// Place is where files arrive: a folder, a prefix of a bucket, or a folder of an SFTP server. An error of Fetch that is
// ErrChanging or os.ErrNotExist leaves the file for the next run.
type Place interface {
	List(ctx context.Context, fn func(Entry) error) error
	Fetch(ctx context.Context, name, dir string) (path string, err error)
	String() string // for people, without credentials
}

type folder string

// Dir is a folder and everything below it. Symbolic links to files are followed, hidden names are not listed.
func Dir(path string) Place { return folder(path) }

func (d folder) String() string { return string(d) }

func (d folder) List(ctx context.Context, fn func(Entry) error) error {
	err := filepath.WalkDir(string(d), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			if path != string(d) && errors.Is(err, fs.ErrNotExist) {
				return nil // taken away while we looked
			}
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if path != string(d) && strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return nil // gone, or no file
		}
		name, err := filepath.Rel(string(d), path)
		if err != nil {
			return err
		}
		return fn(Entry{Name: filepath.ToSlash(name), Size: info.Size(), Modified: info.ModTime().UTC()})
	})
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist) && errors.As(err, &path):
		return fault.Wrap(err, fault.Usage, "inbox_missing", string(d), "make the folder, or correct path: of the source", "the folder that files arrive in does not exist")
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(err, fault.Denied, "inbox_unreadable", string(d), "give this user read permission", "the folder cannot be read")
	}
	return err
}

func (d folder) Fetch(_ context.Context, name, _ string) (string, error) {
	return filepath.Join(string(d), filepath.FromSlash(name)), nil
}

type bucketPrefix struct {
	bucket objstore.Bucket
	prefix string
}

// Bucket is every object of a bucket below prefix, which is empty or ends in a slash.
func Bucket(b objstore.Bucket, prefix string) Place { return bucketPrefix{b, prefix} }

func (p bucketPrefix) String() string { return p.bucket.URL() + "/" + p.prefix }

func (p bucketPrefix) List(ctx context.Context, fn func(Entry) error) error {
	return p.bucket.List(ctx, p.prefix, "", func(i objstore.Info) error {
		name := strings.TrimPrefix(i.Key, p.prefix)
		if name == "" || strings.HasSuffix(name, "/") || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") {
			return nil
		}
		return fn(Entry{Name: name, Size: i.Size, Modified: i.Modified.UTC()})
	})
}

// Fetch copies the object to a file of dir.
func (p bucketPrefix) Fetch(ctx context.Context, name, dir string) (path string, err error) {
	if local, ok := p.bucket.(objstore.LocalPather); ok {
		if path, ok := local.LocalPath(p.prefix + name); ok {
			return path, nil
		}
	}
	body, err := p.bucket.Get(ctx, p.prefix+name, 0, -1)
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	file, err := os.CreateTemp(dir, "fetched-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(file, body)
	return file.Name(), errors.Join(err, file.Close())
}
