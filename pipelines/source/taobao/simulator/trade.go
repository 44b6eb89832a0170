package simulator

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	gateway "github.com/omoflow/omoflow/pipelines/source/router/simulator"
)

// Trade is a trade of the simulated shop. Amounts are in fen. Extra overrides what the API shows.
type Trade struct {
	ID                int64
	Status, Type      string
	Created, Modified time.Time
	Paid              bool
	Post              int64
	Lines             []Line
	Extra             map[string]any
}

// Line is one item of a trade.
type Line struct {
	OID      int64
	Item     int64
	SKU      string
	Quantity int64
	Price    int64
	Discount int64 // of the whole line
}

// Fen is what the buyer pays.
func (t *Trade) Fen() int64 {
	sum := t.Post
	for _, l := range t.Lines {
		sum += l.Fen()
	}
	return sum
}

// Fen is what is paid for the line.
func (l Line) Fen() int64 { return l.Price*l.Quantity - l.Discount }

// Yuan writes fen as the API writes yuan.
func Yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
}

// Draw makes a trade from a source of chance.
func Draw(r *rand.Rand, id int64, at time.Time) *Trade {
	t := &Trade{ID: id, Created: at, Modified: at, Paid: true, Post: int64(r.IntN(3)) * 500}
	t.Status = []string{"WAIT_SELLER_SEND_GOODS", "WAIT_BUYER_CONFIRM_GOODS", "TRADE_FINISHED", "TRADE_FINISHED", "WAIT_BUYER_PAY"}[r.IntN(5)]
	t.Paid = t.Status != "WAIT_BUYER_PAY"
	t.Type = []string{"fixed", "fixed", "fixed", "step", "o2o_offlinetrade", "eticket", "tmall_i18n"}[r.IntN(7)]
	for n := range 1 + r.IntN(3) {
		t.Lines = append(t.Lines, DrawLine(r, id*10+int64(n)))
	}
	if len(t.Lines) == 1 {
		t.Lines[0].OID = id // a single line has the trade's own number
	}
	return t
}

// DrawLine makes a line.
func DrawLine(r *rand.Rand, oid int64) Line {
	item := int64(10 + r.IntN(60))
	l := Line{OID: oid, Item: 600000 + item, SKU: fmt.Sprintf("SKU-%04d", item), Quantity: int64(1 + r.IntN(3)), Price: int64(100 + r.IntN(20000))}
	l.Discount = l.Price * l.Quantity * int64(r.IntN(3)) / 10
	return l
}

// Put shows the trade as it is now: lists leave the allocation and the store out.
func (t *Trade) Put(s *Shop) {
	s.Put("trades", gateway.Record{ID: fmt.Sprint(t.ID), Type: t.Type, Created: t.Created, Modified: t.Modified, Raw: t.JSON(false), Detail: t.JSON(true)})
}

// JSON is the trade as the API shows it, in a list or alone.
func (t *Trade) JSON(whole bool) []byte {
	var lines []map[string]any
	for _, l := range t.Lines {
		one := map[string]any{"oid": l.OID, "status": t.Status, "outer_sku_id": l.SKU, "num_iid": l.Item, "title": "Simulated " + l.SKU, "num": l.Quantity, "price": Yuan(l.Price), "total_fee": Yuan(l.Fen()), "adjust_fee": "0.00", "discount_fee": Yuan(l.Discount), "payment": Yuan(l.Fen())}
		if whole {
			one["divide_order_fee"] = Yuan(l.Fen())
		}
		lines = append(lines, one)
	}
	all := map[string]any{
		"tid": t.ID, "status": t.Status, "type": t.Type, "created": Time(t.Created), "modified": Time(t.Modified), "payment": Yuan(t.Fen()), "post_fee": Yuan(t.Post), "received_payment": "0.00", "adjust_fee": "0.00",
		"buyer_open_uid": fmt.Sprintf("AAE%d", t.ID%40), "receiver_name": "陈**", "receiver_mobile": "138****1234", "orders": map[string]any{"order": lines},
	}
	if t.Paid {
		all["pay_time"] = Time(t.Created)
	}
	if whole && t.Type == "o2o_offlinetrade" {
		all["o2o_shop_id"], all["o2o_guide_id"] = "9001", "G7"
	}
	for name, value := range t.Extra {
		all[name] = value
	}
	raw, _ := json.Marshal(all) // plain values
	return raw
}

// Refund is a refund of the simulated shop, in fen. Keeps is what the seller keeps of the line.
type Refund struct {
	ID, Trade, OID    int64
	Status            string
	Created, Modified time.Time
	Fen, Keeps        int64
	Extra             map[string]any
}

// Put shows the refund; its trade does not change with it.
func (f *Refund) Put(s *Shop) {
	all := map[string]any{"refund_id": f.ID, "tid": f.Trade, "oid": f.OID, "status": f.Status, "created": Time(f.Created), "modified": Time(f.Modified), "refund_fee": Yuan(f.Fen), "payment": Yuan(f.Keeps), "has_good_return": false, "num": 1, "reason": "simulated", "refund_phase": "onsale"}
	for name, value := range f.Extra {
		all[name] = value
	}
	raw, _ := json.Marshal(all) // plain values
	s.Put("refunds", gateway.Record{ID: fmt.Sprint(f.ID), Created: f.Created, Modified: f.Modified, Raw: raw})
}

// PutItem shows an item with the stock of its SKUs, by their codes; none: stock of its own.
func (s *Shop) PutItem(id int64, code string, onSale bool, stock int64, skus map[string]int64) {
	list := map[bool]string{true: "onsale", false: "instock"}[onSale]
	raw, _ := json.Marshal(map[string]any{"num_iid": id, "title": "Simulated " + code, "outer_id": code, "price": "19.90", "num": stock, "approve_status": list}) // plain values
	s.Gateway.Put("items", gateway.Record{ID: fmt.Sprint(id), Type: list, Raw: raw})
	for sku, quantity := range skus {
		raw, _ := json.Marshal(map[string]any{"num_iid": id, "sku_id": "77" + sku, "outer_id": sku, "price": "21.00", "quantity": quantity}) // plain values
		s.Gateway.Put("skus", gateway.Record{ID: sku, Type: fmt.Sprint(id), Raw: raw})
	}
}
