package ingest

import (
	"context"
	"fmt"
	"strings"

	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// A feed whose pattern captures {location_id} says whose file each is; where the records name a store too, both must agree.
// Two stores' files that were swapped, or a folder that was named wrongly, would else be booked on whichever the profile
// happens to believe.

// named gives the streams whose records name a store while the file's name does, too.
func (b *batch) named() (all []profile.StreamPlan) {
	for _, s := range b.plan.Streams {
		mapped, ok := b.Profile.Streams[s.Stream.Name].Columns["location_id"]
		if ok && b.pattern != nil && !strings.Contains(mapped.Expr, "$location_id") {
			all = append(all, s)
		}
	}
	return all
}

// refuseOtherStores refuses the files of which no record is of the store that the name says, and gives their numbers.
func (b *batch) refuseOtherStores(ctx context.Context, conn *warehouse.Conn) (out []*taken, err error) {
	for _, s := range b.named() {
		store, ok := s.Column("location_id")
		if !ok {
			continue
		}
		var claims []string
		for _, t := range b.files {
			if claim := t.Captures["location_id"]; claim != "" && t.DuplicateOf == nil && !t.Refused {
				claims = append(claims, fmt.Sprintf("(%d, %s)", t.No, warehouse.Literal(claim)))
			}
		}
		if len(claims) == 0 {
			return out, nil
		}
		where := ""
		if s.Where != "" {
			where = " WHERE coalesce((" + s.Where + "), false)"
		}
		rows, err := conn.Text(ctx, fmt.Sprintf(`SELECT said._f, count(*), min(said.store) FROM (SELECT _f, trim(CAST((%s) AS VARCHAR)) AS store FROM record%s) AS said
INNER JOIN (VALUES %s) AS claim (_f, store) ON said._f = claim._f
WHERE said.store <> '' GROUP BY said._f HAVING count(*) FILTER (WHERE said.store = claim.store) = 0 ORDER BY said._f`, store.SQL, where, strings.Join(claims, ", ")))
		if err != nil {
			return nil, b.expressionFault(err)
		}
		if err := b.eachFile(rows, func(no int, n int64, row []string) {
			t := b.files[no]
			t.refuse("other_store", fmt.Sprintf("the name says store %s, all %d records say otherwise, such as %s; deliver it under its store's name, or write {store} in match when the name means something else", t.Captures["location_id"], n, row[2]), 0)
			out = append(out, t)
		}); err != nil {
			return nil, err
		}
	}
	return out, nil
}
