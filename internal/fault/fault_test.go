package fault

import (
	"errors"
	"fmt"
	"testing"
)

func TestErrorTellsWhatWhereAndCause(t *testing.T) {
	err := Wrap(errors.New("no such file"), Usage, "config_missing", "omoflow.yaml", "run omoflow init", "the configuration cannot be read")
	if got, want := err.Error(), "omoflow.yaml: the configuration cannot be read: no such file"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wrapped := fmt.Errorf("check: %w", err)
	if KindOf(wrapped) != Usage || KindOf(wrapped).ExitCode() != 2 {
		t.Errorf("kind of a wrapped error is lost: %v", KindOf(wrapped))
	}
	if HintOf(wrapped) != "run omoflow init" {
		t.Errorf("hint of a wrapped error is lost: %q", HintOf(wrapped))
	}
}

func TestWrapKeepsNil(t *testing.T) {
	if Wrap(nil, Usage, "", "", "", "") != nil {
		t.Error("a nil error became an error")
	}
}

func TestNearest(t *testing.T) {
	names := []string{"encoding", "delimiter", "columns"}
	for name, want := range map[string]string{"delimeter": "delimiter", "colums": "columns", "zebra": ""} {
		if got := Nearest(name, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestEveryKindHasItsOwnExitCode(t *testing.T) {
	seen := map[int]Kind{}
	for k := Internal; k <= Interrupted; k++ {
		if other, taken := seen[k.ExitCode()]; taken {
			t.Errorf("%v and %v share exit code %d", k, other, k.ExitCode())
		}
		seen[k.ExitCode()] = k
	}
}
