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
