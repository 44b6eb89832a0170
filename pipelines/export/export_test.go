package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"github.com/omoflow/omoflow/internal/fault"
)

type fixture struct {
	tables  map[string][]map[string]string
	release Release
}

func (f *fixture) Rows(_ context.Context, table string, equal map[string]string) ([]map[string]string, error) {
	all, ok := f.tables[table]
	if !ok {
		return nil, ErrNotReleased
	}
	var out []map[string]string
	for _, row := range all {
		fits := true
		for k, v := range equal {
			fits = fits && row[k] == v
		}
		if fits {
			out = append(out, row)
		}
	}
	return out, nil
}

func (f *fixture) Release(context.Context) (Release, error) { return f.release, nil }

func row(pairs ...string) map[string]string {
	r := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		r[pairs[i]] = pairs[i+1]
	}
	return r
}

func made() *fixture {
	f := &fixture{tables: map[string][]map[string]string{}, release: Release{Company: "Demo", HomeCurrency: "CNY", Seq: 9, Hash: "ab12", DataAsOf: "2026-02-01 02:15"}}
	f.tables["finance.finance_kpi"] = []map[string]string{
		row("period_id", "2025-12", "calendar_id", "gregorian", "entity", "Demo", "kpi_id", "net_sales", "kpi_version", "1", "basis", "A", "numerator", "70.000000", "value", "70.000000", "unit", "money", "currency_code", "CNY", "status", "ok"),
		row("period_id", "2026-01", "calendar_id", "gregorian", "entity", "Demo", "channel_origin", "online", "location_id", "=cmd|' /C calc'!A0", "kpi_id", "net_sales", "kpi_version", "1", "basis", "A", "numerator", "-123456789012345678.120000", "value", "-123456789012345678.120000", "unit", "money", "currency_code", "CNY", "tax_basis", "net", "status", "ok"),
		row("period_id", "2026-01", "calendar_id", "gregorian", "entity", "Demo", "channel_origin", "store", "location_id", "S'01", "kpi_id", "net_sales", "kpi_version", "1", "basis", "A", "numerator", "0.100000", "value", "0.100000", "unit", "money", "currency_code", "CNY", "tax_basis", "net", "status", "ok"),
		row("period_id", "2026-01", "calendar_id", "gregorian", "entity", "Demo", "channel_origin", "store", "location_id", "店一", "kpi_id", "gm_pct", "kpi_version", "1", "basis", "A", "numerator", "0.000000", "denominator", "0.000000", "unit", "percent", "status", "na"),
	}
	f.tables["finance.tie_out"] = []map[string]string{row("period_id", "2026-01", "control", "payments", "left_amount", "10.00", "right_amount", "10.00", "difference_amount", "0.00", "tolerance_amount", "0.01", "is_tied", "true")}
	return f
}

