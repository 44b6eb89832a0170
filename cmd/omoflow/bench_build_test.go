package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/internal/world"
	"github.com/omoflow/omoflow/transforms"
)

// benchOrders gives the benchmark's receipts a head, so that the tables of orders are filled too.
const benchOrders = `  order:
    one_per: [order_id]
    event: at
    columns:
      order_id: "= txt(store) || '-' || txt(receipt)"
      location_id: store
      source_customer_id: customer
      ordered_at: at
      total_amount: {expr: "num(amount)", agg: sum}
`

// TestBenchBuild builds two years, repeats the very statements without hashing, fsync, manifests and checks, repeats them
// without their order, then adds a day, then nothing.
func TestBenchBuild(t *testing.T) {
	n := benchLines(t, "OMOFLOW_BENCH_BUILD", 20_000_000)
	dir := benchProject(t)
	writeText(t, filepath.Join(dir, "lines.yaml"), benchProfile+benchOrders)
	last := writeDays(t, filepath.Join(dir, "inbox"), n)
	measure(t, "omoflow", "run", "-q", "--no-release", "-C", dir)

	replay := filepath.Join(dir, "replay")
	full := measure(t, "benchbuild", dir, replay)
	printDearest(t, "full build", replay)
	ordered := measure(t, "benchreplay", replay, "ordered")
	unordered := measure(t, "benchreplay", replay, "unordered")
	fmt.Printf("bench build: %d lines, two years: omoflow %s; the same SQL by hand %s; ratio %.2f (bar 1.30, processor time %.2f)\n", n, full, ordered, full.over(ordered), full.cpu.Seconds()/ordered.cpu.Seconds())
	fmt.Printf("bench build: %d lines: by hand without order %s; omoflow against it %.2f\n", n, unordered, full.over(unordered))

	day, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	day = bytes.ReplaceAll(bytes.ReplaceAll(day, []byte("2025-12-30T"), []byte("2025-12-31T")), []byte(",R"), []byte(",N"))
	writeText(t, filepath.Join(dir, "inbox", "lines-2025-12-31.csv"), string(day))
	measure(t, "omoflow", "run", "-q", "--no-release", "-C", dir)
	more := measure(t, "benchbuild", dir, filepath.Join(dir, "more"))
	fmt.Printf("bench build: one more day: %s; share of full %.3f (bar 0.050, processor time %.3f)\n", more, more.over(full), more.cpu.Seconds()/full.cpu.Seconds())
	printDearest(t, "one more day", filepath.Join(dir, "more"))

	before := objects(t, filepath.Join(dir, "lake"))
	nothing := measure(t, "omoflow", "run", "-q", "-C", dir)
	fmt.Printf("bench build: no change: %s (bar 1 s), %d objects written (bar 0)\n", nothing, objects(t, filepath.Join(dir, "lake"))-before)
}

// tablesName is the file of a replay folder with what each table cost.
const tablesName = "tables.txt"

// printDearest lists the tables that took most of a build's processor time.
func printDearest(t *testing.T, what, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, tablesName))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	slices.Sort(lines)
	slices.Reverse(lines) // figures are of one width
	for _, line := range lines[:min(12, len(lines))] {
		fmt.Printf("bench build: %s: %s\n", what, line)
	}
}

