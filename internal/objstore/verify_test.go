package objstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

func verify(t *testing.T, b objstore.Bucket) map[string]objstore.Probe {
	t.Helper()
	var told []string
	probes, err := objstore.Verify(t.Context(), b, "some/folder", func(s string) { told = append(told, s) })
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != len(probes) || len(probes) < 10 {
		t.Errorf("%d probes, %d told", len(probes), len(told))
	}
	byName := map[string]objstore.Probe{}
	for _, p := range probes {
		byName[p.Name] = p
	}
	err = b.List(t.Context(), "", "", func(i objstore.Info) error { t.Errorf("left behind: %s", i.Key); return nil })
	if err != nil {
		t.Error(err)
	}
	return byName
}

func TestVerifyPassesGoodBuckets(t *testing.T) {
	dir, err := localfs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]objstore.Bucket{"mem": mem.New(), "localfs": dir} {
		t.Run(name, func(t *testing.T) {
			for _, p := range verify(t, b) {
				if !p.OK {
					t.Errorf("%s: %s", p.Name, p.Detail)
				}
			}
		})
	}
}

// careless ignores the condition headers, as some stores do.
type careless struct{ objstore.Bucket }

func (c careless) PutIfAbsent(ctx context.Context, key string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	info, err := c.Bucket.PutIfAbsent(ctx, key, body, opt)
	for errors.Is(err, objstore.ErrExists) {
		if err := c.Delete(ctx, key); err != nil {
			return info, err
		}
		info, err = c.Bucket.PutIfAbsent(ctx, key, body, opt)
	}
	return info, err
}

func (c careless) PutIfMatch(ctx context.Context, key, _ string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	return c.PutIfAbsent(ctx, key, body, opt)
}

func TestVerifyFindsIgnoredConditions(t *testing.T) {
	found := verify(t, careless{mem.New()})
	var all []objstore.Probe
	for _, p := range found {
		all = append(all, p)
	}
	for _, name := range []string{"second create is refused", "one winner per key", "refused writes change nothing", "stale version is refused", "one winner per version"} {
		if p, ok := found[name]; !ok || p.OK || p.Detail == "" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if objstore.Usable(all) {
		t.Error("a bucket that ignores conditions counts as usable")
	}
}

// late lists without the newest object.
type late struct{ objstore.Bucket }

func (l late) List(ctx context.Context, prefix, after string, fn func(objstore.Info) error) error {
	var infos []objstore.Info
	if err := l.Bucket.List(ctx, prefix, after, func(i objstore.Info) error { infos = append(infos, i); return nil }); err != nil {
		return err
	}
	if len(infos) == 1 {
		return nil
	}
	for _, i := range infos {
		if err := fn(i); err != nil {
			return err
		}
	}
	return nil
}

func TestVerifyFindsStaleListings(t *testing.T) {
	if p := verify(t, late{mem.New()})["listed after put, gone after delete"]; p.OK {
		t.Error("a stale listing went unseen")
	}
}

func TestVerifyRefusesABadFolder(t *testing.T) {
	if _, err := objstore.Verify(t.Context(), mem.New(), "../x", nil); fault.KindOf(err) != fault.Usage {
		t.Errorf("got %v", err)
	}
}

func TestVerifyStopsWithItsContextAndCleansUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := mem.New()
	_, err := objstore.Verify(ctx, b, "", func(name string) {
		if strings.Contains(name, "start after") {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	_ = b.List(t.Context(), "", "", func(i objstore.Info) error { t.Errorf("left behind: %s", i.Key); return nil })
}
