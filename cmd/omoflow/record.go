package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/history"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/schedules/ledger"
	"github.com/omoflow/omoflow/transforms"
)

// recorded are the commands whose runs are kept in the history; those of the second list only when a job runs them.
var (
	recorded          = []string{"run", "rebuild", "report", "export", "repair"}
	recordedScheduled = []string{"check"}
)

// record collects what is to be known of a run. A nil one collects nothing.
type record struct {
	scheduled *ledger.Run // nil when it was typed

	mu   sync.Mutex
	run  history.Run
	said bytes.Buffer
	last time.Time // of a line about progress
}

// Bounds of what is kept of a run.
const (
	mostSaid   = 256 << 10
	mostResult = 32 << 10
	mostInputs = 200
	mostFiles  = 20
	saidEvery  = 2 * time.Second
	longRun    = 5 * time.Second  // a run that takes longer is noted when it begins, too
	recordTime = 20 * time.Second // for the note of a run that was interrupted
)

// keepRecord makes the runs of a command be noted.
func (a *app) keepRecord(command *cobra.Command) {
	inner := command.RunE
	if inner == nil || !slices.Contains(recorded, command.Name()) && (a.record == nil || !slices.Contains(recordedScheduled, command.Name())) {
		return
	}
	command.RunE = func(command *cobra.Command, args []string) error {
		r := a.record
		if r == nil {
			r = &record{}
			a.record = r
		}
		r.begin(typed(command, args))
		stopPeak := watchMemory()
		noted := a.noteLong(command.Context(), r)
		err := inner(command, args)
		noted()
		r.end(command.Context(), err, stopPeak())
		if r.worthKeeping(command.Name()) {
			if failed := a.keep(command.Context(), r); failed != nil {
				a.progress("the run is not in the history: %v", failed)
			}
		}
		return err
	}
}

// typed gives the command line without what only says how it is shown. Secrets are never in flags.
func typed(command *cobra.Command, args []string) string {
	words := []string{strings.TrimPrefix(command.CommandPath(), "omoflow ")}
	words = append(words, args...)
	command.LocalNonPersistentFlags().Visit(func(f *pflag.Flag) { words = append(words, "--"+f.Name+"="+f.Value.String()) })
	return strings.Join(words, " ")
}

func (r *record) begin(command string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	began := time.Now().UTC()
	r.run = history.Run{ID: history.NewID(began), Command: command, By: userName(), Worker: workerName(), Code: codeVersion(), Began: began, Outcome: history.Running}
	if s := r.scheduled; s != nil {
		r.run.Job, r.run.Tick, r.run.Attempt, r.run.By = s.Job.Name, s.Tick.UTC(), s.Attempt, "schedule"
	}
}

// noteLong notes a run as running when it takes long; the function that it gives ends that.
func (a *app) noteLong(ctx context.Context, r *record) (end func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-over:
		case <-time.After(longRun):
			_ = a.keep(ctx, r) // at the end it is tried again
		}
	}()
	return func() {
		close(over)
		<-done
	}
}

// end notes how the run ended.
func (r *record) end(ctx context.Context, err error, peak int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run.Ended, r.run.Peak = time.Now().UTC(), peak
	switch {
	case err == nil:
		r.run.Outcome = history.Done
	case errors.Is(ctx.Err(), context.Canceled): // a person or a stopping process; a time limit is a failure
		r.run.Outcome = history.Interrupted
	case fault.KindOf(err) == fault.Partial:
		r.run.Outcome = history.Partial
	case fault.KindOf(err) == fault.Findings:
		r.run.Outcome = history.Findings
	default:
		r.run.Outcome = history.Failed
	}
	if err != nil {
		r.run.Error, r.run.Hint = strings.TrimSpace(err.Error()), fault.HintOf(err)
		r.write("error: " + r.run.Error)
	}
}

// worthKeeping tells whether the run did or found anything: a quiet one leaves the lake as it was, and its job's ledger says that it ran.
func (r *record) worthKeeping(command string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return command != "run" || r.run.Outcome != history.Done || len(r.run.Inputs) > 0 || r.run.Release != nil
}

// say keeps a line about progress, now and then.
func (r *record) say(line string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.last) >= saidEvery {
		r.last = now
		r.write(line)
	}
}

func (r *record) write(line string) {
	if r.said.Len() < mostSaid {
		fmt.Fprintf(&r.said, "%s %s\n", time.Now().UTC().Format(time.RFC3339), line)
	}
}

// answered keeps what the command answered, unless it is long.
func (r *record) answered(data any) {
	if r == nil {
		return
	}
	encoded, err := json.Marshal(data)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
	case len(encoded) <= mostResult:
		r.run.Result = json.RawMessage(encoded)
	default:
		r.write("answer: " + string(encoded[:min(len(encoded), mostSaid-min(mostSaid, r.said.Len()))]))
	}
}

