package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/pipelines/alert"
	"github.com/omoflow/omoflow/schedules/ledger"
)

// judgesJobs tells whether a job evaluates the rules on jobs: it does not judge itself.
func judgesJobs(do string) bool {
	return do == "alert run" || strings.HasPrefix(do, "alert run --except")
}

// facts gathers what the wanted kinds of rules look at. A part that cannot be had leaves its rules unevaluated and does not keep the others; only
// a journal that cannot be read is an error.
func (a *app) facts(ctx context.Context, p *project, wanted map[string]bool) (alert.Facts, error) {
	now := time.Now()
	f := alert.Facts{At: now, Today: p.config.today(now), Unknown: map[string]string{}}
	batches, err := p.lake.Batches(ctx)
	if err != nil {
		return f, err
	}
	rel, released, err := release.Latest(ctx, p.lake)
	if err != nil {
		return f, err
	}
	for _, b := range batches {
		f.Batches = append(f.Batches, batchFact(b))
		if b.Seq > rel.Streams[b.Log] {
			if f.Waiting.Batches++; f.Waiting.Since.IsZero() || b.At.Before(f.Waiting.Since) {
				f.Waiting.Since = b.At
			}
		}
	}
	if f.Checks, err = p.checkFacts(ctx, rel); err != nil {
		f.Unknown[alert.Checks] = err.Error()
	}
	if released && (wanted[alert.Missing] || wanted[alert.Volume]) {
		if f.Days, err = p.dayFacts(ctx, rel, judge{now, arrivals(batches)}); err != nil {
			f.Unknown[alert.Missing], f.Unknown[alert.Volume] = err.Error(), err.Error()
		}
	}
	if wanted[alert.Stocktake] {
		if f.Counts, err = p.countFacts(ctx, rel, f.Today); err != nil {
			f.Unknown[alert.Stocktake] = err.Error()
		}
	}
	if f.Jobs, err = a.jobFacts(ctx, p); err != nil {
		f.Unknown[alert.Jobs] = err.Error()
	}
	if f.Disks, err = p.diskFacts(); err != nil {
		f.Unknown[alert.Disk] = err.Error()
	}
	return f, ctx.Err()
}

func batchFact(b lake.BatchEntry) alert.Batch {
	fact := alert.Batch{Source: b.Source, Feed: b.Feed, At: b.At, Read: b.Counts.Read, Quarantined: b.Counts.Quarantined}
	for _, file := range b.Files {
		if file.Refused {
			fact.Refused++
		}
	}
	return fact
}

// checkFacts gives the checks that failed in the release, and those that keep back the candidate built on it.
func (p *project) checkFacts(ctx context.Context, rel release.Release) ([]alert.Check, error) {
	var facts []alert.Check
	seen := map[string]bool{}
	add := func(r release.Release) {
		for _, c := range r.Checks {
			if name := c.Model + "/" + c.Name; c.Status != "passed" && !seen[name] {
				seen[name] = true
				facts = append(facts, alert.Check{Name: c.Name, Model: c.Model, Block: c.Severity == "block", Rows: c.Rows})
			}
		}
		for _, c := range r.Conservation {
			if !c.Balanced {
				facts = append(facts, alert.Check{Name: "rows of " + c.Subject, Model: "conservation", Block: true, Rows: max(c.Read-c.InTable, c.InTable-c.Read)})
			}
		}
		for _, m := range r.Money {
			if !m.Balanced {
				facts = append(facts, alert.Check{Name: strings.TrimSpace("amounts of " + m.Subject + " " + m.Currency), Model: "conservation", Block: true})
			}
		}
	}
	candidate, stored, err := release.Candidate(ctx, p.lake)
	if err == nil && stored && candidate.Parent == rel.Seq {
		add(candidate)
	}
	add(rel)
	return facts, err
}

// dayFacts gives what came of each feed on the last business days.
func (p *project) dayFacts(ctx context.Context, rel release.Release, by judge) ([]alert.Day, error) {
	cells, err := p.matrix(ctx, rel, alert.MostDays, "", by)
	if err != nil {
		return nil, err
	}
	days := make([]alert.Day, len(cells))
	for i, c := range cells {
		records, err := strconv.ParseInt(c.Records, 10, 64)
		if err != nil {
			return nil, err
		}
		days[i] = alert.Day{Source: c.Source, Feed: c.Feed, Location: c.Location, Date: c.Date, State: c.State, Records: records}
	}
	return days, nil
}

// jobFacts gives the last outcome of every job but the one that evaluates the alerts.
func (a *app) jobFacts(ctx context.Context, p *project) ([]alert.Job, error) {
	jobs, err := a.jobs(p.config)
	if err != nil {
		return nil, err
	}
	l := ledger.Open(p.lake.Bucket, workerName(), time.Now)
	var facts []alert.Job
	for _, job := range jobs {
		if judgesJobs(job.Do) {
			continue
		}
		state, seen, err := l.State(ctx, job.Name)
		if err != nil {
			return nil, err
		}
		if !seen || state.Last == nil {
			continue
		}
		facts = append(facts, alert.Job{Name: job.Name, Outcome: state.Last.Outcome, Tick: state.Last.To, Attempt: state.Last.Attempt, Why: state.Last.Why})
	}
	return facts, nil
}

// diskFacts looks at the disk of a folder lake and at the one of scratch files, once when they are the same.
func (p *project) diskFacts() ([]alert.Space, error) {
	var facts []alert.Space
	var seen []uint64
	for _, place := range []struct{ name, path string }{{"lake", p.config.resolve(p.config.Lake)}, {"temp", p.temp}} {
		if strings.Contains(place.path, "://") {
			continue
		}
		var node unix.Stat_t
		var disk unix.Statfs_t
		if err := unix.Stat(place.path, &node); err != nil {
			return facts, err
		}
		if err := unix.Statfs(place.path, &disk); err != nil {
			return facts, err
		}
		if len(seen) > 0 && seen[0] == uint64(node.Dev) {
			continue
		}
		seen = append(seen, uint64(node.Dev))
		facts = append(facts, alert.Space{Name: place.name, Free: disk.Bavail * uint64(disk.Bsize), Total: disk.Blocks * uint64(disk.Bsize)})
	}
	return facts, nil
}
