package transforms

import (
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
)

// undatedSuffix ends the name of a model that is made by undated: true.
const undatedSuffix = "_undated"

// undatedFile is the path under which a file of its own would take the place of the model that undated: true makes.
func undatedFile(file string) string {
	return strings.TrimSuffix(file, ".sql") + undatedSuffix + ".sql"
}

// withoutDates makes the model that undated: true in the header of m asks for: the same SQL over the rows that no partition
// of m holds, because they carry no date.
func (m *Model) withoutDates() (*Model, error) {
	wrong := func(hint, format string, args ...any) error {
		return fault.New(fault.Usage, "bad_undated", m.File, hint, format, args...)
	}
	if m.IsCheck() || !m.Part.timed() || len(m.Inputs) != 1 || m.Inputs[0].Kind != Same || !strings.HasPrefix(m.Inputs[0].Name, "staged.") {
		return nil, wrong("remove it, or write "+undatedFile(m.File)+" with kind: full", "undated: true is for a model partitioned by time whose only input is a staged stream, seen as same")
	}
	if never := "not_null(" + m.Part.Column + ")"; slices.ContainsFunc(m.Checks, func(check string) bool { return strings.ReplaceAll(check, " ", "") == never }) {
		return nil, wrong("remove the check; a row of a partition always has a date", "undated: true and the check %s contradict each other", never)
	}
	twin := *m
	twin.Name, twin.base, twin.undated = m.Name+undatedSuffix, m, false
	twin.About = strings.TrimSuffix(m.About, ".") + ", of rows that carry no date."
	twin.Part = Partitioning{}
	twin.Inputs = []Input{{Name: m.Inputs[0].Name, Kind: Undated}}
	return &twin, nil
}

// where names the file of a model, for messages, and of a derived one also which model it is.
func (m *Model) where() string { return m.named(m.File) }

func (m *Model) named(place string) string {
	if m.base == nil {
		return place
	}
	return place + " (as " + m.Name + ")"
}

// repeats tells whether a model only repeats another of the project, so that what is wrong with its text is told there. The
// base is another model when a later tree replaced its file without asking for the rows that carry no date.
func (p *Project) repeats(m *Model) bool { return m.base != nil && p.byName[m.base.Name] == m.base }
