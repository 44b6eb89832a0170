package objstoretest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// content is what the reading tests read.
const content = "0123456789"

func readTests() []test {
	return []test{
		{"get/absent", func(s *suite) {
			_, err := s.b.Get(s.ctx, "none", 0, -1)
			s.wants(err, objstore.ErrNotFound)
			_, err = s.b.Get(s.ctx, "none", 5, 2)
			s.wants(err, objstore.ErrNotFound)
			_, err = s.b.Get(s.ctx, "none", 0, 0)
			s.wants(err, objstore.ErrNotFound)
		}},
		{"get/a folder is no object", func(s *suite) {
			s.put("folder/key", "x")
			_, err := s.b.Get(s.ctx, "folder", 0, -1)
			s.wants(err, objstore.ErrNotFound)
			_, err = s.b.Head(s.ctx, "folder")
			s.wants(err, objstore.ErrNotFound)
		}},
		{"get/below an object", func(s *suite) {
			s.put("a", "x")
			_, err := s.b.Get(s.ctx, "a/b", 0, -1)
			s.wants(err, objstore.ErrNotFound)
		}},
		{"get/negative offset is refused", func(s *suite) {
			s.put("a", content)
			_, err := s.b.Get(s.ctx, "a", -1, 1)
			if fault.KindOf(err) != fault.Usage {
				s.Errorf("got %v", err)
			}
		}},
		{"head/absent", func(s *suite) {
			_, err := s.b.Head(s.ctx, "none")
			s.wants(err, objstore.ErrNotFound)
		}},
		{"head/describes", func(s *suite) {
			s.put("a", content)
			info, err := s.b.Head(s.ctx, "a")
			if err != nil || info.Key != "a" || info.Size != 10 || info.ETag == "" || info.Modified.IsZero() {
				s.Errorf("%+v %v", info, err)
			}
			if time.Since(info.Modified) > time.Hour || info.Modified.Location() != time.UTC {
				s.Errorf("modified %v", info.Modified)
			}
			if info.SHA256 != "" && info.SHA256 != sum(content) {
				s.Errorf("sha256 %s", info.SHA256)
			}
		}},
		{"delete/absent is fine", func(s *suite) { s.delete("none"); s.delete("none/below") }},
		{"delete/removes", func(s *suite) {
			s.put("a/b", "x")
			s.put("a/c", "y")
			s.delete("a/b")
			_, err := s.b.Head(s.ctx, "a/b")
			s.wants(err, objstore.ErrNotFound)
			s.holds("a/c", "y")
		}},
		{"delete/a folder stays", func(s *suite) {
			s.put("a/b", "x")
			s.delete("a")
			s.holds("a/b", "x")
		}},
		{"read all/limit", func(s *suite) {
			s.put("a", content)
			if data, err := objstore.ReadAll(s.ctx, s.b, "a", 10); err != nil || string(data) != content {
				s.Errorf("%q %v", data, err)
			}
			if _, err := objstore.ReadAll(s.ctx, s.b, "a", 9); fault.KindOf(err) != fault.Damaged {
				s.Errorf("got %v", err)
			}
		}},
		{"url/has no secret", func(s *suite) {
			if url := s.b.URL(); url == "" || strings.ContainsAny(url, "@?") {
				s.Errorf("url %q", url)
			}
		}},
	}
}

func rangeTests() (tests []test) {
	for _, r := range []struct {
		offset, length int64
		want           string
	}{
		{0, -1, content},
		{0, 0, ""},
		{0, 1, "0"},
		{3, 4, "3456"},
		{9, 1, "9"},
		{9, 100, "9"},
		{4, -1, "456789"},
		{10, -1, ""},
		{10, 5, ""},
		{99, -1, ""},
		{99, 3, ""},
		{1, 1<<63 - 1, "123456789"},
	} {
		tests = append(tests, test{fmt.Sprintf("get/range %d %d", r.offset, r.length), func(s *suite) {
			s.put("a", content)
			if got := s.get("a", r.offset, r.length); got != r.want {
				s.Errorf("got %q, want %q", got, r.want)
			}
		}})
	}
	return tests
}

// oddKeys are in byte order, which is not the order of a walk by folder: "-" is before "/", "0" after it.
var oddKeys = []string{
	" lead and trail ", "!", "#hash?query&x=1;y", "%2F%00%", "+plus", "a b/c d", "a!b", "a-b/x", "a/b", "a/b-c", "a/c/d", "a0", "ab",
	"journal/release/000000000001.json", "~tilde", "é", "日本/收据 2026.csv", "😀/😀",
}

func listTests() []test {
	return []test{
		{"list/empty", func(s *suite) { s.nothing() }},
		{"list/absent prefix", func(s *suite) { s.put("a", ""); s.same(s.keys("b/c/d", ""), nil) }},
		{"list/byte order", func(s *suite) {
			for i := range oddKeys {
				s.put(oddKeys[(i*7)%len(oddKeys)], "x")
			}
			want := slices.Clone(oddKeys)
			slices.Sort(want)
			s.same(s.keys("", ""), want)
		}},
		{"list/prefix is text, not a folder", func(s *suite) {
			for _, key := range []string{"a", "ab/c", "ab/d", "abc", "b"} {
				s.put(key+"/x", "")
			}
			s.same(s.keys("ab", ""), []string{"ab/c/x", "ab/d/x", "abc/x"})
			s.same(s.keys("ab/", ""), []string{"ab/c/x", "ab/d/x"})
			s.same(s.keys("ab/c/x", ""), []string{"ab/c/x"})
		}},
		{"list/start after", func(s *suite) {
			for _, key := range []string{"a-b", "a/1", "a/2", "a/3/x", "a0", "b"} {
				s.put(key, "")
			}
			s.same(s.keys("", "a/2"), []string{"a/3/x", "a0", "b"})
			s.same(s.keys("a/", "a/1"), []string{"a/2", "a/3/x"})
			s.same(s.keys("", "a/"), []string{"a/1", "a/2", "a/3/x", "a0", "b"})
			s.same(s.keys("", "a/9"), []string{"a0", "b"})
			s.same(s.keys("a/", "0"), []string{"a/1", "a/2", "a/3/x"})
			s.same(s.keys("a/", "b"), nil)
			s.same(s.keys("", "zzz"), nil)
		}},
		{"list/start after an absent key", func(s *suite) {
			s.put("k/1", "")
			s.put("k/3", "")
			s.same(s.keys("k/", "k/2"), []string{"k/3"})
		}},
	}
}

