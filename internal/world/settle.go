package world

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// Settlement is what a reconciliation of a day's tenders and refunds with a provider's bill finds. Amounts are fen; a day's rows are those of the
// tender or refund, or of the bill's line where it has none.
type Settlement struct {
	Provider, Date, Kind, State string // State as in finance.settlement_match
	Rows                        int64
	Book, Settled, Fee          int64
}

const (
	wechat = "wechat"
	alipay = "alipay"
)

// settled is a line of a provider's bill.
type settled struct {
	provider  string
	order     orderKey
	day, sec  int
	amount    int64 // minor units, as the bill says; negative on a refund
	fee       int64
	refund    bool
	stranger  bool // no till or shop knows it
	reference string
}

type orderKey struct{ unit, number int }

// pays tells whether a bill settles the store's wallet: those of two stores with back offices.
func (s *sim) pays(store int) bool {
	return store < min(s.o.Stores, 8) && s.units[store].dialect == backOffice
}

const walletTender = 2 // WeChat Pay, see tenders

// faults of bills: a payment that the provider never settled, one with another amount, and one that nobody knows.
func (s *sim) unsettledBy(provider string, o *order) bool {
	return hash(s.o.Seed, "unsettled "+provider, o.unit, o.number)%67 == 0
}
func (s *sim) shortBy(provider string, o *order) int64 {
	if provider == alipay && hash(s.o.Seed, "short", o.unit, o.number)%83 == 0 {
		return 1 + int64(o.number%9)
	}
	return 0
}

func billed(o *order) int64 {
	gross, disc, _ := o.total()
	return gross - disc
}

// wechatBill lists a store's wallet payments and refunds of a day.
func (s *sim) wechatBill(f *dayFacts, store int) (all []settled) {
	for i := range f.orders[store] {
		o := &f.orders[store][i]
		if o.tender != walletTender || s.unsettledBy(wechat, o) {
			continue
		}
		amount := billed(o)
		all = append(all, settled{provider: wechat, order: orderKey{o.unit, o.number}, day: o.day, sec: o.sec + 3, amount: amount, fee: divRound(amount*6, 1000), reference: wechatNumber(o)})
	}
	for i := range f.tills[store] {
		back := &f.tills[store][i]
		if back.order.tender == walletTender {
			all = append(all, settled{provider: wechat, order: orderKey{back.order.unit, back.order.number}, day: back.day, sec: back.sec + 5, amount: -back.line.paid(), refund: true, reference: wechatNumber(&back.order)})
		}
	}
	if hash(s.o.Seed, "stranger", f.day, store)%9 == 0 {
		all = append(all, settled{provider: wechat, day: f.day, sec: 23*3600 + 60, amount: 123_456, fee: 741, stranger: true, reference: fmt.Sprintf("4200009%013d", f.day*100+store)})
	}
	return all
}

// alipayBill lists what Tmall's buyers paid and got back on a day.
func (s *sim) alipayBill(f *dayFacts, u int) (all []settled) {
	add := func(o *order, day, sec int) {
		if !s.unsettledBy(alipay, o) {
			all = append(all, settled{provider: alipay, order: orderKey{o.unit, o.number}, day: day, sec: sec, amount: billed(o) - s.shortBy(alipay, o), reference: tmallNumber(o.number)})
		}
	}
	for i := range f.orders[u] {
		if o := &f.orders[u][i]; o.status == paid {
			add(o, o.day, min(o.sec+42, 86_399))
		}
	}
	for i := range f.settled {
		add(&f.settled[i], f.day, 10*3600+2)
	}
	for i := range f.reshown {
		back := &f.reshown[i]
		all = append(all, settled{provider: alipay, order: orderKey{back.order.unit, back.order.number}, day: back.day, sec: back.sec + 1, amount: -back.line.paid(), refund: true, reference: tmallNumber(back.order.number)})
	}
	return all
}

func wechatNumber(o *order) string { return fmt.Sprintf("4200001%03d%010d", o.unit, o.number) }

// settlementFiles are the bills of a day.
func (s *sim) settlementFiles(f *dayFacts) (due []*delivery) {
	for store := range s.o.Stores {
		if bill := s.wechatBill(f, store); s.pays(store) && len(bill) > 0 {
			due = append(due, &delivery{path: fmt.Sprintf("settlement/wechat-%s-%s.csv", s.places[store], s.iso(f.day)), feed: "settlement/wechat", encoding: utf8BOM, records: len(bill),
				render: func(t *text) { s.renderWechat(t, bill) }, facts: func(t *tally) { t.bills = append(t.bills, bill...) }})
		}
	}
	u := s.o.Stores + 1
	if bill := s.alipayBill(f, u); len(bill) > 0 {
		due = append(due, &delivery{path: fmt.Sprintf("settlement/alipay-%s.csv", s.iso(f.day)), feed: "settlement/alipay", encoding: gb18030, records: len(bill),
			render: func(t *text) { s.renderAlipay(t, bill) }, facts: func(t *tally) { t.bills = append(t.bills, bill...) }})
	}
	return due
}

