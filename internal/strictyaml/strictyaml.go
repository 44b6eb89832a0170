// Package strictyaml decodes YAML that people write: unknown and repeated keys are errors that name the
// place and, for a likely misspelling, the key that was meant.
package strictyaml

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/omoflow/omoflow/internal/fault"
)

// Decode reads data, the content of the file name, into the pointer into. firstLine is the line of the file on
// which data begins (1 for a whole file; more for a header inside another file).
//
// Every error is a fault of kind Usage whose subject is name:line:column.
func Decode(name string, firstLine int, data []byte, into any) error {
	err := unmarshal(data, into)
	if err == nil {
		return nil
	}
	var place yaml.Error
	if !errors.As(err, &place) || place.GetToken() == nil {
		return fault.Wrap(err, fault.Usage, "invalid_yaml", name, "correct the file", "is not valid YAML")
	}
	position := place.GetToken().Position
	subject := fmt.Sprintf("%s:%d:%d", name, position.Line+firstLine-1, position.Column)
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		key := unknown.Token.Value
		hint := "remove the key"
		if near := fault.Nearest(key, keys(reflect.TypeOf(into), map[reflect.Type]bool{})); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return fault.New(fault.Usage, "unknown_key", subject, hint, "unknown key %q", key)
	}
	return fault.New(fault.Usage, "invalid_yaml", subject, "correct the line", "%s", strings.TrimSpace(place.GetMessage()))
}

// unmarshal is the decoder's own, with its panics as errors: some files that are no YAML make it fall over.
func unmarshal(data []byte, into any) (err error) {
	defer func() {
		if fell := recover(); fell != nil {
			err = fmt.Errorf("the decoder gave up: %v", fell)
		}
	}()
	return yaml.UnmarshalWithOptions(data, into, yaml.Strict())
}

// keys collects every key that the type can hold, at any depth: the decoder does not say in which mapping it was.
func keys(t reflect.Type, seen map[reflect.Type]bool) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return nil
	}
	seen[t] = true
	var found []string
	for i := range t.NumField() {
		field := t.Field(i)
		if name, _, _ := strings.Cut(field.Tag.Get("yaml"), ","); name != "" && name != "-" {
			found = append(found, name)
		}
		found = append(found, keys(field.Type, seen)...)
	}
	return found
}
