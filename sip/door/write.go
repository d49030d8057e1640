package door

import (
	"bytes"
	"io"
	"net"
	"time"
)

// Send sends one SIP message, whatever compose writes, as one text frame in one write, so that nothing of others gets in
// between (pitfall W4). An error says that the socket is, or is now, broken.
func (s *Socket) Send(compose func(io.StringWriter)) error {
	b := s.door.frames.Get().(*bytes.Buffer)
	defer s.door.frames.Put(b)
	b.Reset()
	var room [maxHeader]byte // for the header, whose length depends on the message's
	b.Write(room[:])
	compose(b)
	frame := b.Bytes()
	header := appendHeader(room[:0], opText, len(frame)-maxHeader, 0)
	frame = frame[maxHeader-len(header):]
	copy(frame, header)
	return s.send(frame, s.door.cfg.WriteTimeout)
}

// SendText sends text as one frame.
func (s *Socket) SendText(text []byte) error {
	return s.send(appendFrame(nil, opText, text), s.door.cfg.WriteTimeout)
}

// send writes whole frames.
func (s *Socket) send(b []byte, timeout time.Duration) error {
	s.writing.Lock()
	err := s.broken
	if err == nil {
		err = s.write(b, timeout)
	}
	s.writing.Unlock()
	if err != nil {
		s.abort()
	}
	return err
}

// write writes all of b or breaks the socket: after half a frame nothing can follow. s.writing is held, so while one
// writer waits for a browser that does not read, the others of this browser wait with it, at most the time-out in all.
func (s *Socket) write(b []byte, timeout time.Duration) error {
	err := s.conn.SetWriteDeadline(time.Now().Add(timeout))
	if err == nil {
		_, err = s.conn.Write(b)
	}
	s.broken = err
	return err
}

// farewell is how long a close frame may take; it only blocks when the browser has not read for long.
const farewell = 250 * time.Millisecond

// goAway sends a close frame and closes. It waits for a writer who is stuck, so at most the write time-out.
func (s *Socket) goAway(code int) {
	if s.sayGoodbye(code) {
		s.abort()
	}
}

// sayGoodbye sends a close frame and lets nothing follow it. It reports whether there is a connection to close: there is
// none yet while the browser is still in the door, and open will see that it was closed.
func (s *Socket) sayGoodbye(code int) bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.broken == nil && s.conn != nil {
		_ = s.write(appendFrame(nil, opClose, []byte{byte(code >> 8), byte(code)}), farewell) // it may be gone already
	}
	s.broken = net.ErrClosed
	return s.conn != nil
}

// abort closes without a word, once. Who asked to be told is told from a goroutine of its own, because the stack writes
// under its locks; the address stays taken until then, so that nobody mistakes the next browser for this one.
func (s *Socket) abort() {
	s.closing.Do(func() {
		_ = s.conn.Close() // what a dead connection says about being closed helps nobody
		s.door.lose(s)
		go func() { // Close waits for it: the door is not empty before leave
			defer s.door.leave(s)
			s.reading.Wait() // nothing is heard of it after it has been told as gone
			s.door.told(s)
		}()
	})
}

// cutOff is abort for a socket that may not be open yet.
func (s *Socket) cutOff() {
	if s.opened.Load() {
		s.abort()
	}
}
