package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/metrics"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/schedules/ledger"
)

// newLogger gives the log of a service: lines for people on a terminal, JSON for machines elsewhere.
func newLogger(to *os.File) *slog.Logger {
	if term.IsTerminal(int(to.Fd())) {
		return nil
	}
	return slog.New(slog.NewJSONHandler(to, nil))
}

// event tells of a job's event, in the log and in the counters.
func (a *app) event(e ledger.Event) {
	a.metrics.Job(e.Job, e.What, e.Count, e.Took)
	if a.logger == nil {
		a.note("%s", eventLine(e))
		return
	}
	level := slog.LevelInfo
	switch e.What {
	case ledger.Failed, "error":
		level = slog.LevelError
	case "retry", "lost", ledger.Missed:
		level = slog.LevelWarn
	}
	attributes := []slog.Attr{slog.String("job", e.Job), slog.Time("tick", e.Tick.UTC()), slog.String("what", e.What)}
	if e.Attempt > 0 {
		attributes = append(attributes, slog.Int("attempt", e.Attempt))
	}
	if e.Count > 1 {
		attributes = append(attributes, slog.Int("count", e.Count))
	}
	if e.Took > 0 {
		attributes = append(attributes, slog.Float64("seconds", e.Took.Seconds()))
	}
	if e.Why != "" {
		attributes = append(attributes, slog.String("why", e.Why))
	}
	a.logger.LogAttrs(context.Background(), level, eventLine(e), attributes...)
}

// counted counts the rows of what was taken in.
func (a *app) counted(result ingest.Result) {
	for _, b := range result.Batches {
		c := b.Counts
		a.metrics.Rows(b.Source, b.Feed, map[string]int64{
			"accepted": c.Accepted, "duplicate": c.Duplicate, "quarantined": c.Quarantined, "ignored": c.Ignored,
		})
	}
}

// lakeState says for a scrape how the lake and the jobs stand.
func (s *server) lakeState(ctx context.Context) (state metrics.State, err error) {
	g := s.live.Load()
	if g.hooks != nil {
		c := g.hooks.server.Counts()
		s.app.metrics.Webhooks(map[string]int64{
			"committed": c.Committed, "pings": c.Pings, "ignored": c.Ignored, "forged": c.Forged, "refused": c.Refused, "delayed": c.Delayed,
		})
	}
	lk := g.project.lake
	latest, ok, err := release.Latest(ctx, lk)
	if err != nil {
		return state, err
	}
	if ok {
		state.Release, state.Released = latest.Seq, latest.At
	}
	logs, err := journal.Logs(ctx, lk.Bucket, "stream/")
	if err != nil {
		return state, err
	}
	for _, name := range logs {
		source, feed, _ := strings.Cut(strings.TrimPrefix(name, "stream/"), "/")
		tail, ok, err := lk.StreamLog(source, feed).Tail(ctx)
		if err != nil {
			return state, err
		}
		if ok {
			state.Feeds = append(state.Feeds, metrics.Feed{Source: source, Feed: feed, Last: tail.At})
		}
	}
	if g.jobs == nil {
		return state, nil
	}
	state.LastDones = map[string]time.Time{}
	for _, j := range g.scheduled {
		at, seen, err := g.jobs.runner.Ledger.State(ctx, j.Name)
		if err != nil {
			return state, err
		}
		state.Queued += len(at.Open)
		if seen && !at.LastDone.IsZero() {
			state.LastDones[j.Name] = at.LastDone
		}
	}
	return state, nil
}

// route names a request's path in the counters, by a list that no request can lengthen.
func route(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "":
		return "status"
	case "hooks", "healthz", "readyz", "metrics", "documents", "login", "logout":
		return first
	}
	return "other"
}

// statusKeeper remembers the status of an answer.
type statusKeeper struct {
	http.ResponseWriter
	status int
}

// WriteHeader keeps the status.
func (k *statusKeeper) WriteHeader(status int) {
	k.status = status
	k.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController the writer itself.
func (k *statusKeeper) Unwrap() http.ResponseWriter { return k.ResponseWriter }
