// Package history keeps what ran: when, by whom, on which inputs, with what result, and what it said.
//
// Each month has a log run/<yyyy-mm> in the lake's journal, with an entry for every run that ended and one before it for every run that
// took more than a few seconds, so that a run which was killed is seen too. What a run said is an object beside it. Months that are
// older than the configured time are removed as a whole. Nothing is computed from the history: it is for people.
package history

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
)

// Where the history is in the lake.
const (
	logPrefix = "run/"
	Folder    = "runs/" // of what runs said
	month     = "2006-01"
)

// What became of a run.
const (
	Done        = "done"
	Partial     = "partial"  // some of it failed
	Findings    = "findings" // it ended, and found what somebody should look at
	Failed      = "failed"
	Interrupted = "interrupted"
	Running     = "running" // its last word so far; a run that stays so was killed
)

// Run is one run of a command.
type Run struct {
	ID       string    `json:"id"`
	Command  string    `json:"command"` // as typed, or as its job says
	Job      string    `json:"job,omitempty"`
	Tick     time.Time `json:"tick,omitzero"` // of the job: the time of the data
	Attempt  int       `json:"attempt,omitempty"`
	By       string    `json:"by"` // who typed it
	Worker   string    `json:"worker"`
	Code     string    `json:"code"` // version of the program
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended,omitzero"`
	Outcome  string    `json:"outcome"`
	Error    string    `json:"error,omitempty"`
	Hint     string    `json:"hint,omitempty"`
	Peak     int64     `json:"peak_bytes,omitempty"` // most memory of the process while it ran
	Inputs   []Input   `json:"inputs,omitempty"`
	Rows     *Rows     `json:"rows,omitempty"`
	Release  *Release  `json:"release,omitempty"`
	Result   any       `json:"result,omitempty"` // what the command answered, unless that is long
	LogKey   string    `json:"log,omitempty"`
	LogBytes int64     `json:"log_bytes,omitempty"`
}

// Input is a batch that the run took in.
type Input struct {
	Source   string   `json:"source"`
	Feed     string   `json:"feed"`
	Batch    string   `json:"batch"`
	Files    []string `json:"files,omitempty"` // the first ones
	FileQty  int      `json:"file_qty"`
	Accepted int64    `json:"accepted"`
}

// Rows says where the records went that the run read.
type Rows struct {
	Read        int64 `json:"read"`
	Accepted    int64 `json:"accepted"`
	Duplicate   int64 `json:"duplicate"`
	Quarantined int64 `json:"quarantined"`
	Ignored     int64 `json:"ignored"`
}

// Release says what the run published.
type Release struct {
	Seq        int64    `json:"seq"`
	Parent     int64    `json:"parent"`
	RowsBefore int64    `json:"rows_before"` // of all tables
	RowsAfter  int64    `json:"rows_after"`
	Money      []Money  `json:"money,omitempty"`
	Changed    []string `json:"changed,omitempty"` // tables with other contents
	Built      int      `json:"partitions_built"`
}

// Money is an amount before the run and after it, as staged and as it is in the tables. Amounts are decimal text.
type Money struct {
	Subject  string `json:"subject"`
	Currency string `json:"currency,omitempty"`
	In       string `json:"in"`  // staged more than before
	Out      string `json:"out"` // in tables more than before
	Total    string `json:"total"`
}

// NewID names a run that began at an instant. Names sort by time.
func NewID(began time.Time) string {
	var unique [4]byte
	_, _ = rand.Read(unique[:]) // never fails since Go 1.24
	return began.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(unique[:])
}

// History is the history of a lake.
type History struct {
	bucket objstore.Bucket
	writer string
	now    func() time.Time
}

// Open gives the history of a lake's bucket.
func Open(b objstore.Bucket, writer string, now func() time.Time) *History {
	return &History{bucket: b, writer: writer, now: now}
}

func (h *History) log(name string) *journal.Log {
	return journal.Open(h.bucket, name, journal.Options{Writer: h.writer, Now: h.now})
}

