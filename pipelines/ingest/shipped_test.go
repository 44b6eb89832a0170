package ingest_test

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/retail"
)

func TestShippedProfilesMakeRows(t *testing.T) {
	for name, c := range map[string]struct {
		text            string
		counts          lake.Counts
		stream, columns string
		want            []string
	}{
		"shopify-orders": {
			"Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Shipping,Taxes,Total,Discount Amount,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Refunded Amount,Source\n" +
				"#1001,a@example.com,partially_refunded,2026-03-16 09:30:22 -0500,fulfilled,USD,28.00,5.00,2.10,35.10,2.00,2026-03-16 09:30:22 -0500,1,Cap,10.00,C1,3.00,web\n#1001,,,,,,,,,,,,2,Mug,10.00,M1,,\n",
			lake.Counts{Read: 2, Accepted: 2}, "order", "order_id, channel, ordered_at, gross_amount, net_amount, total_amount, status", []string{"#1001|online|2026-03-16 14:30:22|30.0000|28.0000|35.1000|fulfilled"},
		},
		"loyverse-by-item": {
			"Date,Receipt number,Receipt type,Category,SKU,Item,Quantity,Gross sales,Discounts,Net sales,Cost of goods,Taxes,POS,Store,Status\n" +
				"8/17/26 12:16 PM,2-1678,Sale,Tea,10001,Green,2.000,10.00,1.00,9.00,4.00,0.00,P1,S1,Closed\n8/17/26 1:16 PM,2-1679,Refund,Tea,10001,Green,-1.000,-5.00,0.00,-5.00,-2.00,0.00,P1,S1,Closed\n",
			lake.Counts{Read: 2, Accepted: 2}, "refund_line", "quantity, amount, business_date", []string{"1.000|5.0000|2026-08-17"},
		},
		"square-items": {
			"Date,Time,Time Zone,Category,Item,Qty,SKU,Gross Sales,Discounts,Net Sales,Tax,Transaction ID,Payment ID,Event Type,Location\n" +
				"2026-06-01,12:10:11,Eastern Time (US & Canada),Tea,Green,1.0,10001,\"$1,149.00 \",$0.00,\"$1,149.00 \",$33.62,T1,P1,Payment,Main\n2026-06-01,13:10:11,Eastern Time (US & Canada),Tea,Green,-1.0,10001,($45.00),$0.00,-$45.00,$0.00,T2,P2,Refund,Main\n",
			lake.Counts{Read: 2, Accepted: 2}, "order", "order_id, net_amount, tax_amount, ordered_at", []string{"T1|1149.0000|33.6200|2026-06-01 16:10:11"},
		},
		"cn-back-office": {
			"销售明细表\n\n行,款台,收款员,销售日期,销售时间,小票号,序号,商品码,商品名称,条形码,数量,售价,成交价,售价金额,销售金额,进价,折扣率,销售模式\n" +
				"1,99,102.收银员,2010-9-7,16:12:27,9900000984,1,10002,核桃,10002,1,20,20,20.00,20.00,13.200,1,零售\n2,99,102.收银员,2010-9-7,16:12:27,9900000984,2,05007,礼盒,05007,5,85,85,425.00,400.00,51.000,1,零售\n合计,,,,,,,,,,6,,,445.00,420.00,,,\n",
			lake.Counts{Read: 3, Accepted: 2, Ignored: 1}, "order_line", "source_sku, quantity, discount_amount, event_at", []string{"05007|5.000|25.0000|2010-09-07 08:12:27", "10002|1.000|0.0000|2010-09-07 08:12:27"},
		},
		"tmall-orders": {
			"订单编号,总金额,买家实际支付金额,收货地址 ,订单创建时间,订单付款时间,退款金额\n1,178.8,0.0,上海,2020-02-21 00:00:00,,0.0\n2,21.0,21.0,上海,2020/2/20 23:59,2020/2/21 0:00,5.0\n",
			lake.Counts{Read: 2, Accepted: 2}, "refund", "refund_id, amount, event_at", []string{"2-refund|5.0000|2020-02-20 16:00:00"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, name)
			text := c.text
			if strings.HasPrefix(name, "cn-") {
				var err error
				if text, err = simplifiedchinese.GB18030.NewEncoder().String(text); err != nil {
					t.Fatal(err)
				}
			}
			s.put("a.csv", text)
			if result := s.run(); result.Counts != c.counts {
				t.Errorf("%+v %+v", result.Counts, result.Findings)
			}
			s.want(c.stream, c.columns, c.want...)
		})
	}
}

func TestCanonicalFilesMakeTheirStream(t *testing.T) {
	values := map[string]string{"VARCHAR": "x", "BIGINT": "7", "BOOLEAN": "yes", "DATE": "2026-01-05", "TIMESTAMP": "2026-01-05 10:00:00"}
	for _, name := range retail.StreamNames() {
		t.Run(name, func(t *testing.T) {
			stream, _ := retail.StreamNamed(name)
			var head, row []string
			for _, c := range stream.Columns {
				value := values[c.Type]
				if value == "" {
					value = "1.5"
				}
				head, row = append(head, c.Name), append(row, value)
			}
			s := newShop(t, "canonical-"+name)
			s.put("a.csv", strings.Join(head, ";")+"\n"+strings.Join(row, ";")+"\n")
			if result := s.run(); result.Counts != (lake.Counts{Read: 1, Accepted: 1}) {
				t.Fatalf("%+v %+v", result.Counts, result.Findings)
			}
			if got := s.rows(name, "source, "+stream.Columns[0].Name+", attributes"); len(got) != 1 || !strings.HasPrefix(got[0], "tills|x|") {
				t.Errorf("%q", got)
			}
		})
	}
}
