package journal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/omoflow/omoflow/internal/objstore"
)

// flaky is a bucket whose next puts misbehave as told.
type flaky struct {
	objstore.Bucket
	mu     sync.Mutex
	script []string // one word per put: "lost" (applied, answer lost), "dropped" (not applied, unknown), "ok"
	gets   int
	lists  int
	dead   bool // no read succeeds
}

func (f *flaky) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	f.mu.Lock()
	word := "ok"
	if len(f.script) > 0 {
		word, f.script = f.script[0], f.script[1:]
	}
	f.mu.Unlock()
	if word == "dropped" {
		return objstore.Info{}, fmt.Errorf("%s: %w", key, objstore.ErrUnknownOutcome)
	}
	info, err := f.Bucket.PutIfAbsent(ctx, key, body, opt)
	if word == "lost" {
		return objstore.Info{}, fmt.Errorf("%s: %w", key, objstore.ErrUnknownOutcome)
	}
	return info, err
}

func (f *flaky) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	f.mu.Lock()
	f.gets++
	dead := f.dead
	f.mu.Unlock()
	if dead {
		return nil, errors.New("no answer")
	}
	return f.Bucket.Get(ctx, key, offset, length)
}

func (f *flaky) List(ctx context.Context, prefix, after string, fn func(objstore.Info) error) error {
	f.mu.Lock()
	f.lists++
	f.mu.Unlock()
	return f.Bucket.List(ctx, prefix, after, fn)
}
