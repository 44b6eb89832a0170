package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestProofConcurrentRuns starts several processes on one project at once and stops one of them (SIGSTOP) at a random moment until the
// others are done, longer than any lease would live; then it goes on (SIGCONT). Every process ends well, and the release is the
// one of a project that only one process worked on: nothing stale is published, nothing is taken twice.
func TestProofConcurrentRuns(t *testing.T) {
	rounds, processes := uint64(3), 2
	switch os.Getenv("OMOFLOW_PROOF") {
	case "":
		t.Skip("starts a dozen processes that build everything: make proof runs it")
	case "long":
		n, _ := strconv.ParseUint(os.Getenv("OMOFLOW_PROOF_SEEDS"), 10, 64)
		rounds, processes = max(4, n/10), 3
	}
	world := smallWorld(t, 2)
	calm := projectOver(t, world)
	began := time.Now()
	runOmoflow(t, calm)
	whole := time.Since(began)
	want := contentOf(t, calm)
	runs, stopped, wrong := 0, 0, 0
	for seed := range rounds {
		if only := os.Getenv("OMOFLOW_SEED"); only != "" && only != fmt.Sprint(seed) {
			continue
		}
		draw := rand.New(rand.NewPCG(seed, 4))
		dir := projectOver(t, world)
		pause := time.Duration(draw.Int64N(int64(whole)))
		failures, late := race(t, dir, processes, pause)
		for _, failure := range failures {
			t.Errorf("OMOFLOW_SEED=%d: %s", seed, failure)
		}
		if late {
			stopped++
		}
		runs += processes
		runOmoflow(t, dir)
		got := contentOf(t, dir)
		for _, subject := range sortedKeys(want) {
			if got[subject] != want[subject] {
				t.Errorf("OMOFLOW_SEED=%d: %s differs: got %s, want %s", seed, subject, got[subject], want[subject])
				wrong++
			}
		}
		wrong += len(failures)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Printf("proof: R4 concurrent processes end as one: %d runs on shared lakes, %d of them stopped past the others' end, %d wrong\n", runs, stopped, wrong)
}

// race runs processes at once, the first of them stopped after a pause until the others ended. It gives what failed, and whether the
// stop came before the first one's own end.
func race(t *testing.T, dir string, processes int, pause time.Duration) (failures []string, stopped bool) {
	t.Helper()
	var mu sync.Mutex
	commands := make([]*exec.Cmd, processes)
	outputs := make([]bytes.Buffer, processes)
	for i := range commands {
		commands[i] = exec.CommandContext(t.Context(), "omoflow", "run", "-q", "-C", dir)
		commands[i].Stdout, commands[i].Stderr = &outputs[i], &outputs[i]
		if err := commands[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	finish := func(i int) {
		err := commands[i].Wait()
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failures = append(failures, fmt.Sprintf("process %d of %d: %v\n%s", i, processes, err, outputs[i].String()))
		}
	}
	var others, first sync.WaitGroup
	for i := 1; i < processes; i++ {
		others.Go(func() { finish(i) })
	}
	time.Sleep(pause)
	stopped = commands[0].Process.Signal(syscall.SIGSTOP) == nil && running(commands[0].Process.Pid)
	first.Go(func() { finish(0) })
	others.Wait()
	_ = commands[0].Process.Signal(syscall.SIGCONT) // it may have ended before it was stopped
	first.Wait()
	return failures, stopped
}

// running tells whether a process has not ended; one that nobody waited for yet is not running either.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return err != nil && !os.IsNotExist(err) // no /proc here: believe the signal
	}
	after := bytes.LastIndexByte(stat, ')')
	return after > 0 && after+2 < len(stat) && stat[after+2] != 'Z'
}
