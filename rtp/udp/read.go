package udp

import (
	"encoding/binary"
	"net/netip"
	"time"

	"go.uber.org/zap"
)

// take hears one datagram of the RTP port.
func (s *Session) take(raw []byte, from netip.AddrPort, at time.Time) {
	if len(raw) < 12 {
		return // shorter than an RTP header; also what NATs are kept open with
	}
	if kind := raw[1]; kind >= 192 && kind <= 223 { // RTCP on the RTP port (RFC 5761 section 4)
		s.takeControl(raw, from, at, true)
		return
	}
	ssrc := binary.BigEndian.Uint32(raw[8:])
	if !s.latch.admits(from, ssrc, at) {
		s.CountStranger()
		return
	}
	raw, authentic := s.keys.open(raw)
	if !authentic {
		s.CountForged()
		return
	}
	if s.Receive(raw, at) && s.latch.confirm(from, ssrc, at) {
		s.Out().Opens(s.aim) // what went to where it was said to be has reached nobody
		s.log.Debug("rtp comes from", zap.Stringer("address", from))
	}
}

// takeControl hears one RTCP datagram, from the host that the sound comes from or that the SDP names.
func (s *Session) takeControl(raw []byte, from netip.AddrPort, at time.Time, mux bool) {
	path := s.control.Load()
	if path == nil || from.Addr() != s.latch.where().Addr() && from.Addr() != path.to.Addr() {
		s.CountStranger()
		return
	}
	raw, authentic := s.keys.openControl(raw)
	if !authentic {
		s.CountForged()
		return
	}
	if s.ReceiveControl(raw, at) && (from != path.to || mux != path.mux) {
		s.control.Store(newControlPath(from, mux)) // behind a NAT, RTCP has an address of its own
	}
}

// takeControlPort hears one datagram of the RTCP port.
func (s *Session) takeControlPort(raw []byte, from netip.AddrPort, at time.Time) {
	s.takeControl(raw, from, at, false)
}
