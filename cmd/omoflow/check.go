package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

func (a *app) checkCommand() *cobra.Command {
	var readData bool
	command := &cobra.Command{
		Use:   "check",
		Short: "Read everything that a run would use, and change nothing",
		Long: `Checks the configuration, the profiles, the models with their lint, whether the places files arrive at can be read,
and the journal's chain. --read-data also reads every object of the lake that counts and compares its hash.`,
		Example: "  omoflow check\n  omoflow check --read-data",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(command *cobra.Command, _ []string) error { return a.check(command.Context(), readData) },
	}
	command.Flags().BoolVar(&readData, "read-data", false, "read every object of the lake and compare its hash")
	return command
}

// checked is one line of omoflow check.
type checked struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Note string `json:"note"`
	Next string `json:"next,omitempty"`
	err  error
}

func (a *app) check(ctx context.Context, readData bool) error {
	config, err := loadConfig(a.project)
	if err != nil {
		return err
	}
	var all []checked
	add := func(what, note string, err error) {
		line := checked{What: what, OK: err == nil, Note: note, err: err}
		if err != nil {
			line.Note, line.Next = err.Error(), fault.HintOf(err)
		}
		all = append(all, line)
	}
	add("configuration", fmt.Sprintf("%d sources", len(config.Sources)), nil)
	for _, source := range sortedKeys(config.Sources) {
		a.checkSource(ctx, config, source, add)
	}
	note, err := config.checkModels(ctx)
	add("models", note, err)
	a.checkLake(ctx, config, readData, add)
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
	return fault.Wrap(failed[0], fault.KindOf(failed[0]), "check_failed", "", fault.HintOf(failed[0]), fmt.Sprintf("%d of %d checks failed, the first", len(failed), len(all)))
}

// checkSource looks at one source: its place, and each feed's profile against its pattern.
func (a *app) checkSource(ctx context.Context, config *Config, source string, add func(what, note string, err error)) {
	place, err := openPlace(ctx, config.resolve(config.Sources[source].Path))
	files := 0
	if err == nil {
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

// checkLake verifies the journal's chain and, with readData, the bytes of every object that counts.
func (a *app) checkLake(ctx context.Context, config *Config, readData bool, add func(what, note string, err error)) {
	p, err := openConfigured(ctx, config, false)
	if fault.KindOf(err) == fault.Usage && err != nil {
		add("lake", "none yet; `omoflow run` makes it", nil)
		return
	}
	if err != nil {
		add("lake", "", err)
		return
	}
	defer p.close()
	batches, err := p.lake.Batches(ctx)
	add("journal", fmt.Sprintf("%d batches, chains whole", len(batches)), err)
	rel, ok, err := release.Latest(ctx, p.lake)
	if err != nil {
		add("release", "", err)
		return
	}
	if ok {
		add("release", fmt.Sprintf("%d of %s", rel.Seq, rel.At.Format("2006-01-02 15:04 MST")), nil)
	}
	if !readData {
		return
	}
	a.checkObjects(ctx, p, add)
}

// checkObjects reads the bytes of every object that a batch or a release names.
func (a *app) checkObjects(ctx context.Context, p *project, add func(what, note string, err error)) {
	read := 0
	problems, err := release.Inspect(ctx, p.lake, true, func(done, total int) {
		read = done
		a.progress("read %d of %d objects", done, total)
	})
	a.progressDone()
	for _, problem := range problems {
		hint := fault.HintOf(problem.Err)
		if problem.Rebuildable {
			hint = "run `omoflow rebuild`; it writes the object again"
		}
		add("object "+problem.Key, "", &fault.Error{Kind: fault.Damaged, Code: "object_damaged", Err: problem.Err, Hint: hint})
	}
	add("objects", fmt.Sprintf("%d objects read, %d damaged", read, len(problems)), err)
}
