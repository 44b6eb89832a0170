package transforms

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// describe finds the columns of a model's result and compares them with its header.
func (b *build) describe(ctx context.Context, m *Model) ([]release.Column, error) {
	w := <-b.conns
	defer func() { b.conns <- w }()
	return b.describeOn(ctx, w, m)
}

func (b *build) describeOn(ctx context.Context, w warehouse.Session, m *Model) ([]release.Column, error) {
	if columns, ok := b.known(m); ok {
		return columns, nil
	}
	columnsOf := func(input string) []release.Column {
		if input == m.Name {
			return b.selfColumns(m)
		}
		return b.columnsOf(input)
	}
	columns, err := bind(ctx, w, m, b.Config, columnsOf)
	if err != nil {
		return nil, err
	}
	query, _, err := m.render(b.Config, "")
	if err != nil {
		return nil, err
	}
	if err := b.project.lint(ctx, w, m, b.Config, query); err != nil {
		return nil, err
	}
	return columns, joinFaults(m.compare(columns))
}

// known gives the parent's columns of a model when neither the model nor the columns of its inputs changed: it was examined
// when the parent was built.
func (b *build) known(m *Model) ([]release.Column, bool) {
	old := b.before[m.Name].Columns
	if len(old) == 0 || !b.reuse || b.parent.Engine != b.engine || b.parent.Models[m.Name] != b.models[m.Name] {
		return nil, false
	}
	for _, input := range m.Inputs {
		was, ok := b.before[input.Name]
		if _, table := b.project.Model(input.Name); table && input.Name != m.Name && (!ok || !sameColumns(was.Columns, b.manifests[input.Name].Columns)) {
			return nil, false
		}
	}
	return old, true
}

func sameColumns(a, b []release.Column) bool {
	return slices.EqualFunc(a, b, func(a, b release.Column) bool { return a.Name == b.Name && a.Type == b.Type })
}

// columnsOf gives the columns of any input.
func (b *build) columnsOf(input string) []release.Column {
	if stream, staged := strings.CutPrefix(input, "staged."); staged {
		return b.streams[stream].columns()
	}
	if strings.HasPrefix(input, "system.") {
		return b.system[input].Columns
	}
	return b.manifests[input].Columns
}

// selfColumns gives the columns that a model declares, for a model that reads itself.
func (b *build) selfColumns(m *Model) []release.Column { return m.declared() }

// declared lists the header's columns in name order.
func (m *Model) declared() []release.Column {
	var columns []release.Column
	for _, name := range slices.Sorted(maps.Keys(m.Columns)) {
		columns = append(columns, release.Column{Name: name, Type: m.Columns[name].Type})
	}
	return columns
}

// bind describes a model's result over empty inputs.
func bind(ctx context.Context, w warehouse.Session, m *Model, config map[string]string, columnsOf func(string) []release.Column) ([]release.Column, error) {
	for _, input := range m.Inputs {
		if err := w.Exec(ctx, "CREATE OR REPLACE TEMP VIEW "+relation(input.Name)+" AS SELECT * FROM "+emptyRelation(columnsOf(input.Name))); err != nil {
			return nil, fmt.Errorf("input %s: %w", input.Name, err)
		}
	}
	query, _, err := m.render(config, "")
	if err != nil {
		return nil, err
	}
	rows, err := w.Text(ctx, "DESCRIBE "+query)
	if err != nil {
		return nil, m.located(err)
	}
	var columns []release.Column
	for _, row := range rows {
		columns = append(columns, release.Column{Name: row[0], Type: row[1]})
	}
	if m.Builder == "identity" {
		return identityColumns(m, columns)
	}
	return columns, nil
}

