package proof

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/source/file"
)

// lineage are the columns that tell which delivery a row came from. They are arrival facts: the same row brought by
// another file differs in them and in nothing else.
var lineage = []string{"batch", "file_no", "source_row"}

// arrivalTables hold facts about deliveries themselves: what came when, in which file, late or not. They differ, and
// must, when the same records arrive another way, so that only rebuilds of one and the same journal may compare them.
var arrivalTables = []string{"intake.file", "int_received_day", "assessment.completeness", "assessment.compliance", "supervision.location", "joint_meeting.completeness", "joint_meeting.intake", "quarterly.completeness"}

// files gives the hash of every partition file of a release: equal releases of one journal have equal bytes.
func (s *shop) files(r release.Release) map[string]string {
	s.t.Helper()
	all := map[string]string{}
	s.eachFile(r, func(table, partition string, _ release.Manifest, f lake.Object) { all[table+"/"+partition] += f.SHA256 })
	return all
}

// contents gives, per partition, what must not depend on how records arrived: the file's hash, or for tables with lineage
// the hash of its rows, in their order, without those columns.
func (s *shop) contents(r release.Release) map[string]string {
	s.t.Helper()
	all := map[string]string{}
	s.eachFile(r, func(table, partition string, m release.Manifest, f lake.Object) {
		if slices.Contains(arrivalTables, table) {
			return
		}
		if !slices.ContainsFunc(m.Columns, func(c release.Column) bool { return slices.Contains(lineage, c.Name) }) {
			all[table+"/"+partition] += f.SHA256
			return
		}
		all[table+"/"+partition] += s.hashOfRows(m, f)
	})
	return all
}

func (s *shop) eachFile(r release.Release, fn func(table, partition string, m release.Manifest, f lake.Object)) {
	s.t.Helper()
	for _, table := range slices.Sorted(maps.Keys(r.Tables)) {
		m, err := r.Manifest(context.Background(), s.lake, table)
		fatal(s.t, err)
		for _, p := range m.Partitions {
			for _, f := range p.Files {
				fn(table, p.Name, m, f)
			}
		}
	}
}

func (s *shop) hashOfRows(m release.Manifest, f lake.Object) string {
	s.t.Helper()
	name, err := s.cache.Path(context.Background(), f.Key, f.SHA256, f.Bytes)
	fatal(s.t, err)
	var columns []string
	for _, c := range m.Columns {
		if !slices.Contains(lineage, c.Name) {
			columns = append(columns, warehouse.Identifier(c.Name))
		}
	}
	rows, err := s.db.Text(context.Background(), "SELECT "+strings.Join(columns, ", ")+" FROM "+warehouse.ReadParquet(name))
	fatal(s.t, err)
	sum := sha256.New()
	for _, row := range rows {
		fmt.Fprintf(sum, "%q\n", row)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// same fails the case when two sets of partitions differ, and names the first that does.
func same(t rapid.TB, what string, want, got map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Fatalf("%s: %s is %.12s instead of %.12s", what, name, got[name], want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			t.Fatalf("%s: %s should not be there", what, name)
		}
	}
}

func fatal(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// place is a folder of the inbox, made when needed.
func (s *shop) place(source string) file.Place {
	dir := filepath.Join(s.dir, "inbox", source)
	fatal(s.t, os.MkdirAll(dir, 0o777))
	return file.Dir(dir)
}
