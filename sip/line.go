package sip

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/cordboard/cordboard/sip/door"
)

// line brings the messages of all browsers to the library, as the datagrams of one socket: what the library would keep for
// each WebSocket, most of it a buffer of 32 KiB, is there once. The door has checked and joined what a browser sends, so
// that a message is whole; the line keeps the order of each browser's messages (W5).
//
//	browsers ─▶ door ─▶ hear ─▶ ReadFrom ─▶ (library) ─▶ filter ─▶ (library: parser) ─▶ arrived
//	browsers ◀─ door ◀─ browser.WriteMsg ◀─ (library)
type line struct {
	in     chan spoken
	closed chan struct{}
	once   sync.Once
	texts  sync.Pool // of *[]byte

	speaking *door.Socket // whose message is being read; owned by the library's goroutine that calls ReadFrom
}

// spoken is one message of a browser.
type spoken struct {
	by   *door.Socket
	text *[]byte // of texts
}

func newLine() *line {
	return &line{in: make(chan spoken), closed: make(chan struct{}), texts: sync.Pool{New: func() any { return new([]byte) }}}
}

// hear is called by the door for each message.
func (l *line) hear(from *door.Socket, message []byte) {
	text := l.texts.Get().(*[]byte)
	*text = append((*text)[:0], message...)
	select {
	case l.in <- spoken{from, text}:
	case <-l.closed:
		l.texts.Put(text)
	}
}

// ReadFrom hands out the next message.
func (l *line) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case s := <-l.in:
		n := copy(b, *s.text)
		l.texts.Put(s.text)
		l.speaking = s.by
		return n, browsers, nil
	case <-l.closed:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo does nothing: what goes to a browser goes by its own socket.
func (l *line) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }

// LocalAddr is no address, so that no request finds the way here.
func (l *line) LocalAddr() net.Addr { return browsers }

// Close ends ReadFrom.
func (l *line) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// SetDeadline does nothing: the deadlines are the door's.
func (l *line) SetDeadline(time.Time) error      { return nil }
func (l *line) SetReadDeadline(time.Time) error  { return nil } //nolint:revive // see SetDeadline
func (l *line) SetWriteDeadline(time.Time) error { return nil } //nolint:revive // see SetDeadline

// browsers stands in the place of an address on the line, until arrived puts the browser's own there.
const browsers = common("browsers:0")

// common is an address that many share.
type common string

func (c common) Network() string { return "ws" }
func (c common) String() string  { return string(c) }

// browser is a door's socket as the library writes to it. The door alone closes it, so references are not counted.
type browser struct {
	*door.Socket
	e *Endpoint
}

// WriteMsg sends a message as one frame. The tap is told first, as by tapped.
func (b browser) WriteMsg(m sip.Message) error {
	if b.e.cfg.Tap != nil {
		b.e.written("ws", b.Remote(), []byte(m.String()))
	}
	return b.Send(func(w io.StringWriter) { m.StringWrite(w) })
}

// Ref says that there is a reference, whatever is added.
func (b browser) Ref(int) int { return 1 }

// TryClose says that a reference is left.
func (b browser) TryClose() (int, error) { return 1, nil }

// Close does nothing.
func (b browser) Close() error { return nil }

// browserCame files a browser where the library looks for the connection of a destination.
func (e *Endpoint) browserCame(s *door.Socket) {
	e.transport.Pool("ws").Add(s.Remote().String(), browser{s, e})
}

// browserLeft ends what waits for a browser that is gone, its transactions at once (W8).
func (e *Endpoint) browserLeft(s *door.Socket) {
	defer e.guard("browser left", nil)
	e.transport.Pool("ws").Delete(s.Remote().String())
	e.transactions.OnConnectionClose(browser{s, e})
	e.flowClosed("ws", s.Remote())
}

// named gives a message that came by the line its browser for a source.
func (l *line) named(m sip.Message) {
	if m.Source() == string(browsers) {
		m.SetTransport("WS")
		m.SetSource(l.speaking.Remote().String())
	}
}

// sourceOf is where a read came from.
func (l *line) sourceOf(from sip.TransportReadProps) (source netip.AddrPort, network string) {
	if from.RemoteAddr == browsers {
		return l.speaking.Remote(), "WS"
	}
	return addrPortOf(from.RemoteAddr), from.Transport
}
