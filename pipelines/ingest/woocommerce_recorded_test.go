package ingest_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// The recorded page drift: an order on a page that was read changes before the next page is asked for. The real shop,
// read by page number, then never showed one order; the lake must hold it, and the changed one once, in its new state.
func TestRecordedPageDriftLosesNothing(t *testing.T) {
	for site, zone := range map[string]string{"shanghai": "Asia/Shanghai", "newyork": "America/New_York"} {
		t.Run(site, func(t *testing.T) {
			dir := wooRecordings(t, site)
			text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
			if err != nil {
				t.Fatal(err)
			}
			var said struct {
				Drift struct {
					Touched []int64 `json:"touched_between_page_1_and_2"`
					Never   []int64 `json:"never_returned"`
				} `json:"page_drift"`
			}
			if err := json.Unmarshal(text, &said); err != nil || len(said.Drift.Touched) != 1 || len(said.Drift.Never) != 1 {
				t.Fatalf("%v, %+v", err, said)
			}
			sim, err := simulator.FromRecordings(dir, zone)
			if err == nil {
				err = sim.EditAsRecorded(dir)
			}
			if err != nil {
				t.Fatal(err)
			}
			touched := said.Drift.Touched[0]
			before, _ := sim.Get("orders", touched)
			now := sim.Now().Add(30 * time.Minute)
			sim.Now = func() time.Time { return now }
			stamped, touches := now.Add(-10*time.Minute).Format("2006-01-02T15:04:05"), 0
			sim.Before = func(_ http.ResponseWriter, r *http.Request) bool {
				after, err := time.Parse("2006-01-02T15:04:05", r.URL.Query().Get("modified_after"))
				if err == nil && touches == 0 && !after.Before(before.Modified.Add(-time.Second)) && strings.HasSuffix(r.URL.Path, "/orders") {
					touches++
					sim.Touch(touched, stamped) // its page was given with the answer before this question
				}
				return false
			}
			w := newWoo(t, sim, nil)
			if _, err := w.pull(map[string]any{"page_size": 20, "streams": []any{"orders"}, "probe_ids": 0, "statuses": map[string]any{"await-pickup": "paid"}}); err != nil {
				t.Fatal(err)
			}
			w.view("order")
			if touches != 1 {
				t.Fatal("nothing changed while it was read")
			}
			var want []string
			for _, r := range sim.All("orders") {
				if r.Status != "gone-plugin" { // waits in quarantine
					want = append(want, strconv.FormatInt(r.ID, 10))
				}
			}
			got := strings.Split(w.text("SELECT order_id FROM v_order ORDER BY order_id"), "\n")
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("orders in the lake: %v, in the shop: %v", got, want)
			}
			if never := strconv.FormatInt(said.Drift.Never[0], 10); w.text("SELECT count(*) FROM v_order WHERE order_id = '"+never+"'") != "1" {
				t.Errorf("order %s, which page numbers lose, is not in the lake once", never)
			}
			if version := w.text("SELECT source_version FROM v_order WHERE order_id = '" + strconv.FormatInt(touched, 10) + "'"); version != stamped {
				t.Errorf("order %d is of %s, the shop's is of %s", touched, version, stamped)
			}
		})
	}
}
