package transforms

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/faultstore"
	"github.com/omoflow/omoflow/internal/release"
)

// countdown is a context that is cancelled the n-th time somebody looks at it: an interruption at a chosen step of the work.
type countdown struct {
	context.Context
	left   atomic.Int64
	cancel context.CancelFunc
}

func interruptAt(parent context.Context, n int64) *countdown {
	c := &countdown{}
	c.Context, c.cancel = context.WithCancel(parent)
	c.left.Store(n)
	return c
}

func (c *countdown) look() {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
}

func (c *countdown) Done() <-chan struct{} { c.look(); return c.Context.Done() }
func (c *countdown) Err() error            { c.look(); return c.Context.Err() }

// steps is how many steps of a run are tried.
func steps() int64 {
	if os.Getenv("OMOFLOW_PROOF") != "" {
		return 200
	}
	return 12
}

// A build or rebuild that is interrupted, at any step, says so, leaves no scratch and no release; the next one makes the tables
// that were never disturbed.
func TestInterruptedAtAnyStep(t *testing.T) {
	sound := newShop(t, 2)
	for _, deliver := range deliveries(sound) {
		deliver()
	}
	r, _ := sound.publish()
	want := sound.content(r)

	s := newShop(t, 2)
	s.opt.splitRows = 1
	all := deliveries(s)
	for i, deliver := range all {
		deliver()
		if i != 1 && i != len(all)-1 {
			continue
		}
		disturb(t, s, fmt.Sprintf("build after delivery %d", i+1), func(ctx context.Context) error {
			_, err := Build(ctx, s.opt)
			return err
		})
		r, _ = s.publish()
	}
	if got := s.content(r); !maps.Equal(got, want) {
		t.Errorf("the tables differ from undisturbed ones\n%v\n%v", got, want)
	}
	m, err := r.Manifest(t.Context(), s.lake, "sales.day")
	if err != nil {
		t.Fatal(err)
	}
	key := m.Partitions[0].Files[0].Key
	disturb(t, s, "rebuild", func(ctx context.Context) error {
		if err := s.lake.Bucket.Delete(context.WithoutCancel(ctx), key); err != nil {
			t.Fatal(err)
		}
		_, err := Rebuild(ctx, s.opt)
		return err
	})
	if report, err := Rebuild(t.Context(), s.opt); err != nil || len(report.Different) > 0 {
		t.Errorf("%+v %v", report, err)
	}
}

// disturb interrupts work at steps spread over all of it.
func disturb(t *testing.T, s *shop, name string, work func(context.Context) error) {
	t.Helper()
	const endless = int64(1) << 40
	whole := interruptAt(t.Context(), endless)
	if err := work(whole); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	length := endless - whole.left.Load()
	before, _, err := release.Latest(t.Context(), s.lake)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for i := range steps() {
		at := 1 + length*i/steps()
		ctx := interruptAt(t.Context(), at)
		err := work(ctx)
		if err != nil {
			told++
			if fault.KindOf(err) != fault.Interrupted && !errors.Is(err, context.Canceled) {
				t.Errorf("%s, step %d of %d: %s %v", name, at, length, fault.KindOf(err), err)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(s.opt.Dir, "build-*")); len(left) > 0 {
			t.Errorf("%s, step %d of %d: scratch remains: %v", name, at, length, left)
		}
		if now, _, err := release.Latest(t.Context(), s.lake); err != nil || now.Seq != before.Seq {
			t.Errorf("%s, step %d of %d: release %d, before %d: %v", name, at, length, now.Seq, before.Seq, err)
		}
	}
	if told < int(steps())/2 {
		t.Errorf("%s: only %d of %d interruptions were told", name, told, steps())
	}
}

// A store that refuses one request, whichever, stops the build with that reason; the next build is right.
func TestARefusedRequestStopsTheBuild(t *testing.T) {
	s := newShop(t, 2)
	for _, deliver := range deliveries(s) {
		deliver()
	}
	plain := s.opt
	told := 0
	for _, op := range []faultstore.Op{faultstore.Put, faultstore.Get, faultstore.Head, faultstore.List} {
		for nth := 1; ; nth += max(1, nth/3) {
			store := faultstore.New(s.lake.Bucket)
			lk, err := lake.Open(t.Context(), store)
			if err != nil {
				t.Fatal(err)
			}
			s.opt.Lake, s.opt.Cache = lk, objstore.NewCache(store, t.TempDir(), 0)
			store.Script(faultstore.Fault{Kind: faultstore.Denied, Op: op, Nth: nth})
			_, err = Build(t.Context(), s.opt)
			if len(store.Injected()) == 0 {
				break
			}
			if told++; fault.KindOf(err) != fault.Denied {
				t.Errorf("%s %d refused: %v", op, nth, err)
			}
		}
	}
	if told < 12 {
		t.Errorf("only %d requests were refused", told)
	}
	s.opt = plain
	r, _ := s.publish()
	if report, err := Rebuild(t.Context(), s.opt); err != nil || len(report.Different) > 0 || r.Seq != 1 {
		t.Errorf("release %d, %+v %v", r.Seq, report, err)
	}
	store := faultstore.New(s.lake.Bucket)
	lk, err := lake.Open(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	s.opt.Lake, s.opt.Cache = lk, objstore.NewCache(store, t.TempDir(), 0)
	for nth := 1; nth < 40; nth += 3 {
		store.Script(faultstore.Fault{Kind: faultstore.Denied, Op: faultstore.Get, Nth: nth})
		if _, err := Rebuild(t.Context(), s.opt); len(store.Injected()) > 0 && fault.KindOf(err) != fault.Denied {
			t.Errorf("rebuild, get %d refused: %v", nth, err)
		}
	}
}

// What cannot be built is told before anything is stored.
func TestWhatCannotBeBuilt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(t.TempDir(), "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(*Options)
		want  string
	}{
		"a scratch folder that is a file":   {func(o *Options) { o.Dir = file }, "scratch folder"},
		"a scratch folder below a file":     {func(o *Options) { o.Dir = filepath.Join(file, "x") }, "scratch folder"},
		"an expectation of the wrong width": {func(o *Options) { o.System = map[string]Relation{"system.expectation": {Rows: [][]string{{"till"}}}} }, "1 cells instead of 6"},
		"a value that nobody configured":    {func(o *Options) { o.Config = nil }, `no configured value "home_currency"`},
	} {
		s := newShop(t, 1)
		s.deliver("a", "b1", january())
		before := len(s.keys())
		c.spoil(&s.opt)
		if _, err := Build(t.Context(), s.opt); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if now := len(s.keys()); now != before {
			t.Errorf("%s: %d objects were stored", name, now-before)
		}
		if _, err := Rebuild(t.Context(), s.opt); err == nil {
			t.Errorf("%s: a rebuild went through", name)
		}
	}
	s := newShop(t, 1)
	if _, err := Rebuild(t.Context(), s.opt); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "no release") {
		t.Errorf("a rebuild of nothing: %v", err)
	}
	r, _ := s.publish()
	if got := s.rows(r, "SELECT count(*) FROM sales.day"); r.Seq != 1 || got[0] != "0" {
		t.Errorf("an empty lake gives release %d with %v", r.Seq, got)
	}
}
