package shopify

import (
	"context"
	"encoding/json"
	"sort"
	"strings"
	"time"

	"github.com/omoflow/omoflow/pipelines/source"
)

// Reconcile compares ids with the shop once in a while: what was deleted becomes a tombstone, what changed without a cursor
// showing it (a customer merged into another) is read again.
func (w *walker) Reconcile(ctx context.Context, text json.RawMessage, held source.Held, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := source.ReadCursor[cursor](text)
	if err != nil {
		return nil, err
	}
	a, err := w.about(ctx)
	if err != nil {
		return nil, err
	}
	ahead := c.Reconciled.After(a.now.Add(maxSkew)) // the clock was put right: what changed meanwhile may lie before the saved position
	if !c.Reconciled.IsZero() && !ahead && a.now.Before(c.Reconciled.Add(w.settings.Duration("reconcile_every"))) {
		return text, nil
	}
	known, err := held(ctx)
	if err != nil {
		return nil, err
	}
	lake := map[string]source.Known{}
	for _, k := range known {
		lake[k.ID] = k
	}
	seen := map[string]bool{}
	again := map[string]bool{} // ids of root records
	for after := ""; ; {
		got, _, err := w.page(ctx, "ids_"+w.kind.stream, w.kind.root, w.kind.light, "sortKey: ID", "", after, max(w.size, 50))
		if err != nil {
			return nil, err
		}
		for _, one := range got.Nodes {
			if err := w.compare(ctx, one, lake, seen, again); err != nil {
				return nil, err
			}
		}
		if after = got.PageInfo.End; !got.PageInfo.More {
			break
		}
	}
	if err := w.readAgain(ctx, again, seen, a.now, emit); err != nil {
		return nil, err
	}
	if err := w.bury(ctx, known, seen, a, emit); err != nil {
		return nil, err
	}
	c.Reconciled = a.now
	return source.Encode(c), nil
}

// compare notes what a listed root record holds, and whether the lake has it so.
func (w *walker) compare(ctx context.Context, one node, lake map[string]source.Known, seen, again map[string]bool) error {
	var parts []node
	switch w.kind.stream {
	case "refunds":
		if err := json.Unmarshal(one["refunds"], &parts); err != nil {
			return unexpected("refunds", err)
		}
	case "products", "returns":
		inner := map[string]connection{"products": {"variants", "id sku"}, "returns": {"returns", "id"}}[w.kind.stream]
		if err := w.complete(ctx, w.kind.typ, one, []connection{inner}); err != nil {
			return err
		}
		if err := json.Unmarshal(one[inner.name], &parts); err != nil {
			return unexpected(inner.name, err)
		}
	default:
		parts = []node{one}
	}
	for _, p := range parts {
		id := w.key(p)
		seen[id] = true
		k, ok := lake[id]
		if !ok && !w.pulled[id] || ok && (k.Gone && w.kind.stream != "returns" || k.Facts["is_deleted"] == "true" || w.kind.stream == "orders" && changed(k, one)) {
			again[one.text("id")] = true
		}
	}
	return nil
}

func changed(k source.Known, one node) bool {
	var customer struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(one["customer"], &customer) // no customer is none
	now, had := one.text("updatedAt"), k.Facts["source_customer_id"]
	// Which customer is told only where the lake was asked for it.
	_, told := k.Facts["source_customer_id"]
	return now > k.Version || told && tail(customer.ID) != had
}

// readAgain reads root records by id.
func (w *walker) readAgain(ctx context.Context, ids, seen map[string]bool, at time.Time, emit func(source.Delivery) error) error {
	all := make([]string, 0, len(ids))
	for id := range ids {
		all = append(all, id)
	}
	sort.Strings(all)
	for n := 1; len(all) > 0; n++ {
		some := all[:min(len(all), w.size)]
		all = all[len(some):]
		nodes, _, err := w.nodes(ctx, w.kind.stream, w.kind.typ, w.kind.selection(), some)
		if err != nil {
			return err
		}
		var there []node
		for _, one := range nodes {
			if one != nil {
				there = append(there, one)
			}
		}
		docs, err := w.cut(ctx, there)
		if err != nil {
			return err
		}
		for _, d := range docs {
			seen[w.key(d)] = true
		}
		if err := deliver(w.kind.stream+"/reconciled", n, docs, at, nil, nil, emit); err != nil {
			return err
		}
	}
	return nil
}

// nodes reads records by id; one that does not exist is nil.
func (s *shop) nodes(ctx context.Context, stream, typ, fields string, ids []string) ([]node, time.Time, error) {
	operation := "nodes_" + stream
	var data struct {
		Nodes []node `json:"nodes"`
	}
	at, _, err := s.ask(ctx, operation, "query "+operation+"($ids: [ID!]!) { nodes(ids: $ids) { ... on "+typ+" { "+fields+" } } }", map[string]any{"ids": ids}, &data)
	if err == nil && len(data.Nodes) != len(ids) {
		err = unexpected(operation, nil)
	}
	return data.Nodes, at, err
}

// tombstone is the record of something that is gone.
func tombstone(key, id string, at time.Time) (node, error) {
	gone := node{}
	for name, value := range map[string]any{key: id, "deleted": true, "updatedAt": at.Format(stamp)} {
		if err := gone.set(name, value); err != nil {
			return nil, err
		}
	}
	return gone, nil
}

// bury emits tombstones of what the shop does not list any more. Without read_all_orders the shop hides orders as they grow
// old: what may only be hidden is no tombstone.
func (w *walker) bury(ctx context.Context, known []source.Known, seen map[string]bool, a about, emit func(source.Delivery) error) error {
	from := ""
	if w.kind.root == "orders" && !a.history {
		from = a.coverage().AddDate(0, 0, 2).Format(time.DateOnly)
	}
	n := 0
	for _, k := range known {
		if k.Gone || seen[k.ID] || k.Facts["is_deleted"] == "true" || k.Facts["is_active"] == "false" {
			continue
		}
		when := k.Facts["ordered_at"] + k.Facts["refunded_at"] + k.Facts["requested_at"]
		if from != "" && (when == "" || when < from) {
			continue
		}
		if w.kind.stream == "orders" || w.kind.stream == "customers" {
			back, _, err := w.nodes(ctx, w.kind.stream, w.kind.typ, "id", []string{gid(w.kind.typ, k.ID)})
			if err != nil {
				return err
			}
			if back[0] != nil {
				continue // it came while the list was read
			}
		}
		key := "id"
		if w.kind.stream == "products" {
			key = "sku"
		}
		gone, err := tombstone(key, strings.TrimPrefix(k.ID, "return-"), a.now)
		if err != nil {
			return err
		}
		n++
		if err := deliver(w.kind.stream+"/gone", n, []node{gone}, a.now, nil, nil, emit); err != nil {
			return err
		}
	}
	return nil
}
