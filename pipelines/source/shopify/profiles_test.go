package shopify_test

import (
	"testing"

	"github.com/omoflow/omoflow/pipelines/source/shopify"
	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
)

func TestProfilesCompile(t *testing.T) {
	s := newSite(t)
	for _, owner := range []string{"count", "leave"} {
		api, err := s.Open(shopify.Platform(), map[string]any{"pos_orders": owner, "locations": map[string]any{"2": "S0'2"}, "staff": true}, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		sourcetest.Mappings(t, api)
	}
}
