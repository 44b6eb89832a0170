// Package inspect finds what is wrong with a lake: it reads every object that the journal names, directly or through a
// release, and names each that is lost, altered, cut, in another's place or older than what others say of it.
//
// What speaks for an object: an entry's hash is named by the next entry, its place and end of log by the log's head, by
// releases and by itself; everything else has its size and sha256 in an entry or a manifest, whose name is its own hash.
package inspect

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/release"
)

// Class says what an object is, which decides what it can be made from again.
type Class string

// The classes of objects.
const (
	Root       Class = "lake.json"
	Entry      Class = "entry"
	Checkpoint Class = "checkpoint"
	Head       Class = "head"
	Raw        Class = "raw"
	Rules      Class = "rules"
	Staged     Class = "staged"
	Quarantine Class = "quarantine"
	Manifest   Class = "manifest"
	Table      Class = "table"
	Document   Class = "document"
	Candidate  Class = "candidate"
)

// Named is an object that the lake counts on.
type Named struct {
	lake.Object        // Bytes is negative where only the hash is known
	Class       Class  `json:"class"`
	By          string // the entry that names it, or the manifest
	File        string // Raw: name of a delivered file with these bytes
	Release     int64  // Table, Manifest, Document: the first release that needs it
}

// Finding is an object that is not what it should be.
type Finding struct {
	Named
	Missing bool
	Err     error // fault.Damaged, with what to do next
}

// Options say what to read. The journal and the manifests, which name all else, are always read.
type Options struct {
	Data     bool                  // read all bytes; else only presence and size are looked at
	Part, Of int                   // read only the objects of the Part-th of Of parts; Of parts together are all. 0 of 0 is all
	Progress func(done, total int) // may be nil
}

// Report is what an inspection saw.
type Report struct {
	Named       []Named // every object that counts, besides entries, checkpoints and heads; by key
	Findings    []Finding
	Batches     []lake.BatchEntry // that could be read
	Releases    []release.Release // that could be read
	Documents   []lake.Document   // that could be read
	Entries     int
	Read        int   // objects besides the journal whose bytes were read, or only looked at without Data
	ReadBytes   int64 // of those
	Orphans     int   // objects that nothing names: the rests of crashes, harmless
	OrphanBytes int64
	Behind      []string // logs whose head lags: the rest of a crash between an entry and its head, harmless
}

// inspection is a Report being made.
type inspection struct {
	Report
	bucket objstore.Bucket
	opt    Options
	id     string // of the lake; "" when lake.json cannot tell
	named  map[string]Named
	seen   map[string]bool // keys of the journal's own objects
	hashes map[string]map[int64]string
	tails  map[string]int64
}

// Run looks at everything in the bucket of a lake. The error is only for what kept it from looking.
func Run(ctx context.Context, b objstore.Bucket, opt Options) (Report, error) {
	if opt.Of < 0 || opt.Part < 0 || opt.Part > opt.Of || opt.Of > 0 && opt.Part == 0 {
		return Report{}, fault.New(fault.Usage, "bad_part", "", "write n/t with n from 1 to t, such as 3/30", "%d/%d names no part", opt.Part, opt.Of)
	}
	in := &inspection{bucket: b, opt: opt, named: map[string]Named{}, seen: map[string]bool{lake.RootKey: true}, hashes: map[string]map[int64]string{}, tails: map[string]int64{}}
	for _, step := range []func(context.Context) error{in.root, in.logs, in.manifests, in.candidate, in.objects, in.orphans} {
		if err := step(ctx); err != nil {
			return in.Report, err
		}
	}
	slices.SortStableFunc(in.Findings, func(a, b Finding) int { return strings.Compare(a.Key, b.Key) })
	return in.Report, nil
}

