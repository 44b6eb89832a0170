package woocommerce_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

const key, password = "ck_canary_41e0", "cs_canary_9b22"

// site is a simulated shop with its server.
type site struct {
	sourcetest.Site
	sim    *simulator.Shop
	next   int64
	r      *rand.Rand
	orders map[int64]*simulator.Order
}

func newSite(t *testing.T, tls bool) *site {
	t.Helper()
	s := &site{next: 100, r: rand.New(rand.NewPCG(3, 3)), orders: map[int64]*simulator.Order{}}
	s.Now, s.Plain, s.Echo = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC), !tls, password
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	s.sim = simulator.New(zone, func() time.Time { return s.Now })
	s.sim.Key, s.sim.Secret = key, password
	s.sim.Before = s.before
	s.Values = map[string]any{"key": "env:KEY", "secret": "env:SECRET", "page_size": 4, "probe_ids": 0}
	s.Env = map[string]string{"KEY": key, "SECRET": password, "WRONG": "cs_wrong_one", "HOOK": "canary-hook"}
	s.Answers = map[string]sourcetest.Answer{
		sourcetest.BodyThrottle: {Body: `{"code":"rate_limit_exceeded","message":"slow down","data":{"status":429,"retry_after":3}}`},
		sourcetest.Unauthorised: {Status: 401, Body: `{"code":"woocommerce_rest_authentication_error","message":"Consumer secret is invalid. ` + password + `","data":{"status":401}}`},
		sourcetest.Forbidden:    {Status: 403, Body: `{"code":"woocommerce_rest_cannot_view","message":"Sorry ` + key + `","data":{"status":403}}`},
		sourcetest.ErrorIn200:   {Body: `{"code":"internal_error","message":"failed for ` + key + `","data":{"status":500}}`},
	}
	s.Serve(t, s.sim)
	return s
}

func (s *site) before(w http.ResponseWriter, r *http.Request) bool {
	if s.Meet(w) {
		return true
	}
	if q := r.URL.Query(); s.Due(sourcetest.SamePage) && q.Get("_fields") != "id" {
		for _, name := range []string{"modified_after", "after", "modified_before", "before"} {
			q.Del(name)
		}
		q.Set("page", "1")
		r.URL.RawQuery = q.Encode()
	}
	return false
}

func (s *site) add(n int, same bool) {
	for range n {
		if !same {
			s.Now = s.Now.Add(7 * time.Second)
		}
		s.next++
		o := simulator.Draw(s.r, s.next, s.Now)
		s.orders[o.ID] = o
		o.Put(s.sim)
	}
	s.Now = s.Now.Add(time.Minute)
}

func (s *site) oldest() *simulator.Order {
	return sourcetest.Oldest(s.orders, func(o *simulator.Order) time.Time { return o.Modified })
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
	p := s.Platform(woocommerce.Platform(), map[string]any{"allow_plain_http": !tls})
	p.Stream = "orders"
	p.Add = s.add
	p.Edit = func() {
		s.Now = s.Now.Add(time.Second)
		o := s.oldest()
		o.Status, o.Modified = "completed", s.Now
		o.Put(s.sim)
	}
	p.Late = func() {
		s.next++
		o := simulator.Draw(s.r, s.next, s.Now.Add(-90*time.Second))
		s.orders[o.ID] = o
		o.Put(s.sim)
	}
	p.IDs = func() []string {
		var all []string
		for id := range s.orders {
			all = append(all, strconv.FormatInt(id, 10))
		}
		slices.Sort(all)
		return all
	}
	p.Read = ids
	p.Calls = s.sim.Calls
	p.Delete = func() string {
		o := s.oldest()
		delete(s.orders, o.ID)
		s.sim.Remove("orders", o.ID)
		return strconv.FormatInt(o.ID, 10)
	}
	p.Refund = func() (string, string) {
		s.next++
		o := s.oldest()
		modified := o.Modified
		o.PutRefund(s.sim, s.next, s.Now, 250, nil)
		o.Modified = modified
		o.Put(s.sim)
		return "refunds", strconv.FormatInt(s.next, 10)
	}
	p.Future = func(at time.Time) []byte { return []byte(`{"through":"` + at.Format("2006-01-02T15:04:05") + `"}`) }
	p.Known = func() []source.Known {
		var all []source.Known
		for id, o := range s.orders {
			lines := len(o.Items)
			if o.Fee != 0 {
				lines++
			}
			all = append(all, source.Known{ID: strconv.FormatInt(id, 10), Version: o.Modified.Format("2006-01-02T15:04:05"), Facts: map[string]string{"total_amount": simulator.Money(o.Cents()), "order_line": strconv.Itoa(lines)}})
		}
		return all
	}
	p.Secret = []string{key, password}
	return p
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
		"unknown meta":     {map[string]any{"allow_plain_http": true, "meta": map[string]any{"sku": "_sku"}}, "invalid_config"},
		"no duration":      {map[string]any{"overlap": "soon"}, "invalid_config"},
		"password in url":  {map[string]any{"url": "https://u:p@shop.example"}, "secret_in_url"},
		"no such protocol": {map[string]any{"url": "ftp://shop.example"}, "invalid_url"},
	} {
		_, err := s.Open(woocommerce.Platform(), c.values, nil, 0)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != c.code || f.Kind != fault.Usage || fault.HintOf(err) == "" || strings.Contains(err.Error()+f.Hint, "cs_canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	s := newSite(t, true)
	s.add(3, false)
	s.sim.Registered = append(s.sim.Registered, "await-pickup")
	check := func(values map[string]any) string {
		api, err := s.Open(woocommerce.Platform(), values, nil, 10*time.Minute)
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
	s.Fail(sourcetest.Forbidden, 1000)
	if got := check(nil); !strings.Contains(got, "403") || strings.Contains(got, key) {
		t.Error(got)
	}
	s.Fail(sourcetest.HTML, 1000)
	if got := check(nil); !strings.Contains(got, "HTML page") {
		t.Error(got)
	}
}

// A filter that does not reach the shop would let every cursor fail silently.
func TestTrapFilterIgnored(t *testing.T) {
	s := newSite(t, true)
	s.add(9, false)
	api, err := s.Open(woocommerce.Platform(), nil, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	s.Fail(sourcetest.SamePage, 1_000_000)
	_, err = api.Feeds()[0].Source.Pull(context.Background(), []byte(`{"through":"2026-06-01T08:00:40"}`), func(source.Delivery) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "was asked for rows after") {
		t.Error(err)
	}
}
