// Package simulator is a WooCommerce that does not exist: an HTTP server that speaks the part of REST wc/v3 that omoflow
// reads, over orders made from a seed or over recorded ones. It is for tests, benchmarks and the demo; nothing it says is
// a shop's. What it does was checked against recordings of WooCommerce 11.0.1: strict filters of whole seconds, zones of
// times with and without dates_are_gmt, hidden statuses, pages, totals, errors.
package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

const stamp = "2006-01-02T15:04:05"

// Record is a row of a list.
type Record struct {
	ID, Parent        int64
	Status            string // of orders and products
	Created, Modified time.Time
	Raw               []byte // the object as the API shows it
}

// Shop is the server's state. All methods may be used while it serves.
type Shop struct {
	Zone       *time.Location
	Key        string // consumer key; "": everybody may read
	Secret     string
	OrderTable bool // HPOS: orders of unregistered statuses are in no list
	Registered []string
	Now        func() time.Time
	// Before sees every request first; true means that it has answered.
	Before func(w http.ResponseWriter, r *http.Request) bool

	mutex sync.Mutex
	lists map[string][]*Record // orders, refunds, products, variations, customers, webhooks
	calls int
}

// New makes an empty shop that keeps the time of a zone.
func New(zone *time.Location, now func() time.Time) *Shop {
	return &Shop{Zone: zone, Now: now, lists: map[string][]*Record{}, Registered: []string{"pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed"}}
}

// Calls counts the requests answered.
func (s *Shop) Calls() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.calls
}

// Put adds or replaces a record of a list.
func (s *Shop) Put(list string, r Record) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i, old := range s.lists[list] {
		if old.ID == r.ID {
			s.lists[list][i] = &r
			return
		}
	}
	s.lists[list] = append(s.lists[list], &r)
}

// Fill makes records the whole of a list. No two may have one ID.
func (s *Shop) Fill(list string, records []Record) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.lists[list] = make([]*Record, len(records))
	for i := range records {
		s.lists[list][i] = &records[i]
	}
}

// Remove deletes a record for ever.
func (s *Shop) Remove(list string, id int64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.lists[list] = slices.DeleteFunc(s.lists[list], func(r *Record) bool { return r.ID == id })
}

// Get finds a record.
func (s *Shop) Get(list string, id int64) (Record, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, r := range s.lists[list] {
		if r.ID == id {
			return *r, true
		}
	}
	return Record{}, false
}

// All gives copies of all records of a list.
func (s *Shop) All(list string) []Record {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	all := make([]Record, len(s.lists[list]))
	for i, r := range s.lists[list] {
		all[i] = *r
	}
	return all
}

// ReadRecord makes a Record of an object as the API shows it.
func ReadRecord(raw []byte) (Record, error) {
	var one struct {
		ID       int64  `json:"id"`
		Parent   int64  `json:"parent_id"`
		Status   string `json:"status"`
		Created  string `json:"date_created_gmt"`
		Modified string `json:"date_modified_gmt"`
	}
	if err := json.Unmarshal(raw, &one); err != nil {
		return Record{}, err
	}
	r := Record{ID: one.ID, Parent: one.Parent, Status: one.Status, Raw: raw}
	r.Created, _ = time.Parse(stamp, one.Created)   // a refund has no date of change
	r.Modified, _ = time.Parse(stamp, one.Modified) // and a customer none of creation
	return r, nil
}

func (s *Shop) refuse(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": message, "data": map[string]any{"status": status}}) // a client that went away
}

// ServeHTTP answers as WooCommerce would.
func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	s.calls++
	s.mutex.Unlock()
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("X-Simulator", "not a real shop")
	if s.Before != nil && s.Before(w, r) {
		return
	}
	if r.URL.Path == "/wp-json/" {
		_ = json.NewEncoder(w).Encode(map[string]any{"name": "Simulated shop", "url": "https://shop.example", "gmt_offset": 0, "timezone_string": s.Zone.String()})
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/wp-json/wc/v3/")
	if !ok {
		s.refuse(w, 404, "rest_no_route", "No route was found matching the URL and request method.")
		return
	}
	if code, message := s.denied(r); code != "" {
		s.refuse(w, 401, code, message)
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.route(w, strings.Split(path, "/"), r.URL.Query())
}

// denied checks the credentials: Basic over TLS, OAuth 1.0a signatures over plain http.
func (s *Shop) denied(r *http.Request) (code, message string) {
	if s.Key == "" {
		return "", ""
	}
	if r.TLS == nil {
		q := r.URL.Query()
		if q.Get("oauth_consumer_key") == "" {
			return "woocommerce_rest_cannot_view", "Sorry, you cannot list resources."
		}
		address := &url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path}
		if q.Get("oauth_consumer_key") != s.Key || httpapi.Signature1(r.Method, address, q, s.Secret) != q.Get("oauth_signature") {
			return "woocommerce_rest_authentication_error", "Invalid signature - provided signature does not match."
		}
		return "", ""
	}
	key, password, ok := r.BasicAuth()
	switch {
	case !ok:
		return "woocommerce_rest_cannot_view", "Sorry, you cannot list resources."
	case key != s.Key:
		return "woocommerce_rest_authentication_error", "Consumer key is invalid."
	case password != s.Secret:
		return "woocommerce_rest_authentication_error", "Consumer secret is invalid."
	}
	return "", ""
}

