// Package routertest plays the weather of a gateway and of the shop behind it, for the tests of its sources.
package routertest

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/router/simulator"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
)

// The secrets that a Site's gateway wants.
const (
	Key     = "key_canary_3c11"
	Secret  = "secret_canary_8e20"
	Session = "session_canary_55d9"
)

// Site is a simulated gateway behind TLS, its clock and its faults.
type Site struct {
	Gateway *simulator.Gateway
	Now     time.Time
	Fields  [3]string      // configuration keys of key, secret and session
	Values  map[string]any // of the configuration
	Errors  map[string]string
	Env     map[string]string

	Kind   string // of fault, see sourcetest
	Left   int    // requests that it still meets
	Each   func() // before every request
	server *httptest.Server
}

// Start serves until the test ends.
func (s *Site) Start(t testing.TB) {
	t.Helper()
	s.Gateway.Key, s.Gateway.Secret, s.Gateway.Session, s.Gateway.Before = Key, Secret, Session, s.before
	s.Env = map[string]string{"KEY": Key, "SECRET": Secret, "SESSION": Session}
	s.server = httptest.NewTLSServer(s.Gateway)
	t.Cleanup(s.server.Close)
}

// Close ends the server early.
func (s *Site) Close() { s.server.Close() }

func (s *Site) before(w http.ResponseWriter, _ string, form url.Values) bool {
	if each := s.Each; each != nil {
		s.Each = nil
		each()
		s.Each = each
	}
	if s.Left <= 0 {
		return false
	}
	s.Left--
	switch s.Kind {
	case sourcetest.Status429:
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(429)
	case sourcetest.Status503:
		w.WriteHeader(503)
	case sourcetest.HTML:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><html><body>Busy " + Session)) // a client that went away, here and below
	case sourcetest.OtherType:
		_, _ = w.Write([]byte(`{"orders": []}`))
	case sourcetest.Huge:
		_, _ = w.Write([]byte(`{"a":"` + strings.Repeat(" ", 65<<20) + `"}`))
	case sourcetest.Reset:
		panic(http.ErrAbortHandler)
	case sourcetest.SamePage:
		for _, name := range []string{"page_no", "page"} {
			if form.Get(name) != "" {
				form.Set(name, "1")
				form.Set("sign", "")
			}
		}
		return s.unsigned(w, form)
	default:
		_, _ = w.Write([]byte(s.Errors[s.Kind]))
	}
	return true
}

// unsigned answers a form that was changed on the way, as if its signature were right.
func (s *Site) unsigned(w http.ResponseWriter, form url.Values) bool {
	envelope, result, failure := s.Gateway.Answer(form.Get(s.Gateway.Dialect.Method), form)
	if failure != nil {
		envelope, result = "error_response", s.Gateway.Explain(*failure)
	}
	s.Gateway.Write(w, envelope, result)
	return true
}

// Open opens a source over the site. values replace the site's.
func (s *Site) Open(p source.Platform, values map[string]any, slept func(time.Duration), skew time.Duration) (source.API, error) {
	all := map[string]any{"url": s.server.URL, s.Fields[0]: "env:KEY", s.Fields[1]: "env:SECRET", s.Fields[2]: "env:SESSION", "allow_private": true}
	for name, value := range s.Values {
		all[name] = value
	}
	for name, value := range values {
		all[name] = value
	}
	settings, err := p.Declaration.Parse("sources.shop", all)
	if err != nil {
		return nil, err
	}
	settings.Name, settings.Zone = "shop", "Asia/Shanghai"
	settings.Now = func() time.Time { return s.Now.Add(skew) }
	settings.Sleep = func(_ context.Context, d time.Duration) error {
		if slept != nil {
			slept(d)
		}
		return nil
	}
	settings.Secrets = secret.Resolver{LookupEnv: func(name string) (string, bool) {
		v, ok := s.Env[name]
		return v, ok
	}}
	settings.RootCAs = x509.NewCertPool()
	settings.RootCAs.AddCert(s.server.Certificate())
	return p.Open(context.Background(), settings)
}
