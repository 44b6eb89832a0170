package report

import (
	"bytes"
	_ "embed" // the page is a file
	"fmt"
	"html/template"
	"slices"
	"strings"
)

//go:embed page.html.tmpl
var pageTemplate string

type pageView struct {
	First    Language
	DocTitle string
	Style    template.CSS
	Articles []articleView
}

type articleView struct {
	Lang                    Language
	LangName, PageName      string
	Title, PeriodLine       string
	Final                   bool
	StatusText, VersionText string
	FootLine1, FootLine2    string
	Facts                   []factView
	ReasonsTitle            string
	Reasons                 []string
	Sections                []sectionView
}

type factView struct{ Name, Value, Class string }

type sectionView struct {
	ID, Anchor, Title string
	Decide            bool // the decisions of a meeting have the first page to themselves
	Lead              []string
	Blocks            []blockView
}

type blockView struct {
	Findings []findingView
	Tiles    []tileView
	Table    *tableView
	Figure   *figureView
}

type findingView struct{ Text, Evidence, Owner, Value, Box string }

type tileView struct {
	Name, Value, Verdict, Class string
	Spark                       template.HTML
	Comparisons                 []struct{ Name, Value, Delta string }
}

type tableView struct {
	Title   string
	Columns []struct {
		Text    string
		Numeric bool
	}
	Rows  [][]cellView
	Notes []string
}

type cellView struct{ Text, Class string }

type figureView struct {
	Title string
	SVG   template.HTML
}

// renderHTML writes the whole document as one self-contained page.
func renderHTML(d *document, langs []Language) ([]byte, error) {
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse the page template: %w", err)
	}
	v := pageView{First: langs[0]}
	titles := make([]string, 0, len(langs))
	for _, l := range langs {
		a := articleOf(d, l)
		titles = append(titles, a.Title)
		v.Articles = append(v.Articles, a)
	}
	v.Style = template.CSS(styleOf(v.Articles)) //nolint:gosec // texts are escaped by styleOf
	v.DocTitle = strings.Join(titles, " / ") + " " + d.Period.Name
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "page", v); err != nil {
		return nil, fmt.Errorf("render the page: %w", err)
	}
	return b.Bytes(), nil
}

// renderBody writes the sections alone, which is the part of the page that the content hash covers.
func renderBody(d *document, l Language) ([]byte, error) {
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse the page template: %w", err)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "sections", articleOf(d, l)); err != nil {
		return nil, fmt.Errorf("render the sections: %w", err)
	}
	return b.Bytes(), nil
}

func articleOf(d *document, l Language) articleView {
	h := d.Header
	a := articleView{
		Lang: l, LangName: phrase(l, "language"), PageName: strings.ReplaceAll(string(l), "-", "") + "page",
		Title:      phrase(l, string(d.Kind)+"_title"),
		PeriodLine: fmt.Sprintf("%s (%s – %s)", d.Period.Name, d.Period.start(), d.Period.end()),
		Final:      h.Final, StatusText: phrase(l, "status_"+h.status()), VersionText: versionText(h.Version, l),
		ReasonsTitle: phrase(l, "why_title"),
	}
	for _, r := range h.Reasons {
		a.Reasons = append(a.Reasons, r.print(l))
	}
	hash := h.Hash
	if len(hash) > 16 {
		hash = hash[:16]
	}
	a.Facts = factsOf(d, l)
	a.FootLine1 = fmt.Sprintf("%s %s UTC · %s %d · %s %s", phrase(l, "h_as_of"), h.Facts.DataAsOf, phrase(l, "h_release"), h.Facts.Release, phrase(l, "h_hash"), hash)
	a.FootLine2 = fmt.Sprintf("%s · %s %s · %s · %s", calendarName(h.Facts.Calendar, l), phrase(l, "h_business_date"), ruleText(h.Facts.BusinessDateRule, l), h.Facts.Zone, completenessText(h, l))
	for i, s := range d.Sections {
		if len(s.Blocks) == 0 && len(s.Lead) == 0 {
			continue
		}
		a.Sections = append(a.Sections, sectionOf(s, l, fmt.Sprintf("%s-%d", l, i)))
	}
	if missing := d.notFed(); len(missing) > 0 {
		a.Sections = append(a.Sections, notFedView(missing, l))
		if len(a.Sections) > 1 {
			first := &a.Sections[0]
			first.Lead = append(first.Lead, say("notfed_count", num(count, whole(int64(len(missing))))).print(l))
		}
	}
	return a
}

