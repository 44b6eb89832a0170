package gate

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// Sessions live in this process: there is no key to keep or to lose, and ending one is final. After a restart people sign in
// again. The cookie holds 256 random bits, the table their hash.
const (
	mostSessions    = 10_000
	sessionsOfToken = 50 // a token is often shared by an office
)

// Names of the cookies. Under TLS the prefix makes browsers refuse one that a neighbouring host set.
const (
	cookieName   = "omoflow"
	cookiePrefix = "__Host-"
	formCookie   = "omoflow-login" // binds the login form to the browser that asked for it
)

type session struct {
	token string // id
	form  string
	began time.Time
	seen  time.Time
}

type sessions struct {
	now           func() time.Time
	idle, longest time.Duration

	mu    sync.Mutex
	table map[[sha256.Size]byte]session
}

func newSessions(now func() time.Time, idle, longest time.Duration) *sessions {
	return &sessions{now: now, idle: idle, longest: longest, table: map[[sha256.Size]byte]session{}}
}

// limit changes how long sessions last.
func (s *sessions) limit(idle, longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle, s.longest = idle, longest
}

func random() string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// keys gives the table keys that a request's cookies may stand for. Both names are looked at, as TLS may have been set up since.
func keys(r *http.Request) [][sha256.Size]byte {
	var all [][sha256.Size]byte
	for _, name := range []string{cookiePrefix + cookieName, cookieName} {
		if c, err := r.Cookie(name); err == nil && len(c.Value) == 43 {
			all = append(all, sha256.Sum256([]byte(c.Value)))
		}
	}
	return all
}

func (s *sessions) over(x session, now time.Time) bool {
	return now.Sub(x.seen) >= s.idle || now.Sub(x.began) >= s.longest || now.Before(x.began)
}

// find gives the session of a request and notes that it was used.
func (s *sessions) find(r *http.Request) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, key := range keys(r) {
		x, ok := s.table[key]
		if !ok {
			continue
		}
		if s.over(x, now) {
			delete(s.table, key)
			continue
		}
		x.seen = now
		s.table[key] = x
		return x, true
	}
	return session{}, false
}

// end ends the session of a request.
func (s *sessions) end(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys(r) {
		delete(s.table, key)
	}
}

// begin starts a session for a token and gives the value of its cookie. Of too many the one that was used longest ago ends,
// first of those of the same token.
func (s *sessions) begin(token string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var oldest, oldestOwn [sha256.Size]byte
	var all, own int
	for key, x := range s.table {
		if s.over(x, now) {
			delete(s.table, key)
			continue
		}
		if all++; all == 1 || x.seen.Before(s.table[oldest].seen) {
			oldest = key
		}
		if x.token != token {
			continue
		}
		if own++; own == 1 || x.seen.Before(s.table[oldestOwn].seen) {
			oldestOwn = key
		}
	}
	if own >= sessionsOfToken {
		delete(s.table, oldestOwn)
	} else if all >= mostSessions {
		delete(s.table, oldest)
	}
	value := random()
	s.table[sha256.Sum256([]byte(value))] = session{token: token, form: random(), began: now, seen: now}
	return value
}

func setCookie(w http.ResponseWriter, name, value, path string, secure bool, age int) {
	if secure && path == "/" {
		name = cookiePrefix + name
	}
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: path, MaxAge: age, Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// equal compares secrets in constant time; an empty one equals nothing.
func equal(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// ours tells whether a request that changes something was made here: by a program with a token, which no foreign page can add, or
// by a form of the visitor's own session.
func (g *Gate) ours(w http.ResponseWriter, r *http.Request, v Visitor) bool {
	if v.Form == "" {
		return true
	}
	if g.foreign.Check(r) != nil {
		return false
	}
	if sent := r.Header.Get("X-Omoflow-Form"); sent != "" {
		return equal(v.Form, sent)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	return equal(v.Form, r.PostFormValue("form"))
}

// login shows the login page and takes what it sends.
func (g *Gate) login(w http.ResponseWriter, r *http.Request, address netip.Addr, secure bool) {
	if safe(r.Method) {
		if s, ok := g.sessions.find(r); ok {
			if _, err := g.opt.Tokens.Token(r.Context(), s.token); err == nil {
				http.Redirect(w, r, "/", http.StatusSeeOther)
				return
			}
		}
		g.loginPage(w, r, secure, http.StatusOK, Page{Next: r.URL.Query().Get("next")})
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, HEAD, POST")
		g.refuse(w, r, http.StatusMethodNotAllowed, Page{Kind: PageDenied})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	again := Page{Next: r.PostFormValue("next")}
	form, err := r.Cookie(formCookie)
	if err != nil || !equal(form.Value, r.PostFormValue("form")) || g.foreign.Check(r) != nil {
		again.Problem = "stale"
		g.loginPage(w, r, secure, http.StatusForbidden, again)
		return
	}
	t, err := g.try(r.Context(), address, r.PostFormValue("token"))
	if err != nil {
		g.refuseLogin(w, r, address, secure, again, err)
		return
	}
	g.sessions.end(r) // nobody goes on with a session that he was given
	value := g.sessions.begin(t.ID)
	setCookie(w, cookieName, value, "/", secure, int(g.opt.Longest/time.Second))
	setCookie(w, formCookie, "", loginPath, secure, -1)
	g.opt.Log("%s signed in from %s", t.Name, address)
	to := "/"
	if local(again.Next) {
		to = again.Next
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (g *Gate) refuseLogin(w http.ResponseWriter, r *http.Request, address netip.Addr, secure bool, again Page, err error) {
	status := http.StatusUnauthorized
	again.Problem = "wrong"
	var locked lockedError
	var f *fault.Error
	switch {
	case errors.As(err, &locked):
		status, again.Problem, again.Wait = http.StatusTooManyRequests, "locked", locked.wait
	case fault.KindOf(err) != fault.Denied:
		status, again.Problem, again.Wait = http.StatusServiceUnavailable, "away", 10*time.Second
	case errors.As(err, &f) && f.Code == "token_expired":
		again.Problem = "expired"
	case errors.As(err, &f) && f.Code == "token_revoked":
		again.Problem = "revoked"
	}
	g.opt.Log("%s: login refused: %v", address, err)
	g.loginPage(w, r, secure, status, again)
}

func (g *Gate) loginPage(w http.ResponseWriter, r *http.Request, secure bool, status int, p Page) {
	p.Kind, p.Form = PageLogin, random()
	if c, err := r.Cookie(formCookie); err == nil && len(c.Value) == len(p.Form) {
		p.Form = c.Value // a second tab must not make the first one stale
	}
	if !local(p.Next) {
		p.Next = ""
	}
	setCookie(w, formCookie, p.Form, loginPath, secure, 3600)
	g.draw(w, r, status, p)
}

// logout ends the session.
func (g *Gate) logout(w http.ResponseWriter, r *http.Request) {
	_, secure := g.origin(r)
	g.sessions.end(r)
	setCookie(w, cookieName, "", "/", secure, -1)
	http.Redirect(w, r, loginPath, http.StatusSeeOther)
}
