// Package ledger remembers which ticks were done, and runs those that are due.
//
// Each job has a log in the lake's journal, schedule/<job>. An entry is made by create-if-absent, so of several processes that see
// the same tick due exactly one claims it, and exactly one accounts for it; a process that dies is taken over when its claim
// lapses. A claim's time limit is only a hint of whether somebody is alive: a slow worker that was taken over finds its claim gone
// when it ends, and its result changes nothing. Work is therefore done at least once and accounted for exactly once; jobs are
// such that doing one twice changes nothing.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
)

// Prefix begins the names of the logs; the job's name follows.
const Prefix = "schedule/"

// Record is the body of an entry of a job's log: what happened, which ticks it accounts for, and the state after it.
type Record struct {
	Tick  time.Time `json:"tick,omitzero"`
	Ended []Ended   `json:"ended,omitempty"`
	State State     `json:"state"`
}

// Ledger is the memory of all jobs. It may be used concurrently.
type Ledger struct {
	bucket objstore.Bucket
	worker string
	now    func() time.Time

	mu     sync.Mutex
	logs   map[string]*journal.Log
	known  map[string]position
	pauses pauses
}

// Open gives the ledger of a lake's bucket. Worker names this process and must be unique to it; now is the clock.
func Open(b objstore.Bucket, worker string, now func() time.Time) *Ledger {
	return &Ledger{bucket: b, worker: worker, now: now, logs: map[string]*journal.Log{}, known: map[string]position{}, pauses: pauses{spans: map[string][]span{}}}
}

func (l *Ledger) log(job string) *journal.Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.logs[job] == nil {
		l.logs[job] = journal.Open(l.bucket, Prefix+job, journal.Options{Writer: l.worker, Now: l.now})
	}
	return l.logs[job]
}

// State reads the state of a job; ok is false when the job was never seen.
func (l *Ledger) State(ctx context.Context, job string) (state State, ok bool, err error) {
	state, seq, err := l.read(ctx, job)
	return state, seq > 0, err
}

// position is how far a job's log was read, and the state there.
type position struct {
	seq   int64
	state State
}

// read gives the state after a job's last entry, and its number. From where it was read before it asks for the next entry only,
// which is cheaper than a listing as the log grows.
func (l *Ledger) read(ctx context.Context, job string) (State, int64, error) {
	log := l.log(job)
	l.mu.Lock()
	at := l.known[job]
	l.mu.Unlock()
	if at.seq == 0 {
		tail, ok, err := log.Tail(ctx)
		if err != nil || !ok {
			return State{}, 0, err
		}
		return l.learn(job, tail)
	}
	for {
		entry, err := log.Get(ctx, at.seq+1)
		if errors.Is(err, objstore.ErrNotFound) {
			return at.state, at.seq, nil
		}
		if err != nil {
			return State{}, 0, err
		}
		if at.state, at.seq, err = l.learn(job, entry); err != nil {
			return State{}, 0, err
		}
	}
}

// learn takes the state out of an entry and remembers it.
func (l *Ledger) learn(job string, e journal.Entry) (State, int64, error) {
	var record Record
	if err := json.Unmarshal(e.Body, &record); err != nil || record.State.Upto.IsZero() {
		return State{}, 0, fault.Wrap(errors.Join(err, errNoState), fault.Damaged, "ledger_damaged", journal.EntryKey(e.Log, e.Seq), "restore this object from a backup", "the entry cannot be used")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[job].seq < e.Seq {
		l.known[job] = position{e.Seq, record.State}
	}
	return record.State, e.Seq, nil
}

var errNoState = errors.New("it holds no state of a job")

// History hands every record of a job to fn, oldest first, with the kind and time of its entry.
func (l *Ledger) History(ctx context.Context, job string, fn func(kind string, at time.Time, r Record) error) error {
	return l.log(job).Read(ctx, 1, func(e journal.Entry) error {
		if e.Kind == journal.KindEpoch {
			return nil
		}
		var r Record
		if err := json.Unmarshal(e.Body, &r); err != nil {
			return fault.Wrap(err, fault.Damaged, "ledger_damaged", journal.EntryKey(e.Log, e.Seq), "restore this object from a backup", "the entry holds no state of a job")
		}
		return fn(e.Kind, e.At, r)
	})
}

// mostTries bounds how often a change is tried anew when others change the same job.
const mostTries = 20

// change is what update appends: no kind means nothing.
type change struct {
	kind   string
	record Record
}

// update reads a job's state, lets decide make a change of it and appends that; when another process was faster it decides anew.
// seen is false when the job has no entry yet.
func (l *Ledger) update(ctx context.Context, job string, decide func(s State, seen bool) (change, error)) (State, error) {
	for try := range mostTries {
		state, seq, err := l.read(ctx, job)
		if err != nil {
			return state, err
		}
		state.Open = slices.Clone(state.Open) // what is remembered changes only by what is written
		c, err := decide(state, seq > 0)
		if err != nil || c.kind == "" {
			return state, err
		}
		log := l.log(job)
		entry, err := log.Append(ctx, seq+1, c.kind, c.record)
		if err == nil {
			_, _, err = l.learn(job, entry)
			if err == nil && entry.Seq%journal.FoldSize == 0 {
				err = log.Checkpoint(ctx)
			}
			return c.record.State, err
		}
		if fault.KindOf(err) != fault.Conflict {
			return state, err
		}
		if err := objstore.Pause(ctx, time.Duration(try+1)*10*time.Millisecond); err != nil {
			return state, err
		}
	}
	return State{}, fault.New(fault.Conflict, "ledger_busy", job, "run the command again", "other processes changed the job's ledger %d times in a row", mostTries)
}

// message shortens an error for the ledger: its first line, bounded.
func message(err error) string {
	const longest = 300
	text, _, _ := strings.Cut(err.Error(), "\n")
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "..."
	}
	return fmt.Sprintf("%s: %s", fault.KindOf(err), text)
}
