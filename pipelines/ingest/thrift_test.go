package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/warehouse"
)

// twoColumns writes a file as stageStreamDirect does, with and without the column that has one value.
func twoColumns(t *testing.T) (db *warehouse.DB, own, model []byte) {
	t.Helper()
	dir := t.TempDir()
	db, err := warehouse.Open(t.Context(), warehouse.Options{MemoryLimit: "256MiB", Threads: 1, TempDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	read := func(query string) []byte {
		path := filepath.Join(dir, "x.parquet")
		if err := db.Exec(t.Context(), "COPY ("+query+") TO "+warehouse.Literal(path)+" (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE 2048)"); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	own = read("SELECT CAST(0 AS BIGINT) AS source_row, 'x' || i AS sku FROM range(3000) AS t(i)")
	model = read("SELECT CAST(0 AS BIGINT) AS source_row, 'CNY' AS currency, 'x' AS sku LIMIT 1")
	return db, own, model
}

func footerOf(t *testing.T, data []byte) (footer thriftValue, at int) {
	t.Helper()
	n := int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	at = len(data) - 8 - n
	r := thriftReader{b: data[at : at+n]}
	footer = r.value(thriftStruct, false)
	if r.bad {
		t.Fatal("the engine's own footer cannot be read")
	}
	return footer, at
}

func withFooter(data []byte, at int, footer thriftValue) []byte {
	text := footer.append(nil, false)
	out := append(slices.Clone(data[:at]), text...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(text))), "PAR1"...)
}

// spoiled gives every footer that lacks one thing, or says one thing otherwise, wherever it stands.
func spoiled(v thriftValue, path string, emit func(what string, v thriftValue)) {
	for i, f := range v.fields {
		here := fmt.Sprintf("%s.%d", path, f.id)
		without := v.clone()
		without.drop(f.id)
		emit("without "+here, without)
		other := v.clone()
		switch o := &other.fields[i].value; {
		case o.kind == thriftBinary:
			o.bytes = append(slices.Clone(o.bytes), 'x')
			emit("a longer "+here, other)
		case o.kind > thriftByte && o.kind <= thriftI64:
			o.number = -o.number - 1
			emit("a negative "+here, other)
		case o.kind == thriftList && len(o.list) > 0:
			o.list = o.list[1:]
			emit("a shorter "+here, other)
		}
		spoiled(f.value, here, func(what string, inner thriftValue) {
			outer := v.clone()
			outer.fields[i].value = inner
			emit(what, outer)
		})
	}
	for i, e := range v.list {
		spoiled(e, fmt.Sprintf("%s[%d]", path, i), func(what string, inner thriftValue) {
			outer := v.clone()
			outer.list[i] = inner
			emit(what, outer)
		})
	}
}

// A footer that is not as expected is refused, or it makes no difference to what is read back: rows are never numbered wrongly.
func TestNoFooterNumbersRowsWrongly(t *testing.T) {
	db, own, model := twoColumns(t)
	path := filepath.Join(t.TempDir(), "own.parquet")
	ownFooter, ownAt := footerOf(t, own)
	modelFooter, _ := footerOf(t, model)
	refused, harmless := 0, 0
	number := func(what string, data []byte, template thriftValue) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c := &completer{template: template, constants: map[string]constant{"currency": {value: []byte("CNY"), text: true}}}
		if _, err := numberRows(path, "source_row", c); err != nil {
			if !errors.Is(err, errThrift) {
				t.Errorf("%s: %v", what, err)
			}
			refused++
			return
		}
		got, err := db.Text(t.Context(), "SELECT count(*), count(*) FILTER (source_row <> file_row_number + 1 OR currency <> 'CNY' OR sku <> 'x' || file_row_number) FROM read_parquet("+warehouse.Literal(path)+", file_row_number = true)")
		if err != nil {
			refused++ // by the engine, which reads every finished file back
			return
		}
		if got[0][0] != "3000" || got[0][1] != "0" {
			t.Errorf("%s: reads %v", what, got)
		}
		harmless++
	}
	number("as it is", own, modelFooter)
	if harmless != 1 {
		t.Fatal("the sound file is refused")
	}
	spoiled(ownFooter, "own", func(what string, v thriftValue) { number(what, withFooter(own, ownAt, v), modelFooter) })
	spoiled(modelFooter, "model", func(what string, v thriftValue) { number(what, own, v) })
	t.Logf("%d footers refused, %d harmless", refused, harmless)
	if refused < 40 || harmless < 20 {
		t.Errorf("%d footers refused, %d harmless", refused, harmless)
	}
	for what, data := range map[string][]byte{
		"nothing": {}, "a few bytes": []byte("PAR1PAR1"), "no mark": append(own[:len(own)-1:len(own)-1], 'X'), "cut": own[:len(own)-9],
		"a length past the beginning": append(append(own[:len(own)-8:len(own)-8], 0xff, 0xff, 0xff, 0x7f), "PAR1"...),
		"bytes after the footer":      withFooter(append(own[:ownAt:ownAt], 0), ownAt+1, thriftValue{kind: thriftStruct}),
	} {
		before := refused
		if number(what, data, modelFooter); refused == before {
			t.Errorf("%s is taken for a Parquet file", what)
		}
	}
	if _, err := numberRows(filepath.Join(t.TempDir(), "none"), "source_row", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Values of every kind come back as they were written; what is cut short or of no kind is refused.
func TestThriftValues(t *testing.T) {
	long := thriftValue{kind: thriftList, of: thriftByte}
	for i := range 20 {
		long.list = append(long.list, thriftNumber(thriftByte, int64(i)))
	}
	v := thriftValue{kind: thriftStruct, fields: []thriftField{
		{1, thriftValue{kind: thriftTrue}}, {2, thriftValue{kind: thriftFalse}}, {3, thriftNumber(thriftByte, 7)}, {4, thriftValue{kind: thriftDouble, bytes: []byte("12345678")}},
		{5, thriftNumber(thriftI64, -9)}, {6, thriftValue{kind: thriftBinary, bytes: []byte("text")}}, {7, long},
		{8, thriftValue{kind: thriftSet, of: thriftTrue, list: []thriftValue{{kind: thriftTrue, number: 1}, {kind: thriftTrue, number: 2}}}}, {300, thriftNumber(thriftI64, 1)},
	}}
	text := v.append(nil, false)
	r := thriftReader{b: text}
	again := r.value(thriftStruct, false)
	if r.bad || len(r.b) > 0 || !bytes.Equal(again.append(nil, false), text) || again.field(7).list[19].number != 19 || again.field(300).number != 1 {
		t.Errorf("%+v", again)
	}
	for n := range text {
		if r := (thriftReader{b: text[:n]}); len(r.value(thriftStruct, false).fields) > len(v.fields) || !r.bad {
			t.Errorf("%d of %d bytes are taken for all", n, len(text))
		}
	}
	for name, data := range map[string]string{"no kind": "\x1f\x00", "deeper than any footer": strings.Repeat("\x1c", 100), "a list longer than the file": "\x19\xf3\xff\xff\x03"} {
		if r := (thriftReader{b: []byte(data)}); r.value(thriftStruct, false).kind != thriftStruct || !r.bad {
			t.Errorf("%s is read", name)
		}
	}
}
