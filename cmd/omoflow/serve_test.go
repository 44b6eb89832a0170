package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source/webhook"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// served is omoflow serve at work for a simulated shop.
type served struct {
	t       *testing.T
	app     *app
	sim     *simulator.Shop
	url     string
	service *hookService
	stop    func() error
}

const hookSecret = "canary-hook-secret"

const shopConfig = `  shop:
    kind: woocommerce
    url: %s
    key: file:./key
    secret: file:./key
    webhook_secret: file:./hook
    allow_plain_http: true
    allow_private: true
    location_id: WEB
    lag: 0s
    probe_ids: 0
`

// serveShop adds a simulated shop to the project of dir and serves its webhooks.
func serveShop(t *testing.T, dir string) *served {
	t.Helper()
	sim := simulator.New(time.UTC, time.Now)
	shop := httptest.NewServer(sim)
	t.Cleanup(shop.Close)
	config, err := os.ReadFile(filepath.Join(dir, configName))
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(dir, configName), string(config)+fmt.Sprintf(shopConfig, shop.URL))
	writeText(t, filepath.Join(dir, "key"), "canary-key\n")
	writeText(t, filepath.Join(dir, "hook"), hookSecret+"\n")
	s := &served{t: t, sim: sim, app: &app{project: dir, quiet: os.Getenv("OMOFLOW_BENCH") == "", stdout: os.Stdout, stderr: os.Stderr}}
	s.start()
	return s
}

func (s *served) start() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	process := newServer(s.app, serveFlags{webhooks: true, pull: time.Hour, maxBody: 1 << 20})
	first, err := process.open(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	s.service = first.hooks
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String()
	ended := make(chan error, 1)
	go func() { ended <- process.run(ctx, listener, first) }()
	s.stop = func() error {
		cancel()
		err := <-ended
		s.stop = func() error { return nil }
		return err
	}
	s.t.Cleanup(func() { _ = s.stop() }) // a second stop after a failure
}

// post sends an event and gives the status and the time of the answer.
func (s *served) post(topic, id string, body []byte) (int, time.Duration) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.url+"/hooks/shop", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("X-WC-Webhook-Topic", topic)
	r.Header.Set("X-WC-Webhook-Delivery-ID", id)
	r.Header.Set("X-WC-Webhook-Signature", webhook.Sign(body, secret.Of(hookSecret)))
	began := time.Now()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()               //nolint:errcheck // only read
	_, _ = io.Copy(io.Discard, answer.Body) // the status says it all
	return answer.StatusCode, time.Since(began)
}

// answered waits until what webhooks named of a stream was read.
func (s *served) answered(stream string, limit time.Duration) {
	s.t.Helper()
	for began := time.Now(); time.Since(began) < limit; time.Sleep(10 * time.Millisecond) {
		tail, ok, err := s.service.project.lake.HintLog("shop", stream).Tail(context.Background())
		if err != nil {
			s.t.Fatal(err)
		}
		if ok && tail.Kind == "answered" {
			return
		}
	}
	s.t.Fatalf("the hints of %s are not answered within %s", stream, limit)
}

