package profile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
)

func TestShippedProfilesParse(t *testing.T) {
	for _, name := range ShippedNames() {
		if _, err := Shipped(name); err != nil {
			t.Errorf("%s: %v (%s)", name, err, fault.HintOf(err))
		}
	}
}

func TestMistakesNameThePlaceAndTheNearestName(t *testing.T) {
	base := "profile: x\ncolumns:\n  receipt: Receipt number\n  qty: Quantity\nstreams:\n  order:\n    columns:\n      order_id: receipt\n"
	for name, c := range map[string]struct{ yaml, want, hint string }{
		"unknown key":        {base + "delimeter: ','\n", "x.yaml:9:1", `"delimiter"`},
		"unknown stream":     {strings.Replace(base, "  order:", "  ordre:", 1), "x.yaml:6:3", `"order"`},
		"unknown canonical":  {base + "      orderedat: receipt\n", "x.yaml:9:7", `"ordered_at"`},
		"undeclared column":  {strings.Replace(base, "order_id: receipt", "order_id: reciept", 1), "x.yaml:8:17", `"receipt"`},
		"undeclared in expr": {base + "      gross_amount: = num(qtty)\n", "x.yaml:9", `"qty"`},
		"missing required":   {strings.Replace(base, "order_id: receipt", "status: receipt", 1), "x.yaml:6:3", "map it"},
		"bad zone":           {base + "dates: {zone: Asia/Shanghi}\n", "x.yaml:9", "IANA"},
		"bad order":          {base + "dates: {order: dym}\n", "x.yaml:9", "did you mean"},
		"bad pattern":        {base + "ignore: [{column: 1, matches: '('}]\n", "x.yaml:9", "RE2"},
	} {
		_, err := Parse("x.yaml", []byte(c.yaml))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if !strings.HasPrefix(err.Error(), c.want) || !strings.Contains(fault.HintOf(err), c.hint) {
			t.Errorf("%s: got %q hint %q, want %s ... hint %s", name, err, fault.HintOf(err), c.want, c.hint)
		}
	}
}

// The example of the manual is a profile that compiles.
func TestTheManualsExampleCompiles(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "sources", "profiles.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	p, err := Parse("profiles.md", []byte(example))
	if err != nil {
		t.Fatalf("%v (%s)", err, fault.HintOf(err))
	}
	if _, err := p.Compile(&Bind{}); err != nil {
		t.Error(err)
	}
}
