package ingest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/pinduoduo"
	pddsim "github.com/omoflow/omoflow/pipelines/source/pinduoduo/simulator"
	"github.com/omoflow/omoflow/pipelines/source/router/routertest"
	"github.com/omoflow/omoflow/pipelines/source/taobao"
	taosim "github.com/omoflow/omoflow/pipelines/source/taobao/simulator"
)

// gatewayShop is a simulated shop behind a gateway, its source, and a lake.
type gatewayShop struct {
	*wooShop // its lake and its views
	routertest.Site
	platform source.Platform
}

func newTaobao(t *testing.T) (*gatewayShop, *taosim.Shop) {
	s := &gatewayShop{platform: taobao.Platform()}
	sim := taosim.New(func() time.Time { return s.Now })
	sim.Dialect.HMAC = true
	s.Gateway, s.Fields, s.Values = sim.Gateway, [3]string{"app_key", "app_secret", "session"}, map[string]any{"lag": "0s", "history": "48h", "window": "24h"}
	s.start(t)
	return s, sim
}

func newPinduoduo(t *testing.T) (*gatewayShop, *pddsim.Shop) {
	s := &gatewayShop{platform: pinduoduo.Platform()}
	sim := pddsim.New(func() time.Time { return s.Now })
	s.Gateway, s.Fields, s.Values = sim.Gateway, [3]string{"client_id", "client_secret", "access_token"}, map[string]any{"history": "2h"}
	s.start(t)
	return s, sim
}

func (s *gatewayShop) start(t *testing.T) {
	t.Helper()
	s.Now = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	s.wooShop = &wooShop{shop: newShop(t, wholeProfile)}
	s.opt.Zone = "Asia/Shanghai"
	s.Start(t)
}

