package journal

import (
	"bytes"
	"context"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// Restore makes the log's lost and damaged objects again from those that repeat them, and hands each to put: entries from
// whole checkpoints, checkpoints from whole entries, and the head from the log's end. A head that names an entry after the
// end, or another entry, is left: it is the evidence that the log was rolled back. What can not be made is left out.
func (l *Log) Restore(ctx context.Context, put func(key string, content []byte) error) error {
	seqs, folded, _, err := l.survey(ctx)
	if err != nil {
		return err
	}
	for _, to := range folded {
		if err := l.restoreFold(ctx, to, put); err != nil {
			return err
		}
	}
	if len(seqs) == 0 {
		return nil
	}
	last := seqs[len(seqs)-1]
	tail, err := l.fetch(ctx, last)
	if err != nil {
		return ignoreDamage(err)
	}
	raw, err := objstore.ReadAll(ctx, l.bucket, HeadKey(l.name), maxEntryBytes)
	if err == nil {
		if h, err := decodeHead(raw, HeadKey(l.name)); err == nil && h.Seq >= last {
			return nil
		}
	}
	return put(HeadKey(l.name), Head{Format: 1, Log: l.name, Seq: tail.Seq, Hash: tail.Hash}.encode())
}

// restoreFold makes a checkpoint from its entries, or entries from their checkpoint.
func (l *Log) restoreFold(ctx context.Context, to int64, put func(key string, content []byte) error) error {
	key := l.checkpointKey(to)
	if _, err := l.decodeFolded(ctx, to); fault.KindOf(err) == fault.Damaged {
		data, err := l.folded(ctx, to)
		if err != nil {
			return ignoreDamage(err)
		}
		return put(key, data)
	} else if err != nil {
		return err
	}
	raw, err := objstore.ReadAll(ctx, l.bucket, key, 0)
	if err != nil {
		return err
	}
	for i, line := range bytes.Split(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n")) {
		seq := to - foldSize + 1 + int64(i)
		// An entry that is whole but another one than the checkpoint's is left: a person must look which history counts.
		if _, err := l.fetchOrDamaged(ctx, seq); err == nil {
			continue
		} else if fault.KindOf(err) != fault.Damaged {
			return err
		}
		if err := put(EntryKey(l.name, seq), line); err != nil {
			return err
		}
	}
	return l.endOfFold(ctx, to, raw, put)
}

// endOfFold makes a checkpoint anew that has all entries but not exactly its bytes.
func (l *Log) endOfFold(ctx context.Context, to int64, raw []byte, put func(key string, content []byte) error) error {
	data, err := l.folded(ctx, to)
	if err != nil || bytes.Equal(data, raw) {
		return ignoreDamage(err)
	}
	return put(l.checkpointKey(to), data)
}

// ignoreDamage leaves only errors of other kinds: damage is what a check names and this could not mend.
func ignoreDamage(err error) error {
	if fault.KindOf(err) == fault.Damaged {
		return nil
	}
	return err
}
