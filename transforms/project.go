// Package transforms makes tables: it reads models, orders them, builds the partitions whose inputs changed, checks the
// candidate and publishes it as one release.
//
// A partition is a pure function of the rows its model declares to see and of the model's SQL. Its fingerprint is the
// hash of both, so that an unchanged one is reused, and an output with unchanged bytes ends the rebuild there.
package transforms

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/sql"
)

// Project is a set of models and checks that fit together.
type Project struct {
	Models []*Model // inputs before the models that read them; equals in name order
	Checks []*Model // in name order
	byName map[string]*Model
}

// Shipped gives the tree of models that come with omoflow.
func Shipped() fs.FS { return sql.Files }

// parsed is what a file says: a model or what is wrong with it.
type parsed struct {
	model *Model
	err   error
}

// Load reads every .sql file of the trees. A file of a later tree replaces one of the same path. A model whose header says
// undated: true stands for a second file beside it, of the same name with _undated. All faults found are returned together,
// each of kind Usage with its file.
func Load(trees ...fs.FS) (*Project, error) {
	found := map[string]parsed{}
	for _, tree := range trees {
		own, err := parseTree(tree)
		if err != nil {
			return nil, fault.Wrap(err, fault.Usage, "models_unreadable", "models", "correct models: in omoflow.yaml", "the models cannot be read")
		}
		maps.Copy(found, own)
	}
	p := &Project{byName: map[string]*Model{}}
	var faults []error
	for _, file := range slices.Sorted(maps.Keys(found)) {
		m, err := found[file].model, found[file].err
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if other, taken := p.byName[m.Name]; taken {
			faults = append(faults, fault.New(fault.Usage, "name_taken", m.where(), "rename one of the files", "%s also defines %s", other.where(), m.Name))
			continue
		}
		p.byName[m.Name] = m
		if m.IsCheck() {
			p.Checks = append(p.Checks, m)
		}
	}
	if len(faults) > 0 {
		return nil, joinFaults(faults)
	}
	for _, name := range slices.Sorted(maps.Keys(p.byName)) {
		if m := p.byName[name]; !p.repeats(m) {
			faults = append(faults, p.verify(m)...)
		}
	}
	if len(faults) > 0 {
		return nil, joinFaults(faults)
	}
	return p, p.order()
}

// parseTree reads the files of one tree, by path. A model made by undated: true goes by the path that a file of its own would
// have, so that a file of a later tree takes its place; two ways to make it in one tree leave open which is meant.
func parseTree(tree fs.FS) (map[string]parsed, error) {
	found := map[string]parsed{}
	err := fs.WalkDir(tree, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".sql") {
			return err
		}
		text, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		m, wrong := parseModel(file, string(text))
		found[file] = parsed{model: m, err: wrong}
		return nil
	})
	for _, file := range slices.Sorted(maps.Keys(found)) {
		m := found[file].model
		if m == nil || !m.undated {
			continue
		}
		twin, wrong := m.withoutDates()
		at := undatedFile(file)
		if _, taken := found[at]; taken && wrong == nil {
			wrong = fault.New(fault.Usage, "name_taken", at, "remove the file, or undated: true from "+file, "undated: true in the header of %s makes %s too", file, twin.Name)
		}
		found[at] = parsed{model: twin, err: wrong}
	}
	return found, err
}

// Model finds a model or check by name.
func (p *Project) Model(name string) (*Model, bool) {
	m, ok := p.byName[name]
	return m, ok
}

// verify checks what can be told without the engine: inputs exist, kinds fit, checks are known.
func (p *Project) verify(m *Model) []error {
	var faults []error
	wrong := func(code, hint, format string, args ...any) {
		faults = append(faults, fault.New(fault.Usage, code, m.where(), hint, format, args...))
	}
	for _, input := range m.Inputs {
		part, ok := p.partitioning(input.Name)
		if !ok {
			hint := "inputs are models, staged.<stream>, system.file, system.expectation and system.count_policy"
			if name, undated := strings.CutSuffix(input.Name, undatedSuffix); undated && p.byName[name] != nil {
				hint = "write undated: true in the header of " + p.byName[name].File + ", or a model of this name"
			} else if near := fault.Nearest(input.Name, p.inputNames()); near != "" {
				hint = "did you mean " + near + "?"
			}
			wrong("unknown_input", hint, "there is no input %q", input.Name)
			continue
		}
		if problem := fits(m, input, part); problem != "" {
			wrong("bad_input", "declare the input as all, or change the partition", "input %s: %s", input.Name, problem)
		}
	}
	for _, text := range m.Checks {
		if _, _, err := builtIn(m, text); err != nil && p.checkFile(text) == nil {
			wrong("unknown_check", "built in are unique_grain, not_null(column) and accepted(column, values...); others are files below checks/", "there is no check %q", text)
		}
	}
	ids := map[int]string{}
	for name := range m.Columns {
		if other, taken := ids[fieldID(name)]; taken {
			wrong("field_id", "rename one of the columns", "columns %s and %s have the same field id", name, other)
		}
		ids[fieldID(name)] = name
	}
	return faults
}

