package main

import (
	"os"
	"path/filepath"
	"testing"
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
