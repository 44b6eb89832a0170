package odoo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/odoo"
	"github.com/omoflow/omoflow/pipelines/source/odoo/simulator"
	"github.com/omoflow/omoflow/pipelines/source/profile"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
)

const key = "odoo-key-nobody-may-see"

// site is a simulated Odoo behind HTTP.
type site struct {
	*simulator.Database
	now     time.Time
	next    int64
	kind    string
	left    int
	before  func()
	url     string
	written map[int64]string
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{now: time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC), written: map[int64]string{}}
	s.Database = simulator.New(func() time.Time { return s.now })
	s.Password = key
	s.Put("pos.config", simulator.Row{"id": 1, "name": "Main Street"})
	s.Put("res.partner", simulator.Row{"id": 5, "name": "Ann", "phone": "+4912345", "write_date": "2026-05-01 00:00:00"})
	s.Put("product.product", simulator.Row{"id": 9, "default_code": "A-1", "barcode": "400", "available_in_pos": true, "write_date": "2026-05-01 00:00:00"})
	for _, model := range []string{"pos.order", "pos.order.line", "pos.payment"} { // a database knows its models before they have rows
		s.Put(model, simulator.Row{"id": 1, "write_date": "2099-01-01 00:00:00", "order_id": []any{0, "x"}, "pos_order_id": []any{0, "x"}})
	}
	s.Intercept = s.fault
	server := httptest.NewServer(s.Database)
	t.Cleanup(server.Close)
	s.url = server.URL
	s.next = 1
	return s
}

