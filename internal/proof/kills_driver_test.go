package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
)

// checkpointSize is how many entries of a log make a checkpoint.
const checkpointSize = journal.FoldSize

// killer runs the real program on copies of prepared projects, kills it, and judges what the next run makes of it.
type killer struct {
	t       *testing.T
	root    string // for everything that is written
	program string
	base    string

	number        atomic.Int64 // of attempts, for their folders
	killed        atomic.Int64
	lost, doubled atomic.Int64 // batches
	torn, reads   atomic.Int64
	differing     atomic.Int64 // runs that did not end like the calm one
	lock          sync.Mutex
	preparing     sync.Mutex
	complained    int
	spent         map[string]time.Duration // processor time of the program, by pipeline
	staging       stager
}

// prepared is a pipeline's project before its run, and what the calm run did.
type prepared struct {
	dir    string
	unread bool     // no reader looks at it
	hits   []string // points in the order they were passed
	took   time.Duration
	before string            // digest of the release before
	after  string            // and of the one after
	end    map[string]string // what the project holds after the calm run
}

// newKiller builds the program and the base project.
func newKiller(t *testing.T) *killer {
	t.Helper()
	k := &killer{t: t, root: scratchRoot(t), spent: map[string]time.Duration{}}
	k.program = filepath.Join(k.root, "omoflow")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", k.program, "../../cmd/omoflow")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, output)
	}
	k.base = filepath.Join(k.root, "base")
	k.makeBase(k.base)
	return k
}

// console is what a program says; it may be read meanwhile.
type console struct {
	sync.Mutex
	text bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.Lock()
	defer c.Unlock()
	return c.text.Write(p)
}

func (c *console) String() string {
	c.Lock()
	defer c.Unlock()
	return c.text.String()
}

// run waits for a command that was started; a service is talked to meanwhile.
func (k *killer) run(p *pipeline, dir string, command *exec.Cmd, output *console) error {
	var talk sync.WaitGroup
	if p.drive != nil {
		talk.Go(func() { p.drive(k, dir, command, output.String) })
	}
	err := command.Wait()
	talk.Wait()
	k.spend(p, command)
	return err
}

// startAndRun is run from the start.
func (k *killer) startAndRun(p *pipeline, dir string, command *exec.Cmd, output *console) error {
	if err := command.Start(); err != nil {
		return err
	}
	return k.run(p, dir, command, output)
}

// content is what ends of a pipeline are compared by.
func (k *killer) content(p *pipeline, dir string) map[string]string {
	if p.content != nil {
		return p.content(k, dir)
	}
	return k.contentOf(dir)
}

// command is a run of the program with failpoints.
func (k *killer) command(ctx context.Context, dir string, args []string, failpoints string) (*exec.Cmd, *console) {
	command := exec.CommandContext(ctx, k.program, append(slices.Clone(args), "-C", dir)...)
	command.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(k.root, "cache"), "GOGC=off", "TZ=UTC")
	if failpoints != "" {
		command.Args = append(command.Args, "--enable-failpoints")
		command.Env = append(command.Env, "OMOFLOW_FAILPOINTS="+failpoints)
	}
	var output console
	command.Stdout, command.Stderr = &output, &output
	return command, &output
}

