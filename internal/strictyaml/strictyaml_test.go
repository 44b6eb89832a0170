package strictyaml

import (
	"errors"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
)

type inner struct {
	Memory string `yaml:"memory"`
}

type outer struct {
	Lake   string           `yaml:"lake"`
	Engine map[string]inner `yaml:"engine"`
}

func TestDecodeNamesPlaceAndNearestKey(t *testing.T) {
	cases := []struct{ text, subject, code, hint string }{
		{"lake: x\nengine:\n  a:\n    memroy: 1GB\n", "f.yaml:4:5", "unknown_key", `did you mean "memory"?`},
		{"lake: x\nlake: y\n", "f.yaml:2:1", "invalid_yaml", "correct the line"},
		{"lake: [\n", "f.yaml:1:7", "invalid_yaml", "correct the line"},
		{"lake: {a: 1}\n", "f.yaml:1:7", "invalid_yaml", "correct the line"},
	}
	for _, c := range cases {
		var into outer
		err := Decode("f.yaml", 1, []byte(c.text), &into)
		var e *fault.Error
		if !errors.As(err, &e) {
			t.Fatalf("%q: got %v, want a fault", c.text, err)
		}
		if e.Kind != fault.Usage || e.Code != c.code || e.Subject != c.subject || e.Hint != c.hint {
			t.Errorf("%q: got %s %s hint %q (%v)", c.text, e.Code, e.Subject, e.Hint, e)
		}
	}
}

func TestDecodeCountsLinesFromFirstLine(t *testing.T) {
	var into outer
	var e *fault.Error
	if !errors.As(Decode("m.sql", 3, []byte("lak: x\n"), &into), &e) || e.Subject != "m.sql:3:1" {
		t.Errorf("got %v", e)
	}
}
