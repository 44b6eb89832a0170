package gate

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/access"
)

func TestGuessingLocksOut(t *testing.T) {
	d := newDoor(t)
	secret := d.token("a", access.Viewer)
	revoked := d.token("old", access.Viewer)
	if _, _, err := d.register.Revoke(t.Context(), "old", "ann"); err != nil {
		t.Fatal(err)
	}
	wrong := []string{"Authorization", "Bearer " + secret[:len(secret)-4] + "aaaa"}
	right := []string{"Authorization", "Bearer " + secret}
	for range 2 * freeTries { // a program that was forgotten guesses nothing
		d.want("a revoked token", 401, d.send("GET", "/", "", "Authorization", "Bearer "+revoked))
	}
	for range freeTries {
		d.want("a wrong one", 401, d.send("GET", "/", "", wrong...))
	}
	answer := d.send("GET", "/", "", right...)
	if d.want("the right one, locked out", 429, answer); answer.Header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", answer.Header.Get("Retry-After"))
	}
	body := d.want("login, locked out", 429, d.signIn(secret, ""))
	if !strings.Contains(body, "login locked") {
		t.Errorf("page %q", body)
	}
	d.address = "203.0.113.9:1"
	d.want("from elsewhere", 200, d.send("GET", "/", "", right...))
	d.address = "198.51.100.7:5000"
	d.at = d.at.Add(firstLock)
	d.want("after the lock", 200, d.send("GET", "/", "", right...))
	d.want("one more wrong one", 401, d.send("GET", "/", "", wrong...))
	d.at = d.at.Add(firstLock)
	d.want("the second lock is longer", 429, d.send("GET", "/", "", right...))
	d.at = d.at.Add(firstLock)
	d.want("and ends", 200, d.send("GET", "/", "", right...))
	if strings.Contains(d.log.String(), secret[13:]) || !strings.Contains(d.log.String(), "198.51.100.7 is locked out for 1m0s") {
		t.Errorf("log:\n%s", d.log.String())
	}
}

// A session that began before the lock-out goes on: the people of an office do not suffer from one who guesses.
func TestLockOutSparesSessions(t *testing.T) {
	d := newDoor(t)
	d.want("sign in", 303, d.signIn(d.token("a", access.Viewer), ""))
	for range 50 {
		d.send("GET", "/", "", "Authorization", "Bearer x")
	}
	d.want("the session", 200, d.send("GET", "/", "", "Accept", page))
}

func TestRequestsAreLimited(t *testing.T) {
	d := newDoor(t)
	secret := d.token("a", access.Viewer)
	passed := func(n int, headers ...string) int {
		count := 0
		for range n {
			if d.send("GET", "/", "", headers...).StatusCode != http.StatusTooManyRequests {
				count++
			}
		}
		return count
	}
	if got := passed(addressBurst + 50); got != addressBurst {
		t.Errorf("%d requests of one address passed, want %d", got, addressBurst)
	}
	d.at = d.at.Add(10 * addressEvery)
	if got := passed(50); got != 10 {
		t.Errorf("%d passed after a while, want 10", got)
	}
	got := 0
	for i := range 5 { // one token from many addresses
		d.address = fmt.Sprintf("203.0.113.%d:1", i)
		got += passed(addressBurst-1, "Authorization", "Bearer "+secret)
	}
	if got != tokenBurst {
		t.Errorf("%d requests of one token passed, want %d", got, tokenBurst)
	}
	d.address = "[2001:db8:1:2::1]:9"
	passed(addressBurst)
	d.address = "[2001:db8:1:2:ffff::2]:9"
	if got := passed(1); got != 0 {
		t.Error("another address of the same /64 passed")
	}
	d.address = "[2001:db8:1:3::1]:9"
	if got := passed(1); got != 1 {
		t.Error("another /64 was limited")
	}
}

