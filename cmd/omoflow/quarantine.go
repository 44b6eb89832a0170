package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
)

// quarantineFlags choose refused records.
type quarantineFlags struct {
	filter ingest.Filter
	all    bool
	raw    bool
}

func (a *app) quarantineCommand() *cobra.Command {
	var f quarantineFlags
	command := &cobra.Command{
		Use:   "quarantine",
		Short: "Look at refused records and take them in after mending the profile",
		Long: `A record that cannot be read with certainty is kept with file, line, column and reason and counts nowhere. list sums them
up, show prints them, replay takes their files in again under the profiles as they are now: the result is the same as if
nothing had ever been refused.`,
		Example: "  omoflow quarantine list\n  omoflow quarantine show --file 'receipts-S01-2026-01-05.csv'\n  omoflow quarantine replay --source tills",
	}
	list := &cobra.Command{
		Use: "list", Short: "Refused records by file and reason", Args: arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error { return a.quarantineList(command.Context(), f) },
	}
	show := &cobra.Command{
		Use: "show", Short: "Refused records with line, column, reason and text", Args: arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error { return a.quarantineShow(command.Context(), f) },
	}
	replay := &cobra.Command{
		Use: "replay", Short: "Take the files of refused records in again, then release", Args: arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error { return a.quarantineReplay(command.Context(), f) },
	}
	flags := command.PersistentFlags()
	flags.StringVar(&f.filter.Source, "source", "", "this source only")
	flags.StringVar(&f.filter.Feed, "feed", "", "this feed only")
	flags.StringVar(&f.filter.File, "file", "", "this file only")
	list.Flags().BoolVar(&f.all, "all", false, "also what a correction or a replay has settled")
	show.Flags().BoolVar(&f.all, "all", false, "also what a correction or a replay has settled")
	show.Flags().BoolVar(&f.raw, "raw", false, "show delivered text with its contact data")
	show.Flags().IntVar(&f.filter.Limit, "limit", 100, "most records to show (0: all)")
	command.AddCommand(list, show, replay)
	return command
}

// quarantined reads refused records; with settled also those that no longer matter.
func (a *app) quarantined(ctx context.Context, f quarantineFlags) ([]ingest.Record, error) {
	p, err := a.openProject(ctx, false)
	if err != nil {
		return nil, err
	}
	defer p.close()
	db, err := warehouse.Open(ctx, p.engine())
	if err != nil {
		return nil, err
	}
	defer db.Close()
	limit := f.filter.Limit
	f.filter.Limit = 0 // settled records are left out before the limit counts
	records, err := ingest.Quarantined(ctx, p.ingestOptions(a, db), f.filter)
	if err != nil {
		return nil, err
	}
	var open []ingest.Record
	for _, record := range records {
		if limit > 0 && len(open) == limit {
			break
		}
		if f.all || record.Open {
			open = append(open, record)
		}
	}
	return open, nil
}

func (a *app) quarantineList(ctx context.Context, f quarantineFlags) error {
	records, err := a.quarantined(ctx, f)
	if err != nil {
		return err
	}
	type group struct {
		Source  string `json:"source"`
		Feed    string `json:"feed"`
		File    string `json:"file"`
		Kind    string `json:"kind"`
		Code    string `json:"code"`
		Column  string `json:"column"`
		Records int    `json:"records"`
	}
	var groups []group
	at := map[group]int{}
	for _, r := range records {
		key := group{Source: r.Source, Feed: r.Feed, File: r.File, Kind: r.Kind, Code: r.Code, Column: r.Column}
		if _, ok := at[key]; !ok {
			at[key] = len(groups)
			groups = append(groups, key)
		}
		groups[at[key]].Records++
	}
	var next []string
	if len(groups) > 0 {
		next = []string{"omoflow quarantine show --file " + groups[0].File, "omoflow quarantine replay (after mending the profile)"}
	}
	return a.result("quarantine", groups, nil, next, func() error {
		if len(groups) == 0 {
			a.print("nothing is in quarantine")
			return nil
		}
		var rows [][]string
		for _, g := range groups {
			rows = append(rows, []string{g.Source + "." + g.Feed, g.File, g.Kind, g.Code, g.Column, fmt.Sprint(g.Records)})
		}
		a.table([]string{"feed", "file", "kind", "reason", "column", "records"}, rows)
		return nil
	})
}

func (a *app) quarantineShow(ctx context.Context, f quarantineFlags) error {
	records, err := a.quarantined(ctx, f)
	if err != nil {
		return err
	}
	if !f.raw {
		for i := range records {
			records[i].Raw = maskContacts(records[i].Raw)
		}
	}
	return a.result("quarantine_records", records, nil, nil, func() error {
		for _, r := range records {
			place := "whole file"
			if r.Line > 0 {
				place = fmt.Sprintf("line %d column %s", r.Line, orNA(r.Column))
			}
			a.print("%s.%s %s %s: %s: %s", r.Source, r.Feed, r.File, place, r.Code, r.Message)
			if r.Raw != "" {
				a.print("    %s", r.Raw)
			}
		}
		if len(records) == 0 {
			a.print("nothing is in quarantine")
		}
		return nil
	})
}

func (a *app) quarantineReplay(ctx context.Context, f quarantineFlags) error {
	p, err := a.openProject(ctx, false)
	if err != nil {
		return err
	}
	defer p.close()
	feeds, closing, err := p.ingestFeeds(ctx, nil, "")
	defer closing()
	if err != nil {
		return err
	}
	db, err := warehouse.Open(ctx, p.engine())
	if err != nil {
		return err
	}
	defer db.Close()
	result, err := ingest.Replay(ctx, p.ingestOptions(a, db), feeds, f.filter)
	a.progressDone()
	if err != nil {
		return err
	}
	if result.Files == 0 {
		return fault.New(fault.Findings, "nothing_to_replay", "quarantine", "mend the profile first; `omoflow quarantine show` tells what was refused", "no file is in quarantine under a profile that has changed since")
	}
	done := ranOf(result)
	release, err := p.build(ctx, a)
	if err != nil {
		return err
	}
	done.Release = &release
	return a.result("replay", done, done.Findings, nil, func() error {
		a.printRan(done)
		return nil
	})
}
