package browser

import (
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/ice"
	"github.com/cordboard/cordboard/rtp/wire"
)

// What a lost path is called, in words that an agent can read.
var (
	ErrUnreachable = errors.New("the browser's sound never reached us: UDP to the media port may be blocked")
	ErrUnsecured   = errors.New("the browser reached us, but the DTLS handshake did not finish")
	ErrLost        = errors.New("the connection to the browser was lost")
	ErrHungUp      = errors.New("the browser closed its media connection")
	ErrStranger    = errors.New("the browser's DTLS certificate is not the one of its description")
)

// way is the session's own view of its path: the ICE agent and the deadlines. Everything that happens, a packet, a
// moment or a negotiation, takes the lock, lets the agent act, looks at what has changed, and sends when the lock is
// free again.
type way struct {
	agent     *ice.Agent
	seen      uint64 // the agent's revision that has been acted on
	state     ice.State
	addresses []address // that are routed to us
	users     []string  // that are named ours

	up       bool      // Connected is closed
	begun    bool      // the handshake is
	due      time.Time // when the path must be there; zero: not awaited
	restart  time.Time // when a failed path must have been negotiated again; zero: it has not failed
	control  time.Time // when the next RTCP report goes out
	drowsy   time.Time // when the handshake's goroutines may rest; zero: they do
	timer    *time.Timer
	armed    time.Time // when the timer fires; zero: it does not
	finished bool      // Close has been called
}

// address is where a browser is heard.
type address struct {
	netip.AddrPort
	proven bool
}

// target is where to send.
type target struct {
	address netip.AddrPort
	to      *wire.Address
}

// act lets f change the way, and then sees to what follows from it.
func (s *Session) act(now time.Time, f func(out *ice.Outbox)) {
	p := s.network.posts.Get().(*post)
	s.change(now, p, f)
	p.deliver(s.network.socket)
	s.network.posts.Put(p)
}

func (s *Session) change(now time.Time, p *post, f func(out *ice.Outbox)) {
	s.mu.Lock()
	defer s.mu.Unlock() // by defer, so that a packet's panic leaves no lock behind
	if !s.way.finished {
		f(&p.Outbox)
		s.look(now)
	}
}

// stun takes a STUN packet and reports whether it was the browser's. It is act without a closure, because it happens
// for ever.
func (s *Session) stun(packet []byte, from netip.AddrPort, at time.Time) bool {
	p := s.network.posts.Get().(*post)
	taken := s.take(packet, from, at, p)
	p.deliver(s.network.socket)
	s.network.posts.Put(p)
	return taken
}

func (s *Session) take(packet []byte, from netip.AddrPort, at time.Time, p *post) (taken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.way.finished {
		taken = s.way.agent.Packet(packet, from, at, &p.Outbox)
		s.look(at)
	}
	return taken
}

// tick is the session's one timer: checks, deadlines and reports.
func (s *Session) tick() {
	now := time.Now()
	report := false
	if !s.enter() {
		return
	}
	defer s.wg.Done()
	defer s.contain()
	s.act(now, func(out *ice.Outbox) {
		w := &s.way
		w.armed = time.Time{}
		s.heard()
		w.agent.Due(now, out)
		if report = !now.Before(w.control); report {
			w.control = now.Add(controlPause())
		}
		if passed(w.due, now) {
			w.due = time.Time{}
			s.end(s.missing())
		}
		if passed(w.restart, now) {
			w.restart = time.Time{}
			s.end(ErrLost)
		}
		if passed(w.drowsy, now) {
			w.drowsy = time.Time{}
			if !s.cipher.rest() {
				w.drowsy = now.Add(sleepAfter)
			}
		}
	})
	if report {
		_ = s.writeControl(s.Report(now)) // the next one will do
	}
}

// contain keeps a fault in what a browser has brought about to its own session, which then lives without its timer until
// the call ends.
func (s *Session) contain() {
	if r := recover(); r != nil {
		s.log.Error("panic in a browser's timer", zap.Any("panic", r), zap.Stack("stack"))
		s.end(ErrLost)
	}
}

func passed(deadline, now time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }

// enter makes Close wait for what follows, until wg.Done; unless it has been called.
func (s *Session) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.way.finished {
		return false
	}
	s.wg.Add(1)
	return true
}

