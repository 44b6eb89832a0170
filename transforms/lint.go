package transforms

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// finding is one complaint about a statement, at a character of it.
type finding struct {
	rule string
	cte  string // the CTE it stands in, "" in the final SELECT
	at   int
	what string
	fix  string
}

// linter looks at one model.
type linter struct {
	model    *Model
	inputs   map[string]shape // what may be read, by lower-case relation name
	ctes     map[string]bool
	cte      string // the CTE at hand
	portable bool   // only what is portable is looked at, not what is determined
	findings []finding
}

// lint refuses what would make a model's output depend on anything but its inputs. query is the expanded SQL; all findings
// are returned together.
func (p *Project) lint(ctx context.Context, s warehouse.Session, m *Model, config map[string]string, query string) error {
	tree, err := syntaxTree(ctx, s, m, query)
	if err != nil {
		return err
	}
	l := &linter{model: m, inputs: p.inputRelations(m), ctes: map[string]bool{}}
	l.look(tree)
	if slices.ContainsFunc(l.findings, func(f finding) bool { return provable[f.rule] }) {
		// The grains of the inputs do not show that an order is total; the keys that their own SQL keeps may.
		deep := &linter{model: m, inputs: map[string]shape{}, ctes: map[string]bool{}}
		memo := map[string]shape{}
		for _, input := range m.Inputs {
			deep.inputs[relationName(input.Name)] = p.deepRelation(ctx, s, config, input.Name, memo)
		}
		deep.look(tree)
		l = deep
	}
	return l.report(query)
}

// look applies every rule of determinism.
func (l *linter) look(tree node) {
	l.collectNames(tree)
	l.walk(tree)
	l.query(tree, l.inputs)
	if !l.model.IsCheck() && l.model.Builder == "" {
		l.finalOrder(tree)
	}
}

// report turns findings into one fault, without those that the header allows. An allowance that allows nothing is a
// finding too: it would hide the next one.
func (l *linter) report(query string) error {
	var faults []error
	seen := map[string]bool{}
	used := map[string]bool{}
	slices.SortStableFunc(l.findings, func(a, b finding) int { return a.at - b.at })
	for _, f := range l.findings {
		if name, ok := l.allowed(f); ok {
			used[name] = true
			continue
		}
		e := fault.New(fault.Usage, "lint_"+f.rule, l.model.place(query, f.at), f.fix, "%s: %s", f.rule, f.what)
		if !seen[e.Error()] {
			seen[e.Error()] = true
			faults = append(faults, e)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.model.Allow)) {
		if rule, _, _ := strings.Cut(name, " "); !used[name] && l.portable == (rule == "grain_checked") {
			faults = append(faults, fault.New(fault.Usage, "lint_allow", l.model.place(query, -1), "remove it", "allow: %s allows nothing", name))
		}
	}
	return joinFaults(faults)
}

// allowed finds the header's allowance for a finding: "rule" or "rule in cte". Only what the lint cannot decide may be allowed.
func (l *linter) allowed(f finding) (string, bool) {
	if !provable[f.rule] {
		return "", false
	}
	for _, name := range []string{f.rule + " in " + f.cte, f.rule} {
		if strings.TrimSpace(l.model.Allow[name]) != "" {
			return name, true
		}
	}
	return "", false
}

func (l *linter) add(rule string, n node, fix, format string, args ...any) {
	at := n.at()
	if items := n.list("select_list"); at < 0 && len(items) > 0 {
		at = items[0].at() // a SELECT has no place of its own
	}
	l.findings = append(l.findings, finding{rule: rule, cte: l.cte, at: at, what: fmt.Sprintf(format, args...), fix: fix})
}

// relationName is the name under which the syntax tree holds an input.
func relationName(input string) string { return strings.ToLower(strings.Trim(relation(input), `"`)) }

// inputRelations tells what a model may read, with the keys that the inputs declare.
func (p *Project) inputRelations(m *Model) map[string]shape {
	all := map[string]shape{}
	for _, input := range m.Inputs {
		all[relationName(input.Name)] = p.declaredRelation(input.Name)
	}
	return all
}

// declaredRelation gives the columns and keys that an input declares: a model its grain, a staged stream the place of the
// record.
func (p *Project) declaredRelation(input string) shape {
	if stream, staged := strings.CutPrefix(input, "staged."); staged {
		s, _ := retail.StreamNamed(stream)
		out := shape{columns: []string{"batch_seq", "feed"}, keys: []key{newKey("batch", "file_no", "source_row")}}
		for _, c := range s.All() {
			out.columns = append(out.columns, c.Name)
		}
		return out
	}
	if columns, ok := systemColumns(input); ok {
		out := shape{}
		for _, c := range columns {
			out.columns = append(out.columns, c.Name)
		}
		switch input {
		case "system.file":
			out.keys = []key{newKey("batch", "file_no")}
		case "system.count_policy":
			out.keys = []key{newKey("location_id", "category")}
		}
		return out
	}
	m, ok := p.byName[input]
	if !ok {
		return shape{}
	}
	out := shape{keys: []key{m.grainKey()}}
	for _, c := range m.declared() {
		out.columns = append(out.columns, strings.ToLower(c.Name))
	}
	return out
}

// grainKey is the grain as a key.
func (m *Model) grainKey() key {
	var grain []string
	for _, column := range m.Grain {
		grain = append(grain, strings.ToLower(column))
	}
	return newKey(grain...)
}

// deepRelation adds the keys that an input's own SQL keeps to those it declares. What does not parse is reported where it
// is examined itself.
func (p *Project) deepRelation(ctx context.Context, s warehouse.Session, config map[string]string, input string, memo map[string]shape) shape {
	if found, ok := memo[input]; ok {
		return found
	}
	out := p.declaredRelation(input)
	memo[input] = out // a model that reads itself sees what it declares
	m, ok := p.byName[input]
	if !ok {
		return out
	}
	query, _, err := m.render(config, "")
	if err != nil {
		return out
	}
	tree, err := syntaxTree(ctx, s, m, query)
	if err != nil {
		return out
	}
	known := map[string]shape{}
	for _, of := range m.Inputs {
		known[relationName(of.Name)] = p.deepRelation(ctx, s, config, of.Name, memo)
	}
	found := (&linter{model: m, ctes: map[string]bool{}}).query(tree, known)
	out.keys = shortest(append(slices.Clone(out.keys), found.keys...))
	memo[input] = out
	return out
}

// joinFaults gives one fault unchanged and several as one Usage fault, so that the kind survives.
func joinFaults(faults []error) error {
	switch len(faults) {
	case 0:
		return nil
	case 1:
		return faults[0]
	}
	lines := make([]string, len(faults))
	for i, err := range faults {
		lines[i] = err.Error()
		if hint := fault.HintOf(err); hint != "" {
			lines[i] += " (" + hint + ")"
		}
	}
	return fault.New(fault.Usage, "models_wrong", "", "correct each of them", "%d faults:\n  %s", len(faults), strings.Join(lines, "\n  "))
}
