package robot_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/internal/notify/robot"
	"github.com/omoflow/omoflow/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	key      = "SEC-canary-5521"
	pathKey  = "path-canary-9933"
	instant  = 1772600767123 // in milliseconds
	tailText = "（另有 %d 字）"
)

// service is the other side of a robot: it keeps what came and answers as told.
type service struct {
	*httptest.Server
	mutex  sync.Mutex
	bodies [][]byte
	heads  []*http.Request
}

func serve(t *testing.T, answer http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mutex.Lock()
		s.bodies, s.heads = append(s.bodies, body), append(s.heads, r)
		s.mutex.Unlock()
		answer(w, r)
	}))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return s
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func channel(t *testing.T, kind string, s *service, change func(*robot.Options)) notify.Channel {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	opt := robot.Options{
		URL:    func(context.Context) (secret.Value, error) { return secret.Of(s.URL + "/send?key=" + pathKey), nil },
		Secret: func(context.Context) (secret.Value, error) { return secret.Of(key), nil },
		Now:    func() time.Time { return time.UnixMilli(instant) }, AllowPrivate: true, RootCAs: roots, Timeout: 5 * time.Second,
	}
	if change != nil {
		change(&opt)
	}
	c, err := robot.New("alerts.channels.x", kind, opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func message(lines int) notify.Message {
	m := notify.Message{Key: "8f1c", Level: notify.Critical, Title: "3 家门店没有送来文件 <@all>", At: time.Unix(1772600000, 0), Footer: "omoflow alert list", Tail: tailText, Data: map[string]any{"alerts": 3}}
	for range lines {
		m.Blocks = append(m.Blocks, notify.Block{Title: "S03 [点我](http://evil.example)", Lines: []string{"缺 2026-03-03 的 \"收银\" 文件 & 库存 *", "since 2026-03-03"}})
	}
	return m
}

// good is what each service answers when it takes a message.
var good = map[string]string{"wecom": `{"errcode":0,"errmsg":"ok"}`, "dingtalk": `{"errcode":0,"errmsg":"ok"}`, "feishu": `{"code":0,"data":{},"msg":"success"}`, "slack": "ok", "webhook": ""}

// find walks into decoded JSON.
func find(t *testing.T, body []byte, path ...any) string {
	t.Helper()
	var at any
	if err := json.Unmarshal(body, &at); err != nil {
		t.Fatalf("not JSON: %v: %.200s", err, body)
	}
	for _, step := range path {
		switch s := step.(type) {
		case string:
			at = at.(map[string]any)[s]
		case int:
			at = at.([]any)[s]
		}
	}
	return fmt.Sprint(at)
}

func TestEachServiceGetsItsFormatWithinItsLimits(t *testing.T) {
	checks := map[string]func(t *testing.T, body []byte, r *http.Request, long bool){
		"wecom": func(t *testing.T, body []byte, _ *http.Request, long bool) {
			text := find(t, body, "markdown", "content")
			if find(t, body, "msgtype") != "markdown" || !strings.HasPrefix(text, "## 3 家门店没有送来文件 ＜@all＞\n") || strings.Contains(text, "](") || len(text) > 4096 || !utf8.ValidString(text) {
				t.Errorf("%d bytes: %.200s", len(text), text)
			}
			if long && (len(text) < 4000 || !strings.Contains(text, "… （另有 ")) {
				t.Errorf("cut to %d bytes: %s", len(text), text[len(text)-60:])
			}
		},
		"dingtalk": func(t *testing.T, body []byte, r *http.Request, long bool) {
			q := r.URL.Query()
			if q.Get("timestamp") != fmt.Sprint(instant) || q.Get("sign") != "QDW2l4YTqeL7uX1xJ7m2uQSHJ85YrZ1unfZFVGYWe+4=" || q.Get("key") != pathKey {
				t.Errorf("query %v", q)
			}
			text := find(t, body, "markdown", "text")
			if find(t, body, "markdown", "title") == "" || strings.Contains(text, "](") || len(body) > 20000 || long && (len(body) < 18000 || !strings.Contains(text, "… （另有 ")) {
				t.Errorf("%d bytes: %.200s", len(body), text)
			}
		},
		"feishu": func(t *testing.T, body []byte, _ *http.Request, long bool) {
			if find(t, body, "timestamp") != fmt.Sprint(instant/1000) || find(t, body, "sign") != "lNOQs9wrgIcZXQtqTSaboO7msG7u7MrmMxuz7Fyt/5A=" || find(t, body, "msg_type") != "interactive" || find(t, body, "card", "header", "template") != "red" {
				t.Errorf("%.300s", body)
			}
			text := find(t, body, "card", "elements", 0, "text", "content")
			if find(t, body, "card", "elements", 0, "text", "tag") != "plain_text" || len(body) > 20<<10 || long && (len(body) < 18000 || !strings.Contains(text, "… （另有 ")) {
				t.Errorf("%d bytes: %.200s", len(body), text)
			}
		},
		"slack":   checkSlack,
		"webhook": checkWebhook,
	}
	for _, kind := range robot.Kinds() {
		for _, lines := range []int{1, 3000} {
			t.Run(fmt.Sprintf("%s %d", kind, lines), func(t *testing.T) {
				s := serve(t, says(good[kind]))
				receipt, err := channel(t, kind, s, nil).Send(t.Context(), kind, message(lines))
				if err != nil {
					t.Fatal(err)
				}
				if receipt.Note != good[kind] || s.heads[0].Method != http.MethodPost || !strings.HasPrefix(s.heads[0].Header.Get("Content-Type"), "application/json") {
					t.Errorf("%q, %s %v", receipt.Note, s.heads[0].Method, s.heads[0].Header)
				}
				checks[kind](t, s.bodies[0], s.heads[0], lines > 1)
			})
		}
	}
}

func checkSlack(t *testing.T, body []byte, _ *http.Request, long bool) {
	var m struct {
		Text   string
		Blocks []struct {
			Type string
			Text struct {
				Type, Text string
				Emoji      *bool
			}
		}
	}
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Text != "3 家门店没有送来文件 &lt;@all&gt;" || m.Blocks[0].Type != "header" || m.Blocks[0].Text.Type != "plain_text" || len(m.Blocks) > 50 || long != (len(m.Blocks) == 50) {
		t.Errorf("%d blocks, text %q", len(m.Blocks), m.Text)
	}
	for _, b := range m.Blocks[1:] {
		if b.Type != "section" || b.Text.Type != "mrkdwn" || b.Text.Text == "" || utf8.RuneCountInString(b.Text.Text) > 3000 || strings.ContainsAny(b.Text.Text, "<>") {
			t.Errorf("block %+v", b)
		}
	}
}

func checkWebhook(t *testing.T, body []byte, r *http.Request, long bool) {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(r.Header.Get("X-Omoflow-Timestamp") + "." + string(body)))
	if r.Header.Get("X-Omoflow-Signature") != "sha256="+hex.EncodeToString(h.Sum(nil)) || r.Header.Get("X-Omoflow-Timestamp") != fmt.Sprint(instant/1000) || r.Header.Get("Idempotency-Key") != "8f1c" {
		t.Errorf("headers %v", r.Header)
	}
	if find(t, body, "key") != "8f1c" || find(t, body, "data", "alerts") != "3" || find(t, body, "level") != "critical" || len(body) > 256<<10 {
		t.Errorf("%.300s", body)
	}
	if text := find(t, body, "text"); !strings.Contains(text, "S03 [点我]") || long != strings.Contains(text, "… （另有 ") {
		t.Errorf("text %.200s", text)
	}
}

// A yes that is a no, and what silence means.
func TestWhatAnAnswerMeans(t *testing.T) {
	status := func(code int, head, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if name, value, ok := strings.Cut(head, ": "); ok {
				w.Header().Set(name, value)
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, text)
		}
	}
	hangUp := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for _, c := range []struct {
		kind   string
		answer http.HandlerFunc
		want   notify.Outcome
		wait   time.Duration
		code   string
	}{
		{"wecom", says(`{"errcode":45009,"errmsg":"api freq out of limit"}`), notify.Again, time.Minute, "message_throttled"},
		{"wecom", says(`{"errcode":-1,"errmsg":"system busy"}`), notify.Again, 0, "message_throttled"},
		{"wecom", says(`{"errcode":93000,"errmsg":"invalid webhook url, key=` + pathKey + `"}`), notify.Never, 0, "message_denied"},
		{"wecom", says(`{"errcode":40058,"errmsg":"markdown.content exceed max length 4096"}`), notify.Never, 0, "message_refused"},
		{"wecom", says(`<html>login</html>`), notify.Unknown, 0, "message_outcome_unknown"},
		{"wecom", says(``), notify.Unknown, 0, "message_outcome_unknown"},
		{"dingtalk", says(`{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}`), notify.Again, 10 * time.Minute, "message_throttled"},
		{"dingtalk", says(`{"errcode":310000,"errmsg":"sign not match, ` + key + `"}`), notify.Never, 0, "message_denied"},
		{"feishu", says(`{"code":11232,"msg":"frequency limited"}`), notify.Again, time.Minute, "message_throttled"},
		{"feishu", says(`{"code":19021,"msg":"sign match fail or timestamp is not within one hour"}`), notify.Never, 0, "message_denied"},
		{"feishu", says(`{"code":9499,"msg":"Bad Request"}`), notify.Never, 0, "message_refused"},
		{"feishu", says(`{"msg":"no code"}`), notify.Unknown, 0, "message_outcome_unknown"},
		{"slack", status(404, "", "no_service"), notify.Never, 0, "message_denied"},
		{"slack", status(400, "", "invalid_payload"), notify.Never, 0, "message_refused"},
		{"slack", status(429, "Retry-After: 30", ""), notify.Again, 30 * time.Second, "message_throttled"},
		{"slack", says("queued?"), notify.Unknown, 0, "message_outcome_unknown"},
		{"webhook", status(202, "", "thanks"), 99, 0, ""},
		{"webhook", status(500, "", "oops "+key), notify.Unknown, 0, "message_outcome_unknown"},
		{"webhook", status(503, "Retry-After: 5", ""), notify.Again, 5 * time.Second, "message_throttled"},
		{"webhook", status(302, "Location: https://169.254.169.254/", ""), notify.Never, 0, "redirected"},
		{"webhook", status(401, "", ""), notify.Never, 0, "message_denied"},
		{"webhook", hangUp, notify.Unknown, 0, "message_outcome_unknown"},
	} {
		s := serve(t, c.answer)
		_, err := channel(t, c.kind, s, nil).Send(t.Context(), c.kind, message(1))
		if len(s.bodies) != 1 {
			t.Errorf("%s: one message was sent %d times", c.kind, len(s.bodies))
		}
		if c.want == 99 {
			if err != nil {
				t.Errorf("%s: %v", c.kind, err)
			}
			continue
		}
		outcome, wait := notify.OutcomeOf(err)
		var f *fault.Error
		if !errors.As(err, &f) || outcome != c.want || wait != c.wait || f.Code != c.code || f.Hint == "" {
			t.Errorf("%s: %v: %s %s, want %s %s %s", c.kind, err, outcome, wait, c.want, c.wait, c.code)
		}
		if text := fmt.Sprint(err); strings.Contains(text, key) || strings.Contains(text, pathKey) {
			t.Errorf("%s: the error holds a secret: %s", c.kind, text)
		}
	}
}

