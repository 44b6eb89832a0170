package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// digestMetadata is the object metadata that holds the hash, for stores that keep no checksums.
const digestMetadata = "sha256"

// multipartAbove is the size from which objects go up in parts.
const multipartAbove = 16 << 20

// How often a write is tried, and how long to wait in between, growing by half.
const (
	putTries   = 8
	firstPause = 50 * time.Millisecond
)

// readBackTimeout bounds the look at what became of a write whose context ended.
const readBackTimeout = 10 * time.Second

// condition is what must hold for a write: a free key or a version.
type condition struct {
	absent bool
	etag   string
}

func (c condition) headers() (ifNoneMatch, ifMatch *string) {
	if c.absent {
		return aws.String("*"), nil
	}
	return nil, aws.String(c.etag)
}

// lost is the error of a condition that does not hold.
func (c condition) lost(key string) error {
	if c.absent {
		return fmt.Errorf("%s: %w", key, objstore.ErrExists)
	}
	return fmt.Errorf("%s: %w", key, objstore.ErrChanged)
}

// PutIfAbsent implements objstore.Bucket.
func (b *Bucket) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	return b.put(ctx, key, condition{absent: true}, body, opt)
}

// PutIfMatch implements objstore.Bucket.
func (b *Bucket) PutIfMatch(ctx context.Context, key, etag string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	if etag == "" {
		return objstore.Info{}, fmt.Errorf("%s: %w", key, objstore.ErrChanged)
	}
	return b.put(ctx, key, condition{etag: etag}, body, opt)
}

func (b *Bucket) put(ctx context.Context, key string, c condition, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	if err := objstore.CheckKey(key); err != nil {
		return objstore.Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return objstore.Info{}, err
	}
	failpoint.Hit("s3.put.before")
	defer failpoint.Hit("s3.put.after")
	if size := body.Size(); size > multipartAbove {
		return b.putLarge(ctx, key, c, body, opt)
	} else if size < 0 {
		return objstore.Info{}, fault.New(fault.Internal, "no_size", key, "", "the bytes to store have no size")
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
	attempt := func() (string, error) {
		out, err := b.putObject(ctx, key, c, data, sum[:], digest)
		if err != nil {
			return "", err
		}
		return aws.ToString(out.ETag), nil
	}
	return b.persist(ctx, key, c, int64(len(data)), digest, attempt)
}

func (b *Bucket) putObject(ctx context.Context, key string, c condition, data, sum []byte, digest string) (*awss3.PutObjectOutput, error) {
	in := &awss3.PutObjectInput{
		Bucket: &b.opt.Bucket, Key: b.key(key), Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data))),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum)), Metadata: map[string]string{digestMetadata: digest},
	}
	in.IfNoneMatch, in.IfMatch = c.headers()
	return b.client.PutObject(ctx, in, noRetry)
}

func readBody(body objstore.Body) ([]byte, error) {
	r, err := body.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(r, multipartAbove+1))
	if err == nil && int64(len(data)) != body.Size() {
		err = fmt.Errorf("%d bytes instead of %d: %w", len(data), body.Size(), objstore.ErrChecksum)
	}
	return data, err
}

func noRetry(o *awss3.Options) { o.Retryer = aws.NopRetryer{} }

// errFreed says that the object that refused a create was deleted before it could be read: the key is free again.
var errFreed = errors.New("the key was taken and is free again")

// persist tries a conditional write until its outcome is definite.
func (b *Bucket) persist(ctx context.Context, key string, c condition, size int64, digest string, attempt func() (etag string, err error)) (objstore.Info, error) {
	pause := firstPause
	uncertain := false // an earlier try may have been applied
	var last error
	for try := range putTries {
		if try > 0 {
			if objstore.Pause(ctx, pause) != nil {
				break
			}
			pause += pause / 2
		}
		etag, err := attempt()
		if err == nil {
			return objstore.Info{Key: key, Size: size, ETag: etag, SHA256: digest, Modified: time.Now().UTC()}, nil
		}
		last = err
		switch outcome(err) {
		case refused:
			if !uncertain {
				return objstore.Info{}, c.lost(key)
			}
			info, err := b.settle(ctx, key, c, size, digest, err)
			if !errors.Is(err, errFreed) || try == putTries-1 {
				return info, err
			}
		case failed:
			if !uncertain {
				return objstore.Info{}, b.classify(key, "write", err)
			}
			return b.settle(ctx, key, c, size, digest, err)
		case unknown:
			uncertain = true
		}
		if ctx.Err() != nil {
			break
		}
	}
	if !uncertain {
		return objstore.Info{}, b.classify(key, "write", last)
	}
	return b.settle(ctx, key, c, size, digest, last)
}

// The outcomes of one try.
type verdict uint8

const (
	again   verdict = iota // certainly not applied, worth another try
	refused                // the condition does not hold
	failed                 // certainly not applied, of no use to repeat
	unknown                // may have been applied
)

// outcome reads an error of a conditional write.
func outcome(err error) verdict {
	switch s, c := status(err), code(err); {
	case errors.Is(err, errBody):
		return failed
	case s == http.StatusPreconditionFailed, c == "FileAlreadyExists", c == "FileImmutable":
		return refused
	case s == http.StatusNotFound && c != "NoSuchBucket" && c != "NoSuchUpload":
		return refused // If-Match on a key that is gone
	case dialFailed(err), s == http.StatusConflict, c == "SlowDown", s == http.StatusTooManyRequests, c == "NoSuchUpload":
		return again
	case s >= 500, s == http.StatusRequestTimeout, s == 0 && (network(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return unknown
	}
	return failed
}

// settle reads the object back after a try that may have been applied and says who won.
func (b *Bucket) settle(ctx context.Context, key string, c condition, size int64, digest string, cause error) (objstore.Info, error) {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), readBackTimeout)
		defer cancel()
	}
	info, err := b.Head(ctx, key)
	switch {
	case err == nil && info.Size == size && digest != "" && b.holds(ctx, info, digest):
		info.SHA256 = digest
		return info, nil
	case err == nil && outcome(cause) == refused:
		return objstore.Info{}, c.lost(key)
	case errors.Is(err, objstore.ErrNotFound) && outcome(cause) == refused && !c.absent:
		return objstore.Info{}, c.lost(key)
	case errors.Is(err, objstore.ErrNotFound) && outcome(cause) == refused:
		cause = fmt.Errorf("%w: %w", errFreed, cause)
	}
	return objstore.Info{}, fmt.Errorf("%s: %w: %w", key, objstore.ErrUnknownOutcome, b.classify(key, "write", cause))
}

// holds tells whether the stored object has the given content.
func (b *Bucket) holds(ctx context.Context, info objstore.Info, digest string) bool {
	if info.SHA256 != "" {
		return strings.EqualFold(info.SHA256, digest)
	}
	r, err := b.Get(ctx, info.Key, 0, -1)
	if err != nil {
		return false
	}
	defer r.Close() //nolint:errcheck // only read
	hash := sha256.New()
	_, err = io.Copy(hash, r)
	return err == nil && hex.EncodeToString(hash.Sum(nil)) == digest
}

// PutWrongChecksum implements objstore.ChecksumProber.
func (b *Bucket) PutWrongChecksum(ctx context.Context, key string) error {
	wrong := sha256.Sum256([]byte("other bytes"))
	_, err := b.putObject(ctx, key, condition{absent: true}, []byte("some bytes"), wrong[:], hex.EncodeToString(wrong[:]))
	return b.classify(key, "write", err)
}
