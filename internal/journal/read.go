package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// A checkpoint holds a fixed run of entries, each line the stored bytes of one: checkpoint n*foldSize repeats
// entries (n-1)*foldSize+1 to n*foldSize. Any two writers therefore make the same bytes.
const (
	foldSize         = 500
	checkpointPrefix = "checkpoint-"
	checkpointSuffix = ".jsonl"
)

// FoldSize is the number of entries that one checkpoint repeats: whoever fills a run of them calls Checkpoint.
const FoldSize = foldSize

// readers is how many entries are fetched at a time, readAhead how many are held before fn gets them.
const (
	readers   = 16
	readAhead = 256
)

func (l *Log) checkpointKey(to int64) string {
	return fmt.Sprintf("%s%s/%s%012d%s", root, l.name, checkpointPrefix, to, checkpointSuffix)
}

// checkpoints lists the last sequence numbers of the log's checkpoints, in order.
func (l *Log) checkpoints(ctx context.Context) ([]int64, error) {
	var ends []int64
	prefix := root + l.name + "/" + checkpointPrefix
	err := l.bucket.List(ctx, prefix, "", func(info objstore.Info) error {
		seq, ok := parseSeq(strings.TrimSuffix(strings.TrimPrefix(info.Key, prefix), checkpointSuffix))
		if ok && seq%foldSize == 0 {
			ends = append(ends, seq)
		}
		return nil
	})
	return ends, err
}

// Read calls fn with every entry from the given sequence number on, in order, up to the tail at the time of
// the call. A gap, a broken chain or an unreadable entry is fault.Damaged and names the object. fn's error stops
// it and is returned as it is.
func (l *Log) Read(ctx context.Context, from int64, fn func(Entry) error) error {
	from = max(from, 1)
	tail, ok, err := l.Tail(ctx)
	if err != nil || !ok || from > tail.Seq {
		return err
	}
	folded, err := l.foldedTo(ctx, from)
	if err != nil {
		return err
	}
	c := chain{log: l, next: from, fn: fn}
	if from > 1 && !folded[foldEnd(from)] {
		if c.prev, err = l.fetchOrDamaged(ctx, from-1); err != nil {
			return err
		}
	}
	for c.next <= tail.Seq {
		end := min(foldEnd(c.next), tail.Seq)
		if folded[foldEnd(c.next)] {
			if err := l.readFolded(ctx, &c, end); err == nil {
				continue
			} else if fault.KindOf(err) != fault.Damaged || c.failed {
				return err
			}
			// The checkpoint is damaged; what it repeats is still there.
			if c.next > 1 && c.prev.Seq != c.next-1 {
				if c.prev, err = l.fetchOrDamaged(ctx, c.next-1); err != nil {
					return err
				}
			}
		}
		for c.next <= end {
			if err := l.readRun(ctx, &c, min(c.next+readAhead-1, end)); err != nil {
				return err
			}
		}
	}
	if c.prev.Hash != tail.Hash && c.prev.Seq == tail.Seq {
		return damaged(EntryKey(l.name, tail.Seq), "the entry changed while it was read")
	}
	return nil
}

// foldEnd is the end of the checkpoint that repeats seq.
func foldEnd(seq int64) int64 { return (seq + foldSize - 1) / foldSize * foldSize }

func (l *Log) foldedTo(ctx context.Context, from int64) (map[int64]bool, error) {
	ends, err := l.checkpoints(ctx)
	folded := make(map[int64]bool, len(ends))
	for _, end := range ends {
		if end >= from {
			folded[end] = true
		}
	}
	return folded, err
}

// chain follows the entries and hands them on.
type chain struct {
	log    *Log
	prev   Entry
	next   int64
	fn     func(Entry) error
	failed bool // fn returned an error
}

func (c *chain) accept(e Entry, key string) error {
	if err := link(c.prev, e, key); err != nil {
		return err
	}
	if err := c.fn(e); err != nil {
		c.failed = true
		return err
	}
	c.prev, c.next = e, e.Seq+1
	return nil
}

