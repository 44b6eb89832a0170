package transforms

import (
	"os"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// TestShippedModels examines every shipped model without data and runs the tests beside them.
func TestShippedModels(t *testing.T) {
	project, err := Load(Shipped())
	if err != nil {
		t.Fatal(err)
	}
	db, err := warehouse.Open(t.Context(), warehouse.Options{Threads: 2, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := project.Check(t.Context(), conn, testConfig()); err != nil {
		t.Error(err, fault.HintOf(err))
	}
	results, err := RunTests(t.Context(), db, project, os.DirFS("../sql"))
	if err != nil {
		t.Fatal(err)
	}
	failures := 0
	for _, r := range results {
		if r.Err != nil {
			failures++
			t.Errorf("%s:%d: %s: %v", r.File, r.Line, r.Name, r.Err)
		}
	}
	t.Logf("%d models, %d checks, %d tests, %d failed", len(project.Models), len(project.Checks), len(results), failures)
}
