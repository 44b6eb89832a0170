package profile

import "bytes"

// A report may print, below a record, a second header and the record's lines under it, indented. Profile.Detail names the
// columns of that header. Each line then is a record of its own that also holds the cells of the record above it.

// section is where a worker stands in such a report.
type section struct {
	master [][]byte    // cells of the record above
	places map[int]int // cell of a line -> place among the detail columns; nil: no second header was seen
}

// secondHeader maps the cells of a row to the detail columns that they name; nil: the row is no second header.
func (b *binding) secondHeader(cells [][]byte) map[int]int {
	places := map[int]int{}
	for i, name := range b.plan.Profile.Detail {
		for _, from := range b.plan.Profile.Columns[name].From {
			for j, cell := range cells {
				if foldName(string(cell)) == foldName(from) {
					places[j] = i
				}
			}
		}
	}
	if len(places) < 2 || len(places)*2 < len(b.plan.Profile.Detail) {
		return nil
	}
	return places
}

// within gives the cells of a record with room for the detail columns; skip: it is a second header.
func (w *worker) within(r row) (cells [][]byte, skip bool) {
	if places := w.secondHeader(r.cells); places != nil {
		w.section.places = places
		return nil, true
	}
	width := len(w.header)
	cells = make([][]byte, width+len(w.plan.Profile.Detail))
	indented := len(r.cells) > 0 && len(r.cells[0]) == 0 || len(r.raw) > 0 && (r.raw[0] == ' ' || r.raw[0] == '\t')
	if w.section.places != nil && w.section.master != nil && indented {
		copy(cells, w.section.master)
		for from, to := range w.section.places {
			if from < len(r.cells) {
				cells[width+to] = r.cells[from]
			}
		}
		return cells, false
	}
	w.section.master = make([][]byte, width)
	for i := range min(width, len(r.cells)) {
		w.section.master[i] = bytes.Clone(r.cells[i])
	}
	copy(cells, w.section.master)
	return cells, false
}
