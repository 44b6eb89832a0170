package profile

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// sheetSource reads one sheet of a workbook row by row. Only the shared strings are held in memory.
type sheetSource struct {
	*opened
	decoder *xml.Decoder
	entry   io.ReadCloser
	shared  []string
	dates   []bool // by style
	epoch04 bool
	line    int64
	pending []row
	written bool // formulas: text
	sheets  []string
}

// maxWorkbookPart bounds one unpacked part of a workbook.
const maxWorkbookPart = 4 << 30

func (o *opened) part(name string) (io.ReadCloser, error) {
	for _, f := range o.xlsx.File {
		if f.Name == name {
			return openPart(f)
		}
	}
	return nil, refuse("damaged", "save the workbook again", "the workbook lacks %s", name)
}

func openPart(f *zip.File) (io.ReadCloser, error) {
	r, err := f.Open()
	if err != nil {
		return nil, refuse("damaged", "deliver the file again", "the workbook cannot be unpacked: %v", err)
	}
	bound := &limited{r: r, size: max(int64(f.CompressedSize64), 1), limits: Limits{Bytes: maxWorkbookPart}.filled(), packed: true}
	return struct {
		io.Reader
		io.Closer
	}{bound, r}, nil
}

func (o *opened) decode(name string, into any) error {
	r, err := o.part(name)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := xml.NewDecoder(r).Decode(into); err != nil {
		return damagedBook(err)
	}
	return nil
}

func damagedBook(err error) error {
	var refused *RefusedFile
	if errors.As(err, &refused) {
		return refused
	}
	return refuse("damaged", "deliver the file again, whole", "the workbook cannot be read: %v", err)
}

func (p *Plan) openWorkbook(o *opened) (source, Layout, map[string]int, error) {
	layout := Layout{Format: "xlsx", Encoding: encUTF8}
	s := &sheetSource{opened: o, written: p.Profile.Formulas == "text"}
	sheet, err := s.findSheet(p.Profile.Sheet)
	if err != nil {
		return nil, layout, nil, err
	}
	layout.Delimiter = sheet
	if err := s.readStyles(); err != nil {
		return nil, layout, nil, err
	}
	if err := s.readShared(); err != nil {
		return nil, layout, nil, err
	}
	if s.entry, err = o.part(sheet); err != nil {
		return nil, layout, nil, err
	}
	o.close = append(o.close, s.entry.Close)
	s.decoder = xml.NewDecoder(s.entry)
	if len(p.Profile.Header.Names) > 0 {
		layout.Header = p.Profile.Header.Names
		return s, layout, p.Profile.columnsOf(layout.Header), nil
	}
	best, header := 0, -1
	for len(s.pending) < p.Profile.Header.SearchRows {
		r, err := s.row()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, layout, nil, err
		}
		s.pending = append(s.pending, r)
		if n := p.Profile.score(texts(r.cells)); n > best {
			best, header = n, len(s.pending)-1
		}
		if len(p.Profile.Columns) == 0 {
			break
		}
	}
	if len(s.pending) == 0 {
		return nil, layout, nil, refuse("empty_file", "deliver the file again if it should hold records", "the sheet is empty")
	}
	if header < 0 {
		return nil, layout, nil, refuse("no_header", "name the right sheet: in the profile, or correct its columns", "no row of the first %d names a column of profile %s; the first has %s", p.Profile.Header.SearchRows, p.Profile.Name, quoted(texts(s.pending[0].cells), ", "))
	}
	layout.HeaderLine, layout.Header = s.pending[header].line, texts(s.pending[header].cells)
	s.pending = s.pending[header+1:]
	if why := p.Profile.missing(layout.Header); why != nil {
		return nil, layout, nil, why
	}
	return s, layout, p.Profile.columnsOf(layout.Header), nil
}

func texts(cells [][]byte) []string {
	var out []string
	for _, c := range cells {
		out = append(out, string(c))
	}
	return out
}

// findSheet gives the part of the named, numbered or first visible sheet.
func (s *sheetSource) findSheet(wanted string) (string, error) {
	var book struct {
		Properties struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			Name  string `xml:"name,attr"`
			State string `xml:"state,attr"`
			ID    string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
		} `xml:"sheets>sheet"`
	}
	var relations struct {
		All []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := s.decode("xl/workbook.xml", &book); err != nil {
		return "", err
	}
	if err := s.decode("xl/_rels/workbook.xml.rels", &relations); err != nil {
		return "", err
	}
	s.epoch04 = book.Properties.Date1904 == "1" || book.Properties.Date1904 == "true"
	found := make([]string, 0, len(book.Sheets))
	defer func() { s.sheets = found }()
	for i, sheet := range book.Sheets {
		if found = append(found, sheet.Name); sheet.State != "" && sheet.State != "visible" {
			found[i] = "(" + sheet.Name + ", hidden)"
		}
		number, err := strconv.Atoi(wanted)
		if wanted == "" && sheet.State != "" && sheet.State != "visible" ||
			wanted != "" && sheet.Name != wanted && (err != nil || number != i+1) {
			continue
		}
		for _, r := range relations.All {
			if r.ID == sheet.ID {
				if strings.HasPrefix(r.Target, "/") {
					return r.Target[1:], nil
				}
				return path.Join("xl", r.Target), nil
			}
		}
	}
	return "", refuse("no_sheet", "write sheet: with one of these names in the profile", "the workbook has no sheet %q; it has %s", wanted, quoted(found, ", "))
}

