package browser

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cordboard/cordboard/rtp/ice"
)

// socketBuffer is room for a burst of all browsers at once: at 250 bytes a packet, 16,000 of them.
const socketBuffer = 4 << 20

// socket is the one UDP socket of all browsers.
type socket struct {
	*net.UDPConn
	fd     int // of the connection, valid until it is closed
	local  netip.AddrPort
	gauges *gauges

	closing sync.RWMutex // held for reading while fd is used
	closed  bool         // guarded by closing
	reading sync.WaitGroup

	mu      sync.RWMutex
	routes  map[netip.AddrPort]route // guarded by mu; where browsers have been heard
	users   map[string]*Session      // guarded by mu; by an ice-ufrag of ours
	numbers map[uint32]*Session      // guarded by mu; by the number of their agent
}

// route is whom an address belongs to.
type route struct {
	session *Session
	proven  bool // it has answered a check of ours, which nobody can who merely forges it
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
	s := &socket{UDPConn: c, gauges: g, routes: map[netip.AddrPort]route{}, users: map[string]*Session{},
		numbers: map[uint32]*Session{}, local: netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())}
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

// read dispatches what arrives until the socket is closed.
func (s *socket) read() {
	buffer := make([]byte, 2048) // more than maxPacket: what is longer shall be seen to be
	for {
		n, from, err := s.ReadFromUDPAddrPort(buffer)
		switch {
		case err == nil:
			s.dispatch(buffer[:n], from, time.Now())
		case errors.Is(err, net.ErrClosed):
			return
		default: // an ICMP answer to something we sent must not end the reading for all
		}
	}
}

// dispatch hands a packet to the session that it is for, which takes it before dispatch returns, or copies it: sound
// and DTLS by the sender's address, STUN by what it says (RFC 7983 section 7). It never waits, and no packet can stop
// the goroutine, which reads for all browsers.
func (s *socket) dispatch(packet []byte, from netip.AddrPort, at time.Time) {
	defer func() {
		if recover() != nil {
			s.gauges.recovered.Inc()
		}
	}()
	if len(packet) == 0 || len(packet) > maxPacket {
		return
	}
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	switch first := packet[0]; {
	case first >= 128 && first <= 191:
		if session := s.owner(from); session != nil {
			session.receive(packet, from, at)
		}
	case first <= 3:
		if session := s.addressee(packet); session == nil || !session.stun(packet, from, at) {
			s.gauges.strangers.Inc()
		}
	case first >= 20 && first <= 63:
		if session := s.owner(from); session != nil {
			session.dtls(packet)
		}
	}
}

func (s *socket) owner(from netip.AddrPort) *Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.routes[from].session
}

// addressee is whom a STUN message names, by the user of a request or the id of a response.
func (s *socket) addressee(packet []byte) *Session {
	user := ice.User(packet)
	number, response := ice.Number(packet)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if response {
		return s.numbers[number]
	}
	return s.users[string(user)]
}

// route gives a session the addresses at which its browser is heard, in the place of former ones. An address that
// another session has is given only to who has proved it.
func (s *socket) route(session *Session, former, addresses []address) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range former {
		if s.routes[a.AddrPort].session == session {
			delete(s.routes, a.AddrPort)
		}
	}
	for _, a := range addresses {
		if _, taken := s.routes[a.AddrPort]; !taken || a.proven {
			s.routes[a.AddrPort] = route{session, a.proven}
		}
	}
}

// name gives a session the user names under which it is asked, in the place of former ones.
func (s *socket) name(session *Session, former, users []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range former {
		delete(s.users, u)
	}
	for _, u := range users {
		s.users[u] = session
	}
}

// number finds a number for a session's agent which no other has.
func (s *socket) number(session *Session, draw func() uint32) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		n := draw()
		if _, taken := s.numbers[n]; !taken {
			s.numbers[n] = session
			return n
		}
	}
}

func (s *socket) forget(number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.numbers, number)
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

// Close waits for those who are sending, because the descriptor's number may belong to someone else right after; and for
// the reading.
func (s *socket) Close() error {
	s.closing.Lock()
	closed := s.closed
	s.closed = true
	var err error
	if !closed {
		err = s.UDPConn.Close()
	}
	s.closing.Unlock()
	s.reading.Wait()
	return err
}

func sockaddrOf(a netip.AddrPort) unix.Sockaddr {
	ip := a.Addr().Unmap()
	if ip.Is4() {
		return &unix.SockaddrInet4{Addr: ip.As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: ip.As16(), Port: int(a.Port())}
}

// post is an agent's outbox with what it takes to send it without garbage.
type post struct {
	ice.Outbox
	v4 unix.SockaddrInet4
	v6 unix.SockaddrInet6
}

// deliver sends all of it. What cannot be sent is repeated by the agent like what is lost.
func (p *post) deliver(s *socket) {
	for i := range p.Len() {
		message, to := p.At(i)
		if ip := to.Addr(); ip.Is4() {
			p.v4.Addr, p.v4.Port = ip.As4(), int(to.Port())
			_ = s.send(message, &p.v4)
		} else {
			p.v6.Addr, p.v6.Port = ip.As16(), int(to.Port())
			_ = s.send(message, &p.v6)
		}
	}
	p.Reset()
}
