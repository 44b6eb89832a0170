package woocommerce

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
)

// products is the stream of products and their variations.
type products struct{ *shop }

type productCursor struct {
	Through    string    `json:"through,omitempty"`
	Reconciled time.Time `json:"reconciled,omitzero"`
}

// Declare describes the source.
func (p *products) Declare() source.Declaration { return declaration() }

// Pull walks the products modified since the cursor, each with its variations: editing a variation bumps its parent.
func (p *products) Pull(ctx context.Context, cursor json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := source.ReadCursor[productCursor](cursor)
	if err != nil {
		return nil, err
	}
	from, end, err := p.forward(ctx, c.Through)
	if err != nil {
		return nil, err
	}
	n := 0
	held := &holder{emit: emit}
	w := &walk{shop: p.shop, path: "products", query: url.Values{"status": {"any"}}, order: "modified", field: "date_modified_gmt", after: "modified_after", before: "modified_before"}
	w.batched = func(ctx context.Context, a answer, upTo time.Time) error {
		n++
		if err := deliver("products", n, a, nil, nil, held.take); err != nil {
			return err
		}
		for _, row := range a.rows {
			var one struct {
				ID         json.Number       `json:"id"`
				Variations []json.RawMessage `json:"variations"`
			}
			if err := json.Unmarshal(row, &one); err != nil {
				return fault.Wrap(err, fault.Unavailable, "unexpected_answer", "products", "check the shop's plugins", "a product cannot be read")
			}
			if len(one.Variations) == 0 {
				continue
			}
			if err := p.pages(ctx, "products/"+one.ID.String()+"/variations", nil, func(a answer, _ int) error {
				n++
				return deliver("products/of-"+one.ID.String(), n, a, nil, nil, held.take)
			}); err != nil {
				return err
			}
		}
		c.Through = later(c.Through, minTime(upTo, end))
		return held.mark(source.Encode(c))
	}
	if err := w.run(ctx, from, end, ""); err != nil {
		return nil, err
	}
	return source.Encode(c), nil
}

// Reconcile finds products that were deleted, once a day: they become inactive.
func (p *products) Reconcile(ctx context.Context, cursor json.RawMessage, held source.Held, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := source.ReadCursor[productCursor](cursor)
	if err != nil {
		return nil, err
	}
	now, due, err := p.due(ctx, c.Reconciled, "reconcile_every")
	if err != nil || !due {
		return cursor, err
	}
	known, err := held(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	note := func(a answer, _ int) error {
		for _, row := range a.rows {
			var one struct {
				ID  json.Number `json:"id"`
				SKU string      `json:"sku"`
			}
			if err := json.Unmarshal(row, &one); err != nil {
				return fault.Wrap(err, fault.Unavailable, "unexpected_answer", "products", "check the shop's plugins", "a product cannot be read")
			}
			seen["woo-"+one.ID.String()], seen[one.SKU] = true, true
		}
		return nil
	}
	if err := p.catalogue(ctx, "id,sku,type,variations", note); err != nil {
		return nil, err
	}
	r := &reconciliation{shop: p.shop, name: "products/reconciled", emit: emit}
	for _, k := range known {
		if !seen[k.ID] && k.Facts["is_active"] != "false" {
			if err := r.tombstone(map[string]any{"sku": k.ID, "deleted": true, "date_modified_gmt": now.Format(stamp)}, now); err != nil {
				return nil, err
			}
		}
	}
	c.Reconciled = now
	return source.Encode(c), nil
}

// catalogue reads all products and variations, some fields of each.
func (s *shop) catalogue(ctx context.Context, fields string, each func(answer, int) error) error {
	var parents []string
	n := 0
	err := s.pages(ctx, "products", url.Values{"status": {"any"}, "_fields": {fields}}, func(a answer, _ int) error {
		for _, row := range a.rows {
			var one struct {
				ID   json.Number `json:"id"`
				Type string      `json:"type"`
			}
			if json.Unmarshal(row, &one) == nil && one.Type == "variable" {
				parents = append(parents, one.ID.String())
			}
		}
		n++
		return each(a, n)
	})
	if err != nil {
		return err
	}
	err = s.pages(ctx, "variations", url.Values{"_fields": {fields}}, func(a answer, _ int) error {
		n++
		return each(a, n)
	})
	if !noRoute(err) {
		return err
	}
	for _, parent := range parents { // a shop older than the list of all variations
		if err := s.pages(ctx, "products/"+parent+"/variations", url.Values{"_fields": {fields}}, func(a answer, _ int) error {
			n++
			return each(a, n)
		}); err != nil {
			return err
		}
	}
	return nil
}

// stock is the stream of stock levels: snapshots, for WooCommerce has no movements.
type stock struct{ *shop }

type stockCursor struct {
	Taken time.Time `json:"taken,omitzero"`
}

// Declare describes the source.
func (s *stock) Declare() source.Declaration { return declaration() }

// Pull takes a snapshot when the last one is old enough. All its pages count together or not at all.
func (s *stock) Pull(ctx context.Context, cursor json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := source.ReadCursor[stockCursor](cursor)
	if err != nil {
		return nil, err
	}
	now, due, err := s.due(ctx, c.Taken, "stock_every")
	if err != nil || !due {
		return cursor, err
	}
	captures := map[string]string{"as_of": now.Format(stamp) + "Z"}
	if err := s.catalogue(ctx, "id,name,type,parent_id,sku,manage_stock,stock_quantity,stock_status,date_modified_gmt", func(a answer, n int) error {
		return deliver("stock", n, a, nil, captures, emit)
	}); err != nil {
		return nil, err
	}
	return source.Encode(stockCursor{now}), nil
}

// customers is the stream of registered people. Guests are on their orders only.
type customers struct{ *shop }

type customerCursor struct {
	Read time.Time `json:"read,omitzero"`
}

// Declare describes the source.
func (c *customers) Declare() source.Declaration { return declaration() }

// Pull does nothing: WooCommerce ignores modified_after for customers, so all are read by Reconcile when due.
func (c *customers) Pull(_ context.Context, cursor json.RawMessage, _ func(source.Delivery) error) (json.RawMessage, error) {
	if cursor == nil {
		return json.RawMessage(`{}`), nil
	}
	return cursor, nil
}

// Reconcile reads all customers of every role when the last reading is old enough, until two totals agree, and marks those
// that are gone.
func (c *customers) Reconcile(ctx context.Context, cursor json.RawMessage, held source.Held, emit func(source.Delivery) error) (json.RawMessage, error) {
	at, err := source.ReadCursor[customerCursor](cursor)
	if err != nil {
		return nil, err
	}
	now, due, err := c.due(ctx, at.Read, "customers_every")
	if err != nil || !due {
		return cursor, err
	}
	known, err := held(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for pass := range 3 {
		var total int64
		if err := c.pages(ctx, "customers", url.Values{"role": {"all"}}, func(a answer, n int) error {
			total = a.total
			if _, err := unseen(a, seen); err != nil {
				return err
			}
			return deliver(fmt.Sprintf("customers/pass-%d", pass), n, a, nil, nil, emit)
		}); err != nil {
			return nil, err
		}
		if int64(len(seen)) >= total {
			break // nobody slipped from one page to another
		}
	}
	r := &reconciliation{shop: c.shop, name: "customers/reconciled", emit: emit}
	for _, k := range known {
		if !seen[k.ID] && k.Facts["is_deleted"] != "true" {
			if err := r.single(ctx, "customers/"+k.ID, k.ID, true); err != nil {
				return nil, err
			}
		}
	}
	return source.Encode(customerCursor{now}), nil
}
