package transforms

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// model brings one table up to date: it reuses partitions whose fingerprint is known and builds the others.
func (b *build) model(ctx context.Context, m *Model) error {
	old := b.before[m.Name]
	var err error
	names, driven := b.partitionsOf(m)
	var parts []release.Partition
	var columns []release.Column
	switch {
	case !driven:
		parts, columns, err = b.whole(ctx, m, old)
	case b.readsItself(m):
		parts, columns, err = b.chain(ctx, m, old, names)
	default:
		parts, columns, err = b.each(ctx, m, old, names)
	}
	if err != nil {
		return err
	}
	manifest := release.Manifest{
		Table: m.Name, Kind: m.Part.Kind(), About: m.About, Owner: m.Owner, Grain: m.Grain, PartitionBy: m.Part.String(),
		Columns: m.dress(columns), Partitions: parts,
	}
	b.manifests[m.Name] = manifest
	if !b.upload {
		return nil
	}
	manifest.Format = old.Format
	if reflect.DeepEqual(manifest, old) {
		b.refs[m.Name] = b.parent.Tables[m.Name]
		return nil
	}
	sha, err := release.PutManifest(ctx, b.Lake, manifest)
	if err != nil {
		return err
	}
	b.refs[m.Name] = manifest.Ref(sha)
	return nil
}

// dress adds the header's descriptions to the columns of the result.
func (m *Model) dress(columns []release.Column) []release.Column {
	dressed := slices.Clone(columns)
	for i := range dressed {
		declared := m.Columns[dressed[i].Name]
		dressed[i].About, dressed[i].Unit, dressed[i].PII, dressed[i].FieldID = declared.About, declared.Unit, declared.PII, fieldID(dressed[i].Name)
	}
	return dressed
}

// task is one partition to build.
type task struct {
	m           *Model
	part        string
	fingerprint string
	seen        map[string]seen
	old         *release.Partition
	shown       []string // statements that make the inputs visible
}

// plan computes a partition's fingerprint and, when it must be built, the task. A nil task means: take old over.
func (b *build) plan(ctx context.Context, w warehouse.Session, m *Model, part string, old release.Manifest) (*task, release.Partition, error) {
	shown := map[string]seen{}
	_, normal, err := b.queryFor(m, part)
	if err != nil {
		return nil, release.Partition{}, err
	}
	parts := []string{b.engine, b.models[m.Name], part, normal}
	for _, input := range m.Inputs {
		s, err := b.see(ctx, w, m, part, input)
		if err != nil {
			return nil, release.Partition{}, fmt.Errorf("input %s: %w", input.Name, err)
		}
		shown[input.Name] = s
		parts = append(parts, input.Name, s.digest)
	}
	t := &task{m: m, part: part, fingerprint: digest(parts...), seen: shown}
	if i := slices.IndexFunc(old.Partitions, func(p release.Partition) bool { return p.Name == part }); i >= 0 {
		t.old = &old.Partitions[i]
		if b.reuse && t.old.Fingerprint == t.fingerprint {
			return nil, *t.old, nil
		}
	}
	return t, release.Partition{}, nil
}

