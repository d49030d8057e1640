package sip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// sources knows who may talk to us at all, and which trunk an address belongs to. A look-up costs a walk over the few
// configured prefixes and keeps nothing of the address asked for.
type sources struct {
	configured atomic.Pointer[networks]

	mu      sync.RWMutex
	dialled map[netip.Addr]time.Time // guarded by mu; addresses we sent a request to, until when they are known
}

// networks are what the configuration names. They are replaced as a whole, and never change.
type networks struct {
	trunks   []Trunk
	prefixes []trunkPrefix
	phones   []netip.Prefix
}

type trunkPrefix struct {
	prefix netip.Prefix
	trunk  *Trunk
}

// dialledFor is how long an address we called stays known after the last request: longer than the longest wait for a
// response (64*T1) and than any pause of a call between two refreshes (RFC 4028 asks for 90 s at least, 1800 s is usual).
const dialledFor = time.Hour

// maxDialled bounds the addresses remembered; trunks have a handful.
const maxDialled = 4096

func newSources(cfg Config) (*sources, error) {
	s := &sources{dialled: map[netip.Addr]time.Time{}}
	n, err := newNetworks(cfg.Trunks, cfg.PhoneNetworks)
	if err != nil {
		return nil, err
	}
	s.configured.Store(n)
	return s, nil
}

func newNetworks(trunks []Trunk, phones []netip.Prefix) (*networks, error) {
	n := &networks{trunks: slices.Clone(trunks), phones: slices.Clone(phones)}
	for i := range n.trunks {
		t := &n.trunks[i]
		t.Timer = t.Timer.withDefaults()
		for _, p := range t.Sources {
			n.prefixes = append(n.prefixes, trunkPrefix{p.Masked(), t})
		}
		if t.Target == "" {
			continue
		}
		host, _, err := net.SplitHostPort(t.Target)
		if err != nil {
			return nil, fmt.Errorf("trunk %s: target %q: %w", t.Name, t.Target, err)
		}
		if a, err := netip.ParseAddr(host); err == nil {
			n.prefixes = append(n.prefixes, trunkPrefix{netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), t})
		}
	}
	return n, nil
}

// known reports whether a datagram or connection from a is worth reading.
func (s *sources) known(a netip.Addr) bool {
	a = a.Unmap()
	if s.configured.Load().hold(a) {
		return true
	}
	s.mu.RLock()
	until, ok := s.dialled[a]
	s.mu.RUnlock()
	return ok && time.Now().Before(until)
}

// hold reports whether the configuration names a network that holds a.
func (n *networks) hold(a netip.Addr) bool {
	for i := range n.prefixes {
		if n.prefixes[i].prefix.Contains(a) {
			return true
		}
	}
	return n.phone(a)
}

func (n *networks) phone(a netip.Addr) bool {
	a = a.Unmap()
	for _, p := range n.phones {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func (s *sources) phone(a netip.Addr) bool { return s.configured.Load().phone(a) }

// trunk is the trunk whose prefix holds a, the longest prefix first; nil when there is none.
func (s *sources) trunk(a netip.Addr) *Trunk {
	a = a.Unmap()
	n := s.configured.Load()
	var best *Trunk
	bits := -1
	for i := range n.prefixes {
		if p := n.prefixes[i].prefix; p.Contains(a) && p.Bits() > bits {
			best, bits = n.prefixes[i].trunk, p.Bits()
		}
	}
	return best
}

// named is the trunk of that name, nil when there is none.
func (s *sources) named(name string) *Trunk {
	n := s.configured.Load()
	for i := range n.trunks {
		if n.trunks[i].Name == name {
			return &n.trunks[i]
		}
	}
	return nil
}

// dial remembers an address that we are about to send a request to, unless it is known anyway.
func (s *sources) dial(a netip.Addr) {
	a = a.Unmap()
	if s.configured.Load().hold(a) {
		return
	}
	s.keep(a, dialledFor)
}

// keep lets an address be known for so long.
func (s *sources) keep(a netip.Addr, d time.Duration) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dialled) >= maxDialled {
		for old, until := range s.dialled {
			if now.After(until) {
				delete(s.dialled, old)
			}
		}
	}
	if until := now.Add(d); len(s.dialled) < maxDialled && until.After(s.dialled[a]) {
		s.dialled[a] = until
	}
}

// resolve turns host and port into an address, by DNS where host is a name; IPv4 first, as trunks mostly are.
func resolve(ctx context.Context, host string, port int) (netip.AddrPort, error) {
	host = trimBrackets(host)
	if a, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(a.Unmap(), uint16(port)), nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("look up %s: %w", host, err)
	}
	for _, a := range addrs {
		if a.Unmap().Is4() {
			return netip.AddrPortFrom(a.Unmap(), uint16(port)), nil
		}
	}
	return netip.AddrPortFrom(addrs[0].Unmap(), uint16(port)), nil
}

func trimBrackets(host string) string {
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}

// splitHostPort reads host:port with a default port.
func splitHostPort(s string, def int) (string, int, error) {
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		return trimBrackets(s), def, nil //nolint:nilerr // no port given
	}
	port, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("port of %q: %w", s, err)
	}
	return host, int(port), nil
}
