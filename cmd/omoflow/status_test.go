package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/lake"
)

// A reader of the table must be able to add a row up: read = accepted + duplicate + quarantined + ignored.
func TestStatusRowsAddUp(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // read below
	a := &app{stdout: out, stderr: out}
	a.printStatus(statusData{Feeds: []feedStatus{{Source: "shop", Feed: "orders", Counts: lake.Counts{Read: 15, Accepted: 8, Duplicate: 4, Quarantined: 2, Ignored: 1}}}}, 0)
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	var header, row []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "│")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) > 2 && cells[1] == "source":
			header = cells
		case len(cells) > 2 && cells[1] == "shop":
			row = cells
		}
	}
	if len(header) == 0 || len(header) != len(row) {
		t.Fatalf("no row under a header:\n%s", text)
	}
	shown := map[string]string{}
	for i, name := range header {
		shown[name] = row[i]
	}
	for name, want := range map[string]string{"read": "15", "accepted": "8", "duplicate": "4", "quarantined": "2", "ignored": "1"} {
		if shown[name] != want {
			t.Errorf("%s is shown as %q, want %s\n%s", name, shown[name], want, text)
		}
	}
}
