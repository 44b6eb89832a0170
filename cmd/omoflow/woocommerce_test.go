package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// wooOracle is what the shop's own database says, from expected.json beside the recordings.
type wooOracle struct {
	Zone     string   `json:"site_zone"`
	Currency string   `json:"currency"`
	Before   wooState `json:"before_edits"`
	After    wooState `json:"after_edits"`
}

// wooState is the shop's database at one time.
type wooState struct {
	Orders struct {
		ByStatus []struct {
			Status, Currency string
			Orders           int
			Gross, Refunds   string
		} `json:"by_status_currency"`
	}
	Sales struct {
		Orders              int
		Gross, Refunds, Net string
		Components          map[string]string
		Days                map[string]struct {
			Orders int
			Gross  string
		} `json:"by_local_day"`
		RefundDays map[string]struct {
			Refunds int
			Amount  string
		} `json:"refunds_by_local_day"`
		Sold     map[string]int `json:"units_sold_by_sku"`
		Refunded map[string]int `json:"units_refunded_by_sku"`
	}
	Refunds struct {
		Table []struct {
			ID, Order int
			Total     string
		}
	}
	Customers struct {
		Customers int `json:"role_customer"`
	}
	Catalogue struct{ Products, Variations int }
	Stock     []struct {
		ID, Parent int
		SKU        string
		Managed    any
		Quantity   *int
	}
	Hidden []struct {
		ID     int
		Status string
	} `json:"hidden_from_status_any"`
}

// TestWooCommerceRecordingsGiveTheOraclesFigures pulls a server that answers with the rows of a real shop into a lake,
// releases, and compares the tables with what the shop's database said.
func TestWooCommerceRecordingsGiveTheOraclesFigures(t *testing.T) {
	for _, site := range []string{"shanghai", "newyork"} {
		t.Run(site, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(sharedFolder(t), "fixtures", "woocommerce", site)
			text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
			if err != nil {
				t.Skipf("the recordings are not here: %v", err)
			}
			var want wooOracle
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			shop, err := simulator.FromRecordings(dir, want.Zone)
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(shop)
			defer server.Close()
			project := wooProject(t, server.URL, want)
			if output := runOmoflow(t, project, "run", "-q"); strings.Contains(output, "warning: check sales.") {
				t.Error(output)
			}
			wantState(t, project, want.Before)
			// Nothing changed at the shop: a second run must find nothing to add.
			before := contentOf(t, project)
			runOmoflow(t, project, "run", "-q")
			if after := contentOf(t, project); !reflect.DeepEqual(before, after) {
				t.Error("reading the unchanged shop again changed the release")
			}
			// The recorded edits: what no date tells of waits for the comparison of ids, a day later.
			if err := shop.EditAsRecorded(dir); err != nil {
				t.Fatal(err)
			}
			runOmoflow(t, project, "run", "-q", "--no-release")
			edited := shop.Now()
			shop.Now = func() time.Time { return edited.Add(25 * time.Hour) }
			runOmoflow(t, project, "run", "-q")
			wantState(t, project, want.After)
		})
	}
}

func wooProject(t *testing.T, url string, want wooOracle) string {
	t.Helper()
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, "key.txt"), "ck_recorded\n")
	writeText(t, filepath.Join(dir, "secret.txt"), "cs_recorded\n")
	if err := os.Mkdir(filepath.Join(dir, "inbox"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(dir, "inbox", "fx.csv"), rates())
	writeText(t, filepath.Join(dir, configName), fmt.Sprintf(`version: 1
company: {name: Shop, home_currency: %s, zone: %s}
sources:
  shop:
    kind: woocommerce
    url: %s
    key: file:key.txt
    secret: file:secret.txt
    allow_plain_http: true
    allow_private: true
    statuses: {await-pickup: paid}
  rates:
    path: ./inbox
    feeds: {rates: {match: "fx*.csv", profile: canonical-fx_rate, settle: 0s}}
`, want.Currency, want.Zone, url))
	return dir
}

