package browser

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// maxPacket is the longest packet we send or understand: an Ethernet frame.
const maxPacket = 1500

// flightInterval is how soon a lost DTLS flight is repeated. The standard's second (RFC 6347 section 4.2.4.1) is what
// the agent would wait for sound.
const flightInterval = 200 * time.Millisecond

// cipher is DTLS-SRTP (RFC 5764): who the browser is, and the keys of its sound.
type cipher struct {
	mu   sync.Mutex
	conn *dtls.Conn // guarded by mu

	receiving sync.Mutex // held while one packet is taken
	in        *srtp.Context
	header    pion.Header
	control   rtcp.Header
	plain     [maxPacket]byte

	sending sync.Mutex // held while one packet is sent
	out     *srtp.Context
	wrote   pion.Header
	sealed  [maxPacket + 64]byte
}

var errNotConnected = errors.New("the browser is not connected yet")

// secure does the handshake, and then waits until the browser says goodbye.
func (s *Session) secure(path *ice.Conn, fingerprint string, active bool) {
	ctx, cancel := context.WithTimeout(s.ctx, s.network.config.Timers.Connect)
	defer cancel()
	// Browsers begin the handshake before they nominate a pair; until then we have no way to answer, and their hello
	// waits in the path's buffer.
	if err := s.agent.AwaitConnect(ctx); err != nil {
		return // the owner's deadline says so
	}
	conn, err := s.open(path, fingerprint, active)
	if err != nil {
		s.end(fmt.Errorf("%w: %w", ErrUnsecured, err))
		return
	}
	if !s.cipher.hold(s.ctx, conn) {
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
	if err := s.cipher.unlock(conn, active); err != nil {
		s.end(fmt.Errorf("%w: %w", ErrUnsecured, err))
		return
	}
	s.secured.Store(true)
	s.nudge()
	buf := make([]byte, maxPacket)
	for { // nobody sends application data; what ends the reading is the goodbye
		if _, err := conn.Read(buf); err != nil {
			s.end(ErrHungUp)
			return
		}
	}
}

func (s *Session) open(path *ice.Conn, fingerprint string, active bool) (*dtls.Conn, error) {
	options := []dtls.Option{
		dtls.WithCertificates(s.network.certificate),
		// AES-GCM is one pass in hardware where the older profile is two.
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithInsecureSkipVerify(true), // certificates are self-signed; the fingerprint is what counts (RFC 5763 section 5)
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
			if len(raw) == 0 || fingerprintOf(raw[0]) != fingerprint {
				return ErrStranger
			}
			return nil
		}),
		dtls.WithLoggerFactory(s.network.quiet),
	}
	inner := &dtlsPath{Conn: path, session: s}
	if active {
		client := make([]dtls.ClientOption, len(options))
		for i, o := range options {
			client[i] = o
		}
		return dtls.ClientWithOptions(inner, inner.RemoteAddr(), client...)
	}
	server := make([]dtls.ServerOption, 0, len(options)+2)
	for _, o := range options {
		server = append(server, o)
	}
	// ICE has verified the address already; a HelloVerifyRequest would cost one more round trip.
	server = append(server, dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true))
	return dtls.ServerWithOptions(inner, inner.RemoteAddr(), server...)
}

// hold keeps the connection for goodbye, unless that has been said.
func (c *cipher) hold(ctx context.Context, conn *dtls.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		_ = conn.Close()
		return false
	}
	c.conn = conn
	return true
}

// unlock takes the keys out of the handshake.
func (c *cipher) unlock(conn *dtls.Conn, active bool) error {
	state, ok := conn.ConnectionState()
	profile, agreed := conn.SelectedSRTPProtectionProfile()
	if !ok || !agreed {
		return errors.New("no SRTP profile in common")
	}
	keys := srtp.Config{}
	switch profile {
	case dtls.SRTP_AEAD_AES_128_GCM:
		keys.Profile = srtp.ProtectionProfileAeadAes128Gcm
	case dtls.SRTP_AES128_CM_HMAC_SHA1_80:
		keys.Profile = srtp.ProtectionProfileAes128CmHmacSha1_80
	default:
		return fmt.Errorf("SRTP profile %d", profile)
	}
	if err := keys.ExtractSessionKeysFromDTLS(&state, active); err != nil {
		return err
	}
	in, err := srtp.CreateContext(keys.Keys.RemoteMasterKey, keys.Keys.RemoteMasterSalt, keys.Profile,
		srtp.SRTPReplayProtection(512), srtp.SRTCPReplayProtection(64))
	if err != nil {
		return err
	}
	out, err := srtp.CreateContext(keys.Keys.LocalMasterKey, keys.Keys.LocalMasterSalt, keys.Profile)
	if err != nil {
		return err
	}
	c.receiving.Lock()
	c.in = in
	c.receiving.Unlock()
	c.sending.Lock()
	c.out = out
	c.sending.Unlock()
	return nil
}

