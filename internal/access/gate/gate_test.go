package gate

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/access"
	"github.com/omoflow/omoflow/internal/objstore/faultstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// door is a gate with a few routes, over a register in memory, with a clock that stands.
type door struct {
	t        *testing.T
	at       time.Time
	bucket   *faultstore.Bucket
	register *access.Register
	gate     *Gate
	log      strings.Builder
	address  string
	tls      bool
	jar      map[string]string
}

func newDoor(t *testing.T, proxies ...netip.Prefix) *door {
	t.Helper()
	d := &door{t: t, at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), bucket: faultstore.New(mem.New()), address: "198.51.100.7:4000", jar: map[string]string{}}
	now := func() time.Time { return d.at }
	d.register = access.Open(d.bucket, "test", now)
	var err error
	d.gate, err = New(Options{Tokens: d.register, Proxies: proxies, Now: now,
		Page: func(w http.ResponseWriter, _ *http.Request, p Page) {
			_, _ = fmt.Fprintf(w, "<html>%s %s form=%s next=%s", p.Kind, p.Problem, p.Form, p.Next)
		},
		Log: func(format string, args ...any) { _, _ = fmt.Fprintf(&d.log, format+"\n", args...) }})
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, text+" "+Of(r).Name+" "+Of(r).Role.String())
		})
	}
	d.gate.Handle("GET /{$}", access.View, say("status"))
	d.gate.Handle("/runs", access.Operate, say("runs"))
	d.gate.Handle("/tokens", access.Administer, say("tokens"))
	d.gate.Handle("/note", access.View, say("note"))
	d.gate.Handle("/forgotten", 0, say("forgotten"))
	d.gate.Handle("/defect", access.View, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a secret thing") }))
	for _, path := range []string{"/healthz", "/readyz", "/hooks/"} {
		if err := d.gate.Open(path, say("open")); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *door) token(name string, role access.Role) string {
	d.t.Helper()
	_, secret, err := d.register.Issue(d.t.Context(), name, role, d.at.Add(24*time.Hour), "ann")
	if err != nil {
		d.t.Fatal(err)
	}
	return secret
}

// send sends a request; headers are name, value pairs.
func (d *door) send(method, target, body string, headers ...string) *http.Response {
	d.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = d.address
	if d.tls {
		r.TLS = &tls.ConnectionState{}
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	for name, value := range d.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	d.gate.ServeHTTP(w, r)
	answer := w.Result()
	for _, c := range answer.Cookies() {
		if c.MaxAge < 0 {
			delete(d.jar, c.Name)
		} else {
			d.jar[c.Name] = c.Value
		}
	}
	return answer
}

func (d *door) want(what string, status int, answer *http.Response) string {
	d.t.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		d.t.Errorf("%s: %d, want %d: %s (%v)", what, answer.StatusCode, status, body, err)
	}
	return string(body)
}

const page = "text/html,application/xhtml+xml"

func field(body, name string) string {
	_, rest, _ := strings.Cut(body, name+"=")
	value, _, _ := strings.Cut(rest, " ")
	return value
}

// signIn goes through the login page as a browser does and gives the answer.
func (d *door) signIn(secret, next string) *http.Response {
	d.t.Helper()
	body := d.want("login page", 200, d.send("GET", "/login?next="+url.QueryEscape(next), "", "Accept", page))
	form := url.Values{"form": {field(body, "form")}, "next": {field(body, "next")}, "token": {secret}}
	return d.send("POST", "/login", form.Encode(), "Accept", page, "Origin", "http://example.com")
}

func (d *door) form() string {
	d.t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range d.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	s, ok := d.gate.sessions.find(r)
	if !ok {
		d.t.Fatal("there is no session")
	}
	return s.form
}

// Every route times every kind of visitor; what is not granted is refused.
func TestWhoMayDoWhat(t *testing.T) {
	d := newDoor(t)
	secrets := map[string]string{"nobody": "", "forger": "omo_aaaaaaaa_" + strings.Repeat("a", 52)}
	for _, role := range []access.Role{access.Viewer, access.Operator, access.Admin} {
		secrets[role.String()] = d.token(role.String(), role)
	}
	secrets["revoked"] = d.token("revoked", access.Admin)
	if _, _, err := d.register.Revoke(t.Context(), "revoked", "ann"); err != nil {
		t.Fatal(err)
	}
	addresses := map[string]string{}
	for who := range secrets {
		addresses[who] = fmt.Sprintf("198.51.100.%d:4000", len(addresses))
	}
	const none = "nobody forger revoked "
	for _, k := range []struct {
		method, path string
		allowed      string
		status       int // of those who are let in
	}{
		{"GET", "/healthz", none + "viewer operator admin", 200},
		{"GET", "/readyz", none + "viewer operator admin", 200},
		{"POST", "/hooks/shop", none + "viewer operator admin", 200},
		{"GET", "/", "viewer operator admin", 200},
		{"GET", "/note", "viewer operator admin", 200},
		{"POST", "/note", "operator admin", 200},
		{"GET", "/runs", "operator admin", 200},
		{"POST", "/runs", "operator admin", 200},
		{"GET", "/tokens", "admin", 200},
		{"GET", "/forgotten", "", 200},
		{"GET", "/nothing/here", "viewer operator admin", 404},
		{"DELETE", "/", "viewer operator admin", 405}, // the mux has no such route
		{"GET", "/hooks/../tokens", "admin", 200},
		{"GET", "//tokens", "admin", 200},
		{"TRACE", "/note", "operator admin", 200},
	} {
		for who, secret := range secrets {
			d.address = addresses[who] // whom the forger locks out is himself
			headers := []string{"Authorization", "Bearer " + secret}
			if who == "nobody" {
				headers = nil
			}
			answer := d.send(k.method, k.path, "", headers...)
			if answer.StatusCode == http.StatusMovedPermanently || answer.StatusCode == http.StatusTemporaryRedirect { // of the mux, to the clean path
				answer = d.send(k.method, answer.Header.Get("Location"), "", headers...)
			}
			status := k.status
			if !strings.Contains(k.allowed, who) {
				if status = http.StatusForbidden; strings.Contains(none, who) {
					status = http.StatusUnauthorized
				}
			}
			if answer.StatusCode != status && (who != "forger" || answer.StatusCode != http.StatusTooManyRequests) {
				t.Errorf("%s %s by %s: %d, want %d", k.method, k.path, who, answer.StatusCode, status)
			}
		}
		d.at = d.at.Add(time.Hour) // the forger's lock ends
	}
	if d.gate.Open("/tokens", http.NotFoundHandler()) == nil {
		t.Error("a path was opened to everybody")
	}
}

func TestPeopleSignInAndOut(t *testing.T) {
	d := newDoor(t)
	secret := d.token("office", access.Viewer)
	answer := d.send("GET", "/note?a=1&b=2", "", "Accept", page)
	if d.want("without a session", 303, answer); answer.Header.Get("Location") != "/login?next=%2Fnote%3Fa%3D1%26b%3D2" {
		t.Errorf("sent to %s", answer.Header.Get("Location"))
	}
	answer = d.signIn(secret, "/note?a=1&b=2")
	if d.want("sign in", 303, answer); answer.Header.Get("Location") != "/note?a=1&b=2" {
		t.Errorf("sent to %s", answer.Header.Get("Location"))
	}
	for _, c := range answer.Cookies() {
		if c.Name == cookieName && (!c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Path != "/" || c.Domain != "") {
			t.Errorf("cookie %+v", c)
		}
	}
	if got := d.want("inside", 200, d.send("GET", "/", "", "Accept", page)); got != "status office viewer" {
		t.Errorf("page %q", got)
	}
	d.want("the login page of who is in", 303, d.send("GET", "/login", "", "Accept", page))
	kept := d.jar[cookieName]
	d.want("sign out without the form's secret", 403, d.send("POST", "/logout", "form=x", "Accept", page))
	d.want("sign out", 303, d.send("POST", "/logout", "form="+d.form(), "Accept", page))
	d.jar[cookieName] = kept
	d.want("with the cookie of before", 303, d.send("GET", "/", "", "Accept", page))
}

func TestUnderTLSCookiesAndHeadersAreStrict(t *testing.T) {
	d := newDoor(t)
	d.tls = true
	secret := d.token("office", access.Viewer)
	answer := d.send("GET", "/login", "", "Accept", page)
	body := d.want("login page", 200, answer)
	if answer.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS under TLS")
	}
	answer = d.send("POST", "/login", "token="+secret+"&form="+field(body, "form"), "Accept", page, "Sec-Fetch-Site", "same-origin")
	d.want("sign in", 303, answer)
	found := false
	for _, c := range answer.Cookies() {
		found = found || c.Name == "__Host-omoflow" && c.Secure && c.HttpOnly && c.Path == "/" && c.Domain == ""
	}
	if !found {
		t.Errorf("cookies %v", answer.Cookies())
	}
	d.want("inside", 200, d.send("GET", "/", "", "Accept", page))
	d.tls = false
	if answer := d.send("GET", "/healthz", ""); answer.Header.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS without TLS")
	}
}

