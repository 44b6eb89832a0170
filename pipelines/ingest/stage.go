package ingest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// inMemory is the size of normalised records up to which they are held as a table instead of being read per statement.
const inMemory = 96 << 20

// stage types the records and writes them per stream.
func (b *batch) stage(ctx context.Context) error {
	conn, err := b.opt.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // only gives the connection back
	accepted := int64(0)
	for _, t := range b.files {
		if t.DuplicateOf == nil && !t.Refused {
			accepted += t.outcome.Accepted
		}
	}
	if accepted > 0 {
		if err := b.openRecords(ctx, conn); err != nil {
			return err
		}
		b.unchecked = b.sink.Size() > inMemory && b.plain() && !b.Profile.Whole && !b.Profile.WholeReceipts && len(b.plan.Refuse) == 0
		defer func() {
			_ = conn.Exec(context.WithoutCancel(ctx), "DROP VIEW IF EXISTS record; DROP TABLE IF EXISTS typed_record; DROP TABLE IF EXISTS bad_record") // temporary
		}()
		if err := b.checkRecords(ctx, conn); err != nil {
			return err
		}
	}
	fresh := int64(0) // an overlap is read again by every pull, and mostly adds nothing
	for _, t := range b.files {
		b.count(t)
		fresh += t.Counts.Accepted
	}
	if accepted > 0 && fresh > 0 {
		err := b.stageStreams(ctx, conn)
		if errors.Is(err, errFewerRows) {
			// SQL refused records: now look for them, then write the streams without them.
			b.unchecked = false
			if err = b.checkRecords(ctx, conn); err == nil {
				for _, t := range b.files {
					b.count(t)
				}
				err = b.stageStreams(ctx, conn)
			}
		}
		if err != nil {
			return err
		}
	}
	return b.quarantine(ctx, conn)
}

// errFewerRows says that SQL left out records of a stream that was written without looking for them first.
var errFewerRows = errors.New("fewer rows than records")

func (b *batch) stageStreams(ctx context.Context, conn *warehouse.Conn) error {
	b.body.Staged = nil
	if b.Profile.WholeReceipts {
		return b.stageReceipts(ctx, conn)
	}
	for _, s := range b.plan.Streams {
		if err := b.stageStream(ctx, conn, s); err != nil {
			return err
		}
	}
	return nil
}

// plain tells whether every record makes one row of every stream: rows then can be compared with records.
func (f *feed) plain() bool {
	for _, s := range f.plan.Streams {
		if s.Where != "" || len(s.OnePer) > 0 || s.Each != nil {
			return false
		}
	}
	return true
}

// openRecords makes the view record over the normalised records.
func (b *batch) openRecords(ctx context.Context, conn *warehouse.Conn) error {
	var columns, list []string
	for _, c := range b.plan.SlotColumns() {
		read, typed := c.Type, c.Name
		if read == wideDecimal {
			read, typed = "VARCHAR", wideFromText(c.Name)+" AS "+c.Name
		}
		columns, list = append(columns, warehouse.Literal(c.Name)+": "+warehouse.Literal(read)), append(list, typed)
	}
	parallel := "true"
	if b.sink.LineBreaks {
		parallel = "false"
	}
	read := fmt.Sprintf(`SELECT %s FROM read_csv(%s, delim = '\t', quote = %[3]s, escape = %[3]s, header = false, auto_detect = false, nullstr = '', new_line = '\n', parallel = %[4]s, columns = {%[5]s})`,
		strings.Join(list, ", "), warehouse.Literal(b.path), warehouse.Literal(profile.Quote), parallel, strings.Join(columns, ", "))
	if err := conn.Exec(ctx, "CREATE OR REPLACE TEMP TABLE bad_record (_f INTEGER, _r BIGINT)"); err != nil {
		return err
	}
	if b.sink.Size() <= inMemory {
		if err := conn.Exec(ctx, "CREATE OR REPLACE TEMP TABLE typed_record AS "+read); err != nil {
			return err
		}
		read = "SELECT * FROM typed_record"
	}
	return conn.Exec(ctx, "CREATE OR REPLACE TEMP VIEW record AS "+read)
}

// count settles a file's account.
func (b *batch) count(t *taken) {
	if t.DuplicateOf != nil {
		return
	}
	o := t.outcome
	if t.Refused {
		t.Counts = lake.Counts{Read: o.Read, Quarantined: o.Read}
		return
	}
	sqlRefused := t.refused - o.Refused
	t.Counts = lake.Counts{Read: o.Read, Accepted: o.Accepted - sqlRefused - t.same, Duplicate: t.same, Quarantined: t.refused, Ignored: o.Ignored}
}

// expressionFault says that a profile's SQL is wrong.
func (b *batch) expressionFault(err error) error {
	if k := fault.KindOf(err); k == fault.Exhausted || k == fault.Interrupted {
		return err
	}
	return fault.Wrap(err, fault.Usage, "profile_sql", "profile "+b.Profile.Name, "correct the expression; s0, s1, ... in the message are the cells it reads", "an expression of the profile fails")
}

