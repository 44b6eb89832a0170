package transforms

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// A release of some logs leaves the others where they were, is what a full build of just that is, and in the end everything
// is as if all had come at once.
func TestReleaseOfSomeLogs(t *testing.T) {
	s := newShop(t, 2)
	all := deliveries(s)
	all[0]()
	first, _ := s.publish()
	log := func(feed string) string { return s.lake.StreamLog("till", feed).Name() }
	for _, deliver := range all[1:] {
		deliver()
	}
	s.opt.Only = func(name string) bool { return name == log("b") }
	some, _ := s.publish()
	if some.Streams[log("a")] != first.Streams[log("a")] || some.Streams[log("b")] != 1 || some.Seq == first.Seq {
		t.Errorf("positions %v after %v", some.Streams, first.Streams)
	}
	for _, line := range some.Conservation {
		if !line.Balanced || line.Subject == "staged.order" && line.Read != 7 {
			t.Errorf("conservation: %+v", line)
		}
	}
	if again, _ := s.publish(); again.Seq != some.Seq {
		t.Errorf("release %d says nothing new", again.Seq)
	}
	if report, err := Rebuild(t.Context(), s.opt); err != nil || len(report.Different) > 0 {
		t.Errorf("rebuild: %+v, %v", report, err)
	}
	alone := newShop(t, 2)
	for i, deliver := range deliveries(alone) {
		if i == 0 || i == 2 {
			deliver()
		}
	}
	same, _ := alone.publish()
	if got, want := s.content(some), alone.content(same); !maps.Equal(got, want) {
		t.Errorf("differs from a full build of the same batches\n%v\n%v", got, want)
	}
	s.opt.Only = nil
	last, _ := s.publish()
	whole := newShop(t, 2)
	for _, deliver := range deliveries(whole) {
		deliver()
	}
	full, _ := whole.publish()
	if got, want := s.content(last), whole.content(full); !maps.Equal(got, want) || last.Streams[log("a")] != 5 {
		t.Errorf("in the end something differs: %v\n%v\n%v", last.Streams, got, want)
	}
	if got := s.rows(some, "SELECT week_end FROM sales.week"); slices.ContainsFunc(got, func(row string) bool { return strings.HasPrefix(row, "2026-05") }) {
		t.Errorf("the release of some logs holds news of others: %v", got)
	}
}
