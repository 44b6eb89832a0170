package proof

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/omoflow/omoflow/internal/world"
)

// The KPIs worked out slowly: from the events of a simulated retailer, in plain Go, one period and scope after the other,
// as kpi.md defines them and without a look at the models. Amounts are 1/10,000 yuan.

// fact is the value of a KPI as numerator and denominator; a nil part is unknown.
type fact struct{ num, den *big.Rat }

type factKey struct{ kpi, period, start, scope, id string }

type span struct {
	kind        string
	from, to    time.Time // first and last day
	last        time.Time // last day that the data reach
	fromISO     string
	lastISO     string
	monthTarget string // "2026-01" for a month
}

const isoDay = "2006-01-02"

func day(text string) time.Time {
	t, err := time.Parse(isoDay, text)
	if err != nil {
		panic(err) // simulated dates are dates
	}
	return t
}

// spansOf lists the days, ISO weeks, months and quarters that touch the data.
func spansOf(first, last string) (all []span) {
	seen := map[string]bool{}
	add := func(kind string, from, to time.Time) {
		s := span{kind: kind, from: from, to: to, last: to}
		if day(last).Before(to) {
			s.last = day(last)
		}
		s.fromISO, s.lastISO = s.from.Format(isoDay), s.last.Format(isoDay)
		if kind == "month" {
			s.monthTarget = from.Format("2006-01")
		}
		if !seen[kind+s.fromISO] {
			seen[kind+s.fromISO] = true
			all = append(all, s)
		}
	}
	for d := day(first); !d.After(day(last)); d = d.AddDate(0, 0, 1) {
		add("day", d, d)
		monday := d.AddDate(0, 0, -(int(d.Weekday())+6)%7)
		add("week", monday, monday.AddDate(0, 0, 6))
		month := time.Date(d.Year(), d.Month(), 1, 0, 0, 0, 0, time.UTC)
		add("month", month, month.AddDate(0, 1, -1))
		quarter := time.Date(d.Year(), (d.Month()-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC)
		add("quarter", quarter, quarter.AddDate(0, 3, -1))
	}
	return all
}

func (s span) holds(date string) bool { return date >= s.fromISO && date <= s.lastISO }

// scope is the company, a channel or a location.
type scope struct{ kind, id string }

func (s scope) holds(channel, location string) bool {
	return s.kind == "company" || s.kind == "channel" && s.id == channel || s.kind == "location" && s.id == location
}

// slowKPIs works out every KPI for every period and scope.
func slowKPIs(e world.Events) map[factKey]fact {
	k := &slow{e: e, out: map[factKey]fact{}, stock: slowStock(e)}
	k.first = map[string]string{}
	for _, o := range e.Orders {
		if o.Status == "paid" && o.Buyer != "" && (k.first[o.Buyer] == "" || o.Date < k.first[o.Buyer]) {
			k.first[o.Buyer] = o.Date
		}
	}
	scopes := []scope{{"company", ""}, {"channel", "online"}, {"channel", "store"}}
	places := map[string]bool{}
	for _, o := range e.Orders {
		places[o.Location] = true
	}
	for _, r := range e.Returns {
		places[r.Location] = true
	}
	for _, v := range e.Visits {
		places[v.Location] = true
	}
	for key := range e.Opening {
		places[key[0]] = true
	}
	for place := range places {
		scopes = append(scopes, scope{"location", place})
	}
	for _, s := range spansOf(e.First, e.Last) {
		for _, sc := range scopes {
			k.span, k.scope = s, sc
			k.sales()
			k.visits()
			k.customers()
			if sc.kind != "channel" {
				k.inventory()
			}
		}
	}
	return k.out
}

type slow struct {
	e     world.Events
	out   map[factKey]fact
	first map[string]string // buyer -> first purchase
	stock []stockDay
	span  span
	scope scope
	sum   totals // of the span and scope at hand
}

// totals are what several KPIs share.
type totals struct {
	orders, units, cancelledPaid, identified int64
	gross, discount, net, cost               int64
	demand                                   int64
	refundNet, refundCost, refundCovered     int64
	online, pickup, shipped                  int64
	onlineBack, onlineBackInStore            int64
}

func whole(v int64) *big.Rat { return new(big.Rat).SetInt64(v) }

// money turns 1/10,000 yuan into yuan.
func money(v int64) *big.Rat { return big.NewRat(v, 10_000) }

func (k *slow) put(kpi string, num, den *big.Rat) {
	k.out[factKey{kpi, k.span.kind, k.span.fromISO, k.scope.kind, k.scope.id}] = fact{num, den}
}

// total adds up the sales and refunds of a range of days.
func (k *slow) total(s span) (t totals) {
	for _, o := range k.e.Orders {
		if !s.holds(o.Date) || !k.scope.holds(o.Channel, o.Location) {
			continue
		}
		for _, l := range o.Lines {
			if o.Paid {
				t.demand += l.Gross - l.Discount
			}
			if o.Status == "paid" {
				t.units, t.gross, t.discount, t.net, t.cost = t.units+l.Quantity, t.gross+l.Gross, t.discount+l.Discount, t.net+l.Net, t.cost+l.Cost
			}
		}
		switch {
		case o.Status == "cancelled" && o.Paid:
			t.cancelledPaid++
		case o.Status == "paid":
			t.orders++
			if o.Buyer != "" {
				t.identified++
			}
			if o.Channel == "online" {
				t.online++
				if o.Pickup {
					t.pickup++
				}
				if o.ShipFromStore {
					t.shipped++
				}
			}
		}
	}
	for _, r := range k.e.Returns {
		if !s.holds(r.Date) {
			continue
		}
		if r.OrderChannel == "online" {
			t.onlineBack++
			if r.Channel == "store" {
				t.onlineBackInStore++
			}
		}
		if !k.scope.holds(r.Channel, r.Location) {
			continue
		}
		t.refundNet += r.Line.Net
		if !r.MoneyOnly {
			t.refundCost, t.refundCovered = t.refundCost+r.Line.Cost, t.refundCovered+r.Line.Net
		}
	}
	return t
}

func (k *slow) sales() {
	t := k.total(k.span)
	k.sum = t
	margin, covered := t.net-t.refundCovered-t.cost+t.refundCost, t.net-t.refundCovered
	k.put("net_sales", money(t.net-t.refundNet), whole(1))
	k.put("gross_demand", money(t.demand), whole(1))
	k.put("discount_rate", money(t.discount), money(t.gross))
	var known *big.Rat
	if t.net != 0 || t.refundCovered != 0 {
		known = whole(1)
	}
	k.put("gm", money(margin), known)
	k.put("gm_pct", money(margin), money(covered))
	k.put("atv", money(t.net), whole(t.orders))
	k.put("upt", whole(t.units), whole(t.orders))
	k.put("asp", money(t.net), whole(t.units))
	k.put("return_rate_acc", money(t.refundNet), money(t.net))
	k.put("cancel_rate", whole(t.cancelledPaid), whole(t.orders+t.cancelledPaid))
	k.put("match_rate", whole(t.identified), whole(t.orders))
	if k.scope.kind == "company" {
		k.put("boris", whole(t.onlineBackInStore), whole(t.onlineBack))
	}
	if k.scope.kind == "company" || k.scope.id == "online" {
		k.put("bopis_share", whole(t.pickup), whole(t.online))
		k.put("sfs_share", whole(t.shipped), whole(t.online))
	}
	k.yearOnYear(t)
	name := k.scope.kind + "/" + k.scope.id
	if k.scope.kind == "company" {
		name = "company"
	}
	if target, ok := k.e.Targets[[2]string{name, k.span.monthTarget}]; ok && k.span.kind == "month" {
		k.put("budget_att", money(t.net-t.refundNet), money(target))
	}
}

// yearOnYear compares days and weeks with those 364 days before, months and quarters with the same dates; to-date with to-date.
func (k *slow) yearOnYear(t totals) {
	base := span{}
	switch {
	case k.span.kind == "day" || k.span.kind == "week":
		base.from, base.last = k.span.from.AddDate(0, 0, -364), k.span.last.AddDate(0, 0, -364)
	case k.span.last.Equal(k.span.to): // a whole month or quarter with a whole one
		base.from = k.span.from.AddDate(-1, 0, 0)
		base.last = time.Date(k.span.to.Year()-1, k.span.to.Month()+1, 0, 0, 0, 0, 0, time.UTC)
	default:
		base.from, base.last = k.span.from.AddDate(-1, 0, 0), k.span.last.AddDate(-1, 0, 0)
	}
	base.fromISO, base.lastISO = base.from.Format(isoDay), base.last.Format(isoDay)
	var den *big.Rat
	if base.fromISO >= k.e.First {
		b := k.total(base)
		if b.net-b.refundNet > 0 {
			den = money(b.net - b.refundNet)
			k.put("yoy", money(t.net-t.refundNet-b.net+b.refundNet), den)
			return
		}
	}
	k.put("yoy", nil, nil)
}

func (k *slow) visits() {
	var storeVisits, storeOrders, webVisits, webOrders, all int64
	for _, v := range k.e.Visits {
		if !k.span.holds(v.Date) || !v.Healthy {
			continue
		}
		where := v.Location
		if v.Channel == "online" {
			where = "" // counted by platform, not by place
		}
		if !k.scope.holds(v.Channel, where) {
			continue
		}
		all += v.Visitors
		var orders int64
		for _, o := range k.e.Orders {
			if o.Date == v.Date && o.Location == v.Location && o.Status == "paid" {
				orders++
			}
		}
		if v.Channel == "store" {
			storeVisits, storeOrders = storeVisits+v.Visitors, storeOrders+orders
		} else {
			webVisits, webOrders = webVisits+v.Visitors, webOrders+orders
		}
	}
	if k.scope.kind != "company" && all > 0 {
		k.put("traffic", whole(all), whole(1))
	}
	if k.scope.id != "online" {
		k.put("conv_store", whole(storeOrders), whole(storeVisits))
	}
	if k.scope.kind != "location" && k.scope.id != "store" {
		k.put("conv_online", whole(webOrders), whole(webVisits))
	}
}

func (k *slow) customers() {
	if k.scope.kind == "location" && (k.span.kind == "day" || k.span.kind == "week") {
		return
	}
	days := map[string]map[string]bool{}
	var net int64
	year := map[string][2]bool{}
	from := time.Date(k.span.to.Year(), k.span.to.Month()-11, 1, 0, 0, 0, 0, time.UTC).Format(isoDay)
	for _, o := range k.e.Orders {
		if o.Status != "paid" || o.Buyer == "" {
			continue
		}
		if o.Date >= from && o.Date <= k.span.to.Format(isoDay) {
			was := year[o.Buyer]
			year[o.Buyer] = [2]bool{was[0] || o.Channel == "online", was[1] || o.Channel == "store"}
		}
		if !k.span.holds(o.Date) || !k.scope.holds(o.Channel, o.Location) {
			continue
		}
		if days[o.Buyer] == nil {
			days[o.Buyer] = map[string]bool{}
		}
		days[o.Buyer][o.Date] = true
		for _, l := range o.Lines {
			net += l.Net
		}
	}
	if len(days) == 0 {
		return
	}
	var again, fresh, cross int64
	for buyer, own := range days {
		if len(own) > 1 {
			again++
		}
		if k.span.holds(k.first[buyer]) {
			fresh++
		}
	}
	n := int64(len(days))
	k.put("active_cust", whole(n), whole(1))
	k.put("new_cust", whole(fresh), whole(1))
	k.put("repeat_rate", whole(again), whole(n))
	k.put("arpu", money(net), whole(n))
	if k.scope.kind == "company" && (k.span.kind == "month" || k.span.kind == "quarter") {
		for _, both := range year {
			if both[0] && both[1] {
				cross++
			}
		}
		k.put("xch_cust", whole(cross), whole(int64(len(year))))
	}
}

// value rounds to six places, half away from zero; "" when it cannot be told.
func (f fact) value() string {
	if f.num == nil || f.den == nil || f.den.Sign() == 0 {
		return ""
	}
	return places(new(big.Rat).Quo(f.num, f.den), 6)
}

func places(r *big.Rat, n int) string { return r.FloatString(n) } // half away from zero

// differences compares the facts of a release with the slow ones. A row of zeros may be there or not.
func differences(want map[factKey]fact, rows [][]string) (found []string) {
	seen := map[factKey]bool{}
	for _, row := range rows {
		key := factKey{row[0], row[1], row[2], row[3], row[4]}
		seen[key] = true
		w := want[key]
		num, den := "", ""
		if w.num != nil {
			num = places(w.num, 6)
		}
		if w.den != nil {
			den = places(w.den, 6)
		}
		blank := func(text string) bool { return text == "" || text == "0.000000" }
		status := "ok"
		if w.value() == "" {
			status = "na"
		}
		switch {
		case w.num == nil && w.den == nil && row[8] == "na": // nothing to compare with
		case w.num == nil && w.den == nil && blank(row[5]) && row[7] != "" && blank(row[7]): // nothing happened
		case row[7] != w.value(), row[8] != status, row[5] != num, row[6] != den && !(blank(row[6]) && blank(den)):
			found = append(found, fmt.Sprintf("%v is %s / %s = %s (%s), worked out slowly %s / %s = %s", key, row[5], row[6], row[7], row[8], num, den, w.value()))
		}
	}
	for key, w := range want {
		if seen[key] || w.num == nil || w.num.Sign() == 0 && (w.den == nil || w.den.Sign() == 0 || w.den.Cmp(whole(1)) == 0) {
			continue
		}
		found = append(found, fmt.Sprintf("%v is missing, worked out slowly %s", key, w.value()))
	}
	slices.Sort(found)
	return found
}
