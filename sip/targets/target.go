package targets

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cordboard/cordboard/sip/field"
)

// Transport is how a request travels. The set is closed.
type Transport string

// The transports.
const (
	UDP Transport = "udp"
	TCP Transport = "tcp"
	TLS Transport = "tls"
)

// Errors of this package.
var (
	// ErrTarget: a target that cannot be read.
	ErrTarget = errors.New("malformed target")
	// ErrNowhere: no target leads to an address.
	ErrNowhere = errors.New("no target has an address")
)

// Target is a place as an operator writes it.
type Target struct {
	Host      string    // a name, or an address without brackets
	Port      uint16    // 0: what SRV says, or the transport's own
	Transport Transport // "": what SRV says, or UDP
	// Priority and Weight order several targets of one trunk as SRV records are ordered (RFC 2782): the lowest priority
	// first, and among equals as often as the weight says. Targets of one priority without weights are tried as written.
	Priority, Weight uint16
}

// Parse reads a SIP URI, or host[:port][;transport=…]. sips is TLS.
func Parse(s string) (Target, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return Target{Host: a.Unmap().String()}, nil // IPv6 without its brackets, which field would take for a port
	}
	if !strings.HasPrefix(strings.ToLower(s), "sip:") && !strings.HasPrefix(strings.ToLower(s), "sips:") {
		s = "sip:" + s
	}
	u, err := field.ParseURI(s)
	if err != nil {
		return Target{}, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	t := Target{Host: u.Host, Port: uint16(u.Port)}
	if maddr := u.Params.Value("maddr"); maddr != "" { // RFC 3263 section 4
		if t.Host, _, err = field.ParseHostPort(maddr); err != nil {
			return Target{}, fmt.Errorf("%w: maddr: %w", ErrTarget, err)
		}
	}
	switch transport := Transport(strings.ToLower(u.Params.Value("transport"))); transport {
	case "", UDP, TCP, TLS:
		t.Transport = transport
	default:
		return Target{}, fmt.Errorf("%w: transport %.10q is none of udp, tcp and tls", ErrTarget, string(transport))
	}
	if u.Scheme == "sips" {
		if t.Transport == UDP {
			return Target{}, fmt.Errorf("%w: sips does not go over udp", ErrTarget)
		}
		t.Transport = TLS
	}
	return t, nil
}

// String writes the target so that Parse reads it.
func (t Target) String() string {
	s := field.HostPort(t.Host, int(t.Port))
	if t.Transport != "" {
		s += ";transport=" + string(t.Transport)
	}
	return s
}

// Hop is one address that a request can be sent to. Hops are compared by ==.
type Hop struct {
	Transport Transport
	Addr      netip.AddrPort
	// Host is the configured name (or address), which the certificate of a TLS peer must carry (RFC 5922 section 7.1): it
	// is not what SRV led to, for that answer could be forged.
	Host string
}

// String is for people: "udp:192.0.2.1:5060".
func (h Hop) String() string { return string(h.Transport) + ":" + h.Addr.String() }

// portOf is the port of a transport without one (RFC 3261 section 19.1.2).
func portOf(t Transport) uint16 {
	if t == TLS {
		return 5061
	}
	return 5060
}

// ordered sorts by priority and draws the order of equals by weight, as RFC 2782 describes: what weighs nothing comes
// first in the list that is drawn from, which gives it a small chance beside what weighs something. rnd(n) is a number
// in [0, n).
func ordered[T any](all []T, rank func(T) (priority, weight uint16), rnd func(n int64) int64) []T {
	rest := make([]T, len(all))
	copy(rest, all)
	slices.SortStableFunc(rest, func(a, b T) int {
		pa, wa := rank(a)
		pb, wb := rank(b)
		return cmp.Or(cmp.Compare(pa, pb), cmp.Compare(min(wa, 1), min(wb, 1)))
	})
	out := make([]T, 0, len(rest))
	for len(rest) > 0 {
		first, _ := rank(rest[0])
		n, sum := 0, int64(0)
		for n < len(rest) {
			p, w := rank(rest[n])
			if p != first {
				break
			}
			sum += int64(w)
			n++
		}
		pick := 0
		if sum > 0 {
			for at, left := 0, rnd(sum+1); at < n; at++ {
				_, w := rank(rest[at])
				if left -= int64(w); left <= 0 {
					pick = at
					break
				}
			}
		}
		out = append(out, rest[pick])
		rest = append(rest[:pick:pick], rest[pick+1:]...)
	}
	return out
}
