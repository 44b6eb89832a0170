package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/pipelines/portal"
	"github.com/omoflow/omoflow/pipelines/report"
	"github.com/omoflow/omoflow/schedules"
	"github.com/omoflow/omoflow/schedules/ledger"
)

// portalDays is how many business days the status page shows.
const portalDays = 14

// portalSource gives the status page what status, schedule list and the archive of documents know. It reads logs on from where it
// read them before and opens the engine once per release, so that a page costs little however old the lake is. The portal calls it
// from one goroutine at a time.
type portalSource struct {
	app     *app
	project *project
	jobs    []*schedules.Job
	ledger  *ledger.Ledger
	zone    *time.Location

	feeds     map[string]*feedLog // by log
	documents follower
	archive   map[string]archived // by id
	matrix    []cell
	matrixOf  int64     // release
	matrixDue time.Time // when the first of the awaited deliveries will be missing; zero for never
	told      map[string]string
}

// archived is a document with where its files are.
type archived struct {
	portal.Document
	entry lake.Document
}

func (a *app) newPortalSource(p *project, jobs []*schedules.Job) *portalSource {
	zone, err := time.LoadLocation(p.config.Company.Zone)
	if err != nil {
		zone = time.UTC // validated
	}
	return &portalSource{
		app: a, project: p, jobs: jobs, zone: zone, ledger: ledger.Open(p.lake.Bucket, workerName(), time.Now),
		feeds: map[string]*feedLog{}, documents: follower{log: p.lake.DocumentLog()}, archive: map[string]archived{}, told: map[string]string{},
	}
}

// follower reads a log on from where it was read before.
type follower struct {
	log *journal.Log
	seq int64
}

// next hands the new entries to fn.
func (f *follower) next(ctx context.Context, fn func(journal.Entry) error) error {
	take := func(e journal.Entry) error {
		if err := fn(e); err != nil {
			return err
		}
		f.seq = e.Seq
		return nil
	}
	if f.seq == 0 {
		return f.log.Read(ctx, 1, take)
	}
	for {
		e, err := f.log.Get(ctx, f.seq+1)
		if errors.Is(err, objstore.ErrNotFound) {
			return nil
		}
		if err == nil {
			err = take(e)
		}
		if err != nil {
			return err
		}
	}
}

// feedLog is what one feed's log says, summed up.
type feedLog struct {
	follower
	sum     feedStatus
	waiting []int64            // batches that no release has yet
	arrived map[string]arrival // of batches with recent business days
}

// arrival is when a batch came in, and its last business day.
type arrival struct {
	at   time.Time
	last string
}

// arrivalDays is for how many business days back arrivals are remembered; more than the page shows.
const arrivalDays = 2 * portalDays

// forget drops the arrivals of business days that the page will not show again.
func (f *feedLog) forget() {
	last, err := time.Parse(time.DateOnly, f.sum.LastDate)
	if err != nil {
		return
	}
	first := last.AddDate(0, 0, -arrivalDays).Format(time.DateOnly)
	for id, a := range f.arrived {
		if a.last < first {
			delete(f.arrived, id)
		}
	}
}

// Snapshot implements portal.Source. What cannot be read is left out and said to be so; without the logs there is nothing to show.
func (s *portalSource) Snapshot(ctx context.Context) (portal.Snapshot, error) {
	snapshot := portal.Snapshot{Company: s.project.config.Company.Name, Zone: s.zone}
	rel, released, err := release.Latest(ctx, s.project.lake)
	if err != nil {
		return snapshot, err
	}
	if err := s.addFeeds(ctx, &snapshot, rel); err != nil {
		return snapshot, err
	}
	if released {
		snapshot.Release, snapshot.ReleasedAt = rel.Seq, rel.At
		for _, c := range rel.Checks {
			if c.Status != "passed" {
				snapshot.Checks = append(snapshot.Checks, portal.Check{Name: c.Name, Model: c.Model, Severity: c.Severity, Rows: c.Rows})
			}
		}
	}
	for _, part := range []struct {
		name string
		add  func() error
	}{
		{portal.Matrix, func() error { return s.addMatrix(ctx, &snapshot, rel, released) }},
		{portal.Jobs, func() error { return s.addJobs(ctx, &snapshot) }},
		{portal.Documents, func() error { return s.addDocuments(ctx, &snapshot) }},
	} {
		err := part.add()
		if err != nil {
			snapshot.Absent = append(snapshot.Absent, part.name)
		}
		s.tell(part.name, err)
	}
	return snapshot, nil
}

