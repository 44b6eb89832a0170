package profile

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

const testProfile = `
profile: test
columns:
  receipt: [Receipt number, 小票号]
  day: {from: [Date, 日期], optional: true}
  qty: {from: [Quantity, 数量], optional: true}
  price: {from: [Price, 单价], optional: true}
  item: {from: [Item, 商品], optional: true}
ignore: [{column: 1, matches: '^合计'}]
dates: {zone: Asia/Shanghai}
streams:
  order_line:
    event: ts(day)
    columns:
      order_id: receipt
      quantity: qty
      unit_price: price
      product_name: item
      line_key: "= txt(receipt)"
`

func parse(t testing.TB, text string) *Plan {
	t.Helper()
	p, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := p.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// convert runs a file through a plan and gives the outcome and the normalised records.
func convert(t testing.TB, plan *Plan, data []byte) (Outcome, []string, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "in")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	sink, err := NewSink(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := plan.Convert(context.Background(), File{Path: path}, sink)
	if closeErr := sink.Close(); closeErr != nil {
		t.Fatal(closeErr)
	}
	out, readErr := os.ReadFile(filepath.Join(dir, "out"))
	if readErr != nil {
		t.Fatal(readErr)
	}
	if len(out) == 0 {
		return outcome, nil, err
	}
	return outcome, strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"), err
}

func TestTheSameFileInEveryEncodingAndDialectGivesTheSameRecords(t *testing.T) {
	plan := parse(t, testProfile)
	text := "title,,,,\n\n小票号,日期,数量,单价,商品\n007,2026-01-05 10:00:00,2,28.16,\"剪刀, 蓝色\"\n008,2026-01-06 11:30:00,1,5,苹果\n合计,,3,,\n"
	encode := func(e encoding.Encoding, s string) []byte {
		b, err := e.NewEncoder().Bytes([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	_, want, err := convert(t, plan, []byte(text))
	if err != nil || len(want) != 2 {
		t.Fatalf("%v %q", err, want)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(text))
	z.Close()
	for name, data := range map[string][]byte{
		"bom":       append([]byte{0xEF, 0xBB, 0xBF}, text...),
		"crlf":      []byte(strings.ReplaceAll(text, "\n", "\r\n")),
		"cr":        []byte(strings.ReplaceAll(text, "\n", "\r")),
		"gb18030":   encode(simplifiedchinese.GB18030, text),
		"utf-16":    encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), text),
		"utf-16be":  encode(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), text),
		"utf-16 x":  encode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), strings.ReplaceAll(text, ",,", ",a long ascii title,")),
		"semicolon": []byte(strings.ReplaceAll(strings.ReplaceAll(text, ",", ";"), "剪刀; 蓝色", "剪刀, 蓝色")),
		"tab":       []byte(strings.ReplaceAll(strings.ReplaceAll(text, ",", "\t"), "剪刀\t 蓝色", "剪刀, 蓝色")),
		"padded":    []byte(strings.ReplaceAll(text, ",", " , ")),
		"gzip":      packed.Bytes(),
	} {
		outcome, got, err := convert(t, plan, data)
		if name == "padded" {
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], "剪刀 ,  蓝色", "剪刀, 蓝色")
			}
		}
		if err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: %v\n got %q\nwant %q (%+v)", name, err, got, want, outcome)
		}
		if outcome.Read != 3 || outcome.Accepted != 2 || outcome.Ignored != 1 {
			t.Errorf("%s: counts %+v", name, outcome)
		}
	}
	latin := encode(charmap.Windows1252, "Receipt number;Date;Quantity;Price;Item\n1;05.13.2026;1;1.234,56;Größe 5 für Café\n")
	if _, got, err := convert(t, plan, latin); err != nil || len(got) != 1 || !strings.Contains(got[0], "Größe 5 für Café") || !strings.Contains(got[0], "1234.56") {
		t.Errorf("windows-1252: %v %q", err, got)
	}
}