func (h header) status() string {
	if h.Final {
		return "final"
	}
	return "provisional"
}

func versionText(v int, l Language) string {
	if v == 0 {
		return phrase(l, "h_draft")
	}
	return fmt.Sprintf("v%d", v)
}

func calendarName(c string, l Language) string {
	if c == "gregorian" || c == "" {
		return phrase(l, "calendar_gregorian")
	}
	return c
}

func ruleText(rule string, l Language) string {
	if rule == "" || rule == "00:00" {
		return phrase(l, "h_midnight")
	}
	return rule
}

func completenessText(h header, l Language) string {
	if h.Due.sign() == 0 {
		return phrase(l, "h_compl_none")
	}
	return say("h_compl_text", num(count, h.Due), num(count, h.Received), num(count, h.Locations), num(count, h.Complete), num(percent, h.Received.over(h.Due))).print(l)
}

// factsOf is the header block: where the figures come from and how complete they are.
func factsOf(d *document, l Language) []factView {
	h, f := d.Header, d.Header.Facts
	views := []factView{
		{Name: phrase(l, "h_company"), Value: f.Company},
		{Name: phrase(l, "h_period"), Value: d.Period.start() + " – " + d.Period.end()},
		{Name: phrase(l, "h_as_of"), Value: f.DataAsOf + " UTC"},
		{Name: phrase(l, "h_calendar"), Value: calendarName(f.Calendar, l)},
		{Name: phrase(l, "h_business_date"), Value: ruleText(f.BusinessDateRule, l)},
		{Name: phrase(l, "h_zone"), Value: f.Zone},
		{Name: phrase(l, "h_currency"), Value: f.HomeCurrency},
		{Name: phrase(l, "h_version"), Value: versionText(h.Version, l)},
		{Name: phrase(l, "h_release"), Value: fmt.Sprintf("%d (%.12s)", f.Release, f.ReleaseHash)},
		{Name: phrase(l, "h_completeness"), Value: completenessText(h, l), Class: "wide"},
		{Name: phrase(l, "h_hash"), Value: h.Hash, Class: "wide mono"},
	}
	if limits := coverageText(f.Coverage, l); limits != "" {
		views = slices.Insert(views, len(views)-1, factView{Name: phrase(l, "h_coverage"), Value: limits, Class: "wide"})
	}
	return views
}

// coverageText lists from when on platforms let their records be read.
func coverageText(all []Coverage, l Language) string {
	var parts []string
	for _, c := range all {
		if c.From != "" {
			parts = append(parts, say("h_covers", txt(c.Stream), txt(c.From)).print(l))
		}
		for _, gap := range c.Gaps {
			parts = append(parts, say("why_gap", txt(c.Stream), txt(gap[0]), txt(gap[1])).print(l))
		}
	}
	return strings.Join(parts, "; ")
}

func notFedView(missing []section, l Language) sectionView {
	t := &table{Name: "notfed_title", Columns: []cell{key("c_section"), key("c_needs")}}
	for _, s := range missing {
		t.Rows = append(t.Rows, []cell{say("pair", txt(s.ID), key(s.Title)), txt(strings.Join(s.Needs, ", "))})
	}
	v := sectionOf(section{ID: "–", Title: "notfed_title", Lead: []cell{key("notfed_lead")}, Blocks: []block{{Table: t}}}, l, "")
	v.Anchor = string(l) + "-not-fed"
	return v
}

func sectionOf(s section, l Language, prefix string) sectionView {
	v := sectionView{ID: s.ID, Anchor: string(l) + "-" + s.ID, Title: phrase(l, s.Title), Decide: s.ID == "J3" || s.ID == "S1"}
	for _, c := range s.Lead {
		v.Lead = append(v.Lead, c.print(l))
	}
	for i, b := range s.Blocks {
		bv := blockView{}
		for _, f := range b.Findings {
			value := ""
			if f.Value.Value != "" {
				value = f.Value.print(l)
			}
			bv.Findings = append(bv.Findings, findingView{Text: f.Text.print(l), Evidence: f.Evidence.print(l), Owner: phrase(l, "f_owner") + ": " + f.Owner.print(l), Value: value, Box: phrase(l, "f_decide")})
		}
		for n, t := range b.Tiles {
			bv.Tiles = append(bv.Tiles, tileViewOf(t, l, fmt.Sprintf("s%s-%d-%d", prefix, i, n)))
		}
		if b.Table != nil {
			bv.Table = tableViewOf(b.Table, l)
		}
		if b.Figure != nil {
			bv.Figure = &figureView{Title: b.Figure.Title.print(l), SVG: template.HTML(b.Figure.draw(l).SVG(fmt.Sprintf("f%s-%d", prefix, i)))} //nolint:gosec // made by chart, which escapes its texts
		}
		v.Blocks = append(v.Blocks, bv)
	}
	return v
}

