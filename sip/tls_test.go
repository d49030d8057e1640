package sip

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/sip/targets"
)

// authority signs the certificates of a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), n: time.Now().UnixNano()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.key = key
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(a.n), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a.file = filepath.Join(a.dir, "ca.pem")
	a.write(a.file, "CERTIFICATE", der)
	return a
}

func (a *authority) write(file, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// issue signs a certificate for a name or an address, in files of that name.
func (a *authority) issue(file, host string) Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.n++
	c := &x509.Certificate{SerialNumber: big.NewInt(a.n), Subject: pkix.Name{CommonName: host}, NotAfter: time.Now().Add(time.Hour)}
	if ip := net.ParseIP(host); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	out := Certificate{filepath.Join(a.dir, file+".pem"), filepath.Join(a.dir, file+".key")}
	a.write(out.File, "CERTIFICATE", der)
	a.write(out.Key, "EC PRIVATE KEY", secret)
	return out
}

func (a *authority) pair(c Certificate) tls.Certificate {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(c.File, c.Key)
	if err != nil {
		a.t.Fatal(err)
	}
	return pair
}

func (a *authority) pool() *x509.CertPool {
	a.t.Helper()
	roots, err := readRoots(a.file)
	if err != nil {
		a.t.Fatal(err)
	}
	return roots
}

// overTLS is a phone on a connection that stands.
func overTLS(t *testing.T, c *tls.Conn) *phone {
	t.Helper()
	t.Cleanup(func() { c.Close() })
	r := bufio.NewReader(c)
	return &phone{
		t: t, transport: "TLS", to: c.RemoteAddr().String(), local: c.LocalAddr().String(),
		write:   func(b []byte) error { _, err := c.Write(b); return err },
		readRaw: func(d time.Duration) ([]byte, error) { _ = c.SetReadDeadline(time.Now().Add(d)); return frame(r) },
		hangup:  func() { c.Close() },
	}
}

func tlsOf(e *Endpoint) netip.AddrPort { return e.listenAddr("tls", netip.MustParseAddr("127.0.0.1")) }

// secured opens an endpoint with a TLS listener.
func secured(t *testing.T, a *authority, calls Calls, change ...func(*Config)) *Endpoint {
	t.Helper()
	return open(t, calls, append([]func(*Config){func(c *Config) {
		c.Log, c.TLS, c.Certificate = nil, []string{"127.0.0.1:0"}, a.issue("ours", "127.0.0.1")
	}}, change...)...)
}

func TestB40_ACallByTLSIsHungUpOverItsConnection(t *testing.T) {
	a := newAuthority(t)
	dialogs := make(chan *Dialog, 1)
	e := secured(t, a, answering(dialogs))
	if _, err := tls.Dial("tcp4", tlsOf(e).String(), &tls.Config{RootCAs: a.pool(), MaxVersion: tls.VersionTLS11}); err == nil { //nolint:gosec // the point of it
		t.Error("TLS 1.1 was accepted")
	}
	c, err := tls.Dial("tcp4", tlsOf(e).String(), &tls.Config{RootCAs: a.pool()})
	if err != nil {
		t.Fatal(err)
	}
	p := overTLS(t, c)
	l := p.newLeg("1234")
	l.invite(someSDP, "Contact: <sip:caller@192.0.2.1;transport=tls>") // nobody can be reached there
	m := l.answered()
	if want := "<sip:1234@" + tlsOf(e).String() + ";transport=tls>"; m.get("Contact") != want {
		t.Errorf("Contact %s, want %s", m.get("Contact"), want)
	}
	wait(t, dialogs, "the call").Hangup(0, "")
	p.reply(p.request("BYE"), 200, "", "")
}

