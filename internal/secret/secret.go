// Package secret reads secrets that a configuration names but never holds: from the environment, a file or a command.
package secret

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// Value is a secret at work. Printing, logging or encoding it gives "[secret]"; only Reveal gives the text.
type Value struct{ text string }

// Of makes a Value of a text that was read elsewhere, such as a token an API handed out.
func Of(text string) Value { return Value{text} }

// Reveal gives the text, for the one place that sends it.
func (v Value) Reveal() string { return v.text }

// Format keeps the text out of every verb of fmt.
func (v Value) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte("[secret]")) } // fmt ignores write errors too

// MarshalText keeps the text out of JSON and YAML.
func (v Value) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Mask replaces every given secret in a text. Secrets shorter than four bytes are left: masking them would only show
// where they occur.
func Mask(text string, values ...Value) string {
	for _, v := range values {
		if len(v.text) >= 4 {
			text = strings.ReplaceAll(text, v.text, "[removed]")
		}
	}
	return text
}

const (
	maxBytes    = 64 << 10
	commandTime = 30 * time.Second
	kinds       = "write env:NAME, file:/path or command:program arguments"
)

// Check refuses a text that is not a reference. The text itself is never repeated: it may be the secret.
func Check(subject, reference string) error {
	kind, rest, ok := strings.Cut(reference, ":")
	if !ok || strings.TrimSpace(rest) == "" || kind != "env" && kind != "file" && kind != "command" {
		return fault.New(fault.Usage, "literal_secret", subject, kinds+"; a secret never stands in the configuration", "is not a reference to a secret")
	}
	return nil
}

// Resolver reads references. The zero value reads the process environment; relative paths start at Dir.
type Resolver struct {
	LookupEnv func(string) (string, bool) // default os.LookupEnv
	Dir       string
}

// Read gives the secret behind a reference, without the line end that editors and commands leave. It is read again on
// every call, so that a rotated secret is used without a restart.
func (r Resolver) Read(ctx context.Context, subject, reference string) (Value, error) {
	if err := Check(subject, reference); err != nil {
		return Value{}, err
	}
	kind, rest, _ := strings.Cut(reference, ":")
	var text string
	var err error
	switch kind {
	case "env":
		lookup := r.LookupEnv
		if lookup == nil {
			lookup = os.LookupEnv
		}
		found, ok := lookup(rest)
		if !ok {
			return Value{}, fault.New(fault.Denied, "secret_missing", subject, "set it where omoflow is started", "the environment has no variable %s", rest)
		}
		text = found
	case "file":
		text, err = r.file(rest)
	case "command":
		text, err = run(ctx, rest)
	}
	if err != nil {
		return Value{}, fault.Wrap(err, fault.Denied, "secret_unreadable", subject, "try the reference by hand as this user", "the secret cannot be read")
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return Value{}, fault.New(fault.Denied, "secret_empty", subject, "put the secret where the reference points", "the secret behind the reference is empty")
	}
	return Value{text}, nil
}

func (r Resolver) file(path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.Dir, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > maxBytes {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxBytes)
	}
	data, err := os.ReadFile(path)
	return string(data), err
}

// run calls a program without a shell: words are separated by blanks.
func run(ctx context.Context, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	words := strings.Fields(line)
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	var out bytes.Buffer
	command.Stdout = &out // what it writes to stderr may hold the secret: it is dropped
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("command %s: %w", words[0], err)
	}
	if out.Len() > maxBytes {
		return "", fmt.Errorf("command %s wrote more than %d bytes", words[0], maxBytes)
	}
	return out.String(), nil
}
