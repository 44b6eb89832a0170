package profile

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Detection is what a look at a file found out, for someone who has no profile for it yet.
type Detection struct {
	Layout     Layout      `json:"layout"`
	Sheets     []string    `json:"sheets,omitempty"` // of a workbook; hidden ones in brackets
	Records    int64       `json:"records"`          // looked at
	Whole      bool        `json:"whole"`            // these are all that the file has
	Columns    []Facts     `json:"columns"`
	Dates      Reading     `json:"date_order"`
	Decimal    Reading     `json:"decimal_mark"`
	Signs      []string    `json:"signs"` // what is negative, and which word goes with it
	Currencies []string    `json:"currencies"`
	Candidates []Candidate `json:"candidates"` // shipped profiles that read the file, best first
	Notes      []string    `json:"notes,omitempty"`
}

// Reading is a decision with what it rests on.
type Reading struct {
	Value    string `json:"value"`
	Evidence string `json:"evidence"`
}

// Candidate is a shipped profile whose mandatory columns the file has.
type Candidate struct {
	Profile string `json:"profile"`
	About   string `json:"about"`
	Found   int    `json:"columns_found"`
	Of      int    `json:"columns_declared"`
	Unused  int    `json:"columns_unused"` // of the file
}

// detectRecords bounds how many records are looked at.
const detectRecords = 20_000

// Detect looks at a file: how it is written, what its columns hold, and which shipped profile reads it. A file that no
// profile could read is a *RefusedFile.
func Detect(ctx context.Context, path string, limits Limits) (Detection, error) {
	d, err := look(ctx, path, limits)
	if err == nil {
		d.candidates(path, limits)
	}
	return d, err
}

// look is Detect without the shipped profiles.
func look(ctx context.Context, path string, limits Limits) (Detection, error) {
	var d Detection
	probe, err := d.layout(path, limits)
	if err != nil {
		return d, err
	}
	src, layout, _, err := (&Plan{Profile: probe}).open(File{Path: path, Limits: limits}, d.Layout.Encoding)
	if err != nil {
		return d, plainRefusal(err)
	}
	defer src.Close() //nolint:errcheck // only read
	d.Layout = layout
	facts := newFacts(layout.Header)
	for d.Records < detectRecords {
		if err := ctx.Err(); err != nil {
			return d, err
		}
		c, err := src.next()
		if err == io.EOF {
			d.Whole = true
			break
		} else if err != nil {
			return d, plainRefusal(err)
		}
		if i := invalidAt(c.data, layout.Encoding); i >= 0 {
			return d, newInvalid(c, i, layout.Encoding).refusal()
		}
		c.each(layout, func(r row) {
			if d.Records++; !blank(r.cells) {
				facts.see(r)
			}
		})
	}
	facts.tell(&d)
	return d, nil
}

// plainRefusal gives invalid bytes as the refusal that they lead to.
func plainRefusal(err error) error {
	var invalid *invalidBytes
	if errors.As(err, &invalid) {
		return invalid.refusal()
	}
	return err
}

// layout finds encoding, delimiter and header, and gives a profile that declares just these columns.
func (d *Detection) layout(path string, limits Limits) (*Profile, error) {
	o, err := openPath(path, limits)
	if err != nil {
		return nil, err
	}
	defer o.Close() //nolint:errcheck // only read
	probe := &Profile{Name: "probe", Attributes: "none"}
	probe.defaults()
	if o.xlsx != nil {
		return probe, d.workbook(o, probe)
	}
	sample, err := o.Peek(min(sampleBytes, o.Reader.Size()))
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(sample) == 0 {
		return nil, refuse("empty_file", "deliver the file again if it should hold records", "the file is empty")
	}
	name, bom := detectEncoding(sample, "auto")
	d.Layout = Layout{Format: "csv", Encoding: name}
	object := looksJSON(sample[bom:], name)
	if _, err := o.Discard(bom); err != nil {
		return nil, err
	}
	if object {
		return probe, d.document(o, probe)
	}
	text := make([]byte, sampleBytes)
	n, err := io.ReadFull(decoded(o, name), text)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	whole := n < len(text)
	if text = text[:n]; strings.IndexByte(string(text), '\n') < 0 {
		replaceCR(text)
	}
	delimiter, header, found := guessHeader(text, whole)
	if !found {
		d.Notes = append(d.Notes, "no row looks like a header: the columns are numbered, write their names under header.names")
		probe.Header.Names = header
	}
	probe.Delimiter = string(delimiter)
	if delimiter == '\t' {
		probe.Delimiter = "tab"
	}
	d.Layout.Header = header
	probe.declare(header)
	return probe, nil
}

// document finds the records of a JSON file and the paths of their values.
func (d *Detection) document(r io.Reader, probe *Profile) error {
	probe.Format = "jsonl"
	decoder := json.NewDecoder(io.LimitReader(r, 64<<20))
	decoder.UseNumber()
	var records []any
	for len(records) < 100 {
		var value any
		if err := decoder.Decode(&value); err == io.EOF {
			break
		} else if err != nil {
			return refuse("bad_json", "deliver the file again, whole", "is not JSON: %v", err)
		}
		if list, ok := value.([]any); ok {
			records = append(records, list...)
			continue
		}
		records = append(records, value)
	}
	if len(records) == 0 {
		return refuse("empty_file", "deliver the file again if it should hold records", "the file holds no record")
	}
	if object, ok := records[0].(map[string]any); ok && len(records) == 1 {
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if list, ok := object[key].([]any); ok && len(list) > 0 && probe.Records == "" {
				if _, ok := list[0].(map[string]any); ok {
					probe.Records, records = key, list
				}
			}
		}
	}
	paths := (&jsonSource{profile: probe}).parser()
	for _, record := range records[:min(len(records), 100)] {
		if object, ok := record.(map[string]any); ok {
			raw, err := json.Marshal(object)
			if err != nil {
				return err
			}
			paths.flatten("", raw, false)
		}
	}
	d.Layout = Layout{Format: "jsonl", Encoding: encUTF8, Delimiter: probe.Records}
	probe.declare(slices.Sorted(maps.Keys(paths.fields)))
	if len(paths.fields) == 0 {
		return refuse("bad_json", "deliver one JSON object per record", "the file holds no JSON objects")
	}
	return nil
}

