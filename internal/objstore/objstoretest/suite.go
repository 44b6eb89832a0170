// Package objstoretest is the contract of objstore.Bucket as tests, run on every implementation.
package objstoretest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"github.com/omoflow/omoflow/internal/objstore"
)

// test is one clause of the contract.
type test struct {
	name string
	run  func(*suite)
}

// suite is what one clause works with: an empty bucket of its own.
type suite struct {
	*testing.T
	ctx context.Context //nolint:containedctx // lives for one test
	b   objstore.Bucket
}

// Without names clauses that a server is known not to keep, and why.
type Without map[string]string

// Run proves the contract. open gives an empty bucket; buckets of different calls do not see each other.
func Run(t *testing.T, open func(t *testing.T) objstore.Bucket, without ...Without) {
	for _, group := range [][]test{putTests(), matchTests(), bodyTests(), largeTests(), readTests(), rangeTests(), listTests(), listingTests(), keyTests()} {
		for _, clause := range group {
			t.Run(clause.name, func(t *testing.T) {
				for _, known := range without {
					if why, ok := known[clause.name]; ok {
						t.Skip(why)
					}
				}
				clause.run(&suite{T: t, ctx: t.Context(), b: open(t)})
			})
		}
	}
}

func (s *suite) put(key, content string) objstore.Info {
	s.Helper()
	info, err := s.b.PutIfAbsent(s.ctx, key, objstore.Bytes([]byte(content)), objstore.PutOptions{})
	if err != nil {
		s.Fatalf("put %s: %v", key, err)
	}
	return info
}

func (s *suite) tryPut(key, content string) error {
	_, err := s.b.PutIfAbsent(s.ctx, key, objstore.Bytes([]byte(content)), objstore.PutOptions{})
	return err
}

func (s *suite) match(key, etag, content string) (objstore.Info, error) {
	return s.b.PutIfMatch(s.ctx, key, etag, objstore.Bytes([]byte(content)), objstore.PutOptions{})
}

func (s *suite) get(key string, offset, length int64) string {
	s.Helper()
	r, err := s.b.Get(s.ctx, key, offset, length)
	if err != nil {
		s.Fatalf("get %s: %v", key, err)
	}
	defer r.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(r)
	if err != nil {
		s.Fatalf("read %s: %v", key, err)
	}
	return string(data)
}

func (s *suite) holds(key, want string) {
	s.Helper()
	if got := s.get(key, 0, -1); got != want {
		s.Errorf("%s holds %d bytes %.40q, want %d bytes %.40q", key, len(got), got, len(want), want)
	}
}

func (s *suite) wants(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("got error %v, want %v", err, want)
	}
}

func (s *suite) keys(prefix, after string) []string {
	s.Helper()
	keys := []string{}
	err := s.b.List(s.ctx, prefix, after, func(info objstore.Info) error {
		keys = append(keys, info.Key)
		return nil
	})
	if err != nil {
		s.Fatalf("list %q after %q: %v", prefix, after, err)
	}
	return keys
}

func sum(content string) string {
	digest := sha256.Sum256([]byte(content))
	return hex.EncodeToString(digest[:])
}
