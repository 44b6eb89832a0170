// Package simulator is a simulated Shopify: not the real one. It answers the GraphQL operations that omoflow sends, told
// apart by their names, with paging, a leaky bucket of points, bulk operations, tokens that end and search warnings.
package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Record is an object of the shop. Its lists named in connections are paged.
type Record struct {
	ID               int64
	Created, Updated time.Time
	Node             map[string]any
}

// Bulk is the result of a bulk operation; tests change it before it is handed out.
type Bulk struct {
	Lines           []string
	Objects, Roots  int
	Status, Partial string
}

// Shop is a simulated shop.
type Shop struct {
	Token, ClientID, ClientSecret string
	Scopes                        []string
	Version                       string // that answers
	Zone                          string
	URL                           string // of the server, for results of bulk operations
	Now                           func() time.Time
	Before                        func(http.ResponseWriter, *http.Request) bool // true: it answered
	Nested                        int                                           // most elements of a list inside a record
	SamePage, IgnoreSearch        bool
	Ended                         bool // page tokens have ended
	OnBulk                        func(*Bulk)
	Rename                        string // a search field that this version does not know any more
	UserError                     string // that refuses bulk operations

	mutex   sync.Mutex
	roots   map[string]map[int64]Record
	calls   int
	issued  int
	bulk    Bulk
	polls   int
	file    []byte
	Queries []string // operations asked for
}

// New makes an empty shop.
func New(now func() time.Time) *Shop {
	return &Shop{Token: "shpat_simulated", Scopes: []string{"read_orders", "read_all_orders", "read_customers", "read_products", "read_inventory", "read_locations", "read_returns"},
		Version: "2026-04", Zone: "Asia/Shanghai", Now: now, Nested: 2, roots: map[string]map[int64]Record{}}
}

// Put adds or replaces an object.
func (s *Shop) Put(root string, r Record) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.roots[root] == nil {
		s.roots[root] = map[int64]Record{}
	}
	s.roots[root][r.ID] = r
}

// Remove deletes an object for ever.
func (s *Shop) Remove(root string, id int64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.roots[root], id)
}

// Calls counts GraphQL requests.
func (s *Shop) Calls() int { return s.calls }

const stamp = "2006-01-02T15:04:05Z"

// ServeHTTP answers like the Admin API.
func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
	switch {
	case r.URL.Path == "/admin/oauth/access_token":
		if err := r.ParseForm(); err != nil || r.Form.Get("client_secret") != s.ClientSecret || r.Form.Get("client_id") != s.ClientID {
			http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
			return
		}
		s.issued++ // each token is another; the latest holds
		s.write(w, map[string]any{"access_token": fmt.Sprintf("%s-%d", s.Token, s.issued), "expires_in": 86399})
		return
	case r.URL.Path == "/bulk/result.jsonl":
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(s.file)))
		return
	case !strings.HasSuffix(r.URL.Path, "/graphql.json"):
		http.NotFound(w, r)
		return
	}
	s.calls++
	if s.Before != nil && s.Before(w, r) {
		return
	}
	if got := r.Header.Get("X-Shopify-Access-Token"); got != s.Token && (s.issued == 0 || got != fmt.Sprintf("%s-%d", s.Token, s.issued)) {
		http.Error(w, `{"errors":"[API] Invalid API key or access token"}`, http.StatusUnauthorized)
		return
	}
	w.Header().Set("X-Shopify-Api-Version", s.Version)
	var q request
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || json.Unmarshal(body, &q) != nil {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.Queries = append(s.Queries, q.Operation)
	s.write(w, s.answer(q))
}

type request struct {
	Operation string `json:"operationName"`
	Query     string `json:"query"`
	Variables struct {
		First  int      `json:"first"`
		After  string   `json:"after"`
		Search string   `json:"query"`
		ID     string   `json:"id"`
		IDs    []string `json:"ids"`
	} `json:"variables"`
}

func (s *Shop) write(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the client that went away is told nothing
}

func cost() map[string]any {
	return map[string]any{"requestedQueryCost": 12, "actualQueryCost": 5, "throttleStatus": map[string]any{"maximumAvailable": 2000, "currentlyAvailable": 1995, "restoreRate": 100}}
}

var rootPattern = regexp.MustCompile(`\{ ([a-zA-Z]+)\(`)

