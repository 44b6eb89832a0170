package world

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// Status of an order.
const (
	paid = iota
	cancelled
	unpaid
)

// line is an item; amounts in minor units of the order's currency.
type line struct {
	sku, qty    int
	price       int64
	gross, disc int64
	campaign    int // -1 without
}

func (l line) paid() int64 { return l.gross - l.disc }

// order is a sale, or an attempt at one.
type order struct {
	unit     int
	number   int // counts within the unit
	day, sec int
	currency int
	status   int
	paidDay  int // when an unpaid one is paid, -1 never
	buyer    int // record of the unit's source, -1 anonymous
	guest    bool
	pickup   bool
	byStore  bool // shipped by a store
	fulfil   int  // place whose stock it takes
	shipping int64
	tender   int
	lines    []line
}

func (o *order) total() (gross, disc, net int64) {
	for _, l := range o.lines {
		gross += l.gross
		disc += l.disc
		net += netOf(o.currency, l.paid())
	}
	return gross, disc, net
}

// refund takes one line of an order back.
type refund struct {
	number     int // counts within the unit of the order
	order      order
	line       line
	day, sec   int
	unit       int  // where it was handled
	place      int  // stock that takes the goods, -1 when none come back
	onOwnTill  bool // a refund receipt in the store's own file
	amountOnly bool // money without an article
}

// stated says whether the goods' way back is a stock movement of its own: parcels to a warehouse are. Goods
// handed over in a store show in the refund only.
func (f *refund) stated() bool { return f.place >= 0 && !f.onOwnTill && f.unit == f.order.unit }

// movement is a stated change of stock.
type movement struct {
	id, kind, ref      string
	day, sec           int
	place, counterpart int // counterpart -1 without
	sku, qty           int
}

// count is a stocktake record.
type count struct {
	place, sku, book, counted int
}

// dayFacts is everything that happened on a day.
type dayFacts struct {
	day      int
	orders   [][]order  // by unit
	refunds  [][]refund // by unit of the order, except refunds on a store's own till
	tills    [][]refund // by store: refund receipts
	moves    []movement // stated ones; sales and returns show in the receipts only
	counts   [][]count  // by store, nil when it did not count
	visitors [][]hour   // by store
	web      []webDay   // by online shop
	voices   []voice    // feedback
	settled  []order    // unpaid before, paid today
	reshown  []refund   // platform orders whose refund column changed today
}

// sim is the state that a day leaves for the next: counters, stock, returns to come, files to come.
type sim struct {
	o         Options
	products  []product
	people    *people
	units     []unit
	places    []string
	campaigns []campaign
	stocked   [][]bool // place, sku
	target    [][]int  // place, sku: stock that replenishment aims at
	onHand    [][]int
	opening   [][]int
	receipts  []int // by unit: order counter
	refundNo  []int
	returns   map[int][]refund
	unsettled map[int][]order
	later     map[int][]*delivery
	yesterday *dayFacts
	moveNo    int
}

func newSim(opts Options) (*sim, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &sim{o: o, products: newCatalog(o), people: newPeople(o), campaigns: newCampaigns(),
		returns: map[int][]refund{}, unsettled: map[int][]order{}, later: map[int][]*delivery{}}
	if s.closed(costChangeDay) { // nobody would tell the new prices
		for i := range s.products {
			s.products[i].newCost = s.products[i].cost
		}
	}
	s.units, s.places = newUnits(o)
	s.receipts, s.refundNo = make([]int, len(s.units)), make([]int, len(s.units))
	s.openStock()
	return s, nil
}

// step simulates the next day and gives the files that arrive on it. Days must be stepped in order from 0.
func (s *sim) step(day int) []*delivery {
	if s.closed(day) {
		s.rest(day)
		due := s.later[day]
		delete(s.later, day)
		return due
	}
	f := s.simulate(day)
	due := append(s.deliveries(f), s.later[day]...)
	delete(s.later, day)
	s.yesterday = f
	slices.SortStableFunc(due, func(a, b *delivery) int { return cmp.Compare(a.path, b.path) })
	return due
}

func (s *sim) closed(day int) bool { return day >= s.o.ClosedFrom && day < s.o.ClosedTo }

// opens tells whether a day is the first after nothing was published.
func (s *sim) opens(day int) bool { return day == 0 || day == s.o.ClosedTo }

