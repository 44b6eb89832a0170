package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
)

func (a *app) restatementsCommand() *cobra.Command {
	var since int64
	var span string
	command := &cobra.Command{
		Use:   "restatements",
		Short: "What was reported and is another figure now, with the reason",
		Long: `Compares the net sales of every day and location of the latest version of each archived document with the latest release, and names
the deliveries that changed them: late files, corrections, receipts delivered again. With --release and --period any
release is compared instead.`,
		Example: "  omoflow restatements\n  omoflow restatements --release 12 --period 2026-01",
		Args:    arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error {
			return a.restatements(command.Context(), since, span)
		},
	}
	command.Flags().Int64Var(&since, "release", 0, "compare this release instead of those of the documents")
	command.Flags().StringVar(&span, "period", "", "only this period: 2026-02-14, 2026-W07, 2026-02 or 2026-Q1")
	return command
}

// restatement is a figure that was reported and is another one now.
type restatement struct {
	Report     string   `json:"report"` // empty when a release was named
	Period     string   `json:"period"`
	Release    int64    `json:"reported_in_release"`
	Date       string   `json:"business_date"`
	Channel    string   `json:"channel"`
	Location   string   `json:"location_id"`
	Reported   string   `json:"reported_net_amount"`
	Now        string   `json:"net_amount"`
	Difference string   `json:"difference_amount"`
	Reasons    []string `json:"reasons"`
}

// stated is a document, or a named release, whose figures are compared.
type stated struct {
	report, period string
	release        int64
}

func (a *app) restatements(ctx context.Context, since int64, span string) error {
	p, err := a.openProject(ctx, false)
	if err != nil {
		return err
	}
	defer p.close()
	latest, ok, err := release.Latest(ctx, p.lake)
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Usage, "no_release", p.lake.Bucket.URL(), "run `omoflow run`", "nothing is released yet")
	}
	all := []stated{{"", span, since}}
	if since == 0 {
		if all, err = p.documents(ctx, span); err != nil {
			return err
		}
	}
	batches, err := p.lake.Batches(ctx)
	if err != nil {
		return err
	}
	var found []restatement
	for _, s := range all {
		changed, err := p.restated(ctx, s, latest, batches)
		if err != nil {
			return err
		}
		found = append(found, changed...)
	}
	var next []string
	for _, s := range all {
		if s.report != "" && slices.ContainsFunc(found, func(r restatement) bool { return r.Report == s.report && r.Period == s.period }) {
			next = append(next, fmt.Sprintf("omoflow report %s --period %s", s.report, s.period))
		}
	}
	return a.result("restatements", found, nil, next, func() error {
		if len(found) == 0 {
			a.print("every reported figure stands: %d documents or releases compared with release %d", len(all), latest.Seq)
			return nil
		}
		var rows [][]string
		for _, r := range found {
			rows = append(rows, []string{r.Report, r.Period, r.Date, r.Location, r.Reported, r.Now, r.Difference, wrapLines(joinReasons(r.Reasons), 72)})
		}
		a.table([]string{"document", "period", "day", "location", "reported", "now", "difference", "because"}, rows)
		return nil
	})
}

func joinReasons(reasons []string) string {
	text := ""
	for i, r := range reasons {
		if i > 0 {
			text += "; "
		}
		text += r
	}
	return text
}

// documents lists the newest archived version of each document, or those of one period.
func (p *project) documents(ctx context.Context, span string) ([]stated, error) {
	var all []stated
	err := p.lake.DocumentLog().Read(ctx, 1, func(e journal.Entry) error {
		if e.Kind != lake.KindDocument {
			return nil
		}
		d, err := lake.DecodeDocument(e)
		if err != nil || span != "" && d.Period != span {
			return err
		}
		all = slices.DeleteFunc(all, func(s stated) bool { return s.report == d.Report && s.period == d.Period })
		all = append(all, stated{d.Report, d.Period, d.Release})
		return nil
	})
	return all, err
}

