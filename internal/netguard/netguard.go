// Package netguard keeps programs that connect to addresses from a configuration out of private networks: a name is resolved,
// every address it stands for is checked, and a checked address itself is dialled.
package netguard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// Dialer connects to checked addresses only: what a name means a moment after the check does not matter. The zero value
// refuses every address that is not public.
type Dialer struct {
	AllowPrivate bool
	Lookup       func(ctx context.Context, host string) ([]netip.Addr, error) // nil: the system's names
}

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// Dial connects to host:port. A private address without leave is fault.Denied with the code private_address.
func (d *Dialer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var all []netip.Addr
	if one, err := netip.ParseAddr(host); err == nil {
		all = []netip.Addr{one}
	} else if all, err = d.resolve(ctx, host); err != nil {
		return nil, err
	}
	if !d.AllowPrivate {
		for _, one := range all {
			if !Public(one) {
				return nil, fault.New(fault.Denied, "private_address", host, "write allow_private: true beside this address when the server is in your own network",
					"the name stands for %s, which is not a public address", one)
			}
		}
	}
	plain := net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	var failed error
	for _, one := range all {
		conn, err := plain.DialContext(ctx, network, net.JoinHostPort(one.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	if failed == nil {
		failed = errors.New("the name stands for no address")
	}
	return nil, failed
}

func (d *Dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if d.Lookup != nil {
		return d.Lookup(ctx, host)
	}
	return lookup(ctx, host)
}

// Public tells whether an address is of the open internet: not loopback, link-local, private, shared (CGNAT), unique
// local, multicast, documentation, reserved, nor an IPv6 form that carries such an IPv4 address.
func Public(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsInterfaceLocalMulticast() {
		return false
	}
	for _, block := range closed() {
		if block.Contains(a) {
			return false
		}
	}
	if a.Is6() {
		if inner, ok := embedded(a); ok {
			return Public(inner)
		}
	}
	return true
}

// closed are blocks that the net/netip predicates do not know.
func closed() []netip.Prefix {
	texts := [...]string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "::/96", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10", "64:ff9b:1::/48",
	}
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// embedded gives the IPv4 address inside a 6to4 or NAT64 address.
func embedded(a netip.Addr) (netip.Addr, bool) {
	b := a.As16()
	switch {
	case b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case b[0] == 0x00 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b:
		return netip.AddrFrom4([4]byte(b[12:16])), true
	}
	return netip.Addr{}, false
}
