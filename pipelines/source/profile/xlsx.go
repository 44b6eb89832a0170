package profile

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
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

// maxShared bounds the words of a workbook: they are held in memory.
const maxShared = 1 << 30

// shortTexts refuses a text or a tag that is longer than any cell can be, before it is held as a whole.
type shortTexts struct {
	r     io.Reader
	since int // bytes behind the last tag's beginning
}

// Read passes on what it reads.
func (s *shortTexts) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if i := bytes.LastIndexByte(p[:n], '<'); i >= 0 {
		s.since = n - i
	} else if s.since += n; s.since > maxRecord {
		return 0, refuse("cell_too_long", "check where the file comes from: a spreadsheet's cell holds 32,767 characters", "a cell is longer than %d bytes", maxRecord)
	}
	return n, err
}

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
	}{&shortTexts{r: bound}, r}, nil
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
		r := row{line: s.line}
		if r.cells, err = s.cells(); err != nil {
			return row{}, err
		}
		if blank(r.cells) {
			continue
		}
		r.raw = []byte(strings.Join(texts(r.cells), "\t"))
		return r, nil
	}
}

// maxColumns is how many a sheet can have; what claims more is no workbook of a spreadsheet.
const maxColumns = 1 << 14

// cells reads the cells of a row, up to its end.
func (s *sheetSource) cells() ([][]byte, error) {
	var cells [][]byte
	for n := 0; ; {
		t, err := s.decoder.Token()
		if err != nil {
			return nil, damagedBook(err)
		}
		if end, ok := t.(xml.EndElement); ok && end.Name.Local == "row" {
			return cells, nil
		}
		start, ok := t.(xml.StartElement)
		if !ok || start.Name.Local != "c" {
			continue
		}
		var c xmlCell
		if err := s.decoder.DecodeElement(&c, &start); err != nil {
			return nil, damagedBook(err)
		}
		at := n
		if i := columnIndex(c.Ref); i >= 0 {
			at = i
		}
		if n++; n > maxColumns || at >= maxColumns {
			r := refuse("too_many_columns", "check where the file comes from: no spreadsheet writes such a sheet", "a row has more than %d cells", maxColumns)
			r.Line = s.line
			return nil, r
		}
		for len(cells) <= at {
			cells = append(cells, nil)
		}
		cells[at] = trim([]byte(s.text(c)))
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
	return storedNumber(c.Value)
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
