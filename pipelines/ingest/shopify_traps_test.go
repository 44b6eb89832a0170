package ingest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source/shopify/simulator"
)

func streamsOf(names ...any) map[string]any { return map[string]any{"streams": names} }

func TestShopifyTrap10RefundTwentySecondsAfterItsOrder(t *testing.T) {
	s := newShopify(t)
	o := s.order(1, time.Minute)
	s.step(streamsOf("orders", "refunds"))
	s.now = s.now.Add(20 * time.Second) // the order's mark stays
	o.Refunds = []simulator.Refund{{ID: 50, Cents: 5650, At: s.now, Lines: []simulator.Line{{ID: 100, Quantity: 1, SKU: "SKU-7", Cents: 5000, Tax: 650}}}}
	o.Put(s.sim)
	s.step(streamsOf("orders", "refunds"))
	s.expect("SELECT refund_id, order_id, CAST(amount AS DECIMAL(18,2)) FROM v_refund", "50|1|56.50")
	s.expect("SELECT order_line_key, CAST(quantity AS BIGINT), CAST(amount AS DECIMAL(18,2)), CAST(tax_amount AS DECIMAL(18,2)), is_restocked FROM v_refund_line", "100|1|50.00|6.50|true")
	s.expect(shopifyCount, "1|113.00")
}

func TestShopifyTrap18OfflineSaleBelongsToItsOwnDay(t *testing.T) {
	s := newShopify(t)
	o := s.order(1, time.Minute)
	o.Processed = s.now.Add(-72 * time.Hour)
	o.Put(s.sim)
	s.step(streamsOf("orders"))
	s.expect("SELECT business_date, ordered_at, paid_at FROM v_order", "2026-05-01|2026-05-01 10:00:00|2026-05-01 10:00:00")
}

func TestShopifyTrap26UnknownStatusWaitsInQuarantine(t *testing.T) {
	s := newShopify(t)
	s.order(1, time.Hour)
	o := s.order(2, time.Hour)
	o.Status = "FROZEN"
	o.Put(s.sim)
	result, err := ingest.Run(context.Background(), s.opt, s.feeds(streamsOf("orders")))
	if err != nil || len(result.Findings) == 0 || result.Findings[0].Code != "unknown_status" {
		t.Errorf("%+v, %v", result.Findings, err)
	}
	s.view("order")
	s.expect(shopifyCount, "1|113.00")
}

func TestShopifyTrap27TestOrdersAreMarked(t *testing.T) {
	s := newShopify(t)
	o := s.order(1, time.Hour)
	o.Test = true
	o.Put(s.sim)
	s.step(streamsOf("orders"))
	s.expect("SELECT is_test FROM v_order", "true")
}

func TestShopifyTrap30MergedCustomerHasAllOrders(t *testing.T) {
	s := newShopify(t)
	for id := range int64(2) {
		s.sim.Put("customers", simulator.Record{ID: id + 1, Updated: s.now.Add(-time.Hour), Node: map[string]any{"id": simulator.Gid("Customer", id+1), "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-05-04T09:00:00Z", "firstName": "A", "lastName": "B"}})
	}
	o := s.order(1, time.Hour)
	other := s.order(2, time.Hour)
	other.Customer = 2
	other.Put(s.sim)
	s.step(streamsOf("orders", "customers"))
	s.expect("SELECT count(DISTINCT source_customer_id) FROM v_order", "2")
	other.Customer = o.Customer // merged: no date changes
	other.Put(s.sim)
	s.sim.Remove("customers", 2)
	s.now = s.now.Add(25 * time.Hour)
	s.step(streamsOf("orders", "customers"))
	s.expect("SELECT count(*), count(DISTINCT source_customer_id) FROM v_order", "2|1")
	s.expect("SELECT source_customer_id, is_deleted FROM v_customer ORDER BY 1", "1|false\n2|true")
}

func TestShopifyTrap32TillOrdersHaveOneOwner(t *testing.T) {
	s := newShopify(t)
	s.order(1, time.Hour)
	till := s.order(2, time.Hour)
	till.Source, till.Location = "pos", 7
	till.Refunds = []simulator.Refund{{ID: 50, Cents: 100, At: s.now.Add(-time.Minute)}}
	till.Put(s.sim)
	places := map[string]any{"streams": []any{"orders", "refunds"}, "locations": map[string]any{"7": "S07"}, "location_id": "WEB"}
	s.step(places)
	s.expect("SELECT order_id, channel, location_id, fulfilment FROM v_order ORDER BY 1", "1|online|WEB|ship\n2|store|S07|carry_out")
	other := newShopify(t)
	other.sim, other.server, other.now = s.sim, s.server, s.now
	places["pos_orders"] = "leave" // the till's own file delivers the receipt
	other.step(places)
	other.expect("SELECT order_id FROM v_order", "1")
	other.expect("SELECT count(*) FROM v_order_line", "1")
	other.expect("SELECT count(*) FROM v_payment", "1")
	other.expect("SELECT count(*) FROM v_refund", "0")
}

func TestShopifyTrap35ShopMoneyCounts(t *testing.T) {
	s := newShopify(t)
	o := s.order(1, time.Hour)
	o.Rate = "USD"
	o.Lines[0].Discount = 1000
	o.Put(s.sim)
	s.step(streamsOf("orders"))
	s.expect("SELECT currency_code, CAST(total_amount AS DECIMAL(18,2)), json_extract_string(attributes, '$.\"totalPriceSet.presentmentMoney.currencyCode\"') FROM v_order", "CNY|103.00|USD")
	s.expect("SELECT CAST(gross_amount AS DECIMAL(18,2)), CAST(discount_amount AS DECIMAL(18,2)), CAST(tax_amount AS DECIMAL(18,2)) FROM v_order_line", "100.00|10.00|13.00")
	s.expect("SELECT count(*), CAST(sum(amount) AS DECIMAL(18,2)), max(currency_code) FROM v_payment", "1|103.00|CNY")
}

