// Package objstore is the small store of immutable objects everything durable lives in.
//
// A Bucket offers seven operations; their comments are the contract and objstoretest proves it for every
// implementation. The write that decides anything is always PutIfAbsent: the store, not a lock or a clock,
// picks the one winner.
package objstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// What callers branch on. Implementations wrap them with the key.
var (
	// ErrNotFound says that there is no object of this key.
	ErrNotFound = errors.New("no such object")
	// ErrExists says that PutIfAbsent found an object of this key that somebody else wrote.
	ErrExists = errors.New("the object exists already")
	// ErrChanged says that the object of PutIfMatch is gone or is not the expected version.
	ErrChanged = errors.New("the object changed since it was read")
	// ErrChecksum says that the bytes given do not have the SHA-256 announced; nothing was stored.
	ErrChecksum = errors.New("the bytes do not have the announced sha256")
	// ErrUnknownOutcome says that a write may or may not have been applied; read the key to find out.
	ErrUnknownOutcome = errors.New("it is unknown whether the write was applied")
)

// Info describes a stored object.
type Info struct {
	Key      string
	Size     int64
	ETag     string // opaque version for PutIfMatch; changes with every overwrite
	SHA256   string // hex, or "" when the store does not know it without reading
	Modified time.Time
}

// PutOptions are the conditions of a write beside its key.
type PutOptions struct {
	SHA256 string // hex; when set, other bytes are refused with ErrChecksum
}

// Bucket is a flat set of objects by key. All methods may be called concurrently.
//
// A write appears whole or not at all; after it returned, every reader and listing sees it. A failed write
// whose effect is not known returns ErrUnknownOutcome. Keys obey CheckKey; others are refused as fault.Usage.
type Bucket interface {
	// PutIfAbsent stores body when the key is free and returns ErrExists otherwise. Exactly one of any
	// number of concurrent callers succeeds.
	PutIfAbsent(ctx context.Context, key string, body Body, opt PutOptions) (Info, error)
	// PutIfMatch replaces the object when its ETag is etag and returns ErrChanged otherwise.
	PutIfMatch(ctx context.Context, key, etag string, body Body, opt PutOptions) (Info, error)
	// Get reads length bytes from offset, fewer at the end; length < 0 reads to the end. An offset at or
	// past the end gives no bytes. ErrNotFound when there is no object.
	Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Head describes the object or returns ErrNotFound.
	Head(ctx context.Context, key string) (Info, error)
	// List calls fn for every key with the prefix that is greater than startAfter, in byte order, and stops
	// at fn's first error, which it returns as it is.
	List(ctx context.Context, prefix, startAfter string, fn func(Info) error) error
	// Delete removes the object; an absent one is fine.
	Delete(ctx context.Context, key string) error
	// URL names the bucket for people, without credentials.
	URL() string
}

// LocalPather is a Bucket whose objects are files that may be read in place.
type LocalPather interface {
	// LocalPath gives the file that holds the key; ok is false when the key is not valid. The file need not exist.
	LocalPath(key string) (path string, ok bool)
}

// Adopter is a Bucket that can take over a finished file of its own file system without copying it.
type Adopter interface {
	// AdoptIfAbsent is PutIfAbsent of the file's bytes. The caller must not write to the file afterwards; it
	// may remove it. Copies when linking is not possible.
	AdoptIfAbsent(ctx context.Context, key, path string, opt PutOptions) (Info, error)
}

// UploadDropper is a Bucket in which a process that is killed while it writes may leave unfinished uploads.
type UploadDropper interface {
	// DropUploads removes the unfinished uploads below the bucket's prefix that were begun before an instant, and tells how many.
	DropUploads(ctx context.Context, before time.Time) (dropped int, err error)
}

// Body is what a write stores. It can be opened again, so that a write can be retried.
type Body interface {
	Open() (io.ReadCloser, error)
	Size() int64 // in bytes; negative when it cannot be told, which makes the write fail
}

// Bytes is a Body of b, which must not change until the write returned.
func Bytes(b []byte) Body { return bytesBody(b) }

type bytesBody []byte

func (b bytesBody) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
func (b bytesBody) Size() int64                  { return int64(len(b)) }

// File is a Body of the file at path, which must not change until the write returned.
func File(path string) Body { return fileBody(path) }

type fileBody string

func (f fileBody) Open() (io.ReadCloser, error) { return os.Open(string(f)) }

func (f fileBody) Size() int64 {
	info, err := os.Stat(string(f))
	if err != nil {
		return -1
	}
	return info.Size()
}

// ReadAll reads a whole object of at most limit bytes; limit <= 0 means any size. A larger object is
// fault.Damaged: what is read whole is small by design.
func ReadAll(ctx context.Context, b Bucket, key string, limit int64) ([]byte, error) {
	r, err := b.Get(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	source := io.Reader(r)
	if limit > 0 {
		source = io.LimitReader(r, limit+1)
	}
	data, err := io.ReadAll(source)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if limit > 0 && int64(len(data)) > limit {
		return nil, fault.New(fault.Damaged, "object_too_large", key, "restore the object from a backup", "the object is larger than the %d bytes it may have", limit)
	}
	return data, nil
}

// PutOrSame stores body under a key that names its content and is content with an object of the same size
// that is there already, or that a write of unknown outcome turns out to have left. created tells whether this call made
// it.
func PutOrSame(ctx context.Context, b Bucket, key string, body Body, opt PutOptions) (created bool, err error) {
	for last := false; ; last = true {
		_, err = b.PutIfAbsent(ctx, key, body, opt)
		if errors.Is(err, ErrUnknownOutcome) && !last && ctx.Err() == nil {
			continue // whoever wrote it, us included: the same bytes under this key are what is wanted
		}
		if !errors.Is(err, ErrExists) {
			return err == nil, err
		}
		return false, sameSize(ctx, b, key, body.Size())
	}
}

// Adopt is PutOrSame of a finished file, linked instead of copied where the bucket can.
func Adopt(ctx context.Context, b Bucket, key, path string, opt PutOptions) (created bool, err error) {
	adopter, ok := b.(Adopter)
	if !ok {
		return PutOrSame(ctx, b, key, File(path), opt)
	}
	_, err = adopter.AdoptIfAbsent(ctx, key, path, opt)
	if !errors.Is(err, ErrExists) {
		return err == nil, err
	}
	return false, sameSize(ctx, b, key, File(path).Size())
}

func sameSize(ctx context.Context, b Bucket, key string, size int64) error {
	info, err := b.Head(ctx, key)
	if err != nil {
		return err
	}
	if info.Size != size {
		return fault.New(fault.Damaged, "object_size", key, "run `omoflow repair`", "the stored object has %d bytes, its content has %d", info.Size, size)
	}
	return nil
}

// ChecksumProber is a Bucket that can show whether the store itself refuses damaged bytes.
type ChecksumProber interface {
	// PutWrongChecksum sends bytes with a hash of others and returns ErrChecksum when the store refused them.
	PutWrongChecksum(ctx context.Context, key string) error
}
