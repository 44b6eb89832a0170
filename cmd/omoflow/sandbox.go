package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// sandboxCommand is the child process of query. It is not for people: it reads a sandboxRequest and answers on
// standard output, with errors as one JSON object.
func (a *app) sandboxCommand() *cobra.Command {
	return &cobra.Command{
		Use: "sandbox", Short: "Run one statement in a limited process (used by query)", Hidden: true,
		Args: arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error {
			a.json = true
			if os.Getenv("OMOFLOW_SANDBOX") != "1" {
				return fault.New(fault.Usage, "not_for_people", "sandbox", "use omoflow query", "is started by query only")
			}
			var request sandboxRequest
			if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
				return fmt.Errorf("read request: %w", err)
			}
			return a.sandbox(command.Context(), request)
		},
	}
}

func (a *app) sandbox(ctx context.Context, request sandboxRequest) error {
	limit := syscall.Rlimit{Cur: uint64(request.Address), Max: uint64(request.Address)}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		return fmt.Errorf("limit address space: %w", err)
	}
	if err := os.MkdirAll(request.TempDir, 0o700); err != nil {
		return fmt.Errorf("make spill folder: %w", err)
	}
	options := warehouse.Options{MemoryLimit: request.Memory, Threads: request.Threads, TempDir: request.TempDir, TempLimit: request.Temp}
	mount := func(ctx context.Context, session warehouse.Session) error {
		for _, statement := range request.Mount {
			if err := session.Exec(ctx, statement); err != nil {
				return err
			}
		}
		// The gate reads the statement before the lock, with the catalogue that it will see.
		return warehouse.CheckSelect(ctx, session, request.SQL)
	}
	files := request.Files
	if request.Format == "parquet" {
		files = append(files, request.Output)
	}
	db, err := warehouse.Sandbox(ctx, options, mount, files)
	if err != nil {
		return err
	}
	defer db.Close()
	if request.Format == "parquet" {
		result, err := db.CopyParquet(ctx, request.SQL, request.Output, warehouse.CopyOptions{})
		if err == nil {
			fmt.Fprintf(a.stderr, "%d rows, %d bytes, sha256 %s\n", result.Rows, result.Bytes, result.SHA256)
		}
		return err
	}
	sql := request.SQL
	if request.MaxRows > 0 {
		sql = fmt.Sprintf("SELECT * FROM (\n%s\n) LIMIT %d", sql, request.MaxRows+1)
	}
	rows, err := db.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	switch request.Format {
	case "csv":
		return warehouse.WriteCSV(rows, a.stdout)
	case "json":
		return warehouse.WriteJSON(rows, a.stdout)
	case "jsonl":
		return warehouse.WriteJSONLines(rows, a.stdout)
	case "arrow":
		return warehouse.WriteArrow(rows, a.stdout)
	}
	return a.printRows(rows, request.MaxRows)
}

// printRows prints a result as a table and says so when it was cut.
func (a *app) printRows(rows *warehouse.Rows, maxRows int64) error {
	var header []string
	for _, column := range rows.Columns() {
		header = append(header, column.Name)
	}
	var cells [][]string
	cut := false
	for rows.Next() {
		if maxRows > 0 && int64(len(cells)) == maxRows {
			cut = true
			break
		}
		row := rows.Text()
		for i := range row {
			if rows.Null(i) {
				row[i] = "NULL"
			}
		}
		cells = append(cells, row)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	a.table(header, cells)
	if cut {
		fmt.Fprintf(a.stderr, "more than %d rows: only these are shown; raise --max-rows or use --format csv\n", maxRows)
	}
	return nil
}