// tell notes why a section cannot be read, once until that changes.
func (s *portalSource) tell(section string, err error) {
	text := ""
	if err != nil {
		text = fmt.Sprintf("status page: the section %s cannot be read: %v (%s)", section, err, fault.HintOf(err))
	}
	if text != s.told[section] && text != "" {
		s.app.note("%s", text)
	}
	s.told[section] = text
}

func (s *portalSource) addFeeds(ctx context.Context, snapshot *portal.Snapshot, rel release.Release) error {
	logs, err := journal.Logs(ctx, s.project.lake.Bucket, "stream/")
	if err != nil {
		return err
	}
	byName := map[string]feedStatus{}
	for _, f := range s.project.feeds(nil) {
		byName[f.Source+"/"+f.Feed] = f
	}
	for _, log := range logs {
		f := s.feeds[log]
		if f == nil {
			f = &feedLog{follower: follower{log: journal.Open(s.project.lake.Bucket, log, journal.Options{})}, arrived: map[string]arrival{}}
			s.feeds[log] = f
		}
		if err := f.next(ctx, f.add); err != nil {
			return err
		}
		f.waiting = slices.DeleteFunc(f.waiting, func(seq int64) bool { return seq <= rel.Streams[log] })
		snapshot.Pending += int64(len(f.waiting))
		f.forget()
		if f.sum.Batches > 0 {
			byName[f.sum.Source+"/"+f.sum.Feed] = f.sum
		}
	}
	for _, name := range sortedKeys(byName) {
		f := byName[name]
		snapshot.Feeds = append(snapshot.Feeds, portal.Feed{
			Source: f.Source, Feed: f.Feed, Files: int64(f.Files), Refused: int64(f.Refused), Read: f.Counts.Read, Accepted: f.Counts.Accepted,
			Duplicate: f.Counts.Duplicate, Quarantined: f.Counts.Quarantined, LastDate: f.LastDate, LastArrival: f.LastArrival,
		})
	}
	return nil
}

// add counts a batch.
func (f *feedLog) add(e journal.Entry) error {
	if e.Kind != lake.KindBatch {
		return nil
	}
	batch := lake.BatchEntry{Log: e.Log, Seq: e.Seq, At: e.At}
	if err := json.Unmarshal(e.Body, &batch.Batch); err != nil {
		return fault.Wrap(err, fault.Damaged, "batch_damaged", journal.EntryKey(e.Log, e.Seq), "restore this object from a backup", "the entry does not hold a batch")
	}
	f.sum.Source, f.sum.Feed = batch.Source, batch.Feed
	f.sum.add(batch)
	f.waiting = append(f.waiting, e.Seq)
	last := ""
	for _, staged := range batch.Staged {
		last = max(last, staged.MaxDate)
	}
	f.arrived[batch.ID] = arrival{e.At, last}
	return nil
}

// addMatrix reads the completeness of a release once, and again when a delivery that was awaited is due.
func (s *portalSource) addMatrix(ctx context.Context, snapshot *portal.Snapshot, rel release.Release, released bool) error {
	now := time.Now()
	if released && (s.matrixOf != rel.Seq || !s.matrixDue.IsZero() && !now.Before(s.matrixDue)) {
		by := judge{now, map[string]time.Time{}}
		for _, f := range s.feeds {
			for id, a := range f.arrived {
				by.arrived[id] = a.at
			}
		}
		cells, err := s.project.matrix(ctx, rel, portalDays, "", by)
		if err != nil {
			return err
		}
		s.matrix, s.matrixOf, s.matrixDue = cells, rel.Seq, nextDue(cells, now)
	}
	for _, c := range s.matrix {
		snapshot.Cells = append(snapshot.Cells, portal.Cell{Source: c.Source, Feed: c.Feed, Location: c.Location, Date: c.Date, State: c.State, Records: c.Records})
	}
	return nil
}

