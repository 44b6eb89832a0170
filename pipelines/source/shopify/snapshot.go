package shopify

import (
	"context"
	"encoding/json"
	"time"

	"github.com/omoflow/omoflow/pipelines/source"
)

// snapshot is a stream of which everything is read when the last reading is old enough: stock levels and locations.
type snapshot struct {
	*shop
	stream string
}

type snapshotCursor struct {
	Taken time.Time `json:"taken,omitzero"`
}

// Declare describes the source.
func (s *snapshot) Declare() source.Declaration { return declaration() }

// Pull reads everything when due. All pages count together or not at all.
func (s *snapshot) Pull(ctx context.Context, text json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := source.ReadCursor[snapshotCursor](text)
	if err != nil {
		return nil, err
	}
	a, err := s.about(ctx)
	if err != nil {
		return nil, err
	}
	if !c.Taken.IsZero() && a.now.Before(c.Taken.Add(s.settings.Duration(s.stream+"_every"))) {
		return text, nil
	}
	root, fields, arguments := "locations", placeFields, "includeInactive: true, includeLegacy: true"
	captures := map[string]string(nil)
	if s.stream == "stock" {
		root, fields, arguments = "inventoryItems", itemFields(), ""
		captures = map[string]string{"as_of": a.now.Format(stamp)}
	}
	for n, after := 1, ""; ; n++ {
		got, at, err := s.page(ctx, "list_"+s.stream, root, fields, arguments, "", after, s.size)
		if err != nil {
			return nil, err
		}
		docs := got.Nodes
		if s.stream == "stock" {
			if docs, err = s.levels(ctx, got.Nodes, itemLevels()); err != nil {
				return nil, err
			}
		}
		if err := deliver(s.stream, n, docs, at, nil, captures, emit); err != nil {
			return nil, err
		}
		if after = got.PageInfo.End; !got.PageInfo.More {
			return source.Encode(snapshotCursor{a.now}), nil
		}
	}
}

const placeFields = "id name isActive isFulfillmentService updatedAt address { city province countryCode }"

func itemLevels() connection {
	return connection{"inventoryLevels", `id updatedAt location { id } quantities(names: ["available", "on_hand", "incoming"]) { name quantity }`}
}

func itemFields() string { return "id sku tracked variant { id } " + itemLevels().selection(20) }

// levels gives the levels of items, one record each, with the quantities by name.
func (s *snapshot) levels(ctx context.Context, items []node, inner connection) ([]node, error) {
	var docs []node
	for _, item := range items {
		if err := s.complete(ctx, "InventoryItem", item, []connection{inner}); err != nil {
			return nil, err
		}
		var levels []node
		if err := json.Unmarshal(item[inner.name], &levels); err != nil {
			return nil, unexpected(inner.name, err)
		}
		delete(item, inner.name)
		for _, l := range levels {
			var quantities []struct {
				Name     string      `json:"name"`
				Quantity json.Number `json:"quantity"`
			}
			if err := json.Unmarshal(l["quantities"], &quantities); err != nil {
				return nil, unexpected("quantities", err)
			}
			named := map[string]json.Number{}
			for _, q := range quantities {
				named[q.Name] = q.Quantity
			}
			if err := l.set("omoflow", named); err != nil {
				return nil, err
			}
			if err := l.set("item", item); err != nil {
				return nil, err
			}
			docs = append(docs, l)
		}
	}
	return docs, nil
}
