package metrics_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/metrics"
)

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("answer %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// What happened is in the answer to a scrape, with labels from bounded lists only.
func TestScrape(t *testing.T) {
	asked := 0
	m := metrics.New("v1", func(context.Context) (metrics.State, error) {
		asked++
		return metrics.State{
			Release: 7, Released: time.Unix(100, 0), Queued: 2, Feeds: []metrics.Feed{{"tills", "receipts", time.Unix(90, 0)}}, LastDones: map[string]time.Time{"collect": time.Unix(80, 0)},
		}, nil
	})
	m.Job("collect", "started", 0, 0)
	m.Job("collect", "done", 0, 3*time.Second)
	m.Job("collect", "missed", 4, 0)
	m.Job("collect", "what is this", 0, 0)
	m.Job("release", "started", 0, 0)
	m.Rows("tills", "receipts", map[string]int64{"accepted": 9, "quarantined": 1})
	m.Request("hooks", 503)
	m.Request("hooks", 99999)
	m.Reload(false)
	m.Webhooks(map[string]int64{"committed": 5})
	text := scrape(t, m)
	text = scrape(t, m)
	for _, want := range []string{
		`omoflow_job_attempts_total{job="collect",outcome="done"} 1`, `omoflow_job_attempts_total{job="collect",outcome="missed"} 4`,
		`omoflow_job_attempts_total{job="collect",outcome="other"} 1`, `omoflow_job_running{job="collect"} 0`, `omoflow_job_running{job="release"} 1`,
		`omoflow_job_duration_seconds_count{job="collect"} 1`, `omoflow_rows_total{feed="receipts",source="tills",to="accepted"} 9`,
		`omoflow_http_requests_total{class="5xx",route="hooks"} 1`, `omoflow_http_requests_total{class="other",route="hooks"} 1`,
		`omoflow_reloads_total{outcome="refused"} 1`, `omoflow_webhooks{outcome="committed"} 5`, `omoflow_release 7`, `omoflow_lake_up 1`,
		`omoflow_feed_last_batch_timestamp_seconds{feed="receipts",source="tills"} 90`, `omoflow_open_ticks 2`,
		`omoflow_job_last_success_timestamp_seconds{job="collect"} 80`, `omoflow_build_info{version="v1"} 1`, "process_resident_memory_bytes", "go_goroutines",
	} {
		if !strings.Contains(text, want+" ") && !strings.Contains(text, want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	if asked != 1 {
		t.Errorf("the lake was asked %d times for two scrapes", asked)
	}
	if t.Failed() {
		t.Log(text)
	}
}

// A lake that does not answer does not keep a scrape from its answer.
func TestScrapeWithoutTheLake(t *testing.T) {
	m := metrics.New("v1", func(context.Context) (metrics.State, error) { return metrics.State{}, errors.New("away") })
	if text := scrape(t, m); !strings.Contains(text, "omoflow_lake_up 0\n") {
		t.Error(text)
	}
	var none *metrics.Metrics
	none.Job("a", "done", 0, 0) // counts nothing, and does no harm
	none.Request("a", 200)
}