// nextDue is the first time at which a cell changes by itself.
func nextDue(cells []cell, now time.Time) (next time.Time) {
	for _, c := range cells {
		at, err := time.Parse(time.RFC3339, c.Due)
		if err == nil && at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

func (s *portalSource) addJobs(ctx context.Context, snapshot *portal.Snapshot) error {
	for _, job := range s.jobs {
		line, err := describe(ctx, job, s.ledger, time.Now())
		if err != nil {
			return err
		}
		j := portal.Job{Name: job.Name, About: job.About, Does: job.Do, Status: line.state, Since: line.PausedSince, Next: line.Next}
		if line.Last != nil {
			j.Last, j.Outcome = line.Last.To, line.Last.Outcome
			if j.Outcome != ledger.Done {
				j.Why = line.Last.Why
			}
		}
		for _, tick := range line.Open {
			if j.Status == stateRetry && tick.Why != "" {
				j.Why = tick.Why
			}
		}
		snapshot.Jobs = append(snapshot.Jobs, j)
	}
	return nil
}

// mostStatuses is of how many documents, the newest, the page says whether they are final.
const mostStatuses = 60

func (s *portalSource) addDocuments(ctx context.Context, snapshot *portal.Snapshot) error {
	if err := s.documents.next(ctx, s.addDocument); err != nil {
		return err
	}
	for _, d := range s.archive {
		snapshot.Documents = append(snapshot.Documents, d.Document)
	}
	slices.SortFunc(snapshot.Documents, func(a, b portal.Document) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Report, b.Report), cmp.Compare(b.Period, a.Period), cmp.Compare(b.Version, a.Version))
	})
	for i := range snapshot.Documents[:min(mostStatuses, len(snapshot.Documents))] {
		d := &snapshot.Documents[i]
		if d.Status != "" {
			continue
		}
		known := s.archive[d.ID]
		text, err := objstore.ReadAll(ctx, s.project.lake.Bucket, known.entry.Manifest.Key, 1<<20)
		if err != nil {
			return err
		}
		var m report.Manifest
		if err := json.Unmarshal(text, &m); err != nil {
			return fault.Wrap(err, fault.Damaged, "report_manifest", known.entry.Manifest.Key, "run `omoflow repair`; it renders the document again", "the manifest of an archived report cannot be read")
		}
		d.Status, known.Status = m.Status, m.Status
		s.archive[d.ID] = known
	}
	return nil
}

// addDocument takes an entry of the log of documents.
func (s *portalSource) addDocument(e journal.Entry) error {
	if e.Kind != lake.KindDocument {
		return nil
	}
	entry, err := lake.DecodeDocument(e)
	if err != nil {
		return err
	}
	d := portal.Document{
		ID:     fmt.Sprintf("%s.%s.v%d", lake.Encode(entry.Report), lake.Encode(entry.Period), entry.Version),
		Report: entry.Report, Period: entry.Period, Version: entry.Version, Release: entry.Release, At: e.At,
	}
	for _, o := range entry.Files {
		d.Files = append(d.Files, portal.File{Name: path.Base(o.Key), Bytes: o.Bytes, SHA256: o.SHA256})
	}
	if _, known := s.archive[d.ID]; !known {
		s.archive[d.ID] = archived{d, entry}
	}
	return nil
}

// Content implements portal.Source: the archived bytes, whose hash is that of the entry.
func (s *portalSource) Content(ctx context.Context, d portal.Document, f portal.File) ([]byte, error) {
	key := lake.ReportKey(d.Report, d.Period, d.Version, f.Name)
	if !strings.HasSuffix(key, "/"+f.Name) {
		return nil, fault.New(fault.Damaged, "document_damaged", d.ID, "run omoflow check", "%q is not the name of a report's file", f.Name)
	}
	return report.Read(ctx, s.project.lake.Bucket, report.ArchivedFile{Name: f.Name, Key: key, SHA256: f.SHA256, Bytes: f.Bytes})
}
