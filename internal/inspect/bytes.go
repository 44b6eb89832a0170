package inspect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
)

// readers is how many objects are looked at at a time.
const readers = 8

// objects looks at every named object, manifests excepted, which were read already.
func (in *inspection) objects(ctx context.Context) error {
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(in.named)) {
		n := in.named[key]
		in.Named = append(in.Named, n)
		if n.Class != Manifest && in.mine(key) {
			keys = append(keys, key)
		}
	}
	var lock sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for _, key := range keys {
		group.Go(func() error {
			n := in.named[key]
			found, err := Object(groupCtx, in.bucket, n, in.opt.Data)
			if err != nil {
				return err
			}
			lock.Lock()
			defer lock.Unlock()
			in.Read, in.ReadBytes = in.Read+1, in.ReadBytes+n.Bytes
			if found != nil {
				in.Findings = append(in.Findings, *found)
			}
			if in.opt.Progress != nil {
				in.opt.Progress(in.Read, len(keys))
			}
			return nil
		})
	}
	return group.Wait()
}

// Object gives what is wrong with one object that counts, nil when nothing is. Without data only its presence and size are
// looked at. The error is only for what kept it from looking.
func Object(ctx context.Context, b objstore.Bucket, n Named, data bool) (*Finding, error) {
	what, missing, err := examine(ctx, b, n, data)
	if err != nil || what == "" {
		return nil, err
	}
	found := finding(n, missing, hint(n), "%s", what)
	return &found, nil
}

// hint tells what a lost or damaged object is mended with.
func hint(n Named) string {
	switch n.Class {
	case Raw:
		return fmt.Sprintf("deliver the file %q again with the same bytes, or restore this object from a backup; then run `omoflow repair`", n.File)
	case Rules:
		return "restore this object from a backup; without it `omoflow repair` uses the feed's present rules where they are the same"
	}
	return "run `omoflow repair`; it makes the object again"
}

// examine gives what is wrong with an object, "" when nothing is.
func examine(ctx context.Context, b objstore.Bucket, n Named, data bool) (what string, missing bool, err error) {
	info, err := b.Head(ctx, n.Key)
	switch {
	case errors.Is(err, objstore.ErrNotFound):
		return "the object is missing", true, nil
	case err != nil:
		return "", false, err
	case info.Size != n.Bytes && n.Bytes >= 0:
		return fmt.Sprintf("the object has %d bytes, %s says %d", info.Size, n.By, n.Bytes), false, nil
	case n.Class == Table && !strings.HasSuffix(n.Key, "/"+n.SHA256+".parquet"):
		return fmt.Sprintf("%s names sha256 %s under this key", n.By, n.SHA256), false, nil
	case !data:
		return "", false, nil
	}
	r, err := b.Get(ctx, n.Key, 0, -1)
	if errors.Is(err, objstore.ErrNotFound) {
		return "the object is missing", true, nil
	}
	if err != nil {
		return "", false, err
	}
	defer r.Close() //nolint:errcheck // only read
	hash, end := sha256.New(), &tail{}
	if _, err := io.Copy(io.MultiWriter(hash, end), r); err != nil {
		return "", false, fmt.Errorf("read %s: %w", n.Key, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != n.SHA256 {
		return fmt.Sprintf("the object's sha256 is %s, %s says %s", got, n.By, n.SHA256), false, nil
	}
	if strings.HasSuffix(n.Key, ".parquet") {
		return parquet(n.Object, end.kept), false, nil
	}
	return "", false, nil
}

// parquet compares the row count of a file's footer with the one that is recorded.
func parquet(o lake.Object, end []byte) string {
	rows, known, err := footerRows(end)
	switch {
	case err != nil:
		return fmt.Sprintf("the object has the bytes that were stored, but is not a Parquet file: %v", err)
	case known && rows != o.Rows:
		return fmt.Sprintf("the object has the bytes that were stored, but %d rows instead of %d", rows, o.Rows)
	}
	return ""
}

// tailBytes is how much of the end of a file is kept to read its footer.
const tailBytes = 1 << 20

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*tailBytes {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-tailBytes:]...)
	}
	return len(p), nil
}