// each builds independent partitions, several at a time.
func (b *build) each(ctx context.Context, m *Model, old release.Manifest, names []string) ([]release.Partition, []release.Column, error) {
	parts := make([]release.Partition, len(names))
	var tasks []*task
	var at []int
	w := <-b.conns
	for i, name := range names {
		t, reused, err := b.plan(ctx, w, m, name, old)
		if err != nil {
			b.conns <- w
			return nil, nil, err
		}
		if t == nil {
			parts[i] = reused
			continue
		}
		tasks, at = append(tasks, t), append(at, i)
	}
	b.conns <- w
	b.count(m, len(tasks), len(names)-len(tasks))
	if len(tasks) == 0 {
		if len(old.Columns) > 0 {
			return parts, old.Columns, nil
		}
		columns, err := b.describe(ctx, m)
		return parts, columns, err
	}
	columns, err := b.describe(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	b.countUses(tasks)
	b.tasks = len(tasks)
	if err := b.shareFor(ctx, tasks...); err != nil {
		return nil, nil, err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for i, t := range tasks {
		group.Go(func() error {
			w := <-b.conns
			defer func() { b.conns <- w }()
			if groupCtx.Err() != nil {
				return groupCtx.Err()
			}
			part, err := b.run(groupCtx, w, t, columns)
			parts[at[i]] = part
			return err
		})
	}
	return parts, columns, group.Wait()
}

// countUses tells each staged object how many of the tasks need it, so that a big one is split once.
func (b *build) countUses(tasks []*task) {
	for _, s := range b.streams {
		for _, o := range s.objects {
			o.uses = 0
		}
	}
	for _, t := range tasks {
		for _, input := range t.m.Inputs {
			stream, staged := strings.CutPrefix(input.Name, "staged.")
			if sp, err := stagedSpan(t.m, t.part, input); staged && err == nil {
				for _, o := range b.streams[stream].objectsIn(sp) {
					o.uses++
				}
			}
		}
	}
}

// chain builds partitions that read the ones before them, in order.
func (b *build) chain(ctx context.Context, m *Model, old release.Manifest, names []string) ([]release.Partition, []release.Column, error) {
	columns := old.Columns
	w := <-b.conns
	defer func() { b.conns <- w }()
	var parts []release.Partition
	described := false
	for _, name := range names {
		b.manifests[m.Name] = release.Manifest{Table: m.Name, Columns: columns, Partitions: parts}
		t, part, err := b.plan(ctx, w, m, name, old)
		if err != nil {
			return nil, nil, err
		}
		if t != nil {
			if !described {
				if columns, err = b.describeOn(ctx, w, m); err != nil {
					return nil, nil, err
				}
				described = true
			}
			if err := b.shareFor(ctx, t); err != nil {
				return nil, nil, err
			}
			if part, err = b.run(ctx, w, t, columns); err != nil {
				return nil, nil, err
			}
			b.count(m, 1, 0)
		} else {
			b.count(m, 0, 1)
		}
		parts = append(parts, part)
	}
	if len(columns) == 0 {
		var err error
		if columns, err = b.describeOn(ctx, w, m); err != nil {
			return nil, nil, err
		}
	}
	return parts, columns, nil
}

// whole computes a partitioned model in one statement and cuts the result: its inputs do not tell which partitions it has.
func (b *build) whole(ctx context.Context, m *Model, old release.Manifest) ([]release.Partition, []release.Column, error) {
	w := <-b.conns
	defer func() { b.conns <- w }()
	t, _, err := b.plan(ctx, w, m, "", release.Manifest{})
	if err != nil {
		return nil, nil, err
	}
	known := func(p release.Partition) bool { return p.Fingerprint == t.fingerprint }
	if b.reuse && !b.restoring.spoiled(m.Name) && len(old.Partitions) > 0 && !slices.ContainsFunc(old.Partitions, func(p release.Partition) bool { return !known(p) }) {
		b.count(m, 0, len(old.Partitions))
		return old.Partitions, old.Columns, nil
	}
	columns, err := b.describeOn(ctx, w, m)
	if err != nil {
		return nil, nil, err
	}
	if err := b.shareFor(ctx, t); err != nil {
		return nil, nil, err
	}
	query, err := b.show(ctx, w, t)
	if err != nil {
		return nil, nil, err
	}
	body, order := splitOrder(query)
	t.shown = append(t.shown, fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE "whole" AS SELECT *, %s AS "partition of row" FROM (%s) AS final`, m.Part.nameExpression(), "\n"+body+"\n"))
	if err := w.Exec(ctx, t.shown[len(t.shown)-1]); err != nil {
		return nil, nil, m.located(err)
	}
	defer func() { _ = w.Exec(context.WithoutCancel(ctx), `DROP TABLE IF EXISTS temp."whole"`) }() // the next CREATE OR REPLACE would drop it too
	names, err := w.Text(ctx, `SELECT DISTINCT "partition of row" FROM "whole" ORDER BY 1`)
	if err != nil {
		return nil, nil, err
	}
	var parts []release.Partition
	for _, row := range names {
		if row[0] == "" {
			return nil, nil, m.stray("null")
		}
		one := *t
		one.part, one.old = row[0], nil
		if i := slices.IndexFunc(old.Partitions, func(p release.Partition) bool { return p.Name == row[0] }); i >= 0 {
			one.old = &old.Partitions[i]
		}
		part, err := b.write(ctx, w, &one, fmt.Sprintf(`SELECT * EXCLUDE ("partition of row") FROM "whole" WHERE "partition of row" = %s %s`, warehouse.Literal(row[0]), order), columns)
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, part)
	}
	b.count(m, len(parts), 0)
	return parts, columns, nil
}

// show makes the views of a task's inputs on w and gives the SQL to run.
func (b *build) show(ctx context.Context, w warehouse.Session, t *task) (string, error) {
	for _, input := range t.m.Inputs {
		from, err := t.seen[input.Name].from(ctx, w)
		if err != nil {
			return "", fmt.Errorf("input %s: %w", input.Name, err)
		}
		t.shown = append(t.shown, "CREATE OR REPLACE TEMP VIEW "+relation(input.Name)+" AS SELECT * FROM "+from)
		if err := w.Exec(ctx, t.shown[len(t.shown)-1]); err != nil {
			return "", fmt.Errorf("input %s: %w", input.Name, err)
		}
	}
	query, _, err := b.queryFor(t.m, t.part)
	return query, err
}

// run builds one partition.
func (b *build) run(ctx context.Context, w *warehouse.Conn, t *task, columns []release.Column) (release.Partition, error) {
	query, err := b.show(ctx, w, t)
	if err != nil {
		return release.Partition{}, err
	}
	if t.m.Builder == "identity" {
		if query, err = b.identity(ctx, w, t.m, query); err != nil {
			return release.Partition{}, err
		}
	} else if query, err = t.m.narrowed(query, t.part); err != nil {
		return release.Partition{}, err
	}
	return b.write(ctx, w, t, query, columns)
}

// narrowed keeps the rows of the partition when the model sees more than it: a window or a whole table gives rows of other
// partitions too. A row without a partition stays and is refused later.
func (m *Model) narrowed(query, part string) (string, error) {
	wide := slices.ContainsFunc(m.Inputs, func(i Input) bool { return i.Kind != Same && i.Kind != Key })
	if m.Part.Unit == "" || !wide {
		return query, nil
	}
	condition, err := m.Part.condition(part)
	if err != nil {
		return "", err
	}
	body, order := splitOrder(query)
	return fmt.Sprintf("SELECT * FROM (\n%s\n) AS final WHERE (%s) OR %s IS NULL\n%s", body, condition, warehouse.Identifier(m.Part.Column), order), nil
}
