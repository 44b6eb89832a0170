package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
)

// exitCodes is printed at the end of every command's help.
const exitCodes = `Exit codes: 0 done, 1 internal, 2 usage or configuration, 3 partly done, 4 findings,
5 conflict with another writer, 6 outcome unknown, 7 denied, 8 unavailable, 9 damaged, 10 exhausted, 130 interrupted.`

// errorReport is the JSON form of a failed command, one object on standard error.
type errorReport struct {
	OK      bool   `json:"ok"`
	Kind    string `json:"kind"`
	Code    string `json:"code,omitempty"`
	Subject string `json:"subject,omitempty"`
	Message string `json:"message"`
	Next    string `json:"next,omitempty"`
}

// exit reports err to the user and gives the process exit code. It is the only place that maps one to the other.
func (a *app) exit(ctx context.Context, err error) int {
	if err == nil {
		return 0
	}
	kind := fault.KindOf(err)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		kind = fault.Interrupted
	}
	report := errorReport{Kind: kind.String(), Message: err.Error(), Next: fault.HintOf(err)}
	if kind == fault.Interrupted && report.Next == "" {
		report.Next = "run the same command again; it goes on where it was"
	}
	var e *fault.Error
	if errors.As(err, &e) {
		report.Code, report.Subject = e.Code, e.Subject
	}
	if a.json {
		encoded, _ := json.Marshal(report) // strings and a bool always encode
		fmt.Fprintln(a.stderr, string(encoded))
		return kind.ExitCode()
	}
	fmt.Fprintf(a.stderr, "omoflow: %s\n", strings.TrimSpace(report.Message))
	if report.Next != "" {
		fmt.Fprintf(a.stderr, "  next: %s\n", report.Next)
	}
	return kind.ExitCode()
}
