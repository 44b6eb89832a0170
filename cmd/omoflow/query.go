package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/release"
)

// queryFlags are the flags of omoflow query.
type queryFlags struct {
	release   int64
	candidate bool
	format    string
	output    string
	maxRows   int64
	timeout   time.Duration
	tables    bool
	file      string
}

func (a *app) queryCommand() *cobra.Command {
	var f queryFlags
	command := &cobra.Command{
		Use:   "query [SQL]",
		Short: "Run one SELECT on a release",
		Long: `Opens a release read-only in a process of its own and runs one SELECT over its tables. It can run while
anything else runs; a release does not change. --release opens a past one, --candidate the last one that
was built and not published.`,
		Example: `  omoflow query --tables
  omoflow query "SELECT channel, sum(home_net_amount) AS net FROM sales.day GROUP BY channel ORDER BY channel"
  omoflow query --format parquet --output lines.parquet "SELECT * FROM sales.order_line"`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(command *cobra.Command, args []string) error {
			return a.query(command.Context(), f, args)
		},
	}
	flags := command.Flags()
	flags.Int64Var(&f.release, "release", 0, "number of a past release (0: the latest)")
	flags.BoolVar(&f.candidate, "candidate", false, "the last candidate that was not published")
	flags.StringVar(&f.format, "format", "table", "table, csv, json, jsonl, parquet or arrow")
	flags.StringVarP(&f.output, "output", "o", "", "file to write (parquet needs one)")
	flags.Int64Var(&f.maxRows, "max-rows", 0, "most rows to print (0: 1,000 for table, else all)")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "longest run")
	flags.BoolVar(&f.tables, "tables", false, "list the tables and their columns")
	flags.StringVarP(&f.file, "file", "f", "", "read the SQL from a file, - for standard input")
	return command
}

var queryFormats = []string{"table", "csv", "json", "jsonl", "parquet", "arrow"}

func (a *app) query(ctx context.Context, f queryFlags, args []string) error {
	p, err := a.openProject(ctx, false)
	if err != nil {
		return err
	}
	defer p.close()
	rel, err := p.release(ctx, f.release, f.candidate)
	if err != nil {
		return err
	}
	if f.tables {
		return a.listTables(ctx, p, rel)
	}
	sql, err := querySQL(f, args)
	if err != nil {
		return err
	}
	if a.json && f.format == "table" {
		f.format = "json"
	}
	if !slices.Contains(queryFormats, f.format) {
		return fault.New(fault.Usage, "bad_format", f.format, "use one of "+strings.Join(queryFormats, ", "), "is not a format")
	}
	if f.format == "parquet" && f.output == "" {
		return fault.New(fault.Usage, "no_output", "--format parquet", "add --output FILE", "Parquet is written to a file")
	}
	request, err := p.sandboxRequest(ctx, rel, sql, f)
	if err != nil {
		return err
	}
	return a.runSandbox(ctx, request, f)
}

// querySQL gives the statement from the argument, a file or standard input.
func querySQL(f queryFlags, args []string) (string, error) {
	if f.file == "" {
		if len(args) == 1 {
			return trimStatement(args[0]), nil
		}
		return "", fault.New(fault.Usage, "no_sql", "query", "give one SELECT, or --tables for what there is", "there is no SQL")
	}
	var data []byte
	var err error
	if f.file == "-" {
		data, err = io.ReadAll(os.Stdin)
	} else {
		data, err = os.ReadFile(f.file)
	}
	return trimStatement(string(data)), fault.Wrap(err, fault.Usage, "unreadable", f.file, "name a file that exists", "the SQL cannot be read")
}

// trimStatement drops the closing semicolon, so that the statement can stand inside another.
func trimStatement(sql string) string { return strings.TrimRight(sql, "; \t\r\n") }

// release opens the release a command asks for: a past one, the candidate, or the latest.
func (p *project) release(ctx context.Context, seq int64, candidate bool) (release.Release, error) {
	if seq > 0 {
		return release.At(ctx, p.lake, seq)
	}
	find, what := release.Latest, "release"
	if candidate {
		find, what = release.Candidate, "candidate"
	}
	rel, ok, err := find(ctx, p.lake)
	if err == nil && !ok {
		err = fault.New(fault.Usage, "no_release", p.lake.Bucket.URL(), "run `omoflow run` first", "there is no %s yet", what)
	}
	return rel, err
}

func (a *app) listTables(ctx context.Context, p *project, rel release.Release) error {
	type tableInfo struct {
		Table   string           `json:"table"`
		Rows    int64            `json:"rows"`
		About   string           `json:"about"`
		Columns []release.Column `json:"columns"`
	}
	var tables []tableInfo
	for _, name := range sortedKeys(rel.Tables) {
		manifest, err := rel.Manifest(ctx, p.lake, name)
		if err != nil {
			return err
		}
		tables = append(tables, tableInfo{name, manifest.Rows(), manifest.About, manifest.Columns})
	}
	return a.result("tables", tables, nil, nil, func() error {
		var rows [][]string
		for _, t := range tables {
			var columns []string
			for _, column := range t.Columns {
				columns = append(columns, column.Name)
			}
			if strings.Contains(t.Table, ".") {
				rows = append(rows, []string{t.Table, fmt.Sprint(t.Rows), wrapText(t.About, 48), wrapText(strings.Join(columns, ", "), 72)})
			}
		}
		a.table([]string{"table", "rows", "about", "columns"}, rows)
		return nil
	})
}

