package mutant

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const root = "../../.."

// TestMutantsFitTheCode keeps the list true: each fault's text stands once in its file, its test exists, and docs/mutants.md
// names both.
func TestMutantsFitTheCode(t *testing.T) {
	doc := read(t, "docs/mutants.md")
	for _, m := range mutants {
		if n := strings.Count(read(t, m.file), m.old); n != 1 {
			t.Errorf("%s: its text stands %d times in %s; correct the list", m.what, n, m.file)
		}
		output, err := exec.Command("grep", "-rlE", `^func `+m.test+`\(`, filepath.Join(root, m.pkg), "--include=*_test.go").Output()
		if err != nil || len(output) == 0 {
			t.Errorf("%s: there is no test %s in %s", m.what, m.test, m.pkg)
		}
		if !strings.Contains(doc, "| "+m.what+" | "+m.file+" | "+m.test+" |") {
			t.Errorf("%s: docs/mutants.md lacks the line\n| %s | %s | %s |", m.what, m.what, m.file, m.test)
		}
	}
	if rows := strings.Count(doc, "_test.go |") + strings.Count(doc, " | Test") + strings.Count(doc, " | Fuzz"); rows != len(mutants) {
		t.Errorf("docs/mutants.md lists %d faults, there are %d", rows, len(mutants))
	}
}

// TestMutantsAreKilled makes each fault in turn and runs its test, which must fail. It runs in `make mutants` only: every fault
// compiles a package anew. OMOFLOW_MUTANT=text runs those whose description holds the text.
func TestMutantsAreKilled(t *testing.T) {
	if os.Getenv("OMOFLOW_MUTANTS") == "" {
		t.Skip("make mutants runs it")
	}
	killed, run := 0, 0
	sound := map[string]bool{}
	for _, m := range mutants {
		if !strings.Contains(m.what, os.Getenv("OMOFLOW_MUTANT")) {
			continue
		}
		run++
		if test := m.pkg + " " + m.test; !sound[test] {
			if output, err := goTest(t, m, ""); err != nil {
				t.Fatalf("%s fails without a fault:\n%s", test, output)
			}
			sound[test] = true
		}
		started := time.Now()
		output, err := goTest(t, m, overlay(t, m))
		switch {
		case err == nil:
			t.Errorf("ALIVE   %s: %s passes", m.what, m.test)
		case !strings.Contains(output, "--- FAIL: "+m.test) && !strings.Contains(output, "panic: "):
			t.Errorf("%s: %s did not run:\n%s", m.what, m.test, output)
		default:
			killed++
			fmt.Printf("killed  %s: %s, %.0f s\n", m.what, m.test, time.Since(started).Seconds())
		}
	}
	fmt.Printf("mutants: deliberate faults are found: %d faults, %d found\n", run, killed)
	if killed != run || run == 0 {
		t.Errorf("%d of %d faults were found", killed, run)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// overlay writes the faulty file and gives the list that puts it in the place of the sound one.
func overlay(t *testing.T, m mutant) string {
	t.Helper()
	dir := t.TempDir()
	faulty := filepath.Join(dir, "faulty.go")
	if err := os.WriteFile(faulty, []byte(strings.Replace(read(t, m.file), m.old, m.new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	sound, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {sound: faulty}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func goTest(t *testing.T, m mutant, overlay string) (string, error) {
	t.Helper()
	args := []string{"test", "-count=1", "-timeout=5m", "-run", "^" + m.test + "$", "-vet=off"}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	command := exec.Command("go", append(args, m.pkg)...)
	command.Dir = root
	output, err := command.CombinedOutput()
	return string(output), err
}
