package report

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/omoflow/omoflow/internal/fault"
)

func week() Request    { return Request{Kind: JointMeeting, Period: "2026-W13", Version: 1} }
func quarter() Request { return Request{Kind: Quarterly, Period: "2026-Q1", Version: 1} }

func mustRender(t *testing.T, src Source, req Request) Artifacts {
	t.Helper()
	a, err := Render(context.Background(), src, req)
	if err != nil {
		t.Fatalf("render %s %s: %v", req.Kind, req.Period, err)
	}
	if dir := os.Getenv("OMOFLOW_KEEP_DOCUMENTS"); dir != "" {
		name := filepath.Join(dir, string(req.Kind)+"-"+t.Name())
		if err := os.WriteFile(name+".html", a.HTML, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name+".xlsx", a.XLSX, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func TestPackShowsEverySection(t *testing.T) {
	a := mustRender(t, madeWeek(), week())
	page := string(a.HTML)
	for _, want := range []string{
		"联席会议材料", "Joint-meeting pack", "2026-W13 (2026-03-23 – 2026-03-29)", "11 of 12 locations complete", "12 个门店中 11 个齐全",
		"provisional", "2 of 84 expected deliveries are missing", "Move", "Net sales ex-tax", "CNY 4.82M", "CNY 482.1万", "✗ worse vs Target", "✓ 改善（对去年同期）", "n/a", "无数据",
		"traffic × conversion", "Correct 43 records in quarantine", "policy_event", "feedback", "promotion", "v1", `<svg viewBox=`, "@page zhCNpage", `id="lang-en"`,
	} {
		if want == "Move" {
			want = "Transfer stock for 214 pairs"
		}
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if got := strings.Join(a.NotFed, " "); got != "J2 J7 J9 J11" {
		t.Errorf("not fed: %s", got)
	}
	if a.Status != "provisional" {
		t.Errorf("status %s", a.Status)
	}
}

func TestAssessmentShowsEverySection(t *testing.T) {
	a := mustRender(t, madeQuarter(), quarter())
	page := string(a.HTML)
	for _, want := range []string{"季度评估报告", "Goals and verdicts", "Origin by fulfilment", "Shipped from store", "Margin by category", "Cohorts by first purchase", "Stock counts", "market_index", "unknown_sku"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if got := strings.Join(a.NotFed, " "); got != "Q3 Q7 Q8 Q10" {
		t.Errorf("not fed: %s", got)
	}
}

func TestNothingFromOutsideAndNothingUntranslated(t *testing.T) {
	for _, a := range []Artifacts{mustRender(t, madeWeek(), week()), mustRender(t, madeQuarter(), quarter()), mustRender(t, madeMonth(), month())} {
		page := string(a.HTML)
		for _, bad := range []string{"http://", "https://", "<script", "@import", "url(", missingPhrase, "ZgotmplZ", "NaN", "Infinity"} {
			if bad == "http://" {
				page = strings.ReplaceAll(page, "=HYPERLINK(&#34;http://x&#34;)", "")
			}
			if strings.Contains(page, bad) {
				i := strings.Index(page, bad)
				t.Errorf("%s: the page holds %q: …%s…", a.Kind, bad, page[max(0, i-60):min(len(page), i+60)])
			}
		}
	}
}

func TestCatalogueIsCompleteInBothLanguages(t *testing.T) {
	all, err := catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for k, phrases := range all {
		for _, l := range []Language{Chinese, English} {
			if phrases[l] == "" {
				t.Errorf("%s has no %s text", k, l)
			}
		}
		for _, hole := range []string{"{0}", "{1}", "{2}", "{3}"} {
			if strings.Contains(phrases[Chinese], hole) != strings.Contains(phrases[English], hole) {
				if !strings.HasPrefix(k, "eg_") {
					t.Errorf("%s fills %s in one language only", k, hole)
				}
			}
		}
	}
	for _, id := range []string{"J1", "J2", "J3", "J4", "J5", "J6", "J7", "J8", "J9", "J10", "J11", "J12", "Q1", "Q12", "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10"} {
		if _, ok := all[strings.ToLower(id)+"_title"]; !ok {
			t.Errorf("section %s has no title", id)
		}
	}
}

func TestSameReleaseSameBytesAndHash(t *testing.T) {
	first, again := mustRender(t, madeWeek(), week()), mustRender(t, madeWeek(), week())
	if !bytes.Equal(first.HTML, again.HTML) || !bytes.Equal(first.XLSX, again.XLSX) || !bytes.Equal(first.Facts, again.Facts) {
		t.Error("two renderings of one release differ")
	}
	later := madeWeek()
	later.facts.Release, later.facts.ReleaseHash, later.facts.DataAsOf = 18, "00ff", "2026-04-02 02:15"
	req := week()
	req.Version = 2
	if got := mustRender(t, later, req); got.ContentHash != first.ContentHash {
		t.Error("the release number and the version changed the content hash")
	}
	changed := madeWeek()
	changed.tables["joint_meeting.scoreboard"][0]["value"] = "0.01"
	for _, row := range changed.tables["joint_meeting.scoreboard"] {
		if row["kpi_id"] == "net_sales" && row["period_start"] == "2026-03-23" {
			row["value"] = "4821350.26"
		}
	}
	if got := mustRender(t, changed, week()); got.ContentHash == first.ContentHash {
		t.Error("another figure did not change the content hash")
	}
}

func TestFinalOnlyWhenComplete(t *testing.T) {
	f := madeWeek()
	for _, d := range f.tables["joint_meeting.completeness"] {
		d["received_qty"], d["missing_qty"] = "7", "0"
	}
	if a := mustRender(t, f, week()); a.Status != "final" {
		t.Errorf("a complete week is %s", a.Status)
	}
	f.facts.LastBusinessDate = "2026-03-28"
	if a := mustRender(t, f, week()); a.Status != "provisional" || !strings.Contains(string(a.HTML), "data reach to 2026-03-28") {
		t.Errorf("a week that is not over is %s", a.Status)
	}
}

func TestEmptyReleaseStillTellsWhatIsMissing(t *testing.T) {
	a := mustRender(t, &fixture{facts: Facts{Company: "x"}}, week())
	if a.Status != "provisional" || len(a.NotFed) < 10 || !strings.Contains(string(a.HTML), "there are no figures for this period") {
		t.Errorf("an empty release gives %s, not fed %v", a.Status, a.NotFed)
	}
	if _, err := excelize.OpenReader(bytes.NewReader(a.XLSX)); err != nil {
		t.Errorf("the workbook cannot be opened: %v", err)
	}
}

func TestWrongRequestsAreNamed(t *testing.T) {
	for _, req := range []Request{
		{Kind: "weekly", Period: "2026-01"}, {Kind: JointMeeting, Period: "2026-Q1"}, {Kind: Quarterly, Period: "2026-01"}, {Kind: JointMeeting, Period: "2026-13"},
		{Kind: JointMeeting, Period: "2025-W53"}, {Kind: JointMeeting, Period: "january"}, {Kind: JointMeeting, Period: "2026-01", Languages: []Language{"fr"}},
	} {
		_, err := Render(context.Background(), madeWeek(), req)
		if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%v: %v", req, err)
		}
	}
}

func TestWorkbookHasTypedCellsAndNoFormula(t *testing.T) {
	a := mustRender(t, madeWeek(), week())
	f, err := excelize.OpenReader(bytes.NewReader(a.XLSX))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	numeric, found := 0, false
	for _, sheet := range f.GetSheetList() {
		if len([]rune(sheet)) > 31 {
			t.Errorf("sheet name too long: %s", sheet)
		}
		rows, err := f.GetRows(sheet, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		for r, row := range rows {
			for c, text := range row {
				at, _ := excelize.CoordinatesToCellName(c+1, r+1)
				if formula, _ := f.GetCellFormula(sheet, at); formula != "" {
					t.Errorf("%s!%s is a formula: %s", sheet, at, formula)
				}
				found = found || strings.HasPrefix(text, "=HYPERLINK")
				if kind, _ := f.GetCellType(sheet, at); kind == excelize.CellTypeUnset || kind == excelize.CellTypeNumber {
					if parse(text).ok {
						numeric++
					}
				}
				if strings.Contains(text, missingPhrase) {
					t.Errorf("%s!%s is not translated: %s", sheet, at, text)
				}
			}
		}
	}
	if numeric < 300 {
		t.Errorf("only %d numeric cells", numeric)
	}
	if !found {
		t.Error("the text that looks like a formula is lost")
	}
	value, err := f.GetCellValue("J4 记分板 - Scoreboard", "C4", excelize.Options{RawCellValue: true})
	if err != nil || value != "4821350.25" {
		t.Errorf("net sales in the workbook: %q, %v; sheets %v", value, err, f.GetSheetList())
	}
}

func TestOneLanguageOnly(t *testing.T) {
	req := week()
	req.Languages = []Language{English}
	page := string(mustRender(t, madeWeek(), req).HTML)
	if strings.Contains(page, "需要决定的事项") || strings.Contains(page, `<nav class="lang"`) {
		t.Error("an English document holds Chinese text or a switch")
	}
}

func TestChartsCarryTheirValues(t *testing.T) {
	a := mustRender(t, madeWeek(), week())
	r, err := zip.NewReader(bytes.NewReader(a.XLSX), int64(len(a.XLSX)))
	if err != nil {
		t.Fatal(err)
	}
	charts := 0
	for _, f := range r.File {
		if !strings.HasPrefix(f.Name, "xl/charts/chart") {
			continue
		}
		charts++
		content, err := readPart(f)
		if err != nil {
			t.Fatal(err)
		}
		// Viewers without a formula engine draw from the cache alone.
		if !bytes.Contains(content, []byte("<v>4512208.10</v>")) && !bytes.Contains(content, []byte("<v>4390001.00</v>")) {
			t.Errorf("%s has no cached values: %.300s", f.Name, content)
		}
	}
	if charts != 2 {
		t.Errorf("%d charts", charts)
	}
}

func TestAPartIsNotComparedWithAWholeInSilence(t *testing.T) {
	f := madeWeek()
	for _, p := range f.tables["joint_meeting.period"] {
		if p["period_start"] == "2026-03-16" {
			p["day_qty"] = "4"
		}
	}
	if page := string(mustRender(t, f, week()).HTML); !strings.Contains(page, "Previous: 4 days with data against 7 in this period") {
		t.Error("a comparison with four days is silent")
	}
	if page := string(mustRender(t, madeWeek(), week()).HTML); strings.Contains(page, "days with data against") {
		t.Error("a whole week is called a part")
	}
}

// What a platform hides stands in the header of every document, and makes those provisional that would have needed it.
func TestWhatCannotBeReadIsTold(t *testing.T) {
	render := func(coverage ...Coverage) Artifacts {
		f := madeWeek()
		f.facts.Coverage = coverage
		return mustRender(t, f, week())
	}
	all, hidden := render(), render(Coverage{Stream: "shop.orders", From: "2099-01-01"})
	before, gap := render(Coverage{Stream: "shop.orders", From: "2001-01-01"}), render(Coverage{Stream: "shop.orders", Gaps: [][2]string{{"2001-01-01", "2099-01-01"}}})
	for name, c := range map[string]struct {
		a    Artifacts
		text string
		same bool // status as without
	}{
		"hidden": {hidden, "shop.orders can only be read from 2099-01-01 on: what is older is missing, not zero", false},
		"before": {before, "shop.orders from 2001-01-01 on", true},
		"gap":    {gap, "of shop.orders something between 2001-01-01 and 2099-01-01 could not be read", false},
	} {
		if !strings.Contains(string(c.a.HTML), c.text) || c.a.ContentHash == all.ContentHash || !c.same && c.a.Status != "provisional" || c.same && c.a.Status != all.Status {
			t.Errorf("%s: status %s (%s without), the text is there: %v", name, c.a.Status, all.Status, strings.Contains(string(c.a.HTML), c.text))
		}
	}
}
