package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
)

// state is what the feed's log says has been taken in.
type state struct {
	known map[string]bool         // name, size and time
	live  map[string]lake.FileRef // content -> file whose rows count
	reads map[string]int64        // content -> records read
	names map[string]lake.FileRef // name -> its live file
	shas  map[string]string       // name -> content of its live file
	bad   map[string]lake.FileRef // content, mapping and captures -> refused file
	raws  map[string]lake.File    // content -> file whose raw object holds it

	cursor   json.RawMessage // of an API
	batches  int
	whole    []earlier // objects of whole records
	replaced map[lake.FileRef]bool
	waiting  map[string]lake.FileRef  // content and mapping of an API's page -> file of which every record is in quarantine
	windows  map[string]lake.Backfill // how far ranges of the past were read
}

func knownKey(name string, size int64, modified time.Time) string {
	return fmt.Sprintf("%d %d %s", size, modified.UnixNano(), name)
}

// badKey tells refusals apart: the same bytes may be right under another name.
func badKey(sha, mapping string, captures map[string]string) string {
	return fmt.Sprintf("%s %s %q", sha, mapping, captures) // maps print sorted
}

func newState() state {
	return state{
		known: map[string]bool{}, live: map[string]lake.FileRef{}, reads: map[string]int64{}, names: map[string]lake.FileRef{}, shas: map[string]string{}, bad: map[string]lake.FileRef{},
		raws: map[string]lake.File{}, replaced: map[lake.FileRef]bool{}, waiting: map[string]lake.FileRef{}, windows: map[string]lake.Backfill{},
	}
}

// load reads the feed's log.
func (f *feed) load(ctx context.Context) error {
	f.state = newState()
	f.seq = 0
	return f.log.Read(ctx, 1, func(e journal.Entry) error {
		f.seq = e.Seq
		if e.Kind != lake.KindBatch {
			return nil
		}
		b, err := lake.DecodeBatch(e)
		if err != nil {
			return err
		}
		f.state.add(b.Batch, b.Seq)
		return nil
	})
}

func (s *state) add(b lake.Batch, seq int64) {
	s.addWhole(b, seq)
	for _, ref := range b.Supersedes {
		for sha, live := range s.live {
			if live == ref {
				delete(s.live, sha)
			}
		}
		for name, live := range s.names {
			if live == ref {
				delete(s.names, name)
				delete(s.shas, name)
			}
		}
		for key, bad := range s.bad {
			if bad == ref {
				delete(s.bad, key)
			}
		}
	}
	for _, file := range b.Files {
		ref := lake.FileRef{Batch: b.ID, FileNo: file.No}
		if a := file.Archive; a != nil {
			s.known[knownKey(a.Name, a.Bytes, file.Modified)] = true
		} else {
			s.known[knownKey(file.Name, file.Bytes, file.Modified)] = true
		}
		if file.Raw.Key != "" {
			s.raws[file.SHA256] = file
		}
		switch {
		case file.DuplicateOf != nil:
		case file.Refused:
			s.bad[badKey(file.SHA256, b.Mapping, file.Captures)] = ref
		default:
			s.live[file.SHA256] = ref
			s.reads[file.SHA256] = file.Counts.Read
			s.names[file.Name] = ref
			s.shas[file.Name] = file.SHA256
		}
	}
}
