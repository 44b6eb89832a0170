package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/schedules/ledger"
)

func (a *app) scheduleRunCommand() *cobra.Command {
	var watch bool
	var tick string
	command := &cobra.Command{
		Use: "run [JOB]", Short: "Run what is due, once or for as long as the program runs", Args: arguments(cobra.MaximumNArgs(1)),
		Long: `Runs every job that is due, in the order they depend on each other, and ends when nothing is due any more: what any other
scheduler (cron, systemd, Kubernetes) can call every few minutes. With --watch it stays and runs jobs as they come due; any
number of such processes may share a lake. The first call notes since when the jobs are watched; earlier times are nobody's.

With --tick a time of a job that has its outcome already is done once more, with the window of that time, not of today.`,
		Example: "  omoflow schedule run\n  omoflow schedule run --watch\n  omoflow schedule run finance.export --tick 2026-03-04T09:30:00+08:00",
		RunE: func(command *cobra.Command, args []string) error {
			return a.scheduleRun(command.Context(), args, tick, watch)
		},
	}
	command.Flags().BoolVar(&watch, "watch", false, "stay, and run jobs as they come due, until interrupted")
	command.Flags().StringVar(&tick, "tick", "", "do this time (RFC 3339) of JOB again")
	return command
}

func (a *app) scheduleRun(ctx context.Context, only []string, tick string, watch bool) error {
	jobs, l, closing, err := a.scheduler(ctx, true)
	defer closing()
	if err != nil {
		return err
	}
	if tick != "" {
		at, err := time.Parse(time.RFC3339, tick)
		if err != nil || len(only) != 1 {
			return fault.New(fault.Usage, "bad_time", "--tick "+tick, "write a job and a time such as `omoflow schedule run finance.export --tick 2026-03-04T09:30:00+08:00`", "names no time of a job")
		}
		job, err := pick(jobs, only[0])
		if err != nil {
			return err
		}
		if err := l.Again(ctx, job, at); err != nil {
			return err
		}
	}
	runner := &ledger.Runner{Ledger: l, Jobs: jobs, Do: a.doJob}
	if len(only) == 1 {
		job, err := pick(jobs, only[0])
		if err != nil {
			return err
		}
		runner.Only = job.Name
	}
	events := []ledger.Event{}
	failed := 0
	runner.Report = func(e ledger.Event) {
		if e.What == ledger.Failed || e.What == "retry" {
			failed++
		}
		if !watch {
			events = append(events, e)
		}
		if !a.quiet && !a.json {
			fmt.Fprintln(a.stderr, eventLine(e))
		}
	}
	if watch {
		return runner.Serve(ctx)
	}
	if err := runner.Due(ctx); err != nil {
		return err
	}
	err = a.result("schedule_run", events, nil, nil, func() error {
		if len(events) == 0 {
			a.print("nothing is due")
			return nil
		}
		for _, e := range events {
			a.print("%s", eventLine(e))
		}
		return nil
	})
	if err == nil && failed > 0 {
		err = fault.New(fault.Partial, "jobs_failed", "", "`omoflow schedule list` tells why; what may be tried again is tried by the next run", "%d attempts failed", failed)
	}
	return err
}

// eventLine is an event for people.
func eventLine(e ledger.Event) string {
	line := fmt.Sprintf("%s %s %s", e.Job, e.Tick.UTC().Format("2006-01-02T15:04Z"), e.What)
	if e.Count > 1 {
		line += fmt.Sprintf(" (%d times)", e.Count)
	}
	if e.Attempt > 1 {
		line += fmt.Sprintf(", attempt %d", e.Attempt)
	}
	if e.Provisional {
		line += ", provisional"
	}
	if e.Took > 0 {
		line += fmt.Sprintf(" in %.1f s", e.Took.Seconds())
	}
	if e.Why != "" {
		line += ": " + e.Why
	}
	return line
}

// doJob runs a job's command line in this process, as if it had been typed. Findings are a result, not a failure.
func (a *app) doJob(ctx context.Context, r ledger.Run) error {
	arguments, err := r.Job.Arguments(r.Tick, r.Provisional)
	if err != nil {
		return err
	}
	output, err := os.CreateTemp("", "omoflow-job-*")
	if err != nil {
		return fault.Wrap(err, fault.Exhausted, "no_temp", os.TempDir(), "make room, or set TMPDIR to another folder", "the job's output cannot be kept")
	}
	defer func() {
		_ = output.Close() // it is removed
		_ = os.Remove(output.Name())
	}()
	inner := &app{stdout: output, stderr: a.stderr, building: a.building, metrics: a.metrics, record: &record{scheduled: &r}}
	root := inner.rootCommand()
	root.SetArgs(append([]string{"--project", a.project, "--json", "--quiet"}, arguments...))
	err = root.ExecuteContext(ctx)
	if fault.KindOf(err) == fault.Findings {
		return nil
	}
	return err
}
