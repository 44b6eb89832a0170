package ingest_test

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/omoflow/omoflow/internal/lake"
)

// sample is a hand-written file of a known export and what must become of it.
type sample struct {
	trap, profile, match, name string
	encode                     bool // GB18030
	text                       string
	counts                     lake.Counts
	want                       map[string][]string // "stream: columns" -> rows
}

func check(t *testing.T, samples []sample) {
	t.Helper()
	for _, c := range samples {
		t.Run(c.profile+" "+c.trap, func(t *testing.T) {
			s := newShop(t, c.profile)
			s.feed.RefuseOver = 1_000_000
			if c.match != "" {
				s.feed.Match = c.match
			}
			name, text := c.name, c.text
			if name == "" {
				name = "a.csv"
			}
			if c.encode {
				var err error
				if text, err = simplifiedchinese.GB18030.NewEncoder().String(text); err != nil {
					t.Fatal(err)
				}
			}
			s.put(name, text)
			if result := s.run(); result.Counts != c.counts {
				t.Errorf("%+v %+v", result.Counts, result.Findings)
			}
			for what, rows := range c.want {
				stream, columns, _ := strings.Cut(what, ": ")
				s.want(stream, columns, rows...)
			}
		})
	}
}

func TestProfilesOfTills(t *testing.T) {
	squareHead := "Date,Time,Time Zone,Gross Sales,Discounts,Net Sales,Tax,Tip,Total Collected,Card,Cash,Square Gift Card,Other Tender,Fees,Transaction ID,Payment ID,Event Type,Location,Staff Name\n"
	check(t, []sample{
		{"54 tenders as columns, 36 spellings of amounts", "square-transactions", "", "", false,
			squareHead + "12/27/2018,12:10:11,Eastern Time (US & Canada),\"$1,149.00 \",$0.00,\"$1,149.00 \",$33.62,$2.00,\"$1,184.62\",\"$1,000.00\",$184.62,$0.00,$0.00,($33.62),T1,P1,Payment,Main,Ann\n" +
				"12/28/2018,13:00:00,Eastern Time (US & Canada),-$45.00,$0.00,($45.00),$0.00,$0.00,-$45.00,-$45.00,$0.00,$0.00,$0.00,$0.00,T2,P2,Refund,Main,Ann\n",
			lake.Counts{Read: 2, Accepted: 2},
			map[string][]string{
				"payment: order_id, payment_id, tender, amount":       {"T1|P1/card|card|1000.0000", "T1|P1/cash|cash|184.6200", "T2|P2/card|card|-45.0000"},
				"order: order_id, net_amount, tax_amount, ordered_at": {"T1|1149.0000|33.6200|2018-12-27 17:10:11"},
				"refund: refund_id, order_id, amount, business_date":  {"P2-refund|T2|45.0000|2018-12-28"},
			}},
		{"45 columns move and vanish, 26 an unknown event waits", "square-transactions", "", "", false,
			"Transaction ID,Total Collected,Net Sales,Gross Sales,Time,Date,Event Type,New Column\nT1,5,5,5,12:10:11,2026-06-01,Payment,x\nT3,5,5,5,12:10:11,2026-06-01,Surprise,x\n",
			lake.Counts{Read: 2, Accepted: 1, Quarantined: 1},
			map[string][]string{"order: order_id, total_amount, attributes": {`T1|5.0000|{"New Column":"x"}`}}},
		{"24 refunds of either sign, 39 status cancelled", "loyverse-receipts", "", "", false,
			"Date,Receipt number,Receipt type,Gross sales,Discounts,Net sales,Taxes,Total collected,Cost of goods,Payment type,POS,Store,Cashier name,Customer name,Status\n" +
				"31/12/2025 14:05,2-1678,Sale,10.00,1.00,9.00,0.90,9.90,4.00,Cash,P1,S1,Li,,Closed\n31/12/2025 14:06,2-1679,Refund,-5.00,0.00,-5.00,-0.50,-5.50,-2.00,Cash,P1,S1,Li,,Closed\n" +
				"31/12/2025 14:07,2-1680,Refund,5.00,0.00,5.00,0.50,5.50,2.00,Card,P1,S1,Li,,Closed\n31/12/2025 14:08,2-1681,Sale,5.00,0.00,5.00,0.50,5.50,2.00,Card,P1,S1,Li,,Cancelled\n",
			lake.Counts{Read: 4, Accepted: 4},
			map[string][]string{
				"refund: amount, tax_amount":  {"5.5000|0.5000", "5.5000|0.5000"},
				"payment: tender, amount":     {"Cash|9.9000", "Cash|-5.5000", "Card|-5.5000"},
				"order: status, total_amount": {"completed|9.9000", "cancelled|5.5000"},
			}},
		{"42 four styles of dates", "loyverse-receipts", "", "", false,
			"Date,Receipt number,Receipt type,Gross sales,Net sales\n8/17/26 12:16 PM,1-1,Sale,1,1\n8/7/26 1:16 PM,1-2,Sale,1,1\n",
			lake.Counts{Read: 2, Accepted: 2}, map[string][]string{"order: ordered_at": {"2026-08-17 12:16:00", "2026-08-07 13:16:00"}}},
		{"returns have their own operation", "shopkeep-items", "", "", false,
			"Time,Register Name/Number,Cashier Name,Operation Type,Store Code,UPC,Line Item,Department,Net Total,Tax,Total Due,Transaction ID,Customer ID\n" +
				"2026-03-14 10:00:00,1,Ann,Sale,S1,05007,Tea,Drinks,10.00,0.80,10.80,77,\n2026-03-14 10:00:00,1,Ann,Sale,S1,05007,Tea,Drinks,10.00,0.80,10.80,77,\n2026-03-14 11:00:00,1,Ann,Refund,S1,05007,Tea,Drinks,-10.00,-0.80,-10.80,78,\n",
			lake.Counts{Read: 3, Accepted: 3},
			map[string][]string{
				"order: order_id, net_amount, tax_amount, total_amount": {"S1/77|20.0000|1.6000|21.6000"},
				"order_line: line_key, barcode, net_amount, event_at":   {"1|05007|10.0000|2026-03-14 14:00:00", "2|05007|10.0000|2026-03-14 14:00:00"},
				"refund: amount, tax_amount":                            {"10.8000|0.8000"},
			}},
		{"39 the business day is the folder's", "toast-items", "{date}/*.csv", "20260316/ItemSelectionDetails.csv", false,
			"Location,Order Id,Order Date,Check Id,Item Selection Id,Menu Item,SKU,Gross Price,Discount,Net Price,Qty,Tax,Void?\n" +
				"Main,O1,03/17/2026 01:30 AM,C1,I1,Tea,T1,4.00,0.50,3.50,1,0.30,false\nMain,O1,03/17/2026 01:30 AM,C1,I2,Pie,P1,6.00,0.00,6.00,1,0.50,true\n",
			lake.Counts{Read: 2, Accepted: 1, Ignored: 1},
			map[string][]string{"order: order_id, business_date, ordered_at, net_amount, total_amount": {"O1|2026-03-16|2026-03-17 05:30:00|3.5000|3.8000"}}},
		{"25 a later refund and a void stand on the payment's row", "toast-payments", "", "", false,
			"Location,Payment Id,Order Id,Paid Date,Amount,Tip,Type,Status,Void Date,Refund Date,Refund Amount\nMain,P1,O1,3/17/2026 1:30 AM,10.00,1.00,Credit,CAPTURED,,3/19/2026 10:00 AM,4.00\nMain,P2,O2,3/17/2026 2:30 PM,5.00,0,Cash,,3/18/2026 1:00 PM,,\n",
			lake.Counts{Read: 2, Accepted: 1, Ignored: 1},
			map[string][]string{"refund: refund_id, amount, business_date": {"P1-refund|4.0000|2026-03-19"}, "payment: payment_id, amount, business_date": {"P1|10.0000|2026-03-16"}}},
		{"46 label rows in front, footer behind", "vivipos-daily", "day-{store}.csv", "day-S7.csv", false,
			"Daily Sales\n\nShop One\nBranch 7\nTelephone:,123\nTerminal:,01\nStart Time:,2026/03/16 00:00\n\nCondition - \nTerminal: all\n\nTerminal,Service Clerk,Proceeds Clerk,Sale Period,Shift,Time,Sequence,Invoice Number,Gross Sales,Add-on Tax,Surcharge,Discount,Promotion,Revalue,Total,Payment,Cash,Check,Credit Card,Coupon,Gift Card\n" +
				"'01,Ann,Bob,2026/03/16,1,2026/03/17 00:30:00,'000123,,100,0,0,-10,0,0,90,90,50,0,40,0,0\n\nRecords Found: 1,,,,,,,,,,,,,,,,,,,,\nSummary:,,,,,,,,100,0,0,-10,0,0,90,90,50,0,40,0,0\n",
			lake.Counts{Read: 3, Accepted: 1, Ignored: 2},
			map[string][]string{
				"order: order_id, location_id, business_date, discount_amount, total_amount": {"01/000123/2026-03-16|S7|2026-03-16|10.0000|90.0000"},
				"payment: tender, amount, business_date":                                     {"card|40.0000|2026-03-16", "cash|50.0000|2026-03-16"},
			}},
		{"46 a second header and lines below each receipt", "vivipos-detail", "detail-{store}.csv", "detail-S7.csv", false,
			"Sales Detail\n\nTerminal:,01\n\nTerminal,Service Clerk,Proceeds Clerk,Sale Period,Time,Sequence,Total\n'01,Ann,Bob,2026/03/16,2026/03/17 00:30:00,'000123,90\n,Product Number,Product Name,Tax Name,Discount,Surcharge,Price,Quantity,Subtotal\n,'05007,Tea,T,-10,0,50,2,90\n" +
				"'01,Ann,Bob,2026/03/17,2026/03/17 10:00:00,'000124,30\n,Product Number,Product Name,Tax Name,Discount,Surcharge,Price,Quantity,Subtotal\n,'05008,Pie,T,0,0,10,1,10\n,'05009,Jam,T,0,0,20,1,20\nRecords Found: 2,,,,,,\n",
			lake.Counts{Read: 8, Accepted: 5, Ignored: 3},
			map[string][]string{
				"order: order_id, location_id, business_date, total_amount":                           {"01/000123/2026-03-16|S7|2026-03-16|90.0000", "01/000124/2026-03-17|S7|2026-03-17|30.0000"},
				"order_line: order_id, line_key, source_sku, quantity, gross_amount, discount_amount": {"01/000123/2026-03-16|1|05007|2.000|100.0000|10.0000", "01/000124/2026-03-17|1|05008|1.000|10.0000|0.0000", "01/000124/2026-03-17|2|05009|1.000|20.0000|0.0000"},
			}},
		{"46 second headers, 51 apostrophes and zeros, 54 tender columns, 49 GB18030", "cn-back-office", "", "", true,
			"门店销售明细\n打印:2026\n小票号,销售日期,销售时间,商品编码,数量,销售金额,售价金额,销售模式,现金,微信\n'000123,2026-3-5,10:00:00,'05007,2,20.00,25.00,零售,15,5\n'000123,2026-3-5,10:00:00,'05008,1,0,0,零售,15,5\n小计,,,,3,20.00,25.00,,,\n" +
				"小票号,销售日期,销售时间,商品编码,数量,销售金额,售价金额,销售模式,现金,微信\n'000124,2026-3-5,11:00:00,'05007,1,10.00,12.50,退货,-10,0\n合计,,,,4,30.00,,,,\n",
			lake.Counts{Read: 6, Accepted: 3, Ignored: 3},
			map[string][]string{
				"order_line: order_id, source_sku, quantity": {"000123/2026-03-05|05007|2.000", "000123/2026-03-05|05008|1.000"},
				"refund_line: source_sku, quantity, amount":  {"05007|1.000|10.0000"},
				"payment: order_id, tender, amount":          {"000123/2026-03-05|cash|15.0000", "000123/2026-03-05|wechat|5.0000", "000124/2026-03-05|cash|-10.0000"},
			}},
	})
}

