package woocommerce_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
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
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

const key, password = "ck_canary_41e0", "cs_canary_9b22"

// site is a simulated shop with its server.
type site struct {
	sim    *simulator.Shop
	server *httptest.Server
	now    time.Time
	next   int64
	r      *rand.Rand
	orders map[int64]*simulator.Order

	fail  string
	fails int
	each  func()
	first []byte // of the first page, for the fault that repeats it
}

func newSite(t *testing.T, tls bool) *site {
	t.Helper()
	s := &site{now: time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC), next: 100, r: rand.New(rand.NewPCG(3, 3)), orders: map[int64]*simulator.Order{}}
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	s.sim = simulator.New(zone, func() time.Time { return s.now })
	s.sim.Key, s.sim.Secret = key, password
	s.sim.Before = s.before
	if tls {
		s.server = httptest.NewTLSServer(s.sim)
	} else {
		s.server = httptest.NewServer(s.sim)
	}
	t.Cleanup(s.server.Close)
	return s
}

func (s *site) before(w http.ResponseWriter, r *http.Request) bool {
	if s.each != nil {
		each := s.each
		s.each = nil
		each()
		s.each = each
	}
	if s.fails <= 0 {
		return false
	}
	s.fails--
	switch s.fail {
	case sourcetest.Status429:
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(429)
	case sourcetest.Status503:
		w.WriteHeader(503)
	case sourcetest.BodyThrottle:
		_, _ = w.Write([]byte(`{"code":"rate_limit_exceeded","message":"slow down","data":{"status":429,"retry_after":3}}`))
	case sourcetest.Unauthorised:
		w.WriteHeader(401)
		_, _ = fmt.Fprintf(w, `{"code":"woocommerce_rest_authentication_error","message":"Consumer secret is invalid. %s","data":{"status":401}}`, password)
	case sourcetest.Forbidden:
		w.WriteHeader(403)
		_, _ = w.Write([]byte(`{"code":"woocommerce_rest_cannot_view","message":"Sorry ` + key + `","data":{"status":403}}`))
	case sourcetest.HTML:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><html><body>Briefly unavailable " + password))
	case sourcetest.ErrorIn200:
		_, _ = w.Write([]byte(`{"code":"internal_error","message":"failed for ` + key + `","data":{"status":500}}`))
	case sourcetest.OtherType:
		_, _ = w.Write([]byte(`{"orders": []}`))
	case sourcetest.Huge:
		_, _ = w.Write([]byte("[" + strings.Repeat(" ", 65<<20) + "]"))
	case sourcetest.Reset:
		panic(http.ErrAbortHandler)
	case sourcetest.SamePage:
		q := r.URL.Query()
		if q.Get("_fields") == "id" {
			return false
		}
		for _, name := range []string{"modified_after", "after", "modified_before", "before"} {
			q.Del(name)
		}
		q.Set("page", "1")
		r.URL.RawQuery = q.Encode()
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
		if first == nil || o.Modified.Before(first.Modified) || o.Modified.Equal(first.Modified) && o.ID < first.ID {
			first = o
		}
	}
	return first
}

func (s *site) open(t *testing.T, values map[string]any, slept func(time.Duration), skew time.Duration) (source.API, error) {
	t.Helper()
	all := map[string]any{"url": s.server.URL, "key": "env:KEY", "secret": "env:SECRET", "allow_private": true, "page_size": 4, "probe_ids": 0}
	for name, value := range values {
		all[name] = value
	}
	p := woocommerce.Platform()
	settings, err := p.Declaration.Parse("sources.shop", all)
	if err != nil {
		return nil, err
	}
	settings.Name, settings.Zone = "shop", "Asia/Shanghai"
	settings.Now = func() time.Time { return s.now.Add(skew) }
	settings.Sleep = func(_ context.Context, d time.Duration) error { slept(d); return nil }
	settings.Secrets = secret.Resolver{LookupEnv: func(name string) (string, bool) {
		v, ok := map[string]string{"KEY": key, "SECRET": password, "WRONG": "cs_wrong_one"}[name]
		return v, ok
	}}
	if s.server.Certificate() != nil {
		settings.RootCAs = x509.NewCertPool()
		settings.RootCAs.AddCert(s.server.Certificate())
	}
	return p.Open(context.Background(), settings)
}

func ids(page []byte) []string {
	var rows []struct {
		ID json.Number `json:"id"`
	}
	if json.Unmarshal(page, &rows) != nil {
		rows = append(rows, struct {
			ID json.Number `json:"id"`
		}{})
		_ = json.Unmarshal(page, &rows[0]) // one record alone
	}
	var all []string
	for _, r := range rows {
		all = append(all, r.ID.String())
	}
	return all
}