// step pulls once and makes the views.
func (s *gatewayShop) step(values map[string]any) {
	s.t.Helper()
	api, err := s.Open(s.platform, values, nil, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer api.Close()
	if _, err := ingest.Run(context.Background(), s.opt, s.feedsOf(api)); err != nil && fault.KindOf(err) != fault.Partial {
		s.t.Fatal(err)
	}
	for _, stream := range []string{"order", "order_line", "payment", "refund", "refund_line", "inventory_level", "product"} {
		s.view(stream)
	}
}

func (s *gatewayShop) expect(query string, want ...string) {
	s.t.Helper()
	if got := s.text(query); got != strings.Join(want, "\n") {
		s.t.Errorf("%s:\ngot\n%s\nwant\n%s", query, got, strings.Join(want, "\n"))
	}
}

// sale is a trade of two pieces for 150.07 each, less 100.07, and 5.00 for the post.
func sale(id int64, at time.Time, status, kind string, extra map[string]any) *taosim.Trade {
	return &taosim.Trade{ID: id, Status: status, Type: kind, Created: at.Add(-time.Hour), Modified: at.Add(-time.Minute), Paid: true, Post: 500, Extra: extra,
		Lines: []taosim.Line{{OID: id, Item: 77, SKU: "SKU-7", Quantity: 2, Price: 15007, Discount: 10007}}}
}

const orders = "SELECT order_id, channel, location_id, status, CAST(total_amount AS DECIMAL(18,2)) FROM v_order ORDER BY CAST(order_id AS BIGINT)"

func TestTrap27TaobaoNonSalesAreNone(t *testing.T) {
	s, sim := newTaobao(t)
	unpaid := sale(4, s.Now, "WAIT_BUYER_PAY", "fixed", nil)
	unpaid.Paid = false
	closed := sale(3, s.Now, "TRADE_CLOSED_BY_TAOBAO", "fixed", nil)
	closed.Paid = false
	for _, o := range []*taosim.Trade{
		sale(1, s.Now, "TRADE_FINISHED", "fixed", nil), sale(2, s.Now, "TRADE_CLOSED", "fixed", nil), closed, unpaid,
		sale(5, s.Now, "WAIT_BUYER_PAY", "step", map[string]any{"step_trade_status": "FRONT_PAID_FINAL_NOPAID", "step_paid_fee": "20.50"}),
		sale(6, s.Now, "TRADE_CLOSED", "step", map[string]any{"step_trade_status": "FRONT_PAID_FRONT_FORFEITED", "step_paid_fee": "20.50"}),
		sale(7, s.Now, "TRADE_FINISHED", "step", map[string]any{"step_trade_status": "FRONT_PAID_FINAL_PAID", "step_paid_fee": "205.07"}),
		sale(8, s.Now, "PAID_FORBID_CONSIGN", "fixed", map[string]any{"team_buy_hold": 1}),
		sale(9, s.Now, "WAIT_SELLER_SEND_GOODS", "cod", map[string]any{"pay_time": nil}),
		sale(10, s.Now, "TRADE_TELEPORTED", "fixed", nil),
	} {
		o.Put(sim)
	}
	s.step(nil)
	s.expect(orders, "1|online|shop|completed|205.07", "2|online|shop|refunded|205.07", "3|online|shop|cancelled|205.07", "4|online|shop|unpaid|205.07", "5|online|shop|unpaid|205.07",
		"6|online|shop|completed|20.50", "7|online|shop|completed|205.07", "8|online|shop|open|205.07", "9|online|shop|unpaid|205.07")
	// A forfeited deposit is income that is no goods; a deposit alone is a tender only.
	s.expect("SELECT order_id, line_kind, CAST(gross_amount - discount_amount AS DECIMAL(18,2)) FROM v_order_line WHERE order_id IN ('1', '6') ORDER BY 1", "1|product|200.07", "6|deposit|20.50")
	s.expect("SELECT order_id, payment_id, CAST(amount AS DECIMAL(18,2)) FROM v_payment WHERE order_id IN ('3', '4', '5', '6', '7') ORDER BY 1", "5|deposit|20.50", "6|deposit|20.50", "7|payment|205.07")
}

func TestTrap12And32StoreTradesArePresentAndCountedOnce(t *testing.T) {
	s, sim := newTaobao(t)
	sale(1, s.Now, "TRADE_FINISHED", "o2o_offlinetrade", map[string]any{"shop_code": "9001", "o2o_guide_id": "G7", "cloud_store_bind_pos": "R-55"}).Put(sim)
	sale(2, s.Now, "TRADE_FINISHED", "fixed", map[string]any{"shop_pick": "1", "retail_store_code": "9002", "o2o_guide_id": "G8"}).Put(sim)
	sale(3, s.Now, "TRADE_FINISHED", "tmall_i18n", nil).Put(sim)
	stores := map[string]any{"9001": "S01"}
	s.step(map[string]any{"stores": stores})
	query := "SELECT order_id, channel, location_id, fulfilment, coalesce(fulfil_location_id, ''), coalesce(associate_id, ''), coalesce(session_ref, ''), status FROM v_order ORDER BY 1"
	s.expect(query, "1|store|S01|carry_out|S01|G7|R-55|completed", "2|online|shop|pickup|9002|G8||completed", "3|online|shop|ship||||completed")

	s, sim = newTaobao(t)
	sale(1, s.Now, "TRADE_FINISHED", "o2o_offlinetrade", map[string]any{"shop_code": "9001", "cloud_store_bind_pos": "R-55"}).Put(sim)
	s.step(map[string]any{"stores": stores, "o2o_receipts": "pos"})
	s.expect("SELECT order_id, session_ref, status FROM v_order", "1|R-55|open") // the till's file counts it
}

func TestTrap28RefundsAreWhatGoesBack(t *testing.T) {
	s, sim := newTaobao(t)
	sale(1, s.Now, "TRADE_FINISHED", "fixed", nil).Put(sim)
	for _, f := range []*taosim.Refund{
		{ID: 11, Trade: 1, OID: 1, Status: "SUCCESS", Fen: 3000, Keeps: 17507}, {ID: 12, Trade: 1, OID: 1, Status: "SUCCESS", Fen: 1000, Keeps: 16507},
		{ID: 13, Trade: 1, OID: 1, Status: "CLOSED", Fen: 500}, {ID: 14, Trade: 1, OID: 1, Status: "WAIT_SELLER_AGREE", Fen: 700}, {ID: 15, Trade: 1, OID: 1, Status: "VANISHED", Fen: 900},
	} {
		f.Created, f.Modified = s.Now.Add(-time.Hour), s.Now.Add(-time.Minute)
		f.Put(sim)
	}
	s.step(nil)
	s.expect("SELECT refund_id, order_id, status, CAST(amount AS DECIMAL(18,2)) FROM v_refund ORDER BY 1", "11|1|refunded|30.00", "12|1|refunded|10.00", "13|1|rejected|5.00", "14|1|requested|7.00")
	s.expect("SELECT CAST(sum(amount) AS DECIMAL(18,2)) FROM v_refund_line WHERE order_line_key = '1'", "40.00")
}

func TestTrap33YuanAndFenInOneObject(t *testing.T) {
	s, sim := newTaobao(t)
	sale(1, s.Now, "TRADE_FINISHED", "fixed", map[string]any{"o2o_voucher_price": "20007"}).Put(sim) // 200.07, beside a payment in yuan
	sale(2, s.Now, "TRADE_FINISHED", "fixed", map[string]any{"o2o_voucher_price": "200.07"}).Put(sim)
	sale(3, s.Now, "TRADE_FINISHED", "fixed", map[string]any{"payment": "205.0700"}).Put(sim)
	s.step(nil)
	s.expect("SELECT order_id, CAST(total_amount AS DECIMAL(18,2)) FROM v_order", "1|205.07") // the others wait in quarantine
}

func TestTrap40And52ChinaTimeAndMaskedContacts(t *testing.T) {
	s, sim := newTaobao(t)
	s.Now = time.Date(2026, 5, 31, 17, 0, 0, 0, time.UTC) // 01:00 of June in China
	sale(1, s.Now, "TRADE_FINISHED", "fixed", map[string]any{"created": "2026-06-01 00:30:00"}).Put(sim)
	sale(2, s.Now, "TRADE_FINISHED", "fixed", map[string]any{"receiver_name": "~aUKYm5fb~1~", "receiver_mobile": "$138$aUKYm5fb==$1$"}).Put(sim)
	s.step(nil)
	s.expect("SELECT order_id, ordered_at, business_date, coalesce(contact_name, '-'), coalesce(contact_phone, '-') FROM v_order ORDER BY 1",
		"1|2026-05-31 16:30:00|2026-06-01|陈**|138****1234", "2|2026-05-31 16:00:00|2026-06-01|-|-")
}

func TestTaobaoItemsAreTheirSKUs(t *testing.T) {
	s, sim := newTaobao(t)
	sim.PutItem(1, "PLAIN", true, 7, nil)
	sim.PutItem(2, "SHIRT", true, 9, map[string]int64{"SHIRT-M": 4, "SHIRT-L": 5})
	sim.PutItem(3, "OLD", false, 0, nil)
	s.step(map[string]any{"page_size": 1})
	s.expect("SELECT source_sku, CAST(on_hand AS BIGINT) FROM v_inventory_level ORDER BY 1", "OLD|0", "PLAIN|7", "SHIRT-L|5", "SHIRT-M|4")
	s.expect("SELECT sku, is_active, CAST(tag_price AS DECIMAL(18,2)) FROM v_product ORDER BY 1", "OLD|false|19.90", "PLAIN|true|19.90", "SHIRT-L|true|21.00", "SHIRT-M|true|21.00")
}

// Epoch seconds and China's clock mean the same; a group that forms, a deposit, a review and a lottery are no sales; only
// state 10 moves money.
func TestTrap27PinduoduoStates(t *testing.T) {
	s, sim := newPinduoduo(t)
	at := s.Now.Add(-time.Hour)
	for id, extra := range []map[string]any{
		nil, {"group_status": 0, "confirm_status": 0}, {"group_status": 2, "confirm_status": 2}, {"trade_type": 1, "step_order_info": map[string]any{"step_trade_status": 1}},
		{"risk_control_status": 1}, {"is_lucky_flag": 2}, {"order_status": 3, "created_time": at.Unix(), "updated_at": at.Unix()}, {"group_status": 7}, {"confirm_status": 0, "pay_time": nil},
	} {
		(&pddsim.Order{ID: int64(id + 1), Created: at, Modified: at, Price: 1990, Count: 2, Discount: 100, Postage: 500, Extra: extra}).Put(sim)
	}
	for i, status := range []int{10, 11, 4, 99} {
		sim.PutRefund(int64(50+i), "260601-1", status, 1234, at)
	}
	s.step(nil)
	s.expect("SELECT order_id, status FROM v_order ORDER BY 1", "260601-1|paid", "260601-2|open", "260601-3|cancelled", "260601-4|unpaid", "260601-5|open", "260601-6|open", "260601-7|completed", "260601-9|unpaid")
	s.expect("SELECT DISTINCT ordered_at, business_date, CAST(total_amount AS DECIMAL(18,2)), contact_phone FROM v_order", "2026-06-01 07:00:00|2026-06-01|43.80|138****1234")
	s.expect("SELECT DISTINCT CAST(gross_amount AS DECIMAL(18,2)), CAST(quantity AS BIGINT) FROM v_order_line", "39.80|2")
	s.expect("SELECT refund_id, status, CAST(amount AS DECIMAL(18,2)), refunded_at FROM v_refund ORDER BY 1", "50|refunded|12.34|2026-06-01 07:00:00", "51|rejected|12.34|2026-06-01 07:00:00", "52|requested|12.34|2026-06-01 07:00:00")
	s.expect("SELECT refund_id FROM v_refund_line", "50")
}
