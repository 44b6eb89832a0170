package transforms

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// seen is what one partition of a model sees of one input: a hash of exactly those rows, and how to read them.
type seen struct {
	digest string
	bytes  int64 // of the files that hold the rows
	from   func(ctx context.Context, w warehouse.Session) (string, error)
}

// see finds what partition part of m sees of an input. part is "" for a model that is computed whole.
func (b *build) see(ctx context.Context, w warehouse.Session, m *Model, part string, input Input) (seen, error) {
	switch {
	case strings.HasPrefix(input.Name, "system."):
		relation := b.system[input.Name]
		return b.bucketed(ctx, w, m, part, input, relation.digestOf(), nil, func(context.Context, warehouse.Session) (string, error) {
			return systemTable(input.Name), nil
		})
	case strings.HasPrefix(input.Name, "staged."):
		return b.seeStaged(ctx, w, m, part, input)
	}
	manifest := b.manifests[input.Name]
	from, _ := b.project.partitioning(input.Name)
	parts := []string{"table"}
	var files []lake.Object
	for _, p := range manifest.Partitions {
		if !b.visible(m, part, input, from, p.Name) {
			continue
		}
		for _, f := range p.Files {
			parts = append(parts, p.Name, f.SHA256)
			files = append(files, f)
		}
	}
	columns := manifest.Columns
	if input.Name == m.Name {
		columns = b.selfColumns(m)
	}
	return b.bucketed(ctx, w, m, part, input, digest(parts...), files, func(ctx context.Context, _ warehouse.Session) (string, error) {
		return b.tableFrom(ctx, files, columns)
	})
}

// visible tells whether a partition of a table may be seen.
func (b *build) visible(m *Model, part string, input Input, from Partitioning, name string) bool {
	switch input.Kind {
	case Same:
		parent, ok := m.Part.parent(from, name)
		return ok && (parent == part || m.Part.Unit == "")
	case Window:
		parent, ok := m.Part.parent(from, name)
		return ok && parent <= part && parent >= m.Part.shift(part, -input.N)
	case Previous:
		return name == m.Part.shift(part, -1)
	case PreviousAll:
		return name < part
	default:
		return true
	}
}

// tableFrom reads the files of a table, typed and empty when there is none.
func (b *build) tableFrom(ctx context.Context, files []lake.Object, columns []release.Column) (string, error) {
	var paths []string
	for _, f := range files {
		path, err := b.path(ctx, f)
		if err != nil {
			return "", err
		}
		paths = append(paths, path)
	}
	if len(paths) == 0 {
		return emptyRelation(columns), nil
	}
	quoted := make([]string, len(paths))
	for i, path := range paths {
		quoted[i] = warehouse.Literal(path)
	}
	return "read_parquet([" + strings.Join(quoted, ", ") + "], hive_partitioning = false)", nil
}

func (b *build) seeStaged(ctx context.Context, w warehouse.Session, m *Model, part string, input Input) (seen, error) {
	s := b.streams[strings.TrimPrefix(input.Name, "staged.")]
	sp, err := stagedSpan(m, part, input)
	if err != nil {
		return seen{}, err
	}
	parts := []string{"staged", fmt.Sprint(sp.undated), sp.bounds}
	var files []lake.Object
	for _, o := range s.objectsIn(sp) {
		parts = append(parts, o.identity())
		files = append(files, o.Object)
	}
	return b.bucketed(ctx, w, m, part, input, digest(parts...), files, func(ctx context.Context, w warehouse.Session) (string, error) {
		return b.stagedFrom(ctx, w, s, sp)
	})
}

// stagedSpan gives the months of a stream that a partition sees.
func stagedSpan(m *Model, part string, input Input) (span, error) {
	if input.Kind == Undated {
		return span{undated: true}, nil
	}
	if !m.Part.timed() || part == "" || (input.Kind != Same && input.Kind != Window) {
		return span{}, nil
	}
	from, _, err := m.Part.bounds(m.Part.shift(part, -input.N))
	if err != nil {
		return span{}, err
	}
	_, to, err := m.Part.bounds(part)
	if err != nil {
		return span{}, err
	}
	months := map[string]bool{}
	for month := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); month.Before(to); month = month.AddDate(0, 1, 0) {
		months[month.Format("2006-01")] = true
	}
	first, after := from.Format("2006-01-02"), to.Format("2006-01-02")
	return span{months: months, from: first, to: after, bounds: fmt.Sprintf("business_date >= DATE '%s' AND business_date < DATE '%s'", first, after)}, nil
}

