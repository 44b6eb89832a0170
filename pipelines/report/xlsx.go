package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// workbook writes one document: a sheet with the header block, then a sheet per table and per figure.
//
// Numbers are typed cells that carry the exact decimal text; no text from the data can become a formula,
// because formulas are never written.
type workbook struct {
	file   *excelize.File
	langs  []Language
	styles map[string]int
	names  map[string]bool
	tables int
	values map[string]map[string]string // sheet -> cell -> text, for the caches of charts
}

const fontFamily = "Microsoft YaHei"

func renderXLSX(d *document, langs []Language) ([]byte, error) {
	w := &workbook{file: excelize.NewFile(), langs: langs, styles: map[string]int{}, names: map[string]bool{}, values: map[string]map[string]string{}}
	defer w.file.Close()
	if err := w.overview(d); err != nil {
		return nil, err
	}
	for _, s := range d.Sections {
		for _, b := range s.Blocks {
			if err := w.block(s.ID, b); err != nil {
				return nil, fmt.Errorf("write section %s of the workbook: %w", s.ID, err)
			}
		}
	}
	buffer, err := w.file.WriteToBuffer()
	if err != nil {
		return nil, fmt.Errorf("write the workbook: %w", err)
	}
	return repack(buffer.Bytes(), w.values)
}

func (w *workbook) block(section string, b block) error {
	switch {
	case len(b.Findings) > 0:
		return w.table(section, findingsTable(b.Findings))
	case len(b.Tiles) > 0:
		return w.table(section, tilesTable(b.Tiles))
	case b.Table != nil:
		return w.table(section, b.Table)
	case b.Figure != nil:
		return w.figure(section, b.Figure)
	}
	return nil
}

// text prints a cell in every language of the workbook, once where they agree.
func (w *workbook) text(c cell) string {
	var parts []string
	for _, l := range w.langs {
		if t := c.print(l); len(parts) == 0 || parts[len(parts)-1] != t {
			parts = append(parts, t)
		}
	}
	return strings.Join(parts, " / ")
}

// sheet makes a sheet with a name that is free, valid and at most 31 characters long.
func (w *workbook) sheet(section, title string) (string, error) {
	clean := strings.NewReplacer(":", "：", "\\", "-", "/", "-", "?", "？", "*", "＊", "[", "(", "]", ")", "'", "’").Replace(section + " " + title)
	name := cutRunes(clean, 31)
	for n := 2; w.names[strings.ToLower(name)]; n++ {
		tail := " " + strconv.Itoa(n)
		name = cutRunes(clean, 31-len(tail)) + tail
	}
	w.names[strings.ToLower(name)] = true
	if len(w.names) == 1 {
		return name, w.file.SetSheetName("Sheet1", name)
	}
	_, err := w.file.NewSheet(name)
	return name, err
}

func cutRunes(s string, n int) string {
	r := []rune(s)
	return strings.TrimSpace(string(r[:min(n, len(r))]))
}

// style gives a cell style, made once.
func (w *workbook) style(name string) (int, error) {
	if id, ok := w.styles[name]; ok {
		return id, nil
	}
	format := map[string]string{
		"count": "#,##0", "quantity": "#,##0.###", "money": "#,##0.00", "percent": "0.0%", "points": "+0.0%;-0.0%;0.0%", "change": "+0.0%;-0.0%;0.0%",
		"ratio": "0.00", "decimal": "#,##0.0", "text": "@",
	}[strings.TrimSuffix(name, "!")]
	s := &excelize.Style{Font: &excelize.Font{Family: fontFamily, Size: 10, Bold: strings.HasSuffix(name, "!")}, Alignment: &excelize.Alignment{Vertical: "top"}}
	switch name {
	case "title":
		s.Font.Size, s.Font.Bold = 15, true
	case "head":
		s.Font.Bold = true
		s.Alignment.WrapText, s.Alignment.Vertical = true, "center"
		s.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E6ECF2"}}
	case "none", "none!":
		s.Alignment.Horizontal, s.Font.Color = "right", "5B6673"
	case "note":
		s.Font.Color, s.Font.Italic = "5B6673", true
	}
	if format != "" {
		s.CustomNumFmt = &format
	}
	id, err := w.file.NewStyle(s)
	if err == nil {
		w.styles[name] = id
	}
	return id, err
}

func (c cell) styleName() string {
	name := map[cellKind]string{count: "count", quantity: "quantity", money: "money", compactMoney: "money", percent: "percent", points: "points", change: "change", ratio: "ratio", decimal: "decimal"}[c.Kind]
	switch {
	case name == "":
		name = "text"
	case c.Value == "":
		name = "none" // n/a stands where the number would
	}
	if c.Strong {
		name += "!"
	}
	return name
}

// put writes one cell: a number as its exact decimal text, anything else as text.
func (w *workbook) put(sheet string, column, row int, c cell) error {
	at, err := excelize.CoordinatesToCellName(column, row)
	if err != nil {
		return err
	}
	shown := ""
	if n := parse(c.Value); c.numeric() && n.ok {
		if c.Kind == compactMoney || c.Kind == money {
			n = n.round(2)
		}
		shown = n.text()
		err = w.file.SetCellDefault(sheet, at, shown)
	} else {
		shown = w.text(c)
		err = w.file.SetCellStr(sheet, at, shown)
	}
	if err != nil {
		return err
	}
	if w.values[sheet] == nil {
		w.values[sheet] = map[string]string{}
	}
	w.values[sheet][at] = shown
	return w.paint(sheet, at, c.styleName())
}

