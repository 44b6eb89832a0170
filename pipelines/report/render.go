package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/omoflow/omoflow/internal/fault"
)

// Render makes a document from one mounted release. Wrong kinds and periods are fault.Usage. A period without
// figures still renders, as provisional and saying so.
func Render(ctx context.Context, src Source, req Request) (Artifacts, error) {
	doc, err := prepare(ctx, src, req)
	if err != nil {
		return Artifacts{}, err
	}
	return doc.render(req)
}

// prepare composes a document and computes its content hash.
func prepare(ctx context.Context, src Source, req Request) (*document, error) {
	if _, err := catalogue(); err != nil {
		return nil, err
	}
	for _, l := range req.Languages {
		if l != Chinese && l != English {
			return nil, fault.New(fault.Usage, "unknown_language", string(l), "the languages are zh-CN and en", "there is no such language in the catalogue")
		}
	}
	doc, err := compose(ctx, src, req)
	if err != nil {
		return nil, err
	}
	doc.Header.Hash, err = doc.contentHash()
	return doc, err
}

func (d *document) render(req Request) (Artifacts, error) {
	langs := req.languages()
	a := Artifacts{Kind: d.Kind, Period: d.Period.Name, Version: d.Header.Version, Status: d.Header.status(), ContentHash: d.Header.Hash}
	var err error
	if a.HTML, err = renderHTML(d, langs); err != nil {
		return a, err
	}
	if a.XLSX, err = renderXLSX(d, langs); err != nil {
		return a, err
	}
	if a.Facts, err = d.facts(); err != nil {
		return a, err
	}
	for _, s := range d.notFed() {
		a.NotFed = append(a.NotFed, s.ID)
	}
	return a, nil
}

// languages gives the languages asked for, both when none is.
func (r Request) languages() []Language {
	if len(r.Languages) == 0 {
		return []Language{Chinese, English}
	}
	return r.Languages
}

// contentHash covers the figures, the texts of both languages and what the header judges. Version, release and
// the time of the last delivery are left out, so that a release that changes nothing makes no new version.
func (d *document) contentHash() (string, error) {
	h := sha256.New()
	head := d.Header
	fmt.Fprintf(h, "%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n", d.Kind, d.Period.Name, head.status(), head.Facts.Company, head.Facts.HomeCurrency, head.Facts.Zone, head.Facts.Calendar, head.Facts.BusinessDateRule)
	for _, l := range []Language{Chinese, English} {
		fmt.Fprintln(h, completenessText(head, l))
		if limits := coverageText(head.Facts.Coverage, l); limits != "" {
			fmt.Fprintln(h, limits)
		}
		for _, r := range head.Reasons {
			fmt.Fprintln(h, r.print(l))
		}
		body, err := renderBody(d, l)
		if err != nil {
			return "", err
		}
		h.Write(body)
	}
	facts, err := d.facts()
	if err != nil {
		return "", err
	}
	h.Write(facts)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// facts gives every table row of the document as one line of JSON with exact values, in page order.
func (d *document) facts() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, t := range d.tables() {
		for i, row := range t.table.Rows {
			line := struct {
				Section string   `json:"section"`
				Table   string   `json:"table"`
				Row     int      `json:"row"`
				Values  []string `json:"values"`
			}{t.section, t.table.Name, i + 1, nil}
			for _, c := range row {
				if c.numeric() {
					line.Values = append(line.Values, c.Value)
				} else {
					line.Values = append(line.Values, c.print(English))
				}
			}
			if err := enc.Encode(line); err != nil {
				return nil, fmt.Errorf("write facts: %w", err)
			}
		}
	}
	return b.Bytes(), nil
}

// placed is a table with the section it stands in.
type placed struct {
	section string
	table   *table
}

// tables gives every table of the document; findings and tiles become tables too.
func (d *document) tables() []placed {
	var list []placed
	for _, s := range d.Sections {
		for _, b := range s.Blocks {
			switch {
			case len(b.Findings) > 0:
				list = append(list, placed{s.ID, findingsTable(b.Findings)})
			case len(b.Tiles) > 0:
				list = append(list, placed{s.ID, tilesTable(b.Tiles)})
			case b.Table != nil:
				list = append(list, placed{s.ID, b.Table})
			}
		}
	}
	return list
}

func findingsTable(list []finding) *table {
	t := &table{Name: "t_decisions", Columns: []cell{key("c_decision"), key("c_evidence"), key("f_owner"), key("c_stake")}}
	for _, f := range list {
		value := f.Value
		value.Kind = money
		t.Rows = append(t.Rows, []cell{f.Text, f.Evidence, f.Owner, value})
	}
	return t
}

func tilesTable(list []tile) *table {
	t := &table{Name: "t_scoreboard", Columns: []cell{key("c_kpi"), key("c_id"), key("c_value"), key("cmp_target"), key("cmp_last_year"), key("cmp_previous"), key("c_verdict")}}
	for _, one := range list {
		row := []cell{one.Name, txt(one.About), flat(one.Value)}
		for _, want := range []string{"cmp_target", "cmp_last_year", "cmp_previous"} {
			c := num(decimal, number{})
			for _, have := range one.Comparisons {
				if have.Name == want {
					c = flat(have.Value)
				}
			}
			row = append(row, c)
		}
		t.Rows = append(t.Rows, append(row, say("marked", txt(one.Verdict.mark()), key(string(one.Verdict)))))
	}
	return t
}

// flat undoes the shortening that a page needs and a workbook does not.
func flat(c cell) cell {
	if c.Kind == compactMoney {
		c.Kind = money
	}
	return c
}
