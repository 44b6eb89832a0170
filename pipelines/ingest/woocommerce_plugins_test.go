package ingest_test

import (
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// What plugins keep in meta_data reaches the canonical columns; without a value the shop's own places stand.
func TestPluginsNameStoresMembersAndPromotions(t *testing.T) {
	s := newTrap(t, "UTC", "orders", "refunds", "customers", "stock")
	s.values["location_id"], s.values["stock_location_id"] = "WEB", "W1"
	s.values["meta"] = map[string]any{"fulfil_location_id": "_store", "location_id": "_taken_by", "member_no": "it's", "promotion_id": "_promo", "associate_id": "_guide"}
	s.values["constants"] = map[string]any{"is_restocked": "false"}
	put := func(id int64, kept map[string]string, method string) *simulator.Order {
		o := s.order(id, time.Hour)
		o.Meta, o.Method = kept, method
		o.Items[0].Meta = map[string]string{"_other": "x", "_promo": "满减 \"5\""}
		o.Put(s.sim)
		return o
	}
	put(1, map[string]string{"_store": "S01", "_guide": "G7", "it's": "M1"}, "local_pickup")
	put(2, map[string]string{"_store": "S02"}, "")
	last := put(3, map[string]string{"_storey": "S03"}, "")
	put(4, map[string]string{"_store": "W1"}, "")
	items := []simulator.Item{{ID: 30, Product: 7, SKU: "SKU-7", Quantity: 1, Total: 5000, Tax: 650}}
	s.sim.Put("refunds", last.Refund(s.sim, 50, s.now.Add(-time.Minute), 5650, items, simulator.Refund{Meta: map[string]string{"_taken_by": "S04"}}))
	s.sim.Put("refunds", last.Refund(s.sim, 51, s.now.Add(-time.Minute), 5650, items, simulator.Refund{}))
	s.sim.Put("customers", (&simulator.Customer{ID: 9, Created: s.now, Meta: map[string]string{"it's": "M1"}}).Record(s.sim))
	s.sim.Put("products", (&simulator.Product{ID: 7, Created: s.now, SKU: "SKU-7", Stock: 4}).Record(s.sim))
	s.step()
	s.expect("SELECT order_id, location_id, fulfilment, fulfil_location_id, coalesce(associate_id, ''), coalesce(member_no, '') FROM v_order ORDER BY 1",
		"1|WEB|pickup|S01|G7|M1\n2|WEB|ship_from_store|S02||\n3|WEB|ship|W1||\n4|WEB|ship|W1||")
	s.expect("SELECT DISTINCT promotion_id FROM v_order_line", `满减 "5"`)
	s.expect("SELECT refund_id, channel, location_id, is_restocked FROM v_refund_line ORDER BY 1", "50|store|S04|true\n51|online|WEB|false")
	s.expect("SELECT refund_id, channel, location_id FROM v_refund ORDER BY 1", "50|store|S04\n51|online|WEB")
	s.expect("SELECT member_no FROM v_customer", "M1")
	s.expect("SELECT location_id, CAST(on_hand AS BIGINT) FROM v_inventory_level", "W1|4")
}

// meta_data that is no list of keys and values says nothing, and loses no order.
func TestMetaDataOfAnotherShape(t *testing.T) {
	for _, body := range []string{`{}`, `[]`, `null`, `"text"`, `"5"`, `5`, `[1, "a", null]`, `[{"key": "_store"}]`, `[{"key": 5, "value": {"a": 1}}]`} {
		s := newTrap(t, "UTC", "orders")
		s.values["meta"] = map[string]any{"fulfil_location_id": "_store"}
		s.sim.Put("orders", simulator.Record{ID: 1, Status: "completed", Created: s.now.Add(-time.Hour), Modified: s.now.Add(-time.Hour), Raw: []byte(`{"id":1,"status":"completed","currency":"CNY",
"date_created_gmt":"2026-05-04T09:00:00","date_modified_gmt":"2026-05-04T09:00:00","total":"5.00","total_tax":"0.00","shipping_lines":[{"method_id":"flat_rate"}],"line_items":[],"fee_lines":[],"meta_data":` + body + `}`)})
		s.step()
		s.expect("SELECT order_id, fulfilment, coalesce(fulfil_location_id, '') FROM v_order", "1|ship|")
	}
}

// A tax rate says that prices hold a tax that the shop does not calculate: no tax is stated, and the net is left to be worked
// out. A line with a tax keeps what is stated.
func TestTaxThatIsNotCalculated(t *testing.T) {
	s := newTrap(t, "UTC", "orders", "refunds")
	s.values["constants"] = map[string]any{"tax_rate": "0.13"}
	o := s.order(1, time.Hour)
	o.Items[0].Tax = 0
	o.Put(s.sim)
	s.order(2, time.Hour)
	o.PutRefund(s.sim, 50, s.now.Add(-time.Minute), 5000, []simulator.Item{{ID: 10, Product: 7, SKU: "SKU-7", Quantity: 1, Total: 5000}})
	s.step()
	s.expect("SELECT order_id, coalesce(CAST(CAST(tax_amount AS DECIMAL(18,2)) AS VARCHAR), '') FROM v_order ORDER BY 1", "1|\n2|13.00")
	s.expect("SELECT order_id, CAST(gross_amount AS DECIMAL(18,2)), coalesce(CAST(CAST(tax_amount AS DECIMAL(18,2)) AS VARCHAR), ''), coalesce(CAST(CAST(net_amount AS DECIMAL(18,2)) AS VARCHAR), ''), tax_included FROM v_order_line ORDER BY 1",
		"1|100.00|||true\n2|100.00|13.00|100.00|false")
	s.expect("SELECT CAST(amount AS DECIMAL(18,2)), tax_amount IS NULL, tax_included FROM v_refund_line", "50.00|true|true")
}
