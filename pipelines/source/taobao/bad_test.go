package taobao_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/router/routertest"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
	"github.com/omoflow/omoflow/pipelines/source/taobao"
)

// answers replaces the answers of one question.
func (s *site) answers(method, body string) {
	s.sim.Before = func(w http.ResponseWriter, asked string, _ url.Values) bool {
		if asked != method {
			return false
		}
		_, _ = w.Write([]byte(body)) // a client that went away
		return true
	}
}

func TestBadAnswersAreNamed(t *testing.T) {
	const list, detail = "taobao.trades.sold.increment.get", "taobao.trade.fullinfo.get"
	for name, c := range map[string]struct{ method, body, code string }{
		"no total":          {list, `{"trades_sold_increment_get_response":{"trades":{"trade":[]}}}`, "field_missing"},
		"total of text":     {list, `{"trades_sold_increment_get_response":{"total_results":"many"}}`, "field_missing"},
		"rows not shown":    {list, `{"trades_sold_increment_get_response":{"total_results":3}}`, "unexpected_answer"},
		"list of text":      {list, `{"trades_sold_increment_get_response":{"total_results":1,"trades":"none"}}`, "unexpected_answer"},
		"list, not object":  {list, `{"trades_sold_increment_get_response":[1,2]}`, "unexpected_answer"},
		"row without tid":   {list, `{"trades_sold_increment_get_response":{"total_results":1,"trades":{"trade":[{"modified":"2026-06-01 15:59:00"}]}}}`, "field_missing"},
		"row without time":  {list, `{"trades_sold_increment_get_response":{"total_results":1,"trades":{"trade":[{"tid":1}]}}}`, "field_unreadable"},
		"row from May":      {list, `{"trades_sold_increment_get_response":{"total_results":1,"trades":{"trade":[{"tid":1,"modified":"2026-05-01 15:59:00"}]}}}`, "filter_ignored"},
		"error of text":     {list, `{"error_response":"broken"}`, "error_in_answer"},
		"another trade":     {detail, `{"trade_fullinfo_get_response":{"trade":{"tid":5,"modified":"2026-06-01 15:59:00"}}}`, "unexpected_answer"},
		"detail of a list":  {detail, `{"trade_fullinfo_get_response":[]}`, "unexpected_answer"},
		"unknown parameter": {detail, `{"error_response":{"code":40,"msg":"Missing required arguments:fields","sub_code":"isv.missing-parameter"}}`, "error_in_answer"},
		"wrong signature":   {list, `{"error_response":{"code":25,"msg":"Invalid signature"}}`, "wrong_key"},
		"nothing":           {list, ``, "not_json"},
	} {
		s := newSite(t, 1)
		s.add(3, false)
		s.answers(c.method, c.body)
		delivered := 0
		_, err := s.feed(t, "orders", nil, nil, 0).Source.Pull(context.Background(), nil, func(source.Delivery) error { delivered++; return nil })
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != c.code || fault.HintOf(err) == "" || delivered != 0 {
			t.Errorf("%s: %v (%s), %d deliveries", name, err, fault.HintOf(err), delivered)
		}
	}
}

// A trade that a list shows and that cannot be read alone is delivered as the list shows it.
func TestTradeWithoutDetailsStays(t *testing.T) {
	s := newSite(t, 1)
	s.add(3, false)
	s.answers("taobao.trade.fullinfo.get", `{"error_response":{"code":15,"msg":"Remote service error","sub_code":"isv.trade-not-exist","sub_msg":"no such trade"}}`)
	if keys, body, _ := s.pull(t, s.feed(t, "orders", nil, nil, 0), nil); len(keys) != 3 || strings.Contains(body, "divide_order_fee") {
		t.Errorf("%v %s", keys, body)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	s := newSite(t, 1)
	for name, c := range map[string]struct {
		values map[string]any
		code   string
	}{
		"literal secret":  {map[string]any{"app_secret": routertest.Secret}, "literal_secret"},
		"misspelled":      {map[string]any{"page_sizes": 3}, "unknown_key"},
		"page too large":  {map[string]any{"page_size": 101}, "invalid_config"},
		"window too wide": {map[string]any{"window": "25h"}, "invalid_config"},
		"widest too wide": {map[string]any{"widest": "25h"}, "invalid_config"},
		"unknown stream":  {map[string]any{"streams": []any{"order"}}, "unknown_stream"},
		"unknown type":    {map[string]any{"types": []any{"fixed; drop"}}, "invalid_config"},
		"signature":       {map[string]any{"sign_method": "sha1"}, "invalid_config"},
		"owner":           {map[string]any{"o2o_receipts": "both"}, "invalid_config"},
		"plain http":      {map[string]any{"url": "http://eco.taobao.com"}, "plain_http"},
	} {
		_, err := s.Open(taobao.Platform(), c.values, nil, 0)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != c.code || f.Kind != fault.Usage || fault.HintOf(err) == "" || strings.Contains(err.Error()+f.Hint, "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	s := newSite(t, 1)
	s.add(3, false)
	check := func() string {
		api, err := s.Open(taobao.Platform(), nil, nil, 20*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer api.Close()
		var lines []string
		for _, p := range api.Check(context.Background()) {
			lines = append(lines, fmt.Sprintf("%s: %s %v %s", p.What, p.Note, p.Err, fault.HintOf(p.Err)))
		}
		return strings.Join(lines, "\n")
	}
	if got := check(); !strings.Contains(got, "clock is 20m0s away") || !strings.Contains(got, "increment.get: 3 records in the last 30m0s <nil>") || !strings.Contains(got, "range filter: records changed in a year: none <nil>") {
		t.Error(got)
	}
	s.Fail(sourcetest.Forbidden, 1000)
	if got := check(); !strings.Contains(got, "permission package") || strings.Contains(got, routertest.Key) {
		t.Error(got)
	}
	s.Fail("", 0)
	s.Env["SECRET"] = "another_secret"
	if got := check(); !strings.Contains(got, "check app_key and app_secret") || strings.Contains(got, "another_secret") {
		t.Error(got)
	}
}
