package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/inspect"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

func (a *app) checkCommand() *cobra.Command {
	var readData string
	command := &cobra.Command{
		Use:   "check",
		Short: "Read everything that a run would use, and change nothing",
		Long: `Checks the configuration, the profiles, the models with their lint, whether the places files arrive at can be read,
the journal with all its chains and heads, and whether every object that it names is there. --read-data also reads the bytes
of every such object and compares size, sha256 and the row counts of Parquet files; --read-data=n/t reads the n-th of t parts,
so that t runs on t days read everything. Each finding names the object and what mends it, mostly ` + "`omoflow repair`" + `.`,
		Example: "  omoflow check\n  omoflow check --read-data\n  omoflow check --read-data=3/30",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(command *cobra.Command, _ []string) error { return a.check(command.Context(), readData) },
	}
	command.Flags().StringVar(&readData, "read-data", "", "read every object of the lake, or the n-th of t parts (n/t), and compare its hash")
	command.Flags().Lookup("read-data").NoOptDefVal = "1/1"
	return command
}

// checked is one line of omoflow check.
type checked struct {
	What  string `json:"what"`
	OK    bool   `json:"ok"`
	Class string `json:"class,omitempty"` // of a damaged object: raw, staged, table, entry, ...
	Note  string `json:"note"`
	Next  string `json:"next,omitempty"`
	err   error
}

func (a *app) check(ctx context.Context, readData string) error {
	if _, err := inspectOptions(readData); err != nil {
		return err
	}
	config, err := loadConfig(a.project)
	if err != nil {
		return err
	}
	var all []checked
	add := func(what, note string, err error) {
		line := checked{What: what, OK: true, Note: note}
		if err != nil {
			line = failedCheck(what, err)
		}
		all = append(all, line)
	}
	add("configuration", fmt.Sprintf("%d sources", len(config.Sources)), nil)
	for _, source := range sortedKeys(config.Sources) {
		a.checkSource(ctx, config, source, add)
	}
	note, err := config.checkModels(ctx)
	add("models", note, err)
	jobs, err := a.jobs(config)
	add("schedules", fmt.Sprintf("%d jobs", len(jobs)), err)
	add("alerts", fmt.Sprintf("%d channels, %d routes", len(config.Alerts.Channels), len(config.Alerts.Routes)), config.checkSecrets(ctx))
	if config.HTTP.TLS != nil {
		note, err := config.checkCertificate(a)
		add("certificate", note, err)
	}
	a.checkLake(ctx, config, readData, func(line checked) { all = append(all, line) })
	var failed []error
	var rows [][]string
	for _, line := range all {
		mark := "ok"
		if !line.OK {
			mark = "FAILED"
			failed = append(failed, line.err)
			if line.Next != "" {
				line.Note += "\nnext: " + line.Next
			}
		}
		rows = append(rows, []string{line.What, mark, wrapLines(line.Note, 96)})
	}
	if err := a.result("check", all, nil, nil, func() error {
		a.table([]string{"what", "result", "note"}, rows)
		return nil
	}); err != nil || len(failed) == 0 {
		return err
	}
	first := failed[0]
	if i := slices.IndexFunc(failed, func(err error) bool { return fault.KindOf(err) == fault.Damaged }); i >= 0 {
		first = failed[i] // lost data comes before a typing error in the configuration
	}
	return fault.Wrap(first, fault.KindOf(first), "check_failed", "", fault.HintOf(first), fmt.Sprintf("%d of %d checks failed, one of them", len(failed), len(all)))
}

// checkSource looks at one source: its place, and each feed's profile against its pattern.
func (a *app) checkSource(ctx context.Context, config *Config, source string, add func(what, note string, err error)) {
	if config.Sources[source].Kind != "files" {
		a.checkAPI(ctx, config, source, add)
		return
	}
	place, err := config.openPlace(ctx, source)
	files := 0
	if err == nil {
		if remote, ok := place.(interface{ Close() }); ok {
			defer remote.Close()
		}
		err = place.List(ctx, func(file.Entry) error { files++; return nil })
	}
	add("source "+source, fmt.Sprintf("%d files in %s", files, config.Sources[source].Path), err)
	for _, name := range sortedKeys(config.Sources[source].Feeds) {
		feed, err := config.ingestFeed(source, name, place)
		if err == nil {
			err = checkFeed(feed)
		}
		add("feed "+source+"."+name, "profile "+config.Sources[source].Feeds[name].Profile, err)
	}
}

