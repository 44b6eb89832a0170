// Package woocommerce is the source of a WooCommerce shop: orders, refunds, products, customers and stock over REST wc/v3.
//
// Orders and refunds are walked by their time, never by page number: each question asks for what lies behind the last row
// seen, so that an edit between two questions cannot hide a row. What no cursor shows (trash, permanent deletes, edits
// without a new date) is found by comparing ids once a day.
package woocommerce

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/jsonscan"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

// Name is the kind that omoflow.yaml names.
const Name = "woocommerce"

//go:embed profiles/*.yaml
var profiles embed.FS

// Platform is the line of the registry.
func Platform() source.Platform { return source.Platform{Declaration: declaration(), Open: open} }

// shop is an opened WooCommerce.
type shop struct {
	client   *httpapi.Client
	settings source.Settings
	size     int
	overlap  time.Duration
	lag      time.Duration
	now      func() time.Time
}

func open(_ context.Context, s source.Settings) (source.API, error) {
	one := &shop{settings: s, size: int(s.Number("page_size")), overlap: s.Duration("overlap"), lag: s.Duration("lag"), now: s.Now}
	if one.now == nil {
		one.now = time.Now
	}
	for from, to := range s.Map("statuses") {
		if !slices.Contains(canonicalStatuses(), to) {
			return nil, fault.New(fault.Usage, "invalid_config", "statuses."+from, "write one of "+strings.Join(canonicalStatuses(), ", "), "%q is not a status", to)
		}
	}
	if err := checkMeta(s); err != nil {
		return nil, err
	}
	options := httpapi.Common(s)
	read := func(ctx context.Context) (secret.Value, secret.Value, error) {
		key, err := s.Secret(ctx, "key")
		if err != nil {
			return key, key, err
		}
		password, err := s.Secret(ctx, "secret")
		return key, password, err
	}
	if strings.HasPrefix(strings.ToLower(options.Base), "http://") {
		options.Auth = httpapi.OAuth1(read, one.now, nil) // WordPress takes Basic over TLS only
	} else {
		options.Auth = httpapi.Basic(read)
	}
	options.Judge = judge
	var err error
	one.client, err = httpapi.New(options)
	return one, err
}

// Close drops connections.
func (s *shop) Close() { s.client.Close() }

// judge finds errors in answers of status 200: a plugin's error object, a page of HTML, a throttle in words.
func judge(a *httpapi.Response) (time.Duration, error) {
	if err := httpapi.IsJSON(a); err != nil {
		return 0, err
	}
	var said struct {
		Code    json.RawMessage `json:"code"`
		Message string          `json:"message"`
		Data    struct {
			Status     int     `json:"status"`
			RetryAfter float64 `json:"retry_after"`
		} `json:"data"`
	}
	if a.Body[0] != '{' || json.Unmarshal(a.Body, &said) != nil || said.Code == nil || said.Message == "" {
		return 0, nil
	}
	if said.Data.Status == http.StatusTooManyRequests || said.Data.Status == http.StatusServiceUnavailable || strings.Contains(string(said.Code), "rate_limit") || strings.Contains(string(said.Code), "too_many") {
		return 0, &httpapi.Throttled{Wait: time.Duration(said.Data.RetryAfter * float64(time.Second)), Note: string(said.Code)}
	}
	return 0, fault.New(fault.Unavailable, "error_in_answer", "", "look at the shop's log; a plugin may answer in the API's place", "the answer of status 200 is an error: %s %s", said.Code, said.Message)
}

const root = "/wp-json/wc/v3/"

// answer is a page of rows and what its headers say.
type answer struct {
	rows  []json.RawMessage
	body  []byte
	total int64 // -1: not said
	date  time.Time
}

