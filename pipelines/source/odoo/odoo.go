// Package odoo is the source of an Odoo's point of sale: orders with lines and payments, customers, products and stock,
// over its external API (JSON-RPC).
package odoo

import (
	"context"
	"embed"
	"fmt"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

// Name is the kind that omoflow.yaml names.
const Name = "odoo"

//go:embed profiles/*.yaml
var profiles embed.FS

// Platform is the line of the registry.
func Platform() source.Platform { return source.Platform{Declaration: declaration(), Open: open} }

// shop is an opened database.
type shop struct {
	*server
	settings source.Settings
	size     int
	overlap  time.Duration
}

func open(_ context.Context, s source.Settings) (source.API, error) {
	one := &shop{settings: s, size: int(s.Number("page_size")), overlap: s.Duration("overlap")}
	var err error
	one.server, err = connect(httpapi.Common(s), s)
	return one, err
}

// Feeds lists the configured streams.
func (s *shop) Feeds() []source.Feed {
	zone := s.settings.Zone
	if zone == "" {
		zone = "UTC"
	}
	return s.settings.Feeds(func(name string) source.Feed {
		feed := source.Feed{Profile: source.Mapping(profiles, "odoo-"+name, "{{zone}}", zone)}
		switch name {
		case "orders":
			w := &walk{shop: s, name: name, model: "pos.order", fields: orderFields, compose: s.orders}
			feed.Source, feed.Reconcile = w, w
		case "customers":
			feed.Source = &walk{shop: s, name: name, model: "res.partner", fields: partnerFields, domain: []any{leaf("customer_rank", ">", 0)}, compose: s.plain}
		case "products":
			feed.Source = &snapshot{shop: s, name: name, take: s.products}
		case "stock":
			feed.Source, feed.Captures = &snapshot{shop: s, name: name, take: s.stock}, []string{"as_of"}
		}
		return feed
	})
}

// Check signs in and asks for one row of every model that the streams read.
func (s *shop) Check(ctx context.Context) []source.Probe {
	version := source.Probe{What: "sign in"}
	var said struct {
		Version string `json:"server_version"`
	}
	if version.Err = s.ask(ctx, "common", "version", nil, &said); version.Err == nil {
		version.Note = "Odoo " + said.Version
		_, version.Err = s.user(ctx)
	}
	probes := []source.Probe{version}
	if version.Err != nil {
		return probes
	}
	models := map[string][]string{"orders": {"pos.order", "pos.order.line", "pos.payment", "pos.config", "product.product", "res.partner"}, "customers": {"res.partner"}, "products": {"product.product"}, "stock": {"stock.quant"}}
	asked := map[string]bool{}
	for _, stream := range s.settings.List("streams") {
		for _, model := range models[stream] {
			if asked[model] {
				continue
			}
			asked[model] = true
			var count int64
			err := s.call(ctx, model, "search_count", []any{[]any{}}, nil, &count)
			probes = append(probes, source.Probe{What: "read " + model, Note: fmt.Sprintf("%d records", count), Err: err})
		}
	}
	if asked["pos.order"] {
		probes = append(probes, s.checkCursor(ctx))
	}
	return probes
}

// checkCursor asks for orders of the far future: a server that gives any ignores the filter.
func (s *shop) checkCursor(ctx context.Context) source.Probe {
	var count int64
	err := s.call(ctx, "pos.order", "search_count", []any{[]any{leaf("write_date", ">=", "2099-01-01 00:00:00")}}, nil, &count)
	if err == nil && count > 0 {
		err = fault.New(fault.Unavailable, "filter_ignored", "pos.order", "a module changes how orders are searched; without write_date no cursor works", "the server was asked for orders of the year 2099 and counts %d", count)
	}
	return source.Probe{What: "cursor", Note: "write_date filters", Err: err}
}
