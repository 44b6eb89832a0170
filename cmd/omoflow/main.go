// Command omoflow merges the online and the in-store side of a retailer: it ingests platform orders and
// POS exports into object storage, builds unified tables with DuckDB and renders the reports.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and gives its exit code. A first signal cancels the work, a second one kills.
func run(args []string, stdout, stderr *os.File) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop()
	}()
	a := &app{stdout: stdout, stderr: stderr}
	root := a.rootCommand()
	root.SetArgs(args)
	return a.exit(ctx, root.ExecuteContext(ctx))
}
