package sip

import (
	"net"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// BenchmarkParseAndDispatchINVITE is what one INVITE costs from the bytes to the point where the call would be told of.
func BenchmarkParseAndDispatchINVITE(b *testing.B) {
	do, size := parseAndRoute(b)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		do()
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

// BenchmarkCallOverUDP is a whole short call over a socket.
func BenchmarkCallOverUDP(b *testing.B) {
	do := callIn(b)
	b.ReportAllocs()
	for b.Loop() {
		do()
	}
}

// BenchmarkCallToBrowser is a whole short call to a browser, over its WebSocket.
func BenchmarkCallToBrowser(b *testing.B) {
	do := callToBrowser(b)
	b.ReportAllocs()
	for b.Loop() {
		do()
	}
}
