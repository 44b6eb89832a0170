package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/pipelines/source"
)

// Kinds of the entries of a hint log.
const (
	kindHint     = "hint"     // records were named
	kindAnswered = "answered" // everything named up to an entry was read
)

// hintLog is what webhooks named of one feed without bringing it. An answered webhook is never sent again, so what it named
// must outlive a crash between the answer and the reading of it.
type hintLog struct {
	log   *journal.Log
	seq   int64
	open  []openHint
	names map[string]time.Time // events of late: their repetitions are not kept again
}

type openHint struct {
	source.Hint
	seq int64
}

// event is a hint as its entry holds it: an id and no more of the record.
type event struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	source.Hint
}

type hintBody struct {
	Events []event `json:"events"`
}

type answeredBody struct {
	Through int64 `json:"through"`
}

// eventsFor is how long the names of events are remembered. A later repetition is kept anew, read again, and adds nothing.
const eventsFor = 8 * 24 * time.Hour

// brought tells a delivery with content from a hint.
func brought(d source.Delivery) bool { return d.Hint == nil }

// follow reads what is new in the log.
func (h *hintLog) follow(ctx context.Context) error {
	if h.names == nil {
		h.names = map[string]time.Time{}
	}
	return h.log.Read(ctx, h.seq+1, func(e journal.Entry) error {
		h.seq = e.Seq
		switch e.Kind {
		case kindHint:
			var body hintBody
			if err := json.Unmarshal(e.Body, &body); err != nil {
				return hintFault(err, e)
			}
			for _, one := range body.Events {
				h.names[one.Name] = one.At
				h.open = append(h.open, openHint{one.Hint, e.Seq})
			}
		case kindAnswered:
			var body answeredBody
			if err := json.Unmarshal(e.Body, &body); err != nil {
				return hintFault(err, e)
			}
			h.open = slices.DeleteFunc(h.open, func(o openHint) bool { return o.seq <= body.Through })
		}
		return nil
	})
}

func hintFault(err error, e journal.Entry) error {
	return fault.Wrap(err, fault.Damaged, "hint_damaged", journal.EntryKey(e.Log, e.Seq), "restore this object from a backup", "the entry does not hold hints")
}

// keep makes the hints among deliveries durable.
func (h *hintLog) keep(ctx context.Context, deliveries []source.Delivery, now time.Time) error {
	if !slices.ContainsFunc(deliveries, func(d source.Delivery) bool { return !brought(d) }) {
		return nil
	}
	if err := h.follow(ctx); err != nil {
		return err
	}
	var body hintBody
	for _, d := range deliveries {
		if _, known := h.names[d.Name]; !brought(d) && !known {
			body.Events = append(body.Events, event{Name: d.Name, At: d.Modified.UTC(), Hint: *d.Hint})
		}
	}
	if len(body.Events) == 0 {
		return nil
	}
	failpoint.Hit("hint.before")
	if err := h.append(ctx, kindHint, body); err != nil {
		return err
	}
	failpoint.Hit("hint.after")
	for name, at := range h.names {
		if now.Sub(at) > eventsFor {
			delete(h.names, name)
		}
	}
	return nil
}

// append adds an entry and takes note of it.
func (h *hintLog) append(ctx context.Context, kind string, body any) error {
	if _, err := h.log.Append(ctx, h.seq+1, kind, body); err != nil {
		return err
	}
	if err := h.follow(ctx); err != nil {
		return err
	}
	if h.seq%journal.FoldSize == 0 {
		_ = h.log.Checkpoint(ctx) // it only makes reading cheaper, and the next one folds what this one did not
	}
	return nil
}

// asked is how many records one answer reads.
const asked = 250

// Answer reads what the kept hints name and takes it in; then they are answered. It does nothing when none is kept, which
// also holds for hints of before a crash. When it fails the hints stay, and the next call tries again.
func (i *Inbox) Answer(ctx context.Context) (Result, error) {
	i.turn.Lock()
	defer i.turn.Unlock()
	var all Result
	for i.feed.API.Ask != nil {
		hints, through, err := i.waiting(ctx)
		if err != nil || len(hints) == 0 {
			return all, err
		}
		one, err := i.answer(ctx, hints)
		all.add(one)
		if err != nil {
			return all, err
		}
		failpoint.Hit("hint.answered.before")
		if err := i.answered(ctx, through); err != nil {
			return all, err
		}
	}
	return all, nil
}

// add puts what another run did behind this.
func (r *Result) add(o Result) {
	r.Batches, r.Findings = append(r.Batches, o.Batches...), append(r.Findings, o.Findings...)
	r.Counts = r.Counts.Add(o.Counts)
	r.Files, r.Refused, r.Same, r.Replaced = r.Files+o.Files, r.Refused+o.Refused, r.Same+o.Same, r.Replaced+o.Replaced
}

// waiting gives records that are to be asked for, each once, and the entry up to which that answers all hints.
func (i *Inbox) waiting(ctx context.Context) ([]source.Hint, int64, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if err := i.hints.follow(ctx); err != nil {
		return nil, 0, err
	}
	var hints []source.Hint
	at, through := map[string]int{}, int64(0)
	for _, o := range i.hints.open {
		if len(hints) >= asked && o.seq != through {
			break
		}
		through = o.seq
		if n, ok := at[o.ID]; ok {
			hints[n].Gone = hints[n].Gone || o.Gone
			continue
		}
		at[o.ID] = len(hints)
		hints = append(hints, o.Hint)
	}
	return hints, through, nil
}

// answer asks for records while deliveries go on arriving, and takes them in.
func (i *Inbox) answer(ctx context.Context, hints []source.Hint) (Result, error) {
	dir, clean, err := i.feed.scratch()
	if err != nil {
		return Result{}, err
	}
	defer clean()
	var pages []source.Delivery
	err = i.feed.API.Ask(ctx, hints, func(d source.Delivery) error {
		own := filepath.Join(dir, strconv.Itoa(len(pages)))
		if err := os.Mkdir(own, 0o700); err != nil {
			return tempFault(err, dir)
		}
		path, err := d.Fetch(ctx, own)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return tempFault(err, dir)
		}
		sum := sha256.Sum256(content)
		// The name says what it is: an answer that was taken in before a crash is known by it, a newer one of the same second is not.
		d.Name, d.Cursor = "hint/"+hex.EncodeToString(sum[:16])+".json", nil
		d.Fetch = func(context.Context, string) (string, error) { return path, nil }
		pages = append(pages, d)
		return nil
	})
	if err != nil || len(pages) == 0 {
		return Result{}, err
	}
	return i.Take(ctx, pages)
}

// answered notes that everything up to an entry was read.
func (i *Inbox) answered(ctx context.Context, through int64) error {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	var none Result
	return reevaluate(ctx, &none, func(ctx context.Context, _ *Result) error {
		if err := i.hints.follow(ctx); err != nil {
			return err
		}
		return i.hints.append(ctx, kindAnswered, answeredBody{through})
	})
}
