package shopify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

// Plan cuts the range into months and asks how many orders each holds. What the permissions hide is refused, not taken for
// nothing.
func (w *walker) Plan(ctx context.Context, from, to time.Time) ([]source.Window, error) {
	a, err := w.about(ctx)
	if err != nil {
		return nil, err
	}
	if from.Before(a.coverage()) {
		return nil, fault.New(fault.Denied, "history_short", "read_all_orders", "ask Shopify for the scope read_all_orders, or read --from "+a.coverage().Format(time.DateOnly),
			"the app sees orders of the last 60 days only: those from %s to %s would be missing without a word", from.Format(time.DateOnly), a.coverage().Format(time.DateOnly))
	}
	var all []source.Window
	for at := from; at.Before(to); {
		next := time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		if next.After(to) {
			next = to
		}
		var data struct {
			Count *struct {
				Count int64 `json:"count"`
			} `json:"ordersCount"`
		}
		if _, _, err := w.ask(ctx, "count_orders", "query count_orders($query: String) { ordersCount(query: $query, limit: null) { count } }", map[string]any{"query": created(at, next)}, &data); err != nil {
			return nil, err
		}
		if data.Count == nil {
			return nil, unexpected("ordersCount", nil)
		}
		all = append(all, source.Window{From: at, To: next, Records: data.Count.Count, Calls: 5 + data.Count.Count/100_000})
		at = next
	}
	return all, nil
}

func created(from, to time.Time) string {
	return "created_at:>='" + from.Format(stamp) + "' AND created_at:<'" + to.Format(stamp) + "'"
}

// bulkCursor is how many of the parts of a window are done; records go to parts by their id, so that a new operation over the
// same window has the same parts.
type bulkCursor struct {
	Parts int `json:"parts"`
	Done  int `json:"done"`
}

// PullWindow reads the orders that were created in a window by a bulk operation.
func (w *walker) PullWindow(ctx context.Context, win source.Window, text json.RawMessage, emit func(source.Delivery) error) error {
	var c bulkCursor
	if text != nil {
		if err := json.Unmarshal(text, &c); err != nil {
			return fault.Wrap(err, fault.Damaged, "cursor_unreadable", "cursor", "omoflow check names the batch it stands in", "the saved cursor cannot be read")
		}
	}
	dir, err := os.MkdirTemp("", "omoflow-shopify-")
	if err != nil {
		return fault.Wrap(err, fault.Exhausted, "temp_write", "", "free space, or set TMPDIR to another folder", "scratch files cannot be written")
	}
	defer os.RemoveAll(dir) //nolint:errcheck // scratch
	fields, inner := w.kind.fields, ""
	if w.kind.stream == "orders" {
		inner = "lineItems"
		fields += " lineItems { edges { node { " + lineItems().fields + " } } }"
	} else {
		fields = "id updatedAt" // connections inside lists cannot be had in bulk: orders that have any are read by id
		if w.kind.stream == "refunds" {
			fields += " refunds { id }"
		} else {
			fields += " returnStatus"
		}
	}
	done, err := w.bulk(ctx, `{ orders(query: "`+created(win.From, win.To)+`") { edges { node { `+fields+` } } } }`)
	if err != nil || done.URL == "" {
		return err
	}
	path := filepath.Join(dir, "result.jsonl")
	if err := w.download(ctx, done, path); err != nil {
		return err
	}
	if c.Parts == 0 {
		c.Parts = int(done.size()/(8<<20)) + 1
	}
	parts, err := split(path, dir, c.Parts, done)
	if err != nil {
		return err
	}
	for n := c.Done; n < c.Parts; n++ {
		nodes, err := join(parts[n], inner)
		if err != nil {
			return err
		}
		c.Done = n + 1
		if err := w.bulkPart(ctx, nodes, win, n, source.Encode(c), emit); err != nil {
			return err
		}
	}
	return nil
}

// bulkPart hands over one part. The last page of it carries the cursor.
func (w *walker) bulkPart(ctx context.Context, nodes []node, win source.Window, part int, cursor json.RawMessage, emit func(source.Delivery) error) error {
	const group = 500
	for at := 0; at < len(nodes); at += group {
		docs, err := w.bulkDocs(ctx, nodes[at:min(at+group, len(nodes))])
		if err != nil {
			return err
		}
		mark := json.RawMessage(nil)
		if at+group >= len(nodes) {
			mark = cursor
		}
		if err := deliver(fmt.Sprintf("%s/past-%s-%03d", w.kind.stream, win.From.Format("20060102"), part), at/group+1, docs, win.To, mark, nil, emit); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) bulkDocs(ctx context.Context, nodes []node) ([]node, error) {
	var docs []node
	var again []string
	for _, one := range nodes {
		switch w.kind.stream {
		case "orders":
			some, err := w.own(ctx, one)
			if f := (*fault.Error)(nil); err != nil && errors.As(err, &f) && f.Code == "children_missing" {
				again = append(again, one.text("id")) // cut at so many per parent: read whole, by pages
				continue
			}
			if err != nil {
				return nil, err
			}
			docs = append(docs, some...)
		case "refunds":
			if len(one["refunds"]) > 2 {
				again = append(again, one.text("id"))
			}
		default:
			if status := one.text("returnStatus"); status != "" && status != "NO_RETURN" {
				again = append(again, one.text("id"))
			}
		}
	}
	for len(again) > 0 {
		some := again[:min(len(again), w.size)]
		again = again[len(some):]
		whole, _, err := w.nodes(ctx, w.kind.stream, w.kind.typ, w.kind.selection(), some)
		if err != nil {
			return nil, err
		}
		there := whole[:0]
		for _, one := range whole {
			if one != nil {
				there = append(there, one)
			}
		}
		more, err := w.cut(ctx, there)
		if err != nil {
			return nil, err
		}
		docs = append(docs, more...)
	}
	return docs, nil
}

// operation is a bulk operation as the API tells it. Its counters are texts.
type operation struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Error   string `json:"errorCode"`
	Objects string `json:"objectCount"`
	Roots   string `json:"rootObjectCount"`
	Size    string `json:"fileSize"`
	URL     string `json:"url"`
	Partial string `json:"partialDataUrl"`
}

