package warehouse

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// WriteCSV writes a header and all rows as RFC 4180 CSV with LF line ends. Cells of text columns that a spreadsheet
// would run as a formula get a leading apostrophe; numbers, dates and booleans stay as they are. Null is an empty cell.
// It closes rows.
func WriteCSV(rows *Rows, w io.Writer) error {
	defer rows.Close()
	out := csv.NewWriter(w)
	names := make([]string, len(rows.Columns()))
	isText := make([]bool, len(names))
	for i, column := range rows.Columns() {
		names[i] = SafeCell(column.Name)
		isText[i] = !isNumber(column.Type) && column.Type != "DATE" && !strings.HasPrefix(column.Type, "TIME") && column.Type != "BOOLEAN"
	}
	if err := out.Write(names); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	for rows.Next() {
		cells := rows.Text()
		for i := range cells {
			if isText[i] {
				cells[i] = SafeCell(cells[i])
			}
		}
		if err := out.Write(cells); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return rows.Err()
}

// SafeCell puts an apostrophe before text that a spreadsheet would take for a formula: first character = + - @, their
// full-width forms, tab or carriage return.
func SafeCell(cell string) string {
	first, _ := utf8.DecodeRuneInString(cell)
	if cell != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", first) {
		return "'" + cell
	}
	return cell
}

// isNumber tells whether values of an engine type are numbers.
func isNumber(columnType string) bool {
	switch columnType {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE":
		return true
	}
	return strings.HasPrefix(columnType, "DECIMAL")
}

// WriteJSON writes all rows as one JSON array of objects, keys in column order, one object a line. Decimals and whole
// numbers beyond 64 bits are JSON strings, so that no reader passes money through a float. It closes rows.
func WriteJSON(rows *Rows, w io.Writer) error {
	defer rows.Close()
	out := bufio.NewWriter(w)
	separator := "[\n"
	for rows.Next() {
		line, err := jsonObject(rows)
		if err != nil {
			return err
		}
		out.WriteString(separator) // a write error sticks and shows at Flush
		out.Write(line)
		separator = ",\n"
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if separator == "[\n" {
		out.WriteString("[")
	}
	out.WriteString("\n]\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}

// WriteJSONLines writes one JSON object a line, by the rules of WriteJSON. It closes rows.
func WriteJSONLines(rows *Rows, w io.Writer) error {
	defer rows.Close()
	out := bufio.NewWriter(w)
	for rows.Next() {
		line, err := jsonObject(rows)
		if err != nil {
			return err
		}
		out.Write(append(line, '\n')) // a write error sticks and shows at Flush
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return rows.Err()
}

// jsonObject renders the current row.
func jsonObject(rows *Rows) ([]byte, error) {
	line := []byte{'{'}
	texts := rows.Text()
	for i, value := range rows.Values() {
		if i > 0 {
			line = append(line, ',')
		}
		name, err := json.Marshal(rows.columns[i].Name)
		if err != nil {
			return nil, fmt.Errorf("write json: %w", err)
		}
		encoded, err := json.Marshal(jsonValue(value, texts[i]))
		if err != nil {
			return nil, fmt.Errorf("write json: column %s: %w", rows.columns[i].Name, err)
		}
		line = append(append(append(line, name...), ':'), encoded...)
	}
	return append(line, '}'), nil
}

// jsonValue gives what encoding/json should write: times and bytes as text, numbers JSON cannot hold as text.
func jsonValue(value any, asText string) any {
	switch v := value.(type) {
	case nil, bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, string, []any, map[string]any:
		return v
	case float32:
		return jsonFloat(float64(v), asText)
	case float64:
		return jsonFloat(v, asText)
	default:
		return asText
	}
}

func jsonFloat(f float64, asText string) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return asText
	}
	return f
}
