package shopify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
)

// walker is a stream that is read by the time of change of its root records.
type walker struct {
	*shop
	kind   *kind
	pulled map[string]bool // ids given by Pull: what the lake does not hold of them waits in quarantine
}

// cursor is how far a stream has been read. A window that was interrupted goes on at its page; when the page's token has
// ended, the window is read again from its beginning.
type cursor struct {
	Through    string    `json:"through,omitempty"` // everything changed before this second was read
	Window     *window   `json:"window,omitempty"`
	Reconciled time.Time `json:"reconciled,omitzero"`
	Coverage   string    `json:"coverage,omitempty"` // orders before this day cannot be read with these permissions
}

type window struct {
	From  string `json:"from,omitempty"`
	End   string `json:"end"`
	After string `json:"after,omitempty"`
}

const stamp = time.RFC3339

func cursorOf(text json.RawMessage) (cursor, error) {
	var c cursor
	if text == nil {
		return c, nil
	}
	err := json.Unmarshal(text, &c)
	return c, fault.Wrap(err, fault.Damaged, "cursor_unreadable", "cursor", "omoflow check names the batch it stands in", "the saved cursor cannot be read")
}

func encode(c any) json.RawMessage {
	text, err := json.Marshal(c)
	if err != nil {
		return nil // cursors hold text and times only
	}
	return text
}

// Declare describes the source.
func (w *walker) Declare() source.Declaration { return declaration() }

// about is the shop's clock and what the token may do.
type about struct {
	now     time.Time
	served  string // API version that answered
	scopes  map[string]bool
	name    string
	zone    string
	history bool // all orders, not only those of the last 60 days
}

func (s *shop) about(ctx context.Context) (about, error) {
	var data struct {
		Shop struct {
			Name string `json:"name"`
			Zone string `json:"ianaTimezone"`
		} `json:"shop"`
		App *struct {
			Scopes []struct {
				Handle string `json:"handle"`
			} `json:"accessScopes"`
		} `json:"currentAppInstallation"`
	}
	at, served, err := s.ask(ctx, "about", "query about { shop { name ianaTimezone } currentAppInstallation { accessScopes { handle } } }", nil, &data)
	if err != nil {
		return about{}, err
	}
	if data.App == nil {
		return about{}, unexpected("currentAppInstallation", nil)
	}
	a := about{now: at, served: served, scopes: map[string]bool{}, name: data.Shop.Name, zone: data.Shop.Zone}
	for _, one := range data.App.Scopes {
		a.scopes[one.Handle] = true
	}
	a.history = a.scopes["read_all_orders"]
	return a, nil
}

// coverage is the day from which orders can be read: Shopify leaves older ones out without a word.
func (a about) coverage() time.Time {
	if a.history {
		return time.Time{}
	}
	return a.now.AddDate(0, 0, -60).Truncate(24*time.Hour).AddDate(0, 0, 1)
}