func (s *sim) renderWechat(t *text, bill []settled) {
	t.row("微信支付账单明细")
	for i := range 15 {
		t.row("说明 " + strconv.Itoa(i+1))
	}
	t.row("交易时间", "交易类型", "交易对方", "商品", "收/支", "金额(元)", "支付方式", "当前状态", "交易单号", "商户单号", "备注")
	for i, b := range bill {
		kind, flow, status, amount, note := "扫二维码付款", "收入", "已收钱", b.amount, "服务费¥"+money(b.fee)
		if b.refund {
			kind, flow, status, amount, note = "扫二维码付款-退款", "支出", "已全额退款", -b.amount, "/"
		}
		t.row(s.stamp(b.day, b.sec), kind, "顾客", "门店收款", flow, "¥"+money(amount), "零钱", status, b.reference+"\t", fmt.Sprintf("M%d%06d\t", b.day, i), note)
	}
}

func (s *sim) renderAlipay(t *text, bill []settled) {
	for i := range 23 {
		t.row("支付宝交易记录 " + strconv.Itoa(i+1))
	}
	t.row("交易时间", "交易分类", "交易对方", "对方账号", "商品说明", "收/支", "金额", "收/付款方式", "交易状态", "交易订单号", "商家订单号", "备注", "")
	for i, b := range bill {
		flow, status, amount := "收入", "交易成功", b.amount
		if b.refund {
			flow, status, amount = "不计收支", "退款成功", -b.amount
		}
		t.row(s.stamp(b.day, b.sec), "日用百货", "买家", "abc***@example.com", "天猫订单", flow, money(amount), "余额", status, fmt.Sprintf("2026%06d%012d\t", b.day, i), b.reference+"\t", "", "")
	}
}

// book notes what tills and shops say they were paid.
func (t *tally) book(o *order, day int) {
	provider := t.s.settles(o)
	if provider == "" {
		return
	}
	t.booked[orderKey{o.unit, o.number}] = booking{provider, day, billed(o)}
}

// bookBack notes what they paid back.
func (t *tally) bookBack(f *refund) {
	if provider := t.s.settles(&f.order); provider != "" {
		t.bookedBack = append(t.bookedBack, bookingBack{orderKey{f.order.unit, f.order.number}, booking{provider, f.day, f.line.paid()}})
	}
}

// settles gives the provider of an order's tender; "" for those that no bill is about.
func (s *sim) settles(o *order) string {
	switch u := s.units[o.unit]; {
	case u.dialect == tmall:
		return alipay
	case !u.online && s.pays(o.unit) && o.tender == walletTender:
		return wechat
	}
	return ""
}

type booking struct {
	provider string
	day      int
	amount   int64
}

type bookingBack struct {
	order orderKey
	booking
}

// settlements reconciles what arrived: by definition of the faults, not by looking for pairs.
func (t *tally) settlements() (all []Settlement) {
	sums := map[Settlement]*Settlement{}
	add := func(provider string, day int, kind, state string, book, amount, fee int64) {
		k := Settlement{Provider: provider, Date: t.s.iso(day), Kind: kind, State: state}
		if sums[k] == nil {
			sums[k] = &Settlement{Provider: provider, Date: k.Date, Kind: kind, State: state}
		}
		c := sums[k]
		c.Rows, c.Book, c.Settled, c.Fee = c.Rows+1, c.Book+book, c.Settled+amount, c.Fee+fee
	}
	paired, last, scope := map[orderKey]bool{}, map[string]int{}, map[string]bool{}
	for _, b := range t.bills {
		if last[b.provider] = max(last[b.provider], b.day); b.refund {
			continue
		}
		book, ok := t.booked[b.order]
		switch {
		case !ok || b.stranger:
			add(b.provider, b.day, "payment", "settlement_only", 0, b.amount, b.fee)
			continue
		case book.amount != b.amount:
			add(b.provider, book.day, "payment", "amount_differs", book.amount, b.amount, b.fee)
		default:
			add(b.provider, book.day, "payment", "matched", book.amount, b.amount, b.fee)
		}
		paired[b.order] = true
		scope[b.provider+t.s.units[b.order.unit].location] = true
	}
	for k, book := range t.booked {
		if !paired[k] && book.day <= last[book.provider] && scope[book.provider+t.s.units[k.unit].location] {
			add(book.provider, book.day, "payment", "book_only", book.amount, 0, 0)
		}
	}
	t.settleBacks(paired, last, add)
	for _, c := range sums {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b Settlement) int {
		return cmp.Compare(a.Provider+a.Date+a.Kind+a.State, b.Provider+b.Date+b.Kind+b.State)
	})
	return all
}

// settleBacks reconciles refunds: Alipay names the order, WeChat only its own number of the payment. An order has one at most.
func (t *tally) settleBacks(paired map[orderKey]bool, last map[string]int, add func(provider string, day int, kind, state string, book, amount, fee int64)) {
	lines := map[orderKey]settled{}
	for _, b := range t.bills {
		if b.refund {
			lines[b.order] = b
		}
	}
	for _, back := range t.bookedBack {
		line, ok := lines[back.order]
		switch {
		case ok && (back.provider == alipay || paired[back.order]):
			add(back.provider, back.day, "refund", "matched", -back.amount, line.amount, 0)
			delete(lines, back.order)
		case paired[back.order] && back.day <= last[back.provider]:
			add(back.provider, back.day, "refund", "book_only", -back.amount, 0, 0)
		}
	}
	for _, line := range lines {
		add(line.provider, line.day, "refund", "settlement_only", 0, line.amount, 0)
	}
}
