package export

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/omoflow/omoflow/internal/fault"
)

// ManifestName is the name of the manifest in the export directory.
const ManifestName = "manifest.json"

// Manifest proves an export. It is written last; an export without it is not complete.
type Manifest struct {
	Format       int            `json:"format"`
	Period       string         `json:"period"`
	Status       string         `json:"status"`
	Company      string         `json:"company"`
	HomeCurrency string         `json:"home_currency"`
	Release      int64          `json:"release"`
	ReleaseHash  string         `json:"release_hash"`
	DataAsOf     string         `json:"data_as_of"`
	RowCount     int64          `json:"row_count"`
	ContentHash  string         `json:"content_hash"` // over the row hashes; release and time left out
	Columns      []string       `json:"columns"`
	EmptyColumns []string       `json:"empty_columns"` // columns the release carries nothing for yet
	Sums         []Sum          `json:"sums"`
	TieOuts      []TieOut       `json:"tie_outs"`
	CarryForward CarryForward   `json:"carry_forward"`
	Files        []ManifestFile `json:"files"`
}

// Sum is the control sum of one measure: every row of the files counts, whatever its level.
type Sum struct {
	KPI         string `json:"kpi_id"`
	Basis       string `json:"basis"`
	Currency    string `json:"currency_code"`
	Rows        int64  `json:"rows"`
	Numerator   string `json:"numerator"`
	Denominator string `json:"denominator"`
	Value       string `json:"value"`
}

// TieOut is one comparison of our figure with another book's.
type TieOut struct {
	Control    string `json:"control"`
	Left       string `json:"left_amount"`
	Right      string `json:"right_amount"`
	Difference string `json:"difference_amount"`
	Tolerance  string `json:"tolerance_amount"`
	Tied       bool   `json:"is_tied"`
	Blocking   bool   `json:"is_blocking"` // must tie before the export is final; others differ by timing
}

// CarryForward says what the release holds of the period before, and how that differs from what was exported.
type CarryForward struct {
	Period   string `json:"period"`
	Rows     int64  `json:"row_count"`
	Sums     []Sum  `json:"sums"`
	Compared bool   `json:"compared"` // a manifest of that period was given
	Moved    []Sum  `json:"moved"`    // sums as they were exported that the release no longer agrees with
}

// ManifestFile is one written file.
type ManifestFile struct {
	Name   string `json:"name"`
	Format Format `json:"format"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// manifest describes the dataset before any file is written.
func (d *dataset) manifest(req Request) Manifest {
	m := Manifest{
		Format: 1, Period: req.Period, Status: StatusProvisional, Company: d.release.Company, HomeCurrency: d.release.HomeCurrency, Release: d.release.Seq, ReleaseHash: d.release.Hash, DataAsOf: d.release.DataAsOf,
		RowCount: int64(len(d.rows)), TieOuts: d.ties, EmptyColumns: []string{}, Files: []ManifestFile{},
	}
	if m.TieOuts == nil {
		m.TieOuts = []TieOut{}
	}
	if req.Final {
		m.Status = StatusFinal
	}
	h := sha256.New()
	rows := make([]map[string]string, 0, len(d.rows))
	used := map[string]bool{}
	for _, line := range d.rows {
		row := map[string]string{}
		for i, c := range d.columns {
			if line[i].ok {
				row[c.name] = line[i].text
				used[c.name] = true
			}
		}
		rows = append(rows, row)
		fmt.Fprintln(h, row["row_hash"])
	}
	m.ContentHash = hex.EncodeToString(h.Sum(nil))
	for _, c := range d.columns {
		m.Columns = append(m.Columns, c.name)
		if !used[c.name] {
			m.EmptyColumns = append(m.EmptyColumns, c.name)
		}
	}
	m.Sums = sums(rows)
	_, before, _ := month(req.Period)
	m.CarryForward = CarryForward{Period: before, Rows: int64(len(d.previous)), Sums: sums(d.previous), Moved: []Sum{}}
	if p := req.Previous; p != nil && p.Period == before {
		m.CarryForward.Compared = true
		m.CarryForward.Moved = moved(p.Sums, m.CarryForward.Sums)
	}
	return m
}

// sums adds every measure up, exactly.
func sums(rows []map[string]string) []Sum {
	type total struct {
		rows    int64
		amounts [3]apd.Decimal
	}
	wide := apd.BaseContext.WithPrecision(60)
	totals := map[[3]string]*total{}
	for _, row := range rows {
		k := [3]string{row["kpi_id"], row["basis"], row["currency_code"]}
		if totals[k] == nil {
			totals[k] = &total{}
		}
		t := totals[k]
		t.rows++
		for i, name := range []string{"numerator", "denominator", "value"} {
			n, _, err := apd.NewFromString(row[name])
			if err != nil {
				continue // null: it adds nothing, and the row count tells
			}
			// The error can only be a lost digit, which 60 digits exclude for sums of DECIMAL(38,6).
			_, _ = wide.Add(&t.amounts[i], &t.amounts[i], n)
		}
	}
	keys := slices.SortedFunc(maps.Keys(totals), func(a, b [3]string) int { return slices.Compare(a[:], b[:]) })
	list := make([]Sum, 0, len(keys))
	for _, k := range keys {
		t := totals[k]
		list = append(list, Sum{KPI: k[0], Basis: k[1], Currency: k[2], Rows: t.rows, Numerator: t.amounts[0].Text('f'), Denominator: t.amounts[1].Text('f'), Value: t.amounts[2].Text('f')})
	}
	return list
}

// moved gives the sums that were exported and are not what they are now.
func moved(exported, now []Sum) []Sum {
	list := []Sum{}
	for _, was := range exported {
		if !slices.Contains(now, was) {
			list = append(list, was)
		}
	}
	return list
}

// mayBeFinal refuses figures that no other book agrees with.
func (m Manifest) mayBeFinal() error {
	if len(m.TieOuts) == 0 {
		return fault.New(fault.Findings, "no_tie_out", m.Period, "load the figures of another book, or export without final", "there is no tie-out, so nothing proves the figures")
	}
	var failed []string
	for _, t := range m.TieOuts {
		if !t.Tied && t.Blocking {
			failed = append(failed, fmt.Sprintf("%s differs by %s (tolerance %s)", t.Control, t.Difference, t.Tolerance))
		}
	}
	if len(failed) > 0 {
		return fault.New(fault.Findings, "tie_out_failed", m.Period, "clear the difference, or export without final", "%d of %d tie-outs fail: %s", len(failed), len(m.TieOuts), strings.Join(failed, "; "))
	}
	return nil
}

// keepFinal refuses to write over a final export that holds other figures.
func keepFinal(dir string, m Manifest) error {
	there, err := ReadManifest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if there.Status != StatusFinal || there.Period == m.Period && there.ContentHash == m.ContentHash && m.Status == StatusFinal {
		return nil
	}
	return fault.New(fault.Conflict, "final_exists", filepath.Join(dir, ManifestName), "write to another directory; figures that are closed are restated, not replaced", "the directory holds the final export of %s", there.Period)
}

// ReadManifest reads the manifest of an export directory; fs.ErrNotExist when there is none.
func ReadManifest(dir string) (Manifest, error) {
	var m Manifest
	name := filepath.Join(dir, ManifestName)
	text, err := os.ReadFile(name)
	if err != nil {
		return m, fmt.Errorf("read the manifest: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fault.Wrap(err, fault.Damaged, "export_manifest", name, "write the export to another directory", "the manifest cannot be read")
	}
	return m, nil
}