// rest leaves what was due on a closed day to the next one.
func (s *sim) rest(day int) {
	for _, f := range s.returns[day] {
		f.day++
		s.returns[f.day] = append(s.returns[f.day], f)
	}
	for _, o := range s.unsettled[day] {
		o.paidDay++
		s.unsettled[o.paidDay] = append(s.unsettled[o.paidDay], o)
	}
	delete(s.returns, day)
	delete(s.unsettled, day)
}

func (s *sim) simulate(day int) *dayFacts {
	n := len(s.units)
	f := &dayFacts{day: day, orders: make([][]order, n), refunds: make([][]refund, n), tills: make([][]refund, s.o.Stores), counts: make([][]count, s.o.Stores)}
	s.replenish(f)
	f.settled = s.unsettled[day]
	delete(s.unsettled, day)
	for u := range s.units {
		f.orders[u] = s.trade(u, day)
	}
	s.settleReturns(f)
	for store := range s.o.Stores {
		s.countStock(f, store)
	}
	s.watch(f)
	s.listen(f)
	return f
}

// weekday factors in percent: stores live from the weekend, online shops from the week.
var storeWeek, webWeek = [7]int{135, 85, 85, 90, 95, 115, 140}, [7]int{95, 105, 105, 102, 100, 98, 95}

// trade makes a unit's orders of a day, in order of time, and takes the goods from stock.
func (s *sim) trade(u, day int) []order {
	at := s.units[u]
	if at.online && s.people.known(at.source, day/7*7) == 0 {
		return nil // a very small world: nobody has an account yet
	}
	r := stream(s.o.Seed, "trade "+at.location, day, 0)
	week := storeWeek
	if at.online {
		week = webWeek
	}
	lines := s.o.LinesPerDay * at.weight / 1000 * week[s.date(day).Weekday()] / 100 * (85 + r.IntN(31)) / 100 / 100
	var all []order
	for made, misses := 0, 0; (made < lines || len(all) == 0) && misses < 50; {
		o := s.newOrder(r, u, day)
		s.fill(r, &o)
		if len(o.lines) == 0 {
			misses++ // everything it wanted is out of stock
			continue
		}
		made += len(o.lines)
		all = append(all, o)
	}
	first, span := 10*3600, 12*3600-60
	if at.online {
		first, span = 1, 24*3600-61 // midnight is when the opening stock was taken
	}
	seconds := make([]int, len(all))
	for i := range seconds {
		seconds[i] = first + r.IntN(span)
	}
	slices.Sort(seconds)
	for i := range all {
		s.receipts[u]++
		all[i].sec, all[i].number = seconds[i], s.receipts[u]
		s.decideReturns(r, &all[i])
		if all[i].paidDay >= 0 {
			s.unsettled[all[i].paidDay] = append(s.unsettled[all[i].paidDay], all[i])
		}
	}
	return all
}

// newOrder draws everything but the goods.
func (s *sim) newOrder(r *rand.Rand, u, day int) order {
	at := s.units[u]
	o := order{unit: u, day: day, buyer: -1, paidDay: -1, fulfil: at.place, tender: pick(r, 15, 45, 35, 5)}
	if known := s.people.known(at.source, day/7*7); known > 0 && (at.online || chance(r, 450)) {
		o.buyer = skewed(r, known)
	}
	west, east := s.o.Stores, s.o.Stores+1
	switch at.dialect {
	case shopify:
		o.currency, o.fulfil, o.shipping = []int{usd, eur, hkd}[pick(r, 50, 30, 20)], east, 900
		if s.asks(sourceShopify) {
			o.currency = usd
		}
		if chance(r, 20) {
			o.status = cancelled
		}
	case tmall:
		o.fulfil = west
		if chance(r, 60) {
			o.status = unpaid
			if chance(r, 250) {
				o.paidDay = day + 1
			}
		} else if chance(r, 15) {
			o.status = cancelled
		}
	case woo:
		o.fulfil, o.shipping = west, 1000
		o.guest = o.buyer >= 0 && chance(r, 80)
		switch pick(r, 82, 12, 6) {
		case 1:
			o.pickup, o.fulfil, o.shipping = true, r.IntN(s.o.Stores), 0
		case 2:
			o.byStore, o.fulfil = true, r.IntN(s.o.Stores)
		}
		switch pick(r, 95, 3, 2) {
		case 1:
			o.status = cancelled
		case 2:
			o.status = unpaid
		}
	}
	return o
}

