package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// TestBenchAPI compares a first pull of a simulated WooCommerce shop (pages kept, mapped, staged, committed) with a bare
// loop that sends the same requests and counts bytes.
func TestBenchAPI(t *testing.T) {
	n := benchLines(t, "OMOFLOW_BENCH_API", 200_000)
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	shop := simulator.New(time.UTC, func() time.Time { return began.AddDate(0, 10, 0) })
	r := rand.New(rand.NewPCG(1, 1))
	orders := make([]simulator.Record, n)
	for i := range orders {
		o := simulator.Draw(r, int64(i+1), began.Add(time.Duration(i)*time.Minute))
		orders[i] = simulator.Record{ID: o.ID, Status: o.Status, Created: o.Created, Modified: o.Modified, Render: func() []byte { return o.JSON(time.UTC) }}
	}
	shop.Fill("orders", orders)
	var lock sync.Mutex
	var asked []string
	shop.Before = func(_ http.ResponseWriter, r *http.Request) bool {
		lock.Lock()
		defer lock.Unlock()
		asked = append(asked, r.URL.String())
		return false
	}
	server := httptest.NewServer(shop)
	defer server.Close()
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, "key.txt"), "ck_bench\n")
	writeText(t, filepath.Join(dir, configName), fmt.Sprintf(`version: 1
company: {name: Bench, home_currency: CNY, zone: UTC}
sources:
  shop: {kind: woocommerce, url: %s, key: "file:key.txt", secret: "file:key.txt", allow_plain_http: true, allow_private: true, streams: [orders], zone: UTC}
`, server.URL))
	ours := measure(t, "omoflow", "run", "-q", "--no-release", "-C", dir)
	shop.Before = nil
	at, size := time.Now(), int64(0)
	for _, path := range asked {
		answer, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close() // read to its end
		if err != nil {
			t.Fatal(err)
		}
		size += got
	}
	bare := time.Since(at)
	fmt.Printf("bench api: %d orders, %d requests, %d MB: bare loop %.1f s; omoflow %s; speed ratio %.2f (bar 0.90), peak %d MiB (bar 300)\n",
		n, len(asked), size/1e6, bare.Seconds(), ours, bare.Seconds()/ours.took.Seconds(), ours.rss>>20)
}
