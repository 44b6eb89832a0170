package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/world"
	"github.com/omoflow/omoflow/pipelines/report"
)

// demoFlags are the flags of omoflow demo.
type demoFlags struct {
	days  int
	scale int
	seed  uint64
}

func (a *app) demoCommand() *cobra.Command {
	var f demoFlags
	command := &cobra.Command{
		Use:   "demo [DIR]",
		Short: "Simulate a retailer and run everything on it",
		Long: `Writes a project into DIR (default work/demo), simulates a retailer with three platforms, twelve stores and two
warehouses, lets its files arrive in two deliveries, ingests and releases after each, renders both documents and the
finance export. Two of the platforms are asked over HTTP: a simulated Shopify and a simulated WooCommerce listen on
127.0.0.1 as long as the command runs. The simulation is seeded: the same seed gives the same files and the same figures.`,
		Example: "  omoflow demo\n  omoflow demo /tmp/big --scale 10",
		Args:    arguments(cobra.MaximumNArgs(1)),
		RunE: func(command *cobra.Command, args []string) error {
			dir := filepath.Join("work", "demo")
			if len(args) == 1 {
				dir = args[0]
			}
			return a.demo(command.Context(), dir, f)
		},
	}
	command.Flags().IntVar(&f.days, "days", 90, "business days to simulate")
	command.Flags().IntVar(&f.scale, "scale", 1, "multiplies order lines and people; 1 is about 2,200 lines a day")
	command.Flags().Uint64Var(&f.seed, "seed", 1, "seed of the simulation")
	return command
}

// demoSummary is the JSON form of omoflow demo.
type demoSummary struct {
	Dir       string        `json:"dir"`
	Files     int           `json:"files"`
	Records   int64         `json:"records"`
	Asked     []demoAsked   `json:"asked"` // what simulated platforms were asked
	Runs      []ran         `json:"runs"`
	Documents []rendered    `json:"documents"`
	Export    string        `json:"export"`
	Seconds   []stepSeconds `json:"seconds"`
}

type stepSeconds struct {
	Step    string  `json:"step"`
	Seconds float64 `json:"seconds"`
}

func (a *app) demo(ctx context.Context, dir string, f demoFlags) error {
	if f.days < 2 || f.scale < 1 {
		return fault.New(fault.Usage, "bad_demo", "demo", "use --days from 2 and --scale from 1", "%d days at scale %d cannot be simulated", f.days, f.scale)
	}
	asked, err := writeDemo(dir)
	if err != nil {
		return err
	}
	a.project = dir
	summary := demoSummary{Dir: dir}
	step := func(name string, work func() error) error {
		began := time.Now()
		err := work()
		a.progressDone()
		summary.Seconds = append(summary.Seconds, stepSeconds{name, time.Since(began).Seconds()})
		return err
	}
	options := world.Options{Seed: f.seed, Days: f.days, Scale: f.scale, Asked: asked}
	shops, err := a.startDemoShops(ctx, options)
	if err != nil {
		return err
	}
	defer shops.close()
	last := 0
	// Two deliveries, so that the second shows late, corrected and repeated files and an incremental build.
	for _, until := range []int{f.days * 5 / 6, f.days} {
		err := step(fmt.Sprintf("simulate days %d to %d", last+1, until), func() error {
			a.progress("simulate days %d to %d", last+1, until)
			written, err := world.Write(ctx, filepath.Join(dir, "inbox"), options, last, until)
			summary.Files += written.Files
			summary.Records += written.Records
			shops.until(until)
			return err
		})
		if err != nil {
			return err
		}
		last = until
		err = step(fmt.Sprintf("ingest and release day %d", until), func() error {
			done, err := a.ingestAndRelease(ctx, nil, true, past{})
			summary.Runs = append(summary.Runs, done)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := step("write the truth", func() error { return writeTruth(dir, options) }); err != nil {
		return err
	}
	summary.Asked = shops.asked()
	err = step("documents and finance export", func() error { return a.demoDocuments(ctx, &summary) })
	if err != nil {
		return err
	}
	month := summary.Documents[0].Period
	next := []string{
		"bin/omoflow status -C " + dir,
		fmt.Sprintf(`bin/omoflow query -C %s "SELECT business_date, channel, sum(home_net_amount) AS net FROM sales.day GROUP BY business_date, channel ORDER BY business_date DESC, channel LIMIT 10"`, dir),
		fmt.Sprintf("bin/omoflow explain -C %s net_sales --period %s", dir, month),
	}
	return a.result("demo", summary, nil, next, func() error {
		a.printDemo(summary)
		return nil
	})
}

// writeTruth keeps what the simulation knows beside the project, for people to compare with; nothing reads it.
func writeTruth(dir string, options world.Options) error {
	truth, err := world.TruthOf(options)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := truth.WriteJSON(&text); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "truth.json"), text.Bytes())
}

// demoDocuments renders the documents of the last period and the finance export of its month.
func (a *app) demoDocuments(ctx context.Context, summary *demoSummary) error {
	p, err := a.openProject(ctx, false)
	if err != nil {
		return err
	}
	defer p.close()
	for _, kind := range []report.Kind{report.JointMeeting, report.Quarterly, report.Supervision} {
		a.progress("render %s", kind)
		made, err := p.render(ctx, kind, documentFlags{dir: "reports", langs: []string{"zh-CN", "en"}})
		if err != nil {
			return err
		}
		summary.Documents = append(summary.Documents, made)
	}
	a.progress("export finance KPIs")
	_, folder, err := p.export(ctx, exportFlags{documentFlags: documentFlags{dir: "exports"}, formats: []string{"csv", "xlsx", "parquet"}})
	summary.Export = folder
	return err
}

func (a *app) printDemo(summary demoSummary) {
	a.print("A made-up retailer: %d files with %d records arrived in %s", summary.Files, summary.Records, filepath.Join(summary.Dir, "inbox"))
	a.printAsked(summary.Asked)
	for _, run := range summary.Runs {
		a.printRan(run)
	}
	var rows [][]string
	for _, document := range summary.Documents {
		for _, file := range document.Files {
			rows = append(rows, []string{document.Kind + " " + document.Period, file})
		}
	}
	rows = append(rows, []string{"finance export", summary.Export + string(filepath.Separator)})
	rows = append(rows, []string{"what the simulation knows", filepath.Join(summary.Dir, "truth.json")})
	a.table([]string{"document", "where"}, rows)
	var parts []string
	for _, step := range summary.Seconds {
		parts = append(parts, fmt.Sprintf("%s %.1f s", step.Step, step.Seconds))
	}
	a.print("%s", strings.Join(parts, "; "))
}
