package browser

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/transport/v5/deadline"

	"github.com/cordboard/cordboard/rtp/ice"
	"github.com/cordboard/cordboard/rtp/wire"
)

const (
	// flightInterval is how soon a lost DTLS flight is repeated. The standard's second (RFC 6347 section 4.2.4.1) is what
	// the agent would wait for sound.
	flightInterval = 200 * time.Millisecond
	// sleepAfter is how long the association stays awake when it has nothing to do.
	sleepAfter = time.Second
	// inboxSize bounds the DTLS packets that wait to be read: two flights of a browser with a long certificate.
	inboxSize = 12
)

// association is the DTLS side of a cipher. The library's connection needs four goroutines and their stacks, but after the
// handshake there is nothing to do until somebody says goodbye. So it sleeps: what remains of it is its state, from
// which a connection is made again for the next DTLS packet, or for our own goodbye.
type association struct {
	fingerprint string // the browser's; written before the handshake begins
	active      bool   // we begin it; likewise
	inbox       chan []byte
	asleep      atomic.Bool
	proved      atomic.Bool // the browser has our last flight: its sound has come

	mu     sync.Mutex
	conn   *dtls.Conn  // guarded by mu; while awake
	state  *dtls.State // guarded by mu; while asleep
	parted bool        // guarded by mu; goodbye has been said
}

// expect says whom the handshake will be with.
func (a *association) expect(fingerprint string, active bool) {
	a.fingerprint, a.active = fingerprint, active
}

// dtls takes a copy of a DTLS packet. Browsers may send their hello before we know their description: it waits here.
func (s *Session) dtls(packet []byte) {
	select {
	case s.cipher.inbox <- slices.Clone(packet):
	default: // what is lost is repeated
	}
	if s.cipher.asleep.Load() && s.enter() {
		go func() {
			defer s.wg.Done()
			s.wake()
		}()
	}
}

// secure does the handshake, and then attends to the connection.
func (s *Session) secure() {
	ctx, cancel := context.WithTimeout(s.ctx, s.network.config.Timers.Connect)
	defer cancel()
	path := newDTLSPath(s)
	conn, err := s.open(path)
	if err != nil {
		s.end(fmt.Errorf("%w: %w", ErrUnsecured, err))
		return
	}
	if !s.cipher.hold(conn) {
		return
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		if errors.Is(err, ErrStranger) {
			s.end(ErrStranger)
		} else if ctx.Err() == nil {
			s.end(fmt.Errorf("%w: %w", ErrUnsecured, err))
		}
		return
	}
	if err := s.unlock(conn); err != nil {
		s.end(fmt.Errorf("%w: %w", ErrUnsecured, err))
		return
	}
	s.secured.Store(true)
	s.attend(conn, path)
}

func (s *Session) open(path *dtlsPath) (*dtls.Conn, error) {
	options := s.options()
	if s.cipher.active {
		client := make([]dtls.ClientOption, len(options))
		for i, o := range options {
			client[i] = o
		}
		return dtls.ClientWithOptions(path, path.RemoteAddr(), client...)
	}
	server := make([]dtls.ServerOption, 0, len(options)+2)
	for _, o := range options {
		server = append(server, o)
	}
	// ICE has verified the address already; a HelloVerifyRequest would cost one more round trip.
	server = append(server, dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true))
	return dtls.ServerWithOptions(path, path.RemoteAddr(), server...)
}

func (s *Session) options() []dtls.Option {
	return []dtls.Option{
		dtls.WithCertificates(s.network.certificate),
		// AES-GCM is one pass in hardware where the older profile is two.
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithInsecureSkipVerify(true), // certificates are self-signed; the fingerprint is what counts (RFC 5763 section 5)
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
			if len(raw) == 0 || fingerprintOf(raw[0]) != s.cipher.fingerprint {
				return ErrStranger
			}
			return nil
		}),
		dtls.WithLoggerFactory(s.network.quiet),
	}
}

// hold keeps the connection for goodbye, unless that has been said.
func (a *association) hold(conn *dtls.Conn) bool {
	a.mu.Lock()
	parted := a.parted
	if !parted {
		a.conn = conn
	}
	a.mu.Unlock()
	if parted {
		_ = conn.Close()
	}
	return !parted
}

// attend waits until the browser says goodbye, or until the connection can sleep.
func (s *Session) attend(conn *dtls.Conn, path *dtlsPath) {
	s.act(time.Now(), func(*ice.Outbox) { s.way.drowsy = time.Now().Add(sleepAfter) })
	buf := make([]byte, maxPacket)
	for { // nobody sends application data, and a damaged record is no reason to hang up
		_, err := conn.Read(buf)
		var timeout net.Error
		switch {
		case errors.Is(err, io.EOF):
			s.end(ErrHungUp)
			return
		case errors.As(err, &timeout) && timeout.Timeout():
			s.sleep(conn, path)
			return
		}
	}
}

