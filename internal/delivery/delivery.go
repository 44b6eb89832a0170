// Package delivery tells each recipient a message once, across crashes and several processes.
//
// The log "delivery" of the lake's journal gets an entry that says a message is about to be sent, and after the sending one that
// says what became of it. Only who made the first entry sends, so that of many processes one does. When the second entry is missing
// its writer died or lost the store in between: whether the message left is unknown, and it is sent again only by a channel
// that takes a repeated message once.
package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/internal/objstore"
)

// LogName is the name of the log.
const LogName = "delivery"

// The states of a delivery.
const (
	Sending = "sending" // announced; its sender has not said yet what became of it
	Sent    = "sent"
	Again   = "again"   // not taken, to be tried after Record.After
	Unknown = "unknown" // it may have been taken; final unless the channel takes a repeated message once
	Failed  = "failed"  // refused for good, or given up
)

// The kinds of the log's entries. The body of both is a Record.
const (
	kindIntent  = "intent"
	kindOutcome = "outcome"
)

const (
	mostAttempts = 10
	sendTime     = 5 * time.Minute  // no Send lasts longer
	claimTime    = 10 * time.Minute // an announced message without outcome is in doubt after this
	patience     = 70 * time.Second // longest wait for a channel's rate
	lookBack     = 200              // entries read for the rates before those that are asked for
	mostTries    = 50               // of an append that other processes are faster with
)

// Record is the last that the log says of a delivery. It holds no address of a person.
type Record struct {
	Key       string    `json:"key"`
	Subject   string    `json:"subject"` // what was told, for people
	Channel   string    `json:"channel"`
	Recipient string    `json:"recipient"` // masked
	Status    string    `json:"status"`
	Attempt   int       `json:"attempt"`
	Until     time.Time `json:"until,omitzero"` // of Sending: it is in doubt after this
	After     time.Time `json:"after,omitzero"` // of Again, and of Unknown where it may be repeated
	Note      string    `json:"note,omitempty"` // the other side's words, or what went wrong
	At        time.Time `json:"-"`              // of the entry
}

// Task is one message for one recipient.
type Task struct {
	Key       string // by Key: the same whenever the same is to be told to the same
	Subject   string
	Channel   string // its configured name
	Via       notify.Channel
	Recipient string
	Message   notify.Message // its Key becomes the task's
	Expires   time.Time      // it is given up after this; zero: never
}

// Key names a delivery by what is told, through which channel and to whom.
func Key(subject, channel, recipient string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "delivery 1 %d:%s %d:%s %s", len(subject), subject, len(channel), channel, recipient))
	return hex.EncodeToString(sum[:16])
}

// Book is the log as far as it was read. It may be used concurrently.
type Book struct {
	log   *journal.Log
	now   func() time.Time
	sleep func(context.Context, time.Duration) error

	mu      sync.Mutex
	begun   bool
	read    int64
	records map[string]Record
	intents map[string][]time.Time // of each channel, newest last
}

// Open gives the book of a lake's bucket; entries before from are not needed by any task to come. Nothing is read yet.
func Open(b objstore.Bucket, writer string, from int64, now func() time.Time) *Book {
	return &Book{
		log: journal.Open(b, LogName, journal.Options{Writer: writer, Now: now}), now: now, sleep: objstore.Pause, read: max(from, 1) - 1,
		records: map[string]Record{}, intents: map[string][]time.Time{},
	}
}

// Tail is the number of the log's last entry: of a task that is new now, later ones alone can tell.
func (b *Book) Tail(ctx context.Context) (int64, error) {
	tail, _, err := b.log.Tail(ctx)
	return tail.Seq, err
}

// Records gives what the log says now of every delivery in it, as far back as the book goes.
func (b *Book) Records(ctx context.Context) (map[string]Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.catchUp(ctx); err != nil {
		return nil, err
	}
	all := make(map[string]Record, len(b.records))
	for key, r := range b.records {
		all[key] = r
	}
	return all, nil
}

