package source

import (
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
)

func TestValuesKeepToTheirRange(t *testing.T) {
	d := Declaration{Name: "shop", Fields: []Field{
		{Name: "page_size", Type: "number", Default: "50", Least: "1", Most: "100", Help: "rows per page"},
		{Name: "lag", Type: "duration", Default: "10s", Least: "1s", Help: "how late"},
		{Name: "width", Type: "duration", Most: "24h", Help: "how wide"},
		{Name: "rate", Type: "number", Help: "how fast"},
	}}
	for _, good := range []map[string]any{
		nil, {"page_size": 1}, {"page_size": 100}, {"page_size": "7"}, {"lag": "1s"}, {"lag": "1000ms"}, {"lag": "9000h"}, {"width": "1440m"}, {"width": "-1h"}, {"rate": -3}, {"rate": 0.5},
	} {
		if _, err := d.Parse("sources.x", good); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for name, c := range map[string]struct {
		key   string
		value any
		hint  string
	}{
		"below":               {"page_size", 0, "write 1 to 100 (rows per page)"},
		"negative":            {"page_size", -1, "write 1 to 100"},
		"above":               {"page_size", 101, "write 1 to 100"},
		"a little above":      {"page_size", "100.5", "write 1 to 100"},
		"no number":           {"page_size", "NaN", "write a number"},
		"no end":              {"rate", "Inf", "write a number"},
		"no number at all":    {"rate", "fast", "write a number"},
		"a duration below":    {"lag", "999ms", "write 1s or more (how late)"},
		"a duration negative": {"lag", "-10s", "write 1s or more"},
		"a duration above":    {"width", "24h0m1s", "write at most 24h (how wide)"},
		"no duration":         {"lag", "soon", "write a duration"},
		"a number without s":  {"lag", 10, "write a duration"},
	} {
		_, err := d.Parse("sources.x", map[string]any{c.key: c.value})
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "sources.x."+c.key) || !strings.HasPrefix(fault.HintOf(err), c.hint) {
			t.Errorf("%s: %v (%s)", name, err, fault.HintOf(err))
		}
	}
	for _, broken := range []Field{{Name: "n", Type: "number", Default: "5", Least: "one"}, {Name: "n", Type: "duration", Default: "5s", Most: "10"}} {
		if _, err := (Declaration{Fields: []Field{broken}}).Parse("sources.x", nil); err == nil {
			t.Errorf("a source whose bound cannot be read was opened: %+v", broken)
		}
	}
	page := Declaration{Name: "shop", About: "a shop", Fields: d.Fields}.Page()
	for _, want := range []string{"| `page_size` | number, 1 to 100 | 50 | rows per page |", "| `lag` | duration, 1s or more | 10s |", "| `width` | duration, at most 24h |", "| `rate` | number |  | how fast |"} {
		if !strings.Contains(page, want) {
			t.Errorf("the manual does not say %q:\n%s", want, page)
		}
	}
}

func TestStreamsAreThoseOfTheSource(t *testing.T) {
	d := Declaration{
		Fields:  []Field{{Name: "streams", Type: "list", Default: "orders, refunds", Help: "what to read"}, {Name: "location_id", Type: "text"}, {Name: "zone", Type: "zone"}},
		Streams: []Stream{{Name: "orders"}, {Name: "refunds"}, {Name: "stock"}},
	}
	for want, values := range map[string]map[string]any{
		"orders refunds": nil,
		"orders stock":   {"streams": []any{"stock", "orders"}},
		"":               {"streams": []any{}},
	} {
		s, err := d.Parse("sources.x", values)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range s.Feeds(func(name string) Feed { return Feed{Profile: []byte(name)} }) {
			if string(f.Profile) != f.Stream {
				t.Errorf("stream %s has the feed of %s", f.Stream, f.Profile)
			}
			got = append(got, f.Stream)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%v gives %v", values, got)
		}
	}
	_, err := d.Parse("sources.x", map[string]any{"streams": []any{"orders", "order"}})
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "sources.x.streams") || fault.HintOf(err) != "the streams are orders, refunds, stock" {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
	s, err := d.Parse("sources.x", nil)
	s.Name, s.Zone = "shop", "Asia/Shanghai"
	if err != nil || s.Location() != "shop" || s.LocalZone() != "Asia/Shanghai" {
		t.Errorf("%s in %s: %v", s.Location(), s.LocalZone(), err)
	}
	s, err = d.Parse("sources.x", map[string]any{"location_id": "S01", "zone": "UTC"})
	s.Name, s.Zone = "shop", "Asia/Shanghai"
	if err != nil || s.Location() != "S01" || s.LocalZone() != "UTC" {
		t.Errorf("%s in %s: %v", s.Location(), s.LocalZone(), err)
	}
}
