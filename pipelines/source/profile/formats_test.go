package profile

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/xuri/excelize/v2"
)

func workbook(t testing.TB) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.SetSheetName("Sheet1", "hidden"))
	_, err := f.NewSheet("订单")
	must(err)
	must(f.SetSheetRow("hidden", "A1", &[]any{"Receipt number", "Quantity"}))
	f.SetActiveSheet(1)
	must(f.SetSheetVisible("hidden", false))
	day, err := f.NewStyle(&excelize.Style{NumFmt: 14})
	must(err)
	stamp, err := f.NewStyle(&excelize.Style{CustomNumFmt: new("yyyy\\-mm\\-dd hh:mm")})
	must(err)
	money, err := f.NewStyle(&excelize.Style{NumFmt: 4})
	must(err)
	must(f.SetSheetRow("订单", "A1", &[]any{"a title"}))
	must(f.SetSheetRow("订单", "A3", &[]any{"Receipt number", "Date", "Quantity", "Price", "Item", "Extra"}))
	must(f.SetSheetRow("订单", "A4", &[]any{"007", 46350.108125, 2, 46350.10, "Zange", nil}))
	must(f.SetSheetRow("订单", "A5", &[]any{"008", 46350, 0.1 + 0.2, 1149, true, "x"}))
	must(f.SetCellStyle("订单", "B4", "B4", stamp))
	must(f.SetCellStyle("订单", "B5", "B5", day))
	must(f.SetCellStyle("订单", "D4", "D5", money))
	must(f.SetCellFormula("订单", "E4", "1+1"))
	var out bytes.Buffer
	must(f.Write(&out))
	return out.Bytes()
}

