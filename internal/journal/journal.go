// Package journal is the append-only, hash-chained log that every durable fact of a lake is an entry of.
//
// Entry n of a log is the object journal/<log>/<n, 12 digits>.json. Appending is creating it when absent, so the
// store picks the one winner of a slot; entry n names the hash of entry n-1, so nothing can be altered, removed
// or reordered unseen. Entries are never rewritten nor deleted. Checkpoints repeat entries in bulk to make
// reading cheap; they decide nothing.
package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// root is the folder of all logs.
const root = "journal/"

// maxSeq is the last sequence number that twelve digits hold.
const maxSeq = 999_999_999_999

// KindEpoch is the kind of the entry by which Claim fences earlier writers. Its body is an empty object.
const KindEpoch = "epoch"

// Options say who appends.
type Options struct {
	Writer string           // names the writer for people; default host and process. A random part is added.
	Now    func() time.Time // default time.Now
}

// Log is one log of a bucket. It may be used concurrently; its own appends are serialised.
type Log struct {
	bucket objstore.Bucket
	name   string
	writer string
	now    func() time.Time

	mu      sync.Mutex
	tail    Entry // the latest verified entry seen, a hint where to look for later ones
	appends int64
	epoch   int64  // claimed by this writer; 0 when none is
	headTag string // version of the head this writer stored last, "" when it does not know it
}

// Open gives the log, which need not exist yet. It does no input or output.
func Open(b objstore.Bucket, log string, opt Options) *Log {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Writer == "" {
		host, _ := os.Hostname() // only a name for people
		opt.Writer = host + ":" + strconv.Itoa(os.Getpid())
	}
	var unique [6]byte
	_, _ = rand.Read(unique[:]) // never fails since Go 1.24
	return &Log{bucket: b, name: log, writer: opt.Writer + "#" + hex.EncodeToString(unique[:]), now: opt.Now}
}

// Name gives the log's name.
func (l *Log) Name() string { return l.name }

// EntryKey is the key of an entry.
func EntryKey(log string, seq int64) string { return fmt.Sprintf("%s%s/%012d.json", root, log, seq) }

// Append makes the entry with sequence number expectedSeq, which must be the tail's plus one (1 for an empty
// log). When another writer has that slot, or a later epoch was claimed, the error is fault.Conflict: read on and
// decide anew. When the store does not tell whether it stored the entry, Append reads the slot until it knows;
// fault.Unknown leaves only when the store stays unreachable.
func (l *Log) Append(ctx context.Context, expectedSeq int64, kind string, body any) (Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append(ctx, expectedSeq, kind, body, l.epoch)
}

func (l *Log) append(ctx context.Context, seq int64, kind string, body any, epoch int64) (Entry, error) {
	key := EntryKey(l.name, seq)
	if seq < 1 || seq > maxSeq || kind == "" {
		return Entry{}, fault.New(fault.Usage, "bad_append", key, "", "an entry needs a kind and a sequence number from 1")
	}
	prev, err := l.before(ctx, seq)
	if err != nil {
		return Entry{}, err
	}
	if epoch == 0 {
		epoch = prev.Epoch
	}
	if prev.Epoch > epoch {
		return Entry{}, fault.New(fault.Conflict, "fenced", key, "stop this writer; another one took over", "epoch %d was claimed, this writer holds %d", prev.Epoch, epoch)
	}
	data, err := encodeJSON(body)
	if err != nil {
		return Entry{}, fmt.Errorf("append to %s: %w", l.name, err)
	}
	l.appends++
	e := Entry{
		Format: Format, Log: l.name, Seq: seq, Prev: prev.Hash, Writer: l.writer + "." + strconv.FormatInt(l.appends, 10),
		Epoch: epoch, At: l.now().UTC(), Kind: kind, Body: data,
	}
	raw, err := encode(e)
	if err != nil {
		return Entry{}, err
	}
	if e, err = decodeAt(raw, key, l.name, seq); err != nil {
		return Entry{}, err // what nobody could read is not stored
	}
	class, _, _ := strings.Cut(l.name, "/") // stream, release, decision, ...
	if err := failpoint.Fail("commit", class, "before_put"); err != nil {
		return Entry{}, err
	}
	if err := l.put(ctx, seq, raw); err != nil {
		return Entry{}, err
	}
	failpoint.Hit("commit", class, "after_put_before_ack")
	l.remember(e)
	l.note(ctx, e)
	return e, nil
}

// before gives the entry that seq must follow, the zero Entry when seq is 1.
func (l *Log) before(ctx context.Context, seq int64) (Entry, error) {
	if seq == 1 {
		return Entry{}, nil
	}
	if l.tail.Seq == seq-1 {
		return l.tail, nil
	}
	prev, err := l.fetch(ctx, seq-1)
	if errors.Is(err, objstore.ErrNotFound) {
		return Entry{}, fault.New(fault.Conflict, "log_shorter", EntryKey(l.name, seq), "read the log again", "the log does not reach %d", seq-1)
	}
	return prev, err
}

