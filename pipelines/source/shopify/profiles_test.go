package shopify_test

import (
	"testing"

	"github.com/omoflow/omoflow/pipelines/source/profile"
)

func TestProfilesCompile(t *testing.T) {
	s := newSite(t)
	for _, owner := range []string{"count", "leave"} {
		api, err := s.open(t, map[string]any{"pos_orders": owner, "locations": map[string]any{"2": "S0'2"}, "staff": true}, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer api.Close()
		for _, f := range api.Feeds() {
			p, err := profile.Parse(f.Stream, f.Profile)
			if err == nil {
				_, err = p.Compile(&profile.Bind{Captures: f.Captures})
			}
			if err != nil {
				t.Errorf("%s: %v", f.Stream, err)
			}
		}
	}
}
