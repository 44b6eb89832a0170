package woocommerce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/jsonscan"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

// orders is the stream of orders with their lines and payments.
type orders struct {
	*shop
	pulled map[string]bool // ids given by Pull: what the lake does not hold of them waits in quarantine
}

// orderCursor is how far the stream has been read.
type orderCursor struct {
	Through    string    `json:"through,omitempty"` // every order modified up to this second was read
	Reconciled time.Time `json:"reconciled,omitzero"`
	Probed     int64     `json:"probed,omitempty"` // ids up to this one that no list shows were asked for
}

// forward checks a saved second against the shop's clock and gives the range to ask for.
func (s *shop) forward(ctx context.Context, through string) (from, end time.Time, err error) {
	now, err := s.serverNow(ctx)
	if err != nil {
		return from, end, err
	}
	end = now.Add(-s.lag).Truncate(time.Second)
	if through == "" {
		return from, end, nil
	}
	at, err := parseStamp(through)
	if err != nil {
		return from, end, fault.Wrap(err, fault.Damaged, "cursor_unreadable", "cursor", "omoflow check names the batch it stands in", "the saved cursor is not a time")
	}
	if at.After(now.Add(24 * time.Hour)) {
		return from, end, fault.New(fault.Usage, "cursor_from_future", "cursor", "check the clock of the shop's server; records were read that it dated in the future",
			"everything up to %s was read, but the shop's clock says %s", through, now.Format(stamp))
	}
	return minTime(at, end).Add(-s.overlap), end, nil
}

// Declare describes the source.
func (o *orders) Declare() source.Declaration { return declaration() }

// Pull walks what was modified since the cursor, with an overlap, up to a moment before the shop's now.
func (o *orders) Pull(ctx context.Context, cursor json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := source.ReadCursor[orderCursor](cursor)
	if err != nil {
		return nil, err
	}
	from, end, err := o.forward(ctx, c.Through)
	if err != nil {
		return nil, err
	}
	n := 0
	w := &walk{shop: o.shop, path: "orders", query: url.Values{"status": {"any"}}, order: "modified", field: "date_modified_gmt", after: "modified_after", before: "modified_before"}
	w.batched = func(_ context.Context, a answer, upTo time.Time) error {
		c.Through = later(c.Through, minTime(upTo, end))
		n++
		if _, err := unseen(a, o.pulled); err != nil {
			return err
		}
		return deliver("orders", n, a, source.Encode(c), nil, emit)
	}
	if err := w.run(ctx, from, end, ""); err != nil {
		return nil, err
	}
	return source.Encode(c), nil
}

// later gives the later of a saved second and a time; the zero time is none.
func later(through string, at time.Time) string {
	if at.IsZero() || through != "" && at.Format(stamp) < through {
		return through
	}
	return at.Format(stamp)
}

// listed is what the lists say of an order. A field of another type is a difference, not an error: the order is read and the
// mapping says what is wrong with it.
type listed struct {
	id                           string
	total, modified, lines, fees json.RawMessage
}

func readListed(row json.RawMessage) (one listed, err error) {
	jsonscan.Fields(row, func(name, value []byte) bool {
		switch string(name) {
		case "total":
			one.total = value
		case "date_modified_gmt":
			one.modified = value
		case "line_items":
			one.lines = value
		case "fee_lines":
			one.fees = value
		}
		return true
	})
	one.id, err = idOf(row)
	return one, err
}

