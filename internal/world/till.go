package world

import (
	"fmt"
	"strconv"
)

// tillRow is one item of a receipt; a refund receipt has negative amounts and names the original.
type tillRow struct {
	place, day, sec int
	number          int
	original        int // receipt refunded, 0 on a sale
	seq             int
	buyer, tender   int
	line            line
	broken          int // how the row is spoiled, 0 is not
}

// Ways in which a row is spoiled.
const (
	badNumber = 1 + iota
	badDate
	missingKey
)

func (r tillRow) sign() int64 {
	if r.original > 0 {
		return -1
	}
	return 1
}

// tillRows lists a store's day as its till exports it: sales, then refund receipts.
func (s *sim) tillRows(orders []order, refunds []refund) (rows []tillRow) {
	for i := range orders {
		o := &orders[i]
		for k, l := range o.lines {
			rows = append(rows, tillRow{place: o.unit, day: o.day, sec: o.sec, number: o.number, seq: k + 1, buyer: o.buyer, tender: o.tender, line: l})
		}
	}
	for i := range refunds {
		f := &refunds[i]
		rows = append(rows, tillRow{place: f.unit, day: f.day, sec: f.sec, number: f.number, original: f.order.number, seq: 1, buyer: f.order.buyer, tender: f.order.tender, line: f.line})
	}
	return rows
}

// spoil says how a file's extra row is broken, 0 when the file is clean: about one in eight, never a small one,
// so that the share of refused rows stays below the demo's limit.
func (s *sim) spoil(entity string, day, rows int) int {
	h := hash(s.o.Seed, "spoil "+entity, day, 0)
	if rows < 50 || h%8 != 0 {
		return 0
	}
	return badNumber + int(h/8%3)
}

// withSpoiled puts the broken row in the middle, under a receipt number that no sale has.
func withSpoiled(rows []tillRow, how int) []tillRow {
	if how == 0 {
		return rows
	}
	bad := rows[len(rows)/2]
	bad.number, bad.original, bad.seq, bad.broken = 9_000_000+bad.day, 0, 1, how
	at := len(rows) / 2
	return append(append(append(make([]tillRow, 0, len(rows)+1), rows[:at]...), bad), rows[at:]...)
}

// dialect is a till's export: its header, how a row is spelled, and which cells a spoiled row breaks.
type dialect struct {
	prefix, suffix string
	encoding       int
	header         []string
	amount         int // cell broken by badNumber
	when           int
	key            int
	cells          func(s *sim, r tillRow) []string
}

var dialects = [...]dialect{
	loyverse: {prefix: "receipts-by-item-", suffix: ".csv", encoding: utf8BOM, amount: 9, when: 0, key: 1, cells: loyverseCells,
		header: []string{"Date", "Receipt number", "Receipt type", "Category", "SKU", "Item", "Variant", "Modifiers applied", "Quantity", "Gross sales", "Discounts", "Net sales", "Cost of goods", "Gross profit", "Taxes", "POS", "Store", "Cashier name", "Customer name", "Customer contacts", "Comment", "Status", "Loyalty number"}},
	backOffice: {prefix: "xsmx-", suffix: ".csv", encoding: gb18030, amount: 14, when: 3, key: 5, cells: backOfficeCells,
		header: []string{"行", "款台", "收款员", "销售日期", "销售时间", "小票号", "序号", "商品码", "商品名称", "条形码", "数量", "售价", "成交价", "售价金额", "销售金额", "进价", "折扣率", "销售模式", "会员号", "付款方式", "原小票号"}},
	semicolon16:   {prefix: "verkauf-", suffix: ".csv", encoding: utf16LE, amount: 10, when: 1, key: 0, cells: germanCells, header: germanHeader},
	semicolon1252: {prefix: "verkauf-", suffix: ".csv", encoding: windows1252, amount: 10, when: 1, key: 0, cells: germanCells, header: germanHeader},
	workbook:      {prefix: "orders-", suffix: ".xlsx"},
}

var germanHeader = []string{"Beleg", "Datum", "Uhrzeit", "Filiale", "Kasse", "Art", "Artikel", "Bezeichnung", "Menge", "Einzelpreis", "Betrag", "Rabatt", "MwSt", "Kundenkarte", "Zahlart", "Originalbeleg"}

var tenders = [...]struct{ en, zh, de string }{{"Cash", "现金", "Bar"}, {"Card", "银行卡", "Karte"}, {"WeChat Pay", "微信支付", "WeChat"}, {"Voucher", "购物券", "Gutschein"}}

func loyverseNumber(number int) string { return fmt.Sprintf("%d-%07d", 1+number%2, number) }

