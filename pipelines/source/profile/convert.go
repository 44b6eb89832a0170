package profile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
)

// File is a delivered file to be converted.
type File struct {
	Path     string // where its bytes lie
	No       int    // number in its batch
	Scratch  string // folder for a copy in UTF-8; "" for none
	Captures map[string]string
	Limits   Limits
	MaxKept  int // refusals kept; 0 is 200,000, further ones are counted only
}

// Outcome is what a file's records became. Read = Accepted + Refused + Ignored.
type Outcome struct {
	Layout                           Layout
	Read, Accepted, Refused, Ignored int64
	Refusals                         []Refusal // of rows and values, in order
	Evidence                         Evidence
}

// Sink receives normalised records: tab-separated text in the order of Plan.SlotColumns, no header.
type Sink struct {
	LineBreaks bool // some text holds a line break

	file *os.File
	out  *bufio.Writer
	size int64
}

// NewSink creates the file at path.
func NewSink(path string) (*Sink, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &Sink{file: file, out: bufio.NewWriterSize(file, 1<<20)}, nil
}

// Size gives the bytes written.
func (s *Sink) Size() int64 { return s.size }

// Rewind drops everything written after the sink had size bytes.
func (s *Sink) Rewind(size int64) error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	if err := s.file.Truncate(size); err != nil {
		return err
	}
	_, err := s.file.Seek(size, io.SeekStart)
	s.size = size
	return err
}

// Close writes what is buffered. The data is temporary: it is not synced.
func (s *Sink) Close() error { return errors.Join(s.out.Flush(), s.file.Close()) }

func (s *Sink) write(b []byte) error {
	n, err := s.out.Write(b)
	s.size += int64(n)
	return err
}

// Convert reads a file and writes its accepted records to sink. A file that cannot be read with certainty is a
// *RefusedFile error; the sink is then as before. Other errors are of the machine.
func (p *Plan) Convert(ctx context.Context, f File, sink *Sink) (Outcome, error) {
	start := sink.Size()
	try := decision{decimal: '.'}
	encoding := p.Profile.Encoding
	if p.Profile.Dates.Order != "auto" || p.Profile.Numbers.Decimal != "auto" {
		try, _ = p.decide(Evidence{})
	}
	for attempt := 0; ; attempt++ {
		outcome, found, err := p.pass(ctx, f, encoding, try, sink, attempt == 0)
		var invalid *invalidBytes
		switch {
		case errors.As(err, &invalid):
			if next := invalid.other(p.Profile.Encoding); next != "" && attempt < 3 {
				encoding = next
				break
			}
			err = invalid.refusal()
			fallthrough
		case err != nil:
			return outcome, errors.Join(err, sink.Rewind(start))
		default:
			decided, why := p.decide(outcome.Evidence)
			if why != nil {
				return outcome, errors.Join(why, sink.Rewind(start))
			}
			if decided == found || attempt > 3 {
				return outcome, nil
			}
			try = decided
		}
		if err := sink.Rewind(start); err != nil {
			return Outcome{}, err
		}
	}
}

// decide settles the date order and the decimal mark of a file.
func (p *Profile) decide(e Evidence) (decision, *RefusedFile) {
	d := decision{decimal: '.'}
	switch p.Dates.Order {
	case "mdy":
		d.order = orderMDY
	case "dmy":
		d.order = orderDMY
	case "ymd":
		d.order = orderYMD
	default:
		switch {
		case !e.Partial:
		case e.FirstOver12 && e.SecondOver12:
			return d, refuse("mixed_dates", "deliver one order per file, or write dates.order in the profile", "some dates can only be day first, others only month first")
		case e.FirstOver12:
			d.order = orderDMY
		case e.SecondOver12 || !e.Differ:
			d.order = orderMDY
		default:
			return d, refuse("ambiguous_dates", "write dates.order: mdy or dmy in the profile", "no date of the file shows whether the day or the month is first")
		}
	}
	if p.Numbers.Decimal == "," || p.Numbers.Decimal == "auto" && e.CommaDecimal && !e.DotDecimal {
		d.decimal = ','
	}
	return d, nil
}

func (p *Plan) decide(e Evidence) (decision, *RefusedFile) { return p.Profile.decide(e) }

// chunk is a piece of a file that a worker converts.
type chunk struct {
	data  []byte // CSV text of whole records
	rows  []row  // or records already cut
	docs  []document
	parse func(document) []row
	line  int64
	done  chan struct{}
	part  part
}

// source yields chunks; the last call returns io.EOF.
type source interface {
	next() (*chunk, error)
	Close() error
}

// pass converts a file once under a decision. With prime the decision is first corrected by the first chunk; the
// decision that was in force is returned.
func (p *Plan) pass(ctx context.Context, f File, encoding string, d decision, sink *Sink, prime bool) (Outcome, decision, error) {
	src, layout, at, err := p.open(f, encoding)
	if err != nil {
		return Outcome{Layout: layout}, d, err
	}
	defer src.Close()
	outcome := Outcome{Layout: layout}
	b := p.bind(layout.Header, at, layout.Format == "csv", f.Captures, d)
	first, err := src.next()
	if err != nil && err != io.EOF {
		return outcome, d, err
	}
	if prime && first != nil && (p.Profile.Dates.Order == "auto" || p.Profile.Numbers.Decimal == "auto") {
		probe := *first
		newWorker(b).convert(&probe, layout)
		if decided, why := p.decide(probe.part.evidence); why == nil && decided != d {
			d = decided
			b = p.bind(layout.Header, at, layout.Format == "csv", f.Captures, d)
		}
	}
	w := &writer{file: f, sink: sink, outcome: &outcome, prefix: strconv.AppendInt(nil, int64(f.No), 10), twins: map[uint64]int64{}}
	err = w.run(ctx, src, first, b, layout)
	return outcome, d, err
}

