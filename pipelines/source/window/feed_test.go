package window

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source"
)

// Between two pages an old record is edited and another comes late with an older time: counts and totals stay as they
// were, and the late one pushes a third onto a page that was read. It must lie where the next run reads again.
func TestLateRecordHidesOnlyWhatIsReadAgain(t *testing.T) {
	now := noon.Add(30 * time.Minute)
	minutes := map[string]int{"a": 1, "b": 2, "c": 3, "d": 4, "f": 28} // behind noon
	again := 0
	r := &Reader{What: "list", Width: time.Hour, Size: 2,
		Ask: func(_ context.Context, from, to time.Time, page int) (Page, error) {
			if page == 1 {
				if again++; again == 2 { // the first page was counted; all others of its window were read
					delete(minutes, "a")
					minutes["late"] = 25
				}
			}
			var rows []string
			for id, at := range minutes {
				if when := noon.Add(time.Duration(at) * time.Minute); !when.Before(from) && !when.After(to) {
					rows = append(rows, row(id, at*60))
				}
			}
			slices.SortFunc(rows, func(x, y string) int {
				return minutes[y[7:strings.Index(y, `",`)]] - minutes[x[7:strings.Index(x, `",`)]]
			})
			p := Page{Total: int64(len(rows)), Date: now}
			for _, one := range rows[min((page-1)*2, len(rows)):min(page*2, len(rows))] {
				p.Rows = append(p.Rows, json.RawMessage(one))
			}
			p.Body = []byte(strings.Join(rows[min((page-1)*2, len(rows)):min(page*2, len(rows))], "\n"))
			return p, nil
		},
		Row: rowsOf(nil, 2, nil).Row,
	}
	f := &Feed{Name: "list", Forward: r, Overlap: 10 * time.Minute, History: time.Hour, Now: func(context.Context) (time.Time, error) { return now, nil }}
	var all string
	var cursor json.RawMessage
	for range 2 {
		next, err := f.Pull(context.Background(), cursor, func(d source.Delivery) error {
			path, err := d.Fetch(context.Background(), t.TempDir())
			if err != nil {
				return err
			}
			body, err := os.ReadFile(path)
			all += string(body)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		cursor, now = next, now.Add(11*time.Minute)
	}
	for _, id := range []string{"a", "b", "c", "d", "f", "late"} {
		if !strings.Contains(all, `"ID":"`+id+`"`) {
			t.Errorf("%s is lost", id)
		}
	}
}