// Reconcile compares ids, dates, totals and numbers of lines once a day: trashed and deleted orders, orders that changed
// without a new date, and orders that no list shows.
func (o *orders) Reconcile(ctx context.Context, cursor json.RawMessage, held source.Held, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := source.ReadCursor[orderCursor](cursor)
	if err != nil {
		return nil, err
	}
	now, due, err := o.due(ctx, c.Reconciled, "reconcile_every")
	if err != nil || !due {
		return cursor, err
	}
	known, err := held(ctx)
	if err != nil {
		return nil, err
	}
	lake := map[string]source.Known{}
	for _, k := range known {
		lake[k.ID] = k
	}
	r := &reconciliation{shop: o.shop, name: "orders/reconciled", emit: emit}
	seen := map[string]bool{}
	var again []string
	query := url.Values{"status": {"any"}, "_fields": {"id,total,date_modified_gmt,line_items,fee_lines"}}
	if err := o.pages(ctx, "orders", query, func(a answer, _ int) error {
		for _, row := range a.rows {
			one, err := readListed(row)
			if err != nil {
				return err
			}
			id := one.id
			seen[id] = true
			if k, ok := lake[id]; !ok && !o.pulled[id] || ok && (k.Gone || differs(k, one)) {
				again = append(again, id)
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	// status=any leaves these out, in both storages.
	for _, hidden := range []string{"trash", "checkout-draft"} {
		err := o.pages(ctx, "orders", url.Values{"status": {hidden}}, func(a answer, n int) error {
			for _, row := range a.rows {
				id, err := idOf(row)
				if err != nil {
					return err
				}
				seen[id] = true
			}
			return deliver("orders/"+hidden, n, a, nil, nil, emit)
		})
		if refusedStatus(err) {
			continue // a shop without the block checkout does not know drafts
		}
		if err != nil {
			return nil, err
		}
	}
	if err := r.readAgain(ctx, "orders", again, url.Values{"status": {"any"}}); err != nil {
		return nil, err
	}
	for _, k := range known {
		if !k.Gone && !seen[k.ID] {
			seen[k.ID] = true
			if err := r.single(ctx, "orders/"+k.ID, k.ID, true); err != nil {
				return nil, err
			}
		}
	}
	if c.Probed, err = r.probe(ctx, seen, c.Probed, int64(o.settings.Number("probe_ids"))); err != nil {
		return nil, err
	}
	c.Reconciled = now
	return source.Encode(c), nil
}

func differs(k source.Known, l listed) bool {
	total := jsonscan.Text(l.total)
	lines, ok1 := count(l.lines)
	fees, ok2 := count(l.fees)
	if total == nil || !ok1 || !ok2 {
		return true
	}
	n, err := strconv.Atoi(k.Facts["order_line"])
	return k.Version != string(jsonscan.Text(l.modified)) || err == nil && n != lines+fees || !sameAmount(k.Facts["total_amount"], string(total))
}

// count gives the number of elements of an array.
func count(list json.RawMessage) (n int, ok bool) {
	if len(list) == 0 || list[0] != '[' {
		return 0, false
	}
	jsonscan.Items(list, func([]byte) { n++ })
	return n, true
}

// sameAmount compares decimal texts of any scale.
func sameAmount(a, b string) bool {
	trim := func(s string) string {
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	return trim(a) == trim(b)
}

// due tells by the shop's clock whether a periodic work is to be done again. One done in the future is done again at
// once: the clock was put right, and what changed meanwhile may lie before the saved position.
func (s *shop) due(ctx context.Context, last time.Time, every string) (time.Time, bool, error) {
	now, err := s.serverNow(ctx)
	return now, err == nil && (last.IsZero() || last.After(now.Add(maxSkew)) || !now.Before(last.Add(s.settings.Duration(every)))), err
}

// maxSkew is how far two clocks may be apart before it matters.
const maxSkew = 5 * time.Minute

// refusedStatus tells the answer 400 of a shop that does not know a status.
func refusedStatus(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Code == "refused_request"
}

// reconciliation reads single records again.
type reconciliation struct {
	*shop
	name string
	emit func(source.Delivery) error
	n    int
}

// readAgain reads records by id, a page at a time, and those that the list leaves out one by one.
func (r *reconciliation) readAgain(ctx context.Context, path string, ids []string, query url.Values) error {
	for len(ids) > 0 {
		some := ids[:min(len(ids), r.size)]
		ids = ids[len(some):]
		one := url.Values{"include": {strings.Join(some, ",")}, "per_page": {strconv.Itoa(len(some))}, "orderby": {"id"}, "order": {"asc"}}
		for name, values := range query {
			one[name] = values
		}
		a, err := r.list(ctx, path, one)
		if err != nil {
			return err
		}
		got := map[string]bool{}
		if _, err := unseen(a, got); err != nil {
			return err
		}
		r.n++
		if err := deliver(r.name, r.n, a, nil, nil, r.emit); err != nil {
			return err
		}
		for _, id := range some {
			if !got[id] {
				if err := r.single(ctx, path+"/"+id, id, true); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// single reads one record; when it is gone and was known, a tombstone is emitted.
func (r *reconciliation) single(ctx context.Context, path, id string, known bool) error {
	got, err := r.client.Do(ctx, httpapi.Request{Path: root + path})
	if got != nil && (got.Status == 404 || got.Status == 410) {
		var said struct {
			Code string `json:"code"`
		}
		if json.Unmarshal(got.Body, &said) != nil || !strings.HasSuffix(said.Code, "invalid_id") {
			return err // the route is missing, not the record
		}
		if !known {
			return nil
		}
		return r.tombstone(map[string]any{"id": id, "deleted": true, "answer": said.Code, "asked_at": r.serverTime(got).Format(stamp)}, r.serverTime(got))
	}
	if err != nil {
		return err
	}
	start, end, err := jsonscan.Value(got.Body, 0)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "unexpected_answer", path, "check the shop's plugins", "the answer is not JSON")
	}
	if back, err := idOf(got.Body[start:end]); err != nil || back != id {
		return fault.New(fault.Unavailable, "unexpected_answer", path, "check the shop's plugins", "the shop gave another record than %s", id)
	}
	r.n++
	at := r.serverTime(got)
	return r.emit(source.Page(fmt.Sprintf("%s/%s-%06d.json", r.name, at.Format("20060102T150405"), r.n), got.Body, at, nil, nil))
}

func (r *reconciliation) tombstone(what map[string]any, at time.Time) error {
	body, err := json.Marshal([]any{what})
	if err != nil {
		return err
	}
	r.n++
	return r.emit(source.Page(fmt.Sprintf("%s/gone-%s-%06d.json", r.name, at.Format("20060102T150405"), r.n), body, at, nil, nil))
}

// probe asks for the ids between the listed ones that were never asked for: with order tables an order whose status is
// not registered (its plugin is gone) is in no list at all. Ids are shared with pages and pictures, so most are nothing.
func (r *reconciliation) probe(ctx context.Context, seen map[string]bool, from, limit int64) (int64, error) {
	var low, high int64
	for id := range seen {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			high = max(high, n)
			if low == 0 || n < low {
				low = n
			}
		}
	}
	at := max(from, low-1)
	for asked := int64(0); at < high && asked < limit; at++ {
		id := strconv.FormatInt(at+1, 10)
		if seen[id] {
			continue
		}
		asked++
		if err := r.single(ctx, "orders/"+id, id, false); err != nil {
			return from, err
		}
	}
	return at, nil
}

// Plan cuts the range into months and asks how many orders each holds.
func (o *orders) Plan(ctx context.Context, from, to time.Time) ([]source.Window, error) {
	return o.months(ctx, "orders", url.Values{"status": {"any"}}, from, to)
}

func (s *shop) months(ctx context.Context, path string, query url.Values, from, to time.Time) ([]source.Window, error) {
	var all []source.Window
	for at := from; at.Before(to); {
		next := minTime(time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, time.UTC), to)
		one := url.Values{"per_page": {"1"}, "_fields": {"id"}, "dates_are_gmt": {"true"}, "after": {at.Add(-time.Second).Format(stamp)}, "before": {next.Format(stamp)}}
		for name, values := range query {
			one[name] = values
		}
		a, err := s.list(ctx, path, one)
		if err != nil {
			return nil, err
		}
		w := source.Window{From: at, To: next, Records: a.total, Calls: 1}
		if a.total > 0 {
			w.Calls = a.total/int64(s.size) + 1
		}
		all = append(all, w)
		at = next
	}
	return all, nil
}

// windowCursor is how far a window has been read.
type windowCursor struct {
	Through string `json:"through"`
}

// PullWindow reads the orders that were created in a window.
func (o *orders) PullWindow(ctx context.Context, w source.Window, cursor json.RawMessage, emit func(source.Delivery) error) error {
	return o.window(ctx, &walk{shop: o.shop, path: "orders", query: url.Values{"status": {"any"}}}, w, cursor, emit)
}

func (s *shop) window(ctx context.Context, walked *walk, w source.Window, cursor json.RawMessage, emit func(source.Delivery) error) error {
	c, err := source.ReadCursor[windowCursor](cursor)
	if err != nil {
		return err
	}
	from := w.From.Add(-time.Second)
	if at, err := parseStamp(c.Through); err == nil {
		from = maxTime(from, at)
	}
	n := 0
	walked.order, walked.field, walked.after, walked.before = "date", "date_created_gmt", "after", "before"
	walked.batched = func(_ context.Context, a answer, upTo time.Time) error {
		c.Through = later(c.Through, upTo)
		n++
		return deliver(walked.path+"/past-"+w.From.Format("20060102"), n, a, source.Encode(c), nil, emit)
	}
	return walked.run(ctx, from, time.Time{}, w.To.Format(stamp))
}
