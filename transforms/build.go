package transforms

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// build is one run over all models.
type build struct {
	Options
	project *Project
	engine  string
	dir     string // private scratch folder of this run
	reuse   bool   // partitions with an unchanged fingerprint are taken over
	upload  bool   // new files go to the lake

	parent    release.Release
	batches   []lake.BatchEntry
	streams   map[string]*stream
	system    map[string]Relation
	models    map[string]string // model -> digest of its declaration and SQL
	asked     map[string]string // configured values that models used
	queries   map[string]string // model -> SQL that does not depend on the partition
	normal    map[string]string // the same without comments and layout
	manifests map[string]release.Manifest
	restoring *restoring                  // nil but when a past release is made again
	before    map[string]release.Manifest // of the parent release, as far as read
	refs      map[string]release.TableRef
	stats     map[string]Progress

	conns      chan *warehouse.Conn
	threads    int      // that the engine may use, as opened
	using      int      // that it uses now
	local      sync.Map // sha256 -> path of a file made in this run
	unique     sync.Map // sha256 -> true: no two rows of the file, made in this run, have the same grain
	digestLock sync.Mutex
	keyLock    sync.Mutex
	keyed      map[string]bool // scratch folders of key(col) inputs that are cut
	tasks      int             // partitions of the model at hand that are built
	digests    map[string]map[string]string
}

// newBuild reads the journal and prepares the scratch folder. close frees it.
func newBuild(ctx context.Context, opt Options) (*build, error) {
	b := &build{
		Options: opt, project: opt.Project, reuse: true, upload: true, models: map[string]string{}, asked: map[string]string{},
		manifests: map[string]release.Manifest{}, before: map[string]release.Manifest{}, refs: map[string]release.TableRef{}, stats: map[string]Progress{},
		digests: map[string]map[string]string{}, keyed: map[string]bool{}, queries: map[string]string{}, normal: map[string]string{},
	}
	if b.Workers <= 0 {
		b.Workers = defaultWorkers
	}
	if b.splitRows == 0 {
		b.splitRows = defaultSplitRows
	}
	var err error
	if b.engine, err = warehouse.Engine(ctx, b.DB); err != nil {
		return nil, err
	}
	if b.parent, _, err = release.Latest(ctx, b.Lake); err != nil {
		return nil, err
	}
	if b.batches, err = b.Lake.Batches(ctx); err != nil {
		return nil, err
	}
	if err := b.notBehind(); err != nil {
		return nil, err
	}
	if b.Only != nil {
		b.batches = slices.DeleteFunc(b.batches, func(e lake.BatchEntry) bool { return !b.Only(e.Log) && e.Seq > b.parent.Streams[e.Log] })
	}
	if b.streams, err = streams(b.batches); err != nil {
		return nil, err
	}
	b.system = map[string]Relation{"system.file": systemFiles(b.batches, gone(b.batches))}
	for _, name := range configured() {
		columns, _ := systemColumns(name)
		b.system[name] = Relation{Columns: columns, Rows: b.System[name].Rows}
		for _, row := range b.system[name].Rows {
			if len(row) != len(columns) {
				return nil, fmt.Errorf("%s: a row has %d cells instead of %d", name, len(row), len(columns))
			}
		}
	}
	return b, b.digestModels()
}

// digestModels expands every model once, which also finds template faults, and hashes declaration and SQL.
func (b *build) digestModels() error {
	var faults []error
	for _, m := range append(slices.Clone(b.project.Models), b.project.Checks...) {
		query, r, err := m.render(b.Config, "")
		if err != nil {
			if !b.project.repeats(m) {
				faults = append(faults, err)
			}
			continue
		}
		for _, input := range m.Inputs {
			if !r.used[input.Name] && !b.project.repeats(m) {
				faults = append(faults, fault.New(fault.Usage, "unused_input", m.where(), "remove it from inputs:, or read it with {{ref}}", "input %q is declared but not read", input.Name))
			}
		}
		for name := range r.asked {
			b.asked[name] = b.Config[name]
		}
		b.models[m.Name] = m.digestOf(query)
		if !r.dated {
			b.queries[m.Name] = query
			b.normal[m.Name] = normalise(query)
		}
	}
	for _, name := range configured() {
		b.models[name] = b.system[name].digestOf()
	}
	return joinFaults(faults)
}

