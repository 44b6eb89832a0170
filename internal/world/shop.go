package world

import (
	"strings"
	"time"
)

// Shop is what the international shop knows after some days: the ground for a simulated platform that is asked for it.
type Shop struct {
	Location, Warehouse string
	Currency            string
	Orders              []ShopOrder
	Customers           []ShopCustomer
}

// ShopOrder is an order of the shop. Amounts are in cents.
type ShopOrder struct {
	Number, Customer         int64
	At                       time.Time
	Cancelled                bool
	Shipping                 int64
	Email, Phone, Name, Land string
	Lines                    []ShopLine
	Refunds                  []ShopRefund
}

// ShopLine is an item. ID is unique in the shop.
type ShopLine struct {
	ID              int64
	Code, Name      string
	Quantity        int64
	Gross, Discount int64
}

// ShopRefund takes a line back; its goods come home by a movement of the warehouse.
type ShopRefund struct {
	Number, Line int64 // Line is the place in the order
	At           time.Time
}

// ShopCustomer is an account.
type ShopCustomer struct {
	ID                          int64
	Registered                  time.Time
	Shown                       time.Time // from when on the shop tells of it
	Given, Family, Email, Phone string
	Subscribed                  bool
}

// ShopOf simulates opts.Days days and gives what happened in the international shop.
func ShopOf(opts Options) (Shop, error) {
	s, err := newSim(opts)
	if err != nil {
		return Shop{}, err
	}
	u := s.o.Stores
	shop := Shop{Location: s.units[u].location, Warehouse: s.places[u+1], Currency: currencyCodes[usd]}
	at := map[int]int{} // number -> place in shop.Orders
	for day := range s.o.Days {
		s.step(day)
		if s.closed(day) {
			continue
		}
		for i := range s.yesterday.orders[u] {
			o := &s.yesterday.orders[u][i]
			at[o.number] = len(shop.Orders)
			shop.Orders = append(shop.Orders, s.shopOrder(o))
		}
		for _, f := range s.yesterday.refunds[u] {
			o := &shop.Orders[at[f.order.number]]
			o.Refunds = append(o.Refunds, ShopRefund{Number: int64(f.number), Line: int64(lineOf(f) - f.order.number*16), At: s.local(f.day, f.sec)})
		}
		if day%7 == 0 {
			shop.Customers = append(shop.Customers, s.shopCustomers(len(shop.Customers), day)...)
		}
	}
	return shop, nil
}

// local is a moment of the shop's day, which Shanghai counts.
func (s *sim) local(day, sec int) time.Time {
	return s.date(day).Add(time.Duration(sec)*time.Second - 8*time.Hour)
}

func (s *sim) shopOrder(o *order) ShopOrder {
	c := s.people.records[sourceShopify][o.buyer]
	_, family, given := nameOf(c.person)
	made := ShopOrder{Number: int64(o.number), Customer: shopCustomerID(o.buyer), At: s.local(o.day, o.sec), Cancelled: o.status == cancelled, Shipping: o.shipping,
		Email: c.email(sourceShopify), Phone: c.phone(), Name: given + " " + family, Land: shopifyCountries[o.currency].country}
	for k, l := range o.lines {
		made.Lines = append(made.Lines, ShopLine{ID: int64(o.number*16 + k), Code: shopifyCode(l.sku), Name: nameLatin(s.products[l.sku], l.sku), Quantity: int64(l.qty), Gross: l.gross, Discount: l.disc})
	}
	return made
}

// shopCustomers are the accounts from one on that were registered before a day.
func (s *sim) shopCustomers(from, day int) (all []ShopCustomer) {
	for i := from; i < s.people.known(sourceShopify, day); i++ {
		c := s.people.records[sourceShopify][i]
		_, family, given := nameOf(c.person)
		registered := s.local(int(c.registered), 9*3600+int(c.person)%36_000)
		all = append(all, ShopCustomer{ID: shopCustomerID(i), Registered: registered, Shown: s.local(day, 0), Given: strings.ToUpper(given[:1]) + given[1:], Family: strings.ToUpper(family[:1]) + family[1:],
			Email: c.email(sourceShopify), Phone: c.phone(), Subscribed: c.person%2 == 0})
	}
	return all
}
