// Package routertest plays the weather of a gateway and of the shop behind it, for the tests of its sources.
package routertest

import (
	"maps"
	"net/http"
	"net/url"
	"testing"

	"github.com/omoflow/omoflow/pipelines/source/router/simulator"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
)

// The secrets that a Site's gateway wants.
const (
	Key     = "key_canary_3c11"
	Secret  = "secret_canary_8e20"
	Session = "session_canary_55d9"
)

// Site is a simulated gateway behind a server.
type Site struct {
	sourcetest.Site
	Gateway *simulator.Gateway
	Fields  [3]string // configuration keys of key, secret and session
}

// Start serves until the test ends.
func (s *Site) Start(t testing.TB) {
	t.Helper()
	s.Gateway.Key, s.Gateway.Secret, s.Gateway.Session, s.Gateway.Before = Key, Secret, Session, s.before
	s.Env, s.Echo = map[string]string{"KEY": Key, "SECRET": Secret, "SESSION": Session}, Session
	values := map[string]any{s.Fields[0]: "env:KEY", s.Fields[1]: "env:SECRET", s.Fields[2]: "env:SESSION"}
	maps.Copy(values, s.Values)
	s.Values = values
	s.Serve(t, s.Gateway)
}

func (s *Site) before(w http.ResponseWriter, _ string, form url.Values) bool {
	if s.Meet(w) {
		return true
	}
	if !s.Due(sourcetest.SamePage) {
		return false
	}
	for _, name := range []string{"page_no", "page"} {
		if form.Get(name) != "" {
			form.Set(name, "1")
			form.Set("sign", "")
		}
	}
	return s.unsigned(w, form)
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