// await waits until a release holds what a log holds now, and gives it.
func (s *served) await(log string, limit time.Duration) release.Release {
	s.t.Helper()
	ctx := context.Background()
	lk := s.service.project.lake
	tail, ok, err := lk.StreamLog("shop", log).Tail(ctx)
	if err != nil || !ok {
		s.t.Fatalf("the log of %s: %v %v", log, ok, err)
	}
	var last int64
	releases := lk.ReleaseLog() // it remembers its end, so that looking costs little of what is measured
	for began := time.Now(); time.Since(began) < limit; time.Sleep(10 * time.Millisecond) {
		end, _, err := releases.Tail(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		if end.Seq == last {
			continue
		}
		last = end.Seq
		rel, ok, err := release.Latest(ctx, lk)
		if err != nil {
			s.t.Fatal(err)
		}
		if ok && rel.Streams[tail.Log] >= tail.Seq {
			return rel
		}
	}
	s.t.Fatalf("no release with entry %d of %s within %s", tail.Seq, tail.Log, limit)
	return release.Release{}
}

func (s *served) query(rel release.Release, sql string) string {
	s.t.Helper()
	db, err := s.service.project.mounted(context.Background(), rel)
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // in memory
	rows, err := db.Text(context.Background(), sql)
	if err != nil {
		s.t.Fatal(err)
	}
	var lines []string
	for _, row := range rows {
		lines = append(lines, strings.Join(row, "|"))
	}
	return strings.Join(lines, "\n")
}

func stockEvent(id, quantity int, at time.Time) []byte {
	return fmt.Appendf(nil, `{"id":%d,"sku":"HOOK-%d","name":"Hooked","status":"publish","regular_price":"9.00","manage_stock":true,"stock_quantity":%d,"date_modified_gmt":%q}`,
		id, id, quantity, at.UTC().Format("2006-01-02T15:04:05"))
}

// An event is answered when it is committed, released soon after, harmless when repeated, and still there after a restart.
func TestServeReleasesWhatWebhooksBring(t *testing.T) {
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, configName), "version: 1\ncompany: {name: Shop, home_currency: CNY, zone: Asia/Shanghai}\nsources:\n")
	s := serveShop(t, dir)
	at := time.Now().Add(-time.Hour).UTC()
	for i, quantity := range []int{40, 12} {
		if code, _ := s.post("product.updated", "a", stockEvent(7, quantity, at.Add(time.Duration(i)*time.Minute))); code != 200 {
			t.Fatalf("answer %d", code)
		}
	}
	o := simulator.Draw(rand.New(rand.NewPCG(4, 4)), 31, at)
	if code, _ := s.post("order.created", "b", o.JSON(time.UTC)); code != 200 {
		t.Fatalf("answer %d", code)
	}
	o.Put(s.sim)
	o.Modified = at.Add(time.Second)
	o.PutRefund(s.sim, 77, at.Add(time.Second), 100, nil)
	if code, _ := s.post("order.updated", "c", o.JSON(time.UTC)); code != 200 { // it names a refund that it does not hold
		t.Fatalf("answer %d", code)
	}
	s.answered("refunds", time.Minute)
	s.await("stock", time.Minute)
	s.await("refunds", time.Minute)
	rel := s.await("orders", time.Minute)
	const position = "SELECT location_id, on_hand_qty FROM inventory.position WHERE sku LIKE '%HOOK-7%'"
	if got := s.query(rel, position); got != "WEB|12.000" {
		t.Errorf("position %q", got)
	}
	if got := s.query(rel, "SELECT count(*) FROM sales.order WHERE order_id LIKE '%31%'"); got != "1" {
		t.Errorf("%s orders", got)
	}
	if got := s.query(rel, "SELECT count(*) FROM sales.refund_line WHERE order_id LIKE '%31%'"); got != "1" {
		t.Errorf("%s refunds", got)
	}
	if code, _ := s.post("product.updated", "again", stockEvent(7, 40, at)); code != 200 {
		t.Errorf("repetition: answer %d", code)
	}
	if code, _ := s.post("order.updated", "b", []byte(`not json`)); code != 400 {
		t.Errorf("signed nonsense: answer %d", code)
	}
	answer, err := http.Get(s.url + "/healthz")
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("health: %v %v", answer, err)
	}
	_ = answer.Body.Close() // only its status was wanted
	s.stockGoesFirst(o, at)
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	s.start()
	if got := s.query(s.await("stock", time.Minute), position); got != "WEB|12.000" {
		t.Errorf("position after a repetition and a restart %q", got)
	}
}

