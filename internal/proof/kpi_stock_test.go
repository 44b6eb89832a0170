package proof

import (
	"time"

	"github.com/omoflow/omoflow/internal/world"
)

// stockDay is an article in a place at the end of a day.
type stockDay struct {
	date, place, sku                             string
	opening, closing, receipts, came, sold, back int64
	value                                        int64
	sinceSale, sinceReceipt                      int // days; 9999 never sold
}

// slowStock carries the stock of every pair from day to day. A pair that is sold out counts for 28 days after its last movement.
func slowStock(e world.Events) (all []stockDay) {
	type pair = [2]string
	type state struct {
		qty                     int64
		moved, sold, got, since time.Time
		known                   bool
	}
	type change struct{ receipts, in, out, sale, back, adjusted int64 }
	changes := map[string]map[pair]*change{}
	at := func(date string, p pair) *change {
		if changes[date] == nil {
			changes[date] = map[pair]*change{}
		}
		if changes[date][p] == nil {
			changes[date][p] = &change{}
		}
		return changes[date][p]
	}
	for _, m := range e.Moves {
		c := at(m.Date, pair{m.Place, m.SKU})
		switch m.Kind {
		case "receipt":
			c.receipts += m.Quantity
		case "transfer_in":
			c.in += m.Quantity
		case "transfer_out":
			c.out -= m.Quantity
		case "return":
			c.back += m.Quantity
		default:
			c.adjusted += m.Quantity
		}
	}
	for _, o := range e.Orders {
		for _, l := range o.Lines {
			if o.Status == "paid" {
				at(o.Date, pair{o.Fulfil, l.SKU}).sale += l.Quantity
			}
		}
	}
	for _, r := range e.Returns {
		if r.Place != "" && !r.MoneyOnly {
			at(r.Date, pair{r.Place, r.Line.SKU}).back += r.Line.Quantity
		}
	}
	states := map[pair]*state{}
	for d := day(e.First); !d.After(day(e.Last)); d = d.AddDate(0, 0, 1) {
		date := d.Format(isoDay)
		if date == e.First {
			for p := range e.Opening {
				at(date, p)
			}
		}
		for p := range changes[date] {
			if states[p] == nil {
				states[p] = &state{since: d}
			}
		}
		for p, s := range states {
			c := changes[date][p]
			opening, level := s.qty, int64(0)
			if date == e.First {
				level = e.Opening[p]
				s.qty = level
			}
			if c == nil {
				c = &change{}
			} else {
				s.moved = d
			}
			s.qty += c.receipts + c.in - c.out - c.sale + c.back + c.adjusted
			if c.sale > 0 {
				s.sold = d
			}
			if c.receipts > 0 || c.in > 0 {
				s.got = d
			}
			if s.qty == 0 && d.Sub(s.moved) > 28*24*time.Hour {
				continue
			}
			row := stockDay{date: date, place: p[0], sku: p[1], opening: opening, closing: s.qty, receipts: c.receipts, came: c.receipts + c.in + max(level, 0), sold: c.sale, back: c.back, value: s.qty * e.Costs[p[1]], sinceSale: 9999}
			row.came += max(c.adjusted, 0)
			if !s.sold.IsZero() {
				row.sinceSale = int(d.Sub(s.sold).Hours() / 24)
			}
			got := s.got
			if got.IsZero() {
				got = s.since
			}
			row.sinceReceipt = int(d.Sub(got).Hours() / 24)
			all = append(all, row)
		}
	}
	return all
}

func (k *slow) inventory() {
	var value, dead, sold, received, pairs, out int64
	available, moved := map[string]bool{}, map[string]int64{}
	for _, s := range k.stock {
		if !k.span.holds(s.date) || !k.scope.holds("", s.place) {
			continue
		}
		pairs++
		value, sold, received = value+s.value, sold+s.sold-s.back, received+s.receipts
		if s.closing <= 0 {
			out++
		}
		if s.date == k.span.lastISO && s.closing > 0 && s.sinceSale >= 60 && s.sinceReceipt >= 60 {
			dead += s.value
		}
		available[s.sku] = available[s.sku] || s.opening > 0 || s.came > 0
		moved[s.sku] += s.sold - s.back
	}
	t := k.sum
	if pairs > 0 {
		elapsed := int64(k.span.last.Sub(k.span.from).Hours()/24) + 1
		cost, margin := t.cost-t.refundCost, t.net-t.refundCovered-t.cost+t.refundCost
		k.put("sell_through", whole(sold), whole(received))
		k.put("no_sale_stock", money(dead), whole(1))
		k.put("inv_turn", money(cost*elapsed), money(value))
		k.put("doh", money(value), money(cost))
		k.put("gmroi", money(margin*364), money(value))
		k.put("oos", whole(out), whole(pairs))
		if k.span.kind != "day" {
			var n, active int64
			for sku, is := range available {
				if is {
					n++
					if moved[sku] > 0 {
						active++
					}
				}
			}
			k.put("active_sku", whole(active), whole(n))
		}
	}
	var counted, exact, lost int64
	for _, c := range k.e.Counts {
		if !k.span.holds(c.Date) || !k.scope.holds("", c.Place) {
			continue
		}
		counted++
		if c.Book == c.Counted {
			exact++
		}
		lost += (c.Book - c.Counted) * c.UnitCost
	}
	if counted > 0 {
		k.put("ira", whole(exact), whole(counted))
		k.put("shrink", money(lost), money(t.net-t.refundNet))
	}
}
