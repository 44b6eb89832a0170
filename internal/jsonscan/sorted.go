package jsonscan

import (
	"bytes"
	"encoding/json"
	"slices"
)

// AppendSorted writes a value that Value or Elements found as encoding/json writes it after decoding: without spaces, the
// names of objects sorted, the last of equal ones, numbers as they are.
func AppendSorted(dst, value []byte) []byte {
	switch value[0] {
	case '"':
		return appendString(dst, value)
	case '[':
		dst = append(dst, '[')
		first := true
		Items(value, func(item []byte) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = AppendSorted(dst, item)
		})
		return append(dst, ']')
	case '{':
		return appendObject(dst, value)
	}
	return append(dst, value...)
}

func appendObject(dst, value []byte) []byte {
	type member struct{ name, value []byte }
	var room [16]member
	members := room[:0]
	Fields(value, func(name, value []byte) bool {
		members = append(members, member{name, value})
		return true
	})
	slices.SortStableFunc(members, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	dst = append(dst, '{')
	first := true
	for i, m := range members {
		if i+1 < len(members) && bytes.Equal(m.name, members[i+1].name) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendText(dst, m.name), ':')
		dst = AppendSorted(dst, m.value)
	}
	return append(dst, '}')
}

// appendString copies a literal when encoding/json would write it the same way.
func appendString(dst, literal []byte) []byte {
	inner := literal[1 : len(literal)-1]
	if plain(inner) {
		return append(dst, literal...)
	}
	return appendText(dst, Text(literal))
}

func plain(text []byte) bool {
	for _, c := range text {
		if c < 0x20 || c >= 0x80 || c == '\\' || c == '"' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

func appendText(dst, text []byte) []byte {
	if plain(text) {
		return append(append(append(dst, '"'), text...), '"')
	}
	quoted, err := json.Marshal(string(text))
	if err != nil {
		return dst // a string has an encoding
	}
	return append(dst, quoted...)
}
