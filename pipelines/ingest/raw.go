package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/DataDog/zstd"
	unzstd "github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
)

const (
	// frameBytes is how much of a file one zstd frame holds: frames bound the memory, and each is the same for the
	// same bytes wherever they were read from.
	frameBytes = 4 << 20
	// rawLevel is the level of the C library that the copy can keep pace with reading at.
	rawLevel = 1
	// rawWriters is how many files of a batch are packed at a time: small ones wait for the disk more than they compute.
	rawWriters = 8
)

// storeRaw keeps the bytes of every new file exactly as received.
func (b *batch) storeRaw(ctx context.Context) error {
	free := make(chan *packer, rawWriters)
	for range rawWriters {
		free <- nil
	}
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(rawWriters)
	for _, t := range b.files {
		if t.DuplicateOf != nil {
			eg.Go(func() error { return b.healRaw(ctx, t) })
			continue
		}
		if t.Raw.Key != "" {
			continue
		}
		eg.Go(func() error {
			p := <-free
			if p == nil {
				p = newPacker()
			}
			defer func() { free <- p }()
			return b.storeOne(ctx, t, p)
		})
	}
	return eg.Wait()
}

// storeOne packs and keeps one file.
func (b *batch) storeOne(ctx context.Context, t *taken, p *packer) error {
	packed := filepath.Join(b.dir, "raw-"+strconv.Itoa(t.No)+".zst")
	sha, size, err := p.pack(ctx, t.path, packed)
	if err != nil {
		return tempFault(err, b.dir)
	}
	t.Raw = lake.Object{Key: lake.RawKey(b.Source, b.Name, t.Modified, t.SHA256), SHA256: sha, Bytes: size}
	created, err := b.adopt(ctx, t.Raw.Key, packed, sha)
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "object_size" {
		err = nil // of another version of the compressor, or damaged: reading tells
	}
	if err == nil && !created {
		err = b.useStored(ctx, t)
	}
	return errors.Join(err, os.Remove(packed))
}

// useStored takes an object that the lake has under the file's key for the file, when it holds the file's bytes: the same
// content packs differently in another version.
func (b *batch) useStored(ctx context.Context, t *taken) (err error) {
	damaged := func(cause error) error {
		return fault.Wrap(cause, fault.Damaged, "raw_damaged", t.Raw.Key, "restore the object from a backup; omoflow check --read-data lists all damage", "the stored bytes are not those received")
	}
	body, err := b.opt.Lake.Bucket.Get(ctx, t.Raw.Key, 0, -1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	stored, content := sha256.New(), sha256.New()
	counted := &counter{w: stored}
	all := io.TeeReader(body, counted)
	z, err := unzstd.NewReader(all, unzstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	if _, err := io.Copy(content, z); err != nil {
		if fault.KindOf(err) != fault.Internal {
			return err // of the store
		}
		return damaged(err)
	}
	if hex.EncodeToString(content.Sum(nil)) != t.SHA256 {
		return damaged(errors.New("another content"))
	}
	if _, err := io.Copy(io.Discard, all); err != nil {
		return err
	}
	t.Raw.SHA256, t.Raw.Bytes = hex.EncodeToString(stored.Sum(nil)), counted.n
	return nil
}

// put stores a finished file that was hashed as it was written.
func (b *batch) put(ctx context.Context, key, path, sha string) error {
	if b.made != nil {
		b.made[key] = path
		return nil
	}
	_, err := b.adopt(ctx, key, path, sha)
	return err
}

// adopt is put that tells whether the object is new. A bucket that links the file in place need not hash it again; one
// that sends it somewhere must.
func (b *batch) adopt(ctx context.Context, key, path, sha string) (created bool, err error) {
	opt := objstore.PutOptions{SHA256: sha}
	if _, linked := b.opt.Lake.Bucket.(objstore.Adopter); linked {
		opt.SHA256 = ""
	}
	class, _, _ := strings.Cut(key, "/") // raw, staged or quarantine
	if err := failpoint.Fail(class, "put.before"); err != nil {
		return false, err
	}
	created, err = objstore.Adopt(ctx, b.opt.Lake.Bucket, key, path, opt)
	failpoint.Hit(class, "put.after")
	return created, err
}

// packer compresses one file at a time.
type packer struct {
	ctx     zstd.Ctx
	in, out []byte
}

func newPacker() *packer { return &packer{ctx: zstd.NewCtx()} }

// pack compresses a file and gives the hash and size of the result. The same bytes give the same result. The bucket
// syncs it.
func (p *packer) pack(ctx context.Context, from, to string) (sha string, size int64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	info, err := in.Stat()
	if err != nil {
		return "", 0, err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if want := int(min(info.Size()+1, frameBytes)); cap(p.in) < want {
		p.in = make([]byte, want)
	}
	h := sha256.New()
	counted := &counter{w: io.MultiWriter(out, h)}
	for first := true; ; first = false {
		if err := ctx.Err(); err != nil {
			return "", 0, err
		}
		n, err := io.ReadFull(in, p.in[:cap(p.in)])
		ended := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !ended {
			return "", 0, err
		}
		if n > 0 || first { // an empty file is one empty frame
			if p.out, err = p.ctx.CompressLevel(p.out[:cap(p.out)], p.in[:n], rawLevel); err != nil {
				return "", 0, err
			}
			if _, err := counted.Write(p.out); err != nil {
				return "", 0, err
			}
		}
		if ended {
			return hex.EncodeToString(h.Sum(nil)), counted.n, nil
		}
	}
}

// counter counts what passes through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
