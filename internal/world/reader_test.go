package world

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// fen reads an amount such as -1234.50 without a float.
func fen(t testing.TB, text string) int64 {
	t.Helper()
	whole, part, ok := strings.Cut(text, ".")
	if !ok {
		part = "00"
	}
	part = (part + "00")[:2]
	v, err := strconv.ParseInt(strings.Replace(whole+part, ",", "", -1), 10, 64)
	if err != nil {
		t.Fatalf("%q is no amount", text)
	}
	return v
}

// figure is what the slow reader adds up for a place, day and currency.
type figure struct{ orders, lines, units, gross, discount, net, refundNet, refundUnits int64 }

// slow reads the written files its own way and adds up what they say.
type slow struct {
	t      *testing.T
	found  map[string]*figure
	seen   map[string]bool // order, line
	orders map[string]bool
	rows   map[string]int // data rows by file, refusable ones included
}

func (r *slow) at(location, date, currency string) *figure {
	k := location + " " + date + " " + currency
	if r.found[k] == nil {
		r.found[k] = &figure{}
	}
	return r.found[k]
}

// sale adds a line once, however often files bring it.
func (r *slow) sale(location, date, currency, order, key string, qty, gross, discount int64) {
	if r.seen[location+order+"/"+key] {
		return
	}
	r.seen[location+order+"/"+key] = true
	f := r.at(location, date, currency)
	if !r.orders[location+order] {
		r.orders[location+order] = true
		f.orders++
	}
	f.lines++
	f.units += qty
	f.gross += gross
	f.discount += discount
	f.net += slowNet(currency, gross-discount)
}

func (r *slow) back(location, date, currency string, qty, amount int64) {
	f := r.at(location, date, currency)
	f.refundUnits += qty
	f.refundNet += slowNet(currency, amount)
}

// slowNet is the definition in words: net = paid - round(paid x 0.13 / 1.13), half away from zero.
func slowNet(currency string, paid int64) int64 {
	if currency != "CNY" {
		return paid
	}
	tax := paid * 13 * 10 / 113
	return paid - (tax+5)/10
}

func (r *slow) read(path string, decode func([]byte) string, sep rune) [][]string {
	data, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	c := csv.NewReader(strings.NewReader(strings.TrimPrefix(decode(data), "\ufeff")))
	c.Comma, c.FieldsPerRecord, c.LazyQuotes = sep, -1, true
	rows, err := c.ReadAll()
	if err != nil {
		r.t.Fatalf("%s: %v", path, err)
	}
	return rows
}

// table turns rows below a header into maps.
func (r *slow) table(path string, rows [][]string, header string) (all []map[string]string) {
	first := slices.IndexFunc(rows, func(row []string) bool { return slices.Contains(row, header) })
	if first < 0 {
		r.t.Fatalf("%s has no header with %s", path, header)
	}
	for _, row := range rows[first+1:] {
		m := map[string]string{}
		for i, c := range row {
			m[rows[first][i]] = c
		}
		all = append(all, m)
	}
	r.rows[path] = len(all)
	return all
}

func plain(b []byte) string { return string(b) }
func gb(b []byte) string    { s, _ := simplifiedchinese.GB18030.NewDecoder().Bytes(b); return string(s) }
func latin(b []byte) string { s, _ := charmap.Windows1252.NewDecoder().Bytes(b); return string(s) }
func wide(b []byte) string {
	var u []uint16
	for i := 0; i+1 < len(b); i += 2 {
		u = append(u, binary.LittleEndian.Uint16(b[i:]))
	}
	return string(utf16.Decode(u))
}

func (r *slow) loyverse(path string) {
	for i, m := range r.table(path, r.read(path, plain, ','), "Receipt number") {
		gross, ok := amount(m["Gross sales"])
		if !ok || m["Receipt number"] == "" || m["Date"][5:7] == "13" {
			continue
		}
		qty, discount := fen(r.t, m["Quantity"])/100, fen(r.t, m["Discounts"])
		if m["Receipt type"] == "Refund" {
			r.back(m["Store"], m["Date"][:10], "CNY", -qty, -gross+discount)
			continue
		}
		r.sale(m["Store"], m["Date"][:10], "CNY", m["Receipt number"], fmt.Sprint(i), qty, gross, discount)
	}
}

