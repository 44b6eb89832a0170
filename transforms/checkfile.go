package transforms

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// checkFile runs a check of sql/checks. One that declares a partition looks at each on its own, and after it passed only at
// those that see other files than the parent's did.
func (b *build) checkFile(ctx context.Context, w *warehouse.Conn, check *Model) (release.Check, error) {
	result := release.Check{Name: strings.TrimPrefix(check.Name, "check."), Severity: check.Severity, Status: passed}
	for _, m := range b.project.Models {
		if slices.ContainsFunc(m.Checks, func(text string) bool { return b.project.checkFile(text) == check }) {
			result.Model = m.Name
			break
		}
	}
	same := b.parent.Models[check.Name] == b.models[check.Name] && b.parent.Engine == b.engine
	unchanged := same
	for _, input := range check.Inputs {
		ref, isTable := b.refs[input.Name]
		unchanged = unchanged && isTable && b.parent.Tables[input.Name] == ref
	}
	was, known := b.previousCheck(result.Name, result.Model)
	if known && unchanged {
		return was, nil
	}
	took := known && same && was.Status == passed
	if check.Inputs[0].Kind == Repeated {
		if suspect, err := b.mayRepeat(ctx, w, check.Inputs[0].Name, took); err != nil || !suspect {
			return result, err
		}
	}
	names, driven := b.partitionsOf(check)
	if check.Part.Unit == "" || !driven {
		names = []string{""}
	}
	for _, name := range names {
		if took && b.seenBefore(check, name) {
			continue
		}
		query, err := b.showCheck(ctx, w, check, name)
		if err != nil {
			return result, err
		}
		if err := b.offending(ctx, w, &result, query); err != nil {
			return result, check.located(err)
		}
	}
	return result, nil
}

// mayRepeat tells whether two rows of a table may share their grain; passed says that none of the parent's did.
func (b *build) mayRepeat(ctx context.Context, w warehouse.Session, table string, passed bool) (bool, error) {
	m, ok := b.project.Model(table)
	if !ok {
		return true, nil
	}
	changed, kept := b.changedFiles(m)
	if !passed || b.parent.Models[table] != b.models[table] {
		changed, kept = append(changed, kept...), nil
	}
	return b.repeats(ctx, w, m, changed, kept)
}

// seenBefore tells whether a partition of a check sees the very files that it saw in the parent.
func (b *build) seenBefore(check *Model, part string) bool {
	for _, input := range check.Inputs {
		if _, table := b.project.Model(input.Name); !table {
			return false
		}
		before, ok := b.before[input.Name]
		if !ok || !slices.Equal(b.seenFiles(check, part, input, before), b.seenFiles(check, part, input, b.manifests[input.Name])) {
			return false
		}
	}
	return true
}

// seenFiles lists the files of a table version that a partition of m sees.
func (b *build) seenFiles(m *Model, part string, input Input, manifest release.Manifest) []lake.Object {
	from, _ := b.project.partitioning(input.Name)
	var files []lake.Object
	for _, p := range manifest.Partitions {
		if b.visible(m, part, input, from, p.Name) {
			files = append(files, p.Files...)
		}
	}
	return files
}

// showCheck makes a check's inputs visible and gives its SQL; part is "" for a check of the whole candidate.
func (b *build) showCheck(ctx context.Context, w warehouse.Session, check *Model, part string) (string, error) {
	t := &task{m: check, part: part, seen: map[string]seen{}}
	for _, input := range check.Inputs {
		s, err := b.see(ctx, w, check, part, input)
		if err != nil {
			return "", fmt.Errorf("check %s: input %s: %w", check.Name, input.Name, err)
		}
		t.seen[input.Name] = s
	}
	return b.show(ctx, w, t)
}

// offending adds the rows of a check's query to its result and keeps a sample, personal data masked.
func (b *build) offending(ctx context.Context, w warehouse.Session, result *release.Check, query string) error {
	if err := w.Exec(ctx, `CREATE OR REPLACE TEMP TABLE "offending" AS `+query); err != nil {
		return err
	}
	found, err := w.Count(ctx, `SELECT count(*) FROM "offending"`)
	if err != nil || found == 0 {
		return err
	}
	left := sampleRows - result.Rows
	result.Rows += found
	result.Status = failed
	if left <= 0 {
		return nil
	}
	rows, err := w.Query(ctx, fmt.Sprintf(`SELECT * FROM "offending" ORDER BY ALL LIMIT %d`, left))
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells what matters
	hidden := b.personal()
	var lines []string
	if result.Sample != "" {
		lines = append(lines, result.Sample)
	}
	for rows.Next() {
		var cells []string
		for i, value := range rows.Text() {
			column := rows.Columns()[i].Name
			if hidden[column] {
				value = "***"
			} else if rows.Null(i) {
				value = "null"
			}
			cells = append(cells, column+"="+value)
		}
		lines = append(lines, strings.Join(cells, ", "))
	}
	result.Sample = strings.Join(lines, "; ")
	return rows.Err()
}
