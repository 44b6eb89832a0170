package world

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Sales is what a channel place sold on a business date in one currency. Amounts are minor units of the
// currency (fen, cent); Home amounts are 1/10,000 yuan. Orders, Lines, Units and amounts count real sales:
// paid and not cancelled. Gross is before discount with tax, Net after discount without tax.
type Sales struct {
	Date, Channel, Platform, Location, Currency              string
	Orders, Lines, Units                                     int64
	Gross, Discount, Net, Shipping                           int64
	HomeGross, HomeDiscount, HomeNet, HomeShipping, HomeCost int64
	Identified, Pickup, ShipFromStore, Cancelled, Unpaid     int64
}

// Refunds is what came back on a date, where it was handled. OrderPlatform is where it had been sold.
type Refunds struct {
	Date, Channel, Location, OrderPlatform, OrderLocation, Currency string
	Refunds, Units                                                  int64 // Units is 0 for money only
	Amount, Net                                                     int64 // minor units, with and without tax
	HomeAmount, HomeNet, HomeCost                                   int64 // 1/10,000 yuan; cost of the goods that came back
}

// File is one delivered version. A reader accepts Records rows, refuses Quarantined and skips Ignored totals.
type File struct {
	Path, Feed                    string
	Day                           int // of arrival, from 0
	Records, Quarantined, Ignored int
	Repeated                      int    `json:",omitempty"` // of Records: rows that an earlier file brought too
	CopyOf                        string `json:",omitempty"` // the same bytes as this file: nothing new
	Corrects                      bool   `json:",omitempty"` // replaces the earlier version of this path
}

// Record names a source's record of a person; Keys are the exact keys it shows.
type Record struct {
	Source, ID string
	Keys       []string
}

// Person is one human being who is known to two or more sources. Linked says whether exact keys prove it.
type Person struct {
	Records []Record
	Linked  bool
}

// Customers counts people. Those are exact: a source's record that nothing links stands for itself.
type Customers struct {
	Records         int // records delivered
	Clusters        int // customers when records with a common exact key are one
	People          int // customers when everything were known
	CrossLinked     int // clusters with a sale online and in a store
	CrossPeople     int // people with a sale online and in a store
	BuyersLinked    int // clusters with a sale
	OrdersByCluster int64
	SharedShopPhone int // records that show the shop's own number, which is no evidence
}

// Stock is the closing quantity of an article, Cost its value in fen at the last day's cost.
type Stock struct {
	Location, SKU string
	Quantity      int
	Cost          int64
}

// Stocktake is a count; Shrink is book less counted over its records, Off the records that differ.
type Stocktake struct {
	ID, Location, Date string
	Records, Off       int
	Shrink             int
	ShrinkCost         int64 // fen
}

// StoreDay is a store's door and till of a day. Healthy is false when a counter was down: no conversion then.
type StoreDay struct {
	Date, Location     string
	Visitors, Receipts int64
	Healthy            bool
}

// Truth is what a right pipeline finds after the files of Days days have arrived.
type Truth struct {
	Start      string
	Days       int
	Sales      []Sales
	Refunds    []Refunds
	Files      []File
	People     []Person
	Customers  Customers
	Stock      []Stock
	Stocktakes []Stocktake
	StoreDays  []StoreDay
	Settled    []Settlement
	Pending    []string // files of these days that have not arrived yet
	Asked      []string `json:",omitempty"` // sources that are asked and deliver no files
}

// WriteJSON writes the truth as indented JSON.
func (t Truth) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(t)
}

// TruthOf simulates opts.Days days and adds up what happened; no file is written or read.
func TruthOf(opts Options) (Truth, error) {
	s, err := newSim(opts)
	if err != nil {
		return Truth{}, err
	}
	t := newTally(s)
	for day := range s.o.Days {
		for _, d := range s.step(day) {
			t.arrive(d)
		}
	}
	return t.truth(), nil
}

type salesKey struct{ day, unit, currency int }
type refundKey struct{ day, unit, orderUnit, currency int }
type doorKey struct{ day, store int }

