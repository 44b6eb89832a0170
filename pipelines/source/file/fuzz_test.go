package file

import (
	"path"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
)

// FuzzPatterns: a pattern is refused with a next step, or matches as it says: what it captures stands in the name in order, and
// names outside its folder are left alone.
func FuzzPatterns(f *testing.F) {
	for _, seed := range [][2]string{
		{"receipts-{store}-{date}.csv*", "receipts-S01-2026-01-05.csv.gz"}, {"**/{a}/x?.csv", "b/c/xy.csv"}, {"{", "{"}, {"{a}{a}", "xx"},
		{"*", "a/b"}, {"a[b", "a[b"}, {"", ""}, {"{a}{b}", "长\xff"}, {"\n*", "\nx"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		p, err := ParsePattern(text)
		if err != nil {
			if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		captures, ok := p.Match(name)
		if !ok {
			return
		}
		rest := name
		if !strings.Contains(text, "/") {
			rest = path.Base(name)
		}
		if len(captures) != len(p.Captures()) {
			t.Fatalf("%q on %q: %d captures of %d", text, name, len(captures), len(p.Captures()))
		}
		for _, capture := range p.Captures() {
			value := captures[capture]
			at := strings.Index(rest, value)
			if value == "" || strings.Contains(value, "/") || at < 0 {
				t.Fatalf("%q on %q: {%s} is %q", text, name, capture, value)
			}
			rest = rest[at+len(value):]
		}
		if !strings.ContainsAny(text, "*?{") && text != name && text != path.Base(name) {
			t.Fatalf("%q, which has no wildcard, matched %q", text, name)
		}
	})
}
