package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
)

const goodConfig = `version: 1
company: {name: T, home_currency: CNY, zone: Asia/Shanghai}
sources:
  tills:
    path: ./in
    feeds:
      receipts: {match: "r-{store}.csv", profile: loyverse-by-item}
`

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, configName), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestConfigDefaults(t *testing.T) {
	config, err := loadConfig(writeConfig(t, goodConfig))
	if err != nil {
		t.Fatal(err)
	}
	feed := config.Sources["tills"].Feeds["receipts"]
	if config.Lake != "./lake" || feed.RefuseOver != "2%" || feed.Settle != "2s" {
		t.Errorf("defaults are missing: %+v %+v", config, feed)
	}
	if got := config.resolve("./in"); got != filepath.Join(config.dir, "in") {
		t.Errorf("a path is not relative to the project: %s", got)
	}
}

// Each bad configuration names the place and the next step.
func TestConfigRefusals(t *testing.T) {
	cases := []struct{ name, from, to, subject, hint string }{
		{"unknown key", "path:", "paht:", "omoflow.yaml:5:5", `"path"`},
		{"currency", "CNY", "Yuan", "company.home_currency", "ISO 4217"},
		{"zone", "Asia/Shanghai", "Shanghai", "company.zone", "IANA"},
		{"source name", "tills", "Tills!", "sources.Tills!", "lower-case"},
		{"version", "version: 1", "version: 9", "version", "version: 1"},
		{"no pattern", `match: "r-{store}.csv", `, "", "sources.tills.feeds.receipts", "match"},
		{"share", "profile: loyverse-by-item", "profile: x, refuse_over: many", "refuse_over", "2%"},
		{"patience", "profile: loyverse-by-item", "profile: x, expect: {each: feed, every: day, late_after: soon}", "expect.late_after", "2d"},
		{"endless patience", "profile: loyverse-by-item", "profile: x, expect: {each: feed, every: day, late_after: 400d}", "expect.late_after", "2d"},
		{"unknown server", "path: ./in", "path: sftp://till@host/in", "sources.tills.sftp", "host_key"},
		{"server without host key", "path: ./in", "path: sftp://till@host/in\n    sftp: {key: file:id}", "sftp.host_key", "fingerprint"},
		{"server without login", "path: ./in", "path: sftp://till@host/in\n    sftp: {known_hosts: ./known}", "sftp.key", "private key"},
		{"password in clear", "path: ./in", "path: sftp://till@host/in\n    sftp: {known_hosts: ./known, password: hunter2}", "sftp.password", "env:NAME"},
		{"server of a folder", "path: ./in", "path: ./in\n    sftp: {known_hosts: ./known, key: file:id}", "sources.tills.sftp", "sftp://user@host"},
		{"tabs", "company:", "\tcompany:", "omoflow.yaml:", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := loadConfig(writeConfig(t, strings.Replace(goodConfig, c.from, c.to, 1)))
			var e *fault.Error
			if !errors.As(err, &e) || e.Kind != fault.Usage {
				t.Fatalf("got %v, want a usage fault", err)
			}
			if !strings.Contains(e.Subject, c.subject) || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("subject %q hint %q, want %q and %q", e.Subject, e.Hint, c.subject, c.hint)
			}
		})
	}
}

func TestConfigMissing(t *testing.T) {
	_, err := loadConfig(t.TempDir())
	if fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "omoflow init") {
		t.Errorf("got %v, hint %q", err, fault.HintOf(err))
	}
}

func TestShare(t *testing.T) {
	for text, want := range map[string]int64{"2%": 20000, "0.02": 20000, "0": 0, "100%": 1000000} {
		if got, err := parseShare(text); err != nil || got != want {
			t.Errorf("parseShare(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}
