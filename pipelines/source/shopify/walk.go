package shopify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	c, err := source.ReadCursor[cursor](text)
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
	if f := (*fault.Error)(nil); err != nil && errors.As(err, &f) && f.Code == "cursor_ended" && c.Window.After != "" {
		c.Window.After = ""
		err = w.read(ctx, &c, emit)
	}
	if err != nil {
		return nil, err
	}
	c.Window = nil
	return source.Encode(c), nil
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
		if err := deliver(w.kind.stream, n, docs, at, source.Encode(after), nil, emit); err != nil {
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