// Trap 44: order cells stand on the first row of an order, or are repeated on each: both make the same order.
func TestShopifyOrdersWithAndWithoutRepeatedCells(t *testing.T) {
	head := "Name,Email,Financial Status,Paid at,Currency,Subtotal,Shipping,Taxes,Total,Discount Amount,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Refunded Amount,Source,Location,Payment Method,Payment Reference\n"
	cells := "a@example.com,paid,2026-03-16 09:30:22 -0500,USD,28.00,5.00,2.10,35.10,2.00,2026-03-16 09:30:22 -0500"
	want := map[string][]string{
		"order: order_id, channel, location_id, gross_amount, discount_amount, total_amount, ordered_at": {"#1001|store|Main|30.0000|2.0000|35.1000|2026-03-16 14:30:22"},
		"payment: order_id, tender, amount, settlement_ref":                                              {"#1001|cash|35.1000|c1"},
		"order_line: order_id, line_no, source_sku, quantity, location_id":                               {"#1001|1|C1|1.000|Main", "#1001|2|M1|2.000|Main"},
		"refund: amount": {"3.0000"},
	}
	check(t, []sample{
		{"on the first row", "shopify-orders", "", "", false, head + "#1001," + cells + ",1,Cap,10.00,C1,3.00,pos,Main,cash,c1\n#1001,,,,,,,,,,,2,Mug,10.00,M1,,,,,\n", lake.Counts{Read: 2, Accepted: 2}, want},
		{"on every row", "shopify-orders", "", "", false, head + "#1001," + cells + ",1,Cap,10.00,C1,3.00,pos,Main,cash,c1\n#1001," + cells + ",2,Mug,10.00,M1,3.00,pos,Main,cash,c1\n", lake.Counts{Read: 2, Accepted: 2}, want},
	})
}

