package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/access"
	"github.com/omoflow/omoflow/internal/access/gate"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/pipelines/portal"
)

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

func newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headTime, ReadTimeout: readTime, WriteTimeout: answerTime, IdleTimeout: idleTime, MaxHeaderBytes: headBytes,
	}
}

// routes gives the gate of one generation, with everything behind it. Sessions go on from the gate before it, if there is one.
func (g *generation) routes(before *gate.Gate) error {
	register := access.Open(g.project.lake.Bucket, "", time.Now)
	pages, err := portal.New(portal.Options{Source: g.app.newPortalSource(g.project, g.scheduled), Log: g.app.note})
	if err != nil {
		return err
	}
	o := g.project.config.HTTP.gateOptions()
	o.Tokens, o.Page, o.Log, o.Before = register, pages.GatePage, g.app.note, before
	if g.gate, err = gate.New(o); err != nil {
		return err
	}
	err = errors.Join(g.gate.Open("/healthz", http.HandlerFunc(g.health)), g.gate.Open("/readyz", http.HandlerFunc(g.ready)))
	if g.hooks != nil {
		err = errors.Join(err, g.gate.Open("/hooks/", g.hooks.server)) // requests are proven by their signatures
	}
	g.gate.Handle("GET /metrics", access.View, g.app.metrics.Handler())
	pages.Mount(g.gate)
	return err
}

// openDoor says who can come in, so that nobody is surprised.
func (g *generation) openDoor(ctx context.Context, listen string) {
	tokens, err := access.Open(g.project.lake.Bucket, "", time.Now).List(ctx)
	if err != nil {
		g.app.note("tokens: %v (%s)", err, fault.HintOf(err))
	}
	if !slices.ContainsFunc(tokens, func(t access.Token) bool { return t.Live(time.Now()) == nil }) {
		g.app.note("nobody can sign in yet: omoflow token create NAME --role admin")
	}
	from, err := netip.ParseAddrPort(listen)
	config := g.project.config.HTTP
	if config.TLS == nil && len(config.TrustedProxies) == 0 && (err != nil || !from.Addr().IsLoopback()) {
		g.app.note("tokens travel unencrypted to %s: set http.tls, or http.trusted_proxies when a web server with TLS is before it", listen)
	}
}

// health answers whether what runs by itself works: 503 after failures, so that a watcher notices.
func (g *generation) health(w http.ResponseWriter, _ *http.Request) {
	failing := []string{}
	if g.hooks != nil {
		failing = append(failing, g.hooks.failing()...)
	}
	answer(w, len(failing) == 0, map[string]any{"ok": len(failing) == 0, "failing": failing})
}

// readyTime bounds the question whether the lake answers.
const readyTime = 3 * time.Second

// ready answers whether requests are worth sending: the lake can be reached.
func (g *generation) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	_, err := lake.Open(ctx, g.project.lake.Bucket)
	answer(w, err == nil, map[string]any{"ok": err == nil})
}

func answer(w http.ResponseWriter, ok bool, body any) {
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(body) // a client that went away
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