func (s *Shop) answer(q request) any {
	data := map[string]any{}
	extensions := map[string]any{"cost": cost()}
	name, _, _ := strings.Cut(q.Operation, "_")
	switch name {
	case "about":
		var scopes []any
		for _, one := range s.Scopes {
			scopes = append(scopes, map[string]any{"handle": one})
		}
		data["shop"] = map[string]any{"name": "Simulated", "ianaTimezone": s.Zone}
		data["currentAppInstallation"] = map[string]any{"accessScopes": scopes}
	case "list", "ids", "probe":
		root := rootPattern.FindStringSubmatch(q.Query)[1]
		if q.Variables.After != "" && s.Ended {
			return map[string]any{"errors": []any{map[string]any{"message": "Invalid cursor for current pagination sort."}}}
		}
		list, unknown := s.find(root, q.Variables.Search, !strings.Contains(q.Query, "sortKey: UPDATED_AT"))
		if unknown != "" {
			extensions["search"] = []any{map[string]any{"path": []any{root}, "query": q.Variables.Search, "warnings": []any{map[string]any{"field": unknown, "message": "Invalid search field for this query.", "code": "invalid_field"}}}}
		}
		data[root] = s.cutPage(list, q)
	case "count":
		list, _ := s.find("orders", q.Variables.Search, true)
		data["ordersCount"] = map[string]any{"count": len(list)}
	case "nodes":
		var nodes []any
		for _, id := range q.Variables.IDs {
			nodes = append(nodes, s.byID(id))
		}
		data["nodes"] = nodes
	case "more":
		parts := strings.SplitN(q.Operation, "_", 3)
		raw := s.rawByID(q.Variables.ID)
		if raw == nil {
			data["node"] = nil
			break
		}
		list, _ := raw[parts[2]].([]any)
		from, _ := strconv.Atoi(q.Variables.After)
		data["node"] = map[string]any{parts[2]: s.connection(list, from)}
	case "bulk":
		s.bulkAnswer(q, data)
	default:
		return map[string]any{"errors": []any{map[string]any{"message": "the simulator does not know " + q.Operation}}}
	}
	return map[string]any{"data": data, "extensions": extensions}
}

var condition = regexp.MustCompile(`([a-z_]+):(>=|<)'([^']+)'`)

// find gives the matching objects in order. A field that it does not know matches everything, as at Shopify.
func (s *Shop) find(root, search string, byID bool) (all []Record, unknown string) {
	for _, r := range s.roots[root] {
		ok := true
		if root == "orders" && !strings.Contains(strings.Join(s.Scopes, " "), "read_all_orders") && r.Created.Before(s.Now().AddDate(0, 0, -60)) {
			continue
		}
		for _, c := range condition.FindAllStringSubmatch(search, -1) {
			at, err := time.Parse(stamp, c[3])
			field, known := map[string]time.Time{"updated_at": r.Updated, "created_at": r.Created}[c[1]]
			switch {
			case !known || err != nil || c[1] == s.Rename:
				unknown = c[1]
			case s.IgnoreSearch:
			case c[2] == ">=":
				ok = ok && !field.Before(at)
			default:
				ok = ok && field.Before(at)
			}
		}
		if ok {
			all = append(all, r)
		}
	}
	sort.Slice(all, func(i, j int) bool {
		if byID || all[i].Updated.Equal(all[j].Updated) {
			return all[i].ID < all[j].ID
		}
		return all[i].Updated.Before(all[j].Updated)
	})
	return all, unknown
}

// cutPage gives the rows behind a token, which names the last row's time and id.
func (s *Shop) cutPage(all []Record, q request) any {
	byID := !strings.Contains(q.Query, "sortKey: UPDATED_AT")
	key := func(r Record) string {
		if byID {
			return fmt.Sprintf("%019d", r.ID)
		}
		return fmt.Sprintf("%s/%019d", r.Updated.UTC().Format(stamp), r.ID)
	}
	from := 0
	for q.Variables.After != "" && !s.SamePage && from < len(all) && key(all[from]) <= q.Variables.After {
		from++
	}
	to := min(from+q.Variables.First, len(all))
	nodes := []any{}
	end := ""
	for _, r := range all[from:to] {
		nodes = append(nodes, s.render(r.Node))
		end = key(r)
	}
	return map[string]any{"nodes": nodes, "pageInfo": map[string]any{"hasNextPage": to < len(all), "endCursor": end}}
}

func isConnection(name string) bool {
	switch name {
	case "lineItems", "refundLineItems", "refundShippingLines", "returns", "returnLineItems", "variants", "inventoryLevels":
		return true
	}
	return false
}

func (s *Shop) connection(list []any, from int) any {
	from = min(from, len(list)) // the list became shorter
	to := min(from+s.Nested, len(list))
	nodes := []any{}
	for _, one := range list[from:to] {
		nodes = append(nodes, s.render(one))
	}
	return map[string]any{"nodes": nodes, "pageInfo": map[string]any{"hasNextPage": to < len(list), "endCursor": strconv.Itoa(to)}}
}

// render makes connections of lists.
func (s *Shop) render(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			if list, ok := inner.([]any); ok && isConnection(name) {
				out[name] = s.connection(list, 0)
				continue
			}
			out[name] = s.render(inner)
		}
		return out
	case []any:
		out := []any{}
		for _, one := range v {
			out = append(out, s.render(one))
		}
		return out
	}
	return value
}

func (s *Shop) byID(id string) any {
	if raw := s.rawByID(id); raw != nil {
		return s.render(raw)
	}
	return nil
}

func (s *Shop) rawByID(id string) map[string]any {
	for _, records := range s.roots {
		for _, r := range records {
			if r.Node["id"] == id {
				return r.Node
			}
		}
	}
	for _, records := range s.roots {
		for _, r := range records {
			if found := search(r.Node, id); found != nil {
				return found
			}
		}
	}
	return nil
}

// search looks for an object that is a record or listed in one.
func search(value any, id string) map[string]any {
	switch v := value.(type) {
	case map[string]any:
		if v["id"] == id && len(v) > 1 {
			return v
		}
		for _, inner := range v {
			if found := search(inner, id); found != nil {
				return found
			}
		}
	case []any:
		for _, one := range v {
			if found := search(one, id); found != nil {
				return found
			}
		}
	}
	return nil
}
