package pinduoduo_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/pinduoduo"
	"github.com/omoflow/omoflow/pipelines/source/router/routertest"
)

// The same promise over the same core: edits between pages, ties, late records, throttles, broken connections, crashes.
func TestProofPinduoduoPulls(t *testing.T) {
	routertest.Pulls(t, "pinduoduo", func(t testing.TB, seed uint64) *routertest.World {
		s := newSite(t, seed)
		r := rand.New(rand.NewPCG(seed, 11))
		return &routertest.World{
			Site: &s.Site, Platform: pinduoduo.Platform(), Stream: "orders", Chance: r,
			Values: map[string]any{"page_size": 2 + r.IntN(6), "history": "6h", "window": []string{"5m", "30m"}[r.IntN(2)], "attempts": 12},
			Change: func() {
				if s.next == 1000 || r.IntN(3) == 0 {
					s.order(s.Now)
					return
				}
				if o := s.orders[1001+r.Int64N(s.next-1000)]; o.Modified.Before(s.Now) {
					o.Modified, o.Count = s.Now, o.Count+int64(r.IntN(2))
					o.Put(s.sim)
				}
			},
			Late: func(before time.Duration) { s.order(s.Now.Add(-before)) },
			Truth: func() map[string]string {
				all := map[string]string{}
				for _, o := range s.orders {
					all[o.SN()] = fmt.Sprintf("%d %d", o.Modified.Unix(), o.Fen())
				}
				return all
			},
			Read: func(page []byte) [][2]string {
				var envelope map[string]struct {
					Orders []struct {
						SN      string      `json:"order_sn"`
						Updated string      `json:"updated_at"`
						Amount  json.Number `json:"pay_amount"`
					} `json:"order_sn_list"`
				}
				if err := json.Unmarshal(page, &envelope); err != nil {
					return [][2]string{{"unreadable", err.Error()}}
				}
				var all [][2]string
				for _, e := range envelope {
					for _, o := range e.Orders {
						at, _ := time.ParseInLocation(time.DateTime, o.Updated, time.FixedZone("China", 8*60*60)) // a wrong time is a wrong version
						var yuan, fen int64
						_, _ = fmt.Sscanf(o.Amount.String(), "%d.%d", &yuan, &fen) // likewise
						all = append(all, [2]string{o.SN, fmt.Sprintf("%d %d", at.Unix(), yuan*100+fen)})
					}
				}
				return all
			},
		}
	})
}
