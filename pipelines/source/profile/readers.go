package profile

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

const chunkBytes = 1 << 20

// open finds out the layout of a file and places a source behind its header.
func (p *Plan) open(f File, encoding string) (source, Layout, map[string]int, error) {
	o, err := openPath(f.Path, f.Limits)
	if err != nil {
		return nil, Layout{}, nil, err
	}
	src, layout, at, err := p.openAs(o, encoding)
	if err != nil {
		o.Close()
		return nil, layout, nil, err
	}
	return src, layout, at, nil
}

func (p *Plan) openAs(o *opened, encoding string) (source, Layout, map[string]int, error) {
	format := p.Profile.Format
	if o.xlsx != nil {
		if format != "auto" && format != "xlsx" {
			return nil, Layout{}, nil, refuse("wrong_format", "write format: auto in the profile, or deliver the right file", "is a workbook, profile %s expects %s", p.Profile.Name, format)
		}
		return p.openWorkbook(o)
	}
	if format == "xlsx" {
		return nil, Layout{}, nil, refuse("wrong_format", "write format: auto in the profile, or deliver the right file", "is no workbook")
	}
	sample, err := o.Peek(min(sampleBytes, o.Reader.Size()))
	if err != nil && err != io.EOF {
		return nil, Layout{}, nil, err
	}
	name, bom := detectEncoding(sample, encoding)
	if _, err := o.Discard(bom); err != nil {
		return nil, Layout{}, nil, err
	}
	stream := decoded(o, name)
	if format == "auto" && looksJSON(sample[bom:], name) {
		format = "jsonl"
	}
	if format == "jsonl" {
		return p.openJSON(o, stream, name)
	}
	return p.openCSV(o, stream, name)
}

func looksJSON(sample []byte, encoding string) bool {
	if encoding != encUTF8 {
		return false
	}
	sample = bytes.TrimSpace(sample)
	return len(sample) > 0 && (sample[0] == '{' || sample[0] == '[')
}

// csvSource cuts text into chunks of whole records.
type csvSource struct {
	*opened
	r         io.Reader
	delimiter byte
	crOnly    bool
	held      []byte // read and not yet handed out
	line      int64
	ended     bool
	encoding  string
}

func (p *Plan) openCSV(o *opened, stream io.Reader, encoding string) (source, Layout, map[string]int, error) {
	s := &csvSource{opened: o, r: stream, line: 1, encoding: encoding}
	layout := Layout{Format: "csv", Encoding: encoding}
	if err := s.fill(o.sample()); err != nil {
		return nil, layout, nil, err
	}
	s.crOnly = bytes.IndexByte(s.held, '\r') >= 0 && bytes.IndexByte(s.held, '\n') < 0
	if s.crOnly {
		replaceCR(s.held)
	}
	if len(bytes.TrimSpace(s.held)) == 0 && s.ended {
		return nil, layout, nil, refuse("empty_file", "deliver the file again if it should hold records", "the file is empty")
	}
	if i := invalidAt(wholeRunes(s.held), encoding); i >= 0 {
		return nil, layout, nil, newInvalid(&chunk{data: s.held, line: 1}, i, encoding)
	}
	delimiter, header, why := p.Profile.findHeader(s.held, s.ended)
	layout.Delimiter, layout.HeaderLine, layout.Header = string(delimiter), header.line, header.cells
	if why != nil {
		return nil, layout, nil, why
	}
	s.delimiter = delimiter
	s.held, s.line = s.held[header.after:], header.next
	return s, layout, p.Profile.columnsOf(header.cells), nil
}

// wholeRunes leaves out a character that the end of a sample cuts.
func wholeRunes(b []byte) []byte {
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		return b[:i+1]
	}
	return nil
}

func replaceCR(b []byte) {
	for i, c := range b {
		if c == '\r' {
			b[i] = '\n'
		}
	}
}

// fill reads until n bytes are held or the file ends.
func (s *csvSource) fill(n int) error {
	s.held = slices.Grow(s.held, max(0, n-len(s.held)))
	for len(s.held) < n && !s.ended {
		m, err := s.r.Read(s.held[len(s.held):cap(s.held)])
		if s.crOnly {
			replaceCR(s.held[len(s.held) : len(s.held)+m])
		}
		s.held = s.held[:len(s.held)+m]
		if err == io.EOF {
			s.ended = true
		} else if err != nil {
			var refused *RefusedFile
			if errors.As(err, &refused) {
				return refused
			}
			return err
		}
	}
	return nil
}

func (s *csvSource) next() (*chunk, error) {
	if s.ended && len(s.held) == 0 {
		return nil, io.EOF
	}
	for want := chunkBytes; ; want += chunkBytes {
		if err := s.fill(want); err != nil {
			return nil, err
		}
		if s.ended && len(s.held) == 0 {
			return nil, io.EOF
		}
		n := s.wholeRecords()
		if s.ended && n < len(s.held) {
			last := s.held[n:]
			if recordEnd(append(slices.Clone(last), '\n'), s.delimiter) != len(last)+1 {
				r := refuse("unterminated_quote", "deliver the file again, whole, or correct the quote", "a quoted cell is never closed")
				r.Line = s.line + int64(bytes.Count(s.held[:n], []byte("\n")))
				return nil, r
			}
			n = len(s.held)
		}
		if n > 0 {
			c := &chunk{data: s.held[:n:n], line: s.line}
			rest := s.held[n:]
			if s.ended {
				s.held = rest
			} else {
				s.held = append(make([]byte, 0, max(chunkBytes, len(rest))), rest...)
			}
			s.line += int64(bytes.Count(c.data, []byte("\n")))
			return c, nil
		}
		if len(s.held) > maxRecord+chunkBytes {
			r := refuse("record_too_long", "check the file for a quote that is never closed", "a record is longer than %d bytes", maxRecord)
			r.Line = s.line
			return nil, r
		}
	}
}

// wholeRecords gives how many held bytes are whole records.
func (s *csvSource) wholeRecords() int {
	if bytes.IndexByte(s.held, '"') < 0 {
		return bytes.LastIndexByte(s.held, '\n') + 1
	}
	end := 0
	for {
		n := recordEnd(s.held[end:], s.delimiter)
		if n < 0 {
			return end
		}
		end += n
	}
}
