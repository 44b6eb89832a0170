package sourcetest

import (
	"context"
	"crypto/x509"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source"
)

// Site is a simulated platform behind a server: its clock, its faults, and the configuration of its source. The simulator
// shows every request to Meet before it answers.
type Site struct {
	Now     time.Time
	Zone    string            // of the company; "": Asia/Shanghai
	Plain   bool              // http instead of https
	Values  map[string]any    // of the configuration, besides the address
	Env     map[string]string // what references env:NAME find
	Answers map[string]Answer // this platform's own to some faults, in the place of the usual ones
	Echo    string            // a secret that the usual answers repeat
	Each    func()            // called in front of every request, but not from inside of itself; nil: nothing
	Slept   []time.Duration   // every wait that a source of the site has asked for

	server *httptest.Server
	fault  string
	left   int // requests that still meet it
}

// Answer is what a server says. Status 0 is 200.
type Answer struct {
	Status int
	Header map[string]string
	Body   string
}

// Serve starts the server; it ends with the test.
func (s *Site) Serve(t testing.TB, platform http.Handler) {
	t.Helper()
	if s.Plain {
		s.server = httptest.NewServer(platform)
	} else {
		s.server = httptest.NewTLSServer(platform)
	}
	t.Cleanup(s.server.Close)
}

// Close ends the server early.
func (s *Site) Close() { s.server.Close() }

// URL is the server's address.
func (s *Site) URL() string { return s.server.URL }

// Fail lets the next n requests meet a fault; 0 ends it. SamePage is the simulator's to play, for as long as Due says.
func (s *Site) Fail(fault string, n int) {
	if _, known := s.answer(fault); n > 0 && !known && fault != SamePage && fault != Reset {
		panic("the site has no answer for " + fault)
	}
	s.fault, s.left = fault, n
}

// Due tells that a fault stands before the next request.
func (s *Site) Due(fault string) bool { return s.left > 0 && s.fault == fault }

// Failing tells that any fault does.
func (s *Site) Failing() bool { return s.left > 0 }

// Meet calls Each, and answers in the platform's place when a fault is due.
func (s *Site) Meet(w http.ResponseWriter) (answered bool) {
	if each := s.Each; each != nil {
		s.Each = nil
		each()
		s.Each = each
	}
	if s.left <= 0 || s.fault == SamePage {
		return false
	}
	s.left--
	if s.fault == Reset {
		panic(http.ErrAbortHandler)
	}
	a, _ := s.answer(s.fault) // Fail has seen that there is one
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	_, _ = w.Write([]byte(a.Body)) // a client that went away
	return true
}

// answer is what the site says to a fault: the platform's own words, else the usual ones.
func (s *Site) answer(fault string) (Answer, bool) {
	if own, ok := s.Answers[fault]; ok {
		return own, true
	}
	switch fault {
	case Status429, BodyThrottle:
		return Answer{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "7"}}, true
	case Status503:
		return Answer{Status: http.StatusServiceUnavailable}, true
	case HTML:
		return Answer{Header: map[string]string{"Content-Type": "text/html"}, Body: "<!DOCTYPE html><html><body>Briefly unavailable " + s.Echo}, true
	case OtherType:
		return Answer{Body: `{"orders": []}`}, true
	case Huge:
		return Answer{Body: "[" + strings.Repeat(" ", 65<<20) + "]"}, true
	}
	return Answer{}, false
}

// Open opens a source over the site. values replace the site's; skew is how far our clock is ahead; slept, which may be nil,
// is told of waits, and nobody waits.
func (s *Site) Open(p source.Platform, values map[string]any, slept func(time.Duration), skew time.Duration) (source.API, error) {
	all := map[string]any{"url": s.server.URL, "allow_private": true}
	maps.Copy(all, s.Values)
	maps.Copy(all, values)
	settings, err := p.Declaration.Parse("sources.shop", all)
	if err != nil {
		return nil, err
	}
	settings.Name, settings.Zone = "shop", s.Zone
	if s.Zone == "" {
		settings.Zone = "Asia/Shanghai"
	}
	settings.Now = func() time.Time { return s.Now.Add(skew) }
	settings.Sleep = func(_ context.Context, d time.Duration) error {
		s.Slept = append(s.Slept, d)
		if slept != nil {
			slept(d)
		}
		return nil
	}
	settings.Secrets = secret.Resolver{LookupEnv: func(name string) (string, bool) { v, ok := s.Env[name]; return v, ok }}
	if certificate := s.server.Certificate(); certificate != nil {
		settings.RootCAs = x509.NewCertPool()
		settings.RootCAs.AddCert(certificate)
	}
	return p.Open(context.Background(), settings)
}

// Platform is what the conformance suite asks of any site: to open the source, to fail, and to let time pass. The rest is
// the platform's to fill in.
func (s *Site) Platform(p source.Platform, values map[string]any) *Platform {
	return &Platform{
		Open: func(t *testing.T, slept func(time.Duration), skew time.Duration) source.API {
			t.Helper()
			api, err := s.Open(p, values, slept, skew)
			if err != nil {
				t.Fatal(err)
			}
			return api
		},
		Fail: s.Fail,
		Each: func(before func()) { s.Each = before },
		Pass: func(d time.Duration) { s.Now = s.Now.Add(d) },
	}
}
