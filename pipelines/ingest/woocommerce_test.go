package ingest_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/profile"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// wooShop is a simulated shop behind TLS, its source, and a lake.
type wooShop struct {
	*shop
	sim    *simulator.Shop
	server *httptest.Server
	slept  time.Duration
}

func newWoo(t testing.TB, sim *simulator.Shop, values map[string]any) *wooShop {
	t.Helper()
	sim.Key, sim.Secret = "ck_canary_key_5d1f", "cs_canary_secret_77ab"
	w := &wooShop{shop: newShop(t, wholeProfile), sim: sim, server: httptest.NewTLSServer(sim)}
	t.Cleanup(w.server.Close)
	w.configure(values)
	return w
}

// feeds opens the source anew, as every run of the program does.
func (w *wooShop) feeds(values map[string]any) []ingest.Feed {
	w.t.Helper()
	all := map[string]any{"url": w.server.URL, "key": "env:KEY", "secret": "env:SECRET", "allow_private": true, "page_size": 100}
	for name, value := range values {
		all[name] = value
	}
	p := woocommerce.Platform()
	settings, err := p.Declaration.Parse("sources.shop", all)
	if err != nil {
		w.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(w.server.Certificate())
	settings.Name, settings.Zone, settings.RootCAs, settings.Now = "shop", w.sim.Zone.String(), roots, w.sim.Now
	settings.Secrets = secret.Resolver{LookupEnv: func(name string) (string, bool) {
		return map[string]string{"KEY": w.sim.Key, "SECRET": w.sim.Secret}[name], true
	}}
	settings.Sleep = func(_ context.Context, d time.Duration) error { w.slept += d; return nil }
	api, err := p.Open(context.Background(), settings)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(api.Close)
	return w.feedsOf(api)
}

// feedsOf gives the feeds of an opened source with their mappings; rows are quarantined, never whole pages.
func (s *shop) feedsOf(api source.API) []ingest.Feed {
	s.t.Helper()
	var feeds []ingest.Feed
	for _, f := range api.Feeds() {
		mapping, err := profile.Parse(f.Stream, f.Profile)
		if err != nil {
			s.t.Fatal(err)
		}
		feeds = append(feeds, ingest.Feed{Source: "shop", Name: f.Stream, API: &f, Profile: mapping, RefuseOver: 1_000_000})
	}
	return feeds
}

func (w *wooShop) configure(map[string]any) { w.opt.Zone = w.sim.Zone.String() }

func (w *wooShop) pull(values map[string]any) (ingest.Result, error) {
	return ingest.Run(context.Background(), w.opt, w.feeds(values))
}

// view makes a view of a stream's rows that count, as models see them.
func (w *wooShop) view(stream string) {
	w.t.Helper()
	batches, err := w.opt.Lake.Batches(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	var parts []string
	whole := ""
	for _, b := range batches {
		for _, staged := range b.Staged {
			if staged.Stream == stream {
				parts = append(parts, fmt.Sprintf("SELECT *, CAST(%d AS BIGINT) AS seq FROM %s", b.Seq, warehouse.ReadParquet(w.local(staged.Object))))
				whole = staged.Whole
			}
		}
	}
	s := "SELECT NULL AS order_id, NULL AS refund_id, NULL AS amount WHERE false"
	if len(parts) > 0 {
		s = strings.Join(parts, " UNION ALL BY NAME ")
	}
	if whole != "" {
		s = "SELECT * FROM (SELECT *, rank() OVER (PARTITION BY " + whole + ", date_trunc('month', business_date) ORDER BY source_version DESC, seq DESC, file_no DESC) AS n FROM (" + s + ")) WHERE n = 1 AND delivered <> ''"
	}
	if err := w.opt.DB.Exec(context.Background(), `CREATE OR REPLACE TABLE "v_`+stream+`" AS `+s); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wooShop) text(query string) string {
	w.t.Helper()
	rows, err := w.opt.DB.Text(context.Background(), query)
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, r := range rows {
		lines = append(lines, strings.Join(r, "|"))
	}
	return strings.Join(lines, "\n")
}

func wooRecordings(t *testing.T, site string) string {
	t.Helper()
	for _, base := range []string{os.Getenv("OMOFLOW_SHARED"), filepath.Join("..", "..", "..", "shared"), filepath.Join("..", "..", "..", "..", "shared")} {
		dir := filepath.Join(base, "fixtures", "woocommerce", site)
		if _, err := os.Stat(dir); base != "" && err == nil {
			return dir
		}
	}
	t.Skip("the recordings of a WooCommerce are not beside the repository")
	return ""
}

// oracle is what the shop's database says.
type oracle struct {
	Zone   string `json:"site_zone"`
	Before struct {
		Orders struct {
			Guests int `json:"guests"`
			Rows   []struct {
				Status   string `json:"status"`
				Currency string `json:"currency"`
				Orders   int    `json:"orders"`
				Gross    string `json:"gross"`
				Refunds  string `json:"refunds"`
			} `json:"by_status_currency"`
		} `json:"orders"`
		Sales struct {
			Orders     int               `json:"orders"`
			Gross      string            `json:"gross"`
			Refunds    string            `json:"refunds"`
			Net        string            `json:"net"`
			Components map[string]string `json:"components"`
			Local      map[string]struct {
				Orders int    `json:"orders"`
				Gross  string `json:"gross"`
			} `json:"by_local_day"`
			UTC map[string]struct {
				Orders int    `json:"orders"`
				Gross  string `json:"gross"`
			} `json:"by_utc_day"`
			RefundsLocal map[string]struct {
				Refunds int    `json:"refunds"`
				Amount  string `json:"amount"`
			} `json:"refunds_by_local_day"`
			Sold     map[string]int `json:"units_sold_by_sku"`
			Refunded map[string]int `json:"units_refunded_by_sku"`
		} `json:"sales"`
		Refunds struct {
			Rows    int    `json:"rows"`
			Amount  string `json:"amount"`
			Without int    `json:"without_lines"`
		} `json:"refunds"`
		Customers struct {
			Users int `json:"users"`
			Role  int `json:"role_customer"`
		} `json:"customers"`
		Catalogue struct {
			Products   int `json:"products"`
			Variations int `json:"variations"`
			GTIN       int `json:"with_gtin"`
		} `json:"catalogue"`
		Stock []struct {
			ID       int64   `json:"id"`
			SKU      string  `json:"sku"`
			Managed  bool    `json:"managed"`
			Quantity float64 `json:"quantity"`
		} `json:"stock"`
	} `json:"before_edits"`
	Currency string `json:"currency"`
}

func TestRecordedShopsReproduceEveryFigure(t *testing.T) {
	for _, site := range []string{"shanghai", "newyork"} {
		t.Run(site, func(t *testing.T) {
			dir := wooRecordings(t, site)
			text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
			if err != nil {
				t.Fatal(err)
			}
			var want oracle
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			sim, err := simulator.FromRecordings(dir, want.Zone)
			if err != nil {
				t.Fatal(err)
			}
			w := newWoo(t, sim, nil)
			values := map[string]any{"statuses": map[string]any{"await-pickup": "paid"}}
			result, err := w.pull(values)
			if err != nil {
				t.Fatal(err)
			}
			for _, stream := range []string{"order", "order_line", "payment", "refund", "refund_line", "customer", "product", "inventory_level"} {
				w.view(stream)
			}
			w.compare(want)
			again, err := w.pull(values)
			if err != nil || len(again.Batches) != 0 {
				t.Errorf("a second pull of an unchanged shop made %d batches: %v", len(again.Batches), err)
			}
			refused := map[string]int64{}
			for _, f := range result.Findings {
				refused[f.Code] += f.Records
			}
			t.Logf("%d requests, %d batches, findings %v", sim.Calls(), len(result.Batches), refused)
		})
	}
}

func (w *wooShop) compare(want oracle) {
	t := w.t
	check := func(what, got, expected string) {
		t.Helper()
		if got != expected {
			t.Errorf("%s: got %s, want %s", what, got, expected)
		}
	}
	for _, r := range want.Before.Orders.Rows {
		if r.Status == "gone-plugin" {
			continue // waits in quarantine, see below
		}
		check("orders "+r.Status+" "+r.Currency, w.text(fmt.Sprintf("SELECT count(*), CAST(sum(total_amount) AS DECIMAL(18,2)) FROM v_order WHERE source_status = '%s' AND currency_code = '%s'", r.Status, r.Currency)), fmt.Sprintf("%d|%s", r.Orders, r.Gross))
		if r.Status == "trash" && !w.sim.OrderTable {
			continue // classic storage hides the refunds of trashed orders: no list and no order shows them
		}
		check("refunds of "+r.Status+" "+r.Currency, w.text(fmt.Sprintf("SELECT CAST(coalesce(-sum(v_refund.amount), 0) AS DECIMAL(18,2)) FROM v_refund INNER JOIN v_order USING (order_id) WHERE v_order.source_status = '%s' AND v_order.currency_code = '%s'", r.Status, r.Currency)), r.Refunds)
	}
	sale := fmt.Sprintf("v_order.status IN ('paid', 'completed', 'refunded') AND v_order.currency_code = '%s'", want.Currency)
	s := want.Before.Sales
	check("gross", w.text("SELECT count(*), CAST(sum(total_amount) AS DECIMAL(18,2)) FROM v_order WHERE "+sale), fmt.Sprintf("%d|%s", s.Orders, s.Gross))
	check("refunds", w.text("SELECT CAST(-sum(amount) AS DECIMAL(18,2)) FROM v_refund INNER JOIN v_order USING (order_id) WHERE "+sale), s.Refunds)
	check("net", w.text("SELECT CAST((SELECT sum(total_amount) FROM v_order WHERE "+sale+") - (SELECT sum(amount) FROM v_refund INNER JOIN v_order USING (order_id) WHERE "+sale+") AS DECIMAL(18,2))"), s.Net)
	line := "SELECT CAST(coalesce(sum(v_order_line.%s), 0) AS DECIMAL(18,2)) FROM v_order_line INNER JOIN v_order USING (order_id) WHERE v_order_line.line_kind = '%s' AND " + sale
	check("lines", w.text(fmt.Sprintf(line, "net_amount", "product")), s.Components["lines"])
	check("lines tax", w.text(fmt.Sprintf(line, "tax_amount", "product")), s.Components["lines_tax"])
	check("fees", w.text(fmt.Sprintf(line, "net_amount", "fee")), s.Components["fees"])
	check("fees tax", w.text(fmt.Sprintf(line, "tax_amount", "fee")), s.Components["fees_tax"])
	check("coupon discount", w.text("SELECT CAST(sum(CAST(discount AS DECIMAL(18,2))) AS DECIMAL(18,2)) FROM (SELECT unnest(json_extract_string(json_extract_string(attributes, '$.coupon_lines'), '$[*].discount')) AS discount FROM v_order WHERE "+sale+")"), s.Components["discount"])
	check("shipping", w.text("SELECT CAST(sum(shipping_amount) AS DECIMAL(18,2)) FROM v_order WHERE "+sale), s.Components["shipping"])
	for day, d := range s.Local {
		check("local day "+day, w.text("SELECT count(*), CAST(sum(total_amount) AS DECIMAL(18,2)) FROM v_order WHERE business_date = '"+day+"' AND "+sale), fmt.Sprintf("%d|%s", d.Orders, d.Gross))
	}
	for day, d := range s.UTC {
		check("UTC day "+day, w.text("SELECT count(*), CAST(sum(total_amount) AS DECIMAL(18,2)) FROM v_order WHERE CAST(ordered_at AS DATE) = '"+day+"' AND "+sale), fmt.Sprintf("%d|%s", d.Orders, d.Gross))
	}
	for day, d := range s.RefundsLocal {
		check("refund day "+day, w.text("SELECT count(*), CAST(-sum(amount) AS DECIMAL(18,2)) FROM v_refund INNER JOIN v_order USING (order_id) WHERE v_refund.business_date = '"+day+"' AND "+sale), fmt.Sprintf("%d|%s", d.Refunds, d.Amount))
	}
	for sku, units := range s.Sold {
		check("sold "+sku, w.text("SELECT CAST(sum(quantity) AS BIGINT) FROM v_order_line INNER JOIN v_order USING (order_id) WHERE line_kind = 'product' AND "+skuIs(sku)+" AND "+sale), fmt.Sprint(units))
	}
	for sku, units := range s.Refunded {
		check("refunded "+sku, w.text("SELECT CAST(sum(quantity) AS BIGINT) FROM v_refund_line INNER JOIN v_order USING (order_id) WHERE line_kind = 'product' AND "+skuIs(sku)+" AND "+sale), fmt.Sprint(units))
	}
	c := want.Before.Customers
	check("customers", w.text("SELECT count(*), count(*) FILTER (WHERE attributes LIKE '%\"role\":\"customer\"%') FROM v_customer"), fmt.Sprintf("%d|%d", c.Users, c.Role))
	check("guests", w.text("SELECT count(*) FROM v_order WHERE source_customer_id IS NULL AND source_status NOT IN ('trash', 'checkout-draft')"), fmt.Sprint(want.Before.Orders.Guests-w.hiddenGuests()))
	check("products", w.text("SELECT count(*), count(barcodes) FROM v_product"), fmt.Sprintf("%d|%d", want.Before.Catalogue.Products+want.Before.Catalogue.Variations, want.Before.Catalogue.GTIN))
	managed := 0
	for _, l := range want.Before.Stock {
		sku := l.SKU
		if sku == "" {
			sku = fmt.Sprintf("woo-%d", l.ID)
		}
		expected := ""
		if l.Managed {
			managed++
			expected = fmt.Sprintf("%.3f", l.Quantity)
		}
		check("stock of "+sku, w.text("SELECT on_hand FROM v_inventory_level WHERE source_sku = '"+sku+"'"), expected)
	}
	check("levels", w.text("SELECT count(*) FROM v_inventory_level"), fmt.Sprint(managed))
}

// hiddenGuests are guests of orders that wait in quarantine.
func (w *wooShop) hiddenGuests() int {
	records, err := ingest.Quarantined(context.Background(), w.opt, ingest.Filter{})
	if err != nil {
		w.t.Fatal(err)
	}
	guests := map[string]bool{} // all parts of an order share its text
	for _, r := range records {
		if r.Code == "unknown_status" && strings.Contains(r.Raw, `"customer_id":0`) {
			guests[r.Raw] = true
		}
	}
	return len(guests)
}

func skuIs(sku string) string {
	if sku == "(no sku)" {
		return "(source_sku IS NULL OR source_sku LIKE 'woo-%')"
	}
	return "source_sku = '" + sku + "'"
}
