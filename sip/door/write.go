package door

import (
	"bytes"
	"errors"
	"net"
	"time"
)

// maxPartial bounds what the stack may leave unfinished: a frame of its largest message with room to spare.
const maxPartial = 256 << 10

var errRunaway = errors.New("the sip stack wrote no websocket frame")

// Write takes pieces of frames from the stack and sends whole frames, each in one write, so that nothing of ours gets in
// between (pitfall W4). What the stack answers to the upgrade request goes nowhere.
func (s *socket) Write(b []byte) (int, error) {
	s.writing.Lock()
	err := s.writePieces(b)
	s.writing.Unlock()
	if err != nil {
		s.abort()
		return 0, err
	}
	return len(b), nil
}

// writePieces adds b to what is there and sends what is whole. s.writing is held.
func (s *socket) writePieces(b []byte) error {
	if s.broken != nil {
		return s.broken
	}
	s.partial = append(s.partial, b...)
	if !s.welcome {
		end := bytes.Index(s.partial, []byte("\r\n\r\n"))
		if end < 0 {
			return s.bounded()
		}
		s.welcome = true
		s.partial = append(s.partial[:0], s.partial[end+4:]...)
	}
	whole := 0
	for {
		n := outgoingLength(s.partial[whole:])
		if n == 0 || n > len(s.partial)-whole {
			break
		}
		whole += n
	}
	if whole > 0 {
		err := s.write(s.partial[:whole], s.door.cfg.WriteTimeout)
		s.partial = append(s.partial[:0], s.partial[whole:]...)
		if err != nil {
			return err
		}
	}
	return s.bounded()
}

// bounded breaks the socket when the stack writes what never becomes a frame. s.writing is held.
func (s *socket) bounded() error {
	if len(s.partial) > maxPartial {
		s.partial, s.broken = nil, errRunaway
	}
	return s.broken
}

// sendText sends a whole text frame of our own.
func (s *socket) sendText(text []byte) error {
	return s.send(appendFrame(nil, opText, text), s.door.cfg.WriteTimeout)
}

// send writes whole frames of our own between those of the stack.
func (s *socket) send(b []byte, timeout time.Duration) error {
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
func (s *socket) write(b []byte, timeout time.Duration) error {
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
func (s *socket) goAway(code int) {
	if s.sayGoodbye(code) {
		s.abort()
	}
}

// sayGoodbye sends a close frame and lets nothing follow it. It reports whether there is a connection to close: there is
// none yet while the browser is still in the door, and open will see that it was closed.
func (s *socket) sayGoodbye(code int) bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.broken == nil && s.conn != nil {
		_ = s.write(appendFrame(nil, opClose, []byte{byte(code >> 8), byte(code)}), farewell) // it may be gone already
	}
	s.broken = net.ErrClosed
	return s.conn != nil
}

// Close closes the connection at once: the stack, which may hold its own locks, is done with it.
func (s *socket) Close() error {
	s.abort()
	return nil
}

// abort closes without a word, once. Who asked to be told is told from a goroutine of its own, because the stack closes
// connections under its locks; the address stays taken until then, so that nobody mistakes the next browser for this one.
func (s *socket) abort() {
	s.closing.Do(func() {
		_ = s.conn.Close() // what a dead connection says about being closed helps nobody
		s.door.lose(s)
		go func() { // Close waits for it: the door is not empty before leave
			defer s.door.leave(s)
			s.door.told(s.remote)
		}()
	})
}

// cutOff is abort for a socket that may not be open yet.
func (s *socket) cutOff() {
	if s.opened.Load() {
		s.abort()
	}
}

// LocalAddr is ours; it is the same for all browsers (pitfall W6).
func (s *socket) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// RemoteAddr is the TCP peer, unique among open sockets.
func (s *socket) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// SetDeadline does nothing: the deadlines are the door's, which knows frames and keep-alives.
func (s *socket) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, see SetDeadline.
func (s *socket) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, see SetDeadline.
func (s *socket) SetWriteDeadline(time.Time) error { return nil }