// queryFor gives a model's SQL for a partition, and the same without comments and layout. Most models say the same for all
// partitions and were expanded once.
func (b *build) queryFor(m *Model, part string) (query, normal string, err error) {
	if query, ok := b.queries[m.Name]; ok {
		return query, b.normal[m.Name], nil
	}
	query, _, err = m.render(b.Config, part)
	return query, normalise(query), err
}

// digestOf hashes what shapes the rows of a model: SQL without comments and layout, and the header without its prose.
func (m *Model) digestOf(query string) string {
	parts := []string{engineVersion, m.Name, m.Part.String(), m.Builder, m.Severity, strings.Join(m.Grain, ","), normalise(query)}
	for _, input := range m.Inputs {
		parts = append(parts, input.Name, string(input.Kind), fmt.Sprint(input.N), input.Col)
		if stream, ok := retail.StreamNamed(strings.TrimPrefix(input.Name, "staged.")); ok && strings.HasPrefix(input.Name, "staged.") {
			for _, c := range stream.All() {
				parts = append(parts, c.Name, c.Type)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Columns)) {
		parts = append(parts, name, m.Columns[name].Type)
	}
	return digest(parts...)
}

// described hashes the prose of a header, which belongs to manifests but not to fingerprints.
func (m *Model) described() string {
	parts := []string{m.About, m.Owner, strings.Join(m.Checks, ";")}
	for _, name := range slices.Sorted(maps.Keys(m.Columns)) {
		c := m.Columns[name]
		parts = append(parts, name, c.About, c.Unit, fmt.Sprint(c.PII))
	}
	return digest(parts...)
}

// start opens the scratch folder and the worker connections.
func (b *build) start(ctx context.Context) error {
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		return fault.Wrap(err, fault.Usage, "scratch", b.Dir, "choose another engine.temp_dir", "the scratch folder cannot be made")
	}
	var err error
	if b.dir, err = os.MkdirTemp(b.Dir, "build-"); err != nil {
		return fault.Wrap(err, fault.Usage, "scratch", b.Dir, "choose another engine.temp_dir", "the scratch folder cannot be written")
	}
	for name, relation := range b.system {
		if err := relation.store(ctx, b.DB, systemTable(name)); err != nil {
			return err
		}
	}
	if err := b.readParent(ctx); err != nil {
		return err
	}
	threads, err := b.DB.Count(ctx, "SELECT CAST(current_setting('threads') AS BIGINT)")
	if err != nil {
		return err
	}
	b.threads, b.using = int(threads), int(threads)
	b.conns = make(chan *warehouse.Conn, b.Workers)
	for range b.Workers {
		conn, err := b.DB.Conn(ctx)
		if err != nil {
			return err
		}
		b.conns <- conn
	}
	return nil
}

// close gives connections and disk space back. It must run even when ctx is cancelled.
func (b *build) close(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if b.conns != nil {
		for range len(b.conns) {
			conn := <-b.conns
			tidy(ctx, conn)
			_ = conn.Close() // it goes back to the pool
		}
	}
	_ = b.use(ctx, b.threads) // only speed
	for name := range b.system {
		_ = b.DB.Exec(ctx, "DROP TABLE IF EXISTS "+systemTable(name)) // small
	}
	if b.dir != "" {
		_ = os.RemoveAll(b.dir) // scratch; a later run makes its own
	}
}

// share divides the engine's threads between n statements at a time: each runs on a thread of its own, and those beyond help
// all of them. More threads than cores would wait for each other, which costs a third more processor time.
func (b *build) share(ctx context.Context, n int) error {
	return b.use(ctx, max(1, b.threads-min(n, b.Workers)+1))
}

func (b *build) use(ctx context.Context, threads int) error {
	if threads == b.using || b.threads == 0 {
		return nil
	}
	b.using = threads
	return b.DB.Exec(ctx, fmt.Sprintf("SET threads = %d", threads))
}

// shareFor divides the threads for tasks that are about to run. Few bytes are read faster by one thread than shared out.
func (b *build) shareFor(ctx context.Context, tasks ...*task) error {
	var bytes int64
	for _, t := range tasks {
		for _, s := range t.seen {
			bytes += s.bytes
		}
	}
	if bytes < fewBytes {
		return b.use(ctx, 1)
	}
	return b.share(ctx, len(tasks))
}

// fewBytes is what one thread reads and computes in some tenths of a second.
const fewBytes = 8 << 20

