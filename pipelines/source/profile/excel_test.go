package profile

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

// book writes a workbook cell by cell.
func book(t testing.TB, fill func(f *excelize.File), options ...excelize.Options) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	fill(f)
	var out bytes.Buffer
	if err := f.Write(&out, options...); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func cell(t testing.TB, f *excelize.File, at string, value any) {
	t.Helper()
	if err := f.SetCellValue("Sheet1", at, value); err != nil {
		t.Fatal(err)
	}
}

func wantRefused(t *testing.T, data []byte, code string) {
	t.Helper()
	_, _, err := convert(t, parse(t, testProfile), data)
	var refused *RefusedFile
	if !errors.As(err, &refused) || refused.Code != code || refused.Hint == "" {
		t.Errorf("want %s, got %v", code, err)
	}
}

func TestAWorkbookWithAPasswordSaysSo(t *testing.T) {
	wantRefused(t, book(t, func(f *excelize.File) { cell(t, f, "A1", "Receipt number") }, excelize.Options{Password: "secret"}), "password")
}

func TestMergedTitlesStandAboveTheHeader(t *testing.T) {
	_, got, err := convert(t, parse(t, testProfile), book(t, func(f *excelize.File) {
		cell(t, f, "A1", "销售报表 2026")
		if err := f.MergeCell("Sheet1", "A1", "E2"); err != nil {
			t.Fatal(err)
		}
		if err := f.SetSheetRow("Sheet1", "A4", &[]any{"Receipt number", "Quantity", "Price"}); err != nil {
			t.Fatal(err)
		}
		if err := f.SetSheetRow("Sheet1", "A5", &[]any{"007", "2", "3.50"}); err != nil { // numbers as text
			t.Fatal(err)
		}
	}))
	if err != nil || len(got) != 1 || !strings.Contains(got[0], "007") || !strings.Contains(got[0], "3.50") {
		t.Errorf("%q %v", got, err)
	}
}

// Serial days count from 1900 with a 29 February that never was, or from 1904; a plain number is never a date.
func TestSerialDaysOfBothCalendars(t *testing.T) {
	for epoch04, want := range map[bool]string{false: "2026-11-24 02:35:42", true: "2030-11-25 02:35:42"} {
		_, got, err := convert(t, parse(t, testProfile), book(t, func(f *excelize.File) {
			if err := f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &epoch04}); err != nil {
				t.Fatal(err)
			}
			style, err := f.NewStyle(&excelize.Style{NumFmt: 22})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.SetSheetRow("Sheet1", "A1", &[]any{"Receipt number", "Date", "Price", "Quantity"}), f.SetSheetRow("Sheet1", "A2", &[]any{"1", 46350.108125, 46350.10, 1}), f.SetCellStyle("Sheet1", "B2", "B2", style)); err != nil {
				t.Fatal(err)
			}
		}))
		if err != nil || len(got) != 1 || !strings.Contains(got[0], want) || !strings.Contains(got[0], "\t46350.1\t") {
			t.Errorf("1904 %v: %q %v", epoch04, got, err)
		}
	}
	for serial, want := range map[string]string{"1": "1900-01-01", "59": "1900-02-28", "61": "1900-03-01", "0.5": "12:00:00"} {
		if got, ok := serialDate(serial, false); !ok || got != want {
			t.Errorf("%s is %s, want %s", serial, got, want)
		}
	}
}

// Trap 51: a code that was kept as a number is whole up to 15 digits; of a longer one the last digits are gone.
func TestCodesKeptAsNumbersAreNotRepaired(t *testing.T) {
	for stored, want := range map[string]string{"6901234567890": "6901234567890", "6.901234567890E12": "6901234567890", "123456789012345": "123456789012345", "1234567890123456": "1.23456789012346E+15", "6E+20": "6.0E+20", "-2.5": "-2.5", "0.1": "0.1"} {
		if got := storedNumber(stored); got != want {
			t.Errorf("%s is read as %s, want %s", stored, got, want)
		}
	}
	outcome, got, err := convert(t, parse(t, testProfile), book(t, func(f *excelize.File) {
		if err := errors.Join(f.SetSheetRow("Sheet1", "A1", &[]any{"Receipt number", "Quantity"}), f.SetSheetRow("Sheet1", "A2", &[]any{6901234567890, 1}), f.SetSheetRow("Sheet1", "A3", &[]any{6901234567890123456, 1}), f.SetSheetRow("Sheet1", "A4", &[]any{"6.9E+12", 1})); err != nil {
			t.Fatal(err)
		}
	}))
	if err != nil || len(got) != 1 || !strings.Contains(got[0], "6901234567890") || outcome.Refused != 2 || outcome.Refusals[0].Code != "scientific_id" || outcome.Refusals[1].Code != "scientific_id" {
		t.Errorf("%q %+v %v", got, outcome.Refusals, err)
	}
}

