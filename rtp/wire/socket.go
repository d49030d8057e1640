package wire

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxDatagram is the most that is read of one datagram, in bytes; what is longer is cut.
const MaxDatagram = 2048

// Reader takes one datagram. The packet is lent for the call; at is when the thread found it. It runs on the thread that
// reads for many: it must not block, and must not call Stop or Close of the same socket.
type Reader func(packet []byte, from netip.AddrPort, at time.Time)

// ErrFull says that a datagram was not sent because the kernel has no room for it.
var ErrFull = errors.New("the socket's buffer is full")

// SocketConfig says what a socket is for. Address is required.
type SocketConfig struct {
	Address netip.AddrPort // to bind to; port 0 takes any
	// Shared: many far sides send to this socket, so several datagrams are read at a time.
	Shared bool
	// ReadBuffer and WriteBuffer are asked of the kernel, in bytes, which may grant less; 0: its default.
	ReadBuffer, WriteBuffer int
	// ReusePort lets several sockets have one address: the kernel spreads the far sides over them.
	ReusePort bool
}

// Socket is one UDP socket. All methods are safe for concurrent use.
type Socket struct {
	loop   *loop
	fd     int
	local  netip.AddrPort
	shared bool

	reading sync.Mutex // held while the reader runs
	reader  Reader     // guarded by reading; nil: nobody reads

	using  sync.RWMutex // held for reading while the descriptor is used by a sender
	closed bool         // guarded by using
}

// Open makes a socket that one of the threads will read.
func (l *Loops) Open(c SocketConfig) (*Socket, error) {
	fd, err := open(&c)
	if err != nil {
		return nil, fmt.Errorf("open udp %s: %w", c.Address, err)
	}
	local, err := boundTo(fd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open udp %s: %w", c.Address, err), unix.Close(fd))
	}
	return &Socket{loop: l.loops[int(l.next.Add(1))%len(l.loops)], fd: fd, local: local, shared: c.Shared}, nil
}

func open(c *SocketConfig) (fd int, err error) {
	family := unix.AF_INET
	if c.Address.Addr().Unmap().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	set := func(level, option, value int) error {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, level, option, value))
	}
	var errs []error
	if family == unix.AF_INET6 {
		errs = append(errs, set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)) // an IPv4 address is never written as a mapped one
	}
	if c.ReusePort {
		errs = append(errs, set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	}
	if c.ReadBuffer > 0 { // less than asked for works, with less room for bursts
		_ = set(unix.SOL_SOCKET, unix.SO_RCVBUF, c.ReadBuffer)
	}
	if c.WriteBuffer > 0 {
		_ = set(unix.SOL_SOCKET, unix.SO_SNDBUF, c.WriteBuffer)
	}
	to := AddressOf(c.Address)
	errs = append(errs, os.NewSyscallError("bind", to.bind(fd)))
	if err := errors.Join(errs...); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func boundTo(fd int) (netip.AddrPort, error) {
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
	}
	switch a := bound.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("a socket address of type %T", bound)
}

// Local is the address that the socket is bound to.
func (s *Socket) Local() netip.AddrPort { return s.local }

// Read begins to hand every datagram to the reader, in order of arrival and one at a time.
func (s *Socket) Read(r Reader) error {
	s.reading.Lock()
	s.reader = r
	s.reading.Unlock()
	return s.loop.add(s)
}

// Stop ends the reading; the reader is not running any more when it returns. What comes from now on waits in the kernel.
func (s *Socket) Stop() {
	s.loop.remove(s)
	s.reading.Lock()
	s.reader = nil
	s.reading.Unlock()
}

// Close gives the port back. Closing twice is harmless.
func (s *Socket) Close() error {
	s.Stop()
	s.using.Lock() // the descriptor's number may belong to someone else right after
	defer s.using.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return os.NewSyscallError("close", unix.Close(s.fd))
}

// Send writes one datagram and never waits: one packet that is lost is better than all sound behind it. The error is
// ErrFull when there is no room, net.ErrClosed after Close, else what the system says.
func (s *Socket) Send(packet []byte, to *Address) error {
	if len(packet) == 0 {
		return nil
	}
	s.using.RLock()
	defer s.using.RUnlock()
	if s.closed {
		return net.ErrClosed
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&to.raw)), uintptr(to.size))
	switch errno {
	case 0:
		return nil
	case unix.EAGAIN, unix.ENOBUFS:
		return ErrFull
	default:
		return errno
	}
}

// Drain throws away what has come to a socket that nobody reads, and reports whether there was anything.
func (s *Socket) Drain() (any bool) {
	s.using.RLock()
	defer s.using.RUnlock()
	var one [1]byte
	for range 10000 { // a flood must not hold us here
		if s.closed {
			return any
		}
		if _, _, err := unix.Recvfrom(s.fd, one[:], unix.MSG_DONTWAIT); err != nil {
			return any
		}
		any = true
	}
	return any
}
