package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// figure writes a sheet with the values of a figure, a bar in plain text beside each, and a native chart.
// The text bars are what a viewer without a chart engine shows.
func (w *workbook) figure(section string, f *figure) error {
	if f.Kind == heat {
		return nil // its table follows with the same values
	}
	name, err := w.sheet(section, w.text(f.Title)+" "+w.text(key("c_bar")))
	if err != nil {
		return err
	}
	if err := w.label(name, 1, 1, w.text(f.Title), "title"); err != nil {
		return err
	}
	if err := w.file.SetRowHeight(name, 1, 26); err != nil {
		return err
	}
	if err := w.label(name, 1, 2, w.text(f.Desc), "note"); err != nil {
		return err
	}
	const head = 3
	columns := f.columns()
	titles := []string{w.text(key("c_item")), w.text(key("c_value")), w.text(key("c_bar"))}
	for i := 3; i < 3+len(columns); i++ {
		titles = append(titles, columns[i-3].title)
	}
	for i, t := range titles {
		if err := w.label(name, i+1, head, t, "head"); err != nil {
			return err
		}
	}
	values := numbers(f.Series[0].Values)
	lengths := scaled(f.steady(values))
	widths := []int{24, 14, 34}
	for i, v := range f.Series[0].Values {
		row := head + 1 + i
		if err := w.put(name, 1, row, f.Labels[i]); err != nil {
			return err
		}
		widths[0] = max(widths[0], min(60, textCells(w.text(f.Labels[i]))))
		if err := w.put(name, 2, row, v); err != nil {
			return err
		}
		if err := w.label(name, 3, row, textBar(lengths[i]), "text"); err != nil {
			return err
		}
		for n, c := range columns {
			if err := w.put(name, 4+n, row, num(money, c.values[i])); err != nil {
				return err
			}
		}
	}
	for range columns {
		widths = append(widths, 12)
	}
	if err := w.finish(name, head, widths, len(values)); err != nil {
		return err
	}
	return w.native(name, f, columns, head, len(values))
}

// steady leaves the totals of a waterfall out, beside which its steps would vanish.
func (f *figure) steady(values []number) []number {
	out := slices.Clone(values)
	for i := range f.Totals {
		if f.Totals[i] {
			out[i] = number{}
		}
	}
	return out
}

// textBar draws a value as blocks, a fall with a light shade.
func textBar(scaledValue int64) string {
	n := int(scaledValue / 40_000_000) // 25 blocks at the largest value
	if n < 0 {
		return "−" + strings.Repeat("░", -n)
	}
	return strings.Repeat("█", n)
}

// chartColumn is a helper column that a stacked native chart is drawn from.
type chartColumn struct {
	title, colour string
	values        []number
}

// columns gives the stacked parts of a waterfall: an unseen base, totals, rises and falls.
func (f *figure) columns() []chartColumn {
	if f.Kind != waterfall {
		return nil
	}
	list := []chartColumn{{title: "base"}, {title: "=", colour: "1D5B8F"}, {title: "+", colour: "1B7F5C"}, {title: "−", colour: "B4442F"}}
	running := whole(0)
	for i, v := range numbers(f.Series[0].Values) {
		part := [4]number{whole(0), whole(0), whole(0), whole(0)}
		before := running
		switch {
		case f.Totals[i]:
			running = v
			part[1] = v
		case v.sign() >= 0:
			running = running.plus(v)
			part[0], part[2] = before, v
		default:
			running = running.plus(v)
			part[0], part[3] = running, v.abs()
		}
		for n := range list {
			list[n].values = append(list[n].values, part[n])
		}
	}
	return list
}

// native adds an Excel chart over the values; its caches are filled when the workbook is packed.
func (w *workbook) native(name string, f *figure, columns []chartColumn, head, rows int) error {
	if rows == 0 {
		return nil
	}
	quoted := "'" + strings.ReplaceAll(name, "'", "''") + "'"
	cells := func(column string) string {
		return fmt.Sprintf("%s!$%s$%d:$%s$%d", quoted, column, head+1, column, head+rows)
	}
	font := excelize.Font{Family: fontFamily, Size: 9, Color: "1F2A37"}
	vary, gap, overlap := false, uint(40), 100
	c := &excelize.Chart{
		Type: excelize.Bar, VaryColors: &vary, GapWidth: &gap,
		Title:  excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: w.text(f.Title), Font: &excelize.Font{Family: fontFamily, Size: 11, Bold: true}}}},
		Legend: excelize.ChartLegend{Position: "none"},
		XAxis:  excelize.ChartAxis{Font: font}, YAxis: excelize.ChartAxis{Font: font, MajorGridLines: true, NumFmt: excelize.ChartNumFmt{CustomNumFmt: "#,##0", SourceLinked: false}},
		Dimension: excelize.ChartDimension{Width: 760, Height: 340}, ShowBlanksAs: "gap",
		Format: excelize.GraphicOptions{AltText: w.text(f.Desc)},
	}
	solid := func(colour string) excelize.Fill {
		return excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{colour}}
	}
	switch f.Kind {
	case waterfall:
		c.Type, c.Overlap = excelize.ColStacked, &overlap
		if low, cut := f.axisFloor(); cut {
			c.YAxis.Minimum = &low
			c.YAxis.Title = excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: w.text(key("axis_cut")), Font: &font}}}
		}
		for n, one := range columns {
			letter := string(rune('D' + n))
			s := excelize.ChartSeries{Name: fmt.Sprintf("%s!$%s$%d", quoted, letter, head), Categories: cells("A"), Values: cells(letter)}
			if one.colour == "" {
				s.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"FFFFFF"}, Transparency: 100}
			} else {
				s.Fill = solid(one.colour)
			}
			c.Series = append(c.Series, s)
		}
	case lines:
		c.Type = excelize.Line
		fallthrough
	default:
		c.Series = []excelize.ChartSeries{{Name: fmt.Sprintf("%s!$B$%d", quoted, head), Categories: cells("A"), Values: cells("B"), Fill: solid("1D5B8F"), Line: excelize.LineOptions{Width: 2}}}
		c.XAxis.ReverseOrder = f.Kind == bars
	}
	return w.file.AddChart(name, fmt.Sprintf("A%d", head+rows+3), c)
}

// axisFloor tells where a waterfall whose bars all stand far above zero may be cut. It is geometry only: the
// cells keep the exact values.
func (f *figure) axisFloor() (low float64, cut bool) {
	lowest, highest := number{}, number{}
	running := whole(0)
	for i, v := range numbers(f.Series[0].Values) {
		running = running.plus(v)
		if f.Totals[i] {
			running = v
		}
		if !running.ok {
			return 0, false
		}
		if !lowest.ok || running.cmp(lowest) < 0 {
			lowest = running
		}
		if !highest.ok || running.cmp(highest) > 0 {
			highest = running
		}
	}
	room := highest.minus(lowest)
	if lowest.sign() <= 0 || room.sign() <= 0 || room.times(whole(3)).cmp(highest) >= 0 {
		return 0, false
	}
	floor := lowest.minus(room.over(whole(2)))
	if floor.sign() <= 0 {
		return 0, false
	}
	low, err := floor.round(0).d.Float64()
	return low, err == nil
}
