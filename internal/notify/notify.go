// Package notify is how omoflow tells people and programs something: one message, one small interface, a folder for each kind of
// channel. A channel knows how to say a message where it leads and what became of it; who is told what, and that nobody is told
// twice, is decided above (internal/delivery).
package notify

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The levels of a message, least urgent first. OK is the end of a problem.
const (
	OK       = "ok"
	Info     = "info"
	Warning  = "warning"
	Critical = "critical"
)

// Message is what is said. Texts are plain: a channel escapes whatever means something to it.
type Message struct {
	Key    string // names the delivery: the same on every attempt, another for another recipient
	Level  string
	Title  string // one line
	Blocks []Block
	Footer string
	Tail   string    // said after a text that was cut, with %d for how many characters are missing; default "(+%d)"
	At     time.Time // of the message, not of the attempt
	Data   any       // the same for programs: what the generic webhook sends beside the text; encodes as JSON
}

// Block is a paragraph with a heading.
type Block struct {
	Title string
	Lines []string
}

// Receipt is what the other side said when it took a message.
type Receipt struct {
	Note string // such as an id or the server's words; may be empty
}

// Limit is how many messages a channel takes in a time. The zero value is no limit.
type Limit struct {
	Messages int
	Per      time.Duration
}

// Channel leads to people or programs. It may be used concurrently and keeps nothing.
type Channel interface {
	// Recipients are those whom a message goes to, each by a Send of its own: a mail's addressees, a robot's one group.
	Recipients() []string
	// Send says a message to one recipient, once: nothing is repeated inside. An error is an *Error.
	Send(ctx context.Context, recipient string, m Message) (Receipt, error)
	// Idempotent tells whether a repeated Send with the same key is taken once, so that an unknown outcome may be repeated.
	Idempotent() bool
	Limit() Limit
}

// Outcome says what an error means for the message.
type Outcome uint8

// The outcomes of a Send that failed.
const (
	Unknown Outcome = iota // it may have been taken; the zero value, because it is the careful one
	Again                  // it was not taken and may be later
	Never                  // it was not taken and never will be as it stands
)

// String names the outcome as the delivery log does.
func (o Outcome) String() string {
	switch o {
	case Again:
		return "again"
	case Never:
		return "never"
	}
	return "unknown"
}

// Error is a Send that failed. Err is a *fault.Error for people, without secrets and recipients.
type Error struct {
	Outcome Outcome
	Wait    time.Duration // with Again: how long the other side asks to be left alone; 0 when it does not say
	Err     error
}

// Error renders the outcome and the cause.
func (e *Error) Error() string {
	if e.Wait > 0 {
		return fmt.Sprintf("%v (%s, after %s)", e.Err, e.Outcome, e.Wait)
	}
	return fmt.Sprintf("%v (%s)", e.Err, e.Outcome)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// OutcomeOf gives the outcome of an error of Send; of any other error it is Unknown.
func OutcomeOf(err error) (Outcome, time.Duration) {
	var e *Error
	if errors.As(err, &e) {
		return e.Outcome, e.Wait
	}
	return Unknown, 0
}
