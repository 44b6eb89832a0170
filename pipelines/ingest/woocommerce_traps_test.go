package ingest_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// trap is a shop of a few orders for one of the traps of WooCommerce.
type trap struct {
	*wooShop
	now    time.Time
	values map[string]any
	r      *rand.Rand
}

func newTrap(t *testing.T, zone string, streams ...any) *trap {
	t.Helper()
	at, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	s := &trap{now: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC), r: rand.New(rand.NewPCG(9, 9))}
	sim := simulator.New(at, func() time.Time { return s.now })
	s.wooShop = newWoo(t, sim, nil)
	s.values = map[string]any{"streams": streams, "page_size": 3, "probe_ids": 0}
	return s
}

// order adds an order of one line of 100.00 and 13.00 tax, seconds before now.
func (s *trap) order(id int64, before time.Duration) *simulator.Order {
	at := s.now.Add(-before)
	o := &simulator.Order{ID: id, Status: "completed", Currency: "CNY", Created: at, Modified: at, Items: []simulator.Item{{ID: id * 10, Product: 7, SKU: "SKU-7", Quantity: 2, Subtotal: 10000, Total: 10000, Tax: 1300}}}
	o.Put(s.sim)
	return o
}

func (s *trap) step() {
	s.t.Helper()
	if _, err := s.pull(s.values); err != nil {
		s.t.Fatal(err)
	}
	for _, stream := range []string{"order", "order_line", "refund", "refund_line", "inventory_level", "customer", "product"} {
		s.view(stream)
	}
}

func (s *trap) expect(query, want string) {
	s.t.Helper()
	if got := s.text(query); got != want {
		s.t.Errorf("%s: got %q, want %q", query, got, want)
	}
}

const orderCount = "SELECT count(*), CAST(sum(total_amount) AS DECIMAL(18,2)) FROM v_order"

func TestTrap01FourOrdersInOneSecondAreAllReadOnce(t *testing.T) {
	s := newTrap(t, "Asia/Shanghai", "orders")
	s.order(1, time.Minute)
	s.order(2, time.Minute)
	s.step()
	s.order(3, time.Minute) // the same second, behind the cursor
	s.order(4, time.Minute)
	s.step()
	s.expect(orderCount, "4|452.00")
}

func TestTrap02AnEditBetweenPagesHidesNoRow(t *testing.T) {
	s := newTrap(t, "UTC", "orders")
	var first *simulator.Order
	for id := range int64(12) {
		if o := s.order(id+1, time.Duration(100-id)*time.Second); first == nil {
			first = o
		}
	}
	calls := s.sim.Calls()
	s.sim.Before = beforeCall(func() {
		if s.sim.Calls() == calls+3 {
			first.Modified = s.now
			first.Put(s.sim)
		}
	})
	s.step()
	s.expect(orderCount, "12|1356.00")
}

func TestTrap03CursorsAreGMTInEveryZone(t *testing.T) {
	for _, zone := range []string{"Asia/Shanghai", "America/New_York"} {
		s := newTrap(t, zone, "orders")
		s.order(1, 3*time.Hour)
		s.step()
		s.now = s.now.Add(time.Hour)
		for id := range int64(3) {
			s.order(id+2, time.Duration(30+id)*time.Second)
		}
		s.step()
		s.expect(orderCount, "4|452.00")
	}
}