func loyverseCells(s *sim, r tillRow) []string {
	kind, comment := "Sale", ""
	if r.original > 0 {
		kind, comment = "Refund", "Refund of "+loyverseNumber(r.original)
	}
	p, sign := s.products[r.line.sku], r.sign()
	cost := p.costOn(r.day) * int64(r.line.qty)
	member, name, contact := s.memberOf(r.buyer)
	paid := r.line.paid()
	return []string{s.stamp(r.day, r.sec), loyverseNumber(r.number), kind, categories[p.category].path, p.sku, nameZH(p, r.line.sku), "", "",
		strconv.Itoa(int(sign)*r.line.qty) + ".000", money(sign * r.line.gross), money(sign * r.line.disc), money(sign * paid), money(sign * cost), money(sign * (netOf(cny, paid) - cost)),
		money(sign * taxOf(cny, paid)), "POS " + strconv.Itoa(1+r.number%2), s.places[r.place], "Cashier " + strconv.Itoa(r.number%4+1), name, contact, comment, "Closed", member}
}

func backOfficeCells(s *sim, r tillRow) []string {
	mode, original := "零售", ""
	if r.line.campaign >= 0 {
		mode = "特价"
	}
	if r.original > 0 {
		mode, original = "退货", fmt.Sprintf("%07d", r.original)
	}
	p, sign := s.products[r.line.sku], r.sign()
	member, _, _ := s.memberOf(r.buyer)
	date := s.date(r.day)
	return []string{"", s.places[r.place] + "-1", fmt.Sprintf("10%d.收银员", r.number%4), fmt.Sprintf("%d-%d-%d", date.Year(), date.Month(), date.Day()), clock(r.sec),
		fmt.Sprintf("%07d", r.number), strconv.Itoa(r.seq), tillCode(r.line.sku), nameZH(p, r.line.sku), barcode(r.line.sku), strconv.Itoa(int(sign) * r.line.qty),
		money(r.line.price), money(divRound(r.line.paid(), int64(r.line.qty))), money(sign * r.line.gross), money(sign * r.line.paid()), money(p.costOn(r.day)),
		fmt.Sprintf("%d%%", divRound(100*r.line.paid(), r.line.gross)), mode, member, tenders[r.tender].zh, original}
}

func germanCells(s *sim, r tillRow) []string {
	kind, original := "Verkauf", ""
	if r.original > 0 {
		kind, original = "Retoure", strconv.Itoa(r.original)
	}
	p, sign := s.products[r.line.sku], r.sign()
	member, _, _ := s.memberOf(r.buyer)
	return []string{strconv.Itoa(r.number), s.date(r.day).Format("02.01.2006"), clock(r.sec)[:5], s.places[r.place], "Kasse " + strconv.Itoa(1+r.number%2), kind,
		barcode(r.line.sku), nameLatin(p, r.line.sku), strconv.Itoa(int(sign)*r.line.qty) + ",000", moneyGerman(r.line.price), moneyGerman(sign * r.line.gross),
		moneyGerman(sign * r.line.disc), moneyGerman(sign * taxOf(cny, r.line.paid())), member, tenders[r.tender].de, original}
}

// memberOf gives the loyalty number, name and phone of a store customer, empty for an anonymous one.
func (s *sim) memberOf(buyer int) (member, name, phone string) {
	if buyer < 0 {
		return "", "", ""
	}
	c := s.people.records[sourcePOS][buyer]
	name, _, _ = nameOf(c.person)
	return s.people.id(sourcePOS, buyer), name, c.phone()
}

// renderTill writes a store's day in its dialect.
func (s *sim) renderTill(t *text, kind int, rows []tillRow) {
	if kind == workbook {
		s.renderWorkbook(t, rows)
		return
	}
	d := dialects[kind]
	if kind == backOffice {
		t.row("门店销售明细表")
		t.row("打印时间："+s.iso(rows[0].day)+" 22:30", "单位：元")
		t.row()
	}
	if kind == semicolon16 || kind == semicolon1252 {
		t.sep, t.crlf = ';', true
	}
	t.row(d.header...)
	var qty, gross, paid int64
	for i, r := range rows {
		cells := d.cells(s, r)
		switch r.broken {
		case badNumber:
			cells[d.amount] = "12,3O" // the letter
		case badDate:
			cells[d.when] = "2026-13-45"
		case missingKey:
			cells[d.key] = ""
		default:
			qty, gross, paid = qty+r.sign()*int64(r.line.qty), gross+r.sign()*r.line.gross, paid+r.sign()*r.line.paid()
		}
		if kind == backOffice {
			cells[0] = strconv.Itoa(i + 1)
		}
		t.row(cells...)
	}
	if kind == backOffice {
		total := make([]string, len(d.header))
		total[0], total[10], total[13], total[14] = "合计", strconv.FormatInt(qty, 10), money(gross), money(paid)
		t.row(total...)
	}
}
