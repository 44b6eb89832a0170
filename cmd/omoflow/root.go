package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/metrics"
)

// app carries what every command shares: streams and the global flags.
type app struct {
	stdout, stderr *os.File
	project        string
	json           bool
	quiet          bool

	building chan struct{} // of a service: holds one value while a release is built; nil elsewhere

	logger  *slog.Logger     // of a service that nobody watches; nil elsewhere
	metrics *metrics.Metrics // of a service; nil elsewhere
	record  *record          // of the run that goes on; nil when it is not kept

	progressLock sync.Mutex
	progressed   time.Time // when the last progress line was written
}

// failpointFlag and the environment variable arm failpoints only together, so that no production run can trip over one.
const failpointFlag = "enable-failpoints"

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "omoflow",
		Short: "One truth for web shops and stores",
		Long: `omoflow merges the online and the in-store side of a retailer: platform orders and POS exports go
into object storage, DuckDB turns them into unified tables, and reports go to the joint meeting,
the quarterly assessment and finance.`,
		Example:       "  omoflow demo            simulate a retailer and run everything\n  omoflow init shop       start a project of your own\n  omoflow run             ingest what arrived, then release",
		Version:       codeVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVarP(&a.project, "project", "C", ".", "folder with omoflow.yaml")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "one JSON object on standard output")
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "no progress on standard error")
	enabled := root.PersistentFlags().Bool(failpointFlag, false, "for crash tests: obey OMOFLOW_FAILPOINTS")
	_ = root.PersistentFlags().MarkHidden(failpointFlag) // the flag exists
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if !*enabled {
			return nil
		}
		err := failpoint.Arm(os.Getenv("OMOFLOW_FAILPOINTS"))
		return fault.Wrap(err, fault.Usage, "bad_failpoints", "OMOFLOW_FAILPOINTS", "see internal/failpoint", "the crash test cannot be armed")
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fault.Wrap(err, fault.Usage, "bad_flag", "", "see --help", "command line")
	})
	commands := []*cobra.Command{
		a.initCommand(), a.checkCommand(), a.runCommand(), a.rebuildCommand(), a.queryCommand(), a.reportCommand(),
		a.exportCommand(), a.quarantineCommand(), a.explainCommand(), a.statusCommand(), a.storeCommand(), a.demoCommand(),
		a.profileCommand(), a.repairCommand(), a.restatementsCommand(), a.scheduleCommand(), a.alertCommand(), a.serveCommand(), a.tokenCommand(),
		a.runsCommand(), a.stocktakeCommand(), a.sandboxCommand(),
	}
	for _, command := range commands {
		command.Long = strings.TrimSpace(command.Long) + "\n\n" + exitCodes
		a.keepRecord(command)
		root.AddCommand(command)
	}
	root.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, command := range commands {
			names = append(names, command.Name())
		}
		hint := "see omoflow --help"
		if near := fault.Nearest(args[0], names); near != "" {
			hint = fmt.Sprintf("did you mean `omoflow %s`?", near)
		}
		return fault.New(fault.Usage, "unknown_command", args[0], hint, "is not a command")
	}
	root.RunE = func(command *cobra.Command, _ []string) error { return command.Help() }
	return root
}

// arguments refuses a wrong number of arguments as a usage fault.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		err := check(command, args)
		return fault.Wrap(err, fault.Usage, "bad_arguments", "", "see omoflow "+command.Name()+" --help", "command line")
	}
}

// envelope is the JSON form of every result; field names are stable.
type envelope struct {
	OK       bool     `json:"ok"`
	Kind     string   `json:"kind"`
	Data     any      `json:"data"`
	Findings any      `json:"findings,omitempty"`
	Next     []string `json:"next,omitempty"`
}

// result prints a command's result: the envelope with --json, else what human writes.
func (a *app) result(kind string, data, findings any, next []string, human func() error) error {
	for i, line := range next {
		if a.project != "." && strings.HasPrefix(line, "omoflow ") && !strings.Contains(line, " -C ") {
			next[i] = "omoflow -C " + a.project + strings.TrimPrefix(line, "omoflow")
		}
	}
	a.record.answered(data)
	if a.json {
		encoder := json.NewEncoder(a.stdout)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(envelope{OK: true, Kind: kind, Data: data, Findings: findings, Next: next})
	}
	if err := human(); err != nil {
		return err
	}
	if len(next) > 0 {
		fmt.Fprintf(a.stdout, "\nnext:\n")
		for _, line := range next {
			fmt.Fprintf(a.stdout, "  %s\n", line)
		}
	}
	return nil
}

// print writes a line of a result for people.
func (a *app) print(format string, args ...any) { fmt.Fprintf(a.stdout, format+"\n", args...) }

// plainProgressEvery is how often progress is written where lines cannot overwrite each other.
const plainProgressEvery = 2 * time.Second

// progress writes a line about long work to standard error: on a terminal it overwrites the last one, elsewhere it is a plain
// line now and then, so that a log stays readable.
func (a *app) progress(format string, args ...any) {
	a.record.say(fmt.Sprintf(format, args...))
	if a.quiet || a.logger != nil {
		return
	}
	a.progressLock.Lock()
	defer a.progressLock.Unlock()
	if term.IsTerminal(int(a.stderr.Fd())) {
		fmt.Fprintf(a.stderr, "\r\x1b[2K%s", fmt.Sprintf(format, args...))
		return
	}
	if now := time.Now(); now.Sub(a.progressed) >= plainProgressEvery {
		a.progressed = now
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

// progressDone ends a progress line on a terminal.
func (a *app) progressDone() {
	if !a.quiet && term.IsTerminal(int(a.stderr.Fd())) {
		fmt.Fprint(a.stderr, "\r\x1b[2K")
	}
}

// table prints rows under a header, in the width that CJK text really takes.
func (a *app) table(header []string, rows [][]string) {
	writer := table.NewWriter()
	writer.SetOutputMirror(a.stdout)
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	writer.SetStyle(style)
	writer.AppendHeader(toRow(header))
	for _, row := range rows {
		writer.AppendRow(toRow(row))
	}
	writer.Render()
}

func toRow(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, cell := range cells {
		row[i] = cell
	}
	return row
}
