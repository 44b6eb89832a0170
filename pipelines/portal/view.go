package portal

import (
	"cmp"
	"html/template"
	"slices"

	"github.com/omoflow/omoflow/internal/access/gate"
)

// page is what every page knows.
type page struct {
	speaker
	CSS     template.CSS
	Title   string // message key
	Path    string // of the page, for the language switch
	Visitor gate.Visitor
	Other   []choice // languages
}

// choice is a language to switch to.
type choice struct {
	Code, Name string
	Chosen     bool
}

// statusPage is the page at /.
type statusPage struct {
	page
	Held   held
	Tiles  []tile
	Days   []string // of the matrix
	Tables []matrixTable
	Hidden int  // complete locations that are not listed
	All    bool // everything was asked for
	Feeds  []feedLine
	Jobs   []jobLine
	Recent []group
}

// tile is a figure at the top with its verdict, and the section that explains it.
type tile struct {
	To, Name, Value, Note string
	Verdict               string // ok, look, bad or unknown
}

const (
	good    = "ok"
	look    = "look"
	bad     = "bad"
	unknown = "unknown"
)

// mostRows is how many rows of the matrix are listed before the complete ones are left out.
const mostRows = 60

func (h held) absent(section string) bool { return slices.Contains(h.Absent, section) }

// Absent tells the template whether a section could not be read.
func (p statusPage) Absent(section string) bool { return p.Held.absent(section) }

// newStatusPage works out what the page at / shows.
func newStatusPage(base page, h held, all bool) statusPage {
	p := statusPage{page: base, Held: h, All: all, Feeds: feedLines(h.Feeds), Jobs: jobLines(h.Jobs), Recent: groups(h.Documents, recentVersions)}
	p.Days, p.Tables, p.Hidden = matrixTables(h.Cells, all)
	p.Tiles = []tile{p.releaseTile(), p.missingTile(), p.quarantineTile(), p.checksTile(), p.jobsTile()}
	return p
}

func (p statusPage) releaseTile() tile {
	t := tile{To: "checks", Name: p.T("tile.release"), Value: p.T("tile.release_none"), Verdict: look}
	if p.Held.Release > 0 {
		t.Value, t.Verdict = p.Number(p.Held.Release), good
	}
	t.Note = p.T("tile.pending_none")
	if p.Held.Pending > 0 {
		t.Note, t.Verdict = p.Count("tile.pending", p.Held.Pending), look
	}
	return t
}

func (p statusPage) missingTile() tile {
	t := tile{To: "matrix", Name: p.T("tile.missing"), Value: "–", Verdict: unknown}
	if p.Held.absent(Matrix) || len(p.Held.Cells) == 0 {
		return t
	}
	var due, missing int64
	days := map[string]bool{}
	for _, c := range p.Held.Cells {
		days[c.Date] = true
		if c.State != "unexpected" {
			due++
		}
		if c.State == "missing" {
			missing++
		}
	}
	t.Value, t.Verdict = p.Number(missing), good
	t.Note = p.T("tile.missing_of", p.Number(due), len(days))
	if missing > 0 {
		t.Verdict = bad
	}
	return t
}

func (p statusPage) quarantineTile() tile {
	var rows, files int64
	for _, f := range p.Held.Feeds {
		rows += f.Quarantined
		files += f.Refused
	}
	t := tile{To: "feeds", Name: p.T("tile.quarantine"), Value: p.Number(rows), Note: p.T("tile.refused_none"), Verdict: good}
	if files > 0 {
		t.Note = p.Count("tile.refused", files)
	}
	if rows+files > 0 {
		t.Verdict = look
	}
	return t
}

func (p statusPage) checksTile() tile {
	t := tile{To: "checks", Name: p.T("tile.checks"), Value: "–", Verdict: unknown}
	if p.Held.Release == 0 {
		return t
	}
	t.Value, t.Note, t.Verdict = p.Number(int64(len(p.Held.Checks))), p.T("tile.checks_of", p.Held.Release), good
	for _, c := range p.Held.Checks {
		if t.Verdict == good {
			t.Verdict = look
		}
		if c.Severity == "block" || c.Severity == "error" {
			t.Verdict = bad
		}
	}
	return t
}

