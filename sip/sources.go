package sip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// sources knows who may talk to us at all, and which trunk an address belongs to. A look-up costs a walk over the few
// configured prefixes and keeps nothing of the address asked for.
type sources struct {
	trunks []trunkPrefix
	phones []netip.Prefix

	mu      sync.RWMutex
	dialled map[netip.Addr]time.Time // guarded by mu; addresses we sent a request to, until when they are known
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
	s := &sources{phones: cfg.PhoneNetworks, dialled: map[netip.Addr]time.Time{}}
	for i := range cfg.Trunks {
		t := &cfg.Trunks[i]
		for _, p := range t.Sources {
			s.trunks = append(s.trunks, trunkPrefix{p.Masked(), t})
		}
		if t.Target == "" {
			continue
		}
		host, _, err := net.SplitHostPort(t.Target)
		if err != nil {
			return nil, fmt.Errorf("trunk %s: target %q: %w", t.Name, t.Target, err)
		}
		if a, err := netip.ParseAddr(host); err == nil {
			s.trunks = append(s.trunks, trunkPrefix{netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), t})
		}
	}
	return s, nil
}

// known reports whether a datagram or connection from a is worth reading.
func (s *sources) known(a netip.Addr) bool {
	a = a.Unmap()
	if s.configured(a) {
		return true
	}
	s.mu.RLock()
	until, ok := s.dialled[a]
	s.mu.RUnlock()
	return ok && time.Now().Before(until)
}

// configured reports whether the configuration names a network that holds a.
func (s *sources) configured(a netip.Addr) bool {
	for i := range s.trunks {
		if s.trunks[i].prefix.Contains(a) {
			return true
		}
	}
	return s.phone(a)
}

func (s *sources) phone(a netip.Addr) bool {
	a = a.Unmap()
	for _, p := range s.phones {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// trunk is the trunk whose prefix holds a, the longest prefix first; nil when there is none.
func (s *sources) trunk(a netip.Addr) *Trunk {
	a = a.Unmap()
	var best *Trunk
	bits := -1
	for i := range s.trunks {
		if p := s.trunks[i].prefix; p.Contains(a) && p.Bits() > bits {
			best, bits = s.trunks[i].trunk, p.Bits()
		}
	}
	return best
}

// dial remembers an address that we are about to send a request to, unless it is known anyway.
func (s *sources) dial(a netip.Addr) {
	a = a.Unmap()
	if s.configured(a) {
		return
	}
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
	if len(s.dialled) < maxDialled {
		s.dialled[a] = now.Add(dialledFor)
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
