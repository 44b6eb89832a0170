package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
)

const plainProfile = `
profile: plain
columns: {store: store, receipt: receipt, line: line, at: at, day: {from: day, optional: true}, sku: sku, qty: qty, price: price, note: {from: note, optional: true}}
dates: {zone: Asia/Shanghai, cutover: "04:00"}
constants: {currency_code: CNY, channel: store}
ignore: [{column: receipt, matches: "^Page "}]
streams:
  order_line:
    event: at
    columns:
      order_id: "= nullif(txt(store), 'S9') || '-' || txt(receipt)"
      line_key: line
      line_no: line
      location_id: store
      sku: sku
      product_name: note
      quantity: qty
      unit_price: price
      gross_amount: = num(qty) * num(price)
`

const plainHeader = "store,receipt,line,at,sku,qty,price,note,extra,more\n"

func plainRow(i int) string {
	return fmt.Sprintf("S%d,R%06d,%d,2026-01-%02d %02d:15:%02d,P%d,%d,%d.%02d,red cup %d,x%d,汉字%d\n",
		i%3, i/2, i%2+1, 1+i%28, i%24, i%60, i%50, 1+i%4, i%900, i%100, i%7, i%11, i%5)
}

func plainRows(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(plainRow(i))
	}
	return b.String()
}

const everyColumn = `source, source_record_id, source_version, batch, source_row, event_at, business_date, order_id, line_key, line_no, line_kind,
	channel, location_id, sku, product_name, quantity, unit_price, gross_amount, currency_code, attributes`

