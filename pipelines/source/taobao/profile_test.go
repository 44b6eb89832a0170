package taobao_test

import (
	"testing"

	"github.com/omoflow/omoflow/pipelines/source/sourcetest"
	"github.com/omoflow/omoflow/pipelines/source/taobao"
)

// Every mapping compiles with what the configuration may put into it.
func TestMappingsCompile(t *testing.T) {
	api, err := newSite(t, 1).Open(taobao.Platform(), map[string]any{"o2o_receipts": "pos", "stores": map[string]any{"9001": "S01", "it's": "S02"}, "location_id": "online-tmall"}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	sourcetest.Mappings(t, api)
}
