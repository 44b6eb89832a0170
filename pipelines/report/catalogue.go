package report

import (
	_ "embed" // the catalogue is data
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

//go:embed catalogue.json
var catalogueJSON []byte

// catalogue gives every phrase by key and language. It is read once and never changed.
var catalogue = sync.OnceValues(func() (map[string]map[Language]string, error) {
	all := map[string]map[Language]string{}
	if err := json.Unmarshal(catalogueJSON, &all); err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	return all, nil
})

// missingPhrase marks a key that the catalogue lacks; the tests fail on it.
const missingPhrase = "⟦"

// phrase gives a key in a language. Keys that are made from values of the data (a stage of life, a severity, the code of a refusal) and
// are not known fall back to the value.
func phrase(l Language, k string) string {
	all, err := catalogue()
	if err == nil {
		if text, ok := all[k][l]; ok {
			return text
		}
	}
	for _, prefix := range []string{"life_", "severity_", "cause_"} {
		if value, ok := strings.CutPrefix(k, prefix); ok {
			return value
		}
	}
	return missingPhrase + k + "⟧"
}
