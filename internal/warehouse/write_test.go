package warehouse

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/omoflow/omoflow/internal/fault"
)

const sample = `SELECT * FROM (VALUES
	('=1+1', CAST(-1.10 AS DECIMAL(18,2)), DATE '2026-01-02', TIMESTAMP '2026-01-02 03:04:05', true, CAST(7 AS HUGEINT)),
	('plain "q", x', NULL, NULL, NULL, NULL, NULL), ('＝x', 0.05, DATE '1969-12-31', NULL, false, CAST(9 AS HUGEINT))
	) AS v(name, amount, day, "at", ok, total)`

func TestWriters(t *testing.T) {
	db := open(t, Options{})
	write := func(f func(*Rows, *bytes.Buffer) error) string {
		t.Helper()
		rows, err := db.Query(t.Context(), sample)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := f(rows, &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	csv := write(func(r *Rows, b *bytes.Buffer) error { return WriteCSV(r, b) })
	if want := "name,amount,day,at,ok,total\n'=1+1,-1.10,2026-01-02,2026-01-02 03:04:05,true,7\n\"plain \"\"q\"\", x\",,,,,\n'＝x,0.05,1969-12-31,,false,9\n"; csv != want {
		t.Errorf("csv:\n%s\nwant:\n%s", csv, want)
	}
	json := write(func(r *Rows, b *bytes.Buffer) error { return WriteJSON(r, b) })
	if want := `{"name":"=1+1","amount":"-1.10","day":"2026-01-02","at":"2026-01-02 03:04:05","ok":true,"total":"7"}`; !strings.Contains(json, want) {
		t.Errorf("json:\n%s", json)
	}
	stream := write(func(r *Rows, b *bytes.Buffer) error { return WriteArrow(r, b) })
	reader, err := ipc.NewReader(strings.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Release()
	if !reader.Next() {
		t.Fatal("no record batch")
	}
	batch := reader.RecordBatch()
	if batch.NumRows() != 3 || batch.Column(1).(*array.Decimal128).ValueStr(0) != "-1.1" || batch.Column(2).ValueStr(2) != "1969-12-31" {
		t.Errorf("arrow: %v", batch)
	}
}

func TestSandboxReadsItsFilesAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	maker := open(t, Options{})
	inside, outside := filepath.Join(dir, "in.parquet"), filepath.Join(dir, "out.parquet")
	for _, path := range []string{inside, outside} {
		if _, err := maker.CopyParquet(t.Context(), "SELECT range AS a FROM range(10) ORDER BY a", path, CopyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	db, err := Sandbox(t.Context(), Options{Threads: 1, MemoryLimit: "256MiB", TempDir: filepath.Join(dir, "spill")}, func(ctx context.Context, s Session) error {
		return s.Exec(ctx, "CREATE SCHEMA sales; CREATE VIEW sales.\"order\" AS SELECT * FROM "+ReadParquet(inside))
	}, []string{inside})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if n, err := db.Count(t.Context(), `SELECT count(*) FROM sales."order"`); err != nil || n != 10 {
		t.Errorf("own table: %d, %v", n, err)
	}
	for _, statement := range []string{
		"SELECT * FROM read_parquet(" + Literal(outside) + ")", "SELECT * FROM read_blob('/etc/passwd')",
		"COPY (SELECT 1) TO " + Literal(filepath.Join(dir, "new.csv")), "SET threads = 2", "SET enable_external_access = true", "INSTALL httpfs",
		"ATTACH " + Literal(filepath.Join(dir, "x.db")),
	} {
		if err := db.Exec(t.Context(), statement); err == nil {
			t.Errorf("%s was allowed", statement)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new.csv")); !os.IsNotExist(err) {
		t.Error("a file was written")
	}
	for query, allowed := range map[string]bool{
		`SELECT sum(a) FROM sales."order"`: true,
		`WITH x AS (SELECT 1 AS a) SELECT * FROM x JOIN sales."order" AS o ON o.a = x.a, range(3)`: true,
		`DESCRIBE sales."order"`:                                 true,
		`SELECT * FROM information_schema.tables`:                true,
		`SELECT 1; SELECT 2`:                                     false,
		`DROP VIEW sales."order"`:                                false,
		`SELECT * FROM 'out.parquet'`:                            false,
		`SELECT * FROM "out.parquet"`:                            false,
		`WITH "out.parquet" AS (SELECT 1) SELECT 2`:              false,
		`SELECT (SELECT count(*) FROM read_csv('/etc/passwd'))`:  false,
		`SELECT * FROM glob('*')`:                                false,
		`SELECT getenv('HOME')`:                                  false,
		`SELECT * FROM query('SELECT 1')`:                        false,
		`PRAGMA database_list`:                                   false,
		`SELEC 1`:                                                false,
		`SELECT * FROM duckdb_settings()`:                        false,
		`SELECT a FROM sales."order" WHERE a IN (FROM 'x.json')`: false,
		`COPY sales."order" TO 'x.csv'`:                          false,
		`SELECT * FROM sales.ordre`:                              false,
	} {
		err := CheckSelect(t.Context(), db, query)
		if (err == nil) != allowed {
			t.Errorf("%s: allowed %v, want %v (%v)", query, err == nil, allowed, err)
		}
		if err != nil && (fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "") {
			t.Errorf("%s: kind %v, hint %q", query, fault.KindOf(err), fault.HintOf(err))
		}
	}
}
