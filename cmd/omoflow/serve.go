package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/access/certificate"
	"github.com/omoflow/omoflow/internal/access/gate"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/metrics"
	"github.com/omoflow/omoflow/schedules"
)

// serveFlags are the flags of omoflow serve.
type serveFlags struct {
	webhooks bool
	listen   string
	pull     time.Duration
	maxBody  int64
	stop     time.Duration
	parallel int
}

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	command := &cobra.Command{
		Use:   "serve",
		Short: "Run everything in one process: jobs, webhooks and HTTP",
		Long: `Runs the jobs of schedules.yaml as they come due, takes webhooks, and answers over HTTP, until SIGTERM or Ctrl-C. Then it takes
nothing new, lets running jobs finish for --stop-within, and hands back what is not finished: another process, or the next
start, goes on with it. SIGHUP reads omoflow.yaml and schedules.yaml again; when they are wrong, what was in force stays.

POST /hooks/<source> takes the webhooks of every API source with a webhook_secret. A request is answered with 200 when it is
committed to the lake; then a release is built with everything that came meanwhile, stock levels first. Webhooks make
figures young, the scheduled pulls and their daily comparison make them right. With --webhooks nothing else is done, and the API sources are
pulled every --pull.

At / is a page that shows what arrived and what is missing, what ran, and the documents. It is for those who sign in with a
token of omoflow token create. GET /healthz says whether it works, GET /readyz whether the lake answers; both are for everybody.
With http.tls in omoflow.yaml it speaks TLS; else put a web server with TLS before it and name that in http.trusted_proxies.`,
		Example: "  omoflow serve\n  omoflow serve --webhooks --listen 127.0.0.1:8090",
		Args:    arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error {
			if !f.webhooks && !command.Flags().Changed("pull") {
				f.pull = 0
			}
			return a.serve(command.Context(), f)
		},
	}
	command.Flags().BoolVar(&f.webhooks, "webhooks", false, "take webhooks, and run no jobs")
	command.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8090", "address and port")
	command.Flags().DurationVar(&f.pull, "pull", 15*time.Minute, "how often the API sources are pulled with --webhooks; else the job does it")
	command.Flags().Int64Var(&f.maxBody, "max-body", 4<<20, "bytes of one request at most")
	command.Flags().DurationVar(&f.stop, "stop-within", 30*time.Second, "how long running jobs may go on after SIGTERM")
	command.Flags().IntVar(&f.parallel, "parallel", 2, "jobs at a time in this process")
	return command
}

func (f serveFlags) check() error {
	if f.pull != 0 && f.pull < time.Second || f.webhooks && f.pull == 0 || f.maxBody < 1 || f.stop < 0 || f.parallel < 1 {
		return fault.New(fault.Usage, "bad_flag", "--pull, --max-body, --stop-within, --parallel", "use at least 1s, 1 byte, 0s and 1", "%s, %d, %s and %d are not possible",
			f.pull, f.maxBody, f.stop, f.parallel)
	}
	return nil
}

func (a *app) serve(ctx context.Context, f serveFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	a.building = make(chan struct{}, 1)
	a.logger = newLogger(a.stderr)
	s := newServer(a, f)
	first, err := s.open(ctx)
	if err != nil {
		return err
	}
	if s.certificate, err = first.project.config.certificate(a); err != nil {
		first.close()
		return err
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		first.close()
		return fault.Wrap(err, fault.Usage, "cannot_listen", f.listen, "choose another --listen, or end what holds it", "the address cannot be listened on")
	}
	scheme := "http"
	if s.certificate != nil {
		scheme = "https"
	}
	a.note("listening at %s://%s", scheme, listener.Addr())
	if first.hooks != nil {
		a.note("webhooks of %s at %s://%s/hooks/<source>", strings.Join(first.hooks.names, ", "), scheme, listener.Addr())
	}
	first.openDoor(ctx, listener.Addr().String())
	return s.run(ctx, listener, first)
}

// note writes a line about what the service does to standard error.
func (a *app) note(format string, args ...any) {
	if a.quiet {
		return
	}
	if a.logger != nil {
		a.logger.Info(fmt.Sprintf(format, args...))
		return
	}
	a.progressLock.Lock()
	defer a.progressLock.Unlock()
	fmt.Fprintf(a.stderr, time.Now().UTC().Format(time.RFC3339)+" "+format+"\n", args...)
}

// server is the process: one listener, and the generation that answers now.
type server struct {
	app         *app
	flags       serveFlags
	change      sync.RWMutex // held while a request is answered; a reload waits for them, and they for it
	current     *generation
	live        atomic.Pointer[generation] // the same, for those who hold no lock
	certificate *certificate.Files         // nil: plain HTTP; another one needs a restart, new files of it do not
	retired     sync.WaitGroup             // generations that finish what they began
}

func newServer(a *app, f serveFlags) *server {
	s := &server{app: a, flags: f}
	a.metrics = metrics.New(codeVersion(), s.lakeState)
	return s
}

