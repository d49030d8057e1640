package sip

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Tap is told of every SIP message that comes in and is understood, and of every one that goes out. Over UDP and to
// browsers those repeated by the transaction layer are among them; over TCP what that layer says by itself is not: the
// ACK to a refusal, the 487 to a CANCEL. It is called in the goroutine that reads or writes, so it must be quick.
type Tap interface{ Passed(p Passage) }

// Passage is one SIP message on its way.
type Passage struct {
	At            time.Time
	In            bool   // to us
	Network       string // "udp", "tcp", "tls", "ws"
	Local, Remote netip.AddrPort
	CallID        string
	Method        string // of CSeq
	Text          []byte // lent for the call
}

// hears tells the tap of a message that came in.
func (e *Endpoint) hears(m sip.Message) {
	id, cseq := m.CallID(), m.CSeq()
	if e.cfg.Tap == nil || id == nil || cseq == nil {
		return
	}
	network := sip.NetworkToLower(m.Transport())
	remote, err := netip.ParseAddrPort(m.Source())
	if err != nil {
		return
	}
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	e.cfg.Tap.Passed(Passage{At: time.Now(), In: true, Network: network, Local: e.facing(network, remote), Remote: remote,
		CallID: strings.Clone(id.Value()), Method: string(cseq.MethodName), Text: []byte(m.String())})
}

// says tells the tap of a message that goes out over a stream.
func (e *Endpoint) says(m sip.Message) {
	if e.cfg.Tap == nil {
		return
	}
	network := sip.NetworkToLower(m.Transport())
	if network == "udp" || network == "ws" {
		return // told where they are written
	}
	id, cseq := m.CallID(), m.CSeq()
	remote, err := netip.ParseAddrPort(m.Destination())
	if err != nil || id == nil || cseq == nil {
		return
	}
	e.cfg.Tap.Passed(Passage{At: time.Now(), Network: network, Local: e.facing(network, remote), Remote: remote,
		CallID: id.Value(), Method: string(cseq.MethodName), Text: []byte(m.String())})
}

// written tells the tap of a message that goes out as these bytes.
func (e *Endpoint) written(network string, remote netip.AddrPort, text []byte) {
	callID, method := namesOf(text)
	if callID == "" {
		return
	}
	e.cfg.Tap.Passed(Passage{At: time.Now(), Network: network, Local: e.facing(network, remote), Remote: remote,
		CallID: callID, Method: method, Text: text})
}

// facing is the address of ours that a far side talks to.
func (e *Endpoint) facing(network string, remote netip.AddrPort) netip.AddrPort {
	l := e.listenAddr(network, remote.Addr())
	if !l.IsValid() {
		l = e.anyAddr(remote.Addr())
	}
	if l.Addr().IsUnspecified() {
		if e.cfg.Advertise.IsValid() {
			return netip.AddrPortFrom(e.cfg.Advertise, l.Port())
		}
		return netip.AddrPortFrom(outboundAddr(remote), l.Port())
	}
	return l
}

// namesOf finds Call-ID and the method of CSeq in a message of our own, whose fields have their full names.
func namesOf(text []byte) (callID, method string) {
	for len(text) > 0 && (callID == "" || method == "") {
		line, rest, _ := bytes.Cut(text, []byte("\r\n"))
		if len(line) == 0 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Call-ID: ")); ok {
			callID = string(v)
		}
		if v, ok := bytes.CutPrefix(line, []byte("CSeq: ")); ok {
			_, m, _ := bytes.Cut(v, []byte(" "))
			method = string(m)
		}
		text = rest
	}
	return callID, method
}

// tapped is a UDP socket that tells what is written to it.
type tapped struct {
	net.PacketConn
	e *Endpoint
}

// WriteTo tells before it writes: the answer may be heard before the writer goes on, and the tap would be told of it first.
func (t tapped) WriteTo(b []byte, to net.Addr) (int, error) {
	t.e.written("udp", addrPortOf(to), b)
	return t.PacketConn.WriteTo(b, to)
}