func TestShopifyBackfillHasAllThatTheForwardRunHas(t *testing.T) {
	forward, past := newShopify(t), newShopify(t)
	for _, s := range []*shopifyShop{forward, past} {
		for id := range int64(30) {
			o := s.order(id+1, time.Duration(1+id*40)*time.Hour)
			for n := range id % 6 {
				o.Lines = append(o.Lines, simulator.Line{ID: o.ID*100 + n + 1, Quantity: 1, Current: 1, SKU: "X", Cents: 100})
			}
			if id%3 == 0 {
				o.Refunds = []simulator.Refund{{ID: 1000 + id, Cents: 100, At: o.Updated, Lines: o.Lines[:1]}}
			}
			o.Put(s.sim)
		}
	}
	forward.step(streamsOf("orders", "refunds"))
	past.opt.Backfill = &ingest.Range{From: past.now.AddDate(0, -3, 0), To: past.now}
	past.sim.OnBulk = func(b *simulator.Bulk) { // cut per parent: order 6 loses a line, its units tell
		for i, l := range b.Lines {
			if strings.Contains(l, "LineItem/603\"") {
				b.Lines = append(b.Lines[:i:i], b.Lines[i+1:]...)
				b.Objects--
				return
			}
		}
	}
	past.step(streamsOf("orders", "refunds"))
	for _, query := range []string{shopifyCount, "SELECT count(*), sum(gross_amount) FROM v_order_line", "SELECT count(*), sum(amount) FROM v_refund", "SELECT count(*), sum(amount) FROM v_refund_line"} {
		past.expect(query, forward.text(query))
	}
	if past.text("SELECT count(*) FROM v_order") == "0" {
		t.Error("nothing was read")
	}
}

func TestShopifyCatalogueStockAndLocations(t *testing.T) {
	s := newShopify(t)
	variant := func(id int64, sku string) any {
		return map[string]any{"id": simulator.Gid("ProductVariant", id), "title": "Red", "sku": sku, "price": "19.90", "updatedAt": "2026-05-04T09:00:00Z", "inventoryItem": map[string]any{"id": simulator.Gid("InventoryItem", id), "unitCost": map[string]any{"amount": "7.5", "currencyCode": "CNY"}}}
	}
	product := map[string]any{"id": simulator.Gid("Product", 1), "title": "Shirt", "vendor": "V", "productType": "Wear", "status": "ACTIVE", "updatedAt": "2026-05-04T09:00:00Z", "variants": []any{variant(1, "A"), variant(2, "B"), variant(3, "")}}
	s.sim.Put("products", simulator.Record{ID: 1, Updated: s.now.Add(-time.Hour), Node: product})
	level := func(place int64, onHand, available int) any {
		return map[string]any{"id": simulator.Gid("InventoryLevel", place), "updatedAt": "2026-05-04T09:00:00Z", "location": map[string]any{"id": simulator.Gid("Location", place)}, "quantities": []any{map[string]any{"name": "on_hand", "quantity": onHand}, map[string]any{"name": "available", "quantity": available}, map[string]any{"name": "incoming", "quantity": 4}}}
	}
	s.sim.Put("inventoryItems", simulator.Record{ID: 1, Node: map[string]any{"id": simulator.Gid("InventoryItem", 1), "sku": "A", "tracked": true, "inventoryLevels": []any{level(1, 5, 3), level(2, 7, 7), level(3, -1, -2)}}})
	s.sim.Put("inventoryItems", simulator.Record{ID: 2, Node: map[string]any{"id": simulator.Gid("InventoryItem", 2), "sku": "B", "tracked": false, "inventoryLevels": []any{level(1, 0, 0)}}})
	for id := range int64(3) {
		s.sim.Put("locations", simulator.Record{ID: id + 1, Node: map[string]any{"id": simulator.Gid("Location", id+1), "name": "L", "isFulfillmentService": id == 2, "updatedAt": "2026-05-04T09:00:00Z"}})
	}
	values := map[string]any{"streams": []any{"products", "stock", "locations"}, "locations": map[string]any{"2": "S02"}}
	s.step(values)
	s.expect("SELECT sku, name, CAST(tag_price AS DECIMAL(9,2)), CAST(cost AS DECIMAL(9,2)), is_active FROM v_product ORDER BY 1", "A|Shirt - Red|19.90|7.50|true\nB|Shirt - Red|19.90|7.50|true\nshopify-3|Shirt - Red|19.90|7.50|true")
	s.expect("SELECT source_sku, location_id, CAST(on_hand AS INT), CAST(reserved AS INT), CAST(in_transit AS INT), as_of FROM v_inventory_level ORDER BY 2", "A|1|5|2|4|2026-05-04 10:00:00\nA|3|-1|1|4|2026-05-04 10:00:00\nA|S02|7|0|4|2026-05-04 10:00:00")
	s.expect("SELECT location_id, kind FROM v_location ORDER BY 1", "1|store\n3|warehouse\nS02|store")
	product["variants"] = []any{variant(1, "A")}
	s.now = s.now.Add(25 * time.Hour)
	s.step(values)
	s.expect("SELECT sku, is_active FROM v_product ORDER BY 1", "A|true\nB|false\nshopify-3|false")
}
