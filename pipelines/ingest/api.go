package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/pipelines/source"
)

// Range is a part of the past, UTC; To is exclusive.
type Range struct{ From, To time.Time }

// pageBytes bounds the pages of one batch: they are held as scratch files, their records in the engine.
const pageBytes = 16 << 20

// ahead is how many pages are fetched, and wait in scratch files, while a batch is being staged.
const ahead = 192

// runAPI takes in what an API has new. Pages are fetched while earlier ones are staged; a batch ends where the API can be
// read on from, and holds the cursor before and after.
func (f *feed) runAPI(ctx context.Context, result *Result) (err error) {
	if err := f.load(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.dropIndexes(context.WithoutCancel(ctx))) }()
	failpoint.Hit("feed.loaded")
	if f.opt.Backfill != nil {
		return f.backfill(ctx, *f.opt.Backfill, result)
	}
	if f.state.cursor == nil && f.state.batches > 0 {
		return fault.New(fault.Usage, "cursor_missing", f.Source+"."+f.Name, "give the API source a name that no files were delivered under", "the log holds batches but no cursor: reading from the beginning would repeat them")
	}
	next, err := f.drain(ctx, f.state.cursor, nil, result, func(ctx context.Context, emit func(source.Delivery) error) (json.RawMessage, error) {
		return f.API.Source.Pull(ctx, f.state.cursor, emit)
	})
	if err != nil || f.API.Reconcile == nil {
		return err
	}
	failpoint.Hit("fetch.compare")
	_, err = f.drain(ctx, next, nil, result, func(ctx context.Context, emit func(source.Delivery) error) (json.RawMessage, error) {
		return f.API.Reconcile.Reconcile(ctx, next, f.known, emit)
	})
	return err
}

// page is a fetched delivery, or the end of the pull.
type page struct {
	source.Delivery
	next json.RawMessage
	err  error
	end  bool
}

// drain pulls in one goroutine and makes batches in another. cursor is where the first batch starts.
func (f *feed) drain(ctx context.Context, cursor json.RawMessage, past *lake.Backfill, result *Result, pull func(context.Context, func(source.Delivery) error) (json.RawMessage, error)) (json.RawMessage, error) {
	dir, clean, err := f.scratch()
	if err != nil {
		return nil, err
	}
	defer clean()
	inner, cancel := context.WithCancel(ctx)
	fetched, pages := make(chan page, 1), make(chan page, ahead)
	var working sync.WaitGroup
	working.Go(func() {
		defer close(fetched)
		next, err := pull(inner, func(d source.Delivery) error {
			failpoint.Hit("fetch.page.before")
			return give(inner, fetched, page{Delivery: d})
		})
		_ = give(inner, fetched, page{next: next, err: err, end: true}) // refused only when nobody listens any more
	})
	working.Go(func() {
		defer close(pages)
		keepPages(inner, cancel, dir, fetched, pages)
	})
	next, err := f.batches(ctx, cursor, past, pages, result)
	cancel()
	working.Wait()
	return next, err
}

// keepPages writes fetched pages to scratch files, while the next one is asked for. When it cannot, the pull ends.
func keepPages(ctx context.Context, cancel func(), dir string, fetched <-chan page, pages chan<- page) {
	n := 0
	for p := range fetched {
		if !p.end {
			path, err := keepPage(ctx, p.Delivery, filepath.Join(dir, strconv.Itoa(n)))
			p.Fetch = func(context.Context, string) (string, error) { return path, nil }
			if err != nil {
				p = page{err: err, end: true}
			}
			n++
			failpoint.Hit("fetch.page.after")
		}
		if give(ctx, pages, p) != nil || p.end {
			cancel()
			return
		}
	}
}

func keepPage(ctx context.Context, d source.Delivery, own string) (string, error) {
	if err := os.Mkdir(own, 0o700); err != nil {
		return "", tempFault(err, own)
	}
	return d.Fetch(ctx, own)
}

