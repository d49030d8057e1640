package wire

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxBatch is how many datagrams of a shared socket are read at a time.
const maxBatch = 32

// batch is the room of one thread for what it reads.
type batch struct {
	from     [maxBatch]Address
	vectors  [maxBatch]unix.Iovec
	messages [maxBatch]message
	packets  [maxBatch][MaxDatagram]byte
}

// message is the kernel's struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
	_      uint32
}

func newBatch() *batch {
	b := &batch{}
	for i := range b.messages {
		b.vectors[i].Base = &b.packets[i][0]
		b.vectors[i].SetLen(MaxDatagram)
		b.messages[i].header.Iov = &b.vectors[i]
		b.messages[i].header.SetIovlen(1)
		b.messages[i].header.Name = (*byte)(unsafe.Pointer(&b.from[i].raw))
	}
	return b
}

// receiveOne reads one datagram. If there are more, the next waiting finds them.
func (b *batch) receiveOne(s *Socket, at time.Time) {
	from := &b.from[0]
	from.size = unix.SizeofSockaddrInet6
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&b.packets[0])), MaxDatagram,
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&from.raw)), uintptr(unsafe.Pointer(&from.size)))
	if errno == 0 { // else there is nothing, or an ICMP answer to something we sent, which is not ours to act on
		s.deliver(b.packets[0][:n], from.addrPort(), at)
	}
}

// receiveMany reads all that has come, up to a batch.
func (b *batch) receiveMany(s *Socket, at time.Time) {
	for i := range b.messages {
		b.messages[i].header.Namelen = unix.SizeofSockaddrInet6
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.messages)), maxBatch,
		unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return
	}
	for i := range int(n) {
		s.deliver(b.packets[i][:b.messages[i].length], b.from[i].addrPort(), at)
	}
}
