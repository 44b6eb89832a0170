package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
