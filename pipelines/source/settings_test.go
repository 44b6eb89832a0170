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