// compare lists where a result differs from the header.
func (m *Model) compare(columns []release.Column) []error {
	var faults []error
	wrong := func(code, hint, format string, args ...any) {
		faults = append(faults, fault.New(fault.Usage, code, m.where(), hint, format, args...))
	}
	have := map[string]bool{}
	for _, c := range columns {
		have[c.Name] = true
		declared, ok := m.Columns[c.Name]
		switch {
		case c.Type == "DOUBLE" || c.Type == "FLOAT":
			wrong("float_column", "use DECIMAL; {{ratio}} divides exactly", "column %s is %s, whose sums depend on the order of rows", c.Name, c.Type)
		case !ok && len(m.Columns) > 0:
			wrong("undescribed_column", "add it to columns:", "column %s is not described in the header", c.Name)
		case ok && declared.Type != "" && plainType(declared.Type) != plainType(c.Type):
			wrong("column_type", "write CAST(... AS "+declared.Type+") in the final SELECT, or correct the header", "column %s is %s, the header says %s", c.Name, c.Type, declared.Type)
		}
	}
	for _, c := range m.declared() {
		if !have[c.Name] {
			wrong("missing_column", "select it, or remove it from columns:", "column %s is described but not selected", c.Name)
		}
	}
	for _, c := range append(slices.Clone(m.Grain), m.Part.Column) {
		if c != "" && !have[c] && !m.IsCheck() {
			wrong("missing_column", "select it, or correct grain and partition", "column %s of grain or partition is not selected", c)
		}
	}
	return faults
}

// plainType spells a type the engine's way.
func plainType(t string) string {
	t = strings.ToUpper(strings.ReplaceAll(t, " ", ""))
	switch {
	case t == "INT" || t == "INT4":
		return "INTEGER"
	case t == "INT8" || t == "LONG":
		return "BIGINT"
	case t == "TEXT" || t == "STRING" || strings.HasPrefix(t, "VARCHAR("):
		return "VARCHAR"
	case t == "BOOL":
		return "BOOLEAN"
	case strings.HasPrefix(t, "NUMERIC("):
		return "DECIMAL" + strings.TrimPrefix(t, "NUMERIC")
	case t == "TIMESTAMP(6)" || t == "DATETIME":
		return "TIMESTAMP"
	}
	return t
}

// Check examines every model and check without data: templates, SQL, lint, and columns against the header. It reports all
// faults at once, those of a model that repeats another once, and writes nothing.
func (p *Project) Check(ctx context.Context, s *warehouse.Conn, config map[string]string) error {
	schemas, faults := p.schemas(ctx, s, config)
	for _, m := range append(slices.Clone(p.Models), p.Checks...) {
		query, r, err := m.render(config, "")
		if err != nil || p.repeats(m) {
			continue // reported by schemas, or with the model that it repeats
		}
		for _, input := range m.Inputs {
			if !r.used[input.Name] {
				faults = append(faults, fault.New(fault.Usage, "unused_input", m.where(), "remove it from inputs:, or read it with {{ref}}", "input %q is declared but not read", input.Name))
			}
		}
		if err := p.lint(ctx, s, m, config, query); err != nil {
			faults = append(faults, err)
		}
		if err := p.lintPortable(ctx, s, m, config); err != nil {
			faults = append(faults, err)
		}
		if !m.IsCheck() && schemas[m.Name] != nil {
			faults = append(faults, m.compare(schemas[m.Name])...)
		}
	}
	return joinFaults(faults)
}

// schemas binds all models in order over empty inputs and gives the columns of every input.
func (p *Project) schemas(ctx context.Context, s warehouse.Session, config map[string]string) (map[string][]release.Column, []error) {
	known := map[string][]release.Column{}
	all, _ := streams(nil)
	for name, stream := range all {
		known["staged."+name] = stream.columns()
	}
	for _, name := range append([]string{"system.file"}, configured()...) {
		known[name], _ = systemColumns(name)
	}
	var faults []error
	for _, m := range append(slices.Clone(p.Models), p.Checks...) {
		if slices.ContainsFunc(m.Inputs, func(i Input) bool { return i.Name != m.Name && known[i.Name] == nil }) {
			continue // an input has a fault, which is reported already
		}
		columns, err := bind(ctx, s, m, config, func(input string) []release.Column {
			if input == m.Name {
				return m.declared()
			}
			return known[input]
		})
		if err != nil {
			if !p.repeats(m) {
				faults = append(faults, err)
			}
			if len(m.Columns) > 0 {
				columns = m.declared() // so that the models after it are examined too
			}
		}
		known[m.Name] = columns
	}
	return known, faults
}
