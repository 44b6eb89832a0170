// Package taobao is the source of a shop on Taobao or Tmall: trades, refunds, items and stock over the open platform TOP.
//
// Lists are read in closed windows of time, last page first (package window); trades are then read one by one, because
// lists leave fields out.
package taobao

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
	"github.com/omoflow/omoflow/pipelines/source/router"
	"github.com/omoflow/omoflow/pipelines/source/window"
)

// Name is the kind that omoflow.yaml names.
const Name = "taobao"

//go:embed profiles/*.yaml
var profiles embed.FS

// China is the zone of every time that the platform writes; it has had no other offset since 1991.
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
	if err := one.check(); err != nil {
		return nil, err
	}
	dialect := router.Dialect{
		Path: "/router/rest", Method: "method", Key: "app_key", Session: "session", HMAC: s.Text("sign_method") == "hmac", Judge: judge,
		Fixed: map[string]string{"format": "json", "v": "2.0", "sign_method": s.Text("sign_method")},
		Time:  func(at time.Time) string { return at.In(china).Format(time.DateTime) },
	}
	var err error
	one.gateway, err = router.New(httpapi.Common(s), dialect, router.Secrets(s, [3]string{"app_key", "app_secret", "session"}))
	return one, err
}

func (s *shop) check() error {
	bad := func(key, hint, format string, args ...any) error {
		return fault.New(fault.Usage, "invalid_config", key, hint, format, args...)
	}
	for _, name := range s.settings.List("types") {
		if !typeName(name) {
			return bad("types", "write names such as o2o_offlinetrade", "%q is not a type of trades", name)
		}
	}
	switch method, owner := s.settings.Text("sign_method"), s.settings.Text("o2o_receipts"); {
	case method != "md5" && method != "hmac":
		return bad("sign_method", "write md5 or hmac", "%q is not a signature", method)
	case owner != "here" && owner != "pos":
		return bad("o2o_receipts", "write here or pos", "%q is not an owner", owner)
	}
	return nil
}

func typeName(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// Close drops connections.
func (s *shop) Close() { s.gateway.Close() }

// judge says what an error of TOP means.
func judge(f router.Failure) error {
	sub := strings.ToLower(f.SubCode)
	switch {
	case f.Code == 7 || strings.HasPrefix(sub, "accesscontrol.") || strings.Contains(sub, "call-limited") || strings.Contains(sub, "flow-control") || f.Code == 40 && strings.Contains(sub, "limit"):
		return f.Wait()
	case f.Code == 30 || f.Code == 31 || strings.Contains(sub, "invalid-timestamp"):
		return router.ErrClock
	case f.Code == 26 || f.Code == 27 || f.Code == 53 || strings.Contains(sub, "session"):
		return f.Fault(fault.Denied, "session_ended", "the seller's consent has ended or was taken back: let the seller consent again and put the new session where its reference points")
	case slices.Contains([]int{24, 25, 28, 29}, f.Code):
		return f.Fault(fault.Denied, "wrong_key", "check app_key and app_secret; both stand in the console of the open platform")
	case slices.Contains([]int{11, 12, 13}, f.Code) || strings.Contains(sub, "permission"):
		return f.Fault(fault.Denied, "no_permission", "ask for the permission package of this question in the console of the open platform")
	case strings.HasPrefix(sub, "isp.") || f.Code == 10:
		return f.Wait() // of the platform itself: later it may work
	}
	return f.Fault(fault.Unavailable, "error_in_answer", "look the sub code up at open.taobao.com")
}

// serverNow is the platform's clock.
func (s *shop) serverNow(ctx context.Context) (time.Time, error) {
	return s.gateway.Clock(ctx, "taobao.time.get", moment)
}

// moment reads a time of the platform.
func moment(raw json.RawMessage) (time.Time, error) {
	at, err := time.ParseInLocation(time.DateTime, router.Text(raw), china)
	return at.UTC(), err
}

// list asks for a page of a list. path names the list inside of its answer.
func (s *shop) list(ctx context.Context, method, path string, params map[string]string) (window.Page, error) {
	a, err := s.gateway.Call(ctx, method, params)
	if err != nil {
		return window.Page{}, err
	}
	p := window.Page{Body: a.Body, Date: a.Date}
	said, total, err := a.List(method, "total_results")
	if p.Total = total; err != nil {
		return p, err
	}
	outer, inner, _ := strings.Cut(path, ".")
	if said[outer] == nil {
		if p.Total > 0 && params["page_no"] == "1" {
			return p, router.Unexpected(nil, method)
		}
		return p, nil // TOP leaves empty lists out
	}
	var list map[string][]json.RawMessage
	if err := json.Unmarshal(said[outer], &list); err != nil {
		return p, router.Unexpected(err, method)
	}
	p.Rows = list[inner]
	return p, nil
}

// profile gives a mapping with the configured places filled in.
func (s *shop) profile(name string) []byte {
	const store = "coalesce(txt(shop_code), txt(store_code), txt(o2o_shop))"
	place := store
	if stores := s.settings.Map("stores"); len(stores) > 0 {
		place = "CASE " + store
		for _, code := range slices.Sorted(maps.Keys(stores)) {
			place += fmt.Sprintf(" WHEN %s THEN %s", source.Quote(code), source.Quote(stores[code]))
		}
		place += " ELSE " + store + " END"
	}
	elsewhere := fmt.Sprint(s.settings.Text("o2o_receipts") == "pos")
	return source.Mapping(profiles, "taobao-"+name, "{{location}}", s.settings.Location(), "{{store}}", place, "{{elsewhere}}", elsewhere, "{{yuan}}", s.refuseYuan(name))
}

// Feeds lists the configured streams.
func (s *shop) Feeds() []source.Feed {
	return s.settings.Feeds(func(name string) source.Feed {
		feed := source.Feed{Profile: s.profile(name)}
		switch name {
		case "orders":
			f := s.orders()
			feed.Source, feed.Backfill = f, f
		case "refunds":
			feed.Source = s.refunds()
		case "items":
			feed.Source, feed.Captures = &items{s}, []string{"as_of"}
		}
		return feed
	})
}
