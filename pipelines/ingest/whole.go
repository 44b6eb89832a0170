package ingest

import (
	"context"
	"fmt"

	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// Whole records hold everything of their key. What is known as it is, or newer, is a duplicate; everything else replaces
// the earlier delivery: its rows carry the record's hash, and where the earlier one had rows in a month or a stream in
// which the new one has none, a tombstone is written, so that each month can be read alone.

// addWhole notes what later batches of an API compare with.
func (s *state) addWhole(b lake.Batch, seq int64) {
	s.batches++
	if b.CursorAfter != nil {
		s.cursor = b.CursorAfter
	}
	if b.Backfill != nil {
		s.windows[windowKey(*b.Backfill)] = *b.Backfill
	}
	for _, ref := range b.Supersedes {
		s.replaced[ref] = true
	}
	for _, file := range b.Files {
		if file.Counts.Accepted == 0 && file.Counts.Quarantined > 0 && file.Counts.Duplicate == 0 {
			s.waiting[file.SHA256+" "+b.Mapping] = lake.FileRef{Batch: b.ID, FileNo: file.No}
		}
	}
	for _, staged := range b.Staged {
		if staged.Whole != "" {
			s.whole = append(s.whole, earlier{staged, b.ID, seq})
		}
	}
}

// loadBefore reads what the log said when the entry seq was about to be written: what whole records are compared with.
func (f *feed) loadBefore(ctx context.Context, seq int64) error {
	f.state = newState()
	return f.log.Read(ctx, 1, func(e journal.Entry) error {
		if e.Kind != lake.KindBatch || e.Seq >= seq {
			return nil
		}
		b, err := lake.DecodeBatch(e)
		if err == nil {
			f.state.addWhole(b.Batch, e.Seq)
		}
		return err
	})
}

func windowKey(w lake.Backfill) string { return w.From.UTC().String() + " " + w.To.UTC().String() }

// notGone adds to a condition that the record is no tombstone.
func (b *batch) notGone(condition string) string {
	if b.plan.Gone == "" {
		return condition
	}
	return "(" + condition + " AND NOT coalesce((" + b.plan.Gone + "), false))"
}

// head is the stream whose key names a whole record: the one with the shortest key.
func (f *feed) head() profile.StreamPlan {
	head := f.plan.Streams[0]
	for _, s := range f.plan.Streams {
		if len(s.Stream.Key) < len(head.Stream.Key) {
			head = s
		}
	}
	return head
}

// newest is a query for the newest delivery of each key among earlier rows.
func newest(rows, owner, only string) string {
	return fmt.Sprintf("SELECT %[1]s AS id, source_version AS version, delivered FROM (SELECT %[1]s, source_version, delivered, row_number() OVER (PARTITION BY %[1]s ORDER BY source_version DESC, seq DESC, file_no DESC, delivered DESC) AS n FROM %[2]s %[3]s) WHERE n = 1",
		warehouse.Identifier(owner), rows, only)
}

// refuseParts refuses the other parts of records of which SQL refused one.
func (b *batch) refuseParts(ctx context.Context, conn *warehouse.Conn) error {
	hash := b.plan.HashSlot()
	rows, err := conn.Text(ctx, fmt.Sprintf("SELECT _f, _r, 'part_refused' FROM record WHERE (_f, %[1]s) IN (SELECT (_f, %[1]s) FROM record WHERE (_f, _r) IN (SELECT (_f, _r) FROM bad_record)) AND (_f, _r) NOT IN (SELECT (_f, _r) FROM bad_record) ORDER BY _f, _r", hash))
	if err != nil || len(rows) == 0 {
		return err
	}
	return b.describe(ctx, conn, rows)
}

// leaveKnown lists the whole records of the batch and leaves out those that add nothing: known as they are, older than
// what is known, older than another of the batch, or tombstones of what is not there.
func (b *batch) leaveKnown(ctx context.Context, conn *warehouse.Conn) error {
	head := b.head()
	key, _ := head.Column(head.Stream.Key[0])
	version := head.Version
	if version == "" {
		version = "''"
	}
	gone := "false"
	if b.plan.Gone != "" {
		gone = "coalesce((" + b.plan.Gone + "), false)"
	}
	if err := conn.Exec(ctx, fmt.Sprintf("CREATE OR REPLACE TEMP TABLE whole_record AS SELECT _f, %s AS hash, CAST((%s) AS VARCHAR) AS id, coalesce(CAST((%s) AS VARCHAR), '') AS version, %s AS gone, min(_r) AS r FROM record WHERE (_f, _r) NOT IN (SELECT (_f, _r) FROM bad_record) GROUP BY ALL",
		b.plan.HashSlot(), key.SQL, version, gone)); err != nil {
		return b.expressionFault(err)
	}
	earlier, err := b.earlierOf(ctx, conn, head.Stream)
	if err != nil {
		return err
	}
	known := "SELECT NULL AS id, NULL AS version, NULL AS delivered WHERE false"
	if earlier != "" && !b.replay {
		known = newest(earlier, head.Stream.Key[0], "WHERE "+warehouse.Identifier(head.Stream.Key[0])+" IN (SELECT id FROM whole_record)")
	}
	if err := conn.Exec(ctx, fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE known_record AS SELECT one._f, one.hash FROM
  (SELECT *, row_number() OVER (PARTITION BY id ORDER BY CASE WHEN last_gone IS NULL OR place > last_gone THEN 0 WHEN place = last_gone THEN 1 ELSE 2 END, version DESC, place DESC) AS n
    FROM (SELECT *, {f: _f, r: r} AS place, max(CASE WHEN gone THEN {f: _f, r: r} END) OVER (PARTITION BY id) AS last_gone FROM whole_record)) AS one
  LEFT JOIN (%s) AS known ON one.id = known.id
  WHERE one.n > 1 OR (one.gone AND coalesce(known.delivered, '') = '' AND %t)
    OR (NOT one.gone AND (known.version > one.version OR known.version = one.version AND known.delivered = one.hash))`, known, !b.replay)); err != nil {
		return err
	}
	rows, err := conn.Text(ctx, fmt.Sprintf("SELECT record._f, count(*) FROM record INNER JOIN known_record ON record._f = known_record._f AND record.%[1]s = known_record.hash WHERE (record._f, record._r) NOT IN (SELECT (_f, _r) FROM bad_record) GROUP BY 1", b.plan.HashSlot()))
	if err != nil {
		return err
	}
	if err := b.eachFile(rows, func(no int, n int64, _ []string) { b.files[no].same = n }); err != nil || len(rows) == 0 {
		return err
	}
	if err := conn.Exec(ctx, fmt.Sprintf("INSERT INTO bad_record SELECT record._f, record._r FROM record INNER JOIN known_record ON record._f = known_record._f AND record.%s = known_record.hash WHERE (record._f, record._r) NOT IN (SELECT (_f, _r) FROM bad_record)", b.plan.HashSlot())); err != nil {
		return err
	}
	return conn.Exec(ctx, "DELETE FROM whole_record WHERE (_f, hash) IN (SELECT (_f, hash) FROM known_record)")
}

// stageWhole writes the rows of a stream and the tombstones of what they replace elsewhere.
func (b *batch) stageWhole(ctx context.Context, conn *warehouse.Conn, s profile.StreamPlan, query, path string) error {
	owner := s.Stream.Key[0]
	earlier, err := b.earlierOf(ctx, conn, s.Stream)
	if err != nil {
		return err
	}
	if earlier != "" {
		if err := conn.Exec(ctx, "CREATE OR REPLACE TEMP TABLE whole_row AS "+query); err != nil {
			return b.expressionFault(err)
		}
		if err := conn.Exec(ctx, b.tombstones(s, owner, earlier)); err != nil {
			return err
		}
		query = "SELECT * FROM whole_row ORDER BY file_no, source_row, source_record_id, business_date NULLS FIRST"
	}
	ids := map[string]int{}
	for i, c := range s.Stream.All() {
		ids[c.Name] = i + 1
	}
	ids["delivered"] = len(ids) + 1
	done, err := conn.CopyParquet(ctx, query, path, warehouse.CopyOptions{FieldIDs: ids})
	if err != nil {
		return b.expressionFault(err)
	}
	if done.Rows == 0 {
		return nil
	}
	return b.keepStaged(ctx, conn, s, done, path, owner)
}

// tombstones inserts one row per key and month in which an earlier delivery has rows and the new one none.
func (b *batch) tombstones(s profile.StreamPlan, owner, earlier string) string {
	names, list := b.tombstone(s, owner, map[string]string{"id": "mark.id", "version": "mark.version", "file": "mark._f", "row": "mark.r", "day": "mark.day"})
	id := warehouse.Identifier(owner)
	return fmt.Sprintf(`INSERT INTO whole_row (%[1]s, delivered) SELECT %[2]s, '' FROM (
  SELECT one.id, one._f, one.r, max(old.business_date) AS day, greatest(max(old.source_version), max(one.version)) AS version
  FROM (SELECT *, row_number() OVER (PARTITION BY %[4]s, date_trunc('month', business_date) ORDER BY source_version DESC, seq DESC, file_no DESC, delivered DESC) AS n
    FROM %[3]s WHERE %[4]s IN (SELECT id FROM whole_record)) AS old
  INNER JOIN whole_record AS one ON old.%[4]s = one.id
  WHERE old.n = 1 AND old.delivered <> '' AND NOT EXISTS (SELECT 1 FROM whole_row AS new WHERE new.%[4]s = old.%[4]s AND date_trunc('month', new.business_date) IS NOT DISTINCT FROM date_trunc('month', old.business_date))
  GROUP BY one.id, one._f, one.r, date_trunc('month', old.business_date)
) AS mark`, names, list, earlier, id)
}

// Known lists the records of an API stream that the lake holds, with the given columns of the head stream and the number
// of rows per other stream as facts.
func (f *feed) known(ctx context.Context) ([]source.Known, error) {
	if !f.Profile.Whole {
		return nil, nil
	}
	head := f.head()
	rows, err := f.earlierRows(ctx, f.earlier(head.Stream.Name))
	if err != nil || rows == "" {
		return nil, err
	}
	owner := head.Stream.Key[0]
	var facts, columns []string
	for _, c := range f.API.Facts {
		if _, ok := head.Stream.Column(c); ok {
			facts, columns = append(facts, c), append(columns, "any_value(CAST(old."+warehouse.Identifier(c)+" AS VARCHAR))")
		}
	}
	query := "WITH newest AS (" + newest(rows, owner, "") + ")"
	joins := ""
	for _, s := range f.plan.Streams {
		if s.Stream.Name == head.Stream.Name || len(f.API.Facts) == 0 {
			continue
		}
		other, err := f.earlierRows(ctx, f.earlier(s.Stream.Name))
		if err != nil {
			return nil, err
		}
		if other == "" {
			continue
		}
		name := warehouse.Identifier("n " + s.Stream.Name)
		query += fmt.Sprintf(", %s AS (SELECT %s AS id, delivered, count(DISTINCT source_record_id) AS n FROM %s WHERE delivered <> '' GROUP BY ALL)", name, warehouse.Identifier(s.Stream.Key[0]), other)
		joins += fmt.Sprintf(" LEFT JOIN %[1]s ON %[1]s.id = newest.id AND %[1]s.delivered = newest.delivered", name)
		facts, columns = append(facts, s.Stream.Name), append(columns, "CAST(coalesce(any_value("+name+".n), 0) AS VARCHAR)")
	}
	list := ""
	for _, c := range columns {
		list += ", " + c
	}
	got, err := f.opt.DB.Text(ctx, fmt.Sprintf("%s SELECT newest.id, any_value(newest.version), any_value(newest.delivered)%s FROM newest INNER JOIN %s AS old ON old.%s = newest.id AND old.delivered = newest.delivered%s GROUP BY newest.id ORDER BY length(newest.id), newest.id",
		query, list, rows, warehouse.Identifier(owner), joins))
	if err != nil {
		return nil, err
	}
	all := make([]source.Known, len(got))
	for i, row := range got {
		all[i] = source.Known{ID: row[0], Version: row[1], Gone: row[2] == "", Facts: map[string]string{}}
		for j, name := range facts {
			all[i].Facts[name] = row[3+j]
		}
	}
	return all, nil
}
