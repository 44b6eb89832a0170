package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/webhook"
)

// serveFlags are the flags of omoflow serve.
type serveFlags struct {
	webhooks bool
	listen   string
	pull     time.Duration
	maxBody  int64
}

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	command := &cobra.Command{
		Use:   "serve --webhooks",
		Short: "Take webhooks and release what they bring within seconds",
		Long: `Listens for what platforms send unasked: POST /hooks/<source> for every API source with a webhook_secret. A request is
answered with 200 when it is committed to the lake; then a release is built, one at a time, with everything that came
meanwhile. All API sources are also pulled at the start and every --pull: webhooks make figures young, the pull and its
daily comparison make them right. GET /healthz says what happened so far.

It speaks plain HTTP: put a web server with TLS before it. SIGTERM and Ctrl-C end it when what was received is
committed; a release that is not finished is built by the next start.`,
		Example: "  omoflow serve --webhooks --listen 127.0.0.1:8090",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(command *cobra.Command, _ []string) error { return a.serve(command.Context(), f) },
	}
	command.Flags().BoolVar(&f.webhooks, "webhooks", false, "take webhooks")
	command.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8090", "address and port")
	command.Flags().DurationVar(&f.pull, "pull", 15*time.Minute, "how often the API sources are pulled")
	command.Flags().Int64Var(&f.maxBody, "max-body", 4<<20, "bytes of one request at most")
	return command
}

// How long one connection may take for its head, for all of a request, and for its answer, and how large a head may be.
const (
	headTime   = 5 * time.Second
	readTime   = 10 * time.Second
	answerTime = 20 * time.Second
	idleTime   = time.Minute
	headBytes  = 16 << 10
	stopTime   = 15 * time.Second
)

// connections bounds what is open at a time, so that strangers who hold connections cost little.
const connections = 512

func (a *app) serve(ctx context.Context, f serveFlags) error {
	if !f.webhooks {
		return fault.New(fault.Usage, "nothing_to_serve", "--webhooks", "write omoflow serve --webhooks", "there is nothing to serve")
	}
	if f.pull < time.Second || f.maxBody < 1 {
		return fault.New(fault.Usage, "bad_flag", "--pull, --max-body", "use at least 1s and 1 byte", "%s and %d are not possible", f.pull, f.maxBody)
	}
	p, err := a.openProject(ctx, true)
	if err != nil {
		return err
	}
	defer p.close()
	s, err := a.newService(ctx, p, f)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		s.close()
		return fault.Wrap(err, fault.Usage, "cannot_listen", f.listen, "choose another --listen, or end what holds it", "the address cannot be listened on")
	}
	a.note("webhooks of %s at http://%s/hooks/<source>", strings.Join(s.names, ", "), listener.Addr())
	return s.run(ctx, listener)
}

// note writes a line about what the service does to standard error.
func (a *app) note(format string, args ...any) {
	if a.quiet {
		return
	}
	a.progressLock.Lock()
	defer a.progressLock.Unlock()
	fmt.Fprintf(a.stderr, time.Now().UTC().Format(time.RFC3339)+" "+format+"\n", args...)
}

// service takes webhooks, pulls, and releases.
type service struct {
	app     *app
	project *project
	flags   serveFlags
	names   []string // of the sources with webhooks
	pulled  []string // of all API sources
	apis    []source.API
	db      *warehouse.DB
	boxes   map[string]*ingest.Inbox // by source and stream
	server  *webhook.Server
	dirty   chan struct{} // something was committed
	hinted  hinted
	release atomic.Int64

	badReleases, badPulls, badHints atomic.Int64 // in a row
}

