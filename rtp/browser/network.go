package browser

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/ice"
	"github.com/cordboard/cordboard/rtp/wire"
)

// Config is what a Network needs. Listen and Metronome are required.
type Config struct {
	// Listen is the UDP address of all browsers' media, "127.0.0.1:8189"; port 0 takes any. Its family is the one
	// that is spoken; an unspecified address takes every interface.
	Listen string
	// Advertise are the addresses under which browsers reach us where they are not our own (1:1 NAT, port unchanged).
	Advertise []netip.Addr
	Loops     *wire.Loops // read the port; nil: the network starts a thread of its own, which ends with it
	Metronome *rtp.Metronome
	Coders    rtp.Coders
	Metrics   *rtp.Metrics
	Registry  prometheus.Registerer // nil: nothing is counted
	Log       *zap.Logger           // nil: nothing is said
	Timers    Timers

	writeBuffer int // of the socket in bytes; 0: socketBuffer
}

// Timers of a session; a zero field takes its default.
type Timers struct {
	Connect      time.Duration // 10 s: from the answer to sound; a blocked UDP path shows itself in this time
	Disconnected time.Duration // 10 s: browsers ask for consent every 2 to 6 s (RFC 7675 section 5.1), and one may be lost
	Failed       time.Duration // 10 s: from disconnected to failed; only an ICE restart helps then
	Restart      time.Duration // 20 s: from failed to the end
	Close        time.Duration // 5 s: how long Close waits for what should take milliseconds
}

func (t Timers) withDefaults() Timers {
	for field, standard := range map[*time.Duration]time.Duration{
		&t.Connect: 10 * time.Second, &t.Disconnected: 10 * time.Second, &t.Failed: 10 * time.Second,
		&t.Restart: 20 * time.Second, &t.Close: 5 * time.Second,
	} {
		if *field == 0 {
			*field = standard
		}
	}
	return t
}

// Network is the gateway's side of all WebRTC connections: one UDP port and one certificate for the life of the process.
type Network struct {
	config      Config
	log         *zap.Logger
	loops       *wire.Loops // our own; nil: somebody else's
	socket      *socket
	posts       sync.Pool        // of *post
	addresses   []netip.AddrPort // that we describe ourselves with, in order of preference
	certificate tls.Certificate
	fingerprint string
	quiet       quiet
	gauges      *gauges

	mu       sync.Mutex
	sessions map[*Session]struct{} // guarded by mu
	closed   bool                  // guarded by mu
}

// Policy is how one browser is to be spoken to.
type Policy struct {
	Name   string      // of the session as a source: "leg 01h…"
	Codecs []rtp.Codec // that we offer or accept, the preferred one first; nil: PCMA, PCMU, G722, Opus
}

var errClosed = errors.New("the browser network is closed")

// Listen opens the port.
func Listen(c Config) (*Network, error) {
	c.Timers = c.Timers.withDefaults()
	n := &Network{config: c, log: c.Log, sessions: map[*Session]struct{}{}}
	if n.log == nil {
		n.log = zap.NewNop()
	}
	n.quiet = quiet{n.log}
	var err error
	if n.gauges, err = newGauges(c.Registry); err != nil {
		return nil, fmt.Errorf("browser media metrics: %w", err)
	}
	// ECDSA on P-256 is what browsers use themselves; its handshake is a tenth of RSA's.
	if n.certificate, err = selfsign.GenerateSelfSigned(); err != nil {
		return nil, fmt.Errorf("browser media certificate: %w", err)
	}
	n.fingerprint = fingerprintOf(n.certificate.Certificate[0])
	n.posts.New = func() any { return new(post) }
	if err := n.open(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Network) open() (err error) {
	loops := n.config.Loops
	if loops == nil {
		if loops, err = wire.Start(wire.Config{Threads: 1}); err != nil {
			return fmt.Errorf("browser media port: %w", err)
		}
		n.loops = loops
	}
	if n.socket, err = openSocket(&n.config, loops, n.gauges); err != nil {
		return fmt.Errorf("browser media port: %w", err)
	}
	if n.addresses, err = n.describedAddresses(); err != nil {
		return fmt.Errorf("browser media address: %w", err)
	}
	return n.socket.read()
}

// Addr is the local address of the port.
func (n *Network) Addr() netip.AddrPort { return n.socket.local() }

// Session makes one browser's session; the caller must Close it.
func (n *Network) Session(p Policy) (*Session, error) {
	n.mu.Lock()
	closed := n.closed
	n.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	s := newSession(n, p)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sessions[s] = struct{}{}
	n.gauges.sessions.Inc()
	return s, nil
}

// Close closes the sessions that are left, and the port.
func (n *Network) Close() error {
	n.mu.Lock()
	n.closed = true
	left := make([]*Session, 0, len(n.sessions))
	for s := range n.sessions {
		left = append(left, s)
	}
	n.mu.Unlock()
	var errs []error
	for _, s := range left {
		errs = append(errs, s.Close())
	}
	if n.socket != nil {
		errs = append(errs, n.socket.Close())
	}
	if n.loops != nil {
		errs = append(errs, n.loops.Close())
	}
	return errors.Join(errs...)
}

func (n *Network) forget(s *Session) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, here := n.sessions[s]; here {
		delete(n.sessions, s)
		n.gauges.sessions.Dec()
	}
}

// describedAddresses are the candidates of every description: what was configured, else where we listen.
func (n *Network) describedAddresses() ([]netip.AddrPort, error) {
	port := n.Addr().Port()
	var all []netip.AddrPort
	for _, a := range n.config.Advertise {
		all = append(all, netip.AddrPortFrom(a.Unmap(), port))
	}
	if len(all) > 0 {
		return all, nil
	}
	if !n.Addr().Addr().IsUnspecified() {
		return []netip.AddrPort{n.Addr()}, nil
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, i := range interfaces {
		prefix, err := netip.ParsePrefix(i.String())
		if ip := prefix.Addr().Unmap(); err == nil && ip.IsGlobalUnicast() && ip.Is4() == n.Addr().Addr().Is4() {
			all = append(all, netip.AddrPortFrom(ip, port))
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no interface has an address that a browser could reach; name one in Advertise")
	}
	return all, nil
}

// reachable are the candidates of a browser's description to which a check may go: of our family, and not what only
// means something to the browser itself. Where it is behind such an address, its own checks show another.
func (n *Network) reachable(candidates []ice.Candidate) []ice.Candidate {
	local := n.Addr()
	var all []ice.Candidate
	for _, c := range candidates {
		ip := c.Address.Addr()
		if ip.Is4() == local.Addr().Is4() && ip.IsLoopback() == local.Addr().IsLoopback() && !ip.IsUnspecified() &&
			!ip.IsMulticast() && ip.Zone() == "" && c.Address.Port() != 0 && c.Address != local {
			all = append(all, c)
		}
	}
	return all
}

// fingerprintOf is the a=fingerprint value of a certificate (RFC 8122 section 5).
func fingerprintOf(der []byte) string {
	sum := sha256.Sum256(der)
	text := make([]byte, 0, 3*len(sum))
	for i, b := range sum {
		if i > 0 {
			text = append(text, ':')
		}
		text = fmt.Appendf(text, "%02X", b)
	}
	return "sha-256 " + string(text)
}