// declare makes a column of every header name.
func (p *Profile) declare(header []string) {
	p.Columns = map[string]Column{}
	for i, name := range header {
		if strings.TrimSpace(name) != "" {
			p.Columns[fmt.Sprintf("c%d", i)] = Column{From: []string{name}, Optional: true}
		}
	}
}

// guessHeader finds the delimiter that cuts most rows alike and the first row of that width that only names things.
func guessHeader(text []byte, whole bool) (delimiter byte, header []string, found bool) {
	best := 0
	var rows []sampledRow
	width := 0
	for _, d := range delimiters {
		cut := sampleRows(text, d, 200, whole)
		counts := map[int]int{}
		for _, r := range cut {
			counts[len(r.cells)]++
		}
		for w, n := range counts {
			if rate := n * min(w, 12); w > 1 && (rate > best || rate == best && w > width) {
				best, delimiter, rows, width = rate, d, cut, w
			}
		}
	}
	if best == 0 {
		delimiter, rows, width = ',', sampleRows(text, ',', 200, whole), 1
	}
	cells := make([][]string, len(rows))
	for i, r := range rows {
		cells[i] = r.cells
	}
	if i := headerRow(cells, width); i >= 0 {
		return delimiter, cells[i], true
	}
	for i := range width {
		header = append(header, fmt.Sprintf("column %d", i+1))
	}
	return delimiter, header, false
}

// headerRow finds the row that names the columns: as wide as the table, all different words, no value among them.
func headerRow(rows [][]string, width int) int {
	for i, row := range rows {
		if i == 60 {
			break
		}
		named, seen := 0, map[string]bool{}
		for _, cell := range row {
			if cell == "" {
				continue
			}
			if seen[foldName(cell)] || looksLikeValue(cell) {
				named = -1
				break
			}
			seen[foldName(cell)] = true
			named++
		}
		if named > 0 && named*4 >= width*3 && len(row) <= width+1 && (named > 1 || width == 1) {
			return i
		}
	}
	return -1
}

// looksLikeValue tells a number, a date or a code from a name.
func looksLikeValue(cell string) bool {
	var e Evidence
	if _, _, why := number(nil, []byte(cell), '.', 20, 6, &e); why == nil {
		return true
	}
	if _, why := (dates{order: orderMDY}).parse([]byte(cell), &e); why == nil {
		return true
	}
	return len([]rune(cell)) > 64 || strings.ContainsAny(cell, "@\n")
}

// workbook finds the sheet and the header of a workbook.
func (d *Detection) workbook(o *opened, probe *Profile) error {
	s := &sheetSource{opened: o}
	part, err := s.findSheet("")
	if err != nil {
		return err
	}
	d.Sheets = s.sheets
	if err := s.readStyles(); err != nil {
		return err
	}
	if err := s.readShared(); err != nil {
		return err
	}
	entry, err := o.part(part)
	if err != nil {
		return err
	}
	o.close = append(o.close, entry.Close)
	s.decoder = xml.NewDecoder(entry)
	var rows [][]string
	counts := map[int]int{}
	for len(rows) < 200 {
		r, err := s.row()
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		cells := texts(r.cells)
		for len(cells) > 0 && cells[len(cells)-1] == "" {
			cells = cells[:len(cells)-1]
		}
		rows = append(rows, cells)
		counts[len(cells)]++
	}
	if len(rows) == 0 {
		return refuse("empty_file", "name the right sheet: in the profile", "the first visible sheet is empty; the workbook has %s", quoted(s.sheets, ", "))
	}
	width := 0
	for w := range counts {
		width = max(width, w)
	}
	d.Layout = Layout{Format: "xlsx", Encoding: encUTF8}
	if i := headerRow(rows, width); i >= 0 {
		d.Layout.Header = rows[i]
	} else {
		for i := range width {
			d.Layout.Header = append(d.Layout.Header, fmt.Sprintf("column %d", i+1))
		}
		probe.Header.Names = d.Layout.Header
		d.Notes = append(d.Notes, "no row looks like a header: the columns are numbered, write their names under header.names")
	}
	probe.declare(d.Layout.Header)
	return nil
}

// candidates tries the shipped profiles: those whose mandatory columns are there, by how much of the file they name.
func (d *Detection) candidates(path string, limits Limits) {
	for _, name := range ShippedNames() {
		p, err := Shipped(name)
		if err != nil || p.Format == "jsonl" {
			continue
		}
		src, layout, at, err := (&Plan{Profile: p}).open(File{Path: path, Limits: limits}, p.Encoding)
		if err != nil {
			continue
		}
		_ = src.Close() // only read
		c := Candidate{Profile: name, About: p.About, Of: len(at)}
		used := map[int]bool{}
		for _, i := range at {
			if i >= 0 {
				used[i] = true
			}
		}
		for i, cell := range layout.Header {
			if cell != "" && !used[i] {
				c.Unused++
			}
		}
		if c.Found = len(used); c.Found > 1 || c.Unused == 0 {
			d.Candidates = append(d.Candidates, c)
		}
	}
	slices.SortStableFunc(d.Candidates, func(a, b Candidate) int {
		if a.Found != b.Found {
			return b.Found - a.Found
		}
		return a.Of - b.Of
	})
}
