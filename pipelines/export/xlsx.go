package export

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// sheet is a table to write: numeric tells which columns are numbers.
type sheet struct {
	name    string
	head    []string
	numeric []bool
	rows    [][]value
}

// xlsx writes the figures, the control sums and the tie-outs, one sheet each. Numbers are typed cells with the
// exact text; there are no formulas, so no text can become one.
func (d *dataset) xlsx(m Manifest) ([]byte, error) {
	f := excelize.NewFile()
	defer f.Close()
	font := excelize.Font{Family: "Microsoft YaHei", Size: 10}
	bold := font
	bold.Bold = true
	body, err := f.NewStyle(&excelize.Style{Font: &font})
	if err != nil {
		return nil, err
	}
	head, err := f.NewStyle(&excelize.Style{Font: &bold, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E6ECF2"}}})
	if err != nil {
		return nil, err
	}
	for i, s := range []sheet{d.figures(), control(m), tieOuts(m)} {
		if i == 0 {
			err = f.SetSheetName("Sheet1", s.name)
		} else {
			_, err = f.NewSheet(s.name)
		}
		if err != nil {
			return nil, err
		}
		if err := s.write(f, body, head); err != nil {
			return nil, fmt.Errorf("sheet %s: %w", s.name, err)
		}
	}
	b, err := f.WriteToBuffer()
	if err != nil {
		return nil, err
	}
	return repack(b.Bytes())
}

func (s sheet) write(f *excelize.File, body, head int) error {
	last, err := excelize.ColumnNumberToName(len(s.head))
	if err != nil {
		return err
	}
	if err := f.SetColStyle(s.name, "A:"+last, body); err != nil {
		return err
	}
	if err := f.SetColWidth(s.name, "A", last, 16); err != nil {
		return err
	}
	for i, h := range s.head {
		at, err := excelize.CoordinatesToCellName(i+1, 1)
		if err != nil {
			return err
		}
		if err := f.SetCellStr(s.name, at, h); err != nil {
			return err
		}
	}
	if err := f.SetCellStyle(s.name, "A1", last+"1", head); err != nil {
		return err
	}
	for r, row := range s.rows {
		for i, v := range row {
			if !v.ok {
				continue
			}
			at, err := excelize.CoordinatesToCellName(i+1, r+2)
			if err != nil {
				return err
			}
			if s.numeric[i] {
				err = f.SetCellDefault(s.name, at, v.text)
			} else {
				err = f.SetCellStr(s.name, at, v.text)
			}
			if err != nil {
				return err
			}
		}
	}
	return f.SetPanes(s.name, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"})
}

func (d *dataset) figures() sheet {
	s := sheet{name: "finance_kpi", rows: d.rows}
	for _, c := range d.columns {
		s.head = append(s.head, c.name)
		s.numeric = append(s.numeric, c.kind != "text")
	}
	return s
}

func control(m Manifest) sheet {
	s := sheet{name: "control 控制", head: []string{"kpi_id", "basis", "currency_code", "rows", "numerator", "denominator", "value"}, numeric: []bool{false, false, false, true, true, true, true}}
	for _, t := range m.Sums {
		s.rows = append(s.rows, present(t.KPI, t.Basis, t.Currency, strconv.FormatInt(t.Rows, 10), t.Numerator, t.Denominator, t.Value))
	}
	s.rows = append(s.rows, present("row_count", "", "", strconv.FormatInt(m.RowCount, 10)), present("status", m.Status), present("period", m.Period), present("release", fmt.Sprint(m.Release)), present("data_as_of", m.DataAsOf))
	return s
}

func tieOuts(m Manifest) sheet {
	s := sheet{name: "tie_out 核对", head: []string{"control", "left_amount", "right_amount", "difference_amount", "tolerance_amount", "is_tied", "is_blocking"}, numeric: []bool{false, true, true, true, true, false, false}}
	for _, t := range m.TieOuts {
		s.rows = append(s.rows, present(t.Control, t.Left, t.Right, t.Difference, t.Tolerance, strconv.FormatBool(t.Tied), strconv.FormatBool(t.Blocking)))
	}
	return s
}

func present(texts ...string) []value {
	row := make([]value, len(texts))
	for i, t := range texts {
		row[i] = value{t, t != ""}
	}
	return row
}

// repack writes the parts of a workbook in the order of their names and sorts the content-type list, which the
// writer keeps in a map, so that the same cells give the same bytes.
func repack(book []byte) ([]byte, error) {
	r, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
	if err != nil {
		return nil, err
	}
	files := slices.Clone(r.File)
	slices.SortFunc(files, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	entry := regexp.MustCompile(`<(?:Default|Override)\b[^>]*?(?:/>|></(?:Default|Override)>)`)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		part, err := f.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(part)
		part.Close()
		if err != nil {
			return nil, err
		}
		if f.Name == "[Content_Types].xml" {
			entries := entry.FindAllString(string(content), -1)
			slices.Sort(entries)
			n := -1
			content = entry.ReplaceAllFunc(content, func([]byte) []byte { n++; return []byte(entries[n]) })
		}
		to, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate})
		if err != nil {
			return nil, err
		}
		if _, err := to.Write(content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
