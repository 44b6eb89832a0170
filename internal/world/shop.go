package world

import (
	"slices"
	"strings"
	"time"
)

// Shop is what an online shop knows after some days: the ground for a simulated platform that is asked for it.
type Shop struct {
	Location, Warehouse string
	Currency            string
	Opened              time.Time // before the first day
	Orders              []ShopOrder
	Customers           []ShopCustomer
	Products            []ShopProduct
	Levels              [][]int64 // by day: what the warehouse has of each product in the evening, what is reserved included
}

// ShopProduct is an article of the shop; Price is in cents.
type ShopProduct struct {
	Code, Name, Category, Barcode string
	Price                         int64
}

// ShopOrder is an order of the shop. Amounts are in cents.
type ShopOrder struct {
	Number, Customer                 int64     // Customer is 0 for a guest
	At, Paid                         time.Time // Paid is zero for an order that was never paid
	Cancelled                        bool
	Shipping                         int64
	Email, Phone, Name, Land, Member string
	Pickup                           bool
	Store                            string // that hands it over or ships it; "": the warehouse does
	Lines                            []ShopLine
	Refunds                          []ShopRefund
}

// ShopLine is an item. ID is unique in the shop.
type ShopLine struct {
	ID              int64
	Code, Name      string
	Quantity        int64
	Gross, Discount int64
	Promotion       string
}

// ShopRefund takes a line back. The goods come home by a movement of the warehouse, or a store takes them.
type ShopRefund struct {
	Number, Line int64 // Line is the place in the order
	At           time.Time
	Store        string
}

// ShopCustomer is an account.
type ShopCustomer struct {
	ID                                        int64
	Registered                                time.Time
	Shown                                     time.Time // from when on the shop tells of it
	Name, Given, Family, Email, Phone, Member string
	Subscribed                                bool
}

// shopUnits are the units that can be asked, by the source they have in the demo's project.
func (s *sim) shopUnits() map[string]int {
	all := map[string]int{}
	for u := s.o.Stores; u < len(s.units); u++ {
		if source := s.units[u].source; s.asks(source) {
			all[sourceNames[source]] = u
		}
	}
	return all
}

// asks tells whether a source is asked instead of delivering files.
func (s *sim) asks(source int) bool { return slices.Contains(s.o.Asked, sourceNames[source]) }

// ShopsOf simulates opts.Days days and gives what happened in the shops that are asked, by source.
func ShopsOf(opts Options) (map[string]Shop, error) {
	s, err := newSim(opts)
	if err != nil {
		return nil, err
	}
	shops, units := map[string]Shop{}, s.shopUnits()
	for source, u := range units {
		shop := Shop{Location: s.units[u].location, Warehouse: s.places[s.o.Stores], Currency: currencyCodes[cny], Opened: s.local(-30, 0)}
		if s.units[u].dialect == shopify {
			shop.Warehouse, shop.Currency = s.places[s.o.Stores+1], currencyCodes[usd]
		}
		for i, p := range s.products {
			shop.Products = append(shop.Products, ShopProduct{p.sku, nameZH(p, i), categories[p.category].path, barcode(i), p.price})
		}
		shops[source] = shop
	}
	at := map[orderKey]int{} // place in shop.Orders
	for day := range s.o.Days {
		s.step(day)
		for source, u := range units {
			shop := shops[source]
			if !s.closed(day) {
				s.shopDay(&shop, u, day, at)
			}
			shop.Levels = append(shop.Levels, s.evening(slices.Index(s.places, shop.Warehouse)))
			shops[source] = shop
		}
	}
	return shops, nil
}

// shopDay adds what happened in a shop on the day that was simulated last.
func (s *sim) shopDay(shop *Shop, u, day int, at map[orderKey]int) {
	for i := range s.yesterday.orders[u] {
		o := &s.yesterday.orders[u][i]
		at[orderKey{u, o.number}] = len(shop.Orders)
		shop.Orders = append(shop.Orders, s.shopOrder(o))
	}
	for _, f := range s.yesterday.refunds[u] {
		o := &shop.Orders[at[orderKey{u, f.order.number}]]
		back := ShopRefund{Number: int64(f.number), Line: int64(lineOf(f) - f.order.number*16), At: s.local(f.day, f.sec)}
		if !f.stated() && f.place >= 0 {
			back.Store = s.places[f.place]
		}
		o.Refunds = append(o.Refunds, back)
	}
	if day%7 == 0 {
		shop.Customers = append(shop.Customers, s.shopCustomers(s.units[u].source, len(shop.Customers), day)...)
	}
}

// evening counts what a place has, with what unpaid orders reserve.
func (s *sim) evening(place int) []int64 {
	levels := make([]int64, len(s.products))
	for sku, n := range s.onHand[place] {
		levels[sku] = int64(n)
	}
	for _, orders := range s.unsettled {
		for i := range orders {
			for _, l := range orders[i].lines {
				if orders[i].fulfil == place {
					levels[l.sku] += int64(l.qty)
				}
			}
		}
	}
	return levels
}

// local is a moment of the shop's day, which Shanghai counts.
func (s *sim) local(day, sec int) time.Time {
	return s.date(day).Add(time.Duration(sec)*time.Second - 8*time.Hour)
}

func (s *sim) shopOrder(o *order) ShopOrder {
	source := s.units[o.unit].source
	c := s.people.records[source][o.buyer]
	zh, family, given := nameOf(c.person)
	made := ShopOrder{Number: int64(o.number), Customer: s.shopCustomer(source, o.buyer), At: s.local(o.day, o.sec), Cancelled: o.status == cancelled, Shipping: o.shipping,
		Email: c.email(source), Phone: c.phone(), Name: zh, Land: shopifyCountries[o.currency].country, Member: s.memberNo(c), Pickup: o.pickup}
	if source == sourceShopify {
		made.Name = given + " " + family
	}
	if o.guest {
		made.Customer, made.Member = 0, ""
	}
	if o.status != unpaid {
		made.Paid = s.local(o.day, min(o.sec+30, 86_399))
	}
	if o.pickup || o.byStore {
		made.Store = s.places[o.fulfil]
	}
	for k, l := range o.lines {
		item := ShopLine{ID: int64(o.number*16 + k), Code: s.products[l.sku].sku, Name: nameZH(s.products[l.sku], l.sku), Quantity: int64(l.qty), Gross: l.gross, Discount: l.disc, Promotion: s.campaignID(l.campaign)}
		if source == sourceShopify {
			item.Code, item.Name = shopifyCode(l.sku), nameLatin(s.products[l.sku], l.sku)
		}
		made.Lines = append(made.Lines, item)
	}
	return made
}

func (s *sim) shopCustomer(source, i int) int64 {
	if source == sourceShopify {
		return shopCustomerID(i)
	}
	return int64(i) + 1
}

// shopCustomers are the accounts from one on that were registered before a day.
func (s *sim) shopCustomers(source, from, day int) (all []ShopCustomer) {
	for i := from; i < s.people.known(source, day); i++ {
		c := s.people.records[source][i]
		zh, family, given := nameOf(c.person)
		registered := s.local(int(c.registered), 9*3600+int(c.person)%36_000)
		all = append(all, ShopCustomer{ID: s.shopCustomer(source, i), Registered: registered, Shown: s.local(day, 0), Name: zh, Given: strings.ToUpper(given[:1]) + given[1:], Family: strings.ToUpper(family[:1]) + family[1:],
			Email: c.email(source), Phone: c.phone(), Member: s.memberNo(c), Subscribed: c.person%2 == 0})
	}
	return all
}
