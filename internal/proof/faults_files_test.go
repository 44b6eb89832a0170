package proof

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore/mem"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
)

// A delivered file with a fault of the catalogue, and what must become of it.
type oddFile struct {
	name    string // of the case; it begins with its number in the catalogue
	file    string
	content func() []byte
	refused string // code of the refusal of the whole file, "" when it is taken in
	rows    lake.Counts
}

const (
	oddRow = "R2,2026-01-05 11:00:00,A,2,10.00,c2\n"
	oddTen = "N0,2026-01-05,A,1,1,c\nN1,2026-01-05,A,1,1,c\nN2,2026-01-05,A,1,1,c\nN3,2026-01-05,A,1,1,c\nN4,2026-01-05,A,1,1,c\n" +
		"N5,2026-01-05,A,1,1,c\nN6,2026-01-05,A,1,1,c\nN7,2026-01-05,A,1,1,c\nN8,2026-01-05,A,1,1,c\n"
)

func text(s string) func() []byte { return func() []byte { return []byte(s) } }

func gzipped(data []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(data) // a buffer takes everything
	_ = w.Close()
	return buf.Bytes()
}

func zstandard(parts ...[]byte) []byte {
	var buf bytes.Buffer
	w, _ := zstd.NewWriter(&buf) // a buffer takes everything
	for _, part := range parts {
		_, _ = w.Write(part)
	}
	_ = w.Close()
	return buf.Bytes()
}

func zipped(pairs ...string) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i := 0; i < len(pairs); i += 2 {
		f, _ := w.Create(pairs[i]) // a buffer takes everything
		_, _ = f.Write([]byte(pairs[i+1]))
	}
	_ = w.Close()
	return buf.Bytes()
}

func utf16Of(s string, big bool) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
		if big {
			out = append(out, byte(u>>8), byte(u))
		} else {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	return out
}

