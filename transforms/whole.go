package transforms

import (
	"context"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// newestWhole gives of each key that is delivered whole the rows of its newest delivery, and none when that is a
// tombstone. Ingest writes a tombstone into every month that an earlier delivery had rows in and the newer has not, so
// that a month alone tells the same as all months together.
func (b *build) newestWhole(ctx context.Context, w warehouse.Session, s *stream, objects []*stagedObject, sp span) (string, error) {
	columns := s.columns()
	delivered := release.Column{Name: "delivered", Type: "VARCHAR"} // the record's hash, "" for a tombstone
	from, err := b.objectRows(ctx, w, objects, append(slices.Clone(columns[:len(s.All())]), delivered), sp)
	if err != nil {
		return "", err
	}
	var names []string
	for _, c := range columns {
		names = append(names, warehouse.Identifier(c.Name))
	}
	return "(SELECT " + strings.Join(names, ", ") + " FROM (SELECT *, rank() OVER (PARTITION BY source, " + warehouse.Identifier(objects[0].Whole) +
		" ORDER BY source_version DESC, batch_seq DESC, feed, batch, file_no DESC) AS delivery_rank FROM " + from + ") WHERE delivery_rank = 1 AND delivered <> '')", nil
}
