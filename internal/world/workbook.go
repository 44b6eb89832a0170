package world

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// workbookHeader is the one XLSX dialect: typed numbers, dates as serials with a date style, ids as text.
var workbookHeader = []string{"Receipt", "Sold at", "Type", "Store", "SKU", "Item", "Qty", "Price", "Gross", "Discount", "Paid", "Tax", "Member", "Tender", "Original receipt"}

// The fixed parts of a workbook of one sheet. Style 1 is a date with time, style 2 an amount.
var workbookParts = [...]struct{ name, body string }{
	{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>`},
	{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
	{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Orders" sheetId="1" r:id="rId1"/></sheets></workbook>`},
	{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`},
	{"xl/styles.xml", `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/></numFmts><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts><fills count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="164" applyNumberFormat="1"/><xf numFmtId="4" applyNumberFormat="1"/></cellXfs></styleSheet>`},
}

// renderWorkbook writes a whole XLSX; zip entries carry no time, so equal rows give equal bytes.
func (s *sim) renderWorkbook(t *text, rows []tillRow) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, p := range workbookParts {
		addPart(z, p.name, []byte(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`+p.body))
	}
	addPart(z, "xl/worksheets/sheet1.xml", s.sheet(rows))
	_ = z.Close() // a bytes.Buffer refuses nothing
	t.b = append(t.b, out.Bytes()...)
}

func addPart(z *zip.Writer, name string, body []byte) {
	if w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate}); err == nil {
		_, _ = w.Write(body)
	}
}

func (s *sim) sheet(rows []tillRow) []byte {
	g := &grid{}
	g.b = append(g.b, `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`...)
	g.begin()
	g.text("Receipts of " + s.places[rows[0].place])
	g.end()
	g.begin()
	for _, h := range workbookHeader {
		g.text(h)
	}
	g.end()
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	for _, r := range rows {
		kind, original := "Sale", ""
		if r.original > 0 {
			kind, original = "Return", fmt.Sprintf("R%07d", r.original)
		}
		member, _, _ := s.memberOf(r.buyer)
		sign, days := r.sign(), int64(s.date(r.day).Sub(epoch)/(24*time.Hour))
		g.begin()
		g.text(fmt.Sprintf("R%07d", r.number))
		g.number(fmt.Sprintf("%d.%010d", days, divRound(int64(r.sec)*10_000_000_000, 86_400)), 1)
		g.text(kind)
		g.text(s.places[r.place])
		g.text(s.products[r.line.sku].sku)
		g.text(nameZH(s.products[r.line.sku], r.line.sku))
		g.number(strconv.FormatInt(sign*int64(r.line.qty), 10), 0)
		for _, v := range []int64{r.line.price, sign * r.line.gross, sign * r.line.disc, sign * r.line.paid(), sign * taxOf(cny, r.line.paid())} {
			g.number(money(v), 2)
		}
		g.text(member)
		g.text(tenders[r.tender].en)
		g.text(original)
		g.end()
	}
	return append(g.b, `</sheetData></worksheet>`...)
}

// grid writes the cells of a sheet.
type grid struct {
	b           []byte
	row, column int
}

func (g *grid) begin() {
	g.row++
	g.column = 0
	g.b = append(g.b, `<row r="`+strconv.Itoa(g.row)+`">`...)
}

func (g *grid) end() { g.b = append(g.b, `</row>`...) }

func (g *grid) ref() string {
	g.column++
	return string(rune('A'+g.column-1)) + strconv.Itoa(g.row) // at most 26 columns
}

func (g *grid) text(v string) {
	ref := g.ref()
	if v == "" {
		return
	}
	v = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(v)
	g.b = append(g.b, `<c r="`+ref+`" t="inlineStr"><is><t>`+v+`</t></is></c>`...)
}

func (g *grid) number(v string, style int) {
	g.b = append(g.b, `<c r="`+g.ref()+`" s="`+strconv.Itoa(style)+`"><v>`+v+`</v></c>`...)
}