// writeDays writes the lines as one file a day and gives the last file.
func writeDays(t *testing.T, dir string, n int) string {
	t.Helper()
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(world.BigLinesTwoYears(writer, n, 1)) }()
	lines := bufio.NewScanner(reader)
	lines.Scan()
	header := lines.Text()
	var date, path string
	var day strings.Builder
	for more := true; more; {
		more = lines.Scan()
		if cells := strings.SplitN(lines.Text(), ",", 5); !more || cells[3][:10] != date {
			if date != "" {
				path = filepath.Join(dir, "lines-"+date+".csv")
				writeText(t, path, header+"\n"+day.String())
				day.Reset()
			}
			if more {
				date = cells[3][:10]
			}
		}
		day.WriteString(lines.Text())
		day.WriteByte('\n')
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// objects counts the files of a lake.
func objects(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const traceName = "statements.jsonl"

// benchBuild is a release as omoflow run makes it, whose statements are written to a folder. Files that SQL alone cannot
// make again, those of system tables and of identity, are linked there.
func benchBuild(dir, replay string) error {
	ctx := context.Background()
	a := &app{project: dir, quiet: true, stdout: os.Stderr, stderr: os.Stderr}
	p, err := a.openProject(ctx, false)
	if err != nil {
		return err
	}
	defer p.close()
	db, err := warehouse.Open(ctx, p.engine())
	if err != nil {
		return err
	}
	defer db.Close()
	options, err := p.buildOptions(a, db)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(replay, 0o755); err != nil {
		return err
	}
	trace, err := os.Create(filepath.Join(replay, traceName))
	if err != nil {
		return err
	}
	defer trace.Close() //nolint:errcheck // a benchmark
	var lock sync.Mutex
	shown, err := os.Create(filepath.Join(replay, tablesName))
	if err != nil {
		return err
	}
	defer shown.Close() //nolint:errcheck // a benchmark
	was := spent()
	options.Progress = func(p transforms.Progress) {
		now := spent()
		fmt.Fprintf(shown, "%9.3f processor s %9.3f s %4d built %4d same %4d reused  %s\n", (now.cpu - was.cpu).Seconds(), (now.took - was.took).Seconds(), p.Built, p.Same, p.Reused, p.Table)
		was = now
	}
	options.Trace = func(s transforms.Statement) {
		lock.Lock()
		defer lock.Unlock()
		if strings.Contains(strings.Join(s.Before, " ")+s.Query, `"omoflow system.`) || strings.Contains(s.Query, "identity_link") {
			_ = os.Link(s.Path, filepath.Join(replay, filepath.Base(s.Path))) // a missing one fails the replay
			return
		}
		_ = json.NewEncoder(trace).Encode(s) // as above
	}
	candidate, err := transforms.Build(ctx, options)
	if err != nil {
		return err
	}
	options.Progress(transforms.Progress{Table: "checks and conservation"})
	_, err = candidate.Publish(ctx)
	return err
}

// spent is the clock and the processor time of this process so far.
func spent() measured {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return measured{}
	}
	return measured{took: time.Duration(time.Now().UnixNano()), cpu: time.Duration(usage.Utime.Nano() + usage.Stime.Nano())}
}

// benchReplay runs the statements by hand: as many at a time as a build, table after table.
func benchReplay(dir, order string) error {
	ctx := context.Background()
	file, err := os.Open(filepath.Join(dir, traceName))
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read
	db, err := warehouse.Open(ctx, warehouse.Options{TempDir: filepath.Join(dir, "spill")})
	if err != nil {
		return err
	}
	defer db.Close()
	var list []transforms.Statement
	decoder := json.NewDecoder(file)
	for decoder.More() {
		var s transforms.Statement
		if err := decoder.Decode(&s); err != nil {
			return err
		}
		list = append(list, s)
	}
	return replayAll(ctx, db, list, dir, order == "ordered")
}

const replayWorkers = 2

// readsAny tells whether a statement reads a file that one of the others writes: partitions that follow one another.
func readsAny(s transforms.Statement, others []transforms.Statement) bool {
	before := strings.Join(s.Before, " ")
	return slices.ContainsFunc(others, func(o transforms.Statement) bool { return strings.Contains(before, o.Path) })
}

var finalOrder = regexp.MustCompile(`(?s)\nORDER BY\n[^()]*$`)

func replayAll(ctx context.Context, db *warehouse.DB, list []transforms.Statement, dir string, ordered bool) error {
	conns := make(chan *warehouse.Conn, replayWorkers)
	for range replayWorkers {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		conns <- conn
	}
	scratch := regexp.MustCompile(regexp.QuoteMeta(filepath.Dir(list[0].Path)))
	for len(list) > 0 {
		same := 1
		for same < len(list) && list[0].Query != "" && list[same].Table == list[0].Table && !readsAny(list[same], list[:same]) {
			same++
		}
		threads := max(1, 2-min(same, replayWorkers)+1)
		if err := db.Exec(ctx, fmt.Sprintf("SET threads = %d", threads)); err != nil {
			return err
		}
		group, groupCtx := errgroup.WithContext(ctx)
		group.SetLimit(replayWorkers)
		for _, s := range list[:same] {
			group.Go(func() error {
				conn := <-conns
				defer func() { conns <- conn }()
				for _, statement := range s.Before {
					if err := conn.Exec(groupCtx, scratch.ReplaceAllLiteralString(statement, dir)); err != nil {
						return err
					}
				}
				if s.Query == "" {
					return nil
				}
				query := scratch.ReplaceAllLiteralString(s.Query, dir)
				if !ordered {
					query = finalOrder.ReplaceAllLiteralString(query, "")
				}
				return conn.Exec(groupCtx, "COPY (\n"+query+"\n) TO "+warehouse.Literal(filepath.Join(dir, filepath.Base(s.Path)))+" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		list = list[same:]
	}
	return nil
}