// readFolded reads a checkpoint, up to its end or the tail. All lines are decoded before any is handed on.
func (l *Log) readFolded(ctx context.Context, c *chain, end int64) error {
	to := foldEnd(c.next)
	entries, err := l.decodeFolded(ctx, to)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Seq == c.next-1 && c.prev.Seq == 0 {
			c.prev = e
		}
		if e.Seq < c.next || e.Seq > end {
			continue
		}
		if e.Seq%foldSize == 1 && e.Seq > 1 && c.prev.Seq == 0 {
			if c.prev, err = l.fetchOrDamaged(ctx, e.Seq-1); err != nil {
				return err
			}
		}
		if err := c.accept(e, l.checkpointKey(to)); err != nil {
			return err
		}
	}
	return nil
}

// decodeFolded reads the entries of one checkpoint and checks that they are complete and chained.
func (l *Log) decodeFolded(ctx context.Context, to int64) ([]Entry, error) {
	key := l.checkpointKey(to)
	raw, err := objstore.ReadAll(ctx, l.bucket, key, 0)
	if errors.Is(err, objstore.ErrNotFound) {
		return nil, damaged(key, "the checkpoint is missing")
	}
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, foldSize)
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, maxEntryBytes+1)
	for seq := to - foldSize + 1; lines.Scan(); seq++ {
		e, err := decodeAt(bytes.Clone(lines.Bytes()), key, l.name, seq)
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 {
			if err := link(entries[len(entries)-1], e, key); err != nil {
				return nil, err
			}
		}
		entries = append(entries, e)
	}
	if err := lines.Err(); err != nil || len(entries) != foldSize {
		return nil, damaged(key, "the checkpoint holds %d entries instead of %d", len(entries), foldSize)
	}
	return entries, nil
}

// readRun fetches the entries up to end at once and hands them on in order.
func (l *Log) readRun(ctx context.Context, c *chain, end int64) error {
	entries := make([]Entry, end-c.next+1)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i := range entries {
		seq := c.next + int64(i)
		group.Go(func() (err error) {
			entries[i], err = l.fetchOrDamaged(groupCtx, seq)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, e := range entries {
		if err := c.accept(e, EntryKey(l.name, e.Seq)); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) fetchOrDamaged(ctx context.Context, seq int64) (Entry, error) {
	e, err := l.fetch(ctx, seq)
	if errors.Is(err, objstore.ErrNotFound) {
		return Entry{}, damaged(EntryKey(l.name, seq), "the entry is missing")
	}
	return e, err
}

// Checkpoint folds every complete run of 500 entries that is not folded yet, after checking it. It may be
// called at any time by any writer, and interrupted.
func (l *Log) Checkpoint(ctx context.Context) error {
	tail, ok, err := l.Tail(ctx)
	if err != nil || !ok {
		return err
	}
	folded, err := l.foldedTo(ctx, 1)
	if err != nil {
		return err
	}
	for to := int64(foldSize); to <= tail.Seq; to += foldSize {
		if folded[to] {
			continue
		}
		if err := l.fold(ctx, to); err != nil {
			return err
		}
	}
	return nil
}

// folded makes the bytes of one checkpoint from the stored bytes of its entries.
func (l *Log) folded(ctx context.Context, to int64) ([]byte, error) {
	raws := make([][]byte, foldSize)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i := range raws {
		seq := to - foldSize + 1 + int64(i)
		group.Go(func() (err error) {
			raws[i], err = objstore.ReadAll(groupCtx, l.bucket, EntryKey(l.name, seq), maxEntryBytes)
			if errors.Is(err, objstore.ErrNotFound) {
				return damaged(EntryKey(l.name, seq), "the entry is missing")
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var prev Entry
	for i, raw := range raws {
		seq := to - foldSize + 1 + int64(i)
		e, err := decodeAt(raw, EntryKey(l.name, seq), l.name, seq)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			if err := link(prev, e, EntryKey(l.name, seq)); err != nil {
				return nil, err
			}
		}
		prev = e
	}
	return append(bytes.Join(raws, []byte("\n")), '\n'), nil
}

// fold writes one checkpoint.
func (l *Log) fold(ctx context.Context, to int64) error {
	data, err := l.folded(ctx, to)
	if err != nil {
		return err
	}
	failpoint.Hit("checkpoint.before_put")
	_, err = l.bucket.PutIfAbsent(ctx, l.checkpointKey(to), objstore.Bytes(data), objstore.PutOptions{SHA256: hashOf(data)})
	if errors.Is(err, objstore.ErrExists) {
		return nil
	}
	return err
}