// amount reads an amount that may be spoiled.
func amount(text string) (int64, bool) {
	v, err := strconv.ParseInt(strings.Replace(text, ".", "", 1), 10, 64)
	return v, err == nil && strings.Contains(text, ".")
}

func (r *slow) backOffice(path string) {
	for _, m := range r.table(path, r.read(path, gb, ','), "小票号") {
		paid, ok := amount(m["销售金额"])
		if m["行"] == "合计" {
			r.rows[path]--
			continue
		}
		if !ok || m["小票号"] == "" || m["销售日期"] == "2026-13-45" {
			continue
		}
		var y, mo, d int
		if _, err := fmt.Sscanf(m["销售日期"], "%d-%d-%d", &y, &mo, &d); err != nil {
			r.t.Fatal(err)
		}
		date, qty, gross := fmt.Sprintf("%d-%02d-%02d", y, mo, d), fen(r.t, m["数量"])/100, fen(r.t, m["售价金额"])
		if m["销售模式"] == "退货" {
			r.back(m["款台"][:3], date, "CNY", -qty, -paid)
			continue
		}
		r.sale(m["款台"][:3], date, "CNY", m["小票号"], m["序号"], qty, gross, gross-paid)
	}
}

func (r *slow) german(path string) {
	decode := wide
	if strings.Contains(path, "S04") {
		decode = latin
	}
	number := func(s string) string { return strings.Replace(strings.ReplaceAll(s, ".", ""), ",", ".", 1) }
	for i, m := range r.table(path, r.read(path, decode, ';'), "Beleg") {
		if m["Betrag"] == "12,3O" || m["Beleg"] == "" || m["Datum"] == "2026-13-45" {
			continue
		}
		d := m["Datum"]
		date, qty, gross, discount := d[6:]+"-"+d[3:5]+"-"+d[:2], fen(r.t, number(m["Menge"]))/100, fen(r.t, number(m["Betrag"])), fen(r.t, number(m["Rabatt"]))
		if m["Art"] == "Retoure" {
			r.back(m["Filiale"], date, "CNY", -qty, -gross+discount)
			continue
		}
		r.sale(m["Filiale"], date, "CNY", m["Beleg"], fmt.Sprint(i), qty, gross, discount)
	}
}

func (r *slow) workbook(path string) {
	book, err := excelize.OpenFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows("Orders", excelize.Options{RawCellValue: true})
	if err != nil {
		r.t.Fatal(err)
	}
	for i, m := range r.table(path, rows, "Receipt") {
		qty, gross, discount, date := fen(r.t, m["Qty"])/100, fen(r.t, m["Gross"]), fen(r.t, m["Discount"]), path[len(path)-15:len(path)-5]
		if m["Type"] == "Return" {
			r.back(m["Store"], date, "CNY", -qty, -gross+discount)
			continue
		}
		r.sale(m["Store"], date, "CNY", m["Receipt"], fmt.Sprint(i), qty, gross, discount)
	}
}

func (r *slow) shopify(path string) {
	currency, void := "", false
	for _, m := range r.table(path, r.read(path, plain, ','), "Lineitem sku") {
		if m["Currency"] != "" {
			currency, void = m["Currency"], m["Cancelled at"] != ""
		}
		if qty := fen(r.t, m["Lineitem quantity"]) / 100; !void {
			r.sale("WEB", m["Created at"][:10], currency, m["Name"], m["Lineitem sku"], qty, qty*fen(r.t, m["Lineitem price"]), fen(r.t, m["Lineitem discount"]))
		}
	}
}

func (r *slow) jsonRows(path string) (all []map[string]any) {
	f, err := os.Open(path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			r.t.Fatal(err)
		}
		lines = bufio.NewScanner(z)
	}
	for lines.Scan() {
		m := map[string]any{}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			r.t.Fatalf("%s: %v", path, err)
		}
		all = append(all, m)
	}
	r.rows[path] = len(all)
	return all
}

func (r *slow) woo(path string) {
	for _, m := range r.jsonRows(path) {
		gross, ok := amount(m["subtotal"].(string))
		date := m["date_created"].(string)[:10]
		if !ok || m["order_id"] == "" || date == "2026-02-30" || m["status"] != "completed" {
			continue
		}
		r.sale("WOO", date, "CNY", m["order_id"].(string), fmt.Sprint(m["line_id"]), int64(m["quantity"].(float64)), gross, gross-fen(r.t, m["total"].(string)))
	}
}

