package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/source"
)

// Filter chooses deliveries; empty fields choose all.
type Filter struct {
	Source, Feed, File, Batch string
	Limit                     int // of records; 0 is all
}

func (f Filter) batch(b lake.Batch) bool {
	return (f.Source == "" || f.Source == b.Source) && (f.Feed == "" || f.Feed == b.Feed) && (f.Batch == "" || f.Batch == b.ID)
}

// Record is a refused record, value or file.
type Record struct {
	Source, Feed, Batch string
	FileNo              int
	File, Kind          string
	Row, Line           int64
	Column              string
	Code, Message, Raw  string
	Open                bool // not replaced by a correction or a replay
}

// Quarantined lists what is in quarantine, oldest first.
func Quarantined(ctx context.Context, opt Options, filter Filter) ([]Record, error) {
	batches, err := opt.Lake.Batches(ctx)
	if err != nil {
		return nil, err
	}
	replaced := map[lake.FileRef]bool{}
	for _, b := range batches {
		for _, ref := range b.Supersedes {
			replaced[ref] = true
		}
	}
	var all []Record
	for _, b := range batches {
		if b.Quarantine == nil || !filter.batch(b.Batch) {
			continue
		}
		records, err := readQuarantine(ctx, opt, *b.Quarantine)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if filter.File != "" && filter.File != r.File {
				continue
			}
			if filter.Limit > 0 && len(all) >= filter.Limit {
				return all, nil
			}
			r.Open = !replaced[lake.FileRef{Batch: r.Batch, FileNo: r.FileNo}]
			all = append(all, r)
		}
	}
	return all, nil
}

func readQuarantine(ctx context.Context, opt Options, object lake.Object) ([]Record, error) {
	dir, err := os.MkdirTemp(opt.TempDir, "quarantine-")
	if err != nil {
		return nil, tempFault(err, opt.TempDir)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover is harmless
	path, err := objstore.NewCache(opt.Lake.Bucket, dir, 1<<30).Path(ctx, object.Key, object.SHA256, object.Bytes)
	if err != nil {
		return nil, err
	}
	rows, err := opt.DB.Text(ctx, `SELECT source, feed, batch, file_no, file, kind, coalesce("row", 0), coalesce(line, 0), coalesce("column", ''), code, message, coalesce(raw, '') FROM `+warehouse.ReadParquet(path)+` ORDER BY file_no, coalesce("row", 0), kind`)
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, r := range rows {
		no, err1 := strconv.Atoi(r[3])
		row, err2 := strconv.ParseInt(r[6], 10, 64)
		line, err3 := strconv.ParseInt(r[7], 10, 64)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, fault.Wrap(err, fault.Damaged, "object_damaged", object.Key, "run `omoflow repair`", "this is no quarantine")
		}
		all = append(all, Record{r[0], r[1], r[2], no, r[4], r[5], row, line, r[8], r[9], r[10], r[11], false})
	}
	return all, nil
}

// Replay takes files with anything in quarantine in again under the feeds' current profiles. The new rows replace all
// rows of the file, so the content is as if nothing had ever been refused. Files whose profile did not change since
// are left alone.
func Replay(ctx context.Context, opt Options, feeds []Feed, filter Filter) (Result, error) {
	opt.fill()
	var result Result
	for _, f := range feeds {
		if filter.Source != "" && filter.Source != f.Source || filter.Feed != "" && filter.Feed != f.Name {
			continue
		}
		one, err := prepare(opt, f)
		if err != nil {
			return result, err
		}
		replay := func(ctx context.Context, result *Result) error { return one.replay(ctx, filter, result) }
		if err := errors.Join(reevaluate(ctx, &result, replay), one.dropIndexes(context.WithoutCancel(ctx))); err != nil {
			return result, fmt.Errorf("replay %s.%s: %w", f.Source, f.Name, err)
		}
	}
	return result, nil
}

// waiting are the files of a feed that a replay may better.
func (f *feed) waiting(ctx context.Context, filter Filter) (files []lake.File, refs []lake.FileRef, err error) {
	batches, err := f.opt.Lake.Batches(ctx)
	if err != nil {
		return nil, nil, err
	}
	replaced := map[lake.FileRef]bool{}
	for _, b := range batches {
		for _, ref := range b.Supersedes {
			replaced[ref] = true
		}
	}
	for _, b := range batches {
		if b.Source != f.Source || b.Feed != f.Name || !filter.batch(b.Batch) || b.Quarantine == nil || b.Mapping == f.mapping {
			continue
		}
		for _, file := range b.Files {
			ref := lake.FileRef{Batch: b.ID, FileNo: file.No}
			if file.DuplicateOf != nil || replaced[ref] || filter.File != "" && filter.File != file.Name {
				continue
			}
			if file.Refused || file.Counts.Quarantined > 0 || filter.File == file.Name {
				files, refs = append(files, file), append(refs, ref)
			}
		}
	}
	return files, refs, nil
}

func (f *feed) replay(ctx context.Context, filter Filter, result *Result) error {
	if err := f.load(ctx); err != nil {
		return err
	}
	files, refs, err := f.waiting(ctx, filter)
	if err != nil {
		return err
	}
	failpoint.Hit("replay.begin")
	for i, stored := range files {
		// A name that was delivered again since holds the truth: its old bytes must not come back.
		if now, ok := f.state.names[stored.Name]; f.API == nil && ok && now != refs[i] && f.state.shas[stored.Name] != stored.SHA256 {
			continue
		}
		d := source.Delivery{Name: stored.Name, Size: stored.Bytes, Modified: stored.Modified, Captures: stored.Captures, Fetch: func(ctx context.Context, dir string) (string, error) {
			failpoint.Hit("replay.unpack")
			path := filepath.Join(dir, "replayed")
			return path, unpack(ctx, f.opt.Lake, stored, path)
		}}
		if f.pattern != nil {
			if captures, ok := f.captures(stored); ok {
				d.Captures = captures
			}
		}
		if err := f.take(ctx, []source.Delivery{d}, intent{replay: []lake.FileRef{refs[i]}, archive: stored.Archive, before: f.state.cursor, after: f.state.cursor}, result); err != nil {
			return fault.Wrap(err, fault.KindOf(err), "replay", stored.Name, fault.HintOf(err), "the file cannot be taken in again")
		}
		failpoint.Hit("replay.file_done")
	}
	return nil
}

// captures gives what the feed's pattern captures of a file that was taken before.
func (f *feed) captures(stored lake.File) (map[string]string, bool) {
	if a := stored.Archive; a != nil {
		return f.pattern.Within(a.Name, strings.TrimPrefix(stored.Name, a.Name+"/"))
	}
	return f.pattern.Match(stored.Name)
}
