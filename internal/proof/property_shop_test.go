package proof

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/strictyaml"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/internal/world"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/profile"
	"github.com/omoflow/omoflow/transforms"
)

// bench is what many cases share: one engine, the models, and the demo's feeds with their compiled profiles.
type bench struct {
	top     testing.TB // the whole test
	dir     string     // on a memory file system where there is one: a case is many small files, each synced
	db      *warehouse.DB
	threads int
	models  *transforms.Project
	feeds   []benchFeed
	made    int
}

type benchFeed struct {
	source, name, match string
	refuseOver          int64
	profile             *profile.Profile
	expect              [][]string
}

// newBench opens an engine of its own, so that tests that run side by side do not share its threads.
func newBench(t testing.TB, threads int, memory string, targets ...string) *bench {
	t.Helper()
	b := &bench{top: t, dir: fastDir(t), threads: threads, models: chosenModels(t, targets...), feeds: demoFeeds(t)}
	b.db = openEngine(t, b.dir, threads, memory)
	return b
}

func openEngine(t testing.TB, dir string, threads int, memory string) *warehouse.DB {
	t.Helper()
	db, err := warehouse.Open(context.Background(), warehouse.Options{Threads: threads, MemoryLimit: memory, TempDir: filepath.Join(dir, fmt.Sprintf("spill-%d-%s", threads, memory))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "omoflow-proof-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// chosenModels loads the shipped models: all, or the named tables with everything that they and their checks read.
func chosenModels(t testing.TB, targets ...string) *transforms.Project {
	t.Helper()
	whole, err := transforms.Load(transforms.Shipped())
	if err != nil || len(targets) == 0 {
		fatal(t, err)
		return whole
	}
	keep := fstest.MapFS{}
	var add func(m *transforms.Model)
	add = func(m *transforms.Model) {
		if keep[m.File] != nil {
			return
		}
		text, err := fs.ReadFile(transforms.Shipped(), m.File)
		fatal(t, err)
		keep[m.File] = &fstest.MapFile{Data: text}
		for _, input := range m.Inputs {
			if next, ok := whole.Model(input.Name); ok {
				add(next)
			}
		}
		for _, name := range m.Checks {
			for _, check := range whole.Checks {
				if strings.HasSuffix(check.Name, "."+name) {
					add(check)
				}
			}
		}
	}
	for _, name := range targets {
		m, ok := whole.Model(name)
		if !ok {
			t.Fatalf("there is no model %s", name)
		}
		add(m)
	}
	project, err := transforms.Load(keep)
	fatal(t, err)
	return project
}

// demoProject is the folder of the demo's omoflow.yaml, whose feeds read what internal/world writes.
const demoProject = "../../cmd/omoflow/project/demo"

// demoFeeds reads the demo's configuration: the proofs run the profiles that users see.
func demoFeeds(t testing.TB) (feeds []benchFeed) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(demoProject, "omoflow.yaml"))
	fatal(t, err)
	var config struct {
		Version int               `yaml:"version"`
		Lake    string            `yaml:"lake"`
		Company map[string]string `yaml:"company"`
		Sources map[string]struct {
			Path  string `yaml:"path"`
			Kind  string `yaml:"kind"`
			Feeds map[string]struct {
				Match      string `yaml:"match"`
				Profile    string `yaml:"profile"`
				Settle     string `yaml:"settle"`
				RefuseOver string `yaml:"refuse_over"`
				Expect     struct {
					Each      string   `yaml:"each"`
					Every     string   `yaml:"every"`
					From      string   `yaml:"from"`
					Locations []string `yaml:"locations"`
				} `yaml:"expect"`
			} `yaml:"feeds"`
		} `yaml:"sources"`
	}
	fatal(t, strictyaml.Decode("omoflow.yaml", 1, text, &config))
	for _, source := range slices.Sorted(maps.Keys(config.Sources)) {
		for _, name := range slices.Sorted(maps.Keys(config.Sources[source].Feeds)) {
			declared := config.Sources[source].Feeds[name]
			one := benchFeed{source: source, name: name, match: declared.Match, profile: demoProfile(t, declared.Profile)}
			if share, ok := strings.CutSuffix(declared.RefuseOver, "%"); ok {
				percent, err := strconv.ParseInt(share, 10, 64)
				fatal(t, err)
				one.refuseOver = percent * 10_000
			}
			places := declared.Expect.Locations
			if declared.Expect.Each == "feed" {
				places = []string{""}
			}
			for _, place := range places {
				one.expect = append(one.expect, []string{source, name, place, declared.Expect.Every, declared.Expect.From, ""})
			}
			feeds = append(feeds, one)
		}
	}
	return feeds
}

func demoProfile(t testing.TB, name string) *profile.Profile {
	t.Helper()
	if !strings.HasSuffix(name, ".yaml") {
		p, err := profile.Shipped(name)
		fatal(t, err)
		return p
	}
	text, err := os.ReadFile(filepath.Join(demoProject, name))
	fatal(t, err)
	p, err := profile.Parse(path.Base(name), text)
	fatal(t, err)
	return p
}

// delivery is a file that arrives.
type delivery struct {
	path     string // source/name
	data     []byte
	modified time.Time
}

// deliveriesOf simulates a retailer and gives what arrives on each of its days.
func (b *bench) deliveriesOf(t testing.TB, options world.Options, days int) [][]delivery {
	t.Helper()
	return b.deliveriesOn(t, options, slices.Collect(func(yield func(int) bool) {
		for day := range days {
			if !yield(day) {
				return
			}
		}
	}))
}

// deliveriesOn is deliveriesOf for some days only.
func (b *bench) deliveriesOn(t testing.TB, options world.Options, days []int) [][]delivery {
	t.Helper()
	var all [][]delivery
	for _, day := range days {
		b.made++
		dir := filepath.Join(b.dir, fmt.Sprintf("world-%d", b.made))
		_, err := world.Write(context.Background(), dir, options, day, day+1)
		fatal(t, err)
		var today []delivery
		fatal(t, filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			data, err := os.ReadFile(name)
			relative, _ := filepath.Rel(dir, name)
			today = append(today, delivery{filepath.ToSlash(relative), data, info.ModTime()})
			return err
		}))
		all = append(all, today)
		fatal(t, os.RemoveAll(dir))
	}
	return all
}