func (o operation) size() int64 {
	n, _ := strconv.ParseInt(o.Size, 10, 64) // checked by download
	return n
}

const operationFields = "id status errorCode objectCount rootObjectCount fileSize url partialDataUrl"

// maxPolls bounds the wait for one operation: Shopify itself ends one after ten days, nobody waits that long.
const maxPolls = 2000

// bulk runs a query as a bulk operation and waits for its end. An empty URL is an empty result.
func (s *shop) bulk(ctx context.Context, query string) (operation, error) {
	o, err := s.start(ctx, query)
	for polls := 0; err == nil; polls++ {
		switch o.Status {
		case "COMPLETED":
			if o.URL == "" && o.Objects != "0" && o.Objects != "" {
				return o, fault.New(fault.Unavailable, "bulk_incomplete", o.ID, "run again", "the bulk operation names %s objects and no file", o.Objects)
			}
			return o, nil
		case "CREATED", "RUNNING", "CANCELING":
		default:
			return o, fault.New(fault.Unavailable, "bulk_failed", o.ID, "run again; a part that is there is not taken for the whole", "the bulk operation ended as %s %s", o.Status, o.Error)
		}
		if polls == maxPolls {
			break
		}
		if err := s.client.Pause(ctx, min(time.Duration(polls+1)*time.Second, 15*time.Second)); err != nil {
			return o, err
		}
		var data struct {
			Node *operation `json:"node"`
		}
		if _, _, err = s.ask(ctx, "bulk_state", "query bulk_state($id: ID!) { node(id: $id) { ... on BulkOperation { "+operationFields+" } } }", map[string]any{"id": o.ID}, &data); err != nil {
			return o, err
		}
		if data.Node == nil {
			return o, unexpected("bulk operation", nil)
		}
		o = *data.Node
	}
	if err != nil {
		return o, err
	}
	return o, fault.New(fault.Unavailable, "bulk_slow", o.ID, "run again with a shorter range", "the bulk operation does not end")
}

// start begins an operation; while another one of the app runs, it waits.
func (s *shop) start(ctx context.Context, query string) (operation, error) {
	for tries := 0; ; tries++ {
		var data struct {
			Run *struct {
				Operation *operation `json:"bulkOperation"`
				Errors    []struct {
					Code    string `json:"code"`
					Message string `json:"message"`
				} `json:"userErrors"`
			} `json:"bulkOperationRunQuery"`
		}
		if _, _, err := s.ask(ctx, "bulk_start", "mutation bulk_start($query: String!) { bulkOperationRunQuery(query: $query) { bulkOperation { "+operationFields+" } userErrors { code message } } }", map[string]any{"query": query}, &data); err != nil {
			return operation{}, err
		}
		if data.Run == nil {
			return operation{}, unexpected("bulkOperationRunQuery", nil)
		}
		if len(data.Run.Errors) == 0 && data.Run.Operation != nil {
			return *data.Run.Operation, nil
		}
		says := fmt.Sprintf("%+v", data.Run.Errors)
		if len(data.Run.Errors) == 0 || data.Run.Errors[0].Code != "OPERATION_IN_PROGRESS" || tries == 100 {
			return operation{}, fault.New(fault.Unavailable, "user_errors", "bulkOperationRunQuery", "run again when no other bulk operation of the app is under way", "the shop refuses the bulk operation: %s", says)
		}
		if err := s.client.Pause(ctx, 10*time.Second); err != nil {
			return operation{}, err
		}
	}
}

// piece is how much of a result is fetched at once.
const piece = 16 << 20

// download fetches a result in pieces and checks its size.
func (s *shop) download(ctx context.Context, o operation, path string) error {
	size, err := strconv.ParseInt(o.Size, 10, 64)
	if err != nil || size <= 0 {
		return unexpected("fileSize", err)
	}
	file, err := os.Create(path)
	if err != nil {
		return fault.Wrap(err, fault.Exhausted, "temp_write", path, "free space, or set TMPDIR to another folder", "scratch files cannot be written")
	}
	defer file.Close() //nolint:errcheck // closed again below
	for at := int64(0); at < size; {
		to := min(at+piece, size) - 1
		got, err := s.files.Do(ctx, httpapi.Request{URL: o.URL, Header: http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", at, to)}, "Accept": {"*/*"}}})
		if err != nil {
			return err
		}
		if n := int64(len(got.Body)); n != to-at+1 && !(got.Status == http.StatusOK && at == 0 && n == size) {
			return fault.New(fault.Unavailable, "bulk_incomplete", o.ID, "run again", "%d bytes of the result were asked for, %d came", to-at+1, n)
		}
		if _, err := file.Write(got.Body); err != nil {
			return fault.Wrap(err, fault.Exhausted, "temp_write", path, "free space, or set TMPDIR to another folder", "scratch files cannot be written")
		}
		at += int64(len(got.Body))
	}
	return file.Close()
}
