package ingest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/lake"
)

// odooExport gives a file of the recorded exports, "" when they are not here.
func odooExport(t *testing.T, name string) string {
	t.Helper()
	for _, base := range []string{os.Getenv("OMOFLOW_SHARED"), filepath.Join("..", "..", "..", "shared")} {
		if data, err := os.ReadFile(filepath.Join(base, "fixtures", "odoo_pos", name)); err == nil {
			return string(data)
		}
	}
	t.Skip("the exports are not here")
	return ""
}

func TestOdooStockOfShelvesIsOneLevelOfTheWarehouse(t *testing.T) {
	var want struct {
		Final struct {
			Stock []struct{ SKU, Warehouse, Quantity string } `json:"stock_booked"`
		}
	}
	if err := json.Unmarshal([]byte(odooExport(t, "expected.json")), &want); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"csv", "xlsx"} {
		s := newShop(t, "odoo-stock")
		s.feed.Match = "stock-{date}.*"
		s.put("stock-2026-11-17."+kind, odooExport(t, "exports/stock_quant_zh."+kind))
		if result := s.run(); result.Counts.Read != 81 || result.Counts.Accepted != 81 {
			t.Errorf("%+v %+v", result.Counts, result.Findings)
		}
		levels := s.rows("inventory_level", "location_id, source_sku, on_hand, business_date")
		for _, level := range want.Final.Stock {
			row := level.Warehouse + "|" + level.SKU + "|" + level.Quantity + "|2026-11-17"
			if level.SKU != "" && !slices.Contains(levels, row) {
				t.Errorf("%s: no level %s", kind, row)
			}
		}
	}
}

func TestOdooProductsAndCustomersAreTheSameFromCSVAndXLSX(t *testing.T) {
	for profile, c := range map[string]struct{ file, stream, columns string }{
		"odoo-products": {"product_zh", "product", "sku, name, barcodes, tag_price, tax_rate, attributes"},
		"odoo-partners": {"partner_zh", "customer", "source_customer_id, full_name, phones, emails, member_no"},
	} {
		var first []string
		for _, kind := range []string{"csv", "xlsx"} {
			s := newShop(t, profile)
			s.put("a."+kind, odooExport(t, "exports/"+c.file+"."+kind))
			result := s.run()
			if result.Counts.Read < 48 || result.Counts.Accepted != result.Counts.Read {
				t.Errorf("%+v %+v", result.Counts, result.Findings)
			}
			rows := s.rows(c.stream, c.columns)
			for i := range rows { // numbers stand as text in the one and as numbers in the other
				rows[i], _, _ = strings.Cut(rows[i], "|{")
			}
			if first == nil {
				first = rows
			}
			if !slices.Equal(first, rows) {
				t.Errorf("%s: the workbook gives\n%s\nthe text\n%s", profile, strings.Join(rows, "\n"), strings.Join(first, "\n"))
			}
		}
	}
}

func TestOdooGroupedExportWithoutReceiptsIsRefused(t *testing.T) {
	for _, profile := range []string{"odoo-orders", "odoo-order-list"} {
		s := newShop(t, profile)
		s.put("grouped.xlsx", odooExport(t, "exports/pos_order_grouped_by_shop.xlsx"))
		if result := s.run(); result.Refused != 1 || !strings.Contains(result.Findings[0].Message, "收据编号") {
			t.Errorf("%s: %+v", profile, result)
		}
	}
}

const odooHead = "订单参考,收据编号,日期,销售点/销售点,客户/名称,客户/电话,税项,总计,状态,订单行/产品/内部参考号,订单行/数量,订单行/单价,订单行/折扣（%）,订单行/不含税小计,订单行/小计,付款/付款方式/方法,付款/金额\n"

func TestOdooGroupedExportWithReceiptsIsReadWithoutItsGroups(t *testing.T) {
	s := newShop(t, "odoo-orders")
	s.put("a.csv", odooHead+
		"南京路店 (张三) (2),,,,,,,30.0,,,,,,,,,\n"+
		"Shop/0001,订单 00003-001-0003,2026-10-19 10:25:55,南京路店,周 (2),'+86 154,0,20.0,已支,A,2,10,0,20,20,现金,20\n"+
		",,,,,,,,,B,0,0,0,0,0,微信,\n"+
		"Shop/0002,订单 00003-001-0004,2026-10-19 10:25:55,南京路店,=1+1,,0,10.0,已支,A,1,10,0,10,10,现金,10\n")
	if result := s.run(); result.Counts != (lake.Counts{Read: 4, Accepted: 3, Ignored: 1}) {
		t.Errorf("%+v %+v", result.Counts, result.Findings)
	}
	s.want("order", "order_id, location_id, total_amount, contact_name, contact_phone, ordered_at", "00003-001-0003|南京路店|20.0000|周 (2)|+86 154|2026-10-19 10:25:55", "00003-001-0004|南京路店|10.0000|=1+1||2026-10-19 10:25:55")
	// Trap 68: the empty amount of a payment that is there is zero.
	s.want("payment", "order_id, payment_id, tender, amount", "00003-001-0003|1|现金|20.0000", "00003-001-0003|2|微信|0.0000", "00003-001-0004|1|现金|10.0000")
	s.want("order_line", "order_id, line_key, line_no, source_sku, quantity", "00003-001-0003|1|1|A|2.000", "00003-001-0003|2|2|B|0.000", "00003-001-0004|1|1|A|1.000")
}

