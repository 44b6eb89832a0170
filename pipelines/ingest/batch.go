package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// taken is a file of the batch being made.
type taken struct {
	lake.File
	path     string
	plain    *profile.Plain // the proof, when tried and found
	tried    bool
	outcome  profile.Outcome
	refusals []profile.Refusal
	refused  int64 // records
	same     int64 // records of whole ones that are known as they are, or newer
}

// batch is a batch being made.
type batch struct {
	*feed
	dir   string
	body  lake.Batch
	files []*taken
	sink  *profile.Sink
	path  string // of the sink

	made map[string]string // key -> file: objects are only made here, not stored; nil when they are stored

	vanished  []lake.FileRef // files of archives that were delivered again without them
	notes     []Finding
	replay    bool // known records count again
	unchecked bool // streams are written first and checked by their row counts
	strict    bool // streams are written once: a cast that fails ends it, missing values are found in the finished file
}

// intent is what a batch is made for.
type intent struct {
	replay        []lake.FileRef // the files are taken again, whatever is known of them, and replace these
	archive       *lake.Archive  // they came in
	before, after json.RawMessage
	backfill      *lake.Backfill
}

// take makes one batch of deliveries and commits it.
func (f *feed) take(ctx context.Context, group []source.Delivery, why intent, result *Result) error {
	dir, clean, err := f.scratch()
	if err != nil {
		return err
	}
	defer clean()
	arrivals, notes, err := f.fetch(ctx, dir, group)
	result.Findings = append(result.Findings, notes...)
	if err != nil || len(arrivals) == 0 && f.API == nil {
		return err
	}
	b := &batch{feed: f, dir: dir, path: filepath.Join(dir, "records.tsv")}
	b.body = lake.Batch{Source: f.Source, Feed: f.Name, Profile: f.Profile.Name, Mapping: f.mapping, Supersedes: why.replay}
	b.body.CursorBefore, b.body.CursorAfter, b.body.Backfill = why.before, why.after, why.backfill
	b.replay = why.replay != nil
	failpoint.Hit("dedupe.begin")
	if b.replay && why.archive != nil {
		for i := range arrivals {
			arrivals[i].archive = why.archive
		}
	}
	b.enter(arrivals, b.replay || f.API != nil)
	failpoint.Hit("dedupe.end")
	b.body.ID = b.id()
	if f.API != nil && !b.replay {
		// Whether a page holds anything new shows only when its records are read.
		if err := b.makeRows(ctx); err != nil || b.idle() {
			return err
		}
		if err := b.storeInput(ctx); err != nil {
			return err
		}
	} else {
		eg, both := errgroup.WithContext(ctx)
		eg.Go(func() error { return b.storeInput(both) })
		eg.Go(func() error { return b.makeRows(both) })
		if err := eg.Wait(); err != nil {
			return err
		}
	}
	failpoint.Hit("cursor.before")
	if err := b.commit(ctx); err != nil {
		return err
	}
	f.state.add(b.body, b.seq)
	failpoint.Hit("cursor.after")
	b.report(result)
	return nil
}

// storeInput keeps what rows are made of: the bytes and the rules.
func (b *batch) storeInput(ctx context.Context) error {
	if err := b.storeRaw(ctx); err != nil {
		return err
	}
	return b.storeRules(ctx)
}

// makeRows reads the files and stages what they hold.
func (b *batch) makeRows(ctx context.Context) error {
	if done, err := b.direct(ctx); done || err != nil {
		return err
	}
	if err := b.convert(ctx); err != nil {
		return err
	}
	return b.stage(ctx)
}

