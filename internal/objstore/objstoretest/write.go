package objstoretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

func putTests() []test {
	return []test{
		{"put/then get", func(s *suite) { s.put("a/b", "content"); s.holds("a/b", "content") }},
		{"put/empty object", func(s *suite) { s.put("empty", ""); s.holds("empty", "") }},
		{"put/describes the object", func(s *suite) {
			info := s.put("a", "content")
			head, err := s.b.Head(s.ctx, "a")
			if err != nil || info.Key != "a" || info.Size != 7 || info.ETag == "" || info.ETag != head.ETag {
				s.Errorf("put says %+v, head says %+v %v", info, head, err)
			}
			if info.SHA256 != sum("content") {
				s.Errorf("sha256 is %q", info.SHA256)
			}
		}},
		{"put/twice is refused", func(s *suite) {
			s.put("a", "first")
			s.wants(s.tryPut("a", "second"), objstore.ErrExists)
			s.holds("a", "first")
		}},
		{"put/twice with the same bytes is refused", func(s *suite) {
			s.put("a", "same")
			s.wants(s.tryPut("a", "same"), objstore.ErrExists)
		}},
		{"put/after delete succeeds", func(s *suite) {
			s.put("a", "first")
			s.delete("a")
			s.put("a", "second")
			s.holds("a", "second")
		}},
		{"put/many kinds of bytes", func(s *suite) {
			content := strings.Repeat("\x00\xff\r\n\x1a", 5000)
			s.put("binary", content)
			s.holds("binary", content)
		}},
		{"put/one winner of 32", func(s *suite) { s.race("race/key", 32) }},
		{"put/one winner of 32, ten times", func(s *suite) {
			for i := range 10 {
				s.race(fmt.Sprintf("race/%02d", i), 32)
			}
		}},
		{"put/one winner of 16 new folders", func(s *suite) { s.race("new/folder/of/some/depth/key", 16) }},
		{"put/different keys at once", func(s *suite) { s.parallelKeys(64) }},
		{"put/delete and put at once", (*suite).churn},
	}
}

func (s *suite) delete(key string) {
	s.Helper()
	if err := s.b.Delete(s.ctx, key); err != nil {
		s.Fatalf("delete %s: %v", key, err)
	}
}

// race lets n writers put different content and checks that one won and the rest know that they lost.
func (s *suite) race(key string, n int) {
	s.Helper()
	var wins, losses atomic.Int64
	var winner atomic.Value
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		group.Go(func() {
			content := fmt.Sprintf("writer %d", i)
			<-start
			switch err := s.tryPut(key, content); {
			case err == nil:
				wins.Add(1)
				winner.Store(content)
			case errors.Is(err, objstore.ErrExists):
				losses.Add(1)
			default:
				s.Errorf("put: %v", err)
			}
		})
	}
	close(start)
	group.Wait()
	if wins.Load() != 1 || losses.Load() != int64(n-1) {
		s.Fatalf("%d of %d writers won, %d lost", wins.Load(), n, losses.Load())
	}
	s.holds(key, winner.Load().(string))
}

func (s *suite) parallelKeys(n int) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			if err := s.tryPut(fmt.Sprintf("p/%d/%d", i%4, i), fmt.Sprint(i)); err != nil {
				s.Error(err)
			}
		})
	}
	group.Wait()
	if got := len(s.keys("p/", "")); got != n {
		s.Errorf("%d objects of %d are listed", got, n)
	}
}

