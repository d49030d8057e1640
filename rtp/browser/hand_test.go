package browser

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/srtp/v3"

	"github.com/cordboard/cordboard/rtp/ice"
)

// hand is a browser's media made by hand, to do what real ones do at times of their own: send before they have been
// answered, begin DTLS before anything is nominated, move to another address, never check.
type hand struct {
	t           *testing.T
	us          netip.AddrPort // where the session listens
	ufrag, pwd  string
	fingerprint string
	dtls        *dtls.Conn
	inbox       chan []byte
	path        *handPath
	deaf        bool // to STUN
	wg          sync.WaitGroup

	mu    sync.Mutex
	conn  *net.UDPConn // guarded by mu; where it sends from
	conns []*net.UDPConn
	agent *ice.Agent // guarded by mu
	out   ice.Outbox // guarded by mu
}

func newHand(t *testing.T, n *Network, leads bool) *hand {
	t.Helper()
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	h := &hand{t: t, us: n.Addr(), ufrag: secret(4), pwd: secret(22), fingerprint: fingerprintOf(certificate.Certificate[0]), inbox: make(chan []byte, 64)}
	h.agent = ice.NewAgent(ice.Config{Ufrag: h.ufrag, Password: h.pwd, Number: 7, Disconnected: time.Minute, Failed: time.Minute})
	h.agent.Lead(leads)
	h.path = &handPath{h: h, closed: make(chan struct{})}
	h.dtls, err = dtls.ClientWithOptions(h.path, net.UDPAddrFromAddrPort(n.Addr()), dtls.WithCertificates(certificate),
		dtls.WithInsecureSkipVerify(true), dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM),
		dtls.WithFlightInterval(time.Minute)) // so that what is lost is missed
	if err != nil {
		t.Fatal(err)
	}
	h.move()
	t.Cleanup(func() {
		_ = h.dtls.Close()
		h.mu.Lock()
		for _, c := range h.conns {
			_ = c.Close()
		}
		h.mu.Unlock()
		h.wg.Wait()
	})
	return h
}

// move gives it a new address, from which it sends from now on.
func (h *hand) move() {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	h.conn, h.conns = c, append(h.conns, c)
	h.mu.Unlock()
	h.wg.Go(func() { h.read(c) })
}

func (h *hand) address() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conn.LocalAddr().String()
}

func (h *hand) read(c *net.UDPConn) {
	buf := make([]byte, 2000)
	for {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		n, from, err := c.ReadFromUDPAddrPort(buf)
		h.mu.Lock()
		switch {
		case err == nil && buf[0] < 4 && !h.deaf:
			h.agent.Packet(buf[:n], from, time.Now(), &h.out)
		case err == nil && buf[0] >= 20 && buf[0] < 64:
			select {
			case h.inbox <- append([]byte(nil), buf[:n]...):
			default:
			}
		}
		if !h.deaf {
			h.agent.Due(time.Now(), &h.out)
		}
		h.flush(c)
		h.mu.Unlock()
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

func (h *hand) flush(c *net.UDPConn) {
	for i := range h.out.Len() {
		raw, to := h.out.At(i)
		_, _ = c.WriteToUDPAddrPort(raw, to)
	}
	h.out.Reset()
}

// knows begins its checks of the session, whose description it has.
func (h *hand) knows(sdp []byte) {
	value := func(key string) string { return strings.TrimPrefix(lineOf(string(sdp), "a="+key+":"), "a="+key+":") }
	h.mu.Lock()
	defer h.mu.Unlock()
	h.agent.Begin(ice.Remote{Ufrag: value("ice-ufrag"), Password: value("ice-pwd"),
		Candidates: []ice.Candidate{{Address: h.us, Priority: 1 << 30}}}, time.Now(), &h.out)
	h.flush(h.conn)
}

// describes is its description, with what else shall be in it.
func (h *hand) describes(setup string, more ...string) []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n%sm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n"+
		"a=rtcp-mux\r\na=mid:0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s\r\na=setup:%s\r\na=sendrecv\r\n",
		strings.Join(more, ""), h.ufrag, h.pwd, h.fingerprint, setup)
}

// handshake begins DTLS, whether the far side can answer or not.
func (h *hand) handshake() (done chan error) {
	done = make(chan error, 1)
	h.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		done <- h.dtls.HandshakeContext(ctx)
	})
	return done
}

// voice makes packets of its sound, each with the next number.
func (h *hand) voice() func() {
	state, _ := h.dtls.ConnectionState()
	config := srtp.Config{Profile: srtp.ProtectionProfileAeadAes128Gcm}
	if err := config.ExtractSessionKeysFromDTLS(&state, true); err != nil {
		h.t.Fatal(err)
	}
	out, err := srtp.CreateContext(config.Keys.LocalMasterKey, config.Keys.LocalMasterSalt, config.Profile)
	if err != nil {
		h.t.Fatal(err)
	}
	packet := append([]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, make([]byte, 160)...)
	return func() {
		packet[3]++
		packet[7] += 160
		sealed, err := out.EncryptRTP(nil, packet, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		h.send(sealed)
	}
}

func (h *hand) send(b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, _ = h.conn.WriteToUDPAddrPort(b, h.us)
}

// handPath is where its DTLS reads and writes.
type handPath struct {
	h      *hand
	closed chan struct{}
	once   sync.Once
}

func (p *handPath) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case m := <-p.h.inbox:
		return copy(b, m), p.LocalAddr(), nil
	case <-p.closed:
		return 0, nil, net.ErrClosed
	}
}
func (p *handPath) WriteTo(b []byte, _ net.Addr) (int, error) { p.h.send(b); return len(b), nil }
func (p *handPath) Close() error                              { p.once.Do(func() { close(p.closed) }); return nil }
func (p *handPath) LocalAddr() net.Addr                       { return net.UDPAddrFromAddrPort(p.h.us) }
func (p *handPath) SetDeadline(time.Time) error               { return nil }
func (p *handPath) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		return p.Close()
	}
	return nil
}
func (p *handPath) SetWriteDeadline(time.Time) error { return nil }
