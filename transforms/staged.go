package transforms

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// stagedObject is the rows of one stream of one batch.
type stagedObject struct {
	lake.Staged
	batch    string
	feed     string
	seq      int64
	without  []int // files of the batch that no longer count
	uses     int   // partitions of the model at hand that need it
	splitter sync.Mutex
	weighed  bool
	months   map[string]string // month -> scratch file, once split
}

// identity tells apart any two sets of rows of staged objects.
func (o *stagedObject) identity() string {
	return fmt.Sprintf("%s %s %d %s %v", o.Object.SHA256, o.batch, o.seq, o.feed, o.without)
}

// stream is all staged objects of one canonical stream.
type stream struct {
	retail.Stream
	objects []*stagedObject
}

// gone lists the files whose rows no longer count: superseded, refused, or the same bytes as an earlier file.
func gone(batches []lake.BatchEntry) map[lake.FileRef]bool {
	set := map[lake.FileRef]bool{}
	for _, b := range batches {
		for _, ref := range b.Supersedes {
			set[ref] = true
		}
		for _, f := range b.Files {
			if f.Refused || f.DuplicateOf != nil {
				set[lake.FileRef{Batch: b.ID, FileNo: f.No}] = true
			}
		}
	}
	return set
}

// streams arranges the batches by canonical stream. A batch id that was appended twice counts once.
func streams(batches []lake.BatchEntry) (map[string]*stream, error) {
	all := map[string]*stream{}
	for _, name := range retail.StreamNames() {
		s, _ := retail.StreamNamed(name)
		all[name] = &stream{Stream: s}
	}
	out := gone(batches)
	seen := map[string]bool{}
	for _, b := range batches {
		if seen[b.ID] {
			continue
		}
		seen[b.ID] = true
		var without []int
		for _, f := range b.Files {
			if out[lake.FileRef{Batch: b.ID, FileNo: f.No}] {
				without = append(without, f.No)
			}
		}
		if len(without) == len(b.Files) && len(b.Files) > 0 {
			continue
		}
		for _, staged := range b.Staged {
			s, ok := all[staged.Stream]
			if !ok {
				return nil, fault.New(fault.Usage, "unknown_stream", staged.Object.Key, "run a newer omoflow", "batch %s holds rows of an unknown stream %q", b.ID, staged.Stream)
			}
			if staged.Object.Rows > 0 {
				s.objects = append(s.objects, &stagedObject{Staged: staged, batch: b.ID, feed: b.Feed, seq: b.Seq, without: without})
			}
		}
	}
	for _, s := range all {
		slices.SortFunc(s.objects, func(a, b *stagedObject) int {
			return cmp.Or(strings.Compare(a.feed, b.feed), cmp.Compare(a.seq, b.seq), strings.Compare(a.Object.Key, b.Object.Key))
		})
	}
	return all, nil
}

// columns gives what models see of a stream.
func (s *stream) columns() []release.Column {
	var list []release.Column
	for _, c := range s.All() {
		list = append(list, release.Column{Name: c.Name, Type: c.Type})
	}
	return append(list, release.Column{Name: "batch_seq", Type: "BIGINT"}, release.Column{Name: "feed", Type: "VARCHAR"})
}

// span is a range of months of a stream; the zero value is everything, dated or not.
type span struct {
	months  map[string]bool // nil: any
	undated bool            // only rows without a date
	bounds  string          // condition on business_date, "" for none
	from    string          // first day and the day after the last, "" for any
	to      string
}

// touches tells whether an object has rows in the span.
func (o *stagedObject) touches(sp span) bool {
	switch {
	case len(o.Months) == 0: // nothing is known of its dates
		return true
	case sp.undated:
		return o.Months[""] > 0
	case sp.months == nil:
		return true
	case o.MinDate != "" && o.MaxDate != "" && (o.MaxDate < sp.from || o.MinDate >= sp.to):
		return false
	}
	for month, rows := range o.Months {
		if rows > 0 && sp.months[month] {
			return true
		}
	}
	return false
}

// objectsIn lists the objects of the span.
func (s *stream) objectsIn(sp span) []*stagedObject {
	var list []*stagedObject
	for _, o := range s.objects {
		if o.touches(sp) {
			list = append(list, o)
		}
	}
	return list
}

// daysOf lists the days between an object's first and last in months that have rows; some may have none.
func (o *stagedObject) daysOf() []string {
	var days []string
	for month, rows := range o.Months {
		first, err := time.Parse("2006-01", month)
		if err != nil || rows == 0 {
			continue // rows without a date
		}
		for day := first; day.Month() == first.Month(); day = day.AddDate(0, 0, 1) {
			name := day.Format("2006-01-02")
			if (o.MinDate == "" || name >= o.MinDate) && (o.MaxDate == "" || name <= o.MaxDate) {
				days = append(days, name)
			}
		}
	}
	return days
}