// wrapText breaks text at spaces so that no line is longer than width.
func wrapText(text string, width int) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return strings.Join(append(lines, line), "\n")
}

// wrapLines wraps each line of text on its own.
func wrapLines(text string, width int) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = wrapText(lines[i], width)
	}
	return strings.Join(lines, "\n")
}

// recorder notes the statements that mount a release, for the sandbox to repeat.
type recorder struct{ statements []string }

// Exec implements release.Execer.
func (r *recorder) Exec(_ context.Context, sql string, args ...any) error {
	if len(args) > 0 {
		return errors.New("a mount statement has arguments")
	}
	r.statements = append(r.statements, sql)
	return nil
}

// sandboxRequest is what the child process gets: views to make, files it may read, the statement and its limits.
type sandboxRequest struct {
	Mount   []string `json:"mount"`
	Files   []string `json:"files"`
	SQL     string   `json:"sql"`
	Format  string   `json:"format"`
	Output  string   `json:"output"`
	MaxRows int64    `json:"max_rows"`
	Memory  string   `json:"memory"`
	Threads int      `json:"threads"`
	TempDir string   `json:"temp_dir"`
	Temp    string   `json:"temp_limit"`
	Address int64    `json:"address_space"` // bytes
}

func (p *project) sandboxRequest(ctx context.Context, rel release.Release, sql string, f queryFlags) (sandboxRequest, error) {
	engine := p.engine()
	request := sandboxRequest{
		SQL: sql, Format: f.format, MaxRows: f.maxRows, Memory: engine.MemoryLimit, Threads: engine.Threads,
		TempDir: engine.TempDir, Temp: engine.TempLimit, Address: memoryBytes()*3/4 + 4<<30,
	}
	if request.MaxRows == 0 && f.format == "table" {
		request.MaxRows = 1000
	}
	if f.output != "" {
		absolute, err := filepath.Abs(f.output)
		if err != nil {
			return request, err
		}
		request.Output = absolute
	}
	notes := &recorder{}
	lower := strings.ToLower(sql)
	for _, name := range sortedKeys(rel.Tables) {
		manifest, err := rel.Manifest(ctx, p.lake, name)
		if err != nil {
			return request, err
		}
		if !strings.Contains(lower, strings.ToLower(name[strings.LastIndex(name, ".")+1:])) {
			manifest.Partitions = nil // not named in the statement: its columns are shown, its files are not needed
		}
		if err := release.MountManifest(ctx, notes, p.cache, manifest); err != nil {
			return request, err
		}
		for _, partition := range manifest.Partitions {
			for _, file := range partition.Files {
				path, err := p.cache.Path(ctx, file.Key, file.SHA256, file.Bytes)
				if err != nil {
					return request, err
				}
				request.Files = append(request.Files, path)
			}
		}
	}
	request.Mount = notes.statements
	return request, nil
}

// runSandbox runs the request in a child process and kills it when time is up.
func (a *app) runSandbox(ctx context.Context, request sandboxRequest, f queryFlags) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	encoded, err := json.Marshal(request)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	child := exec.CommandContext(limited, self, "sandbox")
	child.Stdin = bytes.NewReader(encoded)
	child.Env = []string{"TZ=UTC", "OMOFLOW_SANDBOX=1"} // nothing of the environment reaches a person's SQL
	child.Stdout = a.stdout
	if request.Output != "" && request.Format != "parquet" {
		file, err := os.Create(request.Output)
		if err != nil {
			return fault.Wrap(err, fault.Denied, "not_writable", request.Output, "choose a file that you may write", "the output cannot be written")
		}
		defer file.Close()
		child.Stdout = file
	}
	var complaint bytes.Buffer
	child.Stderr = &complaint
	err = child.Run()
	switch {
	case ctx.Err() != nil:
		return fault.Wrap(ctx.Err(), fault.Interrupted, "interrupted", "query", "run it again", "the query was stopped")
	case limited.Err() != nil:
		return fault.New(fault.Exhausted, "query_deadline", "query", "allow more with --timeout, or ask for less", "the query took longer than %s and was stopped", f.timeout)
	case err == nil:
		fmt.Fprint(a.stderr, complaint.String())
		return nil
	}
	var report errorReport
	if json.Unmarshal(lastLine(complaint.Bytes()), &report) == nil && report.Message != "" {
		return &fault.Error{Kind: kindNamed(report.Kind), Code: report.Code, Message: report.Message, Hint: report.Next}
	}
	return fault.Wrap(err, fault.Exhausted, "query_died", "query", "ask for less, or raise engine.memory", "the query's process ended: "+strings.TrimSpace(string(lastLine(complaint.Bytes()))))
}

func lastLine(output []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	return lines[len(lines)-1]
}

func kindNamed(name string) fault.Kind {
	for kind := fault.Internal; kind <= fault.Interrupted; kind++ {
		if kind.String() == name {
			return kind
		}
	}
	return fault.Internal
}

var _ release.Execer = (*recorder)(nil)
