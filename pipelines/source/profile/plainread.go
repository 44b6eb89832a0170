package profile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"
)

// readOrCopy checks the whole file. One that is not in UTF-8 is written in UTF-8 meanwhile.
func (p *proof) readOrCopy(ctx context.Context, f File) (ok bool, err error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if p.encoding == encUTF8 {
		return p.read(ctx, file)
	}
	copied, err := os.CreateTemp(f.Scratch, "utf8-*")
	if err != nil {
		return false, err
	}
	p.copied = copied.Name()
	defer func() { err = errors.Join(err, copied.Close()) }()
	return p.read(ctx, io.TeeReader(decoded(bufio.NewReaderSize(file, chunkBytes), p.encoding), copied))
}

// drop removes a copy that proves nothing.
func (p *proof) drop() error {
	if p.copied == "" {
		return nil
	}
	return os.Remove(p.copied)
}

// read checks the records of a file on all cores.
func (p *proof) read(ctx context.Context, file io.Reader) (ok bool, err error) {
	eg, ctx := errgroup.WithContext(ctx)
	todo := make(chan []byte, 1)
	free := sync.Pool{New: func() any { return make([]byte, 0, chunkBytes+chunkBytes/4) }}
	for range runtime.GOMAXPROCS(0) {
		eg.Go(func() error {
			w := &worker{binding: p.binding}
			for chunk := range todo {
				if err := p.chunk(w, chunk); err != nil {
					return err
				}
				free.Put(chunk[:0]) //nolint:staticcheck // one header a mebibyte
			}
			return nil
		})
	}
	eg.Go(func() error {
		defer close(todo)
		return p.cut(file, func() []byte { return free.Get().([]byte) }, func(chunk []byte) error {
			select {
			case todo <- chunk:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	})
	err = eg.Wait()
	if errors.Is(err, errNotPlain) {
		return false, nil
	}
	return err == nil, err
}

// cut reads the file in pieces of whole lines behind the header, which must be the one that the layout has.
func (p *proof) cut(file io.Reader, buffer func() []byte, emit func([]byte) error) error {
	var rest []byte
	first := true
	for {
		chunk := append(buffer(), rest...)
		n, err := io.ReadFull(file, chunk[len(chunk):chunkBytes])
		chunk = chunk[:len(chunk)+n]
		ended := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !ended {
			return err
		}
		end := bytes.LastIndexByte(chunk, '\n') + 1
		if ended {
			end = len(chunk)
		} else if end == 0 {
			return errNotPlain // a line longer than a chunk
		}
		rest = append(rest[:0], chunk[end:]...)
		chunk = chunk[:end]
		if first {
			first = false
			if chunk, err = p.headerLine(chunk); err != nil {
				return err
			}
		}
		if len(chunk) > 0 {
			if err := emit(chunk); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

// headerLine takes the header off the first chunk.
func (p *proof) headerLine(chunk []byte) ([]byte, error) {
	chunk = bytes.TrimPrefix(chunk, []byte("\ufeff"))
	line, rest, found := bytes.Cut(chunk, []byte{'\n'})
	line, p.crlf = bytes.CutSuffix(line, []byte{'\r'})
	if !found || len(rest) == 0 || bytes.IndexByte(line, '"') >= 0 || !utf8.Valid(line) {
		return nil, errNotPlain
	}
	cells := strings.Split(string(line), string(p.delimiter))
	for i := range cells {
		cells[i] = string(trim([]byte(cells[i])))
	}
	if !slices.Equal(cells, p.header) {
		return nil, errNotPlain
	}
	return rest, nil
}
