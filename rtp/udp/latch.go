package udp

import (
	"net/netip"
	"sync"
	"time"
)

// latch decides whose packets a session hears and where it sends: at first to the address of the SDP, then to where the
// far side really sends from (symmetric RTP, RFC 4961), found once and changed only for a reason. A stranger who knows
// the port must not be able to take over the call, nor to be heard.
type latch struct {
	window time.Duration // after a negotiation, in which any address may turn out to be the far side

	mu      sync.Mutex
	told    netip.AddrPort // guarded by mu: by the SDP
	found   netip.AddrPort // guarded by mu: invalid until the first valid packet
	ssrc    uint32         // guarded by mu: what found last sent
	open    time.Time      // guarded by mu: end of the window
	renewed bool           // guarded by mu: negotiated again since found was found
	heard   time.Time      // guarded by mu: the last valid packet from found
}

// How long the far side must have been silent before another address is believed to be it.
const (
	moveSilence   = 500 * time.Millisecond // the same SSRC: a NAT has given it another port
	changeSilence = 2 * time.Second        // another SSRC from the same host: the device began anew
)

// negotiated takes the address of an SDP.
func (l *latch) negotiated(told netip.AddrPort, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = at.Add(l.window)
	l.renewed = true
	if told.IsValid() && told != l.told {
		l.told, l.found = told, netip.AddrPort{}
	}
}

// admits reports whether a packet with this SSRC from this address may be that of the far side.
func (l *latch) admits(from netip.AddrPort, ssrc uint32, at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.found.IsValid() {
		return from == l.told || from.Addr() == l.told.Addr() || at.Before(l.open)
	}
	if from == l.found {
		return true
	}
	silent := at.Sub(l.heard)
	switch {
	case from == l.told && at.Before(l.open):
		return true // the address that was named, after somebody else was quicker
	case ssrc == l.ssrc:
		return silent >= moveSilence || l.renewed && at.Before(l.open)
	case silent < changeSilence:
		return false
	}
	return from.Addr() == l.found.Addr() || from.Addr() == l.told.Addr() || l.renewed && at.Before(l.open)
}

// confirm notes a valid packet that was admitted. moved: from now on, this is the address to send to, and it is another
// than before.
func (l *latch) confirm(from netip.AddrPort, ssrc uint32, at time.Time) (moved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from != l.found {
		moved = from != l.known()
		l.found, l.renewed = from, false
	}
	l.ssrc, l.heard = ssrc, at
	return moved
}

// where is the address to send to now; invalid: none is known.
func (l *latch) where() netip.AddrPort {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known()
}

// known is where, for one who holds mu.
func (l *latch) known() netip.AddrPort {
	if l.found.IsValid() {
		return l.found
	}
	return l.told
}