// enter decides for each arrival whether its bytes are known and what it replaces.
func (b *batch) enter(arrivals []arrival, replay bool) {
	here := map[string]int{}
	for _, a := range arrivals {
		t := &taken{path: a.path, plain: a.plain, tried: true, File: lake.File{No: len(b.files), Name: a.Name, SHA256: a.sha, Bytes: a.size, Modified: a.Modified, Captures: a.Captures, Archive: a.archive}}
		b.files = append(b.files, t)
		if ref, ok := b.state.waiting[a.sha+" "+b.mapping]; ok && b.API != nil && !b.replay {
			// All of it went to quarantine by these rules before; it waits there.
			t.DuplicateOf = &ref
			t.Counts = lake.Counts{Read: b.state.reads[a.sha], Duplicate: b.state.reads[a.sha]}
			continue
		}
		if !replay {
			if ref, ok := b.state.live[a.sha]; ok {
				reads := b.state.reads[a.sha]
				t.DuplicateOf = &ref
				t.Counts = lake.Counts{Read: reads, Duplicate: reads}
				if old, named := b.state.names[a.Name]; named && old != ref {
					b.body.Supersedes = append(b.body.Supersedes, old) // the name now holds what another file delivered
				}
				continue
			}
			if ref, ok := b.state.bad[badKey(a.sha, b.mapping, a.Captures)]; ok {
				t.DuplicateOf = &ref
				continue
			}
			if no, ok := here[a.sha]; ok {
				t.DuplicateOf = &lake.FileRef{FileNo: no} // this batch; completed by resolve
				continue
			}
			if old, ok := b.state.names[a.Name]; ok {
				b.body.Supersedes = append(b.body.Supersedes, old)
			}
		}
		here[a.sha] = t.No
	}
	if !replay {
		b.vanished = b.state.vanished(arrivals)
		b.body.Supersedes = append(b.body.Supersedes, b.vanished...)
	}
}

// id derives the batch's name from what it is made of.
func (b *batch) id() string {
	var parts []string
	for _, t := range b.files {
		parts = append(parts, t.Name, t.SHA256, strconv.FormatBool(t.DuplicateOf != nil))
		if t.DuplicateOf != nil {
			// Nothing else tells one repetition of known bytes from the next, and each is a delivery of its own.
			parts = append(parts, t.Modified.UTC().Format(time.RFC3339Nano))
		}
	}
	for _, ref := range b.body.Supersedes {
		parts = append(parts, ref.Batch, strconv.Itoa(ref.FileNo))
	}
	if b.API != nil {
		parts = append(parts, strconv.FormatInt(b.seq, 10), string(b.body.CursorBefore), string(b.body.CursorAfter))
	}
	return lake.BatchID(b.Source, b.Name, b.mapping, parts)
}

// convert reads the files into one set of normalised records.
func (b *batch) convert(ctx context.Context) (err error) {
	if b.sink, err = profile.NewSink(b.path); err != nil {
		return tempFault(err, b.dir)
	}
	for _, t := range b.files {
		if t.DuplicateOf != nil {
			continue
		}
		failpoint.Hit("convert.file")
		before := b.sink.Size()
		outcome, err := b.plan.Convert(ctx, profile.File{Path: t.path, No: t.No, Captures: t.Captures, Limits: b.opt.Limits}, b.sink)
		var refused *profile.RefusedFile
		switch {
		case errors.As(err, &refused):
			outcome.Accepted, outcome.Refused, outcome.Ignored, outcome.Read = 0, 0, 0, 0
			t.refuse(refused.Code, refused.Error(), refused.Line)
		case err != nil:
			return errors.Join(tempFault(err, b.dir), b.sink.Close())
		}
		t.outcome, t.refused = outcome, outcome.Refused
		t.refusals = append(t.refusals, outcome.Refusals...)
		t.Format, t.Encoding, t.Delimiter = outcome.Layout.Format, outcome.Layout.Encoding, outcome.Layout.Delimiter
		t.HeaderLine, t.Header = outcome.Layout.HeaderLine, outcome.Layout.Header
		if b.tooMany(t) {
			if err := b.sink.Rewind(before); err != nil {
				return errors.Join(tempFault(err, b.dir), b.sink.Close())
			}
		}
	}
	return tempFault(b.sink.Close(), b.dir)
}

