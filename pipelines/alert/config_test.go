package alert_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/strictyaml"
	"github.com/omoflow/omoflow/pipelines/alert"
)

const good = `
language: zh-CN
rules:
  - {name: silent, after: 2d, only: ["tills/*"]}
  - {name: shop, kind: freshness, after: 3h, severity: critical, only: ["shop/*"]}
channels:
  mail: {kind: smtp, host: smtp.example.com, from: a@example.com, to: [b@example.com], username: u, password: env:P}
  group: {kind: wecom, url: env:WECOM, language: both}
routes:
  - {name: night, channels: [group], severity: critical, renotify: 1h, group: 0s}
  - name: day
    channels: [mail, group]
    rules: ["s*", missing]
    on_recover: false
    renotify: never
    quiet: {from: "22:00", to: "07:30", zone: Europe/London, days: [fri, sat], except: never}
`

func compile(text string) error {
	var c alert.Config
	if err := strictyaml.Decode("omoflow.yaml", 1, []byte(text), &c); err != nil {
		return err
	}
	_, err := alert.Compile(c, alert.Options{Path: "omoflow.yaml", Zone: time.UTC})
	return err
}

func TestConfigs(t *testing.T) {
	if err := compile(good); err != nil {
		t.Fatal(err)
	}
	if err := compile("{}"); err != nil {
		t.Fatalf("nothing at all: %v", err)
	}
	swap := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, c := range []struct{ text, subject, hint string }{
		{swap("renotify: 1h", "renotfy: 1h"), "omoflow.yaml:", `did you mean "renotify"?`},
		{swap("channels: [mail, group]", "channels: [mial, group]"), "alerts.routes.day.channels", `did you mean "mail"?`},
		{swap("channels: [mail, group]", "channels: []"), "alerts.routes.day.channels", "at least one"},
		{swap("rules: [\"s*\", missing]", "rules: [mising]"), "alerts.routes.day.rules", `did you mean "missing"?`},
		{swap("kind: freshness", "kind: fresh"), "alerts.rules.shop.kind", "write one of"},
		{swap("kind: freshness, after", "kind: disk, after"), "alerts.rules.shop.after", "remove it"},
		{swap("after: 3h", "after: soon"), "alerts.rules.shop.after", "90m, 26h or 2d"},
		{swap("severity: critical, only", "severity: high, only"), "alerts.rules.shop.severity", "info, warning, critical"},
		{swap("name: shop", "name: silent"), "alerts.rules.silent", "a name of its own"},
		{swap("name: day", "name: night"), "alerts.routes", "a name of its own"},
		{swap(`from: "22:00"`, `from: "25:00"`), "alerts.routes.day.quiet.from", "time of day"},
		{swap("Europe/London", "Europe/Londn"), "alerts.routes.day.quiet.zone", "IANA"},
		{swap("[fri, sat]", "[fry]"), "alerts.routes.day.quiet.days", `did you mean "fri"?`},
		{swap("except: never", "except: all"), "alerts.routes.day.quiet.except", "write one of"},
		{swap("language: zh-CN", "language: zh"), "alerts.language", ""},
		{swap("env:WECOM", "https://qyapi.example/?key=canary"), "alerts.channels.group.url", "env:NAME"},
		{swap(`only: ["shop/*"]`, `only: ["shop/["]`), "alerts.rules.shop.only", "pattern"},
		{"routes: [{name: x, channels: [ops]}]", "alerts.routes.x.channels", "add it"},
	} {
		err := compile(c.text)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Usage || !strings.Contains(f.Subject, c.subject) || !strings.Contains(f.Hint, c.hint) || f.Hint == "" {
			t.Errorf("want %s %q, got %v, hint %q", c.subject, c.hint, err, fault.HintOf(err))
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(good)
	f.Fuzz(func(t *testing.T, text string) {
		if err := compile(text); err != nil && fault.KindOf(err) != fault.Usage && fault.KindOf(err) != fault.Denied {
			t.Errorf("%v", err)
		}
	})
}
