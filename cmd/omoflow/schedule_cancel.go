package main

import (
	"os/user"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/schedules/ledger"
)

// userName says who typed a command.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func (a *app) scheduleCancelCommand() *cobra.Command {
	var reason string
	command := &cobra.Command{
		Use: "cancel JOB", Short: "Stop a run of a job, on whichever machine it runs", Args: arguments(cobra.ExactArgs(1)),
		Long: `Ends the time of a job that is running, or else the oldest that waits. It stops within five seconds wherever it runs, counts as
cancelled and is not tried again; later times are not touched. What it committed before stays, and what it did not is not
missed: the next run takes it in. ` + "`omoflow schedule run JOB --tick TIME`" + ` does the cancelled time after all.`,
		Example: "  omoflow schedule cancel release --reason \"wrong files in the inbox\"",
		RunE: func(command *cobra.Command, args []string) error {
			jobs, l, closing, err := a.scheduler(command.Context(), true)
			defer closing()
			if err != nil {
				return err
			}
			job, err := pick(jobs, args[0])
			if err != nil {
				return err
			}
			tick, ok, err := l.Cancel(command.Context(), ledger.Decision{Job: job.Name, By: userName(), Reason: reason})
			if err != nil {
				return err
			}
			data := map[string]any{"job": job.Name, "cancelled": ok}
			if ok {
				data["tick"] = tick
			}
			return a.result("schedule_cancel", data, nil, nil, func() error {
				if !ok {
					a.print("%s: nothing runs or waits; nothing was changed", job.Name)
					return nil
				}
				a.print("%s: the run of %s is cancelled", job.Name, job.Local(tick).Format(clockFormat))
				return nil
			})
		},
	}
	command.Flags().StringVar(&reason, "reason", "", "why, for those who read the decision log")
	return command
}
