package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rtpPort is one UDP socket for RTP with its odd neighbour for RTCP (RFC 3550 section 11), read by the metronome. The
// time of a packet is the kernel's, so that our own scheduling is not measured.
type rtpPort struct {
	fd, rtcp int
	addr     netip.AddrPort
	hear     func(packet []byte, from netip.AddrPort, at time.Time)
	reading  sync.Mutex
	closed   bool // guarded by reading
}

func openPort(ip netip.Addr, hear func([]byte, netip.AddrPort, time.Time)) (*rtpPort, error) {
	for range 100 {
		fd, port, err := udpSocket(ip, 0)
		if err != nil {
			return nil, err
		}
		if port%2 == 0 {
			if rtcp, _, err := udpSocket(ip, port+1); err == nil {
				if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
					return nil, err
				}
				return &rtpPort{fd: fd, rtcp: rtcp, addr: netip.AddrPortFrom(ip, uint16(port)), hear: hear}, nil
			}
		}
		_ = unix.Close(fd)
	}
	return nil, fmt.Errorf("no even port with a free neighbour on %s", ip)
}

func udpSocket(ip netip.Addr, port int) (fd, bound int, err error) {
	family, at := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Addr: ip.As16(), Port: port})
	if ip.Is4() {
		family, at = unix.AF_INET, &unix.SockaddrInet4{Addr: ip.As4(), Port: port}
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, 0, err
	}
	if err = unix.Bind(fd, at); err == nil {
		var name unix.Sockaddr
		if name, err = unix.Getsockname(fd); err == nil {
			switch name := name.(type) {
			case *unix.SockaddrInet4:
				return fd, name.Port, nil
			case *unix.SockaddrInet6:
				return fd, name.Port, nil
			}
		}
	}
	_ = unix.Close(fd)
	return -1, 0, err
}

// send writes one packet; a full socket buffer loses it, as a network would.
func (p *rtpPort) send(packet []byte, to netip.AddrPort) error { return sendTo(p.fd, packet, to) }

// sendTo is sendto(2) without an allocation.
func sendTo(fd int, packet []byte, to netip.AddrPort) error {
	if len(packet) == 0 || !to.IsValid() {
		return unix.EINVAL
	}
	var name unix.RawSockaddrInet6 // the other one is shorter and begins alike
	size := uintptr(unix.SizeofSockaddrInet6)
	name.Family, name.Addr = unix.AF_INET6, to.Addr().As16()
	if ip := to.Addr().Unmap(); ip.Is4() {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&name))
		four.Family, four.Addr, size = unix.AF_INET, ip.As4(), unix.SizeofSockaddrInet4
	}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name.Port))[:], to.Port())
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&name)), size)
	if errno != 0 {
		return errno
	}
	return nil
}

// take reads one packet. There is rarely a second one: asking for it would cost a system call a packet, and epoll tells of
// it anyway.
func (p *rtpPort) take(r *reader) {
	p.reading.Lock()
	defer p.reading.Unlock()
	if p.closed {
		return
	}
	if packet, from, at := r.receive(p.fd); packet != nil {
		p.hear(packet, from, at)
	}
}

func (p *rtpPort) close() {
	_ = unix.Close(p.fd)
	if p.rtcp >= 0 {
		_ = unix.Close(p.rtcp)
	}
}

// reader does recvmsg with the kernel's timestamp into memory of its own.
type reader struct {
	ready  [256]unix.EpollEvent // several times what 400 calls bring in a tick
	packet [2048]byte
	oob    [128]byte
	from   unix.RawSockaddrInet6 // or a RawSockaddrInet4
	iov    unix.Iovec
	header unix.Msghdr
}

func newReader() *reader {
	r := &reader{}
	r.iov.Base = &r.packet[0]
	r.iov.SetLen(len(r.packet))
	r.header.Iov = &r.iov
	r.header.SetIovlen(1)
	return r
}

func (r *reader) receive(fd int) ([]byte, netip.AddrPort, time.Time) {
	r.header.Name = (*byte)(unsafe.Pointer(&r.from))
	r.header.Namelen = unix.SizeofSockaddrInet6
	r.header.Control = &r.oob[0]
	r.header.SetControllen(len(r.oob))
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.header)), unix.MSG_DONTWAIT)
	if errno != 0 {
		return nil, netip.AddrPort{}, time.Time{}
	}
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&r.from.Port))[:])
	ip := netip.AddrFrom16(r.from.Addr)
	if r.from.Family == unix.AF_INET {
		ip = netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(&r.from)).Addr)
	}
	return r.packet[:n], netip.AddrPortFrom(ip, port), kernelTime(r.oob[:r.header.Controllen])
}

// kernelTime reads SCM_TIMESTAMPNS, or the clock where the kernel gave none (cmsg(3), socket(7)).
func kernelTime(oob []byte) time.Time {
	for len(oob) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
		length, data := int(h.Len), unix.CmsgLen(0)
		if length < data || length > len(oob) {
			break
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS && length >= data+16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(oob[data:])), int64(binary.NativeEndian.Uint64(oob[data+8:])))
		}
		oob = oob[min(unix.CmsgSpace(length-data), len(oob)):]
	}
	return time.Now()
}

// addrOf parses "ip:port" of an SDP.
func addrOf(host string, port int) (netip.AddrPort, error) {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		resolved, err := net.ResolveIPAddr("ip4", host)
		if err != nil {
			return netip.AddrPort{}, err
		}
		ip, _ = netip.AddrFromSlice(resolved.IP.To4())
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), nil
}
