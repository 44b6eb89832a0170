package profile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
)

func detect(t *testing.T, data string) Detection {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export.csv")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Detect(context.Background(), path, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := Parse("draft.yaml", []byte(d.Draft("export"))); err != nil {
		t.Fatalf("the draft does not compile: %v\n%s", err, d.Draft("export"))
	} else if _, err := p.Compile(nil); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDetectTellsHowAnExportIsWritten(t *testing.T) {
	d := detect(t, "Verkäufe\n\nBelegnummer;Datum;Artikel;Menge;Betrag;Typ\n"+
		"0001;13.02.2026;Brot;2;3,50 €;Verkauf\n0002;14.02.2026;Milch;-1;-1.249,00 €;Storno\n0003;01.03.2026;Ei;1;0,25 €;Verkauf\n")
	if d.Layout.Delimiter != ";" || d.Layout.HeaderLine != 3 || d.Records != 3 || !d.Whole {
		t.Errorf("%+v", d.Layout)
	}
	if d.Dates.Value != "dmy" || !strings.Contains(d.Dates.Evidence, "13.02.2026") || d.Decimal.Value != "," || len(d.Currencies) != 1 || d.Currencies[0] != "€" {
		t.Errorf("%+v %+v %v", d.Dates, d.Decimal, d.Currencies)
	}
	if d.Columns[0].Kind != "code" || d.Columns[1].Kind != "date" || d.Columns[4].Kind != "number" {
		t.Errorf("%+v", d.Columns)
	}
	if signs := strings.Join(d.Signs, "\n"); !strings.Contains(signs, "Menge is negative in 1 of 3") || !strings.Contains(signs, "every record with Typ = Storno") {
		t.Error(signs)
	}
	draft := d.Draft("Kasse Süd")
	for _, want := range []string{"profile: kasse-s-d", "back: \"lower(txt(type)) IN ('storno')\"", "order: dmy", `decimal: ","`, "refund_line:"} {
		if !strings.Contains(draft, want) {
			t.Errorf("the draft lacks %q:\n%s", want, draft)
		}
	}
}

func TestDetectNamesTheShippedProfile(t *testing.T) {
	text, err := simplifiedchinese.GB18030.NewEncoder().String("销售明细表\n\n行,款台,收款员,销售日期,销售时间,小票号,序号,商品码,商品名称,条形码,数量,售价,成交价,售价金额,销售金额,进价,折扣率,销售模式\n1,99,102.收银员,2010-9-7,16:12:27,9900000984,1,10002,核桃,10002,1,20,20,20.00,20.00,13.200,1,零售\n")
	if err != nil {
		t.Fatal(err)
	}
	d := detect(t, text)
	if d.Layout.Encoding != encGB18030 || len(d.Candidates) == 0 || d.Candidates[0].Profile != "cn-back-office" {
		t.Errorf("%+v %+v", d.Layout, d.Candidates)
	}
}

func TestDetectSaysWhatItCannotKnow(t *testing.T) {
	d := detect(t, "a,b,when\n6.9E+12,1,01/02/2026\n6.91E+12,2,03/04/2026\n")
	if d.Dates.Value != "unknown" || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "lost their digits") {
		t.Errorf("%+v %v", d.Dates, d.Notes)
	}
	if d = detect(t, "1,2,3\n4,5,6\n"); d.Layout.HeaderLine != 0 || len(d.Columns) != 3 || d.Records != 2 {
		t.Errorf("a file without a header: %+v", d.Layout)
	}
	if d = detect(t, `{"rows":[{"sku":"A","stock":3,"at":{"store":"S1"}},{"sku":"B","stock":4}]}`); d.Layout.Format != "jsonl" || d.Records != 2 || len(d.Columns) != 3 {
		t.Errorf("JSON: %+v", d)
	}
}

func TestDetectRefusesWhatNobodyCanRead(t *testing.T) {
	for name, data := range map[string]string{"empty": "", "no records": "[]", "scalars": "[1,2]", "broken": `{"a":`} {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		var refused *RefusedFile
		if _, err := Detect(context.Background(), path, Limits{}); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDraftsOfRealExportsCompile looks at one file of every kind in the public datasets.
func TestDraftsOfRealExportsCompile(t *testing.T) {
	root := os.Getenv("OMOFLOW_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared")
	}
	files, kinds := 0, map[string]int{}
	err := filepath.WalkDir(filepath.Join(root, "data"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".csv" {
			return err
		}
		if dir := filepath.Base(filepath.Dir(path)); kinds[dir] >= 4 {
			return nil
		}
		kinds[filepath.Base(filepath.Dir(path))]++
		d, err := Detect(context.Background(), path, Limits{})
		var refused *RefusedFile
		if errors.As(err, &refused) && refused.Code == "empty_file" {
			return nil
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		files++
		if _, err := Parse("draft.yaml", []byte(d.Draft("x"))); err != nil {
			t.Errorf("%s: %v\n%s", path, err, d.Draft("x"))
		}
		return nil
	})
	if err != nil {
		t.Skipf("the datasets are not here: %v", err)
	}
	if files < 30 {
		t.Errorf("%d files", files)
	}
}
