package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/inspect"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
)

func (a *app) repairCommand() *cobra.Command {
	var dryRun bool
	command := &cobra.Command{
		Use:   "repair",
		Short: "Make lost and damaged objects of the lake again",
		Long: `Reads every object of the lake and makes those that are lost or damaged again: staged and quarantined rows from the
bytes that were delivered, by the rules they were taken with; table files and manifests from the staged rows; documents from
their release; checkpoints from journal entries and entries from checkpoints; delivered bytes from a file with the same bytes
that is still, or again, in its source's folder. An object is replaced only by exactly the bytes that the journal names; what
was there is kept under damaged/. Interrupted, run it again. What cannot be made again is named with what to do.`,
		Example: "  omoflow repair --dry-run\n  omoflow repair",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(command *cobra.Command, _ []string) error { return a.repair(command.Context(), dryRun) },
	}
	command.Flags().BoolVar(&dryRun, "dry-run", false, "say what is lost or damaged and what it would be made from, and change nothing")
	return command
}

// repaired says what became of one finding.
type repaired struct {
	Key    string `json:"key"`
	Class  string `json:"class"`
	Mended bool   `json:"mended"`
	Note   string `json:"note"` // what it is made from, or why it is not
	Next   string `json:"next,omitempty"`
}

// repairReport is the result of omoflow repair.
type repairReport struct {
	DryRun  bool       `json:"dry_run"`
	Objects int        `json:"objects"`
	Noted   []string   `json:"noted,omitempty"` // logs whose end was noted again
	Found   []repaired `json:"found"`
}

// repair is a repair at work.
type repair struct {
	*project
	app     *app
	bucket  objstore.Bucket
	report  inspect.Report
	mended  map[string]bool
	reasons map[string]error // key -> why it could not be made
}

// madeFrom says what each class of objects is made from.
var madeFrom = map[inspect.Class]string{
	inspect.Root: "the lake's id in the last release", inspect.Entry: "a checkpoint", inspect.Checkpoint: "the journal's entries", inspect.Head: "the journal's last entry",
	inspect.Raw: "the delivered file", inspect.Rules: "the feed's present rules", inspect.Staged: "the delivered bytes", inspect.Quarantine: "the delivered bytes",
	inspect.Manifest: "the staged rows", inspect.Table: "the staged rows", inspect.Document: "its release", inspect.Candidate: "nothing: it is set aside, the next failed check writes another",
}

