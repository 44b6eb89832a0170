package gate

import (
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// Whatever next is, who signs in stays on this host.
func FuzzLocal(f *testing.F) {
	for _, seed := range []string{"/a?b=c#d", "//evil", `/\evil`, "/%2f%2fevil", "/a/..//evil", "/\x00", "/?next=//evil", "/é", "/%zz"} {
		f.Add(seed)
	}
	here, err := url.Parse("https://here.example/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		if !local(next) {
			return
		}
		to, err := here.Parse(next)
		if err != nil || to.Host != here.Host || to.Scheme != here.Scheme || strings.ContainsAny(next, "\r\n\t\\") || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") {
			t.Errorf("%q leads to %v (%v)", next, to, err)
		}
	})
}

// Whatever a client says, the address is its own unless a trusted proxy vouches for another.
func FuzzOrigin(f *testing.F) {
	f.Add("1.2.3.4", "198.51.100.7:1")
	f.Add("a, , 10.0.0.1", "10.0.0.2:1")
	f.Add("fe80::1%eth0", "10.0.0.2:1")
	f.Add("", "[::ffff:10.0.0.2]:1")
	g := &Gate{opt: Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	f.Fuzz(func(t *testing.T, forwarded, peer string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = peer
		r.Header["X-Forwarded-For"] = []string{forwarded}
		got, _ := g.origin(r)
		from, err := netip.ParseAddrPort(peer)
		own := err == nil && got == from.Addr().Unmap()
		vouched := err == nil && g.proxy(from.Addr().Unmap()) && got.IsValid() && got.Zone() == ""
		if err == nil && !own && !vouched || err != nil && got.IsValid() {
			t.Errorf("%q by %q: %v", forwarded, peer, got)
		}
		if len(network(got)) > 64 {
			t.Errorf("%v counts as %q", got, network(got))
		}
	})
}
