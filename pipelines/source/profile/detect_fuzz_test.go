package profile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzDetect looks at arbitrary bytes: they are refused with a reason, or drafted to a profile that compiles.
func FuzzDetect(f *testing.F) {
	for _, seed := range []string{
		"a,b,c\n1,2,3\n", "小票号\t数量\t金额\n1\t2\t3\n", `[{"a":1,"b":{"c":[1]}}]`, "\ufeffReceipt;Menge;Betrag\n1;-1;(3,50 €)\n", "a\n\n\n", "\"x\ny\",\"\"\"\"\n1,2\n", "1,2\n3,4\n", "\xff\xfea\x00,\x00b\x00\n\x00",
		"Date,SKU,On hand,Store\n2026-01-02,'007,3,S\n", "商品编码,实盘数量\nA,1\n", "Date,Visitors\n01/02/2026,5\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Skip(err)
		}
		d, err := look(context.Background(), path, Limits{})
		var refused *RefusedFile
		if errors.As(err, &refused) {
			if refused.Code == "" || refused.Message == "" {
				t.Errorf("%+v", refused)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		draft := d.Draft("x")
		if _, err := Parse("draft.yaml", []byte(draft)); err != nil {
			t.Errorf("%v\n%s", err, draft)
		}
	})
}
