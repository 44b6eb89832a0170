package profile

import "bytes"

// maxRecord bounds a record: a quote that is never closed must not swallow a file.
const maxRecord = 1 << 20

// recordEnd gives the end of the first record of b, its line break included; -1 when b ends inside the record.
// A quote opens a cell only at its beginning, padding aside, and closes it only before a delimiter or line end.
func recordEnd(b []byte, delimiter byte) int {
	for i := 0; i < len(b); {
		start := i
		for i < len(b) && (b[i] == ' ' || b[i] == '\t' && delimiter != '\t') {
			i++
		}
		if i < len(b) && b[i] == '"' {
			end := quotedEnd(b, i+1, delimiter)
			if end < 0 {
				return -1
			}
			i = end
		} else {
			i = start
		}
		for i < len(b) && b[i] != delimiter && b[i] != '\n' {
			i++
		}
		if i == len(b) {
			return -1
		}
		if b[i] == '\n' {
			return i + 1
		}
		i++
	}
	return -1
}

// quotedEnd gives the position behind the closing quote of a cell whose text begins at i; -1 when there is none.
func quotedEnd(b []byte, i int, delimiter byte) int {
	for {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n + 1
		if i < len(b) && b[i] == '"' {
			i++
			continue
		}
		j := i
		for j < len(b) && (b[j] == ' ' || b[j] == '\t' && delimiter != '\t' || b[j] == '\r') {
			j++
		}
		if j == len(b) || b[j] == delimiter || b[j] == '\n' {
			return i
		}
	}
}

// cutter holds what cutting a record needs besides the cells; it is reused from record to record.
type cutter struct {
	keep    bool     // padding: keep
	scratch []byte   // cells that had doubled quotes
	padded  []padded // cells that begin or end with white space that is text
}

// padded is a cell as it was written: white space inside quotes is text, outside of them when the profile says so.
type padded struct {
	at   int
	text []byte
}

// whole gives a cell as it was written.
func whole(kept []padded, at int, trimmed []byte) []byte {
	for _, p := range kept {
		if p.at == at {
			return p.text
		}
	}
	return trimmed
}

// text trims a cell of text and remembers it when that took something away.
func (c *cutter) text(at int, text []byte) []byte {
	trimmed := trim(text)
	if len(trimmed) != len(text) {
		c.padded = append(c.padded, padded{at, text})
	}
	return trimmed
}

// bare trims a cell without quotes.
func (c *cutter) bare(at int, text []byte) []byte {
	if c.keep {
		return c.text(at, text)
	}
	return trim(text)
}

// cut splits one record (without its line break) into trimmed cells. Cells point into record or into the cutter.
func (c *cutter) cut(cells [][]byte, record []byte, delimiter byte) [][]byte {
	c.scratch, c.padded = c.scratch[:0], c.padded[:0]
	if n := len(record); n > 0 && record[n-1] == '\r' {
		record = record[:n-1]
	}
	if bytes.IndexByte(record, '"') < 0 {
		for {
			i := bytes.IndexByte(record, delimiter)
			if i < 0 {
				return append(cells, c.bare(len(cells), record))
			}
			cells = append(cells, c.bare(len(cells), record[:i]))
			record = record[i+1:]
		}
	}
	for i := 0; ; {
		start := i
		for i < len(record) && (record[i] == ' ' || record[i] == '\t' && delimiter != '\t') {
			i++
		}
		if i < len(record) && record[i] == '"' {
			open := i + 1
			end := quotedEnd(record, open, delimiter)
			if end < 0 {
				end = len(record)
				cells = append(cells, c.text(len(cells), record[open:end]))
			} else {
				cells = append(cells, c.text(len(cells), unquote(record[open:end-1], &c.scratch)))
			}
			i = end
			for i < len(record) && record[i] != delimiter {
				i++
			}
		} else {
			i = start
			if n := bytes.IndexByte(record[i:], delimiter); n >= 0 {
				i += n
			} else {
				i = len(record)
			}
			cells = append(cells, c.bare(len(cells), record[start:i]))
		}
		if i >= len(record) {
			return cells
		}
		i++
	}
}

func unquote(b []byte, scratch *[]byte) []byte {
	if bytes.IndexByte(b, '"') < 0 {
		return b
	}
	from := len(*scratch)
	for i := 0; i < len(b); i++ {
		*scratch = append(*scratch, b[i])
		if b[i] == '"' && i+1 < len(b) && b[i+1] == '"' {
			i++
		}
	}
	return (*scratch)[from:len(*scratch):len(*scratch)]
}

// trim removes white space of any width from both ends.
func trim(b []byte) []byte {
	if len(b) == 0 || b[0] > ' ' && b[0] < 0x80 && b[len(b)-1] > ' ' && b[len(b)-1] < 0x80 {
		return b
	}
	b = bytes.TrimSpace(b)
	return bytes.Trim(b, "\ufeff\u200b")
}

// blank tells a record without any text.
func blank(cells [][]byte) bool {
	for _, c := range cells {
		if len(c) > 0 {
			return false
		}
	}
	return true
}
