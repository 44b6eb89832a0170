package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// alertProject is a project whose one file is refused, with an address that alerts go to.
func alertProject(t *testing.T, alerts string) string {
	t.Helper()
	dir := t.TempDir()
	text := `version: 1
company: {name: 示例, home_currency: CNY, zone: Asia/Shanghai}
sources:
  tills:
    path: ./in
    feeds:
      receipts: {match: "*.csv", profile: loyverse-by-item, settle: 0s}
alerts:
` + alerts
	for name, content := range map[string]string{"omoflow.yaml": text, "in/a.csv": "not,a,receipt\n1,2,3\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tryOmoflow runs the program and gives its output with its exit code.
func tryOmoflow(t *testing.T, dir string, args ...string) (string, int) {
	t.Helper()
	command := exec.Command("omoflow", append([]string{"-C", dir, "-q"}, args...)...)
	command.Env = append(os.Environ(), "ALERT_KEY=canary-key-4411")
	output, _ := command.CombinedOutput() // the exit code says it
	return string(output), command.ProcessState.ExitCode()
}

func TestAlertsAreToldOnceThroughTheProgram(t *testing.T) {
	var mutex sync.Mutex
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mutex.Lock()
		defer mutex.Unlock()
		if r.Header.Get("X-Omoflow-Signature") != "" {
			bodies = append(bodies, string(body))
		}
	}))
	defer server.Close()
	dir := alertProject(t, fmt.Sprintf(`  channels:
    ops: {kind: webhook, url: "%s/in", secret: env:ALERT_KEY, allow_private: true, allow_plain: true}
  rules:
    - {name: disk, disabled: true}
`, server.URL))
	if out, code := tryOmoflow(t, dir, "alert", "test"); code == 0 || !strings.Contains(out, "no lake yet") {
		t.Errorf("before the first run: %d %s", code, out)
	}
	tryOmoflow(t, dir, "run", "--no-release")
	if out, code := tryOmoflow(t, dir, "alert", "test", "ops"); code != 0 || !strings.Contains(out, "ops webhook: sent") || len(bodies) != 1 {
		t.Fatalf("%d %s %q", code, out, bodies)
	}
	for range 3 {
		if out, code := tryOmoflow(t, dir, "alert", "run"); code != 0 {
			t.Fatalf("%d %s", code, out)
		}
	}
	if len(bodies) != 2 {
		t.Fatalf("%d messages: %q", len(bodies), bodies)
	}
	var message struct {
		Title, Text string
		Data        struct {
			Alerts []struct{ Rule, Where, Event string }
		}
	}
	if err := json.Unmarshal([]byte(bodies[1]), &message); err != nil {
		t.Fatal(err)
	}
	if a := message.Data.Alerts; len(a) != 1 || a[0].Rule != "quarantine" || a[0].Where != "tills/receipts" || !strings.Contains(message.Title, "示例：tills/receipts") || !strings.Contains(message.Text, "refused") {
		t.Errorf("%s", bodies[1])
	}
	out, code := tryOmoflow(t, dir, "alert", "list")
	for _, part := range []string{"quarantine", "tills/receipts", "ops webhook sent", "all "} {
		if code != 0 || !strings.Contains(out, part) {
			t.Errorf("%d: %q is not in\n%s", code, part, out)
		}
	}
	if out, code := tryOmoflow(t, dir, "check"); code != 0 || !strings.Contains(out, "1 channels") {
		t.Errorf("check: %d %s", code, out)
	}
	err := filepath.WalkDir(filepath.Join(dir, "lake"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), "canary-key-4411") {
			t.Errorf("the secret is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestABadAlertConfigurationIsNamed(t *testing.T) {
	for alerts, want := range map[string]string{
		"  routes: [{name: r, channels: [opps]}]\n  channels: {ops: {kind: slack, url: env:ALERT_KEY}}": `did you mean "ops"?`,
		"  channels: {ops: {kind: webhook, url: \"https://192.168.1.9/in\"}}":                           "allow_private: true",
		"  channels: {ops: {kind: slack, url: \"https://hooks.example/canary\"}}":                       "env:NAME",
		"  chanels: {}": `did you mean "channels"?`,
	} {
		out, code := tryOmoflow(t, alertProject(t, alerts), "check")
		if code == 0 || !strings.Contains(out, want) || strings.Contains(out, "hooks.example/canary") {
			t.Errorf("%s: %d %s, want %q", alerts, code, out, want)
		}
	}
	dir := alertProject(t, "  channels: {ops: {kind: slack, url: env:NOT_SET_ANYWHERE}}")
	if out, code := tryOmoflow(t, dir, "check"); code == 0 || !strings.Contains(out, "NOT_SET_ANYWHERE") {
		t.Errorf("a secret that is not there: %d %s", code, out)
	}
}

// A process that is killed at any step tells nobody twice, and what it decided before is told by the next one.
func TestAlertsSurviveAKill(t *testing.T) {
	for _, c := range []struct {
		point string
		first int // messages that left before the kill
		after int // messages when the next runs are done
		code  int // of the next run
	}{
		{"alert.decided", 0, 1, 0}, {"alert.noted", 0, 1, 0}, {"delivery.announced", 0, 0, 3}, {"delivery.sent", 1, 1, 3}, {"delivery.noted", 1, 1, 0},
	} {
		t.Run(c.point, func(t *testing.T) {
			var got atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				got.Add(1)
				_, _ = io.WriteString(w, "ok")
			}))
			defer server.Close()
			dir := alertProject(t, "  channels: {ops: {kind: slack, url: file:hook, allow_private: true, allow_plain: true}}\n  rules: [{name: disk, disabled: true}]\n")
			if err := os.WriteFile(filepath.Join(dir, "hook"), []byte(server.URL+"/services/T0/B0\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			tryOmoflow(t, dir, "run", "--no-release")
			killed := exec.Command("omoflow", "-C", dir, "alert", "run", "--enable-failpoints")
			killed.Env = append(os.Environ(), "OMOFLOW_FAILPOINTS="+c.point+"=kill@1")
			if out, err := killed.CombinedOutput(); err == nil {
				t.Fatalf("it was not killed: %s", out)
			}
			if got.Load() != int32(c.first) {
				t.Errorf("%d messages before the kill", got.Load())
			}
			for range 2 {
				if out, code := tryOmoflow(t, dir, "alert", "run"); code != c.code {
					t.Errorf("the next run: %d %s", code, out)
				}
			}
			if got.Load() != int32(c.after) {
				t.Errorf("%d messages in the end, want %d", got.Load(), c.after)
			}
			if c.code == 3 {
				if out, _ := tryOmoflow(t, dir, "alert", "list"); !strings.Contains(out, "not delivered") || !strings.Contains(out, "ops slack: sending") {
					t.Errorf("%s", out)
				}
			}
		})
	}
}

func TestAlertsOfSomeKindsLeaveTheOthersAsTheyAre(t *testing.T) {
	dir := alertProject(t, "  rules:\n    - {name: disk, disabled: true}\n")
	tryOmoflow(t, dir, "run", "--no-release")
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"--only", "stocktake"}, "0 alerts fire"},
		{[]string{"--except", "quarantine,release"}, "0 alerts fire"},
		{nil, "1 alerts fire"},
		{[]string{"--only", "stocktake"}, "1 alerts fire"},
	} {
		if out, code := tryOmoflow(t, dir, append([]string{"alert", "run"}, step.args...)...); code != 0 || !strings.Contains(out, step.want) || strings.Contains(out, "not evaluated") {
			t.Errorf("%v: %d %s, want %s", step.args, code, out, step.want)
		}
	}
	if out, code := tryOmoflow(t, dir, "alert", "run", "--only", "stocktaking"); code != 2 || !strings.Contains(out, "stocktake") {
		t.Errorf("an unknown kind: %d %s", code, out)
	}
}
