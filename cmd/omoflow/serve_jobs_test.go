package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/omoflow/omoflow/schedules/ledger"
)

// transcript collects what a process writes to standard error.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// wait returns the first match of a pattern, of which the first group counts.
func (t *transcript) wait(test *testing.T, pattern string) string {
	test.Helper()
	expression := regexp.MustCompile(pattern)
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if m := expression.FindStringSubmatch(t.String()); m != nil {
			return m[len(m)-1]
		}
	}
	test.Fatalf("nothing like %q within a minute:\n%s", pattern, t.String())
	return ""
}

// serveProject runs omoflow serve for a project until the test ends; stop ends it earlier.
func serveProject(t *testing.T, dir string, f serveFlags) (said *transcript, stop func() error) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	said = &transcript{}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(said, read) // until the pipe is closed
	}()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	f.listen, f.maxBody, f.parallel = "127.0.0.1:0", 1<<20, 2
	go func() { ended <- (&app{project: dir, stdout: os.Stdout, stderr: write}).serve(ctx, f) }()
	stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		_ = write.Close() // the reader ends
		<-copied
		return err
	})
	t.Cleanup(func() { _ = stop() }) // after a failure
	return said, stop
}

const everyMinute = `version: 1
defaults: false
jobs:
  - {name: %s, do: run, cron: "* * * * *", catch_up: latest, overlap: skip}
`

// dueJob adds a job of every minute to a project, as if it had been watched for ten minutes by a process that is gone.
func dueJob(t *testing.T, dir, name string) {
	t.Helper()
	writeText(t, filepath.Join(dir, schedulesName), fmt.Sprintf(everyMinute, name))
	a := &app{project: dir, quiet: true, stdout: os.Stdout, stderr: os.Stderr}
	p, err := a.openProject(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	jobs, err := a.jobs(p.config)
	if err != nil {
		t.Fatal(err)
	}
	before := func() time.Time { return time.Now().Add(-10 * time.Minute) }
	runner := &ledger.Runner{Ledger: ledger.Open(p.lake.Bucket, "before", before), Jobs: jobs, Do: a.doJob}
	if err := runner.Due(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// One process runs jobs and answers; a new configuration takes over on SIGHUP, a wrong one changes nothing.
func TestServeRunsJobsAndReadsItsConfigurationAgain(t *testing.T) {
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, configName), "version: 1\ncompany: {name: Shop, home_currency: CNY, zone: Asia/Shanghai}\nsources: {}\n")
	dueJob(t, dir, "second")
	dueJob(t, dir, "first")
	said, stop := serveProject(t, dir, serveFlags{stop: time.Minute})
	url := said.wait(t, `listening at (http://[0-9.:]+)`)
	said.wait(t, `first \S+ done`)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/hooks/shop": 401, "/elsewhere": 401, "/metrics": 401, "/": 401} {
		answer, err := http.Get(url + path)
		if err != nil || answer.StatusCode != want {
			t.Fatalf("%s: %v %v", path, answer, err)
		}
		_ = answer.Body.Close() // only the status counts
	}
	hangUp := func(name, schedules, pattern string) {
		t.Helper()
		writeText(t, filepath.Join(dir, schedulesName), schedules)
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		said.wait(t, pattern)
	}
	hangUp("a job that never comes", strings.Replace(fmt.Sprintf(everyMinute, "never"), "* * * * *", "0 0 30 2 *", 1), `reload: .*never.* what was in force stays`)
	if strings.Contains(said.String(), "reloaded") {
		t.Errorf("a wrong configuration took over:\n%s", said)
	}
	hangUp("another job", fmt.Sprintf(everyMinute, "second"), `reloaded`)
	said.wait(t, `second \S+ done`)
	if err := stop(); err != nil || !strings.Contains(said.String(), `"msg":"stopped"`) {
		t.Errorf("stop: %v\n%s", err, said)
	}
}
