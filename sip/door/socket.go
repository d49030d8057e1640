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

// Socket is one browser that came in. Its methods are safe for concurrent use.
type Socket struct {
	door   *Door
	aor    string
	remote netip.AddrPort // the TCP peer
	client netip.Addr     // who is behind it

	conn    net.Conn       // set by open before anything uses it, but see goAway; guarded by writing until then
	input   input          // owned by listen
	greeted bool           // a message has come; owned by listen
	reading sync.WaitGroup // of listen

	writing sync.Mutex
	broken  error // why nothing can be written any more; guarded by writing

	opened  atomic.Bool // conn is set
	closing sync.Once
	lost    bool // guarded by door.mu
}

// Remote is the TCP peer, unique among open sockets.
func (s *Socket) Remote() netip.AddrPort { return s.remote }

// LocalAddr is ours; it is the same for all browsers (pitfall W6).
func (s *Socket) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// open binds s to its connection, unless the door was closed meanwhile.
func (s *Socket) open(conn net.Conn, buffered *bufio.Reader) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.conn = conn
	s.input.start(conn, buffered, &s.door.buffers)
	s.opened.Store(true)
	return s.broken
}

// listen reads messages until the end.
func (s *Socket) listen() {
	s.door.cfg.Opened(s)
	for {
		err := s.awaitFrame()
		if err == nil {
			err = s.hear()
		}
		if err != nil {
			s.end(err)
			return
		}
	}
}

// hear reads what has begun: a control frame, or a message, however the browser framed it. Pings are answered on the way
// (pitfall W3).
func (s *Socket) hear() error {
	buffer := s.door.buffers.Get().(*[]byte)
	defer s.door.buffers.Put(buffer)
	message, joining := (*buffer)[:0], false
	for {
		h, err := readHeader(&s.input)
		if err != nil {
			return err
		}
		if h.control() {
			if err := s.control(h); err != nil || !joining {
				return err
			}
			continue
		}
		if joining != (h.op == opContinuation) {
			return errProtocol
		}
		if h.length > uint64(s.door.cfg.MaxMessage-len(message)) {
			return errTooBig
		}
		if message, err = s.readPayload(message, h); err != nil {
			return err
		}
		*buffer = message[:cap(message)]
		joining = !h.fin
		if h.fin && len(message) > 0 {
			s.greeted = true
			s.door.cfg.Hear(s, message)
		}
		if h.fin {
			return nil
		}
	}
}

// awaitFrame waits for the first byte of something new as long as a browser may be silent, and then gives what has begun a
// deadline that trickling bytes do not move.
func (s *Socket) awaitFrame() error {
	silence := s.door.cfg.IdleTimeout
	if !s.greeted && s.aor == "" {
		silence = min(silence, s.door.cfg.HandshakeTimeout)
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return err
	}
	if err := s.input.wait(); err != nil {
		return err
	}
	return s.conn.SetReadDeadline(time.Now().Add(s.door.cfg.MessageTimeout))
}

// readPayload appends a frame's payload to b. Its length has been bounded.
func (s *Socket) readPayload(b []byte, h header) ([]byte, error) {
	from := len(b)
	b = slices.Grow(b, int(h.length))[:from+int(h.length)]
	if err := s.input.full(b[from:]); err != nil {
		return nil, err
	}
	unmask(b[from:], h.mask)
	return b, nil
}

// control reads a control frame and does what it asks.
func (s *Socket) control(h header) error {
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
func (s *Socket) end(err error) {
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
	s.door.cfg.Log.Log(level, "browser socket ended", zap.Stringer("remote", s.remote), zap.String("aor", s.aor), zap.Error(err))
	s.sayGoodbye(code)
	if code == closeProtocol || code == closeTooBig {
		s.drain()
	}
	s.abort()
}

// maxDrained is more than a browser has under way when it breaks a rule of ours.
const maxDrained = 256 << 10

// drain reads what the browser is still sending: closing over unread bytes would reset the connection, and the close frame
// that says what was wrong would be lost with it.
func (s *Socket) drain() {
	if err := s.conn.SetReadDeadline(time.Now().Add(farewell)); err == nil {
		_, _ = io.CopyN(io.Discard, s.conn, maxDrained)
	}
}