// goodbye tells the browser that we are gone.
func (c *cipher) goodbye() {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
}

// receive takes one packet of SRTP or SRTCP. Nothing in it may stop the goroutine, which reads for all browsers.
func (s *Session) receive(packet []byte, at time.Time) {
	defer func() {
		if recover() != nil {
			s.network.gauges.recovered.Inc()
		}
	}()
	c := &s.cipher
	c.receiving.Lock()
	defer c.receiving.Unlock()
	if c.in == nil || len(packet) < 12 || len(packet) > maxPacket || s.ctx.Err() != nil {
		return
	}
	if packet[1] >= 192 && packet[1] <= 223 { // RTCP, RFC 5761 section 4
		plain, err := c.in.DecryptRTCP(c.plain[:0], packet, &c.control)
		if err != nil {
			s.network.gauges.forged.Inc()
			return
		}
		s.ReceiveControl(plain, at)
		return
	}
	plain, err := c.in.DecryptRTP(c.plain[:0], packet, &c.header)
	if err != nil {
		s.network.gauges.forged.Inc()
		return
	}
	s.Receive(plain, at)
}

// write sends one RTP packet of the outgoing stream.
func (s *Session) write(packet []byte) error {
	to := s.target.Load()
	if to == nil || len(packet) > maxPacket {
		return errNotConnected
	}
	c := &s.cipher
	c.sending.Lock()
	defer c.sending.Unlock()
	if c.out == nil {
		return errNotConnected
	}
	sealed, err := c.out.EncryptRTP(c.sealed[:0], packet, &c.wrote)
	if err != nil {
		return err
	}
	return s.network.socket.send(sealed, *to)
}

// writeControl sends one RTCP datagram.
func (s *Session) writeControl(packet []byte) error {
	to := s.target.Load()
	if to == nil || len(packet) == 0 {
		return errNotConnected
	}
	c := &s.cipher
	c.sending.Lock()
	defer c.sending.Unlock()
	if c.out == nil {
		return errNotConnected
	}
	sealed, err := c.out.EncryptRTCP(c.sealed[:0], packet, nil)
	if err != nil {
		return err
	}
	return s.network.socket.send(sealed, *to)
}

// dtlsPath is the ICE connection as DTLS sees it. Sound that comes this way, because its route is not known yet, goes
// where it belongs.
type dtlsPath struct {
	*ice.Conn
	session *Session
}

// ReadFrom returns the next DTLS record.
func (p *dtlsPath) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, err := p.Read(b)
		if err != nil {
			return n, p.RemoteAddr(), err
		}
		switch {
		case n == 0:
		case isSound(b[0]):
			p.session.receive(b[:n], time.Now())
		case b[0] >= 20 && b[0] <= 63: // RFC 7983 section 7
			return n, p.RemoteAddr(), nil
		}
	}
}

// WriteTo sends over the pair that ICE has selected.
func (p *dtlsPath) WriteTo(b []byte, _ net.Addr) (int, error) { return p.Write(b) }

// Close leaves the path open: it is the session's.
func (p *dtlsPath) Close() error { return nil }

// RemoteAddr is never nil, which DTLS would not survive.
func (p *dtlsPath) RemoteAddr() net.Addr {
	if a := p.Conn.RemoteAddr(); a != nil {
		return a
	}
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.IPv4Unspecified(), 9))
}

// LocalAddr is never nil either.
func (p *dtlsPath) LocalAddr() net.Addr {
	return net.UDPAddrFromAddrPort(p.session.network.Addr())
}
