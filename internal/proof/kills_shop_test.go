package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/omoflow/omoflow/internal/inspect"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/source/webhook"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
	"github.com/omoflow/omoflow/transforms"
)

// apiProject is a project whose only source is a shop that is simulated by this process.
const apiProject = `version: 1
lake: ./lake
company: {name: Shop, home_currency: CNY, zone: UTC}
engine: {threads: 1}
sources:
  shop:
    kind: woocommerce
    url: %s
    key: file:./key
    secret: file:./key
    webhook_secret: file:./hook
    allow_plain_http: true
    allow_private: true
    location_id: WEB
    streams: [orders, refunds]
    page_size: 10
    attempts: %d
    lag: 0s
    probe_ids: 0
`

const apiSecret = "canary-hook-secret"

// makeAPI writes a project that reads a shop from handler, with an empty lake.
func (k *killer) makeAPI(dir string, handler http.Handler, attempts int) {
	server := httptest.NewServer(handler)
	k.t.Cleanup(server.Close)
	k.must(os.RemoveAll(dir))
	k.must(os.MkdirAll(filepath.Join(dir, "lake"), 0o755))
	for name, text := range map[string]string{"key": "canary-key\n", "hook": apiSecret + "\n", "omoflow.yaml": fmt.Sprintf(apiProject, server.URL, attempts)} {
		k.must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
}

// soldOrders are the orders of the simulated shop, three months of them.
func soldOrders() []*simulator.Order {
	r := rand.New(rand.NewPCG(3, 1))
	var all []*simulator.Order
	for i := range int64(36) {
		all = append(all, simulator.Draw(r, 100+i, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(i)*57*time.Hour)))
	}
	return all
}

// openShop makes the project of a shop with orders and some refunds.
func openShop(k *killer, dir string) {
	shop := simulator.New(time.UTC, time.Now)
	for i, o := range soldOrders() {
		o.Put(shop)
		if i%9 == 0 {
			o.PutRefund(shop, 5000+o.ID, o.Created.Add(time.Hour), 100, o.Items[:1])
		}
	}
	k.makeAPI(dir, shop, 3)
}

// listenOnly makes the project of a shop that sends webhooks and does not answer, so that nothing but they brings an order.
func listenOnly(k *killer, dir string) {
	k.makeAPI(dir, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }), 1)
}

// shopTables are what an API's batches become: every stream, and of orders the lines too. They do not depend on how pages were cut
// into batches, nor on when.
var shopTables = []string{"stg_order", "stg_order_line", "stg_refund"}

// stager builds tables of the ends of attempts, one at a time.
type stager struct {
	sync.Mutex
	*bench
}

// shopContent is what a shop's lake holds, whatever batches brought it.
func shopContent(k *killer, dir string) map[string]string {
	ctx := context.Background()
	content := map[string]string{}
	bad := func(err error) map[string]string {
		content["error"] = err.Error()
		return content
	}
	lk, err := lakeOf(dir)
	if err != nil {
		return bad(err)
	}
	report, err := inspect.Run(ctx, lk.Bucket, inspect.Options{Data: true})
	if err != nil {
		return bad(err)
	}
	for _, f := range report.Findings {
		content["damage "+f.Key] = f.Err.Error()
	}
	scratch, err := filepath.Glob(filepath.Join(dir, "lake", objstore.Reserved, "work", "*"))
	if err != nil {
		return bad(err)
	}
	for _, path := range scratch {
		content["left behind "+strings.TrimPrefix(path, dir)] = ""
	}
	if err := k.stage(lk, dir, content); err != nil {
		return bad(err)
	}
	return content
}

