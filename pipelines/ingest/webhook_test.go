package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/webhook"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

const hookSecret = "canary-hook-secret"

// hookedShop is a shop whose webhooks arrive at a server that commits to the lake.
type hookedShop struct {
	*wooShop
	server *webhook.Server
	boxes  map[string]*ingest.Inbox
}

func newHooked(t *testing.T, sim *simulator.Shop, key string, values map[string]any) *hookedShop {
	t.Helper()
	h := &hookedShop{wooShop: newWoo(t, sim, values), boxes: map[string]*ingest.Inbox{}}
	all := map[string]any{"url": h.wooShop.server.URL, "key": "env:KEY", "secret": "env:SECRET", "allow_private": true, "webhook_secret": "env:HOOK"}
	for name, value := range values {
		all[name] = value
	}
	p := woocommerce.Platform()
	settings, err := p.Declaration.Parse("sources.shop", all)
	if err != nil {
		t.Fatal(err)
	}
	settings.Name, settings.Zone = "shop", sim.Zone.String()
	settings.Secrets = secret.Resolver{LookupEnv: func(string) (string, bool) { return key, true }}
	api, err := p.Open(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range h.feeds(values) {
		if h.boxes[f.Name], err = ingest.NewInbox(h.opt, f); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(ctx context.Context, _, stream string, deliveries []source.Delivery) error {
		_, err := h.boxes[stream].Take(ctx, deliveries)
		return err
	}
	h.server = webhook.New(webhook.Options{Shops: map[string]webhook.Shop{"shop": {API: api.(webhook.Hooked), Secrets: webhook.Secrets(settings)}}, Commit: commit, Gather: 5 * time.Millisecond, Reply: time.Minute, Log: t.Logf, Now: sim.Now})
	t.Cleanup(h.server.Close)
	return h
}

// post sends bodies together and expects every answer to be 200.
func (h *hookedShop) post(events ...sentEvent) {
	h.t.Helper()
	codes := make(chan int, len(events))
	for _, e := range events {
		go func() {
			r := httptest.NewRequest(http.MethodPost, "/hooks/shop", strings.NewReader(e.body))
			r.Header.Set("X-WC-Webhook-Topic", e.topic)
			r.Header.Set("X-WC-Webhook-Delivery-ID", e.id)
			r.Header.Set("X-WC-Webhook-Signature", webhook.Sign([]byte(e.body), secret.Of(hookSecret)))
			w := httptest.NewRecorder()
			h.server.ServeHTTP(w, r)
			codes <- w.Code
		}()
	}
	for range events {
		if code := <-codes; code != 200 {
			h.t.Fatalf("answer %d", code)
		}
	}
}

type sentEvent struct{ topic, id, body string }

// states are what the lake says of each order.
func (h *hookedShop) states() map[string]string {
	h.view("order")
	h.view("order_line")
	all := map[string]string{}
	if text := h.text("SELECT o.order_id, o.source_version, (SELECT count(*) FROM v_order_line AS l WHERE l.order_id = o.order_id) FROM v_order AS o"); text != "" {
		for _, row := range strings.Split(text, "\n") {
			id, rest, _ := strings.Cut(row, "|")
			all[id] = rest
		}
	}
	return all
}

// TestProofWebhooksInAnyOrder sends every version of every order several times, shuffled and in groups, with
// pulls between them. The newest version stands with all its lines, and the pull, which is the truth, changes nothing.
func TestProofWebhooksInAnyOrder(t *testing.T) {
	seeds, first := map[string]int{"": 1, "pr": 12, "long": 500}[os.Getenv("OMOFLOW_PROOF")], 0
	if n, err := strconv.Atoi(os.Getenv("OMOFLOW_SEED")); err == nil {
		first, seeds = n, 1
	}
	sent, orders := 0, 0
	for seed := first; seed < first+seeds; seed++ {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		now := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
		sim := simulator.New(time.UTC, func() time.Time { return now })
		values := map[string]any{"streams": []any{"orders"}, "lag": "0s", "reconcile_every": "1h", "probe_ids": 0}
		h := newHooked(t, sim, hookSecret, values)
		var events []sentEvent
		want := map[string]string{}
		for id := range int64(4 + r.IntN(8)) {
			o := simulator.Draw(r, 100+id, now.Add(-time.Duration(1+r.IntN(5000))*time.Minute))
			for version := range 1 + r.IntN(4) {
				o.Modified = o.Created.Add(time.Duration(version*7) * time.Second)
				if version > 0 && len(o.Items) > 1 && r.IntN(2) == 0 {
					o.Items = o.Items[1:]
				}
				body := string(o.JSON(sim.Zone))
				for copies := range 1 + r.IntN(3) {
					events = append(events, sentEvent{"order.updated", fmt.Sprintf("%d-%d", id, min(copies, 1)), body})
				}
			}
			o.Put(sim)
			n := len(o.Items) + min(1, int(max(o.Fee, -o.Fee)))
			want[strconv.FormatInt(o.ID, 10)] = fmt.Sprintf("%s|%d", o.Modified.UTC().Format("2006-01-02T15:04:05"), n)
		}
		r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		for rest := events; len(rest) > 0; {
			n := min(1+r.IntN(6), len(rest))
			h.post(rest[:n]...)
			rest = rest[n:]
			if r.IntN(6) == 0 {
				if _, err := h.pull(values); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
		check := func(when string) {
			got := h.states()
			for id := range want {
				if got[id] != want[id] {
					t.Errorf("OMOFLOW_SEED=%d: %s: order %s is %q, want %q", seed, when, id, got[id], want[id])
				}
			}
			if len(got) != len(want) {
				t.Errorf("OMOFLOW_SEED=%d: %s: %d orders, want %d", seed, when, len(got), len(want))
			}
		}
		check("after the webhooks")
		now = now.Add(2 * time.Hour)
		if _, err := h.pull(values); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		check("after the pull")
		sent, orders = sent+len(events), orders+len(want)
	}
	if !t.Failed() {
		fmt.Printf("proof: C20 webhooks may come twice, late and in any order: %d sent for %d orders, 0 lost, 0 counted twice\n", sent, orders)
	}
}

// TestWebhooksOfOneBatchKeepTheirBytes commits webhooks that came together: their pages have one name and lay in one folder once, so
// that the last one stood for all.
func TestWebhooksOfOneBatchKeepTheirBytes(t *testing.T) {
	now := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	sim := simulator.New(time.UTC, func() time.Time { return now })
	h := newHooked(t, sim, hookSecret, map[string]any{"streams": []any{"orders"}, "lag": "0s", "reconcile_every": "1h", "probe_ids": 0})
	r := rand.New(rand.NewPCG(5, 5))
	var together []source.Delivery
	want := map[string]string{}
	for id := range int64(9) {
		o := simulator.Draw(r, 100+id, now.Add(-time.Hour))
		o.Fee = 0
		together = append(together, source.Page(fmt.Sprintf("hook-%d", id), o.JSON(sim.Zone), now, nil, nil))
		want[strconv.FormatInt(o.ID, 10)] = fmt.Sprintf("%s|%d", o.Modified.UTC().Format("2006-01-02T15:04:05"), len(o.Items))
	}
	result, err := h.boxes["orders"].Take(t.Context(), together)
	if err != nil || result.Files != len(together) {
		t.Fatalf("%d of %d webhooks were taken: %v", result.Files, len(together), err)
	}
	if got := h.states(); !maps.Equal(got, want) {
		t.Errorf("the lake holds %v, want %v", got, want)
	}
}

// An order that is put into the trash is gone at once, a late repetition of its last state does not bring it back, and the
// next comparison shows it as the shop does.
func TestDeletedOrdersStayGone(t *testing.T) {
	now := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	sim := simulator.New(time.UTC, func() time.Time { return now })
	values := map[string]any{"streams": []any{"orders"}, "lag": "0s", "reconcile_every": "1h", "probe_ids": 0}
	h := newHooked(t, sim, hookSecret, values)
	o := simulator.Draw(rand.New(rand.NewPCG(1, 1)), 27, now.Add(-time.Hour))
	o.Status = "completed"
	update := sentEvent{"order.updated", "a", string(o.JSON(sim.Zone))}
	h.post(update)
	o.Put(sim)
	if len(h.states()) != 1 {
		t.Fatal("the order did not arrive")
	}
	trashed := sentEvent{"order.deleted", "b", `{"id":27}`}
	h.post(trashed)
	h.post(update)
	h.post(trashed)
	if got := h.states(); len(got) != 0 {
		t.Errorf("the order is back: %v", got)
	}
	o.Status = "trash"
	o.Put(sim)
	now = now.Add(2 * time.Hour)
	if _, err := h.pull(values); err != nil {
		t.Fatal(err)
	}
	if len(h.states()) != 1 || h.text("SELECT status FROM v_order") != "cancelled" {
		t.Errorf("after the comparison: %v %s", h.states(), h.text("SELECT status FROM v_order"))
	}
}

// A pull that is under way when webhooks are committed goes on with the pages it has.
func TestWebhooksDoNotKeepAPullFromEnding(t *testing.T) {
	now := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	sim := simulator.New(time.UTC, func() time.Time { return now })
	values := map[string]any{"streams": []any{"orders"}, "lag": "0s", "reconcile_every": "24h", "probe_ids": 0, "page_size": 5}
	h := newHooked(t, sim, hookSecret, values)
	r := rand.New(rand.NewPCG(2, 2))
	for id := range int64(20) {
		simulator.Draw(r, 100+id, now.Add(-time.Duration(1000-id)*time.Minute)).Put(sim)
	}
	n, busy := 0, false
	sim.Before = func(http.ResponseWriter, *http.Request) bool {
		if busy || n == 8 {
			return false
		}
		busy = true
		n++
		o := simulator.Draw(r, int64(1000+n), now.Add(time.Duration(n)*time.Second)) // behind the end of the pull
		o.Put(sim)
		h.post(sentEvent{"order.created", strconv.Itoa(n), string(o.JSON(sim.Zone))}) // between every two answers
		busy = false
		return false
	}
	if _, err := h.pull(values); err != nil {
		t.Fatal(err)
	}
	if got := len(h.states()); got != 20+n || n != 8 {
		t.Errorf("%d orders, want 20 pulled and %d sent", got, n)
	}
	if calls := sim.Calls(); calls > 25 {
		t.Errorf("%d calls for %d orders: the pull started over", calls, 20+n)
	}
}

// TestRecordedWebhooksAreTaken sends the recorded deliveries of real shops: every signature is good, every ping is ignored,
// and each order ends in its newest recorded state.
func TestRecordedWebhooksAreTaken(t *testing.T) {
	sites := []string{"newyork"}
	if os.Getenv("OMOFLOW_PROOF") != "" {
		sites = append(sites, "shanghai")
	}
	for _, site := range sites {
		t.Run(site, func(t *testing.T) { recordedWebhooks(t, wooRecordings(t, site)) })
	}
}

func recordedWebhooks(t *testing.T, dir string) {
	var oracle struct {
		Secret   string `json:"webhook_secret"`
		Zone     string `json:"site_zone"`
		Webhooks struct {
			Signed int `json:"signed_and_verified"`
			Pings  int `json:"unsigned_pings"`
		} `json:"webhooks"`
	}
	readJSON(t, filepath.Join(dir, "expected.json"), &oracle)
	zone, err := time.LoadLocation(oracle.Zone)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	sim := simulator.New(zone, func() time.Time { return now })
	h := newHooked(t, sim, oracle.Secret, map[string]any{"statuses": map[string]any{"await-pickup": "paid", "gone-plugin": "paid"}})
	files, err := filepath.Glob(filepath.Join(dir, "webhooks", "[0-9]*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	newest, gone := map[string]string{}, map[string]bool{}
	for _, path := range files {
		var one struct {
			Request struct {
				Headers map[string]string `json:"headers"`
				Body    string            `json:"body_raw"`
			} `json:"request"`
		}
		readJSON(t, path, &one)
		r := httptest.NewRequest(http.MethodPost, "/hooks/shop", strings.NewReader(one.Request.Body))
		for name, value := range one.Request.Headers {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		h.server.ServeHTTP(w, r)
		if w.Code != 200 {
			t.Errorf("%s: answer %d", filepath.Base(path), w.Code)
		}
		var order struct {
			ID       json.Number `json:"id"`
			Modified string      `json:"date_modified_gmt"`
		}
		topic := one.Request.Headers["X-WC-Webhook-Topic"]
		if strings.HasPrefix(topic, "order.") {
			if err := json.Unmarshal([]byte(one.Request.Body), &order); err != nil {
				t.Fatal(err)
			}
			id := order.ID.String()
			if gone[id] = topic == "order.deleted"; !gone[id] {
				newest[id] = max(newest[id], order.Modified)
			}
		}
	}
	counts := h.server.Counts()
	if int(counts.Pings) != oracle.Webhooks.Pings || int(counts.Committed+counts.Ignored) != oracle.Webhooks.Signed || counts.Forged != 0 {
		t.Errorf("%+v, the recordings say %+v", counts, oracle.Webhooks)
	}
	got := h.states()
	for id, version := range newest {
		if state, ok := got[id]; ok == gone[id] || ok && !strings.HasPrefix(state, version+"|") {
			t.Errorf("order %s is %q, want version %s, gone %v", id, state, version, gone[id])
		}
	}
	h.view("inventory_level")
	if n := h.text("SELECT count(*) > 0 AND count(*) = count(as_of) FROM v_inventory_level"); n != "true" {
		t.Errorf("no stock level came with a product: %s", n)
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
