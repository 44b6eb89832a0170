package world

import (
	"fmt"
	"strconv"
)

// renderOpening writes the stock of the first morning.
func (s *sim) renderOpening(t *text) {
	t.row("location", "sku", "on_hand", "unit_cost", "as_of")
	for place, name := range s.places {
		for sku, p := range s.products {
			if s.stocked[place][sku] {
				t.row(name, p.sku, strconv.Itoa(s.opening[place][sku]), money(p.cost), s.stamp(0, 0))
			}
		}
	}
}

func (s *sim) openingRows() (n int) {
	for _, stocked := range s.stocked {
		for _, is := range stocked {
			if is {
				n++
			}
		}
	}
	return n
}

func (s *sim) renderMoves(t *text, moves []movement) {
	t.row("movement", "kind", "location", "counterpart", "sku", "quantity", "unit_cost", "occurred_at", "reference")
	for _, m := range moves {
		counterpart := ""
		if m.counterpart >= 0 {
			counterpart = s.places[m.counterpart]
		}
		p := s.products[m.sku]
		t.row(m.id, m.kind, s.places[m.place], counterpart, p.sku, strconv.Itoa(m.qty), money(p.costOn(m.day)), s.stamp(m.day, m.sec), m.ref)
	}
}

func (s *sim) renderCounts(t *text, store, day int, counts []count) {
	t.row("stocktake", "location", "sku", "book", "counted", "counted_at", "due_on", "counted_by")
	for _, c := range counts {
		t.row(s.takeID(store, day), s.places[store], s.products[c.sku].sku, strconv.Itoa(c.book), strconv.Itoa(c.counted), s.stamp(day, 22*3600+1800), s.iso(day), "clerk-"+s.places[store])
	}
}

// renderDoors writes every store's hours; a counter that was down delivers an empty cell and says so.
func (s *sim) renderDoors(t *text, f *dayFacts) {
	t.row("store", "hour", "visitors", "counter")
	for store, hours := range f.visitors {
		for h, v := range hours {
			visitors, state := strconv.Itoa(v.visitors), "ok"
			if v.blind {
				visitors, state = "", "down"
			}
			t.row(s.places[store], s.stamp(f.day, (10+h)*3600), visitors, state)
		}
	}
}

func (s *sim) renderWeb(t *text, f *dayFacts) {
	t.row("shop", "date", "visitors", "sessions", "product_views", "carts", "checkouts", "orders")
	for i, w := range f.web {
		u := s.units[s.o.Stores+i]
		t.row(platformNames[u.dialect], s.iso(f.day), strconv.Itoa(w.visitors), strconv.Itoa(w.sessions), strconv.Itoa(w.views), strconv.Itoa(w.carts), strconv.Itoa(w.checkouts), strconv.Itoa(w.orders))
	}
}

func (s *sim) renderVoices(t *text, f *dayFacts) {
	t.row("id", "kind", "channel", "location", "order", "score", "scale", "topic", "text", "received_at", "answered_at")
	for _, v := range f.voices {
		u := s.units[v.unit]
		answered := ""
		if v.answerHours > 0 {
			sec := v.sec + v.answerHours*3600
			answered = s.stamp(f.day+sec/86_400, sec%86_400)
		}
		t.row(fmt.Sprintf("FB-%d-%04d", f.day, v.number), v.kind, channelOf(u), u.location, s.orderID(&f.orders[v.unit][v.order]), strconv.Itoa(v.score), strconv.Itoa(v.scale), v.topic, v.text, s.stamp(f.day, v.sec), answered)
	}
}

func channelOf(u unit) string {
	if u.online {
		return "online"
	}
	return "store"
}

// orderID is the order's id in its source, as the demo's profiles make it.
func (s *sim) orderID(o *order) string {
	u := s.units[o.unit]
	switch u.dialect {
	case loyverse:
		return u.location + "-" + loyverseNumber(o.number)
	case backOffice:
		return u.location + fmt.Sprintf("-%07d", o.number)
	case workbook:
		return u.location + fmt.Sprintf("-R%07d", o.number)
	case shopify:
		return shopifyName(o.number)
	case tmall:
		return tmallNumber(o.number)
	case woo:
		return strconv.Itoa(100 + o.number)
	}
	return u.location + "-" + strconv.Itoa(o.number)
}