func TestTablesStaySmallAndRememberTheWorst(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	l, locks := newLimiter(now, time.Second, 100), newLockout(now)
	for range 100 {
		l.take("attacker")
		locks.fail("attacker")
	}
	for i := range 5 * mostKeys {
		l.take(fmt.Sprint(i))
		locks.fail(fmt.Sprint(i))
	}
	if len(l.whole) > mostKeys || len(locks.tries) > mostKeys {
		t.Errorf("%d and %d entries", len(l.whole), len(locks.tries))
	}
	if l.take("attacker") == 0 || locks.wait("attacker") == 0 {
		t.Error("the worst was forgotten")
	}
	s := newSessions(now, time.Hour, time.Hour)
	for i := range 3 * sessionsOfToken {
		at = at.Add(time.Second)
		s.begin("shared")
		s.begin(fmt.Sprint(i))
	}
	if len(s.table) != 4*sessionsOfToken {
		t.Errorf("%d sessions", len(s.table))
	}
}

func TestAddressesOfProxies(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, k := range []struct {
		peer, forwarded, proto, address string
		secure                          bool
	}{
		{"198.51.100.7:1", "1.2.3.4", "https", "198.51.100.7", false}, // a stranger's word
		{"10.0.0.1:1", "1.2.3.4", "https", "1.2.3.4", true},
		{"10.0.0.1:1", "6.6.6.6, 1.2.3.4", "http", "1.2.3.4", false}, // what came before the proxy's own note
		{"10.0.0.1:1", "6.6.6.6, 1.2.3.4, 10.9.9.9", "", "1.2.3.4", false},
		{"10.0.0.1:1", "1.2.3.4, nonsense", "", "10.0.0.1", false},
		{"10.0.0.1:1", "", "", "10.0.0.1", false},
		{"[::1]:1", "::ffff:1.2.3.4", "https", "1.2.3.4", true},
		{"[::ffff:10.0.0.1]:1", "1.2.3.4", "", "1.2.3.4", false},
		{"@", "1.2.3.4", "https", "invalid IP", false},
	} {
		d := newDoor(t, proxies...)
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = k.peer
		r.Header.Set("X-Forwarded-For", k.forwarded)
		r.Header.Set("X-Forwarded-Proto", k.proto)
		if address, secure := d.gate.origin(r); address.String() != k.address || secure != k.secure {
			t.Errorf("%+v: %s, %v", k, address, secure)
		}
	}
}

func TestRedirectionsStayHere(t *testing.T) {
	d := newDoor(t)
	secret := d.token("a", access.Viewer)
	for next, want := range map[string]string{
		"/note?x=1": "/note?x=1", "": "/", "note": "/", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example/": "/", "/a\r\nSet-Cookie: x=1": "/",
		"/\t/evil.example": "/", "javascript:alert(1)": "/", "/login": "/", "/logout": "/", "/%zz": "/", "/" + strings.Repeat("a", 2000): "/",
	} {
		d.jar = map[string]string{}
		answer := d.signIn(secret, next)
		if got := answer.Header.Get("Location"); got != want {
			t.Errorf("next %q leads to %q, want %q", next, got, want)
		}
		for name, values := range answer.Header {
			if strings.ContainsAny(strings.Join(values, ""), "\r\n") {
				t.Errorf("next %q breaks the header %s", next, name)
			}
		}
		d.at = d.at.Add(time.Minute)
	}
}

// The log of what strangers send has one line for each event, whatever they send.
func TestStrangersCannotForgeLogLines(t *testing.T) {
	d := newDoor(t)
	d.send("GET", "/x%0a2026-01-01%20admin%20signed%20in", "", "Authorization", "Bearer x\u2028y")
	for line := range strings.Lines(d.log.String()) {
		if strings.HasPrefix(line, "2026") {
			t.Errorf("a forged line: %s", line)
		}
	}
	if !strings.Contains(d.log.String(), `\n2026-01-01`) {
		t.Errorf("log %q", d.log.String())
	}
}
