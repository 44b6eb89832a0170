package proof

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/transforms"
)

// TestProofTables runs whole worlds through all models: however the files come, with releases in between, the tables are those of
// one undisturbed build (I1-I6, I9); a rebuild changes no byte (I7), another run nothing at all (I8), nor do threads or memory
// (I11); and the rows keep what is conserved.
func TestProofTables(t *testing.T) {
	t.Parallel()
	var targets []string // all, but what is conserved will do inside go test
	if os.Getenv("OMOFLOW_PROOF") == "" {
		targets = []string{"assessment.kpi_fact", "inventory.position"}
	}
	b := newBench(t, 1, "1GiB", targets...)
	engines := []*bench{}
	for _, e := range []struct {
		threads int
		memory  string
	}{{2, "512MiB"}, {8, "1GiB"}, {1, "160MiB"}} {
		other := *b
		other.db = openEngine(t, b.dir, e.threads, e.memory)
		engines = append(engines, &other)
	}
	rebuilt := 0
	n := check(t, cases(t, 1, 3), func(rt *rapid.T) {
		options, open := drawWorld(rt, false)
		days := b.deliveriesOn(t, options, open)
		plain := b.newShop(rt)
		defer plain.remove()
		for _, files := range days {
			plain.take(files...)
		}
		want := plain.contents(plain.publishIn())

		s := b.newShop(rt)
		defer s.remove()
		a := drawArrival(rt, days)
		r := s.receive(a)
		same(rt, a.String(), want, s.contents(r))

		again, err := transforms.Build(context.Background(), s.buildOptions())
		fatal(rt, err)
		if again.Changed {
			rt.Fatalf("a build of nothing new wants a release")
		}
		engine := engines[rebuilt%len(engines)]
		rebuilt++
		with := *s
		with.bench = engine
		if _, err := transforms.Rebuild(context.Background(), with.buildOptions()); err != nil {
			rt.Fatalf("rebuild: %v", err)
		}
		s.conserved(r)
	})
	fmt.Printf("proof: R7/R8/R9 whole models: any arrival gives the same tables, incremental = full, again = nothing, threads 1/2/8 and memory change no byte, money and stock conserved (I1-I9, I11, I13-I24, I28, I31-I33, I41): %d worlds, 0 differ\n", n)
}

// table reads columns of a table as text, one map per row.
func (s *shop) table(r release.Release, name string, columns ...string) []map[string]string {
	s.t.Helper()
	area, object, marts := strings.Cut(name, ".")
	from := area
	if marts {
		from = area + `."` + object + `"`
	}
	var all []map[string]string
	for _, row := range s.query(r, "SELECT "+strings.Join(columns, ", ")+" FROM "+from) {
		one := map[string]string{}
		for i, c := range columns {
			one[c] = row[i]
		}
		all = append(all, one)
	}
	return all
}

// number reads an exact decimal; nothing is zero.
func number(text string) *big.Rat {
	v, ok := new(big.Rat).SetString(text)
	if !ok {
		return new(big.Rat)
	}
	return v
}

type sums map[string]*big.Rat

func (s sums) add(key string, v *big.Rat) {
	if s[key] == nil {
		s[key] = new(big.Rat)
	}
	s[key].Add(s[key], v)
}

// equal compares two sets of sums, in which nothing is zero.
func (s sums) equal(t rapid.TB, what string, other sums) {
	t.Helper()
	for key := range maps.Keys(merged(s, other)) {
		a, b := s[key], other[key]
		if a == nil {
			a = new(big.Rat)
		}
		if b == nil {
			b = new(big.Rat)
		}
		if a.Cmp(b) != 0 {
			t.Fatalf("%s: %s is %s on one side and %s on the other", what, key, a.FloatString(4), b.FloatString(4))
		}
	}
}

func merged(a, b sums) sums {
	all := maps.Clone(a)
	if all == nil {
		all = sums{}
	}
	for key, v := range b {
		all[key] = v
	}
	return all
}

// conserved checks the rows of a release one by one.
func (s *shop) conserved(r release.Release) {
	s.t.Helper()
	s.conservedTypes(r)
	s.conservedMoney(r)
	s.conservedRollUps(r)
	s.conservedStock(r)
	s.conservedPeople(r)
	s.agree(r)
}

// conservedTypes: nothing is kept as a binary fraction (I16).
func (s *shop) conservedTypes(r release.Release) {
	for _, table := range slices.Sorted(maps.Keys(r.Tables)) {
		m, err := r.Manifest(context.Background(), s.lake, table)
		fatal(s.t, err)
		for _, c := range m.Columns {
			if slices.Contains([]string{"DOUBLE", "FLOAT", "REAL"}, c.Type) {
				s.t.Fatalf("%s.%s is %s", table, c.Name, c.Type)
			}
		}
	}
}

