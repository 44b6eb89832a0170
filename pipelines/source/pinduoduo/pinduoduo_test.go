package pinduoduo_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/pinduoduo"
	"github.com/omoflow/omoflow/pipelines/source/pinduoduo/simulator"
	"github.com/omoflow/omoflow/pipelines/source/router/routertest"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
)

type site struct {
	routertest.Site
	sim    *simulator.Shop
	r      *rand.Rand
	next   int64
	orders map[int64]*simulator.Order
}

func newSite(t testing.TB, seed uint64) *site {
	t.Helper()
	s := &site{next: 1000, r: rand.New(rand.NewPCG(seed, 3)), orders: map[int64]*simulator.Order{}}
	s.Now = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	s.sim = simulator.New(func() time.Time { return s.Now })
	s.Gateway, s.Fields = s.sim.Gateway, [3]string{"client_id", "client_secret", "access_token"}
	s.Values = map[string]any{"page_size": 4, "history": "2h"}
	s.Answers = map[string]sourcetest.Answer{
		sourcetest.BodyThrottle: {Body: `{"error_response":{"error_code":70031,"error_msg":"调用过于频繁，请 3 秒后重试","request_id":"simulated"}}`},
		sourcetest.Unauthorised: {Body: `{"error_response":{"error_code":10019,"error_msg":"access_token已过期 ` + routertest.Session + `"}}`},
		sourcetest.Forbidden:    {Body: `{"error_response":{"error_code":30000,"error_msg":"没有调用此接口的权限","sub_msg":"` + routertest.Key + `"}}`},
		sourcetest.ErrorIn200:   {Body: `{"error_response":{"error_code":50001,"error_msg":"failed for ` + routertest.Secret + `"}}`},
	}
	s.Start(t)
	return s
}

func (s *site) order(at time.Time) *simulator.Order {
	s.next++
	o := simulator.Draw(s.r, s.next, at)
	s.orders[o.ID] = o
	o.Put(s.sim)
	return o
}

// settle lets the platform's lag pass.
func (s *site) settle() { s.Now = s.Now.Add(4 * time.Minute) }

func (s *site) oldest() *simulator.Order {
	return sourcetest.Oldest(s.orders, func(o *simulator.Order) time.Time { return o.Modified })
}

func ids(page []byte) []string {
	var envelope map[string]struct {
		Orders []struct {
			SN string `json:"order_sn"`
		} `json:"order_sn_list"`
		Refunds []struct {
			ID json.Number `json:"id"`
		} `json:"refund_list"`
	}
	if json.Unmarshal(page, &envelope) != nil {
		return []string{"unreadable"}
	}
	var all []string
	for _, e := range envelope {
		for _, o := range e.Orders {
			all = append(all, o.SN)
		}
		for _, r := range e.Refunds {
			all = append(all, r.ID.String())
		}
	}
	return all
}

func TestConformance(t *testing.T) {
	sourcetest.RunAPI(t, func(t *testing.T) *sourcetest.Platform {
		s := newSite(t, 3)
		reading := false
		p := s.Platform(pinduoduo.Platform(), nil)
		p.Stream, p.Read = "orders", ids
		p.Add = func(n int, same bool) {
			for range n {
				if !same {
					s.Now = s.Now.Add(7 * time.Second)
				}
				s.order(s.Now)
			}
			s.settle()
		}
		p.Edit = func() {
			s.Now = s.Now.Add(time.Second)
			o := s.oldest()
			o.Modified = s.Now
			o.Extra = map[string]any{"order_status": 2}
			o.Put(s.sim)
			if !reading {
				s.settle()
			}
		}
		p.Late = func() { s.order(s.Now.Add(-240 * time.Second)) }
		p.Pass = func(d time.Duration) { s.Now = s.Now.Add(d); s.settle() }
		p.IDs = func() []string {
			var all []string
			for _, o := range s.orders {
				all = append(all, o.SN())
			}
			return all
		}
		p.Each = func(before func()) { s.Each, reading = before, before != nil }
		p.Calls = func() int { return len(s.sim.Calls()) }
		p.Refund = func() (string, string) {
			s.next++
			s.sim.PutRefund(s.next, s.oldest().SN(), 10, 250, s.Now)
			s.settle()
			return "refunds", fmt.Sprint(s.next)
		}
		p.Future = func(at time.Time) []byte { return []byte(`{"through":"` + at.Format("2006-01-02T15:04:05") + `"}`) }
		p.Secret = []string{routertest.Key, routertest.Secret, routertest.Session}
		return p
	})
}

// Lists that end later than three minutes before the platform's now, or are longer than half an hour, are refused before
// anything is asked.
func TestConfigurationKeepsThePlatformsBounds(t *testing.T) {
	s := newSite(t, 1)
	for _, values := range []map[string]any{{"lag": "2m"}, {"window": "31m"}, {"page_size": 101}, {"streams": []any{"order"}}, {"client_secret": routertest.Secret}} {
		if _, err := s.Open(pinduoduo.Platform(), values, nil, 0); err == nil || strings.Contains(err.Error(), routertest.Secret) {
			t.Errorf("%v: %v", values, err)
		}
	}
}