// bucketed narrows a key(col) input to the partition's bucket: the rows by a condition, the digest to the bucket's own.
func (b *build) bucketed(ctx context.Context, w warehouse.Session, m *Model, part string, input Input, whole string, files []lake.Object, from func(context.Context, warehouse.Session) (string, error)) (seen, error) {
	var bytes int64
	for _, f := range files {
		bytes += f.Bytes
	}
	if input.Kind != Key {
		return seen{digest: whole, bytes: bytes, from: from}, nil
	}
	parts := []string{"key", input.Col}
	if files == nil {
		parts = append(parts, whole)
	}
	for _, f := range files {
		buckets, err := b.bucketDigests(ctx, w, f, input.Col, m.Part.Depth)
		if err != nil {
			return seen{}, err
		}
		if own := buckets[part]; own != "" {
			parts = append(parts, own)
		}
	}
	if strings.HasPrefix(input.Name, "staged.") {
		parts = append(parts, whole) // which files count and their order is part of what is seen
	}
	condition := bucketOf(warehouse.Identifier(input.Col), m.Part.Depth) + " = " + warehouse.Literal(part)
	return seen{digest: digest(parts...), bytes: bytes, from: func(ctx context.Context, w warehouse.Session) (string, error) {
		if b.tasks >= splitUses {
			return b.keySplit(ctx, w, m, part, input, from)
		}
		all, err := from(ctx, w)
		return "(SELECT * FROM " + all + " WHERE " + condition + ")", err
	}}, nil
}

// bucketDigests gives a hash of a file's rows per bucket of a column. It is a pure function of the file, kept in memory for
// the build and beside the scratch folder for later ones; losing it costs time only.
func (b *build) bucketDigests(ctx context.Context, w warehouse.Session, f lake.Object, column string, depth int) (map[string]string, error) {
	b.digestLock.Lock()
	defer b.digestLock.Unlock()
	name := digest(b.engine, f.SHA256, column, fmt.Sprint(depth))
	if known, ok := b.digests[name]; ok {
		return known, nil
	}
	kept := filepath.Join(b.Dir, "digests", name+".json")
	found := map[string]string{}
	if raw, err := os.ReadFile(kept); err == nil && json.Unmarshal(raw, &found) == nil && len(found) > 0 {
		b.digests[name] = found
		return found, nil
	}
	path, err := b.path(ctx, f)
	if err != nil {
		return nil, err
	}
	// hash() belongs to the engine's version, which is part of the name under which the digest is kept.
	rows, err := w.Text(ctx, fmt.Sprintf("SELECT bucket, count(*), sum(mark), bit_xor(mark) FROM (SELECT %s AS bucket, hash(seen_row) AS mark FROM %s AS seen_row) GROUP BY bucket ORDER BY bucket",
		bucketOf("seen_row."+warehouse.Identifier(column), depth), warehouse.ReadParquet(path)))
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		found[row[0]] = digest(row[1:]...)
	}
	b.digests[name] = found
	if raw, err := json.Marshal(found); err == nil && os.MkdirAll(filepath.Dir(kept), 0o755) == nil {
		_ = os.WriteFile(kept, raw, 0o644) // a lost digest is computed again
	}
	return found, nil
}

// partitionsOf lists the partitions of a model that its inputs ask for; ok is false when only its rows can tell. Inputs seen
// as same ask when there are any: windows beside them serve to look things up. A model of windows alone has the partitions
// that those reach.
func (b *build) partitionsOf(m *Model) (names []string, ok bool) {
	if m.Part.Unit == "" {
		return []string{allPartition}, true
	}
	asks := Window
	if slices.ContainsFunc(m.Inputs, func(i Input) bool { return i.Kind == Same }) {
		asks = Same
	}
	set := map[string]bool{}
	driven := false
	for _, input := range m.Inputs {
		if input.Kind != asks && input.Kind != Key {
			continue
		}
		driven = true
		if m.Part.Unit == "bucket" {
			return m.Part.buckets(), true
		}
		from, _ := b.project.partitioning(input.Name)
		names := b.partitionNames(input.Name)
		if stream, staged := strings.CutPrefix(input.Name, "staged."); staged && m.Part.Unit == "day" {
			from, names = m.Part, nil
			for _, o := range b.streams[stream].objects {
				names = append(names, o.daysOf()...)
			}
		}
		for _, name := range names {
			if parent, nests := m.Part.parent(from, name); nests {
				for n := range input.N + 1 {
					set[m.Part.shift(parent, n)] = true
				}
			}
		}
	}
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) > 1 && b.readsItself(m) {
		for name, last := names[0], names[len(names)-1]; name < last; name = m.Part.shift(name, 1) {
			set[name] = true
		}
		names = names[:0]
		for name := range set {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	return names, driven
}

func (b *build) readsItself(m *Model) bool {
	return slices.ContainsFunc(m.Inputs, func(i Input) bool { return i.Name == m.Name })
}

// partitionNames lists the partitions of an input that have rows.
func (b *build) partitionNames(input string) []string {
	set := map[string]bool{}
	if stream, staged := strings.CutPrefix(input, "staged."); staged {
		for _, o := range b.streams[stream].objects {
			for month, rows := range o.Months {
				if month != "" && rows > 0 {
					set[month] = true
				}
			}
		}
	} else {
		for _, p := range b.manifests[input].Partitions {
			if len(p.Files) > 0 {
				set[p.Name] = true
			}
		}
	}
	var names []string
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func systemTable(name string) string { return warehouse.Identifier("omoflow " + name) }
