package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

func (a *app) runCommand() *cobra.Command {
	var noRelease bool
	var named []string
	var back past
	command := &cobra.Command{
		Use:   "run [SOURCE...]",
		Short: "Take in what has arrived, then build, check and release",
		Long: `Takes new files of every source (or of the named ones), keeps their bytes, stages their rows, then builds the partitions
that they touch, checks the candidate and publishes it as one release. Nothing new is a success. Interrupted or killed at
any moment, the same command goes on where it was.

With --from the named API sources read a part of the past by date instead, window by window; what they have new is read
by the next ordinary run, from where it stopped before. --plan shows the windows and the calls they take.`,
		Example: "  omoflow run\n  omoflow run tills --no-release\n  omoflow run --source shop --from 2024-01-01 --plan",
		RunE: func(command *cobra.Command, args []string) error {
			return a.run(command.Context(), append(args, named...), !noRelease, back)
		},
	}
	command.Flags().StringSliceVar(&named, "source", nil, "only these sources")
	command.Flags().StringVar(&back.from, "from", "", "read the past from this day (YYYY-MM-DD)")
	command.Flags().StringVar(&back.to, "to", "", "last day of the past to read; default today")
	command.Flags().BoolVar(&back.plan, "plan", false, "show what --from would read, and read nothing")
	command.Flags().StringVar(&back.record, "record", "", "record every exchange with an API to this folder, secrets removed")
	command.Flags().BoolVar(&noRelease, "no-release", false, "take files in without building a release")
	return command
}

// ran says what one run did.
type ran struct {
	Files    int              `json:"files"`
	Same     int              `json:"same_files"`
	Replaced int              `json:"corrected_files"`
	Refused  int              `json:"refused_files"`
	Read     int64            `json:"read"`
	Accepted int64            `json:"accepted"`
	Dupes    int64            `json:"duplicate"`
	Quarant  int64            `json:"quarantined"`
	Ignored  int64            `json:"ignored"`
	Waiting  []string         `json:"waiting,omitempty"`
	Findings []ingest.Finding `json:"findings,omitempty"`
	Seconds  float64          `json:"ingest_seconds"`
	Release  *released        `json:"release,omitempty"`
}

func (a *app) run(ctx context.Context, sources []string, release bool, back past) error {
	if back.plan || back.from == "" && back.to != "" {
		p, err := a.openProject(ctx, true)
		if err != nil {
			return err
		}
		defer p.close()
		window, err := back.resolve(p.config.Company.Zone, time.Now())
		if err != nil {
			return err
		}
		return a.planBackfill(ctx, p, sources, *window)
	}
	done, err := a.ingestAndRelease(ctx, sources, release, back)
	if err != nil {
		if done.Files > 0 && !a.json {
			a.printRan(done) // what was taken in stays, whatever came after
		}
		return err
	}
	var next []string
	if len(done.Findings) > 0 {
		next = append(next, "omoflow quarantine list")
	}
	if err := a.result("run", done, done.Findings, next, func() error {
		a.printRan(done)
		return nil
	}); err != nil {
		return err
	}
	if done.Refused > 0 {
		return fault.New(fault.Partial, "files_refused", "", "`omoflow quarantine list` tells why; mend the profile or the file, then `omoflow quarantine replay` or deliver again",
			"%d of %d files were refused whole: their records are missing from the release", done.Refused, done.Files)
	}
	return nil
}

// ingestAndRelease takes in what has arrived and, if asked, publishes a release. Feeds that fail do not keep the
// others from being released; their error comes at the end.
func (a *app) ingestAndRelease(ctx context.Context, sources []string, publish bool, back past) (ran, error) {
	p, err := a.openProject(ctx, true)
	if err != nil {
		return ran{}, err
	}
	defer p.close()
	p.dropUploads(ctx, a)
	done, failed := p.ingest(ctx, a, sources, back)
	if failed != nil && fault.KindOf(failed) != fault.Partial {
		return done, failed
	}
	failpoint.Hit("run.ingested")
	if publish {
		release, err := p.build(ctx, a)
		if err != nil {
			return done, errors.Join(err, failed)
		}
		done.Release = &release
	}
	return done, failed
}

// feeds turns the configured sources, or the named ones, into the feeds of ingest.
func (p *project) ingestFeeds(ctx context.Context, only []string, recordTo string) (feeds []ingest.Feed, closing func(), err error) {
	var opened []interface{ Close() }
	closing = func() {
		for _, one := range opened {
			one.Close()
		}
	}
	feeds, err = p.openFeeds(ctx, only, recordTo, &opened)
	return feeds, closing, err
}

