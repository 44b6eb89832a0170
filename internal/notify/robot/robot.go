// Package robot sends messages by one HTTP POST: to the group robots of WeCom, DingTalk and Feishu, to Slack, and to any program's
// own webhook. Each dialect is a file that knows its format, its limits and what an answer means; this one knows HTTP.
package robot

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/netguard"
	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/internal/secret"
)

// Options describe one robot. URL is mandatory; it is a secret where it holds the key, so it is read for each message.
type Options struct {
	URL          func(context.Context) (secret.Value, error)
	Secret       func(context.Context) (secret.Value, error) // signs the messages; nil: they are not signed
	Keyword      string                                      // a word that the robot wants in every message
	Timeout      time.Duration                               // default 30s
	AllowPrivate bool
	AllowPlain   bool // http://

	RootCAs *x509.CertPool                                               // nil: the system's
	Lookup  func(ctx context.Context, host string) ([]netip.Addr, error) // nil: the system's
	Now     func() time.Time                                             // of signatures; default time.Now
}

// dialect is what is special about one kind of robot.
type dialect struct {
	limit      notify.Limit
	idempotent bool
	// write gives the body, and adds to the address and the header what the kind wants.
	write func(m notify.Message, key secret.Value, now time.Time, address *url.URL, header http.Header) ([]byte, error)
	// read tells what an answer of status 200 to 299 means; nil is taken.
	read func(body []byte) *refusal
}

// refusal is a no inside of an answer that looks like a yes.
type refusal struct {
	outcome notify.Outcome
	wait    time.Duration
	kind    fault.Kind
	code    string
	hint    string
	says    string
}

func dialects() map[string]dialect {
	return map[string]dialect{"wecom": wecom(), "dingtalk": dingtalk(), "feishu": feishu(), "slack": slack(), "webhook": webhook()}
}

// Kinds names the dialects, in order.
func Kinds() []string {
	var names []string
	for name := range dialects() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

type channel struct {
	dialect
	kind string
	opt  Options
}

// New makes a channel of one of the Kinds. Nothing is read and nothing is sent.
func New(subject, kind string, opt Options) (notify.Channel, error) {
	d, known := dialects()[kind]
	if !known {
		return nil, fault.New(fault.Usage, "invalid_channel", subject+".kind", "write one of "+strings.Join(Kinds(), ", "), "%q is not known", kind)
	}
	if opt.URL == nil {
		return nil, fault.New(fault.Usage, "invalid_channel", subject+".url", "write the robot's address by reference, such as env:ALERT_URL", "is missing")
	}
	if opt.Timeout == 0 {
		opt.Timeout = 30 * time.Second
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &channel{dialect: d, kind: kind, opt: opt}, nil
}

// Recipients is the one group or program behind the address.
func (c *channel) Recipients() []string { return []string{c.kind} }
func (c *channel) Idempotent() bool     { return c.idempotent }
func (c *channel) Limit() notify.Limit  { return c.limit }

func (c *channel) Send(ctx context.Context, _ string, m notify.Message) (notify.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	text, err := c.opt.URL(ctx)
	if err != nil {
		return notify.Receipt{}, &notify.Error{Outcome: notify.Again, Err: err}
	}
	address, err := c.address(text)
	if err != nil {
		return notify.Receipt{}, &notify.Error{Outcome: notify.Never, Err: err}
	}
	key := secret.Value{}
	if c.opt.Secret != nil {
		if key, err = c.opt.Secret(ctx); err != nil {
			return notify.Receipt{}, &notify.Error{Outcome: notify.Again, Err: err}
		}
	}
	if c.opt.Keyword != "" && !strings.Contains(m.Title, c.opt.Keyword) {
		m.Title = "[" + c.opt.Keyword + "] " + m.Title
	}
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"omoflow"}}
	body, err := c.write(m, key, c.opt.Now(), address, header)
	if err != nil {
		return notify.Receipt{}, &notify.Error{Outcome: notify.Never, Err: fault.Wrap(err, fault.Internal, "message_unwritable", address.Host, "report this", "the message cannot be written")}
	}
	return c.post(ctx, address, header, body, append(parts(address), text, key))
}

// parts are the pieces of an address that may be its key: an answer may repeat one of them alone.
func parts(address *url.URL) []secret.Value {
	found := []secret.Value{secret.Of(address.RequestURI())}
	words := strings.Split(address.Path, "/")
	for _, values := range address.Query() {
		words = append(words, values...)
	}
	for _, word := range words {
		if len(word) >= 8 {
			found = append(found, secret.Of(word))
		}
	}
	return found
}

// address checks where the reference leads. The address itself is in no error: it may be the key.
func (c *channel) address(text secret.Value) (*url.URL, error) {
	bad := func(code, hint, message string) (*url.URL, error) {
		return nil, fault.New(fault.Usage, code, c.kind+" url", hint, "%s", message)
	}
	u, err := url.Parse(strings.TrimSpace(text.Reveal()))
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http":
		return bad("invalid_url", "put the whole address, https://..., where the reference points", "is not an address")
	case u.User != nil || strings.Contains(u.Hostname(), "%"):
		return bad("invalid_url", "remove what stands before @ or after %", "holds a user name or a zone")
	case u.Scheme == "http" && !c.opt.AllowPlain:
		return bad("plain_http", "use https://, or write allow_plain: true when the network is yours", "the key would go over plain http")
	}
	u.Fragment = ""
	return u, nil
}

