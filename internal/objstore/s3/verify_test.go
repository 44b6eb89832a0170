package s3_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/s3"
)

func TestVerifyOfTheEmbeddedServer(t *testing.T) {
	t.Parallel()
	b := open(t)
	probes, err := objstore.Verify(t.Context(), b, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !objstore.Usable(probes) {
		t.Errorf("not usable: %+v", probes)
	}
	for _, p := range probes {
		// The server on a directory compares and replaces in two steps, so that this one may fail.
		if !p.OK && p.Name != "one winner per version" {
			t.Errorf("%s: %s", p.Name, p.Detail)
		}
	}
	err = b.List(t.Context(), "", "", func(i objstore.Info) error { return fmt.Errorf("left behind: %s", i.Key) })
	if err != nil {
		t.Error(err)
	}
}

func TestListingOverManyPages(t *testing.T) {
	t.Parallel()
	b := openAt(t, endpoint, func(o *s3.Options) { o.ListPage = 3 })
	var want []string
	for i := range 20 {
		key := fmt.Sprintf("a/%02d", i)
		if err := putText(b, key, "x"); err != nil {
			t.Fatal(err)
		}
		want = append(want, key)
	}
	var got []string
	if err := b.List(t.Context(), "a/", "a/04", func(i objstore.Info) error { got = append(got, i.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want[5:]) {
		t.Errorf("got %q", got)
	}
}

func TestCacheOnS3(t *testing.T) {
	t.Parallel()
	b := open(t)
	info, err := b.PutIfAbsent(t.Context(), "k", objstore.Bytes([]byte("content")), objstore.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cache := objstore.NewCache(b, t.TempDir(), 0)
	if _, err := cache.Path(t.Context(), "k", info.SHA256, 7); err != nil {
		t.Error(err)
	}
	if _, err := cache.Path(t.Context(), "none", fmt.Sprintf("%064d", 0), 7); !errors.Is(err, objstore.ErrNotFound) || fault.KindOf(err) != fault.Damaged {
		t.Errorf("got %v", err)
	}
}
