package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// TestBenchAPI compares a first pull of a simulated WooCommerce shop (pages kept, mapped, staged, committed) with a bare
// loop that sends the same requests and counts bytes. The shop makes its answers anew for each request, as shops do; it
// does nothing else, so it is much faster than any. With latency each answer comes 20 ms later, as over a good line.
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
	for _, latency := range []time.Duration{0, 20 * time.Millisecond} {
		t.Run(fmt.Sprint("latency ", latency), func(t *testing.T) { benchFirstPull(t, shop, n, latency) })
	}
}

func benchFirstPull(t *testing.T, shop *simulator.Shop, n int, latency time.Duration) {
	var lock sync.Mutex
	var asked []string
	shop.Before = func(_ http.ResponseWriter, r *http.Request) bool {
		lock.Lock()
		asked = append(asked, r.URL.String())
		lock.Unlock()
		time.Sleep(latency)
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
	shop.Before = func(http.ResponseWriter, *http.Request) bool { time.Sleep(latency); return false }
	cpu, at, size := ownProcessor(t), time.Now(), int64(0)
	for _, path := range asked {
		size += countBytes(t, server.URL+path)
	}
	bare, shopping := time.Since(at), ownProcessor(t)-cpu
	fmt.Printf("bench api: %d orders, %d requests, %d MB, %v of latency: bare loop %.1f s (processor with the simulated shop %.1f s); omoflow %s; speed ratio %.2f (bar 0.90), peak %d MiB (bar 300)\n",
		n, len(asked), size/1e6, latency, bare.Seconds(), shopping.Seconds(), ours, bare.Seconds()/ours.took.Seconds(), ours.rss>>20)
}

func countBytes(t *testing.T, address string) int64 {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	n, err := io.Copy(io.Discard, answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ownProcessor is the processor time that this process has used.
func ownProcessor(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
