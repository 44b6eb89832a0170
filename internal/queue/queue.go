// Package queue hands ticks that may be run to whichever worker has a free place: River on a SQLite file, or on PostgreSQL for several
// machines.
//
// A queue may lose tasks, repeat them or be deleted at any time: it decides nothing. The ledger says which ticks are open, and only
// a claim there lets a worker run one; a task that comes twice or too late finds no claim and does nothing. River takes a job from a
// dead worker by age only, after the longest time that a job may take. Tasks are therefore offered again by those who see an open tick
// unclaimed, and a task that a worker fetched and did not claim soon does not stand in the way of its successor.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/omoflow/omoflow/internal/fault"
)

// Task is a tick that may be run.
type Task struct {
	Job     string
	Tick    time.Time
	Attempt int // from 1
}

// Options say where the queue is and who works on it.
type Options struct {
	URL      string // postgres://user@host/database; empty for the SQLite file
	Password string // of the database's user; empty for what else PostgreSQL allows, such as a peer or a .pgpass
	Path     string // of the SQLite file, made when it is not there
	Name     string // which of the queues in the database; the lake's id
	Worker   string // names this process
	Parallel int    // tasks at a time, default 1

	Work    func(ctx context.Context, t Task) // runs a task, or does nothing when it is not to be run; nil only offers
	Logger  *slog.Logger                      // nil for silence
	Patient time.Duration                     // a task that was fetched so long ago and is offered again went with its worker; default 15 s
}

// Queue is an open queue. It may be used concurrently.
type Queue struct {
	where   string
	patient time.Duration
	insert  func(ctx context.Context, args taskArgs) (*rivertype.JobInsertResult, error)
	start   func(ctx context.Context) error
	stop    func(ctx context.Context) error
	close   func()
}

// taskArgs is what River stores of a task. Round tells a task from an equal one that went with its worker.
type taskArgs struct {
	Job     string `json:"job"`
	Tick    string `json:"tick"`
	Attempt int    `json:"attempt"`
	Round   int    `json:"round"`
}

// Kind names the tasks in River's tables.
func (taskArgs) Kind() string { return "tick" }

const (
	longest   = 8 * 24 * time.Hour // more than the longest timeout of a job
	mostRound = 1000               // workers that died one after another between fetching a task and claiming its tick
	poll      = time.Second
	keep      = time.Hour // of tasks that are over
)

// Open opens the queue and brings its tables up to date; a database that does not answer is fault.Unavailable. Nothing is worked on
// before Start.
func Open(ctx context.Context, o Options) (*Queue, error) {
	if o.Patient <= 0 {
		o.Patient = 15 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = slog.New(warnings{o.Logger.Handler()})
	if o.URL == "" {
		return openSQLite(ctx, o)
	}
	return openPostgres(ctx, o)
}

// warnings passes on what River warns of, and not what it is about to do.
type warnings struct{ slog.Handler }

// Enabled tells whether a record of a level is passed on.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs keeps the limit.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the limit.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// build sets River up on a driver.
func build[TTx any](ctx context.Context, driver riverdriver.Driver[TTx], o Options, where string) (*Queue, error) {
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, migrator); err != nil {
		return nil, err
	}
	name := "lake_" + notInName.ReplaceAllString(strings.ToLower(o.Name), "_")
	config := &river.Config{
		ID: clientID(o.Worker), Logger: o.Logger, PollOnly: o.URL == "", // a file has no notifications; River would look for them 20 times a second
		JobTimeout: -1, RescueStuckJobsAfter: longest, MaxAttempts: 1, FetchPollInterval: poll,
		CompletedJobRetentionPeriod: keep, CancelledJobRetentionPeriod: keep, DiscardedJobRetentionPeriod: keep,
	}
	if o.Work != nil {
		config.Workers = river.NewWorkers()
		config.Queues = map[string]river.QueueConfig{name: {MaxWorkers: max(1, o.Parallel)}}
		river.AddWorker(config.Workers, &worker{work: o.Work})
	}
	client, err := river.NewClient(driver, config)
	if err != nil {
		return nil, err
	}
	states := []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}
	return &Queue{
		where: where, patient: o.Patient, start: client.Start, stop: client.Stop,
		insert: func(ctx context.Context, args taskArgs) (*rivertype.JobInsertResult, error) {
			return client.Insert(ctx, args, &river.InsertOpts{Queue: name, UniqueOpts: river.UniqueOpts{ByArgs: true, ByQueue: true, ByState: states}})
		},
	}, nil
}

// migrateTries is how often the tables are brought up to date when several processes begin that at once.
const migrateTries = 5

func migrate[TTx any](ctx context.Context, m *rivermigrate.Migrator[TTx]) error {
	for try := 1; ; try++ {
		_, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		if err == nil || try == migrateTries || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try) * 200 * time.Millisecond):
		}
	}
}

// clientID shortens a worker's name to what River takes.
func clientID(worker string) string {
	const most = 100
	return worker[max(0, len(worker)-most):]
}

type worker struct {
	river.WorkerDefaults[taskArgs]
	work func(ctx context.Context, t Task)
}

// Work runs one task. The ledger knows how it ended, so that River has nothing to repeat.
func (w *worker) Work(ctx context.Context, job *river.Job[taskArgs]) error {
	at, err := time.Parse(time.RFC3339Nano, job.Args.Tick)
	if err != nil {
		return river.JobCancel(fmt.Errorf("tick %q: %w", job.Args.Tick, err))
	}
	w.work(ctx, Task{Job: job.Args.Job, Tick: at, Attempt: job.Args.Attempt})
	return nil
}

// Offer puts a task into the queue, unless an equal one waits or is being run. Of an equal one that was fetched a while ago the worker
// is gone, since it would have claimed the tick: the caller knows that nobody did.
func (q *Queue) Offer(ctx context.Context, t Task) error {
	args := taskArgs{Job: t.Job, Tick: t.Tick.UTC().Format(time.RFC3339Nano), Attempt: t.Attempt}
	for ; args.Round < mostRound; args.Round++ {
		result, err := q.insert(ctx, args)
		if err != nil {
			return q.unavailable(err)
		}
		lost := result.UniqueSkippedAsDuplicate && result.Job != nil && result.Job.State == rivertype.JobStateRunning &&
			result.Job.AttemptedAt != nil && time.Since(*result.Job.AttemptedAt) > q.patient
		if !lost {
			return nil
		}
	}
	return fault.New(fault.Internal, "queue_rounds", t.Job, "look at why workers die", "%d workers in a row died with the task", mostRound)
}

func (q *Queue) unavailable(err error) error {
	return fault.Wrap(err, fault.Unavailable, "queue_unreachable", q.where, "see that the database runs and can be reached; until then each process runs jobs by itself", "the queue does not answer")
}

// Start begins to work on tasks until Stop.
func (q *Queue) Start(ctx context.Context) error {
	if err := q.start(context.WithoutCancel(ctx)); err != nil {
		return q.unavailable(err)
	}
	return nil
}

// Stop fetches nothing more, waits until what runs is over or ctx ends, and closes the queue.
func (q *Queue) Stop(ctx context.Context) error {
	err := q.stop(ctx)
	q.Close()
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return q.unavailable(err)
	}
	return nil
}

// Close closes a queue that was not started.
func (q *Queue) Close() { q.close() }