func (s *sheetSource) readStyles() error {
	var styles struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if !slices.ContainsFunc(s.xlsx.File, func(f *zip.File) bool { return f.Name == "xl/styles.xml" }) {
		return nil
	}
	if err := s.decode("xl/styles.xml", &styles); err != nil {
		return err
	}
	custom := map[int]bool{}
	for _, f := range styles.Formats {
		custom[f.ID] = dateFormat(f.Code)
	}
	for _, c := range styles.Cells {
		isDate, own := custom[c.Format]
		if n := c.Format; !own {
			isDate = n >= 14 && n <= 22 || n >= 27 && n <= 36 || n >= 45 && n <= 47 || n >= 50 && n <= 58
		}
		s.dates = append(s.dates, isDate)
	}
	return nil
}

// dateFormat tells whether a number format shows a date or time.
func dateFormat(code string) bool {
	quotedText, bracket := false, false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; {
		case c == '\\':
			i++
		case c == '"':
			quotedText = !quotedText
		case c == '[':
			bracket = true
		case c == ']':
			bracket = false
		case quotedText || bracket:
		case c == ';':
			return false
		case strings.IndexByte("ymdhsYMDHS", c) >= 0:
			return true
		}
	}
	return false
}

func (s *sheetSource) readShared() error {
	if !slices.ContainsFunc(s.xlsx.File, func(f *zip.File) bool { return f.Name == "xl/sharedStrings.xml" }) {
		return nil
	}
	r, err := s.part("xl/sharedStrings.xml")
	if err != nil {
		return err
	}
	defer r.Close()
	decoder := xml.NewDecoder(r)
	for {
		t, err := decoder.Token()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return damagedBook(err)
		}
		if start, ok := t.(xml.StartElement); ok && start.Name.Local == "si" {
			var item richText
			if err := decoder.DecodeElement(&item, &start); err != nil {
				return damagedBook(err)
			}
			s.shared = append(s.shared, item.text())
		}
	}
}

// richText is a string, plain or in runs; phonetic guides are left out.
type richText struct {
	Plain string `xml:"t"`
	Runs  []struct {
		Text string `xml:"t"`
	} `xml:"r"`
}

func (r richText) text() string {
	s := r.Plain
	for _, run := range r.Runs {
		s += run.Text
	}
	return s
}

type xmlCell struct {
	Ref     string   `xml:"r,attr"`
	Style   int      `xml:"s,attr"`
	Type    string   `xml:"t,attr"`
	Value   string   `xml:"v"`
	Formula string   `xml:"f"`
	Inline  richText `xml:"is"`
}

// row gives the next row that has cells.
func (s *sheetSource) row() (row, error) {
	for {
		t, err := s.decoder.Token()
		if err == io.EOF {
			return row{}, io.EOF
		} else if err != nil {
			return row{}, damagedBook(err)
		}
		start, ok := t.(xml.StartElement)
		if !ok || start.Name.Local != "row" {
			continue
		}
		s.line++
		for _, a := range start.Attr {
			if n, err := strconv.ParseInt(a.Value, 10, 64); err == nil && a.Name.Local == "r" {
				s.line = n
			}
		}
		var body struct {
			Cells []xmlCell `xml:"c"`
		}
		if err := s.decoder.DecodeElement(&body, &start); err != nil {
			return row{}, damagedBook(err)
		}
		r := row{line: s.line}
		for i, c := range body.Cells {
			at := i
			if n := columnIndex(c.Ref); n >= 0 {
				at = n
			}
			for len(r.cells) <= at && at < 1<<14 {
				r.cells = append(r.cells, nil)
			}
			if at < len(r.cells) {
				r.cells[at] = trim([]byte(s.text(c)))
			}
		}
		if blank(r.cells) {
			continue
		}
		r.raw = []byte(strings.Join(texts(r.cells), "\t"))
		return r, nil
	}
}

func columnIndex(ref string) int {
	n := 0
	for i := 0; i < len(ref) && ref[i] >= 'A' && ref[i] <= 'Z'; i++ {
		n = n*26 + int(ref[i]-'A') + 1
	}
	return n - 1
}

// text gives a cell as text: dates by their style, numbers exactly, formulas without a value as written.
func (s *sheetSource) text(c xmlCell) string {
	if s.written && c.Formula != "" {
		return "=" + c.Formula
	}
	switch c.Type {
	case "s":
		if i, err := strconv.Atoi(c.Value); err == nil && i >= 0 && i < len(s.shared) {
			return s.shared[i]
		}
		return ""
	case "inlineStr":
		return c.Inline.text()
	case "str", "d", "e":
		if c.Value == "" && c.Formula != "" {
			return "=" + c.Formula
		}
		return c.Value
	case "b":
		return map[string]string{"1": "true", "0": "false"}[c.Value]
	}
	if c.Value == "" {
		if c.Formula != "" {
			return "=" + c.Formula
		}
		return ""
	}
	if c.Style >= 0 && c.Style < len(s.dates) && s.dates[c.Style] {
		if text, ok := serialDate(c.Value, s.epoch04); ok {
			return text
		}
	}
	return decimal15(c.Value)
}

func (s *sheetSource) next() (*chunk, error) {
	c := &chunk{rows: s.pending}
	s.pending = nil
	for len(c.rows) < 4096 {
		r, err := s.row()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		c.rows = append(c.rows, r)
	}
	if len(c.rows) == 0 {
		return nil, io.EOF
	}
	return c, nil
}
