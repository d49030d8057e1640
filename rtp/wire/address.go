package wire

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Address is where datagrams go, in the form that the kernel reads: made once for many packets.
type Address struct {
	raw  unix.RawSockaddrInet6 // or a RawSockaddrInet4, which is shorter and begins alike
	size uint32
}

// AddressOf is an address as the kernel reads it.
func AddressOf(a netip.AddrPort) *Address {
	to := &Address{}
	to.Set(a)
	return to
}

// Set makes it another address, without garbage.
func (a *Address) Set(to netip.AddrPort) {
	*a = Address{}
	ip := to.Addr().Unmap()
	if ip.Is4() {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&a.raw))
		four.Family = unix.AF_INET
		four.Port = networkOrder(to.Port())
		four.Addr = ip.As4()
		a.size = unix.SizeofSockaddrInet4
		return
	}
	a.raw.Family = unix.AF_INET6
	a.raw.Port = networkOrder(to.Port())
	a.raw.Addr = ip.As16()
	a.raw.Scope_id = scope(ip.Zone())
	a.size = unix.SizeofSockaddrInet6
}

func (a *Address) bind(fd int) error {
	_, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(a.size))
	if errno != 0 {
		return errno
	}
	return nil
}

// addrPort reads an address that the kernel has written; an IPv4 address is never a mapped one.
func (a *Address) addrPort() netip.AddrPort {
	if a.raw.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&a.raw))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), networkOrder(four.Port))
	}
	ip := netip.AddrFrom16(a.raw.Addr).Unmap()
	if a.raw.Scope_id != 0 {
		ip = ip.WithZone(strconv.FormatUint(uint64(a.raw.Scope_id), 10))
	}
	return netip.AddrPortFrom(ip, networkOrder(a.raw.Port))
}

// networkOrder turns a port into the byte order of the wire, and back.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}

// scope is the number of the interface that a link-local address belongs to; 0: none.
func scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}
