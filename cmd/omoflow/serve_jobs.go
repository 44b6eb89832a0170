package main

import (
	"context"
	"time"

	"github.com/omoflow/omoflow/internal/queue"
	"github.com/omoflow/omoflow/schedules"
	"github.com/omoflow/omoflow/schedules/ledger"
)

// jobService runs the scheduled jobs: the runner sees in the ledger what is due and offers it to the queue, whose workers here or in
// another process take it.
type jobService struct {
	app    *app
	runner *ledger.Runner
	queue  *queue.Queue
}

func (a *app) newJobs(ctx context.Context, p *project, jobs []*schedules.Job, f serveFlags) (*jobService, error) {
	name := workerName()
	s := &jobService{app: a, runner: &ledger.Runner{
		Ledger: ledger.Open(p.lake.Bucket, name, time.Now), Jobs: jobs, Do: a.doJob, Parallel: f.parallel, StopWithin: f.stop,
		Report: a.event,
	}}
	options, err := p.queueOptions(ctx)
	if err != nil {
		return nil, err
	}
	options.Logger = a.logger
	options.Worker, options.Parallel, options.Work = name, f.parallel, s.take
	if s.queue, err = queue.Open(ctx, options); err != nil {
		return nil, err
	}
	s.runner.Offer = func(ctx context.Context, job string, tick time.Time, attempt int) error {
		return s.queue.Offer(ctx, queue.Task{Job: job, Tick: tick, Attempt: attempt})
	}
	return s, nil
}

// take runs a task of the queue.
func (s *jobService) take(ctx context.Context, t queue.Task) {
	if err := s.runner.Take(ctx, t.Job, t.Tick, t.Attempt); err != nil {
		s.app.note("%s %s: %v", t.Job, t.Tick.Format("2006-01-02T15:04Z"), err) // the tick is open still, and offered again
	}
}

// work runs what comes due until ctx ends, and lets what runs finish within the limit, or hands it back.
func (s *jobService) work(ctx context.Context) error {
	if err := s.queue.Start(ctx); err != nil {
		s.queue.Close()
		return err
	}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() { stopped <- s.queue.Stop(context.WithoutCancel(ctx)) }) // what runs ends by the runner's limit
	if err := s.runner.Serve(ctx); err != nil {
		return err
	}
	return <-stopped
}

// close frees what newJobs opened, when work was never called.
func (s *jobService) close() { s.queue.Close() }