func (a *app) newService(ctx context.Context, p *project, f serveFlags) (_ *service, err error) {
	s := &service{app: a, project: p, flags: f, boxes: map[string]*ingest.Inbox{}, dirty: make(chan struct{}, 1), hinted: hinted{more: make(chan struct{}, 1), boxes: map[string]bool{}}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	engine := p.engine()
	engine.MemoryLimit, engine.Threads = inboxMemory, 1 // a release needs the rest
	if s.db, err = warehouse.Open(ctx, engine); err != nil {
		return nil, err
	}
	shops := map[string]webhook.Shop{}
	for _, name := range sortedKeys(p.config.Sources) {
		if p.config.Sources[name].Kind == "files" {
			continue
		}
		s.pulled = append(s.pulled, name)
		shop, err := s.openShop(ctx, name)
		if err != nil {
			return nil, err
		}
		if shop != nil {
			shops[name], s.names = *shop, append(s.names, name)
		}
	}
	if len(shops) == 0 {
		return nil, fault.New(fault.Usage, "no_webhooks", p.config.path+": sources", "set webhook_secret on a source of an API, by reference such as env:SHOP_WEBHOOK_SECRET", "no source takes webhooks")
	}
	s.server = webhook.New(webhook.Options{Shops: shops, Commit: s.commit, MaxBody: f.maxBody, Log: a.note})
	return s, nil
}

// inboxMemory bounds the engine that stages webhooks.
const inboxMemory = "1GiB"

// openShop opens one source with the inboxes of its streams; nil when it takes no webhooks.
func (s *service) openShop(ctx context.Context, name string) (*webhook.Shop, error) {
	settings, _, err := s.project.config.settings(name)
	if err != nil {
		return nil, err
	}
	secrets := webhook.Secrets(settings)
	if secrets == nil {
		return nil, nil
	}
	if _, err := secrets(ctx); err != nil {
		return nil, err
	}
	api, feeds, err := s.project.config.openAPI(ctx, name, "")
	if err != nil {
		return nil, err
	}
	s.apis = append(s.apis, api)
	hooked, ok := api.(webhook.Hooked)
	if !ok {
		return nil, fault.New(fault.Usage, "no_webhooks", name, "remove webhook_secret", "a %s sends no webhooks that omoflow takes", s.project.config.Sources[name].Kind)
	}
	options := s.project.ingestOptions(s.app, s.db)
	options.Progress = nil
	for _, feed := range feeds {
		box, err := ingest.NewInbox(options, feed)
		if err != nil {
			return nil, err
		}
		s.boxes[name+"."+feed.Name] = box
		if feed.API.Ask != nil {
			s.hinted.add(name + "." + feed.Name) // an earlier process may have left some
		}
	}
	return &webhook.Shop{API: hooked, Secrets: secrets}, nil
}

// close frees what newService opened.
func (s *service) close() {
	for _, api := range s.apis {
		api.Close()
	}
	if s.db != nil {
		_ = s.db.Close() // in memory
	}
}

// commit makes deliveries durable and asks for a release.
func (s *service) commit(ctx context.Context, name, stream string, deliveries []source.Delivery) error {
	result, err := s.boxes[name+"."+stream].Take(ctx, deliveries)
	if len(result.Batches) > 0 {
		s.touch()
	}
	if slices.ContainsFunc(deliveries, func(d source.Delivery) bool { return d.Hint != nil }) {
		s.hinted.add(name + "." + stream)
	}
	return err
}

func (s *service) touch() {
	select {
	case s.dirty <- struct{}{}:
	default: // a release is due already
	}
}

// run serves until ctx ends, then commits what was received.
func (s *service) run(ctx context.Context, listener net.Listener) error {
	defer s.close()
	mux := http.NewServeMux()
	mux.Handle("/hooks/", s.server)
	mux.HandleFunc("GET /healthz", s.health)
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: headTime, ReadTimeout: readTime, WriteTimeout: answerTime, IdleTimeout: idleTime, MaxHeaderBytes: headBytes,
	}
	work, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	workers.Go(func() { s.releases(work) })
	workers.Go(func() { s.pulls(work) })
	workers.Go(func() { s.answers(work) })
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(&limited{Listener: listener, slots: make(chan struct{}, connections)}) }()
	var err error
	select {
	case err = <-ended:
		err = fault.Wrap(err, fault.Unavailable, "server_ended", s.flags.listen, "start it again", "the server ended")
	case <-ctx.Done():
	}
	stopping, done := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer done()
	if stop := server.Shutdown(stopping); stop != nil {
		err = errors.Join(err, server.Close())
	}
	s.server.Close()
	cancel()
	workers.Wait()
	s.app.note("stopped: %+v", s.server.Counts())
	return err
}

// releases builds a release whenever something was committed, one at a time.
func (s *service) releases(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.dirty:
		}
		done, err := s.project.build(ctx, s.app)
		if ctx.Err() != nil {
			return
		}
		if s.failed("release", &s.badReleases, err) {
			continue // the next commit tries again
		}
		s.release.Store(done.Release)
		if done.Changed {
			s.app.note("release %d in %.1f s: %d partitions built, %d reused", done.Release, done.Seconds, done.Built, done.Reused)
		}
	}
}

// pulls reads the API sources at the start and regularly.
func (s *service) pulls(ctx context.Context) {
	s.touch() // what was committed before the last end
	ticker := time.NewTicker(s.flags.pull)
	defer ticker.Stop()
	for {
		done, err := s.project.ingest(ctx, s.app, s.pulled, past{})
		if ctx.Err() != nil {
			return
		}
		if done.Files > 0 {
			s.touch()
		}
		s.failed("pull", &s.badPulls, err)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// failed tells whether work failed, and says so.
func (s *service) failed(what string, inARow *atomic.Int64, err error) bool {
	if err == nil {
		inARow.Store(0)
		return false
	}
	inARow.Add(1)
	s.app.note("%s: %v (%s)", what, err, fault.HintOf(err))
	return true
}

// health answers what happened so far: 503 after failures, so that a watcher notices.
func (s *service) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	releases, pulls, hints := s.badReleases.Load(), s.badPulls.Load(), s.badHints.Load()
	if releases+pulls+hints > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"release": s.release.Load(), "failed_releases": releases, "failed_pulls": pulls, "failed_hints": hints, "webhooks": s.server.Counts()}) // a client that went away
}

// limited hands out a bounded number of connections at a time.
type limited struct {
	net.Listener
	slots chan struct{}
}

// Accept waits for a free place.
func (l *limited) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &counted{Conn: conn, leave: func() { <-l.slots }}, nil
}

type counted struct {
	net.Conn
	once  sync.Once
	leave func()
}

// Close frees the place.
func (c *counted) Close() error {
	c.once.Do(c.leave)
	return c.Conn.Close()
}
