package thrift

import (
	"bytes"
	"testing"
)

// FuzzThrift: any footer is refused, or says the same when it is written and read again; Find sees what Read sees.
func FuzzThrift(f *testing.F) {
	for _, v := range []Value{
		{Kind: Struct},
		{Kind: Struct, Fields: []Field{{1, Number(I64, -3)}, {20, Value{Kind: Binary, Bytes: []byte("x")}}, {40, Value{Kind: boolTrue}}}},
		{Kind: Struct, Fields: []Field{{2, Value{Kind: List, Of: I64, List: []Value{Number(I64, 1)}}}, {3, Number(I64, 9)}}},
	} {
		f.Add(v.Append(nil))
	}
	f.Add(bytes.Repeat([]byte{0x1c}, 100))
	f.Add([]byte{0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		number, found := Find(data, 3)
		v, _, ok := Read(data)
		if !ok {
			return
		}
		if at := v.Field(3); found && (at == nil || at.Number != number) {
			t.Fatalf("%x: Find gives %d, Read %v", data, number, at)
		}
		written := v.Append(nil)
		again, _, ok := Read(written)
		if !ok || !bytes.Equal(again.Append(nil), written) {
			t.Fatalf("%x became %x, then %x: %v", data, written, again.Append(nil), ok)
		}
	})
}
