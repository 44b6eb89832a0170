package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
)

// Throttled says that the API wants the same question later.
type Throttled struct {
	Wait time.Duration // 0: it did not say how long
	Note string
}

// Error names the wait.
func (t *Throttled) Error() string { return fmt.Sprintf("throttled for %s: %s", t.Wait, t.Note) }

// unsure is a request whose outcome is not known: it may have been carried out.
type unsure struct{ err error }

func (u *unsure) Error() string { return u.err.Error() }
func (u *unsure) Unwrap() error { return u.err }

// Do asks until there is an answer that counts: throttled, refused once for an old token, or failed on the way, it asks
// again within Attempts and Budget. Waits that the API names are kept exactly, others grow with full jitter.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	var spent time.Duration
	refreshed := false
	for attempt := 1; ; attempt++ {
		if err := c.pace.take(ctx); err != nil {
			return nil, err
		}
		answer, err := c.send(ctx, r)
		if err == nil && answer.Status == http.StatusUnauthorized && !refreshed && c.opt.Auth != nil {
			refreshed = true
			if fresh, err := c.opt.Auth.Refresh(ctx); err != nil {
				return nil, err
			} else if fresh {
				attempt--
				continue
			}
		}
		if err == nil {
			err = c.judge(answer)
		}
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, fault.Wrap(context.Cause(ctx), fault.Interrupted, "interrupted", "", "run again; nothing is lost or taken twice", "the request was stopped")
		}
		wait, again := c.wait(err, attempt, r)
		if !again || attempt >= c.opt.Attempts || spent+wait > c.opt.Budget {
			return answer, c.gaveUp(err, attempt)
		}
		spent += wait
		if err := c.opt.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// wait decides whether and when to ask again.
func (c *Client) wait(err error, attempt int, r Request) (time.Duration, bool) {
	var throttled *Throttled
	var lost *unsure
	switch {
	case errors.As(err, &throttled):
		if throttled.Wait > 0 {
			return throttled.Wait, true
		}
	case errors.As(err, &lost):
		if r.Once {
			return 0, false
		}
	default:
		return 0, false
	}
	ceiling := min(time.Second<<min(attempt-1, 6), time.Minute)
	return time.Duration(c.opt.Chance() * float64(ceiling)), true
}

// judge classifies an answer; nil is an answer that counts.
func (c *Client) judge(a *Response) error {
	if err := c.status(a); err != nil {
		return err
	}
	if c.opt.Judge == nil {
		return nil
	}
	wait, err := c.opt.Judge(a)
	if wait > 0 {
		c.pace.hold(wait)
	}
	return c.masked(err, a.request)
}

// masked takes secrets out of what a platform says about an answer: the answer may repeat them.
func (c *Client) masked(err error, request string) error {
	var throttled *Throttled
	if errors.As(err, &throttled) {
		return &Throttled{Wait: throttled.Wait, Note: secret.Mask(throttled.Note, c.secrets()...)}
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	plain := *f
	plain.Message = secret.Mask(f.Message, c.secrets()...)
	if plain.Subject == "" {
		plain.Subject = request
	}
	if f.Err != nil {
		plain.Err = errors.New(secret.Mask(f.Err.Error(), c.secrets()...))
	}
	return &plain
}

// status classifies by HTTP status. 404 and 400 are answers for the platform to read: they come with a fault, and Do
// returns the answer beside it.
func (c *Client) status(a *Response) error {
	says := c.excerpt(a.Body)
	switch s := a.Status; {
	case s >= 200 && s < 300:
		return nil
	case s >= 300 && s < 400:
		host := ""
		if to, err := url.Parse(a.Header.Get("Location")); err == nil {
			host = to.Scheme + "://" + to.Host
		}
		return fault.New(fault.Usage, "redirected", a.request, "write the final address under url", "the server sends us to %s, which is not followed", host)
	case s == http.StatusUnauthorized:
		return fault.New(fault.Denied, "wrong_key", a.request, "check the key and the secret; make new ones if in doubt", "the API does not accept the credentials (401): %s", says)
	case s == http.StatusForbidden:
		return fault.New(fault.Denied, "no_permission", a.request, "give the key the permission that the documentation of this source names", "the credentials may not read this (403): %s", says)
	case s == http.StatusTooManyRequests || s == http.StatusServiceUnavailable:
		return &Throttled{Wait: c.retryAfter(a.Header.Get("Retry-After")), Note: fmt.Sprintf("status %d of %s", s, a.request)}
	case s == http.StatusRequestTimeout || s >= 500:
		return &unsure{fault.New(fault.Unavailable, "server_error", a.request, "try again later; look at the server's own log", "status %d: %s", s, says)}
	case s == http.StatusNotFound || s == http.StatusGone:
		return fault.New(fault.Unavailable, "not_found", a.request, "check the address and that the API is switched on", "status %d: %s", s, says)
	default:
		return fault.New(fault.Unavailable, "refused_request", a.request, "report this with the platform's version", "status %d: %s", s, says)
	}
}

// retryAfter reads seconds or a date.
func (c *Client) retryAfter(text string) time.Duration {
	if n, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil && n > 0 && n < 1e6 {
		return time.Duration(n * float64(time.Second))
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(c.opt.Now()), 0)
	}
	return 0
}

