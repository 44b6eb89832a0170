package profile

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/omoflow/omoflow/internal/fault"
)

// Layout is what was found out about a file before its records are read.
type Layout struct {
	Format     string // csv, xlsx, jsonl
	Encoding   string
	Delimiter  string // CSV: the character; XLSX: the sheet's part; JSON: path of the records ; exploded arrays
	HeaderLine int64  // 0: the file has no header row
	Header     []string
}

// fold makes header names comparable: width, case and white space do not matter.
func foldName(s string) string {
	s = norm.NFKC.String(strings.Trim(s, "\ufeff\u200b"))
	return strings.ToLower(strings.Join(strings.Fields(s), " "))
}

// columnsOf maps every declared column to its place in the header, -1 when it is absent.
func (p *Profile) columnsOf(header []string) map[string]int {
	at := make(map[string]int, len(header))
	for i, name := range header {
		if folded := foldName(name); folded != "" {
			if _, taken := at[folded]; !taken {
				at[folded] = i
			}
		}
	}
	found := make(map[string]int, len(p.Columns))
	for name, c := range p.Columns {
		found[name] = -1
		for _, from := range c.From {
			if i, ok := at[foldName(from)]; ok {
				found[name] = i
				break
			}
		}
	}
	for i, name := range p.Detail {
		found[name] = len(header) + i
	}
	return found
}

// score counts the declared columns that a row names; a row that names none is no header.
func (p *Profile) score(row []string) int {
	n := 0
	if len(p.Columns) == 0 { // the profile takes any table: its first row of names is the header
		for _, cell := range row {
			n += boolInt(cell != "")
		}
		return n
	}
	for _, i := range p.columnsOf(row) {
		if i >= 0 && i < len(row) {
			n++
		}
	}
	return n
}

// missing refuses a header that lacks a column, naming what the file has.
func (p *Profile) missing(header []string) *RefusedFile {
	at := p.columnsOf(header)
	for _, name := range slices.Sorted(maps.Keys(at)) {
		if c := p.Columns[name]; at[name] < 0 && !c.Optional {
			hint := "correct columns." + name + " in the profile, mark it optional: true, or deliver the right file"
			if near := fault.Nearest(c.From[0], header); near != "" {
				hint = fmt.Sprintf("did you mean %q? ", near) + hint
			}
			return refuse("unknown_layout", hint, "profile %s expects column %s, the file has %s", p.Name, quoted(c.From, " or "), quoted(header, ", "))
		}
	}
	return nil
}

func quoted(names []string, separator string) string {
	var out []string
	for _, name := range names {
		if len(out) == 100 {
			return strings.Join(append(out, "..."), separator)
		}
		out = append(out, strconv.Quote(name))
	}
	return strings.Join(out, separator)
}

// sampledRow is a row near the beginning of a file.
type sampledRow struct {
	cells []string
	line  int64 // of its beginning
	after int   // offset behind it
	next  int64 // line behind it
}

// sampleRows cuts the first rows of text.
func sampleRows(text []byte, delimiter byte, limit int, whole bool) []sampledRow {
	var rows []sampledRow
	var cells [][]byte
	line := int64(1)
	for at := 0; at < len(text) && len(rows) < limit; {
		n := recordEnd(text[at:], delimiter)
		if n < 0 {
			if !whole {
				break
			}
			n = len(text) - at
		}
		record := text[at : at+n]
		var knife cutter
		cells = knife.cut(cells[:0], bytes.TrimSuffix(record, []byte("\n")), delimiter)
		row := sampledRow{line: line, after: at + n, next: line + int64(bytes.Count(record, []byte("\n")))}
		for _, c := range cells {
			row.cells = append(row.cells, string(c))
		}
		rows = append(rows, row)
		at, line = row.after, row.next
	}
	return rows
}

var delimiters = []byte{',', ';', '\t', '|'}

// findHeader picks delimiter and header row: the pair that names most declared columns.
func (p *Profile) findHeader(text []byte, whole bool) (delimiter byte, header sampledRow, why *RefusedFile) {
	candidates := delimiters
	switch {
	case p.Delimiter == "tab":
		candidates = []byte{'\t'}
	case p.Delimiter != "auto":
		candidates = []byte{p.Delimiter[0]}
	}
	best, width := 0, 0
	var seen []string
	for _, d := range candidates {
		for _, row := range sampleRows(text, d, p.Header.SearchRows, whole) {
			if len(p.Header.Names) > 0 {
				if n := agreement(len(row.cells), len(p.Header.Names)); n > best {
					best, delimiter = n, d
				}
				continue
			}
			if len(row.cells) > width {
				width, seen = len(row.cells), row.cells
			}
			if n := p.score(row.cells); n > best {
				best, delimiter, header = n, d, row
			}
			if len(p.Columns) == 0 && best > 0 && !allBlank(row.cells) {
				break
			}
		}
	}
	if len(p.Header.Names) > 0 {
		if best == 0 {
			delimiter = candidates[0]
		}
		return delimiter, sampledRow{cells: p.Header.Names, next: 1}, p.missing(p.Header.Names)
	}
	if best == 0 && len(seen) == 0 && !whole {
		return 0, header, refuse("record_too_long", "check that this is a table of the feed: no export has rows like this", "the first row does not end within %d bytes", len(text))
	}
	if best == 0 {
		return 0, header, refuse("no_header", "check that this is the right feed for the file, or correct columns in the profile",
			"no row of the first %d names a column of profile %s; the widest has %s", p.Header.SearchRows, p.Name, quoted(seen, ", "))
	}
	return delimiter, header, p.missing(header.cells)
}

func allBlank(cells []string) bool {
	return strings.Join(cells, "") == ""
}

// agreement rates a row of a file without a header.
func agreement(cells, names int) int {
	if cells == names {
		return 3
	}
	return boolInt(cells > 1)
}

// unique makes header names distinct, as keys of attributes.
func unique(header []string) []string {
	seen := map[string]int{}
	out := slices.Clone(header)
	for i, name := range out {
		seen[name]++
		if n := seen[name]; n > 1 {
			out[i] = fmt.Sprintf("%s (%d)", name, n)
		}
	}
	return out
}
