package taobao_test

import (
	"testing"

	"github.com/omoflow/omoflow/pipelines/source/profile"
	"github.com/omoflow/omoflow/pipelines/source/taobao"
)

// Every mapping compiles with what the configuration may put into it.
func TestMappingsCompile(t *testing.T) {
	s := newSite(t, 1)
	for _, values := range []map[string]any{nil, {"o2o_receipts": "pos", "stores": map[string]any{"9001": "S01", "it's": "S02"}, "location_id": "online-tmall"}} {
		api, err := s.Open(taobao.Platform(), values, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, feed := range api.Feeds() {
			p, err := profile.Parse("taobao-"+feed.Stream, feed.Profile)
			if err != nil {
				t.Fatalf("%s: %v", feed.Stream, err)
			}
			if _, err := p.Compile(&profile.Bind{Captures: feed.Captures}); err != nil {
				t.Errorf("%s: %v", feed.Stream, err)
			}
		}
		api.Close()
	}
}
