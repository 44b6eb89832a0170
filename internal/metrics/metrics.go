// Package metrics counts what a service does, for Prometheus.
//
// Every label has a bounded set of values: names of jobs, sources and feeds come from the configuration, outcomes and routes from
// lists. Nothing of a customer, a product or a document is ever a label.
package metrics

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the counters of one service. A nil *Metrics counts nothing.
type Metrics struct {
	registry *prometheus.Registry
	runs     *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	running  *prometheus.GaugeVec
	success  *prometheus.GaugeVec
	rows     *prometheus.CounterVec
	requests *prometheus.CounterVec
	webhooks *prometheus.GaugeVec
	reloads  *prometheus.CounterVec
	release  prometheus.Gauge
	released prometheus.Gauge

	mu    sync.Mutex
	state func(ctx context.Context) (State, error)
	asked time.Time
	last  State
	up    bool
}

// State is what is asked of the lake when somebody scrapes.
type State struct {
	Release   int64
	Released  time.Time
	Feeds     []Feed
	Queued    int
	LastDones map[string]time.Time // job -> its last tick that was done
}

// Feed is how fresh a feed is.
type Feed struct {
	Source, Feed string
	Last         time.Time // its last batch
}

// How long an answer of State is used, and how long it may take.
const (
	stateFor  = 15 * time.Second
	stateTime = 5 * time.Second
)

// Outcomes of attempts at jobs; anything else counts as other.
var outcomes = []string{"done", "failed", "retry", "released", "lost", "skipped", "replaced", "missed", "paused", "cancelled", "error"}

// New makes the counters with a registry of their own. State may be nil.
func New(version string, state func(ctx context.Context) (State, error)) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), state: state}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "omoflow", Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "omoflow", Name: name, Help: help}, labels)
		m.registry.MustRegister(g)
		return g
	}
	m.runs = counter("job_attempts_total", "Attempts at scheduled jobs, and times without one, by what became of them.", "job", "outcome")
	m.rows = counter("rows_total", "Records that runs of this process read, by where they went.", "source", "feed", "to")
	m.requests = counter("http_requests_total", "HTTP requests.", "route", "class")
	m.reloads = counter("reloads_total", "Times that the configuration was read again.", "outcome")
	m.running = gauge("job_running", "1 while this process runs the job.", "job")
	m.success = gauge("job_last_success_timestamp_seconds", "Logical time of the job's last tick that was done, by any process.", "job")
	m.webhooks = gauge("webhooks", "Webhook requests since the configuration was read, by what became of them.", "outcome")
	m.release = gauge("release", "Number of the latest release.").WithLabelValues()
	m.released = gauge("release_timestamp_seconds", "When the latest release was published.").WithLabelValues()
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "omoflow", Name: "job_duration_seconds", Help: "Duration of attempts at jobs.", Buckets: []float64{1, 5, 15, 60, 300, 900, 3600, 4 * 3600},
	}, []string{"job"})
	info := gauge("build_info", "1, with the version of the program.", "version")
	info.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &lakeState{m})
	return m
}

// Job counts an event of a job.
func (m *Metrics) Job(job, what string, count int, took time.Duration) {
	if m == nil || job == "" {
		return
	}
	if what == "started" {
		m.running.WithLabelValues(job).Set(1)
		return
	}
	if took > 0 {
		m.running.WithLabelValues(job).Set(0)
		m.seconds.WithLabelValues(job).Observe(took.Seconds())
	}
	if !slices.Contains(outcomes, what) {
		what = "other"
	}
	m.runs.WithLabelValues(job, what).Add(float64(max(1, count)))
}

// Rows counts records of a feed.
func (m *Metrics) Rows(source, feed string, to map[string]int64) {
	if m == nil {
		return
	}
	for where, n := range to {
		m.rows.WithLabelValues(source, feed, where).Add(float64(n))
	}
}

// Webhooks sets what became of webhook requests so far.
func (m *Metrics) Webhooks(counts map[string]int64) {
	if m == nil {
		return
	}
	for outcome, n := range counts {
		m.webhooks.WithLabelValues(outcome).Set(float64(n))
	}
}

// Reload counts a reading of the configuration.
func (m *Metrics) Reload(ok bool) {
	if m == nil {
		return
	}
	outcome := "refused"
	if ok {
		outcome = "done"
	}
	m.reloads.WithLabelValues(outcome).Inc()
}

// Request counts an answered request; route is one of a bounded list.
func (m *Metrics) Request(route string, status int) {
	if m == nil {
		return
	}
	class := "other"
	if status >= 100 && status < 600 {
		class = string(rune('0'+status/100)) + "xx"
	}
	m.requests.WithLabelValues(route, class).Inc()
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// lakeState asks the lake when somebody scrapes, and not oftener than every few seconds.
type lakeState struct{ m *Metrics }

var (
	freshness = prometheus.NewDesc("omoflow_feed_last_batch_timestamp_seconds", "When the feed's last batch was committed.", []string{"source", "feed"}, nil)
	queued    = prometheus.NewDesc("omoflow_open_ticks", "Times of jobs that are due and not done.", nil, nil)
	lakeUp    = prometheus.NewDesc("omoflow_lake_up", "1 when the lake answered the last question.", nil, nil)
)

// Describe implements prometheus.Collector.
func (s *lakeState) Describe(to chan<- *prometheus.Desc) { to <- freshness; to <- queued; to <- lakeUp }

// Collect implements prometheus.Collector.
func (s *lakeState) Collect(to chan<- prometheus.Metric) {
	state, up := s.m.ask()
	value := 0.0
	if up {
		value = 1
	}
	to <- prometheus.MustNewConstMetric(lakeUp, prometheus.GaugeValue, value)
	for _, f := range state.Feeds {
		to <- prometheus.MustNewConstMetric(freshness, prometheus.GaugeValue, float64(f.Last.Unix()), f.Source, f.Feed)
	}
	to <- prometheus.MustNewConstMetric(queued, prometheus.GaugeValue, float64(state.Queued))
}

// ask gives the state of the lake, that of before when it does not answer.
func (m *Metrics) ask() (State, bool) {
	if m.state == nil {
		return State{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.asked) < stateFor {
		return m.last, m.up
	}
	ctx, cancel := context.WithTimeout(context.Background(), stateTime)
	defer cancel()
	state, err := m.state(ctx)
	m.asked, m.up = time.Now(), err == nil
	if err == nil {
		m.last = state
		m.release.Set(float64(state.Release))
		m.released.Set(float64(state.Released.Unix()))
		for job, at := range state.LastDones {
			m.success.WithLabelValues(job).Set(float64(at.Unix()))
		}
	}
	return m.last, m.up
}