func (a *app) repair(ctx context.Context, dryRun bool) error {
	config, err := loadConfig(a.project)
	if err != nil {
		return err
	}
	bucket, err := openBucket(ctx, config.resolve(config.Lake), false)
	if err == nil {
		if err = isLake(ctx, bucket); fault.KindOf(err) == fault.Damaged {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	r := &repair{app: a, bucket: bucket, mended: map[string]bool{}, reasons: map[string]error{}}
	r.report, err = inspect.Run(ctx, bucket, inspect.Options{Data: true, Progress: func(done, total int) { a.progress("read %d of %d objects", done, total) }})
	a.progressDone()
	if err != nil {
		return err
	}
	switch {
	case dryRun:
	case len(r.report.Findings)+len(r.report.Behind) > 0:
		if err := r.all(ctx, config); err != nil {
			return err
		}
	default:
		sweepScratch(scratchParent(config)) // of a repair that was killed when all was made again
	}
	return a.reportRepair(r, dryRun)
}

// all repairs in the order in which things are made from each other.
func (r *repair) all(ctx context.Context, config *Config) error {
	if err := r.root(ctx); err != nil {
		return err
	}
	var err error
	if r.project, err = openConfigured(ctx, config, false); err != nil {
		return err
	}
	defer r.close()
	for _, step := range []func(context.Context) error{r.journals, r.candidate, r.deliveries, r.rows, r.tables, r.documents} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// found gives the findings of some classes that are not mended yet.
func (r *repair) found(classes ...inspect.Class) []inspect.Finding {
	var list []inspect.Finding
	for _, f := range r.report.Findings {
		if slices.Contains(classes, f.Class) && !r.mended[f.Key] {
			list = append(list, f)
		}
	}
	return list
}

// put stores an object made again. What is not wrong is left alone.
func (r *repair) put(ctx context.Context, o lake.Object, body objstore.Body) error {
	failpoint.Hit("repair.put.before")
	wrote, err := lake.Mend(ctx, r.bucket, o, body)
	if wrote {
		failpoint.Hit("repair.put.after")
		r.mended[o.Key] = true
		r.app.progress("made %s again", o.Key)
	}
	return err
}

// because notes why findings could not be mended. Only what ends the whole repair is given back.
func (r *repair) because(err error, findings ...inspect.Finding) error {
	switch kind := fault.KindOf(err); {
	case err == nil:
		return nil
	case kind == fault.Exhausted || kind == fault.Interrupted || kind == fault.Unavailable || kind == fault.Denied || kind == fault.Unknown || errors.Is(err, context.Canceled):
		return err
	}
	for _, f := range findings {
		if !r.mended[f.Key] {
			r.reasons[f.Key] = err
		}
	}
	return nil
}

// root stores lake.json again when a release tells the lake's id.
func (r *repair) root(ctx context.Context) error {
	found := r.found(inspect.Root)
	for i := len(r.report.Releases) - 1; i >= 0 && len(found) > 0; i-- {
		if id := r.report.Releases[i].Lake; id != "" {
			object, content, err := lake.RootOf(id)
			if err != nil {
				return err
			}
			return r.put(ctx, object, objstore.Bytes(content))
		}
	}
	return nil
}

// journals restores what entries, checkpoints and heads repeat of each other.
func (r *repair) journals(ctx context.Context) error {
	logs := slices.Clone(r.report.Behind)
	for _, f := range r.found(inspect.Entry, inspect.Checkpoint, inspect.Head) {
		log := strings.TrimPrefix(f.Key, "journal/")
		if f.Class == inspect.Head {
			log = strings.TrimSuffix(strings.TrimPrefix(f.Key, "heads/"), ".json")
		} else if cut := strings.LastIndexByte(log, '/'); cut > 0 {
			log = log[:cut]
		}
		logs = append(logs, log)
	}
	slices.Sort(logs)
	for _, log := range slices.Compact(logs) {
		err := journal.Open(r.bucket, log, journal.Options{}).Restore(ctx, func(key string, content []byte) error {
			return r.put(ctx, objectOf(key, content), objstore.Bytes(content))
		})
		if err := r.because(err, r.found(inspect.Entry, inspect.Checkpoint, inspect.Head)...); err != nil {
			return err
		}
	}
	return nil
}

// candidate sets a damaged candidate aside; nothing depends on it.
func (r *repair) candidate(ctx context.Context) error {
	for _, f := range r.found(inspect.Candidate) {
		content, err := objstore.ReadAll(ctx, r.bucket, f.Key, 0)
		if err != nil {
			return err
		}
		if err := lake.SetAside(ctx, r.bucket, f.Key, objectOf(f.Key, content).SHA256); err != nil {
			return err
		}
		if err := r.bucket.Delete(ctx, f.Key); err != nil {
			return err
		}
		r.mended[f.Key] = true
	}
	return nil
}

// reportRepair says what was found and what became of it. What remains is damage.
func (a *app) reportRepair(r *repair, dryRun bool) error {
	done := repairReport{DryRun: dryRun, Objects: len(r.report.Named), Noted: r.report.Behind, Found: []repaired{}}
	var left []error
	for _, f := range r.report.Findings {
		line := repaired{Key: f.Key, Class: string(f.Class), Mended: r.mended[f.Key], Note: "made again from " + madeFrom[f.Class]}
		if dryRun {
			line.Note = "would be made from " + madeFrom[f.Class]
		}
		if !line.Mended && !dryRun {
			why := f.Err
			if r.reasons[f.Key] != nil {
				why = &fault.Error{Kind: fault.Damaged, Code: "not_repaired", Subject: f.Key, Hint: fault.HintOf(r.reasons[f.Key]), Err: r.reasons[f.Key], Message: "could not be made again"}
			}
			line.Note, line.Next = why.Error(), fault.HintOf(why)
			if strings.Contains(line.Next, "omoflow repair`; it makes") {
				line.Next = "restore this object from a backup"
			}
			left = append(left, why)
		}
		done.Found = append(done.Found, line)
	}
	if err := a.result("repair", done, nil, nil, func() error { a.printRepair(done, len(left)); return nil }); err != nil || len(left) == 0 {
		return err
	}
	return fault.Wrap(left[0], fault.Damaged, "not_repaired", "", done.nextOf(), fmt.Sprintf("%d of %d objects could not be made again, the first", len(left), len(r.report.Findings)))
}

// nextOf gives what to do about the first object that is left.
func (r repairReport) nextOf() string {
	for _, line := range r.Found {
		if !line.Mended {
			return line.Next
		}
	}
	return ""
}

func (a *app) printRepair(done repairReport, left int) {
	for _, line := range done.Found {
		mark := map[bool]string{true: "mended ", false: "LEFT   "}[line.Mended]
		if done.DryRun {
			mark = ""
		}
		a.print("  %s%s (%s): %s", mark, line.Key, line.Class, line.Note)
		if line.Next != "" {
			a.print("         next: %s", line.Next)
		}
	}
	switch {
	case len(done.Found) == 0:
		a.print("%d objects read: nothing is lost or damaged", done.Objects)
	case done.DryRun:
		a.print("%d of %d objects are lost or damaged; nothing was changed", len(done.Found), done.Objects)
	default:
		a.print("%d objects made again, %d left", len(done.Found)-left, left)
	}
}

// scratch makes a folder for files on their way.
func (r *repair) scratch() (dir string, done func(), err error) {
	dir, err = os.MkdirTemp(r.temp, "repair-")
	return dir, func() { _ = os.RemoveAll(dir) }, fault.Wrap(err, fault.Exhausted, "temp_unwritable", r.temp, "free space, or set engine.temp_dir to another folder", "scratch files cannot be written")
}
