package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

func (a *app) storeCommand() *cobra.Command {
	command := &cobra.Command{Use: "store", Short: "Work on the object store itself"}
	command.AddCommand(&cobra.Command{
		Use:   "verify [URL]",
		Short: "Prove that a store excludes a second writer",
		Long: `Runs the mutual-exclusion probes on a store: many writers for one key, stale conditions, ignored headers,
listing after writing, wrong checksums, paging and odd names. It writes under a prefix of its own and removes it.
Until every probe passes, several writers must not share the store.`,
		Example: "  omoflow store verify\n  omoflow store verify 's3://bucket/prefix?region=eu-central-1'",
		Args:    arguments(cobra.MaximumNArgs(1)),
		RunE: func(command *cobra.Command, args []string) error {
			return a.storeVerify(command.Context(), args)
		},
	})
	return command
}

func (a *app) storeVerify(ctx context.Context, args []string) error {
	url := ""
	if len(args) == 1 {
		url = args[0]
	} else {
		config, err := loadConfig(a.project)
		if err != nil {
			return err
		}
		url = config.resolve(config.Lake)
	}
	bucket, err := openBucket(ctx, url, true)
	if err != nil {
		return err
	}
	probes, err := objstore.Verify(ctx, bucket, "verify", func(line string) { a.progress("%s", line) })
	a.progressDone()
	if err != nil {
		return err
	}
	failed := 0
	var rows [][]string
	for _, probe := range probes {
		state := "passed"
		switch {
		case !probe.OK && probe.Required:
			state = "FAILED"
			failed++
		case !probe.OK:
			state = "lacking" // missed, but not needed for several writers
		}
		rows = append(rows, []string{probe.Name, state, probe.Detail})
	}
	if err := a.result("store_verify", probes, nil, nil, func() error {
		a.table([]string{"probe", "result", "detail"}, rows)
		return nil
	}); err != nil {
		return err
	}
	if failed > 0 {
		return fault.New(fault.Findings, "store_unsafe", bucket.URL(), "let one process only write to it, or choose another store", "%d of %d probes failed", failed, len(probes))
	}
	return nil
}
