package shopify_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/shopify"
	"github.com/omoflow/omoflow/pipelines/source/shopify/simulator"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
)

const token, password = "shpat_canary_41e0", "shpss_canary_9b22"

// site is a simulated shop with its server.
type site struct {
	sim    *simulator.Shop
	server *httptest.Server
	now    time.Time
	next   int64
	r      *rand.Rand
	orders map[int64]*simulator.Order
	slept  []time.Duration

	fail  string
	fails int
	each  func()
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{now: time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC), next: 100, r: rand.New(rand.NewPCG(3, 3)), orders: map[int64]*simulator.Order{}}
	s.sim = simulator.New(func() time.Time { return s.now })
	s.sim.Token, s.sim.ClientID, s.sim.ClientSecret, s.sim.Before = token, "client", password, s.before
	s.server = httptest.NewTLSServer(s.sim)
	s.sim.URL = s.server.URL
	t.Cleanup(s.server.Close)
	return s
}

func (s *site) before(w http.ResponseWriter, r *http.Request) bool {
	token := r.Header.Get("X-Shopify-Access-Token") // what the server would repeat
	if s.each != nil {
		each := s.each
		s.each = nil
		each()
		s.each = each
	}
	s.sim.SamePage = s.fails > 0 && s.fail == sourcetest.SamePage
	if s.fails <= 0 || s.sim.SamePage {
		return false
	}
	s.fails--
	say := func(status int, text string) { w.WriteHeader(status); _, _ = w.Write([]byte(text)) }
	switch s.fail {
	case sourcetest.Status429:
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(429)
	case sourcetest.Status503:
		w.WriteHeader(503)
	case sourcetest.BodyThrottle:
		say(200, `{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":1010,"throttleStatus":{"maximumAvailable":2000.0,"currentlyAvailable":710,"restoreRate":100.0}}}}`)
	case sourcetest.Unauthorised:
		say(401, `{"errors":"[API] Invalid API key or access token `+token+`"}`)
	case sourcetest.Forbidden:
		say(200, `{"errors":[{"message":"Access denied for orders field. `+password+`","extensions":{"code":"ACCESS_DENIED"}}]}`)
	case sourcetest.HTML:
		say(200, "<!DOCTYPE html><html><body>Shop unavailable "+token)
	case sourcetest.ErrorIn200:
		say(200, `{"errors":[{"message":"Field 'x' doesn't exist for `+token+`","extensions":{"code":"undefinedField"}}]}`)
	case sourcetest.OtherType:
		say(200, `{"data":{"orders":[]}}`)
	case sourcetest.Huge:
		say(200, "{"+strings.Repeat(" ", 65<<20)+"}")
	case sourcetest.Reset:
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	return true
}

func (s *site) add(n int, same bool) {
	for range n {
		if !same {
			s.now = s.now.Add(7 * time.Second)
		}
		s.next++
		o := simulator.Draw(s.r, s.next, s.now)
		s.orders[o.ID] = o
		o.Put(s.sim)
	}
	s.now = s.now.Add(time.Minute)
}

func (s *site) oldest() *simulator.Order {
	var first *simulator.Order
	for _, o := range s.orders {
		if first == nil || o.Updated.Before(first.Updated) || o.Updated.Equal(first.Updated) && o.ID < first.ID {
			first = o
		}
	}
	return first
}

func (s *site) open(t *testing.T, values map[string]any, slept func(time.Duration), skew time.Duration) (source.API, error) {
	t.Helper()
	all := map[string]any{"url": s.server.URL, "client_id": "env:ID", "client_secret": "env:SECRET", "allow_private": true, "page_size": 4}
	for name, value := range values {
		all[name] = value
	}
	p := shopify.Platform()
	settings, err := p.Declaration.Parse("sources.shop", all)
	if err != nil {
		return nil, err
	}
	settings.Name, settings.Zone = "shop", "Asia/Shanghai"
	settings.Now = func() time.Time { return s.now.Add(skew) }
	settings.Sleep = func(_ context.Context, d time.Duration) error {
		s.slept = append(s.slept, d)
		slept(d)
		return nil
	}
	settings.Secrets = secret.Resolver{LookupEnv: func(name string) (string, bool) {
		v, ok := map[string]string{"ID": "client", "SECRET": password, "TOKEN": token, "WRONG": "shpss_wrong"}[name]
		return v, ok
	}}
	settings.RootCAs = x509.NewCertPool()
	settings.RootCAs.AddCert(s.server.Certificate())
	return p.Open(context.Background(), settings)
}

func tail(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

func ids(page []byte) []string {
	var rows []struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(page, &rows) // no rows is nothing
	var all []string
	for _, r := range rows {
		all = append(all, tail(r.ID))
	}
	return all
}

func platform(t *testing.T) *sourcetest.Platform {
	s := newSite(t)
	return &sourcetest.Platform{
		Open: func(t *testing.T, slept func(time.Duration), skew time.Duration) source.API {
			api, err := s.open(t, nil, slept, skew)
			if err != nil {
				t.Fatal(err)
			}
			return api
		},
		Stream: "orders",
		Add:    s.add,
		Edit: func() {
			s.now = s.now.Add(time.Second)
			o := s.oldest()
			o.Updated = s.now
			o.Put(s.sim)
		},
		Late: func() {
			s.next++
			o := simulator.Draw(s.r, s.next, s.now.Add(-90*time.Second))
			s.orders[o.ID] = o
			o.Put(s.sim)
		},
		Pass: func(d time.Duration) { s.now = s.now.Add(d) },
		IDs: func() []string {
			var all []string
			for id := range s.orders {
				all = append(all, strconv.FormatInt(id, 10))
			}
			slices.Sort(all)
			return all
		},
		Read:  ids,
		Fail:  func(fault string, n int) { s.fail, s.fails = fault, n },
		Each:  func(before func()) { s.each = before },
		Calls: s.sim.Calls,
		Delete: func() string {
			o := s.oldest()
			delete(s.orders, o.ID)
			s.sim.Remove("orders", o.ID)
			return strconv.FormatInt(o.ID, 10)
		},
		Future: func(at time.Time) []byte { return []byte(`{"through":"` + at.Format(time.RFC3339) + `"}`) },
		Known: func() []source.Known {
			var all []source.Known
			for id, o := range s.orders {
				all = append(all, source.Known{ID: strconv.FormatInt(id, 10), Version: o.Updated.Format(time.RFC3339), Facts: map[string]string{"source_customer_id": strconv.FormatInt(o.Customer, 10)}})
			}
			return all
		},
		Secret: []string{token, password},
		Renews: true,
	}
}

func TestConformance(t *testing.T) { sourcetest.RunAPI(t, platform) }

func TestConfigurationIsChecked(t *testing.T) {
	s := newSite(t)
	for name, c := range map[string]struct {
		values map[string]any
		code   string
	}{
		"no credentials":  {map[string]any{"client_id": nil}, "invalid_config"},
		"two credentials": {map[string]any{"access_token": "env:TOKEN"}, "invalid_config"},
		"literal secret":  {map[string]any{"client_secret": password}, "literal_secret"},
		"page too large":  {map[string]any{"page_size": 251}, "invalid_config"},
		"no overlap":      {map[string]any{"overlap": "10s"}, "invalid_config"},
		"no version":      {map[string]any{"api_version": "2026-05"}, "invalid_config"},
		"unknown owner":   {map[string]any{"pos_orders": "maybe"}, "invalid_config"},
		"unknown stream":  {map[string]any{"streams": []any{"order"}}, "unknown_stream"},
		"plain http":      {map[string]any{"url": "http://shop.example"}, "plain_http"},
	} {
		_, err := s.open(t, c.values, nil, 0)
		if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" || codeOf(err) != c.code || strings.Contains(err.Error()+fault.HintOf(err), password) {
			t.Errorf("%s: %v (%s)", name, err, codeOf(err))
		}
	}
}

func codeOf(err error) string {
	for err != nil {
		if f, ok := err.(*fault.Error); ok { //nolint:errorlint // outermost wanted
			return f.Code
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return ""
		}
		err = u.Unwrap()
	}
	return ""
}
