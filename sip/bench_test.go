package sip

import (
	"context"
	"net"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// BenchmarkParseAndDispatchINVITE is what one INVITE costs from the bytes to the point where the call would be told of.
func BenchmarkParseAndDispatchINVITE(b *testing.B) {
	e := open(b, nil)
	p := newPhone(b, e)
	l := p.newLeg("1234")
	local, _ := net.ResolveUDPAddr("udp4", p.to)
	remote, _ := net.ResolveUDPAddr("udp4", p.local)
	parser := newParser()
	data := []byte(l.text("INVITE", newBranch(), 1, someSDP, "Allow: "+allow, "Supported: replaces", "User-Agent: bench"))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		pass, _ := e.filter(sip.TransportReadProps{Transport: "UDP", LocalAddr: local, RemoteAddr: remote}, data)
		m, err := parser.ParseSIP(pass)
		if err != nil {
			b.Fatal(err)
		}
		m.SetTransport("UDP")
		m.SetSource(p.local)
		e.arrived(m)
		req := m.(*sip.Request)
		if broken(req) != "" {
			b.Fatal(broken(req))
		}
		if _, first := e.invites.first(req); !first {
			b.Fatal("not the first")
		}
		e.invites.mu.Lock()
		clear(e.invites.calls)
		e.invites.mu.Unlock()
	}
}

// BenchmarkScreen is the look over the bytes alone.
func BenchmarkScreen(b *testing.B) {
	e := open(b, nil)
	l := newPhone(b, e).newLeg("1234")
	data := []byte(l.text("INVITE", newBranch(), 1, someSDP))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if f := screen(data); f != nil {
			b.Fatal(f.why)
		}
	}
}

// BenchmarkUnknownSource is what a datagram of a stranger costs.
func BenchmarkUnknownSource(b *testing.B) {
	e := open(b, nil)
	from := sip.TransportReadProps{Transport: "UDP", LocalAddr: &net.UDPAddr{}, RemoteAddr: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5060}}
	data := []byte("INVITE sip:x@y SIP/2.0\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if pass, _ := e.filter(from, data); pass != nil {
			b.Fatal("let in")
		}
	}
}

// BenchmarkCallOverUDP is a whole short call: INVITE, 100, 200, ACK, BYE, 200, over a socket.
func BenchmarkCallOverUDP(b *testing.B) {
	e := open(b, callsFunc(func(ctx context.Context, d *Dialog) {
		_, _ = d.Answer(ctx, []byte(someSDP))
		<-ctx.Done()
	}))
	p := newPhone(b, e)
	b.ReportAllocs()
	for b.Loop() {
		l := p.newLeg("1234")
		l.invite(someSDP)
		l.answered()
		if m := l.do("BYE", ""); m.status() != 200 {
			b.Fatal(m.start)
		}
	}
}
