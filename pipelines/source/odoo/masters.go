package odoo

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
)

// plain delivers rows as they are.
func (s *shop) plain(_ context.Context, rows []record) (any, error) { return rows, nil }

// snapshot reads a model whole: a price stands on another row than its article and moves no time of it, and a level says
// nothing of when it was.
type snapshot struct {
	shop *shop
	name string
	take func(ctx context.Context) ([]record, error)
}

// Declare describes the source.
func (p *snapshot) Declare() source.Declaration { return declaration() }

// Pull takes a snapshot when one is due. It counts when it is whole.
func (p *snapshot) Pull(ctx context.Context, saved json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := readCursor(saved)
	if err != nil {
		return nil, err
	}
	now, err := p.shop.clock(ctx)
	if err != nil {
		return nil, err
	}
	if taken, err := time.Parse(stamp, c.Taken); err == nil && now.Sub(taken) < p.shop.settings.Duration("stock_every") {
		return saved, nil
	}
	rows, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	n := 0
	for page := range slices.Chunk(rows, 1000) {
		body, err := json.Marshal(page)
		if err != nil {
			return nil, err
		}
		n++
		captures := map[string]string{"as_of": now.Format("2006-01-02T15:04:05Z")}
		if err := emit(source.Page(fmt.Sprintf("%s/%s-%06d.json", p.name, now.Format("20060102T150405"), n), body, now, nil, captures)); err != nil {
			return nil, err
		}
	}
	return source.Encode(cursor{Taken: now.Format(stamp)}), nil
}

// all reads every row of a model, page by page in the order of their numbers.
func (s *shop) all(ctx context.Context, model string, fields []string, domain []any) ([]record, error) {
	var all []record
	for last := int64(0); ; {
		rows, err := s.search(ctx, model, fields, append([]any{leaf("id", ">", last)}, domain...), "id asc", 1000)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.id() <= last {
				return nil, fault.New(fault.Unavailable, "filter_ignored", model, "a module or a proxy changes how rows are searched", "rows behind number %d were asked for, and number %d came", last, row.id())
			}
			last = row.id()
		}
		if all = append(all, rows...); len(rows) < 1000 {
			return all, nil
		}
	}
}

// products reads what the tills sell.
func (s *shop) products(ctx context.Context) ([]record, error) {
	return s.all(ctx, "product.product", productFields, []any{leaf("available_in_pos", "=", true)})
}

// stock reads the levels of internal places, one record per article with all its places.
func (s *shop) stock(ctx context.Context) ([]record, error) {
	quants, err := s.all(ctx, "stock.quant", []string{"product_id", "location_id", "quantity", "reserved_quantity"}, []any{leaf("location_id.usage", "=", "internal")})
	if err != nil {
		return nil, err
	}
	of, articles := map[int64][]record{}, map[int64]bool{}
	for _, quant := range quants {
		id := quant.reference("product_id")
		of[id], articles[id] = append(of[id], quant), true
	}
	named, err := s.byID(ctx, "product.product", articles, []string{"default_code", "barcode"})
	if err != nil {
		return nil, err
	}
	var all []record
	for _, id := range sortedIDs(articles) {
		row := named[id]
		if row == nil {
			row = record{"id": encoded(id)}
		}
		row["quants"] = encoded(of[id])
		all = append(all, row)
	}
	return all, nil
}

func sortedIDs(of map[int64]bool) []int64 {
	return slices.SortedFunc(maps.Keys(of), cmp.Compare)
}