// takeBoth ingests a file on both ways and compares everything that came of it. It tells whether the direct way was used.
func takeBoth(t *testing.T, yaml, text string, want bool) {
	t.Helper()
	var shops [2]*shop
	var kept [2]string
	for i, limit := range []int64{1 << 40, 1} {
		s := newShop(t, yaml)
		s.opt.SetDirect(limit)
		s.put("lines.csv", text)
		result := s.run()
		shops[i] = s
		kept[i] = fmt.Sprintf("%+v %+v", result.Counts, result.Findings)
		for _, b := range result.Batches {
			for _, f := range b.Files {
				kept[i] += fmt.Sprintf(" %v %q %q %d %q %v %q %s", f.Counts, f.Encoding, f.Delimiter, f.HeaderLine, f.Header, f.Refused, f.Reason, f.Raw.SHA256)
			}
			for _, staged := range b.Staged {
				kept[i] += fmt.Sprintf(" %d %v %s %s %v", staged.Object.Rows, staged.Months, staged.MinDate, staged.MaxDate, staged.Locations)
			}
		}
		quarantined, err := ingest.Quarantined(context.Background(), s.opt, ingest.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		kept[i] += fmt.Sprintf(" %+v", quarantined)
	}
	if kept[0] != kept[1] {
		t.Errorf("the two ways differ:\n%s\n%s", kept[0], kept[1])
	}
	normal, direct := shops[0].rows("order_line", everyColumn), shops[1].rows("order_line", everyColumn)
	if len(normal) != len(direct) {
		t.Fatalf("%d rows, directly %d", len(normal), len(direct))
	}
	for i := range normal {
		if normal[i] != direct[i] {
			t.Fatalf("row %d\n%s\n%s", i, normal[i], direct[i])
		}
	}
	if got := shops[1].direct(); got != want {
		t.Errorf("read directly: %v", got)
	}
}

// direct tells by its encoding whether the staged file was numbered after writing.
func (s *shop) direct() bool {
	s.t.Helper()
	batches, err := s.opt.Lake.Batches(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	found := false
	for _, b := range batches {
		for _, staged := range b.Staged {
			path, _ := s.opt.Lake.Bucket.(interface{ LocalPath(string) (string, bool) }).LocalPath(staged.Object.Key)
			rows, err := s.opt.DB.Text(context.Background(), "SELECT count(*) FROM parquet_metadata("+warehouse.Literal(path)+") WHERE path_in_schema = 'source_row' AND encodings LIKE '%DELTA%'")
			if err != nil {
				s.t.Fatal(err)
			}
			found = found || rows[0][0] != "0"
		}
	}
	return found
}

func TestPlainFilesAreReadDirectlyWithEqualRows(t *testing.T) {
	gap := strings.Replace(plainRows(50), ",x3,", ",,", 2)
	for name, text := range map[string]string{
		"plain":              plainHeader + plainRows(500),
		"last line unended":  plainHeader + strings.TrimSuffix(plainRows(20), "\n"),
		"byte order mark":    "\ufeff" + plainHeader + plainRows(20),
		"carriage returns":   strings.ReplaceAll(plainHeader+plainRows(20), "\n", "\r\n"),
		"semicolons":         strings.ReplaceAll(plainHeader+plainRows(20), ",", ";"),
		"tabs":               strings.ReplaceAll(plainHeader+plainRows(20), ",", "\t"),
		"attributes missing": plainHeader + gap,
		"no attribute":       plainHeader + strings.ReplaceAll(gap, ",汉字0\n", ",\n"),
		"empty values":       plainHeader + plainRows(20) + "S1,R9,1,2026-01-05 10:00:00,,1,,,,\n",
		"day only":           plainHeader + plainRows(20) + "S1,R9,1,2026-01-05,A,1,2,n,x,y\n",
		"T form, minus":      plainHeader + plainRows(20) + "S1,R9,1,2026-01-05T23:59:59,A,-1,-0.5,n,x,y\n",
		"leading zeros":      plainHeader + plainRows(20) + "S1,R9,007,2026-01-05T23:59:59,000123,01,02.50,n,x,y\n",
		"GB18030":            encoded(t, simplifiedchinese.GB18030, plainHeader+plainRows(500)),
		"UTF-16":             encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), strings.ReplaceAll(plainHeader+plainRows(20), "\n", "\r\n")),
		"Windows-1252":       encoded(t, charmap.Windows1252, plainHeader+strings.ReplaceAll(plainRows(20), "汉字", "café ")),
		"one byte of Latin":  strings.ReplaceAll(plainHeader+plainRows(20), "汉字", "") + "S1,R9,1,2026-01-05,A,1,2,caf\xe9,x,y\n",
		"apostrophe inside":  plainHeader + plainRows(20) + "S1,R9,7,2026-01-05,A,1,2,it's,o'x,y\n",
	} {
		t.Run(name, func(t *testing.T) { takeBoth(t, plainProfile, text, true) })
	}
	t.Run("several row groups", func(t *testing.T) { takeBoth(t, plainProfile, plainHeader+plainRows(150_000), true) })
}