const maxAnswer = 64 << 10

// post sends once. Whether the request left decides what silence means.
func (c *channel) post(ctx context.Context, address *url.URL, header http.Header, body []byte, secrets []secret.Value) (notify.Receipt, error) {
	guard := netguard.Dialer{AllowPrivate: c.opt.AllowPrivate, Lookup: c.opt.Lookup}
	transport := &http.Transport{
		Proxy: nil, DialContext: guard.Dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.opt.RootCAs},
		DisableKeepAlives: true, // a kept connection that died would be tried again behind our back
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	left := make(chan struct{}, 1)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() {
		select {
		case left <- struct{}{}:
		default:
		}
	}})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(body))
	if err != nil {
		return notify.Receipt{}, &notify.Error{Outcome: notify.Never, Err: fault.New(fault.Usage, "invalid_url", c.kind+" url", "correct the address", "no request can be made of it")}
	}
	request.Header = header
	answer, err := client.Do(request)
	if err != nil {
		return notify.Receipt{}, c.silence(err, len(left) > 0, address.Host, secrets)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end or given up
	said, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil && answer.StatusCode < 300 {
		return notify.Receipt{}, c.silence(err, true, address.Host, secrets)
	}
	words := secret.Mask(excerpt(said), secrets...)
	if no := c.status(answer, words); no != nil {
		return notify.Receipt{}, no.error(address.Host)
	}
	if no := c.read(said); no != nil {
		no.says = secret.Mask(no.says, secrets...)
		return notify.Receipt{}, no.error(address.Host)
	}
	return notify.Receipt{Note: words}, nil
}

// silence is the error of a request without an answer.
func (c *channel) silence(err error, left bool, host string, secrets []secret.Value) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return &notify.Error{Outcome: notify.Never, Err: known} // the guard of addresses
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err // the outer text holds the whole address
	}
	text := errors.New(secret.Mask(notify.Line(err.Error()), secrets...))
	var certificate *tls.CertificateVerificationError
	switch {
	case left:
		return &notify.Error{Outcome: notify.Unknown, Err: fault.Wrap(text, fault.Unknown, "message_outcome_unknown", host, "look into the group whether the message is there", "the message was sent and no answer came")}
	case errors.As(err, &certificate):
		return &notify.Error{Outcome: notify.Never, Err: fault.Wrap(text, fault.Denied, "bad_certificate", host, "check the address, or the certificates of this machine", "the server cannot prove who it is")}
	}
	return &notify.Error{Outcome: notify.Again, Err: fault.Wrap(text, fault.Unavailable, "message_unreachable", host, "check the address and whether this machine may connect there", "the server cannot be reached")}
}

// status reads the HTTP status.
func (c *channel) status(answer *http.Response, words string) *refusal {
	says := fmt.Sprintf("status %d: %s", answer.StatusCode, words)
	switch s := answer.StatusCode; {
	case s >= 200 && s < 300:
		return nil
	case s >= 300 && s < 400:
		return &refusal{outcome: notify.Never, kind: fault.Usage, code: "redirected", hint: "write the final address", says: "the server sends us elsewhere, which is not followed"}
	case s == http.StatusTooManyRequests || s == http.StatusServiceUnavailable || s == http.StatusRequestTimeout || s == http.StatusTooEarly || s == http.StatusConflict:
		return &refusal{outcome: notify.Again, wait: c.retryAfter(answer.Header.Get("Retry-After")), kind: fault.Unavailable, code: "message_throttled", hint: "nothing: it is tried again later", says: says}
	case s >= 500:
		return &refusal{outcome: notify.Unknown, kind: fault.Unknown, code: "message_outcome_unknown", hint: "look into the group whether the message is there", says: says}
	case s == http.StatusUnauthorized || s == http.StatusForbidden || s == http.StatusNotFound || s == http.StatusGone:
		return &refusal{outcome: notify.Never, kind: fault.Denied, code: "message_denied", hint: "make the robot or its key anew and put the address where the reference points", says: says}
	}
	return &refusal{outcome: notify.Never, kind: fault.Unavailable, code: "message_refused", hint: "report this with the service's version", says: says}
}

func (c *channel) retryAfter(text string) time.Duration {
	if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && n > 0 && n < 1e6 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(c.opt.Now()), 0)
	}
	return 0
}

func (r *refusal) error(host string) error {
	return &notify.Error{Outcome: r.outcome, Wait: r.wait, Err: fault.New(r.kind, r.code, host, r.hint, "the message was not taken: %s", r.says)}
}

func excerpt(body []byte) string { return notify.Cut(notify.Line(string(body)), 200, "") }

// encode gives JSON with Chinese and angle brackets as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// fit shortens a text until the body made of it has at most limit bytes: quoting makes texts longer.
func fit(text string, limit int, tail string, body func(text string) any) ([]byte, error) {
	room := limit
	for {
		data, err := encode(body(notify.Cut(text, room, tail)))
		if err != nil || len(data) <= limit {
			return data, err
		}
		if room == 0 {
			return nil, fmt.Errorf("%d bytes are more than %d even without text", len(data), limit)
		}
		room = max(min(room, len(text))*limit/len(data)-1, 0) // what quoting adds is spread over the text
	}
}