func listingTests() []test {
	return []test{
		{"list/past 1,000 keys", (*suite).manyKeys},
		{"list/stops at an error", func(s *suite) {
			for i := range 5 {
				s.put(fmt.Sprint(i), "")
			}
			stop, seen := errors.New("enough"), 0
			err := s.b.List(s.ctx, "", "", func(objstore.Info) error {
				if seen++; seen == 2 {
					return stop
				}
				return nil
			})
			if !errors.Is(err, stop) || seen != 2 {
				s.Errorf("%d seen, %v", seen, err)
			}
		}},
		{"list/describes", func(s *suite) {
			put := s.put("a/b", "content")
			err := s.b.List(s.ctx, "a", "", func(info objstore.Info) error {
				if info.Key != "a/b" || info.Size != 7 || info.ETag != put.ETag || info.Modified.IsZero() {
					s.Errorf("%+v, put said %+v", info, put)
				}
				return nil
			})
			s.wants(err, nil)
		}},
		{"list/sees what was just written and deleted", func(s *suite) {
			for i := range 20 {
				key := fmt.Sprintf("k/%02d", i)
				s.put(key, "")
				if keys := s.keys(key, ""); len(keys) != 1 {
					s.Fatalf("%s is not listed", key)
				}
				s.delete(key)
				if keys := s.keys(key, ""); len(keys) != 0 {
					s.Fatalf("%s is still listed", key)
				}
			}
		}},
		{"list/callback may use the bucket", func(s *suite) {
			s.put("a", "1")
			s.put("b", "2")
			err := s.b.List(s.ctx, "", "", func(info objstore.Info) error { return s.b.Delete(s.ctx, info.Key) })
			s.wants(err, nil)
			s.nothing()
		}},
	}
}

func (s *suite) same(got, want []string) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("got  %q\nwant %q", got, want)
	}
}

func (s *suite) manyKeys() {
	const n = 1105
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for i := worker; i < n; i += 16 {
				if err := s.tryPut(fmt.Sprintf("many/%06d", i), ""); err != nil {
					s.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	keys := s.keys("many/", "")
	if len(keys) != n || !slices.IsSorted(keys) {
		s.Fatalf("%d keys of %d, sorted %v", len(keys), n, slices.IsSorted(keys))
	}
	s.same(s.keys("many/", "many/000099")[:2], []string{"many/000100", "many/000101"})
	if rest := s.keys("many/", "many/000099"); len(rest) != n-100 {
		s.Errorf("%d keys after the hundredth", len(rest))
	}
}

func keyTests() []test {
	tests := []test{
		{"key/case matters", func(s *suite) {
			s.put("Key", "upper")
			s.put("key", "lower")
			s.holds("Key", "upper")
			s.holds("key", "lower")
		}},
		{"key/composed and decomposed differ", func(s *suite) {
			s.put("caf\u00e9", "composed")
			s.put("cafe\u0301", "decomposed")
			s.holds("caf\u00e9", "composed")
			s.same(s.keys("", ""), []string{"cafe\u0301", "caf\u00e9"})
		}},
		{"key/as long as allowed", func(s *suite) {
			key := strings.Repeat("x", 200)
			for range 2 {
				key += "/" + strings.Repeat("y", 200)
			}
			s.put(key, "long")
			s.holds(key, "long")
			s.same(s.keys("x", ""), []string{key})
		}},
		{"key/dots inside names", func(s *suite) {
			s.put("a/..b/.c/d..", "x")
			s.put(".hidden", "y")
			s.same(s.keys("", ""), []string{".hidden", "a/..b/.c/d.."})
		}},
	}
	for _, key := range oddKeys {
		tests = append(tests, test{fmt.Sprintf("key/%q", key), func(s *suite) {
			s.put(key, "content of "+key)
			s.holds(key, "content of "+key)
			s.same(s.keys(key, ""), []string{key})
			s.delete(key)
			s.nothing()
		}})
	}
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\x00b", "a\nb", "a\\b", "a\u0085b", "\xff", ".omoflow/x",
		strings.Repeat("z", 256), strings.Repeat("z/", 513) + "z"} {
		tests = append(tests, test{fmt.Sprintf("key/refused %.20q", key), func(s *suite) {
			if err := s.tryPut(key, "x"); fault.KindOf(err) != fault.Usage {
				s.Errorf("put: %v", err)
			}
			_, getErr := s.b.Get(s.ctx, key, 0, -1)
			_, headErr := s.b.Head(s.ctx, key)
			_, matchErr := s.match(key, "tag", "x")
			for name, err := range map[string]error{"get": getErr, "head": headErr, "match": matchErr, "delete": s.b.Delete(s.ctx, key)} {
				if fault.KindOf(err) != fault.Usage {
					s.Errorf("%s: %v", name, err)
				}
			}
		}})
	}
	return tests
}
