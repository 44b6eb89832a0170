// Package lake knows where everything lies in a lake and what the entries of its batches say.
//
// The layout and the entry bodies are the stored format that docs/storage-format.md specifies; a change here
// is a change of that document and, when older programs could misread it, of Format.
package lake

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
)

// Format is the lake format this program writes; it opens no later one.
const Format = 1

// RootKey is the object that makes a bucket a lake.
const RootKey = "lake.json"

// Lake is an opened lake.
type Lake struct {
	Bucket objstore.Bucket
	ID     string // random, given once; tells copies of one lake from other lakes
	Format int
	Writer string // names this process in journal entries; empty means host and process
}

// rootFile is lake.json. Sum covers the other fields; lakes made by early versions have none.
type rootFile struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	Sum    string `json:"sum,omitempty"`
}

// encodeRoot gives the bytes of lake.json.
func encodeRoot(format int, id string, sealed bool) ([]byte, error) {
	root := rootFile{Format: format, ID: id}
	if sealed {
		sum := sha256.Sum256(fmt.Appendf(nil, "lake %d %s", format, id))
		root.Sum = hex.EncodeToString(sum[:])
	}
	data, err := json.Marshal(root)
	return append(data, '\n'), err
}

// RootOf gives lake.json of a lake with a known id, to store it again when it is lost.
func RootOf(id string) (Object, []byte, error) {
	data, err := encodeRoot(Format, id, true)
	sum := sha256.Sum256(data)
	return Object{Key: RootKey, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(data))}, data, err
}

// Create makes b a lake, or opens the lake that it is already.
func Create(ctx context.Context, b objstore.Bucket) (*Lake, error) {
	if l, err := Open(ctx, b); err == nil || !errors.Is(err, objstore.ErrNotFound) {
		return l, err
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails since Go 1.24
	data, err := encodeRoot(Format, hex.EncodeToString(id[:]), true)
	if err != nil {
		return nil, fmt.Errorf("create the lake: %w", err)
	}
	failpoint.Hit("lake.create.before")
	_, err = b.PutIfAbsent(ctx, RootKey, objstore.Bytes(data), objstore.PutOptions{})
	if err != nil && !errors.Is(err, objstore.ErrExists) && !errors.Is(err, objstore.ErrUnknownOutcome) {
		return nil, fmt.Errorf("create the lake: %w", err)
	}
	failpoint.Hit("lake.create.after")
	return Open(ctx, b)
}

// Open opens a lake. A bucket that is none is fault.Usage and objstore.ErrNotFound; a later format is
// fault.Usage.
func Open(ctx context.Context, b objstore.Bucket) (*Lake, error) {
	raw, err := objstore.ReadAll(ctx, b, RootKey, 1<<16)
	if errors.Is(err, objstore.ErrNotFound) {
		return nil, fault.Wrap(err, fault.Usage, "no_lake", b.URL(), "run omoflow init, or correct lake: in omoflow.yaml", "there is no lake here")
	}
	if err != nil {
		return nil, err
	}
	var root rootFile
	err = json.Unmarshal(raw, &root)
	if err == nil && (root.Format < 1 || root.ID == "") {
		err = errors.New("format or id is missing")
	}
	if err == nil && root.Format <= Format {
		var same []byte
		if same, err = encodeRoot(root.Format, root.ID, root.Sum != ""); err == nil && !bytes.Equal(same, raw) {
			err = errors.New("the bytes are not those that were written")
		}
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Damaged, "lake_damaged", RootKey, "run `omoflow repair`; a release tells what lake.json said", "this does not describe a lake")
	}
	if root.Format > Format {
		return nil, fault.New(fault.Usage, "newer_format", RootKey, "run a newer omoflow", "the lake has format %d, this omoflow knows %d", root.Format, Format)
	}
	return &Lake{Bucket: b, ID: root.ID, Format: root.Format}, nil
}

func (l *Lake) log(name string) *journal.Log {
	return journal.Open(l.Bucket, name, journal.Options{Writer: l.Writer})
}

// StreamLog is the log of the batches of one feed of a source.
func (l *Lake) StreamLog(source, feed string) *journal.Log {
	return l.log(streamLogs + Encode(source) + "/" + Encode(feed))
}

// HintLog is the log of what webhooks named without bringing it, and of which of that was read since.
func (l *Lake) HintLog(source, feed string) *journal.Log {
	return l.log("hint/" + Encode(source) + "/" + Encode(feed))
}

// ReleaseLog is the log whose entries are releases.
func (l *Lake) ReleaseLog() *journal.Log { return l.log("release") }

// DocumentLog is the log of the archived versions of documents.
func (l *Lake) DocumentLog() *journal.Log { return l.log(documentLog) }

// DecisionLog is the log of what people decided.
func (l *Lake) DecisionLog() *journal.Log { return l.log("decision") }

// AuditLog is the log of who saw and did what.
func (l *Lake) AuditLog() *journal.Log { return l.log("audit") }