// list asks for a page. Anything but a list is an error.
func (s *shop) list(ctx context.Context, path string, query url.Values) (answer, error) {
	got, err := s.client.Do(ctx, httpapi.Request{Path: root + path, Query: query})
	if err != nil {
		return answer{}, err
	}
	a := answer{body: got.Body, total: -1, date: s.serverTime(got)}
	if n, err := strconv.ParseInt(got.Header.Get("X-WP-Total"), 10, 64); err == nil {
		a.total = n
	}
	if err := jsonscan.Elements(got.Body, func(row []byte) error { a.rows = append(a.rows, row); return nil }); err != nil {
		return a, fault.Wrap(err, fault.Unavailable, "unexpected_answer", path, "open the address in a browser: something else answers in the API's place", "the answer is not a list of records")
	}
	return a, nil
}

// serverTime is the shop's clock. Ours is used only when the server sends none.
func (s *shop) serverTime(r *httpapi.Response) time.Time {
	if at := r.Date(); !at.IsZero() {
		return at
	}
	return s.now().UTC().Truncate(time.Second)
}

// stamp is how WooCommerce writes UTC in its _gmt fields and reads it under dates_are_gmt.
const stamp = "2006-01-02T15:04:05"

func parseStamp(text string) (time.Time, error) {
	return time.Parse(stamp, strings.TrimSuffix(text, "Z"))
}

// serverNow asks for the shop's clock with the cheapest question there is.
func (s *shop) serverNow(ctx context.Context) (time.Time, error) {
	a, err := s.list(ctx, "orders", url.Values{"per_page": {"1"}, "_fields": {"id"}})
	return a.date, err
}

// profile gives a mapping with the configured statuses and places filled in.
func (s *shop) profile(name string) []byte {
	known, cases := "", ""
	for _, one := range s.statuses() {
		known += ", " + source.Quote(one[0])
		cases += fmt.Sprintf(" WHEN %s THEN %s", source.Quote(one[0]), source.Quote(one[1]))
	}
	places := []string{"{{statuses}}", strings.TrimPrefix(known, ", "), "{{cases}}", cases, "{{location}}", s.settings.Location(), "{{zone}}", s.settings.LocalZone(), "{{stock_location}}", cmp.Or(s.settings.Text("stock_location_id"), s.settings.Location())}
	return source.Mapping(profiles, name, slices.Concat(places, s.plugins(), s.taxes())...)
}

func canonicalStatuses() []string {
	return []string{"open", "unpaid", "paid", "part_fulfilled", "fulfilled", "completed", "cancelled", "refunded"}
}

// statuses are WooCommerce's own and the configured ones, which win. Any other is quarantined.
func (s *shop) statuses() [][2]string {
	all := [][2]string{
		{"auto-draft", "open"}, {"cancelled", "cancelled"}, {"checkout-draft", "open"}, {"completed", "completed"}, {"failed", "cancelled"},
		{"on-hold", "unpaid"}, {"pending", "unpaid"}, {"processing", "paid"}, {"refunded", "refunded"}, {"trash", "cancelled"},
	}
	for from, to := range s.settings.Map("statuses") {
		from = strings.TrimPrefix(from, "wc-")
		i := slices.IndexFunc(all, func(one [2]string) bool { return one[0] == from })
		if i < 0 {
			all = append(all, [2]string{from, to})
		} else {
			all[i][1] = to
		}
	}
	slices.SortFunc(all, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return all
}

// Feeds lists the configured streams.
func (s *shop) Feeds() []source.Feed {
	return s.settings.Feeds(func(name string) source.Feed {
		feed := source.Feed{Profile: s.profile(name)}
		switch name {
		case "orders":
			o := &orders{s, map[string]bool{}}
			feed.Source, feed.Reconcile, feed.Backfill, feed.Facts = o, o, o, []string{"total_amount"}
		case "refunds":
			r := &refunds{s}
			feed.Source, feed.Reconcile, feed.Backfill, feed.Captures, feed.Facts, feed.Ask = r, r, r, []string{"order"}, []string{"order_id"}, r.ask
		case "products":
			p := &products{s}
			feed.Source, feed.Reconcile, feed.Facts = p, p, []string{"is_active"}
		case "customers":
			c := &customers{s}
			feed.Source, feed.Reconcile, feed.Facts = c, c, []string{"is_deleted"}
		case "stock":
			feed.Source, feed.Captures = &stock{s}, []string{"as_of"}
		}
		return feed
	})
}
