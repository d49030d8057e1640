package sip

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"go.uber.org/zap"
)

// feed hands TLS connections to the library, whichever side has opened them. Its own transport would shake hands while it
// reads, for as long as a connection may be idle; verifies by the address and not by the name; and can neither show
// another certificate to each trunk nor change them.
//
//	listener ─▶ screened ─▶ handshake ─┐
//	                                   ├─▶ feed ─▶ (library: pool, parser) ─▶ arrived
//	request to a trunk ─▶ handshake ───┘
type feed struct {
	in     chan handed
	closed chan struct{}
	once   sync.Once
	last   chan struct{} // closed when the connection handed out last stands in the pool; owned by Accept
}

type handed struct {
	conn  net.Conn
	filed chan struct{}
}

func newFeed() *feed { return &feed{in: make(chan handed), closed: make(chan struct{})} }

// hand gives a connection away, and returns when it can be found in the pool.
func (f *feed) hand(c net.Conn) error {
	h := handed{c, make(chan struct{})}
	select {
	case f.in <- h:
	case <-f.closed:
		return net.ErrClosed
	}
	select {
	case <-h.filed:
		return nil
	case <-f.closed:
		return net.ErrClosed
	}
}

// Accept is called by the library when it has filed the connection before.
func (f *feed) Accept() (net.Conn, error) {
	if f.last != nil {
		close(f.last)
		f.last = nil
	}
	select {
	case h := <-f.in:
		f.last = h.filed
		return h.conn, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and hand.
func (f *feed) Close() error {
	f.once.Do(func() { close(f.closed) })
	return nil
}

// Addr is no address that anybody could connect to.
func (f *feed) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// mostHandshakes bounds those that are under way with who has connected to us.
const mostHandshakes = 256

// acceptTLS serves a TLS listener.
func (e *Endpoint) acceptTLS(l net.Listener) error {
	from := &screened{Listener: l, e: e, network: "tls"}
	places := make(chan struct{}, mostHandshakes)
	for {
		c, err := from.Accept()
		if err != nil {
			return err
		}
		select {
		case places <- struct{}{}:
		default:
			e.metrics.dropped.WithLabelValues("handshakes").Inc()
			_ = c.Close()
			continue
		}
		if !e.run(func() { defer func() { <-places }(); e.welcome(c) }) {
			_ = c.Close()
		}
	}
}

// welcome shakes hands with who has connected.
func (e *Endpoint) welcome(c net.Conn) {
	ctx, cancel := context.WithTimeout(e.base, e.cfg.Timeouts.Dial)
	defer cancel()
	secured := tls.Server(c, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: e.serverConfig})
	err := secured.HandshakeContext(ctx)
	if err == nil {
		err = e.feed.hand(secured)
	}
	if err != nil {
		e.log.Info("TLS connection refused", zap.Stringer("from", c.RemoteAddr()), zap.Error(err))
		_ = c.Close()
	}
}

// lifelines are the TLS connections that we have opened, by the address of their far end.
type lifelines struct {
	mu     sync.Mutex
	opened map[netip.AddrPort]string        // guarded by mu: for whom
	busy   map[netip.AddrPort]chan struct{} // guarded by mu: being opened; closed when it is over
}

// connect sees to it that there is a connection to a TLS hop, made for its trunk. One that the hop itself has opened is as
// good.
func (e *Endpoint) connect(ctx context.Context, h hop) error {
	whose := h.certified()
	if h.trunk != nil {
		whose += " of " + h.trunk.Name
	}
	l := &e.lifelines
	for {
		l.mu.Lock()
		by, ours := l.opened[h.remote]
		busy := l.busy[h.remote]
		if busy == nil && e.alive(flow{Transport: "tls", Remote: h.remote}) && (!ours || by == whose) {
			l.mu.Unlock()
			return nil
		}
		if busy == nil {
			if l.busy == nil {
				l.busy, l.opened = map[netip.AddrPort]chan struct{}{}, map[netip.AddrPort]string{}
			}
			done := make(chan struct{})
			l.busy[h.remote] = done
			l.mu.Unlock()
			err := e.dialTLS(ctx, h)
			l.mu.Lock()
			delete(l.busy, h.remote)
			if err == nil {
				l.opened[h.remote] = whose
			}
			l.mu.Unlock()
			close(done)
			return err
		}
		l.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// lifeline is our end of the connection to a hop, where there is no listener that it could connect to: by that address it
// finds the connection again (RFC 5923 for who does not know aliases).
func (e *Endpoint) lifeline(h hop) (netip.AddrPort, error) {
	if err := e.connect(e.base, h); err != nil {
		return netip.AddrPort{}, err
	}
	c, err := e.transport.GetConnection("tls", h.remote.String())
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("connection to %s: %w", h.remote, err)
	}
	defer func() { _, _ = c.TryClose() }() // gives back the reference that GetConnection took
	return addrPortOf(c.LocalAddr()), nil
}

// dialTLS opens a connection to a hop and hands it to the library.
func (e *Endpoint) dialTLS(ctx context.Context, h hop) error {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Timeouts.Dial)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", h.remote.String())
	if err != nil {
		return fmt.Errorf("connect to %s: %w", h.remote, err)
	}
	secured := tls.Client(c, e.clientConfig(h))
	if err = secured.HandshakeContext(ctx); err == nil {
		gone := func() {
			e.lifelines.mu.Lock()
			delete(e.lifelines.opened, h.remote)
			e.lifelines.mu.Unlock()
			e.flowClosed("tls", h.remote)
		}
		err = e.feed.hand(&watched{Conn: secured, closed: gone})
	}
	if err != nil {
		_ = c.Close()
		return fmt.Errorf("TLS with %s (%s): %w", h.certified(), h.remote, err)
	}
	return nil
}
