// Package file is the source of delivered files: a folder or a bucket prefix is watched, a file is taken when it has
// stopped changing, or when its marker is there.
package file

import (
	"cmp"
	"context"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/pipelines/source"
)

// Watch is a source of files. Place and Pattern are mandatory.
type Watch struct {
	Place   Place
	Pattern *Pattern
	Settle  time.Duration    // a file is taken when it has not changed for this long
	Marker  string           // "{name}.done": a file is taken when this other one exists, whatever its age
	Known   func(Entry) bool // taken in before and unchanged since; nil knows nothing
	Now     func() time.Time // default time.Now
	Waiting func(Entry)      // told of each file that is left alone for now; may be nil
}

// Declare describes the source.
func (w *Watch) Declare() source.Declaration {
	return source.Declaration{Name: "files", About: "files that arrive in a folder or below a bucket prefix", Fields: []source.Field{
		{Name: "path", Type: "path", Help: "folder or s3://bucket/prefix that files arrive at"},
		{Name: "match", Type: "text", Help: "pattern of the file names, with {captures}"},
		{Name: "settle", Type: "duration", Default: "2s", Help: "a file is taken when it has not changed for this long"},
		{Name: "marker", Type: "text", Help: "a file is taken when this one exists too, as in {name}.done"},
	}}
}

// unfinished are the endings that programs give files while they write them.
var unfinished = []string{".part", ".partial", ".tmp", ".filepart", ".crdownload", ".download", ".swp", "~"}

// Pull gives the files that match, are finished and are not known, in the order of their names. What was taken is
// remembered by the lake, so the cursor stays empty.
func (w *Watch) Pull(ctx context.Context, _ json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	now := time.Now
	if w.Now != nil {
		now = w.Now
	}
	var entries []Entry
	present := map[string]bool{}
	if err := w.Place.List(ctx, func(e Entry) error {
		if present[e.Name] {
			return nil // a listing that repeats itself delivers nothing twice
		}
		present[e.Name] = true
		entries = append(entries, e)
		return nil
	}); err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	for _, e := range entries {
		captures, ok := w.Pattern.Match(e.Name)
		if !ok || w.isMarker(e.Name, present) || slices.ContainsFunc(unfinished, func(end string) bool { return strings.HasSuffix(strings.ToLower(e.Name), end) }) {
			continue
		}
		if w.Known != nil && w.Known(e) {
			continue
		}
		if !w.finished(e, present, now()) {
			if w.Waiting != nil {
				w.Waiting(e)
			}
			continue
		}
		err := emit(source.Delivery{Name: e.Name, Size: e.Size, Modified: e.Modified, Captures: captures, Fetch: func(ctx context.Context, dir string) (string, error) {
			return w.Place.Fetch(ctx, e.Name, dir)
		}})
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (w *Watch) finished(e Entry, present map[string]bool, now time.Time) bool {
	if w.Marker != "" {
		return present[w.markerOf(e.Name)]
	}
	return now.Sub(e.Modified) >= w.Settle
}

// markerOf gives the marker's name, beside the file.
func (w *Watch) markerOf(name string) string {
	return path.Join(path.Dir(name), strings.ReplaceAll(w.Marker, "{name}", path.Base(name)))
}

// isMarker tells the markers of other files from files.
func (w *Watch) isMarker(name string, present map[string]bool) bool {
	if w.Marker == "" {
		return false
	}
	before, after, _ := strings.Cut(w.Marker, "{name}")
	base := path.Base(name)
	if !strings.HasPrefix(base, before) || !strings.HasSuffix(base, after) || len(base) <= len(before)+len(after) {
		return false
	}
	of := path.Join(path.Dir(name), base[len(before):len(base)-len(after)])
	return present[of] || !strings.Contains(w.Marker, "{name}")
}