// fill puts goods into the order and takes them from stock; what is out of stock is not sold.
func (s *sim) fill(r *rand.Rand, o *order) {
	online := s.units[o.unit].online
	for range 1 + pick(r, 30, 27, 20, 13, 10) {
		qty := 1 + pick(r, 78, 16, 6)
		sku := s.choose(r, o.fulfil, qty, o.lines)
		if sku < 0 {
			continue
		}
		p := s.products[sku]
		l := line{sku: sku, qty: qty, price: p.priceIn(o.currency), campaign: s.campaignFor(o.day, p.category, online)}
		l.gross = l.price * int64(qty)
		if l.campaign >= 0 {
			l.disc = divRound(l.gross*s.campaigns[l.campaign].percent, 100)
		} else if chance(r, 200) {
			l.disc = divRound(l.gross*10, 100)
		}
		o.lines = append(o.lines, l)
		if o.status == paid {
			s.onHand[o.fulfil][sku] -= qty
		} else if o.paidDay >= 0 {
			s.onHand[o.fulfil][sku] -= qty // reserved; the books see it when it is paid
		}
	}
}

// choose draws an article that the place has; a few tries, then none. An article is on an order once.
func (s *sim) choose(r *rand.Rand, place, qty int, have []line) int {
	for range 12 {
		sku := skewed(r, len(s.products))
		for !s.stocked[place][sku] {
			sku = (sku + 1) % len(s.products)
		}
		if s.onHand[place][sku] >= qty && !slices.ContainsFunc(have, func(l line) bool { return l.sku == sku }) {
			return sku
		}
	}
	return -1
}

// decideReturns draws whether a line comes back, when and where.
func (s *sim) decideReturns(r *rand.Rand, o *order) {
	at := s.units[o.unit]
	share := [...]int{loyverse: 25, backOffice: 25, semicolon16: 25, semicolon1252: 25, workbook: 25, shopify: 60, tmall: 55, woo: 80}[at.dialect]
	if o.status != paid || !chance(r, share) {
		return
	}
	f := refund{order: *o, line: o.lines[r.IntN(len(o.lines))], day: o.day + 1 + r.IntN(14), sec: 11*3600 + r.IntN(9*3600), unit: o.unit, place: o.fulfil}
	switch {
	case !at.online:
		f.onOwnTill = true
	case at.dialect == tmall:
		f.place, f.amountOnly = -1, true
	case at.dialect == woo && chance(r, 400): // bought online, returned in a store
		f.unit = r.IntN(s.o.Stores)
		f.place = f.unit
	case o.fulfil < s.o.Stores && at.online:
		f.place = s.o.Stores // posted back to the west warehouse
	}
	s.returns[f.day] = append(s.returns[f.day], f)
}

// settleReturns moves the returns due today into the day and the goods into stock.
func (s *sim) settleReturns(f *dayFacts) {
	for _, back := range s.returns[f.day] {
		s.refundNo[back.order.unit]++
		back.number = s.refundNo[back.order.unit]
		switch {
		case back.stated(): // the warehouse books the parcel
			s.moveNo++
			s.move(f, movement{id: fmt.Sprintf("RT%08d", s.moveNo), kind: "return", ref: fmt.Sprintf("%s-%07d", s.units[back.order.unit].location, back.number), day: f.day, sec: back.sec, place: back.place, counterpart: -1, sku: back.line.sku, qty: back.line.qty})
		case back.place >= 0:
			s.onHand[back.place][back.line.sku] += back.line.qty
		}
		switch {
		case back.onOwnTill:
			s.receipts[back.unit]++
			back.number = s.receipts[back.unit]
			f.tills[back.unit] = append(f.tills[back.unit], back)
		case back.amountOnly:
			f.reshown = append(f.reshown, back)
		default:
			f.refunds[back.order.unit] = append(f.refunds[back.order.unit], back)
		}
	}
	delete(s.returns, f.day)
	for _, list := range append(f.refunds, f.tills...) {
		slices.SortStableFunc(list, func(a, b refund) int { return cmp.Compare(a.sec, b.sec) })
	}
}