// enter makes a generation the one in force.
func (s *server) enter(g *generation) {
	s.current = g
	s.live.Store(g)
}

// ServeHTTP answers with the generation in force.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.change.RLock()
	defer s.change.RUnlock()
	answer := &statusKeeper{ResponseWriter: w, status: http.StatusOK}
	s.current.gate.ServeHTTP(answer, r)
	s.app.metrics.Request(route(r.URL.Path), answer.status)
}

// run serves until ctx ends, then commits what was received and lets jobs finish.
func (s *server) run(ctx context.Context, listener net.Listener, first *generation) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	work := context.WithoutCancel(ctx)
	s.enter(first)
	first.start(work)
	server := newHTTPServer(s)
	ended := make(chan error, 1)
	places := &limited{Listener: listener, slots: make(chan struct{}, connections)}
	if s.certificate == nil {
		go func() { ended <- server.Serve(places) }()
	} else {
		server.TLSConfig = s.certificate.Config()
		go func() { ended <- server.ServeTLS(places, "", "") }()
	}
	var err error
	for err == nil && ctx.Err() == nil {
		select {
		case err = <-ended:
			err = fault.Wrap(err, fault.Unavailable, "server_ended", s.flags.listen, "start it again", "the server ended")
		case <-hangup:
			s.reload(work)
		case <-ctx.Done():
		}
	}
	stopping, done := context.WithTimeout(work, stopTime)
	defer done()
	if stop := server.Shutdown(stopping); stop != nil {
		err = errors.Join(err, server.Close())
	}
	s.current.retire()
	s.retired.Wait()
	if h := s.current.hooks; h != nil {
		s.app.note("stopped: %+v", h.server.Counts())
		return err
	}
	s.app.note("stopped")
	return err
}

// reload reads the configuration again and, when all of it is right, lets a new generation take over. Jobs that run are finished by
// the one that began them.
func (s *server) reload(ctx context.Context) {
	next, err := s.open(ctx)
	if err != nil {
		s.app.note("reload: %v (%s); what was in force stays", err, fault.HintOf(err))
		s.app.metrics.Reload(false)
		return
	}
	s.change.Lock()
	old := s.current
	s.enter(next)
	old.stopHooks() // what it received is committed before the new one takes more
	s.change.Unlock()
	next.start(ctx)
	s.retired.Go(old.retire)
	s.app.metrics.Reload(true)
	s.app.note("reloaded")
}

// generation is everything that one reading of the configuration gave.
type generation struct {
	app       *app
	project   *project
	hooks     *hookService // nil when no source sends webhooks
	jobs      *jobService  // nil when only webhooks are taken
	scheduled []*schedules.Job
	gate      *gate.Gate

	started   bool
	stopHooks func()
	stopJobs  context.CancelFunc
	workers   sync.WaitGroup
}

// open reads the configuration and opens all that it asks for; nothing runs yet.
func (s *server) open(ctx context.Context) (_ *generation, err error) {
	config, err := loadConfig(s.app.project)
	if err != nil {
		return nil, err
	}
	g := &generation{app: s.app}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	if g.scheduled, err = s.app.jobs(config); err != nil {
		return nil, err
	}
	if g.project, err = openConfigured(ctx, config, true); err != nil {
		return nil, err
	}
	hooked, err := config.takesWebhooks()
	if err != nil {
		return nil, err
	}
	if hooked || s.flags.webhooks {
		if g.hooks, err = s.app.newHooks(ctx, g.project, s.flags); err != nil {
			return nil, err
		}
	}
	if !s.flags.webhooks {
		if g.jobs, err = s.app.newJobs(ctx, g.project, g.scheduled, s.flags); err != nil {
			return nil, err
		}
	}
	var before *gate.Gate
	if s.current != nil {
		before = s.current.gate
	}
	return g, g.routes(before)
}

// start begins the work.
func (g *generation) start(ctx context.Context) {
	g.started = true
	g.stopHooks, g.stopJobs = func() {}, func() {}
	if g.hooks != nil {
		working, cancel := context.WithCancel(ctx)
		g.stopHooks = sync.OnceFunc(func() {
			g.hooks.server.Close() // commits what was received
			cancel()
		})
		g.workers.Go(func() { g.hooks.work(working) })
	}
	if g.jobs != nil {
		working, cancel := context.WithCancel(ctx)
		g.stopJobs = cancel
		g.workers.Go(func() {
			if err := g.jobs.work(working); err != nil {
				g.app.note("jobs: %v (%s)", err, fault.HintOf(err))
			}
		})
	}
}

// retire ends the work and frees what was opened.
func (g *generation) retire() {
	g.stopJobs()
	g.stopHooks()
	g.workers.Wait()
	g.close()
}

// close frees what open opened.
func (g *generation) close() {
	if g.hooks != nil {
		g.hooks.close()
	}
	if g.jobs != nil && !g.started {
		g.jobs.close()
	}
	if g.project != nil {
		g.project.close()
	}
}
