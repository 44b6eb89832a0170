package thrift

import (
	"bytes"
	"strings"
	"testing"
)

// Values of every kind come back as they were written; what is cut short or of no kind is refused.
func TestValues(t *testing.T) {
	long := Value{Kind: List, Of: oneByte}
	for i := range 20 {
		long.List = append(long.List, Number(oneByte, int64(i)))
	}
	v := Value{Kind: Struct, Fields: []Field{
		{1, Value{Kind: boolTrue}}, {2, Value{Kind: boolFalse}}, {3, Number(oneByte, 7)}, {4, Value{Kind: double, Bytes: []byte("12345678")}},
		{5, Number(I64, -9)}, {6, Value{Kind: Binary, Bytes: []byte("text")}}, {7, long},
		{8, Value{Kind: set, Of: boolTrue, List: []Value{{Kind: boolTrue, Number: 1}, {Kind: boolTrue, Number: 2}}}}, {300, Number(I64, 1)},
	}}
	text := v.Append(nil)
	again, rest, ok := Read(text)
	if !ok || len(rest) > 0 || !bytes.Equal(again.Append(nil), text) || again.Field(7).List[19].Number != 19 || again.Field(300).Number != 1 {
		t.Errorf("%+v", again)
	}
	for id, want := range map[int16]int64{5: -9, 300: 1} {
		if got, ok := Find(text, id); !ok || got != want {
			t.Errorf("field %d is %d, %v", id, got, ok)
		}
	}
	for _, id := range []int16{6, 9} {
		if _, ok := Find(text, id); ok {
			t.Errorf("field %d is no number", id)
		}
	}
	for n := range text {
		if _, _, ok := Read(text[:n]); ok {
			t.Errorf("%d of %d bytes are taken for all", n, len(text))
		}
	}
	for name, data := range map[string]string{"no kind": "\x1f\x00", "deeper than any footer": strings.Repeat("\x1c", 100), "a list longer than the file": "\x19\xf3\xff\xff\x03"} {
		if _, _, ok := Read([]byte(data)); ok {
			t.Errorf("%s is read", name)
		}
	}
}
