package jsonscan

import (
	"bytes"
	"encoding/json"
	"testing"
)

var seeds = []string{
	``, ` `, `null`, `[]`, `[1, 2]`, `{"a":1}`, `{"b":{"z":[],"a":"x\u00e9\n<&>"},"a":-0.5e+3,"b":2}`, `[{"id":1,"x":"\ud83d\ude00 \ud800"},{}]`, `{"a" : [ true , false,null ] }`,
	`[1,]`, `{"a":}`, `{"a"}`, `{a:1}`, `"\x"`, `"\u12G4"`, "\"\x01\"", `01`, `1.`, `-`, `1e`, `[[[[`, `]`, `{"a":1}}`, `tru`, "\"\xff\"", `["\u2028",""]`, `{"":{"":1}}`,
}

// same compares what the package says of a text with encoding/json.
func same(t *testing.T, text []byte) {
	start, end, err := Value(text, 0)
	valid := err == nil && start < len(text) && space(text, end) == len(text)
	if want := json.Valid(text); valid != want {
		t.Fatalf("%q: valid %t, encoding/json says %t (%v)", text, valid, want, err)
	}
	if !valid {
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(decoded)
	if err != nil {
		t.Fatal(err)
	}
	if got := AppendSorted(nil, text[start:end]); !bytes.Equal(got, want) {
		t.Fatalf("%q: %s, encoding/json gives %s", text, got, want)
	}
	list, isList := decoded.([]any)
	n := 0
	err = Elements(text, func([]byte) error { n++; return nil })
	if isList != (err == nil) || isList && n != len(list) {
		t.Fatalf("%q: %d elements, %v", text, n, err)
	}
	object, isObject := decoded.(map[string]any)
	names := map[string]bool{}
	if got := Fields(text[start:end], func(name, value []byte) bool {
		names[string(name)] = true
		if text, ok := object[string(name)].(string); ok && value[0] == '"' && string(Text(value)) != text && bytes.Count(value, []byte(name)) == 0 {
			t.Fatalf("%q is %q, not %q", value, Text(value), text)
		}
		return true
	}); got != isObject || len(names) != len(object) {
		t.Fatalf("%q: object %t, names %v", text, got, names)
	}
}

// TestSaysWhatEncodingJSONSays compares both readers on chosen texts.
func TestSaysWhatEncodingJSONSays(t *testing.T) {
	for _, text := range seeds {
		same(t, []byte(text))
	}
	deep := bytes.Repeat([]byte("["), maxDepth+1)
	if _, _, err := Value(append(deep, bytes.Repeat([]byte("]"), maxDepth+1)...), 0); err == nil {
		t.Error("a value nested without end is taken")
	}
}

// FuzzSaysWhatEncodingJSONSays compares both readers on any text.
func FuzzSaysWhatEncodingJSONSays(f *testing.F) {
	for _, text := range seeds {
		f.Add([]byte(text))
	}
	f.Fuzz(same)
}