// shop is a lake with the inbox that feeds it.
type shop struct {
	*bench
	t     rapid.TB
	dir   string
	lake  *lake.Lake
	cache *objstore.Cache
}

func (b *bench) newShop(t rapid.TB) *shop {
	t.Helper()
	b.made++
	s := &shop{bench: b, t: t, dir: filepath.Join(b.dir, fmt.Sprintf("shop-%d", b.made))}
	bucket, err := localfs.New(filepath.Join(s.dir, "lake"))
	fatal(t, err)
	s.lake, err = lake.Create(context.Background(), bucket)
	fatal(t, err)
	s.cache = objstore.NewCache(bucket, filepath.Join(s.dir, "cache"), 0)
	for _, feed := range b.feeds {
		fatal(t, os.MkdirAll(filepath.Join(s.dir, "inbox", feed.source), 0o777))
	}
	fatal(t, os.MkdirAll(filepath.Join(s.dir, "temp"), 0o777))
	return s
}

// remove frees the memory that the shop's files take.
func (s *shop) remove() { _ = os.RemoveAll(s.dir) }

// arrive puts files into the inbox; one of the same name is replaced.
func (s *shop) arrive(files ...delivery) {
	s.t.Helper()
	for _, f := range files {
		name := filepath.Join(s.dir, "inbox", filepath.FromSlash(f.path))
		fatal(s.t, os.WriteFile(name+".part", f.data, 0o666))
		fatal(s.t, os.Chtimes(name+".part", f.modified, f.modified))
		_ = os.Remove(name)
		fatal(s.t, os.Rename(name+".part", name))
	}
}

func (s *shop) ingestOptions() ingest.Options {
	return ingest.Options{Lake: s.lake, DB: s.db, TempDir: filepath.Join(s.dir, "temp"), Zone: "Asia/Shanghai",
		Now: func() time.Time { return time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC) }} // simulated files are never of the future
}

// ingestFeeds gives the feeds, or only those of the sources that files belong to.
func (s *shop) ingestFeeds(files ...delivery) (feeds []ingest.Feed) {
	for _, f := range s.feeds {
		if len(files) > 0 && !slices.ContainsFunc(files, func(d delivery) bool { return strings.HasPrefix(d.path, f.source+"/") }) {
			continue
		}
		feeds = append(feeds, ingest.Feed{Source: f.source, Name: f.name, Place: file.Dir(filepath.Join(s.dir, "inbox", f.source)), Match: f.match, Profile: f.profile, RefuseOver: f.refuseOver})
	}
	return feeds
}

// take lets files arrive and ingests them.
func (s *shop) take(files ...delivery) ingest.Result {
	s.t.Helper()
	s.arrive(files...)
	result, err := ingest.Run(context.Background(), s.ingestOptions(), s.ingestFeeds(files...))
	fatal(s.t, err)
	return result
}

func (s *shop) buildOptions() transforms.Options {
	expectation := transforms.Relation{}
	for _, f := range s.feeds {
		expectation.Rows = append(expectation.Rows, f.expect...)
	}
	return transforms.Options{
		Lake: s.lake, DB: s.db, Cache: s.cache, Project: s.models, Dir: filepath.Join(s.dir, "scratch"), Code: "proof",
		Config: map[string]string{"home_currency": "CNY", "zone": "Asia/Shanghai", "calendar": "gregorian"},
		System: map[string]transforms.Relation{"system.expectation": expectation},
	}
}

// publish builds what is new and publishes it.
func (s *shop) publish() release.Release {
	s.t.Helper()
	candidate, err := transforms.Build(context.Background(), s.buildOptions())
	fatal(s.t, err)
	r, err := candidate.Publish(context.Background())
	fatal(s.t, err)
	return r
}
