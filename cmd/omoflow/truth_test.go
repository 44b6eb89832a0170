package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/world"
)

// TestReleaseEqualsTheTruth lets a simulated retailer deliver in two parts, with late, corrected, repeated and dirty files on
// the way, and compares every figure of the releases with what the simulation knows: sales, refunds, stock, counts,
// customers, visitors, and the accounting of every file. Then a rebuild must change nothing. All of it once with files only,
// and once with platforms that are asked over HTTP.
func TestReleaseEqualsTheTruth(t *testing.T) {
	t.Run("files", func(t *testing.T) { releaseEqualsTheTruth(t, false) })
	t.Run("HTTP", func(t *testing.T) { releaseEqualsTheTruth(t, true) })
}

func releaseEqualsTheTruth(t *testing.T, asked bool) {
	ctx := t.Context()
	a := &app{stdout: os.Stdout, stderr: os.Stderr, quiet: true, project: t.TempDir()}
	write := func(dir string) ([]string, error) { _, err := writeProject("demo", dir); return nil, err }
	if asked {
		write = writeDemo
	}
	options := world.Options{Seed: 11, Days: 36, SKUs: 400, Customers: 1500, LinesPerDay: 300}
	var err error
	if options.Asked, err = write(a.project); err != nil || len(options.Asked) != map[bool]int{true: len(demoKinds())}[asked] {
		t.Fatalf("asked over HTTP: %v, %v", options.Asked, err)
	}
	shops, err := a.startDemoShops(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	defer shops.close()
	last := 0
	for _, until := range []int{30, 36} {
		if _, err := world.Write(ctx, filepath.Join(a.project, "inbox"), options, last, until); err != nil {
			t.Fatal(err)
		}
		last = until
		shops.until(until)
		if _, err := a.ingestAndRelease(ctx, nil, true, past{}); err != nil {
			t.Fatal(err)
		}
		options.Days = until
		truth, err := world.TruthOf(options)
		if err != nil {
			t.Fatal(err)
		}
		options.Days = 36
		p, err := a.openProject(ctx, false)
		if err != nil {
			t.Fatal(err)
		}
		rel, _, err := release.Latest(ctx, p.lake)
		if err != nil {
			t.Fatal(err)
		}
		db, err := p.mounted(ctx, rel)
		if err != nil {
			t.Fatal(err)
		}
		differences, err := truth.Compare(ctx, func(ctx context.Context, sql string) ([][]string, error) { return db.Text(ctx, sql) })
		if err != nil {
			t.Fatal(err)
		}
		for i, difference := range differences {
			if i == 20 {
				t.Errorf("and %d more", len(differences)-i)
				break
			}
			t.Errorf("day %d, seed %d: %v", until, options.Seed, difference)
		}
		for _, c := range rel.Conservation {
			if !c.Balanced {
				t.Errorf("day %d: %+v is not balanced", until, c)
			}
		}
		cells, err := p.matrix(ctx, rel, 3, "", judge{})
		if err != nil {
			t.Fatal(err)
		}
		days := map[string]int{}
		for _, c := range cells {
			if c.Source == "shopify" && c.Feed == "orders" {
				days[c.Date+" "+c.State+c.Location]++
			}
		}
		if len(days) != 3 || days[time.Date(2026, 1, until, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)+" received"] != 1 {
			t.Errorf("day %d: days of the platform: %v", until, days)
		}
		_ = db.Close() // in memory
		p.close()
	}
	for _, one := range shops.asked() {
		if one.Requests == 0 {
			t.Errorf("%s was not asked", one.Platform)
		}
	}
	if again, err := a.ingestAndRelease(ctx, nil, true, past{}); err != nil || again.Read != again.Dupes || again.Release.Changed {
		t.Errorf("the same once more: %+v, %v", again, err)
	}
	if err := a.rebuild(ctx); err != nil {
		t.Errorf("rebuild: %v", err)
	}
}
