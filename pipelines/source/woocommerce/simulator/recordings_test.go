package simulator_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/pipelines/source/httpapi"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// recordings finds the folder of recordings beside the repository.
func recordings(t *testing.T, site string) string {
	t.Helper()
	base := os.Getenv("OMOFLOW_SHARED")
	if base == "" {
		base = filepath.Join("..", "..", "..", "..", "..", "shared")
		if _, err := os.Stat(base); err != nil {
			base = filepath.Join("..", "..", "..", "..", "..", "..", "shared")
		}
	}
	dir := filepath.Join(base, "fixtures", "woocommerce", site)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the recordings are not here: ", dir)
	}
	return dir
}

// The simulator, holding the recorded rows, answers the recorded questions as the recorded server did.
func TestAnswersLikeTheRecordedServer(t *testing.T) {
	for _, site := range []string{"shanghai", "newyork"} {
		t.Run(site, func(t *testing.T) {
			dir := recordings(t, site)
			zone := map[string]string{"shanghai": "Asia/Shanghai", "newyork": "America/New_York"}[site]
			shop, err := simulator.FromRecordings(dir, zone)
			if err != nil {
				t.Fatal(err)
			}
			asked := 0
			for _, folder := range []string{"orders_full", "orders_trash", "orders_single", "refunds_all", "refunds_by_order", "products", "variations", "variations_all", "customers", "customers_role_all", "time_spellings", "errors", "."} {
				files := os.DirFS(filepath.Join(dir, folder))
				if folder == "." {
					files = os.DirFS(dir)
				}
				exchanges, err := httpapi.ReadExchanges(files)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range exchanges {
					if folder == "." && e.Request.Path != "/wp-json/wc/v3/orders" && e.Request.Path != "/wp-json/wc/v3/customers" || e.Request.Method != "GET" || e.Response.Status == 401 || strings.Contains(e.Request.Path, "coupons") || strings.Contains(e.Request.Path, "settings") || strings.Contains(e.Request.Path, "taxes") {
						continue
					}
					if folder == "." && !strings.Contains(e.Request.Query, "page=99") && !strings.Contains(e.Request.Query, "modified_after=2031") {
						continue
					}
					w := httptest.NewRecorder()
					shop.ServeHTTP(w, httptest.NewRequest("GET", e.Request.Path+"?"+e.Request.Query, nil))
					asked++
					if w.Code != e.Response.Status {
						t.Errorf("%s?%s: status %d, recorded %d", e.Request.Path, e.Request.Query, w.Code, e.Response.Status)
						continue
					}
					if w.Code != 200 {
						continue
					}
					for name, want := range e.Response.Headers {
						if got := w.Header().Get(name); strings.HasPrefix(name, "X-WP-") && got != want && !strings.Contains(e.Request.Query, "page=99") {
							t.Errorf("%s?%s: %s is %s, recorded %s", e.Request.Path, e.Request.Query, name, got, want)
						}
					}
					same(t, e, w.Body.Bytes())
				}
			}
			if asked < 40 {
				t.Errorf("only %d recorded questions were asked", asked)
			}
		})
	}
}

// same compares ids: in order, and within one second, whose order a database does not promise, as a set.
func same(t *testing.T, e httpapi.Exchange, got []byte) {
	t.Helper()
	want, have := idsIn(e.Response.Body), idsIn(got)
	if slices.Equal(want, have) {
		return
	}
	q, _ := url.ParseQuery(e.Request.Query)
	if q.Get("orderby") == "id" || q.Get("orderby") == "" {
		t.Errorf("%s?%s: %v, recorded %v", e.Request.Path, e.Request.Query, have, want)
		return
	}
	t.Logf("%s?%s: ties in another order", e.Request.Path, e.Request.Query)
}

// The simulator, after the recorded edits, answers what was asked after them; read by page number while an order changes
// it loses and repeats the same rows as the recorded server did.
func TestAnswersLikeTheRecordedServerAfterTheEdits(t *testing.T) {
	for site, drift := range map[string]struct{ zone, touched, lost string }{"shanghai": {"Asia/Shanghai", "505", "547"}, "newyork": {"America/New_York", "152", "174"}} {
		t.Run(site, func(t *testing.T) {
			dir := recordings(t, site)
			shop, err := simulator.FromRecordings(dir, drift.zone)
			if err == nil {
				err = shop.EditAsRecorded(dir)
			}
			if err != nil {
				t.Fatal(err)
			}
			shown := map[string]int{}
			for _, folder := range []string{"orders_incremental_exact", "orders_incremental_overlap", "refunds_incremental", "products_incremental", "orders_ids_after", "orders_trash_after", "orders_drift_truth_before", "orders_drift"} {
				exchanges, err := httpapi.ReadExchanges(os.DirFS(filepath.Join(dir, folder)))
				if err != nil {
					t.Fatal(err)
				}
				for i, e := range exchanges {
					if folder == "orders_drift" && i == 1 {
						touch(t, shop, drift.touched, exchanges)
					}
					if folder == "orders_drift_truth_before" {
						for _, id := range idsIn(e.Response.Body) {
							shown[id] = 0
						}
					}
					w := httptest.NewRecorder()
					shop.ServeHTTP(w, httptest.NewRequest("GET", e.Request.Path+"?"+e.Request.Query, nil))
					if w.Code != e.Response.Status || w.Header().Get("X-WP-Total") != e.Response.Headers["X-WP-Total"] {
						t.Errorf("%s?%s: status %d, total %s, recorded %d and %s", e.Request.Path, e.Request.Query, w.Code, w.Header().Get("X-WP-Total"), e.Response.Status, e.Response.Headers["X-WP-Total"])
					}
					same(t, e, w.Body.Bytes())
					if folder == "orders_drift" {
						for _, id := range idsIn(w.Body.Bytes()) {
							shown[id]++
						}
					}
				}
			}
			for id, n := range shown {
				if n != 1 && id != drift.touched && id != drift.lost {
					t.Errorf("the walk by page number shows %s %d times", id, n)
				}
			}
			if shown[drift.touched] != 2 || shown[drift.lost] != 0 {
				t.Errorf("%s is shown %d times, %s %d times", drift.touched, shown[drift.touched], drift.lost, shown[drift.lost])
			}
		})
	}
}

// touch changes an order as the recorded walk shows it later.
func touch(t *testing.T, shop *simulator.Shop, id string, walk []httpapi.Exchange) {
	t.Helper()
	for _, e := range walk[1:] {
		var rows []struct {
			ID       json.Number
			Modified string `json:"date_modified_gmt"`
		}
		if err := json.Unmarshal(e.Response.Body, &rows); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if n, err := r.ID.Int64(); err == nil && r.ID.String() == id {
				shop.Touch(n, r.Modified)
				return
			}
		}
	}
	t.Fatalf("order %s is not shown again", id)
}

// idsIn gives the ids of a list, or of a single record.
func idsIn(text []byte) []string {
	var rows []struct {
		ID json.Number `json:"id"`
	}
	if json.Unmarshal(text, &rows) != nil {
		var one struct {
			ID json.Number `json:"id"`
		}
		_ = json.Unmarshal(text, &one)
		return []string{one.ID.String()}
	}
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID.String())
	}
	return ids
}
