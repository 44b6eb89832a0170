package window

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
)

// Feed is a stream of a platform that is read in windows: a source.Source, and a source.Backfiller when Past is set.
type Feed struct {
	Declaration func() source.Declaration
	Name        string  // of the deliveries
	Forward     *Reader // by time of change
	Past        *Reader // by time of creation; may be nil
	// Now is the platform's clock.
	Now     func(ctx context.Context) (time.Time, error)
	Lag     time.Duration // how long before the platform's now a reading ends
	Overlap time.Duration // how much is read again: longer than a commit may come late
	History time.Duration // how far back the platform answers
	// Body makes the bytes of a delivery from a page, such as the details of its rows; nil: the page as it came.
	Body func(ctx context.Context, p Page) ([]byte, error)
}

// Configured is the feed with the lag, the overlap and the history of the settings.
func (f Feed) Configured(s source.Settings) *Feed {
	f.Lag, f.Overlap, f.History = s.Duration("lag"), s.Duration("overlap"), s.Duration("history")
	return &f
}

// idle is how far the cursor of a stream that stands still may lie behind: it moves in steps, so that looking at a quiet
// shop writes nothing.
const idle = 4 * time.Hour

const stamp = "2006-01-02T15:04:05"

type cursor struct {
	Through string `json:"through,omitempty"` // every record changed up to this second, UTC, was read
	Since   string `json:"since,omitempty"`   // the platform gave nothing older: the record of the past begins here
	Gaps    []gap  `json:"gaps,omitempty"`    // what could not be read any more when its turn came
}

type gap struct {
	From string `json:"from"`
	To   string `json:"to"`
}

func read(text json.RawMessage) (c cursor, through time.Time, err error) {
	if c, err = source.ReadCursor[cursor](text); err == nil && c.Through != "" {
		through, err = time.Parse(stamp, c.Through)
		err = source.BadCursor(err)
	}
	return c, through, err
}

// Declare describes the source.
func (f *Feed) Declare() source.Declaration { return f.Declaration() }

// Pull reads what changed since the cursor, with the overlap, up to the lag before the platform's now.
func (f *Feed) Pull(ctx context.Context, saved json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, through, err := read(saved)
	if err != nil {
		return nil, err
	}
	now, err := f.Now(ctx)
	if err != nil {
		return nil, err
	}
	if through.After(now.Add(24 * time.Hour)) {
		return nil, fault.New(fault.Usage, "cursor_from_future", "cursor", "check what wrote it: the platform's clock is the one that counts",
			"everything up to %s was read, but the platform's clock says %s", c.Through, now.Format(stamp))
	}
	end := now.Add(-f.Lag).Truncate(time.Second)
	from := f.begin(&c, through, now)
	n := 0
	settled, width := now.Add(-f.Overlap).Truncate(time.Second), f.Forward.Width
	for at := from; !at.After(end); {
		to := until(at, end, settled, width)
		total, err := f.Forward.Read(ctx, at, to, func(ctx context.Context, p Page, upTo time.Time) error {
			if upTo.After(through) {
				through = upTo
				c.Through = through.Format(stamp)
			}
			n++
			return f.deliver(ctx, f.Name, n, p, source.Encode(c), emit)
		})
		if err != nil {
			return nil, err
		}
		if !to.Before(end) {
			break
		}
		at, width = to.Add(-time.Second), f.Forward.wider(width, total)
	}
	if end.Sub(through) >= idle {
		c.Through = end.Format(stamp)
	}
	return source.Encode(c), nil
}

// begin tells where to read from: the overlap before the cursor, but not before what the platform still answers.
func (f *Feed) begin(c *cursor, through, now time.Time) time.Time {
	oldest := now.Add(-f.History).Truncate(time.Second)
	from := through.Add(-f.Overlap)
	switch {
	case through.IsZero():
		if c.Since == "" {
			c.Since = oldest.Format(stamp)
		}
		return oldest
	case through.Before(oldest):
		c.Gaps = append(c.Gaps, gap{c.Through, oldest.Format(stamp)})
		return oldest
	case from.Before(oldest):
		return oldest
	}
	return from
}

func (f *Feed) deliver(ctx context.Context, name string, n int, p Page, cursor json.RawMessage, emit func(source.Delivery) error) error {
	body := p.Body
	if f.Body != nil {
		var err error
		if body, err = f.Body(ctx, p); err != nil {
			return err
		}
	}
	return emit(source.Page(fmt.Sprintf("%s/%s-%06d.json", name, p.Date.UTC().Format("20060102T150405"), n), body, p.Date, cursor, nil))
}

// Plan cuts the range into windows and asks how many records each holds. What the platform does not answer any more is
// refused: a part of a range would look like the whole.
func (f *Feed) Plan(ctx context.Context, from, to time.Time) ([]source.Window, error) {
	now, err := f.Now(ctx)
	if err != nil {
		return nil, err
	}
	if oldest := now.Add(-f.History); from.Before(oldest) {
		first := oldest.AddDate(0, 0, 1).Format(time.DateOnly)
		return nil, fault.New(fault.Usage, "history_too_short", f.Past.What, "write --from "+first+" and load what is older from the platform's export files",
			"the platform answers for the last %d days only: %s to %s cannot be read and would be missing", int(f.History.Hours()/24), from.Format(time.DateOnly), first)
	}
	var all []source.Window
	if last := now.Add(-f.Lag).Truncate(time.Second); to.After(last) {
		to = last
	}
	for at := from; at.Before(to); {
		next := at.Add(f.Past.Width)
		if next.After(to) {
			next = to
		}
		p, err := f.Past.page(ctx, at, next, 1)
		if err != nil {
			return nil, err
		}
		all = append(all, source.Window{From: at, To: next, Records: p.Total, Calls: 1 + (p.Total+int64(f.Past.Size)-1)/int64(f.Past.Size)})
		at = next
	}
	return all, nil
}

// PullWindow reads the records that were created in a window; an interrupted one goes on where its pages stopped.
func (f *Feed) PullWindow(ctx context.Context, w source.Window, saved json.RawMessage, emit func(source.Delivery) error) error {
	c, through, err := read(saved)
	if err != nil {
		return err
	}
	from := w.From
	if at := through.Add(-time.Second); at.After(from) {
		from = at
	}
	n := 0
	_, err = f.Past.Read(ctx, from, w.To, func(ctx context.Context, p Page, upTo time.Time) error {
		if upTo.After(through) {
			through = upTo
			c.Through = through.Format(stamp)
		}
		n++
		return f.deliver(ctx, f.Name+"/past-"+w.From.Format("20060102T1504"), n, p, source.Encode(c), emit)
	})
	return err
}
