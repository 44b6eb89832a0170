package world

import (
	"fmt"
	"strconv"
)

func tmallNumber(number int) string {
	return fmt.Sprintf("39%016d", 1_000_000_007*int64(number)%10_000_000_000_000_000)
}

// renderTmall writes the order report: today's orders, then yesterday's that were paid today, then older ones
// with their refund column filled.
func (s *sim) renderTmall(t *text, f *dayFacts, u int) {
	t.row("订单编号", "买家会员名", "总金额", "店铺优惠", "买家应付邮费", "买家实际支付金额", "订单状态", "收货人姓名", "收货地址 ", "联系手机", "订单创建时间", "订单付款时间", "宝贝总数量", "支付方式", "退款金额", "退款成功时间")
	for i := range f.orders[u] {
		s.tmallOrder(t, &f.orders[u][i], nil)
	}
	for i := range f.settled {
		o := f.settled[i]
		o.status = paid
		s.tmallOrder(t, &o, nil)
	}
	for i := range f.reshown {
		s.tmallOrder(t, &f.reshown[i].order, &f.reshown[i])
	}
}

func (s *sim) tmallOrder(t *text, o *order, back *refund) {
	gross, disc, _ := o.total()
	state, collected, paidAt := "买家已付款", gross-disc, s.stamp(o.day, min(o.sec+40, 86_399))
	switch {
	case o.paidDay >= 0 && o.status == paid:
		paidAt = s.stamp(o.paidDay, 10*3600)
	case o.status == unpaid:
		state, collected, paidAt = "等待买家付款", 0, ""
	case o.status == cancelled:
		state, collected, paidAt = "交易关闭", 0, ""
	}
	returned, returnedAt := "0.00", ""
	if back != nil {
		returned, returnedAt = money(back.line.paid()), s.stamp(back.day, back.sec)
	}
	c := s.people.records[sourceTmall][o.buyer]
	name, _, _ := nameOf(c.person)
	units := 0
	for _, l := range o.lines {
		units += l.qty
	}
	t.row(tmallNumber(o.number), s.people.id(sourceTmall, o.buyer), money(gross), money(disc), "0.00", money(collected), state, name, "浙江省 杭州市 余杭区 文一西路 "+strconv.Itoa(int(c.person)%999)+" 号",
		"'"+c.phone(), s.stamp(o.day, o.sec), paidAt, strconv.Itoa(units), "支付宝", returned, returnedAt)
}

// renderTmallItems writes the goods report of today's orders.
func (s *sim) renderTmallItems(t *text, orders []order) {
	t.row("订单编号", "子订单编号", "标题", "价格", "购买数量", "外部系统编号", "优惠金额", "应付金额", "订单创建时间", "促销编号")
	for i := range orders {
		o := &orders[i]
		for k, l := range o.lines {
			t.row(tmallNumber(o.number), fmt.Sprintf("%s-%02d", tmallNumber(o.number), k+1), nameZH(s.products[l.sku], l.sku), money(l.price), strconv.Itoa(l.qty), tmallCode(l.sku),
				money(l.disc), money(l.paid()), s.stamp(o.day, o.sec), s.campaignID(l.campaign))
		}
	}
}

func (s *sim) campaignID(k int) string {
	if k < 0 {
		return ""
	}
	return s.campaigns[k].id
}

var wooStates = [...]string{paid: "completed", cancelled: "cancelled", unpaid: "pending"}

// renderWoo writes an item export as JSON lines: the order's fields are repeated on each item.
func (s *sim) renderWoo(t *text, orders []order, broken int) {
	rows := 0
	for i := range orders {
		rows += len(orders[i].lines)
	}
	at := 0
	for i := range orders {
		for k := range orders[i].lines {
			if at == rows/2 && broken != 0 {
				s.wooItem(t, &orders[i], k, broken)
			}
			s.wooItem(t, &orders[i], k, 0)
			at++
		}
	}
}

func (s *sim) wooItem(t *text, o *order, k, broken int) {
	l := o.lines[k]
	gross, disc, _ := o.total()
	c := s.people.records[sourceWoo][o.buyer]
	zh, _, _ := nameOf(c.person)
	customer, member := s.people.id(sourceWoo, o.buyer), s.memberNo(c)
	if o.guest {
		customer, member = "0", ""
	}
	method, store, paidAt := "flat_rate", "", s.stampT(o.day, min(o.sec+30, 86_399))
	if o.pickup {
		method, store = "local_pickup", s.places[o.fulfil]
	} else if o.byStore {
		store = s.places[o.fulfil]
	}
	if o.status == unpaid { // what is cancelled was paid before
		paidAt = ""
	}
	number, created, subtotal := strconv.Itoa(100+o.number), s.stampT(o.day, o.sec), money(l.gross)
	switch broken {
	case badNumber:
		number, subtotal = "900"+number, "12,3O" // the letter
	case badDate:
		number, created = "900"+number, "2026-02-30T10:00:00"
	case missingKey:
		number = ""
	}
	t.jsonRow("order_id", number, "status", wooStates[o.status], "currency", "CNY", "date_created", created, "date_paid", paidAt, "customer_id", customer,
		"billing_name", zh, "billing_email", c.email(sourceWoo), "billing_phone", c.phone(), "member_no", member,
		"discount_total", money(disc), "shipping_total", money(o.shipping), "order_total", money(gross-disc+o.shipping), "shipping_method", method, "fulfil_store", store, "payment_method", "alipay",
		"line_id", "#"+strconv.Itoa(o.number*16+k), "sku", s.products[l.sku].sku, "name", nameZH(s.products[l.sku], l.sku), "quantity", "#"+strconv.Itoa(l.qty), "price", money(l.price),
		"subtotal", subtotal, "total", money(l.paid()), "promotion", s.campaignID(l.campaign))
}

// stampT spells a local time with the letter T, as JSON exports do.
func (s *sim) stampT(day, sec int) string { return s.iso(day) + "T" + clock(sec) }

// memberNo is the loyalty number that a record shows, empty when it shows none.
func (s *sim) memberNo(c record) string {
	if i := s.people.member[c.person]; c.hasMember && i >= 0 {
		return s.people.id(sourcePOS, int(i))
	}
	return ""
}

// renderWooRefunds writes refunds where they were handled: a warehouse, or the store that took the goods.
func (s *sim) renderWooRefunds(t *text, refunds []refund) {
	for _, f := range refunds {
		channel, location, restocked := "online", s.units[f.order.unit].location, "false"
		if !f.stated() {
			channel, location, restocked = "store", s.places[f.place], "true"
		}
		t.jsonRow("refund_id", fmt.Sprintf("WR%07d", f.number), "order_id", strconv.Itoa(100+f.order.number), "date_created", s.stampT(f.day, f.sec), "channel", channel, "location", location,
			"restocked", restocked, "reason", "7天无理由", "line_id", "#"+strconv.Itoa(lineOf(f)), "sku", s.products[f.line.sku].sku, "quantity", "#"+strconv.Itoa(f.line.qty), "amount", money(f.line.paid()))
	}
}

// lineOf is the id of the line that the refund takes back.
func lineOf(f refund) int {
	for k, l := range f.order.lines {
		if l.sku == f.line.sku {
			return f.order.number*16 + k
		}
	}
	return -1
}