func (s *shop) conservedMoney(r release.Release) {
	const one = "1"
	lineGross, lineDiscount, lineNet := sums{}, sums{}, sums{}
	for _, l := range s.table(r, "sales.order_line", "order_key", "gross_amount", "discount_amount", "tax_amount", "net_amount", "currency_code", "platform") {
		lineGross.add(l["order_key"], number(l["gross_amount"]))
		lineDiscount.add(l["order_key"], number(l["discount_amount"]))
		lineNet.add(l["order_key"], number(l["net_amount"]))
		paid := new(big.Rat).Sub(number(l["gross_amount"]), number(l["discount_amount"]))
		if taxed := new(big.Rat).Add(number(l["net_amount"]), number(l["tax_amount"])); taxed.Cmp(paid) != 0 { // I17; the shop abroad charges none
			s.t.Fatalf("%v: net + tax is not what was paid", l)
		}
		if l["currency_code"] == "" {
			s.t.Fatalf("%v has no currency", l) // I16
		}
	}
	gross, discount, net, total, sales := sums{}, sums{}, sums{}, sums{}, sums{}
	orders := sums{}
	for _, o := range s.table(r, "sales.order", "order_key", "gross_amount", "discount_amount", "net_amount", "total_amount", "home_net_amount", "is_sale", "business_date", "channel", "location_id") {
		gross.add(o["order_key"], number(o["gross_amount"]))
		discount.add(o["order_key"], number(o["discount_amount"]))
		net.add(o["order_key"], number(o["net_amount"]))
		total.add(o["order_key"], number(o["total_amount"]))
		if o["is_sale"] == "true" {
			place := o["business_date"] + " " + o["channel"] + " " + o["location_id"]
			sales.add(place, number(o["home_net_amount"]))
			orders.add(place, number(one))
		}
	}
	lineGross.equal(s.t, "I13 gross of lines and order", gross)
	lineDiscount.equal(s.t, "I13 discount of lines and order", discount)
	lineNet.equal(s.t, "I13 net of lines and order", net)
	refunded := sums{}
	for _, f := range s.table(r, "sales.refund_line", "order_key", "amount", "home_net_amount", "business_date", "channel", "location_id") {
		refunded.add(f["order_key"], number(f["amount"]))
		sales.add(f["business_date"]+" "+f["channel"]+" "+f["location_id"], new(big.Rat).Neg(number(f["home_net_amount"])))
	}
	for key, back := range refunded {
		if total[key] != nil && back.Cmp(total[key]) > 0 {
			s.t.Fatalf("I18 %s: %s refunded of %s", key, back.FloatString(2), total[key].FloatString(2))
		}
	}
	dayNet, dayOrders := sums{}, sums{}
	for _, d := range s.table(r, "sales.day", "business_date", "channel", "location_id", "home_net_amount", "order_qty") {
		place := d["business_date"] + " " + d["channel"] + " " + d["location_id"]
		dayNet.add(place, number(d["home_net_amount"]))
		dayOrders.add(place, number(d["order_qty"]))
	}
	sales.equal(s.t, "I14 orders less refunds and the day", dayNet)
	orders.equal(s.t, "I31 orders and the day", dayOrders)
}

// shares are KPIs whose numerator is a part of the denominator (I33, I32).
var shares = []string{"discount_rate", "cancel_rate", "conv_store", "conv_online", "bopis_share", "sfs_share", "match_rate", "repeat_rate", "xch_cust", "active_sku", "oos", "ira", "boris"}

// conservedRollUps: amounts add up from location to channel to company, and from day to month to quarter (I15).
func (s *shop) conservedRollUps(r release.Release) {
	byDay, byChannel, byLocation, months, quarters, daysOfMonth, monthsOfQuarter := sums{}, sums{}, sums{}, sums{}, sums{}, sums{}, sums{}
	for _, f := range s.table(r, "assessment.kpi_fact", "kpi_id", "period_type", "period_start", "scope_type", "scope_id", "numerator", "denominator", "value") {
		num, den := number(f["numerator"]), number(f["denominator"])
		if slices.Contains(shares, f["kpi_id"]) && f["value"] != "" && (num.Sign() < 0 || num.Cmp(den) > 0) {
			s.t.Fatalf("I33 %v is no share", f)
		}
		if !slices.Contains([]string{"net_sales", "gross_demand", "gm"}, f["kpi_id"]) {
			continue
		}
		key := f["kpi_id"] + " " + f["period_type"] + " " + f["period_start"]
		switch f["scope_type"] {
		case "channel":
			byChannel.add(key, num)
		case "location":
			byLocation.add(key, num)
		case "company":
			byDay.add(key, num)
			date := f["period_start"]
			quarter := date[:5] + fmt.Sprintf("%02d", (int(date[5]-'0')*10+int(date[6]-'0')-1)/3*3+1)
			switch f["period_type"] {
			case "day":
				daysOfMonth.add(f["kpi_id"]+date[:7], num)
			case "month":
				months.add(f["kpi_id"]+date[:7], num)
				monthsOfQuarter.add(f["kpi_id"]+quarter, num)
			case "quarter":
				quarters.add(f["kpi_id"]+quarter, num)
			}
		}
	}
	byDay.equal(s.t, "I15 company and channels", byChannel)
	byDay.equal(s.t, "I15 company and locations", byLocation)
	daysOfMonth.equal(s.t, "I15 days and months", months)
	monthsOfQuarter.equal(s.t, "I15/I35 months and quarters", quarters)
}

