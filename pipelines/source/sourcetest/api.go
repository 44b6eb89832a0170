package sourcetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source"
)

// Platform is a simulated platform under test. Every hook is mandatory unless it says otherwise.
type Platform struct {
	// Open opens the source over the simulator: pages of about four records, sleeps that do not wait but are told to
	// slept, and our clock ahead of the simulator's by skew.
	Open   func(t *testing.T, slept func(time.Duration), skew time.Duration) source.API
	Stream string // the stream that is walked
	Add    func(n int, sameSecond bool)
	Edit   func() // changes the oldest record, which thereby becomes the newest
	Late   func() // commits a record with a stamp some seconds in the past
	Pass   func(d time.Duration)
	IDs    func() []string            // what the platform shows now
	Read   func(page []byte) []string // ids of a page
	Fail   func(fault string, n int)  // the next n requests: see faults
	Each   func(before func())        // before is called in front of every request; nil ends it
	Calls  func() int                 // requests answered so far
	Delete func() (id string)         // for ever; nil when the platform cannot
	Refund func() (stream, id string) // money back on an old record that does not change with it; nil when it cannot
	Future func(at time.Time) []byte  // a cursor of the stream that stands at a time
	Known  func() []source.Known      // what a lake would hold of the stream now
	Secret []string                   // texts that may be seen nowhere
	Renews bool                       // an expired token is renewed by the source itself
}

// The faults that Fail is asked for.
const (
	Status429    = "429" // with Retry-After: 7
	Status503    = "503"
	BodyThrottle = "body-throttle" // inside an answer of status 200, 3 seconds; a platform without such answers sends 429
	Unauthorised = "401"
	Forbidden    = "403"
	HTML         = "html"
	ErrorIn200   = "error-in-200"
	Huge         = "huge"    // larger than any cap
	SamePage     = "same"    // every page is the first, for ever
	Reset        = "reset"   // the connection breaks
	OtherType    = "no-list" // JSON, but of another shape
)

// walked is what a pull gave.
type walked struct {
	ids     []string
	cursors []json.RawMessage // one per delivery
	next    json.RawMessage
	names   []string
}

// RunAPI checks a platform's source. open makes a fresh simulator each time.
func RunAPI(t *testing.T, open func(t *testing.T) *Platform) {
	for _, one := range []struct {
		name string
		test func(*testing.T, *Platform)
	}{
		{"declares itself", declares}, {"has mappings that compile", mappings}, {"reads every page", readsAll}, {"goes on where it was", resumes}, {"restarts at every page", restarts}, {"reads more ties than a page", ties},
		{"loses nothing to edits between pages", drift}, {"finds what commits late", late}, {"waits as it is told", throttled}, {"survives a broken connection", broken}, {"says what is wrong", refusals},
		{"renews a token or says that it ended", expired}, {"ends an endless chain of pages", endless}, {"keeps the server's clock", skewed}, {"refuses a cursor of the future", future},
		{"finds deletes", deletes}, {"finds refunds that leave their order alone", refunds}, {"shows no secret", secrets},
	} {
		t.Run(one.name, func(t *testing.T) { one.test(t, open(t)) })
	}
}

func (p *Platform) feed(t *testing.T, api source.API) source.Feed {
	t.Helper()
	for _, f := range api.Feeds() {
		if f.Stream == p.Stream {
			return f
		}
	}
	t.Fatalf("the source has no stream %s", p.Stream)
	return source.Feed{}
}

// walk pulls once; stop ends it with an error behind that many deliveries, -1 never.
func (p *Platform) walk(t *testing.T, cursor json.RawMessage, stop int) (walked, error) {
	t.Helper()
	return p.walkWith(t, p.Open(t, func(time.Duration) {}, 0), cursor, stop)
}

var errStopped = errors.New("stopped by the test")

func (p *Platform) walkWith(t *testing.T, api source.API, cursor json.RawMessage, stop int) (walked, error) {
	t.Helper()
	defer api.Close()
	var w walked
	next, err := p.feed(t, api).Source.Pull(context.Background(), cursor, func(d source.Delivery) error {
		if stop == len(w.names) {
			return errStopped
		}
		return w.take(t, p, d)
	})
	w.next = next
	return w, err
}

