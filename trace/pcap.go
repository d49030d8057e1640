package trace

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// A file of libpcap with times in nanoseconds, of raw IP packets (link type 101), that all tools of the field read.
const (
	pcapMagic   = 0xa1b23c4d
	pcapRaw     = 101
	pcapHeader  = 24
	frameHeader = 16
	snapLength  = 1 << 16

	ip4Header = 20
	ip6Header = 40
	udpHeader = 8
	hops      = 64
	udp       = 17
)

// appendFile begins a file.
func appendFile(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, pcapMagic)
	b = binary.LittleEndian.AppendUint16(b, 2) // version 2.4
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...) // time zone and accuracy, which nobody uses
	b = binary.LittleEndian.AppendUint32(b, snapLength)
	return binary.LittleEndian.AppendUint32(b, pcapRaw)
}

// appendFrame adds a datagram. Addresses of different families are written as IPv6.
func appendFrame(b []byte, at time.Time, from, to netip.AddrPort, payload []byte) []byte {
	if most := snapLength - ip6Header - udpHeader - 1; len(payload) > most {
		payload = payload[:most]
	}
	src, dst := from.Addr().Unmap(), to.Addr().Unmap()
	four := src.Is4() && dst.Is4()
	size := udpHeader + len(payload)
	whole := size + ip6Header
	if four {
		whole = size + ip4Header
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(at.Unix()))
	b = binary.LittleEndian.AppendUint32(b, uint32(at.Nanosecond()))
	b = binary.LittleEndian.AppendUint32(b, uint32(whole))
	b = binary.LittleEndian.AppendUint32(b, uint32(whole))
	if four {
		b = appendIP4(b, src, dst, uint16(whole))
	} else {
		b = appendIP6(b, src, dst, uint16(size))
	}
	start := len(b)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(size))
	b = append(b, 0, 0)
	b = append(b, payload...)
	sum := pseudo(src, dst, size, four)
	binary.BigEndian.PutUint16(b[start+6:], max(^folded(added(sum, b[start:])), 1)) // 0 would mean none
	return b
}

func appendIP4(b []byte, src, dst netip.Addr, length uint16) []byte {
	start := len(b)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, length)
	b = append(b, 0, 0, 0x40, 0, hops, udp, 0, 0) // not to be fragmented
	s, d := src.As4(), dst.As4()
	b = append(append(b, s[:]...), d[:]...)
	binary.BigEndian.PutUint16(b[start+10:], ^folded(added(0, b[start:])))
	return b
}

func appendIP6(b []byte, src, dst netip.Addr, length uint16) []byte {
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, length)
	b = append(b, udp, hops)
	s, d := src.As16(), dst.As16()
	return append(append(b, s[:]...), d[:]...)
}

// pseudo is the sum of the pseudo-header of UDP (RFC 768, RFC 8200 section 8.1).
func pseudo(src, dst netip.Addr, size int, four bool) uint32 {
	sum := uint32(udp) + uint32(size)
	if four {
		s, d := src.As4(), dst.As4()
		return added(added(sum, s[:]), d[:])
	}
	s, d := src.As16(), dst.As16()
	return added(added(sum, s[:]), d[:])
}

// added is the sum of 16-bit words; a frame is short enough that it does not overflow.
func added(sum uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

func folded(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
