package profile

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// packers wrap a file the ways in which files arrive.
func packers() []func(t testing.TB, data []byte) []byte {
	write := func(t testing.TB, w interface {
		Write([]byte) (int, error)
		Close() error
	}, data []byte) {
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return []func(t testing.TB, data []byte) []byte{
		func(t testing.TB, data []byte) []byte {
			var b bytes.Buffer
			write(t, gzip.NewWriter(&b), data)
			return b.Bytes()
		},
		func(t testing.TB, data []byte) []byte {
			var b bytes.Buffer
			w, err := zstd.NewWriter(&b)
			if err != nil {
				t.Fatal(err)
			}
			write(t, w, data)
			return b.Bytes()
		},
		func(t testing.TB, data []byte) []byte { return zipped(t, map[string][]byte{"till.csv": data}) },
	}
}

// zipped makes an archive of the parts in name order.
func zipped(t testing.TB, parts map[string][]byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	var names []string
	for name := range parts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		part, err := w.Create(name)
		if err == nil {
			_, err = part.Write(parts[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzDamagedArchives: a packed file gives the records of the bare one, whatever bit of it is turned and wherever it is cut, or it
// is refused; it never gives other records.
func FuzzDamagedArchives(f *testing.F) {
	text := []byte("Receipt number,Date,Quantity,Price,Item\n1,2026-01-01,1,2.50,x\n2,2026-01-02,1,3.50,y\n")
	for kind := range uint8(3) {
		f.Add(text, kind, uint32(0), uint8(0), uint32(0))
		f.Add(text, kind, uint32(40), uint8(1), uint32(0))
		f.Add(text, kind, uint32(0), uint8(0), uint32(9))
	}
	plan := parse(f, testProfile)
	all := packers()
	f.Fuzz(func(t *testing.T, data []byte, kind uint8, at uint32, bits uint8, cut uint32) {
		if len(data) > 1<<16 || bytes.HasPrefix(data, []byte("PK")) || bytes.HasPrefix(data, []byte{0x1f, 0x8b}) || bytes.HasPrefix(data, []byte{0x28, 0xb5}) {
			return // packed twice is another file
		}
		bare, want, bareErr := convert(t, plan, data)
		packed := all[int(kind)%len(all)](t, data)
		packed[int(at)%len(packed)] ^= bits
		packed = packed[:len(packed)-int(cut)%len(packed)]
		outcome, got, err := convert(t, plan, packed)
		var refused *RefusedFile
		if err != nil {
			if !errors.As(err, &refused) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if int(bits) == 0 && int(cut)%len(packed) == 0 && bareErr != nil {
			t.Fatalf("accepted packed, refused bare: %v", bareErr)
		}
		if bareErr == nil && (outcome.Read != bare.Read || !slices.Equal(got, want)) && !unpacked(packed) {
			t.Fatalf("read %d records %q, the file holds %d %q", outcome.Read, got, bare.Read, want)
		}
	})
}

// unpacked tells whether damage made the file one that is not packed at all: it is read as text then.
func unpacked(data []byte) bool {
	return !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) && !bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}) && !bytes.HasPrefix(data, []byte("PK"))
}

// FuzzArchives: bytes that claim to be an archive are read within the limits, or refused.
func FuzzArchives(f *testing.F) {
	for _, pack := range packers() {
		f.Add(pack(f, []byte("Receipt number,Date,Quantity,Price,Item\n1,2026-01-01,1,1,x\n")))
		f.Add(pack(f, make([]byte, 1<<16)))
	}
	f.Add(zipped(f, map[string][]byte{"../a.csv": []byte("a\n"), "b/": nil, "c.csv": []byte("a\n")}))
	plan := parse(f, testProfile)
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "in")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		sink, err := NewSink(filepath.Join(dir, "out"))
		if err != nil {
			t.Fatal(err)
		}
		outcome, err := plan.Convert(context.Background(), File{Path: path, Limits: Limits{Bytes: 1 << 20, Ratio: 100, Entries: 4}}, sink)
		if closed := sink.Close(); closed != nil {
			t.Fatal(closed)
		}
		var refused *RefusedFile
		if err != nil && !errors.As(err, &refused) {
			t.Fatalf("%T %v", err, err)
		}
		if err == nil && outcome.Read != outcome.Accepted+outcome.Refused+outcome.Ignored {
			t.Fatalf("read %d, accepted %d, refused %d, ignored %d", outcome.Read, outcome.Accepted, outcome.Refused, outcome.Ignored)
		}
	})
}

// FuzzWorkbookConservesRecords: any sheet, styles and shared texts inside a sound workbook.
func FuzzWorkbookConservesRecords(f *testing.F) {
	const sheet = `<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>Date</t></is></c><c r="C1" t="str"><v>Quantity</v></c><c r="D1" t="str"><v>Price</v></c><c r="E1" t="str"><v>Item</v></c></row>` +
		`<row r="2"><c r="A2"><v>7</v></c><c r="B2" s="1"><v>46027.5</v></c><c r="C2"><v>1E0</v></c><c r="D2"><v>2.50</v></c><c r="E2" t="b"><v>1</v></c></row><row r="9"><c r="Z9" t="e"><v>#N/A</v></c></row></sheetData></worksheet>`
	const styles = `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>`
	const shared = `<sst><si><t>Receipt number</t></si><si><r><t>a</t></r><r><t>b</t></r></si></sst>`
	f.Add(sheet, styles, shared)
	f.Add(`<worksheet><sheetData><row><c><v>1</v></c></row></sheetData></worksheet>`, styles, shared)
	f.Add(sheet[:200], "", "<sst>")
	plan := parse(f, testProfile)
	f.Fuzz(func(t *testing.T, sheet, styles, shared string) {
		parts := map[string][]byte{
			"[Content_Types].xml":        []byte(`<Types/>`),
			"xl/workbook.xml":            []byte(`<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>`),
			"xl/_rels/workbook.xml.rels": []byte(`<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>`),
			"xl/worksheets/sheet1.xml":   []byte(sheet),
			"xl/sharedStrings.xml":       []byte(shared),
		}
		if styles != "" {
			parts["xl/styles.xml"] = []byte(styles)
		}
		conserved(t, plan, zipped(t, parts))
	})
}
