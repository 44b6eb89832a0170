package transforms

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// conservationArea begins the names of checks that compare amounts: sql/checks/conservation. Each returns one row per
// subject and currency: subject, currency_code, left_amount, right_amount. Unequal or null amounts block the release.
const conservationArea = "check.conservation."

// conserve accounts for every record of every feed and for every staged row.
func (b *build) conserve(ctx context.Context) ([]release.Conservation, []release.MoneyLine, error) {
	w := <-b.conns
	defer func() { b.conns <- w }()
	lines := b.conserveRecords()
	for _, name := range retail.StreamNames() {
		if _, ok := b.project.Model("stg_" + name); !ok {
			continue
		}
		line, err := b.conserveStream(ctx, w, name)
		if err != nil {
			return nil, nil, fmt.Errorf("conservation of staged.%s: %w", name, err)
		}
		lines = append(lines, line)
	}
	var money []release.MoneyLine
	for _, check := range b.project.Checks {
		if !strings.HasPrefix(check.Name, conservationArea) {
			continue
		}
		query, err := b.showCheck(ctx, w, check, "")
		if err != nil {
			return nil, nil, err
		}
		rows, err := w.Text(ctx, "SELECT subject, currency_code, left_amount, right_amount FROM ("+query+") ORDER BY ALL")
		if err != nil {
			return nil, nil, check.located(err)
		}
		for _, row := range rows {
			money = append(money, release.MoneyLine{Subject: row[0], Currency: row[1], Staged: row[2], InTable: row[3], Balanced: row[2] != "" && row[2] == row[3]})
		}
	}
	return lines, money, nil
}

// conserveRecords sums the counts of all batches per feed: every record read was accepted, a duplicate, quarantined or
// ignored by a rule.
func (b *build) conserveRecords() []release.Conservation {
	var lines []release.Conservation
	at := map[string]int{}
	for _, batch := range b.batches {
		subject := batch.Source + "/" + batch.Feed
		i, ok := at[subject]
		if !ok {
			i = len(lines)
			at[subject] = i
			lines = append(lines, release.Conservation{Subject: subject, Balanced: true})
		}
		line := &lines[i]
		line.Read += batch.Counts.Read
		line.Accepted += batch.Counts.Accepted
		line.Duplicate += batch.Counts.Duplicate
		line.Quarantined += batch.Counts.Quarantined
		line.Ignored += batch.Counts.Ignored
		line.Balanced = line.Balanced && batch.Counts.Balanced()
	}
	return lines
}

// conserveStream proves that every staged row of a stream is in its staging tables, was superseded with its file, or is
// another version of a key that is there. The number of keys is counted on its own for every partition that changed.
func (b *build) conserveStream(ctx context.Context, w warehouse.Session, name string) (release.Conservation, error) {
	line := release.Conservation{Subject: "staged." + name, Balanced: true}
	out := gone(b.batches)
	for _, batch := range b.batches {
		for _, staged := range batch.Staged {
			if staged.Stream != name {
				continue
			}
			line.Read += staged.Object.Rows
			rows, err := b.supersededRows(ctx, w, batch, staged, out)
			if err != nil {
				return line, err
			}
			line.Superseded += rows
		}
	}
	for _, table := range []string{"stg_" + name, "stg_" + name + "_undated"} {
		m, ok := b.project.Model(table)
		if !ok {
			continue
		}
		line.InTable += b.manifests[table].Rows()
		exact, err := b.keysCounted(ctx, w, m, b.streams[name])
		if err != nil {
			return line, err
		}
		line.Balanced = line.Balanced && exact
	}
	line.Accepted = line.Read - line.Superseded
	line.Duplicate = line.Accepted - line.InTable
	line.Balanced = line.Balanced && line.Duplicate >= 0
	return line, nil
}

// supersededRows counts the rows of a staged object whose files no longer count. Only objects with such files are read.
func (b *build) supersededRows(ctx context.Context, w warehouse.Session, batch lake.BatchEntry, staged lake.Staged, out map[lake.FileRef]bool) (int64, error) {
	var without []int
	for _, f := range batch.Files {
		if out[lake.FileRef{Batch: batch.ID, FileNo: f.No}] {
			without = append(without, f.No)
		}
	}
	switch {
	case len(without) == 0 || staged.Object.Rows == 0:
		return 0, nil
	case len(without) == len(batch.Files):
		return staged.Object.Rows, nil
	}
	path, err := b.path(ctx, staged.Object)
	if err != nil {
		return 0, err
	}
	kept, err := w.Count(ctx, "SELECT count(*) FROM "+warehouse.ReadParquet(path)+conditions(without, span{}))
	return staged.Object.Rows - kept, err
}

// keysCounted compares the rows of every changed partition of a staging table with the number of keys its staged rows have.
func (b *build) keysCounted(ctx context.Context, w warehouse.Session, m *Model, s *stream) (bool, error) {
	if len(m.Inputs) != 1 || m.Inputs[0].Name != "staged."+s.Name || m.Inputs[0].Kind == Window {
		return true, nil // not one partition for one
	}
	old := b.before[m.Name]
	keys := []string{"source"}
	for _, key := range s.Key {
		if key != "source" {
			keys = append(keys, warehouse.Identifier(key))
		}
	}
	for _, p := range b.manifests[m.Name].Partitions {
		if slices.ContainsFunc(old.Partitions, func(o release.Partition) bool { return o.Name == p.Name && o.Fingerprint == p.Fingerprint }) {
			continue
		}
		shown, err := b.see(ctx, w, m, p.Name, m.Inputs[0])
		if err != nil {
			return false, err
		}
		from, err := shown.from(ctx, w)
		if err != nil {
			return false, err
		}
		count, err := w.Count(ctx, "SELECT count(*) FROM (SELECT DISTINCT "+strings.Join(keys, ", ")+" FROM "+from+")")
		if err != nil {
			return false, err
		}
		var rows int64
		for _, f := range p.Files {
			rows += f.Rows
		}
		if rows != count {
			return false, nil
		}
	}
	return true, nil
}
