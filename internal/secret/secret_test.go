package secret_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
)

func TestReferencesAreRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := secret.Resolver{Dir: dir, LookupEnv: func(name string) (string, bool) { return "from-env", name == "KEY" }}
	for reference, want := range map[string]string{"env:KEY": "from-env", "file:key": "from-file", "command:echo from-command": "from-command"} {
		v, err := r.Read(context.Background(), "key", reference)
		if err != nil || v.Reveal() != want {
			t.Errorf("%s: %q, %v", reference, v.Reveal(), err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("rotated"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := r.Read(context.Background(), "key", "file:key"); err != nil || v.Reveal() != "rotated" {
		t.Errorf("after rotation: %q, %v", v.Reveal(), err)
	}
	for _, missing := range []string{"env:NONE", "file:none", "command:false", "command:true"} {
		if _, err := r.Read(context.Background(), "key", missing); fault.KindOf(err) != fault.Denied || fault.HintOf(err) == "" {
			t.Errorf("%s: %v", missing, err)
		}
	}
}

func TestLiteralSecretIsRefusedWithoutBeingRepeated(t *testing.T) {
	for _, literal := range []string{"ck_0123456789abcdef", "pass:word", "", "env:"} {
		err := secret.Check("sources.shop.key", literal)
		if fault.KindOf(err) != fault.Usage || literal != "" && strings.Contains(err.Error()+fault.HintOf(err), "ck_") {
			t.Errorf("%q: %v", literal, err)
		}
	}
}

func TestValueIsNeverPrinted(t *testing.T) {
	v := secret.Of("canary-7f3a")
	data, err := json.Marshal(map[string]any{"key": v})
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %s %q %+v %#v %x %d", v, v, v, v, v, v, v) + string(data) + fmt.Sprint(struct{ V secret.Value }{v})
	if strings.Contains(printed, "canary") {
		t.Error(printed)
	}
	if got := secret.Mask("key=canary-7f3a&x=1", v); got != "key=[removed]&x=1" {
		t.Error(got)
	}
}
