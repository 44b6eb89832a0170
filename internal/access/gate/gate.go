// Package gate is the HTTP door: it lets in who has a token or signed in with one, and refuses everything else.
//
// It fails closed. A handler is reached only through a route that says which permission it needs; without a credential every
// path answers alike, whether there is anything or not; and a register of tokens that cannot be asked lets nobody in. Three
// paths need no credential: /healthz and /readyz, which say nothing, and /hooks/, whose requests are signed.
package gate

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/access"
	"github.com/omoflow/omoflow/internal/fault"
)

// Tokens is what the gate asks; *access.Register is one.
type Tokens interface {
	Check(ctx context.Context, secret string) (access.Token, error)
	Token(ctx context.Context, id string) (access.Token, error)
	Used(ctx context.Context, id string) error
}

// Options say how a Gate works. Tokens and Page are mandatory; other zero values mean the defaults.
type Options struct {
	Tokens  Tokens
	Page    func(w http.ResponseWriter, r *http.Request, p Page) // draws the gate's own pages; the status and headers are set
	Proxies []netip.Prefix                                       // whose X-Forwarded-For and X-Forwarded-Proto are believed; default nobody's
	Now     func() time.Time
	Log     func(format string, args ...any)

	Idle    time.Duration // a session ends when it is not used for so long; default 2 h
	Longest time.Duration // a session ends in any case; default 12 h

	Before *Gate // whose sessions and counts go on here, for a gate that takes another's place; nil is fine
}

// What a Page is about.
const (
	PageLogin  = "login"
	PageDenied = "denied" // the role does not allow it, or the form was not ours
	PageBusy   = "busy"   // too many requests, or the tokens cannot be asked
)

// Page is what a page of the gate shows.
type Page struct {
	Kind    string
	Form    string        // PageLogin: value of the hidden field "form"
	Next    string        // PageLogin: value of the hidden field "next", a path of ours
	Problem string        // "", or why the last try failed: wrong, expired, revoked, locked, stale, away
	Wait    time.Duration // how long to wait before the next try
}

// Visitor is who a request comes from.
type Visitor struct {
	Token   string // id
	Name    string
	Role    access.Role
	Form    string // of a session: the value that the field "form" of every posted form must have
	Address netip.Addr
}

type visitorKey struct{}

// Of gives the visitor of a request that the gate let in; the zero Visitor, who may do nothing, of any other.
func Of(r *http.Request) Visitor {
	v, _ := r.Context().Value(visitorKey{}).(Visitor)
	return v
}

// Paths of the gate, and those that need no credential.
const (
	loginPath  = "/login"
	logoutPath = "/logout"
	maxForm    = 8 << 10
)

var open = []string{"/healthz", "/readyz", "/hooks/"}

// Gate is an http.Handler. Handle and Open are called before it serves.
type Gate struct {
	opt      Options
	inner    *http.ServeMux // behind the door
	outer    *http.ServeMux // before it
	foreign  *http.CrossOriginProtection
	sessions *sessions
	address  *limiter // requests of one address
	token    *limiter // requests of one token
	locks    *lockout
}

// New makes a gate without routes.
func New(o Options) (*Gate, error) {
	if o.Tokens == nil || o.Page == nil {
		return nil, errors.New("a gate needs tokens and pages")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.Idle <= 0 {
		o.Idle = 2 * time.Hour
	}
	if o.Longest <= 0 {
		o.Longest = 12 * time.Hour
	}
	g := &Gate{opt: o, inner: http.NewServeMux(), outer: http.NewServeMux(), foreign: http.NewCrossOriginProtection(),
		sessions: newSessions(o.Now, o.Idle, o.Longest), address: newLimiter(o.Now, addressEvery, addressBurst),
		token: newLimiter(o.Now, tokenEvery, tokenBurst), locks: newLockout(o.Now)}
	if b := o.Before; b != nil {
		b.sessions.limit(o.Idle, o.Longest)
		g.sessions, g.address, g.token, g.locks = b.sessions, b.address, b.token, b.locks
	}
	g.inner.HandleFunc("POST "+logoutPath, g.logout)
	return g, nil
}

// Handle gives a pattern (as of http.ServeMux) to a handler, for visitors with the permission. A method that changes something
// needs access.Operate at least. A pattern that the mux does not take is a panic, as there.
func (g *Gate) Handle(pattern string, need access.Permission, h http.Handler) {
	g.inner.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !Of(r).Role.May(need) || !safe(r.Method) && !Of(r).Role.May(access.Operate) {
			g.opt.Log("%s: %s of %s may not %s %q", Of(r).Address, Of(r).Role, Of(r).Name, r.Method, r.URL.Path)
			g.refuse(w, r, http.StatusForbidden, Page{Kind: PageDenied})
			return
		}
		h.ServeHTTP(w, r)
	}))
}