// stockGoesFirst sends an order and then a level: the level is released while the order still waits.
func (s *served) stockGoesFirst(o *simulator.Order, at time.Time) {
	s.t.Helper()
	o.Modified = at.Add(time.Minute)
	if code, _ := s.post("order.updated", "d", o.JSON(time.UTC)); code != 200 {
		s.t.Fatalf("answer %d", code)
	}
	if code, _ := s.post("product.updated", "e", stockEvent(8, 5, at)); code != 200 {
		s.t.Fatalf("answer %d", code)
	}
	last := s.await("orders", time.Minute)
	all, err := release.List(context.Background(), s.service.project.lake)
	if err != nil {
		s.t.Fatal(err)
	}
	name := func(stream string) string { return s.service.project.lake.StreamLog("shop", stream).Name() }
	if !slices.ContainsFunc(all, func(r release.Release) bool {
		return r.Streams[name("stock")] == last.Streams[name("stock")] && r.Streams[name("orders")] < last.Streams[name("orders")]
	}) {
		s.t.Error("the level waited for the order")
	}
}

// TestBenchServe measures from the sending of an event to the release that shows it in inventory.position, beside a
// history of a million order lines.
func TestBenchServe(t *testing.T) {
	n := benchLines(t, "OMOFLOW_BENCH_SERVE", 1_000_000)
	dir := benchProject(t)
	writeText(t, filepath.Join(dir, "lines.yaml"), benchProfile+benchOrders)
	writeDays(t, filepath.Join(dir, "inbox"), n)
	measure(t, "omoflow", "run", "-q", "-C", dir)
	s := serveShop(t, dir)
	at := time.Now().Add(-time.Hour).UTC()
	r := rand.New(rand.NewPCG(5, 5))
	var answers []time.Duration
	// events sends events one after another, each when the one before is released, and prints what that took. What before sends
	// is not waited for.
	var before func(i int)
	events := func(what, topic, log string, count int, body func(i int) []byte) {
		var releases, processor []time.Duration
		for i := range count {
			if before != nil {
				before(i)
			}
			was, began := spent(), time.Now()
			code, took := s.post(topic, fmt.Sprint(what, i), body(i))
			if code != 200 {
				t.Fatalf("answer %d", code)
			}
			s.await(log, benchWait)
			answers, releases, processor = append(answers, took), append(releases, time.Since(began)), append(processor, spent().cpu-was.cpu)
		}
		fmt.Printf("bench serve: %d lines of history: %s to release %s; processor time %s (bar p99 5 s)\n", n, what, spread(releases), spread(processor))
	}
	order := func(i int) []byte {
		o := simulator.Draw(r, int64(1000+i), at.Add(time.Duration(i)*time.Second))
		o.Put(s.sim)
		return o.JSON(time.UTC)
	}
	stock := func(i int) []byte { return stockEvent(7, i, at.Add(time.Duration(i)*time.Second)) }
	count := benchLines(t, "OMOFLOW_BENCH_SERVE_EVENTS", 100)
	events("the first stock event", "product.updated", "stock", 1, stock)
	events("a stock event", "product.updated", "stock", count, func(i int) []byte { return stock(i + 1) })
	if got := s.query(s.await("stock", benchWait), "SELECT on_hand_qty FROM inventory.position WHERE sku LIKE '%HOOK-7%'"); got != fmt.Sprintf("%d.000", count) {
		t.Errorf("position %q after %d events", got, count)
	}
	events("the first order event", "order.created", "orders", 1, order)
	events("an order event", "order.created", "orders", max(1, count/10), func(i int) []byte { return order(i + 1) })
	before = func(i int) {
		if code, _ := s.post("order.created", fmt.Sprint("beside", i), order(5000+i)); code != 200 {
			t.Fatalf("answer %d", code)
		}
	}
	events("a stock event right after an order", "product.updated", "stock", max(1, count/10), func(i int) []byte { return stock(i + 2 + count) })
	fmt.Printf("bench serve: %d lines of history: answer %s\n", n, spread(answers))
}

// benchWait bounds the wait for one release: a slow one is a figure, not an error.
const benchWait = 10 * time.Minute

func spread(all []time.Duration) string {
	slices.Sort(all)
	at := func(percent int) time.Duration {
		return all[min(len(all)-1, (len(all)*percent+99)/100)].Round(time.Millisecond)
	}
	return fmt.Sprintf("n %d, p50 %s, p90 %s, p99 %s, most %s", len(all), at(50), at(90), at(99), all[len(all)-1].Round(time.Millisecond))
}
