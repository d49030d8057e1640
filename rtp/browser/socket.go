package browser

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/cordboard/cordboard/rtp/ice"
	"github.com/cordboard/cordboard/rtp/wire"
)

// socketBuffer is room for a burst of all browsers at once: at 250 bytes a packet, 16,000 of them.
const socketBuffer = 4 << 20

// socket is the one UDP port of all browsers. Every thread that reads has a descriptor of its own for it, over which the
// kernel spreads the browsers.
type socket struct {
	wires  []*wire.Socket
	gauges *gauges

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

func openSocket(c *Config, loops *wire.Loops, g *gauges) (*socket, error) {
	local, err := netip.ParseAddrPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("%q is not ip:port", c.Listen)
	}
	s := &socket{gauges: g, routes: map[netip.AddrPort]route{}, users: map[string]*Session{}, numbers: map[uint32]*Session{}}
	for range loops.Threads() {
		// Nobody else shall be able to share the port where we do not share it ourselves.
		w, err := loops.Open(wire.SocketConfig{Address: local, Shared: true, ReusePort: loops.Threads() > 1,
			ReadBuffer: socketBuffer, WriteBuffer: cmp.Or(c.writeBuffer, socketBuffer)})
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.wires = append(s.wires, w)
		local = w.Local() // with the port that was found
	}
	return s, nil
}

// read begins to dispatch what arrives.
func (s *socket) read() error {
	var errs []error
	for _, w := range s.wires {
		errs = append(errs, w.Read(s.dispatch))
	}
	return errors.Join(errs...)
}

func (s *socket) local() netip.AddrPort { return s.wires[0].Local() }

// dispatch hands a packet to the session that it is for, which takes it before dispatch returns, or copies it: sound
// and DTLS by the sender's address, STUN by what it says (RFC 7983 section 7). It never waits.
func (s *socket) dispatch(packet []byte, from netip.AddrPort, at time.Time) {
	if len(packet) == 0 || len(packet) > maxPacket {
		return
	}
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

// send never waits: one packet that is lost is better than every browser's sound behind it.
func (s *socket) send(packet []byte, to *wire.Address) error {
	err := s.wires[0].Send(packet, to)
	if errors.Is(err, wire.ErrFull) {
		s.gauges.dropped.Inc()
	}
	return err
}

// Close gives the port back; nothing is being read any more when it returns.
func (s *socket) Close() error {
	var errs []error
	for _, w := range s.wires {
		errs = append(errs, w.Close())
	}
	return errors.Join(errs...)
}

// post is an agent's outbox with what it takes to send it without garbage.
type post struct {
	ice.Outbox
	to wire.Address
}

// deliver sends all of it. What cannot be sent is repeated by the agent like what is lost.
func (p *post) deliver(s *socket) {
	for i := range p.Len() {
		message, to := p.At(i)
		p.to.Set(to)
		_ = s.send(message, &p.to)
	}
	p.Reset()
}
