package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sort"
	"strconv"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// wooStorm is a simulated WooCommerce whose orders change while they are read.
type wooStorm struct {
	*wooShop
	r      *rand.Rand
	now    time.Time
	orders map[int64]*simulator.Order
	refund map[int64]int64 // refund -> cents
	of     map[int64]int64 // refund -> order
	nextID int64
	still  bool
}

func newWooStorm(t testing.TB, r *rand.Rand) *wooStorm {
	s := &wooStorm{r: r, now: time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC), orders: map[int64]*simulator.Order{}, refund: map[int64]int64{}, of: map[int64]int64{}, nextID: 100}
	zones := []string{"Asia/Shanghai", "America/New_York", "UTC"}
	zone, err := time.LoadLocation(zones[s.r.IntN(3)])
	if err != nil {
		t.Fatal(err)
	}
	sim := simulator.New(zone, func() time.Time { return s.now })
	sim.OrderTable = s.r.IntN(2) == 0
	s.wooShop = newWoo(t, sim, nil)
	sim.Before = s.before
	for range 5 + s.r.IntN(25) {
		s.order()
	}
	return s
}

// moment is the shop's now; often the second of the last change.
func (s *wooStorm) moment() time.Time {
	if s.r.IntN(3) > 0 {
		s.now = s.now.Add(time.Duration(s.r.IntN(40)) * time.Second)
	}
	return s.now
}

func (s *wooStorm) order() {
	s.nextID += 1 + int64(s.r.IntN(2))
	at := s.moment()
	o := simulator.Draw(s.r, s.nextID, at.Add(-time.Duration(s.r.IntN(72))*time.Hour))
	o.Modified = at
	s.orders[o.ID] = o
	o.Put(s.sim)
}

// any picks an order; nil when there is none.
func (s *wooStorm) any() *simulator.Order {
	var ids []int64
	for id := range s.orders {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	return s.orders[ids[s.r.IntN(len(ids))]]
}

// change is one thing that happens in a shop.
func (s *wooStorm) change() {
	o := s.any()
	if o == nil || s.r.IntN(4) == 0 {
		s.order()
		return
	}
	switch s.r.IntN(9) {
	case 0: // a line more
		o.Items = append(o.Items, simulator.DrawItem(s.r, o.ID*100+int64(10+s.r.IntN(70))))
	case 1: // a line less
		if len(o.Items) > 0 {
			o.Items = o.Items[1:]
		}
	case 2: // another status
		o.Status = []string{"processing", "completed", "cancelled", "failed"}[s.r.IntN(4)]
	case 3: // trash, and back
		if o.Status = "trash"; s.r.IntN(2) == 0 {
			o.Status = "completed"
		}
	case 4: // deleted for ever
		delete(s.orders, o.ID)
		s.sim.Remove("orders", o.ID)
		for id, order := range s.of {
			if order == o.ID {
				delete(s.refund, id)
				s.sim.Remove("refunds", id)
			}
		}
		return
	case 5: // another day, even another month
		o.Created = o.Created.Add(time.Duration(s.r.IntN(20)-10) * 24 * time.Hour)
	case 6: // money back
		s.nextID++
		cents := int64(1 + s.r.IntN(500))
		var items []simulator.Item
		if s.r.IntN(2) == 0 {
			items = o.Items[:min(1, len(o.Items))]
		}
		o.PutRefund(s.sim, s.nextID, s.moment(), cents, items)
		s.refund[s.nextID], s.of[s.nextID] = cents, o.ID
	case 7: // a refund taken back: no date changes
		for id, order := range s.of {
			if order == o.ID && s.refund[id] > 0 {
				delete(s.refund, id)
				s.sim.Remove("refunds", id)
				break
			}
		}
		return
	case 8: // an edit that leaves the date alone: classic storage
		o.Items = append(o.Items, simulator.DrawItem(s.r, o.ID*100+int64(10+s.r.IntN(70))))
		o.Put(s.sim)
		return
	}
	o.Modified = s.moment()
	o.Put(s.sim)
}

// before plays the weather of a network, and changes orders between two pages.
func (s *wooStorm) before(w http.ResponseWriter, _ *http.Request) bool {
	if s.still {
		return false
	}
	if s.r.IntN(15) == 0 {
		s.change()
	}
	switch s.r.IntN(30) {
	case 0:
		w.Header().Set("Retry-After", strconv.Itoa(1+s.r.IntN(9)))
		w.WriteHeader(429)
		return true
	case 1:
		w.WriteHeader(503)
		return true
	case 2:
		_, _ = w.Write([]byte(`{"code":"rate_limit_exceeded","message":"slow down","data":{"status":429,"retry_after":3}}`))
		return true
	case 3:
		panic(http.ErrAbortHandler) // the connection breaks
	}
	return false
}

// truth is what counts: visible orders with total and lines, and refunds.
func (s *wooStorm) truth() map[string]counted {
	var orders, lines, refunds []string
	for id, o := range s.orders {
		orders = append(orders, fmt.Sprintf("%d|%s", id, simulator.Money(o.Cents())))
		for _, i := range o.Items {
			lines = append(lines, fmt.Sprintf("%d|%d|%d|%s", id, i.ID, i.Quantity, simulator.Money(i.Total)))
		}
		if o.Fee != 0 {
			lines = append(lines, fmt.Sprintf("%d|%d|1|%s", id, id*100+90, simulator.Money(o.Fee)))
		}
	}
	for id, cents := range s.refund {
		if o, ok := s.orders[s.of[id]]; ok && (s.sim.OrderTable || o.Status != "trash") {
			refunds = append(refunds, fmt.Sprintf("%d|%s", id, simulator.Money(cents)))
		}
	}
	return map[string]counted{
		"order":      {orders, "SELECT order_id, CAST(total_amount AS DECIMAL(18,2)) FROM v_order"},
		"order_line": {lines, "SELECT order_id, line_key, CAST(quantity AS BIGINT), CAST(net_amount AS DECIMAL(18,2)) FROM v_order_line"},
		"refund":     {refunds, "SELECT refund_id, CAST(amount AS DECIMAL(18,2)) FROM v_refund"},
	}
}

func (s *wooStorm) wait(d time.Duration) { s.now = s.now.Add(d) }

func (s *wooStorm) calm() { s.still = true }

func (s *wooStorm) close() { s.server.Close() }

// TestProofWooCommerceStorm pulls simulated shops through edits between pages, ties, throttles, broken
// connections, crashes, trash, deletes and silent edits. When the shop holds still, what counts is the shop.
func TestProofWooCommerceStorm(t *testing.T) {
	proof := storm{t: t, name: "S-woo", still: 1, open: func(t *testing.T, r *rand.Rand) (stormy, map[string]any) {
		s := newWooStorm(t, r)
		return s, map[string]any{"page_size": 2 + r.IntN(6), "streams": []any{"orders", "refunds"}, "probe_ids": 0}
	}}
	proof.prove()
}
