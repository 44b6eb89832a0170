package ingest

import (
	"bytes"
	"encoding/binary"

	"github.com/klauspost/compress/zstd"

	"github.com/omoflow/omoflow/internal/thrift"
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
	template  thrift.Value // footer of a file with all columns
	constants map[string]constant
}

// schema takes over the template's columns; false when the file is not the template less its constants.
func (c *completer) schema(footer *thrift.Value) bool {
	all, own := c.template.Field(footerSchema), footer.Field(footerSchema)
	groups := c.template.Field(footerGroups)
	if all == nil || own == nil || groups == nil || len(all.List) == 0 || len(groups.List) != 1 || groups.List[0].Field(groupColumns) == nil {
		return false
	}
	var names []string
	for _, e := range all.List[1:] {
		name, repetition, kind := e.Field(schemaName), e.Field(schemaRepetition), e.Field(schemaType)
		if name == nil || repetition == nil || repetition.Number != optional || kind == nil {
			return false
		}
		one, ok := c.constants[string(name.Bytes)]
		switch {
		case !ok:
			names = append(names, string(name.Bytes))
		case !one.null && (one.text && kind.Number != typeBytes || !one.text && kind.Number != typeInt32):
			return false
		}
	}
	if len(own.List) != len(names)+1 {
		return false
	}
	for i, e := range own.List[1:] {
		if name := e.Field(schemaName); name == nil || string(name.Bytes) != names[i] {
			return false
		}
	}
	footer.Set(footerSchema, *all)
	if orders := c.template.Field(footerOrders); orders != nil {
		footer.Set(footerOrders, *orders)
	}
	return true
}

// group adds the constant columns to a row group.
func (c *completer) group(group *thrift.Value, at int64, pages *bytes.Buffer, z *zstd.Encoder) bool {
	rows := group.Field(groupRows).Number
	own := group.Field(groupColumns)
	if own == nil {
		return false
	}
	var columns []thrift.Value
	for _, model := range c.template.Field(footerGroups).List[0].Field(groupColumns).List {
		meta := model.Field(chunkMeta)
		if meta == nil || meta.Field(metaPath) == nil || len(meta.Field(metaPath).List) != 1 {
			return false
		}
		name := string(meta.Field(metaPath).List[0].Bytes)
		one, ok := c.constants[name]
		if !ok {
			if len(own.List) == 0 {
				return false
			}
			columns, own.List = append(columns, own.List[0]), own.List[1:]
			continue
		}
		chunk := model.Clone()
		loose, packed := one.chunk(&chunk, rows, at+int64(pages.Len()), pages, z)
		grow(group.Field(groupBytes), loose)
		grow(group.Field(groupPacked), packed)
		columns = append(columns, chunk)
	}
	if len(own.List) > 0 {
		return false
	}
	own.List = columns
	return true
}

// chunk writes the pages of one row group and describes them.
func (o constant) chunk(chunk *thrift.Value, rows, at int64, pages *bytes.Buffer, z *zstd.Encoder) (loose, packed int64) {
	meta := chunk.Field(chunkMeta)
	before := pages.Len()
	page := func(content []byte, header func(loose, packed int) []byte) {
		small := z.EncodeAll(content, nil)
		head := header(len(content), len(small))
		pages.Write(head)
		pages.Write(small)
		loose += int64(len(head) + len(content))
	}
	defined, encoding := byte(0), int64(encodingPlain)
	statistics := record(map[int16]thrift.Value{3: thrift.Number(thrift.I64, rows)})
	meta.Drop(metaIndexPage, metaDictionaryPage, metaEncodingStats, metaBloom, metaBloomLength, metaSizeStatistics)
	var indexes []byte
	if !o.null {
		content := o.value
		if o.text {
			content = append(binary.LittleEndian.AppendUint32(nil, uint32(len(o.value))), o.value...)
		}
		page(content, func(loose, packed int) []byte {
			data := record(map[int16]thrift.Value{1: thrift.Number(5, 1), 2: thrift.Number(5, encodingPlain)})
			return record(map[int16]thrift.Value{
				1: thrift.Number(5, dictionaries), 2: thrift.Number(5, int64(loose)), 3: thrift.Number(5, int64(packed)), 7: data,
			}).Append(nil)
		})
		meta.Set(metaDictionaryPage, thrift.Number(thrift.I64, at))
		at += int64(pages.Len() - before)
		bound := thrift.Value{Kind: thrift.Binary, Bytes: o.value}
		statistics = record(map[int16]thrift.Value{3: thrift.Number(thrift.I64, 0), 5: bound, 6: bound})
		defined, encoding = 1, encodingDictionary
		indexes = append(binary.AppendUvarint([]byte{1}, uint64(rows)<<1), 0) // one run of the first entry
	}
	levels := append(binary.AppendUvarint(nil, uint64(rows)<<1), defined)
	content := append(binary.LittleEndian.AppendUint32(nil, uint32(len(levels))), levels...)
	page(append(content, indexes...), func(loose, packed int) []byte { return pageHeader(rows, encoding, loose, packed) })
	encodings := []thrift.Value{thrift.Number(5, encodingRLE), thrift.Number(5, encodingPlain)}
	if !o.null {
		encodings = append(encodings, thrift.Number(5, encodingDictionary))
	}
	packed = int64(pages.Len() - before)
	meta.Set(metaEncodings, thrift.Value{Kind: thrift.List, Of: 5, List: encodings})
	meta.Set(metaCodec, thrift.Number(5, codecZSTD))
	meta.Set(metaValues, thrift.Number(thrift.I64, rows))
	meta.Set(metaLoose, thrift.Number(thrift.I64, loose))
	meta.Set(metaPacked, thrift.Number(thrift.I64, packed))
	meta.Set(metaDataPage, thrift.Number(thrift.I64, at))
	meta.Set(metaStatistics, statistics)
	chunk.Drop(chunkIndexes, chunkIndexes+1, chunkIndexes+2, chunkIndexes+3)
	if chunk.Field(chunkOffset) != nil {
		chunk.Set(chunkOffset, thrift.Number(thrift.I64, 0))
	}
	return loose, packed
}