// heard tells the agent when sound last came over the path.
func (s *Session) heard() {
	if t, after := s.target.Load(), s.sounded.Load(); t != nil && after != 0 {
		s.way.agent.Heard(t.address, s.born.Add(time.Duration(after)))
	}
}

// stray takes note of sound that came from elsewhere than where we send.
func (s *Session) stray(from netip.AddrPort, at time.Time) {
	s.act(at, func(*ice.Outbox) {
		s.heard()
		s.way.agent.Heard(from, at)
	})
}

// controlPause is drawn anew for every report, so that the reports of many sessions do not come at once (RFC 3550
// section 6.3.1).
func controlPause() time.Duration {
	return rtp.ControlInterval/2 + mathrand.N(rtp.ControlInterval)
}

// missing says why there is no sound when there should be.
func (s *Session) missing() error {
	switch {
	case s.way.up:
		return ErrLost
	case s.way.state == ice.Connected && !s.secured.Load():
		return ErrUnsecured
	}
	return ErrUnreachable
}

// look compares what is with what is known, and sets the timer. The caller holds mu.
func (s *Session) look(now time.Time) {
	w := &s.way
	if r := w.agent.Revision(); r != w.seen {
		w.seen = r
		s.follow(now)
	}
	if w.reachable() && s.secured.Load() {
		w.due = time.Time{}
		if !w.up {
			w.up = true
			close(s.connected)
		}
	}
	s.arm(now)
}

// reachable: Disconnected comes and goes on a wireless network; it is no reason to do anything but wait.
func (w *way) reachable() bool { return w.state == ice.Connected || w.state == ice.Disconnected }

// follow takes over what the agent has found.
func (s *Session) follow(now time.Time) {
	w, socket := &s.way, s.network.socket
	if users := w.agent.Users(); !slices.Equal(users, w.users) {
		socket.name(s, w.users, users)
		w.users = users
	}
	changed, i := false, 0
	w.agent.Addresses(func(a netip.AddrPort, proven bool) {
		changed = changed || i >= len(w.addresses) || w.addresses[i] != address{a, proven}
		i++
	})
	if changed || i != len(w.addresses) {
		addresses := make([]address, 0, i)
		w.agent.Addresses(func(a netip.AddrPort, proven bool) { addresses = append(addresses, address{a, proven}) })
		socket.route(s, w.addresses, addresses)
		w.addresses = addresses
	}
	to, ok := w.agent.Path()
	switch former := s.target.Load(); {
	case !ok:
		s.target.Store(nil)
	case former == nil || former.address != to:
		s.target.Store(&target{address: to, to: wire.AddressOf(to)})
		s.log.Debug("browser media path", zap.Stringer("remote", to))
	}
	if ok && !w.begun {
		// Browsers may begin the handshake before they nominate a pair; it can go where a check has been answered.
		w.begun = true
		s.wg.Go(s.secure)
	}
	if state := w.agent.State(); state != w.state {
		w.state = state
		s.changed(now)
	}
}

func (s *Session) changed(now time.Time) {
	w := &s.way
	select {
	case s.turned <- struct{}{}:
	default: // told already
	}
	switch w.state {
	case ice.Disconnected:
		s.log.Info("browser media interrupted")
	case ice.Failed:
		if w.up {
			s.log.Info("browser media failed, waiting for an ICE restart")
			w.restart = now.Add(s.network.config.Timers.Restart)
		}
	case ice.Connected:
		w.restart = time.Time{}
		if w.up {
			s.log.Info("browser media is back")
		}
	case ice.New, ice.Checking:
	}
}

// arm sets the timer. One that fires too early is harmless, so that it is moved only forward.
func (s *Session) arm(now time.Time) {
	w := &s.way
	next := w.control
	for _, t := range [...]time.Time{w.agent.Next(), w.due, w.restart, w.drowsy} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	if w.armed.IsZero() || next.Before(w.armed) {
		w.armed = next
		w.timer.Reset(next.Sub(now))
	}
}

// secret is n characters of the alphabet of RFC 8839 section 5.4, six random bits each.
func secret(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	for i := range b {
		b[i] = alphabet[b[i]&63]
	}
	return string(b)
}
