package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// Every API source has a manual page, made from its declaration. OMOFLOW_UPDATE=1 writes them.
func TestSourcePagesAreCurrent(t *testing.T) {
	for _, p := range platforms() {
		path := filepath.Join("..", "..", "docs", "sources", p.Declaration.Name+".md")
		want := p.Declaration.Page()
		if os.Getenv("OMOFLOW_UPDATE") == "1" {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("%s is stale: OMOFLOW_UPDATE=1 go test ./cmd/omoflow -run TestSourcePagesAreCurrent (%v)", path, err)
		}
	}
}

// The profiles that come with omoflow are listed in the manual, with what they fill. OMOFLOW_UPDATE=1 writes the list.
func TestProfilePageIsCurrent(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Files: the profiles that come with omoflow\n\n<!-- Made from the profiles; a test fails when it is stale. -->\n\n" +
		"A feed names one as `profile: <name>`. `omoflow profile detect FILE` tells which one reads a file or drafts a new one, `omoflow profile test PROFILE FILE`\n" +
		"shows what becomes of it. The zone of times that carry none is the profile's, unless the feed writes `zone:`; where a profile names none it is the\n" +
		"company's. What the file does not say a feed may give as `constants:` or as {captures} of its `match`.\n\n| profile | reads | fills |\n|---|---|---|\n")
	for _, name := range profile.ShippedNames() {
		if strings.HasPrefix(name, "canonical-") {
			continue
		}
		p, err := profile.Shipped(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, strings.ReplaceAll(p.About, "|", `\|`), strings.Join(sortedKeys(p.Streams), ", "))
	}
	b.WriteString("\n`canonical-<stream>` reads a file whose columns are those of the canonical stream.\n")
	path := filepath.Join("..", "..", "docs", "sources", "files.md")
	if os.Getenv("OMOFLOW_UPDATE") == "1" {
		writeText(t, path, b.String())
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != b.String() {
		t.Errorf("%s is stale: OMOFLOW_UPDATE=1 go test ./cmd/omoflow -run TestProfilePageIsCurrent (%v)", path, err)
	}
}