// took notes what was taken in, of a run that failed later, too.
func (r *record) took(result ingest.Result) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.run.Rows == nil {
		r.run.Rows = &history.Rows{}
	}
	rows, c := r.run.Rows, result.Counts
	rows.Read, rows.Accepted, rows.Duplicate = rows.Read+c.Read, rows.Accepted+c.Accepted, rows.Duplicate+c.Duplicate
	rows.Quarantined, rows.Ignored = rows.Quarantined+c.Quarantined, rows.Ignored+c.Ignored
	for _, b := range result.Batches {
		input := history.Input{Source: b.Source, Feed: b.Feed, Batch: b.ID, FileQty: len(b.Files), Accepted: b.Counts.Accepted}
		for _, f := range b.Files[:min(mostFiles, len(b.Files))] {
			input.Files = append(input.Files, f.Name)
		}
		if len(r.run.Inputs) < mostInputs {
			r.run.Inputs = append(r.run.Inputs, input)
		}
		r.write(fmt.Sprintf("took %s.%s batch %s: %d files, %d records accepted, %d quarantined", b.Source, b.Feed, b.ID, len(b.Files), b.Counts.Accepted, b.Counts.Quarantined))
	}
	for _, f := range result.Findings {
		r.write(fmt.Sprintf("found %s.%s %s: %s: %s (%d records)", f.Source, f.Feed, f.File, f.Code, f.Message, f.Records))
	}
}

// published notes what a build changed.
func (r *record) published(c *transforms.Candidate, now release.Release, built int) {
	if r == nil || c == nil || !c.Changed {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	done := &history.Release{Seq: now.Seq, Parent: c.Parent.Seq, Built: built}
	for _, name := range sortedKeys(now.Tables) {
		done.RowsAfter += now.Tables[name].Rows
		if now.Tables[name].Manifest != c.Parent.Tables[name].Manifest {
			done.Changed = append(done.Changed, name)
		}
	}
	for _, table := range c.Parent.Tables {
		done.RowsBefore += table.Rows
	}
	for _, line := range now.Money {
		before := release.MoneyLine{}
		if i := slices.IndexFunc(c.Parent.Money, func(m release.MoneyLine) bool { return m.Subject == line.Subject && m.Currency == line.Currency }); i >= 0 {
			before = c.Parent.Money[i]
		}
		in, out := less(line.Staged, before.Staged), less(line.InTable, before.InTable)
		done.Money = append(done.Money, history.Money{Subject: line.Subject, Currency: line.Currency, In: in, Out: out, Total: line.InTable})
	}
	r.run.Release = done
	r.write(fmt.Sprintf("release %d after %d: %d tables changed, %d partitions built", now.Seq, done.Parent, len(done.Changed), built))
}

// less subtracts decimal texts exactly; an empty one is zero.
func less(text, other string) string {
	number := func(s string) (*big.Rat, int) {
		n, ok := new(big.Rat).SetString(s)
		if !ok {
			return new(big.Rat), 0
		}
		_, digits, _ := strings.Cut(s, ".")
		return n, len(digits)
	}
	x, places := number(text)
	y, more := number(other)
	return x.Sub(x, y).FloatString(max(places, more))
}

// keep writes the run to the history of the lake, and once a month removes what is old.
func (a *app) keep(ctx context.Context, r *record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	h, config, err := a.history(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	run := r.run
	var said []byte
	if run.Outcome != history.Running {
		said = bytes.Clone(r.said.Bytes())
	}
	r.mu.Unlock()
	first, err := h.Put(ctx, run, said)
	if err != nil || !first {
		return err
	}
	keep, err := config.History.keep()
	if err == nil {
		_, err = h.Prune(ctx, time.Now().Add(-keep))
	}
	return err
}

// history opens the history of the project's lake.
func (a *app) history(ctx context.Context) (*history.History, *Config, error) {
	config, err := loadConfig(a.project)
	if err != nil {
		return nil, nil, err
	}
	bucket, err := openBucket(ctx, config.resolve(config.Lake), false)
	if err != nil {
		return nil, nil, err
	}
	if _, err := lake.Open(ctx, bucket); err != nil {
		return nil, nil, err
	}
	return history.Open(bucket, workerName(), time.Now), config, nil
}

// watchMemory samples what the process holds until the function that it gives is called, which gives the most.
func watchMemory() (peak func() int64) {
	const every = 200 * time.Millisecond
	over, most := make(chan struct{}), make(chan int64, 1)
	go func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		top := residentBytes()
		for {
			select {
			case <-over:
				most <- max(top, residentBytes())
				return
			case <-ticker.C:
				top = max(top, residentBytes())
			}
		}
	}()
	return func() int64 {
		close(over)
		return <-most
	}
}

// residentBytes is the memory of this process that is in RAM; 0 where that cannot be told.
func residentBytes() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64) // the kernel wrote a number
	return pages * int64(os.Getpagesize())
}
