package world

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// deliveries lists what a day's events put on the way: files due today, and the late, corrected and doubled
// ones that it schedules for later days.
func (s *sim) deliveries(f *dayFacts) (due []*delivery) {
	for store := range s.o.Stores {
		due = append(due, s.tillFiles(f, store)...)
	}
	due = append(due, s.shopifyFiles(f)...)
	due = append(due, s.tmallFiles(f)...)
	due = append(due, s.wooFiles(f)...)
	due = append(due, s.customerFiles(f.day)...)
	due = append(due, s.masterFiles(f.day)...)
	due = append(due, s.flowFiles(f)...)
	due = append(due, s.settlementFiles(f)...)
	for _, d := range due {
		d.asked = slices.ContainsFunc(s.o.Asked, func(source string) bool { return strings.HasPrefix(d.path, source+"/") })
		d.day, d.modified = f.day, s.date(f.day).Add(15*time.Hour+30*time.Minute) // 23:30 in Shanghai
	}
	return due
}

// postpone schedules a delivery for a later day.
func (s *sim) postpone(d *delivery, day int) {
	d.day, d.modified = day, s.date(day).Add(2*time.Hour)
	s.later[day] = append(s.later[day], d)
}

// The calendar of faults, by day and store: each occurs within 40 days and again around day 74, so that a
// delivery that ends with day 74 of 90 leaves one of each to the next.
func (s *sim) isLate(day, store int) bool { return day%45 == 28 && store == (day/45*5+2)%s.o.Stores }
func (s *sim) isCorrected(day, store int) bool {
	return day%40 == 34 && store == (day/40*3+5)%s.o.Stores
}
func (s *sim) isDoubled(day, store int) bool { return day%50 == 24 && store == (day/50+1)%s.o.Stores }

const (
	lateBy      = 5
	correctedBy = 2
)

// tillFiles gives a store's export: on time, late, first cut short and then corrected, or sent twice.
func (s *sim) tillFiles(f *dayFacts, store int) []*delivery {
	all, backs := f.orders[store], f.tills[store]
	if len(all)+len(backs) == 0 {
		return nil
	}
	kind := s.units[store].dialect
	whole := s.tillFile(f.day, store, all, backs)
	whole.facts = func(t *tally) { t.sales(all); t.refunds(backs) }
	switch {
	case s.isLate(f.day, store):
		s.postpone(whole, f.day+lateBy)
		return nil
	case s.isCorrected(f.day, store) && len(all) > 3:
		kept := all[:len(all)*3/4] // exported before closing
		first := s.tillFile(f.day, store, kept, nil)
		first.facts = func(t *tally) { t.sales(kept) }
		rest := all[len(kept):]
		whole.corrects = true
		whole.facts = func(t *tally) { t.sales(rest); t.refunds(backs) }
		s.postpone(whole, f.day+correctedBy)
		return []*delivery{first}
	case s.isDoubled(f.day, store):
		again := s.tillFile(f.day, store, all, backs)
		again.copyOf = whole.path
		again.path = fmt.Sprintf("%s/%s%s-%s (1)%s", sourceNames[sourcePOS], dialects[kind].prefix, s.places[store], s.iso(f.day), dialects[kind].suffix)
		s.postpone(again, f.day+1)
	}
	return []*delivery{whole}
}

func (s *sim) tillFile(day, store int, orders []order, backs []refund) *delivery {
	kind := s.units[store].dialect
	rows := s.tillRows(orders, backs)
	d := &delivery{path: fmt.Sprintf("%s/%s%s-%s%s", sourceNames[sourcePOS], dialects[kind].prefix, s.places[store], s.iso(day), dialects[kind].suffix),
		feed: "pos/" + tillFeeds[kind], encoding: dialects[kind].encoding, records: len(rows)}
	if kind == backOffice {
		d.ignored = 1
	}
	if kind != workbook {
		if how := s.spoil(s.places[store], day, len(rows)); how != 0 {
			rows = withSpoiled(rows, how)
			d.quarantined = 1
		}
	}
	d.render = func(t *text) { s.renderTill(t, kind, rows) }
	return d
}

// tillFeeds are the feeds of the demo's omoflow.yaml, by dialect.
var tillFeeds = [...]string{loyverse: "receipts", backOffice: "sales_detail", semicolon16: "verkauf", semicolon1252: "verkauf", workbook: "orders"}

func (s *sim) shopifyFiles(f *dayFacts) (due []*delivery) {
	u := s.o.Stores
	orders, backs := f.orders[u], f.refunds[u]
	if len(orders) > 0 {
		d := &delivery{path: fmt.Sprintf("shopify/orders-%s.csv", s.iso(f.day)), feed: "shopify/orders", records: lineCount(orders), facts: func(t *tally) { t.sales(orders) }}
		shown := orders
		if f.day%7 == 0 && s.yesterday != nil { // the weekly export overlaps by a day
			before := s.yesterday.orders[u]
			d.repeated = lineCount(before)
			d.records += d.repeated
			shown = append(append([]order(nil), before...), orders...)
		}
		d.render = func(t *text) { s.renderShopify(t, shown) }
		due = append(due, d)
	}
	if len(backs) > 0 {
		due = append(due, &delivery{path: fmt.Sprintf("shopify/refunds-%s.csv", s.iso(f.day)), feed: "shopify/refunds", records: len(backs), render: func(t *text) { s.renderShopifyRefunds(t, backs) }, facts: func(t *tally) { t.refunds(backs) }})
	}
	return due
}

func lineCount(orders []order) (n int) {
	for i := range orders {
		n += len(orders[i].lines)
	}
	return n
}

