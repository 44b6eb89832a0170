package profile

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"strings"
)

// Found is a record as it was delivered.
type Found struct {
	Line int64 // physical line, from 1
	Text string
}

// Find reads a file again and gives the records with the numbers wanted. It needs the layout only, not the profile
// that was in force.
func Find(ctx context.Context, path string, layout Layout, limits Limits, wanted map[int64]bool) (map[int64]Found, error) {
	o, err := openPath(path, limits)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	src, err := reopen(o, layout)
	if err != nil {
		return nil, err
	}
	found := map[int64]Found{}
	n := int64(0)
	see := func(r row) {
		if blank(r.cells) && r.bad == nil && len(r.attrs) == 0 {
			return
		}
		if n++; wanted[n] {
			found[n] = Found{r.line, strings.ToValidUTF8(strings.TrimRight(string(r.raw), "\r\n"), "?")}
		}
	}
	for len(found) < len(wanted) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := src.next()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		c.each(layout, see)
	}
	return found, nil
}

// each cuts a chunk into records.
func (c *chunk) each(layout Layout, see func(row)) {
	for _, d := range c.docs {
		for _, r := range c.parse(d) {
			see(r)
		}
	}
	for _, r := range c.rows {
		see(r)
	}
	if c.docs != nil || c.rows != nil {
		return
	}
	line := c.line
	var cells [][]byte
	var knife cutter
	for data := c.data; len(data) > 0; {
		n := recordEnd(data, layout.Delimiter[0])
		if n < 0 {
			n = len(data)
		}
		record := bytes.TrimSuffix(data[:n], []byte("\n"))
		cells = knife.cut(cells[:0], record, layout.Delimiter[0])
		see(row{cells: cells, raw: record, line: line})
		line += int64(bytes.Count(data[:n], []byte("\n")))
		data = data[n:]
	}
}

// reopen places a source behind the header that the layout names.
func reopen(o *opened, layout Layout) (source, error) {
	switch {
	case o.xlsx != nil:
		s := &sheetSource{opened: o}
		if err := s.readStyles(); err != nil {
			return nil, err
		}
		if err := s.readShared(); err != nil {
			return nil, err
		}
		entry, err := o.part(layout.Delimiter)
		if err != nil {
			return nil, err
		}
		o.close = append(o.close, entry.Close)
		s.decoder = xml.NewDecoder(entry)
		for s.line < layout.HeaderLine {
			if _, err := s.row(); err != nil {
				return nil, err
			}
		}
		return s, nil
	case layout.Format == "jsonl":
		delimiter, whole := strings.CutPrefix(layout.Delimiter, headMark)
		parts := strings.Split(delimiter, ";")
		plan := &Plan{Profile: &Profile{Records: parts[0], Explode: parts[1:], Whole: whole, Attributes: "all"}}
		sample, err := o.Peek(3)
		if err != nil && err != io.EOF {
			return nil, err
		}
		_, bom := detectEncoding(sample, encUTF8)
		if _, err := o.Discard(bom); err != nil {
			return nil, err
		}
		src, _, _, err := plan.openJSON(o, decoded(o, layout.Encoding), layout.Encoding)
		return src, err
	}
	sample, err := o.Peek(3)
	if err != nil && err != io.EOF {
		return nil, err
	}
	_, bom := detectEncoding(sample, layout.Encoding)
	if _, err := o.Discard(bom); err != nil {
		return nil, err
	}
	s := &csvSource{opened: o, r: decoded(o, layout.Encoding), line: 1, encoding: layout.Encoding, delimiter: layout.Delimiter[0]}
	if err := s.fill(sampleBytes); err != nil {
		return nil, err
	}
	s.crOnly = bytes.IndexByte(s.held, '\r') >= 0 && bytes.IndexByte(s.held, '\n') < 0
	if s.crOnly {
		replaceCR(s.held)
	}
	for s.line <= layout.HeaderLine {
		n := recordEnd(s.held, s.delimiter)
		if n < 0 {
			n = len(s.held)
			s.line = layout.HeaderLine
		}
		s.line += int64(bytes.Count(s.held[:n], []byte("\n")))
		s.held = s.held[n:]
		if len(s.held) == 0 {
			break
		}
	}
	return s, nil
}