func tileViewOf(t tile, l Language, id string) tileView {
	v := tileView{Name: t.Name.print(l), Value: t.Value.print(l), Verdict: t.Verdict.mark() + " " + phrase(l, string(t.Verdict)), Class: string(t.Verdict)}
	if t.Against != "" {
		v.Verdict = say("verdict_against", txt(v.Verdict), key(t.Against)).print(l)
	}
	for _, c := range t.Comparisons {
		v.Comparisons = append(v.Comparisons, struct{ Name, Value, Delta string }{phrase(l, c.Name), c.Value.print(l), c.Delta.print(l)})
	}
	if len(t.Course) > 2 {
		v.Spark = template.HTML(sparkline(t, l).SVG(id)) //nolint:gosec // made by chart, which escapes its texts
	}
	return v
}

func tableViewOf(t *table, l Language) *tableView {
	v := &tableView{Title: phrase(l, t.Name)}
	for i, c := range t.Columns {
		numeric := len(t.Rows) > 0 && i < len(t.Rows[0]) && t.Rows[0][i].numeric()
		v.Columns = append(v.Columns, struct {
			Text    string
			Numeric bool
		}{c.print(l), numeric})
	}
	for n, row := range t.Rows {
		if t.Long && n == pageRows {
			v.Notes = append(v.Notes, say("n_more", num(count, whole(int64(len(t.Rows)-n)))).print(l))
			break
		}
		line := make([]cellView, 0, len(row))
		for _, c := range row {
			var class []string
			if c.numeric() {
				class = append(class, "n")
			}
			if c.Strong {
				class = append(class, "strong")
			}
			line = append(line, cellView{Text: c.print(l), Class: strings.Join(class, " ")})
		}
		v.Rows = append(v.Rows, line)
	}
	if t.Note != nil {
		v.Notes = append(v.Notes, t.Note.print(l))
	}
	return v
}

// styleOf is the part of the style sheet that depends on the document: the language switch and the margins of
// the printed page, which repeat where the figures come from.
func styleOf(articles []articleView) string {
	var b strings.Builder
	for _, a := range articles {
		fmt.Fprintf(&b, "#lang-%[1]s:not(:checked)~main article[lang=\"%[1]s\"]{display:none}\n", a.Lang)
		fmt.Fprintf(&b, "#lang-%[1]s:checked~nav label[for=\"lang-%[1]s\"]{background:var(--accent);border-color:var(--accent);color:#fff}\n", a.Lang)
		fmt.Fprintf(&b, "#lang-%[1]s:focus-visible~nav label[for=\"lang-%[1]s\"]{outline:3px solid #e0a100}\n", a.Lang)
		fmt.Fprintf(&b, "@media print{article[lang=\"%s\"]{page:%s}}\n@page %s{\n", a.Lang, a.PageName, a.PageName)
		for _, margin := range []struct{ box, text, more string }{
			{"top-left", a.Title + " · " + a.PeriodLine, "font:8pt sans-serif"},
			{"top-right", a.StatusText + " · " + a.VersionText, "font:8pt sans-serif"},
			{"bottom-left", a.FootLine1 + "\n" + a.FootLine2, "font:7pt sans-serif;white-space:pre;text-align:left"},
		} {
			fmt.Fprintf(&b, "@%s{content:%s;color:#5b6673;%s}\n", margin.box, cssString(margin.text), margin.more)
		}
		b.WriteString("@bottom-right{content:counter(page) \" / \" counter(pages);color:#5b6673;font:8pt sans-serif}\n}\n")
	}
	return b.String()
}

// cssString quotes a text for a style sheet; what could end the string or the sheet is written as a code point.
func cssString(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		if r < ' ' || strings.ContainsRune("\"\\<>&'", r) {
			fmt.Fprintf(&b, "\\%06x", r)
			continue
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}
