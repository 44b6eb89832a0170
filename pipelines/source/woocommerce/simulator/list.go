package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/jsonscan"
)

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
	for _, r := range s.sorted(list, q) {
		if (parent == 0 || r.Parent == parent) && keep(r) {
			rows = append(rows, r)
		}
	}
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
		out = append(out, fields(r.raw(), q.Get("_fields"))...)
	}
	_, _ = w.Write(append(out, ']')) // a client that went away
}

// sorted gives a list in the order asked for; like a shop's index it is kept until something changes.
func (s *Shop) sorted(list string, q url.Values) []*Record {
	order := q.Get("order")
	down := order == "desc" || order == "" && list != "customers"
	name := fmt.Sprint(list, " ", q.Get("orderby"), " ", down)
	if rows, ok := s.ready[name]; ok {
		return rows
	}
	by := func(r *Record) int64 { return r.ID }
	switch q.Get("orderby") {
	case "modified":
		by = func(r *Record) int64 { return r.Modified.Unix() }
	case "date":
		by = func(r *Record) int64 { return r.Created.Unix() }
	}
	rows := slices.Clone(s.lists[list])
	slices.SortStableFunc(rows, func(a, b *Record) int {
		if d := by(a) - by(b); d != 0 {
			return int(d)
		}
		return int(a.ID - b.ID)
	})
	if down {
		slices.Reverse(rows)
	}
	s.ready[name] = rows
	return rows
}

// span is what the filters of time leave; zero times are no limit.
type span struct{ after, before, modifiedAfter, modifiedBefore time.Time }

func (p *span) holds(r *Record) bool {
	return (p.after.IsZero() || r.Created.After(p.after)) && (p.before.IsZero() || r.Created.Before(p.before)) &&
		(p.modifiedAfter.IsZero() || r.Modified.After(p.modifiedAfter)) && (p.modifiedBefore.IsZero() || r.Modified.Before(p.modifiedBefore))
}

// filter gives the condition of a list, or the parameter that is wrong.
func (s *Shop) filter(list string, q url.Values) (keep func(*Record) bool, bad string) {
	var times span
	for name, into := range map[string]*time.Time{"after": &times.after, "before": &times.before, "modified_after": &times.modifiedAfter, "modified_before": &times.modifiedBefore} {
		if text := q.Get(name); text != "" && list != "customers" { // customers ignore them
			at, err := s.instant(text, q.Get("dates_are_gmt"))
			if err != nil {
				return nil, name
			}
			*into = at
		}
	}
	status, role := q.Get("status"), q.Get("role")
	if status != "" && status != "any" && list == "orders" && !slices.Contains(append([]string{"trash", "checkout-draft", "auto-draft"}, s.Registered...), status) {
		return nil, "status"
	}
	var include []string
	if text := q.Get("include"); text != "" {
		include = strings.Split(text, ",")
	}
	return func(r *Record) bool {
		if !times.holds(r) || include != nil && !slices.Contains(include, strconv.FormatInt(r.ID, 10)) {
			return false
		}
		switch list {
		case "orders":
			return s.listed(r, status)
		case "customers":
			return role == "all" || r.Status == "" || r.Status == "customer"
		case "refunds":
			if s.OrderTable {
				return true
			}
			parent, ok := s.find("orders", r.Parent)
			return !ok || parent.Status != "trash" // classic storage hides the refunds of trashed orders
		}
		return true
	}, ""
}

func (s *Shop) listed(r *Record, status string) bool {
	if status != "" && status != "any" {
		return r.Status == status
	}
	hidden := r.Status == "trash" || r.Status == "checkout-draft" || r.Status == "auto-draft"
	return !hidden && (!s.OrderTable || slices.Contains(s.Registered, r.Status))
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
	all := map[string][]byte{}
	jsonscan.Fields(raw, func(name, value []byte) bool {
		all[string(name)] = value
		return true
	})
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
