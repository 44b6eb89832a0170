package odoo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/odoo"
	"github.com/omoflow/omoflow/pipelines/source/odoo/simulator"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
)

const key = "odoo-key-nobody-may-see"

// site is a simulated Odoo behind HTTP.
type site struct {
	sourcetest.Site
	db      *simulator.Database
	next    int64
	written map[int64]string
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{next: 1, written: map[int64]string{}}
	s.Site = sourcetest.Site{
		Now: time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC), Zone: "Europe/Berlin", Plain: true, Echo: key, Env: map[string]string{"KEY": key},
		Values: map[string]any{"database": "shop", "login": "omoflow", "password": "env:KEY", "allow_plain_http": true, "page_size": 4},
		Answers: map[string]sourcetest.Answer{
			sourcetest.Unauthorised: failure("odoo.exceptions.AccessDenied", "Access Denied "+key),
			sourcetest.Forbidden:    failure("odoo.exceptions.AccessError", "not for "+key),
			sourcetest.ErrorIn200:   failure("builtins.ValueError", "broken for "+key),
			sourcetest.OtherType:    {Body: `{"jsonrpc":"2.0","id":1,"result":{"odd":true}}`},
		},
	}
	s.db = simulator.New(func() time.Time { return s.Now })
	s.db.Password = key
	s.db.Put("pos.config", simulator.Row{"id": 1, "name": "Main Street"})
	s.db.Put("res.partner", simulator.Row{"id": 5, "name": "Ann", "phone": "+4912345", "write_date": "2026-05-01 00:00:00"})
	s.db.Put("product.product", simulator.Row{"id": 9, "default_code": "A-1", "barcode": "400", "available_in_pos": true, "write_date": "2026-05-01 00:00:00"})
	for _, model := range []string{"pos.order", "pos.order.line", "pos.payment"} { // a database knows its models before they have rows
		s.db.Put(model, simulator.Row{"id": 1, "write_date": "2099-01-01 00:00:00", "order_id": []any{0, "x"}, "pos_order_id": []any{0, "x"}})
	}
	s.db.Intercept = s.before
	s.Serve(t, s.db)
	return s
}

// failure is an error as Odoo writes it into an answer of status 200.
func failure(name, text string) sourcetest.Answer {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "error": map[string]any{"code": 200, "message": "Odoo Server Error", "data": simulator.Failure(name, text)}})
	if err != nil {
		panic(err) // texts only
	}
	return sourcetest.Answer{Body: string(body)}
}

// before answers in the place of the database.
func (s *site) before(w http.ResponseWriter, service, _ string) bool {
	if s.Meet(w) {
		return true
	}
	if !s.Due(sourcetest.SamePage) || service == "common" {
		return false
	}
	rows := []any{}
	for id := range 4 {
		rows = append(rows, map[string]any{"id": id + 2, "write_date": "2026-06-01 08:00:00", "pos_reference": fmt.Sprint(id)})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": 1, "result": rows}) // a client that went away
	return true
}

// order puts an order with a line and a payment, written at a time.
func (s *site) order(id int64, at time.Time, state string) {
	s.written[id] = at.Format("2006-01-02 15:04:05")
	total := json.Number(fmt.Sprintf("%d.5", 10+id%7))
	s.db.Put("pos.order", simulator.Row{
		"id": id, "name": fmt.Sprintf("Shop/%04d", id), "pos_reference": reference(id), "config_id": []any{1, "Main Street (Ann)"}, "session_id": []any{3, "POS/00003"}, "partner_id": []any{5, "Ann"},
		"user_id": []any{2, "Admin"}, "date_order": "2026-06-01 07:00:00", "state": state, "amount_tax": json.Number("1.0"), "amount_total": total, "note": false, "refunded_order_ids": []any{},
		"write_date": at.Format("2006-01-02 15:04:05.000000"),
	})
	s.db.Put("pos.order.line", simulator.Row{"id": id * 10, "order_id": []any{id, "x"}, "product_id": []any{9, "[A-1] Tea"}, "full_product_name": "Tea", "qty": json.Number("1.0"), "price_unit": total, "discount": json.Number("0.0"), "price_subtotal": json.Number("9.5"), "price_subtotal_incl": total})
	s.db.Put("pos.payment", simulator.Row{"id": id * 10, "pos_order_id": []any{id, "x"}, "payment_method_id": []any{1, "Cash"}, "amount": total, "payment_date": "2026-06-01 07:00:00"})
}

func reference(id int64) string { return fmt.Sprintf("Order 00003-001-%04d", id) }

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
		p := s.Platform(odoo.Platform(), nil)
		p.Stream, p.Read, p.Calls, p.Secret = "orders", ids, s.db.Calls, []string{key}
		p.Add = func(n int, same bool) {
			for range n {
				if !same {
					s.Now = s.Now.Add(7 * time.Second)
				}
				add(s.Now)
			}
		}
		p.Edit = func() {
			s.Now = s.Now.Add(time.Second)
			oldest := int64(0)
			for id, at := range s.written {
				if oldest == 0 || at < s.written[oldest] || at == s.written[oldest] && id < oldest {
					oldest = id
				}
			}
			s.order(oldest, s.Now, "done")
		}
		p.Late = func() { add(s.Now.Add(-240 * time.Second)) }
		p.IDs = func() []string {
			var all []string
			for id := range s.written {
				all = append(all, strings.TrimPrefix(reference(id), "Order "))
			}
			return all
		}
		p.Delete = func() string {
			s.db.Delete("pos.order", s.next)
			delete(s.written, s.next)
			return strings.TrimPrefix(reference(s.next), "Order ")
		}
		p.Known = func() []source.Known {
			var all []source.Known
			for id, at := range s.written {
				all = append(all, source.Known{ID: strings.TrimPrefix(reference(id), "Order "), Version: at})
			}
			return all
		}
		p.Future = func(at time.Time) []byte { return []byte(`{"through":"` + at.Format(time.DateTime) + `"}`) }
		return p
	})
}

func TestConfigurationIsChecked(t *testing.T) {
	s := newSite(t)
	for _, values := range []map[string]any{{"streams": []any{"receipts"}}, {"page_size": 0}, {"overlap": "0s"}, {"password": key}, {"allow_plain_http": false}} {
		if _, err := s.Open(odoo.Platform(), values, nil, 0); fault.KindOf(err) != fault.Usage || strings.Contains(err.Error(), key) {
			t.Errorf("%v: %v", values, err)
		}
	}
}

func TestCheckSignsInAndTellsAWrongKey(t *testing.T) {
	s := newSite(t)
	api, err := s.Open(odoo.Platform(), map[string]any{"streams": []any{"orders"}}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	for _, probe := range api.Check(context.Background()) {
		if probe.Err != nil && probe.What != "cursor" { // the row of the far future stands for the model itself
			t.Errorf("%s: %v", probe.What, probe.Err)
		}
	}
	s.db.Password = "another"
	again, err := s.Open(odoo.Platform(), nil, nil, 0)
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
	s.order(2, s.Now.Add(300*time.Millisecond), "paid")
	s.Now = s.Now.Add(time.Minute)
	api, err := s.Open(odoo.Platform(), nil, nil, 0)
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
