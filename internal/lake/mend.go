package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// Mend stores body under the key of an object that is lost or damaged, when body has exactly the bytes that the object
// should have; other bytes are objstore.ErrChecksum and change nothing. What was there is kept under DamagedKey first. It
// tells whether it wrote: a sound object is left alone. Repeating it after an interruption goes on where it was.
func Mend(ctx context.Context, b objstore.Bucket, o Object, body objstore.Body) (wrote bool, err error) {
	if sum, size, err := sumOf(body.Open()); err != nil || sum != o.SHA256 || size != o.Bytes {
		return false, errors.Join(err, fmt.Errorf("mend %s: made %d bytes of sha256 %.12s: %w", o.Key, size, sum, objstore.ErrChecksum))
	}
	opt := objstore.PutOptions{SHA256: o.SHA256}
	info, err := b.Head(ctx, o.Key)
	if errors.Is(err, objstore.ErrNotFound) {
		_, err = b.PutIfAbsent(ctx, o.Key, body, opt)
		if errors.Is(err, objstore.ErrExists) {
			return false, fault.Wrap(err, fault.Conflict, "mended_meanwhile", o.Key, "run it again", "another process stored the object")
		}
		return err == nil, err
	}
	if err != nil {
		return false, err
	}
	sum, _, err := sumOf(b.Get(ctx, o.Key, 0, -1))
	if err == nil && sum != o.SHA256 {
		sum, _, err = sumOf(b.Get(ctx, o.Key, 0, -1)) // what went wrong on the way is not what is stored
	}
	if err != nil || sum == o.SHA256 {
		return false, err
	}
	if err := SetAside(ctx, b, o.Key, sum); err != nil {
		return false, err
	}
	_, err = b.PutIfMatch(ctx, o.Key, info.ETag, body, opt)
	if errors.Is(err, objstore.ErrChanged) {
		return false, fault.Wrap(err, fault.Conflict, "mended_meanwhile", o.Key, "run it again", "another process changed the object")
	}
	return err == nil, err
}

// SetAside copies an object, whose bytes have the given sha256, to its DamagedKey.
func SetAside(ctx context.Context, b objstore.Bucket, key, sum string) error {
	_, err := b.PutIfAbsent(ctx, DamagedKey(key, sum), objectBody{ctx, b, key}, objstore.PutOptions{SHA256: sum})
	if errors.Is(err, objstore.ErrExists) {
		return nil
	}
	return err
}

// objectBody is an object as the body of another.
type objectBody struct {
	ctx context.Context //nolint:containedctx // lives for one copy
	b   objstore.Bucket
	key string
}

func (o objectBody) Open() (io.ReadCloser, error) { return o.b.Get(o.ctx, o.key, 0, -1) }

func (o objectBody) Size() int64 {
	info, err := o.b.Head(o.ctx, o.key)
	if err != nil {
		return -1
	}
	return info.Size
}

// sumOf reads everything and gives its sha256 and size.
func sumOf(r io.ReadCloser, err error) (string, int64, error) {
	if err != nil {
		return "", 0, err
	}
	defer r.Close() //nolint:errcheck // only read
	hash := sha256.New()
	n, err := io.Copy(hash, r)
	return hex.EncodeToString(hash.Sum(nil)), n, err
}