func (w *workbook) paint(sheet, at, style string) error {
	id, err := w.style(style)
	if err != nil {
		return err
	}
	return w.file.SetCellStyle(sheet, at, at, id)
}

// label writes a text cell in a style.
func (w *workbook) label(sheet string, column, row int, text, style string) error {
	if err := w.put(sheet, column, row, txt(text)); err != nil {
		return err
	}
	at, err := excelize.CoordinatesToCellName(column, row)
	if err != nil {
		return err
	}
	return w.paint(sheet, at, style)
}

// overview is the first sheet: the header block, why the document is provisional, what is not fed.
func (w *workbook) overview(d *document) error {
	name, err := w.sheet("00", w.text(key("t_overview")))
	if err != nil {
		return err
	}
	if err := w.label(name, 1, 1, w.text(key(string(d.Kind)+"_title"))+"  "+d.Period.Name, "title"); err != nil {
		return err
	}
	row := 3
	write := func(left, right string) error {
		if err := w.label(name, 1, row, left, "head"); err != nil {
			return err
		}
		row++
		return w.label(name, 2, row-1, right, "text")
	}
	if err := write(w.text(key("h_status")), w.text(key("status_"+d.Header.status()))); err != nil {
		return err
	}
	for _, r := range d.Header.Reasons {
		if err := write(w.text(key("why_title")), w.text(r)); err != nil {
			return err
		}
	}
	first := factsOf(d, w.langs[0])
	last := factsOf(d, w.langs[len(w.langs)-1])
	for i, f := range first {
		left, right := f.Name, f.Value
		if last[i].Name != left {
			left += " / " + last[i].Name
		}
		if last[i].Value != right {
			right += " / " + last[i].Value
		}
		if err := write(left, right); err != nil {
			return err
		}
	}
	row++
	for _, s := range d.notFed() {
		if err := write(s.ID+" "+w.text(key(s.Title)), w.text(key("c_needs"))+": "+strings.Join(s.Needs, ", ")); err != nil {
			return err
		}
	}
	if err := w.file.SetColWidth(name, "A", "A", 34); err != nil {
		return err
	}
	if err := w.file.SetColWidth(name, "B", "B", 90); err != nil {
		return err
	}
	return w.printSetup(name)
}

// table writes a sheet with a title, a head row that stays in sight, typed cells and an Excel table.
func (w *workbook) table(section string, t *table) error {
	name, err := w.sheet(section, w.text(key(t.Name)))
	if err != nil {
		return err
	}
	if err := w.label(name, 1, 1, w.text(key(t.Name)), "title"); err != nil {
		return err
	}
	if err := w.file.SetRowHeight(name, 1, 26); err != nil {
		return err
	}
	if t.Note != nil {
		if err := w.label(name, 1, 2, w.text(*t.Note), "note"); err != nil {
			return err
		}
	}
	const head = 3
	widths := make([]int, len(t.Columns))
	seen := map[string]bool{}
	for i, c := range t.Columns {
		text := w.text(c)
		for n := 2; seen[text]; n++ {
			text = w.text(c) + " " + strconv.Itoa(n)
		}
		seen[text] = true
		if err := w.label(name, i+1, head, text, "head"); err != nil {
			return err
		}
		widths[i] = min(18, textCells(text))
	}
	for r, line := range t.Rows {
		for i, c := range line {
			if err := w.put(name, i+1, head+1+r, c); err != nil {
				return err
			}
			if i < len(widths) {
				widths[i] = max(widths[i], min(60, textCells(w.text(c))))
			}
		}
	}
	return w.finish(name, head, widths, len(t.Rows))
}

// finish sets widths, the frozen head, the table format and the print layout of a sheet.
func (w *workbook) finish(name string, head int, widths []int, rows int) error {
	for i, width := range widths {
		column, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		if err := w.file.SetColWidth(name, column, column, float64(max(8, width+3))); err != nil {
			return err
		}
	}
	corner, err := excelize.CoordinatesToCellName(1, head+1)
	if err != nil {
		return err
	}
	if err := w.file.SetPanes(name, &excelize.Panes{Freeze: true, YSplit: head, TopLeftCell: corner, ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	if rows > 0 && len(widths) > 0 {
		from, err := excelize.CoordinatesToCellName(1, head)
		if err != nil {
			return err
		}
		to, err := excelize.CoordinatesToCellName(len(widths), head+rows)
		if err != nil {
			return err
		}
		w.tables++
		if err := w.file.AddTable(name, &excelize.Table{Range: from + ":" + to, Name: "t" + strconv.Itoa(w.tables), StyleName: "TableStyleLight1"}); err != nil {
			return err
		}
	}
	return w.printSetup(name)
}

func (w *workbook) printSetup(name string) error {
	fit, one, free, paper, orientation := true, 1, 0, 9, "landscape"
	if err := w.file.SetSheetProps(name, &excelize.SheetPropsOptions{FitToPage: &fit}); err != nil {
		return err
	}
	return w.file.SetPageLayout(name, &excelize.PageLayoutOptions{Size: &paper, Orientation: &orientation, FitToWidth: &one, FitToHeight: &free})
}

// textCells estimates the width of a text in characters of a column; ideographs take two.
func textCells(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x2e80 {
			n++
		}
	}
	return n
}
