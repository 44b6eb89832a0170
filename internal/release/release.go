// Package release says which files make which table, and publishes all tables of a lake at once.
//
// A manifest lists the files of one table version and is named by its own hash. A release is an entry of the
// release log that names one manifest per table; appending it is the atomic publish. Any past release stays
// readable.
package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
)

// KindRelease is the kind of the entries that hold a Release.
const KindRelease = "release"

// TableRef names a version of a table.
type TableRef struct {
	Manifest   string `json:"manifest"` // hex SHA-256 of the manifest's bytes
	Rows       int64  `json:"rows"`
	Partitions int    `json:"partitions"`
}

// Check is the outcome of one check of the candidate.
type Check struct {
	Name     string `json:"name"`
	Model    string `json:"model"`
	Severity string `json:"severity"` // block or warn
	Status   string `json:"status"`   // passed or failed
	Rows     int64  `json:"rows"`     // rows found
	Sample   string `json:"sample,omitempty"`
}

// Conservation proves that the records of a subject went somewhere.
type Conservation struct {
	Subject     string `json:"subject"`
	Read        int64  `json:"read"`
	Accepted    int64  `json:"accepted"`
	Duplicate   int64  `json:"duplicate"`
	Superseded  int64  `json:"superseded"`
	Quarantined int64  `json:"quarantined"`
	Ignored     int64  `json:"ignored"`
	InTable     int64  `json:"in_table"`
	Balanced    bool   `json:"balanced"`
}

// MoneyLine proves that an amount of a subject went somewhere. Amounts are decimal text.
type MoneyLine struct {
	Subject  string `json:"subject"`
	Currency string `json:"currency,omitempty"`
	Staged   string `json:"staged"`
	InTable  string `json:"in_table"`
	Balanced bool   `json:"balanced"`
}

// Release is one consistent state of all tables. Seq, Hash and At come from its entry and are zero in a candidate.
type Release struct {
	Seq          int64               `json:"seq,omitempty"`
	Hash         string              `json:"hash,omitempty"`
	Parent       int64               `json:"parent"` // 0 for the first
	At           time.Time           `json:"at,omitzero"`
	Streams      map[string]int64    `json:"streams"` // stream log -> last entry consumed
	Tables       map[string]TableRef `json:"tables"`
	Checks       []Check             `json:"checks,omitempty"`
	Conservation []Conservation      `json:"conservation,omitempty"`
	Money        []MoneyLine         `json:"money,omitempty"`
	Models       map[string]string   `json:"models,omitempty"` // model -> fingerprint of its SQL and header
	Config       map[string]string   `json:"config,omitempty"` // values the models used
	Audit        string              `json:"audit,omitempty"`  // hash of the audit log's last entry
	Heads        map[string]string   `json:"heads,omitempty"`  // stream log -> hash of the last entry consumed
	Lake         string              `json:"lake,omitempty"`   // id of the lake it belongs to
	Engine       string              `json:"engine"`
	Code         string              `json:"code"`
}

// Publish appends r after the release with sequence number parent (0 when there is none). When another
// release was published meanwhile the error is fault.Conflict and nothing changed.
func Publish(ctx context.Context, lk *lake.Lake, parent int64, r Release) (Release, error) {
	log := lk.ReleaseLog()
	tail, _, err := log.Tail(ctx)
	if err != nil {
		return Release{}, err
	}
	latest, _, err := latestOf(ctx, log, tail)
	if err != nil {
		return Release{}, err
	}
	if latest.Seq != parent {
		return Release{}, fault.New(fault.Conflict, "release_moved", journal.EntryKey(log.Name(), tail.Seq), "run again; it builds on the newer release", "release %d was published, this one follows %d", latest.Seq, parent)
	}
	r.Seq, r.Hash, r.At, r.Parent, r.Lake = 0, "", time.Time{}, parent, lk.ID
	e, err := log.Append(ctx, tail.Seq+1, KindRelease, r)
	if err != nil {
		return Release{}, err
	}
	return decode(e)
}

// decode reads the release of an entry.
func decode(e journal.Entry) (Release, error) {
	var r Release
	if err := json.Unmarshal(e.Body, &r); err != nil {
		return Release{}, fault.Wrap(err, fault.Damaged, "release_damaged", journal.EntryKey(e.Log, e.Seq), "run `omoflow repair`; what no checkpoint repeats must be restored from a backup", "the entry does not hold a release")
	}
	r.Seq, r.Hash, r.At = e.Seq, e.Hash, e.At
	return r, nil
}

