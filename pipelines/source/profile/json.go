package profile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
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
	names := sorted(p.Profile.Columns)
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
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		start := decoder.InputOffset()
		var value json.RawMessage
		if err := decoder.Decode(&value); err == io.EOF {
			return nil
		} else if err != nil {
			return refuse("bad_json", "deliver the file again, whole", "is not JSON behind byte %d: %v", start, err)
		}
		line := int64(1 + bytes.Count(text[:start], []byte("\n")))
		if paths := s.profile.Records; paths != "" {
			found := under(value, paths)
			if found == nil {
				return refuse("unknown_layout", "correct records: in the profile", "the document has no %s", paths)
			}
			value = found
		}
		list := []json.RawMessage{value}
		if value[0] == '[' {
			list = nil
			if err := json.Unmarshal(value, &list); err != nil {
				return err
			}
		}
		for _, item := range list {
			s.docs = append(s.docs, document{item, line})
		}
	}
}

// under gives what stands under the first of the paths, separated by commas, that a value has; nil: it has none.
func under(value json.RawMessage, paths string) json.RawMessage {
	for _, path := range strings.Split(paths, ",") {
		at := value
		for _, key := range strings.Split(strings.TrimSpace(path), ".") {
			var object map[string]json.RawMessage
			if at == nil || json.Unmarshal(at, &object) != nil {
				at = nil
				break
			}
			at = object[key]
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

// records flattens one value into one record, or one per element of the exploded arrays. In a whole profile the value
// itself is the first record and its parts follow.
func (s *jsonSource) records(value any, line int64, raw []byte) []row {
	object, ok := value.(map[string]any)
	if !ok {
		return []row{{line: line, raw: raw, bad: &reason{"bad_json", "is not a JSON object"}}}
	}
	sum := ""
	if s.hash {
		h := sha256.Sum256(raw)
		sum = hex.EncodeToString(h[:12])
	}
	shared := map[string]string{}
	flatten(shared, "", object, s.profile.Explode)
	var out []row
	if s.hash {
		out = append(out, s.row(shared, nil, "", sum, line, raw))
	}
	for _, name := range s.profile.Explode {
		list, _ := lookup(object, name).([]any)
		for _, item := range list {
			one := map[string]string{}
			flatten(one, name, item, nil)
			if s.hash {
				out = append(out, s.row(one, shared, name, sum, line, raw))
				continue
			}
			for k, v := range shared {
				one[k] = v
			}
			out = append(out, s.row(one, nil, name, sum, line, raw))
		}
	}
	if out == nil {
		out = append(out, s.row(shared, nil, "", sum, line, raw))
	}
	return out
}

func lookup(object map[string]any, path string) any {
	var value any = object
	for _, key := range strings.Split(path, ".") {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = inner[key]
	}
	return value
}

// row places flattened values into cells; what the profile does not name becomes attributes. Values of more are placed
// too, their rest belongs to another record.
func (s *jsonSource) row(values, more map[string]string, part, sum string, line int64, raw []byte) row {
	r := row{cells: make([][]byte, s.width), line: line, raw: raw}
	r.cells[s.width-2], r.cells[s.width-1] = []byte(part), []byte(sum)
	for key, cells := range s.plan {
		if value, ok := more[key]; ok {
			for _, i := range cells {
				if len(r.cells[i]) == 0 {
					r.cells[i] = trim([]byte(value))
				}
			}
		}
	}
	var attrs []byte
	for _, key := range sorted(values) {
		value := values[key]
		cells, mapped := s.plan[key]
		for _, i := range cells {
			if len(r.cells[i]) == 0 {
				r.cells[i] = trim([]byte(value))
			}
		}
		if mode := s.profile.Attributes; value == "" || mode == "none" || mode == "unmapped" && mapped {
			continue
		}
		attrs = append(attrs, byte('{'-('{'-',')*boolInt(attrs != nil)))
		attrs = append(appendJSON(attrs, []byte(key)), ':')
		attrs = appendJSON(attrs, []byte(value))
	}
	if attrs != nil {
		r.attrs = append(attrs, '}')
	}
	return r
}

// flatten writes the leaves of value under dotted paths; arrays stay JSON text.
func flatten(into map[string]string, path string, value any, skip []string) {
	if path != "" && slices.Contains(skip, path) {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			at := key
			if path != "" {
				at = path + "." + key
			}
			flatten(into, at, inner, skip)
		}
	case nil:
		into[path] = ""
	case string:
		into[path] = v
	case json.Number:
		into[path] = plainJSONNumber(v.String())
	case bool:
		into[path] = map[bool]string{true: "true", false: "false"}[v]
	default:
		text, err := json.Marshal(v)
		if err == nil && string(text) != "[]" {
			into[path] = string(text)
		}
	}
}

// plainJSONNumber removes an exponent without losing a digit.
func plainJSONNumber(text string) string {
	if !strings.ContainsAny(text, "eE") {
		return text
	}
	return decimal15(text)
}

func (s *jsonSource) next() (*chunk, error) {
	if s.whole {
		if len(s.docs) == 0 {
			return nil, io.EOF
		}
		n := min(len(s.docs), 64)
		c := &chunk{docs: s.docs[:n:n], parse: s.parse}
		s.docs = s.docs[n:]
		return c, nil
	}
	c := &chunk{}
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
			c.rows = append(c.rows, s.parseLine(trimmed)...)
		}
		s.line++
		if err == io.EOF {
			if len(c.rows) == 0 {
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

func (s *jsonSource) parseLine(text []byte) []row { return s.parse(document{text, s.line}) }

// parse gives the records of one value.
func (s *jsonSource) parse(d document) []row {
	decoder := json.NewDecoder(bytes.NewReader(d.raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil || decoder.More() {
		return []row{{line: d.line, raw: d.raw, bad: &reason{"bad_json", "is not one JSON value"}}}
	}
	return s.records(value, d.line, d.raw)
}
