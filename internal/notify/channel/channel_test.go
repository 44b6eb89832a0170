package channel_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/notify/channel"
)

func TestGoodChannels(t *testing.T) {
	for _, c := range []channel.Config{
		{Kind: "smtp", Host: "mail.example", From: "a@b.example", To: []string{"c@d.example"}, Username: "u", Password: "env:P"},
		{Kind: "wecom", URL: "env:WECOM_URL"}, {Kind: "dingtalk", URL: "file:ding", Secret: "env:S", Keyword: "数据"}, {Kind: "feishu", URL: "env:F"},
		{Kind: "slack", URL: "command:pass slack", Timeout: "10s"}, {Kind: "webhook", URL: "https://alerts.example/in", Secret: "env:S"}, {Kind: "webhook", URL: "env:U"},
	} {
		made, err := channel.Open("alerts.channels.x", c, channel.Options{})
		if err != nil || len(made.Recipients()) != 1 || made.Idempotent() != (c.Kind == "webhook") {
			t.Errorf("%s: %v", c.Kind, err)
		}
	}
}

func TestBadChannels(t *testing.T) {
	const literal = "https://qyapi.example/send?key=canary-331"
	for _, c := range []struct {
		config    channel.Config
		key, hint string
	}{
		{channel.Config{Kind: "wecomm", URL: "env:U"}, "kind", `did you mean "wecom"?`},
		{channel.Config{}, "kind", "write one of dingtalk"},
		{channel.Config{Kind: "wecom", URL: literal}, "url", "env:NAME"},
		{channel.Config{Kind: "wecom"}, "url", "by reference"},
		{channel.Config{Kind: "wecom", URL: "env:U", Host: "x"}, "host", "a channel of kind wecom has url"},
		{channel.Config{Kind: "dingtalk", URL: "env:U", Secret: "SECcanary-331"}, "secret", "env:NAME"},
		{channel.Config{Kind: "slack", URL: "env:U", Timeout: "soon"}, "timeout", "1s to 5m"},
		{channel.Config{Kind: "smtp", Host: "mail.example", From: "a@b.example", To: []string{"c@d.example"}, Username: "u", Password: "canary-331"}, "password", "env:NAME"},
		{channel.Config{Kind: "webhook", URL: "https://u:canary-331@x.example/"}, "url", "without user"},
		{channel.Config{Kind: "webhook", URL: "http://x.example/"}, "url", "allow_plain"},
		{channel.Config{Kind: "webhook", URL: "https://10.1.2.3/in"}, "url", "allow_private"},
		{channel.Config{Kind: "webhook", URL: "https://[::ffff:127.0.0.1]/in"}, "url", "allow_private"},
		{channel.Config{Kind: "smtp", Host: "mail.example", From: "a@b.example"}, "to", "list the addresses"},
	} {
		_, err := channel.Open("alerts.channels.x", c.config, channel.Options{})
		var f *fault.Error
		if !errors.As(err, &f) || f.Subject != "alerts.channels.x."+c.key || !strings.Contains(f.Hint, c.hint) {
			t.Errorf("%+v: %v, hint %q", c.config, err, fault.HintOf(err))
		}
		if err != nil && strings.Contains(err.Error()+fault.HintOf(err), "canary-331") {
			t.Errorf("the error repeats a secret: %v", err)
		}
	}
}
