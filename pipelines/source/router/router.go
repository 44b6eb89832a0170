// Package router is the HTTP of gateways that take every question as a signed form at one address: Taobao's TOP,
// Pinduoduo's POP. A platform says in a Dialect how it spells the common parameters and what its errors mean.
package router

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // the platforms' choice
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

// Dialect is how a platform spells what all its questions hold.
type Dialect struct {
	Path    string // of the gateway
	Method  string // parameter that names the question: method, type
	Key     string // parameter of the application: app_key, client_id
	Session string // parameter of the seller's consent: session, access_token
	Fixed   map[string]string
	Time    func(time.Time) string
	HMAC    bool // HMAC-MD5 instead of MD5
	// Judge says what an error means; nil: an error that ends the request.
	Judge func(Failure) error
}

// Failure is an error that a gateway wrote into an answer of status 200.
type Failure struct {
	Code       int
	Message    string
	SubCode    string
	SubMessage string
}

// ErrClock is what a Judge gives when the gateway does not take our time: it is asked again with its own.
var ErrClock = &httpapi.Throttled{Wait: time.Millisecond, Note: "the gateway does not take the time of the request"}

// Answer is what a question brought.
type Answer struct {
	Result json.RawMessage // what stands in the envelope xxx_response
	Body   []byte
	Date   time.Time // by the gateway's clock; by ours only when it sends none
}

// Gateway is an opened platform.
type Gateway struct {
	client  *httpapi.Client
	dialect Dialect
	signer  *signer
}

// New makes a gateway. read gives the application's key, its secret and the seller's session.
func New(opt httpapi.Options, d Dialect, read func(context.Context) (key, password, session secret.Value, err error)) (*Gateway, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &signer{dialect: d, read: read, now: opt.Now}
	opt.Auth = s
	g := &Gateway{dialect: d, signer: s}
	opt.Judge = g.judge
	var err error
	g.client, err = httpapi.New(opt)
	return g, err
}

// Close drops connections.
func (g *Gateway) Close() { g.client.Close() }

// Call asks. A session that the platform does not take is read once more from its reference: it may have been renewed.
func (g *Gateway) Call(ctx context.Context, method string, params map[string]string) (Answer, error) {
	form := url.Values{g.dialect.Method: {method}}
	for name, value := range params {
		form.Set(name, value)
	}
	ask := httpapi.Request{Method: http.MethodPost, Path: g.dialect.Path, Body: []byte(form.Encode()), Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}}
	got, err := g.client.Do(ctx, ask)
	if err != nil && fault.KindOf(err) == fault.Denied {
		if fresh, again := g.signer.Refresh(ctx); again == nil && fresh {
			got, err = g.client.Do(ctx, ask)
		}
	}
	if err != nil {
		return Answer{}, err
	}
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(got.Body, &envelope); err == nil {
		for name, result := range envelope {
			if strings.HasSuffix(name, "_response") {
				date := got.Date()
				if date.IsZero() {
					date = g.signer.now().UTC().Truncate(time.Second)
				}
				return Answer{result, got.Body, date}, nil
			}
		}
	}
	return Answer{}, fault.New(fault.Unavailable, "unexpected_answer", method, "check url: something else answers in the platform's place", "the answer holds no response")
}

// judge finds the errors in answers of status 200.
func (g *Gateway) judge(a *httpapi.Response) (time.Duration, error) {
	g.signer.learn(a.Date())
	if err := httpapi.IsJSON(a); err != nil {
		return 0, err
	}
	var said struct {
		Error *struct {
			Code       int    `json:"code"`
			ErrorCode  int    `json:"error_code"`
			Message    string `json:"msg"`
			ErrorMsg   string `json:"error_msg"`
			SubCode    any    `json:"sub_code"`
			SubMessage string `json:"sub_msg"`
		} `json:"error_response"`
	}
	if json.Unmarshal(a.Body, &said) != nil || said.Error == nil {
		if bytes.Contains(a.Body[:min(len(a.Body), 200)], []byte(`"error_response"`)) {
			return 0, fault.New(fault.Unavailable, "error_in_answer", "", "report this with the platform's version", "the answer is an error that cannot be read")
		}
		return 0, nil
	}
	f := Failure{Code: said.Error.Code + said.Error.ErrorCode, Message: said.Error.Message + said.Error.ErrorMsg, SubMessage: said.Error.SubMessage}
	switch sub := said.Error.SubCode.(type) {
	case string:
		f.SubCode = sub
	case float64:
		f.SubCode = strconv.FormatInt(int64(sub), 10)
	}
	if err := g.dialect.Judge(f); err != nil {
		return 0, err
	}
	return 0, f.Fault(fault.Unavailable, "error_in_answer", "look the code up in the platform's documentation")
}