// stagedFrom gives the FROM item with the rows of the span. Rows of files that no longer count are left out; batch_seq and
// feed are added.
func (b *build) stagedFrom(ctx context.Context, w warehouse.Session, s *stream, sp span) (string, error) {
	objects := s.objectsIn(sp)
	if len(objects) == 0 {
		return emptyRelation(s.columns()), nil
	}
	var plain, whole []*stagedObject
	for _, o := range objects {
		if o.Whole == "" {
			plain = append(plain, o)
		} else {
			whole = append(whole, o)
		}
	}
	if len(whole) == 0 {
		return b.objectRows(ctx, w, plain, s.columns()[:len(s.All())], sp)
	}
	newest, err := b.newestWhole(ctx, w, s, whole, sp)
	if err != nil || len(plain) == 0 {
		return newest, err
	}
	rest, err := b.objectRows(ctx, w, plain, s.columns()[:len(s.All())], sp)
	return "(SELECT * FROM " + rest + " UNION ALL BY NAME SELECT * FROM " + newest + ")", err
}

// objectRows gives the FROM item with the rows of some objects.
func (b *build) objectRows(ctx context.Context, w warehouse.Session, objects []*stagedObject, columns []release.Column, sp span) (string, error) {
	var names []string
	for _, c := range columns {
		names = append(names, warehouse.Identifier(c.Name))
	}
	own := strings.Join(names, ", ")
	typed := emptyRelation(columns)
	groups := byBatch(objects)
	if len(groups) > unionLimit {
		return b.joinedFrom(ctx, w, groups, own, typed, sp)
	}
	var branches []string
	for _, group := range groups {
		var paths []string
		for _, o := range group {
			found, err := b.stagedPaths(ctx, w, o, sp)
			if err != nil {
				return "", err
			}
			paths = append(paths, found...)
		}
		where := conditions(group[0].without, sp)
		// Columns that an older staged file lacks are null; columns it has beyond the stream's are left out.
		branches = append(branches, fmt.Sprintf("SELECT %s, CAST(%d AS BIGINT) AS batch_seq, %s AS feed FROM (SELECT * FROM %s UNION ALL BY NAME SELECT * FROM %s)%s",
			own, group[0].seq, warehouse.Literal(group[0].feed), typed, warehouse.ReadParquet(paths...), where))
	}
	return "(" + strings.Join(branches, "\nUNION ALL ") + ")", nil
}

// unionLimit is the number of batches up to which each is read by a branch of its own with its constants; planning more
// branches costs more than the join that takes their place.
const unionLimit = 32

// joinedFrom reads all objects at once and finds batch_seq and feed by the batch id of the rows.
func (b *build) joinedFrom(ctx context.Context, w warehouse.Session, groups [][]*stagedObject, own, typed string, sp span) (string, error) {
	var paths, facts, dropped []string
	for _, group := range groups {
		for _, o := range group {
			found, err := b.stagedPaths(ctx, w, o, sp)
			if err != nil {
				return "", err
			}
			paths = append(paths, found...)
		}
		o := group[0]
		facts = append(facts, fmt.Sprintf("(%s, CAST(%d AS BIGINT), %s)", warehouse.Literal(o.batch), o.seq, warehouse.Literal(o.feed)))
		if len(o.without) > 0 {
			dropped = append(dropped, fmt.Sprintf("AND NOT (batch = %s AND NOT (%s))", warehouse.Literal(o.batch), strings.TrimPrefix(conditions(o.without, span{}), " WHERE ")))
		}
	}
	where := cmp.Or(conditions(nil, sp), " WHERE true")
	return fmt.Sprintf("(SELECT %s, fact.batch_seq, fact.feed FROM (SELECT * FROM (SELECT * FROM %s UNION ALL BY NAME SELECT * FROM %s)%s %s) AS staged INNER JOIN (VALUES %s) AS fact (fact_batch, batch_seq, feed) ON staged.batch = fact.fact_batch)",
		own, typed, warehouse.ReadParquet(paths...), where, strings.Join(dropped, " "), strings.Join(facts, ", ")), nil
}

func conditions(without []int, sp span) string {
	var list []string
	if len(without) > 0 {
		list = append(list, "file_no NOT IN ("+strings.Trim(strings.ReplaceAll(fmt.Sprint(without), " ", ", "), "[]")+")")
	}
	if sp.undated {
		list = append(list, "business_date IS NULL")
	} else if sp.bounds != "" {
		list = append(list, sp.bounds)
	}
	if len(list) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(list, " AND ")
}

// byBatch groups objects that share constants and excluded files. Objects come in feed and sequence order.
func byBatch(objects []*stagedObject) [][]*stagedObject {
	var groups [][]*stagedObject
	for _, o := range objects {
		if n := len(groups); n > 0 && groups[n-1][0].batch == o.batch {
			groups[n-1] = append(groups[n-1], o)
			continue
		}
		groups = append(groups, []*stagedObject{o})
	}
	return groups
}

// emptyRelation is a FROM item without rows and with the given columns.
func emptyRelation(columns []release.Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = "CAST(NULL AS " + c.Type + ") AS " + warehouse.Identifier(c.Name)
	}
	return "(SELECT " + strings.Join(list, ", ") + " WHERE false)"
}