// rates are of every week: an older one must not be used.
func rates() string {
	text := "currency_code,home_currency_code,rate_date,rate\n"
	for day := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC); day.Month() < 12; day = day.AddDate(0, 0, 7) {
		date := day.Format(time.DateOnly)
		text += "HKD,CNY," + date + ",0.9\nUSD,CNY," + date + ",7\n"
	}
	return text
}

// ask runs a query on the release and gives its rows as text.
func ask(t *testing.T, dir, sql string) [][]string {
	t.Helper()
	var rows [][]string
	for _, line := range strings.Split(strings.TrimSpace(runOmoflow(t, dir, "query", "-q", "--format", "csv", sql)), "\n")[1:] {
		rows = append(rows, strings.Split(strings.TrimRight(line, "\r"), ","))
	}
	return rows
}

// equal compares two figures as numbers.
func equal(t *testing.T, what, got, want string) {
	t.Helper()
	g, ok := new(big.Rat).SetString(got)
	w, good := new(big.Rat).SetString(want)
	if !ok || !good || g.Cmp(w) != 0 {
		t.Errorf("%s: the release says %s, the shop's database %s", what, got, want)
	}
}

// wantState compares all figures of a release.
func wantState(t *testing.T, dir string, want wooState) {
	wantOrders(t, dir, want)
	wantSales(t, dir, want)
	wantRefunds(t, dir, want)
	wantMasters(t, dir, want)
}

func wantOrders(t *testing.T, dir string, want wooState) {
	got := map[string][2]string{}
	for _, row := range ask(t, dir, `SELECT source_status, currency_code, count(*) AS orders, sum(total_amount) AS gross FROM sales."order" GROUP BY ALL`) {
		got[row[0]+" "+row[1]] = [2]string{row[2], row[3]}
	}
	for _, row := range want.Orders.ByStatus {
		key := row.Status + " " + row.Currency
		_, counted := got[key]
		switch {
		case row.Status == "gone-plugin": // nobody knows what it means: in quarantine until the configuration says it
			if counted {
				t.Errorf("orders in status %s are counted", row.Status)
			}
			continue
		case row.Status == "checkout-draft" && !counted: // no list shows these; an id between others does
			continue
		}
		equal(t, "orders "+key, got[key][0], fmt.Sprint(row.Orders))
		equal(t, "gross "+key, got[key][1], row.Gross)
	}
}

const wooSale = `is_sale AND source_status <> 'trash'`

func wantSales(t *testing.T, dir string, want wooState) {
	sales := want.Sales
	row := ask(t, dir, `SELECT count(*), sum(total_amount), sum(shipping_amount), sum(tax_amount) FROM sales."order" WHERE `+wooSale+` AND currency_code = home_currency_code`)[0]
	equal(t, "sales orders", row[0], fmt.Sprint(sales.Orders))
	equal(t, "sales gross", row[1], sales.Gross)
	equal(t, "shipping", row[2], sales.Components["shipping"])
	tax := new(big.Rat)
	for _, part := range []string{"lines_tax", "shipping_tax", "fees_tax"} {
		v, _ := new(big.Rat).SetString(sales.Components[part])
		tax.Add(tax, v)
	}
	equal(t, "tax", row[3], tax.FloatString(2))
	for kind, parts := range map[string][2]string{"product": {"lines", "lines_tax"}, "fee": {"fees", "fees_tax"}} {
		row := ask(t, dir, `SELECT coalesce(sum(l.net_amount), 0), coalesce(sum(l.tax_amount), 0) FROM sales.order_line AS l JOIN sales."order" AS o USING (order_key)
			WHERE l.line_kind = '`+kind+`' AND o.is_sale AND o.source_status <> 'trash' AND o.currency_code = o.home_currency_code`)[0]
		equal(t, parts[0], row[0], sales.Components[parts[0]])
		equal(t, parts[1], row[1], sales.Components[parts[1]])
	}
	days := ask(t, dir, `SELECT business_date, count(*), sum(total_amount) FROM sales."order" WHERE `+wooSale+` AND currency_code = home_currency_code GROUP BY ALL`)
	if len(days) != len(sales.Days) {
		t.Errorf("%d days with sales, the shop has %d", len(days), len(sales.Days))
	}
	for _, row := range days {
		equal(t, "orders of "+row[0], row[1], fmt.Sprint(sales.Days[row[0]].Orders))
		equal(t, "gross of "+row[0], row[2], sales.Days[row[0]].Gross)
	}
	units(t, "sold", sales.Sold, ask(t, dir, `SELECT CASE WHEN coalesce(l.source_sku, 'woo-') LIKE 'woo-%' THEN '(no sku)' ELSE l.source_sku END, sum(l.unit_qty)
		FROM sales.order_line AS l JOIN sales."order" AS o USING (order_key) WHERE l.line_kind = 'product' AND o.is_sale AND o.source_status <> 'trash' AND o.currency_code = o.home_currency_code GROUP BY ALL`))
}