// convert turns a chunk's records into its part.
func (w *worker) convert(c *chunk, layout Layout) {
	c.part = part{out: make([]byte, 0, len(c.data)+len(c.data)/4)}
	w.part = &c.part
	if c.docs != nil {
		for _, d := range c.docs {
			w.together(c.parse(d))
		}
		return
	}
	if c.rows != nil {
		for _, r := range c.rows {
			w.record(r)
		}
		return
	}
	if i := invalidAt(c.data, layout.Encoding); i >= 0 {
		c.part.err = newInvalid(c, i, layout.Encoding)
		return
	}
	delimiter := layout.Delimiter[0]
	line := c.line
	for data := c.data; len(data) > 0; {
		n := recordEnd(data, delimiter)
		if n < 0 {
			n = len(data)
		}
		record := data[:n]
		lines := int64(1)
		if record[n-1] == '\n' {
			record = record[:n-1]
		}
		w.cells = w.cutter.cut(w.cells[:0], record, delimiter)
		for _, b := range record {
			if b == '\n' {
				lines++
			}
		}
		w.record(row{cells: w.cells, padded: w.cutter.padded, raw: record, line: line})
		line += lines
		data = data[n:]
	}
}

// writer puts the parts together in the file's order.
type writer struct {
	file    File
	sink    *Sink
	outcome *Outcome
	prefix  []byte
	twins   map[uint64]int64
	stopped bool
	buffer  []byte
}

// run reads, converts on all cores and writes in order. It holds at most a few chunks at a time.
func (w *writer) run(ctx context.Context, src source, first *chunk, b *binding, layout Layout) error {
	workers := runtime.GOMAXPROCS(0)
	if len(b.fill.columns)+len(b.plan.Profile.Detail) > 0 {
		workers = 1
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	todo, ordered := make(chan *chunk, workers), make(chan *chunk, workers+1)
	var readErr error
	go func() {
		defer close(ordered)
		defer close(todo)
		for c := first; ; {
			if c != nil {
				c.done = make(chan struct{})
				select {
				case todo <- c:
				case <-ctx.Done():
					return
				}
				select {
				case ordered <- c:
				case <-ctx.Done():
					return
				}
			}
			if c, readErr = src.next(); readErr != nil {
				return
			}
		}
	}()
	for range workers {
		go func() {
			one := newWorker(b)
			for c := range todo {
				one.convert(c, layout)
				close(c.done)
			}
		}()
	}
	var failed error
	for c := range ordered {
		<-c.done
		if failed == nil {
			if failed = c.part.err; failed == nil {
				failed = w.add(&c.part)
			}
			if failed != nil {
				cancel()
			}
		}
	}
	if failed == nil && readErr != io.EOF {
		failed = readErr
	}
	if failed == nil {
		failed = context.Cause(ctx)
	}
	return failed
}

// add numbers a part's records and writes them.
func (w *writer) add(p *part) error {
	o := w.outcome
	base := o.Read
	o.Read += p.records
	if w.stopped {
		o.Ignored += p.records
		return nil
	}
	w.stopped = p.stop > 0
	o.Ignored += p.ignored
	o.Evidence.merge(p.evidence)
	w.sink.LineBreaks = w.sink.LineBreaks || p.breaks
	limit := w.file.MaxKept
	if limit == 0 {
		limit = 200_000
	}
	for _, r := range p.refusals {
		if r.Kind == "row" {
			o.Refused++
		}
		if len(o.Refusals) < limit {
			r.Row += base
			o.Refusals = append(o.Refusals, r)
		}
	}
	w.buffer = w.buffer[:0]
	from := 0
	for i, m := range p.marks {
		w.buffer = append(append(w.buffer, w.prefix...), '\t')
		w.buffer = append(strconv.AppendInt(w.buffer, base+m.record, 10), '\t')
		w.buffer = append(w.buffer, p.out[from:m.end]...)
		from = m.end
		if p.hashes != nil {
			h := p.hashes[i]
			w.twins[h]++
			w.buffer = append(w.buffer, '\t')
			for shift := 60; shift >= 0; shift -= 4 {
				w.buffer = append(w.buffer, hexDigits[h>>shift&15])
			}
			w.buffer = strconv.AppendInt(append(w.buffer, '-'), w.twins[h], 10)
		}
		w.buffer = append(w.buffer, '\n')
	}
	o.Accepted += int64(len(p.marks))
	return w.sink.write(w.buffer)
}

// invalidBytes is a place that the encoding in force does not allow.
type invalidBytes struct {
	encoding string
	line     int64
	sample   []byte
}

func newInvalid(c *chunk, i int, encoding string) *invalidBytes {
	line := c.line
	for _, b := range c.data[:i] {
		if b == '\n' {
			line++
		}
	}
	return &invalidBytes{encoding, line, append([]byte(nil), c.data[i:min(len(c.data), i+4096)]...)}
}

func (e *invalidBytes) Error() string { return e.refusal().Error() }

// other gives the encoding to try next when the file was taken for UTF-8 by a beginning of ASCII only.
func (e *invalidBytes) other(declared string) string {
	if declared != "auto" || e.encoding != encUTF8 {
		return ""
	}
	return detectLegacy(e.sample)
}

func (e *invalidBytes) refusal() *RefusedFile {
	r := refuse("invalid_encoding", "write the file's encoding: in the profile, or export it again as UTF-8", "holds bytes that are not %s", e.encoding)
	r.Line = e.line
	r.Message = fmt.Sprintf("%s, first in line %d", r.Message, e.line)
	return r
}
