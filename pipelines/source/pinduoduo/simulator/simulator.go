// Package simulator is a shop on a Pinduoduo that does not exist: an HTTP server that answers the questions that omoflow
// asks, over orders made from a seed. It is for tests and the demo; nothing it says is a shop's.
package simulator

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/router"
	gateway "github.com/omoflow/omoflow/pipelines/source/router/simulator"
)

var china = time.FixedZone("China", 8*60*60)

// Shop is the simulated shop. Lists: orders, refunds.
type Shop struct {
	*gateway.Gateway
}

// New makes an empty shop.
func New(now func() time.Time) *Shop {
	s := &Shop{&gateway.Gateway{Now: now}}
	s.Dialect = router.Dialect{Path: "/api/router", Method: "type", Key: "client_id", Session: "access_token"}
	s.Clock = func(text string) (time.Time, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		return time.Unix(n, 0), err
	}
	s.Answer = s.answer
	s.Explain = func(f gateway.Failure) any {
		code := map[int]int{31: 20034, 29: 10001, 25: 20004, 27: 10019}[f.Code]
		if code == 0 {
			code = f.Code
		}
		return map[string]any{"error_code": code, "error_msg": f.Message, "sub_code": nil, "sub_msg": f.Say, "request_id": "simulated"}
	}
	return s
}

func (s *Shop) answer(method string, form url.Values) (string, any, *gateway.Failure) {
	modified := func(r gateway.Record) time.Time { return r.Modified }
	switch method {
	case "pdd.time.get":
		return "time_get_response", map[string]any{"time": s.Now().In(china).Format(time.DateTime)}, nil
	case "pdd.order.number.list.increment.get":
		return s.list("order_sn_increment_get_response", "orders", "order_sn_list", modified, "updated", 30*time.Minute, []string{"order_status", "refund_status", "is_lucky_flag"}, form)
	case "pdd.order.list.get":
		return s.list("order_list_get_response", "orders", "order_list", func(r gateway.Record) time.Time { return r.Created }, "confirm", 24*time.Hour, []string{"order_status", "refund_status"}, form)
	case "pdd.refund.list.increment.get":
		return s.list("refund_increment_get_response", "refunds", "refund_list", modified, "updated", 30*time.Minute, []string{"after_sales_status", "after_sales_type"}, form)
	}
	return "", nil, &gateway.Failure{Code: 10000, Message: "no such type", Say: method}
}

func (s *Shop) list(envelope, list, inner string, by func(gateway.Record) time.Time, field string, widest time.Duration, needs []string, form url.Values) (string, any, *gateway.Failure) {
	numbers := map[string]int64{}
	for _, name := range append([]string{"start_" + field + "_at", "end_" + field + "_at", "page", "page_size"}, needs...) {
		n, err := strconv.ParseInt(form.Get(name), 10, 64)
		if err != nil {
			return "", nil, &gateway.Failure{Code: 10001, Message: "parameter is missing", Say: name}
		}
		numbers[name] = n
	}
	from, to := time.Unix(numbers["start_"+field+"_at"], 0), time.Unix(numbers["end_"+field+"_at"], 0)
	if to.Before(from) || to.Sub(from) > widest || numbers["page"] < 1 || numbers["page_size"] > 100 {
		return "", nil, &gateway.Failure{Code: 50001, Message: "the range is too long"}
	}
	rows, total := s.Page(list, by, from, to, nil, int(numbers["page"]), int(numbers["page_size"]))
	if rows == nil {
		rows = []json.RawMessage{}
	}
	return envelope, map[string]any{"total_count": total, inner: rows, "request_id": "simulated"}, nil
}

// Order is an order of the simulated shop, amounts in fen. Extra overrides what the API shows.
type Order struct {
	ID                int64
	Created, Modified time.Time
	Price, Count      int64
	Discount, Postage int64
	Extra             map[string]any
}

// SN is the number of the order.
func (o *Order) SN() string { return fmt.Sprintf("260601-%d", o.ID) }

// Fen is what the buyer pays.
func (o *Order) Fen() int64 { return o.Price*o.Count - o.Discount + o.Postage }

// Draw makes an order from a source of chance.
func Draw(r *rand.Rand, id int64, at time.Time) *Order {
	o := &Order{ID: id, Created: at, Modified: at, Price: int64(100 + r.IntN(20000)), Count: int64(1 + r.IntN(3)), Postage: int64(r.IntN(2)) * 500}
	o.Discount = o.Price * int64(r.IntN(3)) / 10
	return o
}

func yuan(fen int64) json.Number { return json.Number(fmt.Sprintf("%d.%02d", fen/100, fen%100)) }

func stamp(at time.Time) string { return at.In(china).Format(time.DateTime) }

// Put shows the order as it is now.
func (o *Order) Put(s *Shop) {
	all := map[string]any{
		"order_sn": o.SN(), "order_status": 1, "group_status": 1, "confirm_status": 1, "trade_type": 0, "is_lucky_flag": 1, "risk_control_status": 0, "refund_status": 1, "after_sales_status": 0,
		"created_time": stamp(o.Created), "confirm_time": stamp(o.Created), "pay_time": stamp(o.Created), "updated_at": stamp(o.Modified), "pay_amount": yuan(o.Fen()), "goods_amount": yuan(o.Price * o.Count),
		"discount_amount": yuan(o.Discount), "postage": yuan(o.Postage), "pay_type": "WEIXIN", "pay_no": fmt.Sprintf("XP%d", o.ID), "receiver_name": "陈**", "receiver_phone": "138****1234",
		"item_list": []any{map[string]any{"goods_id": 8000 + o.ID%50, "sku_id": 9000 + o.ID%50, "outer_id": fmt.Sprintf("SKU-%04d", o.ID%50), "goods_name": "Simulated", "goods_count": o.Count, "goods_price": yuan(o.Price)}},
	}
	for name, value := range o.Extra {
		all[name] = value
	}
	raw, _ := json.Marshal(all) // plain values
	s.Gateway.Put("orders", gateway.Record{ID: o.SN(), Created: o.Created, Modified: o.Modified, Raw: raw})
}

// PutRefund shows an after-sales case; its order does not change with it.
func (s *Shop) PutRefund(id int64, order string, status int, fen int64, at time.Time) {
	raw, _ := json.Marshal(map[string]any{"id": id, "order_sn": order, "after_sales_status": status, "after_sales_type": 2, "refund_amount": yuan(fen), "created_time": stamp(at), "updated_time": stamp(at), "goods_number": 1, "goods_name": "Simulated"}) // plain values
	s.Gateway.Put("refunds", gateway.Record{ID: fmt.Sprint(id), Created: at, Modified: at, Raw: raw})
}
