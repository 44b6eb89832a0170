package taobao

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/router"
)

// items is the stream of articles and their stock: snapshots, for the platform has no movements.
type items struct{ *shop }

type itemCursor struct {
	Taken time.Time `json:"taken,omitzero"`
}

const (
	itemFields = "num_iid,title,outer_id,price,num,modified,approve_status,has_sku,barcode,cid"
	skuFields  = "sku_id,num_iid,outer_id,price,quantity,properties_name,modified,barcode,status"
	skuItems   = 40 // most items per question for their SKUs
)

// Declare describes the source.
func (i *items) Declare() source.Declaration { return declaration() }

// Pull takes a snapshot of all items on sale and in the warehouse, each with its SKUs, when the last one is old enough. Its
// pages count together or not at all.
func (i *items) Pull(ctx context.Context, saved json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := source.ReadCursor[itemCursor](saved)
	if err != nil {
		return nil, err
	}
	now, err := i.serverNow(ctx)
	if err != nil {
		return nil, err
	}
	if !c.Taken.IsZero() && now.Before(c.Taken.Add(i.settings.Duration("stock_every"))) {
		return saved, nil
	}
	captures := map[string]string{"as_of": now.UTC().Format("2006-01-02T15:04:05Z")}
	n := 0
	taken := map[string]bool{}
	for _, list := range []string{"taobao.items.onsale.get", "taobao.items.inventory.get"} {
		if err := i.all(ctx, list, taken, func(rows []json.RawMessage) error {
			body, err := i.withSKUs(ctx, list, rows)
			if err != nil {
				return err
			}
			n++
			return emit(source.Page(fmt.Sprintf("items/%s-%06d.json", now.UTC().Format("20060102T150405"), n), body, now, nil, captures))
		}); err != nil {
			return nil, err
		}
	}
	return source.Encode(itemCursor{now}), nil
}

// all reads a list of items until a pass of its pages shows as many as it counts; items move while it is read.
func (i *items) all(ctx context.Context, method string, taken map[string]bool, each func([]json.RawMessage) error) error {
	var total int64
	seen := map[string]bool{}
	for range 3 {
		for page := 1; ; page++ {
			p, err := i.list(ctx, method, "items.item", map[string]string{"fields": itemFields, "page_no": strconv.Itoa(page), "page_size": strconv.Itoa(i.size), "order_by": "list_time:asc"})
			if err != nil {
				return err
			}
			total = p.Total
			var fresh []json.RawMessage
			for _, row := range p.Rows {
				id, err := itemID(row)
				if err != nil {
					return err
				}
				seen[id] = true
				if !taken[id] {
					taken[id] = true
					fresh = append(fresh, row)
				}
			}
			if len(fresh) > 0 {
				if err := each(fresh); err != nil {
					return err
				}
			}
			if len(p.Rows) == 0 || int64(page*i.size) >= p.Total {
				break
			}
		}
		if int64(len(seen)) >= total {
			return nil
		}
	}
	return fault.New(fault.Unavailable, "endless_pages", method, "run again later; if it stays, the platform ignores the page number", "%d items are said to exist, the pages show %d", total, len(seen))
}

func itemID(row json.RawMessage) (string, error) {
	var one struct {
		ID json.RawMessage `json:"num_iid"`
	}
	if err := json.Unmarshal(row, &one); err != nil || one.ID == nil {
		return "", fault.New(fault.Unavailable, "field_missing", "num_iid", "report this with the platform's version", "an item has no num_iid")
	}
	return router.Text(one.ID), nil
}

// withSKUs writes items as JSON lines, each row of the platform beside the rows of its SKUs.
func (i *items) withSKUs(ctx context.Context, list string, rows []json.RawMessage) ([]byte, error) {
	skus := map[string][]json.RawMessage{}
	var ids []string
	for _, row := range rows {
		id, err := itemID(row)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	for rest := ids; len(rest) > 0; {
		some := rest[:min(len(rest), skuItems)]
		rest = rest[len(some):]
		a, err := i.gateway.Call(ctx, "taobao.item.skus.get", map[string]string{"fields": skuFields, "num_iids": strings.Join(some, ",")})
		if err != nil {
			return nil, err
		}
		var said struct {
			SKUs struct {
				SKU []json.RawMessage `json:"sku"`
			} `json:"skus"`
		}
		if err := json.Unmarshal(a.Result, &said); err != nil {
			return nil, router.Unexpected(err, "taobao.item.skus.get")
		}
		for _, row := range said.SKUs.SKU {
			id, err := itemID(row)
			if err != nil {
				return nil, err
			}
			skus[id] = append(skus[id], row)
		}
	}
	var all bytes.Buffer
	for n, row := range rows {
		line, err := json.Marshal(map[string]any{"list": list, "item": row, "skus": skus[ids[n]]})
		if err != nil {
			return nil, err
		}
		all.Write(append(line, '\n'))
	}
	return all.Bytes(), nil
}
