package profile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/jsonscan"
)

const (
	maxDocument = 256 << 20
	maxLine     = 64 << 20
)

// jsonSource reads JSON lines, or the records of JSON documents.
type jsonSource struct {
	*opened
	profile *Profile
	plan    map[string][]int // path -> cells it fills
	width   int
	lines   *bufio.Reader
	line    int64
	docs    []document // of a whole file
	whole   bool       // the file is read at once
	hash    bool       // records carry the hash of their text
}

func (p *Plan) openJSON(o *opened, stream io.Reader, encoding string) (source, Layout, map[string]int, error) {
	layout := Layout{Format: "jsonl", Encoding: encoding, Delimiter: strings.Join(append([]string{p.Profile.Records}, p.Profile.Explode...), ";")}
	s := &jsonSource{opened: o, profile: p.Profile, plan: map[string][]int{}, lines: bufio.NewReaderSize(stream, sampleBytes), line: 1}
	at := map[string]int{}
	names := slices.Sorted(maps.Keys(p.Profile.Columns))
	for i, name := range names {
		at[name] = i
		for _, from := range p.Profile.Columns[name].From {
			s.plan[from] = append(s.plan[from], i)
		}
		layout.Header = append(layout.Header, p.Profile.Columns[name].From[0])
	}
	s.width = len(names) + 2
	at["$part"], at["$hash"] = len(names), len(names)+1
	layout.Header = append(layout.Header, "$part", "$hash")
	if s.hash = p.Profile.Whole; s.hash {
		layout.Delimiter = headMark + layout.Delimiter
	}
	head, err := s.lines.Peek(sampleBytes)
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return nil, layout, nil, err
	}
	if len(bytes.TrimSpace(head)) == 0 {
		return nil, layout, nil, refuse("empty_file", "deliver the file again if it should hold records", "the file is empty")
	}
	firstLine, _, _ := bytes.Cut(bytes.TrimSpace(head), []byte("\n"))
	if p.Profile.Records != "" || firstLine[0] == '[' || len(firstLine) < sampleBytes/2 && !json.Valid(bytes.TrimSpace(firstLine)) && !nextLineOpens(head) {
		s.whole = true
		if err := s.readDocument(encoding); err != nil {
			return nil, layout, nil, err
		}
	}
	return s, layout, at, nil
}

// headMark begins a layout whose records are parts of whole ones: the record itself comes before its parts.
const headMark = "+"

// nextLineOpens tells JSON lines with a broken first line from a document over several lines.
func nextLineOpens(head []byte) bool {
	_, rest, ok := bytes.Cut(bytes.TrimSpace(head), []byte("\n"))
	return ok && bytes.HasPrefix(rest, []byte("{"))
}

// readDocument reads all values of the file and the records in them.
func (s *jsonSource) readDocument(encoding string) error {
	text, err := io.ReadAll(io.LimitReader(s.lines, maxDocument+1))
	if err != nil {
		return err
	}
	if len(text) > maxDocument {
		return refuse("too_large", "deliver it as JSON lines", "the JSON document is larger than %d bytes", maxDocument)
	}
	if i := invalidAt(text, encoding); i >= 0 {
		return newInvalid(&chunk{data: text, line: 1}, i, encoding)
	}
	for at := 0; ; {
		start, end, err := jsonscan.Value(text, at)
		switch {
		case err != nil:
			return refuse("bad_json", "deliver the file again, whole", "is not JSON behind byte %d: %v", start, err)
		case start == end:
			return nil
		}
		at = end
		value, line := text[start:end], int64(1+bytes.Count(text[:start], []byte("\n")))
		if paths := s.profile.Records; paths != "" {
			if value = under(value, paths); value == nil {
				return refuse("unknown_layout", "correct records: in the profile", "the document has no %s", paths)
			}
		}
		if value[0] != '[' {
			s.docs = append(s.docs, document{value, line})
			continue
		}
		jsonscan.Items(value, func(item []byte) { s.docs = append(s.docs, document{item, line}) })
	}
}

// under gives what stands under the first of the paths, separated by commas, that a value has; nil: it has none.
func under(value []byte, paths string) []byte {
	for _, path := range strings.Split(paths, ",") {
		at := value
		for _, key := range strings.Split(strings.TrimSpace(path), ".") {
			var found []byte
			jsonscan.Fields(at, func(name, value []byte) bool {
				if string(name) == key {
					found = value // the last of equal names counts
				}
				return true
			})
			at = found
		}
		if at != nil && string(at) != "null" {
			return at
		}
	}
	return nil
}

// document is one JSON value that is not parsed yet.
type document struct {
	raw  []byte
	line int64
}

func (s *jsonSource) next() (*chunk, error) {
	c := &chunk{parse: s.parser().parse}
	if s.whole {
		if len(s.docs) == 0 {
			return nil, io.EOF
		}
		n := min(len(s.docs), 64)
		c.docs = s.docs[:n:n]
		s.docs = s.docs[n:]
		return c, nil
	}
	for size := 0; size < chunkBytes; {
		text, err := s.readLine()
		if err != nil && err != io.EOF {
			return nil, err
		}
		if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 {
			size += len(text)
			if i := invalidAt(trimmed, encUTF8); i >= 0 {
				return nil, newInvalid(&chunk{data: trimmed, line: s.line}, i, encUTF8)
			}
			c.docs = append(c.docs, document{trimmed, s.line})
		}
		s.line++
		if err == io.EOF {
			if len(c.docs) == 0 {
				return nil, io.EOF
			}
			return c, nil
		}
	}
	return c, nil
}

func (s *jsonSource) readLine() ([]byte, error) {
	var text []byte
	for {
		piece, err := s.lines.ReadSlice('\n')
		text = append(text, piece...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, err
		}
		if len(text) > maxLine {
			return nil, refuse("record_too_long", "check the file", "line %d is longer than %d bytes", s.line, maxLine)
		}
	}
}