func (w *walked) take(t *testing.T, p *Platform, d source.Delivery) error {
	t.Helper()
	path, err := d.Fetch(context.Background(), t.TempDir())
	if err != nil {
		return err
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if int64(len(body)) != d.Size {
		t.Errorf("%s: %d bytes, %d announced", d.Name, len(body), d.Size)
	}
	w.ids, w.cursors, w.names = append(w.ids, p.Read(body)...), append(w.cursors, d.Cursor), append(w.names, d.Name)
	for _, s := range p.Secret {
		if strings.Contains(d.Name+string(d.Cursor)+fmt.Sprint(d.Captures), s) {
			t.Errorf("a delivery shows a secret: %s", d.Name)
		}
	}
	return nil
}

// complete checks that nothing that the platform shows is missing.
func (p *Platform) complete(t *testing.T, got []string) {
	t.Helper()
	for _, id := range p.IDs() {
		if !slices.Contains(got, id) {
			t.Errorf("record %s is lost; got %v", id, got)
		}
	}
}

func (p *Platform) must(t *testing.T, cursor json.RawMessage) walked {
	t.Helper()
	w, err := p.walk(t, cursor, -1)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func declares(t *testing.T, p *Platform) {
	api := p.Open(t, func(time.Duration) {}, 0)
	defer api.Close()
	d := p.feed(t, api).Source.Declare()
	if d.Name == "" || d.About == "" || len(d.Streams) == 0 || d.Guide.Credentials == "" || d.Guide.Missing == "" || d.Guide.Completeness == "" {
		t.Errorf("the declaration is incomplete: %+v", d)
	}
	secret := false
	for _, f := range d.Fields {
		if f.Name == "" || f.Type == "" || f.Help == "" || f.Secret && f.Default != "" {
			t.Errorf("a field is incomplete, or a secret has a default: %+v", f)
		}
		secret = secret || f.Secret
	}
	if !secret {
		t.Error("no field is a secret")
	}
}

func mappings(t *testing.T, p *Platform) { Mappings(t, p.Open(t, func(time.Duration) {}, 0)) }

func readsAll(t *testing.T, p *Platform) {
	p.Add(23, false)
	w := p.must(t, nil)
	p.complete(t, w.ids)
	if len(w.names) < 5 {
		t.Errorf("%d records came in %d pages", len(p.IDs()), len(w.names))
	}
}

func resumes(t *testing.T, p *Platform) {
	p.Add(9, false)
	first := p.must(t, nil)
	p.Pass(time.Hour)
	idle := p.must(t, first.next)
	if string(idle.next) != string(first.next) {
		t.Errorf("nothing happened, and the cursor moved from %s to %s", first.next, idle.next)
	}
	p.Add(6, false)
	second := p.must(t, first.next)
	p.complete(t, append(first.ids, second.ids...))
	p.Pass(24 * time.Hour)
	p.Edit()
	if third := p.must(t, second.next); len(third.ids) == 0 {
		t.Error("an edit of an old record was not seen")
	}
}

func restarts(t *testing.T, p *Platform) {
	p.Add(21, false)
	all := p.must(t, nil)
	for stop := range all.names {
		first, err := p.walk(t, nil, stop)
		if !errors.Is(err, errStopped) {
			t.Fatalf("killed at page %d: %v", stop, err)
		}
		// What counts is what a cursor covers; the rest is read again.
		var cursor json.RawMessage
		for _, c := range first.cursors {
			if c != nil {
				cursor = c
			}
		}
		var kept []string
		if cursor != nil {
			kept = first.ids
		}
		second := p.must(t, cursor)
		p.complete(t, append(kept, second.ids...))
		if string(second.next) != string(all.next) {
			t.Errorf("killed at page %d, the cursor ends at %s instead of %s", stop, second.next, all.next)
		}
	}
}

func ties(t *testing.T, p *Platform) {
	p.Add(3, false)
	p.Add(30, true)
	p.Add(3, false)
	w := p.must(t, nil)
	p.complete(t, w.ids)
	for stop := range w.names {
		first, _ := p.walk(t, nil, stop)
		var cursor json.RawMessage
		n := 0
		for i, c := range first.cursors {
			if c != nil {
				cursor, n = c, i+1
			}
		}
		if n == 0 {
			first.ids = nil
		}
		p.complete(t, append(first.ids, p.must(t, cursor).ids...))
	}
}

func drift(t *testing.T, p *Platform) {
	for _, same := range []bool{false, true} {
		p.Add(20, same)
		left := 12
		p.Each(func() {
			if left--; left > 0 {
				p.Edit()
			}
		})
		w := p.must(t, nil)
		p.Each(nil)
		if left > 10 {
			t.Error("nothing was edited between the pages")
		}
		p.Pass(time.Minute)
		p.complete(t, append(w.ids, p.must(t, w.next).ids...))
	}
}

func late(t *testing.T, p *Platform) {
	p.Add(6, false)
	first := p.must(t, nil)
	p.Late()
	p.Pass(time.Minute)
	p.complete(t, append(first.ids, p.must(t, first.next).ids...))
}

func deletes(t *testing.T, p *Platform) {
	if p.Delete == nil {
		t.Skip("the platform has no deletes")
	}
	p.Add(9, false)
	w := p.must(t, nil)
	known := p.Known()
	held := func(context.Context) ([]source.Known, error) { return known, nil }
	id := p.Delete()
	p.Pass(48 * time.Hour)
	api := p.Open(t, func(time.Duration) {}, 0)
	defer api.Close()
	f := p.feed(t, api)
	if f.Reconcile == nil {
		t.Fatal("the source cannot find deletes")
	}
	var found walked
	next, err := f.Reconcile.Reconcile(context.Background(), w.next, held, func(d source.Delivery) error { return found.take(t, p, d) })
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(found.ids, id) || len(found.ids) != 1 {
		t.Errorf("deleted %s, found %v", id, found.ids)
	}
	found = walked{}
	if _, err := f.Reconcile.Reconcile(context.Background(), next, held, func(d source.Delivery) error { return found.take(t, p, d) }); err != nil || len(found.names) != 0 {
		t.Errorf("a comparison that is not due: %v, %v", found.names, err)
	}
}

func refunds(t *testing.T, p *Platform) {
	if p.Refund == nil {
		t.Skip("the platform has no refunds")
	}
	p.Add(9, false)
	stream, id := "", ""
	walkRefunds := func(cursor json.RawMessage) walked {
		q := *p
		q.Stream = stream
		return q.must(t, cursor)
	}
	stream, _ = p.Refund()
	first := walkRefunds(nil)
	p.Pass(72 * time.Hour)
	_, id = p.Refund()
	p.Pass(time.Minute)
	if second := walkRefunds(first.next); !slices.Contains(second.ids, id) {
		t.Errorf("refund %s is lost; got %v", id, second.ids)
	}
}
