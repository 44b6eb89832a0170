package main

import (
	"context"
	"time"

	"github.com/omoflow/omoflow/schedules"
	"github.com/omoflow/omoflow/schedules/ledger"
)

// jobService runs the scheduled jobs.
type jobService struct {
	runner *ledger.Runner
	stop   time.Duration
}

func (a *app) newJobs(p *project, jobs []*schedules.Job, within time.Duration) *jobService {
	return &jobService{stop: within, runner: &ledger.Runner{
		Ledger: ledger.Open(p.lake.Bucket, workerName(), time.Now), Jobs: jobs, Do: a.doJob, StopWithin: within,
		Report: func(e ledger.Event) { a.note("%s", eventLine(e)) },
	}}
}

// work runs what comes due until ctx ends, and lets what runs finish within the limit, or hands it back.
func (s *jobService) work(ctx context.Context) error { return s.runner.Serve(ctx) }