func TestWorkbooks(t *testing.T) {
	data := workbook(t)
	outcome, got, err := convert(t, parse(t, testProfile), data)
	if err != nil {
		t.Fatal(err)
	}
	joined := strings.Join(got, "\n")
	for _, want := range []string{"2026-11-24 02:35:42", "2026-11-24 00:00:00", "\t46350.1\t", "\t007\t", "\t0.3\t", "\t1149\t", `{"Extra":"x"}`} {
		if !strings.Contains(joined, want) {
			t.Errorf("lacks %q:\n%s", want, joined)
		}
	}
	if outcome.Layout.Format != "xlsx" || outcome.Layout.HeaderLine != 3 || outcome.Read != 2 {
		t.Errorf("%+v", outcome)
	}
	path := filepath.Join(t.TempDir(), "x.xlsx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := Find(context.Background(), path, outcome.Layout, Limits{}, map[int64]bool{2: true})
	if err != nil || found[2].Line != 5 || !strings.HasPrefix(found[2].Text, "008\t2026-11-24") {
		t.Errorf("find: %+v %v", found, err)
	}
	if _, _, err := convert(t, parse(t, testProfile+"sheet: nowhere\n"), data); err == nil || !strings.Contains(err.Error(), "订单") {
		t.Errorf("an unknown sheet: %v", err)
	}
	if _, _, err := convert(t, parse(t, testProfile), data[:len(data)/2]); err == nil {
		t.Error("half a workbook was accepted")
	}
}

func TestSerialDates(t *testing.T) {
	for text, want := range map[string]string{"1": "1900-01-01", "59": "1900-02-28", "61": "1900-03-01", "46350.108125": "2026-11-24 02:35:42", "0.5": "12:00:00", "45292.999999": "2024-01-02"} {
		if got, _ := serialDate(text, false); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{"0.30000000000000004": "0.3", "19.989999999999998": "19.99", "1.0E-3": "0.001", "6.9E+12": "6900000000000", "-1.5": "-1.5", "100": "100", "4.0128e+10": "40128000000", "0": "0", "-0.0": "0", "99999999999999.995": "100000000000000"} {
		if got := decimal15(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

const jsonProfile = `
profile: woo
explode: [line_items, refunds]
columns:
  id: id
  created: date_created_gmt
  total: total
  mail: {from: billing.email, optional: true}
  sku: {from: line_items.sku, optional: true}
  qty: {from: line_items.quantity, optional: true}
  price: {from: line_items.price, optional: true}
  refunded: {from: refunds.total, optional: true}
dates: {zone: UTC}
streams:
  order:
    one_per: [order_id]
    columns: {order_id: id, ordered_at: created, total_amount: total, contact_email: mail}
  order_line:
    where: $part = 'line_items'
    columns: {order_id: id, line_key: auto, source_sku: sku, quantity: qty, unit_price: price}
`

func TestJSONLines(t *testing.T) {
	text := `{"id": 1, "date_created_gmt": "2026-01-05T10:00:00", "total": "39.80", "billing": {"email": "a@example.com"}, "line_items": [{"sku": "05007", "quantity": 2, "price": 19.9}, {"sku": "B", "quantity": 1, "price": 0.10}], "refunds": [{"total": "-5.00"}], "note": "x\ty"}
{"id": 2, "date_created_gmt": "2026-01-06T10:00:00", "total": "0", "line_items": []}
{"id": 3, "date_cre
[1]
`
	outcome, got, err := convert(t, parse(t, jsonProfile), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Read != 6 || outcome.Accepted != 4 || outcome.Refused != 2 || outcome.Refusals[0].Line != 3 {
		t.Errorf("%+v", outcome)
	}
	if joined := strings.Join(got, "\n"); !strings.Contains(joined, "05007") || !strings.Contains(joined, "\t19.9\t") || !strings.Contains(joined, `"note":"x\ty"`) {
		t.Errorf("%q", got)
	}
	document := "{\n \"orders\": [\n" + strings.Split(text, "\n")[0] + "\n]\n}\n"
	outcome, _, err = convert(t, parse(t, jsonProfile+"records: orders\n"), []byte(document))
	if err != nil || outcome.Accepted != 3 {
		t.Errorf("a document: %+v %v", outcome, err)
	}
	if _, _, err = convert(t, parse(t, jsonProfile+"records: orders\n"), []byte(document[:len(document)-20])); err == nil {
		t.Error("half a document was accepted")
	}
}

func TestPackedFiles(t *testing.T) {
	text := []byte("Receipt number,Date,Quantity,Price,Item\n1,2026-01-01,1,1,x\n")
	plan := parse(t, testProfile)
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if outcome, _, err := convert(t, plan, z.EncodeAll(text, nil)); err != nil || outcome.Accepted != 1 {
		t.Errorf("zstd: %+v %v", outcome, err)
	}
	zipped := func(names ...string) []byte {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		for _, name := range names {
			entry, err := w.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := entry.Write(text); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	if outcome, _, err := convert(t, plan, zipped("__MACOSX/x", "in/x.csv")); err != nil || outcome.Accepted != 1 {
		t.Errorf("zip: %+v %v", outcome, err)
	}
	if _, _, err := convert(t, plan, zipped("a.csv", "b.csv")); err == nil || !strings.Contains(err.Error(), "2 files") {
		t.Errorf("a zip of two files: %v", err)
	}
	bomb := z.EncodeAll(append(text, bytes.Repeat([]byte("1,2026-01-01,1,1,x\n"), 5_000_000)...), nil)
	if _, _, err := convert(t, plan, bomb); err == nil || !strings.Contains(err.Error(), "times its size") {
		t.Errorf("a bomb of %d bytes: %v", len(bomb), err)
	}
}

// nothings is an endless file.
type nothings struct{}

func (nothings) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A packed file may become a hundred times its size, a small one any multiple of it, one that is not packed is what it is.
func TestWhatAFileMayBecome(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		limits        Limits
		packed        bool
		size, becomes int64
		code          string
	}{
		"small, however dense":      {Limits{}, true, 1000, 64 * mib, ""},
		"dense beyond that":         {Limits{}, true, 1000, 64*mib + 1, "decompression_bomb"},
		"a hundredfold":             {Limits{}, true, mib, 100 * mib, ""},
		"more than a hundredfold":   {Limits{}, true, mib, 100*mib + 1, "decompression_bomb"},
		"not packed":                {Limits{}, false, 1, 80 * mib, ""},
		"a ratio of one's own":      {Limits{Ratio: 70}, true, mib, 71 * mib, "decompression_bomb"},
		"larger than may be at all": {Limits{Bytes: mib}, true, mib, mib + 1, "too_large"},
	} {
		read := &limited{r: io.LimitReader(nothings{}, c.becomes), size: c.size, limits: c.limits.filled(), packed: c.packed}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, read, make([]byte, mib))
		var refused *RefusedFile
		switch errors.As(err, &refused); {
		case c.code == "" && (err != nil || n != c.becomes):
			t.Errorf("%s: %d of %d bytes, %v", name, n, c.becomes, err)
		case c.code != "" && (refused == nil || refused.Code != c.code):
			t.Errorf("%s: %d of %d bytes, %v", name, n, c.becomes, err)
		}
	}
}

func TestFill(t *testing.T) {
	plan, err := Shipped("shopify-orders")
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := plan.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := "Name,Email,Financial Status,Paid at,Currency,Subtotal,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Notes\n" +
		"#1001,a@example.com,paid,2026-03-16 09:30:22 -0500,USD,30,33,2026-03-16 09:30:22 -0500,1,Cap,10,\"two\nlines\"\n" +
		"#1001,,,,,,,,2,Mug,10,\n" +
		"#1002,,pending,,USD,5,5,2026-03-17 09:30:22 -0500,1,Pin,5,\n"
	outcome, got, err := convert(t, compiled, []byte(text))
	if err != nil || outcome.Accepted != 3 {
		t.Fatalf("%+v %v", outcome, err)
	}
	if second := got[1]; !strings.Contains(second, "2026-03-16 14:30:22") || strings.Contains(second, "\t33\t") {
		t.Errorf("the second line of an order: %q", second)
	}
}

func TestManyChunksKeepOrderAndNumbers(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("Receipt number,Date,Quantity,Price,Item\n")
	const n = 120_000
	for i := range n {
		item := "x"
		if i%97 == 0 {
			item = "\"quoted, with\nbreak and \"\"quotes\"\"\""
		}
		b.WriteString(strings.Repeat(" ", i%3) + "R" + time.Duration(i).String() + ",2026-01-01,1,1.50," + item + "\n")
	}
	outcome, got, err := convert(t, parse(t, testProfile), b.Bytes())
	if err != nil || outcome.Accepted != n || outcome.Read != n {
		t.Fatalf("%d of %d: %v", outcome.Accepted, outcome.Read, err)
	}
	if last := got[len(got)-1]; !strings.HasPrefix(last, "0\t120000\t") {
		t.Errorf("last record: %q", last)
	}
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := Find(context.Background(), path, outcome.Layout, Limits{}, map[int64]bool{98: true, n: true})
	if err != nil || found[98].Line != 100 || !strings.Contains(found[n].Text, "R119.999µs") {
		t.Errorf("find: %+v %v", found, err)
	}
}
