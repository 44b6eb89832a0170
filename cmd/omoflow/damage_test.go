package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/world"
)

// TestDamageIsNamedAndMended flips a byte of a table file: queries refuse it, check names it, rebuild writes it again, and a
// raw object, which cannot be made again, is named as such.
func TestDamageIsNamedAndMended(t *testing.T) {
	dir := projectOver(t, smallWorld(t, 2))
	runOmoflow(t, dir)
	table := flip(t, filepath.Join(dir, "lake", "tables", "sales.day"))
	refused(t, dir, 9, table, "query", "SELECT count(*) FROM sales.day")
	refused(t, dir, 9, "omoflow repair", "check", "--read-data")
	if output := runOmoflow(t, dir, "rebuild", "-q"); !strings.Contains(output, "mended tables/sales.day/") {
		t.Errorf("rebuild does not say what it mended: %s", output)
	}
	runOmoflow(t, dir, "check", "-q", "--read-data")
	raw := flip(t, filepath.Join(dir, "lake", "raw"))
	refused(t, dir, 9, raw, "check", "--read-data")
}

// flip changes one byte in the middle of the first file below root and gives the object's name within the lake.
func flip(t *testing.T, root string) string {
	t.Helper()
	var found string
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && found == "" {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no file below %s: %v", root, err)
	}
	data, err := os.ReadFile(found)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.Chmod(found, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(found, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(found)
}

// refused runs a command that must fail with the exit code and say what is expected.
func refused(t *testing.T, dir string, code int, says string, args ...string) {
	t.Helper()
	command := exec.Command("omoflow", append(args, "-q", "-C", dir)...)
	output, err := command.CombinedOutput()
	if err == nil || command.ProcessState.ExitCode() != code || !strings.Contains(string(output), says) {
		t.Errorf("omoflow %v: exit %d, want %d and %q in\n%s", args, command.ProcessState.ExitCode(), code, says, output)
	}
}

// smallWorld writes a few days of a small retailer and gives its inbox.
func smallWorld(t *testing.T, days int) string {
	t.Helper()
	dir := t.TempDir()
	options := world.Options{Seed: 7, Days: days, Stores: 12, SKUs: 60, Customers: 150, LinesPerDay: 200}
	if _, err := world.Write(t.Context(), dir, options, 0, days); err != nil {
		t.Fatal(err)
	}
	return dir
}

// projectOver makes a demo project whose inbox is a link to the given one.
func projectOver(t *testing.T, inbox string) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := writeProject("demo", dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(inbox, filepath.Join(dir, "inbox")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func runOmoflow(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if len(args) == 0 {
		args = []string{"run", "-q"}
	}
	output, err := exec.Command("omoflow", append(args, "-C", dir)...).CombinedOutput()
	if err != nil {
		t.Fatalf("omoflow %v: %v\n%s", args, err, output)
	}
	return string(output)
}

// contentOf is what a release says, by subject, without when and by whom it was made.
func contentOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	bucket, err := localfs.New(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	lk, err := lake.Open(context.Background(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	rel, ok, err := release.Latest(context.Background(), lk)
	if err != nil || !ok {
		t.Fatalf("no release: %v", err)
	}
	content := map[string]string{}
	for name, table := range rel.Tables {
		content["table "+name] = fmt.Sprint(table)
	}
	for _, c := range rel.Conservation {
		content["conservation "+c.Subject] = fmt.Sprint(c)
	}
	for _, m := range rel.Money {
		content["money "+m.Subject+m.Currency] = fmt.Sprint(m)
	}
	return content
}
