package chart

import "fmt"

// Series is a named run of values over the same positions as its neighbours.
type Series struct {
	Name   string
	Points []Point
}

// Line draws series over common positions; the first series is solid and darker, further ones dashed.
// The last value of each series is written at its end.
func Line(title, desc string, width, height int, series []Series) *Scene {
	s := &Scene{Width: width, Height: height, Title: title, Desc: desc}
	var values []int64
	positions, room := 0, 0
	for _, one := range series {
		positions = max(positions, len(one.Points))
		for _, p := range one.Points {
			if !p.Missing {
				values = append(values, p.Value)
				room = max(room, textWidth(p.Text, 10))
			}
		}
	}
	if positions == 0 || len(values) == 0 {
		return s
	}
	left, right := 12*unit, width*unit-room-14*unit
	sc := newScale(values, (height-26)*unit, 16*unit)
	s.line(left, sc.at(0), right, sc.at(0), muted, "1", "")
	step := 0
	if positions > 1 {
		step = (right - left) / (positions - 1)
	}
	for i, one := range series {
		stroke, width := accent, "2"
		if i > 0 {
			stroke, width = neutral, "1.5"
		}
		s.run(one, sc, left, step, stroke, width)
	}
	for i, p := range series[0].Points {
		anchor := "middle"
		if i == 0 {
			anchor = "start"
		}
		s.text(left+i*step, (height-8)*unit, anchor, muted, 10, "", p.Label)
	}
	return s
}

// run draws one series, broken where values are missing.
func (s *Scene) run(one Series, sc scale, left, step int, stroke, width string) {
	var points []int
	last := -1
	flush := func() {
		if len(points) > 2 {
			s.polyline(points, stroke, width)
		}
		points = nil
	}
	for i, p := range one.Points {
		if p.Missing {
			flush()
			continue
		}
		x, y := left+i*step, sc.at(p.Value)
		points = append(points, x, y)
		s.dot(x, y, 250, stroke, fmt.Sprintf("%s %s: %s", one.Name, p.Label, p.Text))
		last = i
	}
	flush()
	if last >= 0 {
		p := one.Points[last]
		s.text(left+last*step+7*unit, sc.at(p.Value)+4*unit, "start", ink, 10, "", p.Text)
	}
}

// Sparkline draws the course of a few values without axes; missing ones are gaps, the last one is marked.
func Sparkline(title, desc string, width, height int, points []Point) *Scene {
	s := &Scene{Width: width, Height: height, Title: title, Desc: desc}
	var low, high int64
	seen := false
	for _, p := range points {
		if p.Missing {
			continue
		}
		if !seen {
			low, high, seen = p.Value, p.Value, true
		}
		low, high = min(low, p.Value), max(high, p.Value)
	}
	if !seen || len(points) < 2 {
		return s
	}
	if low == high {
		low, high = low-1, high+1
	}
	sc := scale{low: low, high: high, from: (height - 4) * unit, to: 4 * unit}
	step := (width - 8) * unit / (len(points) - 1)
	var line []int
	lastX, lastY := 0, 0
	for i, p := range points {
		if p.Missing {
			if len(line) > 2 {
				s.polyline(line, neutral, "1.5")
			}
			line = nil
			continue
		}
		lastX, lastY = 4*unit+i*step, sc.at(p.Value)
		line = append(line, lastX, lastY)
	}
	if len(line) > 2 {
		s.polyline(line, neutral, "1.5")
	}
	s.dot(lastX, lastY, 260, accent, "")
	return s
}

// HeatMap draws a table of values as shaded cells, with the value written in each so that shade is not the only
// signal. Values are shares of the largest; a missing one is left white.
func HeatMap(title, desc string, width int, columns []string, rows []Series) *Scene {
	const rowHeight, head = 22, 22
	s := &Scene{Width: width, Height: head + len(rows)*rowHeight + 4, Title: title, Desc: desc}
	if len(columns) == 0 {
		return s
	}
	left := 96 * unit
	cell := (width*unit - left) / len(columns)
	var high int64 = 1
	for _, r := range rows {
		for _, p := range r.Points {
			if !p.Missing {
				high = max(high, p.Value)
			}
		}
	}
	for i, c := range columns {
		s.text(left+i*cell+cell/2, 15*unit, "middle", muted, 10, "", c)
	}
	for n, r := range rows {
		y := (head + n*rowHeight) * unit
		s.text(left-8*unit, y+15*unit, "end", ink, 10, "", r.Name)
		for i, p := range r.Points {
			if p.Missing || i >= len(columns) {
				continue
			}
			fill, dark := shade(max(0, p.Value), high)
			s.rect(left+i*cell+50, y+50, cell-unit, (rowHeight-1)*unit, fill, r.Name+" "+columns[i]+": "+p.Text)
			colour := ink
			if dark {
				colour = "#ffffff"
			}
			s.text(left+i*cell+cell/2, y+15*unit, "middle", colour, 10, "", p.Text)
		}
	}
	return s
}

// shade mixes white and the accent colour; dark says that the text on it must be white.
func shade(v, high int64) (fill string, dark bool) {
	k := v * 100 / high
	mix := func(c int64) int64 { return 246 - (246-c)*k/100 }
	return fmt.Sprintf("#%02x%02x%02x", mix(0x1d), mix(0x5b), mix(0x8f)), k > 55
}
