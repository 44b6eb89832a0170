// Package sourcetest is the conformance suite of sources: every source passes it.
package sourcetest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/pipelines/source"
)

// Run checks a source whose place holds some deliveries. open gives a fresh source over the same place.
func Run(t *testing.T, open func(t *testing.T) source.Source) {
	t.Run("declares itself", func(t *testing.T) {
		d := open(t).Declare()
		if d.Name == "" || d.About == "" {
			t.Errorf("name or about is missing: %+v", d)
		}
		for _, f := range d.Fields {
			if f.Name == "" || f.Type == "" || f.Help == "" || f.Secret && f.Default != "" {
				t.Errorf("a field is incomplete, or a secret has a default: %+v", f)
			}
		}
	})
	t.Run("gives the same deliveries in the same order", func(t *testing.T) {
		first, second := pull(t, open(t)), pull(t, open(t))
		if len(first) == 0 || strings.Join(first, "\n") != strings.Join(second, "\n") {
			t.Errorf("first %q, then %q", first, second)
		}
	})
	t.Run("returns the consumer's error as it is", func(t *testing.T) {
		full := errors.New("full")
		calls := 0
		_, err := open(t).Pull(context.Background(), nil, func(source.Delivery) error { calls++; return full })
		if !errors.Is(err, full) || calls != 1 {
			t.Errorf("%v after %d calls", err, calls)
		}
	})
	t.Run("stops with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := open(t).Pull(ctx, nil, func(source.Delivery) error { return nil }); err == nil {
			t.Error("a cancelled pull succeeded")
		}
	})
}

func pull(t *testing.T, s source.Source) []string {
	t.Helper()
	var all []string
	_, err := s.Pull(context.Background(), json.RawMessage(nil), func(d source.Delivery) error {
		path, err := d.Fetch(context.Background(), t.TempDir())
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(all, d.Name+" "+string(data))
		if int64(len(data)) != d.Size {
			t.Errorf("%s: %d bytes, %d announced", d.Name, len(data), d.Size)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
