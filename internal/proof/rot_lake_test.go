package proof

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
)

// rotting is a lake in memory of which some objects are altered or, with a nil value, lost. Only the keys that only allows
// are there, so that what one object says can be looked at without reading all others.
type rotting struct {
	objects map[string][]byte
	keys    []string
	altered map[string][]byte
	only    func(key string) bool
}

var errReadOnly = errors.New("this lake is only looked at")

func (r *rotting) with(altered map[string][]byte) *rotting {
	return &rotting{objects: r.objects, keys: r.keys, altered: altered, only: r.only}
}

// among gives the lake with only some keys.
func (r *rotting) among(only func(string) bool) *rotting {
	view := &rotting{objects: r.objects, only: only}
	for _, key := range r.keys {
		if only(key) {
			view.keys = append(view.keys, key)
		}
	}
	return view
}

func (r *rotting) find(key string) ([]byte, error) {
	content, ok := r.objects[key]
	if altered, is := r.altered[key]; is {
		content, ok = altered, altered != nil
	}
	if !ok || r.only != nil && !r.only(key) {
		return nil, fmt.Errorf("%s: %w", key, objstore.ErrNotFound)
	}
	return content, nil
}

func (r *rotting) Get(_ context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	content, err := r.find(key)
	if err != nil {
		return nil, err
	}
	content = content[min(offset, int64(len(content))):]
	if length >= 0 {
		content = content[:min(length, int64(len(content)))]
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (r *rotting) Head(_ context.Context, key string) (objstore.Info, error) {
	content, err := r.find(key)
	return objstore.Info{Key: key, Size: int64(len(content))}, err
}

func (r *rotting) List(_ context.Context, prefix, after string, fn func(objstore.Info) error) error {
	first, _ := slices.BinarySearch(r.keys, max(prefix, after))
	for _, key := range r.keys[first:] {
		if !strings.HasPrefix(key, prefix) {
			if key > prefix {
				return nil
			}
			continue
		}
		content, err := r.find(key)
		if key <= after || err != nil {
			continue
		}
		if err := fn(objstore.Info{Key: key, Size: int64(len(content))}); err != nil {
			return err
		}
	}
	return nil
}

func (r *rotting) PutIfAbsent(context.Context, string, objstore.Body, objstore.PutOptions) (objstore.Info, error) {
	return objstore.Info{}, errReadOnly
}

func (r *rotting) PutIfMatch(context.Context, string, string, objstore.Body, objstore.PutOptions) (objstore.Info, error) {
	return objstore.Info{}, errReadOnly
}

func (r *rotting) Delete(context.Context, string) error { return errReadOnly }
func (r *rotting) URL() string                          { return "rotting lake" }

// rotLake makes a lake through the real pipelines: deliveries of several days with two releases, a document, a candidate and a
// log with a checkpoint.
func rotLake(t *testing.T) *rotting {
	t.Helper()
	ctx := context.Background()
	b := newBench(t, 2, "1GiB", "sales.day", "inventory.position")
	s := b.newShop(t)
	var last release.Release
	for _, today := range b.deliveriesOf(t, tiny(20260101, 3), 3) {
		s.take(today...)
		last = s.publish()
	}
	log := s.lake.DecisionLog()
	for range journal.FoldSize + 3 {
		tail, _, err := log.Tail(ctx)
		fatal(t, err)
		_, err = log.Append(ctx, tail.Seq+1, "note", map[string]int64{"n": tail.Seq})
		fatal(t, err)
	}
	fatal(t, log.Checkpoint(ctx))
	d := lake.Document{Report: "quarterly", Period: "2026-Q1", Version: 1, Release: last.Seq, ReleaseHash: last.Hash}
	for _, name := range []string{"document.html", "manifest.json"} {
		content := []byte(strings.Repeat(name+" says what was sold. ", 100))
		sum := sha256.Sum256(content)
		o := lake.Object{Key: lake.ReportKey(d.Report, d.Period, 1, name), SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(content))}
		_, err := s.lake.Bucket.PutIfAbsent(ctx, o.Key, objstore.Bytes(content), objstore.PutOptions{})
		fatal(t, err)
		d.Manifest = o
		d.Files = append(d.Files, o)
	}
	_, err := s.lake.DocumentLog().Append(ctx, 1, lake.KindDocument, d)
	fatal(t, err)
	small := last
	small.Checks, small.Conservation, small.Models = nil, nil, nil
	fatal(t, release.PutCandidate(ctx, s.lake, small))
	r := &rotting{objects: map[string][]byte{}}
	fatal(t, s.lake.Bucket.List(ctx, "", "", func(info objstore.Info) error {
		content, err := objstore.ReadAll(ctx, s.lake.Bucket, info.Key, 0)
		r.objects[info.Key] = content
		r.keys = append(r.keys, info.Key)
		return err
	}))
	slices.Sort(r.keys)
	return r
}
