package notify

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Cut shortens a text to at most limit bytes, at the border of a character, and says how many characters are missing:
// "... (+120)" in the words of tail. A text that fits stays as it is. When not even the remark fits, it is left out.
func Cut(text string, limit int, tail string) string {
	if len(text) <= limit {
		return text
	}
	if tail == "" {
		tail = "(+%d)"
	}
	total := utf8.RuneCountInString(text)
	note := func(missing int) string { return "… " + fmt.Sprintf(tail, missing) }
	room := limit - len(note(total)) // the number only gets shorter
	if room < 0 {
		return border(text, limit)
	}
	kept := strings.TrimRight(border(text, room), " \n")
	return kept + note(total-utf8.RuneCountInString(kept))
}

// border gives the longest beginning of at most limit bytes that ends between two characters, and not before a mark that
// belongs to the last of them.
func border(text string, limit int) string {
	if limit >= len(text) {
		return text
	}
	end := max(limit, 0)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	for end > 0 {
		next, _ := utf8.DecodeRuneInString(text[end:])
		last, size := utf8.DecodeLastRuneInString(text[:end])
		if !joins(next) && last != joiner {
			break
		}
		end -= size
	}
	return text[:end]
}

// joiner makes one picture of the two beside it.
const joiner = '\u200d'

// joins tells whether a character belongs to the one before it.
func joins(r rune) bool {
	return r == joiner || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) || r >= 0xfe00 && r <= 0xfe0f || r >= 0x1f3fb && r <= 0x1f3ff
}

// Text is the message as plain lines, without the title.
func (m Message) Text() string {
	var b strings.Builder
	for i, block := range m.Blocks {
		if i > 0 {
			b.WriteString("\n")
		}
		if block.Title != "" {
			b.WriteString(block.Title + "\n")
		}
		for _, line := range block.Lines {
			b.WriteString(line + "\n")
		}
	}
	if m.Footer != "" {
		b.WriteString("\n" + m.Footer + "\n")
	}
	return b.String()
}

// Line makes one line of any text: control characters and breaks become blanks, so that nothing can add lines or headers.
func Line(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\ufffd"), func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || r == '\u2028' || r == '\u2029'
	}), " ")
}
