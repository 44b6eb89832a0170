package inspect

import (
	"encoding/binary"
	"errors"
)

var errFooter = errors.New("its footer is not readable")

// footerRows reads the row count out of a Parquet footer, of which end holds at least the last bytes. known is false when
// the footer is longer than that. Only the count is wanted, so that everything before it is stepped over.
func footerRows(end []byte) (rows int64, known bool, err error) {
	if len(end) < 12 || string(end[len(end)-4:]) != "PAR1" {
		return 0, false, errFooter
	}
	size := int64(binary.LittleEndian.Uint32(end[len(end)-8:]))
	if size > int64(len(end)-8) {
		if len(end) < tailBytes {
			return 0, false, errFooter
		}
		return 0, false, nil
	}
	c := compact{rest: end[int64(len(end))-8-size : len(end)-8]}
	const rowsField = 3 // FileMetaData.num_rows, an i64
	id := int64(0)
	for {
		kind := c.field(&id)
		switch {
		case c.bad || kind == 0:
			return 0, false, errFooter
		case id == rowsField && kind == 6:
			rows = c.zigzag()
			if c.bad {
				return 0, false, errFooter
			}
			return rows, true, nil
		}
		c.skip(kind, 0)
	}
}

// compact steps through values of Thrift's compact protocol.
type compact struct {
	rest []byte
	bad  bool
}

func (c *compact) byte() byte {
	if len(c.rest) == 0 {
		c.bad = true
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b
}

func (c *compact) uvarint() uint64 {
	n, used := binary.Uvarint(c.rest)
	if used <= 0 {
		c.bad = true
		return 0
	}
	c.rest = c.rest[used:]
	return n
}

func (c *compact) zigzag() int64 {
	n := c.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (c *compact) take(n uint64) {
	if n > uint64(len(c.rest)) {
		c.bad = true
		return
	}
	c.rest = c.rest[n:]
}

// field reads a field's head and gives its kind, 0 at the end of the struct.
func (c *compact) field(id *int64) byte {
	head := c.byte()
	if head == 0 {
		return 0
	}
	if step := head >> 4; step > 0 {
		*id += int64(step)
	} else {
		*id = c.zigzag()
	}
	return head & 15
}

// maxNesting bounds how deep values lie in each other; Parquet's metadata needs fewer.
const maxNesting = 32

// skip steps over a value of a kind.
func (c *compact) skip(kind byte, depth int) {
	switch {
	case c.bad || depth > maxNesting:
		c.bad = true
	case kind == 1 || kind == 2: // a bool field, whose value is its kind
	case kind == 3:
		c.byte()
	case kind >= 4 && kind <= 6:
		c.uvarint()
	case kind == 7:
		c.take(8)
	case kind == 8:
		c.take(c.uvarint())
	case kind == 9 || kind == 10:
		c.skipList(depth)
	case kind == 12:
		for id := int64(0); !c.bad; {
			inner := c.field(&id)
			if inner == 0 {
				return
			}
			c.skip(inner, depth+1)
		}
	default: // maps do not occur
		c.bad = true
	}
}

func (c *compact) skipList(depth int) {
	head := c.byte()
	n := uint64(head >> 4)
	if n == 15 {
		n = c.uvarint()
	}
	for ; n > 0 && !c.bad; n-- {
		if of := head & 15; of <= 2 {
			c.byte() // a bool in a list takes a byte
		} else {
			c.skip(of, depth+1)
		}
	}
}
