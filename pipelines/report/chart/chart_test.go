package chart

import (
	"encoding/xml"
	"strings"
	"testing"
)

func points(values ...int64) []Point {
	var list []Point
	for i, v := range values {
		list = append(list, Point{Label: string(rune('a' + i)), Value: v, Text: "v"})
	}
	return list
}

func scenes() map[string]*Scene {
	withTarget := points(10, -4, 7)
	withTarget[0].HasTarget, withTarget[0].Target = true, 12
	withTarget[1].Missing = true
	return map[string]*Scene{
		"bars":      Bars("Sales <by> channel", "d", 600, withTarget),
		"waterfall": Waterfall("t", "d", 600, 220, []Step{{Label: "前期", Value: 100, Total: true}, {Label: "Traffic in stores", Value: -30, Text: "-30"}, {Label: "x", Value: 0}, {Label: "now", Value: 70, Total: true}}, "cut"),
		"line":      Line("t", "d", 600, 200, []Series{{Name: "a", Points: withTarget}, {Name: "b", Points: points(1, 2, 3)}}),
		"sparkline": Sparkline("t", "d", 120, 28, withTarget),
		"heat":      HeatMap("t", "d", 600, []string{"0", "1", "2"}, []Series{{Name: "2026-Q1", Points: withTarget}}),
		"empty":     Bars("t", "d", 600, nil),
		"none":      Waterfall("t", "d", 600, 200, nil, ""),
		"flat":      Sparkline("t", "d", 100, 20, points(5, 5, 5)),
	}
}

func TestEveryChartIsWellFormedAndDescribed(t *testing.T) {
	for name, s := range scenes() {
		svg := s.SVG("c1")
		dec := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := dec.Token(); err != nil {
				if err.Error() != "EOF" {
					t.Errorf("%s: not well formed: %v\n%s", name, err, svg)
				}
				break
			}
		}
		for _, want := range []string{`role="img"`, `<title id="c1-t">`, `<desc id="c1-d">`} {
			if !strings.Contains(svg, want) {
				t.Errorf("%s lacks %s", name, want)
			}
		}
	}
}

func TestSameInputGivesSameBytes(t *testing.T) {
	again := scenes()
	for name, s := range scenes() {
		if s.SVG("c") != again[name].SVG("c") {
			t.Errorf("%s differs between two drawings", name)
		}
	}
}

func TestWaterfallStepsMeet(t *testing.T) {
	svg := Waterfall("t", "d", 300, 200, []Step{{Label: "a", Value: 1_000_000_000_000, Total: true}, {Label: "b", Value: -1_000_000_000_000}, {Label: "c", Value: 0, Total: true}}, "cut").SVG("w")
	if !strings.Contains(svg, `height="142"`) { // the whole plot: 164 - 22
		t.Errorf("the largest bar does not fill the plot: %s", svg)
	}
	if !strings.Contains(svg, `stroke-dasharray="3 2"`) {
		t.Error("a fall is told by colour alone")
	}
}

func TestMissingIsNotZero(t *testing.T) {
	svg := Bars("t", "d", 300, []Point{{Label: "a", Missing: true, Text: "n/a"}}).SVG("b")
	if strings.Contains(svg, "<rect") || !strings.Contains(svg, "n/a") {
		t.Errorf("a missing value is drawn as a bar: %s", svg)
	}
}

func TestLabelsAreEscapedAndWrapped(t *testing.T) {
	svg := scenes()["bars"].SVG("x")
	if strings.Contains(svg, "<by>") {
		t.Error("a title is not escaped")
	}
	for _, tc := range []struct {
		in    string
		width int
		want  string
	}{
		{"short", 100 * unit, "short"},
		{"units per receipt", 52 * unit, "units per|receipt"},
		{"线上每单件数变化影响", 40 * unit, "线上每单|件数变…"},
	} {
		if got := strings.Join(wrap(tc.in, 10, tc.width), "|"); got != tc.want {
			t.Errorf("wrap(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

func TestACutAxisSaysSo(t *testing.T) {
	steps := []Step{{Label: "a", Value: 1000, Total: true}, {Label: "b", Value: 10}, {Label: "c", Value: 1010, Total: true}}
	if svg := Waterfall("t", "d", 300, 200, steps, "axis cut").SVG("w"); !strings.Contains(svg, "axis cut") || strings.Count(svg, `stroke="#ffffff"`) != 2 {
		t.Errorf("a cut axis is silent: %s", svg)
	}
	steps[1].Value, steps[2].Value = 2000, 3000
	if svg := Waterfall("t", "d", 300, 200, steps, "axis cut").SVG("w"); strings.Contains(svg, "axis cut") {
		t.Error("an axis from zero is called cut")
	}
}
