package objstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Probe is the outcome of one test of a real bucket.
type Probe struct {
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Detail   string `json:"detail"`   // what was seen
	Required bool   `json:"required"` // several writers may not use a bucket that fails it
}

// The size of the race that Verify runs: every writer tries every key.
const (
	probeWriters = 16
	probeKeys    = 50
	probeListed  = 1010 // past the 1,000 keys of a listing's page
)

// Verify proves on the user's own bucket what the journal relies on. It works below prefix in a folder of its
// own, removes what it wrote, and tells progress the name of each probe. A probe that fails is no error; an error says that
// the bucket could not be probed at all.
func Verify(ctx context.Context, b Bucket, prefix string, progress func(string)) ([]Probe, error) {
	var unique [8]byte
	_, _ = rand.Read(unique[:]) // never fails since Go 1.24
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	p := &prober{b: b, folder: prefix + "verify-" + hex.EncodeToString(unique[:]) + "/"}
	if err := CheckKey(p.folder + "x"); err != nil {
		return nil, err
	}
	if _, err := p.put(ctx, "first", "x"); err != nil {
		return nil, fmt.Errorf("write to %s: %w", b.URL(), err)
	}
	probes, err := p.run(ctx, progress)
	// What was written must go even when the caller gave up.
	if cleanErr := p.clean(context.WithoutCancel(ctx)); err == nil {
		err = cleanErr
	}
	return probes, err
}

// Usable tells whether several writers may use the bucket: no required probe failed.
func Usable(probes []Probe) bool {
	return !slices.ContainsFunc(probes, func(p Probe) bool { return p.Required && !p.OK })
}

type prober struct {
	b      Bucket
	folder string
}

func (p *prober) run(ctx context.Context, progress func(string)) ([]Probe, error) {
	var probes []Probe
	for _, test := range []struct {
		name     string
		required bool
		run      func(context.Context) (string, error)
	}{
		{"second create is refused", true, p.secondCreate},
		{"one winner per key", true, p.race},
		{"refused writes change nothing", true, p.unchanged},
		{"stale version is refused", true, p.stale},
		{"one winner per version", false, p.versionRace},
		{"listed after put, gone after delete", true, p.listAfterPut},
		{"read after overwrite", true, p.readAfterOverwrite},
		{"wrong checksum is refused by the store", false, p.checksum},
		{"listing past 1,000 keys, start after", true, p.paging},
		{"byte order and odd keys", true, p.oddKeys},
		{"byte ranges", true, p.ranges},
	} {
		if progress != nil {
			progress(test.name)
		}
		detail, err := test.run(ctx)
		if ctx.Err() != nil {
			return probes, ctx.Err()
		}
		if err != nil {
			detail = err.Error()
		}
		probes = append(probes, Probe{Name: test.name, OK: err == nil, Detail: detail, Required: test.required})
	}
	return probes, nil
}

func (p *prober) put(ctx context.Context, name, content string) (Info, error) {
	return p.b.PutIfAbsent(ctx, p.folder+name, Bytes([]byte(content)), PutOptions{})
}

func (p *prober) content(ctx context.Context, name string) (string, error) {
	data, err := ReadAll(ctx, p.b, p.folder+name, 1<<20)
	return string(data), err
}

// expect turns the absence of the wanted error into one.
func expect(got, want error, what string) error {
	switch {
	case errors.Is(got, want):
		return nil
	case got == nil:
		return errors.New(what)
	}
	return got
}

func (p *prober) secondCreate(ctx context.Context) (string, error) {
	_, err := p.put(ctx, "first", "y")
	return "refused", expect(err, ErrExists, "the store ignores the condition: a second create replaced the object")
}

