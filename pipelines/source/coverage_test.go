package source_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/omoflow/omoflow/pipelines/source"
)

func TestCoverageOfCursors(t *testing.T) {
	for cursor, want := range map[string]string{
		``:       `{ []}`,
		`{}`:     `{ []}`,
		`"2026"`: `{ []}`,
		`{"through":"2026-06-01T08:00:00Z","coverage":"2026-04-03"}`: `{2026-04-03 []}`,
		`{"since":"2026-03-01T08:00:00"}`:                            `{2026-03-02 []}`,
		`{"since":"soon"}`:                                           `{ []}`,
		`{"since":"2026-03-01T08:00:00","gaps":[{"from":"2026-05-01T08:00:00","to":"2026-05-04T01:00:00"},{"from":"","to":""}]}`: `{2026-03-02 [{2026-05-01 2026-05-04} { }]}`,
	} {
		if got := fmt.Sprint(source.CoverageOf(json.RawMessage(cursor))); got != want {
			t.Errorf("%s: %s, want %s", cursor, got, want)
		}
	}
}
