package report

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
)

// Manifest describes one archived version of a document. It is written after the files, and the entry of the document log
// that names all of them after it: a version is in the archive when its manifest is.
type Manifest struct {
	Format      int            `json:"format"`
	Kind        Kind           `json:"report"`
	Period      string         `json:"period"`
	Version     int            `json:"version"`
	Status      string         `json:"status"`
	ContentHash string         `json:"content_hash"`
	Release     int64          `json:"release"`
	ReleaseHash string         `json:"release_hash"`
	DataAsOf    string         `json:"data_as_of"`
	NotFed      []string       `json:"not_fed"`
	Languages   []Language     `json:"languages,omitempty"`
	Files       []ArchivedFile `json:"files"`
}

// ArchivedFile is one stored file of a version.
type ArchivedFile struct {
	Name   string `json:"name"`
	Key    string `json:"key"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// Archived is the outcome of Archive: the version that holds the content, and whether this call made it.
type Archived struct {
	Manifest Manifest
	Created  bool
}

const (
	manifestName  = "manifest.json"
	manifestLimit = 1 << 20
	attempts      = 16 // versions tried when other writers take the ones in between
)

// Archive renders a document and keeps it under reports/<report>/<period>/v<N>/. Content that the latest version
// already holds makes no new version; other content makes the next one. Stored files are never overwritten, so
// several writers may archive at once. req.Version is ignored.
func Archive(ctx context.Context, b objstore.Bucket, src Source, req Request) (Archived, error) {
	req.Version = 0
	doc, err := prepare(ctx, src, req)
	if err != nil {
		return Archived{}, err
	}
	next := 0
	for range attempts {
		last, err := latest(ctx, b, req.Kind, doc.Period.Name)
		if err != nil {
			return Archived{}, err
		}
		again, err := latest(ctx, b, req.Kind, doc.Period.Name)
		if err != nil {
			return Archived{}, err
		}
		// A wrong bit on the way must not make a new version of the same content, nor be recorded: what decides is read twice.
		if !reflect.DeepEqual(last, again) {
			continue
		}
		if last.ContentHash == doc.Header.Hash {
			return Archived{Manifest: last}, record(ctx, b, last) // the entry may be missing after a crash
		}
		next = max(next, last.Version)
		next++
		m, err := store(ctx, b, doc, req, next)
		if errors.Is(err, objstore.ErrExists) {
			continue // another writer's version, or what a crash left of it
		}
		if err != nil {
			return Archived{}, err
		}
		failpoint.Hit("report.archived")
		return Archived{Manifest: m, Created: true}, record(ctx, b, m)
	}
	return Archived{}, fault.New(fault.Conflict, "report_contended", string(req.Kind)+" "+req.Period, "run the command again", "other writers took %d versions in a row", attempts)
}

// piece is one object of a version.
type piece struct {
	lake.Object
	content []byte
}

// pieces renders a version and gives its objects, the manifest last.
func (d *document) pieces(req Request, version int) (Manifest, []piece, error) {
	d.Header.Version = version
	a, err := d.render(req)
	if err != nil {
		return Manifest{}, nil, err
	}
	f := d.Header.Facts
	m := Manifest{Format: 1, Kind: a.Kind, Period: a.Period, Version: version, Status: a.Status, ContentHash: a.ContentHash, Release: f.Release, ReleaseHash: f.ReleaseHash, DataAsOf: f.DataAsOf, NotFed: a.NotFed, Languages: req.languages()}
	var all []piece
	add := func(name string, content []byte) {
		sum := sha256.Sum256(content)
		all = append(all, piece{lake.Object{Key: lake.ReportKey(string(a.Kind), a.Period, version, name), SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(content))}, content})
	}
	for _, part := range []struct {
		name    string
		content []byte
	}{{"document.html", a.HTML}, {"workbook.xlsx", a.XLSX}, {"facts.jsonl", a.Facts}} {
		add(part.name, part.content)
		o := all[len(all)-1].Object
		m.Files = append(m.Files, ArchivedFile{Name: part.name, Key: o.Key, SHA256: o.SHA256, Bytes: o.Bytes})
	}
	text, err := m.encode()
	add(manifestName, text)
	return m, all, err
}

func (m Manifest) encode() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the manifest of a report: %w", err)
	}
	return append(text, '\n'), nil
}

// latest gives the newest version, the zero Manifest when there is none.
func latest(ctx context.Context, b objstore.Bucket, kind Kind, period string) (Manifest, error) {
	kept, err := Versions(ctx, b, kind, period)
	if err != nil || len(kept) == 0 {
		return Manifest{}, err
	}
	return kept[len(kept)-1], nil
}

// store writes one version; ErrExists when any of its names holds other bytes.
func store(ctx context.Context, b objstore.Bucket, doc *document, req Request, version int) (Manifest, error) {
	failpoint.Hit("report.render")
	m, all, err := doc.pieces(req, version)
	if err != nil {
		return Manifest{}, err
	}
	for _, p := range all {
		if p.Key == all[len(all)-1].Key {
			failpoint.Hit("report.manifest")
		} else {
			failpoint.Hit("report.upload")
		}
		if err := putOnce(ctx, b, p.Key, p.content, p.SHA256); err != nil {
			return m, err
		}
	}
	return m, nil
}

// putOnce stores bytes; the same bytes under the key already are fine, as after a crash.
func putOnce(ctx context.Context, b objstore.Bucket, key string, content []byte, sum string) error {
	_, err := b.PutIfAbsent(ctx, key, objstore.Bytes(content), objstore.PutOptions{SHA256: sum})
	if !errors.Is(err, objstore.ErrExists) {
		if err != nil {
			return fmt.Errorf("store %s: %w", key, err)
		}
		return nil
	}
	for range 2 { // bytes that differ are read once more: what went wrong on the way is not what is stored
		there, readErr := objstore.ReadAll(ctx, b, key, 0)
		if readErr != nil {
			return fmt.Errorf("read %s back: %w", key, readErr)
		}
		if slices.Equal(there, content) {
			return nil
		}
	}
	return fmt.Errorf("store %s: %w", key, objstore.ErrExists)
}

// Versions lists the archived versions of a document, oldest first.
func Versions(ctx context.Context, b objstore.Bucket, kind Kind, period string) ([]Manifest, error) {
	first := lake.ReportKey(string(kind), period, 1, manifestName)
	prefix := strings.TrimSuffix(first, "v1/"+manifestName)
	var numbers []int
	err := b.List(ctx, prefix, "", func(i objstore.Info) error {
		folder, name, ok := strings.Cut(strings.TrimPrefix(i.Key, prefix), "/")
		if n, err := strconv.Atoi(strings.TrimPrefix(folder, "v")); ok && name == manifestName && err == nil && n > 0 {
			numbers = append(numbers, n)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the versions of %s %s: %w", kind, period, err)
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers) // a listing may repeat itself
	list := make([]Manifest, 0, len(numbers))
	for _, n := range numbers {
		key := lake.ReportKey(string(kind), period, n, manifestName)
		text, err := objstore.ReadAll(ctx, b, key, manifestLimit)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", key, err)
		}
		var m Manifest
		if err := json.Unmarshal(text, &m); err != nil || m.Version != n {
			return nil, fault.Wrap(orElse(err), fault.Damaged, "report_manifest", key, "run `omoflow repair`; it renders the document again", "the manifest of an archived report cannot be read")
		}
		list = append(list, m)
	}
	return list, nil
}

func orElse(err error) error {
	if err == nil {
		return errors.New("it names another version")
	}
	return err
}

// Read gives the bytes of an archived file and fails as damaged when they are not what the manifest says.
func Read(ctx context.Context, b objstore.Bucket, f ArchivedFile) ([]byte, error) {
	content, err := objstore.ReadAll(ctx, b, f.Key, 0)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Key, err)
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != f.SHA256 {
		return nil, fault.New(fault.Damaged, "report_damaged", f.Key, "run `omoflow repair`; it renders the document again", "the archived file does not have the recorded sha256")
	}
	return content, nil
}
