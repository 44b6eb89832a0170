package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// FuzzConfig: omoflow.yaml is refused with its place and a next step, or every value in it can be used.
func FuzzConfig(f *testing.F) {
	const whole = "version: 1\nlake: ./lake\ncompany: {name: Demo, home_currency: CNY, zone: Asia/Shanghai, calendar: gregorian}\nengine: {memory: 8GiB, threads: 2}\nsources:\n  tills:\n    kind: files\n    path: ./in\n" +
		"    feeds:\n      receipts:\n        match: \"r-{store}.csv\"\n        profile: loyverse-by-item\n        settle: 0s\n        refuse_over: 2%\n        constants: {location_id: S01}\n" +
		"        expect: {each: location, every: day, from: 2026-01-01, locations: [S01], late_after: 1d}\nlocations: {S01: {zone: Asia/Shanghai, cutover: \"04:00\"}}\n"
	f.Add(whole)
	f.Add(strings.ReplaceAll(whole, "2%", "NaN"))
	f.Add(strings.ReplaceAll(whole, "0s", "-1s"))
	f.Add("version: 1\ncompany: {home_currency: CNY, zone: UTC}\nlocations: {a: }\n")
	f.Add("version: [")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		path := filepath.Join(dir, configName)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		config, err := loadConfig(dir)
		if err != nil {
			if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), path) || fault.HintOf(err) == "" {
				t.Fatalf("%v, hint %q", err, fault.HintOf(err))
			}
			return
		}
		if _, err := time.LoadLocation(config.Company.Zone); err != nil || config.Lake == "" || config.Engine.Threads < 1 {
			t.Fatalf("accepted %+v", config)
		}
		for _, source := range config.Sources {
			for name, feed := range source.Feeds {
				share, err := parseShare(feed.RefuseOver)
				if err != nil || share < 0 || share > 1e6 {
					t.Fatalf("feed %s refuses over %d: %v", name, share, err)
				}
				if settle, err := time.ParseDuration(feed.Settle); err != nil || settle < 0 {
					t.Fatalf("feed %s settles %v: %v", name, settle, err)
				}
			}
		}
	})
}

// FuzzShares: a share is refused or lies between nothing and all.
func FuzzShares(f *testing.F) {
	for _, seed := range []string{"2%", "0.02", "100%", "NaN", "-0", "1e-300", "Inf%", "0x1p-1", "1_0%", " 5 %"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if share, err := parseShare(text); err == nil && (share < 0 || share > 1e6) {
			t.Fatalf("%q is %d millionths", text, share)
		}
	})
}

// FuzzPeriods: a period is refused or reads itself back, and its ends are in order.
func FuzzPeriods(f *testing.F) {
	for _, seed := range []string{"2026-02-14", "2026-W07", "2026-02", "2026-Q1", "2026Q4", "0000-W01", "2020-W53", "9999-W53", "0000-01"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePeriod(text)
		if err != nil {
			if fault.KindOf(err) != fault.Usage {
				t.Fatal(err)
			}
			return
		}
		again, err := parsePeriod(p.String())
		if err != nil || again != p || p.End.Before(p.Start) {
			t.Fatalf("%q is %v, which reads back as %v %v", text, p, again, err)
		}
	})
}
