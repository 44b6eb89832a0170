package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sort"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/shopify/simulator"
)

// shopStorm is a simulated Shopify whose orders change while they are read.
type shopStorm struct {
	*shopifyShop
	r      *rand.Rand
	orders map[int64]*simulator.Order
	nextID int64
	still  bool
}

func newShopStorm(t testing.TB, r *rand.Rand) *shopStorm {
	s := &shopStorm{shopifyShop: newShopify(t), r: r, orders: map[int64]*simulator.Order{}, nextID: 100}
	s.sim.Before = s.before
	for range 5 + s.r.IntN(25) {
		s.draw()
	}
	return s
}

func (s *shopStorm) moment() time.Time {
	if s.r.IntN(3) > 0 {
		s.now = s.now.Add(time.Duration(s.r.IntN(40)) * time.Second)
	}
	return s.now
}

func (s *shopStorm) draw() {
	s.nextID++
	at := s.moment()
	o := simulator.Draw(s.r, s.nextID, at.Add(-time.Duration(s.r.IntN(72))*time.Hour))
	o.Updated = at
	s.orders[o.ID] = o
	o.Put(s.sim)
}

func (s *shopStorm) change() {
	var ids []int64
	for id := range s.orders {
		ids = append(ids, id)
	}
	if len(ids) == 0 || s.r.IntN(4) == 0 {
		s.draw()
		return
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	o := s.orders[ids[s.r.IntN(len(ids))]]
	switch s.r.IntN(7) {
	case 0:
		o.Lines = append(o.Lines, simulator.DrawLine(s.r, o.ID*100+int64(10+len(o.Lines)+s.r.IntN(40)*2)))
	case 1:
		if len(o.Lines) > 1 {
			o.Lines = o.Lines[1:]
		}
	case 2:
		o.Status = []string{"PENDING", "PAID", "VOIDED", "PARTIALLY_REFUNDED"}[s.r.IntN(4)]
	case 3: // deleted for ever
		delete(s.orders, o.ID)
		s.sim.Remove("orders", o.ID)
		return
	case 4: // another day, even another month
		o.Processed = o.Processed.Add(time.Duration(s.r.IntN(20)-10) * 24 * time.Hour)
	case 5: // the order is marked, its refund comes a moment later
		o.Updated = s.moment()
		o.Put(s.sim)
		s.nextID++
		o.Refunds = append(o.Refunds, simulator.Refund{ID: s.nextID, Cents: int64(1 + s.r.IntN(500)), At: o.Updated, Lines: o.Lines[:s.r.IntN(2)]})
		o.Put(s.sim)
		return
	case 6: // its customer was merged into another: no date changes
		o.Customer = 1 + int64(s.r.IntN(5))
		o.Put(s.sim)
		return
	}
	o.Updated = s.moment()
	o.Put(s.sim)
}

// before plays the weather of a network, and changes orders between two pages.
func (s *shopStorm) before(w http.ResponseWriter, _ *http.Request) bool {
	if s.still {
		return false
	}
	if s.r.IntN(15) == 0 {
		s.change()
	}
	s.sim.Ended = s.r.IntN(15) == 0
	switch s.r.IntN(30) {
	case 0:
		w.WriteHeader(503)
		return true
	case 1:
		_, _ = w.Write([]byte(`{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":900,"throttleStatus":{"maximumAvailable":2000,"currentlyAvailable":10,"restoreRate":100}}}}`))
		return true
	case 2:
		panic(http.ErrAbortHandler) // the connection breaks
	}
	return false
}

func (s *shopStorm) truth() map[string]counted {
	var orders, lines, refunds []string
	for id, o := range s.orders {
		orders = append(orders, fmt.Sprintf("%d|%s|%d", id, simulator.Money(o.Cents()), o.Customer))
		for _, l := range o.Lines {
			lines = append(lines, fmt.Sprintf("%d|%d|%d|%s", id, l.ID, l.Quantity, simulator.Money(l.Cents)))
		}
		for _, f := range o.Refunds {
			refunds = append(refunds, fmt.Sprintf("%d|%s", f.ID, simulator.Money(f.Cents)))
		}
	}
	return map[string]counted{
		"order":      {orders, "SELECT order_id, CAST(total_amount AS DECIMAL(18,2)), source_customer_id FROM v_order"},
		"order_line": {lines, "SELECT order_id, line_key, CAST(quantity AS BIGINT), CAST(gross_amount AS DECIMAL(18,2)) FROM v_order_line"},
		"refund":     {refunds, "SELECT refund_id, CAST(amount AS DECIMAL(18,2)) FROM v_refund"},
	}
}

func (s *shopStorm) wait(d time.Duration) { s.now = s.now.Add(d) }

func (s *shopStorm) calm() { s.still, s.sim.Ended = true, false }

func (s *shopStorm) close() { s.server.Close() }

// TestProofShopifyStorm pulls simulated shops through edits between pages, ties, throttles, ended page tokens,
// broken connections, crashes, late refunds, merges and deletes. When the shop holds still, what counts is the shop. The
// first pull of a calm shop may end the window of an earlier, interrupted one.
func TestProofShopifyStorm(t *testing.T) {
	proof := storm{t: t, name: "S-shopify", still: 2, open: func(t *testing.T, r *rand.Rand) (stormy, map[string]any) {
		s := newShopStorm(t, r)
		return s, map[string]any{"page_size": 2 + r.IntN(6), "streams": []any{"orders", "refunds"}}
	}}
	proof.prove()
}
