package report

import "github.com/omoflow/omoflow/pipelines/report/chart"

// figureWidth is the width of a figure in pixels; a page scales it down.
const figureWidth = 760

// numbers reads the values of cells, keeping their order.
func numbers(cells []cell) []number {
	out := make([]number, len(cells))
	for i, c := range cells {
		out[i] = parse(c.Value)
	}
	return out
}

// draw makes the scene of a figure in a language.
func (f *figure) draw(l Language) *chart.Scene {
	title, desc := f.Title.print(l), f.Desc.print(l)
	switch f.Kind {
	case waterfall:
		return chart.Waterfall(title, desc, figureWidth, 250, f.steps(l), phrase(l, "axis_cut"))
	case bars:
		return chart.Bars(title, desc, figureWidth, f.points(0, l, scaled(numbers(f.Series[0].Values))))
	case lines:
		var all []number
		for _, s := range f.Series {
			all = append(all, numbers(s.Values)...)
		}
		values := scaled(all)
		var series []chart.Series
		for i, s := range f.Series {
			series = append(series, chart.Series{Name: s.Name.print(l), Points: f.points(i, l, values[:len(s.Values)])})
			values = values[len(s.Values):]
		}
		return chart.Line(title, desc, figureWidth, 190, series)
	default:
		return f.heatMap(title, desc, l)
	}
}

func (f *figure) points(series int, l Language, values []int64) []chart.Point {
	cells := f.Series[series].Values
	out := make([]chart.Point, 0, len(cells))
	for i, c := range cells {
		p := chart.Point{Value: values[i], Text: c.print(l), Missing: c.Value == ""}
		if i < len(f.Labels) {
			p.Label = f.Labels[i].print(l)
		}
		out = append(out, p)
	}
	return out
}

func (f *figure) steps(l Language) []chart.Step {
	values := scaled(numbers(f.Series[0].Values))
	out := make([]chart.Step, 0, len(values))
	for i, v := range values {
		c := f.Series[0].Values[i]
		text := c.print(l)
		if !f.Totals[i] {
			text = signed(parse(c.Value), text)
		}
		out = append(out, chart.Step{Label: f.Labels[i].print(l), Value: v, Text: text, Total: f.Totals[i]})
	}
	return out
}

// heatMap shades on one scale; the first column, which is the whole cohort, is left out of the scale's sight by
// being written like any other.
func (f *figure) heatMap(title, desc string, l Language) *chart.Scene {
	var all []number
	for _, s := range f.Series {
		all = append(all, numbers(s.Values)...)
	}
	values := scaled(all)
	var columns []string
	for _, c := range f.Labels {
		columns = append(columns, c.print(l))
	}
	var rows []chart.Series
	for i, s := range f.Series {
		n := min(len(s.Values), len(columns))
		rows = append(rows, chart.Series{Name: s.Name.print(l), Points: f.points(i, l, values[:len(s.Values)])[:n]})
		values = values[len(s.Values):]
	}
	return chart.HeatMap(title, desc, figureWidth, columns, rows)
}

// sparkline draws the course of a tile; the description names first and last period.
func sparkline(t tile, l Language) *chart.Scene {
	values := scaled(numbers(t.Course))
	points := make([]chart.Point, 0, len(values))
	for i, v := range values {
		points = append(points, chart.Point{Label: t.Periods[i], Value: v, Text: t.Course[i].print(l), Missing: t.Course[i].Value == ""})
	}
	last := len(points) - 1
	desc := points[0].Label + ": " + points[0].Text + "; " + points[last].Label + ": " + points[last].Text
	return chart.Sparkline(t.Name.print(l), desc, 92, 26, points)
}
