package routertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
)

// World is a shop whose records change while they are read.
type World struct {
	Site     *Site
	Platform source.Platform
	Values   map[string]any
	Stream   string
	Change   func()                        // makes or edits a record now
	Late     func(before time.Duration)    // makes a record that carries an older time
	Truth    func() map[string]string      // key -> version
	Read     func(page []byte) [][2]string // keys with versions, as they stand in a delivery
	Chance   *rand.Rand
}

var errKilled = errors.New("killed")

// lake keeps what was committed, as ingest does: deliveries up to one with a cursor, all or none.
type lake struct {
	cursor json.RawMessage
	rows   map[string]string
	twice  int
}

func (l *lake) commit(pages [][][2]string, cursor json.RawMessage) {
	for _, page := range pages {
		seen := map[string]bool{}
		for _, row := range page {
			if seen[row[0]] {
				l.twice++
			}
			seen[row[0]] = true
			if row[1] > l.rows[row[0]] {
				l.rows[row[0]] = row[1]
			}
		}
	}
	l.cursor = cursor
}

// pull runs the program once; it may die behind any delivery.
func (w *World) pull(dir string, l *lake, dies int) error {
	api, err := w.Site.Open(w.Platform, w.Values, nil, time.Duration(w.Chance.IntN(1200)-600)*time.Second)
	if err != nil {
		return err
	}
	defer api.Close()
	var feed source.Feed
	for _, f := range api.Feeds() {
		if f.Stream == w.Stream {
			feed = f
		}
	}
	var group [][][2]string
	n := 0
	next, err := feed.Source.Pull(context.Background(), l.cursor, func(d source.Delivery) error {
		if n == dies {
			return errKilled
		}
		n++
		path, err := d.Fetch(context.Background(), dir)
		if err != nil {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		group = append(group, w.Read(body))
		if d.Cursor != nil && w.Chance.IntN(2) == 0 {
			l.commit(group, d.Cursor)
			group = nil
		}
		return nil
	})
	if err == nil {
		l.commit(group, next)
	}
	return err
}

// weather is a network and a shop that stand still for nobody.
func (w *World) weather() {
	s, r := w.Site, w.Chance
	s.Each = func() {
		if s.Failing() {
			return
		}
		switch r.IntN(12) {
		case 0, 1, 2:
			s.Now = s.Now.Add(time.Duration(r.IntN(3)) * time.Second)
			w.Change()
		case 3:
			w.Late(time.Duration(r.IntN(600)) * time.Second)
		case 4:
			faults := []string{sourcetest.Status429, sourcetest.Status503, sourcetest.BodyThrottle, sourcetest.Reset, sourcetest.HTML, sourcetest.ErrorIn200}
			s.Fail(faults[r.IntN(len(faults)-2*r.IntN(2))], 1)
		}
	}
}

// Pulls plays runs over shops until n pulls are done and counts what the lake then holds wrongly.
func Pulls(t *testing.T, name string, open func(t testing.TB, seed uint64) *World) {
	t.Helper()
	pulls := map[string]int{"": 300, "pr": 500, "long": 10_000}[os.Getenv("OMOFLOW_PROOF")]
	if n, err := strconv.Atoi(os.Getenv("OMOFLOW_PROOF_SEEDS")); err == nil && os.Getenv("OMOFLOW_PROOF") == "long" {
		pulls = n
	}
	first := uint64(0)
	if seed, err := strconv.ParseUint(os.Getenv("OMOFLOW_SEED"), 10, 64); err == nil {
		first, pulls = seed, 1
	}
	done, lost, twice, records, killed, seed := 0, 0, 0, 0, 0, first
	dir := t.TempDir()
	for ; done < pulls; seed++ {
		w := open(t, seed)
		l := &lake{rows: map[string]string{}}
		r := w.Chance
		for range 5 + r.IntN(20) {
			w.Change()
		}
		w.weather()
		for range 6 + r.IntN(8) {
			for range r.IntN(8) {
				w.Site.Now = w.Site.Now.Add(time.Duration(r.IntN(2)*r.IntN(90)) * time.Second) // often the same second
				w.Change()
			}
			w.Site.Now = w.Site.Now.Add(time.Duration(r.IntN(40)) * time.Minute)
			dies := -1
			if r.IntN(3) == 0 {
				dies = r.IntN(4)
			}
			err := w.pull(dir, l, dies)
			if err != nil && !errors.Is(err, errKilled) && fault.KindOf(err) != fault.Unavailable {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err != nil {
				killed++
			}
			done++
		}
		w.Site.Each = nil
		w.Site.Fail("", 0)
		w.Site.Now = w.Site.Now.Add(20 * time.Minute)
		if err := w.pull(dir, l, -1); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		done++
		truth := w.Truth()
		for id, version := range truth {
			if l.rows[id] != version {
				lost++
				t.Errorf("%s is %q, the lake holds %q; replay with OMOFLOW_SEED=%d", id, version, l.rows[id], seed)
			}
		}
		records, twice = records+len(truth), twice+l.twice+max(len(l.rows)-len(truth), 0)
		w.Site.Close()
		if t.Failed() {
			return
		}
	}
	if twice > 0 {
		t.Errorf("%d records stand twice", twice)
	}
	fmt.Printf("proof: S-%s nothing is lost or counted twice: %d pulls (%d broken off) of %d simulated shops, %d records, %d lost, %d twice\n", name, done, killed, seed-first, records, lost, twice)
}
