package objstoretest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

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
		{"match/tag from head and from list", (*suite).tags},
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

// tags uses the versions that the other calls tell.
func (s *suite) tags() {
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
}
