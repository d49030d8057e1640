package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/gobwas/ws"
	"go.uber.org/zap"
)

// listener is one address we listen on.
type listener struct {
	network string // "udp", "tcp", "tls"
	packet  net.PacketConn
	stream  net.Listener
	addr    netip.AddrPort
}

// listen opens what the configuration names.
func (e *Endpoint) listen() error {
	for _, a := range e.cfg.UDP {
		c, err := net.ListenPacket("udp"+family(a), a)
		if err != nil {
			return fmt.Errorf("listen on UDP %s: %w", a, err)
		}
		// Bursts of a busy hour must not be lost in the kernel; refused silently where the system allows less.
		if u, ok := c.(*net.UDPConn); ok {
			_ = u.SetReadBuffer(1 << 21)
			_ = u.SetWriteBuffer(1 << 21)
		}
		if e.cfg.Tap != nil {
			c = tapped{c, e}
		}
		e.listeners = append(e.listeners, listener{network: "udp", packet: c, addr: addrPortOf(c.LocalAddr())})
	}
	if err := e.listenStream("tcp", e.cfg.TCP); err != nil {
		return err
	}
	return e.listenStream("tls", e.cfg.TLS)
}

func (e *Endpoint) listenStream(network string, addresses []string) error {
	for _, a := range addresses {
		l, err := net.Listen("tcp"+family(a), a)
		if err != nil {
			return fmt.Errorf("listen on %s %s: %w", sip.NetworkToUpper(network), a, err)
		}
		e.listeners = append(e.listeners, listener{network: network, stream: l, addr: addrPortOf(l.Addr())})
	}
	return nil
}

// family is "4" for an IPv4 address, so that 0.0.0.0 does not become the IPv6 wildcard, whose sockets name their peers in
// mapped form.
func family(address string) string {
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().Is4() {
		return "4"
	}
	return ""
}

func (e *Endpoint) closeListeners() {
	for _, l := range e.listeners {
		if l.packet != nil {
			_ = l.packet.Close()
		}
		if l.stream != nil {
			_ = l.stream.Close()
		}
	}
	_ = e.line.Close()
	_ = e.feed.Close()
}

// serveListeners gives each listener its goroutine. One that ends while we are open ends the endpoint (G2).
func (e *Endpoint) serveListeners() {
	for _, l := range e.listeners {
		e.run(func() {
			var err error
			switch l.network {
			case "udp":
				err = e.transport.ServeUDP(l.packet)
			case "tcp":
				err = e.transport.ServeTCP(&screened{Listener: l.stream, e: e, network: "tcp"})
			case "tls":
				err = e.acceptTLS(l.stream)
			}
			e.listenerEnded(l.network, l.addr, err)
		})
	}
	e.run(func() { e.listenerEnded("tls", netip.AddrPort{}, e.transport.ServeTLS(e.feed)) })
	e.run(func() { e.listenerEnded("ws", netip.AddrPort{}, e.transport.ServeUDP(e.line)) })
}

// awaitSockets returns when the library has our UDP sockets in its pool. Before that it would send a request from a
// socket of its own making, and the answer would miss us.
func (e *Endpoint) awaitSockets() {
	held := []net.Addr{e.line.LocalAddr()}
	for _, l := range e.listeners {
		if l.packet != nil {
			held = append(held, l.packet.LocalAddr())
		}
	}
	for _, addr := range held {
		for e.base.Err() == nil {
			if c := e.transport.Pool("udp").Get(addr.String()); c != nil {
				_, _ = c.TryClose()
				break
			}
			time.Sleep(100 * time.Microsecond)
		}
	}
}

func (e *Endpoint) listenerEnded(network string, addr netip.AddrPort, err error) {
	if e.base.Err() != nil {
		return
	}
	if err == nil {
		err = errors.New("closed by the system")
	}
	e.log.Error("listener died", zap.String("network", network), zap.Stringer("addr", addr), zap.Error(err))
	e.fail(fmt.Errorf("%s listener %s: %w", network, addr, err))
}

// Addrs are the addresses listened on: UDP, then TCP, then TLS.
func (e *Endpoint) Addrs() []net.Addr {
	var out []net.Addr
	for _, l := range e.listeners {
		if l.packet != nil {
			out = append(out, l.packet.LocalAddr())
		} else {
			out = append(out, l.stream.Addr())
		}
	}
	return out
}