// checkModels examines every model and check: header, template, lint, and whether the engine accepts it.
func (c *Config) checkModels(ctx context.Context) (string, error) {
	models, err := c.models()
	if err != nil {
		return "", err
	}
	db, err := warehouse.Open(ctx, warehouse.Options{})
	if err != nil {
		return "", err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return fmt.Sprintf("%d models, %d checks", len(models.Models), len(models.Checks)), models.Check(ctx, conn, c.modelValues())
}

// checkFeed compiles a feed's profile against what its file names and constants give it.
func checkFeed(feed ingest.Feed) error {
	pattern, err := file.ParsePattern(feed.Match)
	if err != nil {
		return err
	}
	_, err = feed.Profile.Compile(&profile.Bind{Constants: feed.Constants, Captures: pattern.Captures()})
	return err
}

// checkLake inspects everything that the journal names; part says whose bytes are read, "" that only presence, sizes and
// chains are looked at. The lake is inspected even when it cannot be opened.
func (a *app) checkLake(ctx context.Context, config *Config, part string, add func(checked)) {
	bucket, err := openBucket(ctx, config.resolve(config.Lake), false)
	if err == nil {
		err = isLake(ctx, bucket)
	}
	switch {
	case fault.KindOf(err) == fault.Usage && (errors.Is(err, objstore.ErrNotFound) || errors.Is(err, fs.ErrNotExist)):
		add(checked{What: "lake", OK: true, Note: "none yet; `omoflow run` makes it"})
		return
	case err != nil && fault.KindOf(err) != fault.Damaged:
		add(failedCheck("lake", err))
		return
	}
	options, err := inspectOptions(part)
	if err != nil {
		add(failedCheck("objects", err))
		return
	}
	options.Progress = func(done, total int) { a.progress("read %d of %d objects", done, total) }
	report, err := inspect.Run(ctx, bucket, options)
	a.progressDone()
	for _, f := range report.Findings {
		line := failedCheck("object "+f.Key, f.Err)
		line.Class = string(f.Class)
		add(line)
	}
	if err != nil {
		add(failedCheck("objects", err))
		return
	}
	addInspected(report, options, add)
}

// addInspected sums up an inspection.
func addInspected(report inspect.Report, options inspect.Options, add func(checked)) {
	note := fmt.Sprintf("%d entries, %d batches", report.Entries, len(report.Batches))
	if len(report.Behind) > 0 {
		note += fmt.Sprintf("; the end of %s is not noted yet, as after a crash (the next run or `omoflow repair` notes it)", strings.Join(report.Behind, ", "))
	}
	add(checked{What: "journal", OK: true, Note: note})
	if n := len(report.Releases); n > 0 {
		last := report.Releases[n-1]
		add(checked{What: "release", OK: true, Note: fmt.Sprintf("%d of %s", last.Seq, last.At.Format("2006-01-02 15:04 MST"))})
	}
	note = fmt.Sprintf("%d of %d objects are there with their sizes", report.Read, len(report.Named))
	if options.Data {
		note = fmt.Sprintf("%d of %d objects read, %d bytes; manifests and the journal whole", report.Read, len(report.Named), report.ReadBytes)
	}
	if report.Orphans > 0 {
		note += fmt.Sprintf("; %d objects (%d bytes) are named by nothing, as crashes leave them", report.Orphans, report.OrphanBytes)
	}
	line := checked{What: "objects", OK: len(report.Findings) == 0, Note: note}
	if !line.OK {
		line.Note = fmt.Sprintf("%d damaged or missing; %s", len(report.Findings), note)
		line.err = fault.New(fault.Damaged, "objects_damaged", "", "run `omoflow repair`", "%d objects are damaged or missing", len(report.Findings))
		line.Next = "run `omoflow repair`"
	}
	add(line)
}

// isLake tells whether a bucket is a lake: a lost lake.json does not make a journal none.
func isLake(ctx context.Context, bucket objstore.Bucket) error {
	_, err := lake.Open(ctx, bucket)
	if !errors.Is(err, objstore.ErrNotFound) {
		return err
	}
	logs, listing := journal.Logs(ctx, bucket, "")
	switch {
	case listing != nil:
		return listing
	case len(logs) > 0:
		return fault.Wrap(err, fault.Damaged, "lake_damaged", lake.RootKey, "run `omoflow repair`", "the lake lost this object")
	}
	return err
}

// inspectOptions reads the value of --read-data: n/t.
func inspectOptions(part string) (inspect.Options, error) {
	if part == "" {
		return inspect.Options{}, nil
	}
	n, of, ok := strings.Cut(part, "/")
	options := inspect.Options{Data: true}
	var errPart, errOf error
	options.Part, errPart = strconv.Atoi(n)
	options.Of, errOf = strconv.Atoi(of)
	if !ok || errPart != nil || errOf != nil || options.Part < 1 || options.Of < options.Part {
		return options, fault.New(fault.Usage, "bad_part", "--read-data="+part, "write --read-data=n/t with n from 1 to t, such as --read-data=3/30", "%q names no part", part)
	}
	return options, nil
}

func failedCheck(what string, err error) checked {
	return checked{What: what, Note: err.Error(), Next: fault.HintOf(err), err: err}
}