func (p *project) openFeeds(ctx context.Context, only []string, recordTo string, opened *[]interface{ Close() }) ([]ingest.Feed, error) {
	for _, name := range only {
		if _, ok := p.config.Sources[name]; !ok {
			hint := "the sources are " + strings.Join(sortedKeys(p.config.Sources), ", ")
			if near := fault.Nearest(name, sortedKeys(p.config.Sources)); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return nil, fault.New(fault.Usage, "unknown_source", name, hint, "is not a source of %s", p.config.path)
		}
	}
	var feeds []ingest.Feed
	for _, name := range sortedKeys(p.config.Sources) {
		if len(only) > 0 && !slices.Contains(only, name) {
			continue
		}
		source := p.config.Sources[name]
		if source.Kind != "files" {
			api, own, err := p.config.openAPI(ctx, name, recordTo)
			if err != nil {
				return nil, err
			}
			*opened, feeds = append(*opened, api), append(feeds, own...)
			continue
		}
		place, err := p.config.openPlace(ctx, name)
		if err != nil {
			return nil, err
		}
		if remote, ok := place.(interface{ Close() }); ok {
			*opened = append(*opened, remote)
		}
		for _, feedName := range sortedKeys(source.Feeds) {
			feed, err := p.config.ingestFeed(name, feedName, place)
			if err != nil {
				return nil, err
			}
			feeds = append(feeds, feed)
		}
	}
	return feeds, nil
}

// ingestFeed turns one configured feed into a feed of ingest.
func (c *Config) ingestFeed(source, name string, place file.Place) (ingest.Feed, error) {
	feed := c.Sources[source].Feeds[name]
	mapping, err := c.profile(feed.Profile)
	if err == nil && feed.Zone != "" {
		mapping, err = mapping.InZone(feed.Zone)
	}
	if err != nil {
		return ingest.Feed{}, err
	}
	settle, err := time.ParseDuration(feed.Settle)
	if err != nil {
		return ingest.Feed{}, err
	}
	refuseOver, err := parseShare(feed.RefuseOver)
	if err != nil {
		return ingest.Feed{}, err
	}
	return ingest.Feed{
		Source: source, Name: name, Place: place, Match: feed.Match, Settle: settle, Marker: feed.Marker,
		Profile: mapping, RefuseOver: refuseOver, Constants: feed.Constants,
	}, nil
}

// profile loads a shipped profile by name or a file of the project.
func (c *Config) profile(name string) (*profile.Profile, error) {
	if !strings.ContainsAny(name, "./\\") {
		return profile.Shipped(name)
	}
	path := c.resolve(name)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Wrap(err, fault.Usage, "profile_missing", path, "correct the feed's profile key in "+c.path, "the profile cannot be read")
	}
	return profile.Parse(path, data)
}

func (p *project) ingestOptions(a *app, db *warehouse.DB) ingest.Options {
	options := ingest.Options{
		Lake: p.lake, DB: db, TempDir: p.temp, Zone: p.config.Company.Zone, Progress: a.progress,
		Locations: map[string]ingest.Location{},
	}
	for id, location := range p.config.Locations {
		options.Locations[id] = ingest.Location(location)
	}
	return options
}

func (p *project) ingest(ctx context.Context, a *app, sources []string, back past) (ran, error) {
	began := time.Now()
	window, err := back.resolve(p.config.Company.Zone, began)
	if err != nil {
		return ran{}, err
	}
	feeds, closing, err := p.ingestFeeds(ctx, sources, back.record)
	defer closing()
	if err != nil || len(feeds) == 0 {
		return ran{}, err
	}
	db, err := warehouse.Open(ctx, p.engine())
	if err != nil {
		return ran{}, err
	}
	defer db.Close()
	options := p.ingestOptions(a, db)
	options.Backfill = window
	result, err := ingest.Run(ctx, options, feeds)
	a.record.took(result)
	a.counted(result)
	a.progressDone()
	done := ranOf(result)
	done.Seconds = time.Since(began).Seconds()
	return done, err
}

// ranOf sums up what ingest did.
func ranOf(result ingest.Result) ran {
	return ran{
		Files: result.Files, Same: result.Same, Replaced: result.Replaced, Refused: result.Refused, Read: result.Counts.Read,
		Accepted: result.Counts.Accepted, Dupes: result.Counts.Duplicate, Quarant: result.Counts.Quarantined, Ignored: result.Counts.Ignored,
		Waiting: result.Waiting, Findings: result.Findings,
	}
}

func (a *app) printRan(done ran) {
	if done.Files == 0 {
		a.print("nothing new arrived")
	} else {
		a.print("took %d files in %.1f s (%d known before, %d corrections, %d refused): %d records read = %d accepted + %d duplicate + %d quarantined + %d ignored",
			done.Files, done.Seconds, done.Same, done.Replaced, done.Refused, done.Read, done.Accepted, done.Dupes, done.Quarant, done.Ignored)
	}
	for _, name := range done.Waiting {
		a.print("  waiting until it has stopped changing: %s", name)
	}
	const most = 10
	for i, finding := range done.Findings {
		if i == most {
			a.print("  and %d more findings", len(done.Findings)-most)
			break
		}
		a.print("  %s.%s %s: %s: %s (%d records)", finding.Source, finding.Feed, finding.File, finding.Code, finding.Message, finding.Records)
	}
	r := done.Release
	switch {
	case r == nil:
	case !r.Changed:
		a.print("release %d stands: nothing new to build", r.Release)
	default:
		a.print("release %d in %.1f s: %d tables, %d rows, %d partitions built, %d reused", r.Release, r.Seconds, r.Tables, r.Rows, r.Built, r.Reused)
		for _, check := range r.Failed {
			a.print("  warning: check %s found %d rows %s", check.Name, check.Rows, check.Sample)
		}
	}
}
