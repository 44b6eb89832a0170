// Package simulator is a WooCommerce that does not exist: an HTTP server that speaks the part of REST wc/v3 that omoflow
// reads, over orders made from a seed or over recorded ones. It is for tests, benchmarks and the demo; nothing it says is
// a shop's. What it does was checked against recordings of WooCommerce 11.0.1: strict filters of whole seconds, zones of
// times with and without dates_are_gmt, hidden statuses, pages, totals, errors.
package simulator

import (
	"encoding/json"
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
	// Render, when set, makes the object anew for each answer, as a shop does.
	Render func() []byte
}

func (r *Record) raw() []byte {
	if r.Render != nil {
		return r.Render()
	}
	return r.Raw
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
	ready map[string][]*Record // lists in an order that was asked for; emptied by every change
	calls int
}

// New makes an empty shop that keeps the time of a zone.
func New(zone *time.Location, now func() time.Time) *Shop {
	return &Shop{Zone: zone, Now: now, lists: map[string][]*Record{}, ready: map[string][]*Record{}, Registered: []string{"pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed"}}
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
	clear(s.ready)
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
	clear(s.ready)
	s.lists[list] = make([]*Record, len(records))
	for i := range records {
		s.lists[list][i] = &records[i]
	}
}

// Remove deletes a record for ever.
func (s *Shop) Remove(list string, id int64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	clear(s.ready)
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
	_, _ = w.Write(r.raw()) // a client that went away
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
