package woocommerce

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
)

// refunds is the stream of refunds. They have a feed of their own: a refund need not touch its order.
type refunds struct{ *shop }

type refundCursor struct {
	Through    string    `json:"through,omitempty"` // every refund made up to this second was read
	Reconciled time.Time `json:"reconciled,omitzero"`
	ByOrder    bool      `json:"by_order,omitempty"` // the shop is older than the list of all refunds
}

// Declare describes the source.
func (r *refunds) Declare() source.Declaration { return declaration() }

// Pull walks the refunds made since the cursor. A refund never changes; one that is deleted is found by Reconcile.
func (r *refunds) Pull(ctx context.Context, cursor json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := source.ReadCursor[refundCursor](cursor)
	if err != nil {
		return nil, err
	}
	from, end, err := r.forward(ctx, c.Through)
	if err != nil {
		return nil, err
	}
	c.ByOrder = false
	n := 0
	step := func(upTo time.Time) json.RawMessage {
		c.Through = later(c.Through, minTime(upTo, end))
		n++
		return source.Encode(c)
	}
	w := &walk{shop: r.shop, path: "refunds", order: "date", field: "date_created_gmt", after: "after", before: "before"}
	w.batched = func(_ context.Context, a answer, upTo time.Time) error {
		return deliver("refunds", n, a, step(upTo), map[string]string{"order": ""}, emit)
	}
	err = w.run(ctx, from, end, "")
	if noRoute(err) {
		c.ByOrder = true
		err = r.byOrder(ctx, from, end, step, emit)
	}
	if err != nil {
		return nil, err
	}
	return source.Encode(c), nil
}

// noRoute tells a shop that does not know an address from one that does not know a record.
func noRoute(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Code == "not_found"
}

// refunded is what the list of orders says of an order's refunds.
type refunded struct {
	ID      json.Number `json:"id"`
	Refunds []struct {
		ID json.Number `json:"id"`
	} `json:"refunds"`
}

// byOrder reads the refunds of every order that was modified, for shops without the list of all refunds.
func (r *refunds) byOrder(ctx context.Context, from, end time.Time, step func(time.Time) json.RawMessage, emit func(source.Delivery) error) error {
	n := 0
	held := &holder{emit: emit}
	w := &walk{shop: r.shop, path: "orders", query: url.Values{"status": {"any"}, "_fields": {"id,date_modified_gmt,refunds"}}, order: "modified", field: "date_modified_gmt", after: "modified_after", before: "modified_before"}
	w.batched = func(ctx context.Context, a answer, upTo time.Time) error {
		for _, row := range a.rows {
			var one refunded
			if err := json.Unmarshal(row, &one); err != nil {
				return fault.Wrap(err, fault.Unavailable, "unexpected_answer", "orders", "check the shop's plugins", "a record of the list cannot be read")
			}
			if len(one.Refunds) == 0 {
				continue
			}
			order := one.ID.String()
			if err := r.pages(ctx, "orders/"+order+"/refunds", nil, func(a answer, _ int) error {
				n++
				return deliver("refunds/of-"+order, n, a, nil, map[string]string{"order": order}, held.take)
			}); err != nil {
				return err
			}
		}
		return held.mark(step(upTo))
	}
	return w.run(ctx, from, end, "")
}

// ask reads the refunds of the orders that webhooks named.
func (r *refunds) ask(ctx context.Context, hints []source.Hint, emit func(source.Delivery) error) error {
	n := 0
	for _, hint := range hints {
		err := r.pages(ctx, "orders/"+hint.ID+"/refunds", nil, func(a answer, _ int) error {
			n++
			return deliver("refunds/of-"+hint.ID, n, a, nil, map[string]string{"order": hint.ID}, emit)
		})
		if err != nil && !noRoute(err) { // what is gone is found by Reconcile
			return err
		}
	}
	return nil
}