func (s *shop) conservedStock(r release.Release) {
	closing := map[string]map[string]string{}
	for _, d := range s.table(r, "inventory.daily", "business_date", "location_id", "sku", "opening_qty", "receipt_qty", "sale_qty", "return_qty", "transfer_in_qty", "transfer_out_qty", "adjustment_qty", "reconciled_qty", "closing_qty") {
		book := number(d["opening_qty"])
		for column, sign := range map[string]int64{"receipt_qty": 1, "sale_qty": -1, "return_qty": 1, "transfer_in_qty": 1, "transfer_out_qty": -1, "adjustment_qty": 1, "reconciled_qty": 1} {
			book.Add(book, new(big.Rat).Mul(number(d[column]), big.NewRat(sign, 1)))
		}
		if book.Cmp(number(d["closing_qty"])) != 0 {
			s.t.Fatalf("I19 %v does not balance", d)
		}
		pair := d["location_id"] + " " + d["sku"]
		if closing[pair] == nil {
			closing[pair] = map[string]string{}
		}
		closing[pair][d["business_date"]] = d["closing_qty"]
		yesterday := day(d["business_date"]).AddDate(0, 0, -1).Format(isoDay)
		if before, ok := closing[pair][yesterday]; ok && number(before).Cmp(number(d["opening_qty"])) != 0 {
			s.t.Fatalf("I19 %v opens with another quantity than %s", d, before)
		}
	}
	moved := new(big.Rat)
	adjusted := sums{}
	for _, m := range s.table(r, "inventory.movement", "kind", "unit_qty", "ref", "sku") {
		if strings.HasPrefix(m["kind"], "transfer") {
			moved.Add(moved, number(m["unit_qty"]))
		}
		if m["kind"] == "adjustment" {
			adjusted.add(m["ref"]+" "+m["sku"], number(m["unit_qty"]))
		}
	}
	if moved.Sign() != 0 {
		s.t.Fatalf("I20 transfers leave %s", moved.FloatString(0))
	}
	variance := sums{}
	for _, c := range s.table(r, "inventory.stock_count", "stocktake_id", "sku", "variance_qty") {
		variance.add(c["stocktake_id"]+" "+c["sku"], number(c["variance_qty"]))
	}
	variance.equal(s.t, "I21 counted differences and adjustments", adjusted)
	for _, p := range s.table(r, "inventory.position", "location_id", "sku", "on_hand_qty", "reserved_qty", "available_qty", "is_negative") {
		if want := new(big.Rat).Sub(number(p["on_hand_qty"]), number(p["reserved_qty"])); want.Cmp(number(p["available_qty"])) != 0 {
			s.t.Fatalf("I24 %v: available is not on hand less reserved", p)
		}
		if (number(p["on_hand_qty"]).Sign() < 0) != (p["is_negative"] == "true") {
			s.t.Fatalf("I23 %v: the flag is wrong", p)
		}
	}
}

// conservedPeople: every identified sale is somebody's, once (I28).
func (s *shop) conservedPeople(r release.Release) {
	orders, net, bought, spent := sums{}, sums{}, sums{}, sums{}
	for _, o := range s.table(r, "sales.order", "customer_id", "home_net_amount", "is_sale") {
		if o["customer_id"] != "" && o["is_sale"] == "true" {
			orders.add(o["customer_id"], number("1"))
			net.add(o["customer_id"], number(o["home_net_amount"]))
		}
	}
	for _, m := range s.table(r, "customer.month", "customer_id", "order_qty", "home_net_amount") {
		bought.add(m["customer_id"], number(m["order_qty"]))
		spent.add(m["customer_id"], number(m["home_net_amount"]))
	}
	orders.equal(s.t, "I28 orders and customers", bought)
	net.equal(s.t, "I28 sales and customers", spent)
	known := map[string]bool{}
	for _, l := range s.table(r, "customer.customer_link", "record_id", "customer_id") {
		if known[l["record_id"]] {
			s.t.Fatalf("I26 record %s has two customers", l["record_id"])
		}
		known[l["record_id"]] = true
	}
	for key := range orders {
		if !known[key] {
			s.t.Fatalf("I30 customer %s is no record's id", key)
		}
	}
}