func TestFilesSayTheTruth(t *testing.T) {
	o, dir := small(), t.TempDir()
	if _, err := Write(context.Background(), dir, o, 0, o.Days); err != nil {
		t.Fatal(err)
	}
	truth, err := TruthOf(o)
	if err != nil {
		t.Fatal(err)
	}
	r := &slow{t: t, found: map[string]*figure{}, seen: map[string]bool{}, orders: map[string]bool{}, rows: map[string]int{}}
	r.readAll(dir)
	want := map[string]*figure{}
	at := func(k string) *figure {
		if want[k] == nil {
			want[k] = &figure{}
		}
		return want[k]
	}
	for _, c := range truth.Sales {
		if f := at(c.Location + " " + c.Date + " " + c.Currency); c.Orders > 0 {
			f.orders, f.lines, f.units, f.gross, f.discount, f.net = c.Orders, c.Lines, c.Units, c.Gross, c.Discount, c.Net
		}
	}
	for _, c := range truth.Refunds {
		f := at(c.Location + " " + c.Date + " " + c.Currency)
		f.refundNet += c.Net
		f.refundUnits += c.Units
	}
	for k, w := range want {
		if got := r.found[k]; got == nil && *w != (figure{}) || got != nil && *got != *w {
			t.Errorf("%s: the files say %+v, the truth is %+v", k, got, *w)
		}
		delete(r.found, k)
	}
	for k, f := range r.found {
		if *f != (figure{}) {
			t.Errorf("%s: the files say %+v, the truth knows nothing", k, *f)
		}
	}
	for _, f := range truth.Files {
		if rows, ok := r.rows[filepath.Join(dir, filepath.FromSlash(f.Path))]; ok && rows != f.Records+f.Quarantined && !hasCorrection(truth, f) {
			t.Errorf("%s has %d rows, the truth says %d and %d", f.Path, rows, f.Records, f.Quarantined)
		}
	}
}

// hasCorrection tells versions that a later one has replaced on disk.
func hasCorrection(truth Truth, f File) bool {
	return !f.Corrects && slices.ContainsFunc(truth.Files, func(o File) bool { return o.Corrects && o.Path == f.Path })
}

func (r *slow) readAll(dir string) {
	each := func(pattern string, f func(path string)) {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(paths) == 0 {
			r.t.Fatalf("no %s: %v", pattern, err)
		}
		for _, p := range paths {
			if !strings.Contains(p, "(1)") {
				f(p)
			}
		}
	}
	each("pos/receipts-*.csv", r.loyverse)
	each("pos/xsmx-*.csv", r.backOffice)
	each("pos/verkauf-*.csv", r.german)
	each("pos/orders-*.xlsx", r.workbook)
	each("shopify/orders-*.csv", r.shopify)
	each("shopify/refunds-*.csv", func(p string) {
		for _, m := range r.table(p, r.read(p, plain, ','), "Refund ID") {
			r.back("WEB", m["Created at"][:10], m["Currency"], fen(r.t, m["Quantity"])/100, fen(r.t, m["Amount"]))
		}
	})
	paid := map[string]bool{}
	each("tmall/ExportOrderList-*.csv", func(p string) {
		for _, m := range r.table(p, r.read(p, gb, ','), "订单编号") {
			paid[m["订单编号"]] = m["订单付款时间"] != "" && m["订单状态"] != "交易关闭"
			if back := fen(r.t, m["退款金额"]); back > 0 {
				r.back("TMALL", m["退款成功时间"][:10], "CNY", 0, back)
			}
		}
	})
	each("tmall/ExportOrderDetailList-*.csv", func(p string) {
		for _, m := range r.table(p, r.read(p, gb, ','), "子订单编号") {
			qty := fen(r.t, m["购买数量"]) / 100
			if paid[m["订单编号"]] {
				r.sale("TMALL", m["订单创建时间"][:10], "CNY", m["订单编号"], m["子订单编号"], qty, qty*fen(r.t, m["价格"]), fen(r.t, m["优惠金额"]))
			}
		}
	})
	each("woo/order-items-*.jsonl.gz", r.woo)
	each("woo/refunds-*.jsonl", func(p string) {
		for _, m := range r.jsonRows(p) {
			r.back(m["location"].(string), m["date_created"].(string)[:10], "CNY", int64(m["quantity"].(float64)), fen(r.t, m["amount"].(string)))
		}
	})
}