// encoded writes a text in another encoding.
func encoded(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	out, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryDeviationFallsBackToTheSameResult(t *testing.T) {
	for name, row := range map[string]string{
		"quote":             `S1,R9,1,2026-01-05,"A",1,2,n,x,y`,
		"quoted delimiter":  `S1,R9,1,2026-01-05,A,1,2,"n, m",x,y`,
		"blank line":        ``,
		"only delimiters":   `,,,,,,,,,`,
		"exponent":          `S1,R9,1,2026-01-05,A,1,2e1,n,x,y`,
		"more decimals":     `S1,R9,1,2026-01-05,A,1,2.123456789,n,x,y`,
		"plus":              `S1,R9,1,2026-01-05,A,+5,2,n,x,y`,
		"point only":        `S1,R9,1,2026-01-05,A,.5,2,n,x,y`,
		"bad number":        `S1,R9,1,2026-01-05,A,five,2,n,x,y`,
		"whole with point":  `S1,R9,1.0,2026-01-05,A,1,2,n,x,y`,
		"leading space":     `S1,R9,1,2026-01-05, A,1,2,n,x,y`,
		"space in a number": `S1,R9,1,2026-01-05,A, 1,2,n,x,y`,
		"trailing space":    `S1,R9,1,2026-01-05,A,1,2,n ,x,y`,
		"padded attribute":  `S1,R9,1,2026-01-05,A,1,2,n,x ,y`,
		"backslash":         `S1,R9,1,2026-01-05,A,1,2,n,x\,y`,
		"wide space":        "S1,R9,1,2026-01-05,A,1,2,n\u00a0,x,y",
		"apostrophe":        `S1,R9,1,2026-01-05,'007,1,2,n,x,y`,
		"scientific code":   `S1,R9,1,2026-01-05,6.9E+12,1,2,n,x,y`,
		"missing value":     `S1,R9,1,2026-01-05,A,,2,n,x,y`,
		"missing key":       `,R9,1,2026-01-05,A,1,2,n,x,y`,
		"short row":         `S1,R9,1,2026-01-05,A,1,2,n,x`,
		"long row":          `S1,R9,1,2026-01-05,A,1,2,n,x,y,z`,
		"trailing comma":    `S1,R9,1,2026-01-05,A,1,2,n,x,y,`,
		"other date":        `S1,R9,1,05.01.2026,A,1,2,n,x,y`,
		"no such day":       `S1,R9,1,2026-02-30,A,1,2,n,x,y`,
		"offset":            `S1,R9,1,2026-01-05T10:00:00Z,A,1,2,n,x,y`,
		"carriage return":   "S1,R9,1,2026-01-05,A,1,2,n,x,y\r",
		"inner return":      "S1,R9,1,2026-01-05,A,1,2,n\rm,x,y",
		"tab":               "S1,R9,1,2026-01-05,A,1,2,n\tm,x,y",
		"NUL":               "S1,R9,1,2026-01-05,A,1,2,n\x00m,x,y",
		"total":             `Total,R9,1,2026-01-05,A,1,2,n,x,y`,
		"Chinese total":     `合计,R9,1,2026-01-05,A,1,2,n,x,y`,
		"ignored":           `S1,Page 1,1,2026-01-05,A,1,2,n,x,y`,
		"too large":         `S1,R9,1,2026-01-05,A,1,123456789012345,n,x,y`,
		"product too large": `S1,R9,1,2026-01-05,A,999999999999,99999999999999,n,x,y`,
		"expression empty":  `S9,R9,1,2026-01-05,A,1,2,n,x,y`,
		"not a number word": `S1,R9,1,2026-01-05,A,1,N/A,n,x,y`,
		"grouped":           `S1,R9,1,2026-01-05,A,"1,000",2,n,x,y`,
	} {
		t.Run(name, func(t *testing.T) {
			takeBoth(t, plainProfile, plainHeader+plainRows(150)+row+"\n"+plainRows(150), false)
		})
	}
	t.Run("a byte that GB18030 does not know", func(t *testing.T) {
		takeBoth(t, strings.Replace(plainProfile, "columns:", "encoding: gb18030\ncolumns:", 1), encoded(t, simplifiedchinese.GB18030, plainHeader+plainRows(150))+"S1,R9,1,2026-01-05,A,1,2,n\xff\xff,x,y\n", false)
	})
	t.Run("GB18030 in quotes", func(t *testing.T) {
		takeBoth(t, plainProfile, encoded(t, simplifiedchinese.GB18030, plainHeader+plainRows(150)+"S1,R9,1,2026-01-05,A,1,2,\"杯\",x,y\n"), false)
	})
	t.Run("title above the header", func(t *testing.T) { takeBoth(t, plainProfile, "Lines of January\n"+plainHeader+plainRows(20), false) })
	t.Run("quoted header", func(t *testing.T) {
		takeBoth(t, plainProfile, strings.Replace(plainHeader, "store", `"store"`, 1)+plainRows(20), false)
	})
	t.Run("header only", func(t *testing.T) { takeBoth(t, plainProfile, plainHeader, false) })
	t.Run("line key of content", func(t *testing.T) {
		takeBoth(t, strings.Replace(plainProfile, "line_key: line", "line_key: auto", 1), plainHeader+plainRows(20), false)
	})
	t.Run("numbered lines", func(t *testing.T) {
		takeBoth(t, strings.Replace(plainProfile, "line_no: line", "line_no: auto", 1), plainHeader+plainRows(20), false)
	})
	t.Run("rule that refuses", func(t *testing.T) {
		takeBoth(t, strings.Replace(plainProfile, "streams:", "refuse: [{when: \"num(qty) > 3\", column: qty, code: too_many, message: is more than a shelf holds}]\nstreams:", 1), plainHeader+plainRows(3), false)
		takeBoth(t, strings.Replace(plainProfile, "streams:", "refuse: [{when: \"num(qty) > 3\", column: qty, code: too_many, message: is more than a shelf holds}]\nstreams:", 1), plainHeader+plainRows(20), false)
	})
	t.Run("condition", func(t *testing.T) {
		takeBoth(t, strings.Replace(plainProfile, "    event: at", "    where: \"txt(store) <> 'S1'\"\n    event: at", 1), plainHeader+plainRows(20), false)
	})
}

func TestNumberedRowsAreFoundByTheirNumber(t *testing.T) {
	s := newShop(t, plainProfile)
	s.opt.SetDirect(1)
	s.put("lines.csv", plainHeader+plainRows(150_000))
	result := s.run()
	path, _ := s.opt.Lake.Bucket.(interface{ LocalPath(string) (string, bool) }).LocalPath(result.Batches[0].Staged[0].Object.Key)
	for _, row := range []int{1, 2, 122_880, 122_881, 150_000} {
		got, err := s.opt.DB.Text(context.Background(), fmt.Sprintf("SELECT order_id, line_no FROM read_parquet(%s) WHERE source_row = %d", warehouse.Literal(path), row))
		if err != nil {
			t.Fatal(err)
		}
		i := row - 1
		if want := fmt.Sprintf("[[S%d-R%06d %d]]", i%3, i/2, i%2+1); fmt.Sprint(got) != want {
			t.Errorf("row %d: %v, not %s", row, got, want)
		}
		where, err := ingest.Locate(context.Background(), s.opt.Lake, result.Batches[0].ID, 0, int64(row))
		if err != nil || where.Text != strings.TrimSuffix(plainRow(i), "\n") || where.Line != int64(row)+1 {
			t.Errorf("locate %d: %+v %v", row, where, err)
		}
	}
	for condition, want := range map[string]string{
		"channel = 'store'": "150000", "channel = 'online'": "0", "channel IS NULL": "0", "line_kind IS NULL": "150000", "line_kind = 'x'": "0", "tax_rate IS NOT NULL": "0",
		"source = 'tills' AND source_version = '' AND currency_code = 'CNY'": "150000", "source_row BETWEEN 100000 AND 130000": "30001", "is_gift IS NULL AND file_no = 0": "150000",
	} {
		got, err := s.opt.DB.Text(context.Background(), "SELECT count(*), count(DISTINCT channel) FROM read_parquet("+warehouse.Literal(path)+") WHERE "+condition)
		if err != nil || got[0][0] != want {
			t.Errorf("%s: %v %v, not %s", condition, got, err, want)
		}
	}
	var bytes [2]string
	for i := range bytes {
		again := newShop(t, plainProfile)
		again.opt.SetDirect(1)
		if err := again.opt.DB.Exec(context.Background(), fmt.Sprintf("SET threads = %d", i+1)); err != nil {
			t.Fatal(err)
		}
		again.put("lines.csv", plainHeader+plainRows(150_000))
		bytes[i] = again.run().Batches[0].Staged[0].Object.SHA256
	}
	if bytes[0] != bytes[1] {
		t.Error("the same file gives other bytes on two threads than on one")
	}
}
