package ingest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// A profile with whole_receipts says that a file which names a receipt holds all of it, however many rows and streams it
// makes. Every row then carries the hash of what the receipt's rows say together, so that of the deliveries of a receipt the
// newest counts alone; of those that say the same the first does, and a repeated export changes nothing. All deliveries stay
// staged: when a file is replaced, what it had replaced counts again.

// rowTable is the temporary table of a stream's rows.
func rowTable(s profile.StreamPlan) string { return warehouse.Identifier("row " + s.Stream.Name) }

// receiptTable is the temporary table of the receipts of one kind: orders, refunds, counts.
func receiptTable(owner string) string { return warehouse.Identifier("receipt " + owner) }

// stageReceipts writes the streams of a profile whose receipts are whole.
func (b *batch) stageReceipts(ctx context.Context, conn *warehouse.Conn) error {
	var owners, tables []string
	defer func() {
		for _, table := range tables {
			_ = conn.Exec(context.WithoutCancel(ctx), "DROP TABLE IF EXISTS "+table) // temporary
		}
	}()
	for _, s := range b.plan.Streams {
		if !b.ofReceipts(s) {
			continue
		}
		query, err := b.query(s)
		if err != nil {
			return err
		}
		failpoint.Hit("stage.start")
		tables = append(tables, rowTable(s))
		if err := conn.Exec(ctx, "CREATE OR REPLACE TEMP TABLE "+rowTable(s)+" AS "+query); err != nil {
			return b.expressionFault(err)
		}
		if err := b.sameRows(ctx, conn, s); err != nil {
			return err
		}
		if owner := s.Stream.Key[0]; !slices.Contains(owners, owner) {
			owners = append(owners, owner)
		}
	}
	for _, owner := range owners {
		tables = append(tables, receiptTable(owner))
		if err := conn.Exec(ctx, b.receipts(owner)); err != nil {
			return err
		}
	}
	for _, s := range b.plan.Streams {
		stage := b.stageStream
		if b.ofReceipts(s) {
			stage = b.stageReceiptRows
		}
		if err := stage(ctx, conn, s); err != nil {
			return err
		}
	}
	return nil
}

// ofReceipts tells whether a stream's rows belong to receipts, refunds or counts.
func (b *batch) ofReceipts(s profile.StreamPlan) bool {
	return b.Profile.WholeReceipts && slices.Contains(profile.Receipts(), s.Stream.Key[0])
}

// sameRows compares the rows of a stream that takes every record with the records.
func (b *batch) sameRows(ctx context.Context, conn *warehouse.Conn, s profile.StreamPlan) error {
	if s.Where != "" || len(s.OnePer) > 0 {
		return nil
	}
	rows, err := conn.Count(ctx, "SELECT count(*) FROM "+rowTable(s))
	if want := b.accepted(); err == nil && rows != want {
		return fault.New(fault.Damaged, "rows_lost", b.Source+"."+b.Name, "report this with the file's layout; nothing was committed", "%d records were accepted, stream %s holds %d rows", want, s.Stream.Name, rows)
	}
	return err
}

// receipts is the statement that lists the receipts of each file with the hash of what they say. Where a row stands in which
// file is no part of it, nor is the version, which orders deliveries.
func (b *batch) receipts(owner string) string {
	var all []string
	for _, s := range b.plan.Streams {
		if !b.ofReceipts(s) || s.Stream.Key[0] != owner {
			continue
		}
		said := []string{warehouse.Literal(s.Stream.Name)}
		for _, c := range s.Stream.All() {
			switch c.Name {
			case "source", "source_version", "batch", "file_no", "source_row":
			default:
				said = append(said, "coalesce(CAST("+warehouse.Identifier(c.Name)+" AS VARCHAR), chr(30))")
			}
		}
		all = append(all, fmt.Sprintf("SELECT file_no, source_row, business_date, source_version, %s AS id, concat_ws(chr(31), %s) AS said FROM %s", warehouse.Identifier(owner), strings.Join(said, ", "), rowTable(s)))
	}
	return fmt.Sprintf("CREATE OR REPLACE TEMP TABLE %s AS SELECT file_no, id, sha256(string_agg(said, chr(29) ORDER BY said)) AS delivered, max(business_date) AS day, max(source_version) AS version, min(source_row) AS source_row FROM (%s) GROUP BY file_no, id",
		receiptTable(owner), strings.Join(all, "\nUNION ALL "))
}

// stageReceiptRows writes the rows of a stream, and a tombstone for each receipt of which it has none: an earlier delivery may
// have some.
func (b *batch) stageReceiptRows(ctx context.Context, conn *warehouse.Conn, s profile.StreamPlan) error {
	owner := s.Stream.Key[0]
	id := warehouse.Identifier(owner)
	columns, values := b.tombstone(s, owner, map[string]string{"id": "receipt.id", "version": "receipt.version", "file": "receipt.file_no", "row": "receipt.source_row", "day": "receipt.day"})
	query := fmt.Sprintf(`SELECT line.*, receipt.delivered FROM %[1]s AS line INNER JOIN %[2]s AS receipt ON line.file_no = receipt.file_no AND line.%[3]s = receipt.id
UNION ALL BY NAME SELECT %[4]s, '' AS delivered FROM (SELECT %[5]s FROM %[2]s AS receipt WHERE NOT EXISTS (SELECT 1 FROM %[1]s AS line WHERE line.file_no = receipt.file_no AND line.%[3]s = receipt.id)) AS gone (%[4]s)
ORDER BY file_no, source_row, source_record_id`, rowTable(s), receiptTable(owner), id, columns, values)
	ids := map[string]int{}
	for i, c := range s.Stream.All() {
		ids[c.Name] = i + 1
	}
	ids["delivered"] = len(ids) + 1
	path := filepath.Join(b.dir, s.Stream.Name+".parquet")
	done, err := conn.CopyParquet(ctx, query, path, warehouse.CopyOptions{FieldIDs: ids})
	if err != nil {
		return b.expressionFault(err)
	}
	failpoint.Hit("stage.copy_done")
	if done.Rows == 0 {
		return nil
	}
	if err := b.findReusedKeys(ctx, conn, s); err != nil {
		return err
	}
	return b.keepStaged(ctx, conn, s, done, path, owner)
}

// tombstone gives the names and the values of a row that says that a key has no rows in a stream any more.
func (b *batch) tombstone(s profile.StreamPlan, owner string, of map[string]string) (names, values string) {
	set := map[string]string{
		"source": warehouse.Literal(b.Source), "source_record_id": of["id"], "source_version": of["version"], "batch": warehouse.Literal(b.body.ID),
		"file_no": of["file"], "source_row": of["row"], "business_date": of["day"], owner: of["id"],
	}
	var columns, list []string
	for _, c := range s.Stream.All() {
		columns = append(columns, warehouse.Identifier(c.Name))
		value, ok := set[c.Name]
		if !ok {
			if value = "NULL"; c.Required && c.Type == "VARCHAR" {
				value = "''"
			}
		}
		list = append(list, "CAST("+value+" AS "+c.Type+")")
	}
	return strings.Join(columns, ", "), strings.Join(list, ", ")
}
