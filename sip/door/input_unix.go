//go:build unix

package door

import (
	"errors"
	"net"
	"syscall"
)

func rawOf(conn net.Conn) syscall.RawConn {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// readSome takes a buffer and reads into it what has come; false, and no buffer, when nothing has. The runtime's poller
// calls it again when there is something.
func (in *input) readSome(fd uintptr) bool {
	buffer := in.buffers.Get().(*[]byte)
	n, err := syscall.Read(int(fd), *buffer)
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Read(int(fd), *buffer)
	}
	if errors.Is(err, syscall.EAGAIN) {
		in.buffers.Put(buffer)
		return false
	}
	in.buffer, in.n, in.err = buffer, n, err
	return true
}
