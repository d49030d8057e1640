package sip

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// What a call and a browser cost here, in numbers that do not depend on the machine. The bounds leave about a sixth above
// what is measured, for another order of events and for a pool that a collection has emptied; the lab's own phone, which
// reads and writes in the same process, is in them. The race detector empties pools at random and keeps books of its own.

// fewAllocations fails the test when do allocates more than bound times.
func fewAllocations(t *testing.T, bound float64, do func()) {
	t.Helper()
	do() // what is made once
	n := testing.AllocsPerRun(50, do)
	t.Logf("%v allocations", n)
	if raced {
		bound *= 2
	}
	if n > bound {
		t.Errorf("%v allocations, more than %v", n, bound)
	}
}

// parseAndRoute is one INVITE from the bytes to the point where the call would be told of.
func parseAndRoute(tb testing.TB) (do func(), size int) {
	e := open(tb, nil)
	p := newPhone(tb, e)
	l := p.newLeg("1234")
	local, _ := net.ResolveUDPAddr("udp4", p.to)
	remote, _ := net.ResolveUDPAddr("udp4", p.local)
	parser := newParser()
	data := []byte(l.text("INVITE", newBranch(), 1, someSDP, "Allow: "+allow, "Supported: replaces", "User-Agent: bench"))
	return func() {
		pass, _ := e.filter(sip.TransportReadProps{Transport: "UDP", LocalAddr: local, RemoteAddr: remote}, data)
		m, err := parser.ParseSIP(pass)
		if err != nil {
			tb.Fatal(err)
		}
		m.SetTransport("UDP")
		m.SetSource(p.local)
		e.arrived(m)
		req := m.(*sip.Request)
		if broken(req) != "" {
			tb.Fatal(broken(req))
		}
		if _, first := e.invites.first(req); !first {
			tb.Fatal("not the first")
		}
		e.invites.mu.Lock()
		clear(e.invites.calls)
		e.invites.mu.Unlock()
	}, len(data)
}

// callIn is a whole short call over UDP: INVITE, 100, 200, ACK, BYE, 200.
func callIn(tb testing.TB) (do func()) {
	e := open(tb, callsFunc(func(ctx context.Context, d *Dialog) {
		_, _ = d.Answer(ctx, []byte(someSDP))
		<-ctx.Done()
	}))
	p := newPhone(tb, e)
	return func() {
		l := p.newLeg("1234")
		l.invite(someSDP)
		l.answered()
		if m := l.do("BYE", ""); m.status() != 200 {
			tb.Fatal(m.start)
		}
	}
}

// callToBrowser is a whole short call to a browser: INVITE, 180, 200, ACK, BYE, 200.
func callToBrowser(tb testing.TB) (do func()) {
	e := open(tb, nil, bySession)
	p := newBrowser(tb, doorway(tb, e), "anna")
	p.register("anna", instance)
	device := e.Devices("anna")[0]
	done := make(chan placed, 1)
	return func() {
		go func() {
			d, answer, err := e.Invite(tb.Context(), Invitation{To: ToDevice{device}, From: Address{User: "1002"}, Offer: []byte(someSDP)})
			done <- placed{d, answer, err}
		}()
		invite := p.request("INVITE")
		p.reply(invite, 180, "them", "")
		p.reply(invite, 200, "them", someSDP)
		p.request("ACK")
		r := wait(tb, done, "the answer")
		if r.err != nil {
			tb.Fatal(r.err)
		}
		if m := p.back(invite, "them").do("BYE", ""); m.status() != 200 {
			tb.Fatal(m.start)
		}
	}
}

func TestAnINVITEIsParsedAndRoutedWithFewAllocations(t *testing.T) {
	do, _ := parseAndRoute(t)
	fewAllocations(t, 64, do)
}

func TestACallOverUDPCostsFewAllocations(t *testing.T) { fewAllocations(t, 460, callIn(t)) }

func TestACallToABrowserCostsFewAllocations(t *testing.T) { fewAllocations(t, 470, callToBrowser(t)) }

func TestASilentBrowserCostsAGoroutineAndAFewKilobytes(t *testing.T) {
	const n = 300
	e := open(t, nil, bySession, func(c *Config) { c.Door.PerAddress, c.Users = n, everybody{} })
	at := doorway(t, e)
	settled := func() (heap, goroutines int) {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what was in a pool is gone after two
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc), runtime.NumGoroutine()
	}
	silentBrowser(t, at, "first")
	heap, goroutines := settled()
	for i := range n - 1 {
		silentBrowser(t, at, fmt.Sprintf("agent%d", i))
	}
	if got := e.devices.Len(); got != n {
		t.Fatalf("%d registered, want %d", got, n)
	}
	var each, more int
	waitUntil(t, "the goroutines that let them in to end", func() bool {
		h, g := settled()
		each, more = (h-heap)/(n-1), g-goroutines
		return more <= n-1
	})
	t.Logf("%d bytes each, %d goroutines for %d", each, more, n-1)
	if each > 5<<10 && !raced { // the far end of each connection, in this process, is in it
		t.Errorf("%d bytes a browser", each)
	}
}

// everybody is who they say they are.
type everybody struct{}

func (everybody) Password(u string) (string, string, bool) { return "secret", u, true }
func (everybody) AOR(u string) (string, bool)              { return u, true }

// silentBrowser comes in, registers as the agent of its session, and says nothing more. It costs this process little: no
// goroutine, no buffer.
func silentBrowser(t *testing.T, at, agent string) {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	fmt.Fprintf(c, "GET /sip HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\nX-Session: %s\r\n\r\n", at, agent)
	r := bufio.NewReader(c)
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the door: %v %v", res, err)
	}
	p := &phone{t: t, transport: "WS", to: "cordboard.invalid", local: c.LocalAddr().String()}
	l := p.newLeg(agent)
	l.target = "sip:cordboard.invalid"
	m := l.text("REGISTER", newBranch(), 1, "", "Contact: <"+p.contact()+">;"+instance+";expires=600")
	// Text, final, masked with zeros, 16 bits of length (RFC 6455 section 5.2).
	if _, err := c.Write(append([]byte{0x81, 0x80 | 126, byte(len(m) >> 8), byte(len(m)), 0, 0, 0, 0}, m...)); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, int(head[2])<<8|int(head[3]))
	if _, err := io.ReadFull(r, text); err != nil || !strings.HasPrefix(string(text), "SIP/2.0 200") {
		t.Fatalf("REGISTER: %s %v", text, err)
	}
}