// race is the proof of mutual exclusion.
func (p *prober) race(ctx context.Context) (string, error) {
	var wins [probeKeys]atomic.Int64
	group, groupCtx := errgroup.WithContext(ctx)
	var ready sync.WaitGroup
	ready.Add(probeWriters)
	for w := range probeWriters {
		group.Go(func() error {
			ready.Done()
			ready.Wait()
			for k := range probeKeys {
				_, err := p.put(groupCtx, fmt.Sprintf("race/%02d", k), fmt.Sprintf("writer %d", w))
				if err == nil {
					wins[k].Add(1)
				} else if !errors.Is(err, ErrExists) {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	for k := range wins {
		if n := wins[k].Load(); n != 1 {
			return "", fmt.Errorf("key %d of %d has %d winners of %d writers", k, probeKeys, n, probeWriters)
		}
	}
	return fmt.Sprintf("%d writers, %d keys, one winner each", probeWriters, probeKeys), nil
}

func (p *prober) unchanged(ctx context.Context) (string, error) {
	if _, err := p.put(ctx, "kept", "first"); err != nil {
		return "", err
	}
	_, _ = p.put(ctx, "kept", "second") // refused, as another probe shows
	got, err := p.content(ctx, "kept")
	if err == nil && got != "first" {
		err = fmt.Errorf("a refused create left %q", got)
	}
	return "the first content stays", err
}

func (p *prober) stale(ctx context.Context) (string, error) {
	first, err := p.put(ctx, "version", "1")
	if err != nil {
		return "", err
	}
	if _, err = p.b.PutIfMatch(ctx, first.Key, first.ETag, Bytes([]byte("2")), PutOptions{}); err != nil {
		return "", fmt.Errorf("the right version is refused: %w", err)
	}
	_, err = p.b.PutIfMatch(ctx, first.Key, first.ETag, Bytes([]byte("3")), PutOptions{})
	return "refused", expect(err, ErrChanged, "the store ignores If-Match: a stale version replaced the object")
}

func (p *prober) versionRace(ctx context.Context) (string, error) {
	const rounds = 10
	info, err := p.put(ctx, "swap", "0")
	if err != nil {
		return "", err
	}
	for round := range rounds {
		var wins atomic.Int64
		group, groupCtx := errgroup.WithContext(ctx)
		for w := range probeWriters {
			group.Go(func() error {
				_, err := p.b.PutIfMatch(groupCtx, info.Key, info.ETag, Bytes(fmt.Appendf(nil, "%d by %d", round, w)), PutOptions{})
				if err == nil {
					wins.Add(1)
				} else if !errors.Is(err, ErrChanged) {
					return err
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return "", err
		}
		if n := wins.Load(); n != 1 {
			return "", fmt.Errorf("%d of %d writers replaced the same version", n, probeWriters)
		}
		if info, err = p.b.Head(ctx, info.Key); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d writers, %d rounds, one winner each", probeWriters, rounds), nil
}

func (p *prober) names(ctx context.Context, prefix, after string) (names []string, err error) {
	if after != "" {
		after = p.folder + after
	}
	err = p.b.List(ctx, p.folder+prefix, after, func(i Info) error {
		names = append(names, strings.TrimPrefix(i.Key, p.folder))
		return nil
	})
	return names, err
}

func (p *prober) listAfterPut(ctx context.Context) (string, error) {
	const rounds = 20
	for i := range rounds {
		name := fmt.Sprintf("seen/%02d", i)
		if _, err := p.put(ctx, name, "x"); err != nil {
			return "", err
		}
		if names, err := p.names(ctx, name, ""); err != nil || len(names) != 1 {
			return "", errors.Join(fmt.Errorf("an object just written is listed %d times", len(names)), err)
		}
		if err := p.b.Delete(ctx, p.folder+name); err != nil {
			return "", err
		}
		if names, err := p.names(ctx, name, ""); err != nil || len(names) != 0 {
			return "", errors.Join(errors.New("a deleted object is still listed"), err)
		}
	}
	return fmt.Sprintf("%d times", rounds), nil
}

func (p *prober) readAfterOverwrite(ctx context.Context) (string, error) {
	const rounds = 20
	info, err := p.put(ctx, "fresh", "0")
	for i := 1; i <= rounds && err == nil; i++ {
		want := fmt.Sprint(i)
		if info, err = p.b.PutIfMatch(ctx, p.folder+"fresh", info.ETag, Bytes([]byte(want)), PutOptions{}); err != nil {
			break
		}
		var got string
		if got, err = p.content(ctx, "fresh"); err == nil && got != want {
			err = fmt.Errorf("read %q just after writing %q", got, want)
		}
	}
	return fmt.Sprintf("%d times", rounds), err
}

func (p *prober) checksum(ctx context.Context) (string, error) {
	if server, ok := p.b.(ChecksumProber); ok {
		return "refused", expect(server.PutWrongChecksum(ctx, p.folder+"wrong"), ErrChecksum, "the store took bytes with a wrong SHA-256; damage on the way to it goes unseen until it is read")
	}
	_, err := p.b.PutIfAbsent(ctx, p.folder+"wrong", Bytes([]byte("x")), PutOptions{SHA256: strings.Repeat("0", 64)})
	return "refused", expect(err, ErrChecksum, "wrong bytes were stored")
}

func (p *prober) paging(ctx context.Context) (string, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(probeWriters)
	for i := range probeListed {
		group.Go(func() error {
			_, err := p.put(groupCtx, fmt.Sprintf("many/%05d", i), "")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	all, err := p.names(ctx, "many/", "")
	if err != nil {
		return "", err
	}
	if len(all) != probeListed || !slices.IsSorted(all) {
		return "", fmt.Errorf("%d of %d keys are listed, in order: %v", len(all), probeListed, slices.IsSorted(all))
	}
	rest, err := p.names(ctx, "many/", "many/00999")
	if err == nil && !slices.Equal(rest, all[1000:]) {
		err = fmt.Errorf("start after gives %d keys instead of %d", len(rest), probeListed-1000)
	}
	return fmt.Sprintf("%d keys", probeListed), err
}

func (p *prober) oddKeys(ctx context.Context) (string, error) {
	names := []string{"odd/%2F+ &?#", "odd/a b", "odd/a-b", "odd/a/b", "odd/a0", "odd/é", "odd/日本", "odd/😀"}
	for _, name := range names {
		if _, err := p.put(ctx, name, name); err != nil {
			return "", fmt.Errorf("%q: %w", name, err)
		}
		if got, err := p.content(ctx, name); err != nil || got != name {
			return "", errors.Join(fmt.Errorf("%q holds %q", name, got), err)
		}
	}
	got, err := p.names(ctx, "odd/", "")
	slices.Sort(names)
	if err == nil && !slices.Equal(got, names) {
		err = fmt.Errorf("listed as %q", got)
	}
	return fmt.Sprintf("%d keys", len(names)), err
}

func (p *prober) ranges(ctx context.Context) (string, error) {
	info, err := p.put(ctx, "range", "0123456789")
	if err != nil {
		return "", err
	}
	r, err := p.b.Get(ctx, info.Key, 3, 4)
	if err != nil {
		return "", err
	}
	defer r.Close() //nolint:errcheck // only read
	var got [5]byte
	n, _ := r.Read(got[:]) // the comparison tells
	if string(got[:n]) != "3456" {
		return "", fmt.Errorf("bytes 3 to 6 are %q", got[:n])
	}
	return "honoured", nil
}

// clean removes everything below the probe's folder.
func (p *prober) clean(ctx context.Context) error {
	var keys []string
	if err := p.b.List(ctx, p.folder, "", func(i Info) error { keys = append(keys, i.Key); return nil }); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(probeWriters)
	for _, key := range keys {
		group.Go(func() error { return p.b.Delete(groupCtx, key) })
	}
	return group.Wait()
}
