package door

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// upgrade is what the SIP stack reads first and may answer as it likes: the real handshake is over by then. The stack
// upgrades inside its accept loop; from memory that takes no time (pitfall W1).
const upgrade = "GET / HTTP/1.1\r\nHost: door\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"

// socket is one browser, as the net.Conn that the SIP stack reads from and writes to. Read is for the stack's one reader;
// everything else may be called by anyone.
type socket struct {
	door   *Door
	aor    string
	remote string     // the TCP peer
	client netip.Addr // who is behind it

	conn   net.Conn      // set by open before anything uses it, but see goAway; guarded by writing until then
	frames *bufio.Reader // owned by the reader

	unread  []byte // what Read still has to hand out, a part of frame or upgrade; owned by the reader
	frame   []byte // buffer of the frame being handed out; owned by the reader
	message []byte // buffer of the message being joined; owned by the reader
	greeted bool   // a message has come; owned by the reader

	writing sync.Mutex
	partial []byte // pieces of the stack's next frame, at first its answer to upgrade; guarded by writing
	welcome bool   // the stack has answered upgrade; guarded by writing
	broken  error  // why nothing can be written any more; guarded by writing

	opened  atomic.Bool // conn is set
	closing sync.Once
	lost    bool // guarded by door.mu
}

// open binds s to its connection, unless the door was closed meanwhile.
func (s *socket) open(conn net.Conn, buffered *bufio.Reader) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.conn = conn
	s.frames = buffered
	s.unread = []byte(upgrade)
	s.opened.Store(true)
	return s.broken
}

// Read hands out the upgrade request, then one masked text frame for each SIP message, however the browser framed it. Pings
// are answered on the way (pitfall W3). Whatever ends the connection is io.EOF to the stack; the reason is in our log.
func (s *socket) Read(b []byte) (int, error) {
	if len(s.unread) == 0 {
		message, err := s.readMessage()
		if err != nil {
			s.end(err)
			return 0, io.EOF
		}
		s.frame = appendHeader(s.frame[:0], opText, len(message), 0x80)
		s.frame = append(s.frame, 0, 0, 0, 0) // a mask of zeros: the stack wants a mask, and has nothing to undo
		s.frame = append(s.frame, message...)
		s.unread = s.frame
	}
	n := copy(b, s.unread)
	s.unread = s.unread[n:]
	return n, nil
}

// readMessage reads frames until a message that is not empty is whole.
func (s *socket) readMessage() ([]byte, error) {
	message, joining := s.message[:0], false
	for {
		if !joining {
			if err := s.awaitFrame(); err != nil {
				return nil, err
			}
		}
		h, err := readHeader(s.frames)
		if err != nil {
			return nil, err
		}
		if h.control() {
			if err := s.control(h); err != nil {
				return nil, err
			}
			continue
		}
		if joining != (h.op == opContinuation) {
			return nil, errProtocol
		}
		if h.length > uint64(s.door.cfg.MaxMessage-len(message)) {
			return nil, errTooBig
		}
		if message, err = s.readPayload(message, h); err != nil {
			return nil, err
		}
		joining = !h.fin
		if h.fin && len(message) > 0 {
			s.message, s.greeted = message, true
			return message, nil
		}
	}
}

// awaitFrame waits for the first byte of something new as long as a browser may be silent, and then gives what has begun a
// deadline that trickling bytes do not move.
func (s *socket) awaitFrame() error {
	silence := s.door.cfg.IdleTimeout
	if !s.greeted && s.aor == "" {
		silence = min(silence, s.door.cfg.HandshakeTimeout)
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return err
	}
	if _, err := s.frames.Peek(1); err != nil {
		return err
	}
	return s.conn.SetReadDeadline(time.Now().Add(s.door.cfg.MessageTimeout))
}

// readPayload appends a frame's payload to b. Its length has been bounded.
func (s *socket) readPayload(b []byte, h header) ([]byte, error) {
	from := len(b)
	b = slices.Grow(b, int(h.length))[:from+int(h.length)]
	if _, err := io.ReadFull(s.frames, b[from:]); err != nil {
		return nil, err
	}
	unmask(b[from:], h.mask)
	return b, nil
}

// control reads a control frame and does what it asks.
func (s *socket) control(h header) error {
	payload, err := s.readPayload(nil, h)
	if err != nil {
		return err
	}
	switch h.op {
	case opPing:
		return s.send(appendFrame(nil, opPong, payload), s.door.cfg.WriteTimeout)
	case opClose:
		return errGone
	}
	return nil // a pong is a sign of life, which awaitFrame has seen
}

// end closes the socket after err has ended its reading, with the close code that err deserves.
func (s *socket) end(err error) {
	if errors.Is(err, net.ErrClosed) {
		return // by us; whoever did it knows why
	}
	var timeout net.Error
	level, code := zap.DebugLevel, closeGoingAway
	switch {
	case errors.Is(err, errGone):
		code = closeNormal
	case errors.Is(err, errProtocol):
		level, code = zap.InfoLevel, closeProtocol
	case errors.Is(err, errTooBig):
		level, code = zap.InfoLevel, closeTooBig
	case errors.As(err, &timeout) && timeout.Timeout():
		level, code = zap.InfoLevel, closePolicy
	}
	s.door.cfg.Log.Log(level, "browser socket ended", zap.String("remote", s.remote), zap.String("aor", s.aor), zap.Error(err))
	s.sayGoodbye(code)
	if code == closeProtocol || code == closeTooBig {
		s.drain()
	}
	s.abort()
}

// drain reads what the browser is still sending: closing over unread bytes would reset the connection, and the close frame
// that says what was wrong would be lost with it.
func (s *socket) drain() {
	if err := s.conn.SetReadDeadline(time.Now().Add(farewell)); err == nil {
		_, _ = io.CopyN(io.Discard, s.conn, maxPartial)
	}
}
