package ingest

import (
	"bytes"
	"testing"
)

// FuzzThrift: any footer is refused, or says the same when it is written and read again.
func FuzzThrift(f *testing.F) {
	for _, v := range []thriftValue{
		{kind: thriftStruct}, {kind: thriftStruct, fields: []thriftField{{1, thriftNumber(thriftI64, -3)}, {20, thriftValue{kind: thriftBinary, bytes: []byte("x")}}, {40, thriftValue{kind: thriftTrue}}}},
		{kind: thriftStruct, fields: []thriftField{{2, thriftValue{kind: thriftList, of: thriftI64, list: []thriftValue{thriftNumber(thriftI64, 1)}}}}},
	} {
		f.Add(v.append(nil, false))
	}
	f.Add(bytes.Repeat([]byte{0x1c}, 100))
	f.Add([]byte{0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		first := thriftReader{b: data}
		v := first.value(thriftStruct, false)
		if first.bad {
			return
		}
		written := v.append(nil, false)
		second := thriftReader{b: written}
		again := second.value(thriftStruct, false)
		if second.bad || !bytes.Equal(again.append(nil, false), written) {
			t.Fatalf("%x became %x, then %x: %v", data, written, again.append(nil, false), second.bad)
		}
	})
}
