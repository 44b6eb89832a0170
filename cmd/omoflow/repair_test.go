package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/world"
)

// TestRepairMakesEverythingDerivedAgain loses every object of a lake that is made from others, of two releases and a
// document, and compares what a repair makes with what was lost, byte for byte. Then single objects of each kind are damaged.
func TestRepairMakesEverythingDerivedAgain(t *testing.T) {
	dir := t.TempDir()
	if _, err := writeProject("demo", dir); err != nil {
		t.Fatal(err)
	}
	options := world.Options{Seed: 7, Days: 12, Stores: 2, SKUs: 40, Customers: 60, LinesPerDay: 40}
	for _, part := range [][2]int{{0, 9}, {9, 12}} {
		if _, err := world.Write(t.Context(), filepath.Join(dir, "inbox"), options, part[0], part[1]); err != nil {
			t.Fatal(err)
		}
		runOmoflow(t, dir)
	}
	runOmoflow(t, dir, "report", "quarterly", "-q", "--languages", "en")
	lake := filepath.Join(dir, "lake")
	before := lakeFiles(t, lake)
	for _, folder := range []string{"tables", "manifests", "staged", "quarantine", "reports", "heads", "lake.json"} {
		if err := os.RemoveAll(filepath.Join(lake, folder)); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, dir, 9, "omoflow repair", "check")
	if output := runOmoflow(t, dir, "repair", "--dry-run", "-q"); !strings.Contains(output, "nothing was changed") {
		t.Errorf("the dry run says %s", output)
	}
	output := runOmoflow(t, dir, "repair", "-q")
	if !strings.Contains(output, ", 0 left") {
		t.Errorf("repair says %s", output)
	}
	same(t, lake, before)
	if output := runOmoflow(t, dir, "repair", "-q"); !strings.Contains(output, "nothing is lost or damaged") {
		t.Errorf("the second repair says %s", output)
	}
	// A damaged manifest hides the files it names: another table's is damaged.
	for _, folder := range []string{"tables/sales.day", "manifests/assessment.kpi", "staged", "raw", "reports", "heads", "rules"} {
		flip(t, filepath.Join(lake, folder))
	}
	refused(t, dir, 9, "7 damaged or missing", "check", "--read-data")
	runOmoflow(t, dir, "repair", "-q")
	same(t, lake, before)
	kept := 0
	for key := range lakeFiles(t, lake) {
		if strings.HasPrefix(key, "damaged/") {
			kept++
		}
	}
	if kept != 7 {
		t.Errorf("%d damaged objects were kept", kept)
	}
	runOmoflow(t, dir, "check", "--read-data", "-q")
}

// lakeFiles gives the sha256 of every object.
func lakeFiles(t *testing.T, lake string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(lake, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(path, ".omoflow") {
			return err
		}
		content, err := os.ReadFile(path)
		sum := sha256.Sum256(content)
		name, _ := filepath.Rel(lake, path) // path is below lake
		files[filepath.ToSlash(name)] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// same compares a lake with what it held; objects that a repair set aside do not count, nor does the record of what ran, which
// grows with every command.
func same(t *testing.T, lake string, before map[string]string) {
	t.Helper()
	after := lakeFiles(t, lake)
	for _, key := range sortedKeys(before) {
		if after[key] != before[key] && !strings.HasPrefix(key, "heads/run/") {
			t.Errorf("%s: sha256 %.12s before, %.12s after", key, before[key], after[key])
		}
	}
}
