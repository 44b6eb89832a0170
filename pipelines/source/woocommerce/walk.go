package woocommerce

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/jsonscan"
	"github.com/omoflow/omoflow/pipelines/source"
)

// walk reads a list in the order of a time, whole seconds, by asking again and again for what lies behind the last row.
type walk struct {
	shop    *shop
	path    string
	query   url.Values // what every question holds
	order   string     // orderby
	field   string     // of a row: the time, UTC
	after   string     // filter: strictly later than
	before  string     // filter: strictly earlier than
	name    string     // of the deliveries
	page    int
	batched func(ctx context.Context, a answer, upTo time.Time) error
}

// maxTies bounds the passes over one second whose rows change while they are read.
const maxTies = 20

// run reads everything strictly after from, up to and including end; a zero end has no limit. upTo, given with each
// page, is the second up to which everything has been read with it.
func (w *walk) run(ctx context.Context, from, end time.Time, upper string) error {
	at := from
	for {
		query := w.ask()
		if !at.IsZero() {
			query.Set(w.after, at.Format(stamp))
		}
		if upper != "" {
			query.Set(w.before, upper)
		}
		a, err := w.shop.list(ctx, w.path, query)
		if err != nil {
			return err
		}
		first, last, err := w.times(a)
		if err != nil {
			return err
		}
		if len(a.rows) > 0 && !first.After(at) && !at.IsZero() {
			return fault.New(fault.Unavailable, "filter_ignored", w.path, "a plugin or a proxy drops "+w.after+" from the address; without it no cursor works",
				"the shop was asked for rows after %s and gave one of %s", at.Format(stamp), first.Format(stamp))
		}
		if !w.more(a) {
			return w.batched(ctx, a, maxTime(at, last))
		}
		next := last.Add(-time.Second)
		if next.After(at) {
			if err := w.batched(ctx, a, next); err != nil {
				return err
			}
		} else {
			// The whole page is of one second: read that second by id, then go on behind it.
			if err := w.tie(ctx, last); err != nil {
				return err
			}
			next = last
		}
		if at = next; !end.IsZero() && at.After(end) {
			return nil // what is newer than the question is the next run's
		}
	}
}

func (w *walk) ask() url.Values {
	query := url.Values{"orderby": {w.order}, "order": {"asc"}, "dates_are_gmt": {"true"}, "per_page": {strconv.Itoa(w.shop.size)}, "page": {"1"}}
	for name, values := range w.query {
		query[name] = values
	}
	return query
}

// more tells whether rows lie behind the page. A shop that gives fewer rows than asked for says so in its total.
func (w *walk) more(a answer) bool {
	return len(a.rows) >= w.shop.size || a.total > int64(len(a.rows)) && len(a.rows) > 0
}

// times gives the first and the last time of a page and refuses one that is not in order.
func (w *walk) times(a answer) (first, last time.Time, err error) {
	for i, row := range a.rows {
		text := string(jsonscan.Text(field(row, w.field)))
		if text == "" {
			return first, last, fault.New(fault.Unavailable, "field_missing", w.path, "check the shop's WooCommerce version and its plugins", "record %d of a page has no %s", i+1, w.field)
		}
		at, err := parseStamp(text)
		if err != nil {
			return first, last, fault.New(fault.Unavailable, "field_unreadable", w.path, "check the shop's plugins", "%s %q is not a time", w.field, text)
		}
		if i == 0 {
			first = at
		}
		if at.Before(last) {
			return first, last, fault.New(fault.Unavailable, "order_ignored", w.path, "a plugin changes the order of lists; without it no cursor works", "the page is not in the order of %s", w.field)
		}
		last = at
	}
	return first, last, nil
}