// stageStream writes the rows of one stream.
func (b *batch) stageStream(ctx context.Context, conn *warehouse.Conn, s profile.StreamPlan) error {
	query, err := b.query(s)
	if err != nil {
		return err
	}
	path := filepath.Join(b.dir, s.Stream.Name+".parquet")
	if b.Profile.Whole {
		return b.stageWhole(ctx, conn, s, query, path)
	}
	ids := map[string]int{}
	for i, c := range s.Stream.All() {
		ids[c.Name] = i + 1
	}
	failpoint.Hit("stage.start")
	done, err := conn.CopyParquet(ctx, query, path, warehouse.CopyOptions{FieldIDs: ids})
	if err != nil {
		return b.expressionFault(err)
	}
	failpoint.Hit("stage.copy_done")
	if s.Where == "" && len(s.OnePer) == 0 && s.Each == nil {
		want := b.accepted()
		if done.Rows < want && b.unchecked {
			return errFewerRows
		}
		if done.Rows != want {
			return fault.New(fault.Damaged, "rows_lost", b.Source+"."+b.Name, "report this with the file's layout; nothing was committed", "%d records were accepted, stream %s holds %d rows", want, s.Stream.Name, done.Rows)
		}
	}
	if done.Rows == 0 {
		return nil
	}
	if err := b.findReusedKeys(ctx, conn, s); err != nil {
		return err
	}
	return b.keepStaged(ctx, conn, s, done, path, "")
}

// accepted is how many records of the batch's files are to be staged.
func (b *batch) accepted() (n int64) {
	for _, t := range b.files {
		if t.DuplicateOf == nil {
			n += t.Counts.Accepted
		}
	}
	return n
}

// keepStaged uploads a stream's file and notes it in the batch.
func (b *batch) keepStaged(ctx context.Context, conn *warehouse.Conn, s profile.StreamPlan, done warehouse.CopyResult, path, whole string) error {
	// The hash is in the name: an interrupted run may have left other bytes of the same rows.
	key := lake.StagedKey(b.Source, b.Name, b.body.ID, s.Stream.Name+"-"+done.SHA256[:12])
	staged := lake.Staged{Stream: s.Stream.Name, Object: lake.Object{Key: key, SHA256: done.SHA256, Bytes: done.Bytes, Rows: done.Rows}, Whole: whole}
	if err := describeStaged(ctx, conn, path, s.Stream, &staged); err != nil {
		return err
	}
	if err := b.put(ctx, key, path, done.SHA256); err != nil {
		return err
	}
	b.body.Staged = append(b.body.Staged, staged)
	return nil
}

// findReusedKeys reports keys that several days share: a till whose counter started again, when the key lacks the day.
func (b *batch) findReusedKeys(ctx context.Context, conn *warehouse.Conn, s profile.StreamPlan) error {
	if len(s.OnePer) == 0 || s.Event == nil || b.sink.Size() > inMemory {
		return nil
	}
	q := &streamQuery{batch: b, StreamPlan: s, clock: b.clock(), own: map[string]profile.ColumnPlan{}}
	keys := []string{"_f"}
	for _, k := range s.OnePer {
		if c, ok := s.Column(k); ok && c.Column.Type != "TIMESTAMP" {
			keys = append(keys, warehouse.Identifier(k))
		}
	}
	group := strings.Join(keys, ", ")
	rows, err := conn.Text(ctx, fmt.Sprintf(`SELECT _f, count(*), min(first_key) FROM (SELECT %s, CAST(%s AS VARCHAR) AS first_key FROM (%s) GROUP BY %s HAVING max(%s) - min(%s) > INTERVAL 20 HOUR) GROUP BY 1 ORDER BY 1`,
		group, keys[len(keys)-1], q.inner(), group, local("event_at"), local("event_at")))
	if err != nil {
		return b.expressionFault(err)
	}
	return b.eachFile(rows, func(no int, n int64, row []string) {
		b.notes = append(b.notes, Finding{b.Source, b.Name, b.files[no].Name, "key_on_several_days",
			fmt.Sprintf("%d keys of stream %s, such as %s, stand for receipts of several days; put the day into the key when the till's counter starts again", n, s.Stream.Name, row[2]), n})
	})
}

// describeStaged notes which months and locations the rows touch.
func describeStaged(ctx context.Context, conn *warehouse.Conn, path string, stream retail.Stream, staged *lake.Staged) error {
	from := " FROM " + warehouse.ReadParquet(path)
	months, err := conn.Text(ctx, "SELECT coalesce(strftime(d, '%Y-%m'), ''), CAST(sum(n) AS BIGINT), CAST(min(d) AS VARCHAR), CAST(max(d) AS VARCHAR) FROM (SELECT business_date AS d, count(*) AS n"+from+" GROUP BY 1) GROUP BY 1 ORDER BY 1")
	if err != nil {
		return err
	}
	staged.Months = map[string]int64{}
	for _, m := range months {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return fmt.Errorf("count months: %w", err)
		}
		staged.Months[m[0]] = n
		if m[0] != "" {
			if staged.MinDate == "" {
				staged.MinDate = m[2]
			}
			staged.MaxDate = m[3]
		}
	}
	if _, ok := stream.Column("location_id"); !ok {
		return nil
	}
	locations, err := conn.Text(ctx, "SELECT DISTINCT location_id"+from+" WHERE location_id IS NOT NULL ORDER BY 1 LIMIT 10000")
	if err != nil {
		return err
	}
	for _, l := range locations {
		staged.Locations = append(staged.Locations, l[0])
	}
	return nil
}
