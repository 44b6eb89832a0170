package alert

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/delivery"
	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
)

// LogName is the name of the log that keeps what fires.
const LogName = "alert"

const (
	testSubject = "test "
	kindState   = "state"
	mostTries   = 20             // of an append that other processes are faster with
	expiry      = 24 * time.Hour // a message that could not be delivered for this long is given up
)

// Run is what one evaluation came to.
type Run struct {
	Firing     []Alert           `json:"firing"`
	Notices    []Notice          `json:"notices"`    // that were decided by this run
	Deliveries []delivery.Record `json:"deliveries"` // of all notices that are not done
	Undone     int               `json:"undone"`     // deliveries to be tried again
}

// Keeper evaluates against the state in a lake.
type Keeper struct {
	Plan   *Plan
	Bucket objstore.Bucket
	Writer string
	Now    func() time.Time // default time.Now
}

func (k *Keeper) now() time.Time {
	if k.Now == nil {
		return time.Now().UTC()
	}
	return k.Now().UTC()
}

func (k *Keeper) log() *journal.Log {
	return journal.Open(k.Bucket, LogName, journal.Options{Writer: k.Writer, Now: k.now})
}

// State reads what fires and what is still to be told, as of the last run; seq is 0 when there was none.
func (k *Keeper) State(ctx context.Context) (state State, seq int64, err error) {
	return read(ctx, k.log())
}

func read(ctx context.Context, log *journal.Log) (state State, seq int64, err error) {
	tail, ok, err := log.Tail(ctx)
	if err != nil || !ok {
		return State{}, 0, err
	}
	if err := json.Unmarshal(tail.Body, &state); err != nil {
		return State{}, 0, fault.Wrap(err, fault.Damaged, "alerts_damaged", journal.EntryKey(tail.Log, tail.Seq), "restore this object from a backup", "the entry holds no state of alerts")
	}
	return state, tail.Seq, nil
}

// Deliveries gives the last deliveries that the log tells of, and those of notices that are not done.
func (k *Keeper) Deliveries(ctx context.Context, state State) (map[string]delivery.Record, error) {
	return k.book(state, 0).Records(ctx)
}

// book opens the delivery log where the oldest notice that is not done needs it.
func (k *Keeper) book(state State, tail int64) *delivery.Book {
	from := tail + 1
	for _, n := range state.Notices {
		from = min(from, n.From)
	}
	return delivery.Open(k.Bucket, k.Writer, max(from, 1), k.now)
}

// Once evaluates the facts, keeps what changed and delivers what is to be told. A run that finds nothing new writes nothing.
func (k *Keeper) Once(ctx context.Context, f Facts) (Run, error) {
	log := k.log()
	for range mostTries {
		state, seq, err := read(ctx, log)
		if err != nil {
			return Run{}, err
		}
		tail, err := delivery.Open(k.Bucket, k.Writer, 1, k.now).Tail(ctx)
		if err != nil {
			return Run{}, err
		}
		book := k.book(state, tail)
		records, err := book.Records(ctx)
		if err != nil {
			return Run{}, err
		}
		f.Failed = undeliveredOf(records)
		next, changed := k.Plan.next(state, k.Plan.evaluate(f), step{now: k.now(), seq: seq + 1, from: tail + 1})
		if changed {
			next.Notices = k.keep(next.Notices, records)
			failpoint.Hit("alert.decided")
			entry, err := log.Append(ctx, seq+1, kindState, next)
			if fault.KindOf(err) == fault.Conflict {
				continue // another process was faster; what it told need not be told again
			}
			if err != nil {
				return Run{}, err
			}
			if entry.Seq%journal.FoldSize == 0 {
				_ = log.Checkpoint(ctx) // it only makes reading cheaper
			}
			failpoint.Hit("alert.noted")
		} else {
			next = state
		}
		run := Run{Firing: firing(next), Notices: newNotices(next.Notices, state)}
		err = k.deliver(ctx, book, records, next, &run)
		return run, err
	}
	return Run{}, fault.New(fault.Conflict, "alerts_busy", LogName, "run the command again", "other processes wrote to the log %d times in a row", mostTries)
}

func firing(s State) []Alert {
	found := []Alert{}
	for _, a := range s.Alerts {
		if a.Resolved.IsZero() {
			found = append(found, a)
		}
	}
	return found
}

