package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/omoflow/omoflow/"

// floors lists which of our packages each package may import besides its own subtree. A package imports
// downwards only, so that a change stays where it is made and the lower floors build and test alone.
var floors = []struct {
	prefix string
	may    []string
}{
	{"internal/fault", nil},
	{"internal/retail", nil},
	{"internal/failpoint", nil},
	{"internal/jsonscan", nil},
	{"internal/world", []string{"internal/retail"}},
	{"internal/thrift", nil},
	{"sql", nil},
	{"internal/strictyaml", []string{"internal/fault"}},
	{"internal/secret", []string{"internal/fault"}},
	{"internal/netguard", []string{"internal/fault"}},
	{"internal/notify", []string{"internal/fault", "internal/netguard", "internal/secret"}},
	{"internal/objstore", []string{"internal/fault", "internal/failpoint", "internal/retail"}},
	{"internal/warehouse", []string{"internal/fault", "internal/failpoint", "internal/retail"}},
	{"internal/journal", []string{"internal/objstore", "internal/fault", "internal/failpoint", "internal/retail"}},
	{"internal/access", []string{"internal/journal", "internal/objstore", "internal/fault", "internal/failpoint", "internal/retail"}},
	{"internal/lake", []string{"internal/journal", "internal/objstore", "internal/fault", "internal/failpoint", "internal/retail"}},
	{"internal/history", []string{"internal/journal", "internal/objstore", "internal/fault", "internal/failpoint"}},
	{"internal/metrics", nil},
	{"internal/queue", []string{"internal/fault"}},
	{"internal/delivery", []string{"internal/notify", "internal/journal", "internal/objstore", "internal/fault", "internal/failpoint"}},
	{"internal/release", []string{"internal/lake", "internal/journal", "internal/objstore", "internal/warehouse", "internal/fault", "internal/failpoint", "internal/retail"}},
	{"internal/inspect", []string{"internal/thrift", "internal/release", "internal/lake", "internal/journal", "internal/objstore", "internal/fault", "internal/failpoint", "internal/retail"}},
	{"pipelines/source", []string{"internal/fault", "internal/jsonscan", "internal/retail", "internal/strictyaml", "internal/secret", "internal/netguard", "internal/objstore", "internal/failpoint"}},
	{"pipelines/ingest", []string{"pipelines/source", "internal/"}},
	{"pipelines/alert", []string{"internal/"}},
	{"pipelines/report", []string{"internal/"}},
	{"pipelines/export", []string{"internal/"}},
	{"pipelines/portal", []string{"internal/"}},
	{"transforms", []string{"sql", "internal/"}},
	{"schedules", []string{"internal/"}},
	{"internal/proof", []string{"internal/", "pipelines/", "transforms", "schedules", "sql"}},
	{"cmd/omoflow", []string{"internal/", "pipelines/", "transforms", "schedules", "sql"}},
}

// doors lists the heavy dependencies that exactly one package may import.
var doors = map[string]string{
	"github.com/duckdb/duckdb-go":  "internal/warehouse",
	"github.com/aws/aws-sdk-go-v2": "internal/objstore/s3",
	"github.com/robfig/cron":       "schedules",
	"github.com/riverqueue/river":  "internal/queue",
	"github.com/jackc/pgx":         "internal/queue",
	"modernc.org/sqlite":           "internal/queue",
	"github.com/prometheus":        "internal/metrics",
	"github.com/DataDog/zstd":      "pipelines/ingest",
	"github.com/apache/arrow-go":   "internal/warehouse",
	"github.com/versity/versitygw": "internal/objstore/s3",
	"github.com/spf13/cobra":       "cmd/omoflow",
	"github.com/goccy/go-yaml":     "internal/strictyaml",
	"github.com/jedib0t/go-pretty": "cmd/omoflow",
	"github.com/pkg/sftp":          "pipelines/source/sftp",
	"github.com/wneessen/go-mail":  "internal/notify/mail",
	"golang.org/x/crypto":          "pipelines/source/sftp",
}

func TestImportsGoDownOnly(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		floor := -1
		for i, f := range floors {
			if within(name, f.prefix) {
				floor = i
			}
		}
		if floor < 0 {
			t.Errorf("%s is on no floor: add it to the table in layers_test.go and say what it may import", name)
			continue
		}
		for _, imported := range append(p.Imports, p.TestImports...) {
			target, ours := strings.CutPrefix(imported, module)
			if ours && !allowed(target, floors[floor].prefix, floors[floor].may) {
				t.Errorf("%s imports %s: imports go down only and siblings never, so that a change stays in one room; pass what is needed in from cmd, or move it down", name, target)
			}
		}
		for _, imported := range p.Imports {
			for dependency, door := range doors {
				if strings.HasPrefix(imported, dependency) && door != "" && !within(name, door) {
					t.Errorf("%s imports %s: only %s may, so that everything else builds without it and it can be replaced", name, imported, door)
				}
			}
		}
	}
}

func allowed(target, own string, may []string) bool {
	if within(target, own) {
		return true
	}
	for _, m := range may {
		if within(target, m) || strings.HasSuffix(m, "/") && strings.HasPrefix(target, m) {
			return true
		}
	}
	return false
}

func within(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}

type listed struct {
	ImportPath           string
	Imports, TestImports []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	output, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports", module+"...").Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("go list: %v\n%s", err, failed.Stderr)
	}
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	decoder := json.NewDecoder(strings.NewReader(string(output)))
	for {
		var p listed
		if err := decoder.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
