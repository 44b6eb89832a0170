package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
)

// logs reads all logs and compares their ends with what others say of them.
func (in *inspection) logs(ctx context.Context) error {
	names, err := journal.Logs(ctx, in.bucket, "")
	if err != nil {
		return err
	}
	for _, log := range names {
		if err := in.log(ctx, log); err != nil {
			return err
		}
	}
	if err := in.strays(ctx); err != nil {
		return err
	}
	if err := in.heads(ctx); err != nil {
		return err
	}
	for _, r := range in.Releases {
		in.anchored(r)
	}
	for _, d := range in.Documents {
		if hash := in.hashes["release"][d.Release]; d.Release > in.tails["release"] {
			in.shorter("release", d.Release, d.Manifest.Key)
		} else if d.ReleaseHash != "" && hash != "" && hash != d.ReleaseHash {
			in.other("release", d.Release, d.Manifest.Key)
		}
	}
	return nil
}

// log reads one log and notes what its entries name.
func (in *inspection) log(ctx context.Context, log string) error {
	hashes := map[int64]string{}
	in.hashes[log] = hashes
	problems, err := journal.Open(in.bucket, log, journal.Options{}).Examine(ctx, func(e journal.Entry) {
		in.Entries++
		hashes[e.Seq] = e.Hash
		in.tails[log] = e.Seq
		if err := in.entry(e); err != nil {
			in.addProblem(err)
		}
	})
	for _, problem := range problems {
		in.addProblem(problem)
	}
	return err
}

// addProblem notes an error that names its object.
func (in *inspection) addProblem(err error) {
	var e *fault.Error
	if !errors.As(err, &e) {
		return
	}
	class := Entry
	switch {
	case strings.HasPrefix(e.Subject, "heads/"):
		class = Head
	case strings.Contains(e.Subject, "/checkpoint-"):
		class = Checkpoint
	}
	in.seen[e.Subject] = true
	in.Findings = append(in.Findings, Finding{Named: Named{Object: lake.Object{Key: e.Subject}, Class: class}, Missing: strings.Contains(e.Message, "is missing"), Err: err})
}

// entry notes what an entry names.
func (in *inspection) entry(e journal.Entry) error {
	switch e.Kind {
	case lake.KindBatch:
		b, err := lake.DecodeBatch(e)
		if err != nil {
			return err
		}
		in.Batches = append(in.Batches, b)
		in.batch(b, journal.EntryKey(e.Log, e.Seq))
	case release.KindRelease:
		r := release.Release{}
		if err := json.Unmarshal(e.Body, &r); err != nil {
			return fault.Wrap(err, fault.Damaged, "release_damaged", journal.EntryKey(e.Log, e.Seq), "restore this object from a backup", "the entry does not hold a release")
		}
		r.Seq, r.Hash, r.At = e.Seq, e.Hash, e.At
		in.Releases = append(in.Releases, r)
		if r.Lake != "" && in.id != "" && r.Lake != in.id {
			in.find(Named{Object: lake.Object{Key: lake.RootKey}, Class: Root}, false, "run `omoflow repair`", "release %d belongs to lake %s, this says %s", r.Seq, r.Lake, in.id)
		}
	case lake.KindDocument:
		d, err := lake.DecodeDocument(e)
		if err != nil {
			return err
		}
		in.Documents = append(in.Documents, d)
		for _, o := range append([]lake.Object{d.Manifest}, d.Files...) {
			in.name(Named{Object: o, Class: Document, By: journal.EntryKey(e.Log, e.Seq), Release: d.Release})
		}
	}
	return nil
}

// batch names everything a batch stored.
func (in *inspection) batch(b lake.BatchEntry, by string) {
	for _, f := range b.Files {
		if f.Raw.Key != "" {
			in.name(Named{Object: f.Raw, Class: Raw, By: by, File: f.Name})
		}
	}
	for _, s := range b.Staged {
		in.name(Named{Object: s.Object, Class: Staged, By: by})
	}
	if b.Quarantine != nil {
		in.name(Named{Object: *b.Quarantine, Class: Quarantine, By: by})
	}
	if b.Rules != nil {
		in.name(Named{Object: *b.Rules, Class: Rules, By: by})
	}
}

// strays finds objects of the journal's folder that belong to no log.
func (in *inspection) strays(ctx context.Context) error {
	return in.bucket.List(ctx, "journal/", "", func(info objstore.Info) error {
		if strings.Count(info.Key, "/") < 2 {
			in.addProblem(fault.New(fault.Damaged, "journal_damaged", info.Key, "move it out of the lake", "no entry has such a name"))
		}
		return nil
	})
}

// heads compares every log's end with its head.
func (in *inspection) heads(ctx context.Context) error {
	heads, problems, err := journal.Heads(ctx, in.bucket)
	if err != nil {
		return err
	}
	for _, problem := range problems {
		in.addProblem(problem)
	}
	for _, log := range slices.Sorted(maps.Keys(heads)) {
		h, key := heads[log], journal.HeadKey(log)
		in.seen[key] = true
		if h.Seq == 0 {
			continue // damaged, as said above
		}
		hash, tail := in.hashes[log][h.Seq], in.tails[log]
		switch {
		case h.Seq > tail:
			in.shorter(log, h.Seq, key)
		case hash != "" && hash != h.Hash:
			in.other(log, h.Seq, key)
		case h.Seq < tail:
			in.Behind = append(in.Behind, log)
		}
	}
	for _, log := range slices.Sorted(maps.Keys(in.tails)) {
		if _, noted := heads[log]; !noted && in.tails[log] > 0 {
			in.Behind = append(in.Behind, log)
		}
	}
	return nil
}

// anchored compares the ends of the stream logs with what a release consumed.
func (in *inspection) anchored(r release.Release) {
	by := journal.EntryKey("release", r.Seq)
	for _, log := range slices.Sorted(maps.Keys(r.Streams)) {
		seq := r.Streams[log]
		hash := in.hashes[log][seq]
		switch {
		case seq > in.tails[log]:
			in.shorter(log, seq, by)
		case hash != "" && r.Heads[log] != "" && hash != r.Heads[log]:
			in.other(log, seq, by)
		}
	}
	if r.Parent >= r.Seq {
		in.addProblem(fault.New(fault.Damaged, "release_damaged", by, "restore this object from a backup", "release %d follows %d", r.Seq, r.Parent))
	}
}

// shorter notes a log that lost its end: an entry that something else names is not there.
func (in *inspection) shorter(log string, seq int64, by string) {
	key := journal.EntryKey(log, seq)
	if slices.ContainsFunc(in.Findings, func(f Finding) bool { return f.Key == key }) {
		return
	}
	in.find(Named{Object: lake.Object{Key: key}, Class: Entry, By: by}, true, "restore the log from a backup: its end is lost, and what it named with it",
		"the log ends at %d, but %s names this entry: the log was rolled back", in.tails[log], by)
}

// other notes an entry that is not the one that something else names.
func (in *inspection) other(log string, seq int64, by string) {
	key := journal.EntryKey(log, seq)
	if slices.ContainsFunc(in.Findings, func(f Finding) bool { return f.Key == key }) {
		return
	}
	in.find(Named{Object: lake.Object{Key: key}, Class: Entry, By: by}, false, "restore the log from a backup: it is not the one that others were built on",
		"%s names another entry of this number: the log was replaced", by)
}