// excerpt is the beginning of an answer for people, without secrets and line breaks.
func (c *Client) excerpt(body []byte) string {
	if html(body) {
		return "an HTML page"
	}
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 300)]), "?")), " ")
	return secret.Mask(text, c.secrets()...)
}

func html(body []byte) bool {
	start := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 512)]))
	return bytes.HasPrefix(start, []byte("<!doctype")) || bytes.HasPrefix(start, []byte("<html")) || bytes.HasPrefix(start, []byte("<head"))
}

// IsJSON refuses an answer that is not JSON: the login page of a proxy, a maintenance page, an error in words.
func IsJSON(a *Response) error {
	if start := bytes.TrimSpace(a.Body); len(start) > 0 && (start[0] == '[' || start[0] == '{') {
		return nil
	}
	what := "something that is not JSON"
	if html(a.Body) {
		what = "an HTML page"
	}
	return fault.New(fault.Unavailable, "not_json", a.request, "open the address in a browser: a maintenance page, a firewall or a wrong url answers instead of the API", "the server answered with %s", what)
}

// gaveUp makes the error of a person out of the last reason.
func (c *Client) gaveUp(err error, attempts int) error {
	var throttled *Throttled
	if errors.As(err, &throttled) {
		return fault.Wrap(err, fault.Unavailable, "throttled", c.base.Host, "run again later, or lower rate", fmt.Sprintf("the API still asks us to wait after %d attempts", attempts))
	}
	return err
}

// transport is the fault of a request that got no answer. The text of net/http holds the whole address; it is not used.
func (c *Client) transport(method string, u *url.URL, err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	text := errors.New(secret.Mask(err.Error(), c.secrets()...))
	return &unsure{fault.Wrap(text, fault.Unavailable, "no_answer", method+" "+u.Host+u.Path, "check the address, the network and the server's certificate", "the server did not answer")}
}

// pacer keeps the requests to one host apart.
type pacer struct {
	rate  float64
	burst int
	now   func() time.Time
	sleep func(context.Context, time.Duration) error

	mutex sync.Mutex
	next  time.Time // when the bucket is full again
	held  time.Time // nothing is asked before
}

// take waits for a token.
func (p *pacer) take(ctx context.Context) error {
	p.mutex.Lock()
	now := p.now()
	var wait time.Duration
	if p.rate > 0 {
		gap := time.Duration(float64(time.Second) / p.rate)
		full := now.Add(-gap * time.Duration(p.burst))
		if p.next.Before(full) {
			p.next = full
		}
		p.next = p.next.Add(gap)
		wait = p.next.Sub(now)
	}
	wait = max(wait, p.held.Sub(now))
	p.mutex.Unlock()
	if wait <= 0 {
		return ctx.Err()
	}
	return p.sleep(ctx, wait)
}

// hold keeps all requests back for a while.
func (p *pacer) hold(wait time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if until := p.now().Add(wait); until.After(p.held) {
		p.held = until
	}
}