// tally adds facts up as their files arrive.
type tally struct {
	s        *sim
	bySale   map[salesKey]*Sales
	byRefund map[refundKey]*Refunds
	byDoor   map[doorKey]*StoreDay
	receipts map[doorKey]int64
	stock    [][]int
	takes    []Stocktake
	files    []File
	known    [4]int
	bought   [4]map[int]int // by source: record -> sales
	events   *Events        // nil unless they are wanted one by one

	bills      []settled
	booked     map[orderKey]booking // tenders of orders that a provider settles
	bookedBack []bookingBack
}

func newTally(s *sim) *tally {
	t := &tally{s: s, bySale: map[salesKey]*Sales{}, byRefund: map[refundKey]*Refunds{}, byDoor: map[doorKey]*StoreDay{}, receipts: map[doorKey]int64{}, booked: map[orderKey]booking{}}
	for _, row := range s.opening {
		t.stock = append(t.stock, slices.Clone(row))
	}
	for i := range t.bought {
		t.bought[i] = map[int]int{}
	}
	return t
}

func (t *tally) arrive(d *delivery) {
	if d.facts != nil {
		d.facts(t)
	}
	if d.asked {
		return
	}
	t.files = append(t.files, File{Path: d.path, Feed: d.feed, Day: d.day, Records: d.records, Quarantined: d.quarantined, Ignored: d.ignored, Repeated: d.repeated, CopyOf: d.copyOf, Corrects: d.corrects})
}

func (t *tally) sales(orders []order) {
	for i := range orders {
		t.sale(&orders[i], orders[i].status)
		t.recordOrder(&orders[i], orders[i].status)
		if orders[i].status == paid {
			t.book(&orders[i], orders[i].day)
		}
	}
}

// settle turns orders counted as unpaid into sales of the day they were placed.
func (t *tally) settle(orders []order) {
	for i := range orders {
		t.cell(&orders[i]).Unpaid--
		t.sale(&orders[i], paid)
		t.recordOrder(&orders[i], paid)
		t.book(&orders[i], orders[i].paidDay)
	}
}

func (t *tally) cell(o *order) *Sales {
	k := salesKey{o.day, o.unit, o.currency}
	c := t.bySale[k]
	if c == nil {
		u := t.s.units[o.unit]
		c = &Sales{Date: t.s.iso(o.day), Channel: channelOf(u), Platform: platformNames[u.dialect], Location: u.location, Currency: currencyCodes[o.currency]}
		t.bySale[k] = c
	}
	return c
}

func (t *tally) sale(o *order, status int) {
	c := t.cell(o)
	switch status {
	case cancelled:
		c.Cancelled++
		return
	case unpaid:
		c.Unpaid++
		return
	}
	u := t.s.units[o.unit]
	rate := t.s.rate(o.currency, o.day)
	c.Orders++
	c.Shipping += o.shipping
	c.HomeShipping += o.shipping * rate
	for _, l := range o.lines {
		net := netOf(o.currency, l.paid())
		c.Lines++
		c.Units += int64(l.qty)
		c.Gross, c.Discount, c.Net = c.Gross+l.gross, c.Discount+l.disc, c.Net+net
		c.HomeGross, c.HomeDiscount, c.HomeNet = c.HomeGross+l.gross*rate, c.HomeDiscount+l.disc*rate, c.HomeNet+net*rate
		c.HomeCost += t.s.products[l.sku].costOn(o.day) * int64(l.qty) * 100
		t.stock[o.fulfil][l.sku] -= l.qty
	}
	if o.pickup {
		c.Pickup++
	}
	if o.byStore {
		c.ShipFromStore++
	}
	if o.buyer >= 0 {
		c.Identified++
		t.bought[u.source][o.buyer]++
	}
	if !u.online {
		t.receipts[doorKey{o.day, o.unit}]++
	}
}

func (t *tally) refunds(list []refund) {
	for i := range list {
		f := &list[i]
		t.bookBack(f)
		if t.events != nil {
			t.events.Returns = append(t.events.Returns, t.eventReturn(f))
		}
		k := refundKey{f.day, f.unit, f.order.unit, f.order.currency}
		c := t.byRefund[k]
		if c == nil {
			at, from := t.s.units[f.unit], t.s.units[f.order.unit]
			c = &Refunds{Date: t.s.iso(f.day), Channel: channelOf(at), Location: at.location, OrderPlatform: platformNames[from.dialect], OrderLocation: from.location, Currency: currencyCodes[f.order.currency]}
			t.byRefund[k] = c
		}
		rate, amount, net := t.s.rate(f.order.currency, f.day), f.line.paid(), netOf(f.order.currency, f.line.paid())
		c.Refunds++
		c.Amount, c.Net = c.Amount+amount, c.Net+net
		c.HomeAmount, c.HomeNet = c.HomeAmount+amount*rate, c.HomeNet+net*rate
		if !f.amountOnly {
			c.Units += int64(f.line.qty)
			c.HomeCost += t.s.products[f.line.sku].costOn(f.order.day) * int64(f.line.qty) * 100
		}
		if f.place >= 0 && !f.stated() {
			t.stock[f.place][f.line.sku] += f.line.qty
		}
	}
}