func TestWholeFilesAreRefusedWithTheReason(t *testing.T) {
	plan := parse(t, testProfile)
	header := "Receipt number,Date,Quantity,Price,Item\n"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(header + strings.Repeat("1,2026-01-01,1,1,x\n", 10000)))
	z.Close()
	for name, c := range map[string]struct {
		data []byte
		code string
	}{
		"empty":          {nil, "empty_file"},
		"only blanks":    {[]byte("\n\n  \n"), "empty_file"},
		"other table":    {[]byte("id,name\n1,x\n"), "no_header"},
		"lacks a column": {[]byte("Quantity,Price\n1,2\n"), "unknown_layout"},
		"truncated gzip": {packed.Bytes()[:packed.Len()/2], "truncated"},
		"wrong encoding": {[]byte(header + "1,2026-01-01,1,1,\x81x\n"), "invalid_encoding"},
		"ambiguous":      {[]byte(header + "1,05/06/2026,1,1,x\n2,07/08/2026,1,1,y\n"), "ambiguous_dates"},
		"mixed":          {[]byte(header + "1,25/06/2026,1,1,x\n2,07/28/2026,1,1,y\n"), "mixed_dates"},
		"open quote":     {[]byte(header + "1,2026-01-01,1,1,\"x\n2,2026-01-01,1,1,y\n"), "unterminated_quote"},
		"old excel":      {[]byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), "old_excel"},
	} {
		_, got, err := convert(t, plan, c.data)
		var refused *RefusedFile
		if !errors.As(err, &refused) || refused.Code != c.code || len(got) != 0 {
			t.Errorf("%s: %v, want %s; %q", name, err, c.code, got)
		}
	}
	outcome, got, err := convert(t, plan, []byte(header))
	if err != nil || len(got) != 0 || outcome.Read != 0 {
		t.Errorf("header only: %v %q %+v", err, got, outcome)
	}
}

func TestRefusedRecordsSayWhereAndWhy(t *testing.T) {
	plan := parse(t, testProfile)
	text := "Receipt number,Date,Quantity,Price,Item\n" +
		"1,2026-01-01,1,1,\"two\nlines\"\n" +
		"2,2026-01-01,1,x9,bad number\n" +
		"3,2026-02-30,1,1,bad date\n" +
		",2026-01-01,1,1,no key\n" +
		"6.9E+12,2026-01-01,1,1,spoiled code\n" +
		"'05007,2026-01-01,1,1,kept\n" +
		"7,2026-01-01,1\n" +
		"8,2026-01-01,1,1,x,y\n" +
		"Total,2026-01-01,9,9,\n"
	outcome, got, err := convert(t, plan, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, r := range outcome.Refusals {
		found = append(found, r.Code+"@"+string(rune('0'+r.Line/10))+string(rune('0'+r.Line%10))+" "+r.Column)
	}
	want := "bad_number@04 Price|bad_date@05 Date|missing_value@06 Receipt number|scientific_id@07 Receipt number|short_row@09 |extra_cells@10 |total_row@11 "
	if strings.Join(found, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(found, "|"), want)
	}
	if outcome.Read != 9 || outcome.Accepted != 2 || outcome.Refused != 7 || len(got) != 3 {
		t.Errorf("%+v %q", outcome, got)
	}
	if !strings.Contains(got[2], "\t05007\t") {
		t.Errorf("leading zeros: %q", got)
	}
}