func platform(t *testing.T, tls bool) *sourcetest.Platform {
	s := newSite(t, tls)
	return &sourcetest.Platform{
		Open: func(t *testing.T, slept func(time.Duration), skew time.Duration) source.API {
			api, err := s.open(t, map[string]any{"allow_plain_http": !tls}, slept, skew)
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
			o.Status, o.Modified = "completed", s.now
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
		Refund: func() (string, string) {
			s.next++
			o := s.oldest()
			modified := o.Modified
			o.PutRefund(s.sim, s.next, s.now, 250, nil)
			o.Modified = modified
			o.Put(s.sim)
			return "refunds", strconv.FormatInt(s.next, 10)
		},
		Future: func(at time.Time) []byte { return []byte(`{"through":"` + at.Format("2006-01-02T15:04:05") + `"}`) },
		Known: func() []source.Known {
			var all []source.Known
			for id, o := range s.orders {
				lines := len(o.Items)
				if o.Fee != 0 {
					lines++
				}
				all = append(all, source.Known{ID: strconv.FormatInt(id, 10), Version: o.Modified.Format("2006-01-02T15:04:05"), Facts: map[string]string{"total_amount": simulator.Money(o.Cents()), "order_line": strconv.Itoa(lines)}})
			}
			return all
		},
		Secret: []string{key, password},
	}
}

func TestConformanceOverTLS(t *testing.T) {
	sourcetest.RunAPI(t, func(t *testing.T) *sourcetest.Platform { return platform(t, true) })
}

func TestConformanceOverPlainHTTPWithOAuth(t *testing.T) {
	sourcetest.RunAPI(t, func(t *testing.T) *sourcetest.Platform { return platform(t, false) })
}

func TestConfigurationIsChecked(t *testing.T) {
	s := newSite(t, false)
	for name, c := range map[string]struct {
		values map[string]any
		code   string
	}{
		"plain http":       {nil, "plain_http"},
		"literal secret":   {map[string]any{"secret": "cs_canary_9b22"}, "literal_secret"},
		"misspelled":       {map[string]any{"page_sizes": 3}, "unknown_key"},
		"page too large":   {map[string]any{"allow_plain_http": true, "page_size": 101}, "invalid_config"},
		"unknown stream":   {map[string]any{"allow_plain_http": true, "streams": []any{"order"}}, "unknown_stream"},
		"unknown status":   {map[string]any{"allow_plain_http": true, "statuses": map[string]any{"foo": "payed"}}, "invalid_config"},
		"no duration":      {map[string]any{"overlap": "soon"}, "invalid_config"},
		"password in url":  {map[string]any{"url": "https://u:p@shop.example"}, "secret_in_url"},
		"no such protocol": {map[string]any{"url": "ftp://shop.example"}, "invalid_url"},
	} {
		_, err := s.open(t, c.values, nil, 0)
		var f *fault.Error
		if !errorsAs(err, &f) || f.Code != c.code || f.Kind != fault.Usage || fault.HintOf(err) == "" || strings.Contains(err.Error()+f.Hint, "cs_canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func errorsAs(err error, f **fault.Error) bool {
	for err != nil {
		if one, ok := err.(*fault.Error); ok { //nolint:errorlint // outermost wanted
			*f = one
			return true
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		err = u.Unwrap()
	}
	return false
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	s := newSite(t, true)
	s.add(3, false)
	s.sim.Registered = append(s.sim.Registered, "await-pickup")
	check := func(values map[string]any) string {
		api, err := s.open(t, values, func(time.Duration) {}, 10*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer api.Close()
		var lines []string
		for _, p := range api.Check(context.Background()) {
			lines = append(lines, fmt.Sprintf("%s: %s %v %s", p.What, p.Note, p.Err, fault.HintOf(p.Err)))
		}
		return strings.Join(lines, "\n")
	}
	if got := check(nil); !strings.Contains(got, "read orders: 3 records <nil>") || !strings.Contains(got, "no rule maps await-pickup") || !strings.Contains(got, "clock is 10m0s away") {
		t.Error(got)
	}
	if got := check(map[string]any{"zone": "Europe/Paris"}); !strings.Contains(got, "keeps Asia/Shanghai, its days are counted by Europe/Paris") {
		t.Error(got)
	}
	if got := check(map[string]any{"secret": "env:WRONG"}); !strings.Contains(got, "make a new key") || strings.Contains(got, "cs_wrong") {
		t.Error(got)
	}
	if got := check(map[string]any{"key": "env:MISSING"}); !strings.Contains(got, "no variable MISSING") {
		t.Error(got)
	}
	s.fail, s.fails = sourcetest.Forbidden, 1000
	if got := check(nil); !strings.Contains(got, "403") || strings.Contains(got, key) {
		t.Error(got)
	}
	s.fail = sourcetest.HTML
	if got := check(nil); !strings.Contains(got, "HTML page") {
		t.Error(got)
	}
}

// A filter that does not reach the shop would let every cursor fail silently.
func TestTrapFilterIgnored(t *testing.T) {
	s := newSite(t, true)
	s.add(9, false)
	api, err := s.open(t, nil, func(time.Duration) {}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	s.fail, s.fails = sourcetest.SamePage, 1_000_000
	_, err = api.Feeds()[0].Source.Pull(context.Background(), []byte(`{"through":"2026-06-01T08:00:40"}`), func(source.Delivery) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "was asked for rows after") {
		t.Error(err)
	}
}