// Trap 44: order cells stand on the first line only, so nothing says whose the lines of a refused first line are.
func TestOdooLinesOfARefusedOrderAreNoOneElses(t *testing.T) {
	s := newShop(t, "odoo-orders")
	s.feed.RefuseOver = 1_000_000
	s.put("a.csv", odooHead+
		"Shop/0001,订单 00003-001-0003,2026-10-19 10:25:55,南京路店,,,0,20.0,已支,A,2,10,0,20,20,现金,20\n"+
		"Shop/0002,订单 00003-001-0004,2026-10-19 10:25:55,南京路店,,,0,x,已支,A,1,10,0,10,10,现金,10\n"+
		",,,,,,,,,B,1,5,0,5,5,,\n"+
		"Shop/0003,订单 00003-001-0005,2026-10-19 10:25:55,南京路店,,,0,1,whatever,A,1,1,0,1,1,现金,1\n"+
		"Shop/0004,订单 00003-001-0006,2026-10-19 10:25:55,南京路店,,,0,1,paid,A,1,1,0,1,1,现金,1\n")
	if result := s.run(); result.Counts != (lake.Counts{Read: 5, Accepted: 2, Quarantined: 3}) {
		t.Errorf("%+v %+v", result.Counts, result.Findings)
	}
	s.want("order_line", "order_id, source_sku", "00003-001-0003|A", "00003-001-0006|A")
}

// A return stands beside its original: the name tells which, the receipt is the key.
func TestOdooReturnKnowsItsOrderInTheSameFile(t *testing.T) {
	s := newShop(t, "odoo-orders")
	s.put("a.csv", odooHead+
		"Shop/0009 REFUND,订单 00004-001-0007,2026-10-20 10:00:00,滨江店,,,-1.3,-10.0,已支,A,-1,10,0,-8.7,-10,现金,-10\n"+
		"Shop/0005 REFUND,订单 00004-001-0008,2026-10-20 10:00:00,滨江店,,,-1.3,-10.0,已支,A,-1,10,0,-8.7,-10,现金,-10\n"+
		"Shop/0009,订单 00003-001-0003,2026-10-19 10:25:55,南京路店,,,2.6,20.0,已支,A,2,10,0,17.4,20,现金,20\n")
	s.run()
	s.want("refund", "refund_id, order_id, location_id, amount", "00004-001-0007|00003-001-0003|滨江店|10.0000", "00004-001-0008||滨江店|10.0000")
	s.want("refund_line", "refund_id, line_key, order_id, quantity, amount, tax_amount", "00004-001-0007|1|00003-001-0003|1.000|10.0000|1.3000", "00004-001-0008|1||1.000|10.0000|1.3000")
}

// The list of orders and the import-compatible form know the same receipts as the full export, from text and workbook.
func TestOdooListsKnowTheSameReceipts(t *testing.T) {
	receipts := func(profile, name string) []string {
		s := newShop(t, profile)
		s.put(name, odooExport(t, "exports/"+name))
		if result := s.run(); result.Counts.Accepted != result.Counts.Read || result.Counts.Read < 179 {
			t.Errorf("%s: %+v %+v", name, result.Counts, result.Findings)
		}
		return append(s.rows("order", "order_id, total_amount, status"), s.rows("refund", "refund_id, amount, status")...)
	}
	first := receipts("odoo-orders", "pos_order_zh.csv")
	if len(first) != 179 {
		t.Errorf("%d receipts", len(first))
	}
	for name, profile := range map[string]string{
		"pos_order_list_view_zh.csv": "odoo-order-list", "pos_order_list_view_en.xlsx": "odoo-order-list",
		"pos_order_import_compatible.csv": "odoo-orders", "pos_order_import_compatible.xlsx": "odoo-orders", "pos_order_en.csv": "odoo-orders",
	} {
		if got := receipts(profile, name); !slices.Equal(got, first) {
			t.Errorf("%s gives other receipts", name)
		}
	}
}