// stage builds the tables of the shop from its batches and adds their contents, and how many orders of what worth there are.
func (k *killer) stage(lk *lake.Lake, dir string, content map[string]string) error {
	ctx := context.Background()
	k.staging.Lock()
	defer k.staging.Unlock()
	if k.staging.bench == nil {
		k.staging.bench = newBench(k.t, 1, "512MiB", shopTables...)
	}
	for _, key := range []string{"journal/release", "heads/release.json"} { // only the batches are judged
		if err := os.RemoveAll(filepath.Join(dir, "lake", key)); err != nil {
			return err
		}
	}
	s := &shop{bench: k.staging.bench, t: k.t, dir: filepath.Join(dir, "judge"), lake: lk, cache: objstore.NewCache(lk.Bucket, filepath.Join(dir, "judge", "cache"), 0)}
	candidate, err := transforms.Build(ctx, s.buildOptions())
	if err != nil {
		return err
	}
	var orders []string
	for name, hash := range s.contents(candidate.Release) {
		content["table "+name] = hash
	}
	manifest, err := candidate.Release.Manifest(ctx, lk, "stg_order")
	if err != nil {
		return err
	}
	for _, p := range manifest.Partitions {
		for _, f := range p.Files {
			path, err := s.cache.Path(ctx, f.Key, f.SHA256, f.Bytes)
			if err != nil {
				return err
			}
			orders = append(orders, "SELECT total_amount FROM "+warehouse.ReadParquet(path))
		}
	}
	if len(orders) == 0 {
		content["orders"] = "0"
		return nil
	}
	rows, err := s.db.Text(ctx, "SELECT count(*), CAST(sum(total_amount) AS DECIMAL(18, 2)) FROM ("+strings.Join(orders, " UNION ALL ")+")")
	if err == nil {
		content["orders"] = strings.Join(rows[0], " of ")
	}
	return err
}

// equalsShop holds the calm end against the orders that the shop sold.
func equalsShop(k *killer, dir string) {
	k.t.Helper()
	cents := int64(0)
	for _, o := range soldOrders() {
		cents += o.Cents()
	}
	want := fmt.Sprintf("%d of %s", len(soldOrders()), simulator.Money(cents))
	if got := shopContent(k, dir)["orders"]; got != want {
		k.t.Errorf("the calm end holds orders %s, the shop sold %s", got, want)
	}
}

// listening finds the address in what the service says.
var listening = regexp.MustCompile(`at (http://[0-9.:]+)/hooks`)

// sendWebhooks is the platform: it sends every order to the service, in an order of its own, until each is answered with 200, the last
// answered one twice. What was answered is written down beside the lake, as the platform remembers it when the service dies.
// When all are answered the service is told to end.
func sendWebhooks(k *killer, dir string, command *exec.Cmd, said func() string) {
	url := ""
	for range 2000 {
		if m := listening.FindStringSubmatch(said()); m != nil {
			url = m[1]
			break
		}
		if command.Process.Signal(syscall.Signal(0)) != nil {
			return // it is dead
		}
		time.Sleep(5 * time.Millisecond)
	}
	log := filepath.Join(dir, "answered")
	memory, _ := os.ReadFile(log) // none at first
	answered := strings.Fields(string(memory))
	last := ""
	if len(answered) > 0 {
		last = answered[len(answered)-1]
	}
	for _, o := range soldOrders()[:8] {
		id := fmt.Sprint(o.ID)
		if strings.Contains(string(memory), id) && id != last {
			continue
		}
		if !postWebhook(url, id, o.JSON(time.UTC)) {
			break // it died, or is about to
		}
		memory = fmt.Append(memory, id, "\n")
		k.must(os.WriteFile(log, memory, 0o600))
	}
	_ = command.Process.Signal(syscall.SIGTERM) // a dead one needs none
}

func postWebhook(url, id string, body []byte) bool {
	r, err := http.NewRequest(http.MethodPost, url+"/hooks/shop", strings.NewReader(string(body)))
	if err != nil {
		return false
	}
	r.Header.Set("X-WC-Webhook-Topic", "order.updated")
	r.Header.Set("X-WC-Webhook-Delivery-ID", id)
	r.Header.Set("X-WC-Webhook-Signature", webhook.Sign(body, secret.Of(apiSecret)))
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// equalsSent holds the calm end against the orders that were sent.
func equalsSent(k *killer, dir string) {
	k.t.Helper()
	if got := shopContent(k, dir)["orders"]; !strings.HasPrefix(got, "8 of ") {
		k.t.Errorf("the calm end holds orders %s, 8 were sent", got)
	}
}