func TestProfilesOfSettlements(t *testing.T) {
	wechat := strings.Repeat("微信支付账单明细,,,,,,,,,,\n", 16)
	alipay := strings.Repeat("------------------------------------------------------------------------------------\n", 1) + strings.Repeat("导出信息：\n", 21) + "---------支付宝（中国）网络技术有限公司  电子客户回单------------\n"
	columns := "settlement_line: settlement_id, kind, amount, order_ref, settled_at"
	check(t, []sample{
		{"50 ids with tabs, quoted and plain rows mixed, fee in a remark", "wechat-bill", "", "", false,
			wechat + "交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,商户单号,备注\n" +
				"2026-03-05 10:00:00,商户消费,店,\"茶, 大\",支出,¥28.16,零钱,支付成功,\"3985734\"\t,\"M1\"\t,\"服务费¥0.10\"\n2026-03-06 10:00:00,店-退款,店,/,收入,¥8.00,/,已退款,3985735\t,M1\t,/\n2026-03-07 10:00:00,零钱提现,银行,/,/,¥100.00,银行,提现已到账,3985736\t,/,\"/\"\n2026-03-08 10:00:00,商户消费,店,x,支出,28.16元左右,零钱,支付成功,3985737,M2,/\n",
			lake.Counts{Read: 4, Accepted: 3, Quarantined: 1},
			map[string][]string{
				columns: {"3985734|payment|28.1600|M1|2026-03-05 02:00:00", "3985735/refund/2026-03-06 10:00:00|refund|-8.0000|M1|2026-03-06 02:00:00", "3985736|payout|-100.0000||2026-03-07 02:00:00"},
				"settlement_line: fee_amount, provider, currency_code": {"|wechat|CNY", "|wechat|CNY", "0.1000|wechat|CNY"},
			}},
		{"49 GB18030 behind 23 rows, trailing comma, padding", "alipay-bill", "", "", true,
			alipay + "交易时间,交易分类,交易对方,对方账号,商品说明,收/支,金额,收/付款方式,交易状态,交易订单号,商家订单号,备注,\n" +
				"2026-03-05 10:00:00 ,日用百货  ,店  ,a***@x.com,茶,支出,131.77,余额宝,交易成功,2026001\t,M1\t,,\n2026-03-06 10:00:00,退款,店,a***@x.com,退款-茶,不计收支,89.84,余额宝,退款成功,2026001_1\t,M1\t,,\n2026-03-06 11:00:00,日用百货,店,,茶,不计收支,5.00,,交易关闭,2026002\t,M2\t,,\n",
			lake.Counts{Read: 3, Accepted: 3},
			map[string][]string{columns: {"2026001_1/refund/2026-03-06 10:00:00|refund|-89.8400|M1|2026-03-06 02:00:00", "2026001|payment|131.7700|M1|2026-03-05 02:00:00", "2026002|other|0.0000|M2|2026-03-06 03:00:00"}}},
		{"37 an amount tells of its refund, which has a row of its own: net 41.93", "jd-bill", "", "", false,
			"\ufeff导出信息：\n京东账号名：x\n一、本单为单方证明\n二、仅供参考\n\n交易时间,商户名称,交易说明,金额,收/付款方式,交易状态,收/支,交易分类,交易订单号,商家订单号,备注\n" +
				"2026-03-05 10:00:00\t,京东,茶,131.77(已退款89.84),白条,交易成功,支出,食品,J1\t,M1\t,\n2026-03-06 10:00:00\t,京东,退款-茶,89.84,白条,退款成功,不计收支,食品,J1\t,M1\t,\n",
			lake.Counts{Read: 2, Accepted: 2},
			map[string][]string{"settlement_line: kind, amount": {"payment|131.7700", "refund|-89.8400"}}},
		{"50 empty quotes, a title in brackets, tabs within quotes", "meituan-bill", "", "", false,
			"\ufeff\"\"\r\n\"【美团账单】\"\r\n\"\"\r\n交易创建时间,交易成功时间,交易类型,订单标题,收/支,支付方式,订单金额,实付金额,交易单号,商家单号,备注\r\n\"2026-03-05 09:59:00\",\"2026-03-05 10:00:00\",\"支付\",\"茶\",\"支出\",\"微信\",\"¥30.00\",\"¥28.16\",\"MT1\t\",\"M1\t\",\"\"\r\n\"2026-03-06 10:00:00\",\"2026-03-06 10:00:00\",\"退款\",\"茶\",\"收入\",\"微信\",\"¥28.16\",\"¥28.16\",\"MT1\t\",\"M1\t\",\"\"\r\n",
			lake.Counts{Read: 2, Accepted: 2},
			map[string][]string{columns: {"MT1/refund/2026-03-06 10:00:00|refund|-28.1600|M1|2026-03-06 02:00:00", "MT1|payment|28.1600|M1|2026-03-05 02:00:00"}}},
	})
}

