package main

import (
	"context"
	"fmt"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/ingest"
)

// past is a range of the past as the command line names it.
type past struct {
	from, to string
	plan     bool
	record   string
}

// resolve gives the range in UTC: days of the company's zone, the last one included; nil when none was asked for.
func (p past) resolve(zone string, now time.Time) (*ingest.Range, error) {
	if p.from == "" {
		if p.to != "" || p.plan {
			return nil, fault.New(fault.Usage, "from_missing", "--from", "write --from 2024-01-01", "--to and --plan need the day to read from")
		}
		return nil, nil
	}
	at, err := time.LoadLocation(zone)
	if err != nil {
		return nil, err
	}
	r := &ingest.Range{To: now.UTC().Truncate(time.Hour)}
	for flag, one := range map[string]struct {
		text string
		into *time.Time
		days int
	}{"--from": {p.from, &r.From, 0}, "--to": {p.to, &r.To, 1}} {
		if one.text == "" {
			continue
		}
		day, err := time.ParseInLocation(time.DateOnly, one.text, at)
		if err != nil {
			return nil, fault.New(fault.Usage, "bad_day", flag, "write YYYY-MM-DD", "%q is not a day", one.text)
		}
		*one.into = day.AddDate(0, 0, one.days).UTC()
	}
	if !r.From.Before(r.To) {
		return nil, fault.New(fault.Usage, "empty_range", "--from", "write an earlier day", "the range from %s to %s holds nothing", p.from, r.To.Format(time.DateOnly))
	}
	return r, nil
}

// planned is a window that a backfill would read.
type planned struct {
	Source  string    `json:"source"`
	Feed    string    `json:"feed"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Records int64     `json:"records"`
	Calls   int64     `json:"calls"`
}

// planBackfill shows the windows of a range and the calls they take, without reading them.
func (a *app) planBackfill(ctx context.Context, p *project, sources []string, r ingest.Range) error {
	feeds, closing, err := p.ingestFeeds(ctx, sources, "")
	defer closing()
	if err != nil {
		return err
	}
	var all []planned
	var rows [][]string
	var calls int64
	for _, f := range feeds {
		if f.API == nil || f.API.Backfill == nil {
			continue
		}
		windows, err := f.API.Backfill.Plan(ctx, r.From, r.To)
		if err != nil {
			return fmt.Errorf("plan %s.%s: %w", f.Source, f.Name, err)
		}
		for _, w := range windows {
			all = append(all, planned{f.Source, f.Name, w.From, w.To, w.Records, w.Calls})
			rows = append(rows, []string{f.Source + "." + f.Name, w.From.Format(time.DateOnly), w.To.Format(time.DateOnly), fmt.Sprint(w.Records), fmt.Sprint(w.Calls)})
			calls += w.Calls
		}
	}
	if len(all) == 0 {
		return fault.New(fault.Usage, "no_past", "", "name an API source with --source", "no source of these can be read by date")
	}
	return a.result("plan", all, nil, nil, func() error {
		a.table([]string{"feed", "from (UTC)", "to (UTC)", "records", "calls"}, rows)
		a.print("%d windows, about %d calls; the same command without --plan reads them", len(all), calls)
		return nil
	})
}