func TestMoneySpellings(t *testing.T) {
	for text, want := range map[string]string{
		"1149": "1149", "$1,149.00 ": "1149.00", "(33.62)": "-33.62", "($33.62)": "-33.62", "-$45.00": "-45.00", "$-45.00": "-45.00",
		"¥28.16": "28.16", "￥28.16": "28.16", "28.16元": "28.16", "CNY 28.16": "28.16", "28.16 USD": "28.16", "1,664": "1664",
		"33.62-": "-33.62", "+5": "5", " 7.5 ": "7.5", "１２３．４５": "123.45", "1 234.50": "1234.50", "1'234.50": "1234.50", "1\u00a0234.50": "1234.50",
		"−3.20": "-3.20", "12,345,678.9": "12345678.9", "0.00001": "0.0000", "1.23455": "1.2346", "-1.23455": "-1.2346", ".5": "0.5",
		"13%": "0.13", "4.440892e-16": "0.0000", "-1.5E-03": "-0.0015", "1.25E+2": "125", "1.23456E+2": "123.456", "0E+00": "0", "US$5": "5", "12,34,567.50": "1234567.50",
	} {
		var e Evidence
		got, empty, why := number(nil, trim([]byte(text)), '.', 14, 4, &e)
		if why != nil || empty || string(got) != want {
			t.Errorf("%q: got %q %v, want %q", text, got, why, want)
		}
	}
	for text, want := range map[string]string{"1.234,56": "1234.56", "12,5": "12.5", "1.664": "1664", "-3,20 €": "-3.20"} {
		var e Evidence
		if got, _, why := number(nil, []byte(text), ',', 14, 4, &e); why != nil || string(got) != want {
			t.Errorf("comma %q: got %q %v, want %q", text, got, why, want)
		}
	}
	for _, text := range []string{"284.36a", "1,2,3", "131.77(已退款89.84)", "6.9E+12", "1E+5", "1..2", "--5", "1,66", "99999999999999999", "$", "12-13"} {
		var e Evidence
		if got, empty, why := number(nil, []byte(text), '.', 14, 4, &e); why == nil && !empty {
			t.Errorf("%q was read as %q", text, got)
		}
	}
}

func TestDateSpellings(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-05": "2026-01-05 00:00:00", "2010-9-7": "2010-09-07 00:00:00", "20250101": "2025-01-01 00:00:00", "2020/2/21 0:00": "2020-02-21 00:00:00",
		"2026-03-16T09:30:22Z": "2026-03-16 09:30:22", "2026-03-16 09:30:22 -0500": "2026-03-16 14:30:22", "8/17/26 12:16 PM": "2026-08-17 12:16:00",
		"8/17/26 12:16 AM": "2026-08-17 00:16:00", "2019年3月1日": "2019-03-01 00:00:00", "5-Jan-2026": "2026-01-05 00:00:00", "Jan 5, 2026": "2026-01-05 00:00:00",
		"2026-01-05 23:59:59.123456": "2026-01-05 23:59:59.123456", "2026-01-05 下午3:05": "2026-01-05 15:05:00", "12/27/2018": "2018-12-27 00:00:00",
		"2026-03-16T09:30:22+08:00": "2026-03-16 01:30:22", "2026．01．05": "2026-01-05 00:00:00",
	} {
		var e Evidence
		m, why := dates{order: orderMDY}.parse([]byte(text), &e)
		if why != nil {
			t.Errorf("%q: %v", text, why)
			continue
		}
		if m.zoned {
			m = m.utc()
		}
		if got := string(m.appendTime(nil)); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"2026-02-29", "13/13/2026", "hello", "2026-01-05 25:00", "46350.108125", "1.5", "2026-01", "2026-01-05x"} {
		var e Evidence
		if m, why := (dates{order: orderMDY}).parse([]byte(text), &e); why == nil {
			t.Errorf("%q was read as %+v", text, m)
		}
	}
}

func TestAttributesKeepWhiteSpaceInsideQuotesWhileMappedCellsAreTrimmed(t *testing.T) {
	plan := parse(t, testProfile)
	header := "Receipt number,Date,Quantity,Price,Item,Remark,Memo\n"
	_, got, err := convert(t, plan, []byte(header+"\" 007 \",2026-01-05,1,5,\" cup\",\" said \"\"no\"\"\r\n\", plain \n008,2026-01-05,1,5,cup,\"  \",x\n"))
	if err != nil || len(got) != 2 {
		t.Fatalf("%v %q", err, got)
	}
	_, bare, err := convert(t, parse(t, "padding: keep\n"+strings.TrimPrefix(testProfile, "\n")), []byte(header+"007,2026-01-05,1,5, cup , a , b \n"))
	if err != nil || len(bare) != 1 || !strings.Contains(bare[0], "\tcup\t") || !strings.Contains(bare[0], `"Memo":" b ","Remark":" a "`) {
		t.Errorf("padding: keep gives %v %q", err, bare)
	}
	for i, wants := range [][]string{{"007\t", "\tcup\t", `"Memo":"plain","Remark":" said \"no\"\r\n"`}, {`"Memo":"x","Remark":"  "`}} {
		for _, want := range wants {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s is not in %q", want, got[i])
			}
		}
	}
}
