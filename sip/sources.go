package sip

import (
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
	hops    map[netip.Addr]*trunk    // guarded by mu; where DNS led the trunks that name no sources
}

// networks are what the configuration names. They are replaced as a whole, and never change.
type networks struct {
	trunks   []*trunk
	prefixes []trunkPrefix
	phones   []netip.Prefix
}

type trunkPrefix struct {
	prefix netip.Prefix
	trunk  *trunk
}

// dialledFor is how long an address we called stays known after the last request: longer than the longest wait for a
// response (64*T1) and than any pause of a call between two refreshes (RFC 4028 asks for 90 s at least, 1800 s is usual).
const dialledFor = time.Hour

// maxDialled bounds the addresses remembered; trunks have a handful.
const maxDialled = 4096

func newSources() *sources {
	s := &sources{dialled: map[netip.Addr]time.Time{}, hops: map[netip.Addr]*trunk{}}
	s.configured.Store(&networks{})
	return s
}

func newNetworks(trunks []*trunk, phones []netip.Prefix) *networks {
	n := &networks{trunks: trunks, phones: slices.Clone(phones)}
	for _, t := range trunks {
		for _, p := range t.Sources {
			n.prefixes = append(n.prefixes, trunkPrefix{p.Masked(), t})
		}
		for _, target := range t.Targets {
			if a, ok := literal(target); ok {
				n.prefixes = append(n.prefixes, trunkPrefix{netip.PrefixFrom(a, a.BitLen()), t})
			}
		}
	}
	return n
}

// hop notes, or forgets, that DNS led a trunk to an address. Of a trunk that does not name its sources it is one of them.
func (s *sources) hop(t *trunk, a netip.Addr, known bool) {
	a = a.Unmap()
	if len(t.Sources) > 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case known && t.life.Err() == nil:
		s.hops[a] = t
	case s.hops[a] == t:
		delete(s.hops, a)
	}
}

// forget drops the addresses of a trunk that is no more.
func (s *sources) forget(t *trunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for a, of := range s.hops {
		if of == t {
			delete(s.hops, a)
		}
	}
}

// known reports whether a datagram or connection from a is worth reading.
func (s *sources) known(a netip.Addr) bool {
	a = a.Unmap()
	if s.configured.Load().hold(a) {
		return true
	}
	s.mu.RLock()
	until, ok := s.dialled[a]
	hop := s.hops[a]
	s.mu.RUnlock()
	return hop != nil || ok && time.Now().Before(until)
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
func (s *sources) trunk(a netip.Addr) *trunk {
	a = a.Unmap()
	n := s.configured.Load()
	var best *trunk
	bits := -1
	for i := range n.prefixes {
		if p := n.prefixes[i].prefix; p.Contains(a) && p.Bits() > bits {
			best, bits = n.prefixes[i].trunk, p.Bits()
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

// named is the trunk of that name, nil when there is none.
func (s *sources) named(name string) *trunk {
	for _, t := range s.configured.Load().trunks {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// challenges reports whether the trunk must prove itself with each call.
func (t *Trunk) challenges() bool { return t.Challenge.Username != "" }

// challenged are the trunks that may call from a, and must prove themselves.
func (s *sources) challenged(a netip.Addr) (all []*trunk) {
	a = a.Unmap()
	for _, p := range s.configured.Load().prefixes {
		if p.trunk.challenges() && p.prefix.Contains(a) {
			all = append(all, p.trunk)
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
