package proof

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
)

// TestProofLimitsCycles takes a changed file in and releases, many times in one process: goroutines, descriptors and temporary
// files stay as many as they were after the first cycles.
func TestProofLimitsCycles(t *testing.T) {
	n := cases(t, 3, 30)
	if os.Getenv("OMOFLOW_PROOF") == "long" {
		n = max(n, 1000)
	}
	b := newBench(t, 1, "512MiB", "stg_order", "stg_order_line", "stg_payment", "stg_feedback")
	s := b.newShop(t)
	var tills []delivery
	for _, f := range b.deliveriesOf(t, tiny(11, 1), 1)[0] {
		if strings.HasPrefix(f.path, "pos/") {
			tills = append(tills, f)
		}
	}
	text := delivery{path: "care/feedback-2026-01-01.csv"}
	cycle := func(i int) {
		s.arrive(tills...)
		text.data = fmt.Appendf(nil, "id,kind,channel,location,order,score,scale,topic,text,received_at,answered_at\nFB-%d,nps,online,WEB,,9,10,service,quick,2026-01-01 08:00:00,\n", i)
		text.modified = time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC)
		before, _, err := release.Latest(t.Context(), s.lake)
		fatal(t, err)
		if r := s.take(append(tills[:len(tills):len(tills)], text)...); i > 0 && r.Files != 1 || r.Refused > 0 {
			t.Fatalf("cycle %d takes %d files and refuses %d: %v", i, r.Files, r.Refused, r.Findings)
		}
		if r := s.publish(); r.Seq != before.Seq+1 {
			t.Fatalf("cycle %d publishes release %d after %d", i, r.Seq, before.Seq)
		}
	}
	cycle(0)
	cycle(1)
	open, running := openFiles(t), goleak.IgnoreCurrent()
	for i := range n {
		cycle(i + 2)
		for _, folder := range []string{"temp", "scratch", filepath.Join("lake", objstore.Reserved, "tmp")} {
			if left := filesBelow(filepath.Join(s.dir, folder)); len(left) > 0 {
				t.Fatalf("cycle %d leaves %v", i, left)
			}
		}
	}
	if left := openFiles(t) - open; left > 0 {
		t.Errorf("%d descriptors more are open after %d cycles", left, n)
	}
	if err := goleak.Find(running); err != nil {
		t.Error(err)
	}
	fmt.Printf("proof: R17 deliveries and releases leave nothing: %d cycles in one process, 0 temporary files, 0 descriptors, 0 goroutines more\n", n)
}

// outOfSpace are the words of a runtime or an engine that gets no memory and cannot go on.
var outOfSpace = []string{"out of memory", "cannot allocate memory", "failed to create new OS thread", "failed to reserve", "pthread_create", "bad_alloc", "Resource temporarily unavailable", "cannot map"}

