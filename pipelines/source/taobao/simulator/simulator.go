// Package simulator is a shop on a Taobao that does not exist: an HTTP server that answers the questions of TOP that
// omoflow asks, over trades made from a seed. It is for tests and the demo; nothing it says is a shop's.
package simulator

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/router"
	gateway "github.com/omoflow/omoflow/pipelines/source/router/simulator"
)

var china = time.FixedZone("China", 8*60*60)

// Shop is the simulated shop. Lists: trades, refunds, items, skus.
type Shop struct {
	*gateway.Gateway
}

// New makes an empty shop.
func New(now func() time.Time) *Shop {
	s := &Shop{&gateway.Gateway{Now: now}}
	s.Dialect = router.Dialect{Path: "/router/rest", Method: "method", Key: "app_key", Session: "session"}
	s.Clock = func(text string) (time.Time, error) { return time.ParseInLocation(time.DateTime, text, china) }
	s.Answer = s.answer
	s.Explain = func(f gateway.Failure) any {
		return map[string]any{"code": f.Code, "msg": f.Message, "sub_code": f.Sub, "sub_msg": f.Say, "request_id": "simulated"}
	}
	return s
}

// Time writes a time as TOP does.
func Time(at time.Time) string { return at.In(china).Format(time.DateTime) }

func (s *Shop) answer(method string, form url.Values) (string, any, *gateway.Failure) {
	envelope := strings.ReplaceAll(strings.TrimPrefix(method, "taobao."), ".", "_") + "_response"
	modified := func(r gateway.Record) time.Time { return r.Modified }
	created := func(r gateway.Record) time.Time { return r.Created }
	switch method {
	case "taobao.time.get":
		return envelope, map[string]any{"time": Time(s.Now())}, nil
	case "taobao.trades.sold.increment.get":
		return s.list(envelope, "trades", "trade", modified, "modified", []string{"guarantee_trade", "auto_delivery", "ec", "cod", "step"}, form)
	case "taobao.trades.sold.get":
		return s.list(envelope, "trades", "trade", created, "created", []string{"guarantee_trade", "auto_delivery", "ec", "cod", "step"}, form)
	case "taobao.refunds.receive.get":
		return s.list(envelope, "refunds", "refund", modified, "modified", []string{"guarantee_trade", "auto_delivery"}, form)
	case "taobao.items.onsale.get", "taobao.items.inventory.get":
		want := map[bool]string{true: "onsale", false: "instock"}[method == "taobao.items.onsale.get"]
		page, size := number(form, "page_no", 1), number(form, "page_size", 40)
		rows, total := s.Page("items", created, time.Time{}, s.Now(), func(r gateway.Record) bool { return r.Type == want }, page, size)
		return envelope, wrap("items", "item", rows, total), nil
	case "taobao.item.skus.get":
		ids := strings.Split(form.Get("num_iids"), ",")
		rows, _ := s.Page("skus", created, time.Time{}, s.Now(), func(r gateway.Record) bool { return slices.Contains(ids, r.Type) }, 1, 1000)
		return envelope, map[string]any{"skus": map[string]any{"sku": rows}}, nil
	case "taobao.trade.fullinfo.get":
		r, ok := s.Get("trades", form.Get("tid"))
		if !ok {
			return "", nil, &gateway.Failure{Code: 15, Message: "Remote service error", Sub: "isv.trade-not-exist", Say: "no such trade"}
		}
		if r.Detail == nil {
			r.Detail = r.Raw
		}
		return envelope, map[string]any{"trade": json.RawMessage(r.Detail)}, nil
	}
	return "", nil, &gateway.Failure{Code: 22, Message: "Invalid method", Sub: "isv.invalid-method", Say: method}
}

func number(form url.Values, name string, otherwise int) int {
	if n, err := strconv.Atoi(form.Get(name)); err == nil {
		return n
	}
	return otherwise
}

func (s *Shop) list(envelope, list, inner string, by func(gateway.Record) time.Time, field string, silent []string, form url.Values) (string, any, *gateway.Failure) {
	bad := func(why string) (string, any, *gateway.Failure) {
		return "", nil, &gateway.Failure{Code: 41, Message: "Invalid arguments", Sub: "isv.invalid-parameter", Say: why}
	}
	from, err := time.ParseInLocation(time.DateTime, form.Get("start_"+field), china)
	if err != nil {
		return bad("start_" + field)
	}
	to, err := time.ParseInLocation(time.DateTime, form.Get("end_"+field), china)
	if err != nil || to.Before(from) || to.Sub(from) > 24*time.Hour {
		return bad("end_" + field)
	}
	if oldest := s.Now().AddDate(0, -3, 0); from.Before(oldest) {
		from = oldest // silently, as it is documented
	}
	page, size := number(form, "page_no", 1), number(form, "page_size", 40)
	if page < 1 || size < 1 || size > 100 {
		return bad("page_size")
	}
	if form.Get("type") != "" {
		silent = strings.Split(form.Get("type"), ",")
	}
	if slices.Contains(silent, "guarantee_trade") {
		silent = append(silent, "fixed", "auction")
	}
	rows, total := s.Page(list, by, from, to, func(r gateway.Record) bool { return r.Type == "" || slices.Contains(silent, r.Type) }, page, size)
	return envelope, wrap(list, inner, rows, total), nil
}

// wrap writes a list; TOP leaves an empty one out.
func wrap(list, inner string, rows []json.RawMessage, total int) map[string]any {
	all := map[string]any{"total_results": total, "request_id": "simulated"}
	if len(rows) > 0 {
		all[list] = map[string]any{inner: rows}
	}
	return all
}