func (s *Shop) route(w http.ResponseWriter, parts []string, q url.Values) {
	switch {
	case len(parts) == 3 && parts[0] == "reports" && parts[1] == "orders" && parts[2] == "totals":
		s.totals(w)
	case len(parts) == 1 && s.known(parts[0]):
		s.list(w, parts[0], 0, q)
	case len(parts) == 2 && s.known(parts[0]):
		s.single(w, parts[0], parts[1], 0)
	case len(parts) >= 3 && (parts[0] == "orders" && parts[2] == "refunds" || parts[0] == "products" && parts[2] == "variations"):
		parent, err := strconv.ParseInt(parts[1], 10, 64)
		if _, ok := s.find(parts[0], parent); err != nil || !ok {
			s.refuse(w, 404, "woocommerce_rest_invalid_id", "Invalid ID.")
			return
		}
		if len(parts) == 4 {
			s.single(w, parts[2], parts[3], parent)
			return
		}
		s.list(w, parts[2], parent, q)
	default:
		s.refuse(w, 404, "rest_no_route", "No route was found matching the URL and request method.")
	}
}

func (s *Shop) known(list string) bool {
	return slices.Contains([]string{"orders", "refunds", "products", "variations", "customers", "webhooks"}, list)
}

func (s *Shop) find(list string, id int64) (*Record, bool) {
	for _, r := range s.lists[list] {
		if r.ID == id {
			return r, true
		}
	}
	return nil, false
}

func (s *Shop) single(w http.ResponseWriter, list, text string, parent int64) {
	id, _ := strconv.ParseInt(text, 10, 64) // no number is no id
	r, ok := s.find(list, id)
	if !ok || parent != 0 && r.Parent != parent {
		s.refuse(w, 404, "woocommerce_rest_shop_"+strings.TrimSuffix(list, "s")+"_invalid_id", "Invalid ID.")
		return
	}
	_, _ = w.Write(r.Raw) // a client that went away
}

func (s *Shop) totals(w http.ResponseWriter) {
	var all []map[string]any
	for _, status := range append(slices.Clone(s.Registered), "checkout-draft") {
		n := 0
		for _, r := range s.lists["orders"] {
			n += map[bool]int{true: 1}[r.Status == status]
		}
		all = append(all, map[string]any{"slug": status, "name": status, "total": n})
	}
	_ = json.NewEncoder(w).Encode(all) // a client that went away
}

// list answers a list with its filters, order and page.
func (s *Shop) list(w http.ResponseWriter, list string, parent int64, q url.Values) {
	size, page := 10, 1
	var err error
	if text := q.Get("per_page"); text != "" {
		if size, err = strconv.Atoi(text); err != nil || size < 1 || size > 100 {
			s.refuse(w, 400, "rest_invalid_param", "Invalid parameter(s): per_page")
			return
		}
	}
	if text := q.Get("page"); text != "" {
		page, _ = strconv.Atoi(text) // no number is page 0, which is past every end
	}
	keep, bad := s.filter(list, q)
	if bad != "" {
		s.refuse(w, 400, "rest_invalid_param", "Invalid parameter(s): "+bad)
		return
	}
	var rows []*Record
	for _, r := range s.lists[list] {
		if (parent == 0 || r.Parent == parent) && keep(r) {
			rows = append(rows, r)
		}
	}
	sortRows(rows, list, q)
	pages := (len(rows) + size - 1) / size
	w.Header().Set("X-WP-Total", strconv.Itoa(len(rows)))
	w.Header().Set("X-WP-TotalPages", strconv.Itoa(pages))
	from := min(max(page-1, 0)*size, len(rows))
	to := min(from+size, len(rows))
	if page < pages {
		next := url.Values{}
		for name, values := range q {
			next[name] = values
		}
		next.Set("page", strconv.Itoa(page+1))
		w.Header().Set("Link", fmt.Sprintf(`<https://shop.example/wp-json/wc/v3/%s?%s>; rel="next"`, list, next.Encode()))
	}
	out := []byte{'['}
	for i, r := range rows[from:to] {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, fields(r.Raw, q.Get("_fields"))...)
	}
	_, _ = w.Write(append(out, ']')) // a client that went away
}