// oddFiles lists the file shapes of C10 to C19.
func oddFiles() []oddFile {
	h := faultsHeader
	one := lake.Counts{Read: 1, Accepted: 1}
	oneOfTen := lake.Counts{Read: 10, Accepted: 9, Quarantined: 1}
	chinese, _ := simplifiedchinese.GB18030.NewEncoder().String(h + "R2,2026-01-05 11:00:00,外套,2,10.00,顾客\n")
	columns, cell, bomb := 5_000, 4<<20, 70<<20
	tooWide, wideRows := "", one
	if os.Getenv("OMOFLOW_PROOF") != "" {
		columns, cell, bomb = 1_000_000, 256<<20, 512<<20
		tooWide, wideRows = "record_too_long", lake.Counts{}
	}
	wide := func() []byte {
		var b bytes.Buffer
		b.WriteString(strings.TrimSpace(h))
		for i := range columns {
			fmt.Fprintf(&b, ",x%d", i)
		}
		b.WriteString("\n" + strings.TrimSpace(oddRow) + strings.Repeat(",1", columns) + "\n")
		return b.Bytes()
	}
	bad := func(row string) func() []byte { return text(h + oddTen + row + "\n") }
	return []oddFile{
		{"C10 new column", "till-S2-odd.csv", text("Extra," + h + "x," + oddRow), "", one},
		{"C10 columns moved", "till-S2-odd.csv", text("Customer,Price,Qty,SKU,Date,Receipt\nc2,10.00,2,A,2026-01-05 11:00:00,R2\n"), "", one},
		{"C10 column removed", "till-S2-odd.csv", text("Receipt,Date,SKU,Price,Customer\nR2,2026-01-05 11:00:00,A,10.00,c2\n"), "unknown_layout", lake.Counts{}},
		{"C10 column renamed", "till-S2-odd.csv", text(strings.Replace(h, "Qty", "Pieces", 1) + oddRow), "unknown_layout", lake.Counts{}},
		{"C11 fraction where whole numbers were", "till-S2-odd.csv", text(h + "R2,2026-01-05 11:00:00,A,1.5,10.00,c2\n"), "", one},
		{"C11 text where numbers were", "till-S2-odd.csv", bad("R2,2026-01-05,A,two,10.00,c2"), "", oneOfTen},
		{"C11 all of a column another type", "till-S2-odd.csv", text(h + "R2,2026-01-05,A,two,10.00,c2\nR3,2026-01-05,A,three,1,c2\n"), "too_many_refused", lake.Counts{Read: 2, Quarantined: 2}},
		{"C11 not a number", "till-S2-odd.csv", bad("R2,2026-01-05,A,NaN,10.00,c2"), "", oneOfTen},
		{"C11 number too large", "till-S2-odd.csv", bad("R2,2026-01-05,A,1e40,10.00,c2"), "", oneOfTen},
		{"C12 UTF-8 with mark", "till-S2-odd.csv", text("\ufeff" + h + oddRow), "", one},
		{"C12 GB18030", "till-S2-odd.csv", text(chinese), "", one},
		{"C12 UTF-16 little endian", "till-S2-odd.csv", func() []byte { return utf16Of(h+oddRow, false) }, "", one},
		{"C12 UTF-16 big endian", "till-S2-odd.csv", func() []byte { return utf16Of(h+oddRow, true) }, "", one},
		{"C12 two encodings in one file", "till-S2-odd.csv", text(h + "R2,2026-01-05,外套,1,1,c\nR3,2026-01-05,\xcd\xe2\xcc\xd7\x81,1,1,c\n"), "invalid_encoding", lake.Counts{}},
		{"C13 cut within a row", "till-S2-odd.csv", bad("R2,2026-01-0"), "", oneOfTen},
		{"C13 cut within quotes", "till-S2-odd.csv", bad(`R2,2026-01-05,"A`), "unterminated_quote", lake.Counts{}},
		{"C13 cut archive", "till-S2-odd.csv.gz", func() []byte { b := gzipped([]byte(h + strings.Repeat(oddRow, 50))); return b[:len(b)-9] }, "truncated", lake.Counts{}},
		{"C13 cut zip", "till-S2-odd.csv.zip", func() []byte { b := zipped("a.csv", h+strings.Repeat(oddRow, 50)); return b[:len(b)-30] }, "truncated", lake.Counts{}},
		{"C13 damaged archive", "till-S2-odd.csv.gz", func() []byte {
			b := gzipped([]byte(h + strings.Repeat(oddTen, 50)))
			b[len(b)/2] ^= 0x55
			return b
		}, "damaged", lake.Counts{}},
		{"C15 new name, same content", "till-S2-odd.csv", text(h + "R1,2026-01-05 10:00:00,A,1,10.00,c1\n"), "", lake.Counts{Read: 1, Duplicate: 1}},
		{"C16 empty", "till-S2-odd.csv", text(""), "empty_file", lake.Counts{}},
		{"C16 header only", "till-S2-odd.csv", text(h), "", lake.Counts{}},
		{"C16 only a mark", "till-S2-odd.csv", text("\ufeff"), "empty_file", lake.Counts{}},
		{"C16 only line ends", "till-S2-odd.csv", text("\r\n\r\n\n"), "empty_file", lake.Counts{}},
		{"C17 bomb of rows", "till-S2-odd.csv.zst", func() []byte { return zstandard([]byte(h), bytes.Repeat([]byte(oddRow), bomb/len(oddRow))) }, "decompression_bomb", lake.Counts{}},
		{"C17 bomb of one row", "till-S2-odd.csv.gz", func() []byte { return gzipped(append([]byte(h), bytes.Repeat([]byte("0"), bomb)...)) }, "record_too_long", lake.Counts{}},
		{"C17 nested zip", "till-S2-odd.csv.zip", func() []byte { return zipped("a.csv", string(zipped("b.csv", h+oddRow))) }, "nested_archive", lake.Counts{}},
		{"C17 nested gzip", "till-S2-odd.csv.gz", func() []byte { return gzipped(gzipped([]byte(h + oddRow))) }, "nested_archive", lake.Counts{}},
		{"C17 zip of a file and a zip", "till-S2-odd.csv.zip", func() []byte { return zipped("a.csv", h+oddRow, "b.zip", string(zipped("c.csv", h+oddRow))) }, "nested_archive", lake.Counts{}},
		{"C17 zip that climbs out", "till-S2-odd.csv.zip", func() []byte { return zipped("../../../../tmp/omoflow-evil.csv", h+oddRow) }, "archive_traversal", lake.Counts{}},
		{"C18 huge cell", "till-S2-odd.csv", func() []byte {
			return []byte(h + oddTen + "R2,2026-01-05,\"" + strings.Repeat("x", cell) + "\",1,1,c\n")
		}, "record_too_long", lake.Counts{}},
		{"C18 many columns", "till-S2-odd.csv", wide, tooWide, wideRows},
		{"C19 impossible time", "till-S2-odd.csv", bad("R2,2026-01-05 25:61:00,A,1,1,c2"), "", oneOfTen},
		{"C19 impossible day", "till-S2-odd.csv", bad("R2,2026-02-30,A,1,1,c2"), "", oneOfTen},
		{"C19 year 0", "till-S2-odd.csv", bad("R2,0000-00-00,A,1,1,c2"), "", oneOfTen},
		{"C19 no date", "till-S2-odd.csv", bad("R2,,A,1,1,c2"), "", lake.Counts{Read: 10, Accepted: 10}}, // an order may have no date; models keep it apart
	}
}

// C10 to C19: whatever shape a file has, the other files of its delivery are taken in whole, its own bytes are kept, every record
// of it is accounted for, a second run takes nothing twice, and the right file under its name puts everything right.
func TestProofFaultsOfFiles(t *testing.T) {
	desk := newFaultsDesk(t, fastDir(t))
	cases := oddFiles()
	wrong := 0
	for i, c := range cases {
		if seed := os.Getenv("OMOFLOW_SEED"); seed != "" && seed != fmt.Sprint(i) {
			continue
		}
		if err := desk.deliver(t, c); err != nil {
			wrong++
			t.Errorf("OMOFLOW_SEED=%d: %s: %v", i, c.name, err)
		}
	}
	fmt.Printf("proof: R18 odd files lose and spoil nothing: %d shapes of C10 to C19, %d wrong\n", len(cases), wrong)
}

