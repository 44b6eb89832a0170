package profile

import "bytes"

// Fill copies cells down: an empty cell of Columns takes the value of the row above while By stays the same. With
// Starts a row that has text there begins a group, and the rows below it, which have none, belong to it; when the first
// row of a group is refused, the others are too, because nothing says whose they are.
type Fill struct {
	Columns []string `yaml:"columns"`
	By      []string `yaml:"by"`
	Starts  string   `yaml:"starts"`
}

// filling is a Fill bound to a file's header.
type filling struct {
	columns, by []int
	starts      int // -1: groups are told by what stays the same
}

func (f Fill) bind(at map[string]int) filling {
	bound := filling{starts: -1}
	for _, name := range f.Columns {
		bound.columns = append(bound.columns, at[name])
	}
	for _, name := range f.By {
		bound.by = append(bound.by, at[name])
	}
	if f.Starts != "" {
		if bound.starts = at[f.Starts]; bound.starts < 0 {
			bound.columns = nil // nothing tells where a group begins
		}
	}
	return bound
}

// names lists the declared columns that a Fill speaks of.
func (f Fill) names() []string {
	all := append(append([]string{}, f.Columns...), f.By...)
	if f.Starts != "" {
		all = append(all, f.Starts)
	}
	return all
}

// begins tells whether a record is the first of a group that is told by its first row.
func (f *filling) begins(cells [][]byte) bool {
	return f.starts >= 0 && f.starts < len(cells) && len(cells[f.starts]) > 0
}

// fillDown copies cells of the record above into empty ones while the group is the same.
func (w *worker) fillDown(cells [][]byte) {
	same := w.previous != nil && !w.fill.begins(cells)
	for _, i := range w.fill.by {
		same = same && i >= 0 && i < len(cells) && i < len(w.previous) && bytes.Equal(cells[i], w.previous[i])
	}
	for _, i := range w.fill.columns {
		if same && i >= 0 && i < len(cells) && i < len(w.previous) && len(cells[i]) == 0 {
			cells[i] = w.previous[i]
		}
	}
	kept := make([][]byte, len(cells))
	for i := range cells {
		kept[i] = bytes.Clone(cells[i])
	}
	w.previous = kept
}
