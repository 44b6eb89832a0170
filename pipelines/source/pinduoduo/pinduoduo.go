// Package pinduoduo is the source of a shop on Pinduoduo: orders and refunds over its open platform. Lists are read in
// closed windows of half an hour, last page first (package window).
package pinduoduo

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
	"github.com/omoflow/omoflow/pipelines/source/router"
	"github.com/omoflow/omoflow/pipelines/source/window"
)

// Name is the kind that omoflow.yaml names.
const Name = "pinduoduo"

//go:embed profiles/*.yaml
var profiles embed.FS

const longest = 24 * time.Hour // of a window by time of confirmation; what is configured has its bounds in the declaration

var china = time.FixedZone("China", 8*60*60)

// Platform is the line of the registry.
func Platform() source.Platform { return source.Platform{Declaration: declaration(), Open: open} }

type shop struct {
	gateway  *router.Gateway
	settings source.Settings
	size     int
}

func open(_ context.Context, s source.Settings) (source.API, error) {
	one := &shop{settings: s, size: int(s.Number("page_size"))}
	var err error
	one.gateway, err = router.New(httpapi.Common(s), router.Dialect{
		Path: "/api/router", Method: "type", Key: "client_id", Session: "access_token", Judge: judge, Fixed: map[string]string{"data_type": "JSON", "version": "V1"},
		Time: func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) },
	}, router.Secrets(s, [3]string{"client_id", "client_secret", "access_token"}))
	return one, err
}

// Close drops connections.
func (s *shop) Close() { s.gateway.Close() }

// judge says what an error of the platform means. Its codes are known from clients of others, not from its own text.
func judge(f router.Failure) error {
	words := strings.ToLower(f.Message + " " + f.SubMessage)
	has := func(any ...string) bool {
		return slices.ContainsFunc(any, func(one string) bool { return strings.Contains(words, one) })
	}
	switch {
	case f.Code >= 70031 && f.Code <= 70036 || f.Code == 52101 || has("频繁", "限流", "too many", "rate limit"):
		return f.Wait()
	case f.Code == 20034 || has("timestamp", "时间戳"):
		return router.ErrClock
	case f.Code == 10019 || f.Code == 10035 || f.Code == 10036 || has("access_token"):
		return f.Fault(fault.Denied, "session_ended", "the seller's consent has ended: let the seller consent again and put the new access token where its reference points")
	case f.Code == 20004 || f.Code == 10001 && has("client_id") || has("签名", "sign"):
		return f.Fault(fault.Denied, "wrong_key", "check client_id and client_secret; both stand in the console of the open platform")
	case f.Code == 20005 || f.Code == 30000 || has("无权", "权限", "permission"):
		return f.Fault(fault.Denied, "no_permission", "ask for the permission of this question in the console, and allow this machine's address there")
	case f.Code == 50000 || f.Code == 52102 || f.Code == 52103:
		return f.Wait() // of the platform itself: later it may work
	}
	return f.Fault(fault.Unavailable, "error_in_answer", "look the code up at open.pinduoduo.com")
}

// serverNow is the platform's clock.
func (s *shop) serverNow(ctx context.Context) (time.Time, error) {
	return s.gateway.Clock(ctx, "pdd.time.get", moment)
}

// moment reads a time: seconds since 1970, or China's clock.
func moment(raw json.RawMessage) (time.Time, error) {
	word := strings.Trim(strings.TrimSpace(string(raw)), `"`)
	if n, err := strconv.ParseInt(word, 10, 64); err == nil && n > 0 {
		return time.Unix(n, 0).UTC(), nil
	}
	at, err := time.ParseInLocation(time.DateTime, word, china)
	return at.UTC(), err
}

