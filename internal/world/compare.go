package world

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Query runs SQL over the released tables and gives text: decimals by scale, dates as 2026-01-31, null as "".
type Query func(ctx context.Context, sql string) ([][]string, error)

// Difference is a figure of the released tables that is not the truth. Want or Got is "absent" for a missing row.
type Difference struct{ Table, Key, Column, Want, Got string }

// String is the difference on one line.
func (d Difference) String() string {
	return fmt.Sprintf("%s %s: %s is %s, the truth is %s", d.Table, d.Key, d.Column, d.Got, d.Want)
}

// comparison is one table against the truth: the first selected column is the key.
type comparison struct {
	table   string
	columns []string
	sql     string
	want    map[string][]string
	sparse  string // a missing row equals this value in every column; empty: rows must be there
}

// Compare holds the released tables against the truth, figure by figure, and lists what differs: none when
// the pipeline is right. The demo's project and all files up to the truth's last day must have been taken in.
func (t Truth) Compare(ctx context.Context, query Query) ([]Difference, error) {
	var found []Difference
	for _, c := range t.comparisons() {
		rows, err := query(ctx, c.sql)
		if err != nil {
			return found, fmt.Errorf("world: %s: %w", c.table, err)
		}
		found = append(found, c.differences(rows)...)
	}
	return found, nil
}

func (t Truth) comparisons() []comparison {
	return []comparison{t.sales(), t.refunds(), t.salesDays(), t.storeDays(), t.stock(), t.stocktakes(), t.customers(), t.intake(), t.settled()}
}

func (c comparison) differences(rows [][]string) (found []Difference) {
	seen := map[string]bool{}
	for _, row := range rows {
		key := row[0]
		seen[key] = true
		want, ok := c.want[key]
		for i, column := range c.columns {
			switch {
			case !ok && row[i+1] == c.sparse && c.sparse != "":
			case !ok:
				found = append(found, Difference{c.table, key, column, "absent", row[i+1]})
			case want[i] != row[i+1] && want[i] != anything:
				found = append(found, Difference{c.table, key, column, want[i], row[i+1]})
			}
		}
	}
	for key, want := range c.want {
		for i, column := range c.columns {
			if !seen[key] && (c.sparse == "" || want[i] != c.sparse) {
				found = append(found, Difference{c.table, key, column, want[i], "absent"})
			}
		}
	}
	slices.SortFunc(found, func(a, b Difference) int { return strings.Compare(a.Key+a.Column, b.Key+b.Column) })
	return found
}

// anything stands for a figure that the truth leaves open.
const anything = "*"

func whole(v int64) string { return strconv.FormatInt(v, 10) }

// four spells minor units as a decimal of four places.
func four(v int64) string { return money(v) + "00" }

// home spells 1/10,000 yuan as a decimal of four places.
func home(v int64) string {
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	return fmt.Sprintf("%s%d.%04d", sign, v/10_000, v%10_000)
}

// sumOf writes SQL for the sum of a column over sales, as text of a fixed scale.
func sumOf(column, kind, where string) string {
	return fmt.Sprintf("CAST(coalesce(sum(%s)%s, 0) AS %s)", column, where, kind)
}

const (
	asMoney = "DECIMAL(38,4)"
	asCount = "BIGINT"
	sold    = " FILTER (WHERE is_sale)"
)

func (t Truth) sales() comparison {
	c := comparison{table: "sales.order", want: map[string][]string{},
		columns: []string{"channel", "platform", "orders", "lines", "units", "gross", "discount", "net", "shipping", "home gross", "home discount", "home net", "home shipping", "home cost", "identified", "pickup", "ship from store", "cancelled", "unpaid"}}
	for _, s := range t.Sales {
		c.want[s.Date+" "+s.Location+" "+s.Currency] = []string{s.Channel, s.Platform, whole(s.Orders), whole(s.Lines), whole(s.Units), four(s.Gross), four(s.Discount), four(s.Net), four(s.Shipping),
			home(s.HomeGross), home(s.HomeDiscount), home(s.HomeNet), home(s.HomeShipping), home(s.HomeCost), whole(s.Identified), whole(s.Pickup), whole(s.ShipFromStore), whole(s.Cancelled), whole(s.Unpaid)}
	}
	sums := []string{"CAST(business_date AS VARCHAR) || ' ' || location_id || ' ' || currency_code AS place_day", "min(channel)", "min(platform)", "count(*)" + sold, sumOf("line_count", asCount, sold), sumOf("unit_qty", asCount, sold)}
	for _, column := range []string{"gross_amount", "discount_amount", "net_amount", "shipping_amount", "home_gross_amount", "home_discount_amount", "home_net_amount", "home_shipping_amount", "home_cost_amount"} {
		sums = append(sums, sumOf(column, asMoney, sold))
	}
	sums = append(sums, "count(customer_id)"+sold, "count(*) FILTER (WHERE is_sale AND fulfilment = 'pickup')", "count(*) FILTER (WHERE is_sale AND fulfilment = 'ship_from_store')", "count(*) FILTER (WHERE status = 'cancelled')", "count(*) FILTER (WHERE status = 'unpaid')")
	c.sql = "SELECT " + strings.Join(sums, ", ") + ` FROM sales."order" GROUP BY place_day`
	return c
}