// tie reads all rows of one second. The window is closed, so a row that changes meanwhile leaves it and the total shrinks:
// then the second is read again until it holds still.
func (w *walk) tie(ctx context.Context, second time.Time) error {
	for range maxTies {
		var total int64 = -1
		stable := true
		seen := map[string]bool{}
		for page := 1; ; page++ {
			query := w.ask()
			query.Set("orderby", "id")
			query.Set("page", strconv.Itoa(page))
			query.Set(w.after, second.Add(-time.Second).Format(stamp))
			query.Set(w.before, second.Add(time.Second).Format(stamp))
			a, err := w.shop.list(ctx, w.path, query)
			if err != nil {
				return err
			}
			fresh, err := unseen(a, seen)
			if err != nil {
				return err
			}
			if len(a.rows) > 0 && !fresh {
				return endless(w.path)
			}
			if total >= 0 && a.total != total {
				stable = false
			}
			total = a.total
			if err := w.batched(ctx, a, second.Add(-time.Second)); err != nil {
				return err
			}
			if len(a.rows) < w.shop.size {
				break
			}
		}
		if stable {
			return nil
		}
	}
	return fault.New(fault.Unavailable, "never_still", w.path, "run again when fewer orders change", "the records of %s change faster than they can be read", second.Format(stamp))
}

// unseen notes the ids of a page and tells whether any is new.
func unseen(a answer, seen map[string]bool) (bool, error) {
	fresh := false
	for _, row := range a.rows {
		id, err := idOf(row)
		if err != nil {
			return false, err
		}
		fresh = fresh || !seen[id]
		seen[id] = true
	}
	return fresh, nil
}

func endless(path string) error {
	return fault.New(fault.Unavailable, "endless_pages", path, "a cache or a plugin answers every page alike; switch it off for /wp-json", "the shop gives the same page again and again")
}

func idOf(row json.RawMessage) (string, error) {
	value := field(row, "id")
	if text := jsonscan.Text(value); text != nil {
		value = text
	}
	if _, err := strconv.ParseInt(string(value), 10, 64); err != nil {
		return "", fault.New(fault.Unavailable, "field_missing", "id", "check the shop's plugins", "a record has no id")
	}
	return string(value), nil
}

// field finds a field of a record; nil: it has none.
func field(row json.RawMessage, wanted string) (found json.RawMessage) {
	jsonscan.Fields(row, func(name, value []byte) bool {
		if string(name) == wanted {
			found = value
		}
		return found == nil
	})
	return found
}

// pages reads a list by page number, in the order of ids, and gives each page. Rows that leave the list meanwhile may hide
// others: callers confirm what is missing one by one.
func (s *shop) pages(ctx context.Context, path string, query url.Values, each func(a answer, page int) error) error {
	seen := map[string]bool{}
	for page := 1; ; page++ {
		one := url.Values{"orderby": {"id"}, "order": {"asc"}, "per_page": {strconv.Itoa(s.size)}, "page": {strconv.Itoa(page)}}
		for name, values := range query {
			one[name] = values
		}
		a, err := s.list(ctx, path, one)
		if err != nil {
			return err
		}
		if len(a.rows) == 0 {
			return nil
		}
		fresh, err := unseen(a, seen)
		if err != nil {
			return err
		}
		if !fresh {
			return endless(path)
		}
		if err := each(a, page); err != nil {
			return err
		}
		if len(a.rows) < s.size && a.total <= int64(len(seen)) {
			return nil
		}
	}
}

// deliver names a page by what was asked and hands it over; an empty page is none.
func deliver(name string, n int, a answer, cursor json.RawMessage, captures map[string]string, emit func(source.Delivery) error) error {
	if len(a.rows) == 0 {
		return nil
	}
	return emit(source.Page(fmt.Sprintf("%s/%s-%06d.json", name, a.date.UTC().Format("20060102T150405"), n), a.body, a.date, cursor, captures))
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// holder hands deliveries on one late, so that the last of a step can be given the cursor behind the step.
type holder struct {
	emit func(source.Delivery) error
	last *source.Delivery
}

func (h *holder) take(d source.Delivery) error {
	before := h.last
	h.last = &d
	if before == nil {
		return nil
	}
	return h.emit(*before)
}

func (h *holder) mark(cursor json.RawMessage) error {
	if h.last == nil {
		return nil
	}
	h.last.Cursor = cursor
	last := h.last
	h.last = nil
	return h.emit(*last)
}
