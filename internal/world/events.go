package world

// Order is one order or receipt, sold or not. Amounts are 1/10,000 yuan; Status is paid, cancelled or unpaid.
type Order struct {
	ID, Date, Channel, Platform, Location, Status string
	Paid                                          bool   // at some time, also when cancelled later
	Buyer                                         string // person as far as exact keys prove it, "" when nobody is named
	Fulfil                                        string // place whose stock it takes
	Pickup, ShipFromStore                         bool
	Lines                                         []Line
}

// Line is an item of an order or a return.
type Line struct {
	SKU                        string
	Quantity                   int64
	Gross, Discount, Net, Cost int64
}

// Return is one line that came back, or money only.
type Return struct {
	Date, Channel, Location, OrderChannel string // where it was handled
	Buyer                                 string
	Place                                 string // whose stock takes the goods without a movement of its own, "" none
	MoneyOnly                             bool
	Line                                  Line
}

// Move is a stated change of stock; Quantity is signed.
type Move struct {
	Date, Kind, Place, SKU string
	Quantity               int64
}

// Count is a record of a stocktake.
type Count struct {
	Date, Place, SKU string
	Book, Counted    int64
	UnitCost         int64 // 1/10,000 yuan
}

// Visit is the visitors of a store's day, or of an online shop's.
type Visit struct {
	Date, Channel, Location string // Location is the shop for online
	Visitors                int64
	Healthy                 bool
}

// Events is what happened, one by one, as far as its files have arrived: the ground for figures worked out apart from the pipeline.
type Events struct {
	First, Last string // business dates
	Orders      []Order
	Returns     []Return
	Moves       []Move
	Counts      []Count
	Visits      []Visit
	Opening     map[[2]string]int64 // place and article -> quantity on the first morning
	Costs       map[string]int64    // article -> 1/10,000 yuan, on the last day
	Targets     map[[2]string]int64 // scope ("company", "channel/store", "location/S01") and month -> net sales in 1/10,000 yuan
}

// EventsOf simulates opts.Days days and lists what happened; no file is written or read.
func EventsOf(opts Options) (Events, error) {
	s, err := newSim(opts)
	if err != nil {
		return Events{}, err
	}
	t := newTally(s)
	t.events = &Events{First: s.iso(0), Last: s.iso(s.o.Days - 1), Opening: map[[2]string]int64{}, Costs: map[string]int64{}, Targets: map[[2]string]int64{}}
	for day := range s.o.Days {
		for _, d := range s.step(day) {
			t.arrive(d)
		}
		if s.closed(day) {
			continue
		}
		for i, w := range s.yesterday.web {
			t.events.Visits = append(t.events.Visits, Visit{s.iso(day), "online", s.units[s.o.Stores+i].location, int64(w.visitors), true})
		}
	}
	t.events.masters(s)
	return *t.events, nil
}

// masters adds what does not happen but is known.
func (e *Events) masters(s *sim) {
	for place, name := range s.places {
		for sku, p := range s.products {
			if s.stocked[place][sku] {
				e.Opening[[2]string{name, p.sku}] = int64(s.opening[place][sku])
			}
			e.Costs[p.sku] = p.costOn(s.o.Days-1) * 100
		}
	}
	for month := 1; month <= 12; month++ {
		first := s.o.Start.AddDate(0, month-int(s.o.Start.Month()), 1-s.o.Start.Day())
		days := int64(first.AddDate(0, 1, -1).Day())
		for _, u := range s.units {
			amount := s.targetOf(u) * days * 100
			for _, scope := range []string{"company", "channel/" + channelOf(u), "location/" + u.location} {
				e.Targets[[2]string{scope, first.Format("2006-01")}] += amount
			}
		}
	}
}

var statuses = [...]string{paid: "paid", cancelled: "cancelled", unpaid: "unpaid"}

// recordOrder adds an order as it is now, in place of what was known of it.
func (t *tally) recordOrder(o *order, status int) {
	if t.events == nil {
		return
	}
	e := t.eventOrder(o, status)
	for i, known := range t.events.Orders {
		if known.ID == e.ID && known.Location == e.Location {
			t.events.Orders[i] = e
			return
		}
	}
	t.events.Orders = append(t.events.Orders, e)
}

func (t *tally) eventOrder(o *order, status int) Order {
	u := t.s.units[o.unit]
	e := Order{ID: t.s.orderID(o), Date: t.s.iso(o.day), Channel: channelOf(u), Platform: platformNames[u.dialect], Location: u.location, Status: statuses[status],
		Paid: status == paid || status == cancelled && u.dialect != tmall, Buyer: t.buyer(u.source, o.buyer), Fulfil: t.s.places[o.fulfil], Pickup: o.pickup, ShipFromStore: o.byStore}
	for _, l := range o.lines {
		e.Lines = append(e.Lines, t.eventLine(o, l, o.day))
	}
	return e
}

// eventLine converts at the rate of a day; the cost is that of the day of sale.
func (t *tally) eventLine(o *order, l line, day int) Line {
	p, rate := t.s.products[l.sku], t.s.rate(o.currency, day)
	return Line{SKU: p.sku, Quantity: int64(l.qty), Gross: l.gross * rate, Discount: l.disc * rate, Net: netOf(o.currency, l.paid()) * rate, Cost: p.costOn(o.day) * int64(l.qty) * 100}
}

// buyer names the person behind a source's record: the first of its records that exact keys link.
func (t *tally) buyer(source, at int) string {
	if at < 0 {
		return ""
	}
	person := t.s.people.records[source][at].person
	var records []where
	for other := range t.s.people.records {
		for i, r := range t.s.people.records[other] {
			if r.person == person && i < t.s.people.known(other, (t.s.o.Days-1)/7*7) {
				records = append(records, where{other, i})
			}
		}
	}
	for _, group := range t.link(records) {
		for _, w := range group {
			if w.source == source && w.at == at {
				first := group[0]
				for _, g := range group {
					if g.source < first.source {
						first = g
					}
				}
				return sourceNames[first.source] + "/" + t.s.people.id(first.source, first.at)
			}
		}
	}
	return ""
}

func (t *tally) eventReturn(f *refund) Return {
	at, from := t.s.units[f.unit], t.s.units[f.order.unit]
	e := Return{Date: t.s.iso(f.day), Channel: channelOf(at), Location: at.location, OrderChannel: channelOf(from), Buyer: t.buyer(from.source, f.order.buyer), MoneyOnly: f.amountOnly, Line: t.eventLine(&f.order, f.line, f.day)}
	if f.place >= 0 && !f.stated() {
		e.Place = t.s.places[f.place]
	}
	return e
}
