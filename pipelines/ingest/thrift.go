package ingest

import (
	"encoding/binary"
	"errors"
)

// Kinds of values of Thrift's compact protocol, in which Parquet writes its footer.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftStruct = 12
)

// thriftValue is one value: a number, bytes, or a container.
type thriftValue struct {
	kind   byte
	number int64
	bytes  []byte
	of     byte          // list: kind of the elements
	list   []thriftValue // list: elements
	fields []thriftField // struct
}

type thriftField struct {
	id    int16
	value thriftValue
}

// field finds a field of a struct, nil when it is absent.
func (v *thriftValue) field(id int16) *thriftValue {
	for i := range v.fields {
		if v.fields[i].id == id {
			return &v.fields[i].value
		}
	}
	return nil
}

// set puts a field in its place.
func (v *thriftValue) set(id int16, value thriftValue) {
	at := 0
	for at < len(v.fields) && v.fields[at].id < id {
		at++
	}
	if at < len(v.fields) && v.fields[at].id == id {
		v.fields[at].value = value
		return
	}
	v.fields = append(v.fields[:at:at], append([]thriftField{{id, value}}, v.fields[at:]...)...)
}

// drop removes fields.
func (v *thriftValue) drop(ids ...int16) {
	var kept []thriftField
	for _, f := range v.fields {
		gone := false
		for _, id := range ids {
			gone = gone || f.id == id
		}
		if !gone {
			kept = append(kept, f)
		}
	}
	v.fields = kept
}

func thriftNumber(kind byte, n int64) thriftValue { return thriftValue{kind: kind, number: n} }

var errThrift = errors.New("the footer cannot be read")

// thriftReader decodes; the first mistake ends it.
type thriftReader struct {
	b     []byte
	depth int
	bad   bool
}

// maxThriftDepth bounds how deep values nest, so that a damaged footer cannot exhaust the stack.
const maxThriftDepth = 64

func (r *thriftReader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *thriftReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *thriftReader) varint() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *thriftReader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

// value reads one value; inList tells that booleans take a byte of their own.
func (r *thriftReader) value(kind byte, inList bool) thriftValue {
	v := thriftValue{kind: kind}
	r.depth++
	defer func() { r.depth-- }()
	switch {
	case r.depth > maxThriftDepth:
		r.bad = true
	case kind == thriftTrue || kind == thriftFalse:
		if inList {
			v.number = int64(r.byte())
		}
	case kind == thriftByte:
		v.number = int64(r.byte())
	case kind > thriftByte && kind <= thriftI64:
		v.number = r.varint()
	case kind == thriftDouble:
		v.bytes = r.take(8)
	case kind == thriftBinary:
		v.bytes = r.take(r.uvarint())
	case kind == thriftList || kind == thriftSet:
		head := r.byte()
		n := uint64(head >> 4)
		if n == 15 {
			n = r.uvarint()
		}
		v.of = head & 15
		if n > uint64(len(r.b)) {
			r.bad = true
		}
		for ; n > 0 && !r.bad; n-- {
			v.list = append(v.list, r.value(v.of, true))
		}
	case kind == thriftStruct:
		last := int16(0)
		for !r.bad {
			head := r.byte()
			if head == 0 {
				break
			}
			if delta := int16(head >> 4); delta > 0 {
				last += delta
			} else {
				last = int16(r.varint())
			}
			v.fields = append(v.fields, thriftField{last, r.value(head&15, false)})
		}
	default:
		r.bad = true
	}
	return v
}

// append encodes a value.
func (v thriftValue) append(b []byte, inList bool) []byte {
	switch {
	case v.kind == thriftTrue || v.kind == thriftFalse:
		if inList {
			b = append(b, byte(v.number))
		}
	case v.kind == thriftByte:
		b = append(b, byte(v.number))
	case v.kind > thriftByte && v.kind <= thriftI64:
		b = binary.AppendVarint(b, v.number)
	case v.kind == thriftDouble:
		b = append(b, v.bytes...)
	case v.kind == thriftBinary:
		b = append(binary.AppendUvarint(b, uint64(len(v.bytes))), v.bytes...)
	case v.kind == thriftList || v.kind == thriftSet:
		if n := len(v.list); n < 15 {
			b = append(b, byte(n)<<4|v.of)
		} else {
			b = binary.AppendUvarint(append(b, 0xF0|v.of), uint64(n))
		}
		for _, e := range v.list {
			b = e.append(b, true)
		}
	case v.kind == thriftStruct:
		last := int16(0)
		for _, f := range v.fields {
			if delta := f.id - last; delta > 0 && delta < 16 {
				b = append(b, byte(delta)<<4|f.value.kind)
			} else {
				b = binary.AppendVarint(append(b, f.value.kind), int64(f.id))
			}
			last = f.id
			b = f.value.append(b, false)
		}
		b = append(b, 0)
	}
	return b
}