func units(t *testing.T, what string, want map[string]int, rows [][]string) {
	t.Helper()
	got := map[string]string{}
	for _, row := range rows {
		got[row[0]] = row[1]
	}
	for sku, n := range want {
		equal(t, "units "+what+" of "+sku, got[sku], fmt.Sprint(n))
		delete(got, sku)
	}
	for _, sku := range sortedKeys(got) {
		if got[sku] != "0.000" {
			t.Errorf("units %s of %s: the release says %s, the shop's database has none", what, sku, got[sku])
		}
	}
}

func wantRefunds(t *testing.T, dir string, want wooState) {
	sales := want.Sales
	row := ask(t, dir, `SELECT sum(coalesce(r.net_amount, r.amount) + coalesce(r.tax_amount, 0)), (SELECT sum(total_amount) FROM sales."order" WHERE `+wooSale+` AND currency_code = home_currency_code) - sum(coalesce(r.net_amount, r.amount) + coalesce(r.tax_amount, 0))
		FROM sales.refund_line AS r JOIN sales."order" AS o USING (order_key) WHERE o.is_sale AND o.source_status <> 'trash' AND o.currency_code = o.home_currency_code`)[0]
	equal(t, "refunds", "-"+row[0], sales.Refunds)
	equal(t, "net", row[1], sales.Net)
	for _, row := range ask(t, dir, `SELECT r.business_date, count(DISTINCT r.refund_id), -sum(coalesce(r.net_amount, r.amount) + coalesce(r.tax_amount, 0))
		FROM sales.refund_line AS r JOIN sales."order" AS o USING (order_key) WHERE o.is_sale AND o.source_status <> 'trash' AND o.currency_code = o.home_currency_code GROUP BY ALL`) {
		equal(t, "refunds of "+row[0], row[1], fmt.Sprint(sales.RefundDays[row[0]].Refunds))
		equal(t, "refunded on "+row[0], row[2], sales.RefundDays[row[0]].Amount)
	}
	units(t, "refunded", sales.Refunded, ask(t, dir, `SELECT CASE WHEN coalesce(r.source_sku, 'woo-') LIKE 'woo-%' THEN '(no sku)' ELSE r.source_sku END, sum(r.unit_qty)
		FROM sales.refund_line AS r JOIN sales."order" AS o USING (order_key) WHERE r.line_kind = 'product' AND NOT r.is_unallocated AND o.is_sale AND o.source_status <> 'trash' AND o.currency_code = o.home_currency_code GROUP BY ALL`))
}

func wantMasters(t *testing.T, dir string, want wooState) {
	row := ask(t, dir, `SELECT (SELECT count(*) FROM stg_customer WHERE attributes LIKE '%"role":"customer"%'), (SELECT count(*) FROM stg_product)`)[0]
	equal(t, "customers", row[0], fmt.Sprint(want.Customers.Customers))
	equal(t, "products and variations", row[1], fmt.Sprint(want.Catalogue.Products+want.Catalogue.Variations))
	stock := map[string]string{}
	for _, row := range ask(t, dir, `SELECT sku, on_hand_qty FROM inventory.position`) {
		stock[row[0]] = row[1]
	}
	for _, s := range want.Stock {
		if s.Managed == true && s.Quantity != nil && s.SKU != "" {
			equal(t, "stock of "+s.SKU, stock[s.SKU], fmt.Sprint(*s.Quantity))
		}
	}
}
