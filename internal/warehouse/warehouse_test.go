package warehouse

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

func open(t *testing.T, opt Options) *DB {
	t.Helper()
	db, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestTextIsExact(t *testing.T) {
	db := open(t, Options{Threads: 2, MemoryLimit: "512MiB", TempDir: t.TempDir(), TempLimit: "1GiB"})
	rows, err := db.Text(t.Context(), `SELECT CAST(1.1 AS DECIMAL(18,2)), CAST(-0.05 AS DECIMAL(38,4)), sum(CAST(2 AS BIGINT)), DATE '2026-01-02',
		TIMESTAMP '2026-01-02 03:04:05', TIMESTAMP '2026-01-02 03:04:05.06', true, NULL, 'a', CAST(12 AS INTEGER)`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1.10", "-0.0500", "2", "2026-01-02", "2026-01-02 03:04:05", "2026-01-02 03:04:05.06", "true", "", "a", "12"}
	for i := range want {
		if rows[0][i] != want[i] {
			t.Errorf("column %d: got %q, want %q", i, rows[0][i], want[i])
		}
	}
}

func TestErrorsAreClassified(t *testing.T) {
	db := open(t, Options{MemoryLimit: "64MiB", Threads: 2, TempDir: t.TempDir(), TempLimit: "1MiB"})
	broken := filepath.Join(t.TempDir(), "broken.parquet")
	if err := os.WriteFile(broken, []byte("PAR1 this is no Parquet file at all PAR2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]fault.Kind{
		"SELEC 1":                              fault.Usage,
		"SELECT * FROM nothing_of_the_kind":    fault.Usage,
		"SELECT CAST('x' AS INTEGER)":          fault.Usage,
		"SELECT * FROM " + ReadParquet(broken): fault.Damaged,
		"CREATE TABLE big AS SELECT range AS a, sha256(CAST(range AS VARCHAR)) AS b FROM range(3000000) ORDER BY b": fault.Exhausted,
	} {
		if _, err := db.Text(t.Context(), query); fault.KindOf(err) != want {
			t.Errorf("%s: got %v (%v), want %v", query, fault.KindOf(err), err, want)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := db.Text(short, "SELECT count(*) FROM range(100000000000)"); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("deadline: got %v (%v)", fault.KindOf(err), err)
	}
	stopped, stop := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, stop)
	if _, err := db.Text(stopped, "SELECT count(*) FROM range(100000000000)"); fault.KindOf(err) != fault.Interrupted {
		t.Errorf("cancel: got %v (%v)", fault.KindOf(err), err)
	}
}

func TestCopyParquetIsVerifiedAndStable(t *testing.T) {
	const query = "SELECT range AS id, CAST(range AS DECIMAL(18,4)) AS amount, 'S' || (range % 7) AS store FROM range(300000) ORDER BY range % 7, range"
	var first CopyResult
	for _, threads := range []int{1, 2, 8} {
		db := open(t, Options{Threads: threads})
		path := filepath.Join(t.TempDir(), "out.parquet")
		got, err := db.CopyParquet(t.Context(), query, path, CopyOptions{FieldIDs: map[string]int{"id": 1, "amount": 2, "store": 3}})
		if err != nil {
			t.Fatal(err)
		}
		if got.Rows != 300000 || got.Bytes == 0 || len(got.SHA256) != 64 {
			t.Errorf("odd result %+v", got)
		}
		if threads == 1 {
			first = got
		} else if got != first {
			t.Errorf("%d threads: %+v differs from %+v", threads, got, first)
		}
		ids, err := db.Text(t.Context(), "SELECT name, field_id FROM parquet_schema("+Literal(path)+") WHERE field_id IS NOT NULL ORDER BY 2")
		if err != nil || len(ids) != 3 || ids[2][0] != "store" {
			t.Errorf("field ids: %v, %v", ids, err)
		}
	}
	db := open(t, Options{})
	path := filepath.Join(t.TempDir(), "never.parquet")
	if _, err := db.CopyParquet(t.Context(), "SELECT CAST(x AS INTEGER) FROM (VALUES ('1'), ('b')) AS v(x)", path, CopyOptions{}); err == nil {
		t.Error("a failing query gave a file")
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("a failed copy left a file")
	}
}

func TestTemporaryTablesStayOnTheirConnection(t *testing.T) {
	db := open(t, Options{})
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(t.Context(), "CREATE TEMP TABLE mine AS SELECT 1 AS a"); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Count(t.Context(), "SELECT count(*) FROM mine"); err != nil || n != 1 {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := db.Count(t.Context(), "SELECT count(*) FROM mine"); fault.KindOf(err) != fault.Usage {
		t.Errorf("another connection sees it: %v", err)
	}
}

// TestMemoryIsLoweredForAWhileOnly looks at the engine's limit before, within and after.
func TestMemoryIsLoweredForAWhileOnly(t *testing.T) {
	ctx := context.Background()
	for configured, want := range map[string]string{"3GiB": "640.0 MiB", "300MiB": "300.0 MiB"} {
		db, err := Open(ctx, Options{MemoryLimit: configured})
		if err != nil {
			t.Fatal(err)
		}
		limit := func() string {
			rows, err := db.Text(ctx, "SELECT current_setting('memory_limit')")
			if err != nil {
				t.Fatal(err)
			}
			return rows[0][0]
		}
		before, within := limit(), ""
		lowered, err := db.Within(ctx, "640MiB", func() error { within = limit(); return nil })
		if err != nil || lowered != (configured == "3GiB") || within != want || limit() != before {
			t.Errorf("%s: lowered %v, within %s, after %s, before %s, %v", configured, lowered, within, limit(), before, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
