package world

import "fmt"

// openStock decides what each place carries and with how much it opens.
func (s *sim) openStock() {
	n := len(s.products)
	s.stocked, s.target = make([][]bool, len(s.places)), make([][]int, len(s.places))
	s.onHand, s.opening = make([][]int, len(s.places)), make([][]int, len(s.places))
	for place := range s.places {
		s.stocked[place], s.target[place] = make([]bool, n), make([]int, n)
		s.onHand[place], s.opening[place] = make([]int, n), make([]int, n)
		lines := s.weeklyLines(place)
		for sku := range n {
			carried := place >= s.o.Stores || sku < n/8 || hash(s.o.Seed, "range "+s.places[place], sku, 0)%10 < 4
			if !carried {
				continue
			}
			s.stocked[place][sku] = true
			s.target[place][sku] = 3 + demand(lines, sku, n)*4
			s.opening[place][sku] = s.target[place][sku] + int(hash(s.o.Seed, "opening "+s.places[place], sku, 0)%4)
			s.onHand[place][sku] = s.opening[place][sku]
		}
	}
}

// weeklyLines estimates how many lines a place serves in a week; the west warehouse also feeds the stores.
func (s *sim) weeklyLines(place int) int {
	weight := 0
	switch {
	case place < s.o.Stores:
		weight = s.units[place].weight
	case place == s.o.Stores:
		weight = 100_000
	default:
		weight = s.units[s.o.Stores].weight
	}
	return s.o.LinesPerDay * 7 * weight / 100_000
}

// demand is the units of an article in so many lines, rounded up: the density of skewed(), 1.28 units a line,
// and twice for the share of articles that a store does not carry.
func demand(lines, sku, n int) int {
	left := int64(n - sku)
	density := 3 * left * left // of n cubed
	cube := int64(n) * int64(n) * int64(n)
	return int((int64(lines)*density*5/2 + cube - 1) / cube)
}

// replenish refills each store once a week from the west warehouse and the warehouses from the suppliers.
func (s *sim) replenish(f *dayFacts) {
	for place := range s.places {
		if (f.day+place)%7 != 3 {
			continue
		}
		for sku := range s.products {
			missing := s.target[place][sku] - s.onHand[place][sku]
			if !s.stocked[place][sku] || missing*2 < s.target[place][sku] {
				continue
			}
			if place < s.o.Stores {
				s.transfer(f, place, sku, missing)
			} else {
				s.moveNo++
				s.move(f, movement{id: fmt.Sprintf("GR%08d", s.moveNo), kind: "receipt", ref: fmt.Sprintf("PO-%d-%s", f.day, s.places[place]), day: f.day, sec: 7 * 3600, place: place, counterpart: -1, sku: sku, qty: missing})
			}
		}
	}
}

// transfer moves goods before the stores open; it never takes more than the warehouse has.
func (s *sim) transfer(f *dayFacts, store, sku, qty int) {
	west := s.o.Stores
	qty = min(qty, s.onHand[west][sku])
	if qty <= 0 {
		return
	}
	s.moveNo++
	ref := fmt.Sprintf("TR-%d-%s", f.day, s.places[store])
	s.move(f, movement{id: fmt.Sprintf("TO%08d", s.moveNo), kind: "transfer_out", ref: ref, day: f.day, sec: 8 * 3600, place: west, counterpart: store, sku: sku, qty: -qty})
	s.move(f, movement{id: fmt.Sprintf("TI%08d", s.moveNo), kind: "transfer_in", ref: ref, day: f.day, sec: 9 * 3600, place: store, counterpart: west, sku: sku, qty: qty})
}

func (s *sim) move(f *dayFacts, m movement) {
	s.onHand[m.place][m.sku] += m.qty
	f.moves = append(f.moves, m)
}

// countedPerTake is how many articles a stocktake covers.
const countedPerTake = 150

// countStock is the monthly count of a store after closing: book, shrink found, adjustment booked.
func (s *sim) countStock(f *dayFacts, store int) {
	if (f.day+2*store)%30 != 28 {
		return
	}
	r := stream(s.o.Seed, "count "+s.places[store], f.day, 0)
	start := r.IntN(len(s.products))
	for i := 0; i < len(s.products) && len(f.counts[store]) < countedPerTake; i++ {
		sku := (start + i) % len(s.products)
		if !s.stocked[store][sku] {
			continue
		}
		book := s.onHand[store][sku]
		counted := book
		switch pick(r, 92, 7, 1) {
		case 1:
			counted = max(0, book-1-r.IntN(2))
		case 2:
			counted = book + 1
		}
		f.counts[store] = append(f.counts[store], count{place: store, sku: sku, book: book, counted: counted})
		if counted != book {
			s.moveNo++
			s.move(f, movement{id: fmt.Sprintf("AD%08d", s.moveNo), kind: "adjustment", ref: s.takeID(store, f.day), day: f.day, sec: 22*3600 + 2700, place: store, counterpart: -1, sku: sku, qty: counted - book})
		}
	}
}

func (s *sim) takeID(store, day int) string {
	return "ST-" + s.places[store] + "-" + s.date(day).Format("20060102")
}
