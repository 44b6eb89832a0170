package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/export"
	"github.com/omoflow/omoflow/pipelines/report"
)

// releaseSource lets documents and exports read a mounted release by table name.
type releaseSource struct {
	project *project
	rel     release.Release
	db      *warehouse.DB
	grains  map[string][]string
	first   string // first business date with data
	last    string // last one
}

// source mounts a release for documents.
func (p *project) source(ctx context.Context, rel release.Release) (*releaseSource, error) {
	db, err := p.mounted(ctx, rel)
	if err != nil {
		return nil, err
	}
	return &releaseSource{project: p, rel: rel, db: db, grains: map[string][]string{}}, nil
}

func (s *releaseSource) close() { _ = s.db.Close() } // a database in memory; nothing is lost

// Rows implements report.Source and export.Source.
func (s *releaseSource) Rows(ctx context.Context, table string, equal map[string]string) ([]map[string]string, error) {
	if table == refusalTable {
		return s.refusals(ctx)
	}
	if _, ok := s.rel.Tables[table]; !ok {
		return nil, errors.Join(report.ErrNotReleased, export.ErrNotReleased)
	}
	if s.grains[table] == nil {
		manifest, err := s.rel.Manifest(ctx, s.project.lake, table)
		if err != nil {
			return nil, err
		}
		s.grains[table] = manifest.Grain
	}
	query, args := "SELECT * FROM "+warehouse.Table(table), []any{}
	for i, column := range sortedKeys(equal) {
		query += map[bool]string{true: " WHERE ", false: " AND "}[i == 0] + "CAST(" + warehouse.Identifier(column) + " AS VARCHAR) = ?"
		args = append(args, equal[column])
	}
	for i, column := range s.grains[table] {
		query += map[bool]string{true: " ORDER BY ", false: ", "}[i == 0] + warehouse.Identifier(column)
	}
	return maps(ctx, s.db, query, args...)
}

// Facts implements report.Source.
func (s *releaseSource) Facts(ctx context.Context) (report.Facts, error) {
	config := s.project.config
	facts := report.Facts{
		Company: config.Company.Name, HomeCurrency: config.Company.HomeCurrency, Zone: config.Company.Zone, Calendar: config.Company.Calendar,
		Release: s.rel.Seq, ReleaseHash: s.rel.Hash, DataAsOf: s.rel.At.UTC().Format("2006-01-02 15:04"),
	}
	if s.last == "" {
		rows, err := s.db.Text(ctx, `SELECT coalesce(CAST(min(business_date) AS VARCHAR), ''), coalesce(CAST(max(business_date) AS VARCHAR), '') FROM sales.day`)
		if err != nil {
			return facts, err
		}
		s.first, s.last = rows[0][0], rows[0][1]
	}
	facts.LastBusinessDate = s.last
	var err error
	if facts.Coverage, err = s.project.coverage(ctx, s.rel); err != nil {
		return facts, err
	}
	for _, c := range s.rel.Checks {
		facts.Checks = append(facts.Checks, report.Check{Name: c.Name, Model: c.Model, Severity: c.Severity, Status: c.Status, Rows: c.Rows})
	}
	for _, c := range s.rel.Conservation {
		facts.Conservation = append(facts.Conservation, report.Conservation(c))
	}
	return facts, nil
}

// Release implements export.Source.
func (s *releaseSource) Release(context.Context) (export.Release, error) {
	company := s.project.config.Company
	return export.Release{
		Company: company.Name, HomeCurrency: company.HomeCurrency, Seq: s.rel.Seq, Hash: s.rel.Hash, DataAsOf: s.rel.At.UTC().Format("2006-01-02 15:04"),
	}, nil
}

// documentFlags are the flags of omoflow report and omoflow export.
type documentFlags struct {
	release int64
	period  string
	dir     string
	langs   []string
}

func (a *app) reportCommand() *cobra.Command {
	var f documentFlags
	command := &cobra.Command{
		Use:   "report joint-meeting|quarterly|supervision",
		Short: "Render the joint-meeting pack, the quarterly assessment or the supervision report",
		Long: `Renders a document from one release as HTML (self-contained, Chinese and English) and XLSX, keeps it in the lake as a
version that never changes, and writes a copy into the output folder. The same content makes no new version.`,
		Example: "  omoflow report joint-meeting --period 2026-W12\n  omoflow report quarterly --period 2026-Q1 --release 4\n  omoflow report supervision --period 2026-03",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(command *cobra.Command, args []string) error {
			return a.report(command.Context(), report.Kind(args[0]), f)
		},
	}
	f.bind(command, "reports")
	command.Flags().StringSliceVar(&f.langs, "languages", []string{"zh-CN", "en"}, "languages, the first is shown first")
	return command
}

