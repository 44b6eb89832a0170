// Package httpapi is the HTTP of API sources: one client that dials checked addresses of the configured host only, bounds
// every answer in size and time, keeps to a rate, repeats what may be repeated, and never lets a secret out. It knows no
// platform; a platform says what is special about it in Options.
package httpapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/netguard"
	"github.com/omoflow/omoflow/internal/secret"
)

// Options describes one API. Base is mandatory, everything else has a safe default.
type Options struct {
	Base         string   // https://host[:port][/path]; requests go below it
	Hosts        []string // further hosts that absolute URLs may name; they get no credentials
	Auth         Auth     // nil: no credentials
	AllowPlain   bool     // http:// with credentials
	AllowPrivate bool     // addresses that are not public
	Secrets      []secret.Value

	Rate     float64       // requests per second to the host; 0: no limit of our own
	Burst    int           // default 1
	Timeout  time.Duration // of one request with its answer; default 60 s
	MaxBody  int64         // of an answer; default 64 MiB
	Attempts int           // of one request; default 6
	Budget   time.Duration // of waiting for one request; default 10 min
	Judge    Judge         // what else an answer may mean; may be nil
	Recorder *Recorder     // keeps every exchange; may be nil

	RootCAs *x509.CertPool // nil: the system's
	// For tests: the defaults are the system's clock, sleep, chance and names.
	Now    func() time.Time
	Sleep  func(context.Context, time.Duration) error
	Chance func() float64 // [0, 1)
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Auth puts credentials on a request.
type Auth interface {
	Sign(ctx context.Context, r *http.Request) error
	// Refresh gets new credentials after a 401. false: there are none other, the 401 stands.
	Refresh(ctx context.Context) (bool, error)
}

// Judge looks at an answer of status 200 to 299. wait with a nil error is a pause before the next request. A *Throttled
// error repeats the request; any other ends it.
type Judge func(*Response) (wait time.Duration, err error)

// Request is one question. Path is below the base; URL, when set, is absolute and its host must be allowed.
type Request struct {
	Method string // default GET
	Path   string
	URL    string
	Query  url.Values
	Header http.Header
	Body   []byte
	Once   bool // it must not be repeated after an unknown outcome: it changes something
}

// Response is a whole answer.
type Response struct {
	Status  int
	Header  http.Header
	Body    []byte
	Took    time.Duration
	request string // for messages, without secrets
}

// Date is the server's clock when it answered; zero when it sent none.
func (r *Response) Date() time.Time {
	at, _ := http.ParseTime(r.Header.Get("Date")) // no date is the zero time
	return at.UTC()
}

// Client asks one API. It may be used by several goroutines.
type Client struct {
	opt  Options
	base *url.URL
	http *http.Client
	pace *pacer
}

// New checks the options and makes a client. Nothing is sent.
func New(opt Options) (*Client, error) {
	base, err := checkBase(opt)
	if err != nil {
		return nil, err
	}
	fill(&opt)
	c := &Client{opt: opt, base: base, pace: &pacer{rate: opt.Rate, burst: max(opt.Burst, 1), now: opt.Now, sleep: opt.Sleep}}
	guard := &netguard.Dialer{AllowPrivate: opt.AllowPrivate, Lookup: opt.Lookup}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy: nil, DialContext: guard.Dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opt.RootCAs},
			TLSHandshakeTimeout: 15 * time.Second, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: 256 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Pause waits as the client itself does between two tries; the error is the context's.
func (c *Client) Pause(ctx context.Context, d time.Duration) error { return c.opt.Sleep(ctx, d) }

func fill(o *Options) {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.MaxBody == 0 {
		o.MaxBody = 64 << 20
	}
	if o.Attempts == 0 {
		o.Attempts = 6
	}
	if o.Budget == 0 {
		o.Budget = 10 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Chance == nil {
		o.Chance = rand.Float64
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// checkBase refuses addresses that would give secrets away or mean something else than they seem to.
func checkBase(opt Options) (*url.URL, error) {
	bad := func(code, hint, format string, args ...any) (*url.URL, error) {
		return nil, fault.New(fault.Usage, code, "url", hint, format, args...)
	}
	u, err := url.Parse(opt.Base)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" {
		return bad("invalid_url", "write https://host", "is not an address")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return bad("invalid_url", "write https://host", "scheme %q is not known", u.Scheme)
	case u.User != nil:
		return bad("secret_in_url", "remove it and name the secret by reference", "holds a user name or password")
	case u.RawQuery != "" || u.Fragment != "":
		return bad("invalid_url", "write the address without ? and #", "holds a query or a fragment")
	case strings.Contains(u.Hostname(), "%"):
		return bad("invalid_url", "write the host's name", "holds an IPv6 zone")
	case u.Scheme == "http" && opt.Auth != nil && !opt.AllowPlain:
		return bad("plain_http", "use https://, or write allow_plain_http: true when the network is yours", "credentials would go over plain http")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

// target builds the address of a request and tells whether it is of the base host.
func (c *Client) target(r Request) (*url.URL, bool, error) {
	if r.URL == "" {
		u := *c.base
		u.Path = c.base.Path + "/" + strings.TrimLeft(r.Path, "/")
		u.RawQuery = r.Query.Encode()
		return &u, true, nil
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.User != nil {
		return nil, false, fault.New(fault.Usage, "invalid_url", c.base.Host, "report this with the platform's version", "the API named an address that cannot be used")
	}
	if strings.EqualFold(u.Host, c.base.Host) && u.Scheme == c.base.Scheme {
		return u, true, nil
	}
	for _, host := range c.opt.Hosts {
		if strings.EqualFold(u.Host, host) && (u.Scheme == "https" || c.opt.AllowPlain) {
			return u, false, nil
		}
	}
	return nil, false, fault.New(fault.Denied, "foreign_host", u.Host, "only "+c.base.Host+" is configured", "the API named another host, which is not asked")
}

// send asks once.
func (c *Client) send(ctx context.Context, r Request) (*Response, error) {
	u, own, err := c.target(r)
	if err != nil {
		return nil, err
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	var body io.Reader
	if r.Body != nil {
		body = strings.NewReader(string(r.Body))
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "omoflow")
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	if own && c.opt.Auth != nil {
		if err := c.opt.Auth.Sign(ctx, req); err != nil {
			return nil, err
		}
	}
	began := c.opt.Now()
	got, err := c.http.Do(req)
	if err != nil {
		return nil, c.transport(method, u, err)
	}
	defer got.Body.Close() //nolint:errcheck // read to its end or given up
	data, err := io.ReadAll(io.LimitReader(got.Body, c.opt.MaxBody+1))
	where := method + " " + u.Host + u.Path
	if err != nil {
		return nil, c.transport(method, u, err)
	}
	if int64(len(data)) > c.opt.MaxBody {
		return nil, fault.New(fault.Exhausted, "answer_too_large", where, "ask for smaller pages (page_size)", "the answer is larger than %d bytes", c.opt.MaxBody)
	}
	answer := &Response{Status: got.StatusCode, Header: got.Header, Body: data, Took: c.opt.Now().Sub(began), request: where}
	return answer, c.opt.Recorder.keep(req, r.Body, answer, c.secrets())
}

func (c *Client) secrets() []secret.Value {
	all := c.opt.Secrets
	if holder, ok := c.opt.Auth.(interface{ Secrets() []secret.Value }); ok {
		all = append(all[:len(all):len(all)], holder.Secrets()...)
	}
	return all
}
