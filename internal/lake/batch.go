package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
)

// KindBatch is the kind of the entries that hold a Batch.
const KindBatch = "batch"

// Object names stored bytes. An object counts only when an entry or a manifest names it.
type Object struct {
	Key    string `json:"key"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Rows   int64  `json:"rows,omitempty"`
}

// Counts accounts for records: Read = Accepted + Duplicate + Quarantined + Ignored.
type Counts struct {
	Read        int64 `json:"read"`
	Accepted    int64 `json:"accepted"`
	Duplicate   int64 `json:"duplicate"`
	Quarantined int64 `json:"quarantined"`
	Ignored     int64 `json:"ignored"` // what a profile rule declares not to be a record: totals, page heads
}

// Balanced tells whether every record read is accounted for.
func (c Counts) Balanced() bool {
	return c.Read == c.Accepted+c.Duplicate+c.Quarantined+c.Ignored
}

// Add gives the sum.
func (c Counts) Add(d Counts) Counts {
	return Counts{c.Read + d.Read, c.Accepted + d.Accepted, c.Duplicate + d.Duplicate, c.Quarantined + d.Quarantined, c.Ignored + d.Ignored}
}

// FileRef names a file of a batch.
type FileRef struct {
	Batch  string `json:"batch"`
	FileNo int    `json:"file_no"`
}

// Control compares what a source states about itself with what was found.
type Control struct {
	Name   string `json:"name"`
	Stated string `json:"stated"`
	Found  string `json:"found"`
}

// File is a delivered file and what was made of it.
type File struct {
	No          int               `json:"no"`
	Name        string            `json:"name"` // as delivered; data, never a path
	SHA256      string            `json:"sha256"`
	Bytes       int64             `json:"bytes"`
	Modified    time.Time         `json:"modified"`
	Raw         Object            `json:"raw"`
	Encoding    string            `json:"encoding,omitempty"`
	Format      string            `json:"format,omitempty"`
	Delimiter   string            `json:"delimiter,omitempty"`
	HeaderLine  int64             `json:"header_line,omitempty"`
	Header      []string          `json:"header,omitempty"`
	Counts      Counts            `json:"counts"`
	DuplicateOf *FileRef          `json:"duplicate_of,omitempty"`
	Refused     bool              `json:"refused,omitempty"`
	Reason      string            `json:"reason,omitempty"`
	Captures    map[string]string `json:"captures,omitempty"`
	Controls    []Control         `json:"controls,omitempty"`
	Archive     *Archive          `json:"archive,omitempty"` // it came in; Name is then the archive's, a slash, and its own
}

// Archive is a delivered file that held several.
type Archive struct {
	Name   string `json:"name"` // as delivered
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// Staged is the typed rows of one canonical stream of a batch.
type Staged struct {
	Stream    string           `json:"stream"`
	Object    Object           `json:"object"`
	Months    map[string]int64 `json:"months,omitempty"` // "2026-01" -> rows; "" counts the undated
	MinDate   string           `json:"min_date,omitempty"`
	MaxDate   string           `json:"max_date,omitempty"`
	Locations []string         `json:"locations,omitempty"`
	// Whole names the column whose key each delivery holds whole: of rows that share it, those of the newest delivery count,
	// and none when that is a tombstone. The file then has a column "delivered": the hash of the record, "" for a tombstone.
	Whole string `json:"whole,omitempty"`
}

// Batch is the body of a stream log's entry: data and cursor move together in it.
type Batch struct {
	ID           string          `json:"id"`
	Source       string          `json:"source"`
	Feed         string          `json:"feed"`
	Profile      string          `json:"profile,omitempty"`
	Mapping      string          `json:"mapping,omitempty"` // hash of the rules that mapped the files
	Rules        *Object         `json:"rules,omitempty"`   // those rules, so that the rows can be made again
	Files        []File          `json:"files"`
	Staged       []Staged        `json:"staged,omitempty"`
	Quarantine   *Object         `json:"quarantine,omitempty"`
	Counts       Counts          `json:"counts"`
	Supersedes   []FileRef       `json:"supersedes,omitempty"`
	CursorBefore json.RawMessage `json:"cursor_before,omitempty"`
	CursorAfter  json.RawMessage `json:"cursor_after,omitempty"`
	Backfill     *Backfill       `json:"backfill,omitempty"` // the batch is of the past: the cursor stays where it was
}

// Backfill is how far a range of the past has been read. Cursor is where an interrupted window goes on.
type Backfill struct {
	From   time.Time       `json:"from"` // of the window
	To     time.Time       `json:"to"`
	Cursor json.RawMessage `json:"cursor,omitempty"`
	Done   bool            `json:"done,omitempty"`
}

// BatchID derives a batch's id from what it is made of, so that a retry after a crash writes the same objects.
func BatchID(source, feed, mapping string, fileSHA256 []string) string {
	hash := sha256.New()
	for _, part := range append([]string{"batch 1", source, feed, mapping}, fileSHA256...) {
		// The length before each part keeps ("a", "bc") and ("ab", "c") apart.
		fmt.Fprintf(hash, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// BatchEntry is a batch and its place in the journal.
type BatchEntry struct {
	Batch
	Log  string    `json:"log"`
	Seq  int64     `json:"seq"`
	At   time.Time `json:"at"`
	Hash string    `json:"hash"` // of the entry
}

// logReaders is how many stream logs are read at a time; each fetches several entries at once.
const logReaders = 4

// Batches reads all batches: log name, then sequence order, chains verified.
func (l *Lake) Batches(ctx context.Context) ([]BatchEntry, error) {
	logs, err := journal.Logs(ctx, l.Bucket, streamLogs)
	if err != nil {
		return nil, err
	}
	perLog := make([][]BatchEntry, len(logs))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(logReaders)
	for i, name := range logs {
		group.Go(func() (err error) {
			perLog[i], err = readBatches(groupCtx, l.log(name))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var all []BatchEntry
	for _, batches := range perLog {
		all = append(all, batches...)
	}
	return all, nil
}

// Batches of one log, in order.
func readBatches(ctx context.Context, log *journal.Log) ([]BatchEntry, error) {
	var batches []BatchEntry
	err := log.Read(ctx, 1, func(e journal.Entry) error {
		if e.Kind != KindBatch {
			return nil
		}
		b, err := DecodeBatch(e)
		if err == nil {
			batches = append(batches, b)
		}
		return err
	})
	return batches, err
}

// DecodeBatch reads the batch of an entry. A body that is none is fault.Damaged.
func DecodeBatch(e journal.Entry) (BatchEntry, error) {
	b := BatchEntry{Log: e.Log, Seq: e.Seq, At: e.At, Hash: e.Hash}
	err := json.Unmarshal(e.Body, &b.Batch)
	if err == nil && b.ID == "" {
		err = fmt.Errorf("entry %s has no id", strconv.FormatInt(e.Seq, 10))
	}
	if err != nil {
		return BatchEntry{}, fault.Wrap(err, fault.Damaged, "batch_damaged", journal.EntryKey(e.Log, e.Seq), "run `omoflow repair`; what no checkpoint repeats must be restored from a backup", "the entry does not hold a batch")
	}
	return b, nil
}
