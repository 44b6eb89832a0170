// Package jsonscan finds the values of JSON text without decoding them: an API's page is some hundred records of which
// most fields are kept as they are, and decoding each into maps costs many times what reading it does. What it accepts is
// what encoding/json accepts, and it gives the same texts.
package jsonscan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// maxDepth is how deep values may be nested, as in encoding/json.
const maxDepth = 10000

// Value finds the next value at or behind an offset and checks all of it. At the end of the text start and end are its
// length.
func Value(text []byte, at int) (start, end int, err error) {
	start = space(text, at)
	if start == len(text) {
		return start, start, nil
	}
	s := scanner{text: text}
	end, err = s.value(start, 0)
	return start, end, err
}

// Elements gives each element of a text that is one array, and checks all of it.
func Elements(text []byte, each func(value []byte) error) error {
	at := space(text, 0)
	if at == len(text) || text[at] != '[' {
		return fmt.Errorf("is not an array")
	}
	s := scanner{text: text}
	at, err := s.list(at, ']', 1, func(at int) (int, error) {
		end, err := s.value(at, 1)
		if err != nil {
			return at, err
		}
		return end, each(text[at:end])
	})
	if err == nil && space(text, at) != len(text) {
		err = s.wrong(at)
	}
	return err
}

// Fields gives the names and values of an object that Value or Elements found, until each gives false. It tells whether
// the value is an object.
func Fields(object []byte, each func(name, value []byte) bool) bool {
	if len(object) == 0 || object[0] != '{' {
		return false
	}
	for at := space(object, 1); at < len(object) && object[at] == '"'; {
		end := skipString(object, at)
		name := object[at+1 : end-1]
		if bytes.IndexByte(name, '\\') >= 0 || !utf8.Valid(name) {
			name = Text(object[at:end])
		}
		at = space(object, space(object, end)+1) // the colon
		end = skip(object, at)
		if !each(name, object[at:end]) {
			return true
		}
		if at = space(object, end); at < len(object) && object[at] == ',' {
			at = space(object, at+1)
		}
	}
	return true
}

// Items gives the elements of an array that Value or Elements found.
func Items(array []byte, each func(value []byte)) {
	for at := space(array, 1); at < len(array) && array[at] != ']'; {
		end := skip(array, at)
		each(array[at:end])
		if at = space(array, end); at < len(array) && array[at] == ',' {
			at = space(array, at+1)
		}
	}
}

// Text decodes a string that Value or Elements found; nil for other values. It may share the value's memory.
func Text(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return inner
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return nil // checked before
	}
	return []byte(text)
}

// scanner checks a text.
type scanner struct{ text []byte }

func (s *scanner) wrong(at int) error {
	if at >= len(s.text) {
		return fmt.Errorf("ends too early")
	}
	return fmt.Errorf("byte %d, %q, is not expected", at, s.text[at])
}

func space(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t') {
		at++
	}
	return at
}

// value checks the value at an offset and gives its end.
func (s *scanner) value(at, depth int) (int, error) {
	if at >= len(s.text) {
		return at, s.wrong(at)
	}
	switch c := s.text[at]; {
	case c == '"':
		return s.string(at)
	case c == '{':
		return s.list(at, '}', depth+1, func(at int) (int, error) {
			if s.text[at] != '"' {
				return at, s.wrong(at)
			}
			end, err := s.string(at)
			if err != nil {
				return end, err
			}
			if end = space(s.text, end); end >= len(s.text) || s.text[end] != ':' {
				return end, s.wrong(end)
			}
			return s.value(space(s.text, end+1), depth+1)
		})
	case c == '[':
		return s.list(at, ']', depth+1, func(at int) (int, error) { return s.value(at, depth+1) })
	case c == '-' || c >= '0' && c <= '9':
		return s.number(at)
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(s.text[at:], []byte(word)) {
			return at + len(word), nil
		}
	}
	return at, s.wrong(at)
}

// list checks what stands between brackets; item checks one entry at an offset that is within the text.
func (s *scanner) list(at int, closing byte, depth int, item func(at int) (int, error)) (int, error) {
	if depth > maxDepth {
		return at, fmt.Errorf("is nested deeper than %d", maxDepth)
	}
	if at = space(s.text, at+1); at < len(s.text) && s.text[at] == closing {
		return at + 1, nil
	}
	for at < len(s.text) {
		end, err := item(at)
		if err != nil {
			return end, err
		}
		if at = space(s.text, end); at >= len(s.text) {
			break
		}
		if s.text[at] == closing {
			return at + 1, nil
		}
		if s.text[at] != ',' {
			return at, s.wrong(at)
		}
		at = space(s.text, at+1)
	}
	return at, s.wrong(len(s.text))
}

func (s *scanner) string(at int) (int, error) {
	text := s.text
	for at++; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			return at + 1, nil
		case c < 0x20:
			return at, s.wrong(at)
		case c == '\\':
			if at++; at >= len(text) {
				return at, s.wrong(at)
			}
			if text[at] != 'u' {
				if bytes.IndexByte([]byte(`"\/bfnrt`), text[at]) < 0 {
					return at, s.wrong(at)
				}
				continue
			}
			for range 4 {
				if at++; at >= len(text) || !hex(text[at]) {
					return at, s.wrong(at)
				}
			}
		}
	}
	return at, s.wrong(at)
}

func hex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func (s *scanner) number(at int) (int, error) {
	text := s.text
	digits := func() error {
		from := at
		for at < len(text) && text[at] >= '0' && text[at] <= '9' {
			at++
		}
		if at == from {
			return s.wrong(at)
		}
		return nil
	}
	if text[at] == '-' {
		at++
	}
	if at < len(text) && text[at] == '0' {
		at++
	} else if err := digits(); err != nil {
		return at, err
	}
	if at < len(text) && text[at] == '.' {
		at++
		if err := digits(); err != nil {
			return at, err
		}
	}
	if at < len(text) && text[at]|0x20 == 'e' {
		if at++; at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		if err := digits(); err != nil {
			return at, err
		}
	}
	return at, nil
}

// skip gives the end of a checked value.
func skip(text []byte, at int) int {
	switch text[at] {
	case '"':
		return skipString(text, at)
	case '{', '[':
		depth := 0
		for at < len(text) {
			switch text[at] {
			case '"':
				at = skipString(text, at)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return at + 1
				}
			}
			at++
		}
		return at
	}
	for at < len(text) && bytes.IndexByte([]byte(",]} \n\r\t"), text[at]) < 0 {
		at++
	}
	return at
}

func skipString(text []byte, at int) int {
	for at++; at < len(text); at++ {
		if c := text[at]; c == '"' {
			return at + 1
		} else if c == '\\' {
			at++
		}
	}
	return len(text)
}