// Pull walks what changed since the cursor, up to a moment before the shop's now that stays where it is.
func (w *walker) Pull(ctx context.Context, text json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := cursorOf(text)
	if err != nil {
		return nil, err
	}
	a, err := w.about(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.open(&c, a); err != nil {
		return nil, err
	}
	err = w.read(ctx, &c, emit)
	if f := (*fault.Error)(nil); err != nil && asFault(err, &f) && f.Code == "cursor_ended" && c.Window.After != "" {
		c.Window.After = ""
		err = w.read(ctx, &c, emit)
	}
	if err != nil {
		return nil, err
	}
	c.Window = nil
	return encode(c), nil
}

func asFault(err error, f **fault.Error) bool {
	for err != nil {
		if one, ok := err.(*fault.Error); ok { //nolint:errorlint // outermost wanted
			*f = one
			return true
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		err = u.Unwrap()
	}
	return false
}

// open freezes the window of a pull.
func (w *walker) open(c *cursor, a about) error {
	if c.Through != "" {
		at, err := time.Parse(stamp, c.Through)
		if err != nil {
			return fault.Wrap(err, fault.Damaged, "cursor_unreadable", "cursor", "omoflow check names the batch it stands in", "the saved cursor is not a time")
		}
		if at.After(a.now.Add(24 * time.Hour)) {
			return fault.New(fault.Usage, "cursor_from_future", "cursor", "check whether the source was pointed at another shop", "everything up to %s was read, but the shop's clock says %s", c.Through, a.now.Format(stamp))
		}
	}
	if c.Coverage == "" && w.kind.root == "orders" && !a.history {
		c.Coverage = a.coverage().Format(time.DateOnly)
	}
	if w.kind.root == "orders" && a.history {
		c.Coverage = ""
	}
	if c.Window != nil {
		return nil
	}
	c.Window = &window{End: a.now.Add(-w.lag).Format(stamp)}
	if c.Through != "" {
		at, _ := time.Parse(stamp, c.Through) // parsed above
		c.Window.From = at.Add(-w.overlap).Format(stamp)
	}
	return nil
}

// read reads a window page by page.
func (w *walker) read(ctx context.Context, c *cursor, emit func(source.Delivery) error) error {
	search := "updated_at:<'" + c.Window.End + "'"
	if c.Window.From != "" {
		search = "updated_at:>='" + c.Window.From + "' AND " + search
	}
	last := ""
	for n := 1; ; n++ {
		got, at, err := w.page(ctx, "list_"+w.kind.stream, w.kind.root, w.kind.selection(), "sortKey: UPDATED_AT", search, c.Window.After, w.size)
		if err != nil {
			return err
		}
		for _, one := range got.Nodes {
			updated := one.text("updatedAt")
			if updated == "" || one.text("id") == "" {
				return unexpected(w.kind.root+": id, updatedAt", nil)
			}
			if updated < c.Window.From || updated >= c.Window.End {
				return fault.New(fault.Unavailable, "filter_ignored", w.kind.root, "report this with the API version; without the filter no cursor works", "records changed from %s to %s were asked for, one of %s came", c.Window.From, c.Window.End, updated)
			}
			if updated < last {
				return endless(w.kind.root)
			}
			last = updated
		}
		docs, err := w.cut(ctx, got.Nodes)
		if err != nil {
			return err
		}
		if last > c.Through {
			c.Through = last
		}
		after := *c
		if after.Window = nil; got.PageInfo.More {
			after.Window = &window{From: c.Window.From, End: c.Window.End, After: got.PageInfo.End}
		}
		if err := deliver(w.kind.stream, n, docs, at, encode(after), nil, emit); err != nil {
			return err
		}
		if !got.PageInfo.More {
			return nil
		}
		c.Window.After = got.PageInfo.End
	}
}

// cut completes root records and gives the stream's own.
func (w *walker) cut(ctx context.Context, nodes []node) ([]node, error) {
	var docs []node
	for _, one := range nodes {
		if err := w.complete(ctx, w.kind.typ, one, w.kind.inner); err != nil {
			return nil, err
		}
		some, err := w.own(ctx, one)
		if err != nil {
			return nil, err
		}
		docs = append(docs, some...)
	}
	return docs, nil
}

func (w *walker) own(ctx context.Context, one node) ([]node, error) {
	some := []node{one}
	if w.kind.records != nil {
		var err error
		if some, err = w.kind.records(ctx, one); err != nil {
			return nil, err
		}
	}
	for _, d := range some {
		w.pulled[w.key(d)] = true
	}
	return some, nil
}

// key is what the lake knows a record by.
func (w *walker) key(d node) string {
	id := tail(d.text("id"))
	switch w.kind.stream {
	case "returns":
		return "return-" + id
	case "products":
		if sku := strings.TrimSpace(d.text("sku")); sku != "" {
			return sku
		}
		return "shopify-" + id
	}
	return id
}

// deliver hands over records as one page; no records are none.
func deliver(name string, n int, docs []node, at time.Time, cursor json.RawMessage, captures map[string]string, emit func(source.Delivery) error) error {
	if len(docs) == 0 {
		return nil
	}
	var body bytes.Buffer
	body.WriteByte('[')
	for i, d := range docs {
		text, err := json.Marshal(d)
		if err != nil {
			return err
		}
		if i > 0 {
			body.WriteString(",\n")
		}
		body.Write(text)
	}
	body.WriteByte(']')
	return emit(source.Page(fmt.Sprintf("%s/%s-%06d.json", name, at.UTC().Format("20060102T150405"), n), body.Bytes(), at, cursor, captures))
}

// Reconcile compares ids with the shop once in a while: what was deleted becomes a tombstone, what changed without a cursor
// showing it (a customer merged into another) is read again.
func (w *walker) Reconcile(ctx context.Context, text json.RawMessage, known []source.Known, emit func(source.Delivery) error) (json.RawMessage, error) {
	c, err := cursorOf(text)
	if err != nil {
		return nil, err
	}
	a, err := w.about(ctx)
	if err != nil {
		return nil, err
	}
	if !c.Reconciled.IsZero() && a.now.Before(c.Reconciled.Add(w.settings.Duration("reconcile_every"))) {
		return text, nil
	}
	lake := map[string]source.Known{}
	for _, k := range known {
		lake[k.ID] = k
	}
	seen := map[string]bool{}
	again := map[string]bool{} // ids of root records
	for after := ""; ; {
		got, _, err := w.page(ctx, "ids_"+w.kind.stream, w.kind.root, w.kind.light, "sortKey: ID", "", after, max(w.size, 50))
		if err != nil {
			return nil, err
		}
		for _, one := range got.Nodes {
			if err := w.compare(ctx, one, lake, seen, again); err != nil {
				return nil, err
			}
		}
		if after = got.PageInfo.End; !got.PageInfo.More {
			break
		}
	}
	if err := w.readAgain(ctx, again, seen, a.now, emit); err != nil {
		return nil, err
	}
	if err := w.bury(ctx, known, seen, a, emit); err != nil {
		return nil, err
	}
	c.Reconciled = a.now
	return encode(c), nil
}

// compare notes what a listed root record holds, and whether the lake has it so.
func (w *walker) compare(ctx context.Context, one node, lake map[string]source.Known, seen, again map[string]bool) error {
	var parts []node
	switch w.kind.stream {
	case "refunds":
		if err := json.Unmarshal(one["refunds"], &parts); err != nil {
			return unexpected("refunds", err)
		}
	case "products", "returns":
		inner := map[string]connection{"products": {"variants", "id sku"}, "returns": {"returns", "id"}}[w.kind.stream]
		if err := w.complete(ctx, w.kind.typ, one, []connection{inner}); err != nil {
			return err
		}
		if err := json.Unmarshal(one[inner.name], &parts); err != nil {
			return unexpected(inner.name, err)
		}
	default:
		parts = []node{one}
	}
	for _, p := range parts {
		id := w.key(p)
		seen[id] = true
		k, ok := lake[id]
		if !ok && !w.pulled[id] || ok && (k.Gone && w.kind.stream != "returns" || k.Facts["is_deleted"] == "true" || w.kind.stream == "orders" && changed(k, one)) {
			again[one.text("id")] = true
		}
	}
	return nil
}

func changed(k source.Known, one node) bool {
	var customer struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(one["customer"], &customer) // no customer is none
	now, had := one.text("updatedAt"), k.Facts["source_customer_id"]
	// Which customer is told only where the lake was asked for it.
	_, told := k.Facts["source_customer_id"]
	return now > k.Version || told && tail(customer.ID) != had
}

// readAgain reads root records by id.
func (w *walker) readAgain(ctx context.Context, ids, seen map[string]bool, at time.Time, emit func(source.Delivery) error) error {
	all := make([]string, 0, len(ids))
	for id := range ids {
		all = append(all, id)
	}
	sort.Strings(all)
	for n := 1; len(all) > 0; n++ {
		some := all[:min(len(all), w.size)]
		all = all[len(some):]
		nodes, err := w.nodes(ctx, some, w.kind.selection())
		if err != nil {
			return err
		}
		var there []node
		for _, one := range nodes {
			if one != nil {
				there = append(there, one)
			}
		}
		docs, err := w.cut(ctx, there)
		if err != nil {
			return err
		}
		for _, d := range docs {
			seen[w.key(d)] = true
		}
		if err := deliver(w.kind.stream+"/reconciled", n, docs, at, nil, nil, emit); err != nil {
			return err
		}
	}
	return nil
}

// nodes reads records by id; one that does not exist is nil.
func (w *walker) nodes(ctx context.Context, ids []string, fields string) ([]node, error) {
	operation := "nodes_" + w.kind.stream
	var data struct {
		Nodes []node `json:"nodes"`
	}
	_, _, err := w.ask(ctx, operation, "query "+operation+"($ids: [ID!]!) { nodes(ids: $ids) { ... on "+w.kind.typ+" { "+fields+" } } }", map[string]any{"ids": ids}, &data)
	if err == nil && len(data.Nodes) != len(ids) {
		err = unexpected(operation, nil)
	}
	return data.Nodes, err
}

// bury emits tombstones of what the shop does not list any more. Without read_all_orders the shop hides orders as they grow
// old: what may only be hidden is no tombstone.
func (w *walker) bury(ctx context.Context, known []source.Known, seen map[string]bool, a about, emit func(source.Delivery) error) error {
	from := ""
	if w.kind.root == "orders" && !a.history {
		from = a.coverage().AddDate(0, 0, 2).Format(time.DateOnly)
	}
	n := 0
	for _, k := range known {
		if k.Gone || seen[k.ID] || k.Facts["is_deleted"] == "true" || k.Facts["is_active"] == "false" {
			continue
		}
		when := k.Facts["ordered_at"] + k.Facts["refunded_at"] + k.Facts["requested_at"]
		if from != "" && (when == "" || when < from) {
			continue
		}
		if w.kind.stream == "orders" || w.kind.stream == "customers" {
			back, err := w.nodes(ctx, []string{"gid://shopify/" + w.kind.typ + "/" + k.ID}, "id")
			if err != nil {
				return err
			}
			if back[0] != nil {
				continue // it came while the list was read
			}
		}
		gone := node{}
		key := "id"
		if w.kind.stream == "products" {
			key = "sku"
		}
		for name, value := range map[string]any{key: strings.TrimPrefix(k.ID, "return-"), "deleted": true, "updatedAt": a.now.Format(stamp)} {
			if err := gone.set(name, value); err != nil {
				return err
			}
		}
		n++
		if err := deliver(w.kind.stream+"/gone", n, []node{gone}, a.now, nil, nil, emit); err != nil {
			return err
		}
	}
	return nil
}