// reader asks a list by a pair of times in seconds.
func (s *shop) reader(method, list, key string, between [2]string, width time.Duration, fields []string, params map[string]string) *window.Reader {
	return &window.Reader{
		What: method, Width: width, Size: s.size,
		Ask: func(ctx context.Context, from, to time.Time, page int) (window.Page, error) {
			all := map[string]string{between[0]: strconv.FormatInt(from.Unix(), 10), between[1]: strconv.FormatInt(to.Unix(), 10), "page": strconv.Itoa(page), "page_size": strconv.Itoa(s.size), "use_has_next": "false"}
			for name, value := range params {
				all[name] = value
			}
			return s.list(ctx, method, list, all)
		},
		Row: router.Row(key, fields, moment),
	}
}

func (s *shop) list(ctx context.Context, method, list string, params map[string]string) (window.Page, error) {
	a, err := s.gateway.Call(ctx, method, params)
	if err != nil {
		return window.Page{}, err
	}
	p := window.Page{Body: a.Body, Date: a.Date}
	said, total, err := a.List(method, "total_count")
	if p.Total = total; err != nil {
		return p, err
	}
	if said[list] != nil {
		err = json.Unmarshal(said[list], &p.Rows)
	}
	if err != nil || len(p.Rows) == 0 && p.Total > 0 && params["page"] == "1" {
		return p, router.Unexpected(nil, method)
	}
	return p, nil
}

// orders is the stream of orders: the changed ones going forward, the confirmed ones of the past. Every filter is named.
func (s *shop) orders() *window.Feed {
	all := map[string]string{"order_status": "5", "refund_status": "5", "is_lucky_flag": "0"}
	return window.Feed{
		Declaration: declaration, Name: "orders", Now: s.serverNow,
		Forward: s.reader("pdd.order.number.list.increment.get", "order_sn_list", "order_sn", [2]string{"start_updated_at", "end_updated_at"}, s.settings.Duration("window"), []string{"updated_at"}, all),
		Past:    s.reader("pdd.order.list.get", "order_list", "order_sn", [2]string{"start_confirm_at", "end_confirm_at"}, longest, []string{"confirm_time"}, map[string]string{"order_status": "5", "refund_status": "5"}),
	}.Configured(s.settings)
}

func (s *shop) refunds() *window.Feed {
	params := map[string]string{"after_sales_status": "1", "after_sales_type": "1"}
	return window.Feed{
		Declaration: declaration, Name: "refunds", Now: s.serverNow,
		Forward: s.reader("pdd.refund.list.increment.get", "refund_list", "id", [2]string{"start_updated_at", "end_updated_at"}, s.settings.Duration("window"), []string{"updated_time", "updated_at"}, params),
	}.Configured(s.settings)
}

// Feeds lists the configured streams.
func (s *shop) Feeds() []source.Feed {
	return s.settings.Feeds(func(name string) source.Feed {
		feed := source.Feed{Profile: source.Mapping(profiles, "pinduoduo-"+name, "{{location}}", s.settings.Location())}
		switch name {
		case "orders":
			f := s.orders()
			feed.Source, feed.Backfill = f, f
		case "refunds":
			feed.Source = s.refunds()
		}
		return feed
	})
}

// Check asks one question of every permission, compares the clocks, and tries what the reading depends on.
func (s *shop) Check(ctx context.Context) []source.Probe {
	now, err := s.serverNow(ctx)
	if err != nil {
		return []source.Probe{{What: "clock", Err: err}}
	}
	probes := []source.Probe{s.gateway.ClockProbe(now, now.In(china).Format(time.DateTime))}
	for _, name := range s.settings.List("streams") {
		f := s.orders()
		if name == "refunds" {
			f = s.refunds()
		}
		end := now.Add(-f.Lag)
		p, err := f.Forward.Ask(ctx, end.Add(-f.Forward.Width), end, 1)
		probes = append(probes, source.Probe{What: f.Forward.What, Note: fmt.Sprintf("%d records in the last %s", p.Total, f.Forward.Width), Err: err})
	}
	return append(probes, s.gateway.HistoryProbe(s.settings))
}
