package journal

import (
	"context"
	"errors"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// How long an append tries to learn what became of it: ten tries, 100 ms apart and growing, about 11 s in all.
const (
	putTries     = 10
	firstPause   = 100 * time.Millisecond
	resolveAfter = 5 * time.Second // for reading a slot back when the caller's context is over
)

// put stores raw in its slot and does not return before it is known whether it is there, if that can be known.
func (l *Log) put(ctx context.Context, seq int64, raw []byte) error {
	key := EntryKey(l.name, seq)
	pause := firstPause
	var last error
	uncertain := false // an earlier try may have been applied, whatever becomes of the later ones
	for try := range putTries {
		if try > 0 {
			if objstore.Pause(ctx, pause) != nil {
				break
			}
			pause += pause / 2
		}
		_, err := l.bucket.PutIfAbsent(ctx, key, objstore.Bytes(raw), objstore.PutOptions{SHA256: hashOf(raw)})
		if err == nil {
			return nil
		}
		if definite(err) && !uncertain {
			return err
		}
		last, uncertain = err, true
		switch mine, err := l.owner(ctx, seq, raw); {
		case err == nil && mine:
			return nil
		case err == nil:
			return fault.Wrap(objstore.ErrExists, fault.Conflict, "slot_taken", key, "run again; it continues after the other writer", "another writer appended this entry")
		case errors.Is(err, objstore.ErrNotFound) && ctx.Err() != nil && !errors.Is(last, objstore.ErrUnknownOutcome):
			return ctx.Err()
		case !errors.Is(err, objstore.ErrNotFound):
			last = err
		}
	}
	return fault.Wrap(errors.Join(objstore.ErrUnknownOutcome, last), fault.Unknown, "append_unknown", key, "run again when the store answers; the next start finds out", "it is not known whether the entry was stored")
}

// definite tells that a failed put certainly stored nothing and that trying again is of no use.
func definite(err error) bool {
	if errors.Is(err, objstore.ErrUnknownOutcome) {
		return false
	}
	switch fault.KindOf(err) {
	case fault.Usage, fault.Denied, fault.Exhausted, fault.Damaged:
		return true
	}
	return errors.Is(err, objstore.ErrChecksum)
}

// owner reads the slot and tells whether it holds exactly our bytes, whose writer is unique to this append. Bytes that are no
// entry say nothing about who won.
func (l *Log) owner(ctx context.Context, seq int64, raw []byte) (bool, error) {
	if ctx.Err() != nil {
		// The caller gave up, but must learn what it did.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), resolveAfter)
		defer cancel()
	}
	stored, err := l.fetch(ctx, seq)
	return err == nil && stored.Hash == hashOf(raw), err
}
