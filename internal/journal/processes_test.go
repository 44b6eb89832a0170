package journal_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
)

// What makes this test binary a writer of its own: the folder, its number and how much to commit.
const (
	writerDir     = "OMOFLOW_TEST_JOURNAL_DIR"
	writerNumber  = "OMOFLOW_TEST_JOURNAL_WRITER"
	writerCommits = "OMOFLOW_TEST_JOURNAL_COMMITS"
	writerLogs    = 8 // a process goes from log to log, so that a folder stays quick to list
)

// TestWriterProcess is what each process of TestProofProcessesExcludeEachOther runs. It prints what it was told is stored.
func TestWriterProcess(t *testing.T) {
	dir := os.Getenv(writerDir)
	if dir == "" {
		t.Skip("started by TestProofProcessesExcludeEachOther")
	}
	number, _ := strconv.Atoi(os.Getenv(writerNumber))
	commits, _ := strconv.Atoi(os.Getenv(writerCommits))
	b, err := localfs.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	skew := time.Duration(number*1200/7-600) * time.Second // the processes' clocks are up to ten minutes off
	for l := range writerLogs {
		log := journal.Open(b, fmt.Sprint("log", l), journal.Options{Now: func() time.Time { return time.Now().Add(skew) }})
		tail, _, err := log.Tail(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next := tail.Seq + 1
		for done := 0; done < commits/writerLogs; {
			id := fmt.Sprintf("%d.%d.%d", number, l, done)
			e, err := log.Append(t.Context(), next, "note", fact{id})
			switch {
			case err == nil:
				fmt.Printf("stored log%d %d %s\n", l, e.Seq, id)
				done++
				next = e.Seq + 1
			case fault.KindOf(err) == fault.Conflict:
				if tail, _, err = log.Tail(t.Context()); err != nil {
					t.Fatal(err)
				}
				next = tail.Seq + 1
			default:
				t.Fatal(err)
			}
		}
	}
}

// R4: eight processes append to the same logs, with clocks up to ten minutes apart, while one after the other is stopped for a while and
// goes on where it was. What each was told is stored is there once, and nothing else.
func TestProofProcessesExcludeEachOther(t *testing.T) {
	commits := 32
	if os.Getenv("OMOFLOW_PROOF") != "" {
		commits = 1000
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const processes = 8
	dir := t.TempDir()
	outputs := make([]bytes.Buffer, processes)
	commands := make([]*exec.Cmd, processes)
	var group sync.WaitGroup
	for i := range commands {
		commands[i] = exec.CommandContext(t.Context(), self, "-test.run=^TestWriterProcess$", "-test.v")
		commands[i].Env = append(os.Environ(), writerDir+"="+dir, fmt.Sprintf("%s=%d", writerNumber, i), fmt.Sprintf("%s=%d", writerCommits, commits))
		commands[i].Stdout, commands[i].Stderr = &outputs[i], &outputs[i]
		if err := commands[i].Start(); err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			if err := commands[i].Wait(); err != nil {
				t.Errorf("process %d: %v\n%s", i, err, outputs[i].String())
			}
		})
	}
	stops := stopAndGo(commands, &group)
	told := map[string]int{}
	for i := range outputs {
		for line := range strings.Lines(outputs[i].String()) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "stored "); ok {
				told[rest]++
			}
		}
	}
	b, err := localfs.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	stored, wrong := 0, 0
	for l := range writerLogs {
		err := journal.Open(b, fmt.Sprint("log", l), journal.Options{}).Read(t.Context(), 1, func(e journal.Entry) error {
			stored++
			if told[fmt.Sprintf("log%d %d %s", l, e.Seq, idOf(e))] != 1 {
				wrong++
				t.Errorf("log%d %d holds %s, which no process was told", l, e.Seq, idOf(e))
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if want := processes * (commits / writerLogs) * writerLogs; stored != want || len(told) != want {
		wrong++
		t.Errorf("%d entries stored, %d acknowledged, %d committed", stored, len(told), want)
	}
	fmt.Printf("proof: R4 processes on one directory exclude each other: %d processes, %d commits, %d times one was stopped and went on, %d wrong\n", processes, stored, stops, wrong)
}

// stopAndGo stops one process after the other for some time until all have ended, and gives how often.
func stopAndGo(commands []*exec.Cmd, group *sync.WaitGroup) (stops int) {
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	for {
		victim := commands[rand.IntN(len(commands))].Process
		select {
		case <-done:
			return stops
		case <-time.After(20 * time.Millisecond):
		}
		if victim.Signal(syscall.SIGSTOP) == nil {
			stops++
			time.Sleep(100 * time.Millisecond)
			_ = victim.Signal(syscall.SIGCONT) // it cannot have ended: it was stopped, or Wait has said so
		}
	}
}