// Put notes a run as it stands, with what it said, and tells whether it is the first one of its month.
func (h *History) Put(ctx context.Context, r Run, said []byte) (first bool, err error) {
	if len(said) > 0 {
		r.LogKey, r.LogBytes = Folder+r.Began.UTC().Format(month)+"/"+r.ID+".log", int64(len(said))
		if _, err := h.bucket.PutIfAbsent(ctx, r.LogKey, objstore.Bytes(said), objstore.PutOptions{}); err != nil && !errors.Is(err, objstore.ErrExists) {
			return false, err
		}
	}
	const mostTries = 20
	log := h.log(logPrefix + r.Began.UTC().Format(month))
	for try := range mostTries {
		tail, _, err := log.Tail(ctx)
		if err != nil {
			return false, err
		}
		entry, err := log.Append(ctx, tail.Seq+1, r.Outcome, r)
		if err == nil && entry.Seq%journal.FoldSize == 0 {
			err = log.Checkpoint(ctx)
		}
		if err == nil || fault.KindOf(err) != fault.Conflict {
			return entry.Seq == 1, err
		}
		if err := objstore.Pause(ctx, time.Duration(try+1)*10*time.Millisecond); err != nil {
			return false, err
		}
	}
	return false, fault.New(fault.Conflict, "history_busy", log.Name(), "", "others wrote %d times in a row", mostTries)
}

// months lists the months that have runs, newest first.
func (h *History) months(ctx context.Context) ([]string, error) {
	logs, err := journal.Logs(ctx, h.bucket, logPrefix)
	slices.Sort(logs)
	slices.Reverse(logs)
	return logs, err
}

// List gives the newest runs that want accepts, newest first, count at most.
func (h *History) List(ctx context.Context, count int, want func(Run) bool) ([]Run, error) {
	logs, err := h.months(ctx)
	if err != nil {
		return nil, err
	}
	var all []Run
	for _, name := range logs {
		runs, err := h.read(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			if len(all) == count {
				return all, nil
			}
			if want(r) {
				all = append(all, r)
			}
		}
	}
	return all, nil
}

// read gives the runs of a month as they stand, the one that began last first.
func (h *History) read(ctx context.Context, name string) ([]Run, error) {
	at := map[string]int{}
	var runs []Run
	err := h.log(name).Read(ctx, 1, func(e journal.Entry) error {
		if e.Kind == journal.KindEpoch {
			return nil
		}
		var r Run
		if err := json.Unmarshal(e.Body, &r); err != nil || r.ID == "" {
			return fault.Wrap(errors.Join(err, errNoRun), fault.Damaged, "history_damaged", journal.EntryKey(e.Log, e.Seq), "restore this object from a backup", "the entry cannot be used")
		}
		if i, seen := at[r.ID]; seen {
			runs[i] = r
			return nil
		}
		at[r.ID] = len(runs)
		runs = append(runs, r)
		return nil
	})
	slices.SortStableFunc(runs, func(a, b Run) int { return strings.Compare(b.ID, a.ID) })
	return runs, err
}

var errNoRun = errors.New("it holds no run")

// Find gives the run whose id begins with a text; "last" means the newest.
func (h *History) Find(ctx context.Context, id string) (Run, error) {
	runs, err := h.List(ctx, 2, func(r Run) bool {
		return id == "last" || strings.HasPrefix(r.ID, id) || strings.HasSuffix(r.ID, "-"+id)
	})
	switch {
	case err != nil:
		return Run{}, err
	case len(runs) == 0:
		return Run{}, fault.New(fault.Usage, "unknown_run", id, "`omoflow runs list` shows the runs that are kept", "there is no such run")
	case len(runs) > 1 && id != "last" && runs[0].ID != id:
		return Run{}, fault.New(fault.Usage, "unknown_run", id, fmt.Sprintf("write more of it, such as %s or %s", runs[0].ID, runs[1].ID), "several runs begin so")
	}
	return runs[0], nil
}

// Log gives what a run said; nothing when it said nothing.
func (h *History) Log(ctx context.Context, r Run) ([]byte, error) {
	if r.LogKey == "" {
		return nil, nil
	}
	return objstore.ReadAll(ctx, h.bucket, r.LogKey, 0)
}

// Prune removes the months that ended before an instant, and gives their names.
func (h *History) Prune(ctx context.Context, before time.Time) (removed []string, err error) {
	logs, err := h.months(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range logs {
		begins, err := time.Parse(month, strings.TrimPrefix(name, logPrefix))
		if err != nil || begins.AddDate(0, 1, 0).After(before) {
			continue // not ours, or to be kept
		}
		var keys []string
		err = h.bucket.List(ctx, Folder+strings.TrimPrefix(name, logPrefix)+"/", "", func(info objstore.Info) error {
			keys = append(keys, info.Key)
			return nil
		})
		for _, key := range keys {
			err = errors.Join(err, h.bucket.Delete(ctx, key))
		}
		if err == nil {
			err = journal.Drop(ctx, h.bucket, name) // last, so that an interrupted removal is found again
		}
		if err != nil {
			return removed, err
		}
		removed = append(removed, strings.TrimPrefix(name, logPrefix))
	}
	return removed, nil
}
