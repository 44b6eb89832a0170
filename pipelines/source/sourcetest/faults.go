package sourcetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

func throttled(t *testing.T, p *Platform) {
	p.Add(9, false)
	for name, want := range map[string]time.Duration{Status429: 7 * time.Second, BodyThrottle: 3 * time.Second, Status503: 0} {
		var waits []time.Duration
		api := p.Open(t, func(d time.Duration) { waits = append(waits, d) }, 0)
		p.Fail(name, 2)
		w, err := p.walkWith(t, api, nil, -1)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p.complete(t, w.ids)
		if len(waits) != 2 || want > 0 && waits[0] != want && waits[0] != 7*time.Second {
			t.Errorf("%s: waited %v", name, waits)
		}
	}
	p.Fail(Status429, 1000)
	defer p.Fail("", 0)
	before := p.Calls()
	if _, err := p.walk(t, nil, -1); fault.KindOf(err) != fault.Unavailable || fault.HintOf(err) == "" || p.Calls()-before > 20 {
		t.Errorf("throttled for ever: %v after %d calls", err, p.Calls()-before)
	}
}

func broken(t *testing.T, p *Platform) {
	p.Add(9, false)
	waits := 0
	api := p.Open(t, func(time.Duration) { waits++ }, 0)
	p.Fail(Reset, 2)
	w, err := p.walkWith(t, api, nil, -1)
	if err != nil || waits == 0 {
		t.Errorf("the connection broke twice, and the source waited %d times: %v", waits, err)
	}
	p.complete(t, w.ids)
}

func refusals(t *testing.T, p *Platform) {
	p.Add(9, false)
	for name, kind := range map[string]fault.Kind{Forbidden: fault.Denied, HTML: fault.Unavailable, ErrorIn200: fault.Unavailable, Huge: fault.Exhausted, OtherType: fault.Unavailable} {
		p.Fail(name, 1000)
		w, err := p.walk(t, nil, -1)
		if fault.KindOf(err) != kind || fault.HintOf(err) == "" || len(w.names) != 0 {
			t.Errorf("%s: %v (kind %s), %d deliveries", name, err, fault.KindOf(err), len(w.names))
		}
	}
	p.Fail("", 0)
	p.complete(t, p.must(t, nil).ids)
}

func expired(t *testing.T, p *Platform) {
	p.Add(9, false)
	p.Fail(Unauthorised, 1)
	w, err := p.walk(t, nil, -1)
	if p.Renews {
		if err != nil {
			t.Fatal(err)
		}
		p.complete(t, w.ids)
	}
	p.Fail(Unauthorised, 1000)
	defer p.Fail("", 0)
	before := p.Calls()
	if _, err := p.walk(t, nil, -1); fault.KindOf(err) != fault.Denied || fault.HintOf(err) == "" || p.Calls()-before > 3 {
		t.Errorf("%v after %d calls", err, p.Calls()-before)
	}
}

func endless(t *testing.T, p *Platform) {
	p.Add(23, false)
	p.Fail(SamePage, 1_000_000)
	defer p.Fail("", 0)
	before := p.Calls()
	if _, err := p.walk(t, nil, -1); err == nil || fault.HintOf(err) == "" || p.Calls()-before > 100 {
		t.Errorf("%v after %d calls", err, p.Calls()-before)
	}
}

func skewed(t *testing.T, p *Platform) {
	p.Add(9, false)
	right := p.must(t, nil)
	for _, skew := range []time.Duration{5 * time.Minute, -5 * time.Minute, 48 * time.Hour} {
		w, err := p.walkWith(t, p.Open(t, func(time.Duration) {}, skew), nil, -1)
		if err != nil || string(w.next) != string(right.next) {
			t.Errorf("with a clock %s off the cursor ends at %s instead of %s: %v", skew, w.next, right.next, err)
		}
	}
}

func future(t *testing.T, p *Platform) {
	p.Add(9, false)
	w, err := p.walk(t, p.Future(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)), -1)
	if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" || len(w.names) != 0 {
		t.Errorf("%v, %d deliveries", err, len(w.names))
	}
}

func secrets(t *testing.T, p *Platform) {
	p.Add(5, false)
	for _, name := range []string{Unauthorised, Forbidden, HTML, ErrorIn200, Status429, OtherType, Huge} {
		p.Fail(name, 1000)
		_, err := p.walk(t, nil, -1)
		for _, s := range p.Secret {
			if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v %s", err, err, err, fault.HintOf(err)), s) {
				t.Errorf("%s: the error is missing or shows a secret: %v", name, err)
			}
		}
	}
}
