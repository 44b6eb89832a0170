package mail_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/internal/notify/mail"
	"github.com/omoflow/omoflow/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "canary-pass-7781"

func options(s *server) mail.Options {
	return mail.Options{
		Host: "mail.example", Port: s.port(), From: "omoflow 数据 <omoflow@shop.example>", To: []string{"wang@shop.example", "li@shop.example"}, AllowPrivate: true,
		Username: "robot", Password: func(context.Context) (secret.Value, error) { return secret.Of(password), nil }, RootCAs: s.roots, Timeout: 5 * time.Second,
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
	}
}

func channel(t *testing.T, opt mail.Options) notify.Channel {
	t.Helper()
	c, err := mail.New("alerts.channels.ops", opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func message() notify.Message {
	return notify.Message{
		Key: "8f1c", Level: notify.Critical, Title: "【严重】3 家门店没有送来文件 / 3 stores sent no file", At: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
		Blocks: []notify.Block{{Title: "S03 <b>", Lines: []string{"缺 2026-03-03 的收银文件 & 库存", ".a line that begins with a dot"}}}, Footer: "omoflow alert list",
	}
}

func send(t *testing.T, c notify.Channel) (notify.Receipt, error) {
	t.Helper()
	return c.Send(t.Context(), "wang@shop.example", message())
}

func TestAMailHasTextAndPageAndAStableName(t *testing.T) {
	for name, change := range map[string]func(*server, *mail.Options){
		"starttls": nil,
		"tls":      func(s *server, o *mail.Options) { s.implicit, o.TLS = true, mail.TLS },
		"login":    func(s *server, o *mail.Options) { s.mechanism = "LOGIN" },
	} {
		t.Run(name, func(t *testing.T) {
			opt := mail.Options{}
			s := start(t, func(s *server) {
				if change != nil {
					change(s, &opt)
				}
			})
			full := options(s)
			full.TLS = opt.TLS
			receipt, err := send(t, channel(t, full))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(receipt.Note, "4F2A") || len(s.mails) != 1 || !s.crypt {
				t.Errorf("receipt %q, %d mails, encrypted %v", receipt.Note, len(s.mails), s.crypt)
			}
			if want := strings.Fields(s.mechanism)[0] + " robot " + password; s.logins[0] != want {
				t.Errorf("logged in by %q, want %q", s.logins[0], want)
			}
			if len(s.rcpt) != 1 || !strings.Contains(s.rcpt[0], "<wang@shop.example>") {
				t.Errorf("a mail to one went to %q", s.rcpt)
			}
			checkMail(t, s.mails[0])
		})
	}
}

func checkMail(t *testing.T, text string) {
	t.Helper()
	got, err := netmail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	words := mime.WordDecoder{}
	subject, err := words.DecodeHeader(got.Header.Get("Subject"))
	if err != nil || subject != message().Title {
		t.Errorf("subject %q, %v", subject, err)
	}
	for name, want := range map[string]string{"Message-Id": "<8f1c@shop.example>", "Date": "Wed, 04 Mar 2026 05:06:07 +0000", "Auto-Submitted": "auto-generated", "To": "<wang@shop.example>", "Bcc": ""} {
		if h := got.Header.Get(name); h != want {
			t.Errorf("%s is %q, want %q", name, h, want)
		}
	}
	kind, parameters, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %q, %v", got.Header.Get("Content-Type"), err)
	}
	parts := multipart.NewReader(got.Body, parameters["boundary"])
	want := []struct{ kind, holds string }{{"text/plain", "S03 <b>\r\n缺 2026-03-03 的收银文件 & 库存\r\n.a line that begins with a dot"}, {"text/html", "S03 &lt;b&gt;"}}
	for _, w := range want {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		if kind, p, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind != w.kind || !strings.EqualFold(p["charset"], "utf-8") || part.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Errorf("part %v", part.Header)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil || !strings.Contains(string(body), w.holds) {
			t.Errorf("%s is %q (%v), want %q in it", w.kind, body, err, w.holds)
		}
	}
}

// Only an answerless dot leaves the outcome open; everything before it was surely not taken.
func TestWhatAFailureMeansForTheMail(t *testing.T) {
	for _, c := range []struct {
		step, answer string
		want         notify.Outcome
		code         string
		taken        int
	}{
		{"greet", "drop", notify.Again, "mail_unreachable", 0},
		{"greet", "421 busy", notify.Again, "mail_refused", 0},
		{"greet", "554 no service", notify.Never, "mail_refused", 0},
		{"auth", "535 5.7.8 wrong " + password, notify.Never, "mail_login", 0},
		{"auth", "454 4.7.0 later", notify.Again, "mail_refused", 0},
		{"mail", "drop", notify.Again, "mail_unreachable", 0},
		{"rcpt", "450 4.2.1 <wang@shop.example> greylisted", notify.Again, "mail_refused", 0},
		{"rcpt", "550 5.1.1 <wang@shop.example> unknown", notify.Never, "mail_refused", 0},
		{"data", "452 full", notify.Again, "mail_refused", 0},
		{"data", "drop", notify.Again, "mail_unreachable", 0},
		{"dot", "451 later", notify.Again, "mail_refused", 1},
		{"dot", "554 spam", notify.Never, "mail_refused", 1},
		{"dot", "drop", notify.Unknown, "mail_outcome_unknown", 1},
		{"quit", "drop", 99, "", 1},
	} {
		t.Run(c.step+" "+c.answer, func(t *testing.T) {
			s := start(t, func(s *server) { s.reply[c.step] = c.answer })
			_, err := send(t, channel(t, options(s)))
			s.left(t)
			if len(s.mails) != c.taken {
				t.Errorf("%d mails reached the dot, want %d", len(s.mails), c.taken)
			}
			if c.want == 99 {
				if err != nil {
					t.Errorf("a mail that was taken failed: %v", err)
				}
				return
			}
			outcome, _ := notify.OutcomeOf(err)
			var f *fault.Error
			if !errors.As(err, &f) || outcome != c.want || f.Code != c.code || f.Hint == "" {
				t.Fatalf("%v: %s, want %s %s", err, outcome, c.want, c.code)
			}
			if text := err.Error(); strings.Contains(text, password) || strings.Contains(text, "wang@") {
				t.Errorf("the error gives away a secret or a person: %s", text)
			}
		})
	}
}

// A server that stalls inside the text gets no dot, whatever ends the connection: half a mail must never be taken.
func TestAMailThatIsStoppedHalfWayGetsNoDot(t *testing.T) {
	block := make(chan struct{})
	stalled := start(t, func(s *server) { s.stall = block })
	opt := options(stalled)
	opt.Timeout = 300 * time.Millisecond
	m := message()
	m.Blocks = []notify.Block{{Lines: []string{strings.Repeat("long ", 4<<20)}}} // more than the buffers between
	_, err := channel(t, opt).Send(t.Context(), "wang@shop.example", m)
	close(block)
	if outcome, _ := notify.OutcomeOf(err); outcome != notify.Again {
		t.Errorf("%v", err)
	}
	_ = stalled.listener.Close()
	stalled.wait.Wait()
	if len(stalled.mails) != 0 {
		t.Errorf("half a mail was taken")
	}
}

func TestEncryptionIsNotGivenUp(t *testing.T) {
	plain := start(t, func(s *server) { s.plain = true })
	if _, err := send(t, channel(t, options(plain))); err == nil || len(plain.logins)+len(plain.mails) > 0 {
		t.Errorf("without STARTTLS: %v, %q", err, plain.logins)
	}
	strange := start(t, nil)
	opt := options(strange)
	opt.RootCAs = nil
	if _, err := send(t, channel(t, opt)); err == nil || len(strange.logins) > 0 {
		t.Errorf("an unknown certificate: %v", err)
	} else if outcome, _ := notify.OutcomeOf(err); outcome != notify.Never {
		t.Errorf("an unknown certificate is tried again: %v", err)
	}
}

func TestAPrivateAddressIsRefused(t *testing.T) {
	s := start(t, nil)
	opt := options(s)
	opt.AllowPrivate = false
	_, err := send(t, channel(t, opt))
	var f *fault.Error
	if outcome, _ := notify.OutcomeOf(err); !errors.As(err, &f) || f.Code != "private_address" || outcome != notify.Never {
		t.Error(err)
	}
}

func TestBadOptionsAreNamed(t *testing.T) {
	s := start(t, nil)
	for key, change := range map[string]func(*mail.Options){
		"host":     func(o *mail.Options) { o.Host = "https://mail" },
		"tls":      func(o *mail.Options) { o.TLS = "ssl3" },
		"port":     func(o *mail.Options) { o.Port = 70000 },
		"auth":     func(o *mail.Options) { o.Auth = "ntlm" },
		"username": func(o *mail.Options) { o.Username = "" },
		"from":     func(o *mail.Options) { o.From = "nobody" },
		"to":       func(o *mail.Options) { o.To = []string{"a@b.example\r\nBcc: x@y.example"} },
	} {
		opt := options(s)
		change(&opt)
		_, err := mail.New("alerts.channels.ops", opt)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Usage || f.Subject != "alerts.channels.ops."+key || f.Hint == "" {
			t.Errorf("%s: %v", key, err)
		}
	}
	opt := options(s)
	opt.TLS = mail.None
	if _, err := mail.New("x", opt); err == nil {
		t.Error("a password over an open connection was accepted")
	}
}