// restated compares the days of a period between two releases.
func (p *project) restated(ctx context.Context, s stated, latest release.Release, batches []lake.BatchEntry) ([]restatement, error) {
	from, to := "0001-01-01", "9999-12-31"
	if s.period != "" {
		days, err := parsePeriod(s.period)
		if err != nil {
			return nil, err
		}
		from, to = days.Start.Format(time.DateOnly), days.End.Format(time.DateOnly)
	}
	if s.release == latest.Seq {
		return nil, nil
	}
	reported, err := release.At(ctx, p.lake, s.release)
	if err != nil {
		return nil, err
	}
	if reported.Tables["sales.day"].Manifest == latest.Tables["sales.day"].Manifest {
		return nil, nil
	}
	db, err := p.mounted(ctx, latest, "sales.day")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	const days = `SELECT CAST(business_date AS VARCHAR) AS business_date, channel, location_id, sum(home_net_amount) AS net FROM sales.day WHERE business_date BETWEEN CAST(? AS DATE) AND CAST(? AS DATE) GROUP BY ALL ORDER BY ALL`
	now, err := db.Text(ctx, days, from, to)
	if err != nil {
		return nil, err
	}
	before, err := p.mounted(ctx, reported, "sales.day")
	if err != nil {
		return nil, err
	}
	defer before.Close()
	then, err := before.Text(ctx, days, from, to)
	if err != nil {
		return nil, err
	}
	rows, err := difference(ctx, db, then, now)
	if err != nil {
		return nil, err
	}
	var found []restatement
	for _, r := range rows {
		found = append(found, restatement{s.report, s.period, s.release, r[0], r[1], r[2], r[3], r[4], r[5], reasons(batches, reported, latest, r[0], r[2])})
	}
	return found, nil
}

// difference lists the days whose net differs; a day that one side lacks counts as 0. The engine subtracts: amounts are decimals.
func difference(ctx context.Context, db *warehouse.DB, then, now [][]string) ([][]string, error) {
	columns := []warehouse.Column{{Name: "business_date", Type: "VARCHAR"}, {Name: "channel", Type: "VARCHAR"}, {Name: "location_id", Type: "VARCHAR"}, {Name: "net", Type: "DECIMAL(38,4)"}}
	for name, rows := range map[string][][]string{"figures_then": then, "figures_now": now} {
		if err := warehouse.LoadText(ctx, db, name, columns, rows); err != nil {
			return nil, err
		}
	}
	const place = "coalesce(a.business_date, b.business_date), coalesce(a.channel, b.channel), coalesce(a.location_id, b.location_id, '')"
	return db.Text(ctx, `SELECT `+place+`, CAST(coalesce(a.net, 0) AS VARCHAR), CAST(coalesce(b.net, 0) AS VARCHAR), CAST(coalesce(b.net, 0) - coalesce(a.net, 0) AS VARCHAR)
		FROM figures_then AS a FULL JOIN figures_now AS b ON a.business_date = b.business_date AND a.channel = b.channel AND coalesce(a.location_id, '') = coalesce(b.location_id, '')
		WHERE coalesce(a.net, 0) <> coalesce(b.net, 0) ORDER BY 1, 2, 3`)
}

// maxReasons bounds the deliveries named for one figure.
const maxReasons = 5

// reasons names the deliveries between two releases that touched a day of a location, oldest first.
func reasons(batches []lake.BatchEntry, reported, latest release.Release, date, location string) []string {
	var found []string
	byID := map[string]lake.BatchEntry{}
	for _, b := range batches {
		byID[b.ID] = b
		replaces := slices.ContainsFunc(b.Supersedes, func(ref lake.FileRef) bool { return touches(byID[ref.Batch], date, location) })
		if b.Seq <= reported.Streams[b.Log] || b.Seq > latest.Streams[b.Log] || !replaces && !touches(b, date, location) {
			continue
		}
		why := "late: arrived after the report"
		switch {
		case len(b.Supersedes) > 0:
			why = "correction of an earlier delivery"
		case slices.ContainsFunc(b.Staged, func(s lake.Staged) bool { return s.Whole != "" }):
			why = "new, late or changed receipts"
		}
		for _, f := range b.Files {
			if f.Counts.Accepted > 0 || f.DuplicateOf != nil && len(b.Supersedes) > 0 {
				found = append(found, fmt.Sprintf("%s.%s %s of %s (%s)", b.Source, b.Feed, f.Name, b.At.UTC().Format("2006-01-02 15:04"), why))
			}
		}
	}
	switch {
	case len(found) == 0:
		return []string{"no delivery of that day: master data, rates, an identity decision or a model changed"}
	case len(found) > maxReasons:
		return append(found[:maxReasons:maxReasons], fmt.Sprintf("and %d more files", len(found)-maxReasons))
	}
	return found
}

// touches tells whether a batch brought sales or refunds of a day and location.
func touches(b lake.BatchEntry, date, location string) bool {
	for _, s := range b.Staged {
		switch s.Stream {
		case "order", "order_line", "refund", "refund_line":
			if s.MinDate <= date && date <= s.MaxDate && (len(s.Locations) == 0 || location == "" || slices.Contains(s.Locations, location)) {
				return true
			}
		}
	}
	return false
}
