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

// goAway sends a close frame, if that is possible at once, and closes.
func (s *socket) goAway(code int) {
	if !s.writing.TryLock() {
		s.abort() // somebody is stuck in a write; closing frees them
		return
	}
	if s.conn == nil { // not open yet: open will see this
		s.broken = net.ErrClosed
		s.writing.Unlock()
		return
	}
	if s.broken == nil {
		_ = s.write(appendFrame(nil, opClose, []byte{byte(code >> 8), byte(code)}), farewell) // it may be gone already
		s.broken = net.ErrClosed
	}
	s.writing.Unlock()
	s.abort()
}

// Close closes the connection: the stack is done with it.
func (s *socket) Close() error {
	s.goAway(closeNormal)
	return nil
}

// abort closes without a word and tells everyone, once.
func (s *socket) abort() {
	s.closing.Do(func() {
		_ = s.conn.Close() // what a dead connection says about being closed helps nobody
		s.door.leave(s)
		s.door.told(s.remote)
	})
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
