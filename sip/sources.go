package sip

import (
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
	hops    map[netip.Addr]*Trunk    // guarded by mu; where DNS led the trunks that name no sources
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

func newSources(cfg Config) *sources {
	s := &sources{phones: cfg.PhoneNetworks, dialled: map[netip.Addr]time.Time{}, hops: map[netip.Addr]*Trunk{}}
	for i := range cfg.Trunks {
		t := &cfg.Trunks[i]
		for _, p := range t.Sources {
			s.trunks = append(s.trunks, trunkPrefix{p.Masked(), t})
		}
		for _, target := range t.Targets {
			if a, ok := literal(target); ok {
				s.trunks = append(s.trunks, trunkPrefix{netip.PrefixFrom(a, a.BitLen()), t})
			}
		}
	}
	return s
}

// hop notes, or forgets, that DNS led a trunk to an address. Of a trunk that does not name its sources it is one of them.
func (s *sources) hop(t *Trunk, a netip.Addr, known bool) {
	a = a.Unmap()
	if len(t.Sources) > 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case known:
		s.hops[a] = t
	case s.hops[a] == t:
		delete(s.hops, a)
	}
}

// known reports whether a datagram or connection from a is worth reading.
func (s *sources) known(a netip.Addr) bool {
	a = a.Unmap()
	if s.configured(a) {
		return true
	}
	s.mu.RLock()
	until, ok := s.dialled[a]
	hop := s.hops[a]
	s.mu.RUnlock()
	return hop != nil || ok && time.Now().Before(until)
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
	if bits == a.BitLen() {
		return best
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t := s.hops[a]; t != nil {
		return t // the address itself is longer than any prefix
	}
	return best
}

// challenges reports whether the trunk must prove itself with each call.
func (t *Trunk) challenges() bool { return t.Challenge.Username != "" }

// challenged are the trunks that may call from a, and must prove themselves.
func (s *sources) challenged(a netip.Addr) (all []*Trunk) {
	a = a.Unmap()
	for i := range s.trunks {
		if t := s.trunks[i].trunk; t.challenges() && s.trunks[i].prefix.Contains(a) {
			all = append(all, t)
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t := s.hops[a]; t != nil && t.challenges() {
		all = append(all, t)
	}
	return all
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
