package transforms

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/strictyaml"
)

// header is what a model file declares about itself, as written.
type header struct {
	About     string            `yaml:"about"`
	Owner     string            `yaml:"owner"`
	Kind      string            `yaml:"kind"`
	Grain     []string          `yaml:"grain"`
	Partition string            `yaml:"partition"`
	Buckets   int               `yaml:"buckets"`
	Inputs    map[string]string `yaml:"inputs"`
	Columns   map[string]Column `yaml:"columns"`
	Checks    []string          `yaml:"checks"`
	Since     string            `yaml:"since"`
	Builder   string            `yaml:"builder"`
	Undated   bool              `yaml:"undated"`
	Severity  string            `yaml:"severity"`
	Allow     map[string]string `yaml:"allow"`
}

// Column is what a header says of one column.
type Column struct {
	Type  string `yaml:"type"`
	Unit  string `yaml:"unit"`
	About string `yaml:"about"`
	PII   bool   `yaml:"pii"`
}

// Model is one table or check: its declaration and its SQL.
type Model struct {
	Name     string // "sales.order", "stg_order"; of a check "check.<area>.<name>"
	File     string // path in its tree, for messages; two models have one when its header says undated: true
	About    string
	Owner    string
	Grain    []string
	Columns  map[string]Column
	Checks   []string
	Severity string            // of a check: block or warn
	Builder  string            // "identity" or ""
	Allow    map[string]string // lint rule -> why it may be broken here
	Inputs   []Input
	Part     Partitioning

	body     string // SQL after the header, templates unexpanded
	bodyLine int    // line of the file on which body begins
	undated  bool   // a second model holds the rows that carry no date
	base     *Model // of a model that undated: true makes: the one whose header says so
}

// IsCheck tells whether the model is a check, which makes no table.
func (m *Model) IsCheck() bool { return strings.HasPrefix(m.Name, "check.") }

// Input is one declared input and what a partition sees of it.
type Input struct {
	Name string
	Kind InputKind
	N    int    // of window(n)
	Col  string // of key(col)
}

// InputKind tells which rows of an input a partition sees.
type InputKind string

// The kinds of input.
const (
	Same        InputKind = "same"          // the input's partitions inside this one
	Previous    InputKind = "previous"      // the model's own partition before this one
	PreviousAll InputKind = "previous(all)" // all of the model's own partitions before this one
	Window      InputKind = "window"        // the input's partitions inside this one and the n before it
	Key         InputKind = "key"           // all rows whose bucket(col) is this one
	All         InputKind = "all"           // everything
	Undated     InputKind = "undated"       // rows of a staged stream that carry no business date
	Repeated    InputKind = "repeated"      // of a check: everything, but the check is asked only when two rows may share their grain
)

var (
	headerPattern = regexp.MustCompile(`(?s)^\s*/\*(.*?)\*/`)
	callPattern   = regexp.MustCompile(`^([a-z]+)(?:\(([^)]*)\))?$`)
)

// parseModel reads one file. Every error is a fault of kind Usage that names file and line.
func parseModel(file, text string) (*Model, error) {
	match := headerPattern.FindStringSubmatchIndex(text)
	if match == nil {
		return nil, fault.New(fault.Usage, "no_header", file+":1", "begin the file with /* about: ... */", "the model has no header")
	}
	var h header
	firstLine := 1 + strings.Count(text[:match[2]], "\n")
	if err := strictyaml.Decode(file, firstLine, []byte(text[match[2]:match[3]]), &h); err != nil {
		return nil, err
	}
	m := &Model{
		Name: modelName(file), File: file, About: h.About, Owner: h.Owner, Grain: h.Grain, Columns: h.Columns, Checks: h.Checks,
		Severity: h.Severity, Builder: h.Builder, Allow: h.Allow, undated: h.Undated, body: text[match[1]:], bodyLine: 1 + strings.Count(text[:match[1]], "\n"),
	}
	wrong := func(code, hint, format string, args ...any) error {
		return fault.New(fault.Usage, code, file+":"+strconv.Itoa(firstLine), hint, format, args...)
	}
	var err error
	if m.Part, err = parsePartitioning(h.Kind, h.Partition, h.Buckets); err != nil && (!m.IsCheck() || h.Kind != "") {
		return nil, wrong("bad_partition", "kind is full, partition or key; partition is month(col), quarter(col), year(col), day(col) or bucket(col, 1)", "%v", err)
	}
	for name, kind := range h.Inputs {
		input, err := parseInput(name, kind)
		if err != nil {
			return nil, wrong("bad_input", "use same, previous, previous(all), window(n), key(col), all or undated, in checks also repeated", "input %s: %v", name, err)
		}
		m.Inputs = append(m.Inputs, input)
	}
	slices.SortFunc(m.Inputs, func(a, b Input) int { return strings.Compare(a.Name, b.Name) })
	switch {
	case h.About == "":
		return nil, wrong("no_about", "add about: one sentence on what a row is", "the header does not say what the model is about")
	case m.IsCheck() && m.Severity != "block" && m.Severity != "warn":
		return nil, wrong("bad_severity", "severity is block or warn", "severity is %q", m.Severity)
	case !m.IsCheck() && len(m.Grain) == 0:
		return nil, wrong("no_grain", "add grain: [columns that identify a row]", "the header does not name the grain")
	case m.Builder != "" && m.Builder != "identity":
		return nil, wrong("bad_builder", "the only builder is identity", "builder is %q", m.Builder)
	}
	return m, nil
}

// modelName derives a table's name from its path: staging and intermediate models go by file name, marts and reports by
// folder and file name.
func modelName(file string) string {
	parts := strings.Split(file, "/")
	base := strings.TrimSuffix(path.Base(file), ".sql")
	if len(parts) < 3 {
		return base
	}
	switch area := parts[len(parts)-2]; parts[len(parts)-3] {
	case "marts", "reports":
		return area + "." + base
	case "checks":
		return "check." + area + "." + base
	default:
		return base
	}
}

// parseInput reads one value of the header's inputs.
func parseInput(name, text string) (Input, error) {
	match := callPattern.FindStringSubmatch(strings.TrimSpace(text))
	if match == nil {
		return Input{}, fmt.Errorf("%q is no kind of input", text)
	}
	input := Input{Name: name, Kind: InputKind(match[1])}
	argument := strings.TrimSpace(match[2])
	switch input.Kind {
	case Same, All, Undated, Repeated:
		if argument != "" {
			return Input{}, fmt.Errorf("%s takes no argument", match[1])
		}
	case Previous:
		if argument == "all" {
			input.Kind = PreviousAll
		} else if argument != "" {
			return Input{}, fmt.Errorf("previous(%s): only previous and previous(all) exist", argument)
		}
	case Window:
		n, err := strconv.Atoi(argument)
		if err != nil || n < 0 || n > 1000 {
			return Input{}, fmt.Errorf("window(%s): n is a number from 0 to 1000", argument)
		}
		input.N = n
	case Key:
		if argument == "" {
			return Input{}, fmt.Errorf("key needs a column")
		}
		input.Col = argument
	default:
		return Input{}, fmt.Errorf("%q is no kind of input", text)
	}
	if (input.Kind == Undated) && !strings.HasPrefix(name, "staged.") {
		return Input{}, fmt.Errorf("undated is for staged streams")
	}
	return input, nil
}