// TestProofLimitsProgram runs the shipped program with less and less address space: it gives the right result, or ends with a
// typed error, or where not even its runtime can start ends by that; repeated with plenty everything is as undisturbed. Then it is
// given a file with a cell that is larger than what it may use.
func TestProofLimitsProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	k := newKiller(t)
	p := pipelines()[0]
	r := k.prepare(p)
	n := cases(t, 4, 16)
	right, typed, ended := 0, 0, 0
	const least, most = int64(256 << 10), int64(6 << 20) // KiB
	for i := range n {
		limit := least + (most-least)*int64(i)/int64(max(1, n-1))
		a := attempt{seed: failureSeeds - int64(i), what: fmt.Sprintf("%d MiB of address space", limit>>10)}
		dir := k.copyOf(p, r)
		command, output := k.command(t.Context(), dir, p.args, "")
		command.Args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -v %d && exec "$0" "$@"`, limit), command.Path}, command.Args[1:]...)
		command.Path = "/bin/sh"
		switch code := exitCode(k.startAndRun(p, dir, command, output)); {
		case code == p.exit:
			right++
		case code == 10 && bytes.Contains([]byte(output.String()), []byte("next:")):
			typed++
		case containsAny(output.String(), outOfSpace):
			ended++
		default:
			t.Errorf("%s: ends with %d\n%.2000s", a.what, code, output)
		}
		again, output := k.command(t.Context(), dir, p.args, "")
		if code := exitCode(k.startAndRun(p, dir, again, output)); code != p.exit {
			t.Errorf("%s, then plenty: ends with %d\n%.2000s", a.what, code, output)
		}
		k.judge(p, a, r, dir)
		k.drop(dir)
	}
	if right == 0 || typed+ended == 0 {
		t.Errorf("%d of %d limits were enough: they miss the border", right, n)
	}
	if !t.Failed() {
		fmt.Printf("proof: R16 little address space fails clean: %d limits from %d MiB to %d MiB, %d right results, %d typed errors, %d ended by the runtime, 0 wrong tables\n", n, least>>10, most>>10, right, typed, ended)
	}
	k.hugeCell(p, r)
}

// mostResident is what the program may use for a file of any size; the rest of a file that is in memory is the system's.
const mostResident = 1 << 30

// hugeCell delivers a cell of a gigabyte (at night; less by day): the file is refused whole, its bytes are kept, memory stays bounded.
func (k *killer) hugeCell(p *pipeline, r *prepared) {
	k.t.Helper()
	size := map[string]int{"": 16 << 20, "pr": 128 << 20, "long": 1 << 30}[os.Getenv("OMOFLOW_PROOF")]
	dir := k.copyOf(p, r)
	defer k.drop(dir)
	care := filepath.Join(dir, "inbox", "care")
	k.must(errors.Join(os.Remove(filepath.Join(dir, "inbox")), os.MkdirAll(care, 0o755)))
	file, err := os.Create(filepath.Join(care, "feedback-2026-01-09.csv"))
	k.must(err)
	header, _, _ := strings.Cut(k.read(filepath.Join(r.dir, "inbox", "care", "feedback-2026-01-02.csv")), "\n")
	_, err = file.WriteString(header + "\nFB-1,nps,online,WEB,,9,10,service,\"")
	k.must(err)
	for block := bytes.Repeat([]byte("x"), 1<<20); size > 0; size -= len(block) {
		_, err = file.Write(block)
		k.must(err)
	}
	_, err = file.WriteString("\",2026-01-09 08:00:00,\n")
	k.must(errors.Join(err, file.Close()))
	info, err := os.Stat(file.Name())
	k.must(err)
	command, output := k.command(k.t.Context(), dir, append(slices.Clone(p.args), "care"), "")
	command.Env = append(command.Env, "GOGC=100")
	k.must(command.Start())
	used := held(command.Process.Pid)
	code := exitCode(k.run(p, dir, command, output))
	used.stop()
	if code != 3 || !strings.Contains(output.String(), "record_too_long") || used.most > mostResident {
		k.t.Errorf("a cell of %d bytes: ends with %d and %d bytes of memory\n%.1000s", info.Size(), code, used.most, output)
		return
	}
	fmt.Printf("proof: R18 a huge cell is refused: a file of %d bytes, refused as record_too_long, %d MiB resident at most\n", info.Size(), used.most>>20)
}

// memory is the most that a process held. What wait tells of it begins with what this process held when it started the other.
type memory struct {
	most  int64
	ended chan struct{}
	done  sync.WaitGroup
}

func held(pid int) *memory {
	m := &memory{ended: make(chan struct{})}
	m.done.Go(func() {
		for {
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // gone when the process is
			if _, after, found := strings.Cut(string(status), "VmHWM:"); found {
				kib, _ := strconv.ParseInt(strings.Fields(after)[0], 10, 64) // the system's number
				m.most = max(m.most, kib<<10)
			}
			select {
			case <-m.ended:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	return m
}

func (m *memory) stop() {
	close(m.ended)
	m.done.Wait()
}

func containsAny(text string, words []string) bool {
	for _, word := range words {
		if strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
			return true
		}
	}
	return false
}
