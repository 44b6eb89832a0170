package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// trialFlags say how a profile is tried.
type trialFlags struct {
	rows, refused int
	match, zone   string
	constants     map[string]string
	raw           bool
}

// trial is what a profile made of a file.
type trial struct {
	Profile  string         `json:"profile"`
	File     string         `json:"file"`
	Encoding string         `json:"encoding"`
	Header   int64          `json:"header_line"`
	Counts   lake.Counts    `json:"counts"`
	Rows     []trialRecord  `json:"rows"`
	Refused  []trialRefusal `json:"refused"`
	Totals   []trialTotal   `json:"totals"`
}

// trialRecord is a delivered record and the canonical rows that begin with it.
type trialRecord struct {
	Record int64       `json:"record"`
	Line   int64       `json:"line"`
	Text   string      `json:"text"`
	Rows   []trialMade `json:"rows"`
}

type trialRefusal struct {
	Line    int64  `json:"line"`
	Kind    string `json:"kind"` // row, value
	Column  string `json:"column"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Text    string `json:"text"`
}

type trialMade struct {
	Stream string            `json:"stream"`
	Values map[string]string `json:"values"`

	order   []string
	persons []string // values that are shown masked
}

// trialTotal is what a stream's rows sum up to.
type trialTotal struct {
	Stream string            `json:"stream"`
	Rows   int64             `json:"rows"`
	First  string            `json:"first_day,omitempty"`
	Last   string            `json:"last_day,omitempty"`
	Sums   map[string]string `json:"sums"`
}

// profileTest takes a file into a lake of its own that is thrown away: what it shows is what a run would make.
func (a *app) profileTest(ctx context.Context, name, path string, f trialFlags) error {
	mapping, zone, err := a.trialProfile(name)
	if err != nil {
		return err
	}
	if f.zone != "" {
		if mapping, err = mapping.InZone(f.zone); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "omoflow-profile-")
	if err != nil {
		return fault.Wrap(err, fault.Exhausted, "temp_missing", os.TempDir(), "free space, or set TMPDIR to another folder", "scratch files cannot be written")
	}
	defer os.RemoveAll(dir) //nolint:errcheck // scratch
	db, err := warehouse.Open(ctx, warehouse.Options{TempDir: dir})
	if err != nil {
		return err
	}
	defer db.Close()
	options, err := trialLake(ctx, dir, path)
	if err != nil {
		return err
	}
	options.DB, options.Zone = db, zone
	feed := ingest.Feed{Source: "trial", Name: "file", Place: file.Dir(filepath.Join(dir, "in")), Match: f.match, Profile: mapping, RefuseOver: 1_000_000, Constants: f.constants}
	result, err := ingest.Run(ctx, options, []ingest.Feed{feed})
	if err != nil {
		return err
	}
	if len(result.Batches) == 0 {
		return fault.New(fault.Usage, "no_match", path, "write --match so that it fits the file's name", "the name does not fit %q", f.match)
	}
	batch := result.Batches[0]
	if batch.Files[0].Refused {
		return fault.New(fault.Findings, "refused_file", path, "`omoflow profile detect "+path+"` tells how it is written", "the file is refused: %s", batch.Files[0].Reason)
	}
	done := trial{Profile: name, File: path, Encoding: batch.Files[0].Encoding, Header: batch.Files[0].HeaderLine, Counts: batch.Counts}
	if err := done.read(ctx, options, batch, filepath.Join(dir, "in", filepath.Base(path)), f); err != nil {
		return err
	}
	next := []string{"write `profile: " + name + "` at a feed of omoflow.yaml"}
	if err := a.result("profile_tested", done, nil, next, func() error { a.printTrial(done); return nil }); err != nil {
		return err
	}
	if n := batch.Counts.Quarantined; n > 0 {
		over := ""
		if n*50 > batch.Counts.Read {
			over = "; a feed refuses the whole file when it is more than refuse_over, 2 % if not set"
		}
		return fault.New(fault.Findings, "records_refused", path, "mend the profile, or the file"+over, "%d of %d records are refused", n, batch.Counts.Read)
	}
	return nil
}

// trialProfile loads a profile as a project would, with its zone when there is a project.
func (a *app) trialProfile(name string) (*profile.Profile, string, error) {
	config, err := loadConfig(a.project)
	var missing *fault.Error
	if errors.As(err, &missing) && missing.Code == "config_missing" {
		config, err = &Config{dir: ".", path: "the command line", Company: Company{Zone: "UTC"}}, nil
	}
	if err != nil {
		return nil, "", err
	}
	mapping, err := config.profile(name)
	if err != nil && strings.ContainsAny(name, "./\\") && a.project != "." { // named from where the person stands
		if data, here := os.ReadFile(name); here == nil {
			mapping, err = profile.Parse(name, data)
		}
	}
	return mapping, config.Company.Zone, err
}

// trialLake makes an empty lake in dir and puts the file into an inbox beside it.
func trialLake(ctx context.Context, dir, path string) (ingest.Options, error) {
	bucket, err := localfs.New(filepath.Join(dir, "lake"))
	if err != nil {
		return ingest.Options{}, err
	}
	lk, err := lake.Create(ctx, bucket)
	if err != nil {
		return ingest.Options{}, err
	}
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o700); err != nil {
		return ingest.Options{}, err
	}
	in, err := os.Open(path)
	if err != nil {
		return ingest.Options{}, fault.Wrap(err, fault.Usage, "file_unreadable", path, "name a file that exists and that this user may read", "the file cannot be opened")
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.Create(filepath.Join(dir, "in", filepath.Base(path)))
	if err != nil {
		return ingest.Options{}, err
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Close())
	return ingest.Options{Lake: lk, TempDir: dir}, fault.Wrap(err, fault.Exhausted, "temp_write", dir, "free space, or set TMPDIR to another folder", "the file cannot be copied")
}

// read gathers what became of the file.
func (t *trial) read(ctx context.Context, opt ingest.Options, batch lake.Batch, path string, f trialFlags) error {
	made := map[int64][]trialMade{}
	for _, staged := range batch.Staged {
		local, ok := opt.Lake.Bucket.(interface{ LocalPath(string) (string, bool) }).LocalPath(staged.Object.Key)
		if !ok {
			return fmt.Errorf("read %s of a local lake", staged.Object.Key)
		}
		from := " FROM " + warehouse.ReadParquet(local)
		if err := t.total(ctx, opt.DB, staged, from); err != nil {
			return err
		}
		if err := firstRows(ctx, opt.DB, staged.Stream, from, f, made); err != nil {
			return err
		}
	}
	var records []int64
	for record := range made {
		records = append(records, record)
	}
	slices.Sort(records)
	wanted := map[int64]bool{}
	for _, record := range records[:min(f.rows, len(records))] {
		wanted[record] = true
	}
	layout := batch.Files[0]
	found, err := profile.Find(ctx, path, profile.Layout{Format: layout.Format, Encoding: layout.Encoding, Delimiter: layout.Delimiter, HeaderLine: layout.HeaderLine, Header: layout.Header}, profile.Limits{}, wanted)
	if err != nil {
		return err
	}
	hide := maskContacts
	if f.raw {
		hide = func(s string) string { return s }
	}
	for _, record := range records {
		if wanted[record] {
			text := found[record].Text
			for _, row := range made[record] {
				for _, person := range row.persons {
					text = strings.ReplaceAll(text, person, maskValue(person, ""))
				}
			}
			t.Rows = append(t.Rows, trialRecord{record, found[record].Line, hide(text), made[record]})
		}
	}
	refused, err := ingest.Quarantined(ctx, opt, ingest.Filter{Limit: f.refused})
	for _, r := range refused {
		t.Refused = append(t.Refused, trialRefusal{r.Line, r.Kind, r.Column, r.Code, r.Message, hide(r.Raw)})
	}
	return err
}

// total sums a stream's amounts and quantities.
func (t *trial) total(ctx context.Context, db *warehouse.DB, staged lake.Staged, from string) error {
	one := trialTotal{Stream: staged.Stream, Rows: staged.Object.Rows, First: staged.MinDate, Last: staged.MaxDate, Sums: map[string]string{}}
	columns, err := db.Text(ctx, "SELECT column_name FROM (DESCRIBE SELECT *"+from+") WHERE column_type LIKE 'DECIMAL%' OR (column_type = 'BIGINT' AND column_name NOT IN ('source_row', 'line_no', 'scale'))")
	if err != nil {
		return err
	}
	for _, column := range columns {
		sum, err := db.Text(ctx, "SELECT coalesce(CAST(sum("+warehouse.Identifier(column[0])+") AS VARCHAR), '')"+from)
		if err != nil {
			return err
		}
		if sum[0][0] != "" && !strings.HasPrefix(column[0], "unit_") && !strings.HasSuffix(column[0], "_rate") {
			one.Sums[column[0]] = sum[0][0]
		}
	}
	t.Totals = append(t.Totals, one)
	return nil
}

// firstRows reads the rows of the first records.
func firstRows(ctx context.Context, db *warehouse.DB, stream, from string, f trialFlags, into map[int64][]trialMade) error {
	rows, err := db.Query(ctx, fmt.Sprintf("SELECT * EXCLUDE (source, batch, file_no, source_version)%s ORDER BY source_row LIMIT %d", from, f.rows))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		one := trialMade{Stream: stream, Values: map[string]string{}}
		record := int64(0)
		for i, text := range rows.Text() {
			name := rows.Columns()[i].Name
			switch {
			case name == "source_row":
				record, _ = strconv.ParseInt(text, 10, 64) // a BIGINT
			case text == "" || name == "source_record_id":
			case personal(stream, name) && !f.raw:
				if name != "attributes" {
					one.persons = append(one.persons, text)
				}
				one.Values[name], one.order = maskValue(text, name), append(one.order, name)
			default:
				one.Values[name], one.order = text, append(one.order, name)
			}
		}
		into[record] = append(into[record], one)
	}
	return rows.Err()
}

// maskValue keeps the first character of personal data, and all of attributes but contacts.
func maskValue(text, name string) string {
	if name == "attributes" {
		return maskContacts(text)
	}
	r := []rune(text)
	if len(r) == 0 {
		return text
	}
	return string(r[:1]) + strings.Repeat("*", min(len(r)-1, 8))
}

func (a *app) printTrial(t trial) {
	a.print("%s under profile %s: %s, header in line %d", t.File, t.Profile, t.Encoding, t.Header)
	c := t.Counts
	a.print("%d records read = %d accepted + %d duplicate + %d quarantined + %d ignored", c.Read, c.Accepted, c.Duplicate, c.Quarantined, c.Ignored)
	for _, r := range t.Rows {
		a.print("\nline %d: %s", r.Line, r.Text)
		for _, made := range r.Rows {
			var words []string
			for _, name := range made.order {
				words = append(words, name+"="+made.Values[name])
			}
			a.print("  %s: %s", made.Stream, strings.Join(words, " "))
		}
	}
	if len(t.Refused) > 0 {
		a.print("\nrefused:")
	}
	for _, r := range t.Refused {
		a.print("  line %d column %s: %s: %s\n    %s", r.Line, orNA(r.Column), r.Code, r.Message, r.Text)
	}
	a.print("\ncontrol totals:")
	for _, one := range t.Totals {
		var sums []string
		for _, name := range sortedKeys(one.Sums) {
			sums = append(sums, name+"="+one.Sums[name])
		}
		days := ""
		if one.First != "" {
			days = ", " + one.First + " to " + one.Last
		}
		a.print("  %s: %d rows%s; %s", one.Stream, one.Rows, days, strings.Join(sums, " "))
	}
}