func (p statusPage) jobsTile() tile {
	t := tile{To: "jobs", Name: p.T("tile.jobs"), Value: "–", Verdict: unknown}
	if p.Held.absent(Jobs) {
		return t
	}
	var trouble int64
	for _, j := range p.Jobs {
		if j.Trouble {
			trouble++
		}
	}
	t.Value, t.Note, t.Verdict = p.Number(trouble), p.T("tile.jobs_of", len(p.Jobs)), good
	if trouble > 0 {
		t.Verdict = bad
	}
	return t
}

// jobLine is a job with whether somebody must look after it.
type jobLine struct {
	Job
	Trouble bool
}

func jobLines(jobs []Job) []jobLine {
	var lines []jobLine
	for _, j := range jobs {
		lines = append(lines, jobLine{j, j.Status == "retry" || j.Outcome == "failed" || j.Outcome == "missed"})
	}
	return lines
}

// feedLine is a feed with whether somebody should look at it.
type feedLine struct {
	Feed
	Name string
	Look bool
}

func feedLines(feeds []Feed) []feedLine {
	var lines []feedLine
	for _, f := range feeds {
		lines = append(lines, feedLine{f, f.Source + "/" + f.Feed, f.Quarantined+f.Refused > 0})
	}
	return lines
}

// matrixTable is the part of the matrix that is about one feed: locations down, days across.
type matrixTable struct {
	Feed string
	Rows []matrixRow
}

type matrixRow struct {
	Location string
	Cells    []Cell // one for each day; without a state where nothing was due
}

// matrixTables arranges the cells. When there are many rows and not all are asked for, complete ones are only counted.
func matrixTables(cells []Cell, all bool) (days []string, tables []matrixTable, hidden int) {
	cells = slices.Clone(cells)
	slices.SortStableFunc(cells, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Feed, b.Feed), cmp.Compare(a.Location, b.Location), cmp.Compare(a.Date, b.Date))
	})
	for _, c := range cells {
		days = append(days, c.Date)
	}
	slices.Sort(days)
	days = slices.Compact(days)
	rows := 0
	for len(cells) > 0 {
		first := cells[0]
		n := slices.IndexFunc(cells, func(c Cell) bool { return c.Source != first.Source || c.Feed != first.Feed })
		if n < 0 {
			n = len(cells)
		}
		table := matrixTable{first.Source + "/" + first.Feed, arrange(cells[:n], days)}
		rows += len(table.Rows)
		tables, cells = append(tables, table), cells[n:]
	}
	if rows <= mostRows || all {
		return days, tables, 0
	}
	kept := tables[:0]
	for _, table := range tables {
		before := len(table.Rows)
		table.Rows = slices.DeleteFunc(table.Rows, complete)
		hidden += before - len(table.Rows)
		if len(table.Rows) > 0 {
			kept = append(kept, table)
		}
	}
	return days, kept, hidden
}

// arrange makes the rows of one feed's cells, which are sorted by location and date.
func arrange(cells []Cell, days []string) (rows []matrixRow) {
	for _, c := range cells {
		if n := len(rows); n == 0 || rows[n-1].Location != c.Location {
			rows = append(rows, matrixRow{Location: c.Location, Cells: make([]Cell, len(days))})
		}
		day, _ := slices.BinarySearch(days, c.Date)
		rows[len(rows)-1].Cells[day] = c
	}
	return rows
}

// Columns is how many columns the matrix has.
func (p statusPage) Columns() int { return 1 + len(p.Days) }

func complete(r matrixRow) bool {
	return !slices.ContainsFunc(r.Cells, func(c Cell) bool { return c.State != "" && c.State != "received" })
}

// States lists the states of the key in the order of their gravity.
func (statusPage) States() []string {
	return []string{"received", "late", "missing", "awaited", "unexpected"}
}

// Hidden64 is how many complete locations are not listed.
func (p statusPage) Hidden64() int64 { return int64(p.Hidden) }

// groupView is a group of documents with the means to write it.
type groupView struct {
	speaker
	Group group
}

// In gives a group to the template that draws it.
func (s speaker) In(g group) groupView { return groupView{s, g} }
