package taobao_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/router/routertest"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
	"github.com/omoflow/omoflow/pipelines/source/taobao"
	"github.com/omoflow/omoflow/pipelines/source/taobao/simulator"
)

// site is a simulated shop with its gateway.
type site struct {
	routertest.Site
	sim    *simulator.Shop
	r      *rand.Rand
	next   int64
	trades map[int64]*simulator.Trade
}

func newSite(t testing.TB, seed uint64) *site {
	t.Helper()
	s := &site{next: 1000, r: rand.New(rand.NewPCG(seed, 3)), trades: map[int64]*simulator.Trade{}}
	s.Now = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	s.sim = simulator.New(func() time.Time { return s.Now })
	s.sim.Dialect.HMAC = true
	s.Gateway, s.Fields = s.sim.Gateway, [3]string{"app_key", "app_secret", "session"}
	s.Values = map[string]any{"page_size": 4, "history": "2h", "lag": "0s"}
	s.Answers = map[string]sourcetest.Answer{
		sourcetest.BodyThrottle: {Body: `{"error_response":{"code":7,"msg":"App Call Limited","sub_code":"accesscontrol.limited-by-api-access-count","sub_msg":"This ban will last for 3 more seconds"}}`},
		sourcetest.Unauthorised: {Body: `{"error_response":{"code":27,"msg":"Invalid session","sub_code":"invalid-sessionkey","sub_msg":"` + routertest.Session + `"}}`},
		sourcetest.Forbidden:    {Body: `{"error_response":{"code":11,"msg":"Insufficient isv permissions","sub_code":"isv.permission-api-package-limit","sub_msg":"` + routertest.Key + `"}}`},
		sourcetest.ErrorIn200:   {Body: `{"error_response":{"code":15,"msg":"Remote service error","sub_code":"isv.unknown","sub_msg":"failed for ` + routertest.Secret + `"}}`},
	}
	s.Start(t)
	return s
}

func (s *site) add(n int, same bool) {
	for range n {
		if !same {
			s.Now = s.Now.Add(7 * time.Second)
		}
		s.trade(s.Now)
	}
	s.Now = s.Now.Add(time.Minute)
}

func (s *site) trade(at time.Time) *simulator.Trade {
	s.next++
	o := simulator.Draw(s.r, s.next, at)
	s.trades[o.ID] = o
	o.Put(s.sim)
	return o
}

func (s *site) oldest() *simulator.Trade {
	return sourcetest.Oldest(s.trades, func(o *simulator.Trade) time.Time { return o.Modified })
}

func (s *site) edit() {
	s.Now = s.Now.Add(time.Second)
	o := s.oldest()
	o.Status, o.Paid, o.Modified = "TRADE_FINISHED", true, s.Now
	o.Put(s.sim)
}

// ids reads the keys of a delivery of trades or refunds: one document or several.
func ids(page []byte) []string {
	var all []string
	decoder := json.NewDecoder(strings.NewReader(string(page)))
	for decoder.More() {
		var envelope map[string]struct {
			Trade  map[string]json.RawMessage `json:"trade"`
			Trades struct {
				Trade []map[string]json.RawMessage `json:"trade"`
			} `json:"trades"`
			Refunds struct {
				Refund []map[string]json.RawMessage `json:"refund"`
			} `json:"refunds"`
		}
		if decoder.Decode(&envelope) != nil {
			return append(all, "unreadable")
		}
		for _, e := range envelope {
			rows := append(e.Trades.Trade, e.Refunds.Refund...)
			if e.Trade != nil {
				rows = append(rows, e.Trade)
			}
			for _, row := range rows {
				id := row["tid"]
				if row["refund_id"] != nil {
					id = row["refund_id"]
				}
				all = append(all, string(id))
			}
		}
	}
	return all
}

func platform(t *testing.T, values map[string]any) *sourcetest.Platform {
	s := newSite(t, 3)
	p := s.Platform(taobao.Platform(), values)
	p.Stream, p.Add, p.Edit, p.Read = "orders", s.add, s.edit, ids
	p.Late = func() { s.trade(s.Now.Add(-90 * time.Second)) }
	p.IDs = func() []string {
		var all []string
		for id := range s.trades {
			all = append(all, fmt.Sprint(id))
		}
		slices.Sort(all)
		return all
	}
	p.Calls = func() int { return len(s.sim.Calls()) }
	p.Refund = func() (string, string) {
		s.next++
		(&simulator.Refund{ID: s.next, Trade: s.oldest().ID, OID: 1, Status: "SUCCESS", Created: s.Now.Add(-time.Minute), Modified: s.Now.Add(-time.Minute), Fen: 250}).Put(s.sim)
		return "refunds", fmt.Sprint(s.next)
	}
	p.Future = func(at time.Time) []byte { return []byte(`{"through":"` + at.Format("2006-01-02T15:04:05") + `"}`) }
	p.Secret = []string{routertest.Key, routertest.Secret, routertest.Session}
	return p
}

func TestConformance(t *testing.T) {
	sourcetest.RunAPI(t, func(t *testing.T) *sourcetest.Platform { return platform(t, nil) })
}

func TestConformanceWithoutDetails(t *testing.T) {
	sourcetest.RunAPI(t, func(t *testing.T) *sourcetest.Platform { return platform(t, map[string]any{"details": false}) })
}

// watch looks at every form in front of another hook.
func watch(before func(http.ResponseWriter, string, url.Values) bool, look func(url.Values)) func(http.ResponseWriter, string, url.Values) bool {
	return func(w http.ResponseWriter, method string, form url.Values) bool {
		look(form)
		return before(w, method, form)
	}
}