// churn makes and removes the only object of a folder from several sides: no put may fail for another reason
// than a taken key.
func (s *suite) churn() {
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for range 10 {
				key := fmt.Sprintf("churn/%d/x", i%2)
				if err := s.tryPut(key, "x"); err != nil && !errors.Is(err, objstore.ErrExists) {
					s.Error(err)
				}
				if err := s.b.Delete(s.ctx, key); err != nil {
					s.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func matchTests() []test {
	return []test{
		{"match/replaces", func(s *suite) {
			info := s.put("a", "first")
			next, err := s.match("a", info.ETag, "second")
			if err != nil || next.ETag == info.ETag || next.Size != 6 {
				s.Fatalf("%+v %v", next, err)
			}
			s.holds("a", "second")
		}},
		{"match/stale is refused", func(s *suite) {
			info := s.put("a", "first")
			if _, err := s.match("a", info.ETag, "second"); err != nil {
				s.Fatal(err)
			}
			_, err := s.match("a", info.ETag, "third")
			s.wants(err, objstore.ErrChanged)
			s.holds("a", "second")
		}},
		{"match/wrong tag is refused", func(s *suite) {
			s.put("a", "first")
			_, err := s.match("a", `"0123"`, "second")
			s.wants(err, objstore.ErrChanged)
		}},
		{"match/empty tag is refused", func(s *suite) {
			s.put("a", "first")
			_, err := s.match("a", "", "second")
			s.wants(err, objstore.ErrChanged)
		}},
		{"match/absent is refused", func(s *suite) {
			_, err := s.match("a", `"0123"`, "x")
			s.wants(err, objstore.ErrChanged)
			_, err = s.b.Head(s.ctx, "a")
			s.wants(err, objstore.ErrNotFound)
		}},
		{"match/after delete is refused", func(s *suite) {
			info := s.put("a", "first")
			s.delete("a")
			_, err := s.match("a", info.ETag, "second")
			s.wants(err, objstore.ErrChanged)
		}},
		{"match/tag from head and from list", func(s *suite) {
			s.put("a", "first")
			head, err := s.b.Head(s.ctx, "a")
			if err != nil {
				s.Fatal(err)
			}
			if _, err := s.match("a", head.ETag, "second"); err != nil {
				s.Fatal(err)
			}
			var listed string
			if err := s.b.List(s.ctx, "a", "", func(i objstore.Info) error { listed = i.ETag; return nil }); err != nil {
				s.Fatal(err)
			}
			if _, err := s.match("a", listed, "third"); err != nil {
				s.Fatal(err)
			}
			s.holds("a", "third")
		}},
		{"match/counter loses no step", (*suite).counter},
		{"match/checksum is refused", func(s *suite) {
			info := s.put("a", "first")
			_, err := s.b.PutIfMatch(s.ctx, "a", info.ETag, objstore.Bytes([]byte("second")), objstore.PutOptions{SHA256: sum("other")})
			s.wants(err, objstore.ErrChecksum)
			s.holds("a", "first")
		}},
		{"match/readers see whole versions", (*suite).wholeVersions},
	}
}

// counter increments one object from eight sides; every success must count.
func (s *suite) counter() {
	s.put("n", "0")
	var group sync.WaitGroup
	const writers, steps = 8, 5
	for range writers {
		group.Go(func() {
			for done := 0; done < steps && !s.Failed(); {
				head, err := s.b.Head(s.ctx, "n")
				if err != nil {
					s.Error(err)
					return
				}
				data, err := objstore.ReadAll(s.ctx, s.b, "n", 0)
				if err != nil {
					s.Error(err)
					return
				}
				var n int
				_, _ = fmt.Sscan(string(data), &n)
				_, err = s.match("n", head.ETag, fmt.Sprint(n+1))
				if err == nil {
					done++
				} else if !errors.Is(err, objstore.ErrChanged) {
					s.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	s.holds("n", fmt.Sprint(writers*steps))
}

func (s *suite) wholeVersions() {
	version := func(i int) string { return strings.Repeat(string(rune('a'+i)), 20_000) }
	info := s.put("a", version(0))
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			data, err := objstore.ReadAll(s.ctx, s.b, "a", 0)
			if err != nil || len(data) != 20_000 || data[0] != data[len(data)-1] {
				s.Errorf("torn read of %d bytes: %v", len(data), err)
				return
			}
		}
	})
	for i := 1; i < 20; i++ {
		var err error
		if info, err = s.match("a", info.ETag, version(i)); err != nil {
			s.Error(err)
			break
		}
	}
	close(stop)
	group.Wait()
}

func bodyTests() []test {
	const large = 17<<20 + 12345
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
