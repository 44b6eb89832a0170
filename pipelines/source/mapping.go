package source

import (
	"io/fs"
	"strings"
)

// Mapping reads a source's mapping profiles/<name>.yaml with its placeholders replaced: an old text, then its new one. nil
// when there is no such file, which the parser of profiles refuses.
func Mapping(files fs.FS, name string, places ...string) []byte {
	text, err := fs.ReadFile(files, "profiles/"+name+".yaml")
	if err != nil {
		return nil
	}
	return []byte(strings.NewReplacer(places...).Replace(string(text)))
}

// Quote writes a text for the SQL of a mapping.
func Quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
