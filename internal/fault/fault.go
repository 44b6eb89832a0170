// Package fault holds the one error type of omoflow: what went wrong, with what, where, and what to do next.
//
// Packages return ordinary wrapped errors for programming faults and *fault.Error for everything a
// person or a caller acts on. The command line maps Kind to an exit code; nothing else does.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind classifies an error by what the caller can do about it.
type Kind uint8

// The kinds, in the order of their exit codes.
const (
	Internal    Kind = iota // a defect or an unclassified failure
	Usage                   // the command, the configuration or a model is wrong
	Partial                 // some streams or sections were done, others were not
	Findings                // a check or a lint found rows; nothing is broken
	Conflict                // another writer won the slot or holds the epoch
	Unknown                 // the outcome is unresolved; the next start resolves it
	Denied                  // credentials, role or approval are missing
	Unavailable             // the store or the source does not answer
	Damaged                 // a hash, a chain or a count does not match
	Exhausted               // disk, memory or time ran out
	Interrupted             // a signal or a cancelled context
)

var kinds = [...]struct {
	name string
	exit int
}{
	Internal:    {"internal", 1},
	Usage:       {"usage", 2},
	Partial:     {"partial", 3},
	Findings:    {"findings", 4},
	Conflict:    {"conflict", 5},
	Unknown:     {"unknown", 6},
	Denied:      {"denied", 7},
	Unavailable: {"unavailable", 8},
	Damaged:     {"damaged", 9},
	Exhausted:   {"exhausted", 10},
	Interrupted: {"interrupted", 130},
}

// String gives the kind's stable lower-case name, as printed in JSON errors.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].name
	}
	return "internal"
}

// ExitCode gives the process exit code of the kind; see the table in docs/operations.md.
func (k Kind) ExitCode() int {
	if int(k) < len(kinds) {
		return kinds[k].exit
	}
	return 1
}

// Error is an error a person can act on. Only Kind and Message are mandatory.
type Error struct {
	Kind    Kind   // what a caller can do about it
	Code    string // stable snake_case identifier, such as "unknown_column"
	Subject string // with what or where: a file with line and column, a key, a model
	Message string // what is wrong, one sentence in lower case, no full stop
	Hint    string // what to do next, one sentence or command
	Err     error  // the cause, may be nil
}

// Error renders "subject: message: cause", leaving out what is empty; the hint is printed separately.
func (e *Error) Error() string {
	parts := make([]string, 0, 3)
	for _, s := range []string{e.Subject, e.Message} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New builds an Error without a cause. format and args make the message.
func New(kind Kind, code, subject, hint, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Subject: subject, Hint: hint, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives err a kind, a subject and a hint. A nil err stays nil.
func Wrap(err error, kind Kind, code, subject, hint, message string) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Code: code, Subject: subject, Hint: hint, Message: message, Err: err}
}

// KindOf gives the kind of the outermost *Error in err's chain; Internal when there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// HintOf gives the first non-empty hint in err's chain, outermost first.
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}
