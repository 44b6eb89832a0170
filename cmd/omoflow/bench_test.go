package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"

	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/internal/world"
)

// benchLines is the number of order lines of a benchmark, or what the environment says.
func benchLines(t *testing.T, name string, lines int) int {
	t.Helper()
	if os.Getenv("OMOFLOW_BENCH") == "" {
		t.Skip("benchmarks run by make bench")
	}
	if text := os.Getenv(name); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	return lines
}

const benchConfig = `version: 1
company: {name: Bench, home_currency: CNY, zone: Asia/Shanghai}
sources:
  tills:
    path: ./inbox
    feeds:
      lines: {match: "*.csv", profile: ./lines.yaml, settle: 0s}
`

// benchProfile maps the 12 columns of world.BigLines.
const benchProfile = `profile: bench-lines
about: The clean order lines of the benchmark.
format: csv
encoding: utf-8
delimiter: ","
columns: {store: store, receipt: receipt_no, line: line_no, at: sold_at, sku: sku, qty: quantity, price: unit_price, discount: discount, tax: tax, amount: amount, customer: customer_id, cashier: cashier}
dates: {order: ymd, zone: Asia/Shanghai}
numbers: {decimal: "."}
constants: {channel: store, platform: bench, currency_code: CNY}
streams:
  order_line:
    event: at
    columns:
      order_id: "= txt(store) || '-' || txt(receipt)"
      line_key: line
      line_no: line
      location_id: store
      sku: sku
      quantity: qty
      unit_price: price
      discount_amount: discount
      tax_amount: tax
      net_amount: = num(amount) - num(tax)
      associate_id: cashier
`

func benchProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{configName: benchConfig, "lines.yaml": benchProfile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "inbox"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// measured is how long a process took and how much memory it held at most.
type measured struct {
	took, cpu time.Duration
	rss       int64 // bytes
}

func (m measured) String() string {
	return fmt.Sprintf("%.2f s (processor %.2f s), peak %d MiB", m.took.Seconds(), m.cpu.Seconds(), m.rss>>20)
}

func (m measured) over(other measured) float64 { return m.took.Seconds() / other.took.Seconds() }

func measure(t *testing.T, name string, args ...string) measured {
	t.Helper()
	command := exec.Command(name, args...)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	began := time.Now()
	if err := command.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, output.String())
	}
	usage := command.ProcessState.SysUsage().(*syscall.Rusage)
	return measured{time.Since(began), command.ProcessState.UserTime() + command.ProcessState.SystemTime(), usage.Maxrss << 10}
}

// TestBenchIngest compares CSV -> staged Parquet (raw kept, validated, hashed, committed) with a bare COPY of the same
// file by the same engine in a process of its own.
func TestBenchIngest(t *testing.T) {
	n := benchLines(t, "OMOFLOW_BENCH_INGEST", 10_000_000)
	dir := benchProject(t)
	csv := filepath.Join(dir, "inbox", "lines.csv")
	writeTo(t, csv, func(w io.Writer) error { return world.BigLines(w, n, 1) })
	bare := measure(t, "barecopy", csv, filepath.Join(dir, "bare.parquet"))
	ours := measure(t, "omoflow", "run", "-q", "--no-release", "-C", dir)
	fmt.Printf("bench ingest: %d lines: bare COPY %s; omoflow %s; speed ratio %.2f (bar 0.70, processor time %.2f)\n", n, bare, ours, bare.took.Seconds()/ours.took.Seconds(), bare.cpu.Seconds()/ours.cpu.Seconds())
}

// TestBenchIngestGB18030 is TestBenchIngest for a file as Chinese back offices write it: a word of every line is Chinese, in
// GB18030. The yardstick reads the same text in UTF-8, since the bare engine knows no other encoding.
func TestBenchIngestGB18030(t *testing.T) {
	n := benchLines(t, "OMOFLOW_BENCH_GB18030", 4_000_000)
	dir := benchProject(t)
	plain := gbFiles(t, dir, n)
	bare := measure(t, "barecopy", plain, filepath.Join(dir, "bare.parquet"))
	ours := measure(t, "omoflow", "run", "-q", "--no-release", "-C", dir)
	fmt.Printf("bench ingest, GB18030: %d lines: bare COPY of the same in UTF-8 %s; omoflow %s; speed ratio %.2f (bar 0.50, processor time %.2f)\n", n, bare, ours, bare.took.Seconds()/ours.took.Seconds(), bare.cpu.Seconds()/ours.cpu.Seconds())
}

// gbFiles writes a profile and a file of lines in GB18030 into a project, and the same lines in UTF-8 beside it.
func gbFiles(t *testing.T, dir string, n int) (plain string) {
	t.Helper()
	writeText(t, filepath.Join(dir, "lines.yaml"), strings.Replace(benchProfile, "encoding: utf-8", "encoding: gb18030", 1))
	chinese := func(w io.Writer) error {
		reader, writer := io.Pipe()
		go func() { writer.CloseWithError(world.BigLines(writer, n, 1)) }()
		lines := bufio.NewScanner(reader)
		for first := true; lines.Scan(); first = false {
			line := lines.Text()
			if !first {
				line += "号收银员"
			}
			if _, err := io.WriteString(w, line+"\n"); err != nil {
				return err
			}
		}
		return lines.Err()
	}
	plain = filepath.Join(dir, "lines.csv")
	writeTo(t, plain, chinese)
	writeTo(t, filepath.Join(dir, "inbox", "lines.csv"), func(w io.Writer) error {
		return chinese(transform.NewWriter(w, simplifiedchinese.GB18030.NewEncoder()))
	})
	return plain
}

func writeTo(t *testing.T, path string, fill func(io.Writer) error) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	buffered := bufio.NewWriterSize(file, 1<<20)
	if err := fill(buffered); err != nil {
		t.Fatal(err)
	}
	if err := buffered.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// bareCopy is the yardstick of TestBenchIngest: the engine alone, typed, zstd.
func bareCopy(csv, parquet string) error {
	ctx := context.Background()
	db, err := warehouse.Open(ctx, warehouse.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Exec(ctx, `COPY (SELECT * FROM read_csv(`+warehouse.Literal(csv)+`, header = true, delim = ',', quote = '"', auto_detect = false, columns = {
		'store': 'VARCHAR', 'receipt_no': 'VARCHAR', 'line_no': 'BIGINT', 'sold_at': 'TIMESTAMP', 'sku': 'VARCHAR', 'quantity': 'DECIMAL(18,3)',
		'unit_price': 'DECIMAL(18,4)', 'discount': 'DECIMAL(18,4)', 'tax': 'DECIMAL(18,4)', 'amount': 'DECIMAL(18,4)', 'customer_id': 'VARCHAR', 'cashier': 'VARCHAR'}))
		TO `+warehouse.Literal(parquet)+` (FORMAT parquet, COMPRESSION zstd)`)
}