func TestProfilesOfStockAndTraffic(t *testing.T) {
	check(t, []sample{
		{"a blind count", "stocktake", "", "", false, "盘点单\n盘点单号,门店,商品编码,商品名称,实盘数量,盘点时间,盘点人\nC1,S1,05007,茶,12,2026-03-31 21:00,李\nC1,S1,05008,茶,,2026-03-31 21:05,李\n合计,,,,12,,\n",
			lake.Counts{Read: 3, Accepted: 2, Ignored: 1}, map[string][]string{"stocktake_line: source_sku, counted, book, counted_at": {"05007|12.000||2026-03-31 21:00:00", "05008|||2026-03-31 21:05:00"}}},
		{"the book shown, and an article that is none", "stocktake", "", "", false, "Count No,Store,SKU,Counted,Book,Counted At,Approved By\nC1,S1,A,12,13,2026-03-31 21:00,Bob\nC1,S1,,1,1,2026-03-31 21:00,Bob\nC1,S1,6.9E+12,1,1,2026-03-31 21:00,Bob\n",
			lake.Counts{Read: 3, Accepted: 1, Quarantined: 2}, map[string][]string{"stocktake_line: source_sku, counted, book": {"A|12.000|13.000"}}},
		{"55 not stocked is not zero", "stock-levels", "", "", false, "Location,SKU,On hand (current),Committed,Incoming,As of\nS1,A,0,1,2,2026-03-31\nS1,B,not stocked,,,2026-03-31\n",
			lake.Counts{Read: 2, Accepted: 2}, map[string][]string{"inventory_level: source_sku, on_hand, reserved, in_transit": {"A|0.000|1.000|2.000", "B|||"}}},
		{"what goes out is negative, an unknown kind waits", "stock-movements", "", "", false, "单号,变动类型,仓库,商品编码,变动数量,日期\nD1,采购入库,W1,A,10,2026-03-05\nD2,调拨出库,W1,A,4,2026-03-06\nD3,报损,W1,A,-1,2026-03-07\nD4,盘亏,W1,A,2,2026-03-08\nD5,什么,W1,A,1,2026-03-08\n",
			lake.Counts{Read: 5, Accepted: 4, Quarantined: 1}, map[string][]string{"inventory_movement: movement_id, kind, quantity": {"D1/A/receipt|receipt|10.000", "D2/A/transfer_out|transfer_out|-4.000", "D3/A/write_off|write_off|-1.000", "D4/A/adjustment|adjustment|-2.000"}}},
		{"46 stocks behind label rows", "vivipos-stocks", "stock-{store}-{date}.csv", "stock-S1-2026-03-31.csv", false, "Stocks\n\nShop\n\nDepartment Number,Department Name,Product Number,Product Name,Stock Level,Low Watermark,High Watermark\n'01,Drinks,'05007,Tea,7,1,9\nRecords Found: 1,,,,,,\n",
			lake.Counts{Read: 2, Accepted: 1, Ignored: 1}, map[string][]string{"inventory_level: location_id, source_sku, on_hand, business_date": {"S1|05007|7.000|2026-03-31"}}},
		{"58 groups are not individuals, 57 a counter that is down is unknown", "retailnext-traffic", "", "", false, "location,date,time,traffic_in,traffic_out,individual_traffic_in,group_traffic_in,status\nS1,2026-03-05,10:00,30,28,40,12,online\nS1,2026-03-05,11:00,0,0,0,0,offline\n",
			lake.Counts{Read: 2, Accepted: 2}, map[string][]string{"traffic: slot_start, visitors, is_healthy": {"2026-03-05 10:00:00|40|true", "2026-03-05 11:00:00||false"}}},
		{"57 a file per counter", "footfallcam-traffic", "{location_id}-{segment}-*.csv", "S1-door2-20260305.csv", false, "Date,Time,In,Out\n05/03/2026,10:00,7,5\n25/03/2026,11:00,,\n",
			lake.Counts{Read: 2, Accepted: 2}, map[string][]string{"traffic: location_id, segment, slot_start, visitors, is_healthy": {"S1|door2|2026-03-05 10:00:00|7|true", "S1|door2|2026-03-25 11:00:00||false"}}},
		{"59 a report in English", "ga4-export", "", "", false, "# ----------------------------------------\n# Account: Shop\n# Start date: 20260301\n# End date: 20260302\n# ----------------------------------------\n\nDate,Device category,Active users,Sessions,Ecommerce purchases,Total revenue\n20260301,mobile,10,12,1,99.5\n20260301,(not set),1,1,0,0\n",
			lake.Counts{Read: 2, Accepted: 2}, map[string][]string{"traffic: segment, slot_start, visitors, sessions, orders": {"(not set)|2026-03-01 00:00:00|1|1|0", "mobile|2026-03-01 00:00:00|10|12|1"}}},
		{"59 the same report in Chinese", "ga4-export", "", "", false, "# 开始日期：20260301\n日期,设备类别,活跃用户,会话数,电子商务购买次数,总收入\n20260301,mobile,10,12,1,99.5\n20260301,(not set),1,1,0,0\n",
			lake.Counts{Read: 2, Accepted: 2}, map[string][]string{"traffic: segment, slot_start, visitors, sessions, orders": {"(not set)|2026-03-01 00:00:00|1|1|0", "mobile|2026-03-01 00:00:00|10|12|1"}}},
		{"58 visitors of a day, and the paid amount stays out", "sycm-sessions", "", "", true, "生意参谋\n\n统计日期,终端,访客数,浏览量,加购人数,支付买家数,支付金额,支付转化率\n2026-03-05,所有终端,\"1,234\",5678,90,12,\"3,456.00\",0.97%\n2026-03-05,无线端,1200,5000,80,11,3000,0.92%\n",
			lake.Counts{Read: 2, Accepted: 2}, map[string][]string{"traffic: segment, visitors, product_views, carts, orders, business_date": {"|1234|5678|90||2026-03-05", "无线端|1200|5000|80||2026-03-05"}}},
	})
}