// Fault makes the error of a failure.
func (f Failure) Fault(kind fault.Kind, code, hint string) error {
	return fault.New(kind, code, "", hint, "the platform refused: %d %s %s %s", f.Code, f.Message, f.SubCode, f.SubMessage)
}

var seconds = regexp.MustCompile(`(\d+(?:\.\d+)?)\s*(?:more\s+)?(?:seconds?|秒)`)

// Wait reads how long a throttle lasts from its words; 0: it does not say.
func (f Failure) Wait() *httpapi.Throttled {
	t := &httpapi.Throttled{Note: strconv.Itoa(f.Code) + " " + f.Message + " " + f.SubCode}
	if found := seconds.FindStringSubmatch(f.SubMessage + " " + f.Message); found != nil {
		if n, err := strconv.ParseFloat(found[1], 64); err == nil && n < 1e6 {
			t.Wait = time.Duration(n * float64(time.Second))
		}
	}
	return t
}

// Sign is the signature over parameters: upper case hexadecimal MD5 of secret, sorted names with values, secret; or
// HMAC-MD5 of the latter under the secret.
func Sign(form url.Values, password string, mac bool) string {
	names := make([]string, 0, len(form))
	for name := range form {
		if name != "sign" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		text.WriteString(name + form.Get(name))
	}
	h := md5.New() //nolint:gosec // the platforms' choice
	if mac {
		h = hmac.New(md5.New, []byte(password))
		_, _ = io.WriteString(h, text.String()) // a hash takes everything
	} else {
		_, _ = io.WriteString(h, password+text.String()+password)
	}
	return strings.ToUpper(hex.EncodeToString(h.Sum(nil)))
}

// signer completes and signs every attempt anew, by the gateway's clock.
type signer struct {
	dialect Dialect
	read    func(context.Context) (key, password, session secret.Value, err error)
	now     func() time.Time

	mutex                  sync.Mutex
	have                   bool
	key, password, session secret.Value
	ahead                  time.Duration // of the gateway's clock before ours
}

// Sign puts the common parameters and the signature into the form.
func (s *signer) Sign(ctx context.Context, r *http.Request) error {
	s.mutex.Lock()
	have := s.have
	s.mutex.Unlock()
	if !have {
		if _, err := s.Refresh(ctx); err != nil {
			return err
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return err
	}
	for name, value := range s.dialect.Fixed {
		form.Set(name, value)
	}
	form.Set(s.dialect.Key, s.key.Reveal())
	form.Set("timestamp", s.dialect.Time(s.now().Add(s.ahead)))
	form.Set(s.dialect.Session, s.session.Reveal())
	form.Set("sign", Sign(form, s.password.Reveal(), s.dialect.HMAC))
	signed := []byte(form.Encode())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(signed)), int64(len(signed))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(signed)), nil }
	return nil
}

// Refresh reads the secrets and tells whether any is another.
func (s *signer) Refresh(ctx context.Context) (bool, error) {
	key, password, session, err := s.read(ctx)
	if err != nil {
		return false, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	changed := key.Reveal() != s.key.Reveal() || password.Reveal() != s.password.Reveal() || session.Reveal() != s.session.Reveal()
	s.key, s.password, s.session, s.have = key, password, session, true
	return changed, nil
}

// learn keeps how far the gateway's clock is from ours.
func (s *signer) learn(date time.Time) {
	if date.IsZero() {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.ahead = date.Sub(s.now())
}

// Secrets are what must not be seen.
func (s *signer) Secrets() []secret.Value {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return []secret.Value{s.key, s.password, s.session}
}