// rest asks the connection's goroutine to let it sleep, and reports whether that is possible: the browser must not depend any
// more on our repeating the last flight. It does not when it was the one to answer, nor when its sound has come.
func (a *association) rest() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn == nil || !a.active && !a.proved.Load() {
		return false
	}
	return a.conn.SetReadDeadline(time.Unix(1, 0)) == nil
}

// sleep takes the state out of the connection and gives up the rest. From mute on, nothing that the connection says leaves
// us, its goodbye least of all: the state goes on with the record numbers that have really been used.
func (s *Session) sleep(conn *dtls.Conn, path *dtlsPath) {
	a := &s.cipher.association
	path.mute()
	state, ok := conn.ConnectionState()
	_ = conn.Close()
	if !ok {
		return
	}
	a.mu.Lock()
	parted := a.parted
	if !parted {
		a.conn, a.state = nil, &state
		a.asleep.Store(true)
	}
	a.mu.Unlock()
	switch {
	case parted: // meanwhile, by a connection that was mute
		s.part(&state)
	case len(a.inbox) > 0:
		s.wake()
	}
}

// wake makes a connection of the sleeping state and attends to it.
func (s *Session) wake() {
	a := &s.cipher.association
	a.mu.Lock()
	state := a.state
	a.state = nil
	a.asleep.Store(false)
	a.mu.Unlock()
	if state == nil {
		return
	}
	conn, path, err := s.resume(state)
	if err != nil {
		s.end(ErrHungUp) // that was what woke us
		return
	}
	if a.hold(conn) {
		s.attend(conn, path)
	}
}

func (s *Session) resume(state *dtls.State) (*dtls.Conn, *dtlsPath, error) {
	path := newDTLSPath(s)
	conn, err := dtls.ResumeWithOptions(state, path, path.RemoteAddr(), s.options()...)
	if err != nil {
		return nil, nil, err
	}
	// The handshake is done already; this starts the reading, also for a goodbye after the session's own end.
	return conn, path, conn.HandshakeContext(context.WithoutCancel(s.ctx))
}

// goodbye tells the browser that we are gone.
func (s *Session) goodbye() {
	a := &s.cipher.association
	a.mu.Lock()
	conn, state := a.conn, a.state
	a.parted, a.state = true, nil
	a.mu.Unlock()
	switch {
	case state != nil:
		s.part(state)
	case conn != nil:
		_ = conn.Close()
	}
}

// part says goodbye out of sleep.
func (s *Session) part(state *dtls.State) {
	if conn, _, err := s.resume(state); err == nil {
		_ = conn.Close()
	}
}

// dtlsPath is the session's path as one DTLS connection sees it.
type dtlsPath struct {
	session *Session
	late    *deadline.Deadline
	closed  chan struct{}
	once    sync.Once
	muted   atomic.Bool
}

func newDTLSPath(s *Session) *dtlsPath {
	return &dtlsPath{session: s, late: deadline.New(), closed: make(chan struct{})}
}

// mute keeps what arrives for the next connection, and swallows what this one says.
func (p *dtlsPath) mute() { p.muted.Store(true); _ = p.Close() }

// ReadFrom returns the next DTLS packet.
func (p *dtlsPath) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case <-p.closed:
		return 0, p.RemoteAddr(), net.ErrClosed
	case <-p.late.Done():
		return 0, p.RemoteAddr(), os.ErrDeadlineExceeded
	default:
	}
	select {
	case packet := <-p.session.cipher.inbox:
		return copy(b, packet), p.RemoteAddr(), nil
	case <-p.late.Done():
		return 0, p.RemoteAddr(), os.ErrDeadlineExceeded
	case <-p.closed:
		return 0, p.RemoteAddr(), net.ErrClosed
	}
}

// WriteTo sends over the path of the moment. Without one, the packet is lost; DTLS repeats it.
func (p *dtlsPath) WriteTo(b []byte, _ net.Addr) (int, error) {
	if to := p.session.target.Load(); to != nil && !p.muted.Load() {
		if err := p.session.network.socket.send(b, to.to); err != nil && !errors.Is(err, wire.ErrFull) {
			return 0, err
		}
	}
	return len(b), nil
}

// Close ends the reading, not the path.
func (p *dtlsPath) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// RemoteAddr is a name for the far side, which DTLS wants to have and does nothing with.
func (p *dtlsPath) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(p.session.network.Addr()) }

// LocalAddr is the socket's.
func (p *dtlsPath) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(p.session.network.Addr()) }

// SetDeadline sets both.
func (p *dtlsPath) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

// SetReadDeadline ends a ReadFrom that waits.
func (p *dtlsPath) SetReadDeadline(t time.Time) error {
	p.late.Set(t)
	return nil
}

// SetWriteDeadline does nothing, because a write never waits.
func (p *dtlsPath) SetWriteDeadline(time.Time) error { return nil }