func TestAClientThatDoesNotShakeHandsStopsNobody(t *testing.T) {
	a := newAuthority(t)
	e := secured(t, a, nil)
	for range 10 {
		c, err := net.Dial("tcp4", tlsOf(e).String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp4", tlsOf(e).String(), &tls.Config{RootCAs: a.pool()})
	if err != nil {
		t.Fatal(err)
	}
	p := overTLS(t, c)
	l := p.newLeg("x")
	if m := l.do("OPTIONS", ""); m.status() != 200 {
		t.Errorf("%s", m.start)
	}
}

// tlsTrunk is the far side of a trunk, which speaks TLS and wants a certificate.
func tlsTrunk(t *testing.T, a *authority, name string) (at string, accepted <-chan *tls.Conn) {
	t.Helper()
	l, err := tls.Listen("tcp4", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{a.pair(a.issue("theirs-"+name, name))},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	out := make(chan *tls.Conn, 4)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			secured := c.(*tls.Conn)
			if secured.HandshakeContext(context.Background()) != nil {
				c.Close()
				continue
			}
			out <- secured
		}
	}()
	return l.Addr().String(), out
}

func byTLS(t *testing.T, a *authority, place, name string, of TrunkTLS) (*Endpoint, <-chan placed) {
	t.Helper()
	to := netip.MustParseAddrPort(place)
	e := secured(t, a, nil, func(c *Config) {
		c.DNS = zone{addrs: map[string][]netip.Addr{name: {to.Addr()}}}
		c.Trunks = append(c.Trunks, Trunk{Name: "out", Targets: []targets.Target{{Host: name, Port: to.Port(), Transport: targets.TLS}}, TLS: of})
	})
	return e, callOut(t, e)
}

func TestACallGoesOutByTLSToTheNameWithOurCertificateAndStaysOnItsConnection(t *testing.T) {
	a := newAuthority(t)
	place, accepted := tlsTrunk(t, a, "sbc.example")
	_, done := byTLS(t, a, place, "sbc.example", TrunkTLS{CA: a.file, Certificate: a.issue("for-carrier", "us.example")})
	c := wait(t, accepted, "the connection")
	if s := c.ConnectionState(); s.ServerName != "sbc.example" || s.PeerCertificates[0].Subject.CommonName != "us.example" || s.Version < tls.VersionTLS12 {
		t.Errorf("name %s, certificate of %s, version %x", s.ServerName, s.PeerCertificates[0].Subject.CommonName, s.Version)
	}
	p := overTLS(t, c)
	inv := p.request("INVITE")
	if !strings.HasPrefix(inv.get("Via"), "SIP/2.0/TLS ") || !strings.Contains(inv.get("Contact"), ";transport=tls>") {
		t.Errorf("Via %s, Contact %s", inv.get("Via"), inv.get("Contact"))
	}
	p.reply(inv, 200, "them", someSDP, "Contact: <sip:them@192.0.2.1:5061;transport=tls>")
	p.request("ACK")
	r := wait(t, done, "the answer")
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.d.Hangup(0, "")
	p.reply(p.request("BYE"), 200, "", "")
}

func TestACertificateThatIsNotTheTrunksIsNotSpokenTo(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	for name, c := range map[string]struct {
		signs, presented string
		why              string
	}{
		"another name":      {a.file, "evil.example", "evil.example, not sbc.example"},
		"another authority": {other.file, "sbc.example", "unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			place, accepted := tlsTrunk(t, a, c.presented)
			e, done := byTLS(t, a, place, "sbc.example", TrunkTLS{CA: c.signs})
			var ref *Refused
			if r := wait(t, done, "the refusal"); !errors.As(r.err, &ref) || ref.Status != 503 || ref.Err == nil || !strings.Contains(r.err.Error(), c.why) {
				t.Errorf("%v, want %q", r.err, c.why)
			}
			select {
			case <-accepted:
				t.Error("a connection stands")
			default:
			}
			waitUntil(t, "the hop to be out of use", func() bool { h := healthOf(e, "out"); return len(h) == 1 && h[0] != targets.Up })
		})
	}
}

func TestATrunkThatMustShowACertificateDoes(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	e := secured(t, a, callsFunc(func(_ context.Context, d *Dialog) {}), func(c *Config) { c.Trunks[0].TLS = TrunkTLS{CA: a.file, Mutual: true} })
	try := func(shown ...tls.Certificate) error {
		c, err := tls.Dial("tcp4", tlsOf(e).String(), &tls.Config{RootCAs: a.pool(), Certificates: shown})
		if err != nil {
			return err
		}
		p := overTLS(t, c)
		p.send(p.newLeg("x").text("OPTIONS", newBranch(), 1, ""))
		_, err = p.readRaw(patience) // TLS 1.3 tells a client late
		return err
	}
	if err := try(); err == nil {
		t.Error("one without a certificate was let in")
	}
	if err := try(other.pair(other.issue("stranger", "stranger"))); err == nil {
		t.Error("one of another authority was let in")
	}
	if err := try(a.pair(a.issue("carrier", "carrier"))); err != nil {
		t.Errorf("the trunk was not let in: %v", err)
	}
}