// Reconcile compares refund ids once a day: a deleted refund leaves no other trace.
func (r *refunds) Reconcile(ctx context.Context, cursor json.RawMessage, held source.Held, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := source.ReadCursor[refundCursor](cursor)
	if err != nil {
		return nil, err
	}
	now, due, err := r.due(ctx, c.Reconciled, "reconcile_every")
	if err != nil || !due {
		return cursor, err
	}
	known, err := held(ctx)
	if err != nil {
		return nil, err
	}
	lake, seen := map[string]source.Known{}, map[string]bool{}
	for _, k := range known {
		lake[k.ID] = k
	}
	again := map[string][]string{} // order -> unknown refunds
	look := func(id, order string) {
		seen[id] = true
		if k, ok := lake[id]; !ok || k.Gone {
			again[order] = append(again[order], id)
		}
	}
	if c.ByOrder {
		err = r.listByOrder(ctx, look)
	} else {
		err = r.pages(ctx, "refunds", url.Values{"_fields": {"id,parent_id"}}, func(a answer, _ int) error {
			for _, row := range a.rows {
				var one struct {
					ID     json.Number `json:"id"`
					Parent json.Number `json:"parent_id"`
				}
				if err := json.Unmarshal(row, &one); err != nil {
					return fault.Wrap(err, fault.Unavailable, "unexpected_answer", "refunds", "check the shop's plugins", "a record of the list cannot be read")
				}
				look(one.ID.String(), one.Parent.String())
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	one := &reconciliation{shop: r.shop, name: "refunds/reconciled", emit: func(d source.Delivery) error {
		d.Captures = map[string]string{"order": ""}
		return emit(d)
	}}
	for order, ids := range again {
		one.emit = func(d source.Delivery) error {
			d.Captures = map[string]string{"order": order}
			return emit(d)
		}
		for _, id := range ids {
			if err := one.single(ctx, "orders/"+order+"/refunds/"+id, id, false); err != nil && !noRoute(err) {
				return nil, err
			}
		}
	}
	for _, k := range known {
		if k.Gone || seen[k.ID] {
			continue
		}
		// Refunds of a trashed order leave the list of classic storage; what the order itself still has stays.
		if order := k.Facts["order_id"]; order != "" {
			if kept, err := r.still(ctx, order, k.ID); err != nil {
				return nil, err
			} else if kept {
				continue
			}
		}
		if err := one.tombstone(map[string]any{"id": k.ID, "deleted": true, "asked_at": now.Format(stamp)}, now); err != nil {
			return nil, err
		}
	}
	c.Reconciled = now
	return source.Encode(c), nil
}

// still tells whether an order that can be read still names a refund.
func (r *refunds) still(ctx context.Context, order, id string) (bool, error) {
	found := false
	err := r.pages(ctx, "orders/"+order+"/refunds", url.Values{"_fields": {"id"}}, func(a answer, _ int) error {
		for _, row := range a.rows {
			one, err := idOf(row)
			if err != nil {
				return err
			}
			found = found || one == id
		}
		return nil
	})
	if noRoute(err) {
		return false, nil
	}
	return found, err
}

func (r *refunds) listByOrder(ctx context.Context, look func(id, order string)) error {
	return r.pages(ctx, "orders", url.Values{"status": {"any"}, "_fields": {"id,refunds"}}, func(a answer, _ int) error {
		for _, row := range a.rows {
			var one refunded
			if err := json.Unmarshal(row, &one); err != nil {
				return fault.Wrap(err, fault.Unavailable, "unexpected_answer", "orders", "check the shop's plugins", "a record of the list cannot be read")
			}
			for _, refund := range one.Refunds {
				look(refund.ID.String(), one.ID.String())
			}
		}
		return nil
	})
}

// Plan cuts the range into months.
func (r *refunds) Plan(ctx context.Context, from, to time.Time) ([]source.Window, error) {
	all, err := r.months(ctx, "refunds", nil, from, to)
	if noRoute(err) {
		return nil, nil // an older shop: refunds come with the orders that are read again
	}
	return all, err
}

// PullWindow reads the refunds made in a window.
func (r *refunds) PullWindow(ctx context.Context, w source.Window, cursor json.RawMessage, emit func(source.Delivery) error) error {
	return r.window(ctx, &walk{shop: r.shop, path: "refunds"}, w, cursor, func(d source.Delivery) error {
		d.Captures = map[string]string{"order": ""}
		return emit(d)
	})
}