// catchUp reads what the log got since.
func (b *Book) catchUp(ctx context.Context) error {
	if !b.begun {
		tail, _, err := b.log.Tail(ctx)
		if err != nil {
			return err
		}
		b.read = min(b.read, max(tail.Seq-lookBack, 0))
		clear(b.intents)
		if err := b.log.Read(ctx, b.read+1, b.learn); err != nil {
			return err
		}
		b.begun = true
		return nil
	}
	for {
		entry, err := b.log.Get(ctx, b.read+1)
		if errors.Is(err, objstore.ErrNotFound) {
			return nil
		}
		if err == nil {
			err = b.learn(entry)
		}
		if err != nil {
			return err
		}
	}
}

func (b *Book) learn(e journal.Entry) error {
	b.read = e.Seq
	if e.Kind != kindIntent && e.Kind != kindOutcome {
		return nil
	}
	var r Record
	if err := json.Unmarshal(e.Body, &r); err != nil || r.Key == "" {
		return fault.Wrap(errors.Join(err, errors.New("it names no delivery")), fault.Damaged, "delivery_damaged", journal.EntryKey(e.Log, e.Seq), "restore this object from a backup", "the entry cannot be used")
	}
	r.At = e.At
	if before := b.records[r.Key]; before.Status != Sent || r.Status == Sent { // what was taken stays taken, whoever doubts it
		b.records[r.Key] = r
	}
	if e.Kind == kindIntent {
		b.intents[r.Channel] = append(b.intents[r.Channel], e.At)
	}
	return nil
}

// decide reads the log and lets what it says of a key lead to a new entry; no status means none. ok is false when another
// process was faster: what was decided may be wrong then.
func (b *Book) decide(ctx context.Context, key string, decide func(Record) (kind string, next Record)) (r Record, ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.catchUp(ctx); err != nil {
		return Record{}, false, err
	}
	kind, next := decide(b.records[key])
	if kind == "" {
		return next, true, nil
	}
	entry, err := b.log.Append(ctx, b.read+1, kind, next)
	if fault.KindOf(err) == fault.Conflict {
		return Record{}, false, nil
	}
	if err == nil {
		err = b.learn(entry)
	}
	if err == nil && entry.Seq%journal.FoldSize == 0 {
		_ = b.log.Checkpoint(ctx) // it only makes reading cheaper, and must not keep a message that was announced
	}
	return next, true, err
}

// Deliver tells a message unless it was told before or somebody is about to. The record says how it stands; an error means that
// the store failed, and the next Deliver of the same task goes on.
func (b *Book) Deliver(ctx context.Context, t Task) (Record, error) {
	for range mostTries {
		var wait time.Duration
		mine := false
		r, ok, err := b.decide(ctx, t.Key, func(r Record) (string, Record) {
			var kind string
			kind, r, wait = b.next(t, r)
			mine = kind == kindIntent
			return kind, r
		})
		switch {
		case err != nil:
			return Record{}, err
		case !ok:
			if err := b.sleep(ctx, 10*time.Millisecond); err != nil {
				return Record{}, err
			}
		case wait > patience:
			return r, nil
		case wait > 0:
			if err := b.sleep(ctx, wait); err != nil {
				return Record{}, err
			}
		case mine:
			return b.send(ctx, t, r)
		case r.Status == Unknown && b.repeats(t, r) && !r.After.After(b.now()):
			// It was only now found to be in doubt, and may be sent at once.
		default:
			return r, nil
		}
	}
	return Record{}, fault.New(fault.Conflict, "delivery_busy", LogName, "run the command again", "other processes wrote to the log %d times in a row", mostTries)
}