// tooMany refuses a file whose refused share passes the feed's limit.
func (b *batch) tooMany(t *taken) bool {
	if t.Refused || t.refused*1_000_000 <= b.RefuseOver*t.outcome.Read {
		return false
	}
	why := ""
	for _, r := range t.refusals {
		if r.Kind == "row" {
			why = "; first in " + place(r) + ": " + r.Message
			break
		}
	}
	t.refuse("too_many_refused", fmt.Sprintf("%d of %d records are refused, more than the feed's limit%s", t.refused, t.outcome.Read, why), 0)
	return true
}

func (t *taken) refuse(code, message string, line int64) {
	t.File.Refused, t.Reason = true, code+": "+message
	t.refusals = append([]profile.Refusal{{Kind: "file", Line: line, Code: code, Message: message}}, t.refusals...)
}

func tempFault(err error, dir string) error {
	if err == nil || fault.KindOf(err) != fault.Internal {
		return err
	}
	return fault.Wrap(err, fault.Exhausted, "temp_write", dir, "free space, or set engine.temp_dir to another folder", "scratch files cannot be written")
}

// commit stores the objects and appends the entry.
func (b *batch) commit(ctx context.Context) error {
	b.body.Files, b.body.Counts = nil, lake.Counts{}
	for _, t := range b.files {
		if t.DuplicateOf != nil && t.DuplicateOf.Batch == "" {
			of := b.files[t.DuplicateOf.FileNo]
			t.DuplicateOf.Batch = b.body.ID
			t.Counts = lake.Counts{Read: of.Counts.Read, Duplicate: of.Counts.Read}
		}
		if !t.Counts.Balanced() {
			return fault.New(fault.Damaged, "records_lost", t.Name, "report this with the file's layout; nothing was committed",
				"%d records read, but %d accepted, %d duplicate, %d quarantined, %d ignored", t.Counts.Read, t.Counts.Accepted, t.Counts.Duplicate, t.Counts.Quarantined, t.Counts.Ignored)
		}
		b.body.Files = append(b.body.Files, t.File)
		b.body.Counts = b.body.Counts.Add(t.Counts)
	}
	b.keepSuperseded()
	entry, err := b.log.Append(ctx, b.seq+1, lake.KindBatch, b.body)
	if err != nil {
		return err
	}
	b.seq = entry.Seq
	return nil
}

// keepSuperseded leaves the earlier delivery in force when the one that should replace it was refused. A refused file of an
// archive may be a vanished one under a new name.
func (b *batch) keepSuperseded() {
	for _, t := range b.files {
		if !t.Refused {
			continue
		}
		old, ok := b.state.names[t.Name]
		b.body.Supersedes = slices.DeleteFunc(b.body.Supersedes, func(ref lake.FileRef) bool {
			return ok && ref == old || t.Archive != nil && slices.Contains(b.vanished, ref)
		})
	}
}

// report adds the batch to a run's result.
func (b *batch) report(r *Result) {
	r.Batches = append(r.Batches, b.body)
	r.Counts = r.Counts.Add(b.body.Counts)
	r.Replaced += len(b.body.Supersedes)
	r.Findings = append(r.Findings, b.notes...)
	for _, t := range b.files {
		r.Files++
		switch {
		case t.DuplicateOf != nil:
			r.Same++
		case t.Refused:
			r.Refused++
			r.Findings = append(r.Findings, Finding{b.Source, b.Name, t.Name, "refused_file", t.Reason, t.Counts.Read})
		case t.Counts.Quarantined > 0:
			first := t.refusals[0]
			r.Findings = append(r.Findings, Finding{b.Source, b.Name, t.Name, first.Code, place(first) + ": " + first.Message, t.Counts.Quarantined})
		}
	}
}

// place tells where a refused record stands in its file.
func place(r profile.Refusal) string {
	if r.Column == "" {
		return fmt.Sprintf("line %d", r.Line)
	}
	return fmt.Sprintf("line %d, column %s", r.Line, r.Column)
}
