package door

import (
	"crypto/sha1" // RFC 6455 section 4.2.2 wants SHA-1, not for secrecy
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"go.uber.org/zap"
)

// serve is the way in, from top to bottom.
func (d *Door) serve(w http.ResponseWriter, r *http.Request) {
	client := d.clientAddr(r)
	if no := d.check(r); no != nil {
		d.refuse(w, r, *no)
		return
	}
	aor, no := d.session(r)
	if no != nil {
		d.refuse(w, r, *no)
		return
	}
	s := &Socket{door: d, aor: aor, remote: remoteOf(r), client: client}
	if no := d.enter(s); no != nil {
		d.refuse(w, r, *no)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		d.leave(s)
		d.refuse(w, r, refusal{http.StatusHTTPVersionNotSupported, "http-version", "a SIP WebSocket needs HTTP/1.1"})
		return
	}
	if err = s.open(conn, buffered.Reader); err == nil {
		err = d.welcome(s, r)
	}
	if err != nil {
		d.cfg.Log.Info("browser left at the door", zap.Stringer("remote", s.remote), zap.Error(err))
		s.abort()
		return
	}
	d.cfg.Log.Debug("browser came in", zap.Stringer("remote", s.remote), zap.Stringer("client", client), zap.String("aor", aor))
}

// remoteOf is the TCP peer, IPv4 as such also where the listener is for both families.
func remoteOf(r *http.Request) netip.AddrPort {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// enter counts s in, if there is room.
func (d *Door) enter(s *Socket) *refusal {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, taken := d.sockets[s.remote]
	switch {
	case d.shut:
		return &refusal{http.StatusServiceUnavailable, "closing", "the gateway is going down; connect again in a minute"}
	case len(d.sockets) >= d.cfg.MaxSockets:
		return &refusal{http.StatusServiceUnavailable, "full", "too many open sockets; raise the limit or add a gateway"}
	case d.byAddress[s.client] >= d.cfg.PerAddress:
		return &refusal{http.StatusTooManyRequests, "address-full", "too many open sockets from your address"}
	case taken: // the same client port towards two of our ports; the SIP stack knows flows by the remote end alone
		return &refusal{http.StatusServiceUnavailable, "address-taken", "connect again from another port"}
	}
	d.sockets[s.remote] = s
	d.byAddress[s.client]++
	d.metrics.sockets.Inc()
	return nil
}

// lose forgets whose socket s was; its place is still taken.
func (d *Door) lose(s *Socket) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.lost = true
}

// leave counts s out.
func (d *Door) leave(s *Socket) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sockets[s.remote] != s {
		return
	}
	delete(d.sockets, s.remote)
	if d.byAddress[s.client]--; d.byAddress[s.client] == 0 {
		delete(d.byAddress, s.client)
	}
	d.metrics.sockets.Dec()
	if d.shut && len(d.sockets) == 0 {
		close(d.empty)
	}
}

// welcome answers the upgrade request and begins to read.
func (d *Door) welcome(s *Socket, r *http.Request) error {
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Accept: " + acceptKey(r.Header.Get("Sec-WebSocket-Key")) + "\r\n\r\n"
	if err := s.send([]byte(answer), d.cfg.HandshakeTimeout); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		return net.ErrClosed
	}
	s.reading.Go(s.listen)
	return nil
}

// acceptKey proves that the upgrade request has been read (RFC 6455 section 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (d *Door) refuse(w http.ResponseWriter, r *http.Request, no refusal) {
	d.metrics.refused.WithLabelValues(no.reason).Inc()
	d.cfg.Log.Debug("browser refused", zap.String("remote", r.RemoteAddr), zap.String("reason", no.reason))
	h := w.Header()
	switch no.status {
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodGet)
	case http.StatusUpgradeRequired:
		h.Set("Upgrade", "websocket")
		h.Set("Sec-WebSocket-Version", "13")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(retryAfterSeconds))
	}
	http.Error(w, no.text, no.status)
}

// retryAfterSeconds is short: a place becomes free whenever a tab is closed.
const retryAfterSeconds = 10
