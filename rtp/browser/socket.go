package browser

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// socketBuffer is room for a burst of all browsers at once: at 250 bytes a packet, 16,000 of them.
const socketBuffer = 4 << 20

// socket is the one UDP socket of all browsers. The ICE library reads STUN and DTLS from it; what is SRTP or SRTCP goes
// to the session that owns the sender's address, from within the read, so that no packet waits for another goroutine.
type socket struct {
	*net.UDPConn
	fd     int // of the connection, valid until it is closed
	local  netip.AddrPort
	gauges *gauges

	closing sync.RWMutex // held for reading while fd is used
	closed  bool         // guarded by closing

	mu     sync.RWMutex
	routes map[netip.AddrPort]*Session // guarded by mu; the remote addresses of connected sessions
}

func openSocket(listen string, g *gauges) (*socket, error) {
	local, err := netip.ParseAddrPort(listen)
	if err != nil {
		return nil, fmt.Errorf("%q is not ip:port", listen)
	}
	network := "udp4" // explicit, so that an IPv4 address is never written as a mapped one
	if local.Addr().Unmap().Is6() {
		network = "udp6"
	}
	c, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, err
	}
	// A smaller buffer than asked for is what the kernel allows; it works, with less room for bursts.
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
	bound := c.LocalAddr().(*net.UDPAddr).AddrPort()
	s := &socket{UDPConn: c, gauges: g, routes: map[netip.AddrPort]*Session{},
		local: netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())}
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { s.fd = int(fd) })
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return s, nil
}

// ReadFromAddrPort returns the next packet for the ICE library, after all sound before it has been delivered.
func (s *socket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := s.ReadFromUDPAddrPort(b)
		if err != nil {
			var op *net.OpError
			if errors.As(err, &op) && !errors.Is(err, net.ErrClosed) && !op.Timeout() {
				continue // an ICMP answer to something we sent must not end the reading for all
			}
			return n, from, err
		}
		if n == 0 || !isSound(b[0]) {
			return n, from, nil
		}
		session := s.owner(from)
		if session == nil {
			return n, from, nil // the path may be newer than the route; the ICE library knows its addresses
		}
		session.receive(b[:n], time.Now())
	}
}

// isSound tells SRTP and SRTCP from STUN, DTLS and the rest (RFC 7983 section 7).
func isSound(first byte) bool { return first >= 128 && first <= 191 }

func (s *socket) owner(from netip.AddrPort) *Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.routes[netip.AddrPortFrom(from.Addr().Unmap(), from.Port())]
}

// route gives a remote address to a session, in the place of its former one.
func (s *socket) route(session *Session, former, address netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.routes[former] == session {
		delete(s.routes, former)
	}
	if address.IsValid() {
		s.routes[address] = session
	}
}

var errFull = errors.New("the socket's buffer is full")

// send never waits: one packet that is lost is better than every browser's sound behind it.
func (s *socket) send(packet []byte, to unix.Sockaddr) error {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return net.ErrClosed
	}
	err := unix.Sendto(s.fd, packet, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, to)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) {
		s.gauges.dropped.Inc()
		return errFull
	}
	return err
}

// WriteToAddrPort is how the ICE library sends: STUN and DTLS, which repeat what is lost.
func (s *socket) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if err := s.send(b, sockaddrOf(to)); err != nil && !errors.Is(err, errFull) {
		return 0, err
	}
	return len(b), nil
}

// WriteTo is WriteToAddrPort for those who have a net.Addr.
func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("%s is not a UDP address", to)
	}
	return s.WriteToAddrPort(b, udp.AddrPort())
}

// Close waits for those who are sending: the descriptor's number may belong to someone else right after.
func (s *socket) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.UDPConn.Close()
}

func sockaddrOf(a netip.AddrPort) unix.Sockaddr {
	ip := a.Addr().Unmap()
	if ip.Is4() {
		return &unix.SockaddrInet4{Addr: ip.As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: ip.As16(), Port: int(a.Port())}
}
