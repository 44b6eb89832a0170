// Package ingest takes deliveries in: the bytes exactly as received, typed rows per canonical stream, refused records
// in quarantine, and one journal entry that makes all of it count at once.
//
// Conservation: Read = Accepted + Duplicate + Quarantined + Ignored, where Read is what the reader counted and
// Accepted what the written files hold. When the two sides differ nothing is committed.
package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"time"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// Location is how one location keeps time; empty values are the profile's.
type Location struct {
	Zone    string // IANA
	Cutover string // HH:MM
}

// Options is what every feed shares. Lake, DB and TempDir are mandatory.
type Options struct {
	Lake      *lake.Lake
	DB        *warehouse.DB
	TempDir   string // private; on the lake's file system finished files are linked instead of copied
	Zone      string // of profiles that name none; default UTC
	Locations map[string]Location
	Limits    profile.Limits
	Now       func() time.Time                 // for the settle rule only; default time.Now
	Progress  func(format string, args ...any) // may be nil

	BatchBytes int64  // files of one batch together; default 256 MiB, of an API's pages 16 MiB
	BatchFiles int    // default 500
	Backfill   *Range // read this range of the past instead of what is new; files are not touched

	directBytes int64 // see the constant; tests set it
}

// Feed is one kind of file of a source, or one stream of an API.
type Feed struct {
	Source, Name string
	API          *source.Feed // set for an API: then Place, Match, Settle and Marker are not used
	Place        file.Place
	Match        string
	Settle       time.Duration
	Marker       string
	Profile      *profile.Profile
	RefuseOver   int64 // parts per million of refused records above which nothing of a file lands; 20,000 is 2 %
	Constants    map[string]string
}

// Finding is a delivery that needs a person: refused files, and records in quarantine.
type Finding struct {
	Source, Feed, File string
	Code, Message      string
	Records            int64
}

// Result says what a run did.
type Result struct {
	Batches  []lake.Batch // committed, in order
	Counts   lake.Counts
	Files    int // taken in, refused and duplicate ones included
	Refused  int
	Same     int // files whose bytes were known
	Replaced int // files that replaced an earlier delivery of their name
	Waiting  []string
	Findings []Finding
}

func (o *Options) fill() {
	if o.BatchBytes == 0 {
		o.BatchBytes = 256 << 20
	}
	if o.BatchFiles == 0 {
		o.BatchFiles = 500
	}
	if o.directBytes == 0 {
		o.directBytes = directBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == "" {
		o.Zone = "UTC"
	}
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
}

// Run takes in what has arrived at the feeds. A feed that fails does not stop the others; the error then is
// fault.Partial when others succeeded. Running again after any interruption gives the same content.
func Run(ctx context.Context, opt Options, feeds []Feed) (Result, error) {
	opt.fill()
	var result Result
	var failed []error
	for _, f := range feeds {
		one, err := prepare(opt, f)
		switch {
		case err != nil:
		case f.API != nil:
			err = reevaluate(ctx, &result, one.runAPI)
		case opt.Backfill == nil:
			err = reevaluate(ctx, &result, one.run)
		}
		if ctx.Err() != nil {
			return result, fault.Wrap(context.Cause(ctx), fault.Interrupted, "interrupted", f.Source+"."+f.Name, "run again; nothing is lost or taken twice", "ingest was stopped")
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("ingest %s.%s: %w", f.Source, f.Name, err))
		}
	}
	switch {
	case len(failed) == 0:
		return result, nil
	case exhausted(failed) != nil:
		// What comes after would fail the same way, and a release of half a delivery helps nobody.
		return result, fault.Wrap(errors.Join(failed...), fault.Exhausted, "feeds_exhausted", "", fault.HintOf(exhausted(failed)), fmt.Sprintf("%d of %d feeds failed", len(failed), len(feeds)))
	case len(failed) == len(feeds):
		return result, errors.Join(failed...)
	}
	return result, fault.Wrap(errors.Join(failed...), fault.Partial, "feeds_failed", "", "correct them and run again; the other feeds are done", fmt.Sprintf("%d of %d feeds failed", len(failed), len(feeds)))
}

// How often a feed is tried when other writers keep committing to it, and the first pause, which grows by half.
const (
	conflictTries = 10
	conflictPause = 100 * time.Millisecond
)