// refunds takes the store for the order's place while the order's own file is still on the way.
func (t Truth) refunds() comparison {
	c := comparison{table: "sales.refund_line", columns: []string{"channel", "refunds", "units", "amount", "net", "home amount", "home net"}, want: map[string][]string{}}
	for _, r := range t.Refunds {
		c.want[r.Date+" "+r.Location+" "+r.OrderLocation+" "+r.Currency] = []string{r.Channel, whole(r.Refunds), whole(r.Units), four(r.Amount), four(r.Net), home(r.HomeAmount), home(r.HomeNet)}
	}
	c.sql = "SELECT CAST(business_date AS VARCHAR) || ' ' || location_id || ' ' || coalesce(order_location_id, location_id) || ' ' || currency_code AS place_day, min(channel), count(DISTINCT refund_key), " +
		strings.Join([]string{sumOf("unit_qty", asCount, ""), sumOf("amount", asMoney, ""), sumOf("net_amount", asMoney, ""), sumOf("home_amount", asMoney, ""), sumOf("home_net_amount", asMoney, "")}, ", ") +
		" FROM sales.refund_line GROUP BY place_day"
	return c
}

// salesDays holds the daily totals, in which sales and refunds of a place meet.
func (t Truth) salesDays() comparison {
	type total struct{ orders, sale, back, backUnits, cost int64 }
	sums := map[string]total{}
	for _, s := range t.Sales {
		k := s.Date + " " + s.Location
		d := sums[k]
		sums[k] = total{d.orders + s.Orders, d.sale + s.HomeNet, d.back, d.backUnits, d.cost + s.HomeCost}
	}
	for _, r := range t.Refunds {
		k := r.Date + " " + r.Location
		d := sums[k]
		sums[k] = total{d.orders, d.sale, d.back + r.HomeNet, d.backUnits + r.Units, d.cost}
	}
	c := comparison{table: "sales.day", columns: []string{"orders", "sale net", "refund net", "net", "refunded units", "cost"}, want: map[string][]string{}}
	for k, d := range sums {
		c.want[k] = []string{whole(d.orders), home(d.sale), home(d.back), home(d.sale - d.back), whole(d.backUnits), home(d.cost)}
	}
	c.sql = "SELECT CAST(business_date AS VARCHAR) || ' ' || location_id AS place_day, " +
		strings.Join([]string{sumOf("order_qty", asCount, ""), sumOf("home_sale_net_amount", asMoney, ""), sumOf("home_refund_net_amount", asMoney, ""), sumOf("home_net_amount", asMoney, ""),
			sumOf("refund_unit_qty", asCount, ""), sumOf("home_cost_amount", asMoney, "")}, ", ") + " FROM sales.day GROUP BY place_day"
	return c
}

func (t Truth) storeDays() comparison {
	c := comparison{table: "conversion.store_day", columns: []string{"visitors", "receipts", "healthy"}, want: map[string][]string{},
		sql: "SELECT CAST(business_date AS VARCHAR) || ' ' || location_id, coalesce(CAST(visitor_qty AS VARCHAR), ''), CAST(receipt_qty AS BIGINT), CAST(is_healthy AS VARCHAR) FROM conversion.store_day"}
	for _, d := range t.StoreDays {
		visitors := whole(d.Visitors)
		if !d.Healthy {
			visitors = anything // not a count: nothing may be concluded from it
		}
		c.want[d.Date+" "+d.Location] = []string{visitors, whole(d.Receipts), strconv.FormatBool(d.Healthy)}
	}
	return c
}