// tidy drops the temporary views and tables of a connection, which would outlive the build in the pool.
func tidy(ctx context.Context, conn *warehouse.Conn) {
	left, err := conn.Text(ctx, `SELECT 'DROP VIEW temp."' || view_name || '"' FROM duckdb_views() WHERE temporary AND NOT internal
		UNION ALL SELECT 'DROP TABLE temp."' || table_name || '"' FROM duckdb_tables() WHERE temporary AND NOT internal`)
	if err != nil {
		return // they cost names and memory, nothing else
	}
	for _, row := range left {
		_ = conn.Exec(ctx, row[0]) // as above
	}
}

// path gives a local file of an object: made in this run, or of the lake.
func (b *build) path(ctx context.Context, o lake.Object) (string, error) {
	if path, ok := b.local.Load(o.SHA256); ok {
		return path.(string), nil
	}
	path, err := b.Cache.Path(ctx, o.Key, o.SHA256, o.Bytes)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// readParent fetches the parent's manifests, several at a time: on a remote store each costs a round trip.
func (b *build) readParent(ctx context.Context) error {
	var lock sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(manifestReaders)
	for table := range b.parent.Tables {
		group.Go(func() error {
			m, err := b.manifestBefore(groupCtx, table)
			if err != nil {
				return err
			}
			lock.Lock()
			defer lock.Unlock()
			b.before[table] = m
			return nil
		})
	}
	return group.Wait()
}

// manifestReaders is the number of manifests fetched at a time.
const manifestReaders = 8

// all builds every model in order.
func (b *build) all(ctx context.Context) error {
	for i, m := range b.project.Models {
		if err := ctx.Err(); err != nil {
			return fault.Wrap(err, fault.Interrupted, "interrupted", m.Name, "run it again", "interrupted")
		}
		if err := b.model(ctx, m); err != nil {
			return fmt.Errorf("build %s: %w", m.Name, err)
		}
		if b.Progress != nil {
			p := b.stats[m.Name]
			p.Table, p.Done, p.Of, p.Rows = m.Name, i+1, len(b.project.Models), b.manifests[m.Name].Rows()
			b.Progress(p)
		}
	}
	return nil
}

// normalise drops comments and collapses white space outside of quoted text.
func normalise(query string) string {
	var out strings.Builder
	scan(query, func(_ int, token string, kind tokenKind) {
		switch kind {
		case comment, space:
			if out.Len() > 0 && !strings.HasSuffix(out.String()[max(0, out.Len()-1):], " ") {
				out.WriteByte(' ')
			}
		default:
			out.WriteString(token)
		}
	})
	return strings.TrimSpace(out.String())
}

type tokenKind int

const (
	other tokenKind = iota
	space
	comment
	quote
	wordToken
)

// scan cuts SQL into words, quoted texts, comments, white space and single other characters.
func scan(query string, fn func(at int, token string, kind tokenKind)) {
	for i := 0; i < len(query); {
		end, kind := i+1, other
		switch c := query[i]; {
		case strings.HasPrefix(query[i:], "--"):
			end, kind = upTo(query, i, "\n", 0), comment
		case strings.HasPrefix(query[i:], "/*"):
			end, kind = upTo(query, i+2, "*/", 2), comment
		case c == '\'' || c == '"':
			end, kind = upTo(query, i+1, string(c), 1), quote
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			for end < len(query) && strings.IndexByte(" \t\r\n", query[end]) >= 0 {
				end++
			}
			kind = space
		case isWord(c):
			for end < len(query) && isWord(query[end]) {
				end++
			}
			kind = wordToken
		}
		fn(i, query[i:end], kind)
		i = end
	}
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// upTo finds the end of a token that closes with mark.
func upTo(query string, from int, mark string, keep int) int {
	n := strings.Index(query[min(from, len(query)):], mark)
	if n < 0 {
		return len(query)
	}
	return from + n + keep
}

// splitOrder cuts the final ORDER BY off a SELECT.
func splitOrder(query string) (body, order string) {
	depth, at, previous, previousAt := 0, -1, "", 0
	scan(query, func(i int, token string, kind tokenKind) {
		switch {
		case token == "(":
			depth++
		case token == ")":
			depth--
		case kind == wordToken:
			if depth == 0 && strings.EqualFold(previous, "order") && strings.EqualFold(token, "by") {
				at = previousAt
			}
			previous, previousAt = token, i
		}
	})
	if at < 0 {
		return query, ""
	}
	return strings.TrimRight(query[:at], " \t\r\n"), strings.TrimRight(query[at:], " \t\r\n;")
}