// next says what the log should say after r; wait is how long the channel's rate keeps the message back.
func (b *Book) next(t Task, r Record) (kind string, next Record, wait time.Duration) {
	now := b.now().UTC()
	if r.Key == "" {
		r = Record{Key: t.Key, Subject: t.Subject, Channel: t.Channel, Recipient: Mask(t.Recipient)}
	}
	switch {
	case r.Status == Sending && now.Before(r.Until):
		return "", r, 0
	case r.Status == Sending:
		r.Status, r.Until, r.Note = Unknown, time.Time{}, "the sender ended before it noted what became of the message"
		return kindOutcome, r, 0
	case r.Status == Sent || r.Status == Failed || r.Status == Unknown && !b.repeats(t, r):
		return "", r, 0
	case r.After.After(now):
		return "", r, 0
	case !t.Expires.IsZero() && now.After(t.Expires) || r.Attempt >= mostAttempts:
		r.Status, r.After, r.Note = Failed, time.Time{}, strings.TrimSuffix("given up: "+r.Note, ": ")
		return kindOutcome, r, 0
	}
	if wait := b.rate(t, now); wait > 0 {
		return "", r, wait
	}
	r.Status, r.Attempt, r.Until, r.After, r.Note = Sending, r.Attempt+1, now.Add(claimTime), time.Time{}, ""
	return kindIntent, r, 0
}

// repeats tells whether a message in doubt may be sent again.
func (b *Book) repeats(t Task, r Record) bool { return t.Via.Idempotent() && r.Attempt < mostAttempts }

// rate tells how long the channel's limit keeps a message back, whichever process used it up.
func (b *Book) rate(t Task, now time.Time) time.Duration {
	limit := t.Via.Limit()
	if limit.Messages <= 0 {
		return 0
	}
	sent := b.intents[t.Channel]
	if len(sent) < limit.Messages {
		return 0
	}
	return sent[len(sent)-limit.Messages].Add(limit.Per).Sub(now)
}

// send sends what was announced and notes what became of it.
func (b *Book) send(ctx context.Context, t Task, r Record) (Record, error) {
	failpoint.Hit("delivery.announced")
	sending, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	m := t.Message
	m.Key = t.Key
	receipt, err := t.Via.Send(sending, t.Recipient, m)
	failpoint.Hit("delivery.sent")
	now := b.now().UTC()
	r.Status, r.Until, r.Note = Sent, time.Time{}, receipt.Note
	if err != nil {
		outcome, wait := notify.OutcomeOf(err)
		r.Note = notify.Cut(notify.Line(err.Error()), 500, "")
		switch outcome {
		case notify.Again:
			r.Status, r.After = Again, now.Add(max(wait, backoff(r.Attempt)))
		case notify.Never:
			r.Status = Failed
		default:
			r.Status = Unknown
			if b.repeats(t, r) {
				r.After = now.Add(backoff(r.Attempt))
			}
		}
	}
	noting, done := context.WithTimeout(context.WithoutCancel(ctx), time.Minute) // what was sent is noted even when we are told to stop
	defer done()
	for range mostTries {
		_, ok, err := b.decide(noting, t.Key, func(Record) (string, Record) { return kindOutcome, r })
		if err != nil {
			return r, fault.Wrap(err, fault.Unknown, "delivery_not_noted", t.Channel, "run again when the store answers; the message is not sent twice unless its channel takes it once", "what became of a message could not be noted")
		}
		if ok {
			failpoint.Hit("delivery.noted")
			return r, nil
		}
	}
	return r, fault.New(fault.Conflict, "delivery_busy", LogName, "run the command again", "other processes wrote to the log %d times in a row", mostTries)
}

// backoff is the pause before the next attempt.
func backoff(attempt int) time.Duration { return min(30*time.Second<<min(attempt, 10), time.Hour) }

// Mask takes a person out of an address: of a mail address the first letter and the domain stay.
func Mask(recipient string) string {
	name, domain, ok := strings.Cut(recipient, "@")
	if !ok {
		return recipient
	}
	for _, first := range name {
		return string(first) + "…@" + domain
	}
	return "…@" + domain
}
