package odoo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
)

// walk reads the rows of a model that were written since the cursor. The window is closed before it is read and its rows
// are taken in the order of their numbers, so that a row written meanwhile leaves the window instead of moving others: it
// is the next window's. Times are those of a transaction's beginning, so the window begins an overlap earlier.
type walk struct {
	shop    *shop
	name    string
	model   string
	fields  []string
	domain  []any
	compose func(ctx context.Context, rows []record) (any, error)
}

type cursor struct {
	Through string `json:"through,omitempty"` // the newest write_date that was read
	Upper   string `json:"upper,omitempty"`   // of a window that is not read to its end
	Last    int64  `json:"last,omitempty"`    // of it: every row up to this number was read
	High    string `json:"high,omitempty"`    // of it: the newest write_date so far
	Taken   string `json:"taken,omitempty"`   // of snapshots: when the last one was
	Checked string `json:"checked,omitempty"` // when the list was compared last
}

func readCursor(text json.RawMessage) (c cursor, err error) {
	c, err = source.ReadCursor[cursor](text)
	for _, at := range []string{c.Through, c.Upper, c.High, c.Taken, c.Checked} {
		if at != "" && err == nil {
			_, err = time.Parse(stamp, at)
			err = source.BadCursor(err)
		}
	}
	return c, err
}

// Declare describes the source.
func (w *walk) Declare() source.Declaration { return declaration() }

// Pull reads what was written since the cursor.
func (w *walk) Pull(ctx context.Context, saved json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := readCursor(saved)
	if err != nil {
		return nil, err
	}
	now, err := w.shop.clock(ctx)
	if err != nil {
		return nil, err
	}
	if c.Through > now.Add(24*time.Hour).Format(stamp) {
		return nil, fault.New(fault.Usage, "cursor_from_future", "cursor", "check what wrote it: the server's clock is the one that counts",
			"everything up to %s was read, but the server's clock says %s", c.Through, now.Format(stamp))
	}
	if c.Upper == "" {
		c.Upper, c.Last, c.High = now.Format(stamp), 0, c.Through
	}
	domain := append([]any{leaf("write_date", "<=", c.Upper)}, w.domain...)
	if c.Through != "" {
		from, _ := time.Parse(stamp, c.Through) // checked
		domain = append(domain, leaf("write_date", ">=", from.Add(-w.shop.overlap).Format(stamp)))
	}
	for n := 1; ; n++ {
		rows, err := w.shop.search(ctx, w.model, w.fields, append([]any{leaf("id", ">", c.Last)}, domain...), "id asc", w.shop.size)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			break
		}
		if err := w.check(rows, &c); err != nil {
			return nil, err
		}
		last := len(rows) < w.shop.size
		next := c
		if last {
			next = cursor{Through: c.High, Checked: c.Checked}
		}
		if err := w.deliver(ctx, rows, now, n, next, emit); err != nil {
			return nil, err
		}
		if last {
			break
		}
	}
	return source.Encode(cursor{Through: c.High, Checked: c.Checked}), nil
}

// check refuses a page that the server did not filter and order as it was asked to, and moves the cursor behind it.
func (w *walk) check(rows []record, c *cursor) error {
	for _, row := range rows {
		written := row.text("write_date")
		if _, err := time.Parse(stamp, written); err != nil || row.id() == 0 {
			return fault.New(fault.Unavailable, "field_missing", w.model, "report this with the version of Odoo", "a row has no id or no write_date")
		}
		if row.id() <= c.Last {
			return fault.New(fault.Unavailable, "filter_ignored", w.model, "a module or a proxy changes how rows are searched; without id and write_date no cursor works",
				"rows behind number %d were asked for, and number %d came", c.Last, row.id())
		}
		c.Last, c.High = row.id(), max(c.High, written)
	}
	return nil
}

func (w *walk) deliver(ctx context.Context, rows []record, now time.Time, n int, next cursor, emit func(source.Delivery) error) error {
	page, err := w.compose(ctx, rows)
	if err != nil {
		return err
	}
	body, err := json.Marshal(page)
	if err != nil {
		return err
	}
	return emit(source.Page(fmt.Sprintf("%s/%s-%06d.json", w.name, now.Format("20060102T150405"), n), body, now, source.Encode(next), nil))
}

// compareEvery is how often the list of orders is compared with the lake's.
const compareEvery = 24 * time.Hour

// Reconcile compares the numbers and times of all orders with what the lake holds: drafts can be deleted, and nothing
// else shows it.
func (w *walk) Reconcile(ctx context.Context, saved json.RawMessage, held source.Held, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := readCursor(saved)
	if err != nil {
		return nil, err
	}
	now, err := w.shop.clock(ctx)
	if err != nil {
		return nil, err
	}
	if checked, err := time.Parse(stamp, c.Checked); err == nil && now.Sub(checked) < compareEvery {
		return saved, nil
	}
	known, err := held(ctx)
	if err != nil {
		return nil, err
	}
	listed := map[string]bool{}
	for last := int64(0); ; {
		rows, err := w.shop.search(ctx, w.model, []string{"pos_reference", "write_date"}, []any{leaf("id", ">", last)}, "id asc", 5000)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.id() <= last {
				return nil, fault.New(fault.Unavailable, "filter_ignored", w.model, "a module or a proxy changes how rows are searched", "rows behind number %d were asked for, and number %d came", last, row.id())
			}
			last = row.id()
			listed[receiptNumber(row.text("pos_reference"))] = true
		}
		if len(rows) < 5000 {
			break
		}
	}
	var gone []map[string]any
	for _, one := range known {
		if !one.Gone && !listed[one.ID] {
			gone = append(gone, map[string]any{"pos_reference": one.ID, "deleted": true, "write_date": now.Format(stamp)})
		}
	}
	c.Checked = now.Format(stamp)
	if len(gone) > 0 {
		body, err := json.Marshal(gone)
		if err != nil {
			return nil, err
		}
		if err := emit(source.Page(fmt.Sprintf("%s/gone-%s.json", w.name, now.Format("20060102T150405")), body, now, source.Encode(c), nil)); err != nil {
			return nil, err
		}
	}
	return source.Encode(c), nil
}
