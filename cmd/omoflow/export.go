package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/export"
)

// exportFlags are the flags of omoflow export.
type exportFlags struct {
	documentFlags
	formats []string
	bom     bool
	final   bool
}

func (a *app) exportCommand() *cobra.Command {
	var f exportFlags
	command := &cobra.Command{
		Use:   "export",
		Short: "Write the finance KPIs of a month as CSV, XLSX and Parquet",
		Long: `Writes the long KPI table of a month with a manifest: row count, sums, the hash of each file, the tie-outs and what became
of the month before. It is provisional until every tie-out holds and --final is given; a final export never changes.`,
		Example: "  omoflow export --period 2026-03\n  omoflow export --period 2026-03 --formats csv --bom --final",
		Args:    arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error {
			return a.export(command.Context(), f)
		},
	}
	f.bind(command, "exports")
	command.Flags().StringSliceVar(&f.formats, "formats", []string{"csv", "xlsx", "parquet"}, "csv, xlsx, parquet")
	command.Flags().BoolVar(&f.bom, "bom", false, "begin the CSV with a byte order mark, for spreadsheets that need one")
	command.Flags().BoolVar(&f.final, "final", false, "refuse unless every tie-out holds, and close the month's export")
	return command
}

func (a *app) export(ctx context.Context, f exportFlags) error {
	p, err := a.openProject(ctx, false)
	if err != nil {
		return err
	}
	defer p.close()
	manifest, dir, err := p.export(ctx, f)
	if err != nil {
		return err
	}
	return a.result("export", manifest, nil, nil, func() error {
		a.print("finance KPIs of %s: %d rows, %s", manifest.Period, manifest.RowCount, manifest.Status)
		for _, file := range manifest.Files {
			a.print("  %s", filepath.Join(dir, file.Name))
		}
		for _, tie := range manifest.TieOuts {
			if !tie.Tied {
				a.print("  does not tie: %s: %s against %s (tolerance %s)", tie.Control, tie.Left, tie.Right, tie.Tolerance)
			}
		}
		return nil
	})
}

// export writes a month's finance KPIs into a folder of their own and gives the folder.
func (p *project) export(ctx context.Context, f exportFlags) (export.Manifest, string, error) {
	rel, err := p.release(ctx, f.release, false)
	if err != nil {
		return export.Manifest{}, "", err
	}
	src, err := p.source(ctx, rel)
	if err != nil {
		return export.Manifest{}, "", err
	}
	defer src.close()
	month, err := p.exportMonth(ctx, src, f.period)
	if err != nil {
		return export.Manifest{}, "", err
	}
	parent := p.config.resolve(f.dir)
	dir := filepath.Join(parent, "finance-"+month.String())
	request := export.Request{
		Period: month.String(), Dir: dir, BOM: f.bom, Final: f.final,
		WriteParquet: func(ctx context.Context, query, path string) (int64, error) {
			result, err := src.db.CopyParquet(ctx, query, path, warehouse.CopyOptions{})
			return result.Rows, err
		},
	}
	for _, format := range f.formats {
		request.Formats = append(request.Formats, export.Format(format))
	}
	before := period{"month", month.Start.AddDate(0, -1, 0), time.Time{}}.String()
	switch previous, err := export.ReadManifest(filepath.Join(parent, "finance-"+before)); {
	case err == nil:
		request.Previous = &previous
	case !errors.Is(err, fs.ErrNotExist):
		return export.Manifest{}, "", err
	}
	manifest, err := export.Write(ctx, src, request)
	if errors.Is(err, fs.ErrPermission) {
		err = fault.Wrap(err, fault.Denied, "not_writable", dir, "choose another folder with --output", "the export cannot be written")
	}
	return manifest, dir, err
}

// exportMonth reads the asked month, or takes the one of the last business date.
func (p *project) exportMonth(ctx context.Context, src *releaseSource, text string) (period, error) {
	if text == "" {
		facts, err := src.Facts(ctx)
		if err != nil {
			return period{}, err
		}
		last, err := parsePeriod(facts.LastBusinessDate)
		if err != nil {
			return period{}, fault.New(fault.Usage, "no_data", "export", "run `omoflow run` with sales first, or name a --period", "the release holds no sales yet")
		}
		return parsePeriod(last.Start.Format("2006-01"))
	}
	month, err := parsePeriod(text)
	if err == nil && month.Kind != "month" {
		err = fault.New(fault.Usage, "bad_period", text, fmt.Sprintf("write a month such as %s", month.Start.Format("2006-01")), "finance periods are months")
	}
	return month, err
}
