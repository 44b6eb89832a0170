package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// Format is the version of the entry format that this package writes. It reads format 1 too, whose entries carry no sum
// of their own, and no later one.
const Format = 2

// maxEntryBytes bounds one entry; a larger one is refused before it is stored.
const maxEntryBytes = 64 << 20

// Entry is one fact of a log.
type Entry struct {
	Format int             `json:"format"`
	Log    string          `json:"log"`
	Seq    int64           `json:"seq"`    // from 1, without gaps
	Prev   string          `json:"prev"`   // Hash of the entry before, "" for the first
	Writer string          `json:"writer"` // who appended it, unique to the attempt
	Epoch  int64           `json:"epoch"`  // fencing number, never falls
	At     time.Time       `json:"at"`     // the writer's clock, for people; order is Seq
	Kind   string          `json:"kind"`
	Body   json.RawMessage `json:"body"`
	Hash   string          `json:"-"` // hex SHA-256 of the stored bytes
}

// encode gives the bytes to store: one line of JSON that ends in its own sum.
func encode(e Entry) ([]byte, error) {
	raw, err := encodeJSON(e)
	if err != nil {
		return nil, fmt.Errorf("encode an entry of %s: %w", e.Log, err)
	}
	if e.Format > unsummed {
		raw = seal(raw)
	}
	if len(raw) > maxEntryBytes {
		return nil, fault.New(fault.Usage, "entry_too_large", e.Log, "split the batch", "an entry of %d bytes is larger than %d", len(raw), maxEntryBytes)
	}
	return raw, nil
}

// encodeJSON is json.Marshal that leaves <, > and & as they are, so that entries stay readable.
func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

// The last format whose entries do not carry their sum, and what the sum looks like in the others: the last field, the hash
// of the entry as it would be without it. It protects the last entry of a log, whose hash no other names yet: a wrong bit
// in it would otherwise be believed, and built upon.
const (
	unsummed  = 1
	sealStart = `,"sum":"`
	sealEnd   = `"}`
	sealBytes = len(sealStart) + 2*sha256.Size + len(sealEnd)
)

func seal(raw []byte) []byte {
	return append(append(bytes.TrimSuffix(raw, []byte("}")), sealStart+hashOf(raw)...), sealEnd...)
}

// unseal checks the sum and gives the entry without it; sealed is false when there is none.
func unseal(raw []byte) (bare []byte, sealed bool, err error) {
	cut := len(raw) - sealBytes
	if cut < 0 || !bytes.HasPrefix(raw[cut:], []byte(sealStart)) || !bytes.HasSuffix(raw, []byte(sealEnd)) {
		return raw, false, nil
	}
	bare = append(bytes.Clone(raw[:cut]), '}')
	if sum := string(raw[cut+len(sealStart) : len(raw)-len(sealEnd)]); sum != hashOf(bare) {
		return nil, true, fmt.Errorf("not an entry: its sum is %.12s, its bytes have %.12s", sum, hashOf(bare))
	}
	return bare, true, nil
}

func hashOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// errNewer says that the entry was written by a later version of the program.
var errNewer = errors.New("written in a newer format")

// decode reads stored bytes. It checks what one entry alone can tell; the chain is checked by follow.
func decode(raw []byte) (Entry, error) {
	bare, sealed, err := unseal(raw)
	if err != nil {
		return Entry{}, err
	}
	var probe struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(bare, &probe); err != nil { // also when bytes follow the end
		return Entry{}, fmt.Errorf("not an entry: %w", err)
	}
	if probe.Format > Format {
		return Entry{}, fmt.Errorf("%w %d", errNewer, probe.Format)
	}
	var e Entry
	dec := json.NewDecoder(bytes.NewReader(bare))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return Entry{}, fmt.Errorf("not an entry: %w", err)
	}
	switch {
	case e.Format < unsummed || sealed != (e.Format > unsummed):
		return Entry{}, fmt.Errorf("not an entry: format %d", e.Format)
	case e.Seq < 1 || e.Seq > maxSeq:
		return Entry{}, fmt.Errorf("not an entry: sequence %d", e.Seq)
	case (e.Seq == 1) != (e.Prev == "") || (e.Prev != "" && !isHash(e.Prev)):
		return Entry{}, fmt.Errorf("not an entry: previous hash %q", e.Prev)
	case e.Log == "" || e.Kind == "" || len(e.Body) == 0 || e.Epoch < 0:
		return Entry{}, errors.New("not an entry: log, kind, body or epoch is missing")
	}
	e.Hash = hashOf(raw)
	return e, nil
}

func isHash(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size && s == strings.ToLower(s)
}

// damagedHead is the error of a head that does not agree with its log.
func damagedHead(key, format string, args ...any) error {
	return fault.New(fault.Damaged, "head_damaged", key, "run `omoflow repair`; it notes the head again", format, args...)
}

// damaged is the error of an object that is missing, unreadable or off the chain.
func damaged(key, format string, args ...any) error {
	return fault.New(fault.Damaged, "journal_damaged", key, "run `omoflow repair`; what no checkpoint repeats must be restored from a backup", format, args...)
}

// decodeAt decodes the entry of key and checks that it belongs there.
func decodeAt(raw []byte, key, log string, seq int64) (Entry, error) {
	e, err := decode(raw)
	if errors.Is(err, errNewer) {
		return Entry{}, fault.Wrap(err, fault.Usage, "newer_format", key, "run a newer omoflow", "the entry cannot be read")
	}
	if err != nil {
		return Entry{}, damaged(key, "the entry is damaged: %v", err)
	}
	if e.Log != log || e.Seq != seq {
		return Entry{}, damaged(key, "the entry belongs to %s %d", e.Log, e.Seq)
	}
	return e, nil
}

// link checks that e follows prev.
func link(prev, e Entry, key string) error {
	if e.Prev != prev.Hash {
		return damaged(key, "the entry does not follow the one before: it names %.12s, that one has %.12s", e.Prev, prev.Hash)
	}
	if e.Epoch < prev.Epoch {
		return damaged(key, "the epoch falls from %d to %d", prev.Epoch, e.Epoch)
	}
	return nil
}