// Trap 67: a formula is its stored value, but what a customer typed is text where the profile says so.
func TestFormulasAreValuesOrText(t *testing.T) {
	data := book(t, func(f *excelize.File) {
		if err := errors.Join(f.SetSheetRow("Sheet1", "A1", &[]any{"Receipt number", "Quantity", "Item"}), f.SetSheetRow("Sheet1", "A2", &[]any{"1", 1, 0}), f.SetCellFormula("Sheet1", "C2", "1+1")); err != nil {
			t.Fatal(err)
		}
	})
	for extra, want := range map[string]string{"": "\t0\t", "formulas: text\n": "\t=1+1\t"} {
		if _, got, err := convert(t, parse(t, testProfile+extra), data); err != nil || !strings.Contains(got[0], want) {
			t.Errorf("%q: %q %v", extra, got, err)
		}
	}
}

// rawBook makes a workbook of a hand-written sheet.
func rawBook(t testing.TB, sheet func(w io.Writer)) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, part := range [][2]string{
		{"xl/workbook.xml", `<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>`},
	} {
		w, err := z.Create(part[0])
		if err == nil {
			_, err = io.WriteString(w, part[1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w, err := z.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, `<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Receipt number</t></is></c><c r="B1" t="inlineStr"><is><t>Quantity</t></is></c></row>`)
	sheet(w)
	_, _ = io.WriteString(w, `</sheetData></worksheet>`)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// allocated gives how much memory f asked for.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestWorkbooksThatAreAttacksAreRefused(t *testing.T) {
	zeros := make([]byte, 1<<20)
	for i := range zeros {
		zeros[i] = 'x'
	}
	huge := rawBook(t, func(w io.Writer) {
		_, _ = io.WriteString(w, `<row r="2"><c r="A2" t="inlineStr"><is><t>`)
		for range 1024 {
			_, _ = w.Write(zeros)
		}
		_, _ = io.WriteString(w, `</t></is></c></row>`)
	})
	if took := allocated(func() { wantRefused(t, huge, "cell_too_long") }); took > 64<<20 {
		t.Errorf("a cell of 1 GiB cost %d MiB before it was refused", took>>20)
	}
	wantRefused(t, rawBook(t, func(w io.Writer) {
		_, _ = io.WriteString(w, `<row r="2">`)
		for range 1_000_000 {
			_, _ = io.WriteString(w, `<c><v>1</v></c>`)
		}
		_, _ = io.WriteString(w, `</row>`)
	}), "too_many_columns")
	wantRefused(t, rawBook(t, func(w io.Writer) { _, _ = io.WriteString(w, `<row r="2"><c r="ZZZZ2"><v>1</v></c></row>`) }), "too_many_columns")
	wantRefused(t, rawBook(t, func(w io.Writer) {
		block := strings.Repeat("<row></row>"+strings.Repeat(" ", 4096), 256)
		for range 150 { // 150 MiB of next to nothing
			_, _ = io.WriteString(w, block)
		}
	}), "decompression_bomb")
}

func TestTextFilesThatAreAttacksAreRefused(t *testing.T) {
	wantRefused(t, []byte("Receipt number,Quantity\n1,\""+strings.Repeat("x", 3<<20)+"\"\n"), "record_too_long")
	wantRefused(t, []byte("Receipt number,"+strings.Repeat("c,", 1_000_000)+"Quantity\n1,1\n"), "record_too_long")
}

func TestADelimiterThatChangesHalfWayIsNamed(t *testing.T) {
	outcome, got, err := convert(t, parse(t, testProfile), []byte("Receipt number,Quantity,Price\n1,1,2\n2;1;2\n3;1;2\n"))
	if err != nil || len(got) != 1 || outcome.Refused != 2 || outcome.Refusals[0].Code != "other_delimiter" || outcome.Refusals[0].Line != 3 {
		t.Errorf("%q %+v %v", got, outcome.Refusals, err)
	}
}

// A workbook's rows pass through; only its words are held.
func TestProofWorkbooksInBoundedMemory(t *testing.T) {
	rows := 20_000
	if os.Getenv("OMOFLOW_PROOF") == "long" {
		rows = 1_000_000
	}
	path := wideBook(t, rows)
	plan := parse(t, testProfile)
	runtime.GC() // what writing it took is not what reading it takes
	most := uint64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var m runtime.MemStats
		for {
			select {
			case <-stop:
				return
			default:
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse)
				time.Sleep(20 * time.Millisecond)
			}
		}
	}()
	sink, err := NewSink(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := plan.Convert(context.Background(), File{Path: path}, sink)
	close(stop)
	<-done
	if err != nil || outcome.Accepted != int64(rows) {
		t.Fatalf("%+v %v", outcome, err)
	}
	fmt.Printf("proof: a workbook of %d rows x 20 is read in %d MiB of heap\n", rows, most>>20)
	if most > 512<<20 {
		t.Errorf("%d MiB", most>>20)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
}
