package transforms

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// write makes the file of a partition, compares it with the one before and gives it to the lake.
func (b *build) write(ctx context.Context, w *warehouse.Conn, t *task, query string, columns []release.Column) (release.Partition, error) {
	ids := map[string]int{}
	for _, c := range columns {
		ids[c.Name] = fieldID(c.Name)
	}
	path := filepath.Join(b.dir, lake.Encode(t.m.Name)+"-"+lake.Encode(t.part)+".parquet")
	failpoint.Hit("transform", t.m.Name, "start")
	made, err := w.CopyParquet(ctx, query, path, warehouse.CopyOptions{FieldIDs: ids})
	if err != nil {
		return release.Partition{}, t.m.located(err)
	}
	failpoint.Hit("transform", t.m.Name, "copy_done")
	b.trace(Statement{Table: t.m.Name, Partition: t.part, Before: t.shown, Query: query, Path: path})
	part := release.Partition{Name: t.part, Fingerprint: t.fingerprint}
	if made.Rows == 0 {
		return part, os.Remove(path)
	}
	if err := b.audit(ctx, w, t, path, made.SHA256, query); err != nil {
		return release.Partition{}, err
	}
	failpoint.Hit("transform", t.m.Name, "verified")
	object := lake.Object{Key: lake.TableKey(t.m.Name, t.part, made.SHA256), SHA256: made.SHA256, Bytes: made.Bytes, Rows: made.Rows}
	part.Files = []lake.Object{object}
	b.local.Store(made.SHA256, path)
	if t.old != nil && len(t.old.Files) == 1 && t.old.Files[0] == object {
		b.same(t.m)
		return part, nil
	}
	if b.upload {
		err := b.put(ctx, object, path)
		failpoint.Hit("transform", t.m.Name, "uploaded")
		return part, err
	}
	return part, nil
}

func (m *Model) stray(what string) error {
	return fault.New(fault.Usage, "stray_rows", m.where(), "every row needs a "+m.Part.Column+" inside the partition it was computed for; look at the inputs' kinds", "column %s of the partition: %s", m.Part.Column, what)
}

// located names the model's file in an engine error.
func (m *Model) located(err error) error {
	if fault.KindOf(err) != fault.Usage {
		return fmt.Errorf("%s: %w", m.where(), err)
	}
	return fault.Wrap(err, fault.Usage, "model_sql", m.where(), "correct the SQL; omoflow check shows all faults at once", "the model cannot be computed")
}

// put stores a finished file under its content key.
func (b *build) put(ctx context.Context, o lake.Object, path string) error {
	opt := objstore.PutOptions{SHA256: o.SHA256}
	if adopter, ok := b.Lake.Bucket.(objstore.Adopter); ok {
		_, err := adopter.AdoptIfAbsent(ctx, o.Key, path, opt)
		if errors.Is(err, objstore.ErrExists) {
			return nil
		}
		return err
	}
	_, err := objstore.PutOrSame(ctx, b.Lake.Bucket, o.Key, objstore.File(path), opt)
	return err
}

func (b *build) trace(s Statement) {
	if b.Trace != nil {
		b.Trace(s)
	}
}

func (b *build) count(m *Model, built, reused int) {
	p := b.stats[m.Name]
	p.Built, p.Reused = p.Built+built, p.Reused+reused
	b.stats[m.Name] = p
}

// same notes that a partition, counted as built, came out with the bytes it had.
func (b *build) same(m *Model) {
	b.digestLock.Lock()
	defer b.digestLock.Unlock()
	p := b.stats[m.Name]
	p.Same++
	p.Built--
	b.stats[m.Name] = p
}