// calm runs the program undisturbed and wants the exit code.
func (k *killer) calm(dir string, args []string, exit int) {
	k.t.Helper()
	command, output := k.command(k.t.Context(), dir, args, "")
	if err := command.Run(); exitCode(err) != exit {
		k.t.Fatalf("omoflow %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

// exitCode is a process's exit code, -1 when a signal ended it.
func exitCode(err error) int {
	var failed *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		return failed.ExitCode()
	}
	return -2
}

// wasKilled tells whether SIGKILL ended a process.
func wasKilled(err error) bool {
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		return false
	}
	status, ok := failed.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// prepare makes a pipeline's project and its calm run, once.
func (k *killer) prepare(p *pipeline) *prepared {
	k.preparing.Lock()
	defer k.preparing.Unlock()
	if p.ready != nil {
		return p.ready
	}
	r := &prepared{dir: filepath.Join(k.root, "template-"+p.name), unread: p.damaged}
	k.must(linkTree(k.base, r.dir))
	if p.make != nil {
		p.make(k, r.dir)
	}
	if config := filepath.Join(r.dir, "omoflow.yaml"); !p.heavy && !p.quick && !strings.Contains(k.read(config), "engine:") {
		k.deliver(config, k.read(config)+"\nengine: {threads: 1}\n") // the same bytes, a sixth cheaper
	}
	calm := k.copyOf(p, r)
	r.before = k.releaseOf(calm)
	record := filepath.Join(k.root, "hits-"+p.name)
	command, output := k.command(k.t.Context(), calm, p.args, "record="+record)
	began := time.Now()
	if err := k.startAndRun(p, calm, command, output); exitCode(err) != p.exit {
		k.t.Fatalf("%s: omoflow %s: %v\n%s", p.name, strings.Join(p.args, " "), err, output)
	}
	r.took = time.Since(began)
	r.hits = strings.Fields(k.read(record))
	r.after = k.releaseOf(calm)
	r.end = k.content(p, calm)
	for subject, text := range r.end {
		if what, _, _ := strings.Cut(subject, " "); what == "error" || what == "damage" || what == "unbalanced" || what == "left" {
			k.t.Errorf("%s, undisturbed: %s: %s", p.name, subject, text)
		}
	}
	if p.check != nil {
		p.check(k, calm)
	}
	k.drop(calm)
	p.ready = r
	return r
}

// copyOf makes a project that an attempt may change. Its inbox is the template's own.
func (k *killer) copyOf(p *pipeline, r *prepared) string {
	number := k.number.Add(1)
	dir := filepath.Join(k.root, fmt.Sprintf("run-%d", number))
	err := errors.Join(os.Mkdir(dir, 0o755), linkTree(filepath.Join(r.dir, "lake"), filepath.Join(dir, "lake")))
	for _, part := range []string{"inbox", "profiles", "models", "key", "hook", "schedules.yaml"} {
		if _, missing := os.Stat(filepath.Join(r.dir, part)); missing == nil {
			err = errors.Join(err, os.Symlink(filepath.Join(r.dir, part), filepath.Join(dir, part)))
		}
	}
	config, reading := os.ReadFile(filepath.Join(r.dir, "omoflow.yaml"))
	text := strings.ReplaceAll(string(config), templatePath, "/of/"+filepath.Base(dir)+"/")
	if server, _ := startedS3(text); server != nil {
		prefix := fmt.Sprintf("run-%d", number)
		err = errors.Join(err, server.copy("template", prefix))
		text = strings.Replace(text, "lake/template?", "lake/"+prefix+"?", 1)
	}
	err = errors.Join(err, reading, os.WriteFile(filepath.Join(dir, "omoflow.yaml"), []byte(text), 0o644))
	if err != nil {
		k.t.Fatalf("copy %s: %v", p.name, err)
	}
	return dir
}

// startedS3 gives the server when the configuration's lake is on it, and the lake's folder there.
func startedS3(config string) (server *s3Server, prefix string) {
	_, rest, ok := strings.Cut(config, "lake: s3://"+s3Bucket+"/")
	if !ok {
		return nil, ""
	}
	prefix, _, _ = strings.Cut(rest, "?")
	server, err := startS3()
	if err != nil {
		return nil, ""
	}
	return server, prefix
}

// bucketOf opens the store of a project's lake.
func bucketOf(dir string) (objstore.Bucket, error) {
	config, err := os.ReadFile(filepath.Join(dir, "omoflow.yaml"))
	if err != nil {
		return nil, err
	}
	if server, prefix := startedS3(string(config)); server != nil {
		return server.open(prefix)
	}
	return localfs.New(filepath.Join(dir, "lake"))
}

// lakeOf opens a project's lake; there may be none yet.
func lakeOf(dir string) (*lake.Lake, error) {
	bucket, err := bucketOf(dir)
	if err != nil {
		return nil, err
	}
	return lake.Open(context.Background(), bucket)
}

// drop removes an attempt's project.
func (k *killer) drop(dir string) {
	if config, err := os.ReadFile(filepath.Join(dir, "omoflow.yaml")); err == nil {
		if server, prefix := startedS3(string(config)); server != nil {
			_ = server.remove(prefix) // the whole folder goes at the end
		}
	}
	_ = os.RemoveAll(dir) // as above
}

// attempt is one run that is killed and repeated.
type attempt struct {
	seed  int64 // replays it
	what  string
	point string        // with the hit, such as commit.stream.before_put@2; empty: after says when
	after time.Duration // from the start of the process
	fails bool          // the point gives an error instead
	again string        // points at which the repetition is killed too; empty: it is left alone
}

// runAttempt kills one run, repeats it undisturbed and judges the end. It tells whether the process was killed in time.
func (k *killer) runAttempt(p *pipeline, a attempt) bool {
	r := k.prepare(p)
	dir := k.copyOf(p, r)
	watch := k.watch(dir, r)
	points := ""
	if a.point != "" {
		name, hit, _ := strings.Cut(a.point, "@")
		points = name + "=kill@" + hit
		if a.fails {
			points = name + "=error@" + hit
		}
	}
	command, output := k.command(context.Background(), dir, p.args, points)
	err := command.Start()
	if err == nil {
		if a.point == "" {
			timer := time.AfterFunc(a.after, func() { _ = command.Process.Kill() }) // it may be done already
			defer timer.Stop()
		}
		err = k.run(p, dir, command, output)
	}
	killed, code := wasKilled(err), exitCode(err)
	switch {
	case killed:
		k.killed.Add(1)
		k.repeat(p, a, dir)
	case a.fails && code > 0 && code != p.exit:
		k.repeat(p, a, dir)
	case code != p.exit:
		k.complain(p, a, fmt.Sprintf("the first run ended by itself: %v\n%s", err, output))
	case a.point != "":
		k.complain(p, a, "the point was not reached")
	}
	watch.stop()
	if k.judge(p, a, r, dir) && os.Getenv("OMOFLOW_SEED") == "" {
		k.drop(dir)
	}
	return killed
}

// repeat does what an operator does after a crash, who may be struck by a second one.
func (k *killer) repeat(p *pipeline, a attempt, dir string) {
	if p.between != nil {
		p.between(k, dir)
	}
	commands := p.again
	if commands == nil {
		commands = [][]string{p.args}
	}
	if a.again != "" {
		command, output := k.command(context.Background(), dir, commands[0], a.again)
		if wasKilled(k.startAndRun(p, dir, command, output)) { // else the run had fewer points than the first
			k.killed.Add(1)
			if p.between != nil {
				p.between(k, dir)
			}
		}
	}
	for i, args := range commands {
		command, output := k.command(context.Background(), dir, args, "")
		code := exitCode(k.startAndRun(p, dir, command, output))
		if code == p.exit || i < len(commands)-1 && code == 4 { // nothing to replay: it was done before the kill
			continue
		}
		k.complain(p, a, fmt.Sprintf("repeated, omoflow %s ends with %d\n%s", strings.Join(args, " "), code, output))
	}
}

// spend adds the processor time of a command that has ended to its pipeline's.
func (k *killer) spend(p *pipeline, command *exec.Cmd) {
	k.lock.Lock()
	defer k.lock.Unlock()
	if state := command.ProcessState; state != nil {
		k.spent[p.name] += state.UserTime() + state.SystemTime()
	}
}

// complain fails the test with what is needed to replay the attempt.
func (k *killer) complain(p *pipeline, a attempt, what string) {
	k.differing.Add(1)
	k.lock.Lock()
	defer k.lock.Unlock()
	if k.complained++; k.complained > 20 {
		k.t.Fail()
		return
	}
	k.t.Errorf("OMOFLOW_PROOF=%s OMOFLOW_SEED=%d: %s, %s: %s", os.Getenv("OMOFLOW_PROOF"), a.seed, p.name, a.what, what)
}