// Open gives /healthz, /readyz or /hooks/ to a handler for everybody. Any other path is refused.
func (g *Gate) Open(path string, h http.Handler) error {
	if !slices.Contains(open, path) {
		return fault.New(fault.Usage, "closed_path", path, "give it a permission with Handle", "only %s are open to everybody", strings.Join(open, ", "))
	}
	g.outer.Handle(path, h)
	return nil
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// ServeHTTP lets a request through or answers it.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	address, secure := g.origin(r)
	secureHeaders(w.Header(), secure)
	defer g.rescue(w, r)
	if _, pattern := g.outer.Handler(r); slices.Contains(open, pattern) {
		g.outer.ServeHTTP(w, r)
		return
	}
	if wait := g.address.take(network(address)); wait > 0 {
		g.refuse(w, r, http.StatusTooManyRequests, Page{Kind: PageBusy, Wait: wait})
		return
	}
	if r.URL.Path == loginPath {
		g.login(w, r, address, secure)
		return
	}
	v, err := g.identify(r, address)
	if err != nil {
		g.turnAway(w, r, address, err)
		return
	}
	if wait := g.token.take(v.Token); wait > 0 {
		g.refuse(w, r, http.StatusTooManyRequests, Page{Kind: PageBusy, Wait: wait})
		return
	}
	if !safe(r.Method) && !g.ours(w, r, v) {
		g.opt.Log("%s: a form of %s at %q was not made here", address, v.Name, r.URL.Path)
		g.refuse(w, r, http.StatusForbidden, Page{Kind: PageDenied})
		return
	}
	if err := g.opt.Tokens.Used(r.Context(), v.Token); err != nil {
		g.opt.Log("the use of token %s is not noted: %v", v.Name, err)
	}
	g.inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitorKey{}, v)))
}

// rescue keeps one request's panic from ending the connection's goroutine with a stack in the answer or no word in the log.
func (g *Gate) rescue(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	g.opt.Log("a defect at %s %q: %v", r.Method, r.URL.Path, p)
	http.Error(w, "internal error", http.StatusInternalServerError)
}

// bearer gives the token that a request brings. Two of them are none.
func bearer(r *http.Request) (secret string, ok bool) {
	header := r.Header.Values("Authorization")
	if len(header) == 0 {
		return "", false
	}
	kind, secret, _ := strings.Cut(header[0], " ")
	if !strings.EqualFold(kind, "Bearer") {
		return "", false // of a proxy, perhaps
	}
	if len(header) > 1 {
		return "", true
	}
	return strings.TrimSpace(secret), true
}

// identify gives who a request is from. A token in the header decides alone; else the session does.
func (g *Gate) identify(r *http.Request, address netip.Addr) (Visitor, error) {
	if secret, ok := bearer(r); ok {
		t, err := g.try(r.Context(), address, secret)
		return Visitor{Token: t.ID, Name: t.Name, Role: t.Role, Address: address}, err
	}
	s, ok := g.sessions.find(r)
	if !ok {
		return Visitor{}, errNobody
	}
	t, err := g.opt.Tokens.Token(r.Context(), s.token)
	if fault.KindOf(err) == fault.Denied {
		g.sessions.end(r)
	}
	return Visitor{Token: t.ID, Name: t.Name, Role: t.Role, Form: s.form, Address: address}, err
}

var errNobody = fault.New(fault.Denied, "no_credential", "", "send Authorization: Bearer and a token, or sign in at "+loginPath, "a credential is needed")

// try checks a secret unless the address is locked out. A wrong one counts towards that; one that was right once does not,
// because it was not guessed.
func (g *Gate) try(ctx context.Context, address netip.Addr, secret string) (access.Token, error) {
	if wait := g.locks.wait(network(address)); wait > 0 {
		return access.Token{}, lockedError{wait}
	}
	t, err := g.opt.Tokens.Check(ctx, secret)
	var f *fault.Error
	if errors.As(err, &f) && f.Code == "bad_token" {
		if wait := g.locks.fail(network(address)); wait > 0 {
			g.opt.Log("%s is locked out for %s after wrong tokens", address, wait)
		}
	}
	return t, err
}

// lockedError says that an address may not try.
type lockedError struct{ wait time.Duration }

func (lockedError) Error() string { return "too many wrong tokens from this address" }