func (s *sim) tmallFiles(f *dayFacts) []*delivery {
	u := s.o.Stores + 1
	if len(f.orders[u])+len(f.settled)+len(f.reshown) == 0 {
		return nil
	}
	due := []*delivery{{path: fmt.Sprintf("tmall/ExportOrderList-%s.csv", s.iso(f.day)), feed: "tmall/orders", encoding: gb18030, records: len(f.orders[u]) + len(f.settled) + len(f.reshown),
		render: func(t *text) { s.renderTmall(t, f, u) }, facts: func(t *tally) { t.sales(f.orders[u]); t.settle(f.settled); t.refunds(f.reshown) }}}
	if n := lineCount(f.orders[u]); n > 0 {
		due = append(due, &delivery{path: fmt.Sprintf("tmall/ExportOrderDetailList-%s.csv", s.iso(f.day)), feed: "tmall/items", encoding: gb18030, records: n, render: func(t *text) { s.renderTmallItems(t, f.orders[u]) }})
	}
	return due
}

func (s *sim) wooFiles(f *dayFacts) (due []*delivery) {
	u := s.o.Stores + 2
	orders, backs := f.orders[u], f.refunds[u]
	if n := lineCount(orders); n > 0 {
		broken := s.spoil("WOO", f.day, n)
		d := &delivery{path: fmt.Sprintf("woo/order-items-%s.jsonl.gz", s.iso(f.day)), feed: "woo/orders", encoding: gzipped, records: n, render: func(t *text) { s.renderWoo(t, orders, broken) }, facts: func(t *tally) { t.sales(orders) }}
		if broken != 0 {
			d.quarantined = 1
		}
		due = append(due, d)
	}
	if len(backs) > 0 {
		due = append(due, &delivery{path: fmt.Sprintf("woo/refunds-%s.jsonl", s.iso(f.day)), feed: "woo/refunds", records: len(backs), render: func(t *text) { s.renderWooRefunds(t, backs) }, facts: func(t *tally) { t.refunds(backs) }})
	}
	return due
}

// customerFiles are weekly: everybody on day 0, then the records of the week before.
func (s *sim) customerFiles(day int) (due []*delivery) {
	if day%7 != 0 {
		return nil
	}
	shapes := [...]struct {
		pattern  string
		encoding int
	}{{"pos/members-%s.csv", utf8Plain}, {"shopify/customers-%s.csv", utf8Plain}, {"tmall/buyers-%s.csv", gb18030}, {"woo/customers-%s.jsonl", utf8Plain}}
	for source, shape := range shapes {
		from, to := 0, s.people.known(source, day)
		if day > 0 {
			week := day - 7
			for s.closed(week) {
				week -= 7
			}
			from = s.people.known(source, week)
		}
		if to == from {
			continue
		}
		due = append(due, &delivery{path: fmt.Sprintf(shape.pattern, s.iso(day)), feed: sourceNames[source] + "/customers", encoding: shape.encoding, records: to - from,
			render: func(t *text) { s.renderCustomers(t, source, from, to) }, facts: func(t *tally) { t.known[source] = to }})
	}
	return due
}

func (s *sim) masterFiles(day int) (due []*delivery) {
	add := func(name, feed string, rows int, render func(t *text)) {
		if rows > 0 {
			due = append(due, &delivery{path: fmt.Sprintf("erp/%s-%s.csv", name, s.iso(day)), feed: "erp/" + feed, records: rows, render: render})
		}
	}
	add("fx", "rates", s.rateRows(day), func(t *text) { s.renderRates(t, day) })
	if day == costChangeDay {
		add("products", "products", s.changedProducts(), func(t *text) { s.renderProducts(t, true) })
	}
	if day == 0 {
		add("products", "products", len(s.products), func(t *text) { s.renderProducts(t, false) })
		add("product-aliases", "aliases", 4*len(s.products), s.renderAliases)
		add("locations", "locations", len(s.units)+2, s.renderLocations)
		add("targets", "targets", 12*(len(s.units)+3), s.renderTargets)
		add("promotions", "promotions", len(s.campaigns), s.renderCampaigns)
		add("stock-levels", "levels", s.openingRows(), s.renderOpening)
	}
	return due
}

func (s *sim) flowFiles(f *dayFacts) (due []*delivery) {
	if len(f.moves) > 0 {
		due = append(due, &delivery{path: fmt.Sprintf("erp/movements-%s.csv", s.iso(f.day)), feed: "erp/movements", records: len(f.moves), render: func(t *text) { s.renderMoves(t, f.moves) }, facts: func(t *tally) { t.moves(f.moves) }})
	}
	for store, counts := range f.counts {
		if len(counts) > 0 {
			due = append(due, &delivery{path: fmt.Sprintf("erp/stocktake-%s-%s.csv", s.places[store], s.iso(f.day)), feed: "erp/stocktakes", records: len(counts), render: func(t *text) { s.renderCounts(t, store, f.day, counts) }, facts: func(t *tally) { t.count(store, f.day, counts) }})
		}
	}
	due = append(due, &delivery{path: fmt.Sprintf("traffic/doors-%s.csv", s.iso(f.day)), feed: "traffic/doors", records: len(f.visitors) * openingHours, render: func(t *text) { s.renderDoors(t, f) }, facts: func(t *tally) { t.doors(f) }},
		&delivery{path: fmt.Sprintf("traffic/web-%s.csv", s.iso(f.day)), feed: "traffic/web", records: len(f.web), render: func(t *text) { s.renderWeb(t, f) }})
	if len(f.voices) > 0 {
		due = append(due, &delivery{path: fmt.Sprintf("care/feedback-%s.csv", s.iso(f.day)), feed: "care/feedback", records: len(f.voices), render: func(t *text) { s.renderVoices(t, f) }})
	}
	return due
}
