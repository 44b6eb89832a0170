// Package chart draws the few figures that reports need as self-contained, accessible SVG.
//
// A chart is first a Scene: rectangles, lines and texts on a grid of hundredths of a pixel. All geometry is
// integer arithmetic, so that the same figures give the same bytes on every machine. Every scene carries a
// title and a description for readers who cannot see it, and no chart tells anything by colour alone.
package chart

import (
	"fmt"
	"html"
	"strings"
)

// unit is the number of grid steps in a pixel.
const unit = 100

// The colours, chosen to hold a contrast of at least 3:1 on white and to differ in grey.
const (
	ink     = "#1f2a37"
	muted   = "#5b6673"
	grid    = "#dfe4ea"
	accent  = "#1d5b8f"
	better  = "#1b7f5c"
	worse   = "#b4442f"
	neutral = "#8c97a4"
)

// Scene is a drawing of fixed size with a title and a description for assistive readers.
type Scene struct {
	Width, Height int // pixels
	Title, Desc   string
	items         []string
}

// px writes a grid coordinate as pixels without trailing zeros.
func px(v int) string {
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	whole, rest := v/unit, v%unit
	if rest == 0 {
		return fmt.Sprintf("%s%d", sign, whole)
	}
	return sign + strings.TrimRight(fmt.Sprintf("%d.%02d", whole, rest), "0")
}

// rect draws a filled rectangle; title is what a pointer or a screen reader tells of it.
func (s *Scene) rect(x, y, w, h int, fill, title string) {
	if w < 0 {
		x, w = x+w, -w
	}
	if h < 0 {
		y, h = y+h, -h
	}
	s.items = append(s.items, fmt.Sprintf(`<rect x="%s" y="%s" width="%s" height="%s" fill="%s">%s</rect>`,
		px(x), px(y), px(w), px(h), fill, titleOf(title)))
}

// line draws a straight stroke; dash is an SVG dash array or empty.
func (s *Scene) line(x1, y1, x2, y2 int, stroke, width, dash string) {
	if dash != "" {
		dash = ` stroke-dasharray="` + dash + `"`
	}
	s.items = append(s.items, fmt.Sprintf(`<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-width="%s"%s/>`,
		px(x1), px(y1), px(x2), px(y2), stroke, width, dash))
}

// polyline draws connected strokes through the points, given as x, y pairs.
func (s *Scene) polyline(points []int, stroke, width string) {
	parts := make([]string, 0, len(points)/2)
	for i := 0; i+1 < len(points); i += 2 {
		parts = append(parts, px(points[i])+","+px(points[i+1]))
	}
	s.items = append(s.items, fmt.Sprintf(`<polyline points="%s" fill="none" stroke="%s" stroke-width="%s" stroke-linejoin="round"/>`,
		strings.Join(parts, " "), stroke, width))
}

// dot draws a small disc.
func (s *Scene) dot(x, y, r int, fill, title string) {
	s.items = append(s.items, fmt.Sprintf(`<circle cx="%s" cy="%s" r="%s" fill="%s">%s</circle>`, px(x), px(y), px(r), fill, titleOf(title)))
}

// text writes one line; anchor is start, middle or end.
func (s *Scene) text(x, y int, anchor, fill string, size int, weight, content string) {
	if weight != "" {
		weight = ` font-weight="` + weight + `"`
	}
	s.items = append(s.items, fmt.Sprintf(`<text x="%s" y="%s" text-anchor="%s" fill="%s" font-size="%d"%s>%s</text>`,
		px(x), px(y), anchor, fill, size, weight, html.EscapeString(content)))
}

func titleOf(s string) string {
	if s == "" {
		return ""
	}
	return "<title>" + html.EscapeString(s) + "</title>"
}

// SVG gives the drawing as one element that needs nothing from outside. id makes its labels unique in a page.
func (s *Scene) SVG(id string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="%s-t %s-d">`,
		s.Width, s.Height, s.Width, s.Height, id, id)
	fmt.Fprintf(&b, `<title id="%s-t">%s</title><desc id="%s-d">%s</desc>`, id, html.EscapeString(s.Title), id, html.EscapeString(s.Desc))
	for _, item := range s.items {
		b.WriteString(item)
	}
	b.WriteString("</svg>")
	return b.String()
}

// textWidth estimates the width of a text in grid units: ideographs take an em, others a bit over half of it.
func textWidth(content string, size int) int {
	w := 0
	for _, r := range content {
		if r >= 0x2e80 {
			w += size * unit
		} else {
			w += size * 56
		}
	}
	return w
}

// wrap breaks a label into at most two lines that fit the width, cutting the second with an ellipsis.
func wrap(content string, size, width int) []string {
	if textWidth(content, size) <= width {
		return []string{content}
	}
	first, rest := cut(content, size, width)
	if rest == "" {
		return []string{first}
	}
	if textWidth(rest, size) <= width {
		return []string{first, rest}
	}
	second, _ := fit(rest, size, width-size*unit)
	return []string{first, strings.TrimSpace(second) + "…"}
}

// cut splits at the last space that fits, or between two characters when there is none.
func cut(content string, size, width int) (head, tail string) {
	head, tail = fit(content, size, width)
	if i := strings.LastIndexByte(head, ' '); i > 0 && tail != "" && tail[0] != ' ' {
		head, tail = content[:i], content[i:]
	}
	return strings.TrimSpace(head), strings.TrimSpace(tail)
}

func fit(content string, size, width int) (head, tail string) {
	for i := range content {
		if i > 0 && textWidth(content[:i], size) > width {
			_, last := lastRune(content[:i])
			return content[:last], content[last:]
		}
	}
	if textWidth(content, size) > width && content != "" {
		_, last := lastRune(content)
		return content[:last], content[last:]
	}
	return content, ""
}

func lastRune(s string) (r rune, at int) {
	for i, c := range s {
		r, at = c, i
	}
	return r, at
}
