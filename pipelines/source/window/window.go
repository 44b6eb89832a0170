// Package window reads lists that can be asked for by a range of time only and that show the newest rows first: those of
// Taobao, Pinduoduo and platforms of their family. It knows no platform and no HTTP.
//
// The time between the cursor and a moment before the platform's now is cut into windows that share a second. A window is
// counted first and read from its last page to its first: a row that is edited meanwhile gets a newer time, leaves the
// closed window and moves only rows towards pages that are still to be read. A row that is committed late with an older
// time could hide another, but only among those of the last overlap, which has a window of its own and is read again.
package window

import (
	"context"
	"encoding/json"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// Page is an answer: some rows of a window.
type Page struct {
	Rows  []json.RawMessage
	Total int64 // rows of the whole window
	Body  []byte
	Date  time.Time // of the platform's clock
}

// Reader asks for the rows of a window by one of their times.
type Reader struct {
	What  string        // for messages: the method
	Width time.Duration // of a window, both ends counted
	// Widest is how wide a window may become while each holds no more than a page; less than Width: windows keep theirs.
	Widest time.Duration
	Size   int // rows per page
	// Ask gives a page, from 1, of the rows from from to to, both whole seconds.
	Ask func(ctx context.Context, from, to time.Time, page int) (Page, error)
	// Row gives the key of a row and the time that the window is about.
	Row func(row json.RawMessage) (id string, at time.Time, err error)
}

// maxPasses bounds how often a window is read that does not hold still.
const maxPasses = 3

// Each takes a page. through is the second up to which everything is read with it; the zero time says nothing.
type Each func(ctx context.Context, p Page, through time.Time) error

// until is the end of the window that begins at a time: width later, at cut or at the end of the range. The next window
// begins a second before it, so that no reading of "from" and "to" can leave a row between the two.
func until(at, to, cut time.Time, width time.Duration) time.Time {
	end := at.Add(max(width, 2*time.Second))
	if end.After(to) {
		end = to
	}
	if cut.After(at.Add(time.Second)) && cut.Before(end) { // a window of one second would lead nowhere
		end = cut
	}
	return end
}

// wider is the width of the next window: quiet times are asked for in fewer questions.
func (r *Reader) wider(width time.Duration, total int64) time.Duration {
	switch {
	case total > int64(r.Size):
		return r.Width
	case width < r.Widest:
		return min(2*width, r.Widest)
	}
	return width
}

// Read gives all rows of one window, the oldest page first, each page with the time up to which it completes the window,
// and tells how many there are.
func (r *Reader) Read(ctx context.Context, from, to time.Time, each Each) (total int64, err error) {
	count, err := r.page(ctx, from, to, 1)
	if err != nil {
		return 0, err
	}
	seen := map[string]bool{}
	if count.Total <= int64(len(count.Rows)) {
		return count.Total, r.give(ctx, count, &pass{seen: seen}, true, each)
	}
	for range maxPasses {
		p := &pass{seen: seen}
		total = count.Total
		for page := int((count.Total + int64(r.Size) - 1) / int64(r.Size)); page >= 1; page-- {
			one, err := r.page(ctx, from, to, page)
			if err != nil {
				return total, err
			}
			total = one.Total
			if err := r.give(ctx, one, p, page == 1 && total <= int64(len(seen)+r.fresh(one, seen)), each); err != nil {
				return total, err
			}
		}
		if total <= int64(len(seen)) {
			return total, nil
		}
		count.Total = total
	}
	return total, fault.New(fault.Unavailable, "endless_pages", r.What, "run again when fewer records change; if it stays, the platform ignores the page number",
		"%d records are said to lie between %s and %s, its pages show %d", count.Total, from.Format(time.DateTime), to.Format(time.DateTime), len(seen))
}

// pass is how far one reading of a window is.
type pass struct {
	seen     map[string]bool
	newest   time.Time
	unsorted bool // rows came in another order than newest first: pages say nothing about each other
}

// page asks for a page and refuses one whose rows lie elsewhere: then the range does not reach the platform.
func (r *Reader) page(ctx context.Context, from, to time.Time, page int) (Page, error) {
	p, err := r.Ask(ctx, from, to, page)
	if err != nil {
		return p, err
	}
	for _, row := range p.Rows {
		id, at, err := r.Row(row)
		if err != nil {
			return p, err
		}
		if at.Before(from.Add(-time.Second)) || at.After(to.Add(time.Second)) {
			return p, fault.New(fault.Unavailable, "filter_ignored", r.What, "something between here and the platform drops parameters; without them no cursor works",
				"asked for records from %s to %s, the platform gave %s of %s", from.Format(time.DateTime), to.Format(time.DateTime), id, at.Format(time.DateTime))
		}
	}
	return p, nil
}

func (r *Reader) fresh(p Page, seen map[string]bool) int {
	n := 0
	own := map[string]bool{}
	for _, row := range p.Rows {
		if id, _, err := r.Row(row); err == nil && !seen[id] && !own[id] {
			own[id] = true
			n++
		}
	}
	return n
}

// give notes the rows of a page and hands it on. last tells that the window is complete with it.
func (r *Reader) give(ctx context.Context, p Page, at *pass, last bool, each Each) error {
	var before time.Time
	newest := at.newest
	for i, row := range p.Rows {
		id, when, err := r.Row(row)
		if err != nil {
			return err
		}
		// A row that moved over from the page read before is older than what was read since; it says nothing of order.
		at.unsorted = at.unsorted || i > 0 && when.After(before) || !at.seen[id] && when.Before(at.newest)
		at.seen[id] = true
		if before = when; when.After(newest) {
			newest = when
		}
	}
	if at.newest = newest; len(p.Rows) == 0 {
		return nil
	}
	through := at.newest.Add(-time.Second) // others of the same second may stand on the page before
	switch {
	case last:
		through = at.newest
	case at.unsorted:
		through = time.Time{}
	}
	return each(ctx, p, through)
}