func (t *tally) moves(list []movement) {
	for _, m := range list {
		if t.events != nil {
			t.events.Moves = append(t.events.Moves, Move{t.s.iso(m.day), m.kind, t.s.places[m.place], t.s.products[m.sku].sku, int64(m.qty)})
		}
		t.stock[m.place][m.sku] += m.qty
	}
}

func (t *tally) count(store, day int, counts []count) {
	take := Stocktake{ID: t.s.takeID(store, day), Location: t.s.places[store], Date: t.s.iso(day), Records: len(counts)}
	for _, c := range counts {
		if t.events != nil {
			p := t.s.products[c.sku]
			t.events.Counts = append(t.events.Counts, Count{t.s.iso(day), t.s.places[c.place], p.sku, int64(c.book), int64(c.counted), p.costOn(day) * 100})
		}
		if c.book != c.counted {
			take.Off++
			take.Shrink += c.book - c.counted
			take.ShrinkCost += int64(c.book-c.counted) * t.s.products[c.sku].costOn(day)
		}
	}
	t.takes = append(t.takes, take)
}

func (t *tally) doors(f *dayFacts) {
	for store, hours := range f.visitors {
		d := &StoreDay{Date: t.s.iso(f.day), Location: t.s.places[store], Healthy: true}
		for _, h := range hours {
			if h.blind {
				d.Healthy = false
			} else {
				d.Visitors += int64(h.visitors)
			}
		}
		t.byDoor[doorKey{f.day, store}] = d
		if t.events != nil {
			t.events.Visits = append(t.events.Visits, Visit{d.Date, "store", d.Location, d.Visitors, d.Healthy})
		}
	}
}

func (t *tally) truth() Truth {
	out := Truth{Start: t.s.iso(0), Days: t.s.o.Days, Files: t.files, Stocktakes: t.takes, Stock: t.closing(), Settled: t.settlements()}
	for _, c := range t.bySale {
		out.Sales = append(out.Sales, *c)
	}
	for _, c := range t.byRefund {
		out.Refunds = append(out.Refunds, *c)
	}
	for k, d := range t.byDoor {
		d.Receipts = t.receipts[k]
		out.StoreDays = append(out.StoreDays, *d)
	}
	slices.SortFunc(out.Sales, func(a, b Sales) int {
		return cmp.Compare(a.Date+a.Location+a.Currency, b.Date+b.Location+b.Currency)
	})
	slices.SortFunc(out.Refunds, func(a, b Refunds) int {
		return cmp.Compare(fmt.Sprint(a.Date, a.Location, a.OrderLocation, a.Currency), fmt.Sprint(b.Date, b.Location, b.OrderLocation, b.Currency))
	})
	slices.SortFunc(out.StoreDays, func(a, b StoreDay) int { return strings.Compare(a.Date+a.Location, b.Date+b.Location) })
	for _, list := range t.s.later {
		for _, d := range list {
			out.Pending = append(out.Pending, d.path)
		}
	}
	slices.Sort(out.Pending)
	out.Asked = slices.Sorted(slices.Values(t.s.o.Asked))
	out.Customers, out.People = t.customers()
	return out
}

func (t *tally) closing() (all []Stock) {
	for place, name := range t.s.places {
		for sku, qty := range t.stock[place] {
			if t.s.stocked[place][sku] || qty != 0 { // a parcel may come back to a store that does not carry it
				p := t.s.products[sku]
				all = append(all, Stock{Location: name, SKU: p.sku, Quantity: qty, Cost: int64(qty) * p.costOn(t.s.o.Days-1)})
			}
		}
	}
	return all
}