// fits tells why an input of the given partitioning cannot be seen the declared way; "" when it can.
func fits(m *Model, input Input, part Partitioning) string {
	self := input.Name == m.Name
	switch input.Kind {
	case Previous, PreviousAll:
		if !self || !m.Part.timed() {
			return "previous is for a model's own earlier partitions, and the model must be partitioned by time"
		}
		if len(m.Columns) == 0 {
			return "a model that reads itself declares its columns with types"
		}
	case Same, Window:
		if self {
			return "a model sees of itself only previous partitions"
		}
		if input.Kind == Window && !m.Part.timed() {
			return "window(n) needs a model partitioned by time"
		}
		if m.Part.Unit == "" {
			return ""
		}
		dated := strings.HasPrefix(input.Name, "staged.") && part.timed() // its rows are told by their date, whatever the unit
		if m.Part.Unit == "bucket" && part.Unit != "bucket" || m.Part.timed() && !dated && (!part.timed() || rank(part.Unit) > rank(m.Part.Unit)) {
			return fmt.Sprintf("its partitions (%s) do not lie inside those of the model (%s)", orFull(part), orFull(m.Part))
		}
	case Repeated:
		if !m.IsCheck() || m.Part.Unit != "" || len(m.Inputs) != 1 || strings.Contains(input.Name, "staged.") {
			return "repeated is for a check without a partition whose only input is a table"
		}
	case Key:
		if m.Part.Unit != "bucket" {
			return "key(column) is for models of kind key"
		}
	}
	if self && input.Kind != Previous && input.Kind != PreviousAll {
		return "a model sees of itself only previous partitions"
	}
	return ""
}

func orFull(p Partitioning) string {
	if p.Unit == "" {
		return "full"
	}
	return p.String()
}

// partitioning tells how an input is cut; ok is false when there is no such input.
func (p *Project) partitioning(name string) (Partitioning, bool) {
	if stream, staged := strings.CutPrefix(name, "staged."); staged {
		s, ok := retail.StreamNamed(stream)
		if ok && s.Dated {
			return Partitioning{Unit: "month", Column: "business_date"}, true
		}
		return Partitioning{}, ok
	}
	if strings.HasPrefix(name, "system.") {
		_, ok := systemColumns(name)
		return Partitioning{}, ok
	}
	m, ok := p.byName[name]
	if !ok || m.IsCheck() {
		return Partitioning{}, false
	}
	return m.Part, true
}

func (p *Project) inputNames() []string {
	names := append([]string{"system.file"}, configured()...)
	for _, stream := range retail.StreamNames() {
		names = append(names, "staged."+stream)
	}
	for name, m := range p.byName {
		if !m.IsCheck() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// checkFile finds a check by its short name.
func (p *Project) checkFile(name string) *Model {
	for _, check := range p.Checks {
		if check.Name == name || check.Name == "check."+name || strings.HasSuffix(check.Name, "."+name) {
			return check
		}
	}
	return nil
}

// order sorts the models so that inputs come first. A cycle is a Usage fault that names its path.
func (p *Project) order() error {
	const visiting, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(m *Model) error
	visit = func(m *Model) error {
		switch state[m.Name] {
		case done:
			return nil
		case visiting:
			start := slices.Index(path, m.Name)
			return fault.New(fault.Usage, "cycle", m.where(), "break the cycle, or read the own table as previous", "models read each other in a circle: %s", strings.Join(append(path[start:], m.Name), " -> "))
		}
		state[m.Name] = visiting
		path = append(path, m.Name)
		for _, input := range m.Inputs {
			if next, ok := p.byName[input.Name]; ok && next != m {
				if err := visit(next); err != nil {
					return err
				}
			}
		}
		path = path[:len(path)-1]
		state[m.Name] = done
		if !m.IsCheck() {
			p.Models = append(p.Models, m)
		}
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(p.byName)) {
		if err := visit(p.byName[name]); err != nil {
			return err
		}
	}
	return nil
}

// fieldID gives the Parquet field id of a column: a pure function of its name, so that an id never depends on history and
// is never given to another column.
func fieldID(column string) int {
	sum := sha256.Sum256([]byte(column))
	return 1 + (int(sum[0])<<16|int(sum[1])<<8|int(sum[2]))<<6 | int(sum[3])>>2
}

// digest hashes parts so that ("a", "bc") and ("ab", "c") differ.
func digest(parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(hash, "%d:%s\n", len(part), part)
	}
	return hex.EncodeToString(hash.Sum(nil))
}