// root looks at lake.json.
func (in *inspection) root(ctx context.Context) error {
	lk, err := lake.Open(ctx, in.bucket)
	switch {
	case err == nil:
		in.id = lk.ID
	case errors.Is(err, objstore.ErrNotFound):
		in.find(Named{Object: lake.Object{Key: lake.RootKey}, Class: Root}, true, "run `omoflow repair`; a release tells what lake.json said", "the object is missing")
	case fault.KindOf(err) == fault.Damaged:
		in.Findings = append(in.Findings, Finding{Named: Named{Object: lake.Object{Key: lake.RootKey}, Class: Root}, Err: err})
	default:
		return err
	}
	return nil
}

// find notes a finding.
func (in *inspection) find(n Named, missing bool, hint, format string, args ...any) {
	in.Findings = append(in.Findings, finding(n, missing, hint, format, args...))
}

func finding(n Named, missing bool, hint, format string, args ...any) Finding {
	code := "object_damaged"
	if missing {
		code = "object_missing"
	}
	return Finding{Named: n, Missing: missing, Err: fault.New(fault.Damaged, code, n.Key, hint, format, args...)}
}

// name notes an object that counts; the first to name it stands. The hint of a finding comes from what it can be made of.
func (in *inspection) name(n Named) {
	known, ok := in.named[n.Key]
	if !ok {
		in.named[n.Key] = n
		return
	}
	if known.SHA256 != n.SHA256 {
		in.find(n, false, "report this", "%s and %s name it with different sha256", known.By, n.By)
	}
}

// manifests reads the manifests of all releases and names their files.
func (in *inspection) manifests(ctx context.Context) error {
	lk := &lake.Lake{Bucket: in.bucket, ID: in.id}
	done := map[string]bool{}
	for _, r := range in.Releases {
		for _, table := range slices.Sorted(maps.Keys(r.Tables)) {
			ref := r.Tables[table]
			n := Named{Object: lake.Object{Key: lake.ManifestKey(table, ref.Manifest), SHA256: ref.Manifest, Bytes: -1}, Class: Manifest, By: journal.EntryKey("release", r.Seq), Release: r.Seq}
			if done[n.Key] {
				continue
			}
			done[n.Key] = true
			in.named[n.Key] = n
			m, err := release.ReadManifest(ctx, lk, table, ref.Manifest)
			if fault.KindOf(err) == fault.Damaged {
				in.Findings = append(in.Findings, Finding{Named: n, Missing: errors.Is(err, objstore.ErrNotFound), Err: err})
				continue
			}
			if err != nil {
				return err
			}
			for _, p := range m.Partitions {
				for _, f := range p.Files {
					in.name(Named{Object: f, Class: Table, By: n.Key, Release: r.Seq})
				}
			}
		}
	}
	return nil
}

// candidate looks at the last candidate, which nothing depends on.
func (in *inspection) candidate(ctx context.Context) error {
	in.seen[lake.CandidateKey] = true
	_, _, err := release.Candidate(ctx, &lake.Lake{Bucket: in.bucket})
	if fault.KindOf(err) == fault.Damaged {
		in.Findings = append(in.Findings, Finding{Named: Named{Object: lake.Object{Key: lake.CandidateKey}, Class: Candidate}, Err: err})
		return nil
	}
	return err
}

// mine tells whether the bytes of a key belong to the part that is read.
func (in *inspection) mine(key string) bool {
	if in.opt.Of <= 1 {
		return true
	}
	sum := sha256.Sum256([]byte(key))
	return binary.BigEndian.Uint64(sum[:8])%uint64(in.opt.Of) == uint64(in.opt.Part-1)
}

// orphans counts what is in the bucket and named by nothing.
func (in *inspection) orphans(ctx context.Context) error {
	return in.bucket.List(ctx, "", "", func(info objstore.Info) error {
		_, named := in.named[info.Key]
		said := strings.HasPrefix(info.Key, "runs/") // by runs, which come and go with their month
		if !named && !said && !in.seen[info.Key] && !strings.HasPrefix(info.Key, "journal/") {
			in.Orphans++
			in.OrphanBytes += info.Size
		}
		return nil
	})
}