func sortRows(rows []*Record, list string, q url.Values) {
	by := func(r *Record) int64 { return r.ID }
	switch q.Get("orderby") {
	case "modified":
		by = func(r *Record) int64 { return r.Modified.Unix() }
	case "date":
		by = func(r *Record) int64 { return r.Created.Unix() }
	}
	slices.SortStableFunc(rows, func(a, b *Record) int {
		if d := by(a) - by(b); d != 0 {
			return int(d)
		}
		return int(a.ID - b.ID)
	})
	if order := q.Get("order"); order == "desc" || order == "" && list != "customers" {
		slices.Reverse(rows)
	}
}

// filter gives the condition of a list, or the parameter that is wrong.
func (s *Shop) filter(list string, q url.Values) (keep func(*Record) bool, bad string) {
	times := map[string]time.Time{}
	for _, name := range []string{"after", "before", "modified_after", "modified_before"} {
		if text := q.Get(name); text != "" && list != "customers" { // customers ignore them
			at, err := s.instant(text, q.Get("dates_are_gmt"))
			if err != nil {
				return nil, name
			}
			times[name] = at
		}
	}
	status := q.Get("status")
	if status != "" && status != "any" && list == "orders" && !slices.Contains(append([]string{"trash", "checkout-draft", "auto-draft"}, s.Registered...), status) {
		return nil, "status"
	}
	var include []string
	if text := q.Get("include"); text != "" {
		include = strings.Split(text, ",")
	}
	return func(r *Record) bool {
		if at, ok := times["after"]; ok && !r.Created.After(at) {
			return false
		}
		if at, ok := times["before"]; ok && !r.Created.Before(at) {
			return false
		}
		if at, ok := times["modified_after"]; ok && !r.Modified.After(at) {
			return false
		}
		if at, ok := times["modified_before"]; ok && !r.Modified.Before(at) {
			return false
		}
		if include != nil && !slices.Contains(include, strconv.FormatInt(r.ID, 10)) {
			return false
		}
		switch list {
		case "orders":
			return s.listed(r, status)
		case "customers":
			return q.Get("role") == "all" || r.Status == "" || r.Status == "customer"
		case "refunds":
			parent, ok := s.find("orders", r.Parent)
			return s.OrderTable || !ok || parent.Status != "trash" // classic storage hides the refunds of trashed orders
		}
		return true
	}, ""
}

func (s *Shop) listed(r *Record, status string) bool {
	if status != "" && status != "any" {
		return r.Status == status
	}
	hidden := []string{"trash", "checkout-draft", "auto-draft"}
	return !slices.Contains(hidden, r.Status) && (!s.OrderTable || slices.Contains(s.Registered, r.Status))
}

// instant reads a time as WooCommerce does: without a zone it is the site's, with dates_are_gmt every zone is dropped and
// the rest taken for GMT.
func (s *Shop) instant(text, flag string) (time.Time, error) {
	gmt := flag == "true" || flag == "1"
	for _, layout := range []string{time.RFC3339, stamp, time.DateOnly} {
		at, err := time.Parse(layout, text)
		switch {
		case err != nil:
			continue
		case gmt:
			return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC), nil
		case layout == time.RFC3339:
			return at.UTC(), nil
		}
		return time.ParseInLocation(layout, text, s.Zone)
	}
	return time.Time{}, fmt.Errorf("invalid date %q", text)
}

// fields leaves of an object what was asked for.
func fields(raw []byte, list string) []byte {
	if list == "" {
		return raw
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return raw
	}
	out := []byte{'{'}
	for _, name := range strings.Split(list, ",") {
		if value, ok := all[name]; ok {
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(append(append(out, '"'), name...), '"', ':')
			out = append(out, value...)
		}
	}
	return append(out, '}')
}
