package ingest

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// More of Parquet's definitions; see number.go.
const (
	footerSchema, footerOrders                   = 2, 7
	schemaType, schemaRepetition, schemaName     = 1, 3, 4
	encodingPlain, encodingDictionary            = 0, 8
	typeInt32, typeBytes, optional, dictionaries = 1, 6, 1, 2
)

// constant is a column with the same value in every row.
type constant struct {
	null  bool
	value []byte // as Parquet writes it plainly, without the length of a text
	text  bool
}

// completer adds the columns that have one value to a file that the engine wrote without them: writing them row by
// row costs it as much as the others.
type completer struct {
	template  thriftValue // footer of a file with all columns
	constants map[string]constant
}

// schema takes over the template's columns; false when the file is not the template less its constants.
func (c *completer) schema(footer *thriftValue) bool {
	all, own := c.template.field(footerSchema), footer.field(footerSchema)
	groups := c.template.field(footerGroups)
	if all == nil || own == nil || groups == nil || len(all.list) == 0 || len(groups.list) != 1 || groups.list[0].field(groupColumns) == nil {
		return false
	}
	var names []string
	for _, e := range all.list[1:] {
		name, repetition, kind := e.field(schemaName), e.field(schemaRepetition), e.field(schemaType)
		if name == nil || repetition == nil || repetition.number != optional || kind == nil {
			return false
		}
		one, ok := c.constants[string(name.bytes)]
		switch {
		case !ok:
			names = append(names, string(name.bytes))
		case !one.null && (one.text && kind.number != typeBytes || !one.text && kind.number != typeInt32):
			return false
		}
	}
	if len(own.list) != len(names)+1 {
		return false
	}
	for i, e := range own.list[1:] {
		if name := e.field(schemaName); name == nil || string(name.bytes) != names[i] {
			return false
		}
	}
	footer.set(footerSchema, *all)
	if orders := c.template.field(footerOrders); orders != nil {
		footer.set(footerOrders, *orders)
	}
	return true
}

// group adds the constant columns to a row group.
func (c *completer) group(group *thriftValue, at int64, pages *bytes.Buffer, z *zstd.Encoder) bool {
	rows := group.field(groupRows).number
	own := group.field(groupColumns)
	if own == nil {
		return false
	}
	var columns []thriftValue
	for _, model := range c.template.field(footerGroups).list[0].field(groupColumns).list {
		meta := model.field(chunkMeta)
		if meta == nil || meta.field(metaPath) == nil || len(meta.field(metaPath).list) != 1 {
			return false
		}
		name := string(meta.field(metaPath).list[0].bytes)
		one, ok := c.constants[name]
		if !ok {
			if len(own.list) == 0 {
				return false
			}
			columns, own.list = append(columns, own.list[0]), own.list[1:]
			continue
		}
		chunk := model.clone()
		loose, packed := one.chunk(&chunk, rows, at+int64(pages.Len()), pages, z)
		grow(group.field(groupBytes), loose)
		grow(group.field(groupPacked), packed)
		columns = append(columns, chunk)
	}
	if len(own.list) > 0 {
		return false
	}
	own.list = columns
	return true
}

// clone copies a value so that it can be changed.
func (v thriftValue) clone() thriftValue {
	v.list, v.fields = slices.Clone(v.list), slices.Clone(v.fields)
	for i := range v.list {
		v.list[i] = v.list[i].clone()
	}
	for i := range v.fields {
		v.fields[i].value = v.fields[i].value.clone()
	}
	return v
}

// chunk writes the pages of one row group and describes them.
func (o constant) chunk(chunk *thriftValue, rows, at int64, pages *bytes.Buffer, z *zstd.Encoder) (loose, packed int64) {
	meta := chunk.field(chunkMeta)
	before := pages.Len()
	page := func(content []byte, header func(loose, packed int) []byte) {
		small := z.EncodeAll(content, nil)
		head := header(len(content), len(small))
		pages.Write(head)
		pages.Write(small)
		loose += int64(len(head) + len(content))
	}
	defined, encoding := byte(0), int64(encodingPlain)
	statistics := thriftValue{kind: thriftStruct, fields: []thriftField{{3, thriftNumber(thriftI64, rows)}}}
	meta.drop(metaIndexPage, metaDictionaryPage, metaEncodingStats, metaBloom, metaBloomLength, metaSizeStatistics)
	var indexes []byte
	if !o.null {
		content := o.value
		if o.text {
			content = append(binary.LittleEndian.AppendUint32(nil, uint32(len(o.value))), o.value...)
		}
		page(content, func(loose, packed int) []byte {
			data := thriftValue{kind: thriftStruct, fields: []thriftField{{1, thriftNumber(5, 1)}, {2, thriftNumber(5, encodingPlain)}}}
			return thriftValue{kind: thriftStruct, fields: []thriftField{
				{1, thriftNumber(5, dictionaries)}, {2, thriftNumber(5, int64(loose))}, {3, thriftNumber(5, int64(packed))}, {7, data},
			}}.append(nil, false)
		})
		meta.set(metaDictionaryPage, thriftNumber(thriftI64, at))
		at += int64(pages.Len() - before)
		bound := thriftValue{kind: thriftBinary, bytes: o.value}
		statistics.fields = []thriftField{{3, thriftNumber(thriftI64, 0)}, {5, bound}, {6, bound}}
		defined, encoding = 1, encodingDictionary
		indexes = append(binary.AppendUvarint([]byte{1}, uint64(rows)<<1), 0) // one run of the first entry
	}
	levels := append(binary.AppendUvarint(nil, uint64(rows)<<1), defined)
	content := append(binary.LittleEndian.AppendUint32(nil, uint32(len(levels))), levels...)
	page(append(content, indexes...), func(loose, packed int) []byte { return pageHeader(rows, encoding, loose, packed) })
	encodings := []thriftValue{thriftNumber(5, encodingRLE), thriftNumber(5, encodingPlain)}
	if !o.null {
		encodings = append(encodings, thriftNumber(5, encodingDictionary))
	}
	packed = int64(pages.Len() - before)
	meta.set(metaEncodings, thriftValue{kind: thriftList, of: 5, list: encodings})
	meta.set(metaCodec, thriftNumber(5, codecZSTD))
	meta.set(metaValues, thriftNumber(thriftI64, rows))
	meta.set(metaLoose, thriftNumber(thriftI64, loose))
	meta.set(metaPacked, thriftNumber(thriftI64, packed))
	meta.set(metaDataPage, thriftNumber(thriftI64, at))
	meta.set(metaStatistics, statistics)
	chunk.drop(chunkIndexes, chunkIndexes+1, chunkIndexes+2, chunkIndexes+3)
	if chunk.field(chunkOffset) != nil {
		chunk.set(chunkOffset, thriftNumber(thriftI64, 0))
	}
	return loose, packed
}