func (l *Log) remember(e Entry) {
	if e.Seq > l.tail.Seq {
		l.tail = e
	}
}

// Claim appends an entry with the next epoch and makes this Log hold it. Appends of writers with an earlier
// epoch fail from then on as soon as they follow that entry.
func (l *Log) Claim(ctx context.Context) (Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tail, err := l.find(ctx)
	if err != nil {
		return Entry{}, err
	}
	e, err := l.append(ctx, tail.Seq+1, KindEpoch, struct{}{}, tail.Epoch+1)
	if err == nil {
		l.epoch = e.Epoch
	}
	return e, err
}

// Tail gives the last entry; ok is false when the log is empty.
func (l *Log) Tail(ctx context.Context) (tail Entry, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tail, err = l.find(ctx)
	return tail, err == nil && tail.Seq > 0, err
}

// find lists what is after the last known entry and reads the last one.
func (l *Log) find(ctx context.Context) (Entry, error) {
	known := l.tail.Seq
	if known == 0 {
		folded, err := l.checkpoints(ctx)
		if err != nil {
			return Entry{}, err
		}
		if len(folded) > 0 {
			known = folded[len(folded)-1]
		}
	}
	last := known
	err := l.list(ctx, known, func(seq int64) error {
		if err := l.confirm(ctx, last+1, seq); err != nil {
			return err
		}
		last = seq
		return nil
	})
	switch {
	case err != nil:
		return Entry{}, err
	case last == 0:
		return Entry{}, nil
	case last == l.tail.Seq:
		return l.tail, nil
	}
	tail, err := l.fetch(ctx, last)
	if errors.Is(err, objstore.ErrNotFound) {
		return Entry{}, damaged(EntryKey(l.name, last), "the entry is missing")
	}
	if err == nil {
		l.remember(tail)
	}
	return tail, err
}

// confirm looks whether the entries from first to before next, which a listing left out, are there. A listing
// that runs beside appends may show a later entry without an earlier one.
func (l *Log) confirm(ctx context.Context, first, next int64) error {
	for seq := first; seq < next; seq++ {
		_, err := l.bucket.Head(ctx, EntryKey(l.name, seq))
		if errors.Is(err, objstore.ErrNotFound) {
			return damaged(EntryKey(l.name, seq), "the entry is missing; the log goes on at %d", next)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// list calls fn with the sequence numbers after the given one, in order. A foreign object in the folder is damage.
func (l *Log) list(ctx context.Context, after int64, fn func(int64) error) error {
	folder := root + l.name + "/"
	return l.bucket.List(ctx, folder, EntryKey(l.name, after), func(info objstore.Info) error {
		name := strings.TrimPrefix(info.Key, folder)
		if strings.HasPrefix(name, checkpointPrefix) {
			return nil
		}
		seq, ok := parseSeq(strings.TrimSuffix(name, ".json"))
		if !ok || !strings.HasSuffix(name, ".json") {
			return damaged(info.Key, "no entry has such a name")
		}
		if seq <= after {
			return fault.New(fault.Unavailable, "bad_listing", info.Key, "run again; omoflow store verify tests the store", "the store lists entry %d after entry %d", seq, after)
		}
		after = seq
		return fn(seq)
	})
}

func parseSeq(digits string) (int64, bool) {
	seq, err := strconv.ParseInt(digits, 10, 64)
	return seq, err == nil && len(digits) == 12 && seq >= 1 && fmt.Sprintf("%012d", seq) == digits
}

// fetch reads one entry; ErrNotFound when it is not there. Bytes that are no entry are read once more before they count as
// damage: what went wrong on the way is not what is stored.
func (l *Log) fetch(ctx context.Context, seq int64) (Entry, error) {
	key := EntryKey(l.name, seq)
	for last := false; ; last = true {
		raw, err := objstore.ReadAll(ctx, l.bucket, key, maxEntryBytes)
		if err != nil {
			return Entry{}, err
		}
		e, err := decodeAt(raw, key, l.name, seq)
		if last || fault.KindOf(err) != fault.Damaged {
			return e, err
		}
	}
}

// Logs names the logs whose name begins with prefix, in byte order. It costs one listing per log, not per entry.
func Logs(ctx context.Context, b objstore.Bucket, prefix string) ([]string, error) {
	var logs []string
	found := errors.New("found")
	for after := ""; ; {
		log := ""
		err := b.List(ctx, root+prefix, after, func(info objstore.Info) error {
			if cut := strings.LastIndexByte(info.Key, '/'); cut > len(root) {
				log = info.Key[len(root):cut]
				return found
			}
			return nil
		})
		if err != nil && !errors.Is(err, found) {
			return nil, err
		}
		if log == "" {
			return logs, nil
		}
		logs = append(logs, log)
		after = root + log + "0" // "0" is the character after "/": past everything in the log's folder
	}
}

// Get reads one entry by its number. Only the entry itself is checked, not its chain. objstore.ErrNotFound
// when the log has no such entry.
func (l *Log) Get(ctx context.Context, seq int64) (Entry, error) { return l.fetch(ctx, seq) }
