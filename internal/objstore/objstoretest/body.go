package objstoretest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

func bodyTests() []test {
	return []test{
		{"body/right checksum is accepted", func(s *suite) {
			_, err := s.b.PutIfAbsent(s.ctx, "a", objstore.Bytes([]byte("x")), objstore.PutOptions{SHA256: sum("x")})
			s.wants(err, nil)
		}},
		{"body/upper case checksum is accepted", func(s *suite) {
			_, err := s.b.PutIfAbsent(s.ctx, "a", objstore.Bytes([]byte("x")), objstore.PutOptions{SHA256: strings.ToUpper(sum("x"))})
			s.wants(err, nil)
		}},
		{"body/wrong checksum is refused", func(s *suite) {
			_, err := s.b.PutIfAbsent(s.ctx, "a", objstore.Bytes([]byte("x")), objstore.PutOptions{SHA256: sum("y")})
			s.wants(err, objstore.ErrChecksum)
			_, err = s.b.Head(s.ctx, "a")
			s.wants(err, objstore.ErrNotFound)
		}},
		{"body/unreadable stores nothing", func(s *suite) {
			_, err := s.b.PutIfAbsent(s.ctx, "a", objstore.File("/nonexistent/file"), objstore.PutOptions{})
			if err == nil {
				s.Error("a missing file was stored")
			}
			s.nothing()
		}},
		{"body/breaking off stores nothing", func(s *suite) {
			_, err := s.b.PutIfAbsent(s.ctx, "a", broken{size: 1000}, objstore.PutOptions{})
			s.wants(err, errBroken)
			s.nothing()
		}},
		{"body/breaking off late stores nothing", func(s *suite) {
			_, err := s.b.PutIfAbsent(s.ctx, "a", broken{size: large}, objstore.PutOptions{SHA256: sum("")})
			if err == nil {
				s.Error("half an object was stored")
			}
			s.nothing()
		}},
		{"body/file", func(s *suite) {
			path := s.file("content")
			if _, err := s.b.PutIfAbsent(s.ctx, "a", objstore.File(path), objstore.PutOptions{SHA256: sum("content")}); err != nil {
				s.Fatal(err)
			}
			s.holds("a", "content")
		}},
		{"body/adopted file", func(s *suite) {
			created, err := objstore.Adopt(s.ctx, s.b, "a", s.file("content"), objstore.PutOptions{SHA256: sum("content")})
			if err != nil || !created {
				s.Fatal(created, err)
			}
			s.holds("a", "content")
			created, err = objstore.Adopt(s.ctx, s.b, "a", s.file("content"), objstore.PutOptions{SHA256: sum("content")})
			if err != nil || created {
				s.Errorf("adopted again: %v %v", created, err)
			}
			_, err = objstore.Adopt(s.ctx, s.b, "a", s.file("longer content"), objstore.PutOptions{})
			if fault.KindOf(err) != fault.Damaged {
				s.Errorf("other content under a content key: %v", err)
			}
			_, err = objstore.Adopt(s.ctx, s.b, "b", s.file("content"), objstore.PutOptions{SHA256: sum("other")})
			s.wants(err, objstore.ErrChecksum)
		}},
		{"body/adopted file may be removed", func(s *suite) {
			path := s.file("content")
			if _, err := objstore.Adopt(s.ctx, s.b, "a", path, objstore.PutOptions{}); err != nil {
				s.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				s.Fatal(err)
			}
			s.holds("a", "content")
		}},
	}
}

// large is a size that goes to S3 in parts.
const large = 17<<20 + 12345