func mustWrite(t *testing.T, src Source, req Request) Manifest {
	t.Helper()
	m, err := Write(context.Background(), src, req)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFilesHoldTheExactRows(t *testing.T) {
	dir := t.TempDir()
	var query string
	m := mustWrite(t, made(), Request{Period: "2026-01", Dir: dir, BOM: true, WriteParquet: func(_ context.Context, q, path string) (int64, error) {
		query = q
		return 3, os.WriteFile(path, []byte("PAR1"), 0o644)
	}})
	if m.RowCount != 3 || len(m.Files) != 3 || m.Status != StatusProvisional {
		t.Fatalf("manifest: %+v", m)
	}
	for _, f := range m.Files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != f.SHA256 || int64(len(content)) != f.Bytes {
			t.Errorf("%s does not match its manifest", f.Name)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "finance_kpi_2026-01.csv"))
	if err != nil || !bytes.HasPrefix(text, []byte("\ufeffperiod_id,")) || !bytes.Contains(text, []byte("\r\n")) {
		t.Fatalf("the CSV does not begin as asked: %q, %v", text[:min(40, len(text))], err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text[3:])).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got := rows[1][5]; got != "'=cmd|' /C calc'!A0" {
		t.Errorf("a text that is a formula: %q", got)
	}
	if got := rows[1][12]; got != "-123456789012345678.120000" {
		t.Errorf("a negative number: %q", got)
	}
	if got := rows[3][12]; got != "" {
		t.Errorf("a null: %q", got)
	}
	if !strings.Contains(query, "'S''01'") || !strings.Contains(query, "NULL") || !strings.Contains(query, "ORDER BY v.row_no") {
		t.Errorf("the query of the Parquet file: %s", query)
	}
	if keep := os.Getenv("OMOFLOW_KEEP_DOCUMENTS"); keep != "" {
		if err := os.WriteFile(filepath.Join(keep, "export.sql"), []byte(query), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	read, err := ReadManifest(dir)
	if err != nil || read.ContentHash != m.ContentHash {
		t.Errorf("the manifest reads back as %+v, %v", read, err)
	}
}

func TestWorkbookIsTypedAndExact(t *testing.T) {
	dir := t.TempDir()
	mustWrite(t, made(), Request{Period: "2026-01", Dir: dir, Formats: []Format{XLSX}})
	f, err := excelize.OpenFile(filepath.Join(dir, "finance_kpi_2026-01.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, _ := f.GetCellValue("finance_kpi", "M2", excelize.Options{RawCellValue: true}); got != "-123456789012345678.120000" {
		t.Errorf("value: %q", got)
	}
	if formula, _ := f.GetCellFormula("finance_kpi", "F2"); formula != "" {
		t.Errorf("a text became the formula %q", formula)
	}
	if got, _ := f.GetCellValue("control 控制", "G3", excelize.Options{RawCellValue: true}); got != "-123456789012345678.020000" {
		t.Errorf("control sum: %q", got)
	}
}

func TestSumsAndCarryForward(t *testing.T) {
	before := made()
	exported := mustWrite(t, before, Request{Period: "2025-12", Dir: t.TempDir(), Formats: []Format{CSV}})
	m := mustWrite(t, before, Request{Period: "2026-01", Dir: t.TempDir(), Formats: []Format{CSV}, Previous: &exported})
	if len(m.Sums) != 2 || m.Sums[1].KPI != "net_sales" || m.Sums[1].Value != "-123456789012345678.020000" || m.Sums[1].Rows != 2 {
		t.Errorf("sums: %+v", m.Sums)
	}
	if cf := m.CarryForward; !cf.Compared || len(cf.Moved) != 0 || cf.Rows != 1 || cf.Period != "2025-12" {
		t.Errorf("carried forward: %+v", cf)
	}
	late := made()
	late.tables["finance.finance_kpi"][0]["value"] = "71.000000"
	if m = mustWrite(t, late, Request{Period: "2026-01", Dir: t.TempDir(), Formats: []Format{CSV}, Previous: &exported}); len(m.CarryForward.Moved) != 1 || m.CarryForward.Moved[0].Value != "70.000000" {
		t.Errorf("a figure that moved: %+v", m.CarryForward)
	}
	if !strings.Contains(strings.Join(m.EmptyColumns, " "), "fx_rate_set") {
		t.Errorf("empty columns: %v", m.EmptyColumns)
	}
}

func TestFinalNeedsTieOutsThatTie(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	src := made()
	src.tables["finance.tie_out"][0]["is_tied"] = "false"
	src.tables["finance.tie_out"][0]["difference_amount"] = "3.10"
	_, err := Write(context.Background(), src, Request{Period: "2026-01", Dir: dir, Final: true})
	if fault.KindOf(err) != fault.Findings || !strings.Contains(err.Error(), "payments differs by 3.10") {
		t.Errorf("a failed tie-out: %v", err)
	}
	src.tables["finance.tie_out"][0]["is_blocking"] = "false"
	if m := mustWrite(t, src, Request{Period: "2026-01", Dir: t.TempDir(), Final: true}); m.TieOuts[0].Tied || m.TieOuts[0].Blocking {
		t.Errorf("a difference of timing: %+v", m.TieOuts)
	}
	delete(src.tables, "finance.tie_out")
	if _, err = Write(context.Background(), src, Request{Period: "2026-01", Dir: dir, Final: true}); fault.KindOf(err) != fault.Findings {
		t.Errorf("no tie-out: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
	if m := mustWrite(t, made(), Request{Period: "2026-01", Dir: dir, Final: true}); m.Status != StatusFinal {
		t.Errorf("status %s", m.Status)
	}
}

func TestFinalFiguresDoNotMove(t *testing.T) {
	dir := t.TempDir()
	req := Request{Period: "2026-01", Dir: dir, Final: true, Formats: []Format{CSV}}
	mustWrite(t, made(), req)
	later := made()
	later.release.Seq, later.release.DataAsOf = 10, "2026-02-03 02:15"
	mustWrite(t, later, req) // same figures from a later release are fine
	later.tables["finance.finance_kpi"][2]["value"] = "0.200000"
	if _, err := Write(context.Background(), later, req); fault.KindOf(err) != fault.Conflict {
		t.Errorf("other figures over a final export: %v", err)
	}
	req.Final = false
	if _, err := Write(context.Background(), made(), req); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a provisional export over a final one: %v", err)
	}
}

func TestSameReleaseSameBytes(t *testing.T) {
	a := mustWrite(t, made(), Request{Period: "2026-01", Dir: t.TempDir()})
	b := mustWrite(t, made(), Request{Period: "2026-01", Dir: t.TempDir()})
	for i := range a.Files {
		if a.Files[i].SHA256 != b.Files[i].SHA256 {
			t.Errorf("%s differs between two exports", a.Files[i].Name)
		}
	}
}

func TestWrongRequestsAreNamed(t *testing.T) {
	for _, req := range []Request{{Period: "2026-1", Dir: "x"}, {Period: "2026-01"}, {Period: "2026-01", Dir: "x", Formats: []Format{"ods"}}, {Period: "2026-01", Dir: "x", Formats: []Format{Parquet}}, {Period: "2031-01", Dir: "x"}} {
		_, err := Write(context.Background(), made(), req)
		if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%+v: %v", req, err)
		}
	}
	if _, err := Write(context.Background(), &fixture{}, Request{Period: "2026-01", Dir: "x"}); !errors.Is(err, ErrNotReleased) {
		t.Errorf("no table: %v", err)
	}
	bad := made()
	bad.tables["finance.finance_kpi"][1]["value"] = "=1+1"
	if _, err := Write(context.Background(), bad, Request{Period: "2026-01", Dir: t.TempDir()}); fault.KindOf(err) != fault.Damaged {
		t.Errorf("a formula in a number column: %v", err)
	}
}

func TestNoTextCellOfACSVStartsAFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[=+\-@\t\r＝＋－＠'a]?[=+\-@a,"\n ]{0,6}`).Draw(t, "text")
		got := safe(text)
		if got != "" && strings.ContainsAny(string([]rune(got)[0]), "=+-@\t\r＝＋－＠") {
			t.Fatalf("%q stays %q", text, got)
		}
		if strings.TrimPrefix(got, "'") != strings.TrimPrefix(text, "'") && got != text {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