// newNotices are those that the state before did not have.
func newNotices(all []Notice, before State) []Notice {
	known := map[string]bool{}
	for _, n := range before.Notices {
		known[n.ID] = true
	}
	fresh := []Notice{}
	for _, n := range all {
		if !known[n.ID] {
			fresh = append(fresh, n)
		}
	}
	return fresh
}

func undeliveredOf(records map[string]delivery.Record) []Undelivered {
	var failed []Undelivered
	for _, r := range records {
		if strings.HasPrefix(r.Subject, testSubject) {
			continue // who sent it saw what became of it
		}
		if r.Status == delivery.Failed || r.Status == delivery.Unknown && r.After.IsZero() {
			failed = append(failed, Undelivered{Channel: r.Channel, Status: r.Status, At: r.At})
		}
	}
	return failed
}

// keep drops the notices whose deliveries all have their outcome.
func (k *Keeper) keep(all []Notice, records map[string]delivery.Record) []Notice {
	var kept []Notice
	for _, n := range all {
		for _, t := range k.tasks(n) {
			if r := records[t.Key]; !final(r) {
				kept = append(kept, n)
				break
			}
		}
	}
	return kept
}

func final(r delivery.Record) bool {
	return r.Status == delivery.Sent || r.Status == delivery.Failed || r.Status == delivery.Unknown && r.After.IsZero()
}

// Subject is what the delivery log calls a notice.
func Subject(notice string) string { return "alert " + notice }

// tasks are the deliveries of a notice, as the configuration is now: a channel that is gone is told nothing.
func (k *Keeper) tasks(n Notice) []delivery.Task {
	var tasks []delivery.Task
	for _, r := range k.Plan.routes {
		if r.Name != n.Route {
			continue
		}
		for _, name := range r.Channels {
			via := k.Plan.channels[name]
			message := k.Plan.message(n, k.Plan.language[name])
			for _, recipient := range via.Recipients() {
				tasks = append(tasks, delivery.Task{
					Key: delivery.Key(Subject(n.ID), name, recipient), Subject: Subject(n.ID), Channel: name, Via: via, Recipient: recipient,
					Message: message, Expires: n.At.Add(expiry),
				})
			}
		}
	}
	return tasks
}

// deliver sends what is to be told, the channels beside each other: a slow one does not keep the others.
func (k *Keeper) deliver(ctx context.Context, book *delivery.Book, records map[string]delivery.Record, state State, run *Run) error {
	byChannel := map[string][]delivery.Task{}
	for _, n := range state.Notices {
		for _, t := range k.tasks(n) {
			if !final(records[t.Key]) {
				byChannel[t.Channel] = append(byChannel[t.Channel], t)
			}
		}
	}
	run.Deliveries = []delivery.Record{}
	var mutex sync.Mutex
	var group errgroup.Group
	group.SetLimit(8)
	for _, name := range slices.Sorted(maps.Keys(byChannel)) {
		group.Go(func() error {
			for _, t := range byChannel[name] {
				r, err := book.Deliver(ctx, t)
				if err != nil {
					return err
				}
				mutex.Lock()
				run.Deliveries = append(run.Deliveries, r)
				if !final(r) {
					run.Undone++
				}
				mutex.Unlock()
			}
			return nil
		})
	}
	return group.Wait()
}

// Test sends a test message through one channel to all its recipients, past rules and routes.
func (k *Keeper) Test(ctx context.Context, name string) ([]delivery.Record, error) {
	via, now := k.Plan.channels[name], k.now()
	tail, err := delivery.Open(k.Bucket, k.Writer, 1, k.now).Tail(ctx)
	if err != nil {
		return nil, err
	}
	book := k.book(State{}, tail)
	var all []delivery.Record
	for _, recipient := range via.Recipients() {
		subject := testSubject + now.Format(time.RFC3339Nano)
		r, err := book.Deliver(ctx, delivery.Task{
			Key: delivery.Key(subject, name, recipient), Subject: subject, Channel: name, Via: via, Recipient: recipient, Message: k.Plan.TestMessage(name, now), Expires: now.Add(time.Hour),
		})
		if err != nil {
			return all, err
		}
		all = append(all, r)
	}
	return all, nil
}
