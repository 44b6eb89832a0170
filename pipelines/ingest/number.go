package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/omoflow/omoflow/internal/thrift"
)

// Fields of Parquet's footer, by the format's definition.
const (
	footerRows, footerGroups                          = 3, 4
	groupColumns, groupBytes, groupRows, groupPacked  = 1, 2, 3, 6
	chunkOffset, chunkMeta, chunkIndexes              = 2, 3, 4 // indexes: fields 4 to 7
	metaType, metaEncodings, metaPath, metaCodec      = 1, 2, 3, 4
	metaValues, metaLoose, metaPacked                 = 5, 6, 7
	metaDataPage, metaIndexPage, metaDictionaryPage   = 9, 10, 11
	metaStatistics, metaEncodingStats, metaBloom      = 12, 13, 14
	metaBloomLength, metaSizeStatistics               = 15, 16
	typeInt64, codecZSTD, encodingRLE, encodingDeltas = 2, 6, 3, 5
)

var errThrift = errors.New("the footer cannot be read")

// written is a finished file.
type written struct{ rows, bytes int64 }

// numberRows replaces an optional BIGINT column of a Parquet file by the number of each row, from 1: for every row
// group it appends one page and a new footer that names it. The engine numbers rows on one core only. Columns with one
// value are added on the way.
func numberRows(path, column string, c *completer) (done written, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	footer, end, err := readFooter(file)
	if err != nil {
		return done, fmt.Errorf("number rows of %s: %w", path, err)
	}
	if !c.schema(&footer) {
		return done, errThrift
	}
	var pages bytes.Buffer
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return done, err
	}
	defer z.Close() //nolint:errcheck // nothing is buffered
	for i := range footer.Field(footerGroups).List {
		group := &footer.Field(footerGroups).List[i]
		rows := group.Field(groupRows)
		if rows == nil || rows.Number <= 0 {
			return done, errThrift
		}
		if err := numberGroup(group, column, done.rows+1, rows.Number, end+int64(pages.Len()), &pages, z); err != nil {
			return done, fmt.Errorf("number rows of %s: %w", path, err)
		}
		if !c.group(group, end, &pages, z) {
			return done, errThrift
		}
		done.rows += rows.Number
	}
	if total := footer.Field(footerRows); total == nil || total.Number != done.rows {
		return done, errThrift
	}
	text := footer.Append(nil)
	pages.Write(text)
	pages.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(text))))
	pages.WriteString("PAR1")
	if _, err := file.WriteAt(pages.Bytes(), end); err != nil {
		return done, err
	}
	done.bytes = end + int64(pages.Len())
	if err := file.Truncate(done.bytes); err != nil {
		return done, err
	}
	return done, nil
}

// readFooter gives the footer and the place where it begins.
func readFooter(file *os.File) (footer thrift.Value, at int64, err error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return footer, 0, err
	}
	tail := make([]byte, 8)
	if size < 12 {
		return footer, 0, errThrift
	}
	if _, err := file.ReadAt(tail, size-8); err != nil {
		return footer, 0, err
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	at = size - 8 - n
	if string(tail[4:]) != "PAR1" || at < 4 {
		return footer, 0, errThrift
	}
	text := make([]byte, n)
	if _, err := file.ReadAt(text, at); err != nil {
		return footer, 0, err
	}
	footer, rest, ok := thrift.Read(text)
	if !ok || len(rest) > 0 || footer.Field(footerGroups) == nil {
		return footer, 0, errThrift
	}
	return footer, at, nil
}

