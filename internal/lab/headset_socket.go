package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// headsetSocket is the one UDP socket of a headset. While it connects, pion waits for every packet, as quick as the kernel
// wakes it; afterwards the metronome reads, keeps the sound, and passes on what is left for pion: consent checks and DTLS
// alerts. To pion it looks like a mux with one connection.
type headsetSocket struct {
	port    *rtpPort
	addr    netip.AddrPort
	waiting *net.UDPConn // the same socket, for waiting; closed by whoever reads when it is handed over
	handed  atomic.Bool
	over    chan struct{} // closed when waiting has been given up
	rest    chan arrival  // for pion, from the metronome
	ended   chan struct{}
	ending  sync.Once
	early   []arrival // sound that came before the keys; owned by the reader until over is closed
}

// arrival is one packet of ours to keep.
type arrival struct {
	packet []byte
	from   netip.AddrPort
	at     time.Time
}

func openHeadsetSocket(ip netip.Addr, sound func(packet []byte, at time.Time)) (*headsetSocket, error) {
	fd, number, err := udpSocket(ip, 0)
	if err != nil {
		return nil, err
	}
	s := &headsetSocket{addr: netip.AddrPortFrom(ip, uint16(number)), over: make(chan struct{}), rest: make(chan arrival, 64),
		ended: make(chan struct{})}
	s.port = &rtpPort{fd: fd, rtcp: -1, addr: s.addr, hear: func(packet []byte, from netip.AddrPort, at time.Time) {
		switch kindOf(packet) {
		case isSound:
			sound(packet, at)
		case isControl:
			select {
			case s.rest <- arrival{bytes.Clone(packet), from, at}:
			default: // pion is late; checks and alerts are repeated
			}
		case isOther:
		}
	}}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err == nil {
		err = s.wait()
	}
	if err != nil {
		s.port.close()
		return nil, err
	}
	return s, nil
}

// wait makes the socket one that a goroutine can wait for. It is a duplicate: closing it takes the socket out of the
// runtime's poller, which would otherwise be woken by every packet that the metronome reads.
func (s *headsetSocket) wait() error {
	file, err := unix.FcntlInt(uintptr(s.port.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(file), "headset")
	conn, err := net.FilePacketConn(f)
	_ = f.Close() // it was duplicated once more
	if err != nil {
		return err
	}
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return fmt.Errorf("not a UDP socket: %T", conn)
	}
	s.waiting = udp
	return nil
}

// The kinds of packets on one socket (RFC 7983 section 7, RFC 5761 section 4).
type packetKind int

const (
	isOther packetKind = iota
	isControl
	isSound
)

func kindOf(packet []byte) packetKind {
	switch {
	case len(packet) < 12:
		return isOther
	case packet[0] < 4 || packet[0] >= 20 && packet[0] < 64:
		return isControl
	case packet[0]>>6 == 2 && (packet[1]&0x7f < 64 || packet[1]&0x7f > 95):
		return isSound
	}
	return isOther
}

// handOver ends the waiting and returns what sound has come meanwhile; from now on the metronome may read.
func (s *headsetSocket) handOver() []arrival {
	s.handed.Store(true)
	_ = s.waiting.SetReadDeadline(time.Now())
	select {
	case <-s.over:
		return s.early
	case <-s.ended:
		return nil
	}
}

// ReadFromAddrPort waits for the next packet that is pion's.
func (s *headsetSocket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	var oob [128]byte
	for !s.handed.Load() {
		n, m, _, from, err := s.waiting.ReadMsgUDPAddrPort(b, oob[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && s.handed.Load():
		case err != nil:
			return 0, from, err
		case kindOf(b[:n]) == isControl:
			return n, from, nil
		case kindOf(b[:n]) == isSound && len(s.early) < 64:
			s.early = append(s.early, arrival{bytes.Clone(b[:n]), from, kernelTime(oob[:m])})
		}
	}
	select {
	case <-s.over:
	default:
		_ = s.waiting.Close()
		close(s.over)
	}
	select {
	case a := <-s.rest:
		return copy(b, a.packet), a.from, nil
	case <-s.ended:
		return 0, netip.AddrPort{}, io.EOF
	}
}

// WriteToAddrPort sends at once.
func (s *headsetSocket) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return len(b), sendTo(s.port.fd, b, to)
}

// What net.PacketConn asks for beside.

func (s *headsetSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromAddrPort(b)
	return n, net.UDPAddrFromAddrPort(from), err
}

func (s *headsetSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("not a UDP address: %s", to)
	}
	return s.WriteToAddrPort(b, udp.AddrPort())
}

func (s *headsetSocket) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(s.addr) }

// SetDeadline: pion sets one only to end the reading.
func (s *headsetSocket) SetDeadline(time.Time) error     { return s.Close() }
func (s *headsetSocket) SetReadDeadline(time.Time) error { return s.Close() }

func (s *headsetSocket) SetWriteDeadline(time.Time) error { return nil }

// Close ends the reading; shut gives the socket back.
func (s *headsetSocket) Close() error {
	s.ending.Do(func() { close(s.ended); _ = s.waiting.SetReadDeadline(time.Now()) })
	return nil
}

// What ice.UDPMux asks for beside.

func (s *headsetSocket) GetConn(string, net.Addr) (net.PacketConn, error) { return s, nil }
func (s *headsetSocket) RemoveConnByUfrag(string)                         {}
func (s *headsetSocket) GetListenAddresses() []net.Addr                   { return []net.Addr{s.LocalAddr()} }

func (s *headsetSocket) shut() {
	_ = s.Close()
	_ = s.waiting.Close()
	s.port.close()
}