func (t Truth) stock() comparison {
	c := comparison{table: "inventory.position", columns: []string{"on hand"}, want: map[string][]string{}, sparse: "0",
		sql: "SELECT location_id || ' ' || sku, CAST(on_hand_qty AS BIGINT) FROM inventory.position"}
	for _, s := range t.Stock {
		c.want[s.Location+" "+s.SKU] = []string{strconv.Itoa(s.Quantity)}
	}
	return c
}

func (t Truth) stocktakes() comparison {
	c := comparison{table: "inventory.stock_count", columns: []string{"records", "off", "shrink"}, want: map[string][]string{},
		sql: "SELECT stocktake_id, count(*), count(*) FILTER (WHERE NOT is_exact), CAST(-sum(variance_qty) AS BIGINT) FROM inventory.stock_count GROUP BY stocktake_id"}
	for _, s := range t.Stocktakes {
		c.want[s.ID] = []string{strconv.Itoa(s.Records), strconv.Itoa(s.Off), strconv.Itoa(s.Shrink)}
	}
	return c
}

func (t Truth) settled() comparison {
	c := comparison{table: "finance.settlement_match", columns: []string{"rows", "book", "settled", "fee"}, want: map[string][]string{},
		sql: "SELECT provider || ' ' || CAST(business_date AS VARCHAR) || ' ' || kind || ' ' || state AS day_state, count(*), " + strings.Join([]string{sumOf("book_amount", asMoney, ""), sumOf("settlement_amount", asMoney, ""), sumOf("fee_amount", asMoney, "")}, ", ") +
			" FROM finance.settlement_match GROUP BY day_state"}
	for _, s := range t.Settled {
		c.want[s.Provider+" "+s.Date+" "+s.Kind+" "+s.State] = []string{whole(s.Rows), four(s.Book), four(s.Settled), four(s.Fee)}
	}
	return c
}

func (t Truth) customers() comparison {
	k := t.Customers
	return comparison{table: "customer.customer", columns: []string{"figure"},
		want: map[string][]string{"customers": {strconv.Itoa(k.Clusters)}, "cross channel": {strconv.Itoa(k.CrossLinked)}, "buyers": {strconv.Itoa(k.BuyersLinked)}, "records": {strconv.Itoa(k.Records)}},
		sql: `SELECT 'customers', count(*) FROM customer.customer UNION ALL SELECT 'cross channel', count(*) FILTER (WHERE is_cross_channel) FROM customer.customer
UNION ALL SELECT 'buyers', count(*) FILTER (WHERE order_qty > 0) FROM customer.customer UNION ALL SELECT 'records', count(*) FILTER (WHERE record_kind = 'customer') FROM customer.customer_link`}
}

// intake compares what is in force: neither replaced versions nor files that repeat another's bytes.
func (t Truth) intake() comparison {
	corrected := map[string]bool{}
	for _, f := range t.Files {
		corrected[f.Path] = corrected[f.Path] || f.Corrects
	}
	sums := map[string][4]int{}
	for _, f := range t.Files {
		if f.CopyOf != "" || corrected[f.Path] && !f.Corrects {
			continue
		}
		s := sums[f.Feed]
		sums[f.Feed] = [4]int{s[0] + 1, s[1] + f.Records, s[2] + f.Quarantined, s[3] + f.Ignored}
	}
	c := comparison{table: "intake.file", columns: []string{"files", "accepted", "quarantined", "ignored"}, want: map[string][]string{},
		sql: "SELECT source || '/' || feed AS feed_name, count(*), CAST(sum(accepted_qty) AS BIGINT), CAST(sum(quarantined_qty) AS BIGINT), CAST(sum(ignored_qty) AS BIGINT) FROM intake.file WHERE NOT is_superseded AND duplicate_qty = 0 AND NOT list_contains(['" + strings.Join(t.Asked, "', '") + "'], source) GROUP BY feed_name"}
	for feed, s := range sums {
		c.want[feed] = []string{strconv.Itoa(s[0]), strconv.Itoa(s[1]), strconv.Itoa(s[2]), strconv.Itoa(s[3])}
	}
	return c
}