func TestCertificatesAreReadAgain(t *testing.T) {
	a := newAuthority(t)
	e := secured(t, a, nil, func(c *Config) { c.Timeouts.Certificates = 20 * time.Millisecond })
	serial := func() string {
		c, err := tls.Dial("tcp4", tlsOf(e).String(), &tls.Config{RootCAs: a.pool()})
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	a.issue("ours", "127.0.0.1")
	if err := e.ReloadCertificates(); err != nil {
		t.Fatal(err)
	}
	second := serial()
	if second == first {
		t.Error("the old certificate is still shown")
	}
	if err := os.WriteFile(e.cfg.Certificate.File, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.ReloadCertificates(); err == nil || !strings.Contains(err.Error(), e.cfg.Certificate.File) {
		t.Errorf("the error does not name the file: %v", err)
	}
	if got := serial(); got != second {
		t.Errorf("after a bad file: %s, want %s", got, second)
	}
	a.issue("ours", "127.0.0.1") // a renewal that nobody tells us of
	waitUntil(t, "the renewed certificate", func() bool { s := serial(); return s != second && s != first })
}

func TestAListenerWithoutACertificateIsAnError(t *testing.T) {
	_, err := Open(Config{TLS: []string{"127.0.0.1:0"}}, nil)
	if !errors.Is(err, errNoCertificate) {
		t.Errorf("%v", err)
	}
}

func TestCallsGoInAndOutByIPv6(t *testing.T) {
	l, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Skip("there is no IPv6 here")
	}
	place := l.LocalAddr().String()
	l.Close()
	a := newAuthority(t)
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs), func(c *Config) {
		c.UDP, c.TCP, c.TLS, c.Certificate = []string{"[::1]:0"}, []string{"[::1]:0"}, []string{"[::1]:0"}, a.issue("ours", "::1")
		c.Trunks = []Trunk{{Name: "out", Targets: at(place)}}
	})
	six := netip.MustParseAddr("::1")
	to := net.UDPAddrFromAddrPort(e.listenAddr("udp", six))
	local, err := net.ResolveUDPAddr("udp6", place)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenUDP("udp6", local)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 65536)
	p := &phone{t: t, transport: "UDP", to: to.String(), local: place,
		write: func(b []byte) error { _, err := c.WriteToUDP(b, to); return err },
		readRaw: func(d time.Duration) ([]byte, error) {
			_ = c.SetReadDeadline(time.Now().Add(d))
			n, _, err := c.ReadFromUDP(buf)
			return buf[:n], err
		},
		hangup: func() { c.Close() },
	}
	leg := p.newLeg("1234")
	leg.invite(someSDP)
	if m := leg.answered(); m.get("Contact") != "<sip:1234@"+to.String()+">" {
		t.Errorf("Contact %s, want %s", m.get("Contact"), to)
	}
	wait(t, dialogs, "the call").Hangup(0, "")
	p.reply(p.request("BYE"), 200, "", "")
	takes(t, p, callOut(t, e))

	for _, network := range []string{"tcp", "tls"} {
		address := e.listenAddr(network, six).String()
		var stream net.Conn
		if network == "tls" {
			stream, err = tls.Dial("tcp6", address, &tls.Config{RootCAs: a.pool()})
		} else {
			stream, err = net.Dial("tcp6", address)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		r := bufio.NewReader(stream)
		s := &phone{t: t, transport: strings.ToUpper(network), to: address, local: stream.LocalAddr().String(),
			write:   func(b []byte) error { _, err := stream.Write(b); return err },
			readRaw: func(d time.Duration) ([]byte, error) { _ = stream.SetReadDeadline(time.Now().Add(d)); return frame(r) },
			hangup:  func() { stream.Close() }}
		leg := s.newLeg("1234")
		leg.invite(someSDP)
		leg.answered()
		wait(t, dialogs, "the call").Hangup(0, "")
		s.reply(s.request("BYE"), 200, "", "")
	}
}
