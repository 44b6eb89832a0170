package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/schedules"
	"github.com/omoflow/omoflow/schedules/ledger"
)

// schedulesName is the file beside omoflow.yaml that changes or adds jobs.
const schedulesName = "schedules.yaml"

func (a *app) scheduleCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "schedule",
		Short: "See, run, pause and resume the jobs that run by themselves",
		Long: `Jobs come with the program and from schedules.yaml beside omoflow.yaml. Each has a time zone, a calendar of working days, and
rules for overlap, missed times and failures. Every time a job is due is done once, whichever process does it, and accounted
for in the lake; a late or repeated run reports the period of its own time, never today's.`,
		Example: "  omoflow schedule list\n  omoflow schedule next meeting.pack\n  omoflow schedule run --watch",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(a.scheduleListCommand(), a.scheduleNextCommand(), a.scheduleRunCommand(), a.scheduleDecideCommand("pause"), a.scheduleDecideCommand("resume"), a.scheduleCancelCommand())
	return command
}

// jobs loads the jobs in force and checks that what they do are commands.
func (a *app) jobs(config *Config) ([]*schedules.Job, error) {
	path := filepath.Join(config.dir, schedulesName)
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(err, fault.Usage, "schedules_unreadable", path, "give the file read permission for this user", "the schedules cannot be read")
	}
	jobs, err := schedules.Load(path, data, schedules.Options{
		Zone: config.Company.Zone, Read: func(name string) ([]byte, error) { return os.ReadFile(config.resolve(name)) },
	})
	if err != nil {
		return nil, err
	}
	for _, job := range jobs {
		if err := checkDo(path, job); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// scheduled are the commands that a job may be.
var scheduled = []string{"run", "report", "export", "check", "rebuild", "repair", "alert"}

// checkDo parses a job's command line as the program would, without running it.
func checkDo(path string, job *schedules.Job) error {
	subject := path + ": job " + job.Name + ": do"
	arguments, err := job.Arguments(time.Unix(0, 0), false)
	if err != nil {
		return err
	}
	if !slices.Contains(scheduled, arguments[0]) {
		hint := "write one of " + strings.Join(scheduled, ", ")
		if near := fault.Nearest(arguments[0], scheduled); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return fault.New(fault.Usage, "invalid_schedule", subject, hint, "%q is no command that a job can run", arguments[0])
	}
	command, rest, err := (&app{}).rootCommand().Find(arguments)
	if err == nil {
		err = command.ParseFlags(rest)
	}
	if err == nil {
		err = command.ValidateArgs(command.Flags().Args())
	}
	return fault.Wrap(err, fault.Usage, "invalid_schedule", subject, "see omoflow "+arguments[0]+" --help", "`"+job.Do+"` cannot be run")
}

// pick gives the named job.
func pick(jobs []*schedules.Job, name string) (*schedules.Job, error) {
	var names []string
	for _, job := range jobs {
		if job.Name == name {
			return job, nil
		}
		names = append(names, job.Name)
	}
	hint := "the jobs are " + strings.Join(names, ", ")
	if near := fault.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return nil, fault.New(fault.Usage, "unknown_job", name, hint, "is not a job of this project")
}

// workerName names this process in the ledger; the ledger's entries are unique by themselves.
func workerName() string {
	host, _ := os.Hostname() // only a name for people
	return fmt.Sprintf("%s:%d:%d", host, os.Getpid(), time.Now().UnixNano())
}

// scheduler opens the project's jobs with their ledger. Without create, a lake that is not there yet gives no ledger.
func (a *app) scheduler(ctx context.Context, create bool) (jobs []*schedules.Job, l *ledger.Ledger, closing func(), err error) {
	closing = func() {}
	config, err := loadConfig(a.project)
	if err != nil {
		return nil, nil, closing, err
	}
	if jobs, err = a.jobs(config); err != nil {
		return nil, nil, closing, err
	}
	p, err := openConfigured(ctx, config, create)
	if !create && fault.KindOf(err) == fault.Usage && (errors.Is(err, objstore.ErrNotFound) || errors.Is(err, fs.ErrNotExist)) {
		return jobs, nil, closing, nil
	}
	if err != nil {
		return nil, nil, closing, err
	}
	return jobs, ledger.Open(p.lake.Bucket, workerName(), time.Now), p.close, nil
}

// jobLine is one job of omoflow schedule list.
type jobLine struct {
	schedules.Spec
	Status      string        `json:"status"` // idle, due, running, waiting, retry, paused
	Open        []ledger.Tick `json:"open,omitempty"`
	Last        *ledger.Ended `json:"last,omitempty"`
	PausedSince time.Time     `json:"paused_since,omitzero"`
	LastDone    time.Time     `json:"last_done,omitzero"`
	Next        time.Time     `json:"next,omitzero"`
	NextMoves   bool          `json:"next_may_move,omitempty"`
	ClockAhead  time.Time     `json:"ledger_ahead_until,omitzero"` // the ledger is ahead of this machine's clock until then
	last, next  string
	state       string // the first word of Status, as the status page has it
}

func (a *app) scheduleListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Every job with its last and next time", Args: arguments(cobra.NoArgs),
		Long:    "Lists the jobs in force, what became of the last time they were due, what is open and when they are due next, on each job's own clock.",
		Example: "  omoflow schedule list\n  omoflow schedule list --json",
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			jobs, l, closing, err := a.scheduler(ctx, false)
			defer closing()
			if err != nil {
				return err
			}
			lines := []jobLine{}
			var rows [][]string
			for _, job := range jobs {
				line, err := describe(ctx, job, l, time.Now())
				if err != nil {
					return err
				}
				lines = append(lines, line)
				rows = append(rows, []string{job.Name, rule(job), line.Status, line.last, line.next, job.Do})
			}
			return a.result("schedule", lines, nil, nil, func() error {
				a.table([]string{"job", "when", "status", "last", "next", "does"}, rows)
				return nil
			})
		},
	}
}

