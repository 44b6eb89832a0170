package file_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
)

func TestPatternsCapture(t *testing.T) {
	for pattern, cases := range map[string]map[string]string{
		"receipts-{store}-{date}.csv*": {"receipts-S01-2026-01-05.csv.gz": "date=2026-01-05 store=S01", "a/b/receipts-S1-x.csv": "date=x store=S1", "receipts-.csv": "no"},
		"{store}/{day}/*.csv":          {"S1/2026/x.csv": "day=2026 store=S1", "x.csv": "no", "a/S1/2026/x.csv": "no"},
		"**/x?.csv":                    {"x1.csv": "", "a/b/x2.csv": "", "x.csv": "no"},
		"订单[1].csv":                    {"订单[1].csv": ""},
	} {
		p, err := file.ParsePattern(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range cases {
			captures, ok := p.Match(name)
			var got []string
			for _, key := range []string{"date", "day", "store"} {
				if v, ok := captures[key]; ok {
					got = append(got, key+"="+v)
				}
			}
			text := strings.Join(got, " ")
			if !ok {
				text = "no"
			}
			if text != want {
				t.Errorf("%s on %s: got %q, want %q", pattern, name, text, want)
			}
		}
	}
	for _, bad := range []string{"", "{", "{a}{a}", "{A}"} {
		if _, err := file.ParsePattern(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func pull(t *testing.T, w *file.Watch) string {
	t.Helper()
	var names []string
	_, err := w.Pull(context.Background(), nil, func(d source.Delivery) error {
		path, err := d.Fetch(context.Background(), t.TempDir())
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		names = append(names, d.Name+"="+string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func TestOnlyFinishedFilesAreTaken(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{"b.csv": time.Hour, "a.csv": time.Hour, "new.csv": 0, "half.csv.part": time.Hour, ".hidden.csv": time.Hour, "sub/c.csv": time.Hour, "other.txt": time.Hour} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	pattern, _ := file.ParsePattern("*.csv*")
	waiting := ""
	w := &file.Watch{Place: file.Dir(dir), Pattern: pattern, Settle: time.Minute, Waiting: func(e file.Entry) { waiting += e.Name }}
	if got := pull(t, w); got != "a.csv=x b.csv=x sub/c.csv=x" || waiting != "new.csv" {
		t.Errorf("got %q, waiting %q", got, waiting)
	}
	if err := os.WriteFile(filepath.Join(dir, "new.csv.done"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.Marker = "{name}.done"
	if got := pull(t, w); got != "new.csv=x" {
		t.Errorf("with markers: got %q", got)
	}
}

func TestBucketIsAPlace(t *testing.T) {
	b := mem.New()
	for _, key := range []string{"in/b.csv", "in/a.csv", "out/c.csv"} {
		if _, err := b.PutIfAbsent(context.Background(), key, objstore.Bytes([]byte(key)), objstore.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	pattern, _ := file.ParsePattern("*.csv")
	if got := pull(t, &file.Watch{Place: file.Bucket(b, "in/"), Pattern: pattern}); got != "a.csv=in/a.csv b.csv=in/b.csv" {
		t.Errorf("got %q", got)
	}
}

func TestConformance(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.csv", "a.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pattern, err := file.ParsePattern("*.csv")
	if err != nil {
		t.Fatal(err)
	}
	sourcetest.Run(t, func(*testing.T) source.Source { return &file.Watch{Place: file.Dir(dir), Pattern: pattern} })
}
