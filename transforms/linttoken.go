package transforms

import (
	"encoding/json"
	"strconv"
	"strings"
)

// token measures the first token of SQL text; meaning is false for white space and comments.
func token(text string) (length int, meaning bool) {
	until := func(end string, from int) int {
		if i := strings.Index(text[from:], end); i >= 0 {
			return from + i + len(end)
		}
		return len(text)
	}
	switch c := text[0]; {
	case c == '\'' || c == '"':
		return until(string(c), 1), true
	case strings.HasPrefix(text, "--"):
		return until("\n", 2), false
	case strings.HasPrefix(text, "/*"):
		return until("*/", 2), false
	case strings.HasPrefix(text, "::") || strings.HasPrefix(text, "=="):
		return 2, true
	case wordByte(c):
		n := 1
		for n < len(text) && wordByte(text[n]) {
			n++
		}
		return n, true
	case c == ' ' || c == '\n' || c == '\t' || c == '\r':
		return 1, false
	}
	return 1, true
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func jsonNumber(n int) json.Number { return json.Number(strconv.Itoa(n)) }
