package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/omoflow/omoflow/internal/thrift"
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

func footerOf(t *testing.T, data []byte) (footer thrift.Value, at int) {
	t.Helper()
	n := int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	at = len(data) - 8 - n
	footer, _, ok := thrift.Read(data[at : at+n])
	if !ok {
		t.Fatal("the engine's own footer cannot be read")
	}
	return footer, at
}

func withFooter(data []byte, at int, footer thrift.Value) []byte {
	text := footer.Append(nil)
	out := append(slices.Clone(data[:at]), text...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(text))), "PAR1"...)
}

// spoiled gives every footer that lacks one thing, or says one thing otherwise, wherever it stands.
func spoiled(v thrift.Value, path string, emit func(what string, v thrift.Value)) {
	for i, f := range v.Fields {
		here := fmt.Sprintf("%s.%d", path, f.ID)
		without := v.Clone()
		without.Drop(f.ID)
		emit("without "+here, without)
		other := v.Clone()
		switch o := &other.Fields[i].Value; {
		case o.Kind == thrift.Binary:
			o.Bytes = append(slices.Clone(o.Bytes), 'x')
			emit("a longer "+here, other)
		case o.Kind >= 4 && o.Kind <= thrift.I64:
			o.Number = -o.Number - 1
			emit("a negative "+here, other)
		case o.Kind == thrift.List && len(o.List) > 0:
			o.List = o.List[1:]
			emit("a shorter "+here, other)
		}
		spoiled(f.Value, here, func(what string, inner thrift.Value) {
			outer := v.Clone()
			outer.Fields[i].Value = inner
			emit(what, outer)
		})
	}
	for i, e := range v.List {
		spoiled(e, fmt.Sprintf("%s[%d]", path, i), func(what string, inner thrift.Value) {
			outer := v.Clone()
			outer.List[i] = inner
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
	number := func(what string, data []byte, template thrift.Value) {
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
	spoiled(ownFooter, "own", func(what string, v thrift.Value) { number(what, withFooter(own, ownAt, v), modelFooter) })
	spoiled(modelFooter, "model", func(what string, v thrift.Value) { number(what, own, v) })
	t.Logf("%d footers refused, %d harmless", refused, harmless)
	if refused < 40 || harmless < 20 {
		t.Errorf("%d footers refused, %d harmless", refused, harmless)
	}
	for what, data := range map[string][]byte{
		"nothing": {}, "a few bytes": []byte("PAR1PAR1"), "no mark": append(own[:len(own)-1:len(own)-1], 'X'), "cut": own[:len(own)-9],
		"a length past the beginning": append(append(own[:len(own)-8:len(own)-8], 0xff, 0xff, 0xff, 0x7f), "PAR1"...),
		"bytes after the footer":      withFooter(append(own[:ownAt:ownAt], 0), ownAt+1, thrift.Value{Kind: thrift.Struct}),
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