func rule(job *schedules.Job) string {
	text := job.Cron
	if job.Nth != nil {
		text = fmt.Sprintf("working day %d of %s, %s", job.Nth.Workday, job.Nth.Of, job.Nth.At)
	}
	if job.Days != "any" {
		text += " on days " + job.Days
	}
	return text + " " + job.Zone
}

const clockFormat = "Mon 2006-01-02 15:04 -0700"

// describe says how a job stands.
func describe(ctx context.Context, job *schedules.Job, l *ledger.Ledger, now time.Time) (jobLine, error) {
	line := jobLine{Spec: job.Spec, Status: "idle", state: "idle"}
	after := now
	if l != nil {
		state, seen, err := l.State(ctx, job.Name)
		if err != nil {
			return line, err
		}
		if seen {
			line.Open, line.Last, line.LastDone, after = state.Open, state.Last, state.LastDone, state.Upto
			if state.Upto.After(now.Add(time.Hour)) {
				line.ClockAhead = state.Upto
			}
		}
		if line.state, line.Status = status(state, now); line.state == "idle" && seen && !job.Start(job.Next(after)).After(now) {
			line.state, line.Status = "due", "due"
		}
		since, paused, err := l.PausedSince(ctx, job.Name)
		if err != nil {
			return line, err
		}
		if paused {
			line.PausedSince, line.state = since, "paused"
			line.Status = "paused since " + job.Local(since).Format(clockFormat)
		}
	}
	line.Next = job.Next(after)
	line.NextMoves = job.Uncertain(line.Next)
	line.next = job.Local(line.Next).Format(clockFormat)
	if line.NextMoves {
		line.next += " (holidays not final)"
	}
	if !line.ClockAhead.IsZero() {
		line.next += " (the clock here is behind the ledger)"
	}
	if e := line.Last; e != nil {
		line.last = job.Local(e.To).Format(clockFormat) + " " + e.Outcome
		if e.Count > 1 {
			line.last += fmt.Sprintf(" (%d times)", e.Count)
		}
		if e.Provisional {
			line.last += ", provisional"
		}
		if e.Why != "" && e.Outcome != ledger.Done {
			line.last += "\n" + wrapLines(e.Why, 48)
		}
	}
	return line, nil
}

// stateRetry is the state of a job whose last attempt failed and which will be tried again.
const stateRetry = "retry"

// status tells how a job stands, in a word and in full.
func status(s ledger.State, now time.Time) (state, full string) {
	for _, t := range s.Open {
		switch {
		case t.Worker != "" && !t.Until.Before(now):
			return "running", "running on " + t.Worker
		case t.NotBefore.After(now):
			return stateRetry, fmt.Sprintf("attempt %d failed, next at %s", t.Attempt, t.NotBefore.Format("15:04:05 MST"))
		}
	}
	if len(s.Open) > 0 {
		return "waiting", "waiting"
	}
	return "idle", "idle"
}

