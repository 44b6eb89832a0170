package transforms

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/warehouse"
)

var (
	wantPattern    = regexp.MustCompile(`-- want (\w+)$`)
	findingPattern = regexp.MustCompile(`marts/lint/model\.sql:(\d+)(?::\d+)?: (\w+): .+`)
)

// TestLintRules holds each rule to its pair in testdata/lint: the bad model is refused on the lines that say "-- want rule"
// and nowhere else, with a fix; the good one passes all rules.
func TestLintRules(t *testing.T) {
	db, err := warehouse.Open(t.Context(), warehouse.Options{Threads: 1, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tables, err := os.ReadFile("testdata/lint/staging/stg_sale.sql")
	if err != nil {
		t.Fatal(err)
	}
	pairs := 0
	for _, rule := range lintRules(t) {
		for _, kind := range []string{"bad", "good"} {
			text, err := os.ReadFile(filepath.Join("testdata/lint", rule, kind+".sql"))
			if err != nil {
				t.Errorf("rule %s has no pair: %v", rule, err)
				continue
			}
			pairs++
			project, err := Load(fstest.MapFS{"staging/stg_sale.sql": {Data: tables}, "marts/lint/model.sql": {Data: text}})
			if err != nil {
				t.Errorf("%s/%s: %v", rule, kind, err)
				continue
			}
			var got []string
			m, _ := project.Model("lint.model")
			query, _, err := m.render(testConfig(), "")
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range []error{project.lint(t.Context(), conn, m, testConfig(), query), project.lintPortable(t.Context(), conn, m, testConfig())} {
				if found == nil {
					continue
				}
				if fault.KindOf(found) != fault.Usage || fault.HintOf(found) == "" {
					t.Errorf("%s/%s: kind %s, hint %q: %v", rule, kind, fault.KindOf(found), fault.HintOf(found), found)
				}
				for _, match := range findingPattern.FindAllStringSubmatch(found.Error(), -1) {
					got = append(got, match[1]+" "+match[2])
				}
			}
			want := wanted(string(text))
			if kind == "bad" && !slices.ContainsFunc(want, func(w string) bool { return strings.HasSuffix(w, " "+rule) }) {
				t.Errorf("%s/bad.sql does not break its rule", rule)
			}
			slices.Sort(got)
			got = slices.Compact(got)
			if strings.Join(got, "; ") != strings.Join(want, "; ") {
				t.Errorf("%s/%s.sql: found %q, want %q", rule, kind, got, want)
			}
		}
	}
	t.Logf("%d models of %d rules", pairs, pairs/2)
}

// wanted lists "line rule" of the lines that say what they break.
func wanted(text string) []string {
	var want []string
	for i, line := range strings.Split(text, "\n") {
		if match := wantPattern.FindStringSubmatch(strings.TrimSpace(line)); match != nil {
			want = append(want, fmt.Sprintf("%d %s", i+1, match[1]))
		}
	}
	slices.Sort(want)
	return want
}

// lintRules lists the names of all rules, from the source: a rule without a pair must not go unseen.
func lintRules(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{"allow": true}
	for _, file := range []string{"lintrules.go", "lintties.go", "lintportable.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`l\.add\("(\w+)"|": +\{"(\w+)", `).FindAllStringSubmatch(string(text), -1) {
			names[match[1]+match[2]] = true
		}
	}
	var list []string
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	if len(list) < 20 {
		t.Fatalf("only %d rules were found: %q", len(list), list)
	}
	return list
}