func give(ctx context.Context, to chan<- page, p page) error {
	select {
	case to <- p:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// batches makes batches of pages until the pull ends. What was fetched before a pull failed is committed up to the last
// place that it can be read on from.
func (f *feed) batches(ctx context.Context, cursor json.RawMessage, past *lake.Backfill, pages <-chan page, result *Result) (json.RawMessage, error) {
	var group []source.Delivery
	var size int64
	safe := 0 // deliveries of the group that a cursor covers
	done := 0
	limit := min(f.opt.BatchBytes, pageBytes)
	commit := func(n int, after json.RawMessage, last bool) error {
		why := intent{before: cursor, after: after}
		if past != nil {
			moved := *past
			moved.Cursor, moved.Done = after, last
			why = intent{before: f.state.cursor, after: f.state.cursor, backfill: &moved}
		}
		if err := f.retake(ctx, group[:n], why, result); err != nil {
			return err
		}
		for _, d := range group[:n] {
			if path, err := d.Fetch(ctx, ""); err == nil {
				_ = os.RemoveAll(filepath.Dir(path)) // scratch
			}
		}
		failpoint.Hit("fetch.committed")
		done += n
		f.opt.Progress("%s.%s: %d pages", f.Source, f.Name, done)
		group, size, safe, cursor = append([]source.Delivery(nil), group[n:]...), 0, 0, after
		return nil
	}
	for p := range pages {
		if p.end {
			if p.err != nil {
				var keep error
				if safe > 0 && ctx.Err() == nil {
					keep = commit(safe, group[safe-1].Cursor, false)
				}
				return nil, errors.Join(p.err, keep)
			}
			if past == nil && len(group) == 0 && bytes.Equal(cursor, p.next) {
				return p.next, nil
			}
			return p.next, commit(len(group), p.next, true)
		}
		group, size = append(group, p.Delivery), size+p.Size
		if p.Cursor == nil {
			continue
		}
		if safe = len(group); size >= limit || safe >= f.opt.BatchFiles {
			if err := commit(safe, p.Cursor, false); err != nil {
				return nil, err
			}
		}
	}
	return nil, fault.Wrap(context.Cause(ctx), fault.Interrupted, "interrupted", f.Source+"."+f.Name, "run again; nothing is lost or taken twice", "the pull was stopped")
}

// idle tells whether a batch would say nothing: no new record, nothing refused, the cursor where it was.
func (b *batch) idle() bool {
	if !bytes.Equal(b.body.CursorBefore, b.body.CursorAfter) || b.body.Backfill != nil {
		return false
	}
	for _, t := range b.files {
		_, seen := b.state.live[t.SHA256]
		if t.Refused || t.Counts.Accepted > 0 || t.Counts.Quarantined > 0 && !seen {
			return false
		}
	}
	return true
}

// backfill reads a range of the past window by window. The forward cursor stays where it is; an interrupted range goes on
// in the window, and at the page, where it stopped.
func (f *feed) backfill(ctx context.Context, r Range, result *Result) error {
	if f.API.Backfill == nil {
		f.opt.Progress("%s.%s: has no past to read by date", f.Source, f.Name)
		return nil
	}
	windows, err := f.API.Backfill.Plan(ctx, r.From, r.To)
	if err != nil {
		return err
	}
	if f.state.cursor == nil {
		// Without a forward cursor the log would look like one that was never read.
		if err := f.take(ctx, nil, intent{after: json.RawMessage(`{}`)}, result); err != nil {
			return err
		}
	}
	began := f.opt.Now()
	for i, w := range windows {
		past := lake.Backfill{From: w.From, To: w.To}
		before, ok := f.state.windows[windowKey(past)]
		if ok && before.Done {
			continue
		}
		if _, err := f.drain(ctx, before.Cursor, &past, result, func(ctx context.Context, emit func(source.Delivery) error) (json.RawMessage, error) {
			return nil, f.API.Backfill.PullWindow(ctx, w, before.Cursor, emit)
		}); err != nil {
			return fmt.Errorf("window %s to %s: %w", w.From.Format(time.DateOnly), w.To.Format(time.DateOnly), err)
		}
		failpoint.Hit("fetch.window_closed")
		eta := time.Duration(float64(f.opt.Now().Sub(began)) / float64(i+1) * float64(len(windows)-i-1))
		f.opt.Progress("%s.%s: %s to %s done, %d of %d windows, %s left", f.Source, f.Name, w.From.Format(time.DateOnly), w.To.Format(time.DateOnly), i+1, len(windows), eta.Round(time.Second))
	}
	return nil
}
