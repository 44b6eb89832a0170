package journal

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// Check reads every object of the log, entries that checkpoints repeat included, and gives all damage found.
// The error is only for what kept it from reading.
func (l *Log) Check(ctx context.Context) (problems []error, err error) {
	var seqs []int64
	err = l.list(ctx, 0, func(seq int64) error {
		last := int64(0)
		if len(seqs) > 0 {
			last = seqs[len(seqs)-1]
		}
		// What the listing left out is asked for by name, up to a bound that a stray number cannot exceed.
		for gap := last + 1; gap < seq && gap <= last+readAhead; gap++ {
			seqs = append(seqs, gap)
		}
		seqs = append(seqs, seq)
		return nil
	})
	if fault.KindOf(err) == fault.Damaged {
		problems, err = append(problems, err), nil
	}
	if err != nil {
		return problems, err
	}
	var prev Entry
	for len(seqs) > 0 {
		run := seqs[:min(len(seqs), readAhead)]
		seqs = seqs[len(run):]
		entries, errs, err := l.fetchAll(ctx, run)
		if err != nil {
			return problems, err
		}
		for i, e := range entries {
			if found := follows(l.name, prev, e, run[i], errs[i]); found != nil {
				problems = append(problems, found...)
			}
			prev = e
			prev.Seq = run[i]
		}
	}
	folded, err := l.checkpoints(ctx)
	if err != nil {
		return problems, err
	}
	for _, to := range folded {
		if _, err := l.decodeFolded(ctx, to); fault.KindOf(err) == fault.Damaged {
			problems = append(problems, err)
		} else if err != nil {
			return problems, err
		}
	}
	return problems, nil
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
