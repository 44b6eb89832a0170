package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/lake"
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

// routes gives the handler of one generation. What needs no credential is here; everything else is behind the guard.
func (g *generation) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", g.health)
	mux.HandleFunc("GET /readyz", g.ready)
	if g.hooks != nil {
		mux.Handle("/hooks/", g.hooks.server) // requests are proven by their signatures
	}
	mux.Handle("/", guard(g.inner()))
	return mux
}

// inner gives what only those who may see it reach.
func (g *generation) inner() http.Handler {
	return http.NewServeMux()
}

// guard lets requests of this machine through and refuses every other.
func guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !from.Addr().Unmap().IsLoopback() || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
			http.Error(w, "this is only shown on the machine itself", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
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