// Latest gives the current release; ok is false when nothing was published yet.
func Latest(ctx context.Context, lk *lake.Lake) (r Release, ok bool, err error) {
	log := lk.ReleaseLog()
	tail, ok, err := log.Tail(ctx)
	if err != nil || !ok {
		return Release{}, false, err
	}
	return latestOf(ctx, log, tail)
}

// latestOf finds the last release at or before tail; entries of other kinds may lie between.
func latestOf(ctx context.Context, log *journal.Log, tail journal.Entry) (Release, bool, error) {
	for e := tail; e.Seq > 0; {
		if e.Kind == KindRelease {
			r, err := decode(e)
			return r, err == nil, err
		}
		if e.Seq == 1 {
			break
		}
		var err error
		if e, err = log.Get(ctx, e.Seq-1); err != nil {
			return Release{}, false, err
		}
	}
	return Release{}, false, nil
}

// At gives a past release. A number that was never published is fault.Usage.
func At(ctx context.Context, lk *lake.Lake, seq int64) (Release, error) {
	none := func() error {
		return fault.New(fault.Usage, "no_release", fmt.Sprint(seq), "omoflow status lists the releases", "there is no such release")
	}
	if seq < 1 {
		return Release{}, none()
	}
	e, err := lk.ReleaseLog().Get(ctx, seq)
	if errors.Is(err, objstore.ErrNotFound) || (err == nil && e.Kind != KindRelease) {
		return Release{}, none()
	}
	if err != nil {
		return Release{}, err
	}
	return decode(e)
}

// List gives all releases, oldest first.
func List(ctx context.Context, lk *lake.Lake) ([]Release, error) {
	var all []Release
	err := lk.ReleaseLog().Read(ctx, 1, func(e journal.Entry) error {
		if e.Kind != KindRelease {
			return nil
		}
		r, err := decode(e)
		all = append(all, r)
		return err
	})
	return all, err
}

// candidateFile is candidate.json. No entry names its hash, so it carries its own.
type candidateFile struct {
	Release
	Sum string `json:"sum,omitempty"` // of the release alone
}

func encodeCandidate(r Release) ([]byte, error) {
	bare, err := encode(r)
	if err != nil {
		return nil, err
	}
	return encode(candidateFile{r, digest(bare)})
}

// PutCandidate stores a release that was built but not published, for inspection. It replaces the one before.
func PutCandidate(ctx context.Context, lk *lake.Lake, r Release) error {
	data, err := encodeCandidate(r)
	if err != nil {
		return err
	}
	failpoint.Hit("candidate.put.before")
	defer failpoint.Hit("candidate.put.after")
	for range 10 {
		current, err := lk.Bucket.Head(ctx, lake.CandidateKey)
		switch {
		case errors.Is(err, objstore.ErrNotFound):
			_, err = lk.Bucket.PutIfAbsent(ctx, lake.CandidateKey, objstore.Bytes(data), objstore.PutOptions{})
		case err == nil:
			_, err = lk.Bucket.PutIfMatch(ctx, lake.CandidateKey, current.ETag, objstore.Bytes(data), objstore.PutOptions{})
		}
		if !errors.Is(err, objstore.ErrExists) && !errors.Is(err, objstore.ErrChanged) {
			return err
		}
	}
	return fault.New(fault.Conflict, "candidate_busy", lake.CandidateKey, "run again", "other writers keep replacing the candidate")
}

// Candidate gives the last candidate that was stored; ok is false when there is none.
func Candidate(ctx context.Context, lk *lake.Lake) (r Release, ok bool, err error) {
	raw, err := objstore.ReadAll(ctx, lk.Bucket, lake.CandidateKey, 0)
	if errors.Is(err, objstore.ErrNotFound) {
		return Release{}, false, nil
	}
	if err != nil {
		return Release{}, false, err
	}
	var stored candidateFile
	err = json.Unmarshal(raw, &stored)
	if err == nil {
		var same []byte
		if stored.Sum == "" { // as early versions wrote it
			same, err = encode(stored.Release)
		} else {
			same, err = encodeCandidate(stored.Release)
		}
		if err == nil && !bytes.Equal(same, raw) {
			err = errors.New("the bytes are not those that were written")
		}
	}
	if err != nil {
		return Release{}, false, fault.Wrap(err, fault.Damaged, "candidate_damaged", lake.CandidateKey, "run `omoflow repair`, which removes it; nothing depends on it", "this does not hold a release")
	}
	return stored.Release, true, nil
}

// encode gives the canonical bytes of a stored document: map keys sorted, indented, one line end.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return buf.Bytes(), nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
