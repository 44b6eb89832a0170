package transforms

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// What release.Check.Status may hold.
const (
	passed = "passed"
	failed = "failed"
)

// sampleRows is the number of offending rows a check result shows.
const sampleRows = 3

// builtIn reads a check of a header that needs no file: its name and arguments.
func builtIn(m *Model, text string) (name string, args []string, err error) {
	name, inside, called := strings.Cut(strings.TrimSpace(text), "(")
	if called {
		for _, arg := range strings.Split(strings.TrimSuffix(inside, ")"), ",") {
			args = append(args, strings.Trim(strings.TrimSpace(arg), `'"`))
		}
	}
	known := func(column string) bool { _, ok := m.Columns[column]; return ok || len(m.Columns) == 0 }
	switch {
	case name == uniqueGrain && len(args) == 0:
	case name == "not_null" && len(args) == 1 && known(args[0]):
	case name == "accepted" && len(args) >= 2 && known(args[0]):
	default:
		return "", nil, fmt.Errorf("%q is no built-in check of known columns", text)
	}
	return name, args, nil
}

// check runs every check on the candidate. A result is carried over from the parent when nothing it looks at changed.
func (b *build) check(ctx context.Context) ([]release.Check, error) {
	w := <-b.conns
	defer func() { b.conns <- w }()
	var results []release.Check
	for _, m := range b.project.Models {
		for _, text := range m.Checks {
			name, args, err := builtIn(m, text)
			if err != nil {
				continue // a file, run below
			}
			result, err := b.checkBuiltIn(ctx, w, m, text, name, args)
			if err != nil {
				return nil, fmt.Errorf("check %s of %s: %w", text, m.Name, err)
			}
			results = append(results, result)
		}
	}
	for _, check := range b.project.Checks {
		if strings.HasPrefix(check.Name, conservationArea) {
			continue
		}
		result, err := b.checkFile(ctx, w, check)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

// previousCheck finds the parent's result of a check.
func (b *build) previousCheck(name, model string) (release.Check, bool) {
	for _, c := range b.parent.Checks {
		if c.Name == name && c.Model == model {
			return c, true
		}
	}
	return release.Check{}, false
}

// changedFiles parts a table's files into those the parent did not have and the others.
func (b *build) changedFiles(m *Model) (changed, kept []lake.Object) {
	had := map[string]bool{}
	for _, p := range b.before[m.Name].Partitions {
		for _, f := range p.Files {
			had[f.Key] = true
		}
	}
	for _, p := range b.manifests[m.Name].Partitions {
		for _, f := range p.Files {
			if had[f.Key] {
				kept = append(kept, f)
			} else {
				changed = append(changed, f)
			}
		}
	}
	return changed, kept
}

// checkBuiltIn looks at the files the parent's check did not see; rows of one file cannot spoil another, save for the
// uniqueness of a grain that does not hold the partition column.
func (b *build) checkBuiltIn(ctx context.Context, w warehouse.Session, m *Model, text, name string, args []string) (release.Check, error) {
	result := release.Check{Name: text, Model: m.Name, Severity: "block", Status: passed}
	changed, kept := b.changedFiles(m)
	if was, ok := b.previousCheck(text, m.Name); !ok || was.Status != passed || b.parent.Models[m.Name] != b.models[m.Name] {
		changed, kept = append(changed, kept...), nil
	}
	if len(changed) == 0 {
		return result, nil
	}
	if name == uniqueGrain {
		if suspect, err := b.repeats(ctx, w, m, changed, kept); err != nil || !suspect {
			return result, err
		}
	}
	from, err := b.tableFrom(ctx, changed, nil)
	if err != nil {
		return result, err
	}
	var query string
	switch name {
	case uniqueGrain:
		list := keyList(m)
		query = fmt.Sprintf("SELECT %s, count(*) AS row_qty FROM %s GROUP BY %s HAVING count(*) > 1", list, from, list)
		if len(kept) > 0 && !slices.Contains(m.Grain, m.Part.Column) {
			others, err := b.tableFrom(ctx, kept, nil)
			if err != nil {
				return result, err
			}
			query += fmt.Sprintf(" UNION ALL SELECT %s, 2 AS row_qty FROM %s SEMI JOIN (SELECT %s FROM %s) AS changed USING (%s)", list, others, list, from, list)
		}
	case "not_null":
		query = fmt.Sprintf("SELECT %s FROM %s WHERE %s IS NULL", keyList(m), from, warehouse.Identifier(args[0]))
	case "accepted":
		values := make([]string, len(args)-1)
		for i, value := range args[1:] {
			values[i] = warehouse.Literal(value)
		}
		query = fmt.Sprintf("SELECT %[1]s, %[2]s AS value FROM %[3]s WHERE CAST(%[2]s AS VARCHAR) NOT IN (%[4]s)", keyList(m), warehouse.Identifier(args[0]), from, strings.Join(values, ", "))
	}
	err = b.offending(ctx, w, &result, query)
	return result, err
}

func keyList(m *Model) string {
	list := make([]string, len(m.Grain))
	for i, column := range m.Grain {
		list[i] = warehouse.Identifier(column)
	}
	return strings.Join(list, ", ")
}

// personal lists the names of all columns that hold personal data.
func (b *build) personal() map[string]bool {
	set := map[string]bool{}
	for _, name := range retail.StreamNames() {
		s, _ := retail.StreamNamed(name)
		for _, c := range s.Columns {
			set[c.Name] = set[c.Name] || c.PII
		}
	}
	for _, m := range b.project.Models {
		for name, c := range m.Columns {
			set[name] = set[name] || c.PII
		}
	}
	return set
}

// verdict turns failed blocking checks and broken conservation into one fault of kind Findings.
func verdict(r release.Release) error {
	var lines []string
	for _, c := range r.Checks {
		if c.Status == failed && c.Severity == "block" {
			lines = append(lines, fmt.Sprintf("check %s of %s found %d rows: %s", c.Name, cmp.Or(c.Model, "the candidate"), c.Rows, c.Sample))
		}
	}
	for _, c := range r.Conservation {
		if !c.Balanced {
			lines = append(lines, fmt.Sprintf("rows of %s are not accounted for: read %d, accepted %d, duplicate %d, superseded %d, quarantined %d, ignored %d, in table %d", c.Subject, c.Read, c.Accepted, c.Duplicate, c.Superseded, c.Quarantined, c.Ignored, c.InTable))
		}
	}
	for _, m := range r.Money {
		if !m.Balanced {
			lines = append(lines, fmt.Sprintf("amounts of %s %s differ: %s against %s", m.Subject, m.Currency, m.Staged, m.InTable))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fault.New(fault.Findings, "check_failed", "release", "look at the candidate with omoflow query --candidate; the release before it stays current", "%s", strings.Join(lines, "\n  "))
}
