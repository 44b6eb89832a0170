package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source"
)

// stormy is a simulated shop whose records change while they are read.
type stormy interface {
	change()
	wait(time.Duration)
	calm() // from here on nothing changes and nothing breaks
	feeds(values map[string]any) []ingest.Feed
	// truth is what counts, a list of rows per stream, and the query that must give the same.
	truth() map[string]counted
	rows(stream, query string) []string
	use(*warehouse.DB) ingest.Options
	close()
}

type counted struct {
	want  []string
	query string
}

var errKilled = errors.New("killed")

// killing is a source that dies after some pages.
type killing struct {
	source.Source
	after int
}

func (k *killing) Pull(ctx context.Context, cursor json.RawMessage, emit func(source.Delivery) error) (json.RawMessage, error) {
	n := 0
	return k.Source.Pull(ctx, cursor, func(d source.Delivery) error {
		if n++; n > k.after {
			return errKilled
		}
		return emit(d)
	})
}

// storm pulls one shop after another through changes between pages, ties, throttles, broken connections and crashes, and
// compares what counts with the shop when it holds still. open gives the shop of a seed and the settings it is read with.
type storm struct {
	t     *testing.T
	name  string
	still int // pulls until a calm shop is read up to its end
	open  func(t *testing.T, r *rand.Rand) (stormy, map[string]any)
	db    *warehouse.DB

	done, lost, twice int
}

// prove runs the storm as long as the environment says.
func (p *storm) prove() {
	pulls := map[string]int{"": 24, "pr": 500, "long": 10_000}[os.Getenv("OMOFLOW_PROOF")]
	if n, err := strconv.Atoi(os.Getenv("OMOFLOW_PROOF_SEEDS")); err == nil && os.Getenv("OMOFLOW_PROOF") == "long" {
		pulls = n
	}
	var err error
	if p.db, err = warehouse.Open(context.Background(), warehouse.Options{MemoryLimit: "1GiB", Threads: 1}); err != nil {
		p.t.Fatal(err)
	}
	defer p.db.Close() //nolint:errcheck // in memory
	first := uint64(0)
	if seed, err := strconv.ParseUint(os.Getenv("OMOFLOW_SEED"), 10, 64); err == nil {
		first, pulls = seed, 1
	}
	seed := first
	for ; p.done < pulls && !p.t.Failed(); seed++ {
		p.one(seed)
	}
	fmt.Printf("proof: %s nothing is lost or counted twice: %d pulls of %d simulated shops, %d rows lost, %d twice\n", p.name, p.done, seed-first, p.lost, p.twice)
}

func (p *storm) one(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	s, values := p.open(p.t, r)
	defer s.close()
	opt := s.use(p.db)
	values["reconcile_every"], values["lag"], values["attempts"] = "12h", "1s", 12
	for range 8 + r.IntN(12) {
		if r.IntN(5) < 2 { // more often a pull finds nothing new, as pulls do
			for range 1 + r.IntN(6) {
				s.change()
			}
		}
		s.wait(time.Duration(r.IntN(240)) * time.Minute)
		feeds := s.feeds(values)
		if r.IntN(3) == 0 {
			feeds[0].API.Source = &killing{feeds[0].API.Source, r.IntN(4)}
		}
		if _, err := ingest.Run(context.Background(), opt, feeds); err != nil && !errors.Is(err, errKilled) && fault.KindOf(err) != fault.Unavailable && fault.KindOf(err) != fault.Partial {
			p.t.Fatalf("seed %d: %v", seed, err)
		}
		p.done++
	}
	s.calm()
	for range p.still {
		s.wait(13 * time.Hour)
		if _, err := ingest.Run(context.Background(), opt, s.feeds(values)); err != nil {
			p.t.Fatalf("seed %d: %v", seed, err)
		}
		p.done++
	}
	for stream, c := range s.truth() {
		lost, more := compareSets(c.want, s.rows(stream, c.query))
		p.lost, p.twice = p.lost+len(lost), p.twice+len(more)
		if len(lost)+len(more) > 0 {
			p.t.Errorf("%s: lost %v, too much %v; replay with OMOFLOW_SEED=%d", stream, lost, more, seed)
		}
	}
}

// use makes the shop's lake be read and written by another engine, as the next process would.
func (s *shop) use(db *warehouse.DB) ingest.Options {
	_ = s.opt.DB.Close() // hundreds of shops would hold gigabytes until the end of the test
	s.opt.DB = db
	return s.opt
}

// rows gives the answer of a query over a stream's rows that count.
func (w *wooShop) rows(stream, query string) []string {
	w.view(stream)
	text := w.text(query)
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// compareSets gives what is missing and what is there too often.
func compareSets(want, got []string) (lost, more []string) {
	count := map[string]int{}
	for _, w := range want {
		count[w]++
	}
	for _, g := range got {
		if count[g]--; count[g] < 0 {
			more = append(more, g)
		}
	}
	for w, n := range count {
		if n > 0 {
			lost = append(lost, w)
		}
	}
	sort.Strings(lost)
	return lost, more
}