func TestNothingLeavesForAnAddressThatIsNotAllowed(t *testing.T) {
	s := serve(t, says("ok"))
	to := func(address string) func(*robot.Options) {
		return func(o *robot.Options) {
			o.AllowPrivate = false
			o.URL = func(context.Context) (secret.Value, error) { return secret.Of(address), nil }
		}
	}
	for address, want := range map[string]string{
		s.URL + "/" + pathKey: "private_address", "https://169.254.169.254/" + pathKey: "private_address", "https://[::1]/": "private_address", "https://localhost/": "private_address",
		"http://93.184.215.14/" + pathKey: "plain_http", "https://u:" + pathKey + "@x.example/": "invalid_url", "ftp://x.example": "invalid_url", "not an address": "invalid_url", "": "invalid_url", "https://[fe80::1%25eth0]/": "invalid_url",
	} {
		_, err := channel(t, "webhook", s, to(address)).Send(t.Context(), "", message(1))
		var f *fault.Error
		if outcome, _ := notify.OutcomeOf(err); !errors.As(err, &f) || f.Code != want || outcome != notify.Never || strings.Contains(err.Error(), pathKey) {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
	if len(s.bodies) != 0 {
		t.Errorf("%d messages left", len(s.bodies))
	}
}

func TestWhatIsSurelyNotSentMayBeTriedAgain(t *testing.T) {
	s := serve(t, says("ok"))
	s.Close()
	_, err := channel(t, "slack", s, nil).Send(t.Context(), "", message(1))
	if outcome, _ := notify.OutcomeOf(err); outcome != notify.Again {
		t.Errorf("a closed port: %v", err)
	}
	strange := serve(t, says("ok"))
	_, err = channel(t, "slack", strange, func(o *robot.Options) { o.RootCAs = nil }).Send(t.Context(), "", message(1))
	if outcome, _ := notify.OutcomeOf(err); outcome != notify.Never || len(strange.bodies) > 0 {
		t.Errorf("an unknown certificate: %v", err)
	}
	gone := func(context.Context) (secret.Value, error) {
		return secret.Value{}, fault.New(fault.Denied, "secret_missing", "x", "", "not there")
	}
	_, err = channel(t, "slack", strange, func(o *robot.Options) { o.URL = gone }).Send(t.Context(), "", message(1))
	if outcome, _ := notify.OutcomeOf(err); outcome != notify.Again {
		t.Errorf("a secret that cannot be read: %v", err)
	}
}

func TestAKeywordIsInTheTitle(t *testing.T) {
	s := serve(t, says(good["dingtalk"]))
	if _, err := channel(t, "dingtalk", s, func(o *robot.Options) { o.Keyword = "数据" }).Send(t.Context(), "", message(1)); err != nil {
		t.Fatal(err)
	}
	if text := find(t, s.bodies[0], "markdown", "text"); !strings.HasPrefix(text, "## ［数据］ ") {
		t.Errorf("%.60s", text)
	}
}

// FuzzBodies: whatever a message holds, every kind makes valid JSON within its limit.
func FuzzBodies(f *testing.F) {
	f.Add("title", "line", 5)
	f.Add("\x00\xff<>&\"", strings.Repeat("\u2028\"\\门", 200), 60)
	f.Fuzz(func(t *testing.T, title, line string, blocks int) {
		m := notify.Message{Key: "k", Title: title}
		for range min(max(blocks, 0), 60) {
			m.Blocks = append(m.Blocks, notify.Block{Title: title, Lines: []string{line, line}})
		}
		for _, kind := range robot.Kinds() {
			body, err := robot.Body(kind, m)
			if err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			if !json.Valid(body) {
				t.Errorf("%s: not JSON: %.100s", kind, body)
			}
			if most := map[string]int{"dingtalk": 20000, "feishu": 20 << 10, "webhook": 256 << 10}[kind]; most > 0 && len(body) > most {
				t.Errorf("%s: %d bytes", kind, len(body))
			}
			if kind == "wecom" && len(find(t, body, "markdown", "content")) > 4096 {
				t.Errorf("%s: too long", kind)
			}
			if kind == "slack" {
				checkSlackLimits(t, body)
			}
		}
	})
}

func checkSlackLimits(t *testing.T, body []byte) {
	t.Helper()
	var m struct {
		Blocks []struct{ Text struct{ Text string } }
	}
	if err := json.Unmarshal(body, &m); err != nil || len(m.Blocks) > 50 {
		t.Errorf("%d blocks, %v", len(m.Blocks), err)
	}
	for i, b := range m.Blocks {
		if n := utf8.RuneCountInString(b.Text.Text); n > 3000 || i == 0 && n > 150 {
			t.Errorf("block %d has %d characters", i, n)
		}
	}
}
