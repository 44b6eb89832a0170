package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/history"
)

func (a *app) runsCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "runs",
		Short: "What ran, on which inputs, and what came of it",
		Long: `Shows the runs that are kept in the lake: of jobs and typed by hand, with what they took in, what they published, how long they
took and how much memory. A run that found nothing new and changed nothing is not kept; ` + "`omoflow schedule list`" + ` says when a job
ran last. Runs are kept by whole months for history.keep (400d).`,
		Example: "  omoflow runs list\n  omoflow runs show last\n  omoflow runs logs 20261124T034045Z-1a2b3c4d",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(a.runsListCommand(), a.runsShowCommand(), a.runsLogsCommand())
	return command
}

func (a *app) runsListCommand() *cobra.Command {
	var count int
	var job, outcome string
	command := &cobra.Command{
		Use: "list", Short: "The newest runs first", Args: arguments(cobra.NoArgs),
		Long:    "Lists the runs that are kept, newest first. A run that stays running was killed.",
		Example: "  omoflow runs list\n  omoflow runs list --job release --outcome failed -n 50 --json",
		RunE: func(command *cobra.Command, _ []string) error {
			if count < 1 || count > 10_000 {
				return fault.New(fault.Usage, "bad_count", "-n", "write a number from 1 to 10000", "%d is out of range", count)
			}
			h, _, err := a.history(command.Context())
			if err != nil {
				return err
			}
			runs, err := h.List(command.Context(), count, func(r history.Run) bool {
				return (job == "" || r.Job == job) && (outcome == "" || r.Outcome == outcome)
			})
			if err != nil {
				return err
			}
			if runs == nil {
				runs = []history.Run{}
			}
			return a.result("runs", runs, nil, nil, func() error {
				if len(runs) == 0 {
					a.print("no run is kept")
					return nil
				}
				var rows [][]string
				for _, r := range runs {
					rows = append(rows, []string{r.ID, whatRan(r), r.Outcome, lasted(r), megabytes(r.Peak), didWhat(r)})
				}
				a.table([]string{"run", "what", "outcome", "took", "memory", "did"}, rows)
				return nil
			})
		},
	}
	command.Flags().IntVarP(&count, "count", "n", 20, "how many")
	command.Flags().StringVar(&job, "job", "", "only of this job")
	command.Flags().StringVar(&outcome, "outcome", "", "only with this outcome: done, partial, findings, failed, interrupted, running")
	return command
}

func (a *app) runsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show RUN", Short: "One run with its inputs, rows, money and changes", Args: arguments(cobra.ExactArgs(1)),
		Long:    "Shows one run. RUN is its id, the beginning or the last part of it, or last.",
		Example: "  omoflow runs show last --json",
		RunE: func(command *cobra.Command, args []string) error {
			_, r, err := a.findRun(command.Context(), args[0])
			if err != nil {
				return err
			}
			return a.result("run_history", r, nil, nil, func() error {
				a.printRun(r)
				return nil
			})
		},
	}
}

func (a *app) runsLogsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logs RUN", Short: "What a run said while it ran", Args: arguments(cobra.ExactArgs(1)),
		Long:    "Prints what a run said. RUN is its id, the beginning or the last part of it, or last.",
		Example: "  omoflow runs logs last",
		RunE: func(command *cobra.Command, args []string) error {
			h, r, err := a.findRun(command.Context(), args[0])
			if err != nil {
				return err
			}
			said, err := h.Log(command.Context(), r)
			if err != nil {
				return err
			}
			lines := strings.Split(strings.TrimRight(string(said), "\n"), "\n")
			return a.result("run_log", map[string]any{"id": r.ID, "lines": lines}, nil, nil, func() error {
				if len(said) == 0 {
					a.print("the run said nothing")
					return nil
				}
				a.print("%s", strings.Join(lines, "\n"))
				return nil
			})
		},
	}
}

// findRun gives the run that an argument names.
func (a *app) findRun(ctx context.Context, id string) (*history.History, history.Run, error) {
	h, _, err := a.history(ctx)
	if err != nil {
		return nil, history.Run{}, err
	}
	r, err := h.Find(ctx, id)
	return h, r, err
}

func whatRan(r history.Run) string {
	if r.Job == "" {
		return r.Command
	}
	text := r.Job + " of " + r.Tick.Format("2006-01-02T15:04Z")
	if r.Attempt > 1 {
		text += fmt.Sprintf(", attempt %d", r.Attempt)
	}
	return text
}

func lasted(r history.Run) string {
	if r.Ended.IsZero() {
		return ""
	}
	return fmt.Sprintf("%.1f s", r.Ended.Sub(r.Began).Seconds())
}

func megabytes(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}

// didWhat says in a few words what a run did.
func didWhat(r history.Run) string {
	var parts []string
	if r.Rows != nil && r.Rows.Read > 0 {
		parts = append(parts, fmt.Sprintf("took %d records", r.Rows.Accepted))
	}
	if r.Rows != nil && r.Rows.Quarantined > 0 {
		parts = append(parts, fmt.Sprintf("%d quarantined", r.Rows.Quarantined))
	}
	if r.Release != nil {
		parts = append(parts, fmt.Sprintf("release %d, %d tables changed", r.Release.Seq, len(r.Release.Changed)))
	}
	if r.Error != "" {
		parts = append(parts, wrapLines(r.Error, 60))
	}
	return strings.Join(parts, "\n")
}

// printRun shows a run to people.
func (a *app) printRun(r history.Run) {
	a.print("%s  %s", r.ID, r.Outcome)
	a.print("  what     omoflow %s", r.Command)
	if r.Job != "" {
		a.print("  job      %s", whatRan(r))
	}
	a.print("  by       %s on %s, program %s", r.By, r.Worker, r.Code)
	a.print("  began    %s", r.Began.Format(time.RFC3339))
	if !r.Ended.IsZero() {
		a.print("  took     %s, at most %s of memory", lasted(r), megabytes(r.Peak))
	}
	if r.Error != "" {
		a.print("  error    %s", r.Error)
		a.print("  next     %s", r.Hint)
	}
	if rows := r.Rows; rows != nil {
		a.print("  rows     %d read = %d accepted + %d duplicate + %d quarantined + %d ignored", rows.Read, rows.Accepted, rows.Duplicate, rows.Quarantined, rows.Ignored)
	}
	for _, in := range r.Inputs {
		a.print("  input    %s.%s batch %.12s: %d files, %d records: %s", in.Source, in.Feed, in.Batch, in.FileQty, in.Accepted, strings.Join(in.Files, ", "))
	}
	if rel := r.Release; rel != nil {
		a.print("  release  %d after %d: %d rows, before %d; %d partitions built", rel.Seq, rel.Parent, rel.RowsAfter, rel.RowsBefore, rel.Built)
		for _, m := range rel.Money {
			a.print("  money    %s %s: %s in, %s out, %s in all", m.Subject, m.Currency, m.In, m.Out, m.Total)
		}
		a.print("  changed  %s", strings.Join(rel.Changed, ", "))
	}
	if r.LogBytes > 0 {
		a.print("  said     %d bytes: omoflow runs logs %s", r.LogBytes, r.ID)
	}
}