func TestTrap11CustomersAreAllReadAgain(t *testing.T) {
	s := newTrap(t, "UTC", "customers")
	put := func(id int64, name, role string) {
		raw, err := json.Marshal(map[string]any{"id": id, "date_created_gmt": "2026-01-01T00:00:00", "date_modified_gmt": "2026-01-01T00:00:00", "email": name + "@example.com", "first_name": name, "last_name": "", "role": role, "billing": map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		s.sim.Put("customers", simulator.Record{ID: id, Status: role, Raw: raw})
	}
	for id := range int64(7) {
		put(id+1, fmt.Sprintf("p%d", id+1), "customer")
	}
	put(8, "boss", "administrator")
	s.step()
	put(3, "renamed", "customer") // its date of change stays
	s.sim.Remove("customers", 5)
	s.now = s.now.Add(7 * time.Hour)
	s.step()
	s.expect("SELECT count(*), count(*) FILTER (WHERE is_deleted), max(given_name) FROM v_customer", "8|1|renamed")
}

func TestTrap21RefundThatLeavesItsOrderAlone(t *testing.T) {
	s := newTrap(t, "UTC", "orders", "refunds")
	o := s.order(1, 300*time.Hour)
	s.step()
	modified := o.Modified
	s.now = s.now.Add(time.Hour)
	o.PutRefund(s.sim, 50, s.now.Add(-time.Minute), 500, nil)
	o.Modified = modified
	o.Put(s.sim)
	s.step()
	s.expect("SELECT order_id, CAST(amount AS DECIMAL(18,2)) FROM v_refund", "1|5.00")
	s.expect(orderCount, "1|113.00") // a refund never lowers the order's total
}

func TestTrap22And23SignsAndRefundsWithoutLines(t *testing.T) {
	s := newTrap(t, "UTC", "orders", "refunds")
	o := s.order(1, time.Hour)
	o.PutRefund(s.sim, 50, s.now.Add(-time.Minute), 500, nil) // an amount alone
	o.PutRefund(s.sim, 51, s.now.Add(-time.Minute), 5650, []simulator.Item{{ID: 10, Product: 7, SKU: "SKU-7", Quantity: 1, Total: 5000, Tax: 650}})
	s.step()
	s.expect("SELECT refund_id, CAST(amount AS DECIMAL(18,2)) FROM v_refund ORDER BY 1", "50|5.00\n51|56.50")
	s.expect("SELECT refund_id, order_line_key, CAST(quantity AS BIGINT), CAST(amount AS DECIMAL(18,2)), CAST(tax_amount AS DECIMAL(18,2)), tax_included FROM v_refund_line", "51|10|1|50.00|6.50|false")
}

func TestTrap26UnknownStatusWaitsInQuarantine(t *testing.T) {
	s := newTrap(t, "UTC", "orders")
	s.order(1, time.Hour)
	o := s.order(2, time.Hour)
	o.Status = "foo"
	o.Put(s.sim)
	result, err := s.pull(s.values)
	if err != nil || result.Counts.Quarantined != 2 || result.Findings[0].Code != "unknown_status" {
		t.Errorf("%+v, %v", result.Findings, err)
	}
	s.now = s.now.Add(25 * time.Hour)
	if again, err := s.pull(s.values); err != nil || again.Counts.Quarantined != 0 {
		t.Errorf("what waits in quarantine already went there again: %+v, %v", again.Counts, err)
	}
	s.step()
	s.expect(orderCount, "1|113.00")
	s.values["statuses"] = map[string]any{"wc-foo": "paid"}
	s.now = s.now.Add(25 * time.Hour)
	s.step()
	s.expect(orderCount, "2|226.00")
	s.expect("SELECT status FROM v_order WHERE order_id = '2'", "paid")
}

func TestTrap29TrashAndDeletes(t *testing.T) {
	s := newTrap(t, "UTC", "orders")
	s.order(1, time.Hour)
	trashed, gone := s.order(2, time.Hour), s.order(3, time.Hour)
	s.step()
	trashed.Status = "trash" // its date stays: classic storage
	trashed.Put(s.sim)
	s.sim.Remove("orders", gone.ID)
	s.now = s.now.Add(25 * time.Hour)
	s.step()
	s.expect("SELECT order_id, status, source_status FROM v_order ORDER BY 1", "1|completed|completed\n2|cancelled|trash")
	s.expect("SELECT count(*) FROM v_order_line WHERE order_id = '3'", "0")
	trashed.Status = "completed"
	trashed.Put(s.sim)
	s.now = s.now.Add(25 * time.Hour)
	s.step()
	s.expect("SELECT order_id, status FROM v_order ORDER BY 1", "1|completed\n2|completed")
}

func TestTrap34FloatsAreNotRead(t *testing.T) {
	s := newTrap(t, "UTC", "orders")
	o := s.order(1, time.Hour)
	o.Items[0].Quantity, o.Items[0].Subtotal, o.Items[0].Total, o.Items[0].Tax = 3, 1990, 1990, 0
	o.Put(s.sim) // price is 6.633333333333333
	s.step()
	s.expect("SELECT gross_amount, net_amount FROM v_order_line", "19.9000|19.9000")
}

func TestTrap41RepeatedHourIsTwoHours(t *testing.T) {
	s := newTrap(t, "America/New_York", "orders")
	s.now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	s.order(1, 12*time.Hour-5*time.Hour-30*time.Minute) // 05:30Z
	s.order(2, 12*time.Hour-6*time.Hour-30*time.Minute) // 06:30Z, both 01:30 by the wall
	s.step()
	s.expect("SELECT order_id, ordered_at, business_date FROM v_order ORDER BY 1", "1|2026-11-01 05:30:00|2026-11-01\n2|2026-11-01 06:30:00|2026-11-01")
}

func TestTrap63ALineWithoutANewDateIsFound(t *testing.T) {
	s := newTrap(t, "UTC", "orders")
	o := s.order(1, 2*time.Hour)
	s.order(2, time.Hour)
	s.step()
	o.Items = append(o.Items, simulator.Item{ID: 11, Product: 8, SKU: "SKU-8", Quantity: 1, Subtotal: 100, Total: 100, Tax: 13})
	o.Put(s.sim)
	s.now = s.now.Add(25 * time.Hour)
	s.step()
	s.expect(orderCount, "2|227.13")
	s.expect("SELECT count(*) FROM v_order_line WHERE order_id = '1'", "2")
}

func TestTrap64AnOrderInNoListIsFoundAndReported(t *testing.T) {
	s := newTrap(t, "UTC", "orders")
	s.sim.OrderTable = true
	s.values["probe_ids"] = 100
	s.order(10, 3*time.Hour)
	hidden := s.order(12, 2*time.Hour)
	hidden.Status = "gone-plugin"
	hidden.Put(s.sim)
	s.order(15, time.Hour)
	result, err := s.pull(s.values)
	if err != nil || len(result.Findings) != 1 || result.Findings[0].Code != "unknown_status" {
		t.Errorf("%+v, %v", result.Findings, err)
	}
	s.view("order")
	s.expect(orderCount, "2|226.00")
}

func TestTrap65RefundsOfATrashedOrderAreShownAndCancelled(t *testing.T) {
	for _, table := range []bool{true, false} {
		s := newTrap(t, "UTC", "orders", "refunds")
		s.sim.OrderTable = table
		o := s.order(1, time.Hour)
		o.PutRefund(s.sim, 50, s.now.Add(-time.Minute), 500, nil)
		s.step()
		o.Status = "trash"
		o.Put(s.sim)
		s.now = s.now.Add(25 * time.Hour)
		s.step()
		s.expect("SELECT count(*) FROM v_refund INNER JOIN v_order USING (order_id) WHERE v_order.status <> 'cancelled'", "0")
		s.expect("SELECT status, source_status FROM v_order", "cancelled|trash")
	}
}

func TestTrap66ADeletedRefundLeavesTheNet(t *testing.T) {
	s := newTrap(t, "UTC", "orders", "refunds")
	o := s.order(1, time.Hour)
	o.PutRefund(s.sim, 50, s.now.Add(-2*time.Minute), 500, nil)
	o.PutRefund(s.sim, 51, s.now.Add(-time.Minute), 300, nil)
	s.step()
	s.sim.Remove("refunds", 50)
	s.now = s.now.Add(25 * time.Hour)
	s.step()
	s.expect("SELECT refund_id, CAST(amount AS DECIMAL(18,2)) FROM v_refund", "51|3.00")
}

func TestTrap55And70StockLevels(t *testing.T) {
	s := newTrap(t, "UTC", "stock")
	put := func(list string, id int64, sku string, managed any, quantity any) {
		raw, err := json.Marshal(map[string]any{"id": id, "sku": sku, "type": map[bool]string{true: "variable", false: "simple"}[id == 1], "manage_stock": managed, "stock_quantity": quantity, "date_modified_gmt": "2026-01-01T00:00:00"})
		if err != nil {
			t.Fatal(err)
		}
		s.sim.Put(list, simulator.Record{ID: id, Raw: raw})
	}
	put("products", 1, "PARENT", true, 30)
	put("products", 2, "PLAIN", true, -2)
	put("products", 3, "UNMANAGED", false, nil)
	put("variations", 4, "CHILD-S", "parent", 30) // repeats its parent's stock
	put("variations", 5, "CHILD-M", true, 4)
	s.step()
	s.expect("SELECT source_sku, CAST(on_hand AS BIGINT) FROM v_inventory_level ORDER BY 1", "CHILD-M|4\nPARENT|30\nPLAIN|-2")
	s.step()
	s.expect("SELECT count(*) FROM v_inventory_level", "3") // a snapshot that is not due is not taken
	put("products", 2, "PLAIN", true, 5)
	s.now = s.now.Add(5 * time.Hour)
	s.step()
	s.expect("SELECT CAST(on_hand AS BIGINT) FROM v_inventory_level WHERE source_sku = 'PLAIN' ORDER BY as_of", "-2\n5")
}

// Fields that are new, gone or of another type.
func TestFieldsThatChange(t *testing.T) {
	s := newTrap(t, "UTC", "orders")
	good := s.order(1, 5*time.Hour)
	edit := func(id int64, change func(map[string]any)) {
		o := *good
		o.ID = id
		o.Items = []simulator.Item{{ID: id * 10, Product: 7, SKU: "SKU-7", Quantity: 2, Subtotal: 10000, Total: 10000, Tax: 1300}}
		var all map[string]any
		if err := json.Unmarshal(o.JSON(s.sim.Zone), &all); err != nil {
			t.Fatal(err)
		}
		change(all)
		raw, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		s.sim.Put("orders", simulator.Record{ID: id, Status: "completed", Created: o.Created, Modified: o.Modified, Raw: raw})
	}
	edit(2, func(m map[string]any) { m["brand_new"] = map[string]any{"deep": "value"} })
	edit(3, func(m map[string]any) { delete(m, "total") })
	edit(4, func(m map[string]any) { m["total"] = map[string]any{"amount": "113.00"} })
	edit(5, func(m map[string]any) { m["total"] = "1,x" })
	edit(6, func(m map[string]any) { m["line_items"].([]any)[0].(map[string]any)["quantity"] = "1.5" })
	edit(7, func(m map[string]any) { m["status"] = nil })
	result, err := s.pull(s.values)
	if err != nil {
		t.Fatal(err)
	}
	s.view("order")
	s.view("order_line")
	s.expect("SELECT order_id FROM v_order ORDER BY 1", "1\n2\n6")
	s.expect("SELECT json_extract_string(attributes, '$.\"brand_new.deep\"') FROM v_order WHERE order_id = '2'", "value")
	s.expect("SELECT CAST(quantity AS DECIMAL(9,1)) FROM v_order_line WHERE order_id = '6'", "1.5")
	if result.Counts.Quarantined < 8 || !result.Counts.Balanced() { // read twice within one second, refused twice
		t.Errorf("%+v", result.Counts)
	}
	for _, f := range result.Findings {
		if strings.Contains(f.Message, "p0@example.com") {
			t.Errorf("a finding shows a contact: %s", f.Message)
		}
	}
}

func beforeCall(f func()) func(http.ResponseWriter, *http.Request) bool {
	return func(http.ResponseWriter, *http.Request) bool { f(); return false }
}
