package taobao_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/router/routertest"
	"github.com/omoflow/omoflow/pipelines/source/taobao"
	"github.com/omoflow/omoflow/pipelines/source/taobao/simulator"
)

// versions reads keys with the time of change and the amount.
func versions(page []byte) [][2]string {
	var all [][2]string
	type trade struct {
		Tid      json.Number `json:"tid"`
		Modified string      `json:"modified"`
		Payment  string      `json:"payment"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(page)))
	for decoder.More() {
		var envelope map[string]struct {
			Trade  *trade `json:"trade"`
			Trades struct {
				Trade []trade `json:"trade"`
			} `json:"trades"`
		}
		if err := decoder.Decode(&envelope); err != nil {
			return append(all, [2]string{"unreadable", err.Error()})
		}
		for _, e := range envelope {
			rows := e.Trades.Trade
			if e.Trade != nil {
				rows = append(rows, *e.Trade)
			}
			for _, row := range rows {
				all = append(all, [2]string{row.Tid.String(), row.Modified + " " + row.Payment})
			}
		}
	}
	return all
}

// Runs over shops that are edited between pages, with ties, late records, throttles, broken connections, crashes and a
// clock of ours that is wrong lose nothing and repeat nothing.
func TestProofTaobaoPulls(t *testing.T) {
	routertest.Pulls(t, "taobao", func(t testing.TB, seed uint64) *routertest.World {
		s := newSite(t, seed)
		r := rand.New(rand.NewPCG(seed, 11))
		edit := func() {
			if s.next == 1000 || r.IntN(3) == 0 {
				s.trade(s.Now)
				return
			}
			o := s.trades[1001+r.Int64N(s.next-1000)]
			if !o.Modified.Before(s.Now) {
				return // one second holds one version of a trade
			}
			o.Status, o.Paid, o.Modified = "TRADE_FINISHED", true, s.Now
			if r.IntN(3) == 0 {
				o.Lines = append(o.Lines, simulator.DrawLine(r, o.ID*10+int64(len(o.Lines))))
			}
			o.Put(s.sim)
		}
		return &routertest.World{
			Site: &s.Site, Platform: taobao.Platform(), Stream: "orders", Chance: r, Read: versions, Change: edit,
			Values: map[string]any{"page_size": 2 + r.IntN(6), "history": "6h", "lag": "10s", "details": seed%5 == 0, "window": []string{"5m", "30m", "24h"}[r.IntN(3)], "attempts": 12},
			Late:   func(before time.Duration) { s.trade(s.Now.Add(-before)) },
			Truth: func() map[string]string {
				all := map[string]string{}
				for id, o := range s.trades {
					all[fmt.Sprint(id)] = simulator.Time(o.Modified) + " " + simulator.Yuan(o.Fen())
				}
				return all
			},
		}
	})
}
