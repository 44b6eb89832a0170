package chart

import "slices"

// Point is one labelled value. Amounts are integers on a scale the caller picks; Text is how it is printed.
// Values beyond ±10^12 are outside the drawing's arithmetic and must be scaled down by the caller.
type Point struct {
	Label string
	Value int64
	Text  string
	// Missing says that there is no value; it is drawn as a gap, never as zero.
	Missing bool
	// Target is a mark to compare with; HasTarget is false when there is none.
	Target     int64
	TargetText string
	HasTarget  bool
}

// Step is one bar of a waterfall: a Total stands on the base line, any other adds to the running sum.
type Step struct {
	Label string
	Value int64
	Text  string
	Total bool
}

// scale maps values to a range of grid units; the range always includes zero.
type scale struct {
	low, high int64
	from, to  int // grid coordinates of low and high
}

func newScale(values []int64, from, to int) scale {
	s := scale{from: from, to: to}
	for _, v := range values {
		s.low, s.high = min(s.low, v), max(s.high, v)
	}
	if s.low == s.high {
		s.high = s.low + 1
	}
	return s
}

func (s scale) at(v int64) int {
	return s.from + int((v-s.low)*int64(s.to-s.from)/(s.high-s.low))
}

// Bars draws horizontal bars, one per point, with its text at the end and a tick at the target.
func Bars(title, desc string, width int, points []Point) *Scene {
	const rowHeight, labelShare = 24, 26
	s := &Scene{Width: width, Height: len(points)*rowHeight + 8, Title: title, Desc: desc}
	left := width * unit * labelShare / 100
	textRoom := 0
	values := make([]int64, 0, 2*len(points))
	for _, p := range points {
		textRoom = max(textRoom, textWidth(p.Text, 11))
		values = append(values, p.Value)
		if p.HasTarget {
			values = append(values, p.Target)
		}
	}
	sc := newScale(values, left, width*unit-textRoom-10*unit)
	zero := sc.at(0)
	s.line(zero, 0, zero, (s.Height-4)*unit, muted, "1", "")
	for i, p := range points {
		y := (4 + i*rowHeight) * unit
		s.text(left-8*unit, y+14*unit, "end", ink, 11, "", wrap(p.Label, 11, left-10*unit)[0])
		if p.Missing {
			s.text(zero+6*unit, y+14*unit, "start", muted, 11, "", p.Text)
			continue
		}
		end := sc.at(p.Value)
		fill := accent
		if p.Value < 0 {
			fill = worse
		}
		s.rect(zero, y+3*unit, end-zero, 13*unit, fill, p.Label+": "+p.Text)
		labelAt := max(end, zero)
		if p.HasTarget {
			mark := sc.at(p.Target)
			s.line(mark, y, mark, y+19*unit, ink, "2", "")
			labelAt = max(labelAt, mark)
		}
		s.text(labelAt+6*unit, y+14*unit, "start", ink, 11, "", p.Text)
	}
	return s
}

// Waterfall draws how a first total becomes a last one. Rises and falls differ by colour, by the sign in the
// text, and by a hatch line at the foot of falls. When all bars would stand far above zero, the axis is cut so
// that the steps can be seen: totals then carry a break, and cutNote is written below the title line.
func Waterfall(title, desc string, width, height int, steps []Step, cutNote string) *Scene {
	s := &Scene{Width: width, Height: height, Title: title, Desc: desc}
	if len(steps) == 0 {
		return s
	}
	sc, isCut := waterfallScale(steps, (height-36)*unit, 22*unit)
	if isCut {
		s.text(0, 10*unit, "start", muted, 10, "", cutNote)
	}
	slot := width * unit / len(steps)
	bar := slot * 62 / 100
	base := sc.at(max(0, sc.low))
	s.line(0, base, width*unit, base, muted, "1", "")
	var running int64
	for i, st := range steps {
		x := i*slot + (slot-bar)/2
		before := running
		fill := accent
		if st.Total {
			before, running = 0, st.Value
		} else {
			running += st.Value
			fill = better
			if st.Value < 0 {
				fill = worse
			}
		}
		y1, y2 := sc.at(max(before, sc.low)), sc.at(running)
		if y1-y2 < unit && y2-y1 < unit { // a hair stays visible
			y2 = y1 - unit
		}
		s.rect(x, y1, bar, y2-y1, fill, st.Label+": "+st.Text)
		if st.Total && isCut {
			s.line(x-3*unit, base-10*unit, x+bar+3*unit, base-16*unit, "#ffffff", "4", "")
		}
		if !st.Total && st.Value < 0 {
			s.line(x, max(y1, y2), x+bar, max(y1, y2), ink, "2", "3 2")
		}
		s.text(x+bar/2, min(y1, y2)-5*unit, "middle", ink, 10, weightOf(st.Total), st.Text)
		if i+1 < len(steps) {
			s.line(x+bar, sc.at(running), x+slot, sc.at(running), neutral, "1", "2 2")
		}
		for n, part := range wrap(st.Label, 10, slot-4*unit) {
			s.text(x+bar/2, (height-20+n*12)*unit, "middle", ink, 10, "", part)
		}
	}
	return s
}

// waterfallScale maps the running sums to the plot and cuts the axis when all of them stand far above zero.
func waterfallScale(steps []Step, bottom, top int) (sc scale, isCut bool) {
	values := make([]int64, 0, len(steps))
	var running int64
	for _, st := range steps {
		if st.Total {
			running = st.Value
		} else {
			running += st.Value
		}
		values = append(values, running)
	}
	low, high := slices.Min(values), slices.Max(values)
	if low > 0 && high > low && (high-low)*3 < high {
		sc = newScale(values, bottom, top+14*unit) // room for the note
		sc.low = max(0, low-(high-low)/2)
		return sc, true
	}
	return newScale(values, bottom, top), false
}

func weightOf(bold bool) string {
	if bold {
		return "600"
	}
	return ""
}
