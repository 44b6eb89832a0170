package transforms

import (
	"context"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// newestWhole gives of each key that is delivered whole the rows of its newest delivery, and none when that is a
// tombstone. Of deliveries that say the same as the newest the first is taken, so that an export repeated changes nothing. Ingest writes a tombstone into every month that an earlier delivery had rows in and the newer has not, so
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
	of := "PARTITION BY source, " + warehouse.Identifier(objects[0].Whole)
	newest := of + " ORDER BY source_version DESC, batch_seq DESC, feed, batch, file_no DESC"
	return "(SELECT " + strings.Join(names, ", ") + " FROM (SELECT *, rank() OVER (" + of + " ORDER BY batch_seq, feed DESC, batch DESC, file_no) AS delivery_rank" +
		" FROM (SELECT *, first_value(delivered) OVER (" + newest + ") AS newest_hash, first_value(source_version) OVER (" + newest + ") AS newest_version FROM " + from + ")" +
		" WHERE delivered = newest_hash AND source_version = newest_version) WHERE delivery_rank = 1 AND delivered <> '')", nil
}
