package shopify_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/shopify"
	"github.com/omoflow/omoflow/pipelines/source/shopify/simulator"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
)

const token, password = "shpat_canary_41e0", "shpss_canary_9b22"

// site is a simulated shop with its server.
type site struct {
	sourcetest.Site
	sim    *simulator.Shop
	next   int64
	r      *rand.Rand
	orders map[int64]*simulator.Order
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{next: 100, r: rand.New(rand.NewPCG(3, 3)), orders: map[int64]*simulator.Order{}}
	s.Now = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	s.sim = simulator.New(func() time.Time { return s.Now })
	s.sim.Token, s.sim.ClientID, s.sim.ClientSecret, s.sim.Before = token, "client", password, s.before
	s.Values = map[string]any{"client_id": "env:ID", "client_secret": "env:SECRET", "page_size": 4}
	s.Env = map[string]string{"ID": "client", "SECRET": password, "TOKEN": token, "WRONG": "shpss_wrong"}
	s.repeat(token)
	s.Serve(t, s.sim)
	s.sim.URL = s.URL()
	return s
}

// repeat lets the server's errors hold the token that it was asked with: tokens are issued anew.
func (s *site) repeat(token string) {
	s.Echo = token
	s.Answers = map[string]sourcetest.Answer{
		sourcetest.BodyThrottle: {Body: `{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":1010,"throttleStatus":{"maximumAvailable":2000.0,"currentlyAvailable":710,"restoreRate":100.0}}}}`},
		sourcetest.Unauthorised: {Status: 401, Body: `{"errors":"[API] Invalid API key or access token ` + token + `"}`},
		sourcetest.Forbidden:    {Body: `{"errors":[{"message":"Access denied for orders field. ` + password + `","extensions":{"code":"ACCESS_DENIED"}}]}`},
		sourcetest.ErrorIn200:   {Body: `{"errors":[{"message":"Field 'x' doesn't exist for ` + token + `","extensions":{"code":"undefinedField"}}]}`},
		sourcetest.OtherType:    {Body: `{"data":{"orders":[]}}`},
	}
}

func (s *site) before(w http.ResponseWriter, r *http.Request) bool {
	s.repeat(r.Header.Get("X-Shopify-Access-Token"))
	answered := s.Meet(w)
	s.sim.SamePage = s.Due(sourcetest.SamePage)
	return answered
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
	return sourcetest.Oldest(s.orders, func(o *simulator.Order) time.Time { return o.Updated })
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
	p := s.Platform(shopify.Platform(), nil)
	p.Stream = "orders"
	p.Add = s.add
	p.Edit = func() {
		s.Now = s.Now.Add(time.Second)
		o := s.oldest()
		o.Updated = s.Now
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
	p.Future = func(at time.Time) []byte { return []byte(`{"through":"` + at.Format(time.RFC3339) + `"}`) }
	p.Known = func() []source.Known {
		var all []source.Known
		for id, o := range s.orders {
			all = append(all, source.Known{ID: strconv.FormatInt(id, 10), Version: o.Updated.Format(time.RFC3339), Facts: map[string]string{"source_customer_id": strconv.FormatInt(o.Customer, 10)}})
		}
		return all
	}
	p.Secret = []string{token, password}
	p.Renews = true
	return p
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
		_, err := s.Open(shopify.Platform(), c.values, nil, 0)
		if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" || codeOf(err) != c.code || strings.Contains(err.Error()+fault.HintOf(err), password) {
			t.Errorf("%s: %v (%s)", name, err, codeOf(err))
		}
	}
}

func codeOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}
