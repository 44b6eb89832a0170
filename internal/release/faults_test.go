package release_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/faultstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
	"github.com/omoflow/omoflow/internal/release"
)

// twoReleases is a lake with two releases, a mark between them, a manifest and a candidate.
func twoReleases(t *testing.T) (objstore.Bucket, string) {
	t.Helper()
	ctx, b := t.Context(), mem.New()
	lk, err := lake.Create(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	sha, err := release.PutManifest(ctx, lk, release.Manifest{Table: "t", Columns: []release.Column{{Name: "id", Type: "BIGINT"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := release.Publish(ctx, lk, 0, release.Release{Code: "one", Tables: map[string]release.TableRef{"t": {Manifest: sha}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := lk.ReleaseLog().Append(ctx, 2, "pin", struct{}{}); err != nil {
		t.Fatal(err)
	}
	if err := release.PutCandidate(ctx, lk, release.Release{Code: "candidate"}); err != nil {
		t.Fatal(err)
	}
	return b, sha
}

// Every request of every operation is refused once: the operation says so, publishes nothing by halves, and does its work once
// the store is well.
func TestEveryRefusedRequestIsTold(t *testing.T) {
	_, sha := twoReleases(t)
	operations := map[string]func(ctx context.Context, lk *lake.Lake) (string, error){
		"publish": func(ctx context.Context, lk *lake.Lake) (string, error) {
			r, err := release.Publish(ctx, lk, 1, release.Release{Code: "two"})
			return fmt.Sprint(r.Seq, r.Parent, r.Code), err
		},
		"latest": func(ctx context.Context, lk *lake.Lake) (string, error) {
			r, ok, err := release.Latest(ctx, lk)
			return fmt.Sprint(r.Seq, r.Code, ok), err
		},
		"at": func(ctx context.Context, lk *lake.Lake) (string, error) {
			r, err := release.At(ctx, lk, 1)
			return r.Code, err
		},
		"list": func(ctx context.Context, lk *lake.Lake) (string, error) {
			all, err := release.List(ctx, lk)
			return fmt.Sprint(len(all)), err
		},
		"manifest": func(ctx context.Context, lk *lake.Lake) (string, error) {
			m, err := release.ReadManifest(ctx, lk, "t", sha)
			return m.Table, err
		},
		"put manifest": func(ctx context.Context, lk *lake.Lake) (string, error) {
			return release.PutManifest(ctx, lk, release.Manifest{Table: "u"})
		},
		"candidate": func(ctx context.Context, lk *lake.Lake) (string, error) {
			r, ok, err := release.Candidate(ctx, lk)
			return fmt.Sprint(r.Code, ok), err
		},
		"put candidate": func(ctx context.Context, lk *lake.Lake) (string, error) {
			return "", release.PutCandidate(ctx, lk, release.Release{Code: "next"})
		},
	}
	told, needless := 0, 0
	for name, operation := range operations {
		for _, op := range []faultstore.Op{faultstore.Put, faultstore.Swap, faultstore.Get, faultstore.Head, faultstore.List} {
			for nth := 1; ; nth++ {
				b, _ := twoReleases(t)
				store := faultstore.New(b)
				lk, err := lake.Open(t.Context(), store)
				if err != nil {
					t.Fatal(err)
				}
				store.Script(faultstore.Fault{Kind: faultstore.Denied, Op: op, Nth: nth})
				_, err = operation(t.Context(), lk)
				if len(store.Injected()) == 0 {
					break // there is no such request
				}
				if lk, openErr := lake.Open(t.Context(), b); openErr != nil {
					t.Fatal(openErr)
				} else if err == nil {
					needless++ // the head of a log, which the next append notes
				} else if told++; fault.KindOf(err) != fault.Denied {
					t.Errorf("%s, %s %d refused: %v", name, op, nth, err)
				} else if _, err := operation(t.Context(), lk); err != nil {
					t.Errorf("%s, after %s %d was refused: %v", name, op, nth, err)
				}
			}
		}
	}
	if told < 12 || needless > 4 {
		t.Errorf("%d refusals were told, %d were not needed", told, needless)
	}
}

// busy is a store where another writer always comes first.
type busy struct {
	objstore.Bucket
	other *lake.Lake
}

func (b busy) PutIfMatch(ctx context.Context, key, etag string, body objstore.Body, opt objstore.PutOptions) (objstore.Info, error) {
	if err := release.PutCandidate(ctx, b.other, release.Release{Code: "other " + etag}); err != nil {
		return objstore.Info{}, err
	}
	return b.Bucket.PutIfMatch(ctx, key, etag, body, opt)
}

// A candidate that other writers keep replacing is given up as a conflict, never overwritten unseen.
func TestABusyCandidateIsAConflict(t *testing.T) {
	b, _ := twoReleases(t)
	plain, err := lake.Open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	lk, err := lake.Open(t.Context(), busy{b, plain})
	if err != nil {
		t.Fatal(err)
	}
	if err := release.PutCandidate(t.Context(), lk, release.Release{Code: "mine"}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v", err)
	}
	if r, ok, err := release.Candidate(t.Context(), plain); err != nil || !ok || !strings.HasPrefix(r.Code, "other") {
		t.Errorf("the candidate is %q %v %v", r.Code, ok, err)
	}
}

// A document that JSON cannot hold is refused before anything is stored; a manifest that is no JSON is damage.
func TestWhatIsNoDocument(t *testing.T) {
	ctx := t.Context()
	b, _ := twoReleases(t)
	lk, err := lake.Open(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	late := release.Release{Code: "late", At: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if err := release.PutCandidate(ctx, lk, late); err == nil {
		t.Error("a year that JSON has not was stored")
	}
	if r, _, err := release.Candidate(ctx, lk); err != nil || r.Code != "candidate" {
		t.Errorf("the candidate is %q %v", r.Code, err)
	}
	info, err := b.Head(ctx, lake.CandidateKey)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := objstore.ReadAll(ctx, b, lake.CandidateKey, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"{", `{"streams":null,"tables":null,"parent":0,"engine":"","code":"x"}`, strings.Replace(string(raw), "candidate", "Candidate", 1)} {
		if info, err = b.PutIfMatch(ctx, lake.CandidateKey, info.ETag, objstore.Bytes([]byte(bad)), objstore.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := release.Candidate(ctx, lk); fault.KindOf(err) != fault.Damaged {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// The view of a table without a schema fails as one with; a table without columns has a view all the same.
func TestMountOfOddTables(t *testing.T) {
	cache := objstore.NewCache(mem.New(), "", 0)
	if err := release.MountManifest(t.Context(), failingExec{}, cache, release.Manifest{Table: "plain"}); err == nil || !strings.Contains(err.Error(), "plain") {
		t.Errorf("got %v", err)
	}
	var q recorder
	if err := release.MountManifest(t.Context(), &q, cache, release.Manifest{Table: "plain"}); err != nil || len(q.statements) != 1 || !strings.HasSuffix(q.statements[0], "WHERE false") {
		t.Errorf("%q %v", q.statements, err)
	}
}
