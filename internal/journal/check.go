package journal

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// Check reads every object of the log, entries that checkpoints repeat included, and gives all damage found.
// The error is only for what kept it from reading.
func (l *Log) Check(ctx context.Context) (problems []error, err error) { return l.Examine(ctx, nil) }

// Examine is Check that also hands every readable entry to fn, in order, whatever is wrong with the others. A nil fn
// is fine.
func (l *Log) Examine(ctx context.Context, fn func(Entry)) (problems []error, err error) {
	seqs, folded, problems, err := l.survey(ctx)
	if err != nil {
		return problems, err
	}
	hashes := make(map[int64]string, len(seqs))
	var prev Entry
	for len(seqs) > 0 {
		run := seqs[:min(len(seqs), readAhead)]
		seqs = seqs[len(run):]
		entries, errs, err := l.fetchAll(ctx, run)
		if err != nil {
			return problems, err
		}
		for i, e := range entries {
			problems = append(problems, follows(l.name, prev, e, run[i], errs[i])...)
			if fn != nil && errs[i] == nil {
				fn(e)
			}
			hashes[run[i]] = e.Hash
			prev = e
			prev.Seq = run[i]
		}
	}
	for _, to := range folded {
		found, err := l.examineFolded(ctx, to, hashes)
		if err != nil {
			return problems, err
		}
		problems = append(problems, found...)
	}
	return problems, nil
}

// survey lists the log's folder: entries, with the numbers that are missing between them, and checkpoints.
func (l *Log) survey(ctx context.Context) (seqs, folded []int64, problems []error, err error) {
	folder := root + l.name + "/"
	last := int64(0)
	err = l.bucket.List(ctx, folder, "", func(info objstore.Info) error {
		name := strings.TrimPrefix(info.Key, folder)
		if end, ok := strings.CutPrefix(name, checkpointPrefix); ok {
			if seq, ok := parseSeq(strings.TrimSuffix(end, checkpointSuffix)); ok && seq%foldSize == 0 && strings.HasSuffix(end, checkpointSuffix) {
				folded = append(folded, seq)
				return nil
			}
		}
		seq, ok := parseSeq(strings.TrimSuffix(name, ".json"))
		if !ok || !strings.HasSuffix(name, ".json") {
			problems = append(problems, damaged(info.Key, "no entry has such a name"))
			return nil
		}
		// What the listing left out is asked for by name, up to a bound that a stray number cannot exceed.
		for gap := last + 1; gap < seq && gap <= last+readAhead; gap++ {
			seqs = append(seqs, gap)
		}
		if seq > last {
			seqs, last = append(seqs, seq), seq
		}
		return nil
	})
	return seqs, folded, problems, err
}

// examineFolded compares a checkpoint with the entries that it repeats, byte for byte.
func (l *Log) examineFolded(ctx context.Context, to int64, hashes map[int64]string) ([]error, error) {
	key := l.checkpointKey(to)
	raw, err := objstore.ReadAll(ctx, l.bucket, key, 0)
	if errors.Is(err, objstore.ErrNotFound) {
		return nil, nil // gone since it was listed
	}
	if err != nil {
		return nil, err
	}
	lines := bytes.Split(raw, []byte("\n"))
	if len(lines) != foldSize+1 || len(lines[foldSize]) > 0 {
		return []error{damaged(key, "the checkpoint holds %d lines instead of %d", len(lines)-1, foldSize)}, nil
	}
	for i, line := range lines[:foldSize] {
		seq := to - foldSize + 1 + int64(i)
		want, there := hashes[seq]
		if _, err := decodeAt(line, key, l.name, seq); fault.KindOf(err) == fault.Damaged || there && want != "" && want != hashOf(line) {
			return []error{damaged(key, "line %d is not entry %d", i+1, seq)}, nil
		}
		if !there {
			return []error{damaged(EntryKey(l.name, seq), "the entry is missing; a checkpoint repeats it")}, nil
		}
	}
	return nil, nil
}

// follows gives what is wrong with the entry of a sequence number, which err kept from being read.
func follows(log string, prev, e Entry, seq int64, err error) (problems []error) {
	switch {
	case err != nil:
		problems = append(problems, err)
	case seq == 1 || (prev.Seq == seq-1 && prev.Hash != ""):
		if err := link(prev, e, EntryKey(log, seq)); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

// fetchAll reads entries at once. Damage is given per entry; err is what kept it from reading.
func (l *Log) fetchAll(ctx context.Context, seqs []int64) (entries []Entry, damage []error, err error) {
	entries, damage = make([]Entry, len(seqs)), make([]error, len(seqs))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, seq := range seqs {
		group.Go(func() error {
			e, err := l.fetch(groupCtx, seq)
			switch {
			case errors.Is(err, objstore.ErrNotFound):
				damage[i] = damaged(EntryKey(l.name, seq), "the entry is missing")
			case fault.KindOf(err) == fault.Damaged || fault.KindOf(err) == fault.Usage:
				damage[i] = err
			case err != nil:
				return err
			default:
				entries[i] = e
			}
			return nil
		})
	}
	return entries, damage, group.Wait()
}