func TestProfilesOfReferenceTables(t *testing.T) {
	check(t, []sample{
		{"months, quarters and years", "targets", "", "", false, "指标,范围,期间,目标值,币种\nnet_sales,S1,2026-03,\"10,000\",CNY\nnet_sales,,2026Q1,30000,CNY\nnet_sales,online,2026年,120000,CNY\nnet_sales,,soon,1,CNY\n",
			lake.Counts{Read: 4, Accepted: 3, Quarantined: 1}, map[string][]string{"target: scope_type, scope_id, period_start, period_end, amount": {"channel|online|2026-01-01|2026-12-31|120000.0000", "company||2026-01-01|2026-03-31|30000.0000", "location|S1|2026-03-01|2026-03-31|10000.0000"}}},
		{"rates for a hundred units", "fx-rates", "", "", false, "日期,币种,汇率,单位\n2026-03-05,美元 USD,7.1234,1\n2026-03-05,JPY,4.8765,100\n",
			lake.Counts{Read: 2, Accepted: 2}, map[string][]string{"fx_rate: currency_code, rate": {"JPY|0.04876500", "USD|7.12340000"}}},
		{"departments", "org-units", "", "", false, "部门编号,部门名称,上级部门,负责人\nD1,运营,,李\nD2,门店,D1,王\n",
			lake.Counts{Read: 2, Accepted: 2}, map[string][]string{"org_unit: org_unit_id, name, parent_id": {"D1|运营|", "D2|门店|D1"}}},
		{"51 numbers of staff keep their zeros", "staff", "", "", false, "工号,姓名,门店,职级,入职日期,离职日期\n'0007,张三,S1,店长,2020/1/5,\n0008,李四,S1,店员,2021/2/6,2026/3/1\n",
			lake.Counts{Read: 2, Accepted: 2}, map[string][]string{"associate: associate_id, location_id, grade, joined_on, left_on": {"0007|S1|店长|2020-01-05|", "0008|S1|店员|2021-02-06|2026-03-01"}}},
		{"who was trained", "training-register", "", "", false, "编号,课程,姓名,应完成日期,完成日期,结果\nT1,消防,张三,2026-03-31,2026-03-20,合格\nT2,消防,李四,2026-03-31,,\n",
			lake.Counts{Read: 2, Accepted: 2}, map[string][]string{"policy_event: policy_event_id, kind, due_at, done_at": {"training/T1|training|2026-03-31 00:00:00|2026-03-20 00:00:00", "training/T2|training|2026-03-31 00:00:00|"}}},
		{"documents with versions", "document-register", "", "", false, "文件编号,文件名称,版本,归口部门,生效日期,复审日期\nP-01,退货制度,2.0,运营,2026-01-01,2027-01-01\n",
			lake.Counts{Read: 1, Accepted: 1}, map[string][]string{"policy_event: policy_event_id, subject, version, due_at": {"document/P-01/2.0|退货制度|2.0|2027-01-01 00:00:00"}}},
		{"what a meeting decided", "meeting-actions", "", "", false, "编号,会议,行动项,责任部门,负责人,截止日期,完成日期,状态\nA1,2026-03,补货,运营,李四,2026-03-31,,进行中\n",
			lake.Counts{Read: 1, Accepted: 1}, map[string][]string{"policy_event: policy_event_id, kind, subject, status": {"action/2026-03/A1|action|补货|进行中"}}},
	})
}
