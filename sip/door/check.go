package door

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// refusal is why a request does not become a socket.
type refusal struct {
	status int
	reason string // metric label
	text   string // body: what is wrong and what cures it
}

// check looks at everything in the request that needs no state.
func (d *Door) check(r *http.Request) *refusal {
	h := r.Header
	switch {
	case r.URL.Path != d.cfg.Path:
		return &refusal{http.StatusNotFound, "path", "SIP over WebSocket is at " + d.cfg.Path}
	case r.Method != http.MethodGet:
		return &refusal{http.StatusMethodNotAllowed, "method", "a WebSocket is opened with GET"}
	case !d.originAllowed(r):
		return &refusal{http.StatusForbidden, "origin", "this page's origin may not open sockets; add it to the allowed origins"}
	case !hasToken(h, "Upgrade", "websocket") || !hasToken(h, "Connection", "upgrade") ||
		h.Get("Sec-WebSocket-Version") != "13":
		return &refusal{http.StatusUpgradeRequired, "upgrade", "open a WebSocket here (RFC 6455, version 13)"}
	case len(h.Get("Sec-WebSocket-Key")) != 24: // base64 of 16 bytes
		return &refusal{http.StatusBadRequest, "key", "Sec-WebSocket-Key must be 16 bytes in base64"}
	case !hasToken(h, "Sec-WebSocket-Protocol", "sip"):
		return &refusal{http.StatusBadRequest, "subprotocol", `ask for the subprotocol "sip" (RFC 7118)`}
	}
	return nil
}

// session asks whose session the request carries.
func (d *Door) session(r *http.Request) (aor string, no *refusal) {
	if d.cfg.Authenticate == nil {
		return "", nil
	}
	aor, err := d.cfg.Authenticate(r)
	if err != nil {
		return "", &refusal{http.StatusUnauthorized, "session", "the session is not valid (any more); log in again"}
	}
	return aor, nil
}

// originAllowed is what stands between a foreign page in an agent's browser and a socket in the agent's name (pitfall W2).
func (d *Door) originAllowed(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	if len(origins) > 1 {
		return false
	}
	origin := strings.TrimSuffix(origins[0], "/")
	for _, o := range d.cfg.Origins {
		if o == "*" || strings.EqualFold(strings.TrimSuffix(o, "/"), origin) {
			return true
		}
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// hasToken looks for a word in a comma-separated header, without regard to case.
func hasToken(h http.Header, name, token string) bool {
	for _, v := range h.Values(name) {
		for word := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(word), token) {
				return true
			}
		}
	}
	return false
}

// clientAddr is who is behind the connection: its other end, or, when that is a proxy we trust, the last address in
// X-Forwarded-For that is no such proxy. It is for the log and the limit alone; a flow is always the TCP peer.
func (d *Door) clientAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap()
	if !d.trusted(addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return addr
		}
		if addr = a.Unmap(); !d.trusted(addr) {
			return addr
		}
	}
	return addr
}

func (d *Door) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(d.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
