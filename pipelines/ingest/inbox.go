package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/pipelines/source"
)

// Inbox takes deliveries that an API sends unasked into the log of one of its feeds, beside the pulls of this and other
// processes. It keeps what the log says, so that a small batch costs little however long the log is.
type Inbox struct {
	mutex sync.Mutex
	feed  *feed
	ready bool
	hints hintLog
	turn  sync.Mutex // one answer at a time
}

// NewInbox prepares the inbox of a feed of an API.
func NewInbox(opt Options, f Feed) (*Inbox, error) {
	opt.fill()
	one, err := prepare(opt, f)
	if err == nil && f.API == nil {
		err = fault.New(fault.Usage, "no_api", f.Source+"."+f.Name, "deliver its files to its folder", "only the feeds of an API are delivered to")
	}
	if err != nil {
		return nil, err
	}
	return &Inbox{feed: one, hints: hintLog{log: opt.Lake.HintLog(f.Source, f.Name)}}, nil
}

// Take commits deliveries as one batch. The cursor of the pulls stays where it is. A delivery whose name the log knows is a
// repetition and left out; records that add nothing to what is known are duplicates, so taking anything twice, late or out
// of order changes nothing. Hints are kept in a log of their own until Answer has read what they name. When Take returns
// without an error everything is durable.
func (i *Inbox) Take(ctx context.Context, deliveries []source.Delivery) (Result, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	var result Result
	failpoint.Hit("webhook.take.before")
	err := reevaluate(ctx, &result, func(ctx context.Context, result *Result) error {
		*result = Result{}
		if err := i.hints.keep(ctx, deliveries, i.feed.opt.Now()); err != nil || !slices.ContainsFunc(deliveries, brought) {
			return err
		}
		if err := i.follow(ctx); err != nil {
			return err
		}
		var fresh []source.Delivery
		for _, d := range deliveries {
			if !brought(d) {
				continue
			}
			if _, known := i.feed.state.names[d.Name]; known {
				result.Same++
				continue
			}
			fresh = append(fresh, d)
		}
		if len(fresh) == 0 {
			return nil
		}
		why := intent{before: i.feed.state.cursor, after: i.feed.state.cursor}
		if why.after == nil {
			why.after = json.RawMessage(`{}`) // a log without a cursor would look like one of files
		}
		if err := i.feed.take(ctx, fresh, why, result); err != nil {
			return err
		}
		if i.feed.seq%journal.FoldSize == 0 {
			_ = i.feed.log.Checkpoint(ctx) // it only makes reading cheaper, and the next one folds what this one did not
		}
		return nil
	})
	failpoint.Hit("webhook.take.after")
	return result, err
}

// follow reads what was committed since, from the beginning the first time.
func (i *Inbox) follow(ctx context.Context) error {
	if !i.ready {
		err := i.feed.load(ctx)
		i.ready = err == nil
		return err
	}
	return i.feed.follow(ctx)
}

// follow reads what others committed behind what this feed knows.
func (f *feed) follow(ctx context.Context) error {
	return f.log.Read(ctx, f.seq+1, func(e journal.Entry) error {
		f.seq = e.Seq
		if e.Kind != lake.KindBatch {
			return nil
		}
		b, err := lake.DecodeBatch(e)
		if err == nil {
			f.state.add(b.Batch, b.Seq)
		}
		return err
	})
}

// retake makes one batch of pages. When others only added records meanwhile, as webhooks do, and the cursor and the ranges
// of the past stand where they stood, the pages are decided anew instead of being pulled anew: else a busy shop's webhooks
// would never let a pull through.
func (f *feed) retake(ctx context.Context, group []source.Delivery, why intent, result *Result) error {
	for try := 1; ; try++ {
		err := f.take(ctx, group, why, result)
		if err == nil || fault.KindOf(err) != fault.Conflict || try == conflictTries {
			return err
		}
		cursor, windows := f.state.cursor, windowsText(f.state.windows)
		if following := f.follow(ctx); following != nil || !bytes.Equal(cursor, f.state.cursor) || windows != windowsText(f.state.windows) {
			return err
		}
	}
}

func windowsText(windows map[string]lake.Backfill) string {
	text, err := json.Marshal(windows) // sorted by key
	if err != nil {
		return err.Error()
	}
	return string(text)
}
