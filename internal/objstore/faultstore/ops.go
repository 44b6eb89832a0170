package faultstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// errInjected is the cause of every error that this package makes.
var errInjected = errors.New("injected fault")

// failure gives the error of a fault that ends a call without doing anything; nil for other kinds.
func (b *Bucket) failure(k Kind, key string) error {
	switch k {
	case ServerError, SlowDown, Busy, Abandoned:
		return b.unavailable(errInjected, k, key)
	case Reset:
		return b.unavailable(fmt.Errorf("%w: %w", errInjected, io.ErrUnexpectedEOF), k, key)
	case Timeout:
		return b.unavailable(fmt.Errorf("%w: %w", errInjected, os.ErrDeadlineExceeded), k, key)
	case Denied:
		return fault.Wrap(errInjected, fault.Denied, "access_denied", key, "check the credentials and the bucket's policy", k.String())
	}
	return nil
}

func (b *Bucket) unavailable(cause error, k Kind, key string) error {
	return fault.Wrap(cause, fault.Unavailable, "store_unavailable", key, "run again when the store answers", k.String())
}

// unknown is the error of a write whose effect the client cannot know.
func (b *Bucket) unknown(k Kind, key string) error {
	return fmt.Errorf("%s: %w: %w", key, objstore.ErrUnknownOutcome, b.unavailable(errInjected, k, key))
}

// PutIfAbsent implements objstore.Bucket.
func (b *Bucket) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	kind, number := b.next(Put, key)
	write := func() (objstore.Info, error) { return b.Bucket.PutIfAbsent(ctx, key, body, opt) }
	switch kind {
	case OtherWon:
		other := b.Other
		if other == nil {
			other = twin
		}
		if err := other(ctx, b.Bucket, key, body); err != nil {
			return objstore.Info{}, err
		}
		return write()
	case OwnRefused:
		if _, err := write(); err != nil {
			return objstore.Info{}, err
		}
		return objstore.Info{}, fmt.Errorf("%s: %w", key, objstore.ErrExists)
	case Ignored:
		return b.overwrite(ctx, key, body, opt)
	}
	return b.spoilWrite(kind, number, key, write)
}

func twin(ctx context.Context, b objstore.Bucket, key string, body objstore.Body) error {
	_, err := b.PutIfAbsent(ctx, key, body, objstore.PutOptions{})
	if errors.Is(err, objstore.ErrExists) {
		return nil
	}
	return err
}

// PutIfMatch implements objstore.Bucket.
func (b *Bucket) PutIfMatch(ctx context.Context, key, etag string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	kind, number := b.next(Swap, key)
	write := func() (objstore.Info, error) { return b.Bucket.PutIfMatch(ctx, key, etag, body, opt) }
	switch kind {
	case OwnRefused, OtherWon:
		if _, err := write(); err != nil {
			return objstore.Info{}, err
		}
		return objstore.Info{}, fmt.Errorf("%s: %w", key, objstore.ErrChanged)
	case Ignored:
		return b.overwrite(ctx, key, body, opt)
	}
	return b.spoilWrite(kind, number, key, write)
}

func (b *Bucket) spoilWrite(kind Kind, number uint64, key string, write func() (objstore.Info, error)) (objstore.Info, error) {
	switch kind {
	case Lost:
		if _, err := write(); err != nil {
			return objstore.Info{}, err
		}
		return objstore.Info{}, b.unknown(kind, key)
	case Timeout:
		if number%2 == 0 {
			if _, err := write(); err != nil {
				return objstore.Info{}, err
			}
		}
		return objstore.Info{}, b.unknown(kind, key)
	case Reset:
		return objstore.Info{}, b.unknown(kind, key)
	}
	if err := b.failure(kind, key); err != nil {
		return objstore.Info{}, err
	}
	return write()
}

// overwrite writes whatever is there.
func (b *Bucket) overwrite(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	for {
		info, err := b.Bucket.PutIfAbsent(ctx, key, body, opt)
		if !errors.Is(err, objstore.ErrExists) {
			return info, err
		}
		current, err := b.Bucket.Head(ctx, key)
		if err != nil {
			return objstore.Info{}, err
		}
		info, err = b.Bucket.PutIfMatch(ctx, key, current.ETag, body, opt)
		if !errors.Is(err, objstore.ErrChanged) {
			return info, err
		}
	}
}

// Get implements objstore.Bucket.
func (b *Bucket) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	kind, number := b.next(Get, key)
	if err := b.failure(kind, key); err != nil {
		return nil, err
	}
	r, err := b.Bucket.Get(ctx, key, offset, length)
	if err != nil || kind == 0 {
		return r, err
	}
	if kind == SlowBody {
		if b.Slow != nil {
			b.Slow()
		}
		pace := b.Pace
		if pace == 0 {
			pace = time.Second
		}
		return &slowBody{ctx: ctx, ReadCloser: r, pace: pace}, nil
	}
	defer r.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if len(data) > 0 {
		at := number % uint64(len(data))
		if kind == Truncated {
			data = data[:at]
		} else {
			data[at] ^= 1 << (number >> 32 % 8)
		}
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// slowBody gives a byte at a time.
type slowBody struct {
	ctx context.Context //nolint:containedctx // the stream lives as long as the request
	io.ReadCloser
	pace time.Duration
}

func (s *slowBody) Read(p []byte) (int, error) {
	timer := time.NewTimer(s.pace)
	defer timer.Stop()
	select {
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	case <-timer.C:
		return s.ReadCloser.Read(p[:min(1, len(p))])
	}
}

// Head implements objstore.Bucket.
func (b *Bucket) Head(ctx context.Context, key string) (objstore.Info, error) {
	kind, _ := b.next(Head, key)
	if err := b.failure(kind, key); err != nil {
		return objstore.Info{}, err
	}
	return b.Bucket.Head(ctx, key)
}

// List implements objstore.Bucket.
func (b *Bucket) List(ctx context.Context, prefix, startAfter string, fn func(objstore.Info) error) error {
	kind, _ := b.next(List, prefix)
	if err := b.failure(kind, prefix); err != nil {
		return err
	}
	switch kind {
	case Stale:
		var held *objstore.Info
		return b.Bucket.List(ctx, prefix, startAfter, func(i objstore.Info) error {
			last := held
			held = &i
			if last == nil {
				return nil
			}
			return fn(*last)
		})
	case Repeated:
		if err := b.Bucket.List(ctx, prefix, startAfter, fn); err != nil {
			return err
		}
	}
	return b.Bucket.List(ctx, prefix, startAfter, fn)
}

// Delete implements objstore.Bucket.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	kind, _ := b.next(Delete, key)
	if err := b.failure(kind, key); err != nil {
		return err
	}
	return b.Bucket.Delete(ctx, key)
}