func (d *faultsDesk) deliver(t *testing.T, c oddFile) error {
	ctx := t.Context()
	s := &faultsShop{bucket: mem.New(), dir: filepath.Join(d.scratch, "odd")}
	defer s.remove()
	inbox := filepath.Join(s.dir, "inbox")
	if err := os.MkdirAll(inbox, 0o755); err != nil {
		return err
	}
	seconds := 0
	put := func(name string, content []byte) error {
		path := filepath.Join(inbox, name)
		seconds++
		at := time.Date(2026, 3, 1, 0, 0, seconds, 0, time.UTC)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
		return os.Chtimes(path, at, at)
	}
	good := faultsHeader + "R1,2026-01-05 10:00:00,A,1,10.00,c1\n"
	after := faultsHeader + "R9,2026-01-06 10:00:00,A,1,5.00,c9\n"
	for name, content := range map[string][]byte{"till-S1-good.csv": []byte(good), c.file: c.content(), "till-S3-good.csv": []byte(after)} {
		if err := put(name, content); err != nil {
			return err
		}
	}
	lk, err := lake.Create(ctx, s.bucket)
	if err != nil {
		return err
	}
	feed, err := d.feed(s, d.first)
	if err != nil {
		return err
	}
	feed.Match, feed.RefuseOver = "till-{store}-*", 200_000
	run := func() (ingest.Result, error) {
		return ingest.Run(ctx, ingest.Options{Lake: lk, DB: d.db, TempDir: s.dir}, []ingest.Feed{feed})
	}
	first, err := run()
	if err != nil {
		return fmt.Errorf("the run ends: %w", err)
	}
	if err := c.judge(first); err != nil {
		return err
	}
	if again, err := run(); err != nil || again.Files > 0 {
		return fmt.Errorf("a second run takes %d files: %w", again.Files, err)
	}
	if err := put(c.file, []byte(faultsHeader+oddRow)); err != nil {
		return err
	}
	if right, err := run(); err != nil || right.Counts != (lake.Counts{Read: 1, Accepted: 1}) {
		return fmt.Errorf("the right file comes to %+v: %w", right.Counts, err)
	}
	if os.Getenv("OMOFLOW_PROOF") == "" {
		return nil // the fast slice leaves the release out
	}
	if err := d.build(ctx, s); err != nil {
		return fmt.Errorf("the release: %w", err)
	}
	return d.sold(t, s, lk, "35.0000") // 10 + 2*10 + 5
}

// judge compares what became of the odd file with what must have.
func (c oddFile) judge(r ingest.Result) error {
	var files []lake.File
	for _, b := range r.Batches { // a large file makes a batch of its own
		files = append(files, b.Files...)
	}
	if len(files) != 3 {
		return fmt.Errorf("%d files in %d batches", len(files), len(r.Batches))
	}
	for _, f := range files {
		code, _, _ := strings.Cut(f.Reason, ":")
		switch {
		case !f.Counts.Balanced():
			return fmt.Errorf("%s is out of balance: %+v", f.Name, f.Counts)
		case f.Raw.Key == "" && f.DuplicateOf == nil:
			return fmt.Errorf("the bytes of %s are not kept", f.Name)
		case f.Name != c.file:
			if f.Refused || f.Counts != (lake.Counts{Read: 1, Accepted: 1}) && f.Counts != (lake.Counts{Read: 1, Duplicate: 1}) {
				return fmt.Errorf("%s, a good file, came to %+v (%s)", f.Name, f.Counts, f.Reason)
			}
		case code != c.refused:
			return fmt.Errorf("refused as %q (%s), should be %q", code, f.Reason, c.refused)
		case f.Counts != c.rows:
			return fmt.Errorf("came to %+v, should to %+v (%s)", f.Counts, c.rows, f.Reason)
		}
	}
	return nil
}

// sold compares the release's total.
func (d *faultsDesk) sold(t *testing.T, s *faultsShop, lk *lake.Lake, want string) error {
	src, err := d.mounted(t.Context(), s)
	if err != nil {
		return err
	}
	r, _, err := release.Latest(t.Context(), lk)
	if err != nil {
		return err
	}
	for _, c := range r.Conservation {
		if !c.Balanced {
			return fmt.Errorf("the release is out of balance: %+v", c)
		}
	}
	rows, err := src.db.Text(t.Context(), "SELECT sum(total_amount) FROM "+warehouse.Table("sales.day"))
	if err == nil && rows[0][0] != want {
		err = fmt.Errorf("the release holds %s, should %s", rows[0][0], want)
	}
	return err
}
