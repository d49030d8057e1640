package sip

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"

	"github.com/cordboard/cordboard/sip/targets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that must happen.
const patience = 5 * time.Second

const someSDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

// callsFunc is a Calls made of a function.
type callsFunc func(ctx context.Context, d *Dialog)

func (f callsFunc) Inbound(ctx context.Context, d *Dialog) { f(ctx, d) }

// people are the users of the lab: id or 1000+n, password secret-<id>.
type people map[string]string // id → extension

func (p people) Password(username string) (string, string, bool) {
	aor, ok := p.AOR(username)
	return "secret-" + aor, aor, ok
}

func (p people) AOR(user string) (string, bool) {
	for id, ext := range p {
		if user == id || user == ext {
			return id, true
		}
	}
	return "", false
}

// open starts an endpoint on loopback with a trunk "lab" for 127.0.0.0/8 and short time-outs.
func open(t testing.TB, calls Calls, change ...func(*Config)) *Endpoint {
	t.Helper()
	cfg := Config{
		Log: zaptest.NewLogger(t, zaptest.Level(zapcore.WarnLevel)),
		UDP: []string{"127.0.0.1:0"}, TCP: []string{"127.0.0.1:0"},
		Trunks:        []Trunk{{Name: "lab", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		PhoneNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Users:         people{"anna": "1001", "bo": "1002"},
		Timeouts:      Timeouts{T1: 50 * time.Millisecond, T2: 200 * time.Millisecond, NoACK: time.Second, Request: 500 * time.Millisecond, Goodbye: 200 * time.Millisecond},
	}
	for _, c := range change {
		c(&cfg)
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	e, err := Open(cfg, calls)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

func udpOf(e *Endpoint) netip.AddrPort { return e.listenAddr("udp", netip.MustParseAddr("127.0.0.1")) }
func tcpOf(e *Endpoint) netip.AddrPort { return e.listenAddr("tcp", netip.MustParseAddr("127.0.0.1")) }

// phone is a SIP peer made of a raw socket: it writes what the test says and reads what comes.
type phone struct {
	t         testing.TB
	transport string // as Via writes it
	to, local string
	write     func([]byte) error
	readRaw   func(within time.Duration) ([]byte, error)
	hangup    func() // closes the socket
}

func newPhone(t testing.TB, e *Endpoint) *phone { return newPhoneAt(t, e, "127.0.0.1:0") }

func newPhoneAt(t testing.TB, e *Endpoint, at string) *phone {
	t.Helper()
	a, err := net.ResolveUDPAddr("udp4", at)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenUDP("udp4", a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	to := net.UDPAddrFromAddrPort(udpOf(e))
	buf := make([]byte, 65536)
	return &phone{
		t: t, transport: "UDP", to: to.String(), local: c.LocalAddr().String(),
		write: func(b []byte) error { _, err := c.WriteToUDP(b, to); return err },
		readRaw: func(within time.Duration) ([]byte, error) {
			_ = c.SetReadDeadline(time.Now().Add(within))
			n, _, err := c.ReadFromUDP(buf)
			return buf[:n], err
		},
		hangup: func() { c.Close() },
	}
}

// newTCPPhone is a phone on a TCP connection of its own.
func newTCPPhone(t testing.TB, e *Endpoint) *phone {
	t.Helper()
	c, err := net.Dial("tcp4", tcpOf(e).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	r := bufio.NewReader(c)
	return &phone{
		t: t, transport: "TCP", to: tcpOf(e).String(), local: c.LocalAddr().String(),
		write: func(b []byte) error { _, err := c.Write(b); return err },
		readRaw: func(within time.Duration) ([]byte, error) {
			_ = c.SetReadDeadline(time.Now().Add(within))
			return frame(r)
		},
		hangup: func() { c.Close() },
	}
}

// frame reads one message of a stream; a keep-alive answer comes as it is.
func frame(r *bufio.Reader) ([]byte, error) {
	var b []byte
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		b = append(b, line...)
		if v, ok := strings.CutPrefix(strings.ToLower(line), "content-length:"); ok {
			length, _ = strconv.Atoi(strings.TrimSpace(v))
		}
		if line == "\r\n" {
			break
		}
	}
	body := make([]byte, length)
	_, err := io.ReadFull(r, body)
	return append(b, body...), err
}

func (p *phone) send(m string) {
	p.t.Helper()
	if err := p.write([]byte(m)); err != nil {
		p.t.Fatal(err)
	}
}

// msg is a message as it came, taken apart at its lines.
type msg struct {
	start string
	head  string
	body  string
}

func parse(b []byte) msg {
	head, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	start, rest, _ := strings.Cut(string(head), "\r\n")
	return msg{start, rest, string(body)}
}

// get is the first value of a header field.
func (m msg) get(name string) string {
	if v := m.all(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

func (m msg) all(name string) []string {
	var out []string
	for _, l := range strings.Split(m.head, "\r\n") {
		if n, v, ok := strings.Cut(l, ":"); ok && strings.EqualFold(strings.TrimSpace(n), name) {
			out = append(out, strings.TrimSpace(v))
		}
	}
	return out
}

func (m msg) status() int {
	if !strings.HasPrefix(m.start, "SIP/2.0 ") {
		return 0
	}
	n, _ := strconv.Atoi(m.start[8:11])
	return n
}

func (m msg) method() string {
	if m.status() != 0 {
		return ""
	}
	method, _, _ := strings.Cut(m.start, " ")
	return method
}

func (m msg) tag(field string) string { return tagOf(m.get(field)) }

func tagOf(v string) string {
	_, tag, _ := strings.Cut(v, ";tag=")
	tag, _, _ = strings.Cut(tag, ";")
	return tag
}

// read waits for the next message.
func (p *phone) read() msg {
	p.t.Helper()
	m, ok := p.readWithin(patience)
	if !ok {
		p.t.Fatalf("%s: nothing came", p.local)
	}
	return m
}

func (p *phone) readWithin(d time.Duration) (msg, bool) {
	p.t.Helper()
	b, err := p.readRaw(d)
	if err != nil {
		return msg{}, false
	}
	return parse(b), true
}

// final reads until a final response to the method, skipping everything else.
func (p *phone) final(method string) msg {
	p.t.Helper()
	return p.until(func(m msg) bool { return m.status() >= 200 && strings.HasSuffix(m.get("CSeq"), " "+method) })
}

// request reads until a request with the method, skipping everything else.
func (p *phone) request(method string) msg {
	p.t.Helper()
	return p.until(func(m msg) bool { return m.method() == method })
}

func (p *phone) until(want func(msg) bool) msg {
	p.t.Helper()
	end := time.Now().Add(patience)
	var seen []string
	for time.Now().Before(end) {
		m, ok := p.readWithin(time.Until(end))
		if !ok {
			break
		}
		if want(m) {
			return m
		}
		seen = append(seen, m.start)
	}
	p.t.Fatalf("%s: what was expected did not come; came: %q", p.local, seen)
	return msg{}
}

// wait fails the test when ch does not deliver.
func wait[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("did not happen: %s", what)
		panic("unreachable")
	}
}

// trunkTo makes the phone a trunk that we may call, too.
func trunkTo(target string) func(*Config) {
	return func(c *Config) {
		c.Trunks = append(c.Trunks, Trunk{Name: "out", Targets: at(target), Username: "we", Password: "secret"})
	}
}

// at are targets as an operator writes them.
func at(written ...string) []targets.Target {
	var all []targets.Target
	for _, w := range written {
		t, err := targets.Parse(w)
		if err != nil {
			panic(err)
		}
		all = append(all, t)
	}
	return all
}

// reserve finds a free UDP port for a phone that must be known before the endpoint is opened.
func reserve(t testing.TB) string {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// counted is the value of a counter or gauge without labels.
func counted(t testing.TB, c prometheus.Collector) float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	got, err := r.Gather()
	if err != nil || len(got) == 0 {
		t.Fatalf("gather: %v", err)
	}
	m := got[0].GetMetric()[0]
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}
