package pinduoduo_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/pinduoduo"
)

func (s *site) pull(t *testing.T, skew time.Duration, cursor []byte) ([]byte, error) {
	t.Helper()
	api, err := s.Open(pinduoduo.Platform(), nil, nil, skew)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	return api.Feeds()[0].Source.Pull(context.Background(), cursor, func(source.Delivery) error { return nil })
}

// Windows touch over an outage, none is longer than half an hour, and none ends later than three minutes before the
// platform's now, whatever our clock says.
func TestTrap07And08WindowsTouchAndEndInTime(t *testing.T) {
	for _, skew := range []time.Duration{0, 5 * time.Minute, -50 * time.Hour} {
		s := newSite(t, 1)
		s.order(s.Now)
		s.settle()
		cursor, err := s.pull(t, skew, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Now = s.Now.Add(70 * time.Minute)
		s.order(s.Now.Add(-10 * time.Minute))
		before, last, windows := s.sim.Before, int64(0), 0
		s.sim.Before = func(w http.ResponseWriter, method string, form url.Values) bool {
			from, errFrom := strconv.ParseInt(form.Get("start_updated_at"), 10, 64)
			to, errTo := strconv.ParseInt(form.Get("end_updated_at"), 10, 64)
			if errFrom == nil && errTo == nil {
				if to-from > 30*60 || last != 0 && from > last || to > s.Now.Add(-3*time.Minute).Unix() {
					t.Errorf("skew %s: a window from %d to %d behind %d", skew, from, to, last)
				}
				last = to
				windows++
			}
			return before(w, method, form)
		}
		if _, err := s.pull(t, skew, cursor); err != nil {
			t.Fatal(err)
		}
		if windows < 3 || last != s.Now.Add(-3*time.Minute).Unix() {
			t.Errorf("skew %s: %d windows to %d", skew, windows, last)
		}
	}
}

func TestBadAnswersAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ body, code string }{
		"no total":         {`{"order_sn_increment_get_response":{"order_sn_list":[]}}`, "field_missing"},
		"rows not shown":   {`{"order_sn_increment_get_response":{"total_count":2,"order_sn_list":[]}}`, "unexpected_answer"},
		"list of text":     {`{"order_sn_increment_get_response":{"total_count":2,"order_sn_list":"none"}}`, "unexpected_answer"},
		"row without id":   {`{"order_sn_increment_get_response":{"total_count":1,"order_sn_list":[{"updated_at":"2026-06-01 15:50:00"}]}}`, "field_missing"},
		"row without time": {`{"order_sn_increment_get_response":{"total_count":1,"order_sn_list":[{"order_sn":"1","updated_at":"soon"}]}}`, "field_unreadable"},
		"row from May":     {`{"order_sn_increment_get_response":{"total_count":1,"order_sn_list":[{"order_sn":"1","updated_at":1777000000}]}}`, "filter_ignored"},
		"no response":      {`{"result":true}`, "unexpected_answer"},
		"signature":        {`{"error_response":{"error_code":20004,"error_msg":"签名sign校验失败"}}`, "wrong_key"},
		"unknown error":    {`{"error_response":{"error_code":99999,"error_msg":"?"}}`, "error_in_answer"},
	} {
		s := newSite(t, 1)
		s.order(s.Now)
		s.settle()
		s.sim.Before = func(w http.ResponseWriter, method string, _ url.Values) bool {
			if method == "pdd.time.get" {
				return false
			}
			_, _ = w.Write([]byte(c.body)) // a client that went away
			return true
		}
		_, err := s.pull(t, 0, nil)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != c.code || fault.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