func (a *app) scheduleNextCommand() *cobra.Command {
	var count int
	var from string
	command := &cobra.Command{
		Use: "next [JOB]", Short: "The next times that jobs are due", Args: arguments(cobra.MaximumNArgs(1)),
		Long:    "Lists the next times of one job or of all, in order, on each job's own clock, with the command line of each time.",
		Example: "  omoflow schedule next quarterly.assessment\n  omoflow schedule next -n 20 --from 2026-12-31T00:00:00+08:00",
		RunE: func(command *cobra.Command, args []string) error {
			config, err := loadConfig(a.project)
			if err != nil {
				return err
			}
			jobs, err := a.jobs(config)
			if err == nil && len(args) == 1 {
				jobs, err = pickOne(jobs, args[0])
			}
			if err != nil {
				return err
			}
			after := time.Now()
			if from != "" {
				if after, err = time.Parse(time.RFC3339, from); err != nil {
					return fault.New(fault.Usage, "bad_time", from, "write a time such as 2026-12-31T00:00:00+08:00", "is not a time with a zone")
				}
			}
			if count < 1 || count > 1000 {
				return fault.New(fault.Usage, "bad_count", "-n", "write a number from 1 to 1000", "%d is out of range", count)
			}
			return a.printNext(jobs, after, count)
		},
	}
	command.Flags().IntVarP(&count, "count", "n", 10, "how many times")
	command.Flags().StringVar(&from, "from", "", "begin after this instant (RFC 3339) instead of now")
	return command
}

func pickOne(jobs []*schedules.Job, name string) ([]*schedules.Job, error) {
	job, err := pick(jobs, name)
	return []*schedules.Job{job}, err
}

// tickLine is one time of omoflow schedule next.
type tickLine struct {
	Job   string    `json:"job"`
	Tick  time.Time `json:"tick"`
	Local string    `json:"local"`
	Do    string    `json:"do"`
	Moves bool      `json:"may_move,omitempty"`
}

func (a *app) printNext(jobs []*schedules.Job, after time.Time, count int) error {
	lines := []tickLine{}
	for _, job := range jobs {
		for tick, n := job.Next(after), 0; n < count && !tick.IsZero(); tick, n = job.Next(tick), n+1 {
			arguments, err := job.Arguments(tick, false)
			if err != nil {
				return err
			}
			lines = append(lines, tickLine{job.Name, tick, job.Local(tick).Format(clockFormat), strings.Join(arguments, " "), job.Uncertain(tick)})
		}
	}
	slices.SortStableFunc(lines, func(x, y tickLine) int { return x.Tick.Compare(y.Tick) })
	lines = lines[:min(count, len(lines))]
	return a.result("schedule_next", lines, nil, nil, func() error {
		var rows [][]string
		for _, line := range lines {
			note := ""
			if line.Moves {
				note = "holidays of the year are not final"
			}
			rows = append(rows, []string{line.Local, line.Job, line.Do, note})
		}
		a.table([]string{"when", "job", "does", "note"}, rows)
		return nil
	})
}

func (a *app) scheduleDecideCommand(action string) *cobra.Command {
	var reason string
	about := map[string]string{
		"pause":  "Stop a job from being started. Times that fall into the pause are accounted for as paused and not made up for.",
		"resume": "Let a paused job run again from its next time on.",
	}[action]
	command := &cobra.Command{
		Use: action + " JOB", Short: strings.SplitAfter(about, ".")[0], Args: arguments(cobra.ExactArgs(1)),
		Long:    about + " It is kept as an entry of the decision log, with who and why, and holds for every process.",
		Example: "  omoflow schedule " + action + " finance.export --reason \"the books are being corrected\"",
		RunE: func(command *cobra.Command, args []string) error {
			jobs, l, closing, err := a.scheduler(command.Context(), true)
			defer closing()
			if err != nil {
				return err
			}
			if _, err := pick(jobs, args[0]); err != nil {
				return err
			}
			d := ledger.Decision{Job: args[0], Action: action, By: userName(), Reason: reason}
			changed, err := l.Decide(command.Context(), d)
			if err != nil {
				return err
			}
			return a.result("schedule_"+action, map[string]any{"job": args[0], "changed": changed}, nil, nil, func() error {
				if !changed {
					a.print("%s is so already; nothing was changed", args[0])
					return nil
				}
				a.print("%s: %sd", args[0], action)
				return nil
			})
		},
	}
	command.Flags().StringVar(&reason, "reason", "", "why, for those who read the decision log")
	return command
}
