package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/transforms"
)

// models loads the shipped models and the project's own.
func (c *Config) models() (*transforms.Project, error) {
	trees := []fs.FS{transforms.Shipped()}
	if c.Models != "" {
		dir := c.resolve(c.Models)
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fault.Wrap(err, fault.Usage, "no_models", c.path+": models", "name a folder laid out like sql/, or remove the key", fmt.Sprintf("%s is not a folder", dir))
		}
		trees = append(trees, os.DirFS(dir))
	}
	return transforms.Load(trees...)
}

// buildOptions says what the project's tables are built from and with.
func (p *project) buildOptions(a *app, db *warehouse.DB) (transforms.Options, error) {
	models, err := p.config.models()
	if err != nil {
		return transforms.Options{}, err
	}
	return transforms.Options{
		Lake: p.lake, DB: db, Cache: p.cache, Project: models, Dir: p.temp, Code: codeVersion(),
		Config: p.config.modelValues(),
		System: map[string]transforms.Relation{"system.expectation": p.config.expectations(), "system.count_policy": p.config.countPolicy()},
		Progress: func(step transforms.Progress) {
			a.progress("build %d of %d: %s, %d rows (%d partitions built, %d reused)", step.Done, step.Of, step.Table, step.Rows, step.Built+step.Same, step.Reused)
		},
	}, nil
}

// modelValues are what models may ask for by {{config "name"}}.
func (c *Config) modelValues() map[string]string {
	return map[string]string{"home_currency": c.Company.HomeCurrency, "zone": c.Company.Zone, "calendar": c.Company.Calendar}
}

// released says what a build published.
type released struct {
	Release int64           `json:"release"`
	Changed bool            `json:"changed"`
	Tables  int             `json:"tables"`
	Rows    int64           `json:"rows"`
	Built   int             `json:"partitions_built"`
	Reused  int             `json:"partitions_reused"`
	Seconds float64         `json:"seconds"`
	Failed  []release.Check `json:"failed_checks,omitempty"`
}

// build makes a candidate from everything ingested and publishes it when its checks pass.
func (p *project) build(ctx context.Context, a *app) (released, error) {
	return p.buildOnly(ctx, a, nil)
}

// buildOnly does so with the news of some logs; nil is all.
func (p *project) buildOnly(ctx context.Context, a *app, only func(log string) bool) (released, error) {
	leave, err := a.buildAlone(ctx)
	if err != nil {
		return released{}, err
	}
	defer leave()
	began := time.Now()
	db, err := warehouse.Open(ctx, p.engine())
	if err != nil {
		return released{}, err
	}
	defer db.Close()
	options, err := p.buildOptions(a, db)
	if err != nil {
		return released{}, err
	}
	options.Only = only
	var done released
	report := options.Progress
	options.Progress = func(step transforms.Progress) {
		done.Built += step.Built + step.Same
		done.Reused += step.Reused
		report(step)
	}
	candidate, rel, err := buildAndPublish(ctx, options, func() {
		done.Built, done.Reused = 0, 0
		a.progress("another process published a release; building on it")
	})
	a.progressDone()
	if err != nil {
		return released{}, err
	}
	a.record.published(candidate, rel, done.Built)
	done.Release, done.Tables, done.Changed = rel.Seq, len(rel.Tables), candidate.Changed
	for _, table := range rel.Tables {
		done.Rows += table.Rows
	}
	for _, check := range rel.Checks {
		if check.Status != "passed" {
			done.Failed = append(done.Failed, check)
		}
	}
	done.Seconds = time.Since(began).Seconds()
	return done, nil
}

// buildAlone waits until no other part of this process builds, since each build may use the memory that the configuration allows.
func (a *app) buildAlone(ctx context.Context) (leave func(), err error) {
	if a.building == nil {
		return func() {}, nil
	}
	select {
	case a.building <- struct{}{}:
		return func() { <-a.building }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// publishTries is how often a build that lost to another process's release is decided anew.
const publishTries = 5

// buildAndPublish makes the next release. When another process published one meanwhile, the whole candidate is decided anew on that
// one, of which a build reuses what it can; again is told before.
func buildAndPublish(ctx context.Context, options transforms.Options, again func()) (*transforms.Candidate, release.Release, error) {
	for try := 1; ; try++ {
		candidate, err := transforms.Build(ctx, options)
		if err != nil {
			return nil, release.Release{}, err
		}
		rel, err := candidate.Publish(ctx)
		if fault.KindOf(err) != fault.Conflict || try == publishTries || ctx.Err() != nil {
			return candidate, rel, err
		}
		again()
	}
}

func (a *app) rebuildCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild",
		Short: "Build every partition again and prove that nothing changes",
		Long: `Builds all partitions from the staged rows without reusing any, and compares every file with the latest release.
Incremental equals full, so a difference is a defect; the release stays as it is. Table files that are damaged or lost
are written again, byte for byte.`,
		Example: "  omoflow rebuild",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(command *cobra.Command, _ []string) error { return a.rebuild(command.Context()) },
	}
}

func (a *app) rebuild(ctx context.Context) error {
	p, err := a.openProject(ctx, false)
	if err != nil {
		return err
	}
	defer p.close()
	db, err := warehouse.Open(ctx, p.engine())
	if err != nil {
		return err
	}
	defer db.Close()
	options, err := p.buildOptions(a, db)
	if err != nil {
		return err
	}
	report, err := transforms.Rebuild(ctx, options)
	a.progressDone()
	if err != nil {
		return err
	}
	return a.result("rebuild", report, nil, nil, func() error {
		a.print("rebuilt %d partitions: nothing changed against release %d", report.Partitions, report.Release)
		for _, key := range report.Mended {
			a.print("  mended %s", key)
		}
		return nil
	})
}
