package door

import (
	"bufio"
	"io"
	"net"
	"sync"
	"syscall"
)

// input is what a browser sends, read through a buffer that is there only while something is in it.
type input struct {
	conn    net.Conn
	raw     syscall.RawConn // nil: no plain socket (TLS): the buffer stays while we wait
	buffers *sync.Pool
	attempt func(fd uintptr) bool // readSome, bound once

	buffer *[]byte // of the pool; nil: nothing is unread
	unread []byte  // a part of it, at first what the HTTP server had read already
	n      int     // what readSome read
	err    error
}

// start begins with what is buffered.
func (in *input) start(conn net.Conn, buffered *bufio.Reader, buffers *sync.Pool) {
	in.conn, in.buffers, in.raw = conn, buffers, rawOf(conn)
	in.attempt = in.readSome
	if n := buffered.Buffered(); n > 0 {
		ahead, _ := buffered.Peek(n)
		in.unread = append([]byte(nil), ahead...)
	}
}

// wait returns when something is unread. Meanwhile there is no buffer.
func (in *input) wait() error {
	if len(in.unread) > 0 {
		return nil
	}
	if in.raw == nil {
		return in.fill()
	}
	in.release()
	if err := in.raw.Read(in.attempt); err != nil { // it has its own words for a deadline and a closed connection
		return err
	}
	return in.took(in.n, in.err)
}

// fill waits with a buffer.
func (in *input) fill() error {
	if in.buffer == nil {
		in.buffer = in.buffers.Get().(*[]byte)
	}
	return in.took(in.conn.Read(*in.buffer))
}

func (in *input) took(n int, err error) error {
	if n > 0 {
		in.unread = (*in.buffer)[:n]
		return nil
	}
	in.release()
	if err == nil {
		err = io.EOF
	}
	return err
}

// full fills b with what is unread, and waits for more where that is not enough.
func (in *input) full(b []byte) error {
	for len(b) > 0 {
		if len(in.unread) == 0 {
			if err := in.fill(); err != nil {
				return err
			}
		}
		n := copy(b, in.unread)
		in.unread, b = in.unread[n:], b[n:]
	}
	return nil
}

// release gives the buffer back; nothing is unread.
func (in *input) release() {
	in.unread = nil
	if in.buffer != nil {
		in.buffers.Put(in.buffer)
		in.buffer = nil
	}
}