// fault answers in the place of the database.
func (s *site) fault(w http.ResponseWriter, service, _ string) bool {
	if s.before != nil {
		s.before()
	}
	if s.kind == "" || s.left == 0 || s.kind == sourcetest.SamePage && service == "common" {
		return false
	}
	s.left--
	failure := func(name, text string) {
		_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": 1, "error": map[string]any{"code": 200, "message": "Odoo Server Error", "data": simulator.Failure(name, text)}})
	}
	switch s.kind {
	case sourcetest.Status429, sourcetest.BodyThrottle:
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	case sourcetest.Status503:
		w.WriteHeader(http.StatusServiceUnavailable)
	case sourcetest.Unauthorised:
		failure("odoo.exceptions.AccessDenied", "Access Denied "+key)
	case sourcetest.Forbidden:
		failure("odoo.exceptions.AccessError", "not for "+key)
	case sourcetest.ErrorIn200:
		failure("builtins.ValueError", "broken for "+key)
	case sourcetest.HTML:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>maintenance</html>")
	case sourcetest.Huge:
		for range 70 {
			_, _ = w.Write(make([]byte, 1<<20)) // the client gives up
		}
	case sourcetest.Reset:
		panic(http.ErrAbortHandler)
	case sourcetest.OtherType:
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{"odd":true}}`)
	case sourcetest.SamePage:
		rows := []any{}
		for id := range 4 {
			rows = append(rows, map[string]any{"id": id + 2, "write_date": "2026-06-01 08:00:00", "pos_reference": fmt.Sprint(id)})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": 1, "result": rows})
	}
	return true
}

// order puts an order with a line and a payment, written at a time.
func (s *site) order(id int64, at time.Time, state string) {
	s.written[id] = at.Format("2006-01-02 15:04:05")
	total := json.Number(fmt.Sprintf("%d.5", 10+id%7))
	s.Put("pos.order", simulator.Row{
		"id": id, "name": fmt.Sprintf("Shop/%04d", id), "pos_reference": reference(id), "config_id": []any{1, "Main Street (Ann)"}, "session_id": []any{3, "POS/00003"}, "partner_id": []any{5, "Ann"},
		"user_id": []any{2, "Admin"}, "date_order": "2026-06-01 07:00:00", "state": state, "amount_tax": json.Number("1.0"), "amount_total": total, "note": false, "refunded_order_ids": []any{},
		"write_date": at.Format("2006-01-02 15:04:05.000000"),
	})
	s.Put("pos.order.line", simulator.Row{"id": id * 10, "order_id": []any{id, "x"}, "product_id": []any{9, "[A-1] Tea"}, "full_product_name": "Tea", "qty": json.Number("1.0"), "price_unit": total, "discount": json.Number("0.0"), "price_subtotal": json.Number("9.5"), "price_subtotal_incl": total})
	s.Put("pos.payment", simulator.Row{"id": id * 10, "pos_order_id": []any{id, "x"}, "payment_method_id": []any{1, "Cash"}, "amount": total, "payment_date": "2026-06-01 07:00:00"})
}

func reference(id int64) string { return fmt.Sprintf("Order 00003-001-%04d", id) }

func (s *site) open(t testing.TB, slept func(time.Duration), skew time.Duration, values map[string]any) (source.API, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	all := map[string]any{"url": s.url, "database": "shop", "login": "omoflow", "password": "file:key", "allow_plain_http": true, "allow_private": true, "page_size": 4}
	for name, value := range values {
		all[name] = value
	}
	settings, err := odoo.Platform().Declaration.Parse("test", all)
	if err != nil {
		return nil, err
	}
	settings.Name, settings.Zone, settings.Secrets = "pos", "Europe/Berlin", secret.Resolver{Dir: dir}
	settings.Now = func() time.Time { return s.now.Add(skew) }
	settings.Sleep = func(_ context.Context, d time.Duration) error {
		if slept != nil {
			slept(d)
		}
		return nil
	}
	return odoo.Platform().Open(context.Background(), settings)
}

func ids(page []byte) []string {
	var rows []struct {
		Reference string `json:"pos_reference"`
	}
	if json.Unmarshal(page, &rows) != nil {
		return []string{"unreadable"}
	}
	var all []string
	for _, row := range rows {
		all = append(all, strings.TrimPrefix(row.Reference, "Order "))
	}
	return all
}

func TestConformance(t *testing.T) {
	sourcetest.RunAPI(t, func(t *testing.T) *sourcetest.Platform {
		s := newSite(t)
		add := func(at time.Time) {
			s.next++
			s.order(s.next, at, "paid")
		}
		return &sourcetest.Platform{
			Open: func(t *testing.T, slept func(time.Duration), skew time.Duration) source.API {
				api, err := s.open(t, slept, skew, nil)
				if err != nil {
					t.Fatal(err)
				}
				return api
			},
			Stream: "orders",
			Add: func(n int, same bool) {
				for range n {
					if !same {
						s.now = s.now.Add(7 * time.Second)
					}
					add(s.now)
				}
			},
			Edit: func() {
				s.now = s.now.Add(time.Second)
				oldest := int64(0)
				for id, at := range s.written {
					if oldest == 0 || at < s.written[oldest] || at == s.written[oldest] && id < oldest {
						oldest = id
					}
				}
				s.order(oldest, s.now, "done")
			},
			Late: func() { add(s.now.Add(-240 * time.Second)) },
			Pass: func(d time.Duration) { s.now = s.now.Add(d) },
			IDs: func() []string {
				var all []string
				for id := range s.written {
					all = append(all, strings.TrimPrefix(reference(id), "Order "))
				}
				return all
			},
			Read:  ids,
			Fail:  func(kind string, n int) { s.kind, s.left = kind, n },
			Each:  func(before func()) { s.before = before },
			Calls: s.Calls,
			Delete: func() string {
				s.Delete("pos.order", s.next)
				delete(s.written, s.next)
				return strings.TrimPrefix(reference(s.next), "Order ")
			},
			Known: func() []source.Known {
				var all []source.Known
				for id, at := range s.written {
					all = append(all, source.Known{ID: strings.TrimPrefix(reference(id), "Order "), Version: at})
				}
				return all
			},
			Future: func(at time.Time) []byte { return []byte(`{"through":"` + at.Format(time.DateTime) + `"}`) },
			Secret: []string{key},
		}
	})
}

func TestMappingsCompile(t *testing.T) {
	s := newSite(t)
	api, err := s.open(t, nil, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	for _, feed := range api.Feeds() {
		p, err := profile.Parse("odoo-"+feed.Stream, feed.Profile)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Compile(&profile.Bind{Captures: feed.Captures}); err != nil {
			t.Errorf("%s: %v", feed.Stream, err)
		}
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	s := newSite(t)
	for _, values := range []map[string]any{{"streams": []any{"receipts"}}, {"page_size": 0}, {"overlap": "0s"}, {"password": key}, {"allow_plain_http": false}} {
		if _, err := s.open(t, nil, 0, values); fault.KindOf(err) != fault.Usage || strings.Contains(err.Error(), key) {
			t.Errorf("%v: %v", values, err)
		}
	}
}

func TestCheckSignsInAndTellsAWrongKey(t *testing.T) {
	s := newSite(t)
	api, err := s.open(t, nil, 0, map[string]any{"streams": []any{"orders"}})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	for _, probe := range api.Check(context.Background()) {
		if probe.Err != nil && probe.What != "cursor" { // the row of the far future stands for the model itself
			t.Errorf("%s: %v", probe.What, probe.Err)
		}
	}
	s.Password = "another"
	again, err := s.open(t, nil, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if probes := again.Check(context.Background()); len(probes) != 1 || fault.KindOf(probes[0].Err) != fault.Denied || !strings.Contains(fault.HintOf(probes[0].Err), "API key") {
		t.Errorf("%+v", probes)
	}
}

// Trap 69: times are compared to the microsecond and shown in seconds, so the last row comes again and is the same bytes.
func TestTheLastRowComesAgainUnchanged(t *testing.T) {
	s := newSite(t)
	s.order(2, s.now.Add(300*time.Millisecond), "paid")
	s.now = s.now.Add(time.Minute)
	api, err := s.open(t, nil, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	feed := api.Feeds()[0]
	var pages []string
	var cursor json.RawMessage
	for range 2 {
		cursor, err = feed.Source.Pull(context.Background(), cursor, func(d source.Delivery) error {
			path, err := d.Fetch(context.Background(), t.TempDir())
			if err != nil {
				return err
			}
			text, err := os.ReadFile(path)
			pages = append(pages, string(text))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(pages) != 2 || pages[0] != pages[1] || !strings.Contains(pages[0], `"location":"Main Street"`) || strings.Contains(pages[0], `"note"`) {
		t.Errorf("%q", pages)
	}
}
