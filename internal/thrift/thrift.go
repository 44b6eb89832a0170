// Package thrift reads and writes values of Thrift's compact protocol, in which Parquet files describe themselves.
package thrift

import (
	"encoding/binary"
	"slices"
)

// Kinds of values; those between a byte and an I64 are smaller numbers.
const (
	boolTrue  = 1
	boolFalse = 2
	oneByte   = 3
	I64       = 6
	double    = 7
	Binary    = 8
	List      = 9
	set       = 10
	Struct    = 12
)

// Value is one value: a number, bytes, or a container.
type Value struct {
	Kind   byte
	Number int64
	Bytes  []byte
	Of     byte    // list: kind of the elements
	List   []Value // list: elements
	Fields []Field // struct
}

// Field is a field of a struct.
type Field struct {
	ID    int16
	Value Value
}

// Field finds a field of a struct, nil when it is absent.
func (v *Value) Field(id int16) *Value {
	for i := range v.Fields {
		if v.Fields[i].ID == id {
			return &v.Fields[i].Value
		}
	}
	return nil
}

// Set puts a field in its place.
func (v *Value) Set(id int16, value Value) {
	at := 0
	for at < len(v.Fields) && v.Fields[at].ID < id {
		at++
	}
	if at < len(v.Fields) && v.Fields[at].ID == id {
		v.Fields[at].Value = value
		return
	}
	v.Fields = append(v.Fields[:at:at], append([]Field{{id, value}}, v.Fields[at:]...)...)
}

// Drop removes fields.
func (v *Value) Drop(ids ...int16) {
	var kept []Field
	for _, f := range v.Fields {
		gone := false
		for _, id := range ids {
			gone = gone || f.ID == id
		}
		if !gone {
			kept = append(kept, f)
		}
	}
	v.Fields = kept
}

// Number is a number of a kind.
func Number(kind byte, n int64) Value { return Value{Kind: kind, Number: n} }

// reader decodes; the first mistake ends it.
type reader struct {
	b     []byte
	depth int
	dry   bool // what is read is not kept
	bad   bool
}

// maxDepth bounds how deep values nest, so that a damaged footer cannot exhaust the stack.
const maxDepth = 64

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) varint() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

// value reads one value; inList tells that booleans take a byte of their own.
func (r *reader) value(kind byte, inList bool) Value {
	v := Value{Kind: kind}
	r.depth++
	defer func() { r.depth-- }()
	switch {
	case r.depth > maxDepth:
		r.bad = true
	case kind == boolTrue || kind == boolFalse:
		if inList {
			v.Number = int64(r.byte())
		}
	case kind == oneByte:
		v.Number = int64(r.byte())
	case kind > oneByte && kind <= I64:
		v.Number = r.varint()
	case kind == double:
		v.Bytes = r.take(8)
	case kind == Binary:
		v.Bytes = r.take(r.uvarint())
	case kind == List || kind == set:
		head := r.byte()
		n := uint64(head >> 4)
		if n == 15 {
			n = r.uvarint()
		}
		v.Of = head & 15
		if n > uint64(len(r.b)) {
			r.bad = true
		}
		for ; n > 0 && !r.bad; n-- {
			if e := r.value(v.Of, true); !r.dry {
				v.List = append(v.List, e)
			}
		}
	case kind == Struct:
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
			if f := r.value(head&15, false); !r.dry {
				v.Fields = append(v.Fields, Field{last, f})
			}
		}
	default:
		r.bad = true
	}
	return v
}

// append encodes a value.
func (v Value) append(b []byte, inList bool) []byte {
	switch {
	case v.Kind == boolTrue || v.Kind == boolFalse:
		if inList {
			b = append(b, byte(v.Number))
		}
	case v.Kind == oneByte:
		b = append(b, byte(v.Number))
	case v.Kind > oneByte && v.Kind <= I64:
		b = binary.AppendVarint(b, v.Number)
	case v.Kind == double:
		b = append(b, v.Bytes...)
	case v.Kind == Binary:
		b = append(binary.AppendUvarint(b, uint64(len(v.Bytes))), v.Bytes...)
	case v.Kind == List || v.Kind == set:
		if n := len(v.List); n < 15 {
			b = append(b, byte(n)<<4|v.Of)
		} else {
			b = binary.AppendUvarint(append(b, 0xF0|v.Of), uint64(n))
		}
		for _, e := range v.List {
			b = e.append(b, true)
		}
	case v.Kind == Struct:
		last := int16(0)
		for _, f := range v.Fields {
			if delta := f.ID - last; delta > 0 && delta < 16 {
				b = append(b, byte(delta)<<4|f.Value.Kind)
			} else {
				b = binary.AppendVarint(append(b, f.Value.Kind), int64(f.ID))
			}
			last = f.ID
			b = f.Value.append(b, false)
		}
		b = append(b, 0)
	}
	return b
}

// Append encodes a struct.
func (v Value) Append(b []byte) []byte { return v.append(b, false) }

// Clone copies a value so that it can be changed.
func (v Value) Clone() Value {
	v.List, v.Fields = slices.Clone(v.List), slices.Clone(v.Fields)
	for i := range v.List {
		v.List[i] = v.List[i].Clone()
	}
	for i := range v.Fields {
		v.Fields[i].Value = v.Fields[i].Value.Clone()
	}
	return v
}

// Read decodes the struct that data begins with and gives what lies behind it; ok is false when there is none.
func Read(data []byte) (v Value, rest []byte, ok bool) {
	r := reader{b: data}
	v = r.value(Struct, false)
	return v, r.b, !r.bad
}

// Find gives the number that is a field of the struct that data begins with. Everything before it is stepped over and not kept;
// what lies behind it is not looked at.
func Find(data []byte, id int16) (number int64, ok bool) {
	r := reader{b: data, dry: true}
	for last := int16(0); !r.bad; {
		head := r.byte()
		if head == 0 {
			return 0, false
		}
		if delta := int16(head >> 4); delta > 0 {
			last += delta
		} else {
			last = int16(r.varint())
		}
		if v := r.value(head&15, false); last == id && v.Kind > oneByte && v.Kind <= I64 {
			return v.Number, !r.bad
		}
	}
	return 0, false
}