func (f *documentFlags) bind(command *cobra.Command, dir string) {
	flags := command.Flags()
	flags.Int64Var(&f.release, "release", 0, "number of a past release (0: the latest)")
	flags.StringVar(&f.period, "period", "", "period, such as 2026-W12, 2026-03 or 2026-Q1 (default: the last whole one in the data)")
	flags.StringVarP(&f.dir, "output", "o", dir, "folder for the files, relative to the project")
}

func (a *app) report(ctx context.Context, kind report.Kind, f documentFlags) error {
	if kind != report.JointMeeting && kind != report.Quarterly && kind != report.Supervision {
		return fault.New(fault.Usage, "unknown_report", string(kind), "write joint-meeting, quarterly or supervision", "is not a document")
	}
	p, err := a.openProject(ctx, false)
	if err != nil {
		return err
	}
	defer p.close()
	made, err := p.render(ctx, kind, f)
	if err != nil {
		return err
	}
	return a.result("report", made, nil, nil, func() error {
		a.print("%s %s, version %d, %s (release %d)", made.Kind, made.Period, made.Version, made.Status, made.Release)
		for _, path := range made.Files {
			a.print("  %s", path)
		}
		for _, missing := range made.NotFed {
			a.print("  not yet fed: %s", missing)
		}
		return nil
	})
}

// rendered says where a document is.
type rendered struct {
	Kind    string   `json:"kind"`
	Period  string   `json:"period"`
	Version int      `json:"version"`
	Status  string   `json:"status"`
	Release int64    `json:"release"`
	Hash    string   `json:"content_hash"`
	New     bool     `json:"new_version"`
	Files   []string `json:"files"`
	NotFed  []string `json:"not_fed,omitempty"`
}

// render makes a document from a release, archives it and writes a copy beside the project.
func (p *project) render(ctx context.Context, kind report.Kind, f documentFlags) (rendered, error) {
	rel, err := p.release(ctx, f.release, false)
	if err != nil {
		return rendered{}, err
	}
	src, err := p.source(ctx, rel)
	if err != nil {
		return rendered{}, err
	}
	defer src.close()
	if f.period == "" {
		facts, err := src.Facts(ctx)
		if err != nil {
			return rendered{}, err
		}
		if f.period, err = lastPeriod(kind, src.first, facts.LastBusinessDate); err != nil {
			return rendered{}, err
		}
	}
	request := report.Request{Kind: kind, Period: f.period}
	for _, language := range f.langs {
		request.Languages = append(request.Languages, report.Language(language))
	}
	kept, err := report.Archive(ctx, p.lake.Bucket, src, request)
	if err != nil {
		return rendered{}, err
	}
	m := kept.Manifest
	made := rendered{
		Kind: string(kind), Period: m.Period, Version: m.Version, Status: m.Status, Release: rel.Seq,
		Hash: m.ContentHash, New: kept.Created, NotFed: m.NotFed,
	}
	for _, part := range m.Files {
		extension := filepath.Ext(part.Name)
		if extension != ".html" && extension != ".xlsx" {
			continue // the facts stay in the archive
		}
		content, err := report.Read(ctx, p.lake.Bucket, part)
		if err != nil {
			return made, err
		}
		failpoint.Hit("report.copy")
		path := filepath.Join(p.config.resolve(f.dir), fmt.Sprintf("%s-%s-v%d%s", kind, m.Period, m.Version, extension))
		if err := writeFile(path, content); err != nil {
			return made, err
		}
		made.Files = append(made.Files, path)
	}
	return made, nil
}

// lastPeriod is the last whole period of the document between the first and the last business date; where no whole one has
// passed yet it is the one that holds the last date.
func lastPeriod(kind report.Kind, first, last string) (string, error) {
	day, err := parsePeriod(last)
	if err != nil {
		return "", fault.New(fault.Usage, "no_data", string(kind), "run `omoflow run` with sales first, or name a --period", "the release holds no sales yet")
	}
	unit, back := "week", day.Start.AddDate(0, 0, -6)
	switch next := day.Start.AddDate(0, 0, 1); kind {
	case report.Quarterly:
		unit, back = "quarter", next.AddDate(0, -3, 0)
	case report.Supervision:
		unit, back = "month", time.Date(next.Year(), next.Month()-1, 1, 0, 0, 0, 0, time.UTC)
	}
	whole, err := parsePeriod(period{unit, back, back}.String())
	if err != nil {
		return "", err
	}
	if whole.End.Format(time.DateOnly) < first {
		return period{unit, day.Start, day.Start}.String(), nil
	}
	return whole.String(), nil
}

func writeFile(path string, content []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, content, 0o644)
	}
	return fault.Wrap(err, fault.Denied, "not_writable", path, "choose another folder with --output", "the file cannot be written")
}
