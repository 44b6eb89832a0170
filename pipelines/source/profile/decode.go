package profile

import (
	"bytes"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Encodings by their stable names.
const (
	encUTF8    = "utf-8"
	encUTF16LE = "utf-16le"
	encUTF16BE = "utf-16be"
	encGB18030 = "gb18030"
	encWindows = "windows-1252"
)

// detectEncoding looks at the first bytes. bom is the length of the byte order mark.
func detectEncoding(sample []byte, declared string) (name string, bom int) {
	switch {
	case bytes.HasPrefix(sample, []byte{0xEF, 0xBB, 0xBF}):
		return encUTF8, 3
	case bytes.HasPrefix(sample, []byte{0xFF, 0xFE}):
		return encUTF16LE, 2
	case bytes.HasPrefix(sample, []byte{0xFE, 0xFF}):
		return encUTF16BE, 2
	}
	switch declared {
	case "utf-16":
		if evenZeros, oddZeros := zeros(sample); evenZeros > oddZeros {
			return encUTF16BE, 0
		}
		return encUTF16LE, 0
	case "auto":
	default:
		return declared, 0
	}
	if evenZeros, oddZeros := zeros(sample); len(sample) > 3 && evenZeros+oddZeros > len(sample)/5 {
		if evenZeros > oddZeros {
			return encUTF16BE, 0
		}
		return encUTF16LE, 0
	}
	if validPrefix(sample) {
		return encUTF8, 0
	}
	return detectLegacy(sample), 0
}

func zeros(sample []byte) (even, odd int) {
	for i, c := range sample {
		if c == 0 && i%2 == 0 {
			even++
		} else if c == 0 {
			odd++
		}
	}
	return even, odd
}

// validPrefix checks UTF-8 up to a character that the sample may have cut.
func validPrefix(sample []byte) bool {
	if utf8.Valid(sample) {
		return true
	}
	for cut := 1; cut <= 3 && cut < len(sample); cut++ {
		head, tail := sample[:len(sample)-cut], sample[len(sample)-cut:]
		if utf8.RuneStart(tail[0]) && !utf8.FullRune(tail) && utf8.Valid(head) {
			return true
		}
	}
	return false
}

// detectLegacy tells GB18030 from Windows-1252: Chinese text has pairs of high bytes, Latin text has lone ones.
func detectLegacy(sample []byte) string {
	pairs, other := 0, 0
	for i := 0; i < len(sample); i++ {
		c := sample[i]
		if c < 0x80 {
			continue
		}
		if i+1 == len(sample) {
			break
		}
		next := sample[i+1]
		switch {
		case c >= 0xA1 && c <= 0xF7 && next >= 0xA1 && next != 0xFF:
			pairs++
			i++
		case c >= 0x81 && c <= 0xFE && next >= 0x40 && next != 0x7F && next != 0xFF:
			other++
			i++
		case i+3 < len(sample) && next >= '0' && next <= '9' && sample[i+2] >= 0x81 && sample[i+3] >= '0' && sample[i+3] <= '9':
			pairs++
			i += 3
		default:
			return encWindows
		}
	}
	if pairs >= 2*other && pairs > 0 {
		return encGB18030
	}
	return encWindows
}

// decoded gives the stream as UTF-8. UTF-8 itself passes untouched; whoever reads checks it.
func decoded(r io.Reader, name string) io.Reader {
	var e encoding.Encoding
	switch name {
	case encUTF16LE:
		e = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case encUTF16BE:
		e = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case encGB18030:
		e = simplifiedchinese.GB18030
	case encWindows:
		e = charmap.Windows1252
	default:
		return r
	}
	return transform.NewReader(r, e.NewDecoder())
}

var replacement = []byte("\uFFFD")

// invalidAt finds the first place that the encoding does not allow; -1 when there is none.
func invalidAt(chunk []byte, name string) int {
	switch name {
	case encUTF8:
		if utf8.Valid(chunk) {
			return -1
		}
		for i := 0; i < len(chunk); {
			r, n := utf8.DecodeRune(chunk[i:])
			if r == utf8.RuneError && n <= 1 {
				return i
			}
			i += n
		}
		return -1
	case encWindows:
		for _, undefined := range []string{"\u0081", "\u008d", "\u008f", "\u0090", "\u009d"} {
			if i := bytes.Index(chunk, []byte(undefined)); i >= 0 {
				return i
			}
		}
		return bytes.Index(chunk, replacement)
	}
	return bytes.Index(chunk, replacement)
}