// numberGroup writes the page of one row group and points the group at it.
func numberGroup(group *thrift.Value, column string, first, rows, at int64, pages *bytes.Buffer, z *zstd.Encoder) error {
	chunk := chunkOf(group, column)
	if chunk == nil {
		return errThrift
	}
	meta := chunk.Field(chunkMeta)
	loose := numbersFrom(first, rows)
	packed := z.EncodeAll(loose, nil)
	head := pageHeader(rows, encodingDeltas, len(loose), len(packed))
	before := pages.Len()
	pages.Write(head)
	pages.Write(packed)
	size := int64(pages.Len() - before)
	looseSize := int64(len(head) + len(loose))
	grow(group.Field(groupBytes), looseSize-meta.Field(metaLoose).Number)
	grow(group.Field(groupPacked), size-meta.Field(metaPacked).Number)
	meta.Set(metaEncodings, thrift.Value{Kind: thrift.List, Of: 5, List: []thrift.Value{thrift.Number(5, encodingRLE), thrift.Number(5, encodingDeltas)}})
	meta.Set(metaCodec, thrift.Number(5, codecZSTD))
	meta.Set(metaLoose, thrift.Number(thrift.I64, looseSize))
	meta.Set(metaPacked, thrift.Number(thrift.I64, size))
	meta.Set(metaDataPage, thrift.Number(thrift.I64, at))
	meta.Set(metaStatistics, bounds(first, first+rows-1))
	// What described the old pages must not be taken for the new one; a stale Bloom filter would hide rows.
	meta.Drop(metaIndexPage, metaDictionaryPage, metaEncodingStats, metaBloom, metaBloomLength, metaSizeStatistics)
	chunk.Drop(chunkIndexes, chunkIndexes+1, chunkIndexes+2, chunkIndexes+3)
	return nil
}

func grow(v *thrift.Value, n int64) {
	if v != nil {
		v.Number += n
	}
}

// chunkOf finds a column of a row group; nil when it is not a top-level BIGINT as expected.
func chunkOf(group *thrift.Value, column string) *thrift.Value {
	columns := group.Field(groupColumns)
	if columns == nil {
		return nil
	}
	for i := range columns.List {
		meta := columns.List[i].Field(chunkMeta)
		if meta == nil {
			return nil
		}
		path := meta.Field(metaPath)
		if path == nil || len(path.List) != 1 || string(path.List[0].Bytes) != column {
			continue
		}
		for id, want := range map[int16]int64{metaType: typeInt64, metaValues: group.Field(groupRows).Number} {
			if v := meta.Field(id); v == nil || v.Number != want {
				return nil
			}
		}
		if meta.Field(metaLoose) == nil || meta.Field(metaPacked) == nil {
			return nil
		}
		return &columns.List[i]
	}
	return nil
}

// record is a struct of some fields.
func record(fields map[int16]thrift.Value) thrift.Value {
	v := thrift.Value{Kind: thrift.Struct}
	for id, one := range fields {
		v.Set(id, one) // in the order of the ids
	}
	return v
}

// bounds writes the statistics of a page of numbers without nulls.
func bounds(low, high int64) thrift.Value {
	plain := func(n int64) thrift.Value {
		return thrift.Value{Kind: thrift.Binary, Bytes: binary.LittleEndian.AppendUint64(nil, uint64(n))}
	}
	return record(map[int16]thrift.Value{
		1: plain(high), 2: plain(low), 3: thrift.Number(thrift.I64, 0), 5: plain(high), 6: plain(low),
	})
}

// pageHeader writes the header of a data page of version 1.
func pageHeader(rows, encoding int64, loose, packed int) []byte {
	data := record(map[int16]thrift.Value{
		1: thrift.Number(5, rows), 2: thrift.Number(5, encoding), 3: thrift.Number(5, encodingRLE), 4: thrift.Number(5, encodingRLE),
	})
	return record(map[int16]thrift.Value{
		1: thrift.Number(5, 0), 2: thrift.Number(5, int64(loose)), 3: thrift.Number(5, int64(packed)), 5: data,
	}).Append(nil)
}

// numbersFrom writes a page: all values present, then first, first+1, ... as deltas in blocks of 128.
func numbersFrom(first, rows int64) []byte {
	levels := append(binary.AppendUvarint(nil, uint64(rows)<<1), 1)
	b := append(binary.LittleEndian.AppendUint32(nil, uint32(len(levels))), levels...)
	b = binary.AppendUvarint(binary.AppendUvarint(b, 128), 4)
	b = binary.AppendVarint(binary.AppendUvarint(b, uint64(rows)), first)
	for left := rows - 1; left > 0; left -= 128 {
		b = append(binary.AppendVarint(b, 1), 0, 0, 0, 0) // every delta is 1: nothing is left to say of it
	}
	return b
}