func TestEveryAnswerHasTheHeaders(t *testing.T) {
	d := newDoor(t)
	secret := d.token("a", access.Viewer)
	for _, path := range []string{"/", "/login", "/healthz", "/tokens", "/nothing", "/hooks/x", "/defect"} {
		for _, headers := range [][]string{nil, {"Accept", page}, {"Authorization", "Bearer " + secret}} {
			h := d.send("GET", path, "", headers...).Header
			if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || strings.Contains(h.Get("Content-Security-Policy"), "unsafe") ||
				h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %v: %v", path, headers, h)
			}
		}
	}
	if body := d.want("a defect", 500, d.send("GET", "/defect", "", "Authorization", "Bearer "+secret)); strings.Contains(body, "secret") {
		t.Errorf("a defect tells %q", body)
	}
	if !strings.Contains(d.log.String(), "a secret thing") {
		t.Error("a defect is not logged")
	}
}

func TestAStoreThatIsAwayLetsNobodyIn(t *testing.T) {
	d := newDoor(t)
	secret := d.token("a", access.Admin)
	d.want("sign in", 303, d.signIn(secret, ""))
	for _, op := range []faultstore.Op{faultstore.Get, faultstore.List, faultstore.Head} {
		d.bucket.Script(faultstore.Fault{Kind: faultstore.ServerError, Op: op, Times: -1}, faultstore.Fault{Kind: faultstore.ServerError, Op: faultstore.Get, Times: -1})
	}
	d.at = d.at.Add(90 * time.Minute)
	d.want("a program", 503, d.send("GET", "/", "", "Authorization", "Bearer "+secret))
	d.want("a session", 503, d.send("GET", "/", "", "Accept", page))
	d.want("health", 200, d.send("GET", "/healthz", ""))
	d.bucket.Script()
	d.at = d.at.Add(5 * time.Second)
	d.want("when it is back, the session", 200, d.send("GET", "/", "", "Accept", page))
}

func TestAGateNeedsTokensAndPages(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("made without")
	}
	if (Of(httptest.NewRequest("GET", "/", nil)) != Visitor{}) {
		t.Error("a request that no gate saw has a visitor")
	}
}
