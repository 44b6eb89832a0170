package gate

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// secureHeaders sets what every answer has. The content policy allows nothing; a handler that draws a page replaces it.
func secureHeaders(h http.Header, secure bool) {
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// origin gives the address that a request comes from and whether it came by TLS, believing the trusted proxies only.
func (g *Gate) origin(r *http.Request) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	address := peer.Addr().Unmap()
	if err != nil || !g.proxy(address) {
		return address, r.TLS != nil
	}
	secure := r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- { // what is left of the first stranger is his own word
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		if address = hop.Unmap().WithZone(""); !g.proxy(address) {
			break
		}
	}
	return address, secure
}

func (g *Gate) proxy(a netip.Addr) bool {
	for _, p := range g.opt.Proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// network is what limits count by: an IPv4 address, or the /64 that one IPv6 customer has.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// turnAway answers a request without a valid credential: people get to the login page, programs a 401.
func (g *Gate) turnAway(w http.ResponseWriter, r *http.Request, address netip.Addr, err error) {
	var locked lockedError
	switch {
	case errors.As(err, &locked):
		g.refuse(w, r, http.StatusTooManyRequests, Page{Kind: PageBusy, Problem: "locked", Wait: locked.wait})
	case fault.KindOf(err) != fault.Denied:
		g.opt.Log("the tokens cannot be asked: %v", err)
		g.refuse(w, r, http.StatusServiceUnavailable, Page{Kind: PageBusy, Problem: "away", Wait: 10 * time.Second})
	case safe(r.Method) && wantsPage(r):
		to := loginPath
		if next := r.URL.RequestURI(); local(next) && next != "/" {
			to += "?next=" + url.QueryEscape(next)
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	default:
		if _, tried := bearer(r); tried {
			g.opt.Log("%s: refused at %s %q: %v", address, r.Method, r.URL.Path, err)
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="omoflow"`)
		g.refuse(w, r, http.StatusUnauthorized, Page{Kind: PageDenied})
	}
}

// refuse answers with a page to people and with JSON to programs. It says no more than the status does.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, status int, p Page) {
	if p.Wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((p.Wait+time.Second-1)/time.Second)))
	}
	if wantsPage(r) && status != http.StatusUnauthorized {
		g.draw(w, r, status, p)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": strings.ToLower(http.StatusText(status))}) // a client that went away
}

// draw lets the owner of the pages write one, after the status.
func (g *Gate) draw(w http.ResponseWriter, r *http.Request, status int, p Page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	g.opt.Page(&statusWriter{ResponseWriter: w, status: status}, r, p)
}

// statusWriter writes the status before the first byte, so that who draws the page may still set headers.
type statusWriter struct {
	http.ResponseWriter
	status int
	done   bool
}

// WriteHeader keeps the gate's status.
func (s *statusWriter) WriteHeader(int) {
	if !s.done {
		s.done = true
		s.ResponseWriter.WriteHeader(s.status)
	}
}

// Write writes the status first.
func (s *statusWriter) Write(p []byte) (int, error) {
	s.WriteHeader(0)
	return s.ResponseWriter.Write(p)
}

// wantsPage tells a browser's navigation from a program.
func wantsPage(r *http.Request) bool {
	_, program := bearer(r)
	return !program && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// local tells whether a redirection stays here: a path of ours and nothing that a browser could read as another host.
func local(to string) bool {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || len(to) > 1024 {
		return false
	}
	for _, c := range to {
		if c <= ' ' || c == '\\' || c == 0x7f {
			return false
		}
	}
	u, err := url.Parse(to)
	return err == nil && u.Host == "" && u.Scheme == "" && u.Path != loginPath && u.Path != logoutPath
}