func largeTests() []test {
	return []test{
		{"large/in parts", func(s *suite) {
			content := string(pattern(large))
			info, err := s.b.PutIfAbsent(s.ctx, "large", objstore.Bytes([]byte(content)), objstore.PutOptions{SHA256: sum(content)})
			if err != nil || info.Size != large || info.SHA256 != sum(content) {
				s.Fatalf("%+v %v", info, err)
			}
			s.holds("large", content)
			if got := s.get("large", 8<<20-3, 7); got != content[8<<20-3:8<<20+4] {
				s.Errorf("range across parts: %q", got)
			}
			_, err = s.b.PutIfAbsent(s.ctx, "large", objstore.Bytes([]byte(content)), objstore.PutOptions{})
			s.wants(err, objstore.ErrExists)
		}},
		{"large/one winner of 4", func(s *suite) { s.largeRace(large) }},
		{"large/wrong checksum is refused", func(s *suite) {
			_, err := s.b.PutIfAbsent(s.ctx, "a", objstore.Bytes(pattern(large)), objstore.PutOptions{SHA256: sum("other")})
			s.wants(err, objstore.ErrChecksum)
			s.nothing()
		}},
		{"large/replaced by version", func(s *suite) {
			info := s.put("a", "small")
			next, err := s.b.PutIfMatch(s.ctx, "a", info.ETag, objstore.Bytes(pattern(large)), objstore.PutOptions{})
			if err != nil || next.Size != large {
				s.Fatalf("%+v %v", next, err)
			}
			_, err = s.b.PutIfMatch(s.ctx, "a", info.ETag, objstore.Bytes(pattern(large)), objstore.PutOptions{})
			s.wants(err, objstore.ErrChanged)
		}},
		{"cancel/every call", (*suite).cancelled},
		{"cancel/during a large put", func(s *suite) {
			ctx, cancel := context.WithCancel(s.ctx)
			_, err := s.b.PutIfAbsent(ctx, "a", cancelling{data: pattern(large), cancel: cancel}, objstore.PutOptions{SHA256: sum(string(pattern(large)))})
			if err == nil {
				s.Skip("the bytes were taken before the context ended")
			}
			if !errors.Is(err, context.Canceled) {
				s.Errorf("got %v", err)
			}
			s.nothing()
			s.put("a", "later")
		}},
	}
}

func (s *suite) nothing() {
	s.Helper()
	if keys := s.keys("", ""); len(keys) > 0 {
		s.Errorf("stored: %q", keys)
	}
}

func (s *suite) file(content string) string {
	s.Helper()
	path := filepath.Join(s.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

func (s *suite) largeRace(size int) {
	var wins, losses atomic.Int64
	var group sync.WaitGroup
	data := pattern(size)
	for range 4 {
		group.Go(func() {
			switch _, err := s.b.PutIfAbsent(s.ctx, "large", objstore.Bytes(data), objstore.PutOptions{}); {
			case err == nil:
				wins.Add(1)
			case errors.Is(err, objstore.ErrExists):
				losses.Add(1)
			default:
				s.Errorf("put: %v", err)
			}
		})
	}
	group.Wait()
	if wins.Load() != 1 || losses.Load() != 3 {
		s.Errorf("%d won, %d lost", wins.Load(), losses.Load())
	}
}

func (s *suite) cancelled() {
	info := s.put("a", "x")
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	_, putErr := s.b.PutIfAbsent(ctx, "b", objstore.Bytes(nil), objstore.PutOptions{})
	_, matchErr := s.b.PutIfMatch(ctx, "a", info.ETag, objstore.Bytes(nil), objstore.PutOptions{})
	_, getErr := s.b.Get(ctx, "a", 0, -1)
	_, headErr := s.b.Head(ctx, "a")
	listErr := s.b.List(ctx, "", "", func(objstore.Info) error { return nil })
	for name, err := range map[string]error{"put": putErr, "match": matchErr, "get": getErr, "head": headErr, "list": listErr, "delete": s.b.Delete(ctx, "a")} {
		if !errors.Is(err, context.Canceled) {
			s.Errorf("%s with a cancelled context: %v", name, err)
		}
	}
	if keys := s.keys("", ""); len(keys) != 1 {
		s.Errorf("stored: %q", keys)
	}
}

// pattern gives bytes that differ between any two parts.
func pattern(n int) []byte {
	data := make([]byte, n)
	x := uint32(1)
	for i := range data {
		x = x*1664525 + 1013904223
		data[i] = byte(x >> 24)
	}
	return data
}

var errBroken = errors.New("the disk is gone")

// broken is a body that ends in an error halfway.
type broken struct{ size int64 }

func (b broken) Size() int64 { return b.size }
func (b broken) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(io.LimitReader(zeros{}, b.size/2), failing{})), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

// cancelling is a body that ends its context when it is half read.
type cancelling struct {
	data   []byte
	cancel context.CancelFunc
}

func (c cancelling) Size() int64 { return int64(len(c.data)) }
func (c cancelling) Open() (io.ReadCloser, error) {
	half := len(c.data) / 2
	return io.NopCloser(io.MultiReader(bytes.NewReader(c.data[:half]), calling{c.cancel}, bytes.NewReader(c.data[half:]))), nil
}

type calling struct{ fn func() }

func (c calling) Read([]byte) (int, error) { c.fn(); return 0, io.EOF }
