package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
)

// Problem is damage found in a lake.
type Problem struct {
	Key         string // the damaged or missing object
	Err         error  // fault.Damaged, with what to do next
	Rebuildable bool   // made from other objects: Discard and a rebuild mend it
}

// inspectors is how many objects are looked at at a time.
const inspectors = 8

// Inspect looks at everything that entries and releases name: chains, manifests, and of every object its
// presence and size, or with readData all of its bytes. progress, which may be nil, is told how many objects are done. The
// error is only for what kept it from looking.
func Inspect(ctx context.Context, lk *lake.Lake, readData bool, progress func(done, total int)) ([]Problem, error) {
	problems, err := inspectLogs(ctx, lk)
	if err != nil {
		return problems, err
	}
	named := map[string]lake.Object{}
	batches, err := lk.Batches(ctx)
	if fault.KindOf(err) == fault.Damaged {
		err = nil // reported with its log; the batches behind it are out of reach
	}
	if err != nil {
		return problems, err
	}
	for _, b := range batches {
		for _, o := range objectsOf(b.Batch) {
			named[o.Key] = o
		}
	}
	manifests, err := inspectManifests(ctx, lk, named)
	problems = append(problems, manifests...)
	if err != nil {
		return problems, err
	}
	objects, err := inspectObjects(ctx, lk, named, readData, progress)
	problems = append(problems, objects...)
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Key, b.Key) })
	return problems, err
}

func inspectLogs(ctx context.Context, lk *lake.Lake) ([]Problem, error) {
	logs, err := journal.Logs(ctx, lk.Bucket, "")
	if err != nil {
		return nil, err
	}
	var problems []Problem
	for _, name := range logs {
		found, err := journal.Open(lk.Bucket, name, journal.Options{}).Check(ctx)
		for _, e := range found {
			problems = append(problems, Problem{Key: subjectOf(e), Err: e, Rebuildable: strings.Contains(subjectOf(e), "/checkpoint-")})
		}
		if err != nil {
			return problems, err
		}
	}
	return problems, nil
}

func subjectOf(err error) string {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Subject
	}
	return ""
}

// objectsOf names everything a batch stored.
func objectsOf(b lake.Batch) []lake.Object {
	var objects []lake.Object
	for _, f := range b.Files {
		if f.Raw.Key != "" {
			objects = append(objects, f.Raw)
		}
	}
	for _, s := range b.Staged {
		objects = append(objects, s.Object)
	}
	if b.Quarantine != nil {
		objects = append(objects, *b.Quarantine)
	}
	return objects
}

// inspectManifests adds the files of all releases' tables to named.
func inspectManifests(ctx context.Context, lk *lake.Lake, named map[string]lake.Object) ([]Problem, error) {
	releases, err := List(ctx, lk)
	if err != nil && fault.KindOf(err) != fault.Damaged {
		return nil, err
	}
	var problems []Problem
	seen := map[string]bool{}
	for _, r := range releases {
		for _, table := range tableNames(r) {
			key := lake.ManifestKey(table, r.Tables[table].Manifest)
			if seen[key] {
				continue
			}
			seen[key] = true
			m, err := r.Manifest(ctx, lk, table)
			if fault.KindOf(err) == fault.Damaged {
				problems = append(problems, Problem{Key: key, Err: err, Rebuildable: true})
				continue
			}
			if err != nil {
				return problems, err
			}
			for _, p := range m.Partitions {
				for _, f := range p.Files {
					named[f.Key] = f
				}
			}
		}
	}
	return problems, nil
}

func inspectObjects(ctx context.Context, lk *lake.Lake, named map[string]lake.Object, readData bool, progress func(done, total int)) ([]Problem, error) {
	var (
		mu       sync.Mutex
		problems []Problem
		done     int
	)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(inspectors)
	for _, o := range named {
		group.Go(func() error {
			found, err := inspectObject(groupCtx, lk.Bucket, o, readData)
			mu.Lock()
			defer mu.Unlock()
			done++
			if progress != nil && err == nil {
				progress(done, len(named))
			}
			if found != nil {
				problems = append(problems, *found)
			}
			return err
		})
	}
	return problems, group.Wait()
}

// inspectObject gives what is wrong with one object, nil when nothing is.
func inspectObject(ctx context.Context, b objstore.Bucket, o lake.Object, readData bool) (*Problem, error) {
	rebuildable := strings.HasPrefix(o.Key, "tables/")
	hint := "restore this object from a backup"
	if rebuildable {
		hint = "delete this object and run omoflow rebuild, which makes it anew"
	}
	problem := func(format string, args ...any) *Problem {
		return &Problem{Key: o.Key, Rebuildable: rebuildable, Err: fault.New(fault.Damaged, "object_damaged", o.Key, hint, format, args...)}
	}
	info, err := b.Head(ctx, o.Key)
	switch {
	case errors.Is(err, objstore.ErrNotFound):
		return problem("the object is missing"), nil
	case err != nil:
		return nil, err
	case info.Size != o.Bytes:
		return problem("the object has %d bytes, its entry says %d", info.Size, o.Bytes), nil
	case !readData:
		return nil, nil
	}
	r, err := b.Get(ctx, o.Key, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return nil, fmt.Errorf("read %s: %w", o.Key, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != o.SHA256 {
		return problem("the object's sha256 is %s, its entry says %s", got, o.SHA256), nil
	}
	return nil, nil
}

// Discard removes the rebuildable objects among the problems, so that they can be written again, and tells how many.
func Discard(ctx context.Context, lk *lake.Lake, problems []Problem) (removed int, err error) {
	for _, p := range problems {
		if !p.Rebuildable {
			continue
		}
		if err := lk.Bucket.Delete(ctx, p.Key); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}
