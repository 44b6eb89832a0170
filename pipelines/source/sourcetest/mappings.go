package sourcetest

import (
	"testing"

	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// Mappings checks that the mapping of every feed compiles, and ends the source.
func Mappings(t *testing.T, api source.API) {
	t.Helper()
	defer api.Close()
	for _, f := range api.Feeds() {
		mapping, err := profile.Parse(f.Stream, f.Profile)
		if err == nil {
			_, err = mapping.Compile(&profile.Bind{Captures: f.Captures})
		}
		if err != nil {
			t.Errorf("%s: %v", f.Stream, err)
		}
	}
}
