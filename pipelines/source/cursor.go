package source

import (
	"encoding/json"

	"github.com/omoflow/omoflow/internal/fault"
)

// ReadCursor reads a saved cursor. Nothing and {} both are the beginning.
func ReadCursor[T any](saved json.RawMessage) (T, error) {
	var c T
	if saved == nil {
		return c, nil
	}
	return c, BadCursor(json.Unmarshal(saved, &c))
}

// BadCursor is the error of a cursor that cannot be read; nil for none.
func BadCursor(err error) error {
	return fault.Wrap(err, fault.Damaged, "cursor_unreadable", "cursor", "omoflow check names the batch it stands in", "the saved cursor cannot be read")
}

// Encode writes a cursor, or another value of texts, numbers and times, which always can be.
func Encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return text
}
