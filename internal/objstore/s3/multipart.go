package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/omoflow/omoflow/internal/objstore"
)

// errBody marks bytes that cannot be read or are not the announced ones.
var errBody = errors.New("the bytes to store are not usable")

// putLarge uploads in parts. Memory is bounded by the transfer manager: concurrency times part size.
func (b *Bucket) putLarge(ctx context.Context, key string, c condition, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	// The condition is checked on completion; looking first saves sending what would be refused.
	switch current, err := b.Head(ctx, key); {
	case err == nil && (c.absent || current.ETag != c.etag):
		return objstore.Info{}, c.lost(key)
	case errors.Is(err, objstore.ErrNotFound) && !c.absent:
		return objstore.Info{}, c.lost(key)
	case err != nil && !errors.Is(err, objstore.ErrNotFound):
		return objstore.Info{}, err
	}
	digest := strings.ToLower(opt.SHA256)
	if digest == "" {
		var err error
		if digest, err = digestOf(ctx, body); err != nil {
			return objstore.Info{}, fmt.Errorf("put %s: %w", key, err)
		}
	}
	info, err := b.persist(ctx, key, c, body.Size(), digest, func() (string, error) {
		return b.upload(ctx, key, c, body, digest)
	})
	if errors.Is(err, errBody) {
		return objstore.Info{}, fmt.Errorf("put %s: %w", key, err)
	}
	return info, err
}

func digestOf(ctx context.Context, body objstore.Body) (string, error) {
	r, err := body.Open()
	if err != nil {
		return "", err
	}
	defer r.Close() //nolint:errcheck // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), ctx.Err()
}

// upload is one try.
func (b *Bucket) upload(ctx context.Context, key string, c condition, body objstore.Body, digest string) (string, error) {
	r, err := body.Open()
	if err != nil {
		return "", fmt.Errorf("%w: %w", errBody, err)
	}
	defer r.Close() //nolint:errcheck // only read
	client := &completer{Client: b.client}
	manager := transfermanager.New(client, func(o *transfermanager.Options) {
		o.PartSizeBytes = 8 << 20
		o.MultipartUploadThreshold = multipartAbove
		o.Concurrency = 4
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.FailTimeout = readBackTimeout
	})
	in := &transfermanager.UploadObjectInput{
		Bucket: &b.opt.Bucket, Key: b.key(key), ContentLength: aws.Int64(body.Size()),
		Body:     &checkedReader{in: r, sum: sha256.New(), want: digest, size: body.Size()},
		Metadata: map[string]string{digestMetadata: digest},
	}
	in.IfNoneMatch, in.IfMatch = c.headers()
	out, err := manager.UploadObject(ctx, in)
	if err != nil {
		return "", err
	}
	if client.err != nil {
		return "", client.err
	}
	return aws.ToString(out.ETag), nil
}

// completer is the client of one upload. It completes without retries, so that a lost answer is seen as one, and
// keeps the error to itself: the transfer manager would print it.
type completer struct {
	*awss3.Client
	err error
}

// CompleteMultipartUpload sets err instead of returning it, and removes the parts.
func (c *completer) CompleteMultipartUpload(ctx context.Context, in *awss3.CompleteMultipartUploadInput, opts ...func(*awss3.Options)) (*awss3.CompleteMultipartUploadOutput, error) {
	out, err := c.Client.CompleteMultipartUpload(ctx, in, append(opts, noRetry)...)
	if err == nil {
		return out, nil
	}
	c.err = err
	abortCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readBackTimeout)
	defer cancel()
	// Parts that stay cost space until the bucket's lifecycle rule removes them; the error that counts is err.
	_, _ = c.Client.AbortMultipartUpload(abortCtx, &awss3.AbortMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId})
	return &awss3.CompleteMultipartUploadOutput{}, nil
}

// checkedReader fails instead of ending when the bytes are not the announced ones, which aborts the upload.
type checkedReader struct {
	in   io.Reader
	sum  hash.Hash
	want string
	n    int64
	size int64
}

func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.sum.Write(p[:n])
	r.n += int64(n)
	if errors.Is(err, io.EOF) && (r.n != r.size || hex.EncodeToString(r.sum.Sum(nil)) != r.want) {
		return n, fmt.Errorf("%w: %w", errBody, objstore.ErrChecksum)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("%w: %w", errBody, err)
	}
	return n, err
}
