package profile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

// wideBook writes a workbook of rows x 20 cells: receipts, dates, amounts and words, as a till exports them.
func wideBook(t testing.TB, rows int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wide.xlsx")
	f := excelize.NewFile()
	defer f.Close()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	head := []any{"Receipt number", "Date", "Quantity", "Price", "Item"}
	for i := len(head); i < 20; i++ {
		head = append(head, fmt.Sprintf("Extra %d", i))
	}
	if err := w.SetRow("A1", head); err != nil {
		t.Fatal(err)
	}
	for r := range rows {
		row := []any{fmt.Sprintf("1-%06d", r), "2026-03-05 10:00:00", 1 + r%7, float64(r%9973) / 100, "Item " + strconv.Itoa(r%500)}
		for i := len(row); i < 20; i++ {
			if i%2 == 0 {
				row = append(row, r*i%1000)
			} else {
				row = append(row, "text "+strconv.Itoa(r%97))
			}
		}
		if err := w.SetRow("A"+strconv.Itoa(r+2), row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestProofWorkbooksAsFastAsTheirLibrary compares with excelize's own streaming read; the long proof has the scale of the bar,
// 200,000 rows.
func TestProofWorkbooksAsFastAsTheirLibrary(t *testing.T) {
	rows := map[string]int{"": 5_000, "pr": 40_000, "long": 200_000}[os.Getenv("OMOFLOW_PROOF")]
	path := wideBook(t, rows)
	best := func(read func()) time.Duration {
		least := time.Duration(0)
		for range 2 {
			began := cpu(t)
			read()
			if took := cpu(t) - began; least == 0 || took < least {
				least = took
			}
		}
		return least
	}
	library := best(func() {
		f, err := excelize.OpenFile(path, excelize.Options{UnzipXMLSizeLimit: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		all, err := f.Rows("Sheet1")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for all.Next() {
			cells, err := all.Columns()
			if err != nil {
				t.Fatal(err)
			}
			n += len(cells)
		}
		if n != (rows+1)*20 {
			t.Errorf("%d cells", n)
		}
	})
	plan := parse(t, testProfile)
	ours := best(func() {
		sink, err := NewSink(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		outcome, err := plan.Convert(context.Background(), File{Path: path}, sink)
		if err != nil || outcome.Accepted != int64(rows) {
			t.Fatalf("%+v %v", outcome, err)
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
	})
	ratio := float64(ours) / float64(library)
	fmt.Printf("proof: workbooks of %d rows x 20: %s of processor time, excelize's streaming read %s, ratio %.2f\n", rows, ours.Round(time.Millisecond), library.Round(time.Millisecond), ratio)
	if ratio > 2 && !strings.Contains(os.Getenv("GOFLAGS"), "race") {
		t.Errorf("ratio %.2f, the bar is 2", ratio)
	}
}