// listenAddr is the listener of a network that suits a remote address: same family, and loopback only to loopback.
func (e *Endpoint) listenAddr(network string, remote netip.Addr) netip.AddrPort {
	var second netip.AddrPort
	for _, l := range e.listeners {
		a := l.addr.Addr()
		if l.network != network || !suits(a, remote) {
			continue
		}
		if a.IsLoopback() == remote.IsLoopback() {
			return l.addr
		}
		if !second.IsValid() {
			second = l.addr
		}
	}
	return second
}

func suits(local, remote netip.Addr) bool {
	return local.Is6() && local.IsUnspecified() || local.Is4() == remote.Is4()
}

// anyAddr is some address of ours towards remote, for a Via or Contact nobody connects to.
func (e *Endpoint) anyAddr(remote netip.Addr) netip.AddrPort {
	for _, network := range [...]string{"udp", "tcp", "tls"} {
		if a := e.listenAddr(network, remote); a.IsValid() {
			return a
		}
	}
	if len(e.listeners) > 0 {
		return e.listeners[0].addr
	}
	if e.cfg.Advertise.IsValid() {
		return netip.AddrPortFrom(e.cfg.Advertise, 5060)
	}
	return netip.AddrPortFrom(outboundAddr(netip.AddrPortFrom(remote, 9)), 5060)
}

// udpSocket names the listener's socket to the library, so that requests leave from the port that we listen on.
func (e *Endpoint) udpSocket(h hop) sip.Addr {
	l := e.listenAddr("udp", h.remote.Addr())
	return sip.Addr{IP: l.Addr().AsSlice(), Port: int(l.Port()), Zone: l.Addr().Zone()}
}

// streamTransports are the TCP and WebSocket transports with our deadlines, and without any dialling of browsers.
func (e *Endpoint) streamTransports() sip.TransportsConfig {
	t := e.cfg.Timeouts
	return sip.TransportsConfig{
		TCP: &sip.TransportTCP{
			ReadTimeout: t.StreamIdle, WriteTimeout: t.Dial,
			DialerCreate: func(local net.Addr) net.Dialer {
				return net.Dialer{Timeout: t.Dial, LocalAddr: nonNil(local)}
			},
		},
		TLS: &sip.TransportTLS{TransportTCP: &sip.TransportTCP{
			ReadTimeout: t.StreamIdle, WriteTimeout: t.Dial,
			DialerCreate: func(net.Addr) net.Dialer { // see feed
				return net.Dialer{Control: func(string, string, syscall.RawConn) error { return errFlowGone }}
			},
		}},
		WS: &sip.TransportWS{
			DialerCreate: func(net.Addr) ws.Dialer {
				return ws.Dialer{NetDial: func(context.Context, string, string) (net.Conn, error) { return nil, errFlowGone }}
			},
		},
	}
}

// nonNil undoes the typed nil the library passes for "any address", which net.Dialer would not understand.
func nonNil(a net.Addr) net.Addr {
	if t, ok := a.(*net.TCPAddr); ok && t == nil {
		return nil
	}
	return a
}

// screened accepts TCP connections from known addresses only, tells when they close, and outlives a shortage of file
// descriptors: any error of Accept would end the library's server.
type screened struct {
	net.Listener
	e       *Endpoint
	network string
}

func (s *screened) Accept() (net.Conn, error) {
	for {
		c, err := s.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, err
		case err != nil:
			s.e.log.Warn("TCP accept", zap.Error(err))
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-s.e.base.Done():
				return nil, net.ErrClosed
			}
		}
		if !s.e.sources.known(addrPortOf(c.RemoteAddr()).Addr()) {
			s.e.metrics.dropped.WithLabelValues("unknown source").Inc()
			_ = c.Close()
			continue
		}
		return &watched{Conn: c, closed: func() { s.e.flowClosed(s.network, addrPortOf(c.RemoteAddr())) }}, nil
	}
}

// watched is a connection that says when it was closed.
type watched struct {
	net.Conn
	once   sync.Once
	closed func()
}

func (w *watched) Close() error {
	err := w.Conn.Close()
	w.once.Do(w.closed)
	return err
}

func addrPortOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
