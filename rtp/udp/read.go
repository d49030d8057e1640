package udp

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/rtp"
)

// maxDatagram is more than any RTP or RTCP packet of ours may have; a longer one is cut and then refused as too long.
const maxDatagram = 2048

// readSound reads the RTP port until the session is closed. A packet that makes one of us panic costs that packet.
func (s *Session) readSound() {
	buffer := make([]byte, maxDatagram)
	for s.open() {
		s.guard(func() { s.readRTP(buffer) })
	}
}

func (s *Session) open() bool {
	select {
	case <-s.closing:
		return false
	default:
		return true
	}
}

// guard contains a panic: the network feeds these goroutines, and nothing that comes from it may stop the process.
func (s *Session) guard(read func()) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("panic while reading rtp", zap.Any("panic", r), zap.Stack("stack"))
		}
	}()
	read()
}

func (s *Session) readRTP(buffer []byte) {
	for {
		n, from, err := s.ports.rtp.ReadFromUDPAddrPort(buffer)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an ICMP error that our own sending caused; the far side may yet come up
		}
		s.take(buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), time.Now())
	}
}

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
		s.strangers.Add(1)
		return
	}
	if s.Receive(raw, at) && s.latch.confirm(from, ssrc, at) {
		s.aim()
		s.log.Debug("rtp comes from", zap.Stringer("address", from))
	}
}

// readControl reads the RTCP port, sends our reports, and watches over the far side's silence.
func (s *Session) readControl() {
	buffer := make([]byte, maxDatagram)
	next := time.Now().Add(s.untilReport())
	for s.open() {
		s.guard(func() { s.readRTCP(buffer, &next) })
	}
}

// untilReport spreads our reports (RFC 3550 section 6.3.1).
func (s *Session) untilReport() time.Duration {
	return s.config.Report/2 + rand.N(s.config.Report)
}

func (s *Session) readRTCP(buffer []byte, next *time.Time) {
	for {
		if err := s.ports.control.SetReadDeadline(*next); err != nil {
			return
		}
		if !s.open() { // Close may have set its deadline just before we set ours
			return
		}
		n, from, err := s.ports.control.ReadFromUDPAddrPort(buffer)
		now := time.Now()
		switch {
		case err == nil:
			s.takeControl(buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), now, false)
		case errors.Is(err, net.ErrClosed):
			return
		}
		if !now.Before(*next) {
			*next = now.Add(s.untilReport())
			s.sendControl(s.Report(now))
			s.watch(now)
		}
	}
}

// takeControl hears one RTCP datagram, from the host that the sound comes from or that the SDP names.
func (s *Session) takeControl(raw []byte, from netip.AddrPort, at time.Time, mux bool) {
	path := s.control.Load()
	if path == nil || from.Addr() != s.latch.where().Addr() && from.Addr() != path.to.Addr() {
		s.strangers.Add(1)
		return
	}
	if s.ReceiveControl(raw, at) && (from != path.to || mux != path.mux) {
		s.control.Store(&controlPath{to: from, mux: mux}) // behind a NAT, RTCP has an address of its own
	}
}

func (s *Session) sendControl(packet []byte) {
	path := s.control.Load()
	if path == nil || len(packet) == 0 {
		return
	}
	conn := s.ports.control
	if path.mux {
		conn = s.ports.rtp
	}
	_, _ = conn.WriteToUDPAddrPort(packet, path.to) // a report is not repeated; the next one tells the same
}

// watch ends the session when the far side, which should send, has been silent for too long.
func (s *Session) watch(now time.Time) {
	agreed := s.agreed.Load()
	if s.config.Silence < 0 || agreed == nil || s.Direction() != rtp.SendRecv {
		return
	}
	last := *agreed
	if heard := s.Quality().LastHeard; heard.After(last) {
		last = heard
	}
	if heard := s.LastControl(); heard.After(last) {
		last = heard
	}
	if now.Sub(last) < s.config.Silence {
		return
	}
	select {
	case <-s.done:
	default:
		s.err = ErrSilent
		close(s.done)
	}
}