// reevaluate runs work and, when another writer took the slot of its entry, runs it anew: everything is decided again on what that
// one left, so that what both were about to take is taken once.
func reevaluate(ctx context.Context, result *Result, work func(context.Context, *Result) error) error {
	pause := conflictPause
	for try := 1; ; try++ {
		waiting := len(result.Waiting)
		err := work(ctx, result)
		var lost *fault.Error
		if !errors.As(err, &lost) || lost.Kind != fault.Conflict || lost.Code == "fenced" || try == conflictTries {
			return err
		}
		result.Waiting = result.Waiting[:waiting]
		if objstore.Pause(ctx, pause/2+rand.N(pause)) != nil {
			return err
		}
		pause += pause / 2
	}
}

// exhausted gives the first error that says that disk, memory or time ran out.
func exhausted(failed []error) error {
	for _, err := range failed {
		if fault.KindOf(err) == fault.Exhausted {
			return err
		}
	}
	return nil
}

// feed is a Feed at work.
type feed struct {
	Feed
	opt     Options
	pattern *file.Pattern
	plan    *profile.Plan
	mapping string // version of the rules
	log     *journal.Log
	seq     int64 // of the log's tail
	state   state
	ruled   lake.Object               // rules stored already
	cache   *objstore.Cache           // of earlier whole records
	indexed map[string]map[int64]bool // stream -> batches whose keys are indexed
}

func prepare(opt Options, f Feed) (*feed, error) {
	one := &feed{Feed: f, opt: opt, log: opt.Lake.StreamLog(f.Source, f.Name), indexed: map[string]map[int64]bool{}}
	bind := &profile.Bind{Constants: f.Constants}
	var err error
	if f.API != nil {
		bind.Captures = f.API.Captures
	} else {
		if one.pattern, err = file.ParsePattern(f.Match); err != nil {
			return nil, err
		}
		bind.Captures = one.pattern.Captures()
	}
	if one.plan, err = f.Profile.Compile(bind); err != nil {
		return nil, err
	}
	one.mapping = one.mappingVersion()
	return one, nil
}

// engineVersion changes when the same profile and bytes would give other rows.
const engineVersion = "1"

// mappingVersion hashes everything besides the bytes that rows depend on.
func (f *feed) mappingVersion() string {
	h := sha256.New()
	fmt.Fprintf(h, "ingest %s\n%q\n%s\n%q\n", engineVersion, f.Profile.Text(), f.opt.Zone, f.Match)
	for _, m := range []map[string]string{f.Constants, locationText(f.opt.Locations)} {
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			fmt.Fprintf(h, "%q %q\n", k, m[k])
		}
		fmt.Fprintln(h)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func locationText(m map[string]Location) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = v.Zone + " " + v.Cutover
	}
	return out
}

// run takes in what is new of one feed.
func (f *feed) run(ctx context.Context, result *Result) error {
	if err := f.load(ctx); err != nil {
		return err
	}
	failpoint.Hit("feed.loaded")
	watch := &file.Watch{
		Place: f.Place, Pattern: f.pattern, Settle: f.Settle, Marker: f.Marker, Now: f.opt.Now,
		Known:   func(e file.Entry) bool { return f.state.known[knownKey(e.Name, e.Size, e.Modified)] },
		Waiting: func(e file.Entry) { result.Waiting = append(result.Waiting, e.Name) },
	}
	var group []source.Delivery
	var size int64
	done := 0
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		err := f.take(ctx, group, intent{}, result)
		done += len(group)
		f.opt.Progress("%s.%s: %d files", f.Source, f.Name, done)
		group, size = nil, 0
		return err
	}
	_, err := watch.Pull(ctx, nil, func(d source.Delivery) error {
		if len(group) > 0 && (f.large(d.Size) || f.large(group[0].Size) || size+d.Size > f.opt.BatchBytes || len(group) >= f.opt.BatchFiles || slices.ContainsFunc(group, func(g source.Delivery) bool { return g.Name == d.Name })) {
			if err := flush(); err != nil {
				return err
			}
		}
		group, size = append(group, d), size+d.Size
		return nil
	})
	if err != nil {
		return err
	}
	if err := flush(); err != nil {
		return err
	}
	if f.seq < journal.FoldSize {
		return nil
	}
	return f.log.Checkpoint(ctx) // which does nothing while no run of entries is full
}

func hashFile(path string) (sha string, size int64, err error) {
	in, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	h := sha256.New()
	size, err = io.CopyBuffer(h, struct{ io.Reader }{in}, make([]byte, 1<<18))
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// scratch makes a private folder.
func (f *feed) scratch() (string, func(), error) {
	dir, err := os.MkdirTemp(f.opt.TempDir, "ingest-")
	if err != nil {
		return "", nil, fault.Wrap(err, fault.Exhausted, "temp_unwritable", f.opt.TempDir, "free space, or set engine.temp_dir to another folder", "scratch files cannot be written")
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil // a leftover is harmless: nothing reads it
}
